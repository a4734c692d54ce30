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
use super::super::timers::{DriverTimer, Now};
use super::super::{Broker, Outbox};
use super::parse_number;
use crate::defects::{Defect, strikes};
use gearman_protocol::Command;
use gearman_protocol::limits::{JOB_HANDLE_SIZE, MAX_ARGS_SIZE, MAX_PAYLOAD, UNIQUE_SIZE};

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

impl Submission<'_> {
    /// Whether a worker can be told all of it.
    fn fits_into_a_packet(&self) -> bool {
        let names = self.function.len() + self.unique.len() + self.reducer.len();
        fit_into_a_packet(names, self.payload.len())
    }
}

/// Whether there is room for three names of this many bytes and a payload in
/// JOB_ASSIGN_ALL, which has a handle beside them.
fn fit_into_a_packet(names: usize, payload: usize) -> bool {
    let arguments = JOB_HANDLE_SIZE + names + 3;
    arguments <= MAX_ARGS_SIZE && arguments + payload <= MAX_PAYLOAD as usize
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
            Ok(job) => self.accept(from, job, &submission, now, out),
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
        if self.draining {
            return Err(errors::DRAINING);
        }
        if !submission.fits_into_a_packet() {
            return Err(errors::JOB_SIZE);
        }
        if unique.len() > UNIQUE_SIZE {
            return Err(errors::UNIQUE);
        }
        let function = self.functions.get_or_create(submission.function);
        let job = match self.jobs.find_joinable(function, unique, payload) {
            Some(job) => {
                // Whoever does not wait wants it done in any case.
                self.jobs[job].background |= background;
                if strikes(Defect::JoinForgotten) {
                    return Ok(job);
                }
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
                    submitted: (self.now.ticks / 1000) as u32,
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
        submission: &Submission<'_>,
        now: Now,
        out: &mut dyn Outbox,
    ) {
        let &Submission { epoch, background, .. } = submission;
        let (key, handle) = (self.key(from), self.jobs.handle(job));
        if background {
            out.send(key, Command::JobCreated, &[&handle], b"");
        } else if let Some(due) = out.send_with_next(key, Command::JobCreated, &[&handle], b"") {
            self.set_timer(due, DriverTimer::DelayedAck(key));
        }
        let found = &self.jobs[job];
        let name = &self.functions[found.function].name;
        out.accepted(name, found.unique(), epoch.unwrap_or(0));
        if self.jobs[job].stage != Stage::Admitted {
            return;
        }
        self.functions[found.function].totals.submitted += 1;
        match epoch {
            Some(due) if due > now.unix => self.delay(job, due),
            _ => self.enqueue(job, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_as_large_as_the_packet_that_hands_it_out_can_be() {
        let room = MAX_PAYLOAD as usize - JOB_HANDLE_SIZE - 3;
        assert!(fit_into_a_packet(10, room - 10) && !fit_into_a_packet(10, room - 9));
        let room = MAX_ARGS_SIZE - JOB_HANDLE_SIZE - 3;
        assert!(fit_into_a_packet(room, 0) && !fit_into_a_packet(room + 1, 0));
    }
}
