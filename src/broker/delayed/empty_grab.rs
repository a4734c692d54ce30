//! [`EmptyGrabs`]: which empty GRAB_JOB of a worker is held.
//!
//! Must not: hold it; that is `long_poll`.

use super::Predictor;

/// What followed a worker's last empty grab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum EmptyGrab {
    /// A job, or another packet of the worker than PRE_SLEEP.
    #[default]
    None,
    /// Nothing since it was answered, at this time.
    Answered(u64),
    /// PRE_SLEEP; it was answered at this time.
    Slept(u64),
}

/// A worker's empty grabs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EmptyGrabs {
    last: EmptyGrab,
    /// Whether a job comes less than the hold after an empty grab.
    next_job: Predictor,
}

impl EmptyGrabs {
    /// The worker's grab found no job. Returns until when it is held; `None` is that
    /// NO_JOB goes out at once.
    pub(crate) fn grab(&mut self, now: u64, hold_ms: u64) -> Option<u64> {
        if self.next_job.predicts(now) {
            return Some(now + hold_ms);
        }
        self.last = EmptyGrab::Answered(now);
        None
    }

    /// The worker gets a job.
    pub(crate) fn job(&mut self, now: u64, hold_ms: u64) {
        if let EmptyGrab::Slept(answered) = std::mem::take(&mut self.last) {
            match now < answered + hold_ms {
                true => self.next_job.hit(now),
                false => self.next_job.miss(),
            }
        }
    }

    /// The worker sends PRE_SLEEP.
    pub(crate) fn pre_sleep(&mut self) {
        if let EmptyGrab::Answered(answered) = self.last {
            self.last = EmptyGrab::Slept(answered);
        }
    }

    /// The worker sends something else than PRE_SLEEP.
    pub(crate) fn other_packet(&mut self) {
        if matches!(self.last, EmptyGrab::Answered(_)) {
            self.last = EmptyGrab::None;
        }
    }

    /// The held grab gets NO_JOB.
    pub(crate) fn ended_without_job(&mut self) {
        self.next_job.miss();
    }
}
