//! Durable jobs as the job server sees them: reports of the store, and packets that wait for it.
//!
//! The driver takes operations and wanted numbers, gives them to a queue thread, and returns the
//! thread's reports ([`JobServer::store_reports`]).
//!
//! Must not: commit, or decide which jobs are durable; the broker does.

use std::collections::HashSet;

use gearman_admin::NamedJobs;
use gearman_broker::{DriverTimer, Millis};
use gearman_protocol::{Command, Packet};
use gearman_queue::{Batch, JobNumber, QueueStats, RejectedRow, StoreError, StoreReport};

use crate::held_output::{CommitOutcome, NOT_STORED};
use crate::host::{Clock, Host, Journal, StoreEvent};
use crate::job_server::JobServer;
use crate::outlet::Outlet;
use gearman_broker::{ConnectionKey, Outbox};

/// Time after which what could not be read is requested again.
const READ_RETRY_MS: u64 = 1000;

/// What the store reported that the driver has to act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreRequest {
    /// The next part of the survey is wanted.
    Survey,
    /// The store is damaged, or another server has taken its jobs over: a server that went on
    /// would miss jobs without notice, or run them twice.
    Stop(StoreError),
}

/// State of the store, for administrators and probes.
#[derive(Clone, Debug, Default)]
pub struct StoreState {
    /// Why the store takes no jobs, if so.
    pub suspended: Option<String>,
    /// Operations that are durable, or have failed.
    pub done: u64,
    /// Whether another server has taken the store over.
    pub is_fenced: bool,
    /// Counters of the queue thread.
    pub stats: QueueStats,
}

/// What a packet waits for.
enum WaitReason {
    /// The store has too much to write, or cannot find out what it has written.
    Backlog,
    /// A job that may be meant has to be fetched, or the survey is not complete.
    Job,
}

impl<H: Host> JobServer<H> {
    /// Moves the operations that were appended since the last call behind those of `batch`.
    pub fn take_operations(&mut self, batch: &mut Batch) {
        self.broker.take_operations(batch);
    }

    /// Moves the numbers of the jobs to fetch behind those of `numbers`.
    pub fn take_wanted(&mut self, numbers: &mut Vec<JobNumber>) {
        if self.fetches.may_request() {
            let before = numbers.len();
            self.broker.take_wanted(numbers);
            self.fetches.requested(numbers.len() - before);
        }
    }

    /// Takes note of the queue thread's counters.
    pub fn set_store_stats(&mut self, stats: QueueStats) {
        self.store.stats = stats;
    }

    /// State of the store.
    pub fn store_state(&self) -> &StoreState {
        &self.store
    }

    /// Handles reports, in their order. Returns what the driver has to do.
    pub fn store_reports(&mut self, reports: Vec<StoreReport>) -> Option<StoreRequest> {
        self.now = self.clock.now();
        let mut request = None;
        for report in reports {
            match report {
                StoreReport::Committed { operations, rows } => self.committed(operations, &rows),
                StoreReport::Failed { operations, reason } => self.failed(operations, &reason),
                StoreReport::Surveyed(page) => {
                    let outlet =
                        &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
                    self.broker.surveyed(&page, outlet);
                    let (found, is_surveying) = self.broker.survey_progress();
                    match is_surveying {
                        true => request = Some(StoreRequest::Survey),
                        false => self.journal.store(StoreEvent::Loaded(found)),
                    }
                }
                StoreReport::SurveyFailed(error) => {
                    self.journal.store(StoreEvent::Unreadable(&error.to_string()));
                    match error {
                        StoreError::Corrupt(_) => request = Some(StoreRequest::Stop(error)),
                        _ => self.set_timer(READ_RETRY_MS, DriverTimer::SurveyRetry),
                    }
                }
                StoreReport::Fetched(jobs) => {
                    let jobs = self.fetches.fetched(jobs);
                    let outlet =
                        &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
                    self.broker.fetched(jobs, outlet);
                }
                StoreReport::FetchFailed(numbers, error) => {
                    self.journal.store(StoreEvent::Unreadable(&error.to_string()));
                    self.fetches.failed(numbers);
                    self.set_timer(READ_RETRY_MS, DriverTimer::FetchRetry);
                }
                StoreReport::Suspended(reason) => {
                    self.journal.store(StoreEvent::Suspended(&reason));
                    self.store.suspended = Some(reason);
                }
                StoreReport::Resumed => {
                    self.journal.store(StoreEvent::Resumed);
                    self.store.suspended = None;
                }
                StoreReport::Rewritten => self.broker.rewrite_stored(),
                StoreReport::Fenced(reason) => {
                    self.journal.store(StoreEvent::Suspended(&reason));
                    self.store.is_fenced = true;
                    request = Some(StoreRequest::Stop(StoreError::Fenced(reason)));
                }
            }
        }
        self.resume_waiting();
        request
    }

    fn committed(&mut self, operations: u64, rows: &[RejectedRow]) {
        self.store.done = operations;
        let mut failed = HashSet::new();
        for row in rows {
            let (number, reason) = match row {
                RejectedRow::Refused { number, reason } => (number, reason.as_str()),
                RejectedRow::Exists { number, .. } => {
                    (number, "the store has another job of its unique")
                }
            };
            // Rewriting inserts jobs again that the store may have; that is no failure.
            if let Some(operation) = self.broker.pending_operation(number.0) {
                failed.insert(operation);
                self.journal.store(StoreEvent::NotStored(1, reason));
            }
        }
        let outcome = |operation: u64| match failed.contains(&operation) {
            true => CommitOutcome::Failed,
            false => CommitOutcome::Stored,
        };
        self.sessions.release(operations, outcome);
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        self.broker.committed(operations, rows, self.now, outlet);
    }

