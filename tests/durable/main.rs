//! Acknowledged jobs survive: `gearmand` on a real file, killed, faulted and cut off from its disk.
//!
//! `crash` kills it under load; `power` does the same over a disk that loses unsynced writes;
//! `faults` makes each system call on the file fail; `outside` does to the file what other programs
//! do; `key_value`, `mysql` and `postgres` have the jobs in a store that fails, `tokyo_cabinet` in
//! another kind of file; `stopped` replaces a server that is stopped; `backup` takes copies under load; `damaged` opens damaged files.

mod backup;
mod crash;
mod damaged;
mod database;
mod faults;
mod key_value;
mod ledger;
mod load;
mod mysql;
mod outside;
mod peer;
mod postgres;
mod power;
mod proxy;
mod server;
mod shim;
mod stopped;
mod tokyo_cabinet;
