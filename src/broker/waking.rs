//! Which workers a queued job wakes.
//!
//! Invariant, so that no wake-up is lost: while a function has queued jobs, either none of
//! its workers sleeps, or at least one is awake and will send a grab. So [`Broker::wake`]
//! is called whenever a job is queued, and whenever a worker that may have been woken for
//! a job stops offering the function.
//!
//! Waking all sleeping workers for each job costs one packet per worker, and only one of
//! them gets the job. Waking one suffices, unless that one is busy with a job of another
//! server, which this server cannot know. So a check follows ([`WakeupCheck`]): if jobs are
//! still queued 2 ms later, four more workers are woken, then sixteen more, and so on.
//!
//! Must not: queue or hand out jobs.

use super::connection::{Connection, WorkerState};
use super::function::Function;
use super::slab::{Id, Key};
use super::timers::Timer;
use super::{Broker, Millis, Outbox};
use crate::defects::{Defect, strikes};
use gearman_protocol::Command;

/// Which sleeping workers a job wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// The one that has slept longest, and more if jobs are still queued 2 ms later.
    AsNeeded,
    /// All of them.
    All,
    /// This many, those that have slept longest.
    AtMost(u8),
}

/// Time in which a woken worker should send its grab; after that, more workers are woken.
const WAKE_MORE_AFTER: Millis = Millis(2);
/// Factor by which the number of woken workers grows with each check.
const WOKEN_WORKERS_FACTOR: u32 = 4;

/// Functions of a worker that are walked through in about the time of a small packet.
pub(super) const FUNCTIONS_PER_UNIT: u32 = 16;

/// The next check whether a function needs more awake workers, and how many are woken then.
#[derive(Clone, Copy)]
pub(super) struct WakeupCheck {
    due: Millis,
    count: u32,
}

impl Broker {
    /// Wakes sleeping workers of a function because it has a queued job.
    pub(super) fn wake(&mut self, function: Id<Function>, out: &mut dyn Outbox) {
        self.serve_long_polls(function, out);
        if self.functions[function].available() == 0 {
            return;
        }
        match self.config.wakeup {
            Wakeup::All => self.wake_some(function, u32::MAX, out),
            Wakeup::AtMost(count) => self.wake_some(function, count.into(), out),
            Wakeup::AsNeeded => {
                self.wake_some(function, 1, out);
                self.set_wakeup_check(function);
            }
        }
    }

    /// Wakes as many sleeping workers as if every queued job of a function were queued
    /// now.
    pub(super) fn wake_for_all(&mut self, function: Id<Function>, out: &mut dyn Outbox) {
        self.serve_long_polls(function, out);
        let waiting = self.functions[function].available();
        match self.config.wakeup {
            Wakeup::AtMost(count) => {
                self.wake_some(function, waiting.saturating_mul(count.into()), out);
            }
            Wakeup::All | Wakeup::AsNeeded => self.wake(function, out),
        }
    }

    /// Wakes up to `count` workers of a function, the longest asleep first.
    fn wake_some(&mut self, function: Id<Function>, count: u32, out: &mut dyn Outbox) {
        let mut indexed = match self.functions[function].indexed.is_empty() {
            true => Vec::new(),
            false => self.indexed_sleepers(function),
        }
        .into_iter()
        .peekable();
        for _ in 0..count {
            let listed = self.functions[function].sleepers.front();
            let listed = listed.and_then(|id| Some((self.wake_order(id)?, id)));
            let next = match (listed, indexed.peek()) {
                (Some(listed), Some(&indexed)) if listed < indexed => Some(listed),
                (_, Some(_)) => indexed.next(),
                (listed, None) => listed,
            };
            let Some((_, ability)) = next else { return };
            self.work += 1;
            let worker = self.abilities[ability].connection;
            let state = self.connections[worker].state;
            assert_eq!(state, WorkerState::Sleeping, "a worker is woken while a grab is held");
            self.wake_worker(worker);
            if strikes(Defect::NoopDropped) {
                continue;
            }
            out.send(self.key(worker), Command::Noop, &[], b"");
        }
    }

