//! The life cycle of a job: delayed, queued, started, lost by its worker, finished.
//!
//! Owns every change of a job's stage, and updates the lists, counters and timers that
//! depend on it.
//!
//! Must not: parse packets, or decide which workers a job wakes.

use super::connection::{Connection, Waiter, WorkerState};
use super::durable::Durability;
use super::job::{Job, Stage};
use super::pieces::WorkReport;
use super::slab::Id;
use super::timers::Timer;
use super::{Broker, Millis, Now, Outbox, UnixSeconds};
use crate::defects::{Defect, strikes};
use gearman_protocol::Command;

/// How a job ended.
#[derive(Clone, Copy)]
pub(super) enum JobEnd {
    /// Its worker completed it.
    Completed,
    /// Its worker failed it.
    Failed,
    /// An administrator cancelled it.
    Cancelled,
    /// The server ended it without its worker's word.
    Dropped,
    /// It was dropped because no client waited for it.
    Abandoned,
    /// It never was a job: the store did not take it.
    Refused,
}

impl Broker {
    /// Adds a submission that waits for a job.
    pub(super) fn attach(&mut self, connection: Id<Connection>, job: Id<Job>) {
        let waiter = self.waiters.insert(Waiter::new(connection, job, self.backlog.last_report()));
        self.jobs[job].waiters.push_back(&mut self.waiters, waiter);
        self.connections[connection].waiters.push_back(&mut self.waiters, waiter);
    }

    /// Removes a submission that waits for a job.
    pub(super) fn detach(&mut self, waiter: Id<Waiter>) {
        let Waiter { connection, job, relay, .. } = self.waiters[waiter];
        match relay {
            None => self.jobs[job].waiters.remove(&mut self.waiters, waiter),
            Some(relay) => self.backlog.relays[relay].waiters.remove(&mut self.waiters, waiter),
        }
        self.connections[connection].waiters.remove(&mut self.waiters, waiter);
        self.waiters.remove(waiter);
    }

    /// Drops a foreground job that no client waits for. A running job is kept, because
    /// another client may still join it and get its result.
    pub(super) fn drop_if_abandoned(&mut self, job: Id<Job>) {
        let found = &self.jobs[job];
        if found.is_abandoned() && !found.stage.is_running() {
            self.finish(job, JobEnd::Abandoned);
        }
    }

    /// Changes the stage of a job.
    fn set_stage(&mut self, id: Id<Job>, next: Stage) {
        let stage = &mut self.jobs[id].stage;
        assert!(stage.may_become(next), "a job cannot change from {stage:?} to {next:?}");
        *stage = next;
    }

    /// Queues a job that was admitted, or delays it until `due`.
    pub(super) fn activate(&mut self, id: Id<Job>, due: UnixSeconds, out: &mut dyn Outbox) {
        self.functions[self.jobs[id].function].totals.submitted += 1;
        match due > self.now.unix {
            true => self.delay(id, due),
            false => self.enqueue(id, out),
        }
    }

    /// Reports that a submission was accepted.
    pub(super) fn report_accepted(
        &self,
        id: Id<Job>,
        due: Option<UnixSeconds>,
        out: &mut dyn Outbox,
    ) {
        let job = &self.jobs[id];
        out.accepted(&self.functions[job.function].name, job.unique(), due);
    }

    /// Adds a job at the end of its queue, and wakes workers for it.
    pub(super) fn enqueue(&mut self, id: Id<Job>, out: &mut dyn Outbox) {
        self.set_stage(id, Stage::Queued { since: self.now.monotonic });
        let job = &self.jobs[id];
        let (function, priority) = (job.function, job.priority as usize);
        if !self.functions[function].paused {
            self.queued[priority] += 1;
        }
        let queue = &mut self.functions[function].queues[priority];
        match strikes(Defect::QueueInverted) {
            true => queue.push_front(self.jobs.slab_mut(), id),
            false => queue.push_back(self.jobs.slab_mut(), id),
        }
        if queue.len() == 1 && !self.functions[function].indexed.is_empty() {
            self.index_queue(function, priority);
        }
        self.wake(function, out);
    }

    fn dequeue(&mut self, id: Id<Job>) {
        debug_assert!(
            matches!(self.jobs[id].stage, Stage::Queued { .. }),
            "a job that is not queued is removed from its queue"
        );
        let (function, priority) = (self.jobs[id].function, self.jobs[id].priority as usize);
        if !self.functions[function].paused {
            let queued = &mut self.queued[priority];
            *queued = queued.checked_sub(1).expect("a queued job was not counted");
        }
        let queue = &mut self.functions[function].queues[priority];
        queue.remove(self.jobs.slab_mut(), id);
        if queue.is_empty() && !self.functions[function].indexed.is_empty() {
            self.index_queue(function, priority);
        }
        self.refill(function);
    }

    /// Delays a job until `due`.
    pub(super) fn delay(&mut self, id: Id<Job>, due: UnixSeconds) {
        self.set_stage(id, Stage::Delayed { due });
        let job = &self.jobs[id];
        self.functions[job.function].delayed += 1;
        self.delayed.set(due, job.number, id);
    }

    /// Ends the delay of a job whose timer has fired or was cancelled.
    pub(super) fn end_delay(&mut self, id: Id<Job>) {
        let job = &self.jobs[id];
        assert!(matches!(job.stage, Stage::Delayed { .. }), "a job that is not delayed is due");
        let delayed = &mut self.functions[job.function].delayed;
        *delayed = delayed.checked_sub(1).expect("a delayed job was not counted");
    }

