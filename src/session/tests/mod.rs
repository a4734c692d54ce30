//! Tests of sessions and of the job server around them, over byte streams in memory.

mod access;
mod ack_comparison;
mod acknowledgements;
mod closing;
mod commits;
mod driver;
mod drops;
mod framing;
pub(crate) mod host;
mod large;
mod lists;
mod sending;
mod unread;
