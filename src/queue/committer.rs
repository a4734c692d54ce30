//! [`Committer`]: what a queue thread does with its store, without the thread.
//!
//! Owns the store. What it did comes back as [`StoreReport`]s, in the order of the operations. The
//! simulated cluster drives it step by step.
//!
//! Must not: drop an operation of a running job's end. What cannot be written is kept and written
//! later, in front of everything else.

use std::time::{Duration, Instant};

use crate::batch::{Batch, BatchOperation};
use crate::record::{JobNumber, StoredJob};
use crate::store::{ConnectionState, Reopened, RowOutcome, Store, StoreError, SurveyPage};

/// What became of an insertion that was not carried out although its batch was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RejectedRow {
    /// The store has a job of this function and unique: `existing`.
    Exists {
        /// The insertion.
        number: JobNumber,
        /// The job that the submission joins.
        existing: JobNumber,
    },
    /// The store cannot hold the job.
    Refused {
        /// The insertion.
        number: JobNumber,
        /// For the log.
        reason: String,
    },
}

/// What the thread has done, or has found out.
#[derive(Debug)]
pub enum StoreReport {
    /// The operations up to this one, counted from the thread's start, are durable, but for
    /// these insertions.
    Committed {
        /// Number of operations since the start.
        operations: u64,
        /// Exceptions, in the order of their operations.
        rows: Vec<RejectedRow>,
    },
    /// No insertion between the last report and this operation was written.
    Failed {
        /// Number of operations since the start.
        operations: u64,
        /// For the log.
        reason: String,
    },
    /// A part of the survey.
    Surveyed(SurveyPage),
    /// The survey cannot go on: the store is damaged.
    SurveyFailed(StoreError),
    /// Jobs that were asked for; `None` where the store has no such job.
    Fetched(Vec<(JobNumber, Option<StoredJob>)>),
    /// Jobs could not be read.
    FetchFailed(Vec<JobNumber>, StoreError),
    /// The store takes nothing at the moment.
    Suspended(String),
    /// The store takes jobs again.
    Resumed,
    /// The store was written anew after a failed sync. Jobs that memory holds must be inserted
    /// again: those that are there already are left as they are.
    Rewritten,
    /// Another server owns the jobs of this store now.
    Fenced(String),
}

/// Counters since the start of the thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Batches that were committed.
    pub commits: u64,
    /// Operations in them.
    pub operations: u64,
    /// Time inside commits.
    pub commit_time: Duration,
    /// Attempts to commit that failed.
    pub errors: u64,
    /// Operations that are kept until the store takes them.
    pub retained: u64,
    /// Bytes that the store takes on its medium.
    pub store_bytes: u64,
    /// State of the connection, if the store is another program.
    pub connection: Option<ConnectionState>,
    /// Whether the store takes nothing at the moment.
    pub is_suspended: bool,
    /// Whether it is unknown what became of the last batch: no other one is committed until the
    /// store can be opened again.
    pub is_undecided: bool,
}

/// A store, and what it has not taken.
pub struct Committer {
    store: Box<dyn Store>,
    reports: Vec<StoreReport>,
    stats: QueueStats,
    /// Operations that were reported.
    operations: u64,
    /// Operations other than insertions that a failed store did not take.
    retained: Batch,
    /// A batch of which it is unknown whether it was committed, because the store cannot be opened.
    undecided: Option<Batch>,
    suspended: bool,
    /// Whether the store has upkeep left for idle time.
    upkeep_left: bool,
}

impl Committer {
    /// A committer that has done nothing yet.
    pub fn new(store: Box<dyn Store>) -> Committer {
        let stats = QueueStats { store_bytes: store.size_bytes(), ..QueueStats::default() };
        Committer {
            store,
            reports: Vec::new(),
            stats,
            operations: 0,
            retained: Batch::default(),
            undecided: None,
            suspended: false,
            upkeep_left: true,
        }
    }

    /// Takes the reports that were not taken, in their order.
    pub fn take_reports(&mut self) -> Vec<StoreReport> {
        std::mem::take(&mut self.reports)
    }

    /// The counters as of now.
    pub fn stats(&self) -> QueueStats {
        QueueStats {
            is_undecided: self.is_undecided(),
            connection: self.store.connection(),
            ..self.stats
        }
    }

    /// Whether [`Committer::retry`] has something to write, or to find out: the store takes no
    /// jobs, or has not taken all that it must.
    pub fn has_retry(&self) -> bool {
        self.suspended || !self.retained.is_empty() || self.undecided.is_some()
    }

    /// Whether a batch waits for the store to be opened again. No other one can be committed.
    pub fn is_undecided(&self) -> bool {
        self.undecided.is_some()
    }

