//! The event loop's end of the queue thread.
//!
//! Must not: wait for the store, except when the server ends.

use std::io;

use super::EventLoop;
use crate::http::Phase;
use crate::log::Level;
use gearman_queue::{Batch, JobNumber, QueueThread, Store};
use gearman_session::StoreRequest;

/// Jobs of one part of the survey: what the event loop takes in at a time, for some 3 ms.
const SURVEY_JOBS: usize = 1 << 13;

/// The queue thread, and memory for what it gets.
pub(super) struct StoreLink {
    thread: QueueThread,
    batch: Batch,
    wanted: Vec<JobNumber>,
    error_prefix: &'static str,
    /// Whether the thread has reported something.
    pub(super) has_reports: bool,
}

impl EventLoop {
    /// Starts the queue thread, and the survey of what the store has. `error_prefix` stands before
    /// the error with which a damaged or lost store ends the server.
    ///
    /// # Errors
    /// When the system refuses a waker or a thread.
    pub(crate) fn start_store(
        &mut self,
        store: Box<dyn Store>,
        error_prefix: &'static str,
    ) -> io::Result<()> {
        let waker = self.waker()?;
        let thread = QueueThread::start(store, move || {
            // The loop has ended if this fails, and takes the last reports by itself.
            let _ = waker.wake();
        })?;
        thread.request_survey(SURVEY_JOBS);
        let (batch, wanted) = (Batch::default(), Vec::new());
        self.store = Some(StoreLink { thread, batch, wanted, error_prefix, has_reports: false });
        self.is_loading = true;
        Ok(())
    }

    /// Handles reports, and hands over what the turn has brought.
    pub(super) fn serve_store(&mut self) {
        let Some(mut store) = self.store.take() else { return };
        if std::mem::take(&mut store.has_reports) {
            // Packets that wait see counters that are not older than the reports.
            let reports = store.thread.take_reports();
            self.jobs.set_store_stats(store.thread.stats());
            match self.jobs.store_reports(reports) {
                Some(StoreRequest::Survey) => store.thread.request_survey(SURVEY_JOBS),
                Some(StoreRequest::Stop(error)) => {
                    self.damage = Some(format!("{}{error}", store.error_prefix));
                    self.stop();
                }
                None => {}
            }
            let (_, is_surveying) = self.jobs.broker.survey_progress();
            if self.is_loading && !is_surveying {
                self.is_loading = false;
                // The parts of the survey, and index tables that have grown.
                self.trimmer.trim(self.jobs.memory_measure());
                self.enter(Phase::Serving);
            }
        }
        // Taken in every turn: what the thread does by itself is not reported.
        self.jobs.set_store_stats(store.thread.stats());
        self.jobs.take_operations(&mut store.batch);
        store.thread.hand_over(&mut store.batch);
        self.jobs.take_wanted(&mut store.wanted);
        if !store.wanted.is_empty() {
            store.thread.request_jobs(std::mem::take(&mut store.wanted));
        }
        self.store = Some(store);
    }

    /// Requests the next part of the survey again.
    pub(super) fn retry_survey(&self) {
        if let Some(store) = &self.store {
            store.thread.request_survey(SURVEY_JOBS);
        }
    }

    /// Commits what is left, and ends the queue thread.
    pub(super) fn close_store(&mut self) {
        let Some(mut store) = self.store.take() else { return };
        self.jobs.broker.store_at_shutdown();
        self.jobs.take_operations(&mut store.batch);
        store.thread.hand_over(&mut store.batch);
        let (reports, stats) = store.thread.stop();
        self.jobs.set_store_stats(stats);
        self.jobs.store_reports(reports);
    }

    /// Reports the ends of jobs that could not be written before the server ends.
    pub(super) fn report_unrecorded(&mut self) {
        let ends = self.jobs.store_state().stats.retained;
        if ends > 0 {
            self.jobs.journal.write(
                Level::Error,
                format_args!(
                    "The ends of {ends} jobs could not be written to the queue: they run again \
                     after the next start"
                ),
            );
        }
    }
}
