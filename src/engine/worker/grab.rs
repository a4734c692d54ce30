//! Asking servers for a job, one after another, and waiting for one.
//!
//! Must not: run a job.

use super::Worker;
use super::server::{QueueState, WorkerOwed};
use super::stop::Stop;
use crate::ReturnCode;
use crate::at;
use crate::link::{ConnState, Wait, earlier};
use crate::slab::SlabId;
use gearman_net::Transport;
use gearman_protocol::{Command, Magic, encode};
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

/// Time that a server has to connect, or to answer, before the next one is asked.
pub(super) const ANSWER_GRACE: Duration = Duration::from_millis(200);

/// The progress of one call of `work` or `grab_job`. Plain data.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    stage: SearchStage,
    /// The number of the call, or in non-blocking mode of the round.
    pub(super) number: u64,
    /// Sleep until a job arrives, instead of asking every server once.
    sleeps: bool,
    pub(super) blocking: bool,
    /// The deadline of the call.
    deadline: Option<Instant>,
    /// The server that is waited for, and when its turn ends.
    turn: Option<(usize, Instant)>,
    /// A connection was lost during the call.
    lost: bool,
    /// Why the last unusable server failed.
    failure: Option<ReturnCode>,
    /// How long a graceful stop waits for an outstanding reply.
    stop_deadline: Option<Instant>,
}

/// The stage of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SearchStage {
    /// No server is asked yet.
    Begins,
    /// The shortcut has asked the only server.
    AsksQuickly,
    /// The next server can be asked.
    Asks,
    /// The call waits for a reply, a connection or a deadline.
    Pauses,
}

impl Search {
    /// A call that sleeps until a job arrives.
    pub const fn for_work() -> Search {
        Search::new(true)
    }

    /// A call that asks every server once.
    pub const fn for_grab() -> Search {
        Search::new(false)
    }

    const fn new(sleeps: bool) -> Search {
        Search {
            stage: SearchStage::Begins,
            number: 0,
            sleeps,
            blocking: true,
            deadline: None,
            turn: None,
            lost: false,
            failure: None,
            stop_deadline: None,
        }
    }
}

/// What a call does next.
enum AskOutcome {
    Take(SlabId),
    /// Wait for this server to connect or to answer.
    Await(usize),
    /// Every server was asked or passed over.
    AllAsked,
}

impl<T: Transport> Worker<T> {
    /// Asks every server once, and sleeps until each has answered.
    ///
    /// # Errors
    /// As [`Worker::poll_job`].
    pub fn grab(&mut self) -> Result<SlabId, ReturnCode> {
        let mut search = Search::for_grab();
        self.block(|worker| worker.poll_job(&mut search))
    }

    /// Continues until a job arrives or the call has to end without one.
    ///
    /// # Errors
    /// `NO_JOBS` if no server has a job and the call does not sleep, `IO_WAIT` in
    /// non-blocking mode, `TIMEOUT`, or why no server could be asked. Never `Pending` in
    /// non-blocking mode.
    #[inline]
    pub fn poll_job(&mut self, call: &mut Search) -> Poll<Result<SlabId, ReturnCode>> {
        match call.stage {
            SearchStage::Begins => {
                let deadline = self.begin_job(call.sleeps);
                let asked = self.send_quick_grab();
                let quick = if asked { self.poll_quick(deadline) } else { Poll::Ready(Ok(None)) };
                self.poll_begun(call, deadline, quick)
            }
            SearchStage::AsksQuickly => {
                let quick = self.poll_quick(call.deadline);
                self.poll_begun(call, call.deadline, quick)
            }
            SearchStage::Asks | SearchStage::Pauses => self.poll_find(call),
        }
    }

    /// Prepares a call: detects a fork, clears the last error, buffers changed functions.
    /// Returns the deadline.
    #[inline(always)]
    pub(super) fn begin_job(&mut self, sleeps: bool) -> Option<Instant> {
        self.check_fork();
        self.link.error.reset();
        self.flush_ability_changes();
        self.link.settings.timeout.filter(|_| self.timeout_ends_sleep || !sleeps)?;
        self.link.settings.deadline(self.link.net.now())
    }

