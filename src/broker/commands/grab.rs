//! GRAB_JOB*, PRE_SLEEP: a worker requests a job, or a NOOP when a job is queued.
//!
//! Must not: change which functions a worker offers.

use super::super::connection::{Ability, Connection, WorkerState};
use super::super::errors::Refusal;
use super::super::job::PRIORITIES;
use super::super::slab::Id;
use super::super::waking::FUNCTIONS_PER_UNIT;
use super::super::{Broker, Now, Outbox};
use crate::defects::{Defect, strikes};
use gearman_protocol::Command;
use gearman_protocol::limits::UNIQUE_SIZE;

impl Broker {
    /// GRAB_JOB, GRAB_JOB_UNIQ and GRAB_JOB_ALL. A worker that runs as many jobs as it may gets an
    /// error if there is one more for it.
    pub(super) fn grab_packet(
        &mut self,
        worker: Id<Connection>,
        grab: Command,
        now: Now,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        if let Err(refusal) = self.may_run(worker) {
            self.wake_worker(worker);
            let Some((ability, _)) = self.most_urgent(worker) else {
                self.reply(worker, Command::NoJob, &[], b"", out);
                return Ok(());
            };
            // The job may have woken only this worker.
            self.wake(self.abilities[ability].function, out);
            return Err(refusal);
        }
        self.grab(worker, grab, now, out);
        Ok(())
    }

    /// Hands out the job of the highest priority among the worker's functions. Functions
    /// with jobs of equal priority take turns.
    pub(in super::super) fn grab(
        &mut self,
        worker: Id<Connection>,
        grab: Command,
        now: Now,
        out: &mut dyn Outbox,
    ) {
        self.wake_worker(worker);
        let Some((ability, priority)) = self.most_urgent(worker) else {
            return self.reply_to_empty_grab(worker, grab, out);
        };
        let hold = self.config.delayed_replies.grab_hold();
        self.connections[worker].empty_grabs.job(self.now.monotonic, hold);
        self.move_to_back(worker, ability);

        let Ability { function, timeout_ms, .. } = self.abilities[ability];
        let priority = match strikes(Defect::PriorityInverted) {
            true => {
                self.functions[function].queues.iter().rposition(|q| !q.is_empty()).unwrap_or(0)
            }
            false => priority,
        };
        let job = self.functions[function].queues[priority].front();
        let job = job.expect("most_urgent found a job in this queue");
        self.start(job, worker, timeout_ms, now);

        let handle = self.jobs.handle(job);
        let (found, name) = (&self.jobs[job], &self.functions[function].name);
        let (unique, reducer) = (found.unique(), found.reducer());
        // A unique of 64 bytes is accepted, but the 64-byte buffer of workers must also
        // hold a NUL.
        let unique = &unique[..unique.len().min(UNIQUE_SIZE - 1)];
        let (command, count) = match grab {
            Command::GrabJob => (Command::JobAssign, 2),
            Command::GrabJobAll if !reducer.is_empty() => (Command::JobAssignAll, 4),
            _ => (Command::JobAssignUniq, 3),
        };
        let args: [&[u8]; 4] = [&handle, name, unique, reducer];
        let args = &args[..count];
        match found.shared_payload() {
            Some(payload) => out.send_shared(self.key(worker), command, args, &payload),
            None => self.reply(worker, command, args, found.payload(), out),
        }
    }

    /// The highest priority of a queued job among the worker's functions, and the first
    /// function with such a job. Visits each function of a worker without an index at most once.
    fn most_urgent(&mut self, worker: Id<Connection>) -> Option<(Id<Ability>, usize)> {
        let highest = (0..PRIORITIES).find(|&p| self.queued[p] > 0)?;
        if let Some(first) = self.first_available(worker) {
            return first;
        }
        self.work += self.connections[worker].abilities.len() / FUNCTIONS_PER_UNIT;
        let mut best: Option<(Id<Ability>, usize)> = None;
        for ability in self.connections[worker].abilities.iter(&self.abilities) {
            let function = &self.functions[self.abilities[ability].function];
            if function.paused {
                continue;
            }
            let queues = &function.queues;
            let limit = best.map_or(PRIORITIES, |(_, priority)| priority);
            if let Some(priority) = (highest..limit).find(|&p| !queues[p].is_empty()) {
                best = Some((ability, priority));
                if priority == highest {
                    break;
                }
            }
        }
        best
    }

    /// PRE_SLEEP. The worker gets one NOOP: now if a job is queued for it, else when one is.
    pub(super) fn pre_sleep(&mut self, worker: Id<Connection>, out: &mut dyn Outbox) {
        self.connections[worker].empty_grabs.pre_sleep();
        if self.most_urgent(worker).is_some() && !strikes(Defect::SleeperNotTold) {
            // It may be asleep already, if another worker was woken for that job.
            self.wake_worker(worker);
            return self.reply(worker, Command::Noop, &[], b"", out);
        }
        if self.connections[worker].state != WorkerState::Sleeping {
            self.sleep_worker(worker, WorkerState::Sleeping);
        }
    }
}
