//! WORK_*: what a worker reports goes to everybody who waits for the job.
//!
//! Must not: trust a worker about jobs that it does not have.

use super::super::connection::Connection;
use super::super::errors::{self, Refusal};
use super::super::job::{Job, Stage};
use super::super::lifecycle::End;
use super::super::slab::Id;
use super::super::{Broker, ConnectionKey, Incoming, Outbox};
use super::parse_number;
use crate::defects::{Defect, strikes};
use gearman_protocol::{Command, Packet};

/// A count as the original stores it: of a number its lower 32 bits, and -1 for
/// what no 64-bit number is.
fn parse_count(text: &[u8]) -> u32 {
    parse_number(text).unwrap_or(-1) as u32
}

impl Broker {
    /// The job that the packet is about, if its sender has it.
    fn running_job(&self, worker: Id<Connection>, packet: &Packet<'_>) -> Option<Id<Job>> {
        let job = self.jobs.find_handle(packet.text_arg(0))?;
        (self.jobs[job].stage == Stage::Running(worker)).then_some(job)
    }

    /// Sends a packet with a handle and a body to all that wait for a job.
    fn forward_body(&self, id: Id<Job>, incoming: Incoming<'_>, out: &mut dyn Outbox) {
        let (command, handle) = (incoming.packet.command(), incoming.packet.arg(0));
        if command == Command::WorkComplete
            && strikes(Defect::ResultMisdirected)
            && let Some((other, _)) = self.connections.iter().next()
        {
            return self.pass_on(other, command, &[handle], incoming, out);
        }
        for waiter in self.jobs[id].waiters.iter(&self.waiters) {
            let client = self.waiters[waiter].connection;
            self.pass_on(client, command, &[handle], incoming, out);
        }
    }

    /// A packet that is too large to be taken. What it said about a job is lost,
    /// so the job has failed.
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
            self.fail(job, out);
        }
    }

    /// WORK_STATUS. The text goes on as it came.
    pub(super) fn work_status(
        &mut self,
        worker: Id<Connection>,
        packet: &Packet<'_>,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        let id = self.running_job(worker, packet).ok_or(errors::RESULT)?;
        let args = [packet.arg(0), packet.arg(1), packet.arg(2)];
        let job = &mut self.jobs[id];
        (job.numerator, job.denominator) = (parse_count(args[1]), parse_count(args[2]));
        self.forward(id, Command::WorkStatus, &args, b"", out);
        Ok(())
    }

    /// WORK_DATA and WORK_WARNING.
    pub(super) fn work_data(
        &mut self,
        worker: Id<Connection>,
        incoming: Incoming<'_>,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        let id = self.running_job(worker, incoming.packet).ok_or(errors::DATA)?;
        self.forward_body(id, incoming, out);
        Ok(())
    }

    /// WORK_COMPLETE and WORK_FAIL. The latter's handle goes on as it came, with
    /// its NUL if it had one.
    pub(super) fn work_end(
        &mut self,
        worker: Id<Connection>,
        incoming: Incoming<'_>,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        let id = self.running_job(worker, incoming.packet).ok_or(errors::RESULT)?;
        self.forward_body(id, incoming, out);
        let is_done = incoming.packet.command() == Command::WorkComplete;
        if strikes(Defect::DoneJobRequeued) {
            self.requeue(id, out);
            return Ok(());
        }
        self.finish(id, if is_done { End::Completed } else { End::Failed });
        Ok(())
    }

    /// WORK_EXCEPTION ends the job. Who did not ask for exceptions gets
    /// WORK_FAIL, made from the packet as it stands: with a NUL.
    pub(super) fn work_exception(
        &mut self,
        worker: Id<Connection>,
        incoming: Incoming<'_>,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        let id = self.running_job(worker, incoming.packet).ok_or(errors::EXCEPTION)?;
        let handle = incoming.packet.arg(0);
        let failed = [handle, b"\0"].concat();
        for waiter in self.jobs[id].waiters.iter(&self.waiters) {
            let client = self.waiters[waiter].connection;
            if self.connections[client].exceptions {
                self.pass_on(client, Command::WorkException, &[handle], incoming, out);
            } else {
                self.reply(client, Command::WorkFail, &[&failed], b"", out);
            }
        }
        self.finish(id, End::Failed);
        Ok(())
    }
}
