//! Tests that put the job server's state machines together, without sockets and
//! without a clock: everything follows from a seed, or from the bytes of a fuzzer.
//!
//! Must not: be needed by anything that is shipped.

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../support/random.rs"]
mod random;
pub mod scenario;
