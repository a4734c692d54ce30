//! The queue thread of a simulated server: commits and reads take simulated time, fail, and end
//! with their process.
//!
//! Must not: decide which jobs are durable.

use std::collections::BTreeSet;

use gearman_queue::simulated::{Medium, StoreFault};
use gearman_queue::{Batch, BatchOperation, Committer, JobNumber, Store, StoreError};
use gearman_session::{Host, JobServer, StoreRequest};
use gearman_test_support::random::Random;

/// Jobs of one part of the survey.
const SURVEY_JOBS: usize = 7;
/// Time after which what a store did not take is written again, in microseconds.
const RETRY_US: u64 = 100_000;

/// Memory for waiting jobs that no simulation uses up, in bytes.
pub(crate) const UNLIMITED_BYTES: usize = 1 << 30;

/// How a simulated store behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreQuality {
    /// Longest time of a commit or a read, in microseconds.
    pub(crate) delay_us: u64,
    /// One of so many commits fails; 0 for none.
    pub(crate) fails_in: usize,
    /// Memory for waiting jobs, in bytes.
    pub(crate) memory_bytes: usize,
}

/// A queue thread, step by step.
pub(crate) struct SimQueue {
    committer: Committer,
    medium: Medium,
    quality: StoreQuality,
    random: Random,
    /// Operations that wait for the next commit.
    waiting: Batch,
    /// Operations of the commit under way, and when it ends.
    committing: Option<(Batch, u64)>,
    wanted: Vec<JobNumber>,
    is_survey_wanted: bool,
    /// When the next read ends.
    read_at_us: Option<u64>,
    retry_at_us: Option<u64>,
    /// Jobs whose removal is committed.
    pub(crate) ended: BTreeSet<u64>,
}

impl SimQueue {
    /// Opens the medium of a server. The survey is wanted.
    pub(crate) fn new(
        medium: &Medium,
        store: Box<dyn Store>,
        quality: StoreQuality,
        random: Random,
        now_us: u64,
    ) -> SimQueue {
        SimQueue {
            committer: Committer::new(store),
            medium: medium.clone(),
            quality,
            random,
            waiting: Batch::default(),
            committing: None,
            wanted: Vec::new(),
            is_survey_wanted: true,
            read_at_us: Some(now_us),
            retry_at_us: None,
            ended: BTreeSet::new(),
        }
    }

    fn delay_us(&mut self) -> u64 {
        1 + self.random.below(self.quality.delay_us as usize + 1) as u64
    }

    /// When the thread has something to do, in simulated microseconds.
    pub(crate) fn due_us(&self) -> Option<u64> {
        // No commit overtakes one whose outcome is not known.
        let commit = self.committing.as_ref().filter(|_| !self.committer.is_undecided());
        let commit = commit.map(|&(_, at_us)| at_us);
        [commit, self.read_at_us, self.retry_at_us].into_iter().flatten().min()
    }

    /// Ends commits and reads whose time has come, and passes on what they brought.
    pub(crate) fn report<H: Host>(&mut self, now_us: u64, jobs: &mut JobServer<H>) {
        if self.retry_at_us.is_some_and(|at_us| at_us <= now_us) {
            self.retry_at_us = None;
            self.committer.retry();
        }
        let is_due = |commit: &mut (Batch, u64)| commit.1 <= now_us;
        if !self.committer.is_undecided()
            && let Some((mut batch, _)) = self.committing.take_if(is_due)
        {
            self.commit(&mut batch);
        }
        if self.read_at_us.is_some_and(|at_us| at_us <= now_us) {
            self.read_at_us = None;
            if std::mem::take(&mut self.is_survey_wanted) {
                self.committer.survey(SURVEY_JOBS);
            }
            if !self.wanted.is_empty() {
                self.committer.fetch(std::mem::take(&mut self.wanted));
            }
        }
        if self.committer.has_retry() && self.retry_at_us.is_none() {
            self.retry_at_us = Some(now_us + RETRY_US);
        }
        let reports = self.committer.take_reports();
        if !reports.is_empty()
            && let Some(StoreRequest::Survey) = jobs.store_reports(reports)
        {
            self.is_survey_wanted = true;
        }
        self.take(now_us, jobs);
    }

    fn commit(&mut self, batch: &mut Batch) {
        if self.quality.fails_in > 0 && self.random.one_in(self.quality.fails_in) {
            let unknown = || StoreError::Unknown("sync failed".to_owned());
            let fault = match self.random.below(3) {
                0 => StoreFault::Refused(StoreError::NotCommitted("the disk is full".to_owned())),
                1 => StoreFault::Refused(unknown()),
                _ => StoreFault::WrittenAnd(unknown()),
            };
            self.medium.plan([Some(fault)]);
            if self.random.one_in(2) {
                self.medium.refuse_to_reopen(self.random.below(3));
            }
        }
        let removed: Vec<u64> = batch
            .iter()
            .filter_map(|operation| match operation {
                BatchOperation::Delete(JobNumber(number)) => Some(number),
                _ => None,
            })
            .collect();
        self.committer.commit_batch(batch);
        let stored: BTreeSet<u64> = self.medium.numbers().into_iter().collect();
        self.ended.extend(removed.into_iter().filter(|number| !stored.contains(number)));
    }

    /// Takes what a turn of the server has brought.
    pub(crate) fn take<H: Host>(&mut self, now_us: u64, jobs: &mut JobServer<H>) {
        jobs.take_operations(&mut self.waiting);
        jobs.take_wanted(&mut self.wanted);
        if self.committing.is_none() && !self.waiting.is_empty() {
            let at_us = now_us + self.delay_us();
            self.committing = Some((std::mem::take(&mut self.waiting), at_us));
        }
        let is_read_wanted = self.is_survey_wanted || !self.wanted.is_empty();
        if is_read_wanted && self.read_at_us.is_none() {
            self.read_at_us = Some(now_us + self.delay_us());
        }
    }

    /// The process ends in the middle of whatever it does: the commit under way may be written.
    /// Returns the jobs whose removal is committed.
    pub(crate) fn crash(mut self) -> BTreeSet<u64> {
        // While the outcome of one commit is not known, the next has not begun: written alone, it
        // could bring a job whose equal the first was to remove.
        if let Some((batch, _)) = self.committing.take_if(|_| !self.committer.is_undecided())
            && self.random.one_in(2)
        {
            // Whether it fails makes no difference to a process that has ended.
            let _ = self.medium.open().apply(&batch);
        }
        self.ended
    }
}
