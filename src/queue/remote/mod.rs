//! What all stores share that are another program, reached over a connection.
//!
//! Owns the pace of reconnecting ([`Backoff`]), passwords that are never shown ([`Secret`]), TLS
//! ([`TlsSettings`]), the time that a connection has ([`RemoteLimits`]), the net effect of a
//! batch ([`NetBatch`]), and which batches a database has that numbers them (`BatchCount`).
//!
//! The rules that a back end keeps with these:
//!
//! * A connection that breaks inside a batch is [`StoreError::Unknown`](crate::StoreError). `reopen`
//!   first makes sure that the old connection can commit nothing any more, then reads a record of
//!   the last batch, and tells whether it was committed. Nothing is guessed.
//! * A connection that was found broken before the batch was sent is made anew. If it cannot be
//!   made, that is [`StoreError::NotCommitted`](crate::StoreError).
//! * One server owns the jobs. A second one is refused at its start with the name of the first; one
//!   that lost its ownership while it was cut off gets [`StoreError::Fenced`](crate::StoreError).
//!
//! Must not: know a particular store.

mod backoff;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod batch_count;
#[cfg(any(feature = "memcached", feature = "redis"))]
pub(crate) mod lease;
mod net_batch;
mod owner;
mod secret;
mod tls;

use std::time::Duration;
#[cfg(any(feature = "memcached", feature = "redis"))]
use std::time::Instant;

#[cfg(any(feature = "memcached", feature = "redis"))]
use crate::store::StoreError;

pub use backoff::Backoff;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) use batch_count::{BatchCount, not_sent, table_is_taken};
pub use net_batch::NetBatch;
pub use owner::owner_name;
pub use secret::Secret;
#[cfg(feature = "tls")]
pub(crate) use tls::tls_failure;
pub use tls::{TlsMode, TlsSettings};

/// Time between two attempts to read.
#[cfg(any(feature = "memcached", feature = "redis"))]
const READ_PAUSE: Duration = Duration::from_millis(50);

/// Reads until it succeeds, for as long as the store is not to be waited for longer: jobs that are
/// read later than their successors run behind them. Reading can be repeated.
#[cfg(any(feature = "memcached", feature = "redis"))]
pub(crate) fn read_within<T>(
    limit: Duration,
    mut read: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let began = Instant::now();
    loop {
        match read() {
            Err(StoreError::Unknown(_) | StoreError::NotCommitted(_))
                if began.elapsed() + READ_PAUSE < limit =>
            {
                std::thread::sleep(READ_PAUSE);
            }
            result => return result,
        }
    }
}

/// Time that a connection has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteLimits {
    /// Longest time for connecting, TLS and login included.
    pub connect_timeout: Duration,
    /// Longest time for one request. A store that needs longer counts as gone.
    pub request_timeout: Duration,
}

impl RemoteLimits {
    /// Limits with this much time for a request, and at most five seconds for connecting.
    pub fn new(request_timeout: Duration) -> RemoteLimits {
        RemoteLimits {
            connect_timeout: request_timeout.min(Duration::from_secs(5)),
            request_timeout,
        }
    }
}

impl Default for RemoteLimits {
    fn default() -> RemoteLimits {
        RemoteLimits::new(Duration::from_secs(10))
    }
}
