//! [`Client`]: the state machine of a client.
//!
//! `step` runs tasks until all are done, until it would block in non-blocking mode, or
//! until it needs user code. Then it returns and keeps no state on the stack. User code may
//! call any function of the same client before `resume`, or may never return: every later
//! lookup may fail, and a stale ticket is ignored.
//!
//! Must not: call user code.

mod add;
mod avoiding;
mod dispatch;
mod lost;
mod quick;
mod read;
mod request;
mod run;
mod stream;
mod submit;
#[cfg(test)]
mod tests;
mod waiting;

pub use super::exchange::Broadcast;
pub use add::{NewTask, TaskBody};
pub use quick::{Awaited, AwaitedCall, Submitted};
pub use request::{Cancelling, ClientExchange};
pub use run::{TaskRun, TaskStep, TaskTicket, TaskUpcall};
pub use stream::Piece;

use super::ReturnCode;
use super::handles::{ChainLinks, HandleIndex, NO_SLOT};
use super::link::{ConnState, Link};
use super::ring::Ring;
use super::slab::{BoxSlab, SlabId};
use super::task::{Task, TaskKind, TaskState};
use super::uuid::UuidSource;
use gearman_buf::Owned;
use gearman_net::Transport;
use gearman_protocol::{Command, Magic, encode};
use read::ClientIncoming;
use std::collections::VecDeque;
use std::task::Poll;
use std::time::Instant;

/// A reply that a connection owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// JOB_CREATED for a task.
    Created(SlabId),
    /// STATUS_RES or STATUS_RES_UNIQUE for a task.
    Status(SlabId),
    /// OPTION_RES for an option that is sent on every connection.
    Greeting,
    /// ECHO_RES for the exchange with this number.
    Echo(u32),
    /// OPTION_RES for the exchange with this number.
    Option(u32),
    /// The line of text that answers the exchange with this number.
    Line(u32),
}

/// An owed reply, and the offset in the sent bytes at which its request ends.
#[derive(Clone, Copy, Debug)]
struct ClientOwed {
    what: Expect,
    end: u64,
}

/// A body that is being sent from a task's memory.
#[derive(Clone, Copy, Debug)]
struct Sending {
    task: SlabId,
    sent: usize,
}

/// A client's state of one connection, in addition to the link's [`Conn`].
///
/// [`Conn`]: super::link::Conn
#[derive(Debug, Default)]
struct ClientServer {
    /// Replies that the server owes, in the order of the requests.
    owed: VecDeque<ClientOwed>,
    /// Bytes of packets that were buffered or sent on this connection.
    written_bytes: u64,
    /// The large body that is being sent, after the buffered bytes.
    sending: Option<Sending>,
    /// The task whose `workload_fn` sends the body, and the number of bytes still missing.
    streaming_out: Option<(SlabId, usize)>,
    /// The body that is being received.
    incoming: ClientIncoming,
    /// A packet was received on this connection.
    has_received: bool,
    /// The run in which the server could not be used.
    failed_in_run: u64,
    /// The server did not answer in time: others are preferred, and from this time on it is
    /// probed.
    avoided_until: Option<Instant>,
    /// The connection is made only to find out whether the server is back.
    is_probe: bool,
    /// Number of unfinished tasks that were sent on this connection.
    inflight: usize,
}

impl ClientServer {
    /// Whether the server owes a reply to something that the caller has asked.
    fn owes_reply(&self) -> bool {
        self.owed.front().is_some_and(|owed| owed.what != Expect::Greeting)
    }
}

/// A client: its tasks, and the connections on which they are sent.
#[derive(Debug)]
pub struct Client<T: Transport> {
    /// The connections.
    pub link: Link<T>,
    servers: Vec<ClientServer>,
    tasks: BoxSlab<Task>,
    first: u32,
    last: u32,
    /// Unsent tasks, in the order of adding.
    new: VecDeque<SlabId>,
    /// Number of entries in `new` that are finished or removed.
    stale_new: usize,
    /// Number of connections in the middle of a body from a `workload_fn`.
    streaming: usize,
    /// Tasks with a callback to call or events to apply.
    todo: VecDeque<SlabId>,
    /// Tasks by job handle, of all connections.
    index: HandleIndex,
    uuids: UuidSource,
    /// A removed task, whose memory the next one reuses.
    spare: Option<Box<Task>>,
    /// Number of unfinished tasks.
    active: usize,
    /// Number of unfinished tasks for which user code is running.
    on_stack: usize,
    /// Number of added tasks that were lost or refused outside a run of all tasks. The next
    /// such run reports them when everything else is done.
    unreported: usize,
    /// A connection was lost since the run last sent: tasks that waited for it can go to
    /// another server.
    lost_connection: bool,
    last_ticket: u32,
    last_run: u64,
    /// The last run ended only because it must not block. The next run continues it under
    /// the same number, and so remembers which servers failed.
    run_unfinished: bool,
    last_exchange: u32,
    /// A task that a server refused, and the code with which the run ends.
    refused: Option<(SlabId, ReturnCode)>,
    /// The connection on which a request or a piece of a workload is partly sent.
    half_sent: Option<usize>,
    /// The places of the servers, made when a job is first placed by its unique id.
    ring: Option<Ring>,
    /// The job that was submitted without a task.
    quick: Option<quick::QuickSubmit>,
    /// The result of a job that ended without a task, until the caller takes it.
    result: Option<Owned>,
    /// The reply to the current exchange, with its number.
    reply: Option<(u32, super::exchange::ExchangeReply)>,
    /// The time when the clock was last read, also used as the time of received packets.
    clock: Instant,
    /// Pass bodies to callbacks in pieces as they arrive.
    pub unbuffered: bool,
    /// Copy every received body into memory from the caller's allocator hook.
    pub hooked: bool,
    /// Free added tasks when they are finished.
    pub free_tasks: bool,
}

