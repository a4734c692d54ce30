//! Whom a waiting job wakes.
//!
//! The rule that keeps wake-ups from being lost: while a function has waiting
//! jobs, either none of its workers sleeps, or one is awake and will ask. So
//! [`Broker::wake`] is called whenever a job is queued, and whenever a worker
//! that may have been woken for it goes away.
//!
//! Waking everybody for every job costs as much as there are sleepers, and all
//! but one wake for nothing. Waking one is enough, unless that one is busy with
//! a job from another server, which this one cannot know. Hence the alarm: if
//! jobs still wait a moment later, more workers are woken, and more again.
//!
//! Must not: queue or hand out jobs.

use super::connection::{Connection, WorkerState};
use super::function::Function;
use super::slab::{Id, Key};
use super::timers::Timer;
use super::{Broker, Outbox};
use crate::defects::{Defect, strikes};
use gearman_protocol::Command;

/// Which sleeping workers a job wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// The one that has slept longest, and others if jobs still wait a little
    /// later.
    AsNeeded,
    /// All of them.
    All,
    /// As many, those that have slept longest.
    AtMost(u8),
}

/// Milliseconds that a woken worker has before others are woken too.
const PATIENCE: u64 = 2;
/// How many times as many are woken at each step.
const GROWTH: u32 = 4;

/// When more workers are to be woken for a function, and how many.
#[derive(Clone, Copy)]
pub(super) struct Alarm {
    due: u64,
    count: u32,
}

impl Broker {
    /// Wakes sleeping workers because a function has a job for them.
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
                self.set_alarm(function);
            }
        }
    }

    /// Wakes as many sleeping workers as if every waiting job of a function came
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
        for _ in 0..count {
            let Some(ability) = self.functions[function].sleepers.front() else { return };
            let worker = self.abilities[ability].connection;
            let state = self.connections[worker].state;
            assert_eq!(
                state,
                WorkerState::Sleeping,
                "a worker was woken before held grabs were served"
            );
            self.wake_worker(worker);
            if strikes(Defect::NoopDropped) {
                continue;
            }
            out.send(self.key(worker), Command::Noop, &[], b"");
        }
    }

    fn set_alarm(&mut self, id: Id<Function>) {
        let key = self.functions.key(id);
        let due = self.now.ticks + PATIENCE;
        let function = &mut self.functions[id];
        if function.sleepers.is_empty() {
            return;
        }
        // Jobs that keep coming do not put an alarm off; the first one after the
        // queue was empty does, for the alarm was not about it.
        let is_first = function.queued() == 1;
        match &mut function.alarm {
            Some(alarm) if is_first => *alarm = Alarm { due, count: GROWTH },
            Some(_) => {}
            None => {
                function.alarm = Some(Alarm { due, count: GROWTH });
                self.timers.set(due, 0, Timer::WakeMore(key));
            }
        }
    }

    /// Wakes more workers for a function whose alarm may be due: it can have been put
    /// off since the timer was set.
    pub(super) fn wake_more(&mut self, key: Key<Function>, out: &mut dyn Outbox) {
        if strikes(Defect::MoreNotWoken) {
            return;
        }
        let now = self.now.ticks;
        let Some(id) = self.functions.find_key(key) else { return };
        let alarm = self.functions[id].alarm.take();
        let mut alarm = alarm.expect("a function's alarm timer was set without an alarm");
        if alarm.due <= now {
            if self.functions[id].available() > 0 {
                self.wake_some(id, alarm.count, out);
            }
            let function = &self.functions[id];
            if function.available() == 0 || function.sleepers.is_empty() {
                return;
            }
            let count = alarm.count.saturating_mul(GROWTH);
            alarm = Alarm { due: now + PATIENCE, count };
        }
        self.functions[id].alarm = Some(alarm);
        self.timers.set(alarm.due, 0, Timer::WakeMore(key));
    }

    /// Lists an awake worker among those that wait for a job. A long poll comes before
    /// all sleeping workers: it needs no NOOP to have the job.
    pub(super) fn sleep_worker(&mut self, worker: Id<Connection>, state: WorkerState) {
        assert_ne!(state, WorkerState::Awake, "a worker was listed that does not wait");
        let before = std::mem::replace(&mut self.connections[worker].state, state);
        assert_eq!(before, WorkerState::Awake, "a worker was listed twice among those that wait");
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

    /// Takes a worker out of the lists of those that wait for a job.
    pub(super) fn wake_worker(&mut self, worker: Id<Connection>) {
        match std::mem::replace(&mut self.connections[worker].state, WorkerState::Awake) {
            WorkerState::Awake => return,
            WorkerState::LongPoll { until, .. } => {
                self.timers.cancel(until, 0, Timer::HeldGrab(self.key(worker)));
            }
            WorkerState::Sleeping => {}
        }
        let mut next = self.connections[worker].abilities.front();
        while let Some(ability) = next {
            let function = self.abilities[ability].function;
            self.functions[function].sleepers.remove(&mut self.abilities, ability);
            next = self.connections[worker].abilities.after(&self.abilities, ability);
        }
    }
}
