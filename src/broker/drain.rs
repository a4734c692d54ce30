//! Draining: a graceful shutdown that loses no job which a connected worker can still do.
//!
//! A draining broker accepts no job. Running jobs, and queued jobs of functions that have a
//! worker, are finished, background jobs too: jobs are kept in memory only, so no later run
//! could do them. The remaining jobs are those without a worker, those of paused functions,
//! and delayed ones.
//!
//! Must not: close a connection or end the process.

use super::function::Function;
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
        self.draining && self.functions.iter().all(|(_, function)| is_done(function))
    }

    /// Fails all remaining jobs: clients that wait for them get WORK_FAIL. Returns the
    /// number of jobs.
    pub fn fail_remaining_jobs(&mut self, out: &mut dyn Outbox) -> usize {
        let remaining: Vec<_> = self.jobs.iter().map(|(id, _)| id).collect();
        remaining.iter().for_each(|&job| self.fail(job, out));
        remaining.len()
    }
}

fn is_done(function: &Function) -> bool {
    function.running == 0 && (function.available() == 0 || function.abilities.is_empty())
}