impl<T: Transport> Client<T> {
    /// A client without servers.
    pub fn new(net: T) -> Client<T> {
        let clock = net.now();
        Client {
            link: Link::new(net),
            servers: Vec::new(),
            tasks: BoxSlab::new(),
            first: NO_SLOT,
            last: NO_SLOT,
            new: VecDeque::new(),
            stale_new: 0,
            streaming: 0,
            refused: None,
            todo: VecDeque::new(),
            index: HandleIndex::default(),
            uuids: UuidSource::default(),
            spare: None,
            active: 0,
            on_stack: 0,
            unreported: 0,
            lost_connection: false,
            last_ticket: 0,
            last_run: 0,
            run_unfinished: false,
            last_exchange: 0,
            half_sent: None,
            ring: None,
            quick: None,
            result: None,
            reply: None,
            clock,
            unbuffered: false,
            hooked: false,
            free_tasks: false,
        }
    }

    /// Adds a server. It is tried before the servers added earlier.
    ///
    /// # Errors
    /// `GETADDRINFO`.
    pub fn add_server(&mut self, host: &str, port: u16) -> Result<(), ReturnCode> {
        self.link.add_server(host, port)?;
        self.servers.push(ClientServer::default());
        self.ring = None;
        Ok(())
    }

    /// Closes all connections and removes all servers. Tasks that were sent are lost.
    pub fn remove_servers(&mut self) {
        for key in 0..self.servers.len() {
            self.lose_for_good(key, ReturnCode::LOST_CONNECTION);
        }
        self.link.remove_servers();
        self.servers.clear();
        self.ring = None;
    }

    /// A task, unless it was removed.
    pub fn task(&self, id: SlabId) -> Option<&Task> {
        self.tasks.get(id)
    }

    /// A task, unless it was removed.
    pub fn task_mut(&mut self, id: SlabId) -> Option<&mut Task> {
        self.tasks.get_mut(id)
    }

    /// The first task in the order of adding.
    pub fn first_task(&self) -> Option<SlabId> {
        self.tasks.id_at(self.first)
    }

    /// The task added after this one.
    pub fn next_task(&self, id: SlabId) -> Option<SlabId> {
        self.tasks.id_at(self.tasks.get(id)?.next)
    }

    /// The number of tasks.
    pub fn task_count(&self) -> usize {
        self.tasks.len()
    }

    /// The number of unfinished tasks.
    pub fn unfinished(&self) -> usize {
        self.active
    }

    /// Whether any task waits for a server.
    pub fn awaits_servers(&self) -> bool {
        self.active > 0 && self.tasks.iter().any(|(_, task)| task.awaits_server())
    }

    /// Removes a task, finished or not. A later reply to it is ignored.
    pub fn remove_task(&mut self, id: SlabId) -> Option<Box<Task>> {
        self.finish(id);
        let task = self.tasks.remove(id)?;
        self.unlink(task.prev, task.next);
        self.unreported -= usize::from(task.unreported);
        Some(task)
    }

    /// Keeps the memory of a removed task for the next one.
    pub fn recycle(&mut self, mut task: Box<Task>) {
        /// Largest packet, in bytes, whose memory is kept.
        const SPARE_PACKET_BYTES_MAX: usize = 8 * 1024;
        if self.spare.is_none() && task.packet.capacity() <= SPARE_PACKET_BYTES_MAX {
            task.drop_workload();
            task.data = None;
            task.result = None;
            self.spare = Some(task);
        }
    }

