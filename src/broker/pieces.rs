//! Work that is too much for one turn, and is done in pieces: a report to the many clients that
//! wait for a job, the end of a connection that has much, and what such a connection was dropping.
//!
//! A report that ends its job moves the waiting clients from the job to a [`Relay`]. Any other
//! report, and a RESET_ABILITIES, stays unfinished: the driver brings the same packet again in its
//! next turn, and handles nothing else of its sender before ([`Broker::take_unfinished`]).
//!
//! Must not: decide who gets a report.

use std::collections::VecDeque;

use bytes::Bytes;

use super::connection::{ByJob, Connection, Waiter};
use super::dropping::Dropping;
use super::job::Job;
use super::list::List;
use super::slab::{Id, Slab};
use super::{Broker, ConnectionKey, Incoming, Outbox, SHARED_BODY_BYTES_MIN};
use gearman_protocol::Command;

/// Number of clients, functions or jobs in a piece.
const PIECE: u32 = 1024;
/// Pieces that a report with a large body, which is not copied, has in a turn.
const SHARED_PIECES: u32 = 16;

/// A report of a worker, or of the server on its behalf.
#[derive(Clone, Copy)]
pub(super) struct WorkReport<'a> {
    pub(super) command: Command,
    pub(super) args: &'a [&'a [u8]],
    pub(super) body: &'a [u8],
    /// The memory that contains the body, if it can be kept.
    pub(super) memory: Option<&'a Bytes>,
}

impl<'a> WorkReport<'a> {
    /// The command and the body of a packet, without arguments.
    pub(super) fn of(incoming: Incoming<'a>) -> WorkReport<'a> {
        let packet = incoming.packet;
        let (command, body) = (packet.command(), packet.body());
        WorkReport { command, args: &[], body, memory: incoming.memory }
    }
}

/// The last report on a job that is gone, and the submissions that have not got it.
pub(super) struct Relay {
    command: Command,
    args: Vec<Box<[u8]>>,
    body: Bytes,
    pub(super) waiters: List<Waiter, ByJob>,
}

/// What has to be done in the next turns.
enum BacklogTask {
    Relay(Id<Relay>),
    Close(Id<Connection>),
    Drop(Box<Dropping>),
}

/// Unfinished work.
pub(super) struct Backlog {
    pub(super) relays: Slab<Relay>,
    tasks: VecDeque<BacklogTask>,
    /// Number of connections that are being removed.
    pub(super) closing: usize,
    /// Number of reports that were relayed in pieces.
    reports: u32,
    /// Whether the last packet has to be brought again.
    is_unfinished: bool,
    pub(super) piece: u32,
}

impl Default for Backlog {
    fn default() -> Backlog {
        Backlog {
            relays: Slab::new(),
            tasks: VecDeque::new(),
            closing: 0,
            reports: 0,
            is_unfinished: false,
            piece: PIECE,
        }
    }
}

impl Backlog {
    /// The number of the last report that was relayed in pieces.
    pub(super) fn last_report(&self) -> u32 {
        self.reports
    }
}

impl Broker {
    /// Sets the size of a piece. For tests.
    pub fn set_piece(&mut self, count: u32) {
        self.backlog.piece = count;
    }

    /// Whether the driver has to bring the last packet again, before any other of its sender.
    pub fn take_unfinished(&mut self) -> bool {
        std::mem::take(&mut self.backlog.is_unfinished)
    }

    /// Has the driver bring the packet again.
    pub(super) fn leave_unfinished(&mut self) {
        self.backlog.is_unfinished = true;
    }

    /// The driver does not bring the unfinished packet or command of a connection again. A drop goes
    /// on without it.
    pub fn abandon_unfinished(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.find(key) else { return };
        let connection = &mut self.connections[connection];
        connection.payload_search = None;
        if let Some(dropping) = connection.dropping.take() {
            self.backlog.tasks.push_back(BacklogTask::Drop(dropping));
        }
    }

