//! Choosing a server for new tasks and sending their packets.
//!
//! Must not: receive.

use super::run::{TaskRun, TaskStep};
use super::{Client, ClientOwed, ClientServer, Expect, Sending};
use crate::ReturnCode;
use crate::at;
use crate::link::{ConnState, Flush};
use crate::ring::Ring;
use crate::slab::SlabId;
use crate::task::TaskState;
use gearman_net::{Liveness, Transport};
use gearman_protocol::limits::{HEADER_SIZE, UNIQUE_SIZE};

/// Number of buffered bytes at which a connection is flushed before more packets are added.
const SEND_BATCH_BYTES: usize = 128 * 1024;

/// The connection for a task.
enum Choice {
    /// Use this connection.
    Use(usize),
    /// Wait for a connection.
    Wait,
}

/// What a server is for a task.
enum Candidate {
    /// It takes the packet, or will when it is connected.
    Usable(Choice),
    /// It is connected and cannot take another packet yet.
    Busy,
    /// It cannot be used in this run.
    Failed,
}

impl<T: Transport> Client<T> {
    /// Whether `submit` has anything to do.
    pub(super) fn may_send(&self) -> bool {
        !self.new.is_empty()
            || self.streaming > 0
            || self.link.conns.iter().any(|c| c.writable || !c.out.is_empty())
    }

    /// Sends new tasks and buffered bytes, as far as possible without waiting.
    pub(super) fn submit(&mut self, run: &TaskRun) -> Result<Option<TaskStep>, ReturnCode> {
        for key in 0..self.servers.len() {
            if self.link.conns[key].writable {
                self.on_writable(key, run);
            }
            if let Some(step) = self.offer_workload(key) {
                return Ok(Some(step));
            }
        }
        while let Some(&id) = self.new.front() {
            if self.tasks.get(id).is_none_or(|t| t.state != TaskState::New) {
                self.new.pop_front();
                self.stale_new = self.stale_new.saturating_sub(1);
                continue;
            }
            match self.choose(id, run)? {
                Choice::Wait => break,
                Choice::Use(key) => {
                    self.new.pop_front();
                    self.append_packet(key, id);
                    if self.must_flush(key) {
                        self.push_out(key, run);
                    }
                    if let Some(step) = self.offer_workload(key) {
                        return Ok(Some(step));
                    }
                }
            }
        }
        for key in 0..self.servers.len() {
            if !self.link.conns[key].out.is_empty() && !self.link.conns[key].is_blocked() {
                self.push_out(key, run);
            }
        }
        Ok(None)
    }

    /// Handles a connection that the poller reported as writable.
    fn on_writable(&mut self, key: usize, run: &TaskRun) {
        let conn = &mut self.link.conns[key];
        (conn.writable, conn.reported) = (false, false);
        if conn.state == ConnState::Connecting {
            match self.link.finish_connect(key) {
                Ok(true) => self.no_longer_avoid(key),
                Ok(false) => return,
                Err(code) => return self.connection_failed(key, code, run),
            }
        }
        self.push_out(key, run);
    }

    /// Handles a connection that was closed on an error: unsent tasks go to the next server,
    /// and tasks of other servers go on. The run reports the lost ones at its end.
    pub(super) fn connection_failed(&mut self, key: usize, code: ReturnCode, run: &TaskRun) {
        // A connection that has worked may only be stale: its server is tried again.
        if !self.servers[key].has_received {
            self.servers[key].failed_in_run = run.number;
        }
        self.avoid_if_silent(key);
        self.lose(key, code);
    }

