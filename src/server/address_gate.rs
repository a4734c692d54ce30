//! [`AddressGate`]: the limits per address, shared by the event loop and the HTTP thread.
//!
//! Must not: accept or close connections.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gearman_access::{AddressLimits, ConnectionSettings, Excess};

/// Counts connections by address, and refuses those above a limit.
#[derive(Clone)]
pub(crate) struct AddressGate(Arc<SharedLimits>);

struct SharedLimits {
    limits: Mutex<AddressLimits>,
    started: Instant,
    too_many: AtomicU64,
    too_fast: AtomicU64,
}

/// Number of connections that were refused, by limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RefusedConnections {
    pub(crate) too_many: u64,
    pub(crate) too_fast: u64,
}

/// A connection that is counted until this is dropped.
pub(crate) struct AddressSlot {
    gate: AddressGate,
    address: IpAddr,
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        self.gate.limits().close(self.address);
    }
}

/// Why a connection is refused, for the log.
pub(crate) struct RefusedConnection {
    excess: Excess,
    settings: ConnectionSettings,
}

impl fmt::Display for RefusedConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConnectionSettings { connections_max, per_second_max } = self.settings;
        match self.excess {
            Excess::Connections => write!(
                f,
                "its address has {connections_max} connections (--connections-per-address)"
            ),
            Excess::Rate => write!(
                f,
                "its address opens more than {per_second_max} connections per second \
                 (--connection-rate)"
            ),
        }
    }
}

impl AddressGate {
    /// A gate with these limits; none without any.
    pub(crate) fn new(settings: ConnectionSettings) -> Option<AddressGate> {
        settings.is_any().then(|| {
            AddressGate(Arc::new(SharedLimits {
                limits: Mutex::new(AddressLimits::new(settings)),
                started: Instant::now(),
                too_many: AtomicU64::new(0),
                too_fast: AtomicU64::new(0),
            }))
        })
    }

    fn limits(&self) -> MutexGuard<'_, AddressLimits> {
        // A panic cannot leave the counts half changed.
        self.0.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a new connection.
    ///
    /// # Errors
    /// The limit that it exceeds.
    pub(crate) fn open(&self, address: IpAddr) -> Result<AddressSlot, RefusedConnection> {
        let mut limits = self.limits();
        let opened = limits.open(address, self.0.started.elapsed());
        let settings = limits.settings();
        drop(limits);
        match opened {
            Ok(()) => Ok(AddressSlot { gate: self.clone(), address }),
            Err(excess) => {
                let count = match excess {
                    Excess::Connections => &self.0.too_many,
                    Excess::Rate => &self.0.too_fast,
                };
                count.fetch_add(1, Ordering::Relaxed);
                Err(RefusedConnection { excess, settings })
            }
        }
    }

    /// The number of connections that were refused.
    pub(crate) fn refused(&self) -> RefusedConnections {
        RefusedConnections {
            too_many: self.0.too_many.load(Ordering::Relaxed),
            too_fast: self.0.too_fast.load(Ordering::Relaxed),
        }
    }
}
