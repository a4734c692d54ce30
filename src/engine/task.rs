//! [`Task`]: one request of a client, from being added to being finished.
//!
//! A task carries only what it uses: its packet is encoded once, when it is
//! added, and function name and unique id are read from there.
//!
//! Must not: do I/O, or know which callbacks a caller has, beyond whether there
//! is one.

use super::ReturnCode;
use super::handles::NO_SLOT;
use gearman_buf::{Bytes, Owned, Workload};
use gearman_protocol::Command;
use gearman_protocol::limits::{HEADER_SIZE, JOB_HANDLE_SIZE};
use std::collections::VecDeque;

mod callbacks;

pub(super) use callbacks::CallbackState;

/// What the layer above keeps for a task; the engine only carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub *mut std::ffi::c_void);

impl Token {
    /// Nothing is kept.
    pub const NONE: Token = Token(std::ptr::null_mut());
}

/// How far a task has come, by the numbers of `gearman_task_state_t`.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    New,
    Submit,
    Workload,
    Work,
    Created,
    Data,
    Warning,
    Status,
    Complete,
    Exception,
    Fail,
    Finished,
}

/// Which call made a task, which decides who frees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// One of the `add_task` functions.
    Add,
    /// `execute`: the caller owns it, the library collects its result.
    Execute,
    /// A call that waits for this one task and then removes it.
    Do,
}

/// The callbacks that a task has, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Callbacks(pub u8);

impl Callbacks {
    /// Asks for the workload.
    pub const WORKLOAD: Callbacks = Callbacks(1);
    /// The job exists.
    pub const CREATED: Callbacks = Callbacks(2);
    /// A piece of the result.
    pub const DATA: Callbacks = Callbacks(4);
    /// A warning.
    pub const WARNING: Callbacks = Callbacks(8);
    /// Progress, or the answer to a status request.
    pub const STATUS: Callbacks = Callbacks(16);
    /// The job is done.
    pub const COMPLETE: Callbacks = Callbacks(32);
    /// The job raised an exception.
    pub const EXCEPTION: Callbacks = Callbacks(64);
    /// The job failed.
    pub const FAIL: Callbacks = Callbacks(128);

    /// Whether the callback of `one` is there.
    pub fn has(self, one: Callbacks) -> bool {
        self.0 & one.0 != 0
    }
}

impl TaskState {
    /// The callback that is due in this state.
    pub fn callback(self) -> Option<Callbacks> {
        Some(match self {
            TaskState::Workload => Callbacks::WORKLOAD,
            TaskState::Created => Callbacks::CREATED,
            TaskState::Data => Callbacks::DATA,
            TaskState::Warning => Callbacks::WARNING,
            TaskState::Status => Callbacks::STATUS,
            TaskState::Complete => Callbacks::COMPLETE,
            TaskState::Exception => Callbacks::EXCEPTION,
            TaskState::Fail => Callbacks::FAIL,
            TaskState::New | TaskState::Submit | TaskState::Work | TaskState::Finished => {
                return None;
            }
        })
    }
}

/// A job handle, NUL-terminated.
#[derive(Clone, Copy, Debug)]
pub struct JobHandle {
    bytes: [u8; JOB_HANDLE_SIZE],
    len: u8,
}

impl JobHandle {
    /// No handle yet.
    pub const EMPTY: JobHandle = JobHandle { bytes: [0; JOB_HANDLE_SIZE], len: 0 };

    /// Sets the handle, cut to the size that the C API has for it.
    pub fn set(&mut self, text: &[u8]) {
        let len = text.len().min(JOB_HANDLE_SIZE - 1);
        self.bytes[..len].copy_from_slice(&text[..len]);
        self.bytes[len] = 0;
        self.len = len as u8;
    }

    fn clear(&mut self) {
        self.bytes[0] = 0;
        self.len = 0;
    }

    /// The handle without its NUL.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The handle with its NUL and what follows, as C gets it.
    pub fn bytes(&self) -> &[u8; JOB_HANDLE_SIZE] {
        &self.bytes
    }
}

/// Something a server said about a task.
#[derive(Debug)]
pub struct Event {
    /// The packet's command.
    pub command: Command,
    /// The fields of a status packet.
    pub status: Option<Status>,
    /// The packet's body, where somebody will look at it.
    pub data: Option<Bytes>,
    /// The size of the packet's body, whether or not it is here.
    pub size: usize,
    /// The connection that the body is to be received from, by a callback.
    pub streamed: Option<u32>,
    /// The code of an ERROR packet.
    pub error: ReturnCode,
}

impl Event {
    /// An event that carries nothing but its kind.
    pub fn new(command: Command) -> Event {
        Event {
            command,
            status: None,
            data: None,
            size: 0,
            streamed: None,
            error: ReturnCode::SUCCESS,
        }
    }
}

