//! All jobs, indexed by handle, by (function, unique) and by unique alone.
//!
//! Must not: send packets, or decide what happens to a job.

use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::ops::{Deref, Index as At, IndexMut as AtMut};

use super::function::Function;
use super::handle_index::JobHandleIndex;
use super::index::Index;
use super::job::{Job, NewJob};
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

/// Longest prefix of handles, in bytes. A handle has room for the prefix, a colon, the
/// number and the NUL that clients add.
pub const HANDLE_PREFIX_BYTES_MAX: usize = JOB_HANDLE_SIZE - 1 - 1 - NUMBER_DIGITS_MAX;

/// Digits of the largest job number.
const NUMBER_DIGITS_MAX: usize = 15;

/// Largest job number. A million jobs a second reach it after 31 years.
const NUMBER_MAX: u64 = 10_u64.pow(NUMBER_DIGITS_MAX as u32) - 1;

/// Bytes of memory that a job takes besides its names and payload: its place in the slab, and its
/// entries in the indexes.
pub(super) const JOB_OVERHEAD_BYTES: usize = 130;

/// All jobs.
pub(crate) struct Jobs {
    slab: Slab<Job>,
    by_number: JobHandleIndex,
    /// For each unique that identifies a job, the newest job.
    by_unique: Index<Job>,
    /// The joinable jobs that `by_unique` does not contain. Few uniques are used with
    /// several functions, so most jobs are in only one of the two indexes.
    by_function_and_unique: Index<Job>,
    hasher: RandomState,
    prefix: Box<str>,
    last_number: u64,
    /// Bytes of names and payloads of all jobs.
    data_bytes: usize,
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

/// What two jobs of a function must have in common to be joined; `None` if jobs with this
/// unique cannot be joined. The unique "-" stands for the payload.
fn join_key<'a>(unique: &'a [u8], payload: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    match unique {
        b"" => None,
        b"-" if payload.is_empty() => None,
        b"-" => Some((unique, payload)),
        _ => Some((unique, b"")),
    }
}

/// The hash of what identifies a job among those of its function: its unique id, or the payload that
/// stands for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct IdentityHash(u32);

/// An [`IdentityHash`] that is computed in pieces.
pub(super) struct IdentityHasher(DefaultHasher);

impl IdentityHasher {
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    pub(super) fn finish(&self) -> IdentityHash {
        IdentityHash(self.0.finish() as u32)
    }
}

/// Whether a unique identifies a job without its function.
fn is_identifier(unique: &[u8]) -> bool {
    !matches!(unique, b"" | b"-")
}

impl Jobs {
    /// No jobs; the handles of added jobs start with `prefix`.
    pub(super) fn new(prefix: &str) -> Jobs {
        Jobs {
            slab: Slab::new(),
            by_number: JobHandleIndex::new(),
            by_unique: Index::new(),
            by_function_and_unique: Index::new(),
            hasher: RandomState::new(),
            prefix: prefix.into(),
            last_number: 0,
            data_bytes: 0,
        }
    }

    /// The slab, for the lists that link jobs.
    pub(super) fn slab_mut(&mut self) -> &mut Slab<Job> {
        &mut self.slab
    }

    /// The handle of a job.
    pub(crate) fn handle(&self, id: Id<Job>) -> Handle {
        self.handle_of(self.slab[id].number)
    }

    /// The handle of the job with this number.
    pub(crate) fn handle_of(&self, mut number: u64) -> Handle {
        let mut digits = [0; NUMBER_DIGITS_MAX];
        let mut first = NUMBER_DIGITS_MAX;
        // Not `write!`, which is slower: this runs twice per job.
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
        self.by_number.find(self.parse_handle(handle)?)
    }

    /// The number in a handle, if it is one of this server.
    pub(crate) fn parse_handle(&self, handle: &[u8]) -> Option<u64> {
        let digits = handle.strip_prefix(self.prefix.as_bytes())?.strip_prefix(b":")?;
        // Handles are compared as text: `+1` and `01` are not the handle of job 1.
        if !matches!(digits, [b'1'..=b'9', ..]) || digits.len() > NUMBER_DIGITS_MAX {
            return None;
        }
        digits.iter().try_fold(0_u64, |number, digit| {
            digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
        })
    }

    /// The start of an [`IdentityHash`].
    pub(super) fn identity_hasher(&self) -> IdentityHasher {
        IdentityHasher(self.hasher.build_hasher())
    }

    /// The hash of a job with these values, if it can be joined.
    pub(super) fn identity_hash(&self, unique: &[u8], payload: &[u8]) -> Option<IdentityHash> {
        let (unique, payload) = join_key(unique, payload)?;
        let mut hasher = self.identity_hasher();
        hasher.write(if is_identifier(unique) { unique } else { payload });
        Some(hasher.finish())
    }