    fn cancel_delay(&mut self, id: Id<Job>, due: UnixSeconds) {
        let was_set = self.delayed.cancel(due, self.jobs[id].number, id);
        assert!(was_set, "a delayed job has no timer");
        self.end_delay(id);
    }

    /// Hands a queued job to a worker, with a time limit unless `timeout_ms` is 0.
    pub(super) fn start(&mut self, id: Id<Job>, worker: Id<Connection>, timeout_ms: u32, now: Now) {
        let state = self.connections[worker].state;
        assert_eq!(state, WorkerState::Awake, "a job is handed to a worker in a waiting state");
        self.dequeue(id);
        // One more, because part of the current millisecond has already passed.
        let deadline = match timeout_ms {
            0 => Millis::NEVER,
            limit => now.monotonic + Millis(u64::from(limit) + 1),
        };
        self.set_stage(id, Stage::Running { worker, deadline });
        let job = &mut self.jobs[id];
        job.started_seconds = now.monotonic.as_seconds() as u32;
        let job = &self.jobs[id];
        self.functions[job.function].running += 1;
        self.running += 1;
        if deadline != Millis::NEVER {
            self.timers.set(deadline, job.number, Timer::JobTimeout(id));
        }
        self.connections[worker].running.push_back(self.jobs.slab_mut(), id);
        self.index_running(worker, id);
    }

    fn stop(&mut self, id: Id<Job>, worker: Id<Connection>, deadline: Millis) {
        self.connections[worker].running.remove(self.jobs.slab_mut(), id);
        self.unindex_running(worker, id);
        self.connections[worker].report = None;
        let job = &self.jobs[id];
        let running = &mut self.functions[job.function].running;
        *running = running.checked_sub(1).expect("a running job was not counted by its function");
        self.running = self.running.checked_sub(1).expect("a running job was not counted");
        if deadline != Millis::NEVER {
            self.timers.cancel(deadline, job.number, Timer::JobTimeout(id));
        }
    }

    /// Takes a job from a worker that has exceeded the time limit.
    pub(super) fn expire_job(&mut self, id: Id<Job>, due: Millis, out: &mut dyn Outbox) {
        let Stage::Running { deadline, .. } = self.jobs[id].stage else {
            panic!("the timeout of a job fired that is not running");
        };
        assert_eq!(deadline, due, "the timeout of an earlier run of a job fired");
        self.requeue(id, out);
    }

    /// Takes a running job from a worker that lost it, and queues it again. It is dropped
    /// if it is abandoned, and fails if its attempts are exhausted.
    pub(super) fn requeue(&mut self, id: Id<Job>, out: &mut dyn Outbox) {
        let Stage::Running { worker, deadline } = self.jobs[id].stage else { return };
        let job = &mut self.jobs[id];
        job.retries = job.retries.saturating_add(1);
        (job.numerator, job.denominator) = (0, 0);
        let exhausted = self.config.attempts.is_some_and(|most| job.retries >= most);
        if job.is_abandoned() || strikes(Defect::JobLostWithWorker) {
            self.finish(id, JobEnd::Abandoned);
        } else if exhausted {
            self.report_giving_up(id, out);
            self.fail(id, JobEnd::Dropped, out);
        } else {
            self.stop(id, worker, deadline);
            self.functions[self.jobs[id].function].totals.retried += 1;
            self.store_attempts(id);
            self.enqueue(id, out);
        }
    }

    #[cold]
    fn report_giving_up(&self, id: Id<Job>, out: &mut dyn Outbox) {
        let job = &self.jobs[id];
        let function = &self.functions[job.function].name;
        out.gave_up(&self.jobs.handle(id), function, job.unique(), job.retries);
    }

    /// Ends a job without its worker's word: waiting clients get WORK_FAIL.
    pub(super) fn fail(&mut self, id: Id<Job>, end: JobEnd, out: &mut dyn Outbox) {
        let handle = self.jobs.handle(id);
        let args: &[&[u8]] = &[&handle];
        let report = WorkReport { command: Command::WorkFail, args, body: b"", memory: None };
        self.report_end(id, report, out);
        self.finish(id, end);
    }

    /// Removes a job in any stage.
    pub(super) fn finish(&mut self, id: Id<Job>, end: JobEnd) {
        let job = &self.jobs[id];
        let (number, durability) = (job.number, job.durability);
        let function = &mut self.functions[job.function];
        if matches!(job.stage, Stage::Admitted { .. }) && !matches!(end, JobEnd::Refused) {
            function.totals.submitted += 1;
            function.admitted -= 1;
        }
        match end {
            JobEnd::Completed => function.totals.completed += 1,
            JobEnd::Failed => function.totals.failed += 1,
            JobEnd::Cancelled => function.totals.cancelled += 1,
            JobEnd::Dropped => function.totals.dropped += 1,
            JobEnd::Abandoned => function.totals.abandoned += 1,
            JobEnd::Refused => {}
        }
        match self.jobs[id].stage {
            Stage::Admitted { .. } => {}
            Stage::Queued { .. } => self.dequeue(id),
            Stage::Delayed { due } => self.cancel_delay(id, due),
            Stage::Running { worker, deadline } => self.stop(id, worker, deadline),
        }
        while let Some(waiter) = self.jobs[id].waiters.front() {
            self.detach(waiter);
        }
        self.uncount_unique(id);
        self.jobs.remove(id);
        if durability != Durability::Volatile {
            self.forget_stored(number);
        }
    }
}
