//! Asking servers for a job in non-blocking mode.
//!
//! A round spans several calls. In it every server has one turn, the last added first: it
//! is connected to, asked, and asked again after each job that it assigns. A call does one
//! of these and returns `IO_WAIT` where it would have to wait for the result. When all
//! servers had their turn the round ends with `NO_JOBS`, also when servers could not be
//! reached or were lost, because programs continue after no other code.
//!
//! Must not: wait.

use super::Worker;
use super::grab::Search;
use super::server::WorkerServer;
use crate::ReturnCode;
use crate::link::{ConnState, Wait};
use crate::slab::SlabId;
use gearman_net::Transport;
use std::time::Instant;

impl<T: Transport> Worker<T> {
    /// Makes one call of a round.
    ///
    /// # Errors
    /// As [`Worker::poll_job`].
    pub(super) fn continue_round(&mut self, call: &mut Search) -> Result<SlabId, ReturnCode> {
        if self.round == 0 {
            self.last_call += 1;
            self.round = self.last_call;
        }
        call.number = self.round;
        let turn = self.take_turn(call);
        match turn {
            Err(ReturnCode::IO_WAIT) => {}
            // The server that assigned it may have more.
            Ok(_) => self.turn = None,
            Err(_) => self.end_round(),
        }
        turn
    }

    /// Ends the round. The next call begins a new one.
    pub(super) fn end_round(&mut self) {
        self.round = 0;
        self.turn = None;
    }

    fn take_turn(&mut self, call: &mut Search) -> Result<SlabId, ReturnCode> {
        self.begin_search()?;
        match self.link.poll_now()? {
            Wait::Ready | Wait::TimedOut => {}
            Wait::Woken => self.note_stop(),
            Wait::Interrupted => return Err(self.link.error.set_code(ReturnCode::IO_WAIT)),
        }
        self.link.expire_connects();
        self.serve(call)?;
        self.check_stop(call)?;
        if let Some(job) = self.ready.pop_front() {
            return Ok(job);
        }
        if self.turn.is_some_and(|(_, until)| until <= self.link.net.now()) {
            self.pass_over();
        }
        for key in self.link.keys() {
            if self.may_ask(key) && self.begin_turn(call, key) {
                self.turn = self.await_turn(self.turn, key);
                return Err(self.link.error.set_code(ReturnCode::IO_WAIT));
            }
        }
        Err(self.finish_round())
    }

    /// Whether a server's turn in this round is not over.
    fn may_ask(&mut self, key: usize) -> bool {
        let server = &self.servers[key];
        if server.answered_in == self.round || server.passed_over {
            return false;
        }
        self.link.conns[key].state != ConnState::Down || self.may_connect(key)
    }

    /// Whether to connect to a server that is down. A program that sleeps in its own event
    /// loop until [`Worker::next_timeout`] waits for the reconnect delay while another
    /// server is up. Any other program sleeps between two rounds, so every round tries
    /// once.
    fn may_connect(&mut self, key: usize) -> bool {
        if self.in_event_loop && self.any_up() {
            return !self.waits_to_reconnect(key);
        }
        self.may_try(&self.servers[key])
    }

    pub(super) fn any_up(&self) -> bool {
        self.link.conns.iter().any(|conn| conn.state == ConnState::Up)
    }

    /// Takes the next action in a server's turn. Returns whether its result has to be
    /// waited for.
    fn begin_turn(&mut self, call: &mut Search, key: usize) -> bool {
        match self.link.conns[key].state {
            ConnState::Connecting => true,
            ConnState::Down => match self.connect(key) {
                Ok(()) => true,
                Err(code) => {
                    self.fail(call, key, code);
                    false
                }
            },
            ConnState::Up if self.servers[key].awaits_job() => true,
            ConnState::Up => match self.grab_from(key) {
                Ok(()) => true,
                Err(code) => {
                    self.lose(call, key, code);
                    false
                }
            },
        }
    }

    /// Ends the turn of a server that is too slow: the others no longer wait for it. A
    /// server that has just been connected to is asked first.
    pub(super) fn pass_over(&mut self) {
        let Some((key, _)) = self.turn.take() else { return };
        let server = &mut self.servers[key];
        server.passed_over |=
            server.awaits_job() || self.link.conns[key].state == ConnState::Connecting;
    }

    /// When the current turn ends, if other servers wait for theirs.
    pub(super) fn grace_ends(&self) -> Option<Instant> {
        let (turn, until) = self.turn?;
        let waits = |key: usize, server: &WorkerServer| {
            let failed = self.link.conns[key].state == ConnState::Down && !self.may_try(server);
            key != turn && server.answered_in != self.round && !server.passed_over && !failed
        };
        self.servers.iter().enumerate().any(|(key, server)| waits(key, server)).then_some(until)
    }

    /// Whether a server that is down was not tried in this round.
    pub(super) fn may_try(&self, server: &WorkerServer) -> bool {
        self.round == 0 || server.failed_in != self.round
    }

    /// Ends a round without a job.
    fn finish_round(&mut self) -> ReturnCode {
        for key in 0..self.servers.len() {
            if self.go_to_sleep(key).is_err() {
                self.lost(key);
            }
        }
        if self.servers.iter().all(|server| server.passed_over) {
            return self.link.error.set_code(ReturnCode::IO_WAIT);
        }
        // Having no job is not an error.
        ReturnCode::NO_JOBS
    }
}