    /// Chooses a server for a task that can take a packet now.
    fn choose(&mut self, id: SlabId, run: &TaskRun) -> Result<Choice, ReturnCode> {
        if self.servers.is_empty() {
            return Err(self.link.error.set(
                ReturnCode::NO_SERVERS,
                at!("_client_run_task"),
                "no servers provided",
            ));
        }
        let task = self.tasks.get(id);
        let choice = match task.filter(|t| self.link.settings.by_unique && t.has_own_unique) {
            None => self.choose_in_order(run),
            Some(task) => {
                let mut unique = [0; UNIQUE_SIZE];
                let len = task.unique().len();
                unique[..len].copy_from_slice(task.unique());
                self.choose_by_unique(&unique[..len], run)
            }
        };
        if let Some(choice) = choice {
            return Ok(choice);
        }
        let code = match self.link.error.code() {
            code
            @ (ReturnCode::GETADDRINFO | ReturnCode::LOST_CONNECTION | ReturnCode::TIMEOUT) => code,
            _ => ReturnCode::COULD_NOT_CONNECT,
        };
        let Some(task) = self.tasks.get_mut(id) else { return Err(code) };
        if task.resubmissions > 0 {
            // It was sent before: the program must not take it for a task that never was.
            let text = "the server was lost, and no other takes the task";
            task.code = ReturnCode::LOST_CONNECTION;
            return Err(self.link.error.set(task.code, at!("_client_run_task"), text));
        }
        task.code = code;
        Err(code)
    }

    /// Chooses the first server, the last added first. None if none can be used in this run.
    fn choose_in_order(&mut self, run: &TaskRun) -> Option<Choice> {
        let (mut busy, mut avoided) = (false, false);
        for key in self.link.keys() {
            let server = &self.servers[key];
            if server.failed_in_run == run.number {
                continue;
            }
            if server.avoided_until.is_some() {
                avoided = true;
                continue;
            }
            match self.consider(key, run) {
                Candidate::Usable(choice) => {
                    if avoided {
                        self.probe_avoided(run);
                    }
                    return Some(choice);
                }
                Candidate::Busy => busy = true,
                Candidate::Failed => {}
            }
        }
        if busy {
            return Some(Choice::Wait);
        }
        avoided.then(|| self.choose_avoided(run)).flatten()
    }

    /// Chooses a server that is avoided, since there is no other.
    #[cold]
    fn choose_avoided(&mut self, run: &TaskRun) -> Option<Choice> {
        let mut busy = false;
        for key in self.link.keys() {
            if self.servers[key].failed_in_run == run.number {
                continue;
            }
            match self.consider(key, run) {
                Candidate::Usable(choice) => return Some(choice),
                Candidate::Busy => busy = true,
                Candidate::Failed => {}
            }
        }
        busy.then_some(Choice::Wait)
    }

    /// Chooses the server to which a unique id belongs. None if none can be used in this
    /// run. A busy server is waited for: jobs with the same id have to meet.
    fn choose_by_unique(&mut self, unique: &[u8], run: &TaskRun) -> Option<Choice> {
        let names = || self.link.conns.iter().map(|conn| (&conn.host[..], conn.port));
        let ring = self.ring.take().unwrap_or_else(|| Ring::new(names()));
        let choice = loop {
            let has_failed = |server: &ClientServer| server.failed_in_run == run.number;
            let is_good = |s: &ClientServer| !has_failed(s) && s.avoided_until.is_none();
            let any_good = self.servers.iter().any(is_good);
            let is_usable = |key: usize| {
                let server = &self.servers[key];
                if any_good { is_good(server) } else { !has_failed(server) }
            };
            let Some(key) = ring.choose(unique, is_usable) else { break None };
            match self.consider(key, run) {
                Candidate::Usable(choice) => break Some(choice),
                Candidate::Busy => break Some(Choice::Wait),
                Candidate::Failed => {}
            }
        };
        self.ring = Some(ring);
        self.probe_avoided(run);
        choice
    }

    /// Looks whether a server can take a packet, and begins to connect to one that is not
    /// connected.
    fn consider(&mut self, key: usize, run: &TaskRun) -> Candidate {
        self.close_if_overdue(key);
        if self.link.check_liveness(key, self.clock) == Liveness::Dead {
            if self.has_unread_end(key) {
                return Candidate::Usable(Choice::Wait);
            }
            // Nothing was sent on it, so a retry is safe.
            self.link.ended(key);
            self.link.error.reset();
            self.lose(key, ReturnCode::LOST_CONNECTION);
        }
        match self.link.conns[key].state {
            ConnState::Up if self.is_busy(key) => Candidate::Busy,
            ConnState::Up => Candidate::Usable(Choice::Use(key)),
            ConnState::Connecting => {
                self.servers[key].is_probe = false;
                Candidate::Usable(Choice::Wait)
            }
            ConnState::Down => match self.open(key, run) {
                Ok(()) => Candidate::Usable(Choice::Wait),
                Err(_) => {
                    self.servers[key].failed_in_run = run.number;
                    self.avoid_if_silent(key);
                    Candidate::Failed
                }
            },
        }
    }

