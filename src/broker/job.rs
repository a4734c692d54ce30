//! One job: its data, stage, progress and waiters.
//!
//! Must not: find jobs, or decide what happens to one.

use bytes::Bytes;

use super::connection::{ByJob, Connection, Waiter};
use super::durable::Durability;
use super::function::Function;
use super::jobs::IdentityHash;
use super::list::{Links, List, linked};
use super::slab::Id;
use super::{Millis, SHARED_BODY_BYTES_MIN, UnixSeconds};

/// Priority of a job; its number is the index of the queue.
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

impl Priority {
    /// The priority with this number; the lowest for a number that is too large.
    pub(crate) fn of_number(number: u8) -> Priority {
        match number {
            0 => Priority::High,
            1 => Priority::Normal,
            _ => Priority::Low,
        }
    }
}

/// Number of priorities.
pub(crate) const PRIORITIES: usize = 3;

/// Stage of a job between its submission and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not acknowledged: no worker can get it. Then it is queued, at `due` if that is later.
    Admitted { due: UnixSeconds },
    /// It is queued at `due`.
    Delayed { due: UnixSeconds },
    /// It waits for a worker since `since`.
    Queued { since: Millis },
    /// `worker` runs it, and loses it at `deadline`.
    Running { worker: Id<Connection>, deadline: Millis },
}

impl Stage {
    /// Whether a job can change from this stage to `next`. It can end in any stage.
    pub(crate) fn may_become(self, next: Stage) -> bool {
        match (self, next) {
            (Stage::Admitted { .. }, Stage::Delayed { .. } | Stage::Queued { .. })
            | (Stage::Delayed { .. }, Stage::Queued { .. })
            | (Stage::Queued { .. }, Stage::Running { .. })
            | (Stage::Running { .. }, Stage::Queued { .. }) => true,
            (
                _,
                Stage::Admitted { .. }
                | Stage::Delayed { .. }
                | Stage::Queued { .. }
                | Stage::Running { .. },
            ) => false,
        }
    }

    /// Whether a worker has the job.
    pub(crate) fn is_running(self) -> bool {
        matches!(self, Stage::Running { .. })
    }

    /// Whether this worker has the job.
    pub(crate) fn is_running_at(self, connection: Id<Connection>) -> bool {
        matches!(self, Stage::Running { worker, .. } if worker == connection)
    }

    /// The time since which the job waits for a worker, if it does.
    pub(crate) fn queued_since(self) -> Option<Millis> {
        match self {
            Stage::Queued { since } => Some(since),
            Stage::Admitted { .. } | Stage::Delayed { .. } | Stage::Running { .. } => None,
        }
    }
}

/// Marks the links of the list that a job's stage puts it in: a queue of its function, or
/// the running jobs of its worker.
pub(crate) struct StageList;

/// One job. Its bytes are in one allocation, and a link is four bytes: a queued job with a
/// short unique takes about 100 bytes besides its payload, without the indexes.
pub(crate) struct Job {
    /// The number in its handle.
    pub(super) number: u64,
    pub(super) function: Id<Function>,
    bytes: JobBytes,
    reducer_len: u16,
    unique_len: u8,
    pub(super) priority: Priority,
    pub(super) stage: Stage,
    /// Whether any of its submissions was a background one: the job is then done even if
    /// no client waits for it.
    pub(super) background: bool,
    /// How often a worker lost it.
    pub(super) retries: u8,
    /// What the store has of it.
    pub(super) durability: Durability,
    by_stage: Links<Job>,
    /// The submissions that get its packets.
    pub(super) waiters: List<Waiter, ByJob>,
    pub(super) numerator: u32,
    pub(super) denominator: u32,
    /// The next newer and the next older job with the same unique, of other functions.
    pub(super) same_unique: (Option<Id<Job>>, Option<Id<Job>>),
    /// When it was submitted, in seconds of the monotonic clock.
    pub(super) submitted_seconds: u32,
    /// When its worker got it, in seconds of the monotonic clock; without meaning unless it runs.
    pub(super) started_seconds: u32,
}

linked!(Job, StageList, by_stage);

/// The data of a new job.
#[derive(Clone, Copy)]
pub(super) struct NewJob<'a> {
    pub(super) function: Id<Function>,
    pub(super) unique: &'a [u8],
    pub(super) reducer: &'a [u8],
    pub(super) payload: &'a [u8],
    /// The memory that contains unique, reducer and payload, if it can be kept.
    pub(super) memory: Option<&'a Bytes>,
    /// The hash of its identity, if that is known.
    pub(super) identity: Option<IdentityHash>,
    pub(super) priority: Priority,
    pub(super) background: bool,
    /// Time before which it is not queued; 0 for none.
    pub(super) due: UnixSeconds,
    /// Seconds of the monotonic clock.
    pub(super) submitted_seconds: u32,
}

impl Job {
    /// A job in no list yet.
    pub(super) fn new(number: u64, new: NewJob<'_>) -> Job {
        Job {
            number,
            function: new.function,
            bytes: JobBytes::new(new),
            // Both fit: a unique has at most 64 bytes, and all arguments of a packet
            // together have at most 8192.
            reducer_len: new.reducer.len() as u16,
            unique_len: new.unique.len() as u8,
            priority: new.priority,
            stage: Stage::Admitted { due: new.due },
            background: new.background,
            retries: 0,
            durability: Durability::Volatile,
            by_stage: Links::new(),
            waiters: List::new(),
            numerator: 0,
            denominator: 0,
            same_unique: (None, None),
            submitted_seconds: new.submitted_seconds,
            started_seconds: 0,
        }
    }

