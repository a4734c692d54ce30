//! The job server without sockets, threads or a clock.
//!
//! A session is one connection: it splits received bytes into packets and lines, and
//! queues the answers. [`JobServer`] is all sessions around one broker. Its driver
//! implements [`Host`]: byte streams, a clock and a log. `gearmand` drives it with sockets
//! and an event loop; a simulation drives it with streams in memory and a simulated clock.
//!
//! Must not: do I/O other than through a [`Stream`], or read a clock other than
//! through a [`Clock`].

#![forbid(unsafe_code)]

mod access;
mod buffer_growth;
mod close;
mod fetches;
mod framing;
mod held_output;
mod host;
mod job_server;
mod list_writer;
mod outlet;
mod send_queue;
mod session;
mod sessions;
mod storage;
#[cfg(test)]
mod tests;
mod unread;

pub use buffer_growth::buffer_capacity;
pub use close::CloseReason;
pub use gearman_access::PeerIdentity;
pub use host::{
    Bridge, Clock, Host, Journal, LocalPeer, NoBridge, Origin, Poller, Requester, StoreEvent,
    Stream,
};
pub use job_server::{DriverRequest, JobServer, JobServerSettings};
pub use storage::{StoreRequest, StoreState};