    /// Whether the store has upkeep left for idle time.
    pub fn has_upkeep(&self) -> bool {
        self.upkeep_left
    }

    /// Reads the next part of the survey.
    pub fn survey(&mut self, limit: usize) {
        let page = self.store.survey(limit).map(StoreReport::Surveyed);
        self.reports.push(page.unwrap_or_else(StoreReport::SurveyFailed));
    }

    /// Commits a batch, behind what was kept of earlier ones, and empties it.
    ///
    /// # Panics
    /// If another batch is undecided.
    pub fn commit_batch(&mut self, batch: &mut Batch) {
        assert!(!self.is_undecided(), "a batch overtakes one that may have been committed");
        // A small job may fit where an end does not. It must not be acknowledged before that: its
        // server would begin again with jobs that were done.
        match self.write_retained() {
            Ok(()) => self.commit(batch),
            Err(error) => self.fail(batch, error),
        }
        batch.clear();
        self.upkeep_left = true;
    }

    /// Commits a batch and reports it, in parts if a row of it cannot be stored.
    fn commit(&mut self, batch: &Batch) {
        match self.apply(batch) {
            Ok(outcomes) => {
                self.operations += batch.len() as u64;
                let rows = outcomes.into_iter().map(|outcome| row(batch, outcome)).collect();
                self.reports.push(StoreReport::Committed { operations: self.operations, rows });
                // A store that takes removals may still have no room for jobs.
                if batch.iter().any(|operation| matches!(operation, BatchOperation::Insert(_))) {
                    self.set_suspended(None);
                }
            }
            Err(StoreError::BadRow(reason)) if batch.len() == 1 => {
                self.operations += 1;
                let BatchOperation::Insert(record) = batch.get(0) else {
                    unreachable!("only an insertion is a bad row")
                };
                let rows = vec![RejectedRow::Refused { number: record.number, reason }];
                self.reports.push(StoreReport::Committed { operations: self.operations, rows });
            }
            Err(StoreError::BadRow(_)) => {
                let middle = batch.len() / 2;
                self.commit(&batch.slice(0..middle));
                self.commit(&batch.slice(middle..batch.len()));
            }
            Err(StoreError::Unknown(reason)) => self.recover(batch, reason),
            Err(error) => self.fail(batch, error),
        }
    }

    /// Applies a batch and counts it.
    fn apply(&mut self, batch: &Batch) -> Result<Vec<RowOutcome>, StoreError> {
        let began = Instant::now();
        let result = self.store.apply(batch);
        let stats = &mut self.stats;
        stats.commit_time += began.elapsed();
        stats.store_bytes = self.store.size_bytes();
        match &result {
            Ok(_) => {
                stats.commits += 1;
                stats.operations += batch.len() as u64;
            }
            Err(_) => stats.errors += 1,
        }
        result
    }

    /// Reports a batch as failed, and keeps what must not be lost of it.
    fn fail(&mut self, batch: &Batch, error: StoreError) {
        for operation in batch.iter() {
            match operation {
                BatchOperation::Insert(_) => {}
                BatchOperation::Delete(number) => self.retained.delete(number),
                BatchOperation::SetAttempts(number, attempts) => {
                    self.retained.set_attempts(number, attempts);
                }
                BatchOperation::ReserveNumbers(up_to) => self.retained.reserve_numbers(up_to),
            }
        }
        self.operations += batch.len() as u64;
        self.stats.retained = self.retained.len() as u64;
        let reason = error.to_string();
        self.reports
            .push(StoreReport::Failed { operations: self.operations, reason: reason.clone() });
        if let StoreError::Fenced(_) = error {
            self.reports.push(StoreReport::Fenced(reason));
        } else {
            self.set_suspended(Some(reason));
        }
    }

    /// Opens the store anew after an outcome that is unknown, and finds out whether the batch was
    /// committed.
    fn recover(&mut self, batch: &Batch, reason: String) {
        self.set_suspended(Some(reason));
        let reopened = self.store.reopen();
        let is_committed = match reopened {
            Ok(Reopened { has_batch: Some(has_batch), .. }) => Ok(has_batch),
            Ok(_) => self.is_committed(batch),
            Err(ref error) => Err(error.clone()),
        };
        match is_committed {
            Ok(true) => {
                self.operations += batch.len() as u64;
                self.reports
                    .push(StoreReport::Committed { operations: self.operations, rows: vec![] });
                self.set_suspended(None);
            }
            Ok(false) => self.commit_once_more(batch),
            // What another server took over is known to it alone.
            Err(error @ StoreError::Fenced(_)) => return self.fail(batch, error),
            // Whether it was committed has to be found out before it is reported as failed.
            Err(_) => {
                self.undecided = Some(batch.slice(0..batch.len()));
                return;
            }
        }
        self.report_rewriting(reopened);
    }

