//! SUBMIT_*: a job is admitted (checked and stored), then accepted (acknowledged and
//! queued). A durable queue can commit the job between these two steps.
//!
//! Must not: change a job after it was queued.

use bytes::Bytes;

use super::super::connection::Connection;
use super::super::durable::Durability;
use super::super::errors::{self, Refusal};
use super::super::job::{Job, NewJob, Priority, Stage};
use super::super::payload_search::PayloadMatch;
use super::super::slab::Id;
use super::super::timers::DriverTimer;
use super::super::{Broker, Incoming, Outbox, UnixSeconds};
use super::parse_number;
use crate::defects::{Defect, strikes};
use gearman_protocol::Command;
use gearman_protocol::limits::{JOB_HANDLE_SIZE, MAX_ARGS_SIZE, MAX_PAYLOAD, UNIQUE_SIZE};

/// One submission.
pub(super) struct Submission<'a> {
    pub(super) function: &'a [u8],
    pub(super) unique: &'a [u8],
    pub(super) reducer: &'a [u8],
    /// When the job is due; `None` for at once.
    pub(super) epoch: Option<UnixSeconds>,
    pub(super) payload: &'a [u8],
    /// The memory that contains the fields above, if it can be kept.
    pub(super) memory: Option<&'a Bytes>,
    pub(super) priority: Priority,
    pub(super) background: bool,
}

impl<'a> Submission<'a> {
    /// The submission of a SUBMIT_* packet.
    ///
    /// # Errors
    /// If the epoch is too large.
    pub(super) fn parse(incoming: Incoming<'a>) -> Result<Submission<'a>, Refusal> {
        use Priority::{High, Low, Normal};
        let packet = incoming.packet;
        let (priority, background) = match packet.command() {
            Command::SubmitJobHigh => (High, false),
            Command::SubmitJobHighBg => (High, true),
            Command::SubmitJobLow => (Low, false),
            Command::SubmitJobLowBg => (Low, true),
            Command::SubmitJobBg | Command::SubmitJobEpoch | Command::SubmitReduceJobBackground => {
                (Normal, true)
            }
            // SUBMIT_JOB and SUBMIT_REDUCE_JOB.
            _ => (Normal, false),
        };
        let (mut reducer, mut epoch) = (&b""[..], None);
        match packet.command() {
            Command::SubmitJobEpoch => {
                epoch = Some(parse_epoch(packet.arg(2)).ok_or(errors::EPOCH_TOO_LARGE)?);
            }
            Command::SubmitReduceJob | Command::SubmitReduceJobBackground => {
                reducer = packet.arg(2);
            }
            _ => {}
        }
        Ok(Submission {
            function: packet.arg(0),
            unique: packet.arg(1),
            reducer,
            epoch,
            payload: packet.body(),
            memory: incoming.memory,
            priority,
            background,
        })
    }

    /// Whether the packet that hands the job to a worker can hold it.
    fn fits_into_a_packet(&self) -> bool {
        let names = self.function.len() + self.unique.len() + self.reducer.len();
        fit_into_a_packet(names, self.payload.len())
    }
}

/// Whether JOB_ASSIGN_ALL has room for function, unique and reducer of `names` bytes
/// together, a payload of `payload` bytes, and a handle.
fn fit_into_a_packet(names: usize, payload: usize) -> bool {
    let arguments = JOB_HANDLE_SIZE + names + 3;
    arguments <= MAX_ARGS_SIZE && arguments + payload <= MAX_PAYLOAD as usize
}

/// Parses the epoch of SUBMIT_JOB_EPOCH. It is 0, the past, for a negative number and for
/// text that is not a number, and `None` for a number that is too large.
fn parse_epoch(text: &[u8]) -> Option<UnixSeconds> {
    parse_number(text).map(|seconds| UnixSeconds(u64::try_from(seconds).unwrap_or(0)))
}

impl Broker {
    /// Admits, acknowledges and queues a submission, or refuses it. It stays unfinished while a large
    /// payload is searched for.
    pub(super) fn submit(
        &mut self,
        from: Id<Connection>,
        submission: Submission<'_>,
        out: &mut dyn Outbox,
    ) {
        let Submission { function, unique, payload, .. } = submission;
        let Some(found) = self.search_payload(from, function, unique, payload) else {
            return self.leave_unfinished();
        };
        match self.admit(from, &submission, found) {
            Ok(job) => self.accept(from, job, &submission, out),
            Err(refusal) => self.refuse(from, refusal, out),
        }
    }