    /// Whether [`Broker::work_off`] has something to do.
    pub fn has_backlog(&self) -> bool {
        !self.backlog.tasks.is_empty()
    }

    /// Does one piece of the unfinished work.
    pub fn work_off(&mut self, out: &mut dyn Outbox) {
        let Some(mut task) = self.backlog.tasks.pop_front() else { return };
        let is_done = match &mut task {
            BacklogTask::Relay(relay) => self.relay_piece(*relay, out),
            BacklogTask::Close(connection) => self.close_piece(*connection, out),
            BacklogTask::Drop(dropping) => self.drop_piece(dropping, out),
        };
        if !is_done {
            self.backlog.tasks.push_back(task);
        }
    }

    /// Sends a report to one waiting client. Clients without the option `exceptions` get WORK_FAIL
    /// for WORK_EXCEPTION, as from the original: its handle ends with a NUL.
    fn send_report(&self, client: Id<Connection>, report: WorkReport<'_>, out: &mut dyn Outbox) {
        let WorkReport { command, args, body, memory } = report;
        if command == Command::WorkException && !self.connections[client].exceptions {
            let failed = [args[0], b"\0"].concat();
            return self.reply(client, Command::WorkFail, &[&failed], b"", out);
        }
        match memory {
            Some(memory) if body.len() >= SHARED_BODY_BYTES_MIN => {
                out.send_shared(self.key(client), command, args, &memory.slice_ref(body));
            }
            _ => out.send(self.key(client), command, args, body),
        }
    }

    fn report_to_all(&self, id: Id<Job>, report: WorkReport<'_>, out: &mut dyn Outbox) {
        for waiter in self.jobs[id].waiters.iter(&self.waiters) {
            self.send_report(self.waiters[waiter].connection, report, out);
        }
    }

    /// Sends a report to each submission that waits for a job. If they are too many for one piece,
    /// the report of `worker` stays unfinished.
    pub(super) fn report(
        &mut self,
        id: Id<Job>,
        worker: Id<Connection>,
        report: WorkReport<'_>,
        out: &mut dyn Outbox,
    ) {
        let count = self.jobs[id].waiters.len();
        // The memory of a large body is not kept until the next turn.
        let is_shared = report.memory.is_some() && report.body.len() >= SHARED_BODY_BYTES_MIN;
        let piece = self.backlog.piece * if is_shared { SHARED_PIECES } else { 1 };
        self.work += count.min(piece);
        let number = match self.connections[worker].report.take() {
            Some(number) => number,
            None if count <= piece => return self.report_to_all(id, report, out),
            None => {
                self.backlog.reports += 1;
                self.backlog.reports
            }
        };
        // Those that have it, or have come since, are at the end of the list.
        for _ in 0..piece {
            let waiters = &mut self.jobs[id].waiters;
            let Some(waiter) = waiters.front() else { return };
            if self.waiters[waiter].report >= number {
                return;
            }
            waiters.remove(&mut self.waiters, waiter);
            waiters.push_back(&mut self.waiters, waiter);
            self.waiters[waiter].report = number;
            self.send_report(self.waiters[waiter].connection, report, out);
        }
        self.connections[worker].report = Some(number);
        self.backlog.is_unfinished = true;
    }

    /// Sends the report that ends a job, now or in pieces. The job then has no waiting clients,
    /// unless they are few.
    pub(super) fn report_end(&mut self, id: Id<Job>, report: WorkReport<'_>, out: &mut dyn Outbox) {
        let count = self.jobs[id].waiters.len();
        self.work += count.min(self.backlog.piece);
        if count <= self.backlog.piece {
            return self.report_to_all(id, report, out);
        }
        let body = match report.memory {
            Some(memory) => memory.slice_ref(report.body),
            None => Bytes::copy_from_slice(report.body),
        };
        let relay = self.backlog.relays.insert(Relay {
            command: report.command,
            args: report.args.iter().map(|&arg| arg.into()).collect(),
            body,
            waiters: std::mem::replace(&mut self.jobs[id].waiters, List::new()),
        });
        let mut next = self.backlog.relays[relay].waiters.front();
        while let Some(waiter) = next {
            self.waiters[waiter].relay = Some(relay);
            next = self.backlog.relays[relay].waiters.after(&self.waiters, waiter);
        }
        self.backlog.tasks.push_back(BacklogTask::Relay(relay));
    }

