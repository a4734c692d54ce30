//! Waiting between calls: for `gearman_worker_wait`, and for programs with their own event
//! loop.
//!
//! Must not: read or send.

use super::Worker;
use super::server::{QueueState, WorkerServer};
use crate::ReturnCode;
use crate::link::{Conn, ConnState, Limit, Wait};
use gearman_net::Transport;
use std::task::{Poll, ready};
use std::time::Duration;

impl<T: Transport> Worker<T> {
    /// Waits until something that earlier calls have started makes progress, or another
    /// server can be asked.
    ///
    /// # Errors
    /// `NO_ACTIVE_FDS` if nothing is due, `TIMEOUT`, `IO_WAIT` after a signal, or the code
    /// of a stop request.
    pub fn poll_any(&mut self, limit: &mut Limit) -> Poll<Result<(), ReturnCode>> {
        self.check_fork();
        let awaits_noop = self.awaits_noop();
        for (key, server) in self.servers.iter().enumerate() {
            let conn = &self.link.conns[key];
            let expected = is_due(conn, server, awaits_noop) || self.has_ready_job(key);
            self.link.conns[key].expected = expected;
        }
        if let Some(stop) = self.stop.filter(|_| self.link.expects_any()) {
            return Poll::Ready(Err(self.link.error.set_code(stop.code())));
        }
        if self.report_ready_jobs() {
            return Poll::Ready(Ok(()));
        }
        let grace = self.grace_ends();
        Poll::Ready(match ready!(self.link.poll_any(limit, grace))? {
            Wait::Ready => Ok(()),
            Wait::TimedOut => {
                self.pass_over();
                Ok(())
            }
            Wait::Woken => {
                self.note_stop();
                match self.stop {
                    Some(stop) => Err(self.link.error.set_code(stop.code())),
                    None => Ok(()),
                }
            }
            Wait::Interrupted => Err(self.link.error.set_code(ReturnCode::IO_WAIT)),
        })
    }

    /// Whether to wait for NOOP from servers that were sent PRE_SLEEP: if something else is
    /// due as well, or if all connected servers were sent it or are passed over.
    fn awaits_noop(&self) -> bool {
        let up = |(conn, _): &(&Conn, &WorkerServer)| conn.state == ConnState::Up;
        let mut open = self.link.conns.iter().zip(&self.servers).filter(up);
        let sleeps =
            open.all(|(_, server)| server.queue == QueueState::PreSleepSent || server.passed_over);
        let connects = self.link.conns.iter().any(|conn| conn.state == ConnState::Connecting);
        sleeps || connects || self.servers.iter().any(WorkerServer::awaits_job)
    }

    /// Whether a received job of a connection is not returned yet.
    fn has_ready_job(&self, key: usize) -> bool {
        self.ready.iter().any(|&id| self.jobs.get(id).is_some_and(|job| job.conn == key))
    }

    /// Marks the connections that have such a job as reported. Returns whether any of them
    /// was not reported before.
    fn report_ready_jobs(&mut self) -> bool {
        let mut any = false;
        for &id in &self.ready {
            if let Some(conn) = self.jobs.get(id).and_then(|j| self.link.conns.get_mut(j.conn)) {
                any |= !std::mem::replace(&mut conn.reported, true);
            }
        }
        any
    }

    /// Whether a call can do something without waiting.
    pub fn has_buffered_work(&self) -> bool {
        !self.ready.is_empty()
            || (self.link.conns.iter())
                .any(|c| c.readable || c.writable || (!c.inbuf.is_empty() && !c.partial))
    }

    /// A descriptor that is readable when a call has something to do; -1 if there is none.
    pub fn poll_fd(&mut self) -> i32 {
        self.check_fork();
        self.in_event_loop = true;
        self.link.net.poll_fd().unwrap_or(-1)
    }

    /// Time until a call has something to do although no bytes arrive: connecting or a
    /// reply takes too long, a server that is down can be tried again, or a call has ended
    /// before a connected server was asked, because of what another has sent.
    pub fn next_timeout(&mut self) -> Option<Duration> {
        self.check_fork();
        self.in_event_loop = true;
        let now = self.link.net.now();
        // While another server is up, a server is tried when its reconnect delay is over,
        // else once in a round, and never before the turn of an earlier server has ended.
        let any_up = self.any_up();
        let asks = !self.functions.is_empty() && self.stop.is_none();
        let retries = (self.link.conns.iter().zip(&self.servers).enumerate())
            .filter(|(_, (conn, server))| {
                asks && conn.state == ConnState::Down && (any_up || self.may_try(server))
            })
            .map(|(key, (_, server))| {
                let turn = self.turn.filter(|&(turn, _)| turn > key).map(|(_, end)| end);
                server.reconnect_at.max(turn).unwrap_or(now)
            });
        let turn = self.turn.map(|(_, end)| end);
        let ask = (asks && self.turn.is_none() && self.any_unasked()).then_some(now);
        let next = retries.chain(self.link.connect_deadline()).chain(turn).chain(ask).min()?;
        Some(next.saturating_duration_since(now))
    }

    /// Whether a server is connected and may have a job, and the next call asks it.
    fn any_unasked(&self) -> bool {
        self.link.conns.iter().zip(&self.servers).any(|(conn, server)| {
            conn.state == ConnState::Up
                && server.queue == QueueState::Unknown
                && !server.passed_over
                && !server.awaits_job()
        })
    }
}

/// Whether something is due on a connection. `awaits_noop` is [`Worker::awaits_noop`].
fn is_due(conn: &Conn, server: &WorkerServer, awaits_noop: bool) -> bool {
    match conn.state {
        ConnState::Down => false,
        ConnState::Connecting => true,
        ConnState::Up => {
            let sleeps = server.queue == QueueState::PreSleepSent && awaits_noop;
            sleeps || conn.is_blocked() || !server.owed.is_empty() || server.incoming.is_some()
        }
    }
}
