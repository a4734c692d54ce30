//! [`WorkerServer`]: what a worker keeps for a connection, beside the link's `Conn`;
//! making connections and losing them.
//!
//! Must not: ask for jobs.

use super::Worker;
use super::job::AssignedJob;
use crate::ReturnCode;
use crate::link::ConnState;
use gearman_buf::Owned;
use gearman_net::{Liveness, Transport};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long an attempt to connect may take at least: it goes on behind other
/// servers' jobs, so a shorter time limit of a call need not end it.
const CONNECT_TIMEOUT_MIN: Duration = Duration::from_secs(4);
/// The pause before the first new attempt to reach a server that is down; it
/// doubles with each failure.
const RECONNECT_DELAY_MIN: Duration = Duration::from_millis(100);
/// The longest such pause.
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(5);
/// A connection that held this long was a good one: there is no pause when it is
/// lost.
const STABLE_CONNECTION_MIN: Duration = Duration::from_secs(1);

/// A reply that a server owes, in the order of the questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerOwed {
    /// OPTION_RES for an option that is sent on every connection.
    Greeting,
    /// The answer to GRAB.
    Grab,
    /// The reply to the exchange with this number.
    Exchange(u32),
}

/// What is known about a server's queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum QueueState {
    /// It may hold a job.
    #[default]
    Unknown,
    /// It held none.
    Empty,
    /// It held none, and the server was told to wake us: PRE_SLEEP was sent.
    Watched,
}

/// Where the rest of a packet's body goes.
#[derive(Debug)]
pub(super) enum WorkerIncoming {
    Job { job: Box<AssignedJob>, missing: usize },
    Echo { exchange: u32, data: Owned, missing: usize },
    Skip(usize),
}

/// What a worker keeps for a connection.
#[derive(Debug, Default)]
pub(super) struct WorkerServer {
    /// Names the connection: no other connection of the worker has the same.
    pub(super) generation: u32,
    pub(super) owed: VecDeque<WorkerOwed>,
    pub(super) queue: QueueState,
    /// A NOOP came while a question was outstanding: its answer may be older.
    pub(super) noop: bool,
    /// Slow to answer: others are asked without waiting for it.
    pub(super) passed_over: bool,
    /// The call in which it answered that it has no job.
    pub(super) answered_in: u64,
    /// The call in which it could not be used.
    pub(super) failed_in: u64,
    pub(super) incoming: Option<WorkerIncoming>,
    /// What it is to hear of functions before it is asked next: not sooner, since
    /// taking a function back takes its running jobs back too.
    pub(super) ability_changes: Vec<u8>,
    /// A job's function was left without returning: the server must give the
    /// job to somebody else.
    pub(super) abandoned: bool,
    /// Failures in a row, and until when nobody tries again.
    failures: u32,
    pub(super) reconnect_at: Option<Instant>,
    /// When the connection was made.
    since: Option<Instant>,
}

impl WorkerServer {
    /// Whether a GRAB is outstanding, or the job that answered it is still on its
    /// way. Asking once more meanwhile would bring a job that nobody called for,
    /// or an answer that nobody reads: closed over unread bytes, a connection
    /// takes the last result with it.
    pub(super) fn awaits_job(&self) -> bool {
        self.owed.contains(&WorkerOwed::Grab)
            || matches!(self.incoming, Some(WorkerIncoming::Job { .. }))
    }

    /// A server that was not connected to yet.
    pub(super) fn new(generation: u32) -> WorkerServer {
        WorkerServer { generation, ..WorkerServer::default() }
    }

    fn delay_reconnect(&mut self, now: Instant) {
        let doublings = self.failures.min(10);
        self.failures += 1;
        self.reconnect_at =
            Some(now + (RECONNECT_DELAY_MIN * (1 << doublings)).min(RECONNECT_DELAY_MAX));
    }
}

impl<T: Transport> Worker<T> {
    /// Starts connecting, in the background.
    ///
    /// # Errors
    /// Why that failed at once.
    pub(super) fn connect(&mut self, key: usize) -> Result<(), ReturnCode> {
        let timeout = self.link.settings.timeout.unwrap_or_default().max(CONNECT_TIMEOUT_MIN);
        self.link.open(key, Some(timeout))?;
        let replies = self.link.greet(key);
        self.encode_functions(key);
        let server = &mut self.servers[key];
        server.ability_changes.clear();
        server.owed.extend(std::iter::repeat_n(WorkerOwed::Greeting, replies));
        Ok(())
    }

    /// Looks whether connecting has ended.
    ///
    /// # Errors
    /// Why it failed.
    pub(super) fn finish_connect(&mut self, key: usize) -> Result<(), ReturnCode> {
        self.link.conns[key].writable = false;
        if self.link.finish_connect(key)? {
            let server = &mut self.servers[key];
            server.since = Some(self.link.conns[key].last_received);
            server.reconnect_at = None;
            server.passed_over = false;
        }
        Ok(())
    }

    /// Looks whether the servers that are connected are still there, for a caller
    /// that has not asked for a job in a while: what is sent to one that is not
    /// would be lost unnoticed.
    pub fn check_servers(&mut self) {
        let now = self.link.net.now();
        for key in 0..self.servers.len() {
            if self.link.check_liveness(key, now) == Liveness::Dead {
                self.link.ended(key);
                self.lost(key);
            }
        }
    }

    /// Closes a connection on purpose.
    pub(super) fn disconnect(&mut self, key: usize) {
        self.link.close(key);
        self.forget(key);
    }

    /// A connection was lost or could not be made. Trying again waits, unless it
    /// was a good one.
    pub(super) fn lost(&mut self, key: usize) {
        debug_assert!(self.link.conns[key].state == ConnState::Down);
        let now = self.link.net.now();
        let server = &mut self.servers[key];
        let was_good = server.since.is_some_and(|since| now - since >= STABLE_CONNECTION_MIN);
        if was_good {
            server.failures = 0;
        } else {
            server.delay_reconnect(now);
        }
        self.forget(key);
    }

    /// Forgets what belonged to a connection.
    pub(super) fn forget(&mut self, key: usize) {
        let generation = self.next_generation();
        let server = &mut self.servers[key];
        server.generation = generation;
        server.owed.clear();
        server.queue = QueueState::Unknown;
        server.noop = false;
        server.passed_over = false;
        server.incoming = None;
        server.abandoned = false;
        server.since = None;
        if !self.ready.is_empty() {
            let (jobs, spare) = (&mut self.jobs, &mut self.spare);
            self.ready.retain(|&id| match jobs.get(id) {
                Some(job) if job.conn != key => true,
                _ => {
                    *spare = jobs.remove(id).and_then(AssignedJob::recycle);
                    false
                }
            });
        }
    }
}
