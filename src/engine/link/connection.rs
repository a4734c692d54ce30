//! [`Conn`]: one server of a handle, and the state of the connection to it.
//!
//! Must not: do I/O.

use super::buffers::{InBuf, OutBuf};
use crate::error::system_text;
use gearman_net::Address;
use std::io;
use std::time::Instant;

/// Whether a connection can carry packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnState {
    /// Not connected.
    Down,
    /// Being connected. What is to be sent is buffered.
    Connecting,
    /// Connected.
    Up,
}

/// One server.
#[derive(Debug)]
pub struct Conn {
    /// The host as it was given, or a Unix socket's path.
    pub host: String,
    /// The port, which a Unix socket ignores.
    pub port: u16,
    pub(super) addresses: Vec<Address>,
    pub(super) next_address: usize,
    pub(super) used_addresses: bool,
    /// Whether it can carry packets.
    pub state: ConnState,
    /// When connecting has to be done.
    pub deadline: Option<Instant>,
    /// When a complete packet last came, or the connection was made.
    pub last_received: Instant,
    /// When it was last looked at before it was written to.
    pub(super) last_checked: Instant,
    /// Received, not read.
    pub inbuf: InBuf,
    /// What is received ends in the middle of a packet: it can only be read when
    /// more has come.
    pub partial: bool,
    /// To be sent.
    pub out: OutBuf,
    /// The socket may hold more than was received.
    pub readable: bool,
    /// The peer has closed it, though there may be bytes before the end.
    pub(super) closed: bool,
    /// The poller said that it can be written to, or that connecting has ended.
    pub writable: bool,
    pub(super) wants_writable: bool,
    /// Something is due on it, for a wait between two calls.
    pub expected: bool,
    /// Such a wait has said that something has come, and no call has looked yet.
    pub reported: bool,
    /// Bytes that were buffered when the connection was closed.
    unsent_when_closed: usize,
    /// Why it could not be made, or broke; none while it is up.
    pub(super) last_failure: Option<io::Error>,
}

impl Conn {
    pub(super) fn new(host: String, port: u16, addresses: Vec<Address>) -> Conn {
        let now = Instant::now();
        Conn {
            host,
            port,
            addresses,
            next_address: 0,
            used_addresses: false,
            state: ConnState::Down,
            deadline: None,
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

    /// Why the last attempt to connect failed, or the connection broke, in the
    /// system's words. None when it is up, or was closed on purpose.
    pub fn last_failure(&self) -> Option<String> {
        self.last_failure.as_ref().map(system_text)
    }

    /// Bytes that are buffered or, on a closed connection, were: these are told
    /// once.
    pub fn take_unsent(&mut self) -> usize {
        match self.state {
            ConnState::Down => std::mem::take(&mut self.unsent_when_closed),
            ConnState::Connecting | ConnState::Up => self.out.unsent().len(),
        }
    }

    /// Whether what is buffered has to wait for the poller.
    pub fn is_blocked(&self) -> bool {
        self.state != ConnState::Up || self.wants_writable
    }

    /// Whether nothing is under way or has come: it is down, or up and idle.
    pub fn is_quiet(&self) -> bool {
        self.state != ConnState::Connecting
            && !self.readable
            && !self.writable
            && self.inbuf.is_empty()
            && self.out.is_empty()
    }

    /// Whether something has come that needs no more waiting for.
    pub fn is_ready(&self) -> bool {
        self.readable || self.writable || (!self.inbuf.is_empty() && !self.partial)
    }

    /// Back to not being connected.
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
