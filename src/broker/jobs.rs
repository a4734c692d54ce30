//! All jobs, found by handle, by (function, unique) and by unique alone.
//!
//! Must not: send packets, or decide what happens to a job.

use std::hash::{BuildHasher, Hash, RandomState};
use std::ops::{Deref, Index as At, IndexMut as AtMut};

use super::function::Function;
use super::index::Index;
use super::job::{Job, NewJob};
use super::numbers::Numbers;
use super::slab::{Id, Slab};
use crate::defects::{Defect, strikes};
use gearman_protocol::limits::JOB_HANDLE_SIZE;

/// A job handle as text, without allocation.
#[derive(Clone, Copy)]
pub struct Handle {
    bytes: [u8; JOB_HANDLE_SIZE],
    len: usize,
}

impl Deref for Handle {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The longest prefix of handles: the counter, a colon and the NUL that a
/// client adds must still fit.
pub const MAX_PREFIX: usize = JOB_HANDLE_SIZE - 1 - 1 - DIGITS;

/// Digits of the largest number.
const DIGITS: usize = 10;

/// All jobs.
pub(crate) struct Jobs {
    slab: Slab<Job>,
    by_number: Numbers,
    /// The newest of each unique that identifies a job.
    by_unique: Index<Job>,
    /// Those that another submission can join and `by_unique` does not hold. Few
    /// uniques are used with several functions: most jobs stand in one index.
    by_function_and_unique: Index<Job>,
    hasher: RandomState,
    prefix: Box<str>,
    last_number: u32,
}

impl Deref for Jobs {
    type Target = Slab<Job>;

    fn deref(&self) -> &Slab<Job> {
        &self.slab
    }
}

impl At<Id<Job>> for Jobs {
    type Output = Job;

    fn index(&self, id: Id<Job>) -> &Job {
        &self.slab[id]
    }
}

impl AtMut<Id<Job>> for Jobs {
    fn index_mut(&mut self, id: Id<Job>) -> &mut Job {
        &mut self.slab[id]
    }
}

/// Whether jobs with this unique can be joined at all, and what they must have
/// in common: "-" stands for the payload.
fn joinable<'a>(unique: &'a [u8], payload: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    match unique {
        b"" => None,
        b"-" if payload.is_empty() => None,
        b"-" => Some((unique, payload)),
        _ => Some((unique, b"")),
    }
}

/// Whether a unique identifies a job when the function is not known.
fn is_name(unique: &[u8]) -> bool {
    !matches!(unique, b"" | b"-")
}

impl Jobs {
    /// A table of no jobs whose handles will start with `prefix`.
    pub(super) fn new(prefix: &str) -> Jobs {
        Jobs {
            slab: Slab::new(),
            by_number: Numbers::new(),
            by_unique: Index::new(),
            by_function_and_unique: Index::new(),
            hasher: RandomState::new(),
            prefix: prefix.into(),
            last_number: 0,
        }
    }

    /// The slab, for lists that run through it.
    pub(super) fn slab_mut(&mut self) -> &mut Slab<Job> {
        &mut self.slab
    }

    fn tag(&self, what: impl Hash) -> u32 {
        self.hasher.hash_one(what) as u32
    }

    /// The handle of a job.
    pub(crate) fn handle(&self, id: Id<Job>) -> Handle {
        let mut digits = [0; DIGITS];
        let (mut first, mut number) = (DIGITS, self.slab[id].number);
        // By hand: it is done twice for each job, and formatting takes its time.
        while number > 0 {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        let mut handle = Handle { bytes: [0; JOB_HANDLE_SIZE], len: 0 };
        for part in [self.prefix.as_bytes(), b":", &digits[first..]] {
            handle.bytes[handle.len..][..part.len()].copy_from_slice(part);
            handle.len += part.len();
        }
        handle
    }

    /// The job with this handle.
    pub(crate) fn find_handle(&self, handle: &[u8]) -> Option<Id<Job>> {
        let digits = handle.strip_prefix(self.prefix.as_bytes())?.strip_prefix(b":")?;
        // Other spellings of a number, such as `+1` or `01`, are not its handle.
        if !matches!(digits, [b'1'..=b'9', ..]) || digits.len() > DIGITS {
            return None;
        }
        let number = digits.iter().try_fold(0_u64, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
        });
        self.by_number.find(u32::try_from(number?).ok()?)
    }

