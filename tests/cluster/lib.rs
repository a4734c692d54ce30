//! Deterministic tests of the state machines of job server and library, without sockets
//! and without a clock: every run follows from a seed, or from the bytes of a fuzzer.
//!
//! [`scenario`] drives one broker. [`simulate`] drives a cluster: the real engines of
//! clients and workers, and real job servers, on a simulated network.
//!
//! Must not: be a dependency of anything that is shipped.

#![forbid(unsafe_code)]

mod access;
mod adversary;
mod checker;
mod client;
#[cfg(all(test, feature = "defects"))]
mod defects;
mod network;
#[cfg(test)]
mod processors;
pub mod scenario;
mod script;
mod secure;
mod server;
mod shrink;
mod store;
#[cfg(test)]
mod tests;
mod transport;
mod worker;
mod world;

pub use checker::Failure;
pub use shrink::{Report, check, replay, simulate};
pub use world::Summary;