    /// Finds the job that the submission joins, or adds a job.
    fn admit(
        &mut self,
        from: Id<Connection>,
        submission: &Submission<'_>,
        found: PayloadMatch,
    ) -> Result<Id<Job>, Refusal> {
        let &Submission { unique, reducer, payload, memory, priority, background, .. } = submission;
        if self.draining {
            return Err(errors::DRAINING);
        }
        if !submission.fits_into_a_packet() {
            return Err(errors::JOB_TOO_LARGE);
        }
        if unique.len() > UNIQUE_SIZE {
            return Err(errors::UNIQUE_TOO_LARGE);
        }
        self.may_name(from, submission.function)?;
        let function = self.functions.get_or_create(submission.function);
        if background && self.is_durable(function) && self.is_too_large_to_store(payload) {
            return Err(errors::TOO_LARGE_TO_STORE);
        }
        let identity = found.identity.or_else(|| self.jobs.identity_hash(unique, payload));
        let find = || self.jobs.find_joinable(function, unique, payload, identity);
        let job = match found.job.or_else(find) {
            Some(job) => {
                // After a background submission, the job is done even without a client.
                self.jobs[job].background |= background;
                if strikes(Defect::JoinForgotten) {
                    return Ok(job);
                }
                job
            }
            None => {
                let limit = self.functions[function].limits[priority as usize];
                if limit > 0
                    && self.functions[function].total() + self.functions[function].admitted >= limit
                {
                    return Err(errors::QUEUE_FULL);
                }
                let is_limited = !unique.is_empty();
                if is_limited {
                    self.may_add_unique(from)?;
                }
                let job = self.jobs.insert(NewJob {
                    function,
                    unique,
                    reducer,
                    payload,
                    memory,
                    identity,
                    priority,
                    background,
                    due: submission.epoch.unwrap_or(UnixSeconds(0)),
                    submitted_seconds: self.now.monotonic.as_seconds() as u32,
                });
                if is_limited {
                    self.count_unique(from, job);
                }
                self.reserve_numbers();
                job
            }
        };
        if !background {
            self.attach(from, job);
        }
        Ok(job)
    }

    /// Acknowledges a submission and, if its job is new, queues or delays it: at once, or when
    /// it is in the store.
    fn accept(
        &mut self,
        from: Id<Connection>,
        job: Id<Job>,
        submission: &Submission<'_>,
        out: &mut dyn Outbox,
    ) {
        let &Submission { epoch, background, .. } = submission;
        let found = &self.jobs[job];
        if background && found.durability == Durability::Volatile && self.is_durable(found.function)
        {
            self.persist(job);
        }
        self.acknowledge(from, job, background, out);
        let found = &self.jobs[job];
        let is_new = matches!(found.stage, Stage::Admitted { .. });
        if is_new && found.durability == Durability::Pending {
            return;
        }
        self.report_accepted(job, epoch, out);
        if is_new {
            self.activate(job, epoch.unwrap_or(UnixSeconds(0)), out);
        }
    }

    fn acknowledge(
        &mut self,
        from: Id<Connection>,
        job: Id<Job>,
        background: bool,
        out: &mut dyn Outbox,
    ) {
        let (key, handle) = (self.key(from), self.jobs.handle(job));
        // A foreground submission needs the store only if its job does not exist yet.
        let needs_commit = background || matches!(self.jobs[job].stage, Stage::Admitted { .. });
        if let Some(operation) = self.commit_of(job).filter(|_| needs_commit)
            && !strikes(Defect::AcknowledgedBeforeCommit)
        {
            out.send_after_commit(key, &handle, operation);
        } else if background {
            out.send(key, Command::JobCreated, &[&handle], b"");
        } else if let Some(due) = out.send_delayable(key, Command::JobCreated, &[&handle], b"") {
            self.set_timer(due, DriverTimer::DelayedAck(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_job_fills_the_packet_that_hands_it_out() {
        let room = MAX_PAYLOAD as usize - JOB_HANDLE_SIZE - 3;
        assert!(fit_into_a_packet(10, room - 10) && !fit_into_a_packet(10, room - 9));
        let room = MAX_ARGS_SIZE - JOB_HANDLE_SIZE - 3;
        assert!(fit_into_a_packet(room, 0) && !fit_into_a_packet(room + 1, 0));
    }
}