    /// Continues a call with the result of the shortcut.
    #[inline]
    pub(super) fn poll_begun(
        &mut self,
        call: &mut Search,
        deadline: Option<Instant>,
        quick: Poll<Result<Option<SlabId>, ReturnCode>>,
    ) -> Poll<Result<SlabId, ReturnCode>> {
        (call.stage, call.deadline) = (SearchStage::AsksQuickly, deadline);
        match ready!(quick) {
            Ok(Some(job)) => Poll::Ready(Ok(job)),
            quick => self.search(call, quick.err()),
        }
    }

    /// Looks for a job on the regular path. `lost` is the error if the shortcut has lost the
    /// connection.
    #[inline(never)]
    fn search(
        &mut self,
        call: &mut Search,
        lost: Option<ReturnCode>,
    ) -> Poll<Result<SlabId, ReturnCode>> {
        call.blocking = !self.link.settings.non_blocking;
        if !call.blocking {
            return Poll::Ready(self.continue_round(call));
        }
        self.end_round();
        self.last_call += 1;
        call.number = self.last_call;
        if let Some(code) = lost {
            self.lose(call, 0, code);
        }
        self.begin_search()?;
        self.flush_grab(call);
        // The poller does not report again what the shortcut left unread.
        self.serve(call)?;
        call.stage = SearchStage::Asks;
        self.poll_find(call)
    }

    /// Checks that there are servers and functions, and closes connections of abandoned
    /// jobs.
    pub(super) fn begin_search(&mut self) -> Result<(), ReturnCode> {
        if self.servers.is_empty() {
            return Err(self.link.error.set_code(ReturnCode::NO_SERVERS));
        }
        if self.functions.is_empty() {
            return Err(self.link.error.set(
                ReturnCode::NO_REGISTERED_FUNCTIONS,
                at!("gearman_worker_grab_job"),
                "no functions have been registered",
            ));
        }
        if self.stop.is_some() {
            // A stronger request may have arrived.
            self.note_stop();
        }
        for key in 0..self.servers.len() {
            if self.servers[key].abandoned {
                self.disconnect(key);
            }
        }
        Ok(())
    }

    /// Asks servers until one assigns a job.
    fn poll_find(&mut self, call: &mut Search) -> Poll<Result<SlabId, ReturnCode>> {
        loop {
            if call.stage == SearchStage::Pauses {
                ready!(self.poll_pause(call))?;
                call.stage = SearchStage::Asks;
                self.serve(call)?;
            }
            self.check_stop(call)?;
            match self.ask(call) {
                AskOutcome::Take(job) => return Poll::Ready(Ok(job)),
                AskOutcome::Await(key) => call.turn = self.await_turn(call.turn, key),
                AskOutcome::AllAsked => self.all_asked(call)?,
            }
            call.stage = SearchStage::Pauses;
        }
    }

    /// Ends the call after a stop request. A graceful stop first waits for outstanding
    /// replies, for at most `ANSWER_GRACE`, and still runs a job that one of them assigns.
    pub(super) fn check_stop(&mut self, call: &mut Search) -> Result<(), ReturnCode> {
        let Some(stop) = self.stop else { return Ok(()) };
        let comes = (0..self.servers.len()).any(|key| self.may_bring_job(key));
        if stop == Stop::Graceful && comes && call.blocking {
            let now = self.link.net.now();
            if now < *call.stop_deadline.get_or_insert(now + ANSWER_GRACE) {
                return Ok(());
            }
        }
        self.return_unclaimed_jobs();
        Err(self.link.error.set_code(stop.code()))
    }

    /// Returns a received job, or asks the next server.
    fn ask(&mut self, call: &mut Search) -> AskOutcome {
        if let Some(job) = self.ready.pop_front() {
            return AskOutcome::Take(job);
        }
        for key in self.link.keys() {
            let server = &self.servers[key];
            if server.answered_in == call.number || server.passed_over {
                continue;
            }
            match self.link.conns[key].state {
                ConnState::Down => {
                    if self.stop.is_some()
                        || server.failed_in == call.number
                        || self.waits_to_reconnect(key)
                    {
                        continue;
                    }
                    match self.connect(key) {
                        Ok(()) => return AskOutcome::Await(key),
                        Err(code) => self.fail(call, key, code),
                    }
                }
                ConnState::Connecting => return AskOutcome::Await(key),
                ConnState::Up => {
                    if !server.awaits_job()
                        && self.stop.is_none()
                        && let Err(code) = self.grab_from(key)
                    {
                        self.lose(call, key, code);
                        // The server may be reachable again.
                        return self.ask(call);
                    }
                    return AskOutcome::Await(key);
                }
            }
        }
        AskOutcome::AllAsked
    }