    fn set_wakeup_check(&mut self, id: Id<Function>) {
        let key = self.functions.key(id);
        let due = self.now.monotonic + WAKE_MORE_AFTER;
        if !self.has_sleeper(id) {
            return;
        }
        let function = &mut self.functions[id];
        // Further jobs do not postpone a check. The first job after the queue was empty
        // does: the check was set for an earlier job.
        let is_first = function.queued() == 1;
        let check = WakeupCheck { due, count: WOKEN_WORKERS_FACTOR };
        match &mut function.wakeup_check {
            Some(pending) if is_first => *pending = check,
            Some(_) => {}
            None => {
                function.wakeup_check = Some(check);
                self.timers.set(due, 0, Timer::WakeMore(key));
            }
        }
    }

    /// Runs the check of a function: wakes more workers if jobs are still queued. The
    /// check may have been postponed since the timer was set.
    pub(super) fn wake_more(&mut self, key: Key<Function>, out: &mut dyn Outbox) {
        if strikes(Defect::MoreNotWoken) {
            return;
        }
        let now = self.now.monotonic;
        let Some(id) = self.functions.find_key(key) else { return };
        let check = self.functions[id].wakeup_check.take();
        let mut check = check.expect("a WakeMore timer fired for a function without a check");
        if check.due <= now {
            if self.functions[id].available() > 0 {
                self.wake_some(id, check.count, out);
            }
            if self.functions[id].available() == 0 || !self.has_sleeper(id) {
                return;
            }
            let count = check.count.saturating_mul(WOKEN_WORKERS_FACTOR);
            check = WakeupCheck { due: now + WAKE_MORE_AFTER, count };
        }
        self.functions[id].wakeup_check = Some(check);
        self.timers.set(check.due, 0, Timer::WakeMore(key));
    }

    /// Adds an awake worker to the lists `sleepers` of its functions. A long poll goes
    /// before all sleeping workers, because it gets the job without a NOOP.
    pub(super) fn sleep_worker(&mut self, worker: Id<Connection>, state: WorkerState) {
        assert_ne!(state, WorkerState::Awake, "an awake worker is added to the sleepers");
        let before = std::mem::replace(&mut self.connections[worker].state, state);
        assert_eq!(before, WorkerState::Awake, "a worker is added to the sleepers twice");
        self.slept += 1;
        self.connections[worker].slept = self.slept;
        if self.is_indexed(worker) {
            return;
        }
        self.work += self.connections[worker].abilities.len() / FUNCTIONS_PER_UNIT;
        let mut next = self.connections[worker].abilities.front();
        while let Some(ability) = next {
            let sleepers = &mut self.functions[self.abilities[ability].function].sleepers;
            match state {
                WorkerState::LongPoll { .. } => sleepers.push_front(&mut self.abilities, ability),
                WorkerState::Awake | WorkerState::Sleeping => {
                    sleepers.push_back(&mut self.abilities, ability)
                }
            }
            next = self.connections[worker].abilities.after(&self.abilities, ability);
        }
    }

    /// Removes a worker from the lists `sleepers` of its functions, if it waits for a job.
    pub(super) fn wake_worker(&mut self, worker: Id<Connection>) {
        match std::mem::replace(&mut self.connections[worker].state, WorkerState::Awake) {
            WorkerState::Awake => return,
            WorkerState::LongPoll { until, .. } => {
                self.timers.cancel(until, 0, Timer::HeldGrab(self.key(worker)));
            }
            WorkerState::Sleeping => {}
        }
        if self.is_indexed(worker) {
            return;
        }
        self.work += self.connections[worker].abilities.len() / FUNCTIONS_PER_UNIT;
        let mut next = self.connections[worker].abilities.front();
        while let Some(ability) = next {
            let function = self.abilities[ability].function;
            self.functions[function].sleepers.remove(&mut self.abilities, ability);
            next = self.connections[worker].abilities.after(&self.abilities, ability);
        }
    }
}
