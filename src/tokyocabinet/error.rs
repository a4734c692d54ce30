//! Errors of the library, and what they mean.
//!
//! Must not: call the library.

use thiserror::Error;

use crate::library::TokyoMissing;

/// Error codes of the library.
pub(crate) mod code {
    pub(crate) const THREAD: i32 = 1;
    pub(crate) const META: i32 = 5;
    pub(crate) const RECORD_HEADER: i32 = 6;
    pub(crate) const SYNC: i32 = 10;
    pub(crate) const MMAP: i32 = 15;
    pub(crate) const LOCK: i32 = 16;
    pub(crate) const KEEP: i32 = 21;
    pub(crate) const NO_RECORD: i32 = 22;
    pub(crate) const MISC: i32 = 9999;
}

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokyoFault {
    /// The content of the file makes no sense.
    Damaged,
    /// Another program has locked the file.
    Locked,
    /// What was written may not be on the disk.
    NotSynced,
    /// Something else: no space, no permission.
    Other,
}

/// Why the library did not do something.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{text}")]
pub struct TokyoError {
    /// What it means.
    pub fault: TokyoFault,
    pub(crate) text: String,
}

impl From<TokyoMissing> for TokyoError {
    fn from(missing: TokyoMissing) -> TokyoError {
        TokyoError { fault: TokyoFault::Other, text: missing.to_string() }
    }
}