    /// The tag of a job in the index by function and unique, if it can be joined.
    fn joining_tag(&self, id: Id<Job>) -> Option<u32> {
        let job = &self.slab[id];
        let key = joinable(job.unique(), job.payload())?;
        Some(self.tag((job.function.index(), key)))
    }

    /// The job that a submission like this joins.
    pub(super) fn find_joinable(
        &self,
        function: Id<Function>,
        unique: &[u8],
        payload: &[u8],
    ) -> Option<Id<Job>> {
        let key = joinable(unique, payload)?;
        if is_name(unique) {
            let newest = self.find_unique(unique)?;
            if self.slab[newest].function == function {
                return Some(newest);
            }
            // The others, if there are any.
            self.slab[newest].same_unique.1?;
        }
        self.by_function_and_unique.find(self.tag((function.index(), key)), |id| {
            let job = &self.slab[id];
            job.function == function && joinable(job.unique(), job.payload()) == Some(key)
        })
    }

    /// The newest job with this unique, of whatever function.
    pub(crate) fn find_unique(&self, unique: &[u8]) -> Option<Id<Job>> {
        is_name(unique).then(|| self.newest(self.tag(unique), unique)).flatten()
    }

    fn newest(&self, tag: u32, unique: &[u8]) -> Option<Id<Job>> {
        self.by_unique.find(tag, |id| self.slab[id].unique() == unique)
    }

    /// Adds a job, which `find_joinable` did not find.
    pub(super) fn insert(&mut self, new: NewJob<'_>) -> Id<Job> {
        let number = self.next_number();
        let id = self.slab.insert(Job::new(number, new));
        self.by_number.insert(number, id);
        if is_name(new.unique) {
            let tag = self.tag(new.unique);
            match self.newest(tag, new.unique) {
                Some(older) => {
                    self.slab[id].same_unique.1 = Some(older);
                    self.slab[older].same_unique.0 = Some(id);
                    self.by_unique.replace(tag, older, id);
                    self.let_join(older);
                }
                None => self.by_unique.insert(tag, id),
            }
        } else {
            self.let_join(id);
        }
        id
    }

    /// Takes a job into the index by function and unique, if it can be joined.
    fn let_join(&mut self, id: Id<Job>) {
        if let Some(tag) = self.joining_tag(id) {
            self.by_function_and_unique.insert(tag, id);
        }
    }

    fn let_none_join(&mut self, id: Id<Job>) {
        if let Some(tag) = self.joining_tag(id) {
            self.by_function_and_unique.remove(tag, id);
        }
    }

    /// The next number that no living job has.
    fn next_number(&mut self) -> u32 {
        loop {
            self.last_number = self.last_number.checked_add(1).unwrap_or(1);
            if self.by_number.find(self.last_number).is_none() {
                return self.last_number;
            }
        }
    }

