//! The library Tokyo Cabinet behind a safe interface.
//!
//! Owns the opening of the library at run time, and its databases in one file: hash tables and
//! B+ trees. A system without the library gets an error that names its packages.
//!
//! Must not: know what the records are.

mod database;
#[cfg(test)]
mod database_tests;
mod error;
mod library;

pub use database::{OPAQUE_BYTES, TokyoDatabase, TokyoKind, Tuning};
pub use error::{TokyoError, TokyoFault};
pub use library::{TokyoLibrary, TokyoMissing};
