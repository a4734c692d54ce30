//! The interface between a [`JobServer`](crate::JobServer) and its driver.
//!
//! Must not: implement it for real sockets; the event loop does.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gearman_broker::{BrokerEvent, ConnectionKey, Millis, Now, UnixSeconds};
use gearman_protocol::Command;

use crate::CloseReason;
use gearman_access::{Denial, PeerIdentity, Permission, UnixCredentials};

/// The types that a driver provides.
pub trait Host {
    /// The byte stream of a session.
    type Stream: Stream;
    /// The source of time.
    type Clock: Clock;
    /// The log.
    type Journal: Journal;
    /// Connections of the broker that have no session.
    type Bridge: Bridge;
}

/// A connection's byte stream: a socket, a record layer over one, or memory.
///
/// Reading and writing never block: they fail with `WouldBlock`, and the driver reports
/// when the stream is ready again. A read that returns fewer bytes than it had room for
/// has emptied the stream, and the driver reports the next byte.
pub trait Stream: Read + Write {
    /// Receives once into the spare capacity of `into`, and appends the bytes. Returns the
    /// number of bytes; 0 is the end of the stream.
    ///
    /// # Errors
    /// If the connection is broken, or `WouldBlock` if nothing has arrived.
    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize>;

    /// Sets the time after which the connection is broken if its peer has not acknowledged sent
    /// bytes, or had no room for more.
    fn limit_unacknowledged(&mut self, limit: Duration) {
        let _ = limit;
    }

    /// The names of the peer's certificate, if it has shown one that was verified.
    fn peer_identity(&self) -> Option<Arc<PeerIdentity>> {
        None
    }
}

/// The driver's poller, lent for one call.
pub trait Poller<S> {
    /// Starts or stops reporting when a stream is writable. `index` is the session's.
    ///
    /// # Errors
    /// If the system call fails.
    fn watch_writable(&mut self, index: usize, stream: &mut S, wanted: bool) -> io::Result<()>;

    /// Returns the stream of a session that has ended.
    fn closed(&mut self, stream: S);
}

/// The source of time.
pub trait Clock {
    /// The time on both clocks.
    fn now(&self) -> Now;

    /// The time on the monotonic clock.
    fn monotonic(&self) -> Millis {
        self.now().monotonic
    }
}

/// Receives events for the log.
pub trait Journal {
    /// The name of the log level, as the text command `verbose` shows it.
    fn level_name(&self) -> &'static str;

    /// A packet was received.
    fn packet(&mut self, from: ConnectionKey, command: Command);

    /// A session has ended.
    fn closed(&mut self, origin: Origin, reason: &CloseReason);

    /// A packet was answered with ERROR; `why` has its code and text.
    fn refused(&mut self, origin: Origin, why: &[u8]);

    /// A submission was accepted. `due` is the epoch of a SUBMIT_JOB_EPOCH.
    fn accepted(&mut self, function: &[u8], unique: &[u8], due: Option<UnixSeconds>);

    /// A job failed because it was handed out `attempts` times, which is the limit.
    fn gave_up(&mut self, handle: &[u8], function: &[u8], unique: &[u8], attempts: u8);

    /// Something happened to a function, a worker or jobs.
    fn event(&mut self, event: BrokerEvent<'_>) {
        let _ = event;
    }

    /// A peer was refused what the access rules or its listener do not allow: `permission` on
    /// this function, or on none in particular if it is empty.
    fn denied(&mut self, who: &Requester, permission: Permission, on: &[u8], why: Denial) {
        let _ = (who, permission, on, why);
    }

    /// A text command was answered that changes something, or that was refused.
    fn administered(&mut self, who: &Requester, line: &[u8], answer: &[u8], is_denied: bool) {
        let _ = (who, line, answer, is_denied);
    }

    /// Something happened to the store of durable jobs.
    fn store(&mut self, event: StoreEvent<'_>);
}

/// What happens to the store of durable jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreEvent<'a> {
    /// It takes no jobs, for this reason.
    Suspended(&'a str),
    /// It takes jobs again.
    Resumed,
    /// All jobs that it had at the start are known; there are so many.
    Loaded(u64),
    /// Jobs in it cannot be read, for this reason.
    Unreadable(&'a str),
    /// So many jobs were not stored, for this reason.
    NotStored(usize, &'a str),
}

/// Connections of the broker that have no session, such as HTTP calls.
pub trait Bridge {
    /// Sends a packet, which consists of two parts, to such a connection, or closes it if more than
    /// `limit` bytes are unsent. Other keys are ignored.
    fn send(&mut self, to: ConnectionKey, head: Vec<u8>, body: Bytes, limit: usize);

    /// The connections that have not taken all packets, and the bytes that are left of each.
    fn unread_by_connection(&self) -> Vec<(ConnectionKey, usize)> {
        Vec::new()
    }

    /// Closes a connection, and drops what it has not taken.
    fn close(&mut self, key: ConnectionKey) {
        let _ = key;
    }
}

/// A bridge without connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBridge;

impl Bridge for NoBridge {
    fn send(&mut self, _to: ConnectionKey, _head: Vec<u8>, _body: Bytes, _limit: usize) {}
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An address and a port.
    Inet(SocketAddr),
    /// A local process.
    Local(LocalPeer),
}

/// A process that connected over a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalPeer {
    /// Its id; 0 if the id is unknown, as in another pid namespace.
    pub process: i32,
    /// Its user and group when it connected, if they are known.
    pub credentials: Option<UnixCredentials>,
}

/// Who asks for something: where a peer is, and the names of its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// Where it is; `None` for an HTTP call, whose address is `address`.
    pub origin: Option<Origin>,
    /// Its IP address; `None` for a Unix socket.
    pub address: Option<IpAddr>,
    /// The names of its certificate.
    pub identity: Option<Arc<PeerIdentity>>,
}

impl fmt::Display for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, self.address) {
            (Some(origin), _) => origin.fmt(f)?,
            (None, Some(address)) => write!(f, "{address} (HTTP)")?,
            (None, None) => f.write_str("an unknown peer")?,
        }
        if let Some(Origin::Local(LocalPeer { credentials: Some(peer), .. })) = &self.origin {
            write!(f, " (uid {}, gid {})", peer.uid, peer.gid)?;
        }
        self.identity.iter().try_for_each(|identity| write!(f, " (certificate of {identity})"))
    }
}

impl Origin {
    /// A local process about which only its id is known.
    pub fn local(process: i32) -> Origin {
        Origin::Local(LocalPeer { process, credentials: None })
    }

    /// The port; 0 for a local process.
    pub fn port(&self) -> u16 {
        match self {
            Origin::Inet(address) => address.port(),
            Origin::Local(_) => 0,
        }
    }

    /// The origin as administrators see it: one word, without a port.
    pub fn host(&self) -> String {
        match self {
            Origin::Inet(address) => address.ip().to_string(),
            Origin::Local(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Inet(address) => address.fmt(f),
            Origin::Local(peer) => write!(f, "unix:{}", peer.process),
        }
    }
}
