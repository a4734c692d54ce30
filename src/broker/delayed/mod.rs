//! Delayed replies: the two replies that wait for what usually follows them.
//!
//! Must not: touch the broker's lists, send, or read a clock.

mod ack;
mod predictor;

pub use ack::{DelayedAck, Fate};
pub use predictor::Habit;
