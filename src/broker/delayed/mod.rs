//! Delayed replies: NO_JOB and JOB_CREATED may wait for the packet that usually
//! follows them, so that one send and one wake-up of the peer do for two.
//!
//! Both rules guess from what a peer did before ([`Predictor`]), both have a limit
//! that the operator sets ([`DelayedReplies`]), and 0 switches either off.
//!
//! # Long poll: a held GRAB_JOB
//!
//! Where jobs follow each other closely, a worker that has done one is told NO_JOB,
//! sends PRE_SLEEP, gets NOOP and asks again: two round trips before its next job.
//! A long poll saves both. The worker's grab is held, and its reply is the next job.
//!
//! * A grab is held for at most `grab_hold_ms`; then the reply is NO_JOB.
//! * A grab is held only if each of the worker's last [`HITS_BEFORE_PREDICTION`]
//!   empty grabs was a hit: PRE_SLEEP was the worker's next packet, so no other server
//!   had a job for it, and a job came less than `grab_hold_ms` after NO_JOB.
//! * Any other packet of the worker ends the long poll: NO_JOB goes out first, then
//!   the reply to that packet.
//! * A long poll that ends without a job is a miss; so is an empty grab with another
//!   packet behind it than PRE_SLEEP.
//! * Nobody else waits because of a long poll: a job goes to a held grab before it
//!   wakes a sleeping worker, and the worker does not count as one that will ask.
//!
//! The broker cannot know whether another server has a job for the worker. So a
//! prediction lasts [`PREDICTION_LIFETIME_MS`], and the first grab after that is
//! answered at once: a job at another server waits for its worker no longer than
//! that and one hold.
//!
//! # Delayed acknowledgement: JOB_CREATED
//!
//! JOB_CREATED for a foreground job is followed by the job's result, and where jobs
//! are short that is soon. Most clients do nothing in between.
//!
//! * JOB_CREATED is held for at most `ack_delay_ms`.
//! * It is held only if the client's last [`HITS_BEFORE_PREDICTION`] acknowledgements
//!   were hits: the next packet to the client was a job's result or progress, less than
//!   `ack_delay_ms` later, and the client sent nothing because of the acknowledgement.
//! * It is never held when something else goes out to the client in the same turn,
//!   and any other packet to the client takes it along, behind it: order stays.
//!
//! A client that keeps a number of jobs in flight submits one for each result, not
//! because of an acknowledgement. A client that submits jobs one by one and then waits
//! for all of them does: there the number in flight rises with each acknowledgement.
//!
//! Must not: touch the broker's lists, send, or read a clock.

mod ack;
mod empty_grab;
mod predictor;

pub use ack::{AckDelays, AckFate, DelayedAck};
pub(crate) use empty_grab::EmptyGrabs;
pub use predictor::Predictor;

/// Default limit of a long poll, in milliseconds.
pub const GRAB_HOLD_MS_DEFAULT: u64 = 4;
/// Default limit of a delayed acknowledgement, in milliseconds.
pub const ACK_DELAY_MS_DEFAULT: u64 = 10;
/// Highest limit of either that can be set, in milliseconds. It is far below the time
/// that a peer waits before it gives up.
pub const DELAY_MS_MAX: u64 = 1000;
/// Hits in a row before a reply is held.
pub const HITS_BEFORE_PREDICTION: u8 = 4;
/// Replies held in a row before one is sent at once, to see whether the prediction
/// still holds.
pub const PREDICTIONS_BEFORE_CHECK: u8 = 64;
/// Milliseconds after which a prediction has to be checked likewise: while a peer's
/// replies are held, its habits cannot be seen.
pub const PREDICTION_LIFETIME_MS: u64 = 10;

/// The limits of both delayed replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayedReplies {
    /// Milliseconds that an empty GRAB_JOB may be held; 0 switches long polls off.
    pub grab_hold_ms: u64,
    /// Milliseconds that JOB_CREATED may be held; 0 switches the delay off.
    pub ack_delay_ms: u64,
}

impl Default for DelayedReplies {
    fn default() -> DelayedReplies {
        DelayedReplies { grab_hold_ms: GRAB_HOLD_MS_DEFAULT, ack_delay_ms: ACK_DELAY_MS_DEFAULT }
    }
}

/// What became of the replies of one kind that were held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldReplies {
    /// Replies that were held, those that are held now included.
    pub held: u64,
    /// Replies that were not held for nothing: the grab got a job, or the
    /// acknowledgement went out with a worker's report.
    pub served: u64,
    /// Replies that went out because their time was up.
    pub expired: u64,
    /// Replies that went out early: because of another packet of the worker, of another
    /// packet to the client, or of the end of the connection or the server.
    pub interrupted: u64,
}

impl HeldReplies {
    /// How many are held now.
    pub fn pending(&self) -> u64 {
        let ended = self.served + self.expired + self.interrupted;
        self.held.checked_sub(ended).expect("more held replies ended than were held")
    }
}

/// What became of all delayed replies since the server started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DelayedReplyCounts {
    /// Empty GRAB_JOBs.
    pub grab: HeldReplies,
    /// JOB_CREATEDs.
    pub ack: HeldReplies,
}
