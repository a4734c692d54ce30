//! What a [`JobServer`](crate::JobServer) needs from whoever drives it.
//!
//! Must not: contain an implementation for real sockets; that is the event loop's.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;

use gearman_broker::{ConnectionKey, Now};
use gearman_protocol::Command;

use crate::CloseReason;

/// The types that a driver brings.
pub trait Host {
    /// The byte streams of sessions.
    type Stream: Stream;
    /// Where time comes from.
    type Clock: Clock;
    /// Who hears what happens.
    type Journal: Journal;
    /// Connections of the broker that have no session.
    type Bridge: Bridge;
}

/// A connection's byte stream: a socket, a record layer over one, or memory.
///
/// Reading and writing never wait: an error of kind `WouldBlock` means "not now", and
/// the driver reports when that changes. A read that returns fewer bytes than there
/// was room for has emptied the stream, and the next byte is reported again.
pub trait Stream: Read + Write {
    /// Receives once into the capacity that `into` has left, behind what it holds.
    /// Returns the number of bytes; 0 is the end of the stream.
    ///
    /// # Errors
    /// When the connection is broken, or has nothing now.
    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize>;
}

/// The driver's poller, for one call.
pub trait Poller<S> {
    /// Turns reports of room for more bytes on or off. `index` is the session's.
    ///
    /// # Errors
    /// As the system call.
    fn watch_writable(&mut self, index: usize, stream: &mut S, wanted: bool) -> io::Result<()>;

    /// Takes back the stream of a session that has ended.
    fn closed(&mut self, stream: S);
}

/// Where time comes from.
pub trait Clock {
    /// The time on both clocks.
    fn now(&self) -> Now;

    /// The time on the clock that only goes forward, in milliseconds.
    fn ticks(&self) -> u64 {
        self.now().ticks
    }
}

/// What is worth a line in a log.
pub trait Journal {
    /// The name of the level from which on lines are not logged, as the text command
    /// `verbose` shows it.
    fn level_name(&self) -> &'static str;

    /// A packet came.
    fn packet(&mut self, from: ConnectionKey, command: Command);

    /// A session has ended.
    fn closed(&mut self, origin: Origin, reason: &CloseReason);

    /// A packet was answered with ERROR.
    fn refused(&mut self, origin: Origin, why: &[u8]);

    /// A submission was accepted; `due` is 0 if it is not for later.
    fn accepted(&mut self, function: &[u8], unique: &[u8], due: u64);

    /// A job failed because its attempts are used up.
    fn gave_up(&mut self, handle: &[u8], function: &[u8], unique: &[u8], attempts: u8);
}

/// Connections of the broker that have no session, such as calls by HTTP.
pub trait Bridge {
    /// Sends a packet to one of them. One for which more than `limit` bytes wait is
    /// given up. A key that is none of theirs is ignored.
    fn send(&mut self, to: ConnectionKey, packet: Vec<u8>, limit: usize);
}

/// No connections without a session.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBridge;

impl Bridge for NoBridge {
    fn send(&mut self, _to: ConnectionKey, _packet: Vec<u8>, _limit: usize) {}
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An address and a port.
    Inet(SocketAddr),
    /// A process of this machine, by its id; 0 if that cannot be seen from here.
    Local(i32),
}

impl Origin {
    /// The origin as administrators see it: without the port, and one word.
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
            Origin::Local(process) => write!(f, "unix:{process}"),
        }
    }
}
