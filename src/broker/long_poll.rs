//! Long polls: an empty GRAB_JOB is held for a few milliseconds, and answered with the
//! next job or with NO_JOB.
//!
//! Owns the state [`WorkerState::LongPoll`] and its timer. [`delayed`](crate::delayed)
//! decides which grab is held, and for how long.
//!
//! Must not: decide which job a worker gets.

use super::connection::{Connection, WorkerState};
use super::function::Function;
use super::slab::Id;
use super::timers::Timer;
use super::{Broker, ConnectionKey, Millis, Outbox};
use crate::defects::{Defect, strikes};
use gearman_protocol::Command;

impl Broker {
    /// Holds an empty grab, or answers it with NO_JOB.
    pub(super) fn reply_to_empty_grab(
        &mut self,
        worker: Id<Connection>,
        grab: Command,
        out: &mut dyn Outbox,
    ) {
        let (key, now) = (self.key(worker), self.now.monotonic);
        let hold = self.config.delayed_replies.grab_hold();
        let Some(until) = self.connections[worker].empty_grabs.grab(now, hold) else {
            return self.reply(worker, Command::NoJob, &[], b"", out);
        };
        self.long_polls.held += 1;
        self.timers.set(until, 0, Timer::HeldGrab(key));
        self.sleep_worker(worker, WorkerState::LongPoll { grab, until });
    }

    /// Hands a function's queued jobs to workers whose grab is held.
    pub(super) fn serve_long_polls(&mut self, function: Id<Function>, out: &mut dyn Outbox) {
        while self.functions[function].available() > 0 {
            let Some(ability) = self.first_sleeper(function) else { return };
            let worker = self.abilities[ability].connection;
            let WorkerState::LongPoll { grab, .. } = self.connections[worker].state else { return };
            self.long_polls.served += 1;
            self.grab(worker, grab, self.now, out);
            let state = self.connections[worker].state;
            assert_eq!(state, WorkerState::Awake, "a held grab got no job while one is queued");
        }
    }

    /// Ends the long poll of a peer that sent something other than a packet.
    pub fn interrupt(&mut self, peer: ConnectionKey, out: &mut dyn Outbox) {
        if let Some(peer) = self.connections.find(peer) {
            self.interrupt_long_poll(peer, out);
            self.connections[peer].empty_grabs.other_packet();
        }
    }

    /// Answers the worker's held grab, if it has one, with NO_JOB, so that its next packet
    /// is answered after that.
    pub(super) fn interrupt_long_poll(&mut self, worker: Id<Connection>, out: &mut dyn Outbox) {
        if self.long_poll_until(worker).is_some() {
            self.long_polls.interrupted += 1;
            self.end_long_poll(worker, out);
        }
    }

    fn end_long_poll(&mut self, worker: Id<Connection>, out: &mut dyn Outbox) {
        self.wake_worker(worker);
        self.connections[worker].empty_grabs.ended_without_job();
        self.reply(worker, Command::NoJob, &[], b"", out);
    }

    /// Drops the held grab of a connection that is being removed, without an answer.
    pub(super) fn drop_long_poll(&mut self, worker: Id<Connection>) {
        if self.long_poll_until(worker).is_some() {
            self.long_polls.interrupted += 1;
            self.wake_worker(worker);
        }
    }

    /// Answers a held grab, whose hold ends at `due`, with NO_JOB.
    pub(super) fn expire_long_poll(
        &mut self,
        worker: ConnectionKey,
        due: Millis,
        out: &mut dyn Outbox,
    ) {
        let worker = self.connections.find(worker);
        let worker = worker.expect("the timer of a held grab outlived its connection");
        // The grab may have got a job in the same tick.
        if self.long_poll_until(worker) != Some(due) || strikes(Defect::HeldGrabForgotten) {
            return;
        }
        self.long_polls.expired += 1;
        self.end_long_poll(worker, out);
    }

    /// The time until which a worker's grab is held, if it is.
    fn long_poll_until(&self, worker: Id<Connection>) -> Option<Millis> {
        match self.connections[worker].state {
            WorkerState::LongPoll { until, .. } => Some(until),
            WorkerState::Awake | WorkerState::Sleeping => None,
        }
    }
}
