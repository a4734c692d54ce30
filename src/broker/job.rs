//! One job: what it is made of, and what is known of it.
//!
//! Must not: find jobs, or decide what happens to one.

use bytes::Bytes;

use super::SHARED;
use super::connection::{ByJob, Connection, Waiter};
use super::function::Function;
use super::list::{Links, List, linked};
use super::slab::Id;

/// How urgent a job is; its number is the index of its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Priority {
    /// Before all others.
    High,
    /// The default.
    Normal,
    /// After all others.
    Low,
}

/// How many priorities there are.
pub(crate) const PRIORITIES: usize = 3;

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Known, but not acknowledged yet: no worker can get it.
    Admitted,
    /// Waiting for its time.
    Delayed,
    /// Waiting for a worker.
    Queued,
    /// In the hands of a worker.
    Running(Id<Connection>),
}

impl Stage {
    /// Whether a job of this stage can go on to the next one. It can end in any stage.
    pub(crate) fn may_become(self, next: Stage) -> bool {
        match (self, next) {
            (Stage::Admitted, Stage::Delayed | Stage::Queued)
            | (Stage::Delayed, Stage::Queued)
            | (Stage::Queued, Stage::Running(_))
            | (Stage::Running(_), Stage::Queued) => true,
            (_, Stage::Admitted | Stage::Delayed | Stage::Queued | Stage::Running(_)) => false,
        }
    }
}

/// The list that a job stands in: its queue, or its worker's running jobs.
pub(crate) struct Place;

/// One job. What makes it large is kept in one allocation, and links are four
/// bytes: a waiting job with a short unique costs about 100 bytes besides its
/// payload, indexes not counted.
pub(crate) struct Job {
    /// The counter in its handle.
    pub(super) number: u32,
    pub(super) function: Id<Function>,
    text: Text,
    reducer_len: u16,
    unique_len: u8,
    pub(super) priority: Priority,
    pub(super) stage: Stage,
    /// Whether somebody submitted it without waiting: it then lives on when
    /// those who wait leave.
    pub(super) background: bool,
    /// How often a worker lost it.
    pub(super) retries: u8,
    place: Links<Job>,
    /// The submissions that get its packets.
    pub(super) waiters: List<Waiter, ByJob>,
    pub(super) numerator: u32,
    pub(super) denominator: u32,
    /// The next newer and the next older job of other functions with the same
    /// unique.
    pub(super) same_unique: (Option<Id<Job>>, Option<Id<Job>>),
    /// For a delayed job the second at which its time has come, for a running one
    /// the tick at which its time is up or 0, for a queued one the tick since
    /// which it waits.
    pub(super) moment: u64,
    /// When it was submitted, in seconds of `Now::ticks`.
    pub(super) submitted: u32,
}

linked!(Job, Place, place);

/// What a new job is made of.
#[derive(Clone, Copy)]
pub(super) struct NewJob<'a> {
    pub(super) function: Id<Function>,
    pub(super) unique: &'a [u8],
    pub(super) reducer: &'a [u8],
    pub(super) payload: &'a [u8],
    /// What all of these lie in, if it can be kept.
    pub(super) memory: Option<&'a Bytes>,
    pub(super) priority: Priority,
    pub(super) background: bool,
    /// Seconds of `Now::ticks`.
    pub(super) submitted: u32,
}

impl Job {
    /// A job in no list yet.
    pub(super) fn new(number: u32, new: NewJob<'_>) -> Job {
        Job {
            number,
            function: new.function,
            text: Text::new(new),
            // Both were checked: a unique is at most 64 bytes long, and all
            // arguments of a packet together are at most 8192.
            reducer_len: new.reducer.len() as u16,
            unique_len: new.unique.len() as u8,
            priority: new.priority,
            stage: Stage::Admitted,
            background: new.background,
            retries: 0,
            place: Links::new(),
            waiters: List::new(),
            numerator: 0,
            denominator: 0,
            same_unique: (None, None),
            moment: 0,
            submitted: new.submitted,
        }
    }

    /// The unique id, maybe empty.
    pub(crate) fn unique(&self) -> &[u8] {
        let (bytes, [start, ..]) = self.parts();
        &bytes[start..][..usize::from(self.unique_len)]
    }

    /// The reducer, empty if there is none.
    pub(crate) fn reducer(&self) -> &[u8] {
        let (bytes, [_, start, _]) = self.parts();
        &bytes[start..][..usize::from(self.reducer_len)]
    }