    /// The same of an existing job.
    fn identity_of(&self, id: Id<Job>) -> Option<IdentityHash> {
        let job = &self.slab[id];
        job.known_identity().or_else(|| self.identity_hash(job.unique(), job.payload()))
    }

    /// The tag in `by_function_and_unique` of a job that can be joined.
    fn joining_tag(&self, function: Id<Function>, identity: IdentityHash) -> u32 {
        self.hasher.hash_one((function.index(), identity.0)) as u32
    }

    fn joining_tag_of(&self, id: Id<Job>) -> Option<u32> {
        let identity = self.identity_of(id)?;
        Some(self.joining_tag(self.slab[id].function, identity))
    }

    /// A job of a function whose payload stands for its unique id, and has this hash and length.
    pub(super) fn find_alike(
        &self,
        function: Id<Function>,
        identity: IdentityHash,
        length: usize,
    ) -> Option<Id<Job>> {
        let tag = self.joining_tag(function, identity);
        self.by_function_and_unique.find(tag, |id| {
            let job = &self.slab[id];
            job.function == function && job.unique() == b"-" && job.payload().len() == length
        })
    }

    /// The job that a submission with these values joins; `identity` is their [`IdentityHash`], if
    /// that is known.
    pub(super) fn find_joinable(
        &self,
        function: Id<Function>,
        unique: &[u8],
        payload: &[u8],
        identity: Option<IdentityHash>,
    ) -> Option<Id<Job>> {
        let key = join_key(unique, payload)?;
        let identity = identity.or_else(|| self.identity_hash(unique, payload))?;
        if is_identifier(unique) {
            let newest = self.newest(identity, unique)?;
            if self.slab[newest].function == function {
                return Some(newest);
            }
            // Without an older job with this unique, the index need not be searched.
            self.slab[newest].same_unique.1?;
        }
        let tag = self.joining_tag(function, identity);
        self.by_function_and_unique.find(tag, |id| {
            let job = &self.slab[id];
            job.function == function && join_key(job.unique(), job.payload()) == Some(key)
        })
    }

    /// The newest job with this unique, of any function.
    pub(crate) fn find_unique(&self, unique: &[u8]) -> Option<Id<Job>> {
        if !is_identifier(unique) {
            return None;
        }
        self.newest(self.identity_hash(unique, b"")?, unique)
    }

    fn newest(&self, identity: IdentityHash, unique: &[u8]) -> Option<Id<Job>> {
        self.by_unique.find(identity.0, |id| self.slab[id].unique() == unique)
    }

    /// Adds a job that can join no other: `find_joinable` returned `None`.
    pub(super) fn insert(&mut self, new: NewJob<'_>) -> Id<Job> {
        let number = self.next_number();
        self.insert_numbered(number, new)
    }

    /// Adds a job that had this number before.
    pub(super) fn insert_numbered(&mut self, number: u64, new: NewJob<'_>) -> Id<Job> {
        let identity = new.identity.or_else(|| self.identity_hash(new.unique, new.payload));
        let id = self.slab.insert(Job::new(number, NewJob { identity, ..new }));
        self.by_number.insert(number, id);
        self.data_bytes += self.slab[id].data_bytes();
        let Some(identity) = identity else { return id };
        if is_identifier(new.unique) {
            match self.newest(identity, new.unique) {
                Some(older) => {
                    self.slab[id].same_unique.1 = Some(older);
                    self.slab[older].same_unique.0 = Some(id);
                    self.by_unique.replace(identity.0, older, id);
                    self.add_to_join_index(older);
                }
                None => self.by_unique.insert(identity.0, id),
            }
        } else {
            let tag = self.joining_tag(new.function, identity);
            self.by_function_and_unique.insert(tag, id);
        }
        id
    }

    /// Adds a job to `by_function_and_unique`, if it can be joined.
    fn add_to_join_index(&mut self, id: Id<Job>) {
        if let Some(tag) = self.joining_tag_of(id) {
            self.by_function_and_unique.insert(tag, id);
        }
    }

    fn remove_from_join_index(&mut self, id: Id<Job>) {
        if let Some(tag) = self.joining_tag_of(id) {
            self.by_function_and_unique.remove(tag, id);
        }
    }

    /// The job with this number.
    pub(super) fn find_number(&self, number: u64) -> Option<Id<Job>> {
        self.by_number.find(number)
    }

    /// The largest number that a job had.
    pub(super) fn last_number(&self) -> u64 {
        self.last_number
    }

