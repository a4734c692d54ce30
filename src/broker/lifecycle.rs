//! What happens to a job between its submission and its end: queued, delayed,
//! handed out, lost by its worker, finished.
//!
//! Every change of a job's stage is here, with the lists, counters and timers
//! that follow it.
//!
//! Must not: parse packets, or decide whom a new job wakes.

use super::connection::{Connection, Waiter};
use super::job::{Job, Stage};
use super::slab::Id;
use super::timers::{Now, Timer};
use super::{Broker, Outbox};
use crate::defects::{Defect, strikes};
use gearman_protocol::Command;

/// How a job ended.
#[derive(Clone, Copy)]
pub(super) enum End {
    /// Its worker did it.
    Completed,
    /// It will not be done.
    Failed,
    /// Nobody wanted it any more.
    Abandoned,
}

impl Broker {
    /// Lets one more submission wait for a job.
    pub(super) fn attach(&mut self, connection: Id<Connection>, job: Id<Job>) {
        let waiter = self.waiters.insert(Waiter::new(connection, job));
        self.jobs[job].waiters.push_back(&mut self.waiters, waiter);
        self.connections[connection].waiters.push_back(&mut self.waiters, waiter);
    }

    /// Ends the wait of one submission.
    pub(super) fn detach(&mut self, waiter: Id<Waiter>) {
        let Waiter { connection, job, .. } = self.waiters[waiter];
        self.jobs[job].waiters.remove(&mut self.waiters, waiter);
        self.connections[connection].waiters.remove(&mut self.waiters, waiter);
        self.waiters.remove(waiter);
    }

    /// Forgets a job that nobody wants done, unless a worker is at it: its
    /// result could still be asked for by somebody who joins.
    pub(super) fn drop_if_abandoned(&mut self, job: Id<Job>) {
        let found = &self.jobs[job];
        if found.is_abandoned() && !matches!(found.stage, Stage::Running(_)) {
            self.finish(job, End::Abandoned);
        }
    }

    /// Makes a job available to workers, as the last of its queue.
    pub(super) fn enqueue(&mut self, id: Id<Job>, out: &mut dyn Outbox) {
        let job = &mut self.jobs[id];
        (job.stage, job.moment) = (Stage::Queued, self.now.ticks);
        let (function, priority) = (job.function, job.priority as usize);
        if !self.functions[function].paused {
            self.queued[priority] += 1;
        }
        let queue = &mut self.functions[function].queues[priority];
        match strikes(Defect::QueueInverted) {
            true => queue.push_front(self.jobs.slab_mut(), id),
            false => queue.push_back(self.jobs.slab_mut(), id),
        }
        self.wake(function, out);
    }

    fn dequeue(&mut self, id: Id<Job>) {
        let (function, priority) = (self.jobs[id].function, self.jobs[id].priority as usize);
        if !self.functions[function].paused {
            self.queued[priority] -= 1;
        }
        self.functions[function].queues[priority].remove(self.jobs.slab_mut(), id);
    }

    /// Keeps a job until its time comes.
    pub(super) fn delay(&mut self, id: Id<Job>, due: u64) {
        let job = &mut self.jobs[id];
        (job.stage, job.moment) = (Stage::Delayed, due);
        self.functions[job.function].delayed += 1;
        self.delayed.set(due, job.number, id);
    }

    pub(super) fn end_delay(&mut self, id: Id<Job>) {
        let job = &self.jobs[id];
        self.functions[job.function].delayed -= 1;
        self.delayed.cancel(job.moment, job.number, id);
    }

    /// Hands a queued job to a worker, for `timeout` milliseconds if not 0.
    pub(super) fn start(&mut self, id: Id<Job>, worker: Id<Connection>, timeout: u32, now: Now) {
        self.dequeue(id);
        let job = &mut self.jobs[id];
        job.stage = Stage::Running(worker);
        self.functions[job.function].running += 1;
        self.running += 1;
        job.moment = 0;
        if timeout > 0 {
            // Of the millisecond that is running, a part has passed already.
            job.moment = now.ticks + u64::from(timeout) + 1;
            self.timers.set(job.moment, job.number, Timer::JobTimeout(id));
        }
        self.connections[worker].running.push_back(self.jobs.slab_mut(), id);
    }

    fn stop(&mut self, id: Id<Job>, worker: Id<Connection>) {
        self.connections[worker].running.remove(self.jobs.slab_mut(), id);
        let job = &self.jobs[id];
        self.functions[job.function].running -= 1;
        self.running -= 1;
        if job.moment > 0 {
            self.timers.cancel(job.moment, job.number, Timer::JobTimeout(id));
        }
    }

    /// Takes a running job from its worker, who lost it, and gives it to the
    /// next one; to nobody if nobody wants it or it was lost too often.
    pub(super) fn requeue(&mut self, id: Id<Job>, out: &mut dyn Outbox) {
        let Stage::Running(worker) = self.jobs[id].stage else { return };
        let job = &mut self.jobs[id];
        job.retries = job.retries.saturating_add(1);
        (job.numerator, job.denominator) = (0, 0);
        let exhausted = self.config.attempts.is_some_and(|most| job.retries >= most);
        if job.is_abandoned() || strikes(Defect::JobLostWithWorker) {
            self.finish(id, End::Abandoned);
        } else if exhausted {
            self.report_giving_up(id, out);
            self.fail(id, out);
        } else {
            self.stop(id, worker);
            self.functions[self.jobs[id].function].totals.retried += 1;
            self.enqueue(id, out);
        }
    }

    #[cold]
    fn report_giving_up(&self, id: Id<Job>, out: &mut dyn Outbox) {
        let job = &self.jobs[id];
        let function = &self.functions[job.function].name;
        out.gave_up(&self.jobs.handle(id), function, job.unique(), job.retries);
    }

    /// Ends a job in the server's own name: those who wait get WORK_FAIL.
    pub(super) fn fail(&mut self, id: Id<Job>, out: &mut dyn Outbox) {
        let handle = self.jobs.handle(id);
        self.forward(id, Command::WorkFail, &[&handle], b"", out);
        self.finish(id, End::Failed);
    }

    /// Forgets a job of whatever stage.
    pub(super) fn finish(&mut self, id: Id<Job>, end: End) {
        let totals = &mut self.functions[self.jobs[id].function].totals;
        match end {
            End::Completed => totals.completed += 1,
            End::Failed => totals.failed += 1,
            End::Abandoned => totals.abandoned += 1,
        }
        match self.jobs[id].stage {
            Stage::Admitted => {}
            Stage::Queued => self.dequeue(id),
            Stage::Delayed => self.end_delay(id),
            Stage::Running(worker) => self.stop(id, worker),
        }
        while let Some(waiter) = self.jobs[id].waiters.front() {
            self.detach(waiter);
        }
        self.jobs.remove(id);
    }

    /// Sends a packet to all submissions that wait for a job.
    pub(super) fn forward(
        &self,
        id: Id<Job>,
        command: Command,
        args: &[&[u8]],
        body: &[u8],
        out: &mut dyn Outbox,
    ) {
        for waiter in self.jobs[id].waiters.iter(&self.waiters) {
            out.send(self.key(self.waiters[waiter].connection), command, args, body);
        }
    }
}
