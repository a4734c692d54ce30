//! What a store keeps of a job.
//!
//! Must not: know how it is stored.

use bytes::Bytes;

/// Number of a job: its row in the store and the number in its handle. A number is never used
/// twice, across restarts neither.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobNumber(pub u64);

/// Seconds since 1970-01-01 00:00:00 UTC. This clock goes back when the system's clock is
/// set back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixSeconds(pub u64);

/// A job to store, borrowed from its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRecord<'a> {
    /// Chosen by the caller, larger than all before.
    pub number: JobNumber,
    /// Function name, any bytes.
    pub function: &'a [u8],
    /// Unique id, any bytes; empty if the job has none.
    pub unique: &'a [u8],
    /// Reducer of the job; empty if it has none.
    pub reducer: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
    /// 0 is high, 1 normal, 2 low.
    pub priority: u8,
    /// Time before which the job is not assigned.
    pub due: Option<UnixSeconds>,
    /// Failed attempts so far.
    pub attempts: u32,
    /// Time of the submission.
    pub submitted: UnixSeconds,
}

/// A job as it comes out of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredJob {
    /// See [`NewRecord::number`].
    pub number: JobNumber,
    /// See [`NewRecord::function`].
    pub function: Vec<u8>,
    /// See [`NewRecord::unique`].
    pub unique: Vec<u8>,
    /// See [`NewRecord::reducer`].
    pub reducer: Vec<u8>,
    /// See [`NewRecord::payload`].
    pub payload: Bytes,
    /// See [`NewRecord::priority`].
    pub priority: u8,
    /// See [`NewRecord::due`].
    pub due: Option<UnixSeconds>,
    /// See [`NewRecord::attempts`].
    pub attempts: u32,
    /// `None` in a row that another program wrote.
    pub submitted: Option<UnixSeconds>,
}

impl StoredJob {
    /// The job as one to store anew. An unknown time of submission is 1970.
    pub(crate) fn to_record(&self) -> NewRecord<'_> {
        NewRecord {
            number: self.number,
            function: &self.function,
            unique: &self.unique,
            reducer: &self.reducer,
            payload: &self.payload,
            priority: self.priority,
            due: self.due,
            attempts: self.attempts,
            submitted: self.submitted.unwrap_or_default(),
        }
    }
}

/// Records for tests.
#[cfg(test)]
pub(crate) mod samples {
    use super::{JobNumber, NewRecord, UnixSeconds};

    pub(crate) fn record<'a>(number: u64, payload: &'a [u8]) -> NewRecord<'a> {
        NewRecord {
            number: JobNumber(number),
            function: b"resize",
            unique: b"u",
            reducer: b"",
            payload,
            priority: 1,
            due: None,
            attempts: 0,
            submitted: UnixSeconds(5),
        }
    }
}
