//! Waiting between calls: for `gearman_client_wait`, and for programs with their own event
//! loop.
//!
//! Must not: read or send.

use super::Client;
use super::read::ClientIncoming;
use crate::ReturnCode;
use crate::link::{ConnState, Limit, Wait, earlier};
use gearman_net::Transport;
use std::task::{Poll, ready};
use std::time::Duration;

impl<T: Transport> Client<T> {
    /// Waits until something that earlier calls have started makes progress.
    ///
    /// # Errors
    /// `NO_ACTIVE_FDS` if nothing is due, `TIMEOUT`, or `IO_WAIT` after a signal.
    pub fn poll_any(&mut self, limit: &mut Limit) -> Poll<Result<(), ReturnCode>> {
        self.check_fork();
        self.mark_expected();
        Poll::Ready(match ready!(self.link.poll_any(limit, None))? {
            Wait::Ready | Wait::Woken | Wait::TimedOut => Ok(()),
            Wait::Interrupted => Err(self.link.error.set_code(ReturnCode::IO_WAIT)),
        })
    }

    /// Marks the connections on which something is due.
    fn mark_expected(&mut self) {
        for (conn, server) in self.link.conns.iter_mut().zip(&self.servers) {
            conn.expected = match conn.state {
                ConnState::Down => false,
                ConnState::Connecting => !server.is_probe,
                ConnState::Up => {
                    conn.is_blocked()
                        || !server.owed.is_empty()
                        || server.inflight > 0
                        || !matches!(server.incoming, ClientIncoming::None)
                }
            };
        }
    }

    /// Polls once at the start of a non-blocking run, unless nothing is due or readiness is
    /// already noted.
    #[cold]
    pub(super) fn poll_once(&mut self) {
        self.mark_expected();
        let conns = &self.link.conns;
        let due = conns.iter().any(|conn| conn.expected);
        if due && !conns.iter().any(|conn| conn.expected && conn.is_ready()) {
            // The next wait reports the poller's error.
            let _ = self.link.poll_now();
        }
    }

    /// Whether `step` can do something without waiting.
    pub fn has_buffered_work(&self) -> bool {
        !self.todo.is_empty()
            || self.link.conns.iter().any(|c| c.readable || (!c.inbuf.is_empty() && !c.partial))
            || (!self.new.is_empty() && !(0..self.servers.len()).any(|key| self.is_waited_for(key)))
    }

    /// Whether new tasks have to wait for this connection.
    fn is_waited_for(&self, key: usize) -> bool {
        match self.link.conns[key].state {
            ConnState::Down => false,
            ConnState::Connecting => !self.link.conns[key].writable,
            ConnState::Up => self.is_busy(key),
        }
    }

    /// A descriptor that is readable when a step has something to do, or -1.
    pub fn poll_fd(&mut self) -> i32 {
        self.check_fork();
        self.link.net.poll_fd().unwrap_or(-1)
    }

    /// Time until the next deadline.
    pub fn next_timeout(&self) -> Option<Duration> {
        if self.active == 0 {
            return None;
        }
        let now = self.link.net.now();
        let connect = self.link.connect_deadline().map(|d| d.saturating_duration_since(now));
        earlier(connect, self.link.settings.timeout)
    }
}
