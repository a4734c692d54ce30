//! Limits on what one connection may bring into being: functions, which exist until they are
//! dropped, and jobs with unique ids; and on the jobs that it may hold at a time.
//!
//! Must not: limit what administrators do.

use std::collections::HashMap;

use super::connection::Connection;
use super::errors::{self, Refusal};
use super::job::Job;
use super::slab::Id;
use super::{Broker, ConnectionKey};

/// The limits. 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Most functions that a connection may offer, and most that it may bring into being.
    pub functions_max: u32,
    /// Most jobs in memory with a unique id that a connection may have submitted.
    pub unique_jobs_max: u32,
    /// Most jobs that a worker may run at a time.
    pub running_jobs_max: u32,
}

/// Number of requests that a limit has refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitCounts {
    /// By [`ConnectionLimits::functions_max`].
    pub functions: u64,
    /// By [`ConnectionLimits::unique_jobs_max`].
    pub unique_jobs: u64,
    /// By [`ConnectionLimits::running_jobs_max`].
    pub running_jobs: u64,
}

/// The limits, and what counts towards them.
pub(super) struct LimitedConnections {
    limits: ConnectionLimits,
    refused: LimitCounts,
    /// Who submitted the jobs with a unique id, by the index of the job, while they are in memory.
    submitters: HashMap<usize, ConnectionKey>,
}

impl Broker {
    /// Limits what a connection may bring into being.
    pub fn set_connection_limits(&mut self, limits: ConnectionLimits) {
        let is_any = limits != ConnectionLimits::default();
        self.limited = is_any.then(|| {
            let (refused, submitters) = (LimitCounts::default(), HashMap::new());
            Box::new(LimitedConnections { limits, refused, submitters })
        });
    }

    /// The number of requests that a limit has refused.
    pub fn limit_counts(&self) -> LimitCounts {
        self.limited.as_ref().map_or(LimitCounts::default(), |limited| limited.refused)
    }

    /// Counts a function that a connection is about to bring into being, if it does not exist.
    pub(super) fn may_name(&mut self, from: Id<Connection>, name: &[u8]) -> Result<(), Refusal> {
        let Some(limited) = &mut self.limited else { return Ok(()) };
        let most = limited.limits.functions_max;
        if most == 0 || self.functions.find(name).is_some() {
            return Ok(());
        }
        let created = &mut self.connections[from].created_functions;
        if *created >= most {
            limited.refused.functions += 1;
            return Err(errors::TOO_MANY_FUNCTIONS);
        }
        *created += 1;
        Ok(())
    }

    /// Whether a worker may offer one more function.
    pub(super) fn may_offer(&mut self, worker: Id<Connection>, name: &[u8]) -> Result<(), Refusal> {
        let Some(limited) = &mut self.limited else { return Ok(()) };
        let most = limited.limits.functions_max;
        if most > 0 && self.connections[worker].abilities.len() >= most {
            limited.refused.functions += 1;
            return Err(errors::TOO_MANY_FUNCTIONS);
        }
        self.may_name(worker, name)
    }

    /// Whether a worker runs fewer jobs than it may.
    pub(super) fn may_run(&mut self, worker: Id<Connection>) -> Result<(), Refusal> {
        let Some(limited) = &mut self.limited else { return Ok(()) };
        let most = limited.limits.running_jobs_max;
        if most > 0 && self.connections[worker].running.len() >= most {
            limited.refused.running_jobs += 1;
            return Err(errors::TOO_MANY_RUNNING);
        }
        Ok(())
    }

    /// Whether a connection may submit one more job with a unique id.
    pub(super) fn may_add_unique(&mut self, from: Id<Connection>) -> Result<(), Refusal> {
        let Some(limited) = &mut self.limited else { return Ok(()) };
        let most = limited.limits.unique_jobs_max;
        if most > 0 && self.connections[from].unique_jobs >= most {
            limited.refused.unique_jobs += 1;
            return Err(errors::TOO_MANY_UNIQUES);
        }
        Ok(())
    }

    /// Counts a new job with a unique id.
    pub(super) fn count_unique(&mut self, from: Id<Connection>, job: Id<Job>) {
        let key = self.key(from);
        if let Some(limited) = &mut self.limited
            && limited.limits.unique_jobs_max > 0
        {
            limited.submitters.insert(job.index(), key);
            self.connections[from].unique_jobs += 1;
        }
    }

    /// Counts the end of a job, or that it is no longer in memory.
    pub(super) fn uncount_unique(&mut self, job: Id<Job>) {
        if let Some(limited) = &mut self.limited
            && let Some(key) = limited.submitters.remove(&job.index())
            && let Some(connection) = self.connections.find(key)
        {
            let jobs = &mut self.connections[connection].unique_jobs;
            *jobs = jobs.checked_sub(1).expect("a job with a unique id was not counted");
        }
    }
}
