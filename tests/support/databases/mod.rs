//! Database servers that tests start: from the distribution's packages, each in a directory and on a
//! port of its own, and ended with the test.
//!
//! Must not: touch a server that the system runs.

mod certificates;
mod memcached;
mod postgres;
pub mod process;
mod redis;

pub use memcached::Memcached;
pub use postgres::Postgres;
pub use redis::{Redis, SYNCING};
