//! Durable storage of background jobs.
//!
//! Owns the interface of a store ([`Store`]), the batches that are written to it ([`Batch`]), the
//! thread that commits them ([`QueueThread`]), and the back ends, one file or directory and one
//! cargo feature each. The event loop never waits for a store: it hands batches to the thread and
//! hears of their commits.
//!
//! Must not: know connections, packets or the order in which jobs are assigned.

mod batch;
mod committer;
#[cfg(any(feature = "memcached", feature = "redis", feature = "tokyocabinet"))]
mod found_jobs;
#[cfg(any(feature = "sqlite", feature = "tokyocabinet"))]
mod local_file;
#[cfg(feature = "memcached")]
pub mod memcached;
pub mod migrate;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "postgres")]
pub mod postgres;
mod record;
#[cfg(feature = "redis")]
pub mod redis;
pub mod remote;
#[cfg(any(feature = "memcached", feature = "redis", feature = "tokyocabinet"))]
mod side_record;
#[cfg(any(test, feature = "simulated"))]
pub mod simulated;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod store;
#[cfg(test)]
mod suite;
mod thread;
#[cfg(feature = "tokyocabinet")]
pub mod tokyocabinet;

pub use batch::{Batch, BatchOperation};
pub use committer::{Committer, QueueStats, RejectedRow, StoreReport};
pub use record::{JobNumber, NewRecord, StoredJob, UnixSeconds};
pub use store::{
    ConnectionState, IfMissing, Reopened, RowOutcome, Store, StoreError, SurveyPage, SurveyedJob,
    SurveyedUnique, fingerprint,
};
pub use thread::QueueThread;
