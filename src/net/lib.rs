//! Sockets and waiting: the only user of mio and of socket calls.
//!
//! The engine talks to it through [`Transport`], so that its state machines can
//! be driven by a script in tests.
//!
//! Must not: know packets, jobs or tasks.

pub mod address;
pub mod cancel_state;
pub mod fork;
mod mio_net;
mod random;
mod socket;
mod uncancelled;
mod wait_call;
mod wake;

pub use address::Address;
pub use mio_net::MioNet;
pub use random::random;
pub use wait_call::{WaitCall, wait_for};
pub use wake::WakePipe;

use gearman_buf::Owned;
use std::io;
use std::mem::MaybeUninit;
use std::time::Instant;

/// What a connection has become ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Which connection: the key it was opened with, or [`WAKE_KEY`].
    pub key: usize,
    /// Bytes, or the end of the stream, can be received.
    pub readable: bool,
    /// Bytes can be sent, or connecting has ended.
    pub writable: bool,
    /// The peer has closed or the connection broke: there will be no further
    /// report, so it has to be read to its end.
    pub closed: bool,
}

/// The key under which a wake-up pipe reports.
pub const WAKE_KEY: usize = usize::MAX - 1;

/// Where a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// At least one connection is ready.
    Ready,
    /// The time was up.
    TimedOut,
    /// A signal handler ran.
    Interrupted,
}

/// The state of an idle connection, looked at without reading from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// Nothing has arrived.
    Quiet,
    /// Bytes wait to be received.
    Readable,
    /// The peer closed it, or it broke.
    Dead,
}

/// Sockets under keys, and one place to wait for all of them.
///
/// Errors of kind `WouldBlock` mean "not now"; `recv*` returning 0 means that
/// the peer closed.
pub trait Transport {
    /// The clock that deadlines are measured on.
    fn now(&self) -> Instant;

    /// Notices that this process is a forked child: closes every inherited
    /// descriptor without a word to the peer, and returns true once.
    fn forked(&mut self) -> bool;

    /// Looks a host up. Numeric addresses and paths never ask the resolver.
    ///
    /// # Errors
    /// The resolver's.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<Address>>;

    /// Starts connecting `key`. It is ready for writing once that has ended.
    ///
    /// # Errors
    /// When it failed at once.
    fn connect(&mut self, key: usize, address: &Address) -> io::Result<()>;

    /// Whether connecting has ended well; `WouldBlock` while it goes on.
    ///
    /// # Errors
    /// Why it failed.
    fn finish_connect(&mut self, key: usize) -> io::Result<()>;

    /// Sends `head` and then `body`, as one system call.
    ///
    /// # Errors
    /// The socket's.
    fn send(&mut self, key: usize, head: &[u8], body: &[u8]) -> io::Result<usize>;

    /// Receives into `space`, and reports how many bytes were written there.
    ///
    /// # Errors
    /// The socket's.
    fn recv(&mut self, key: usize, space: &mut [u8]) -> io::Result<usize>;

    /// Receives at most `limit` bytes into the room that `into` has left.
    ///
    /// # Errors
    /// The socket's.
    fn recv_owned(&mut self, key: usize, into: &mut Owned, limit: usize) -> io::Result<usize>;

    /// Receives into memory of the caller that need not be initialised.
    ///
    /// # Errors
    /// The socket's.
    fn recv_raw(&mut self, key: usize, space: &mut [MaybeUninit<u8>]) -> io::Result<usize>;

    /// Looks whether the peer is still there.
    fn liveness(&mut self, key: usize) -> Liveness;

    /// Whether to report `key` when it can be written to.
    fn want_writable(&mut self, key: usize, wanted: bool);

    /// Closes `key`, which need not be open.
    fn close(&mut self, key: usize);

    /// Waits until a connection is ready or `until` has come.
    ///
    /// # Errors
    /// The poller's.
    fn wait(&mut self, until: Option<Instant>) -> io::Result<Waited>;

    /// What the last wait found. To be asked for once after it.
    fn ready(&mut self) -> impl Iterator<Item = Ready>;

    /// Takes a byte out of the wake-up pipe.
    fn take_wake(&mut self) -> Option<u8>;

    /// Puts a byte back into the wake-up pipe.
    fn put_wake(&mut self, byte: u8);

    /// A descriptor that is readable when a wait would not block.
    ///
    /// # Errors
    /// When there is no poller and none can be made.
    fn poll_fd(&mut self) -> io::Result<i32>;
}
