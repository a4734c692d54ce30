//! Database servers that tests start: from the distribution's packages, each in a directory and on a
//! port of its own, and ended with the test.
//!
//! Must not: touch a server that the system runs.

mod certificates;
mod mariadb;
mod memcached;
mod postgres;
pub mod process;
mod redis;

pub use mariadb::{MariaDbServer, create_mariadb, has_mariadb, mariadb_client, mariadbd};
pub use memcached::Memcached;
pub use postgres::Postgres;
pub use redis::{Redis, SYNCING};
