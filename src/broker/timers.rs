//! Deadlines: one enumeration and one queue for everything that is due on the monotonic
//! clock, and one queue for delayed jobs, which are due on the calendar.
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

/// A deadline of the broker's driver. A second deadline of the same kind is reported
/// separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriverTimer {
    /// The held JOB_CREATED of a session must be sent.
    DelayedAck(ConnectionKey),
    /// The driver accepts connections again after a pause.
    Accept,
    /// The next watchdog notification to systemd is due.
    Heartbeat,
    /// Lines that were left out of the log may be reported.
    LeftOutLines,
    /// The next report of a drain to systemd is due.
    DrainReport,
    /// Deadline for sending the last results of a drained server.
    DrainDeadline,
    /// Free memory is returned to the system.
    TrimMemory,
    /// A session may have waited long enough for the store.
    StoreWait,
    /// Jobs that could not be read are requested again.
    FetchRetry,
    /// A TLS hand-shake may have taken too long.
    Handshake,
    /// The driver looks whether its certificate expires soon.
    CertificateExpiry,
    /// The driver requests the next part of the survey again, which could not be read.
    SurveyRetry,
}

/// A deadline on the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A running job has reached its time limit.
    JobTimeout(Id<Job>),
    /// More workers of a function may have to be woken.
    WakeMore(Key<Function>),
    /// The hold of a worker's GRAB_JOB ends.
    HeldGrab(ConnectionKey),
    /// A deadline of the driver.
    Driver(DriverTimer),
}

/// Timers on one clock, whose times are of type `C`; sorted by time, then by `order`.
pub(super) struct TimerQueue<C, T> {
    due: BTreeSet<(C, u64, T)>,
}

impl<C, T> Default for TimerQueue<C, T> {
    fn default() -> TimerQueue<C, T> {
        TimerQueue { due: BTreeSet::new() }
    }
}

impl<C: Copy + Ord, T: Copy + Ord> TimerQueue<C, T> {
    /// Sets a timer.
    pub(super) fn set(&mut self, due: C, order: u64, timer: T) {
        self.due.insert((due, order, timer));
    }

    /// Cancels a timer. Returns whether it was set.
    pub(super) fn cancel(&mut self, due: C, order: u64, timer: T) -> bool {
        self.due.remove(&(due, order, timer))
    }

    /// When the next timer is due.
    pub(super) fn next(&self) -> Option<C> {
        self.due.first().map(|&(due, ..)| due)
    }

    /// Removes the first timer that is due by `now`, and returns it with its time.
    pub(super) fn pop(&mut self, now: C) -> Option<(C, T)> {
        let &(due, _, timer) = self.due.first()?;
        if due > now {
            return None;
        }
        self.due.pop_first();
        Some((due, timer))
    }

    /// The number of timers that are set.
    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    /// All timers that are set.
    pub(super) fn iter(&self) -> impl Iterator<Item = T> {
        self.due.iter().map(|&(.., timer)| timer)
    }
}
