//! Database servers that tests start: from the distribution's packages, each in a directory and on a
//! port of its own, and ended with the test.
//!
//! Must not: touch a server that the system runs.

mod postgres;
mod process;

pub use postgres::Postgres;
