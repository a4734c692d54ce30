//! Durable jobs: which jobs a store keeps, and what becomes of a job when its commit succeeds or
//! fails.
//!
//! A background job of a durable function is admitted, written, and only then acknowledged and
//! queued. The broker appends operations to a batch; its driver commits them and reports how many
//! are durable ([`Broker::committed`]). Packets that depend on a commit are sent with
//! [`Outbox::send_after_commit`].
//!
//! `parked` has the jobs that are only in the store; `delays`, `numbers` and `uniques` are its
//! indexes.
//!
//! Must not: know stores, threads or files.

mod delays;
mod numbers;
mod parked;
mod uniques;

use std::collections::VecDeque;

use gearman_protocol::pattern::Pattern;
use gearman_queue::{Batch, JobNumber, NewRecord, RejectedRow};

use super::function::Function;
use super::job::{Job, Stage};
use super::lifecycle::JobEnd;
use super::slab::Id;
use super::{Broker, Now, Outbox, UnixSeconds};
pub(crate) use delays::DuePlace;
use numbers::NumberMap;
pub(crate) use numbers::NumberQueue;
use parked::Parked;

/// Numbers that are reserved at a time. So many are skipped at most after a restart.
const NUMBERS_RESERVED: u64 = 1 << 16;

/// Jobs that wait for their commit, above which submissions wait.
const PENDING_JOBS_MAX: usize = 1 << 17;
/// Bytes of such jobs, above which submissions wait.
const PENDING_BYTES_MAX: usize = 64 << 20;

/// What the store has of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Nothing: the job ends with the server.
    Volatile,
    /// Its insertion is not committed yet.
    Pending,
    /// The whole job.
    Stored,
}

/// Settings of durable jobs.
#[derive(Clone, Debug)]
pub struct DurableConfig {
    /// Largest job number that was used or reserved before.
    pub last_number: JobNumber,
    /// Functions whose jobs are not stored.
    pub volatile: Vec<Pattern>,
    /// Bytes of memory for waiting jobs; beyond it new ones are kept in the store only.
    pub memory_bytes_max: usize,
    /// Whether jobs are stored when the server shuts down, not before.
    pub at_shutdown_only: bool,
    /// Bytes that the payload of a stored job may have.
    pub payload_bytes_max: usize,
}

/// A job whose insertion is not committed.
#[derive(Clone, Copy)]
struct PendingJob {
    /// The operation that inserts it.
    operation: u64,
    number: u64,
    bytes: usize,
}

/// The state of durable jobs.
pub(crate) struct Durable {
    volatile: Vec<Pattern>,
    /// Operations that the driver has not taken.
    batch: Batch,
    /// Operations since the start, taken ones included.
    appended: u64,
    /// Jobs whose insertion is not committed, in order.
    pending: VecDeque<PendingJob>,
    /// Bytes of these jobs.
    pending_bytes: usize,
    /// The same by job number.
    pending_operations: NumberMap<u64>,
    /// Largest number that is reserved.
    reserved: u64,
    /// Whether jobs are stored when the server shuts down, not before.
    at_shutdown_only: bool,
    payload_bytes_max: usize,
    /// Whether ended jobs stay in the store, because the server is shutting down.
    is_closing: bool,
    parked: Parked,
}

impl Durable {
    fn append(&mut self, append: impl FnOnce(&mut Batch)) {
        append(&mut self.batch);
        self.appended += 1;
    }
}

impl Broker {
    /// Makes background jobs durable. Called before the first packet.
    pub fn set_durable(&mut self, config: DurableConfig) {
        self.jobs.set_last_number(config.last_number.0);
        self.durable = Some(Box::new(Durable {
            volatile: config.volatile,
            batch: Batch::default(),
            appended: 0,
            pending: VecDeque::new(),
            pending_bytes: 0,
            pending_operations: NumberMap::default(),
            reserved: config.last_number.0,
            at_shutdown_only: config.at_shutdown_only,
            payload_bytes_max: config.payload_bytes_max,
            is_closing: false,
            parked: Parked::new(config.memory_bytes_max),
        }));
        self.reserve_numbers();
    }

    /// Counts operations from this number on: so many were committed before the driver's thread
    /// was started.
    pub fn start_operations_at(&mut self, committed: u64) {
        let durable = self.durable.as_mut().expect("called with a store");
        durable.appended -= committed;
    }

