//! [`Task`]: one request of a client, from adding it until it is finished.
//!
//! A task is kept small: its packet is encoded once, when the task is added, and function
//! name and unique id are read from that packet.
//!
//! Must not: do I/O, or know more about the caller's callbacks than which are set.

use super::ReturnCode;
use super::handles::NO_SLOT;
use gearman_buf::{Bytes, Owned, Workload};
use gearman_protocol::Command;
use gearman_protocol::limits::{HEADER_SIZE, JOB_HANDLE_SIZE};
use std::collections::VecDeque;

mod callbacks;

pub(super) use callbacks::CallbackState;

/// The pointer that the layer above attaches to a task. The engine only stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token(pub *mut std::ffi::c_void);

impl Token {
    /// No pointer.
    pub const NONE: Token = Token(std::ptr::null_mut());
}

/// The state of a task, numbered as in `gearman_task_state_t`.
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

/// Which call created a task. It decides who frees the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// One of the `add_task` functions.
    Add,
    /// `execute`: the caller owns the task, the library collects its result.
    Execute,
    /// A call that waits for this one task and then removes it.
    Do,
}

/// A set of callbacks, one bit each.
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

    /// Whether the set contains `one`.
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

    /// Sets the handle, truncated to the size of the C API's buffer.
    pub fn set(&mut self, text: &[u8]) {
        let len = text.len().min(JOB_HANDLE_SIZE - 1);
        self.bytes[..len].copy_from_slice(&text[..len]);
        self.bytes[len] = 0;
        self.len = len as u8;
    }

    pub(super) fn clear(&mut self) {
        self.bytes[0] = 0;
        self.len = 0;
    }

    /// The handle without its NUL.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The whole buffer: the handle, its NUL, and unused bytes, as C sees it.
    pub fn bytes(&self) -> &[u8; JOB_HANDLE_SIZE] {
        &self.bytes
    }
}

/// A decoded packet about a task.
#[derive(Debug)]
pub struct Event {
    /// The packet's command.
    pub command: Command,
    /// The fields of a status packet.
    pub status: Option<Status>,
    /// The packet's body, if a callback or the result needs it.
    pub data: Option<Bytes>,
    /// The size of the packet's body in bytes, also if `data` is None.
    pub size: usize,
    /// The connection from which a callback receives the body.
    pub streamed: Option<u32>,
    /// The code of an ERROR packet.
    pub error: ReturnCode,
}

impl Event {
    /// An event without data.
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

/// The fields of a status packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The server knows the job.
    pub known: bool,
    /// A worker has it.
    pub running: bool,
    /// Progress so far.
    pub numerator: u32,
    /// Progress at completion.
    pub denominator: u32,
    /// Number of clients that wait for the job.
    pub clients: u32,
}

/// Rarely used fields, allocated separately to keep [`Task`] small.
#[derive(Debug, Default)]
pub struct Rare {
    /// The body, if it is borrowed or too large for the packet.
    pub workload: Workload,
    /// The declared size, in bytes, of a body that `workload_fn` sends.
    pub streamed: Option<usize>,
    /// The exception that the job raised, followed by a NUL.
    pub exception: Option<Box<[u8]>>,
    /// Events that arrived while a callback was due or running.
    pub(super) backlog: VecDeque<Event>,
}

/// A request of a client.
#[derive(Debug)]
pub struct Task {
    /// The pointer of the layer above.
    pub token: Token,
    /// Which call created the task.
    pub kind: TaskKind,
    /// The state.
    pub state: TaskState,
    /// The command of its packet.
    pub command: Command,
    /// The final code; `UNKNOWN_STATE` until the task ends.
    pub code: ReturnCode,
    /// The callbacks that are set.
    pub callbacks: Callbacks,
    /// The last status that the server reported.
    pub status: Status,
    /// The packet, without a body that is in `Rare::workload`.
    pub packet: Vec<u8>,
    pub(super) function_len: u16,
    pub(super) unique_at: u16,
    pub(super) unique_len: u8,
    /// The caller gave the unique id of the job; otherwise the library has made it.
    pub(super) has_own_unique: bool,
    /// How often the task was submitted again after its server was lost.
    pub(super) resubmissions: u16,
    /// Rarely used fields.
    rare: Option<Box<Rare>>,
    /// The job's handle.
    pub handle: JobHandle,
    /// The body of the packet that a callback is called for.
    pub data: Option<Bytes>,
    /// The size of that body in bytes, also if it is not in memory.
    pub data_size: usize,
    /// The collected result of a `Do` or `Execute` task.
    pub result: Option<Owned>,
    /// Part of the result was dropped for lack of memory. Describes `result` only, not how
    /// the task ended.
    pub out_of_memory: bool,
    /// The connection on which it was sent.
    pub conn: Option<u32>,
    /// Whether user code is due or running.
    pub(super) callback: CallbackState,
    /// The connection that holds the body, instead of `data`, for the callback that is due
    /// or running. None after the connection is lost or the body is received.
    pub(super) stream: Option<u32>,
    /// The task was lost or refused, and no run has reported that yet. Its callbacks are
    /// not called for that; the ERROR event may still be in the backlog.
    pub(super) unreported: bool,
    /// The task is in the client's `todo` list. An event or the end of the task may add it
    /// in any callback state.
    pub(super) listed: bool,
    /// The task is in the handle index: from JOB_CREATED until the last packet of its job.
    /// The callbacks for both packets may run later.
    pub(super) indexed: bool,
    pub(super) chain: u32,
    pub(super) hash: u32,
    pub(super) prev: u32,
    pub(super) next: u32,
}

