//! Draining: a graceful shutdown that loses no job which a connected worker can still do.
//!
//! A draining broker accepts no job. Running jobs, and queued jobs in memory of functions that
//! have a worker, are finished, background jobs too: without a durable queue no later run could do
//! them. The remaining jobs are those without a worker, those of paused functions, and delayed
//! ones; a durable queue keeps those of them that are background jobs.
//!
//! Must not: close a connection or end the process.

use super::events::LostJobs;
use super::function::Function;
use super::lifecycle::JobEnd;
use super::{Broker, Outbox};

impl Broker {
    /// Accepts no job from now on.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Whether [`Broker::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Whether the broker is draining and no connected worker has, or can get, a job.
    pub fn is_drained(&self) -> bool {
        self.draining
            && self.pending_insertions() == 0
            && !self.has_backlog()
            && self.functions.iter().all(|(_, function)| is_done(function))
    }

    /// Fails all remaining jobs: clients that wait for them get WORK_FAIL. Jobs of the durable
    /// queue stay in the store. Returns the other jobs by function.
    pub fn fail_remaining_jobs(&mut self, out: &mut dyn Outbox) -> Vec<LostJobs> {
        self.store_at_shutdown();
        self.close_store();
        let lost = self.volatile_jobs();
        let remaining: Vec<_> = self.jobs.iter().map(|(id, _)| id).collect();
        remaining.iter().for_each(|&job| self.fail(job, JobEnd::Dropped, out));
        lost
    }
}

fn is_done(function: &Function) -> bool {
    function.running == 0 && (function.available() == 0 || function.abilities.is_empty())
}