    /// Asks a server for a job.
    pub(super) fn grab_from(&mut self, key: usize) -> Result<(), ReturnCode> {
        let command = self.grab_command(key);
        self.servers[key].owed.push_back(WorkerOwed::Grab);
        self.servers[key].noop = false;
        self.send_command(key, command)
    }

    /// Whether the reconnect delay of a server is not over. Reads the clock only after a
    /// failure.
    pub(super) fn waits_to_reconnect(&mut self, key: usize) -> bool {
        let Some(until) = self.servers[key].reconnect_at else { return false };
        let rests = self.link.net.now() < until;
        if !rests {
            self.servers[key].reconnect_at = None;
        }
        rests
    }

    /// Buffers a packet without arguments and flushes the connection.
    pub(super) fn send_command(&mut self, key: usize, command: Command) -> Result<(), ReturnCode> {
        encode(self.link.conns[key].out.bytes(), Magic::Request, command, &[], b"");
        self.link.flush(key, &[], &mut 0).map(drop)
    }

    /// The server to wait for, and when its turn ends.
    pub(super) fn await_turn(
        &self,
        turn: Option<(usize, Instant)>,
        key: usize,
    ) -> Option<(usize, Instant)> {
        if self.servers.len() == 1 || turn.is_some_and(|(turn, _)| turn == key) {
            return turn;
        }
        Some((key, self.link.net.now() + self.grace()))
    }

    /// The duration of a server's turn, so that every server is asked before the call's
    /// deadline. A timeout of 0 does not shorten it in non-blocking mode: such a program
    /// sleeps by itself.
    fn grace(&self) -> Duration {
        let settings = &self.link.settings;
        let limit = settings.timeout.filter(|t| !settings.non_blocking || !t.is_zero());
        let share = limit.map(|t| t / (self.servers.len() as u32 + 1));
        share.unwrap_or(ANSWER_GRACE).min(ANSWER_GRACE)
    }

    /// Handles the case that no server has a job now.
    fn all_asked(&mut self, call: &mut Search) -> Result<(), ReturnCode> {
        call.turn = None;
        let answered = self.servers.iter().any(|s| s.answered_in == call.number);
        if !call.sleeps && answered {
            return Err(ReturnCode::NO_JOBS);
        }
        if call.sleeps {
            for key in 0..self.servers.len() {
                if let Err(code) = self.go_to_sleep(key) {
                    self.lose(call, key, code);
                }
            }
        }
        if !self.link.any_open() {
            self.all_down(call)?;
        }
        Ok(())
    }

    /// Sends PRE_SLEEP to a server without a job, which then sends NOOP when it has one.
    pub(super) fn go_to_sleep(&mut self, key: usize) -> Result<(), ReturnCode> {
        if self.servers[key].queue != QueueState::Empty
            || self.link.conns[key].state != ConnState::Up
        {
            return Ok(());
        }
        self.servers[key].queue = QueueState::PreSleepSent;
        self.send_command(key, Command::PreSleep)
    }

    /// Handles the case that no server can be reached. A call that sleeps with a deadline
    /// retries until then; any other fails once every server was tried.
    fn all_down(&mut self, call: &mut Search) -> Result<(), ReturnCode> {
        let tried = self.servers.iter().all(|s| s.failed_in == call.number);
        let failure = call.failure.unwrap_or(ReturnCode::COULD_NOT_CONNECT);
        let retries = call.sleeps && call.deadline.is_some();
        if retries {
            self.servers.iter_mut().for_each(|s| s.failed_in = 0);
        } else if tried {
            return Err(self.unreachable(failure));
        }
        Ok(())
    }

    /// Records that no server can be reached, unless that is recorded already.
    fn unreachable(&mut self, code: ReturnCode) -> ReturnCode {
        if self.link.error.code() != code
            && let Some(conn) = self.link.conns.last()
        {
            let text = format!("Connection to {}:{} failed", conn.host, conn.port);
            self.link.error.set(code, at!("flush"), &text);
        }
        code
    }

