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

/// How long a server may take to answer, or to be connected to, before the next
/// one is asked.
pub(super) const ANSWER_GRACE: Duration = Duration::from_millis(200);

/// One call of `work` or `grab_job`, until it has a job. Plain data.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    stage: SearchStage,
    /// Names the call, or in non-blocking mode the round.
    pub(super) number: u64,
    /// Sleep until there is a job, or only ask once.
    sleeps: bool,
    pub(super) blocking: bool,
    /// When its time is over.
    deadline: Option<Instant>,
    /// The server that is waited for, and until when the others wait with it.
    turn: Option<(usize, Instant)>,
    /// A connection was lost meanwhile.
    lost: bool,
    /// Why a server could not be used.
    failure: Option<ReturnCode>,
    /// Until when a stop waits for an answer that is outstanding.
    stop_deadline: Option<Instant>,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SearchStage {
    /// Nothing was asked.
    Begins,
    /// The only server was asked, and nothing else is going on.
    AsksQuickly,
    /// The next server can be asked.
    Asks,
    /// Nothing can be asked before something has come.
    Pauses,
}

impl Search {
    /// A call that goes on until there is a job.
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

/// What to do next.
enum AskOutcome {
    Take(SlabId),
    /// The answer of this server is awaited, or a connection to it.
    Await(usize),
    /// Every server was asked, or is not to be waited for.
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

    /// Goes on until there is a job, or a reason to return without one.
    ///
    /// # Errors
    /// `NO_JOBS` when no server has one and the call does not sleep, `IO_WAIT` in
    /// non-blocking mode, `TIMEOUT`, and whatever keeps servers from being asked.
    /// In non-blocking mode it is never `Pending`.
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

    /// Looks at what has to be looked at before a job is asked for. Returns when the call's
    /// time is over.
    #[inline(always)]
    pub(super) fn begin_job(&mut self, sleeps: bool) -> Option<Instant> {
        self.check_fork();
        self.link.error.reset();
        self.flush_ability_changes();
        self.link.settings.timeout.filter(|_| self.timeout_ends_sleep || !sleeps)?;
        self.link.settings.deadline(self.link.net.now())
    }

    /// Goes on with a call when the quick way has come to something.
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

    /// Looks for a job the ordinary way. `lost` is why the quick way has lost the
    /// only server's connection, if it has.
    #[inline(never)]
    fn search(
        &mut self,
        call: &mut Search,
        lost: Option<ReturnCode>,
    ) -> Poll<Result<SlabId, ReturnCode>> {
        call.blocking = !self.link.settings.non_blocking;
        if !call.blocking {
            return Poll::Ready(self.go_on_with_round(call));
        }
        self.end_round();
        self.last_call += 1;
        call.number = self.last_call;
        if let Some(code) = lost {
            self.lose(call, 0, code);
        }
        self.begin_search()?;
        self.send_question(call);
        // What the quick way left unread is not reported again.
        self.serve(call)?;
        call.stage = SearchStage::Asks;
        self.poll_find(call)
    }

    /// Looks whether there is anything to ask.
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
            // A stronger request may have come.
            self.note_stop();
        }
        for key in 0..self.servers.len() {
            if self.servers[key].abandoned {
                self.disconnect(key);
            }
        }
        Ok(())
    }

    /// Asks servers until there is a job.
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

    /// Ends the call when a stop was asked for. A job that a server may be
    /// giving us right now is still run, unless it takes too long to come.
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

    /// Takes a job that has come, or asks the next server.
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
                        // It may be back already.
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
        let command = self.grabs_with;
        self.servers[key].owed.push_back(WorkerOwed::Grab);
        self.servers[key].noop = false;
        self.send_command(key, command)
    }

    /// Whether a server that is down is left alone for a while. No clock is read
    /// while everything is well.
    pub(super) fn waits_to_reconnect(&mut self, key: usize) -> bool {
        let Some(until) = self.servers[key].reconnect_at else { return false };
        let rests = self.link.net.now() < until;
        if !rests {
            self.servers[key].reconnect_at = None;
        }
        rests
    }

    /// Buffers a packet without arguments and sends what is buffered.
    pub(super) fn send_command(&mut self, key: usize, command: Command) -> Result<(), ReturnCode> {
        encode(self.link.conns[key].out.bytes(), Magic::Request, command, &[], b"");
        self.link.flush(key, &[], &mut 0).map(drop)
    }

    /// The server that has to be waited for, and until when the others wait with it.
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

    /// The grace that a server gets: every server is to be asked before the
    /// call's time is over. A program without blocking that never waits sleeps itself.
    fn grace(&self) -> Duration {
        let settings = &self.link.settings;
        let limit = settings.timeout.filter(|t| !settings.non_blocking || !t.is_zero());
        let share = limit.map(|t| t / (self.servers.len() as u32 + 1));
        share.unwrap_or(ANSWER_GRACE).min(ANSWER_GRACE)
    }

    /// No server has a job now.
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

    /// Has a server that has no job wake us when it has one.
    pub(super) fn go_to_sleep(&mut self, key: usize) -> Result<(), ReturnCode> {
        if self.servers[key].queue != QueueState::Empty
            || self.link.conns[key].state != ConnState::Up
        {
            return Ok(());
        }
        self.servers[key].queue = QueueState::Watched;
        self.send_command(key, Command::PreSleep)
    }

    /// No server can be reached. A call that is to sleep for so long at most tries
    /// until then; without a limit the program is told.
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

    /// Says that no server can be reached, if nothing has said so yet.
    fn unreachable(&mut self, code: ReturnCode) -> ReturnCode {
        if self.link.error.code() != code
            && let Some(conn) = self.link.conns.last()
        {
            let text = format!("Connection to {}:{} failed", conn.host, conn.port);
            self.link.error.set(code, at!("flush"), &text);
        }
        code
    }

    /// Waits until something has come, the time is up, or another server is to be
    /// asked.
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
        // `serve` finds out that connecting took too long.
        self.link.end_attempts();
        // A server that has rested is tried again, by the same call too: else its rest
        // would be over again and again.
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

    /// Does what connections have become ready for.
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

    /// A server could not be connected to.
    pub(super) fn fail(&mut self, call: &mut Search, key: usize, code: ReturnCode) {
        self.lost(key);
        self.servers[key].failed_in = call.number;
        call.failure = Some(code);
    }

    /// A connection broke. It is made again: in this call if that waits, or in the next
    /// round.
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
