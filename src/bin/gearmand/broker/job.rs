//! One job: what it is made of, and what is known of it.
//!
//! Must not: find jobs, or decide what happens to one.

use super::connection::{ByJob, Connection, Waiter};
use super::function::Function;
use super::list::{Links, List, linked};
use super::slab::Id;

/// How urgent a job is; its number is the index of its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Priority {
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

/// The list that a job stands in: its queue, or its worker's running jobs.
pub(crate) struct Place;

/// One job. What makes it large is kept in one allocation, and links are four
/// bytes: a waiting job with a short unique costs about 100 bytes besides its
/// payload, indexes not counted.
pub(crate) struct Job {
    /// The counter in its handle.
    pub(super) number: u32,
    pub(super) function: Id<Function>,
    /// Unique, reducer and payload, one behind the other.
    text: Box<[u8]>,
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
            text: [new.unique, new.reducer, new.payload].concat().into(),
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
        &self.text[..usize::from(self.unique_len)]
    }

    /// The reducer, empty if there is none.
    pub(crate) fn reducer(&self) -> &[u8] {
        &self.text[usize::from(self.unique_len)..][..usize::from(self.reducer_len)]
    }

    /// What the worker is to work on.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.text[usize::from(self.unique_len) + usize::from(self.reducer_len)..]
    }

    /// Whether nobody would learn of its result, nor wants it done anyway.
    pub(crate) fn is_abandoned(&self) -> bool {
        !self.background && self.waiters.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_small() {
        assert!(size_of::<Job>() <= 88, "{}", size_of::<Job>());
    }
}
