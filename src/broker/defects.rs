//! Deliberate defects, compiled only with the feature `defects`. A test checks that the
//! simulated cluster finds each of them.
//!
//! Without the feature, which no shipped program has, [`strikes`] is a constant `false`,
//! and no code of a defect is compiled.
//!
//! Must not: be active outside of tests.

/// A deliberate defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// A woken worker gets no NOOP.
    NoopDropped,
    /// A new job gets the handle of a job that has just ended.
    HandleReused,
    /// A held GRAB_JOB is not answered when its hold ends.
    HeldGrabForgotten,
    /// A held JOB_CREATED is not sent when its hold ends.
    HeldAckForgotten,
    /// A WORK_COMPLETE goes to another connection than the waiting client's.
    ResultMisdirected,
    /// A job whose worker is lost is dropped.
    JobLostWithWorker,
    /// A worker gets a job of the lowest priority.
    PriorityInverted,
    /// The newest job of a queue is handed out first.
    QueueInverted,
    /// A submission that joins a job does not wait for it.
    JoinForgotten,
    /// A delayed job is dropped when it is due.
    DelayedJobDropped,
    /// A completed job is queued again.
    DoneJobRequeued,
    /// PRE_SLEEP is not answered with NOOP although a job is queued.
    SleeperNotTold,
    /// No further worker is woken when the first one sends no grab.
    MoreNotWoken,
    /// A byte is lost from a packet that is received in parts.
    PartialPacketCut,
    /// A session does not resume sending when its stream is writable again.
    SendNotResumed,
    /// A byte is sent twice after a partial write.
    ByteSentTwice,
    /// JOB_CREATED for a durable job is sent before the job is stored.
    AcknowledgedBeforeCommit,
    /// New rules do not take a function from its worker.
    RefusedFunctionKept,
    /// New rules do not give a worker a function that was refused.
    FunctionNotRegained,
    /// A report on a job that runs is accepted from any peer.
    ForeignReportAccepted,
    /// What a session leaves unread is not counted for the limit of all.
    UnreadLimitIgnored,
    /// A session handles more in a turn than its share.
    ShareExceeded,
}

#[cfg(feature = "defects")]
mod switch {
    use super::Defect;
    use std::cell::Cell;

    /// Text that a test of the packages searches for, to reject a build with defects.
    #[used]
    static DEFECTS_MARKER: &str = "built with deliberate defects";

    /// The active defect strikes at every third opportunity.
    const STRIKE_INTERVAL: u32 = 3;

    thread_local! {
        static ACTIVE_DEFECT: Cell<Option<Defect>> = Cell::new(chosen());
        static OPPORTUNITIES: Cell<u32> = const { Cell::new(0) };
    }

    /// The defect of a whole process, such as a `gearmand` that a test starts.
    fn chosen() -> Option<Defect> {
        let name = std::env::var("GEARMAND_DEFECT").ok()?;
        let defect = Defect::AcknowledgedBeforeCommit;
        (name == format!("{defect:?}")).then_some(defect)
    }

    /// Activates a defect in this thread, and deactivates every other.
    pub fn activate(defect: Option<Defect>) {
        ACTIVE_DEFECT.set(defect);
        OPPORTUNITIES.set(0);
    }

    /// Whether the defect is active and strikes at this opportunity.
    pub fn strikes(defect: Defect) -> bool {
        if ACTIVE_DEFECT.get() != Some(defect) {
            return false;
        }
        OPPORTUNITIES.set(OPPORTUNITIES.get() + 1);
        OPPORTUNITIES.get().is_multiple_of(STRIKE_INTERVAL)
    }
}

#[cfg(feature = "defects")]
pub use switch::{activate, strikes};

/// Always false: this build has no defects.
#[cfg(not(feature = "defects"))]
#[inline(always)]
pub const fn strikes(_defect: Defect) -> bool {
    false
}
