//! Deadlines: one enumeration and one queue for everything that is due on the clock
//! that only goes forward, and one queue for delayed jobs, which are due on the
//! calendar.
//!
//! The broker owns both queues since most deadlines are its own; its driver keeps its
//! own deadlines here too ([`DriverTimer`]), so that a job server has one place to ask
//! when it has something to do next.
//!
//! Must not: read a clock.

use std::collections::BTreeSet;

use super::ConnectionKey;
use super::function::Function;
use super::job::Job;
use super::slab::{Id, Key};

/// The time, as the caller sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Milliseconds since some moment; never goes back.
    pub ticks: u64,
    /// Seconds since 1970; goes where the system's clock goes.
    pub unix: u64,
}

/// A deadline of the broker's driver. Each kind stands for one thing: a second deadline
/// of the same kind is a second report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriverTimer {
    /// A held acknowledgement of a session goes out.
    DelayedAck(ConnectionKey),
    /// Accepting goes on after a rest.
    Accept,
    /// A sign of life is due.
    Heartbeat,
    /// The last results of a drained server have had their time.
    DrainDeadline,
    /// Free memory goes back to the system.
    TrimMemory,
}

/// A deadline on the clock that only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// The time limit of a running job has passed.
    JobTimeout(Id<Job>),
    /// More workers of a function may have to be woken.
    WakeMore(Key<Function>),
    /// A held GRAB_JOB of a worker gets its answer.
    HeldGrab(ConnectionKey),
    /// The driver's.
    Driver(DriverTimer),
}

/// What is due, in the order of time, then of `order`.
pub(super) struct TimerQueue<T> {
    due: BTreeSet<(u64, u32, T)>,
}

impl<T> Default for TimerQueue<T> {
    fn default() -> TimerQueue<T> {
        TimerQueue { due: BTreeSet::new() }
    }
}

impl<T: Copy + Ord> TimerQueue<T> {
    /// Sets a timer.
    pub(super) fn set(&mut self, due: u64, order: u32, timer: T) {
        self.due.insert((due, order, timer));
    }

    /// Takes a timer back. Returns whether it was set.
    pub(super) fn cancel(&mut self, due: u64, order: u32, timer: T) -> bool {
        self.due.remove(&(due, order, timer))
    }

    /// When the next timer is due.
    pub(super) fn next(&self) -> Option<u64> {
        self.due.first().map(|&(due, ..)| due)
    }

    /// Takes out a timer that is due by `now`, and when it was.
    pub(super) fn pop(&mut self, now: u64) -> Option<(u64, T)> {
        let &(due, _, timer) = self.due.first()?;
        if due > now {
            return None;
        }
        self.due.pop_first();
        Some((due, timer))
    }

    /// How many are set.
    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = T> {
        self.due.iter().map(|&(.., timer)| timer)
    }
}
