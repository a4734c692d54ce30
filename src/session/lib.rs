//! The job server without sockets, threads or a clock.
//!
//! A session is one connection: bytes in, packets and lines out of them, and the
//! queue of what is to be sent. [`JobServer`] is all sessions around one broker.
//! Whoever drives it brings a [`Host`]: byte streams, a clock, and a place for what is
//! worth a line in a log. `gearmand` brings sockets and an event loop; a simulation
//! brings memory and a clock of its own.
//!
//! Must not: do I/O other than through a [`Stream`], or read a clock other than
//! through a [`Clock`].

#![forbid(unsafe_code)]

mod close;
mod framing;
mod host;
mod job_server;
mod list_writer;
mod outlet;
mod send_queue;
mod session;
mod sessions;
#[cfg(test)]
mod tests;

pub use close::CloseReason;
pub use host::{Bridge, Clock, Host, Journal, NoBridge, Origin, Poller, Stream};
pub use job_server::{JobServer, Request, Settings};