    /// The unique id; may be empty.
    pub(crate) fn unique(&self) -> &[u8] {
        let (bytes, [start, ..]) = self.parts();
        &bytes[start..][..usize::from(self.unique_len)]
    }

    /// The reducer; empty without one.
    pub(crate) fn reducer(&self) -> &[u8] {
        let (bytes, [_, start, _]) = self.parts();
        &bytes[start..][..usize::from(self.reducer_len)]
    }

    /// The payload.
    pub(crate) fn payload(&self) -> &[u8] {
        let (bytes, [.., start]) = self.parts();
        &bytes[start..]
    }

    /// The payload by reference, if it is large.
    pub(crate) fn shared_payload(&self) -> Option<Bytes> {
        match &self.bytes {
            JobBytes::Small(_) => None,
            JobBytes::Large(large) => Some(large.memory.slice(large.starts[2]..)),
        }
    }

    /// The hash of its identity, if it is known: that of a large payload takes long.
    pub(super) fn known_identity(&self) -> Option<IdentityHash> {
        match &self.bytes {
            JobBytes::Small(_) => None,
            JobBytes::Large(large) => large.identity,
        }
    }

    /// All bytes, and the offsets of unique, reducer and payload.
    fn parts(&self) -> (&[u8], [usize; 3]) {
        match &self.bytes {
            JobBytes::Small(bytes) => {
                let reducer = usize::from(self.unique_len);
                (bytes, [0, reducer, reducer + usize::from(self.reducer_len)])
            }
            JobBytes::Large(large) => (&large.memory, large.starts),
        }
    }

    /// Bytes of names and payload.
    pub(super) fn data_bytes(&self) -> usize {
        match &self.bytes {
            JobBytes::Small(bytes) => bytes.len(),
            JobBytes::Large(large) => large.memory.len(),
        }
    }

    /// Whether it is in no list, and no submission waits for it.
    pub(super) fn is_unlinked(&self) -> bool {
        self.by_stage.is_new() && self.waiters.is_empty()
    }

    /// Whether it is a foreground job that no client waits for.
    pub(crate) fn is_abandoned(&self) -> bool {
        !self.background && self.waiters.is_empty()
    }
}

/// The bytes of a job. The enum takes no more room than a pointer and a length.
enum JobBytes {
    /// Unique, reducer and payload, concatenated.
    Small(Box<[u8]>),
    /// Bytes with a large payload, which is sent by reference.
    Large(Box<LargeJobBytes>),
}

struct LargeJobBytes {
    /// Unique, reducer and payload, concatenated, or the whole packet of the submission.
    /// The payload is at the end.
    memory: Bytes,
    /// Offsets of unique, reducer and payload.
    starts: [usize; 3],
    /// The hash of the job's identity.
    identity: Option<IdentityHash>,
}

impl JobBytes {
    fn new(new: NewJob<'_>) -> JobBytes {
        let parts = [new.unique, new.reducer, new.payload];
        if new.payload.len() < SHARED_BODY_BYTES_MIN {
            return JobBytes::Small(parts.concat().into());
        }
        let (memory, starts) = match new.memory {
            Some(memory) => {
                let starts = parts.map(|part| offset(memory, part));
                // The memory may contain the next packet too.
                (memory.slice(..starts[2] + new.payload.len()), starts)
            }
            None => {
                let reducer = new.unique.len();
                (parts.concat().into(), [0, reducer, reducer + new.reducer.len()])
            }
        };
        JobBytes::Large(Box::new(LargeJobBytes { memory, starts, identity: new.identity }))
    }
}

/// The offset of a part of `memory`; 0 for an empty part, which may point anywhere.
fn offset(memory: &[u8], part: &[u8]) -> usize {
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
                identity: None,
                priority: Priority::Normal,
                background: true,
                due: UnixSeconds(0),
                submitted_seconds: 0,
            },
        ))
    }

    #[test]
    fn a_job_is_queued_after_its_submission_and_changes_between_queued_and_running() {
        let delayed = Stage::Delayed { due: UnixSeconds(1) };
        let queued = Stage::Queued { since: Millis(1) };
        let running = Stage::Running { worker: Id::first(1)[0], deadline: Millis::NEVER };
        let stages = [Stage::Admitted { due: UnixSeconds(0) }, delayed, queued, running];
        let nexts = stages.map(|stage| stages.map(|next| u8::from(stage.may_become(next))));
        assert_eq!(nexts, [[0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 0]]);
    }

    #[test]
    fn a_job_is_linked_while_it_is_in_a_list_with_another_job() {
        let mut slab = Slab::new();
        let jobs = [inserted(&mut slab), inserted(&mut slab)];
        let mut list = List::<Job, StageList>::new();
        jobs.iter().for_each(|&job| list.push_back(&mut slab, job));
        assert!(jobs.iter().all(|&job| !slab[job].is_unlinked()));
        jobs.iter().for_each(|&job| list.remove(&mut slab, job));
        assert!(jobs.iter().all(|&job| slab[job].is_unlinked()));
    }

    #[test]
    fn a_job_is_linked_while_a_submission_waits_for_it() {
        let (mut slab, mut waiters) = (Slab::new(), Slab::new());
        let job = inserted(&mut slab);
        let waiter = waiters.insert(Waiter::new(Id::first(1)[0], job, 0));
        slab[job].waiters.push_back(&mut waiters, waiter);
        assert!(!slab[job].is_unlinked());
    }

    #[test]
    fn a_job_takes_at_most_96_bytes() {
        assert!(size_of::<Job>() <= 96, "{}", size_of::<Job>());
    }
}
