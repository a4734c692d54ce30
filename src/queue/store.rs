//! The interface of a store, and what can go wrong with one.
//!
//! A store is used by one thread, which it may block. It need not have transactions: see
//! [`Store::apply`].
//!
//! Must not: contain a back end.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use thiserror::Error;

use crate::batch::Batch;
use crate::record::{JobNumber, StoredJob, UnixSeconds};

/// What is done at the start where a store has no file or no table yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfMissing {
    /// It is made.
    #[default]
    Create,
    /// The store is not opened, and nothing is made.
    Refuse,
}

impl IfMissing {
    /// Refuses what is missing, unless it may be made. `what` names it.
    ///
    /// # Errors
    /// "there is no", and the name.
    pub fn check(self, what: impl FnOnce() -> String) -> Result<(), StoreError> {
        match self {
            IfMissing::Create => Ok(()),
            IfMissing::Refuse => Err(StoreError::NotCommitted(format!("there is no {}", what()))),
        }
    }
}

/// Why a store did not do what it was asked to.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// Nothing of the batch was written, and the store is usable: the disk is full, the file is
    /// read-only, or another program has locked it.
    #[error("{0}")]
    NotCommitted(String),
    /// Nothing of the batch was written because one of its insertions cannot be stored. Without
    /// that one the others can.
    #[error("{0}")]
    BadRow(String),
    /// Whether the batch was written is unknown, and what was written since the last successful
    /// commit may be lost: a sync failed. The store must be opened again and verified.
    #[error("{0}")]
    Unknown(String),
    /// What the store holds is damaged. The text names the file, the place and the remedy.
    #[error("{0}")]
    Corrupt(String),
    /// The store is not ours any more: another server has taken these jobs over.
    #[error("{0}")]
    Fenced(String),
}

impl StoreError {
    /// Prefixes the reason with what was attempted.
    pub fn context(self, what: impl fmt::Display) -> StoreError {
        let with = |reason: String| format!("{what}: {reason}");
        match self {
            StoreError::NotCommitted(reason) => StoreError::NotCommitted(with(reason)),
            StoreError::BadRow(reason) => StoreError::BadRow(with(reason)),
            StoreError::Unknown(reason) => StoreError::Unknown(with(reason)),
            StoreError::Corrupt(reason) => StoreError::Corrupt(with(reason)),
            StoreError::Fenced(reason) => StoreError::Fenced(with(reason)),
        }
    }
}

/// An insertion of a committed batch that the store did not carry out. All others were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowOutcome {
    /// The store has a job of this function and unique already; the batch left it as it is.
    Exists {
        /// Index of the insertion in the batch.
        index: usize,
        /// The job that the submission joins.
        job: JobNumber,
    },
    /// The store cannot hold this job, whatever else happens: it is too large, for one.
    Refused {
        /// Index of the insertion in the batch.
        index: usize,
        /// For the log.
        reason: String,
    },
}

/// A part of the survey with which a server starts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SurveyPage {
    /// Function names that `jobs` refer to.
    pub functions: Vec<Vec<u8>>,
    /// Jobs by number.
    pub jobs: Vec<SurveyedJob>,
    /// Whether the store has no more.
    pub is_last: bool,
}

/// What a server has to know of every job before it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurveyedJob {
    /// Number of the job.
    pub number: JobNumber,
    /// Index of its function in the page.
    pub function: u32,
    /// 0 is high, 1 normal, 2 low.
    pub priority: u8,
    /// What identifies it.
    pub unique: SurveyedUnique,
    /// Time before which the job is not assigned.
    pub due: Option<UnixSeconds>,
}

/// What identifies a job in the survey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SurveyedUnique {
    /// Nothing: no other submission joins it.
    None,
    /// A unique id, with its [`fingerprint`].
    Fingerprint(u64),
    /// The payload: the unique id is `-`.
    Payload,
}

