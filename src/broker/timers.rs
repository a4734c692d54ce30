//! When which job is due: a running one on the clock that only goes forward, a
//! delayed one on the calendar's.
//!
//! Must not: read a clock.

use std::collections::BTreeSet;

use super::job::Job;
use super::slab::Id;

/// The time, as the caller sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Milliseconds since some moment; never goes back.
    pub ticks: u64,
    /// Seconds since 1970; goes where the system's clock goes.
    pub unix: u64,
}

/// The timers of one clock. Of jobs that are due at the same time the one with
/// the lower number comes first: it is the one that came first.
#[derive(Default)]
pub(super) struct Timers {
    due: BTreeSet<(u64, u32, Id<Job>)>,
}

impl Timers {
    /// Starts the timer of a job, for the time that it names.
    pub(super) fn start(&mut self, id: Id<Job>, job: &Job) {
        self.due.insert((job.moment, job.number, id));
    }

    /// Stops the timer of a job, if it was started.
    pub(super) fn stop(&mut self, id: Id<Job>, job: &Job) {
        self.due.remove(&(job.moment, job.number, id));
    }

    /// When the next timer fires.
    pub(super) fn next(&self) -> Option<u64> {
        self.due.first().map(|&(due, ..)| due)
    }

    /// Takes out a job whose timer fires by `now`.
    pub(super) fn pop(&mut self, now: u64) -> Option<Id<Job>> {
        let &(due, _, job) = self.due.first()?;
        if due > now {
            return None;
        }
        self.due.pop_first();
        Some(job)
    }

    /// How many have been started.
    pub(super) fn len(&self) -> usize {
        self.due.len()
    }
}