    /// Waits for a connection, for the deadline, or for the end of a server's turn.
    fn poll_pause(&mut self, call: &mut Search) -> Poll<Result<(), ReturnCode>> {
        let until = self.pause_ends(call);
        let wait = ready!(self.link.poll_wait(until))?;
        Poll::Ready(match wait {
            Wait::Ready => Ok(()),
            Wait::Woken => {
                self.note_stop();
                Ok(())
            }
            Wait::Interrupted => Err(self.link.error.set_code(ReturnCode::IO_WAIT)),
            Wait::TimedOut => self.pause_ended(call),
        })
    }

    fn pause_ends(&self, call: &Search) -> Option<Instant> {
        let mut until = earlier(call.deadline, call.turn.map(|(_, end)| end));
        until = earlier(until, call.stop_deadline);
        for (conn, server) in self.link.conns.iter().zip(&self.servers) {
            match conn.state {
                ConnState::Up => {}
                ConnState::Connecting => until = earlier(until, conn.deadline),
                // A call that does not sleep tries each server once.
                ConnState::Down if !call.sleeps && server.failed_in == call.number => {}
                ConnState::Down => until = earlier(until, server.reconnect_at),
            }
        }
        until
    }

    fn pause_ended(&mut self, call: &mut Search) -> Result<(), ReturnCode> {
        let now = self.link.net.now();
        // `serve` handles an attempt to connect that has expired.
        self.link.expire_connects();
        // A server is tried again after its reconnect delay, also by the same call:
        // otherwise the delay would be over again in each wait.
        for server in &mut self.servers {
            if call.sleeps && server.reconnect_at.is_some_and(|until| until <= now) {
                (server.reconnect_at, server.failed_in) = (None, 0);
            }
        }
        if let Some((key, until)) = call.turn
            && until <= now
        {
            self.servers[key].passed_over = true;
            call.turn = None;
            return Ok(());
        }
        if call.deadline.is_some_and(|d| d <= now) {
            return Err(self.out_of_time(call));
        }
        Ok(())
    }

    fn out_of_time(&mut self, call: &Search) -> ReturnCode {
        if self.link.any_open() {
            return self.link.timed_out();
        }
        if !call.lost {
            return self.unreachable(call.failure.unwrap_or(ReturnCode::COULD_NOT_CONNECT));
        }
        self.link.error.set(
            ReturnCode::TIMEOUT,
            at!("gearman_worker_grab_job"),
            "Option timeout return reached",
        )
    }

    /// Handles connections that are ready.
    pub(super) fn serve(&mut self, call: &mut Search) -> Result<(), ReturnCode> {
        for key in 0..self.servers.len() {
            if self.link.conns[key].state == ConnState::Connecting
                && self.link.conns[key].writable
                && let Err(code) = self.finish_connect(key)
            {
                self.fail(call, key, code);
            }
            let conn = &mut self.link.conns[key];
            if conn.state != ConnState::Up {
                continue;
            }
            conn.reported = false;
            if std::mem::take(&mut conn.writable)
                && !conn.out.is_empty()
                && let Err(code) = self.link.flush(key, &[], &mut 0)
            {
                self.lose(call, key, code);
                continue;
            }
            let conn = &self.link.conns[key];
            if (conn.readable || !conn.inbuf.is_empty())
                && let Err(code) = self.read(key, call.number)
            {
                if self.link.conns[key].state == ConnState::Up
                    || code != ReturnCode::LOST_CONNECTION
                {
                    return Err(code);
                }
                self.lose(call, key, code);
            }
        }
        Ok(())
    }

    /// Notes that a server could not be connected to.
    pub(super) fn fail(&mut self, call: &mut Search, key: usize, code: ReturnCode) {
        self.lost(key);
        self.servers[key].failed_in = call.number;
        call.failure = Some(code);
    }

    /// Notes that a connection broke. It is made again: in this call if that blocks, or in
    /// the next round.
    pub(super) fn lose(&mut self, call: &mut Search, key: usize, code: ReturnCode) {
        self.lost(key);
        if !call.blocking {
            self.servers[key].failed_in = call.number;
        }
        self.servers[key].answered_in = 0;
        call.lost = true;
        call.failure = Some(code);
    }
}