    /// Continues after this number. Called before the first job.
    pub(super) fn set_last_number(&mut self, number: u64) {
        assert!(self.slab.len() == 0, "numbers are set while jobs exist");
        self.last_number = number;
    }

    /// Bytes of memory that all jobs take, about.
    pub(super) fn bytes(&self) -> usize {
        self.data_bytes + self.slab.len() * JOB_OVERHEAD_BYTES
    }

    /// The next number, which no job had before.
    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        assert!(self.last_number <= NUMBER_MAX, "all job numbers are used up");
        self.last_number
    }

    /// Removes a job that is in no list.
    pub(super) fn remove(&mut self, id: Id<Job>) -> Job {
        let job = &self.slab[id];
        let (newer, older) = job.same_unique;
        let identity = is_identifier(job.unique()).then(|| self.identity_of(id)).flatten();
        match (identity, newer, older) {
            (Some(identity), None, None) => self.by_unique.remove(identity.0, id),
            (Some(identity), None, Some(older)) => {
                self.by_unique.replace(identity.0, id, older);
                self.remove_from_join_index(older);
            }
            _ => self.remove_from_join_index(id),
        }
        if let Some(older) = older {
            self.slab[older].same_unique.0 = newer;
        }
        if let Some(newer) = newer {
            self.slab[newer].same_unique.1 = older;
        }
        let job = self.slab.remove(id);
        assert!(job.is_unlinked(), "a removed job is in a list or has waiters");
        self.by_number.remove(job.number);
        let left = self.data_bytes.checked_sub(job.data_bytes());
        self.data_bytes = left.expect("the bytes of a removed job were not counted");
        if strikes(Defect::HandleReused) {
            self.last_number = job.number.saturating_sub(1);
        }
        job
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnixSeconds;
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
            identity: None,
            priority: Priority::Normal,
            background: true,
            due: UnixSeconds(0),
            submitted_seconds: 0,
        }
    }

    #[test]
    fn a_handle_is_found_only_in_its_exact_spelling() {
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
    fn a_unique_shared_by_several_functions_finds_the_newest_job() {
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
    fn each_function_finds_its_own_job_of_a_shared_unique_while_jobs_are_added_and_removed() {
        let mut functions = Functions::new();
        let functions = [b"a", b"b", b"c", b"d"].map(|name| functions.get_or_create(name));
        let mut jobs = Jobs::new("H");
        // The existing jobs, the oldest first.
        let mut existing: Vec<(Id<Function>, Id<Job>)> = Vec::new();
        let mut random = Random(1);
        for step in 0..2000 {
            let function = functions[random.below(functions.len())];
            match existing.iter().position(|&(owner, _)| owner == function) {
                None => existing.push((function, jobs.insert(new(function, b"u", b"")))),
                Some(place) => {
                    jobs.remove(existing.remove(place).1);
                }
            }
            for function in functions {
                let expected = existing.iter().find(|&&(owner, _)| owner == function);
                let found = jobs.find_joinable(function, b"u", b"", None);
                assert_eq!(found, expected.map(|&(_, job)| job), "after step {step}");
            }
            let newest = existing.last().map(|&(_, job)| job);
            assert_eq!(jobs.find_unique(b"u"), newest, "after step {step}");
        }
    }

    #[test]
    fn the_longest_prefix_leaves_room_for_any_number_and_a_nul() {
        let mut jobs = Jobs::new(&"h".repeat(HANDLE_PREFIX_BYTES_MAX));
        jobs.last_number = NUMBER_MAX - 1;
        let id = jobs.insert(new(Functions::new().get_or_create(b"f"), b"", b""));
        assert_eq!(jobs.handle(id).len(), JOB_HANDLE_SIZE - 1);
    }

    #[test]
    fn different_uniques_have_different_tags() {
        let jobs = Jobs::new("H");
        let hash = |n: u32| jobs.identity_hash(&n.to_be_bytes(), b"").map(|IdentityHash(tag)| tag);
        let tags: std::collections::HashSet<_> = (0..1000).map(hash).collect();
        assert!(tags.len() > 990, "{}", tags.len());
    }

    #[test]
    fn jobs_with_the_unique_dash_are_joined_by_payload() {
        let mut functions = Functions::new();
        let f = functions.get_or_create(b"f");
        let mut jobs = Jobs::new("H");
        let id = jobs.insert(new(f, b"-", b"x"));
        assert_eq!(jobs.find_joinable(f, b"-", b"x", None), Some(id));
        assert_eq!(jobs.find_joinable(f, b"-", b"y", None), None);
        assert_eq!(jobs.find_joinable(f, b"-", b"", None), None);
        assert_eq!(jobs.find_joinable(f, b"", b"x", None), None);
        assert_eq!(jobs.find_unique(b"-"), None);
    }
}
