//! When which job is due: a running one on the clock that only goes forward, a
//! delayed one on the calendar's.
//!
//! Must not: read a clock.

use std::collections::BTreeSet;

use super::job::Job;
use super::slab::Id;

/// The time, as the caller sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Now {
    /// Milliseconds since some moment; never goes back.
    pub(crate) ticks: u64,
    /// Seconds since 1970; goes where the system's clock goes.
    pub(crate) unix: u64,
}

/// The timers of one clock.
#[derive(Default)]
pub(super) struct Timers {
    due: BTreeSet<(u64, Id<Job>)>,
}

impl Timers {
    /// Starts a timer.
    pub(super) fn start(&mut self, due: u64, job: Id<Job>) {
        self.due.insert((due, job));
    }

    /// Stops a timer, if it was started.
    pub(super) fn stop(&mut self, due: u64, job: Id<Job>) {
        self.due.remove(&(due, job));
    }

    /// When the next timer fires.
    pub(super) fn next(&self) -> Option<u64> {
        self.due.first().map(|&(due, _)| due)
    }

    /// Takes out a job whose timer fires by `now`.
    pub(super) fn pop(&mut self, now: u64) -> Option<Id<Job>> {
        let &(due, job) = self.due.first()?;
        if due > now {
            return None;
        }
        self.due.pop_first();
        Some(job)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.due.len()
    }
}