    /// Has the background jobs written that are only in memory, if that was put off until now.
    pub fn store_at_shutdown(&mut self) {
        let Some(durable) = &mut self.durable else { return };
        if !std::mem::take(&mut durable.at_shutdown_only) {
            return;
        }
        let jobs: Vec<_> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.background && job.durability == Durability::Volatile)
            .map(|(id, _)| id)
            .collect();
        for id in jobs {
            if self.is_durable(self.jobs[id].function) {
                self.persist(id);
            }
        }
    }

    /// Moves the operations that were appended since the last call behind those of `batch`.
    pub fn take_operations(&mut self, batch: &mut Batch) {
        if let Some(durable) = &mut self.durable {
            batch.append(&mut durable.batch);
        }
    }

    /// Whether a store keeps jobs.
    pub fn has_store(&self) -> bool {
        self.durable.is_some()
    }

    /// Whether the store has so much to write that submissions wait.
    pub fn is_store_behind(&self) -> bool {
        self.durable.as_ref().is_some_and(|durable| {
            durable.pending.len() >= PENDING_JOBS_MAX || durable.pending_bytes >= PENDING_BYTES_MAX
        })
    }

    /// The operation that stores a job, if it is not committed.
    pub fn pending_operation(&self, number: u64) -> Option<u64> {
        self.durable.as_ref()?.pending_operations.get(&number).copied()
    }

    /// Number of jobs whose insertion is not committed.
    pub fn pending_insertions(&self) -> usize {
        self.durable.as_ref().map_or(0, |durable| durable.pending.len())
    }

    /// Whether the background jobs of a function are stored.
    pub(super) fn is_durable(&self, function: Id<Function>) -> bool {
        self.durable.as_ref().is_some_and(|durable| {
            let name = &self.functions[function].name;
            !durable.at_shutdown_only
                && !durable.volatile.iter().any(|pattern| pattern.matches(name))
        })
    }

    /// Whether a payload is too large for the store.
    pub(super) fn is_too_large_to_store(&self, payload: &[u8]) -> bool {
        self.durable.as_ref().is_some_and(|durable| payload.len() > durable.payload_bytes_max)
    }

    /// The operation whose commit the acknowledgement of a job waits for, if it waits.
    pub(super) fn commit_of(&self, job: Id<Job>) -> Option<u64> {
        let job = &self.jobs[job];
        if job.durability != Durability::Pending {
            return None;
        }
        self.durable.as_ref()?.pending_operations.get(&job.number).copied()
    }

    /// Has a job written that is not in the store yet.
    pub(super) fn persist(&mut self, id: Id<Job>) {
        let job = &mut self.jobs[id];
        assert_eq!(job.durability, Durability::Volatile, "a job is written a second time");
        job.durability = Durability::Pending;
        if matches!(job.stage, Stage::Admitted { .. }) {
            self.functions[job.function].admitted += 1;
        }
        let (number, bytes) = (job.number, job.data_bytes());
        self.append_insertion(id);
        let durable = self.durable.as_mut().expect("only durable jobs are written");
        let operation = durable.appended;
        durable.pending.push_back(PendingJob { operation, number, bytes });
        durable.pending_bytes += bytes;
        durable.pending_operations.insert(number, durable.appended);
    }

    fn append_insertion(&mut self, id: Id<Job>) {
        let job = &self.jobs[id];
        let due = match job.stage {
            Stage::Admitted { due } => Some(due).filter(|due| due.0 > 0),
            Stage::Delayed { due } => Some(due),
            Stage::Queued { .. } | Stage::Running { .. } => None,
        };
        let age = self.now.monotonic.as_seconds().saturating_sub(job.submitted_seconds.into());
        let record = NewRecord {
            number: JobNumber(job.number),
            function: &self.functions[job.function].name,
            unique: job.unique(),
            reducer: job.reducer(),
            payload: job.payload(),
            priority: job.priority as u8,
            due,
            attempts: job.retries.into(),
            submitted: UnixSeconds(self.now.unix.0.saturating_sub(age)),
        };
        let durable = self.durable.as_mut().expect("only durable jobs are written");
        durable.append(|batch| batch.insert(&record, job.shared_payload().as_ref()));
    }

    /// Keeps a reserve of numbers, so that none is used twice. Called for each new job, stored or not:
    /// clients compare handles, whatever becomes of the server.
    pub(super) fn reserve_numbers(&mut self) {
        let last = self.jobs.last_number();
        let Some(durable) = &mut self.durable else { return };
        if last + NUMBERS_RESERVED / 2 > durable.reserved {
            durable.reserved = last + NUMBERS_RESERVED;
            let reserved = JobNumber(durable.reserved);
            durable.append(|batch| batch.reserve_numbers(reserved));
        }
    }

    /// Notes in the store that a job's attempt has failed.
    pub(super) fn store_attempts(&mut self, id: Id<Job>) {
        let job = &self.jobs[id];
        if job.durability != Durability::Volatile
            && let Some(durable) = &mut self.durable
        {
            let (number, attempts) = (JobNumber(job.number), job.retries.into());
            durable.append(|batch| batch.set_attempts(number, attempts));
        }
    }

    /// Removes an ended job from the store.
    pub(super) fn forget_stored(&mut self, number: u64) {
        if let Some(durable) = &mut self.durable
            && !durable.is_closing
        {
            durable.append(|batch| batch.delete(JobNumber(number)));
        }
    }

    /// Keeps jobs in the store that end from now on: the server ends them, not a worker.
    pub(super) fn close_store(&mut self) {
        if let Some(durable) = &mut self.durable {
            durable.is_closing = true;
        }
    }

    /// Handles a report that all operations up to this one are durable, except the insertions
    /// of `rows`. Their jobs are queued, or delayed.
    pub fn committed(
        &mut self,
        operations: u64,
        rows: &[RejectedRow],
        now: Now,
        out: &mut dyn Outbox,
    ) {
        self.now = now;
        while let Some(number) = self.pop_pending(operations) {
            let is_row = |row: &&RejectedRow| match row {
                RejectedRow::Refused { number: refused, .. }
                | RejectedRow::Exists { number: refused, .. } => refused.0 == number,
            };
            match rows.iter().find(is_row) {
                None => self.stored(number, out),
                Some(_) => self.not_stored(number),
            }
        }
    }

    /// Handles a report that no insertion up to this operation was written. Their jobs are
    /// dropped, unless a client waits for the result since before. Returns how many there were.
    pub fn insertions_failed(&mut self, operations: u64) -> usize {
        let mut count = 0;
        while let Some(number) = self.pop_pending(operations) {
            self.not_stored(number);
            count += 1;
        }
        count
    }

    fn pop_pending(&mut self, operations: u64) -> Option<u64> {
        let durable = self.durable.as_mut()?;
        let is_done = |job: &mut PendingJob| job.operation <= operations;
        let job = durable.pending.pop_front_if(is_done)?;
        durable.pending_bytes -= job.bytes;
        durable.pending_operations.remove(&job.number);
        Some(job.number)
    }

    fn stored(&mut self, number: u64, out: &mut dyn Outbox) {
        // It may have been cancelled meanwhile.
        let Some(id) = self.jobs.find_number(number) else { return };
        let job = &mut self.jobs[id];
        job.durability = Durability::Stored;
        if let Stage::Admitted { due } = job.stage {
            let durable = self.durable.as_mut().expect("only durable jobs are committed");
            match durable.parked.is_surveying {
                // Older jobs, which the survey finds, come first.
                true => durable.parked.after_survey.push(number),
                false => self.park_or_activate(id, due, out),
            }
        }
    }

    /// Makes a durable job available for the first time.
    fn park_or_activate(&mut self, id: Id<Job>, due: UnixSeconds, out: &mut dyn Outbox) {
        self.functions[self.jobs[id].function].admitted -= 1;
        self.report_accepted(id, Some(due).filter(|due| due.0 > 0), out);
        if !self.park(id, due) {
            self.activate(id, due, out);
        }
    }

    fn not_stored(&mut self, number: u64) {
        let Some(id) = self.jobs.find_number(number) else { return };
        let job = &mut self.jobs[id];
        job.durability = Durability::Volatile;
        if matches!(job.stage, Stage::Admitted { .. }) {
            self.functions[job.function].admitted -= 1;
            return self.finish(id, JobEnd::Refused);
        }
        // A foreground job, which a background submission has joined.
        job.background = false;
        self.drop_if_abandoned(id);
    }

    /// Has all jobs in memory written again that should be in the store, after the store was
    /// written anew from what could be read of it.
    pub fn rewrite_stored(&mut self) {
        let stored: Vec<_> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.durability == Durability::Stored)
            .map(|(id, _)| id)
            .collect();
        // The store leaves a job as it is whose number it has.
        stored.into_iter().for_each(|id| self.append_insertion(id));
    }
}