impl SurveyedUnique {
    /// The survey's view of a unique id.
    pub fn new(unique: &[u8]) -> SurveyedUnique {
        match unique {
            b"" => SurveyedUnique::None,
            b"-" => SurveyedUnique::Payload,
            _ => SurveyedUnique::Fingerprint(fingerprint(unique)),
        }
    }
}

/// Stands for a unique id. Different ones can have the same fingerprint.
pub fn fingerprint(unique: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    unique.hash(&mut hasher);
    hasher.finish()
}

/// What a store knows after it was opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reopened {
    /// Whether the batch whose outcome was unknown is in the store. `None` if the store keeps no
    /// record of its batches: then the jobs of the batch are looked up.
    pub has_batch: Option<bool>,
    /// Whether earlier batches may be lost: jobs that memory holds are inserted again.
    pub may_lack_jobs: bool,
}

impl Reopened {
    /// For a store that keeps no record of its batches, and was read back or written anew.
    pub const UNRECORDED: Reopened = Reopened { has_batch: None, may_lack_jobs: true };
}

/// State of the connection of a store that is another program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionState {
    /// Whether there is a connection.
    pub is_connected: bool,
    /// Connections that were made since the start.
    pub connects: u64,
    /// Attempts to connect that failed.
    pub failures: u64,
}

/// A place where jobs survive the server.
pub trait Store: Send {
    /// Writes a batch and makes it durable.
    ///
    /// A store without transactions applies the operations in their order and makes sure that a
    /// crash in between leaves a prefix of them.
    ///
    /// Returns the insertions that were not carried out, by index.
    ///
    /// # Errors
    /// [`StoreError::NotCommitted`] if nothing was written, [`StoreError::Unknown`] if that cannot
    /// be told, [`StoreError::Fenced`] if the jobs belong to another server now.
    fn apply(&mut self, batch: &Batch) -> Result<Vec<RowOutcome>, StoreError>;

    /// Finds out whether the store takes jobs, without adding one.
    ///
    /// # Errors
    /// As [`Store::apply`].
    fn probe(&mut self) -> Result<(), StoreError> {
        self.apply(&Batch::default()).map(drop)
    }

    /// Reads what a server has to know of the next `limit` jobs that the store had when it was
    /// opened, by number. Payloads are not read.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a row cannot be read.
    fn survey(&mut self, limit: usize) -> Result<SurveyPage, StoreError>;

    /// Largest number that was ever used or reserved.
    fn last_number(&self) -> JobNumber;

    /// Reads jobs by number, in the order of `numbers`; `None` where the store has no such job.
    ///
    /// # Errors
    /// As [`Store::survey`].
    fn fetch(&mut self, numbers: &[JobNumber]) -> Result<Vec<Option<StoredJob>>, StoreError>;

    /// Bytes that a payload may have. A larger one is refused before it joins a batch.
    fn payload_bytes_max(&self) -> usize;

    /// Does a step of upkeep that must not delay a commit. Called after commits and while idle.
    /// Returns whether another step is left for idle time.
    ///
    /// # Errors
    /// As [`Store::apply`].
    fn maintain(&mut self, is_idle: bool) -> Result<bool, StoreError>;

    /// Opens the store again after [`StoreError::Unknown`], and finds out what it has of the batch
    /// that [`Store::apply`] wrote last.
    ///
    /// A store that is another program first makes sure that the old connection can commit nothing
    /// any more.
    ///
    /// # Errors
    /// If it cannot be opened. [`StoreError::Fenced`] if another server has it.
    fn reopen(&mut self) -> Result<Reopened, StoreError>;

    /// Bytes that the store takes on its medium, as far as it knows.
    fn size_bytes(&self) -> u64;

    /// State of the connection; `None` if the store is no other program.
    fn connection(&self) -> Option<ConnectionState> {
        None
    }

    /// Where the jobs are, for the log and for administrators: without passwords.
    fn place(&self) -> String;

    /// Takes the lines for the log that opening has brought: a conversion, or a setting of the
    /// store that weakens what an acknowledgement promises.
    fn take_notices(&mut self) -> Vec<String> {
        Vec::new()
    }
}
