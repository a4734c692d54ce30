//! What the test programs share: starting servers and programs, waiting, packets, random
//! numbers, compilers, and a scripted job server.
//!
//! Must not: be needed by anything that is shipped, or depend on the package `gearman`, whose
//! test programs use it.

pub mod certificates;
pub mod compile;
pub mod databases;
pub mod faults;
pub mod library;
pub mod normalise;
pub mod outcome;
pub mod paths;
pub mod programs;
pub mod proxy;
pub mod random;
pub mod requirements;
pub mod sanitizer;
pub mod scripted;
pub mod server;
pub mod wait;
pub mod wire;