/// The numbers in a status packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The server knows the job.
    pub known: bool,
    /// A worker has it.
    pub running: bool,
    /// Progress.
    pub numerator: u32,
    /// Progress when done.
    pub denominator: u32,
    /// Clients waiting for it.
    pub clients: u32,
}

/// What few tasks have, so that the others need no room for it.
#[derive(Debug, Default)]
pub struct Rare {
    /// The body, when it is large or somebody else's.
    pub workload: Workload,
    /// The declared size of a body that `workload_fn` will send.
    pub streamed: Option<usize>,
    /// The exception that the job raised, and a NUL.
    pub exception: Option<Box<[u8]>>,
    /// Events that came while a callback was due or running.
    pub(super) backlog: VecDeque<Event>,
}

/// A request of a client.
#[derive(Debug)]
pub struct Task {
    /// What the layer above keeps.
    pub token: Token,
    /// Which call made it.
    pub kind: TaskKind,
    /// How far it has come.
    pub state: TaskState,
    /// What its packet asks.
    pub command: Command,
    /// How it ended; `UNKNOWN_STATE` before.
    pub code: ReturnCode,
    /// The callbacks it has.
    pub callbacks: Callbacks,
    /// What the server last said of its job.
    pub status: Status,
    /// The whole packet, or all of it but a body that stands in `workload`.
    pub packet: Vec<u8>,
    pub(super) function_len: u16,
    pub(super) unique_at: u16,
    pub(super) unique_len: u8,
    /// What few tasks have.
    rare: Option<Box<Rare>>,
    /// The job's handle.
    pub handle: JobHandle,
    /// The body of the packet that a callback is called for.
    pub data: Option<Bytes>,
    /// The size of that body, also when it is not in memory.
    pub data_size: usize,
    /// The collected result of a `Do` or `Execute` task.
    pub result: Option<Owned>,
    /// A part of the result was dropped: there was no memory for it. A fact about
    /// `result`, whatever becomes of the task.
    pub out_of_memory: bool,
    /// The connection it was sent on.
    pub conn: Option<u32>,
    /// Where it stands with user code.
    pub(super) callback: CallbackState,
    /// The connection that the body stands on, in place of `data`, for the callback
    /// that is due or running. None once the connection is lost, or the body taken.
    pub(super) stream: Option<u32>,
    /// It was lost or refused, and no run has said so yet. An end that its callbacks
    /// never hear of: the event may even wait in the backlog.
    pub(super) unreported: bool,
    /// It stands in the client's list of tasks with something to do. Membership: in
    /// every state of its callbacks, an event or an end may put it there.
    pub(super) listed: bool,
    /// It is in the handle index, from JOB_CREATED to the last packet of its job. The
    /// callbacks for either may come later.
    pub(super) indexed: bool,
    pub(super) chain: u32,
    pub(super) hash: u32,
    pub(super) prev: u32,
    pub(super) next: u32,
}

impl Task {
    /// A task that is nothing yet. `begin` makes it one.
    pub(super) fn blank() -> Task {
        Task {
            token: Token::NONE,
            kind: TaskKind::Do,
            state: TaskState::New,
            command: Command::Unused,
            code: ReturnCode::UNKNOWN_STATE,
            callbacks: Callbacks::default(),
            status: Status::default(),
            packet: Vec::new(),
            function_len: 0,
            unique_at: 0,
            unique_len: 0,
            rare: None,
            handle: JobHandle::EMPTY,
            data: None,
            data_size: 0,
            result: None,
            out_of_memory: false,
            conn: None,
            callback: CallbackState::Idle,
            stream: None,
            unreported: false,
            listed: false,
            indexed: false,
            chain: NO_SLOT,
            hash: 0,
            prev: NO_SLOT,
            next: NO_SLOT,
        }
    }

    /// Makes a task of memory that was one before, or of a blank one. The packet
    /// is empty and keeps its room: field by field, since this is done for every
    /// single call.
    pub(super) fn begin(&mut self, kind: TaskKind, command: Command) {
        self.token = Token::NONE;
        self.kind = kind;
        self.state = TaskState::New;
        self.command = command;
        self.code = ReturnCode::UNKNOWN_STATE;
        self.callbacks = Callbacks::default();
        self.status = Status::default();
        self.packet.clear();
        self.function_len = 0;
        self.unique_at = 0;
        self.unique_len = 0;
        self.rare = None;
        self.handle.clear();
        self.data = None;
        self.data_size = 0;
        self.result = None;
        self.out_of_memory = false;
        self.conn = None;
        self.callback = CallbackState::Idle;
        self.stream = None;
        self.unreported = false;
        self.listed = false;
        self.indexed = false;
        self.chain = NO_SLOT;
    }

    /// What few tasks have, if this one does.
    pub fn rare(&self) -> Option<&Rare> {
        self.rare.as_deref()
    }

    /// What few tasks have, made if need be.
    pub fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The body that is sent from memory of its own.
    pub fn workload(&self) -> &[u8] {
        self.rare().map_or(&[], |r| r.workload.as_slice())
    }