    fn relay_piece(&mut self, id: Id<Relay>, out: &mut dyn Outbox) -> bool {
        for _ in 0..self.backlog.piece {
            let Some(waiter) = self.backlog.relays[id].waiters.front() else { break };
            let client = self.waiters[waiter].connection;
            let Relay { command, args, body, .. } = &self.backlog.relays[id];
            let args: Vec<&[u8]> = args.iter().map(|arg| &**arg).collect();
            let report = WorkReport { command: *command, args: &args, body, memory: Some(body) };
            self.send_report(client, report, out);
            self.detach(waiter);
        }
        let is_done = self.backlog.relays[id].waiters.is_empty();
        if is_done {
            self.backlog.relays.remove(id);
        }
        is_done
    }

    /// Removes a connection: the jobs that it runs go to other workers, and jobs that
    /// no other client waits for are dropped. If it has much, that is done in pieces.
    pub fn disconnect(&mut self, key: ConnectionKey, out: &mut dyn Outbox) {
        let Some(connection) = self.connections.find(key) else { return };
        if self.connections[connection].is_closing {
            return;
        }
        self.drop_long_poll(connection);
        self.wake_worker(connection);
        self.report_leaving(connection, out);
        self.connections[connection].is_closing = true;
        self.abandon_unfinished(key);
        self.backlog.closing += 1;
        if !self.close_piece(connection, out) {
            self.backlog.tasks.push_back(BacklogTask::Close(connection));
        }
    }

    fn close_piece(&mut self, id: Id<Connection>, out: &mut dyn Outbox) -> bool {
        // Waits are removed first, so that a job which it runs for itself is not requeued.
        for _ in 0..self.backlog.piece {
            let Some(waiter) = self.connections[id].waiters.front() else { break };
            let Waiter { job, relay, .. } = self.waiters[waiter];
            self.detach(waiter);
            if relay.is_none() {
                self.drop_if_abandoned(job);
            }
        }
        if !self.connections[id].waiters.is_empty() || !self.forget_some_abilities(id, out) {
            return false;
        }
        let removed = self.connections.remove(id);
        self.backlog.closing -= 1;
        assert!(
            removed.abilities.is_empty()
                && removed.waiters.is_empty()
                && removed.running.is_empty(),
            "a removed connection has abilities, waiters or running jobs"
        );
        true
    }

    /// RESET_ABILITIES. All running jobs of the worker go to other workers. It stays unfinished if
    /// the worker has much.
    pub(super) fn reset_abilities(&mut self, worker: Id<Connection>, out: &mut dyn Outbox) {
        self.backlog.is_unfinished = !self.forget_some_abilities(worker, out);
    }

    /// Removes a piece of a worker's functions, then of its running jobs. Returns whether all are
    /// gone.
    fn forget_some_abilities(&mut self, worker: Id<Connection>, out: &mut dyn Outbox) -> bool {
        self.connections[worker].refused = None;
        for _ in 0..self.backlog.piece {
            self.work += 1;
            let connection = &self.connections[worker];
            match (connection.abilities.front(), connection.running.front()) {
                (Some(ability), _) => self.remove_ability(ability, out),
                (None, Some(job)) => self.requeue(job, out),
                (None, None) => return true,
            }
        }
        let connection = &self.connections[worker];
        connection.abilities.is_empty() && connection.running.is_empty()
    }
}