    /// Forgets a job that is in no list any more.
    pub(super) fn remove(&mut self, id: Id<Job>) -> Job {
        let job = &self.slab[id];
        let (newer, older) = job.same_unique;
        let tag = is_name(job.unique()).then(|| self.tag(job.unique()));
        match (tag, newer, older) {
            (Some(tag), None, None) => self.by_unique.remove(tag, id),
            (Some(tag), None, Some(older)) => {
                self.by_unique.replace(tag, id, older);
                self.let_none_join(older);
            }
            _ => self.let_none_join(id),
        }
        if let Some(older) = older {
            self.slab[older].same_unique.0 = newer;
        }
        if let Some(newer) = newer {
            self.slab[newer].same_unique.1 = older;
        }
        let job = self.slab.remove(id);
        assert!(job.is_unlinked(), "a job went while it was in a list or waited for");
        self.by_number.remove(job.number);
        if strikes(Defect::HandleReused) {
            self.last_number = job.number.saturating_sub(1);
        }
        job
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::Functions;
    use crate::job::Priority;
    use gearman_test_support::random::Random;

    fn new<'a>(function: Id<Function>, unique: &'a [u8], payload: &'a [u8]) -> NewJob<'a> {
        NewJob {
            function,
            unique,
            reducer: b"",
            payload,
            memory: None,
            priority: Priority::Normal,
            background: true,
            submitted: 0,
        }
    }

    #[test]
    fn a_handle_is_found_in_its_own_spelling_only() {
        let mut functions = Functions::new();
        let mut jobs = Jobs::new("H:host");
        let id = jobs.insert(new(functions.get_or_create(b"f"), b"", b""));
        assert_eq!(*jobs.handle(id), *b"H:host:1");
        assert_eq!(jobs.find_handle(b"H:host:1"), Some(id));
        for wrong in [
            &b"H:host:01"[..],
            b"H:host:+1",
            b"H:host:1x",
            b"H:host:2",
            b"H:host:0",
            b"H:host:4294967297",
            b"H:host:18446744073709551617",
            b"H:host:",
            b"h:host:1",
            b"",
        ] {
            assert_eq!(jobs.find_handle(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_newest_job_answers_to_a_unique_that_several_functions_share() {
        let mut functions = Functions::new();
        let mut jobs = Jobs::new("H");
        let ids: Vec<_> = [b"a", b"b", b"c"]
            .iter()
            .map(|name| jobs.insert(new(functions.get_or_create(*name), b"u", b"")))
            .collect();
        assert_eq!(jobs.find_unique(b"u"), Some(ids[2]));
        jobs.remove(ids[1]);
        assert_eq!(jobs.find_unique(b"u"), Some(ids[2]));
        jobs.remove(ids[2]);
        assert_eq!(jobs.find_unique(b"u"), Some(ids[0]));
        jobs.remove(ids[0]);
        assert_eq!(jobs.find_unique(b"u"), None);
    }

    #[test]
    fn each_function_has_its_own_job_of_a_unique_whatever_comes_and_goes() {
        let mut functions = Functions::new();
        let functions = [b"a", b"b", b"c", b"d"].map(|name| functions.get_or_create(name));
        let mut jobs = Jobs::new("H");
        // The living ones, the oldest first.
        let mut living: Vec<(Id<Function>, Id<Job>)> = Vec::new();
        let mut random = Random(1);
        for step in 0..2000 {
            let function = functions[random.below(functions.len())];
            match living.iter().position(|&(owner, _)| owner == function) {
                None => living.push((function, jobs.insert(new(function, b"u", b"")))),
                Some(place) => {
                    jobs.remove(living.remove(place).1);
                }
            }
            for function in functions {
                let expected = living.iter().find(|&&(owner, _)| owner == function);
                let found = jobs.find_joinable(function, b"u", b"");
                assert_eq!(found, expected.map(|&(_, job)| job), "after step {step}");
            }
            let newest = living.last().map(|&(_, job)| job);
            assert_eq!(jobs.find_unique(b"u"), newest, "after step {step}");
        }
    }

    #[test]
    fn the_longest_prefix_leaves_room_for_any_number_and_a_nul() {
        let mut jobs = Jobs::new(&"h".repeat(MAX_PREFIX));
        jobs.last_number = u32::MAX - 1;
        let id = jobs.insert(new(Functions::new().get_or_create(b"f"), b"", b""));
        assert_eq!(jobs.handle(id).len(), JOB_HANDLE_SIZE - 1);
    }

    #[test]
    fn uniques_have_tags_of_their_own() {
        let jobs = Jobs::new("H");
        let tags: std::collections::HashSet<_> = (0..1000).map(|n| jobs.tag(n)).collect();
        assert!(tags.len() > 990, "{}", tags.len());
    }

    #[test]
    fn a_dash_stands_for_the_payload() {
        let mut functions = Functions::new();
        let f = functions.get_or_create(b"f");
        let mut jobs = Jobs::new("H");
        let id = jobs.insert(new(f, b"-", b"x"));
        assert_eq!(jobs.find_joinable(f, b"-", b"x"), Some(id));
        assert_eq!(jobs.find_joinable(f, b"-", b"y"), None);
        assert_eq!(jobs.find_joinable(f, b"-", b""), None);
        assert_eq!(jobs.find_joinable(f, b"", b"x"), None);
        assert_eq!(jobs.find_unique(b"-"), None);
    }

    #[test]
    fn numbers_start_again_after_the_last_and_skip_living_jobs() {
        let mut functions = Functions::new();
        let f = functions.get_or_create(b"f");
        let mut jobs = Jobs::new("H");
        jobs.insert(new(f, b"", b""));
        jobs.last_number = u32::MAX - 1;
        let numbers = [(); 2].map(|()| {
            let id = jobs.insert(new(f, b"", b""));
            jobs[id].number
        });
        assert_eq!(numbers, [u32::MAX, 2]);
        let last = jobs.find_handle(b"H:4294967295").expect("the last number");
        assert_eq!(*jobs.handle(last), *b"H:4294967295");
    }
}
