//! Delayed replies: NO_JOB and JOB_CREATED can be held until the packet that usually
//! follows them, so that one send, and one wake-up of the peer, serve for two packets.
//!
//! Both are predicted from the peer's recent behaviour ([`Predictor`]). Both have a limit
//! that the operator sets ([`DelayedReplies`]); 0 switches either off.
//!
//! # Long poll: a held GRAB_JOB
//!
//! When a worker has done a job and no other is queued, it gets NO_JOB, sends PRE_SLEEP,
//! gets NOOP and sends another grab: two round trips before its next job. A long poll
//! saves both: the worker's grab is held, and answered with the next job.
//!
//! * A grab is held for at most `grab_hold_ms`; then it is answered with NO_JOB.
//! * A grab is held only if each of the worker's last [`HITS_BEFORE_PREDICTION`]
//!   empty grabs was a hit: PRE_SLEEP was the worker's next packet, so no other server
//!   had a job for it, and a job followed less than `grab_hold_ms` after NO_JOB.
//! * Any other packet of the worker ends the long poll: NO_JOB is sent first, then
//!   the reply to that packet.
//! * A long poll that ends without a job is a miss. So is an empty grab that is followed
//!   by another packet than PRE_SLEEP.
//! * A long poll delays no other worker: a job goes to a held grab before it wakes a
//!   sleeping worker, and a worker in a long poll does not count as awake.
//!
//! The broker cannot know whether another server has a job for the worker. So a
//! prediction is valid for [`PREDICTION_LIFETIME`], and the first grab after that is
//! answered at once: a job at another server waits for its worker at most that time and
//! one hold.
//!
//! # Delayed acknowledgement: JOB_CREATED
//!
//! JOB_CREATED for a foreground job is followed by the job's result, soon if the job is
//! short. Most clients do nothing in between.
//!
//! * JOB_CREATED is held for at most `ack_delay_ms`.
//! * It is held only if the client's last [`HITS_BEFORE_PREDICTION`] acknowledgements
//!   were hits: the next packet to the client was a job's result or progress, less than
//!   `ack_delay_ms` later, and the client did not react to the acknowledgement.
//! * It is never held if another packet is sent to the client in the same turn. Any
//!   other packet to the client is sent after it, in the same send: order is kept.
//!
//! A client that keeps a constant number of jobs in flight submits one for each result,
//! not in reaction to an acknowledgement. A client that submits a batch of jobs, one after
//! each acknowledgement, and then waits for all of them does react: its number of jobs in
//! flight rises with each acknowledgement.
//!
//! Must not: touch the broker's lists, send, or read a clock.

mod ack;
mod empty_grab;
mod predictor;

pub use ack::{AckDelays, AckFate, DelayedAck};
pub(crate) use empty_grab::EmptyGrabs;
pub use predictor::Predictor;

use crate::Millis;

/// Default limit of a long poll, in milliseconds.
pub const GRAB_HOLD_MS_DEFAULT: u64 = 4;
/// Default limit of a delayed acknowledgement, in milliseconds.
pub const ACK_DELAY_MS_DEFAULT: u64 = 10;
/// Highest configurable limit of either, in milliseconds; far below the timeouts of peers.
pub const DELAY_MS_MAX: u64 = 1000;
/// Consecutive hits before a reply is held.
pub const HITS_BEFORE_PREDICTION: u8 = 4;
/// Consecutive held replies before one is sent at once, to check the prediction.
pub const PREDICTIONS_BEFORE_CHECK: u8 = 64;
/// Time after which a reply is sent at once, to check the prediction: while a peer's
/// replies are held, its behaviour cannot be observed.
pub const PREDICTION_LIFETIME: Millis = Millis(10);

/// The limits of both delayed replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayedReplies {
    /// Milliseconds that an empty GRAB_JOB may be held; 0 switches long polls off.
    pub grab_hold_ms: u64,
    /// Milliseconds that JOB_CREATED may be held; 0 switches the delay off.
    pub ack_delay_ms: u64,
}

impl DelayedReplies {
    /// `grab_hold_ms` as a duration.
    pub(crate) fn grab_hold(self) -> Millis {
        Millis(self.grab_hold_ms)
    }
}

impl Default for DelayedReplies {
    fn default() -> DelayedReplies {
        DelayedReplies { grab_hold_ms: GRAB_HOLD_MS_DEFAULT, ack_delay_ms: ACK_DELAY_MS_DEFAULT }
    }
}

/// Held replies of one kind, counted by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldReplies {
    /// All replies that were held, including those that are held now.
    pub held: u64,
    /// Replies whose prediction was right: the grab got a job, or the acknowledgement was
    /// sent with a worker's report.
    pub served: u64,
    /// Replies that were sent because their hold ended.
    pub expired: u64,
    /// Replies that were sent or dropped early: because of another packet of the worker,
    /// another packet to the client, or the end of the connection or the server.
    pub interrupted: u64,
}

impl HeldReplies {
    /// Number of replies that are held now.
    pub fn pending(&self) -> u64 {
        let ended = self.served + self.expired + self.interrupted;
        self.held.checked_sub(ended).expect("more held replies ended than were held")
    }
}

/// Delayed replies since the server started, counted by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DelayedReplyCounts {
    /// Empty GRAB_JOBs.
    pub grab: HeldReplies,
    /// JOB_CREATEDs.
    pub ack: HeldReplies,
}