    /// Lets that body go.
    pub(super) fn drop_workload(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.workload = Workload::None;
        }
    }

    /// The bytes that `workload_fn` has to send.
    pub(super) fn streamed(&self) -> Option<usize> {
        self.rare().and_then(|r| r.streamed).filter(|&n| n > 0)
    }

    /// Whether `workload_fn` has not begun: of the body, `missing` bytes are due.
    pub(super) fn waits_for_workload(&self, missing: usize) -> bool {
        self.state == TaskState::Workload
            && self.streamed() == Some(missing)
            && self.callback == CallbackState::Idle
    }

    /// The exception that the job raised, and a NUL.
    pub fn exception(&self) -> Option<&[u8]> {
        self.rare().and_then(|r| r.exception.as_deref())
    }

    /// Whether events wait to be looked at.
    pub(super) fn has_backlog(&self) -> bool {
        self.rare().is_some_and(|r| !r.backlog.is_empty())
    }

    /// Whether the last packet about it is here, though its callbacks may still be
    /// due: it needs its connection no more.
    pub(super) fn has_final_packet(&self) -> bool {
        let due = self.callback != CallbackState::Idle;
        let at_its_end = match self.state {
            TaskState::Complete | TaskState::Exception | TaskState::Fail => true,
            TaskState::Created => self.ends_when_created(),
            TaskState::Status => self.asks_status(),
            _ => false,
        };
        let ends = |event: &Event| match event.command {
            // A callback was to receive the body from the connection.
            _ if event.streamed.is_some() => false,
            Command::WorkComplete
            | Command::WorkException
            | Command::WorkFail
            | Command::StatusRes
            | Command::StatusResUnique
            | Command::Error => true,
            Command::JobCreated => self.ends_when_created(),
            _ => false,
        };
        due && at_its_end || self.rare().and_then(|r| r.backlog.back()).is_some_and(ends)
    }

    /// The next event that waits.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.rare.as_mut().and_then(|r| r.backlog.pop_front())
    }

    /// The function name with its namespace; NUL follows it in memory.
    pub fn function_name(&self) -> &[u8] {
        &self.packet[HEADER_SIZE..][..usize::from(self.function_len)]
    }

    /// The unique id; NUL follows it in memory.
    pub fn unique(&self) -> &[u8] {
        &self.packet[usize::from(self.unique_at)..][..usize::from(self.unique_len)]
    }

    /// The function name and the NUL after it, for C.
    pub fn function_name_with_nul(&self) -> &[u8] {
        let len = match self.function_len {
            // A question about a job: what it asks about stands there.
            0 => self.packet.len() - HEADER_SIZE,
            len => usize::from(len) + 1,
        };
        &self.packet[HEADER_SIZE..][..len]
    }

    /// The unique id and the NUL after it, for C.
    pub fn unique_with_nul(&self) -> &[u8] {
        match self.unique_at {
            0 => b"\0",
            at => &self.packet[usize::from(at)..][..usize::from(self.unique_len) + 1],
        }
    }

    /// Whether it waits for a server. A task whose last packet has come does
    /// not, though its callback may be due.
    pub fn awaits_server(&self) -> bool {
        !matches!(
            self.state,
            TaskState::Complete | TaskState::Exception | TaskState::Fail | TaskState::Finished
        )
    }

    /// Whether it waits for the server or for its caller.
    pub fn is_active(&self) -> bool {
        self.state != TaskState::Finished
    }

    /// Replaces the body of a packet that was not sent yet.
    pub(super) fn set_workload(&mut self, workload: gearman_buf::Borrowed) {
        self.packet.truncate(self.head_size(&self.packet));
        let size = self.packet.len() - HEADER_SIZE + workload.as_slice().len();
        self.packet[8..HEADER_SIZE].copy_from_slice(&(size as u32).to_be_bytes());
        let rare = self.rare_mut();
        rare.workload = Workload::Borrowed(workload);
        rare.streamed = None;
    }

    /// Where the body starts in a whole packet.
    fn head_size(&self, packet: &[u8]) -> usize {
        let args = self.command.spec().args;
        let mut nuls = packet.iter().enumerate().skip(HEADER_SIZE).filter(|(_, b)| **b == 0);
        nuls.nth(args - 1).map_or(packet.len(), |(at, _)| at + 1)
    }

    /// Whether the library keeps what its job sends.
    pub(super) fn collects(&self) -> bool {
        self.kind != TaskKind::Add
    }

    /// Whether the answer to its packet is the end of it.
    pub(super) fn ends_when_created(&self) -> bool {
        matches!(
            self.command,
            Command::SubmitJobBg
                | Command::SubmitJobHighBg
                | Command::SubmitJobLowBg
                | Command::SubmitJobEpoch
                | Command::SubmitReduceJobBackground
        )
    }

    /// Whether it asks for the state of a job.
    pub fn asks_status(&self) -> bool {
        matches!(self.command, Command::GetStatus | Command::GetStatusUnique)
    }
}
