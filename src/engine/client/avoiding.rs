//! Servers that did not answer in time. Others are preferred to them, so that a host that
//! vanished delays one call and not all of them.
//!
//! Must not: avoid a server that refuses or closes connections: those are tried at once.

use super::Client;
use super::run::TaskRun;
use crate::ReturnCode;
use crate::link::ConnState;
use gearman_net::Transport;
use std::time::{Duration, Instant};

/// Time for which a server that did not answer is left alone. Then a run that uses another
/// server connects to it beside that.
const AVOIDED_FOR: Duration = Duration::from_secs(2);

impl<T: Transport> Client<T> {
    /// Prefers other servers from now on.
    pub(super) fn avoid(&mut self, key: usize) {
        self.servers[key].avoided_until = self.clock.checked_add(AVOIDED_FOR);
    }

    /// Prefers other servers if the attempt to connect to this one took all its time.
    pub(super) fn avoid_if_silent(&mut self, key: usize) {
        if self.link.conns[key].has_not_answered() {
            self.avoid(key);
        }
    }

    /// Closes a connection on which a reply did not come in time, before anything else is sent on
    /// it: its host may be gone, and a new connection finds the one that is there now. A
    /// connection with unfinished tasks is kept, since the next run may continue them.
    pub(super) fn close_if_overdue(&mut self, key: usize) {
        let server = &self.servers[key];
        let is_overdue =
            server.avoided_until.is_some() && server.inflight == 0 && server.owes_reply();
        if is_overdue && self.link.conns[key].state == ConnState::Up {
            self.link.close(key);
            self.lose(key, ReturnCode::LOST_CONNECTION);
        }
    }

    /// The server has answered: it is one like the others.
    pub(super) fn no_longer_avoid(&mut self, key: usize) {
        let server = &mut self.servers[key];
        server.avoided_until = None;
        server.is_probe = false;
    }

    /// Connects to avoided servers whose time is over, without waiting for them.
    #[cold]
    pub(super) fn probe_avoided(&mut self, run: &TaskRun) {
        for key in 0..self.servers.len() {
            let server = &self.servers[key];
            if server.avoided_until.is_none_or(|until| until > self.clock) || server.inflight > 0 {
                continue;
            }
            // A connection that owes an answer, or an attempt that has none, is made anew.
            if self.link.conns[key].state != ConnState::Down {
                self.link.close(key);
                self.lose(key, ReturnCode::LOST_CONNECTION);
            }
            self.avoid(key);
            // Why it failed is told when the server is needed.
            self.servers[key].is_probe = self.open(key, run).is_ok();
        }
    }

    /// Handles servers that owe a reply and have sent nothing for the whole timeout. Returns
    /// whether the run goes on, because its tasks were queued again.
    pub(super) fn give_up_silent(&mut self, run: &TaskRun, began: Instant, now: Instant) -> bool {
        let Some(timeout) = self.link.settings.timeout else { return false };
        let (mut lost, mut again) = (0, false);
        for key in 0..self.servers.len() {
            let (conn, server) = (&self.link.conns[key], &self.servers[key]);
            let is_silent = conn.state == ConnState::Up
                && server.owes_reply()
                && conn.last_received.max(began) + timeout <= now;
            if !is_silent {
                continue;
            }
            self.avoid(key);
            if self.link.settings.resubmissions > 0 && self.servers[key].inflight > 0 {
                let waiting = self.new.len();
                self.link.close(key);
                lost += self.lose(key, ReturnCode::TIMEOUT);
                again |= self.new.len() > waiting;
            }
        }
        match run.until {
            Some(id) => self.tasks.get(id).is_some_and(|task| task.awaits_server() && again),
            None => again && lost == 0,
        }
    }
}
