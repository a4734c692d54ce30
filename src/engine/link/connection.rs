//! [`Conn`]: one server of a handle and the connection to it.
//!
//! Must not: do I/O.

use super::buffers::{InBuf, OutBuf};
use crate::error::system_text;
use gearman_net::Address;
use gearman_protocol::servers::TLS_SCHEME;
use std::borrow::Cow;
use std::io;
use std::time::Instant;

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnState {
    /// Not connected.
    Down,
    /// Connecting. Bytes to send are buffered.
    Connecting,
    /// Connected.
    Up,
}

/// One server and its connection.
#[derive(Debug)]
pub struct Conn {
    /// The host as it was given, or a Unix socket's path.
    pub host: String,
    /// The port, which a Unix socket ignores.
    pub port: u16,
    /// The server was added with the scheme `tls://`: it is only talked to with TLS.
    pub is_tls: bool,
    /// The environment asks for TLS.
    pub(super) is_tls_in_environment: bool,
    /// The addresses of the host.
    pub(super) addresses: Vec<Address>,
    /// Index of the next address to try.
    pub(super) next_address: usize,
    /// An attempt to connect has used the addresses: the next one resolves again.
    pub(super) used_addresses: bool,
    /// The state of the connection.
    pub state: ConnState,
    /// Deadline for connecting to the current address.
    pub deadline: Option<Instant>,
    /// Deadline for connecting to any address; None without a timeout.
    pub(super) connects_until: Option<Instant>,
    /// Time of the last complete packet, or of connecting.
    pub last_received: Instant,
    /// Time of the last liveness check.
    pub(super) last_checked: Instant,
    /// Received bytes that are not read yet.
    pub inbuf: InBuf,
    /// The received bytes end in the middle of a packet: reading needs more.
    pub partial: bool,
    /// Bytes to send.
    pub out: OutBuf,
    /// The socket may hold bytes that are not received yet.
    pub readable: bool,
    /// The peer has closed the connection. The socket may hold bytes before the end.
    pub(super) closed: bool,
    /// The poller reported that the socket is writable or that connecting has ended.
    pub writable: bool,
    /// The poller is asked to report when the socket is writable.
    pub(super) wants_writable: bool,
    /// Something is due on this connection: `poll_any` waits for it.
    pub expected: bool,
    /// `poll_any` has reported this connection, and no call has served it since.
    pub reported: bool,
    /// Number of unsent bytes when the connection was closed.
    unsent_when_closed: usize,
    /// Why connecting failed or the connection broke; None while it is up.
    pub(super) last_failure: Option<io::Error>,
}

impl Conn {
    pub(super) fn new(host: String, port: u16, addresses: Vec<Address>) -> Conn {
        let now = Instant::now();
        Conn {
            host,
            port,
            is_tls: false,
            is_tls_in_environment: false,
            addresses,
            next_address: 0,
            used_addresses: false,
            state: ConnState::Down,
            deadline: None,
            connects_until: None,
            last_received: now,
            last_checked: now,
            inbuf: InBuf::default(),
            partial: false,
            out: OutBuf::default(),
            readable: false,
            closed: false,
            writable: false,
            wants_writable: false,
            expected: false,
            reported: false,
            unsent_when_closed: 0,
            last_failure: None,
        }
    }

    /// The host as [`Link::add_server`](super::Link::add_server) takes it, with its scheme.
    pub fn host_with_scheme(&self) -> Cow<'_, str> {
        match self.is_tls {
            true => Cow::Owned(format!("{TLS_SCHEME}{}", self.host)),
            false => Cow::Borrowed(&self.host),
        }
    }

    /// Why the last attempt to connect failed or the connection broke, as the system words
    /// it. None while it is up and after a deliberate close.
    pub fn last_failure(&self) -> Option<String> {
        self.last_failure.as_ref().map(system_text)
    }

    /// Whether the last attempt to connect ended without an answer of the host.
    pub fn has_not_answered(&self) -> bool {
        self.last_failure.as_ref().is_some_and(|failure| {
            matches!(
                failure.kind(),
                io::ErrorKind::TimedOut
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
            )
        })
    }

    /// Number of unsent bytes. For a closed connection: the number when it was closed,
    /// returned once.
    pub fn take_unsent(&mut self) -> usize {
        match self.state {
            ConnState::Down => std::mem::take(&mut self.unsent_when_closed),
            ConnState::Connecting | ConnState::Up => self.out.unsent().len(),
        }
    }

    /// Whether buffered bytes have to wait for the poller.
    pub fn is_blocked(&self) -> bool {
        self.state != ConnState::Up || self.wants_writable
    }

    /// Whether it is down, or up with nothing received and nothing to send.
    pub fn is_idle(&self) -> bool {
        self.state != ConnState::Connecting
            && !self.readable
            && !self.writable
            && self.inbuf.is_empty()
            && self.out.is_empty()
    }

    /// Whether a call can do something here without waiting.
    pub fn is_ready(&self) -> bool {
        self.readable || self.writable || (!self.inbuf.is_empty() && !self.partial)
    }

    /// Resets it to the state `Down`.
    pub(super) fn reset(&mut self) {
        if self.state != ConnState::Down {
            self.unsent_when_closed = self.out.unsent().len();
        }
        self.state = ConnState::Down;
        self.deadline = None;
        self.inbuf.clear();
        self.partial = false;
        self.out.clear();
        self.readable = false;
        self.closed = false;
        self.writable = false;
        self.wants_writable = false;
        self.reported = false;
    }
}
