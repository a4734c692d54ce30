//! [`BrokerEvent`]: what happens to workers and jobs that an administrator may want to read in a
//! log, and the functions of the broker that report it.
//!
//! Must not: decide what is logged, or how often.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::connection::Connection;
use super::durable::Durability;
use super::function::Function;
use super::job::Job;
use super::slab::Id;
use super::view::PeerView;
use super::{Broker, Outbox};

/// Something that happened to a function, to a worker or to jobs.
#[derive(Clone, Copy)]
pub enum BrokerEvent<'a> {
    /// A function has its first worker, or has one again.
    FunctionOffered {
        /// Its name.
        function: &'a [u8],
        /// The worker.
        worker: PeerView<'a>,
    },
    /// A function has lost its last worker.
    FunctionAbandoned {
        /// Its name.
        function: &'a [u8],
        /// The worker.
        worker: PeerView<'a>,
        /// Queued jobs that wait for another worker.
        waiting: u32,
    },
    /// A connection has become a worker.
    WorkerCame {
        /// The worker.
        worker: PeerView<'a>,
        /// The first function that it offers.
        function: &'a [u8],
    },
    /// A worker has disconnected.
    WorkerLeft {
        /// The worker.
        worker: PeerView<'a>,
        /// Number of functions that it offered.
        functions: u32,
        /// Number of jobs that it had not finished.
        running: u32,
    },
    /// A job has failed at its worker.
    JobFailed {
        /// Why.
        cause: FailureCause,
        /// The job's handle.
        handle: &'a [u8],
        /// Its function.
        function: &'a [u8],
        /// Its unique id.
        unique: &'a [u8],
        /// The worker.
        worker: PeerView<'a>,
    },
    /// Waiting jobs of a function were dropped by an administrator.
    JobsDropped {
        /// Its name.
        function: &'a [u8],
        /// Their number.
        jobs: u32,
    },
}

/// Why a job has failed at its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// The worker has failed it.
    Worker,
    /// The worker sent a packet about it that is too large.
    TooLarge,
}

/// Jobs of one function that end without their worker's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostJobs {
    /// The function's name.
    pub function: Box<[u8]>,
    /// Their number.
    pub jobs: u64,
}

impl Broker {
    /// Reports that a worker now offers a function.
    pub(super) fn report_offer(
        &self,
        function: Id<Function>,
        worker: PeerView<'_>,
        is_first: bool,
        out: &mut dyn Outbox,
    ) {
        let function = &self.functions[function];
        let name = &*function.name;
        if is_first {
            out.event(BrokerEvent::WorkerCame { worker, function: name });
        }
        if function.abilities.len() == 1 {
            out.event(BrokerEvent::FunctionOffered { function: name, worker });
        }
    }

    /// Reports that a worker no longer offers a function, if it was the last.
    pub(super) fn report_withdrawal(
        &self,
        function: Id<Function>,
        worker: PeerView<'_>,
        out: &mut dyn Outbox,
    ) {
        let function = &self.functions[function];
        if function.abilities.is_empty() {
            // The jobs that it ran are queued again.
            let waiting = function.total() - function.delayed;
            let function = &*function.name;
            out.event(BrokerEvent::FunctionAbandoned { function, worker, waiting });
        }
    }

    /// Reports that a connection ends, if it is a worker's.
    pub(super) fn report_leaving(&self, id: Id<Connection>, out: &mut dyn Outbox) {
        let connection = &self.connections[id];
        let (functions, running) = (connection.abilities.len(), connection.running.len());
        if functions > 0 {
            out.event(BrokerEvent::WorkerLeft { worker: self.peer(id), functions, running });
        }
    }

    /// Reports that a job fails at its worker.
    #[cold]
    pub(super) fn report_failed(
        &self,
        id: Id<Job>,
        worker: Id<Connection>,
        cause: FailureCause,
        out: &mut dyn Outbox,
    ) {
        let (job, handle) = (&self.jobs[id], self.jobs.handle(id));
        let (function, unique) = (&*self.functions[job.function].name, job.unique());
        let (handle, worker) = (&*handle, self.peer(worker));
        out.event(BrokerEvent::JobFailed { cause, handle, function, unique, worker });
    }

    /// Reports that waiting jobs of a function were dropped, if there were any.
    pub(super) fn report_dropped(&self, id: Id<Function>, jobs: u32, out: &mut dyn Outbox) {
        if jobs > 0 {
            let function = &*self.functions[id].name;
            out.event(BrokerEvent::JobsDropped { function, jobs });
        }
    }

    /// The jobs that only memory has, by function, the most first: those that the end of the server
    /// loses.
    pub fn volatile_jobs(&self) -> Vec<LostJobs> {
        let mut counts = BTreeMap::<&[u8], u64>::new();
        for (_, job) in self.jobs.iter() {
            if job.durability == Durability::Volatile {
                *counts.entry(&self.functions[job.function].name).or_default() += 1;
            }
        }
        let lost = |(name, jobs): (&[u8], u64)| LostJobs { function: name.into(), jobs };
        let mut all: Vec<LostJobs> = counts.into_iter().map(lost).collect();
        all.sort_by_key(|lost| Reverse(lost.jobs));
        all
    }
}
