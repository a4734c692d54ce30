//! The queue thread: commits batches as soon as it is free.
//!
//! There is no timer. While the thread is inside a commit, the event loop's next batches are joined
//! into one, which is the next commit. So a lone client pays one sync per job, and a thousand
//! clients share one.
//!
//! Owns the thread, and the queues between it and the event loop.
//!
//! Must not: decide what becomes of a batch that failed; the committer does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::batch::Batch;
use crate::committer::{Committer, QueueStats, StoreReport};
use crate::record::JobNumber;
use crate::store::Store;

/// Time without work after which the store does its upkeep.
const IDLE_DELAY: Duration = Duration::from_secs(1);
/// Time between two attempts to write what a failed store did not take.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// Requests of one turn of the thread, besides its batch: a part of the survey, of this size, and
/// jobs.
type Requests = (Option<usize>, Option<Vec<JobNumber>>);

/// What the event loop hands over.
#[derive(Default)]
struct Inbox {
    batch: Batch,
    survey: Option<usize>,
    fetches: VecDeque<Vec<JobNumber>>,
    is_stopping: bool,
}

impl Inbox {
    fn has_work(&self) -> bool {
        !self.batch.is_empty() || self.survey.is_some() || !self.fetches.is_empty()
    }
}

struct ThreadShared {
    inbox: Mutex<Inbox>,
    filled: Condvar,
    reports: Mutex<Vec<StoreReport>>,
    stats: Mutex<QueueStats>,
    wake: Box<dyn Fn() + Send + Sync>,
}

/// The running thread, as the event loop sees it.
pub struct QueueThread {
    shared: Arc<ThreadShared>,
    thread: Option<JoinHandle<()>>,
}

impl QueueThread {
    /// Starts the thread. `wake` is called from it when the first report waits to be taken.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub fn start(
        store: Box<dyn Store>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<QueueThread> {
        let shared = Arc::new(ThreadShared {
            inbox: Mutex::default(),
            filled: Condvar::new(),
            reports: Mutex::default(),
            stats: Mutex::default(),
            wake: Box::new(wake),
        });
        let committer = Committer::new(store);
        let mut worker = QueueWorker { committer, shared: Arc::clone(&shared) };
        let thread =
            std::thread::Builder::new().name("queue".to_owned()).spawn(move || worker.run())?;
        Ok(QueueThread { shared, thread: Some(thread) })
    }

    /// Hands a batch over and leaves an empty one. Never waits for the store.
    pub fn hand_over(&self, batch: &mut Batch) {
        if batch.is_empty() {
            return;
        }
        self.shared.inbox.lock().batch.append(batch);
        self.shared.filled.notify_one();
    }

    /// Asks for the next part of the survey, at most `limit` jobs.
    pub fn request_survey(&self, limit: usize) {
        self.shared.inbox.lock().survey = Some(limit);
        self.shared.filled.notify_one();
    }

    /// Asks for jobs by number.
    pub fn request_jobs(&self, numbers: Vec<JobNumber>) {
        self.shared.inbox.lock().fetches.push_back(numbers);
        self.shared.filled.notify_one();
    }

    /// Takes all reports that wait, in their order.
    pub fn take_reports(&self) -> Vec<StoreReport> {
        std::mem::take(&mut *self.shared.reports.lock())
    }

    /// The counters as of now.
    pub fn stats(&self) -> QueueStats {
        *self.shared.stats.lock()
    }

    /// Ends the thread after what was handed over is committed, or has failed. Returns its last
    /// reports and counters.
    ///
    /// # Panics
    /// If the thread has panicked.
    pub fn stop(mut self) -> (Vec<StoreReport>, QueueStats) {
        self.end().expect("the queue thread has panicked");
        (self.take_reports(), self.stats())
    }

    fn end(&mut self) -> std::thread::Result<()> {
        self.shared.inbox.lock().is_stopping = true;
        self.shared.filled.notify_one();
        self.thread.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl Drop for QueueThread {
    fn drop(&mut self) {
        // A panic of the thread has been reported on stderr.
        let _ = self.end();
    }
}

/// What the thread owns.
struct QueueWorker {
    committer: Committer,
    shared: Arc<ThreadShared>,
}

impl QueueWorker {
    fn run(&mut self) {
        let mut batch = Batch::default();
        while let Some((survey, fetch)) = self.wait(&mut batch) {
            let has_batch = !batch.is_empty();
            if has_batch {
                self.committer.commit_batch(&mut batch);
                self.report();
            } else if self.committer.has_retry() {
                self.committer.retry();
            }
            if let Some(numbers) = fetch {
                self.committer.fetch(numbers);
            }
            if let Some(limit) = survey {
                self.committer.survey(limit);
            }
            self.report();
            // Workers have jobs that were fetched, while a WAL is copied into its file.
            if has_batch {
                self.committer.upkeep(false);
                self.report();
            }
        }
        if self.committer.has_retry() {
            self.committer.retry();
        }
        let mut rest = std::mem::take(&mut self.shared.inbox.lock().batch);
        if !rest.is_empty() && !self.committer.is_undecided() {
            self.committer.commit_batch(&mut rest);
        }
        self.report();
    }

    /// Passes the committer's reports on.
    fn report(&mut self) {
        *self.shared.stats.lock() = self.committer.stats();
        let mut reports = self.committer.take_reports();
        if reports.is_empty() {
            return;
        }
        let mut waiting = self.shared.reports.lock();
        let is_first = waiting.is_empty();
        waiting.append(&mut reports);
        drop(waiting);
        // The loop takes all reports at once: one call is enough.
        if is_first {
            (self.shared.wake)();
        }
    }

    /// Waits for work. Returns `None` once the thread is stopping and nothing is left.
    fn wait(&mut self, batch: &mut Batch) -> Option<Requests> {
        let shared = Arc::clone(&self.shared);
        let mut inbox = shared.inbox.lock();
        // Wake-ups that bring nothing to do now must not put a retry off.
        let mut since = Instant::now();
        loop {
            let may_commit = !self.committer.is_undecided();
            if inbox.has_work() && may_commit {
                std::mem::swap(&mut inbox.batch, batch);
                return Some((inbox.survey.take(), inbox.fetches.pop_front()));
            }
            if inbox.is_stopping {
                return None;
            }
            let limit = match (self.committer.has_retry(), self.committer.has_upkeep()) {
                (true, _) => Some(RETRY_DELAY),
                (false, true) => Some(IDLE_DELAY),
                (false, false) => None,
            };
            let Some(limit) = limit else {
                shared.filled.wait(&mut inbox);
                continue;
            };
            if shared.filled.wait_until(&mut inbox, since + limit).timed_out()
                && !(inbox.has_work() && may_commit)
            {
                if self.committer.has_retry() {
                    return Some((None, None));
                }
                drop(inbox);
                self.committer.upkeep(true);
                self.report();
                inbox = shared.inbox.lock();
                since = Instant::now();
            }
        }
    }
}

#[cfg(test)]
#[path = "thread_tests.rs"]
mod tests;
