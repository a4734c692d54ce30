//! GRAB_JOB*, PRE_SLEEP: a worker asks for a job, or wants to be told of one.
//!
//! Must not: know why a worker has the functions that it has.

use super::super::connection::{Ability, Connection, WorkerState};
use super::super::job::PRIORITIES;
use super::super::slab::Id;
use super::super::timers::Now;
use super::super::{Broker, Outbox};
use crate::defects::{Defect, strikes};
use gearman_protocol::Command;
use gearman_protocol::limits::UNIQUE_SIZE;

impl Broker {
    /// Hands out the most urgent job that the worker can do; among equally
    /// urgent ones its functions take turns.
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
        let hold_ms = self.config.delayed_replies.grab_hold_ms;
        self.connections[worker].empty_grabs.job(self.now.ticks, hold_ms);
        let abilities = &mut self.connections[worker].abilities;
        abilities.remove(&mut self.abilities, ability);
        abilities.push_back(&mut self.abilities, ability);

        let Ability { function, timeout, .. } = self.abilities[ability];
        let priority = match strikes(Defect::PriorityInverted) {
            true => {
                self.functions[function].queues.iter().rposition(|q| !q.is_empty()).unwrap_or(0)
            }
            false => priority,
        };
        let job = self.functions[function].queues[priority].front();
        let job = job.expect("most_urgent looked into this queue");
        self.start(job, worker, timeout, now);

        let handle = self.jobs.handle(job);
        let (found, name) = (&self.jobs[job], &self.functions[function].name);
        let (unique, reducer) = (found.unique(), found.reducer());
        // One of the very largest size is accepted, but the buffer that workers
        // have for it needs room for a NUL.
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

    /// The worker's first function with a job of the highest priority that any
    /// of its functions has a job of. Costs at most one look at each of the
    /// worker's own functions.
    fn most_urgent(&self, worker: Id<Connection>) -> Option<(Id<Ability>, usize)> {
        let highest = (0..PRIORITIES).find(|&p| self.queued[p] > 0)?;
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

    /// Promises the worker one NOOP when there is a job for it, which may be now.
    pub(super) fn pre_sleep(&mut self, worker: Id<Connection>, out: &mut dyn Outbox) {
        self.connections[worker].empty_grabs.pre_sleep();
        if self.most_urgent(worker).is_some() && !strikes(Defect::SleeperNotTold) {
            // It may have said so before, when another was woken for that job.
            self.wake_worker(worker);
            return self.reply(worker, Command::Noop, &[], b"", out);
        }
        if self.connections[worker].state != WorkerState::Sleeping {
            self.sleep_worker(worker, WorkerState::Sleeping);
        }
    }
}
