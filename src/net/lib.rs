//! Sockets and waiting: the only user of mio and of socket calls in the library.
//!
//! The engine uses it through [`Transport`], so that tests can drive the engine's state
//! machines with a script instead of sockets.
//!
//! Must not: know packets, jobs or tasks.

pub mod address;
pub mod cancel_state;
pub mod fork;
mod keepalive;
mod low_descriptors;
mod mio_net;
mod random;
mod socket;
mod tls_settings;
#[cfg(feature = "tls")]
mod tls_socket;
mod uncancelled;
mod wait_call;
mod wake;

pub use address::Address;
pub use keepalive::KeepaliveTime;
pub use mio_net::MioNet;
pub use random::random;
pub use tls_settings::{CA_VARIABLE, ClientTlsSettings, TlsVerify, is_tls_in_environment};
pub use wait_call::{WaitCall, wait_for};
pub use wake::WakePipe;

use gearman_buf::Owned;
use std::io;
use std::mem::MaybeUninit;
use std::time::Instant;

/// The events of a connection that a wait found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// The key that the connection was opened with, or [`WAKE_KEY`].
    pub key: usize,
    /// Bytes or the end of the stream can be received.
    pub readable: bool,
    /// Bytes can be sent, or an attempt to connect has ended.
    pub writable: bool,
    /// The peer has closed the connection, or it is broken. This is its last event: it has
    /// to be read until its end.
    pub closed: bool,
}

/// The key of a wake-up pipe in [`Ready`].
pub const WAKE_KEY: usize = usize::MAX - 1;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// At least one connection is ready.
    Ready,
    /// The deadline has passed.
    TimedOut,
    /// A signal handler ran.
    Interrupted,
}

/// The state of an idle connection, found without reading from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// Nothing has arrived.
    Quiet,
    /// Bytes can be received.
    Readable,
    /// The peer has closed it, or it is broken.
    Dead,
}

/// The sockets of one client or worker, each under a key, and a wait for all of them.
///
/// An error of kind `WouldBlock` means that the call can be repeated after a wait. A
/// `recv*` that returns 0 bytes means that the peer has closed the connection.
pub trait Transport {
    /// The time on the clock of all deadlines.
    fn now(&self) -> Instant;

    /// A random number, for delays that differ between processes. May make a system call.
    fn random(&mut self) -> u32;

    /// Whether this process was forked since the last call. In the child, closes every
    /// inherited descriptor without sending anything, and returns true once.
    fn forked(&mut self) -> bool;

    /// Looks up the addresses of a host. Numeric addresses and paths do not use the
    /// resolver.
    ///
    /// # Errors
    /// Those of the resolver.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<Address>>;

    /// Starts to connect a new socket, under `key`. It becomes ready for writing when the
    /// attempt has ended.
    ///
    /// # Errors
    /// When the attempt fails at once.
    fn connect(
        &mut self,
        key: usize,
        address: &Address,
        keepalive: KeepaliveTime,
    ) -> io::Result<()>;

    /// As `connect`, with TLS. The attempt to connect ends with the hand-shake. `host` is the
    /// name that is verified, unless the settings have one.
    ///
    /// # Errors
    /// Also if a file of the settings is wrong, or the transport has no TLS.
    fn connect_tls(
        &mut self,
        key: usize,
        address: &Address,
        host: &str,
        tls: &ClientTlsSettings,
        keepalive: KeepaliveTime,
    ) -> io::Result<()> {
        let _ = (key, address, host, tls, keepalive);
        let text = "TLS was requested, but this libgearman is built without it";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }

    /// Returns the outcome of an attempt to connect.
    ///
    /// # Errors
    /// `WouldBlock` while the attempt lasts; else why it failed.
    fn finish_connect(&mut self, key: usize) -> io::Result<()>;

    /// Sends `head` and then `body` in one system call. Returns the number of bytes sent,
    /// which may end in either.
    ///
    /// # Errors
    /// Those of the socket.
    fn send(&mut self, key: usize, head: &[u8], body: &[u8]) -> io::Result<usize>;

    /// Receives into `space`. Returns the number of bytes received.
    ///
    /// # Errors
    /// Those of the socket.
    fn recv(&mut self, key: usize, space: &mut [u8]) -> io::Result<usize>;

    /// Receives at most `limit` bytes into the spare capacity of `into`. Returns the number
    /// of bytes received.
    ///
    /// # Errors
    /// Those of the socket.
    fn recv_owned(&mut self, key: usize, into: &mut Owned, limit: usize) -> io::Result<usize>;

    /// Receives into memory of the caller, which may be uninitialised. Returns the number
    /// of bytes received, which are then initialised.
    ///
    /// # Errors
    /// Those of the socket.
    fn recv_raw(&mut self, key: usize, space: &mut [MaybeUninit<u8>]) -> io::Result<usize>;

    /// The state of an idle connection. Dead if `key` is not open.
    fn liveness(&mut self, key: usize) -> Liveness;

    /// Sets whether waits report `key` when bytes can be sent.
    fn want_writable(&mut self, key: usize, wanted: bool);

    /// Closes the socket under `key`, if it is open.
    fn close(&mut self, key: usize);

    /// Waits until a connection is ready or the deadline `until` has passed. Without a
    /// deadline the wait has no limit.
    ///
    /// # Errors
    /// Those of the poller.
    fn wait(&mut self, until: Option<Instant>) -> io::Result<Waited>;

    /// Takes the events that the last wait found.
    fn ready(&mut self) -> impl Iterator<Item = Ready>;

    /// Takes a byte out of the wake-up pipe, if it holds one.
    fn take_wake(&mut self) -> Option<u8>;

    /// Puts a byte into the wake-up pipe.
    fn put_wake(&mut self, byte: u8);

    /// A descriptor that is readable when a wait would not block. The transport owns it.
    ///
    /// # Errors
    /// When the poller cannot be created.
    fn poll_fd(&mut self) -> io::Result<i32>;
}
