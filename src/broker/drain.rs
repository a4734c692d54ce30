//! The end of a broker that is to lose nothing which can still be done.
//!
//! While it drains, no job is taken on. Those that workers have, and those that
//! wait for a function with a worker, are seen through, background jobs too:
//! they are kept in memory only, and there will be no later. What is left then
//! is what nobody here does, what is kept back, and jobs for later.
//!
//! Must not: end anything by itself.

use super::function::Function;
use super::{Broker, Outbox};

impl Broker {
    /// From now on takes on no job.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Whether it takes on no job.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Whether it drains, and all is done that can be.
    pub fn is_drained(&self) -> bool {
        self.draining && self.functions.iter().all(|(_, function)| is_done(function))
    }

    /// Ends the jobs that are left. Those who wait get WORK_FAIL. Returns how many
    /// there were.
    pub fn give_up_jobs(&mut self, out: &mut dyn Outbox) -> usize {
        let left: Vec<_> = self.jobs.iter().map(|(id, _)| id).collect();
        left.iter().for_each(|&job| self.fail(job, out));
        left.len()
    }
}

fn is_done(function: &Function) -> bool {
    function.running == 0 && (function.available() == 0 || function.abilities.is_empty())
}