    /// Whether a closed connection holds received packets that are not read. They are read
    /// first; reading then finds the end of the connection.
    fn has_unread_end(&mut self, key: usize) -> bool {
        let unread =
            !self.link.conns[key].inbuf.is_empty() && !self.servers[key].incoming.is_stalled();
        self.link.conns[key].readable |= unread;
        unread
    }

    pub(super) fn open(&mut self, key: usize, run: &TaskRun) -> Result<(), ReturnCode> {
        let connect_timeout = self.connect_timeout(run);
        self.servers[key].has_received = false;
        self.link.open(key, connect_timeout)?;
        self.greet(key);
        Ok(())
    }

    /// Buffers the first packets of a new connection.
    pub(super) fn greet(&mut self, key: usize) {
        let replies = self.link.greet(key);
        let end = self.link.conns[key].out.unsent().len() as u64;
        let server = &mut self.servers[key];
        server.written_bytes = end;
        for _ in 0..replies {
            server.owed.push_back(ClientOwed { what: Expect::Greeting, end });
        }
    }

    /// Whether a connection cannot take another packet yet.
    pub(super) fn is_busy(&self, key: usize) -> bool {
        let server = &self.servers[key];
        server.sending.is_some()
            || server.streaming_out.is_some()
            || self.link.conns[key].is_blocked()
    }

    fn must_flush(&self, key: usize) -> bool {
        self.servers[key].sending.is_some()
            || self.servers[key].streaming_out.is_some()
            || self.link.conns[key].out.unsent().len() >= SEND_BATCH_BYTES
    }

    /// Appends a task's packet to a connection.
    fn append_packet(&mut self, key: usize, id: SlabId) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let size = if task.asks_status() {
            // Without the NUL that is there for C.
            task.packet.len() - 1
        } else {
            task.packet.len()
        };
        debug_assert!(size >= HEADER_SIZE);
        self.link.conns[key].out.bytes().extend_from_slice(&task.packet[..size]);
        self.record_packet(key, id, size);
    }

    /// Records that a task's packet of `size` bytes, without a large body, was appended to
    /// a connection.
    pub(super) fn record_packet(&mut self, key: usize, id: SlabId, size: usize) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let server = &mut self.servers[key];
        server.written_bytes += size as u64;
        server.inflight += 1;
        let body = task.workload().len();
        task.conn = Some(key as u32);
        task.state = TaskState::Work;
        if body > 0 {
            task.state = TaskState::Submit;
            server.sending = Some(Sending { task: id, sent: 0 });
        } else if let Some(missing) = task.streamed() {
            task.state = TaskState::Workload;
            server.streaming_out = Some((id, missing));
            self.streaming += 1;
        }
        let what = if task.asks_status() { Expect::Status(id) } else { Expect::Created(id) };
        server.owed.push_back(ClientOwed { what, end: server.written_bytes });
    }

    /// Sends what a connection has buffered.
    pub(super) fn push_out(&mut self, key: usize, run: &TaskRun) {
        if let Err(code) = self.flush(key) {
            self.connection_failed(key, code, run);
        }
    }

    /// Sends buffered bytes and the large body after them. On an error the connection is
    /// closed, and the caller has to call `lose`.
    pub(super) fn flush(&mut self, key: usize) -> Result<Flush, ReturnCode> {
        let Some(Sending { task: id, mut sent }) = self.servers[key].sending else {
            return self.link.flush(key, &[], &mut 0);
        };
        let Some(task) = self.tasks.get_mut(id) else {
            // `finish` closes the connection of a task that is partly sent.
            self.servers[key].sending = None;
            return Ok(Flush::Done);
        };
        let flushed = self.link.flush(key, task.workload(), &mut sent)?;
        if flushed == Flush::Done {
            self.servers[key].sending = None;
            task.state = TaskState::Work;
            // The memory is not needed while the job runs, unless it may have to be sent again.
            if task.resubmissions >= self.link.settings.resubmissions {
                task.drop_workload();
            }
        } else {
            self.servers[key].sending = Some(Sending { task: id, sent });
        }
        Ok(flushed)
    }
}
