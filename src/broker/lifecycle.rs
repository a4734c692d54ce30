//! What happens to a job between its submission and its end: queued, delayed,
//! handed out, lost by its worker, finished.
//!
//! Every change of a job's stage is here, with the lists, counters and timers
//! that follow it.
//!
//! Must not: parse packets, or decide whom a new job wakes.

use super::connection::{Connection, Waiter, WorkerState};
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

    /// Moves a job on to its next stage.
    fn set_stage(&mut self, id: Id<Job>, next: Stage) {
        let stage = &mut self.jobs[id].stage;
        assert!(stage.may_become(next), "a job went from {stage:?} to {next:?}");
        *stage = next;
    }

    /// Makes a job available to workers, as the last of its queue.
    pub(super) fn enqueue(&mut self, id: Id<Job>, out: &mut dyn Outbox) {
        self.set_stage(id, Stage::Queued);
        let job = &mut self.jobs[id];
        job.moment = self.now.ticks;
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
        debug_assert_eq!(self.jobs[id].stage, Stage::Queued, "a job left a queue it was not in");
        let (function, priority) = (self.jobs[id].function, self.jobs[id].priority as usize);
        if !self.functions[function].paused {
            let queued = &mut self.queued[priority];
            *queued = queued.checked_sub(1).expect("a job left the queues when none was counted");
        }
        self.functions[function].queues[priority].remove(self.jobs.slab_mut(), id);
    }

    /// Keeps a job until its time comes.
    pub(super) fn delay(&mut self, id: Id<Job>, due: u64) {
        self.set_stage(id, Stage::Delayed);
        let job = &mut self.jobs[id];
        job.moment = due;
        self.functions[job.function].delayed += 1;
        self.delayed.set(due, job.number, id);
    }

    /// Ends the delay of a job whose timer is not set any more.
    pub(super) fn end_delay(&mut self, id: Id<Job>) {
        let job = &self.jobs[id];
        assert_eq!(job.stage, Stage::Delayed, "the delay of a job ended that was not delayed");
        let delayed = &mut self.functions[job.function].delayed;
        *delayed = delayed.checked_sub(1).expect("a delay ended when none was counted");
    }

    fn cancel_delay(&mut self, id: Id<Job>) {
        let job = &self.jobs[id];
        let was_set = self.delayed.cancel(job.moment, job.number, id);
        assert!(was_set, "a delayed job had no timer");
        self.end_delay(id);
    }

    /// Hands a queued job to a worker, for `timeout` milliseconds if not 0.
    pub(super) fn start(&mut self, id: Id<Job>, worker: Id<Connection>, timeout: u32, now: Now) {
        let state = self.connections[worker].state;
        assert_eq!(state, WorkerState::Awake, "a job went to a worker that waits for one");
        self.dequeue(id);
        self.set_stage(id, Stage::Running(worker));
        let job = &mut self.jobs[id];
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
        let running = &mut self.functions[job.function].running;
        *running = running.checked_sub(1).expect("a job stopped when its function had none");
        self.running = self.running.checked_sub(1).expect("a job stopped when none was counted");
        if job.moment > 0 {
            self.timers.cancel(job.moment, job.number, Timer::JobTimeout(id));
        }
    }

    /// Takes a job from a worker whose time for it is up.
    pub(super) fn expire_job(&mut self, id: Id<Job>, due: u64, out: &mut dyn Outbox) {
        let job = &self.jobs[id];
        assert!(
            matches!(job.stage, Stage::Running(_)),
            "the timer of a job fired that did not run"
        );
        assert_eq!(job.moment, due, "the timer of a job fired that ran before");
        self.requeue(id, out);
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
            Stage::Delayed => self.cancel_delay(id),
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
