//! Deliberate defects, in a build of their own: the simulated cluster has to find each.
//!
//! Without the feature `defects`, which no shipped program has, [`strikes`] is a
//! constant `false`, and nothing of a defect is compiled.
//!
//! Must not: be switched on anywhere but in tests.

/// One defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// A woken worker gets no NOOP.
    NoopDropped,
    /// A new job gets the handle of one that has just ended.
    HandleReused,
    /// A held GRAB_JOB is not answered when its time is up.
    HeldGrabForgotten,
    /// A held JOB_CREATED is not sent when its time is up.
    HeldAckForgotten,
    /// The end of a job goes to another connection than the waiting client's.
    ResultMisdirected,
    /// A job whose worker is lost is dropped.
    JobLostWithWorker,
    /// A worker gets the least urgent job.
    PriorityInverted,
    /// The newest job of a queue is handed out first.
    QueueInverted,
    /// A submission that joins a job does not wait for it.
    JoinForgotten,
    /// A delayed job is dropped when its time has come.
    DelayedJobDropped,
    /// A job that was done is queued again.
    DoneJobRequeued,
    /// A worker goes to sleep although a job is there for it.
    SleeperNotTold,
    /// No further worker is woken when the first does not come.
    MoreNotWoken,
    /// The last byte of a packet that came in parts is lost.
    PartialPacketCut,
    /// A session does not go on sending when its stream takes bytes again.
    SendNotResumed,
    /// A byte is sent twice where a stream took only a part.
    ByteSentTwice,
}

#[cfg(feature = "defects")]
mod switch {
    use super::Defect;
    use std::cell::Cell;

    /// What a test of the packages looks for.
    #[used]
    static MARKER: &str = "built with deliberate defects";

    /// How many chances a defect leaves between two strikes.
    const EVERY: u32 = 3;

    thread_local! {
        static ACTIVE: Cell<Option<Defect>> = const { Cell::new(None) };
        static CHANCES: Cell<u32> = const { Cell::new(0) };
    }

    /// Switches a defect on in this thread, and every other off.
    pub fn activate(defect: Option<Defect>) {
        ACTIVE.set(defect);
        CHANCES.set(0);
    }

    /// Whether the defect is on and strikes this time.
    pub fn strikes(defect: Defect) -> bool {
        if ACTIVE.get() != Some(defect) {
            return false;
        }
        CHANCES.set(CHANCES.get() + 1);
        CHANCES.get().is_multiple_of(EVERY)
    }
}

#[cfg(feature = "defects")]
pub use switch::{activate, strikes};

/// Whether the defect is on and strikes this time: never.
#[cfg(not(feature = "defects"))]
#[inline(always)]
pub const fn strikes(_defect: Defect) -> bool {
    false
}