    /// Commits a batch that was not committed, in a store that was just opened.
    fn commit_once_more(&mut self, batch: &Batch) {
        match self.apply(batch) {
            Ok(outcomes) => {
                self.operations += batch.len() as u64;
                let rows = outcomes.into_iter().map(|outcome| row(batch, outcome)).collect();
                self.reports.push(StoreReport::Committed { operations: self.operations, rows });
                self.set_suspended(None);
            }
            Err(StoreError::Unknown(_)) => self.undecided = Some(batch.slice(0..batch.len())),
            Err(error) => self.fail(batch, error),
        }
    }

    /// Has jobs inserted again that a store may lack which was opened again.
    fn report_rewriting(&mut self, reopened: Result<Reopened, StoreError>) {
        if reopened.is_ok_and(|reopened| reopened.may_lack_jobs) {
            self.reports.push(StoreReport::Rewritten);
        }
    }

    /// Whether the insertions of a batch are in the store. A batch is committed as a whole, and
    /// deletions can be repeated.
    fn is_committed(&mut self, batch: &Batch) -> Result<bool, StoreError> {
        let first = batch.iter().find_map(|operation| match operation {
            BatchOperation::Insert(record) => Some(record.number),
            _ => None,
        });
        let Some(first) = first else { return Ok(false) };
        Ok(self.store.fetch(&[first])?[0].is_some())
    }

    /// Writes what was kept of batches that failed, and finds out what became of an undecided one.
    pub fn retry(&mut self) {
        if let Some(batch) = self.undecided.take() {
            self.recover(&batch, "the store cannot be opened".to_owned());
            if self.is_undecided() {
                return;
            }
        }
        if self.write_retained().is_ok() {
            self.probe();
        }
    }

    /// Writes what was kept of earlier batches.
    fn write_retained(&mut self) -> Result<(), StoreError> {
        if self.retained.is_empty() {
            return Ok(());
        }
        let retained = std::mem::take(&mut self.retained);
        let result = self.apply(&retained).map(drop);
        if let Err(error) = &result {
            self.retained = retained;
            // Deletions can be repeated, so it need not be known whether they were written.
            if matches!(error, StoreError::Unknown(_)) {
                let reopened = self.store.reopen();
                self.report_rewriting(reopened);
            }
        }
        self.stats.retained = self.retained.len() as u64;
        result
    }

    /// Finds out whether the store takes jobs again: none is submitted while it does not, if
    /// clients act on it.
    fn probe(&mut self) {
        if self.suspended && self.store.probe().is_ok() {
            self.set_suspended(None);
        }
    }

    /// Reads jobs by number.
    pub fn fetch(&mut self, numbers: Vec<JobNumber>) {
        let report = match self.store.fetch(&numbers) {
            Ok(jobs) => {
                assert_eq!(jobs.len(), numbers.len(), "a store answers for each number");
                StoreReport::Fetched(numbers.into_iter().zip(jobs).collect())
            }
            Err(error) => StoreReport::FetchFailed(numbers, error),
        };
        self.reports.push(report);
    }

    /// Has the store do a step of its upkeep.
    pub fn upkeep(&mut self, is_idle: bool) {
        if self.is_undecided() {
            return;
        }
        match self.store.maintain(is_idle) {
            Ok(left) => self.upkeep_left = left,
            Err(StoreError::Unknown(reason)) => self.recover(&Batch::default(), reason),
            Err(error) => {
                self.upkeep_left = false;
                self.set_suspended(Some(error.to_string()));
            }
        }
    }

    /// Reports a change between taking jobs and not taking any.
    fn set_suspended(&mut self, reason: Option<String>) {
        let suspended = reason.is_some();
        if std::mem::replace(&mut self.suspended, suspended) != suspended {
            self.stats.is_suspended = suspended;
            self.reports.push(reason.map_or(StoreReport::Resumed, StoreReport::Suspended));
        }
    }
}

fn row(batch: &Batch, outcome: RowOutcome) -> RejectedRow {
    let number = |index| match batch.get(index) {
        BatchOperation::Insert(record) => record.number,
        other => unreachable!("the outcome of {other:?}"),
    };
    match outcome {
        RowOutcome::Exists { index, job } => {
            RejectedRow::Exists { number: number(index), existing: job }
        }
        RowOutcome::Refused { index, reason } => {
            RejectedRow::Refused { number: number(index), reason }
        }
    }
}