    /// What the worker is to work on.
    pub(crate) fn payload(&self) -> &[u8] {
        let (bytes, [.., start]) = self.parts();
        &bytes[start..]
    }

    /// A large payload, to be kept for as long as it takes to send it.
    pub(crate) fn shared_payload(&self) -> Option<Bytes> {
        match &self.text {
            Text::Small(_) => None,
            Text::Large(large) => Some(large.memory.slice(large.starts[2]..)),
        }
    }

    /// All bytes, and where unique, reducer and payload begin in them.
    fn parts(&self) -> (&[u8], [usize; 3]) {
        match &self.text {
            Text::Small(bytes) => {
                let reducer = usize::from(self.unique_len);
                (bytes, [0, reducer, reducer + usize::from(self.reducer_len)])
            }
            Text::Large(large) => (&large.memory, large.starts),
        }
    }

    /// Whether it is in no list, and no submission waits for it.
    pub(super) fn is_unlinked(&self) -> bool {
        self.place.is_new() && self.waiters.is_empty()
    }

    /// Whether nobody would learn of its result, nor wants it done anyway.
    pub(crate) fn is_abandoned(&self) -> bool {
        !self.background && self.waiters.is_empty()
    }
}

/// The bytes of a job, in no more room than a pointer and a length.
enum Text {
    /// Unique, reducer and payload, one behind the other.
    Small(Box<[u8]>),
    /// With a payload that is passed on by reference.
    Large(Box<Large>),
}

struct Large {
    /// As the small ones; or the packet that the job came in, as it came. The
    /// payload is its end.
    memory: Bytes,
    starts: [usize; 3],
}

impl Text {
    fn new(new: NewJob<'_>) -> Text {
        let parts = [new.unique, new.reducer, new.payload];
        if new.payload.len() < SHARED {
            return Text::Small(parts.concat().into());
        }
        let (memory, starts) = match new.memory {
            Some(memory) => {
                let starts = parts.map(|part| place(memory, part));
                // Behind the packet there may be what came after it.
                (memory.slice(..starts[2] + new.payload.len()), starts)
            }
            None => {
                let reducer = new.unique.len();
                (parts.concat().into(), [0, reducer, reducer + new.reducer.len()])
            }
        };
        Text::Large(Box::new(Large { memory, starts }))
    }
}

/// Where a part of some memory begins in it; an empty one may lie anywhere.
fn place(memory: &[u8], part: &[u8]) -> usize {
    if part.is_empty() { 0 } else { part.as_ptr() as usize - memory.as_ptr() as usize }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    /// A job in a slab.
    fn inserted(slab: &mut Slab<Job>) -> Id<Job> {
        slab.insert(Job::new(
            1,
            NewJob {
                function: Id::first(1)[0],
                unique: b"",
                reducer: b"",
                payload: b"",
                memory: None,
                priority: Priority::Normal,
                background: true,
                submitted: 0,
            },
        ))
    }

    #[test]
    fn a_job_goes_from_its_submission_to_a_queue_and_between_queue_and_worker() {
        let running = Stage::Running(Id::first(1)[0]);
        let stages = [Stage::Admitted, Stage::Delayed, Stage::Queued, running];
        let nexts = stages.map(|stage| stages.map(|next| u8::from(stage.may_become(next))));
        assert_eq!(nexts, [[0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 0]]);
    }

    #[test]
    fn a_job_is_linked_while_it_is_in_a_list_with_others() {
        let mut slab = Slab::new();
        let jobs = [inserted(&mut slab), inserted(&mut slab)];
        let mut list = List::<Job, Place>::new();
        jobs.iter().for_each(|&job| list.push_back(&mut slab, job));
        assert!(jobs.iter().all(|&job| !slab[job].is_unlinked()));
        jobs.iter().for_each(|&job| list.remove(&mut slab, job));
        assert!(jobs.iter().all(|&job| slab[job].is_unlinked()));
    }

    #[test]
    fn a_job_is_linked_while_a_submission_waits_for_it() {
        let (mut slab, mut waiters) = (Slab::new(), Slab::new());
        let job = inserted(&mut slab);
        let waiter = waiters.insert(Waiter::new(Id::first(1)[0], job));
        slab[job].waiters.push_back(&mut waiters, waiter);
        assert!(!slab[job].is_unlinked());
    }

    #[test]
    fn a_job_is_small() {
        assert!(size_of::<Job>() <= 88, "{}", size_of::<Job>());
    }
}
