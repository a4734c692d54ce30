//! The SQL functions of `bindings/mysql` and `bindings/postgresql` in real servers of the
//! distribution, from their packages, with our library, job server and workers.

mod build;
mod job_server;
mod mariadb;
mod mariadb_server;
mod postgresql;
mod postgresql_server;
mod shared_process;