    fn unlink(&mut self, prev: u32, next: u32) {
        match self.tasks.id_at(prev).and_then(|id| self.tasks.get_mut(id)) {
            Some(task) => task.next = next,
            None => self.first = next,
        }
        match self.tasks.id_at(next).and_then(|id| self.tasks.get_mut(id)) {
            Some(task) => task.prev = prev,
            None => self.last = prev,
        }
    }

    /// Finishes a task: releases its connection and its entry in the handle index. It stays
    /// in the list of tasks.
    fn finish(&mut self, id: SlabId) {
        self.discard_rest(id);
        let Some(task) = self.tasks.get_mut(id) else { return };
        if !task.is_active() {
            return;
        }
        let was_new = task.state == TaskState::New;
        let conn = task.conn.take();
        let mid_send = task.state == TaskState::Submit || task.state == TaskState::Workload;
        task.state = TaskState::Finished;
        task.end_callbacks();
        self.on_stack -= usize::from(task.is_in_upcall());
        self.active -= 1;
        if task.indexed {
            self.unindex(id);
        }
        if was_new {
            self.stale_new += 1;
            if self.stale_new > 64 && self.stale_new * 2 > self.new.len() {
                let tasks = &self.tasks;
                self.new.retain(|&id| tasks.get(id).is_some_and(|t| t.state == TaskState::New));
                self.stale_new = 0;
            }
        }
        if let Some(key) = conn.map(|c| c as usize) {
            self.servers[key].inflight -= 1;
            // The packet is partly sent: nothing else can follow it.
            if mid_send && self.is_sending(key, id) {
                self.link.close(key);
                self.lose(key, ReturnCode::LOST_CONNECTION);
            }
        }
    }

    /// Removes a task from the handle index, if it is there.
    fn unindex(&mut self, id: SlabId) {
        if let Some(task) = self.tasks.get_mut(id)
            && std::mem::take(&mut task.indexed)
        {
            self.index.remove(id.index(), &mut TaskLinks(&mut self.tasks));
        }
    }

    fn is_sending(&self, key: usize, id: SlabId) -> bool {
        let server = &self.servers[key];
        server.sending.is_some_and(|s| s.task == id)
            || server.streaming_out.is_some_and(|(task, _)| task == id)
    }

    /// Detects a fork. In the child, tasks that were sent are lost: they belong to the
    /// parent.
    fn check_fork(&mut self) {
        if self.link.forked() {
            for key in 0..self.servers.len() {
                self.lose_for_good(key, ReturnCode::LOST_CONNECTION);
            }
            // The parent reports them.
            self.report();
        }
    }

    /// Repeats a call until it is ready, sleeping in between. For callers whose thread is
    /// never cancelled.
    pub fn block<R>(&mut self, mut call: impl FnMut(&mut Self) -> Poll<R>) -> R {
        loop {
            match call(self) {
                Poll::Ready(result) => return result,
                Poll::Pending => self.link.sleep(),
            }
        }
    }

    /// Abandons a call that was left during a wait. A connection with a partly sent packet
    /// is closed; the reply to a sent one will be ignored.
    pub fn abandon_wait(&mut self) {
        self.link.forget_wait();
        if let Some(key) = self.half_sent.take() {
            self.link.close(key);
            self.lose(key, ReturnCode::LOST_CONNECTION);
        }
        self.abandon_quick_submit();
    }

    /// Buffers SET_CLIENT_ID on every open connection. It is sent with the next packet.
    pub fn repeat_identifier(&mut self) {
        self.check_fork();
        for key in 0..self.servers.len() {
            if self.link.conns[key].state == ConnState::Up && !self.is_busy(key) {
                let out = self.link.conns[key].out.bytes();
                let before = out.len();
                let id = &self.link.settings.identifier[..];
                encode(out, Magic::Request, Command::SetClientId, &[id], &[]);
                self.servers[key].written_bytes += (out.len() - before) as u64;
            }
        }
    }

    /// Whether tasks of a kind are freed when they are finished.
    fn frees(&self, kind: TaskKind) -> bool {
        self.free_tasks && kind == TaskKind::Add
    }
}

/// The tasks, as the handle index sees them.
struct TaskLinks<'a>(&'a mut BoxSlab<Task>);

impl TaskLinks<'_> {
    fn at(&self, slot: u32) -> Option<&Task> {
        self.0.get(self.0.id_at(slot)?)
    }
}

impl ChainLinks for TaskLinks<'_> {
    fn next(&self, slot: u32) -> u32 {
        self.at(slot).map_or(NO_SLOT, |t| t.chain)
    }

    fn set_next(&mut self, slot: u32, next: u32) {
        if let Some(task) = self.0.id_at(slot).and_then(|id| self.0.get_mut(id)) {
            task.chain = next;
        }
    }

    fn hash(&self, slot: u32) -> u32 {
        self.at(slot).map_or(0, |t| t.hash)
    }
}
