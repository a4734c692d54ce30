//! [`WorkerServer`]: a worker's state of one connection, in addition to the link's `Conn`;
//! making connections and losing them.
//!
//! Must not: ask for jobs.

use super::Worker;
use super::job::AssignedJob;
use crate::ReturnCode;
use crate::link::ConnState;
use gearman_buf::Owned;
use gearman_net::{Liveness, Transport};
use gearman_protocol::Command;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Lower limit of the timeout for connecting. Connecting continues while jobs of other
/// servers run, so a shorter timeout of a call need not end it.
const CONNECT_TIMEOUT_MIN: Duration = Duration::from_secs(4);
/// Delay before the first attempt to reconnect to a server. It doubles with each failure.
const RECONNECT_DELAY_MIN: Duration = Duration::from_millis(100);
/// Number of reconnect delays that are exact. Of later ones up to half is left out at random, so that
/// the workers of a server that was away for longer do not return all at once.
const EXACT_RECONNECT_DELAYS: u32 = 2;
/// Upper limit of the reconnect delay.
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(5);
/// Age at which a connection counts as stable. A stable connection that is lost is made
/// again without delay.
const STABLE_CONNECTION_MIN: Duration = Duration::from_secs(1);

/// A reply that a server owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerOwed {
    /// OPTION_RES for an option that is sent on every connection.
    Greeting,
    /// The reply to GRAB_JOB.
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
    /// It was empty.
    Empty,
    /// It was empty, and PRE_SLEEP was sent: the server will send NOOP.
    PreSleepSent,
}

/// The destination of a body of which `missing` bytes are still to receive.
#[derive(Debug)]
pub(super) enum WorkerIncoming {
    /// The workload of a job.
    Job { job: Box<AssignedJob>, missing: usize },
    /// The reply to an echo.
    Echo { exchange: u32, data: Owned, missing: usize },
    /// Skip this many bytes.
    Skip(usize),
}

/// A worker's state of one connection.
#[derive(Debug, Default)]
pub(super) struct WorkerServer {
    /// Identifies the current connection: no other connection of the worker has the same.
    pub(super) generation: u32,
    /// Replies that the server owes, in the order of the requests.
    pub(super) owed: VecDeque<WorkerOwed>,
    /// What is known about its queue.
    pub(super) queue: QueueState,
    /// NOOP arrived while GRAB_JOB was outstanding: the reply may be older.
    pub(super) noop: bool,
    /// The server is slow to answer: others are asked without waiting for it.
    pub(super) passed_over: bool,
    /// The call in which it answered NO_JOB.
    pub(super) answered_in: u64,
    /// The call in which it could not be used.
    pub(super) failed_in: u64,
    /// The body that is being received.
    pub(super) incoming: Option<WorkerIncoming>,
    /// CAN_DO, CANT_DO and RESET_ABILITIES packets to send before the next GRAB_JOB. Not
    /// sooner, since removing a function takes its running jobs away too.
    pub(super) ability_changes: Vec<u8>,
    /// A job's function never returned: the server must give the job to another worker.
    pub(super) abandoned: bool,
    /// The server knows no other request for a job than GRAB_JOB.
    pub(super) grabs_plainly: bool,
    /// Number of consecutive failures.
    failures: u32,
    /// Earliest time of the next attempt to connect.
    pub(super) reconnect_at: Option<Instant>,
    /// When the connection was made.
    connected_at: Option<Instant>,
}

impl WorkerServer {
    /// Whether GRAB_JOB is outstanding, or its job is still being received. A second
    /// GRAB_JOB would bring a job that has to wait here, or a reply that stays unread.
    /// Closing a connection with unread bytes may lose the last result sent on it.
    pub(super) fn awaits_job(&self) -> bool {
        self.owed.contains(&WorkerOwed::Grab)
            || matches!(self.incoming, Some(WorkerIncoming::Job { .. }))
    }

    /// A server that is not connected.
    pub(super) fn new(generation: u32) -> WorkerServer {
        WorkerServer { generation, ..WorkerServer::default() }
    }

    fn delay_reconnect(&mut self, now: Instant, random: u32) {
        let doublings = self.failures.min(10);
        self.failures += 1;
        let mut delay = (RECONNECT_DELAY_MIN * (1 << doublings)).min(RECONNECT_DELAY_MAX);
        if self.failures > EXACT_RECONNECT_DELAYS {
            delay -= delay.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0);
        }
        self.reconnect_at = Some(now + delay);
    }
}

impl<T: Transport> Worker<T> {
    /// The request for a job that a server understands.
    #[inline(always)]
    pub(super) fn grab_command(&self, key: usize) -> Command {
        if self.servers[key].grabs_plainly { Command::GrabJob } else { self.grabs_with }
    }

    /// Starts connecting, without waiting.
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

    /// Checks whether connecting has succeeded.
    ///
    /// # Errors
    /// Why it failed.
    pub(super) fn finish_connect(&mut self, key: usize) -> Result<(), ReturnCode> {
        self.link.conns[key].writable = false;
        if self.link.finish_connect(key)? {
            let server = &mut self.servers[key];
            server.connected_at = Some(self.link.conns[key].last_received);
            server.reconnect_at = None;
            server.passed_over = false;
        }
        Ok(())
    }

    /// Checks whether connected servers are still there, for a caller that has not asked
    /// for a job in a while. A report on a connection that has ended would be lost without
    /// an error.
    pub fn check_servers(&mut self) {
        let now = self.link.net.now();
        for key in 0..self.servers.len() {
            if self.link.check_liveness(key, now) == Liveness::Dead {
                self.link.ended(key);
                self.lost(key);
            }
        }
    }

    /// Closes a connection deliberately.
    pub(super) fn disconnect(&mut self, key: usize) {
        self.link.close(key);
        self.forget(key);
    }

    /// Resets a connection that was lost or could not be made. Sets the reconnect delay,
    /// unless the connection was stable.
    pub(super) fn lost(&mut self, key: usize) {
        debug_assert!(self.link.conns[key].state == ConnState::Down);
        let now = self.link.net.now();
        let server = &mut self.servers[key];
        let was_stable = server.connected_at.is_some_and(|at| now - at >= STABLE_CONNECTION_MIN);
        if was_stable {
            server.failures = 0;
        } else {
            server.delay_reconnect(now, self.link.net.random());
        }
        self.forget(key);
    }

    /// Resets a worker's state of a connection, and removes its jobs that were not
    /// returned.
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
        // Another version may be listening there by now.
        server.grabs_plainly = false;
        server.connected_at = None;
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