    fn failed(&mut self, operations: u64, reason: &str) {
        self.store.done = operations;
        self.sessions.release(operations, |_| CommitOutcome::Failed);
        let count = self.broker.insertions_failed(operations);
        if count > 0 {
            self.journal.store(StoreEvent::NotStored(count, reason));
        }
    }

    /// Requests jobs again that could not be read.
    pub(crate) fn retry_fetch(&mut self) {
        match self.fetches.retry() {
            Some(numbers) => self.broker.want_again(&numbers),
            None => self.set_timer(READ_RETRY_MS, DriverTimer::FetchRetry),
        }
    }

    /// Lets the sessions go on whose next packet waited for the store.
    pub(crate) fn resume_waiting(&mut self) {
        for key in std::mem::take(&mut self.waiting) {
            if let Some(session) = self.sessions.get_mut(key.index())
                && session.key == key
            {
                session.is_waiting = false;
                self.queue_if_ready(key.index());
            }
        }
        for (key, packets) in std::mem::take(&mut self.bridged_waiting) {
            self.bridged_packets(key, &packets);
        }
    }

    /// Whether a packet of a connection without a session has to wait for the store.
    pub(crate) fn must_bridged_wait(&mut self, packet: &Packet<'_>) -> bool {
        self.broker.has_store() && self.wait_for_store(packet).is_some()
    }

    /// Whether a packet has to wait for the store. If it has waited too long, it is refused, and
    /// handled with that.
    pub(crate) fn must_wait(&mut self, key: ConnectionKey, packet: &Packet<'_>) -> Gate {
        if !self.broker.has_store() {
            return Gate::Open;
        }
        let Some(wait) = self.wait_for_store(packet) else {
            if let Some(session) = self.sessions.get_mut(key.index()) {
                session.wait_began = None;
            }
            return Gate::Open;
        };
        self.wait(key, &wait)
    }

    fn wait_for_store(&mut self, packet: &Packet<'_>) -> Option<WaitReason> {
        let (is_background, function, unique) = match packet.command() {
            Command::SubmitJob
            | Command::SubmitJobHigh
            | Command::SubmitJobLow
            | Command::SubmitReduceJob => (false, Some(packet.arg(0)), packet.arg(1)),
            Command::SubmitJobBg
            | Command::SubmitJobHighBg
            | Command::SubmitJobLowBg
            | Command::SubmitJobEpoch
            | Command::SubmitReduceJobBackground => (true, Some(packet.arg(0)), packet.arg(1)),
            Command::GetStatusUnique => (false, None, packet.text_arg(0)),
            Command::GetStatus => {
                let must_wait = self.broker.must_wait_for_handle(packet.text_arg(0));
                return must_wait.then_some(WaitReason::Job);
            }
            _ => return None,
        };
        if self.broker.must_wait_for(function, unique) {
            return Some(WaitReason::Job);
        }
        let is_behind = self.store.stats.is_undecided || self.broker.is_store_behind();
        (is_background && is_behind).then_some(WaitReason::Backlog)
    }

    fn wait(&mut self, key: ConnectionKey, wait: &WaitReason) -> Gate {
        let now = self.clock.monotonic();
        let limit = Millis(self.settings.queue_wait_ms);
        let Some(session) = self.sessions.get_mut(key.index()) else { return Gate::Closed };
        let began = match session.wait_began {
            Some(began) => began,
            None => {
                self.broker.set_timer(now + limit, DriverTimer::StoreWait);
                *session.wait_began.insert(now)
            }
        };
        if matches!(wait, WaitReason::Backlog) && now.since(began) >= limit {
            session.wait_began = None;
            return Gate::Refused;
        }
        session.is_waiting = true;
        self.waiting.push(key);
        Gate::Closed
    }

    /// Refuses a submission that the store did not take in time.
    pub(crate) fn refuse_late(&mut self, key: ConnectionKey) {
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        outlet.send(key, Command::Error, &[b"QUEUE_ERROR", NOT_STORED], b"");
    }

    /// Whether a text command has to wait because a job that it names must be fetched first.
    pub(crate) fn must_line_wait(&mut self, key: ConnectionKey, line: &[u8]) -> bool {
        if !self.broker.has_store() {
            return false;
        }
        let must_wait = match gearman_admin::named_jobs(line) {
            None => false,
            Some(NamedJobs::Unique(function, unique)) => {
                self.broker.must_wait_for(Some(&function), &unique)
            }
            Some(NamedJobs::Handle(handle)) => self.broker.must_wait_for_handle(handle),
            Some(NamedJobs::Head(function)) => self.broker.must_wait_for_head(&function),
        };
        must_wait && matches!(self.wait(key, &WaitReason::Job), Gate::Closed)
    }
}

/// Whether a packet may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// It is handled now.
    Open,
    /// It stays in the session's input until the store has reported something.
    Closed,
    /// It has waited too long, and is refused.
    Refused,
}
