//! Tests that put the job server's state machines together, without sockets and
//! without a clock: everything follows from a seed, or from the bytes of a fuzzer.
//!
//! [`scenario`] drives one broker. [`simulate`] drives a cluster: real client engines,
//! real sessions and brokers, real worker engines, on a simulated network.
//!
//! Must not: be needed by anything that is shipped.

#![forbid(unsafe_code)]

mod books;
mod client;
#[cfg(all(test, feature = "defects"))]
mod defects;
mod network;
pub mod scenario;
mod script;
mod server;
mod shrink;
#[cfg(test)]
mod tests;
mod transport;
mod worker;
mod world;

pub use books::Failure;
pub use shrink::{Report, check, replay, simulate};
pub use world::Summary;
