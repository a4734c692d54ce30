//! Adding tasks: checking arguments and encoding the packet.
//!
//! Must not: do I/O.

use super::Client;
use crate::ReturnCode;
use crate::at;
use crate::handles::NO_SLOT;
use crate::settings::Settings;
use crate::slab::SlabId;
use crate::task::{Callbacks, Task, TaskKind, TaskState, Token};
use crate::unique::Unique;
use gearman_buf::{Borrowed, Owned, Workload};
use gearman_net::Transport;
use gearman_protocol::limits::{
    FUNCTION_MAX_SIZE, HEADER_SIZE, JOB_HANDLE_SIZE, MAX_ARGS_SIZE, MAX_PAYLOAD, UNIQUE_SIZE,
};
use gearman_protocol::packet::encode_head;
use gearman_protocol::{Command, Magic};

/// Largest body, in bytes, that is copied into the packet. A larger one is sent from its
/// own memory.
const INLINE_BODY_BYTES_MAX: usize = 4096;

/// Largest workload, in bytes: a packet holds it behind its other arguments.
const WORKLOAD_BYTES_MAX: usize = MAX_PAYLOAD as usize - 4 * FUNCTION_MAX_SIZE;

/// The body of a new task.
#[derive(Clone, Copy, Debug)]
pub enum TaskBody<'a> {
    /// Copied: the caller may reuse its memory at once.
    Copy(&'a [u8]),
    /// Borrowed until the task is removed.
    Lent(Borrowed),
    /// Sent by the task's `workload_fn`; the size in bytes.
    Streamed(usize),
    /// A pointer and a size that contradict each other.
    Invalid,
}

impl TaskBody<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            TaskBody::Copy(bytes) => bytes,
            TaskBody::Lent(bytes) => bytes.as_slice(),
            TaskBody::Streamed(_) | TaskBody::Invalid => &[],
        }
    }

    fn size(&self) -> usize {
        match self {
            TaskBody::Streamed(size) => *size,
            _ => self.bytes().len(),
        }
    }
}

/// The arguments of a new task.
#[derive(Clone, Copy, Debug)]
pub struct NewTask<'a> {
    /// Which call creates the task.
    pub kind: TaskKind,
    /// One of the SUBMIT commands.
    pub command: Command,
    /// The function, without namespace.
    pub function: &'a [u8],
    /// The unique id as the caller gave it.
    pub unique: &'a [u8],
    /// The body.
    pub body: TaskBody<'a>,
    /// Start time for SUBMIT_JOB_EPOCH, in seconds since 1970.
    pub epoch_seconds: i64,
    /// The reducer's function, for SUBMIT_REDUCE_JOB.
    pub reducer: &'a [u8],
    /// The callbacks that are set.
    pub callbacks: Callbacks,
    /// The pointer of the layer above.
    pub token: Token,
}

impl<T: Transport> Client<T> {
    /// Adds a task. Nothing is sent before the next run.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for names that are empty or too long,
    /// `ARGUMENT_TOO_LARGE` for a body beyond the protocol's limit,
    /// `MEMORY_ALLOCATION_FAILURE`.
    pub fn add(&mut self, new: &NewTask<'_>) -> Result<SlabId, ReturnCode> {
        let unique = self.check(new)?;
        self.add_checked(new, unique.as_slice())
    }

    /// Checks the arguments of a new task and chooses its unique id.
    pub(super) fn check(&mut self, new: &NewTask<'_>) -> Result<Unique, ReturnCode> {
        let full = new.function.len() + self.link.settings.namespace_len();
        if new.function.is_empty() {
            return Err(self.invalid("invalid function"));
        }
        if new.function.len() > FUNCTION_MAX_SIZE || full > MAX_ARGS_SIZE / 4 {
            return Err(self.invalid("function name longer then GEARMAN_MAX_FUNCTION_SIZE"));
        }
        if new.reducer.len() > FUNCTION_MAX_SIZE {
            return Err(self.invalid("reducer name longer then GEARMAN_MAX_FUNCTION_SIZE"));
        }
        // Checked first: the unique id "#" is a hash of the bytes.
        let size = new.body.size();
        if size > WORKLOAD_BYTES_MAX {
            return Err(self.too_large());
        }
        let Some(unique) = Unique::choose(new.unique, new.body.bytes(), &mut self.uuids) else {
            return Err(self.invalid("unique name longer then GEARMAN_MAX_UNIQUE_SIZE"));
        };
        if matches!(new.body, TaskBody::Invalid) {
            return Err(self.invalid("invalid workload"));
        }
        Ok(unique)
    }

    /// Replaces the workload of a task that was not sent yet. Returns whether it did: if not,
    /// the task keeps the workload that it has, of which a part may be sent. A workload that
    /// no packet can hold is refused, and sets the error.
    pub fn replace_workload(&mut self, id: SlabId, workload: Borrowed) -> bool {
        if workload.as_slice().len() > WORKLOAD_BYTES_MAX {
            self.too_large();
            return false;
        }
        let Some(task) = self.tasks.get_mut(id) else { return false };
        let is_replaced = task.state == TaskState::New && !task.asks_status();
        if is_replaced {
            task.set_workload(workload);
        }
        is_replaced
    }

    fn too_large(&mut self) -> ReturnCode {
        self.link.error.set(
            ReturnCode::ARGUMENT_TOO_LARGE,
            at!("add_task"),
            "workload is larger than a packet can be",
        )
    }

    /// Whether a new task's body is copied into its packet.
    pub(super) fn is_inline(new: &NewTask<'_>) -> bool {
        !matches!(new.body, TaskBody::Streamed(_)) && new.body.size() <= INLINE_BODY_BYTES_MAX
    }