impl Task {
    /// An unused task, which `begin` sets up.
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
            has_own_unique: false,
            resubmissions: 0,
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

    /// Resets a blank or recycled task. The packet buffer keeps its capacity. Fields are
    /// assigned one at a time because this runs for every single call.
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
        self.has_own_unique = false;
        self.resubmissions = 0;
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

    /// The rarely used fields, if they are allocated.
    pub fn rare(&self) -> Option<&Rare> {
        self.rare.as_deref()
    }

    /// The rarely used fields, allocated on first use.
    pub fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The body that is sent from outside the packet.
    pub fn workload(&self) -> &[u8] {
        self.rare().map_or(&[], |r| r.workload.as_slice())
    }

    /// Drops that body.
    pub(super) fn drop_workload(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.workload = Workload::None;
        }
    }

    /// The number of bytes that `workload_fn` has to send, if any.
    pub(super) fn streamed(&self) -> Option<usize> {
        self.rare().and_then(|r| r.streamed).filter(|&n| n > 0)
    }

    /// Whether `workload_fn` has sent nothing yet, when `missing` bytes of the body are
    /// due.
    pub(super) fn waits_for_workload(&self, missing: usize) -> bool {
        self.state == TaskState::Workload
            && self.streamed() == Some(missing)
            && self.callback == CallbackState::Idle
    }

    /// The exception that the job raised, followed by a NUL.
    pub fn exception(&self) -> Option<&[u8]> {
        self.rare().and_then(|r| r.exception.as_deref())
    }

    /// Whether the backlog holds events.
    pub(super) fn has_backlog(&self) -> bool {
        self.rare().is_some_and(|r| !r.backlog.is_empty())
    }

    /// Whether the last packet about the task was received, so that it no longer needs its
    /// connection. Its callbacks may still be due.
    pub(super) fn has_final_packet(&self) -> bool {
        let due = self.callback != CallbackState::Idle;
        let at_its_end = match self.state {
            TaskState::Complete | TaskState::Exception | TaskState::Fail => true,
            TaskState::Created => self.ends_when_created(),
            TaskState::Status => self.asks_status(),
            _ => false,
        };
        let ends = |event: &Event| match event.command {
            // A callback would have received the body from the connection.
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

    /// Drops the events of a job that is lost.
    pub(super) fn drop_backlog(&mut self) {
        if let Some(rare) = &mut self.rare {
            rare.backlog.clear();
        }
    }

    /// Whether the task can be submitted again after its server was lost: a job whose result
    /// is waited for, or a background job that its unique id keeps from being queued twice.
    /// Not from inside its own callback, and not if its body came from `workload_fn`.
    pub(super) fn can_be_submitted_again(&self) -> bool {
        !self.asks_status()
            && (!self.ends_when_created() || self.has_own_unique)
            && self.callback == CallbackState::Idle
            && matches!(self.state, TaskState::Submit | TaskState::Work)
            && self.streamed().is_none()
    }

    /// Takes the first event of the backlog.
    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.rare.as_mut().and_then(|r| r.backlog.pop_front())
    }

    /// The function name with its namespace. A NUL follows it in memory.
    pub fn function_name(&self) -> &[u8] {
        &self.packet[HEADER_SIZE..][..usize::from(self.function_len)]
    }

    /// The unique id. A NUL follows it in memory.
    pub fn unique(&self) -> &[u8] {
        &self.packet[usize::from(self.unique_at)..][..usize::from(self.unique_len)]
    }

    /// The function name and the NUL after it, for C.
    pub fn function_name_with_nul(&self) -> &[u8] {
        let len = match self.function_len {
            // A status request has a handle or a unique id there.
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

    /// Whether the task waits for a server. It does not after its last packet was received,
    /// even if a callback is due.
    pub fn awaits_server(&self) -> bool {
        !matches!(
            self.state,
            TaskState::Complete | TaskState::Exception | TaskState::Fail | TaskState::Finished
        )
    }

    /// Whether the task is unfinished: it waits for the server or for user code.
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

    /// The offset of the body in a complete packet.
    fn head_size(&self, packet: &[u8]) -> usize {
        let args = self.command.spec().args;
        let mut nuls = packet.iter().enumerate().skip(HEADER_SIZE).filter(|(_, b)| **b == 0);
        nuls.nth(args - 1).map_or(packet.len(), |(at, _)| at + 1)
    }

    /// Whether the library collects the job's result.
    pub(super) fn collects(&self) -> bool {
        self.kind != TaskKind::Add
    }

    /// Whether the task ends with JOB_CREATED, as background jobs do.
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

    /// Whether the task is a status request.
    pub fn asks_status(&self) -> bool {
        matches!(self.command, Command::GetStatus | Command::GetStatusUnique)
    }
}
