//! The SQL functions of `bindings/mysql` and `bindings/postgresql` in real servers of the
//! distribution, from their packages, with our library, job server and workers.

mod build;
mod job_server;
mod mariadb;
mod mariadb_server;
mod postgresql;
mod postgresql_server;
mod shared_process;

use gearman_test_support::programs::Case;
use std::ops::Deref;

/// A database server in a test, which the table of consumers counts.
pub(crate) struct Counted<T: 'static> {
    server: &'static T,
    _case: Case,
}

impl<T> Counted<T> {
    /// Begins a test with the server of a consumer, a database.
    pub(crate) fn begin(server: &'static T, consumer: &str) -> Self {
        let how = "the functions of our package, loaded by the server";
        Self { server, _case: Case::begin(consumer, how, "`tests/database`") }
    }
}

impl<T> Deref for Counted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.server
    }
}
