//! SUBMIT_*: a job is admitted, acknowledged, and made available.
//!
//! Admitting and accepting are two steps: a queue that writes jobs to disk can
//! put its commit between them.
//!
//! Must not: decide what becomes of a job afterwards.

use bytes::Bytes;

use super::super::connection::Connection;
use super::super::errors::{self, Refusal};
use super::super::job::{Job, NewJob, Priority, Stage};
use super::super::slab::Id;
use super::super::timers::Now;
use super::super::{Broker, Outbox};
use super::parse_number;
use gearman::protocol::Command;
use gearman::protocol::limits::UNIQUE_SIZE;

/// What a client asks for.
pub(super) struct Submission<'a> {
    pub(super) function: &'a [u8],
    pub(super) unique: &'a [u8],
    pub(super) reducer: &'a [u8],
    /// Seconds since 1970.
    pub(super) epoch: Option<u64>,
    pub(super) payload: &'a [u8],
    /// What all of these lie in, if it can be kept.
    pub(super) memory: Option<&'a Bytes>,
    pub(super) priority: Priority,
    pub(super) background: bool,
}

/// When a job is to run. What is no number, or negative, is the past; what is
/// too large is `None`.
pub(super) fn parse_epoch(text: &[u8]) -> Option<u64> {
    parse_number(text).map(|seconds| u64::try_from(seconds).unwrap_or(0))
}

impl Broker {
    /// Handles a submission from its packet to its answer.
    pub(super) fn submit(
        &mut self,
        from: Id<Connection>,
        submission: Submission<'_>,
        now: Now,
        out: &mut dyn Outbox,
    ) {
        match self.admit(from, &submission) {
            Ok(job) => self.accept(from, job, submission.epoch, now, out),
            Err(refusal) => self.refuse(from, refusal, out),
        }
    }

    /// Finds the job that the submission joins, or makes it.
    fn admit(
        &mut self,
        from: Id<Connection>,
        submission: &Submission<'_>,
    ) -> Result<Id<Job>, Refusal> {
        let &Submission { unique, reducer, payload, memory, priority, background, .. } = submission;
        if unique.len() > UNIQUE_SIZE {
            return Err(errors::UNIQUE);
        }
        let function = self.functions.get_or_create(submission.function);
        let job = match self.jobs.find_joinable(function, unique, payload) {
            Some(job) => {
                // Whoever does not wait wants it done in any case.
                self.jobs[job].background |= background;
                job
            }
            None => {
                let limit = self.functions[function].limits[priority as usize];
                if limit > 0 && self.functions[function].total() >= limit {
                    return Err(errors::QUEUE_FULL);
                }
                self.jobs.insert(NewJob {
                    function,
                    unique,
                    reducer,
                    payload,
                    memory,
                    priority,
                    background,
                })
            }
        };
        if !background {
            self.attach(from, job);
        }
        Ok(job)
    }

    /// Acknowledges a submission and, if its job is new, makes it available.
    fn accept(
        &mut self,
        from: Id<Connection>,
        job: Id<Job>,
        epoch: Option<u64>,
        now: Now,
        out: &mut dyn Outbox,
    ) {
        let handle = self.jobs.handle(job);
        self.reply(from, Command::JobCreated, &[&handle], b"", out);
        let found = &self.jobs[job];
        let name = &self.functions[found.function].name;
        out.accepted(name, found.unique(), epoch.unwrap_or(0));
        if self.jobs[job].stage != Stage::Admitted {
            return;
        }
        match epoch {
            Some(due) if due > now.unix => self.delay(job, due),
            _ => self.enqueue(job, out),
        }
    }
}