    /// Adds a task whose arguments were checked.
    pub(super) fn add_checked(
        &mut self,
        new: &NewTask<'_>,
        unique: &[u8],
    ) -> Result<SlabId, ReturnCode> {
        let full = new.function.len() + self.link.settings.namespace_len();
        let (size, inline) = (new.body.size(), Self::is_inline(new));
        let workload = match new.body {
            TaskBody::Copy(bytes) if !inline => match Owned::copy_of(bytes) {
                Ok(copy) => Workload::Owned(copy),
                Err(_) => return Err(self.out_of_memory("add_task")),
            },
            TaskBody::Lent(bytes) if !inline => Workload::Borrowed(bytes),
            _ => Workload::None,
        };
        let mut task = self.blank_task(new.kind, new.command);
        // Exactly the size of a plain submission: the task keeps this memory.
        let body = if inline { size } else { 0 };
        task.packet.reserve_exact(HEADER_SIZE + full + unique.len() + 2 + body);
        Self::encode_submit(&self.link.settings, &mut task.packet, new, unique);
        task.function_len = full as u16;
        task.unique_at = (HEADER_SIZE + full + 1) as u16;
        task.unique_len = unique.len() as u8;
        task.has_own_unique = !new.unique.is_empty();
        if !matches!(workload, Workload::None) {
            task.rare_mut().workload = workload;
        }
        if let TaskBody::Streamed(size) = new.body {
            task.rare_mut().streamed = Some(size);
        }
        task.callbacks = new.callbacks;
        task.token = new.token;
        Ok(self.append_task(task))
    }

    /// A blank task, in the memory of a removed one if there is any.
    fn blank_task(&mut self, kind: TaskKind, command: Command) -> Box<Task> {
        let mut task = self.spare.take().unwrap_or_else(|| Box::new(Task::blank()));
        task.begin(kind, command);
        task
    }

    /// Appends the packet of a submission, without a body that is not inline.
    pub(super) fn encode_submit(
        settings: &Settings,
        out: &mut Vec<u8>,
        new: &NewTask<'_>,
        unique: &[u8],
    ) {
        let size = new.body.size();
        let namespaced;
        let function = if settings.namespace.is_some() {
            namespaced = settings.qualified(new.function);
            &namespaced[..]
        } else {
            new.function
        };
        let request = Magic::Request;
        match new.command {
            Command::SubmitJobEpoch => {
                let when = new.epoch_seconds.to_string();
                encode_head(out, request, new.command, &[function, unique, when.as_bytes()], size);
            }
            Command::SubmitReduceJob | Command::SubmitReduceJobBackground => {
                let reducer = settings.qualified(new.reducer);
                encode_head(out, request, new.command, &[function, unique, &reducer, b""], size);
            }
            _ => encode_head(out, request, new.command, &[function, unique], size),
        }
        if Self::is_inline(new) {
            out.extend_from_slice(new.body.bytes());
        }
    }

    /// Adds a request for the state of a job, by handle.
    pub fn add_status(
        &mut self,
        handle: &[u8],
        kind: TaskKind,
        callbacks: Callbacks,
        token: Token,
    ) -> SlabId {
        let handle = &handle[..handle.len().min(JOB_HANDLE_SIZE - 1)];
        let id = self.add_status_request(Command::GetStatus, handle, kind, callbacks, token);
        if let Some(task) = self.tasks.get_mut(id) {
            task.handle.set(handle);
        }
        id
    }

    /// Adds a request for the state of a job, by unique id.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for an id that is too long.
    pub fn add_status_by_unique(
        &mut self,
        unique: &[u8],
        kind: TaskKind,
        callbacks: Callbacks,
        token: Token,
    ) -> Result<SlabId, ReturnCode> {
        if unique.len() > UNIQUE_SIZE {
            return Err(self.invalid("unique name longer then GEARMAN_MAX_UNIQUE_SIZE"));
        }
        // Servers keep 63 bytes of a unique id.
        let unique = &unique[..unique.len().min(UNIQUE_SIZE - 1)];
        let id = self.add_status_request(Command::GetStatusUnique, unique, kind, callbacks, token);
        if let Some(task) = self.tasks.get_mut(id) {
            task.unique_at = HEADER_SIZE as u16;
            task.unique_len = unique.len() as u8;
        }
        Ok(id)
    }

    fn add_status_request(
        &mut self,
        command: Command,
        about: &[u8],
        kind: TaskKind,
        callbacks: Callbacks,
        token: Token,
    ) -> SlabId {
        let mut task = self.blank_task(kind, command);
        encode_head(&mut task.packet, Magic::Request, command, &[about], 0);
        // C reads the argument from here as a string. The NUL is not sent.
        task.packet.push(0);
        task.callbacks = callbacks;
        task.token = token;
        self.append_task(task)
    }

    fn append_task(&mut self, mut task: Box<Task>) -> SlabId {
        task.prev = self.last;
        task.next = NO_SLOT;
        let id = self.tasks.insert(task);
        match self.tasks.id_at(self.last).and_then(|last| self.tasks.get_mut(last)) {
            Some(last) => last.next = id.index(),
            None => self.first = id.index(),
        }
        self.last = id.index();
        self.new.push_back(id);
        self.active += 1;
        id
    }

    fn invalid(&mut self, text: &str) -> ReturnCode {
        self.link.error.set(ReturnCode::INVALID_ARGUMENT, at!("add_task"), text)
    }

    pub(super) fn out_of_memory(&mut self, function: &'static str) -> ReturnCode {
        let at = crate::error::At { function, file: file!(), line: line!() };
        self.link.error.set(ReturnCode::MEMORY_ALLOCATION_FAILURE, at, "out of memory")
    }
}
