//! Workers that asked in vain and get their answer a moment later: the next job
//! if it comes by then, else NO_JOB.
//!
//! Where jobs follow each other closely, a worker that has done one asks, is told
//! that there is none, goes to sleep, is woken, and asks again: two ways there and
//! back before it has the next. That is saved if the answer waits.
//!
//! Waiting must not keep a worker from another server's jobs, of which this one
//! knows nothing. So only those wait who have a habit ([`Habit`](crate::delayed::Habit)):
//! lately their next job came within that moment, and they had nothing better to do
//! meanwhile, for they went to sleep as soon as they were told that there is none.
//! And whatever else such a worker says ends its wait. Where jobs take so long that
//! the saving is nothing to them, the habit is looked at after each, and nobody
//! waits.
//!
//! Must not: decide which job a worker gets.

use super::connection::{Connection, Rest, Vain};
use super::function::Function;
use super::slab::Id;
use super::timers::Timer;
use super::{Broker, ConnectionKey, Outbox};
use gearman_protocol::Command;

/// Milliseconds that an answer may wait.
pub const MOMENT: u64 = 4;

impl Broker {
    /// Answers a worker for whom there is no job, at once or a moment later.
    pub(super) fn answer_in_vain(
        &mut self,
        worker: Id<Connection>,
        grab: Command,
        out: &mut dyn Outbox,
    ) {
        let (key, now) = (self.key(worker), self.now.ticks);
        let connection = &mut self.connections[worker];
        if !connection.promptness.rely(now) {
            connection.vain = Vain::Told(now);
            return self.reply(worker, Command::NoJob, &[], b"", out);
        }
        let until = now + self.config.linger;
        self.timers.set(until, 0, Timer::HeldGrab(key));
        self.lay_down(worker, Rest::Lingers { grab, until });
    }

    /// Hands a function's waiting jobs to those who linger.
    pub(super) fn serve_lingerers(&mut self, function: Id<Function>, out: &mut dyn Outbox) {
        while self.functions[function].available() > 0 {
            let Some(ability) = self.functions[function].sleepers.front() else { return };
            let worker = self.abilities[ability].connection;
            let Rest::Lingers { grab, .. } = self.connections[worker].rest else { return };
            self.grab(worker, grab, self.now, out);
        }
    }

    /// A worker got a job: was that soon after it was told that there is none?
    pub(super) fn note_job(&mut self, worker: Id<Connection>) {
        let (now, moment) = (self.now.ticks, self.config.linger);
        let connection = &mut self.connections[worker];
        if let Vain::Slept(since) = std::mem::take(&mut connection.vain) {
            match now < since + moment {
                true => connection.promptness.confirm(now),
                false => connection.promptness.refute(),
            }
        }
    }

    /// A worker goes to sleep: was that the first thing it did when it was told that
    /// there is no job?
    pub(super) fn note_sleep(&mut self, worker: Id<Connection>) {
        let vain = &mut self.connections[worker].vain;
        if let Vain::Told(since) = *vain {
            *vain = Vain::Slept(since);
        }
    }

    /// A worker does something else than going to sleep.
    pub(super) fn note_other_business(&mut self, worker: Id<Connection>) {
        let vain = &mut self.connections[worker].vain;
        if matches!(vain, Vain::Told(_)) {
            *vain = Vain::No;
        }
    }

    /// Hears that a peer says something that is no packet.
    pub fn interrupt(&mut self, who: ConnectionKey, out: &mut dyn Outbox) {
        if let Some(who) = self.connections.find(who) {
            self.end_wait(who, out);
            self.note_other_business(who);
        }
    }

    /// Tells a worker that there is no job, if it lingers: what it says next is
    /// answered after what it said before.
    pub(super) fn end_wait(&mut self, worker: Id<Connection>, out: &mut dyn Outbox) {
        if self.linger_of(worker).is_some() {
            self.rouse(worker);
            self.connections[worker].promptness.refute();
            self.reply(worker, Command::NoJob, &[], b"", out);
        }
    }

    /// Answers a held question whose time is up, if it is still held.
    pub(super) fn expire_held_grab(
        &mut self,
        worker: ConnectionKey,
        due: u64,
        out: &mut dyn Outbox,
    ) {
        if let Some(worker) = self.connections.find(worker)
            && self.linger_of(worker) == Some(due)
        {
            self.end_wait(worker, out);
        }
    }

    /// Until when a worker lingers, if it does.
    fn linger_of(&self, worker: Id<Connection>) -> Option<u64> {
        match self.connections[worker].rest {
            Rest::Lingers { until, .. } => Some(until),
            Rest::Awake | Rest::Sleeps => None,
        }
    }
}
