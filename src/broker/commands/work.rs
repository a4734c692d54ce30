//! WORK_*: reports of a worker, forwarded to all clients that wait for the job.
//!
//! Must not: accept a report on a job that the worker does not run.

use super::super::connection::Connection;
use super::super::errors::{self, Refusal};
use super::super::events::FailureCause;
use super::super::job::{Job, Stage};
use super::super::lifecycle::JobEnd;
use super::super::pieces::WorkReport;
use super::super::slab::Id;
use super::super::{Broker, ConnectionKey, Incoming, Outbox};
use super::parse_number;
use crate::defects::{Defect, strikes};
use gearman_protocol::{Command, Packet};

/// Parses a count as the original does: the lower 32 bits of a number, or of -1 if the
/// number does not fit into 64 bits.
fn parse_count(text: &[u8]) -> u32 {
    parse_number(text).unwrap_or(-1) as u32
}

impl Broker {
    /// The job that the packet reports on, if its sender runs it.
    fn running_job(&self, worker: Id<Connection>, packet: &Packet<'_>) -> Option<Id<Job>> {
        let job = self.jobs.find_handle(packet.text_arg(0))?;
        let stage = self.jobs[job].stage;
        let is_accepted = stage.is_running_at(worker)
            || matches!(stage, Stage::Running { .. }) && strikes(Defect::ForeignReportAccepted);
        is_accepted.then_some(job)
    }

    /// The job that the packet reports on, if its sender runs it. `None` if the job was cancelled
    /// while the sender ran it: the sender cannot know that, and an ERROR would end its loop.
    fn reported_job(
        &mut self,
        worker: Id<Connection>,
        packet: &Packet<'_>,
        is_end: bool,
        refusal: Refusal,
    ) -> Result<Option<Id<Job>>, Refusal> {
        match self.running_job(worker, packet) {
            Some(job) => Ok(Some(job)),
            None if self.is_cancelled_run(worker, packet.text_arg(0), is_end) => Ok(None),
            None => Err(refusal),
        }
    }

    /// Sends the body of a packet that ends a job to each submission that waits for it.
    fn forward_end(&mut self, id: Id<Job>, incoming: Incoming<'_>, out: &mut dyn Outbox) {
        let report = WorkReport { args: &[incoming.packet.arg(0)], ..WorkReport::of(incoming) };
        if report.command == Command::WorkComplete
            && strikes(Defect::ResultMisdirected)
            && let Some((other, _)) = self.connections.iter().next()
        {
            return self.reply(other, report.command, report.args, report.body, out);
        }
        self.report_end(id, report, out);
    }

    /// Handles a packet that was skipped because it is too large. If it is a report on a
    /// running job, its content is lost, so the job fails.
    pub fn oversized_packet(
        &mut self,
        from: ConnectionKey,
        packet: &Packet<'_>,
        out: &mut dyn Outbox,
    ) {
        let is_result = matches!(
            packet.command(),
            Command::WorkData
                | Command::WorkWarning
                | Command::WorkComplete
                | Command::WorkException
        );
        if let Some(from) = self.connections.find(from)
            && is_result
            && let Some(job) = self.running_job(from, packet)
        {
            self.report_failed(job, from, FailureCause::TooLarge, out);
            self.fail(job, JobEnd::Dropped, out);
        }
    }

    /// WORK_STATUS. Its text is forwarded unchanged.
    pub(super) fn work_status(
        &mut self,
        worker: Id<Connection>,
        packet: &Packet<'_>,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        let found = self.reported_job(worker, packet, false, errors::NO_JOB_FOR_RESULT)?;
        let Some(id) = found else { return Ok(()) };
        let args = [packet.arg(0), packet.arg(1), packet.arg(2)];
        let job = &mut self.jobs[id];
        (job.numerator, job.denominator) = (parse_count(args[1]), parse_count(args[2]));
        let report =
            WorkReport { command: Command::WorkStatus, args: &args, body: b"", memory: None };
        self.report(id, worker, report, out);
        Ok(())
    }

    /// WORK_DATA and WORK_WARNING.
    pub(super) fn work_data(
        &mut self,
        worker: Id<Connection>,
        incoming: Incoming<'_>,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        let found = self.reported_job(worker, incoming.packet, false, errors::NO_JOB_FOR_DATA)?;
        let Some(id) = found else { return Ok(()) };
        let args: &[&[u8]] = &[incoming.packet.arg(0)];
        self.report(id, worker, WorkReport { args, ..WorkReport::of(incoming) }, out);
        Ok(())
    }

    /// WORK_COMPLETE and WORK_FAIL. The handle is forwarded unchanged, including a NUL
    /// that some workers add in WORK_FAIL.
    pub(super) fn work_end(
        &mut self,
        worker: Id<Connection>,
        incoming: Incoming<'_>,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        let found = self.reported_job(worker, incoming.packet, true, errors::NO_JOB_FOR_RESULT)?;
        let Some(id) = found else { return Ok(()) };
        self.forward_end(id, incoming, out);
        let is_done = incoming.packet.command() == Command::WorkComplete;
        if strikes(Defect::DoneJobRequeued) {
            self.requeue(id, out);
            return Ok(());
        }
        if !is_done {
            self.report_failed(id, worker, FailureCause::Worker, out);
        }
        self.finish(id, if is_done { JobEnd::Completed } else { JobEnd::Failed });
        Ok(())
    }

    /// WORK_EXCEPTION, which ends the job. Clients without the option `exceptions` get
    /// WORK_FAIL, as from the original: its handle ends with a NUL.
    pub(super) fn work_exception(
        &mut self,
        worker: Id<Connection>,
        incoming: Incoming<'_>,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        let refusal = errors::NO_JOB_FOR_EXCEPTION;
        let found = self.reported_job(worker, incoming.packet, true, refusal)?;
        let Some(id) = found else { return Ok(()) };
        self.forward_end(id, incoming, out);
        self.report_failed(id, worker, FailureCause::Worker, out);
        self.finish(id, JobEnd::Failed);
        Ok(())
    }
}
