//! Jobs that were cancelled while they ran. Their workers do not know it, and are busy with them
//! until they report an end or disconnect. What they report is ignored.
//!
//! Must not: keep a job; it has ended.

use super::connection::Connection;
use super::job::{Job, Priority, Stage};
use super::slab::Id;
use super::view::CancelledRunView;
use super::{Broker, ConnectionKey};

/// Most such jobs that are remembered of a connection. The oldest are forgotten.
const CANCELLED_RUNS_MAX: usize = 64;

/// One such job.
pub(super) struct CancelledRun {
    number: u64,
    function: Box<[u8]>,
    unique: Box<[u8]>,
    priority: Priority,
    submitted_seconds: u32,
    started_seconds: u32,
}

impl Broker {
    /// Remembers a job that is about to be cancelled, if a worker runs it.
    pub(super) fn note_cancelled_run(&mut self, id: Id<Job>) {
        let job = &self.jobs[id];
        let Stage::Running { worker, .. } = job.stage else { return };
        let run = CancelledRun {
            number: job.number,
            function: self.functions[job.function].name.clone(),
            unique: job.unique().into(),
            priority: job.priority,
            submitted_seconds: job.submitted_seconds,
            started_seconds: job.started_seconds,
        };
        let runs = &mut self.connections[worker].cancelled_runs;
        if runs.len() == CANCELLED_RUNS_MAX {
            runs.remove(0);
        }
        runs.push(run);
    }

    /// Whether this is the handle of a job that was cancelled while the worker ran it. At its end it
    /// is forgotten.
    #[cold]
    pub(super) fn is_cancelled_run(
        &mut self,
        worker: Id<Connection>,
        handle: &[u8],
        is_end: bool,
    ) -> bool {
        let Some(number) = self.jobs.parse_handle(handle) else { return false };
        let runs = &mut self.connections[worker].cancelled_runs;
        let place = runs.iter().position(|run| run.number == number);
        if let Some(place) = place.filter(|_| is_end) {
            runs.remove(place);
        }
        place.is_some()
    }

    /// The cancelled jobs that a connection may still be busy with, the oldest first.
    pub fn cancelled_runs(
        &self,
        key: ConnectionKey,
    ) -> impl Iterator<Item = CancelledRunView<'_>> + '_ {
        let id = self.connections.find(key);
        let runs = id.map(|id| &self.connections[id].cancelled_runs);
        let now = self.now.monotonic.as_seconds() as u32;
        runs.into_iter().flatten().map(move |run| CancelledRunView {
            handle: self.jobs.handle_of(run.number),
            function: &run.function,
            unique: &run.unique,
            priority: run.priority,
            age_seconds: now.saturating_sub(run.submitted_seconds),
            running_seconds: now.saturating_sub(run.started_seconds),
        })
    }
}
