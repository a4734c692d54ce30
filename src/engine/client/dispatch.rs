//! From packets to tasks: finds the task of a packet and applies the packet to it.
//!
//! Must not: receive bytes.

use super::read::ClientIncoming;
use super::run::TaskStep;
use super::{Client, Expect, TaskLinks};
use crate::ReturnCode;
use crate::at;
use crate::handles::{NO_SLOT, hash};
use crate::slab::SlabId;
use crate::task::{CallbackState, Callbacks, Event, Status, Task, TaskState};
use gearman_buf::{Bytes, Owned};
use gearman_net::Transport;
use gearman_protocol::{Command, Packet};

impl<T: Transport> Client<T> {
    /// Handles a packet. `task` is the task that it is about, if any. With `whole` false
    /// its body is received separately.
    pub(super) fn on_packet(
        &mut self,
        key: usize,
        packet: &Packet<'_>,
        task: Option<SlabId>,
        whole: bool,
        deliver: bool,
    ) -> Result<Option<TaskStep>, ReturnCode> {
        let command = packet.command();
        match command {
            Command::JobCreated => {
                let owed = self.take_owed(key, |e| matches!(e, Expect::Created(_)));
                let Some(Expect::Created(id)) = owed else { return Ok(None) };
                // This is the first packet about the task: no callback can be due.
                if self.set_handle(id, packet.text_arg(0)) {
                    return Ok(None);
                }
                Ok(self.route(id, Event::new(command), deliver))
            }
            Command::StatusRes | Command::StatusResUnique => {
                let owed = self.take_owed(key, |e| matches!(e, Expect::Status(_)));
                let Some(Expect::Status(id)) = owed else { return Ok(None) };
                let mut event = Event::new(command);
                event.status = Some(Status {
                    known: number(packet.arg(1)) != 0,
                    running: number(packet.arg(2)) != 0,
                    numerator: number(packet.arg(3)),
                    denominator: number(packet.arg(4)),
                    clients: number(packet.arg(5)),
                });
                Ok(self.route(id, event, deliver))
            }
            Command::Error => self.on_error(key, packet, deliver),
            Command::EchoRes => {
                self.on_echo_packet(key, packet, whole);
                Ok(None)
            }
            Command::OptionRes => {
                self.on_option(key);
                Ok(None)
            }
            Command::WorkStatus
            | Command::WorkFail
            | Command::WorkData
            | Command::WorkWarning
            | Command::WorkComplete
            | Command::WorkException => Ok(self.on_work(key, packet, task, whole, deliver)),
            _ => {
                // Not a reply to a client. Skipped like a packet for a removed task.
                if !whole {
                    self.servers[key].incoming = ClientIncoming::Skip(packet.body_size());
                }
                Ok(None)
            }
        }
    }

    /// Handles JOB_CREATED for the oldest submission that awaits it, whose task has no
    /// callbacks.
    pub(super) fn job_created(&mut self, key: usize, handle: &[u8]) {
        if let Some(Expect::Created(id)) = self.take_owed(key, |e| matches!(e, Expect::Created(_)))
        {
            let is_done = self.set_handle(id, handle);
            debug_assert!(is_done, "a job without a task has no callbacks");
        }
    }

    /// Sets the handle of a task and adds the task to the index, so that its packets are
    /// found even while its CREATED callback is deferred. Returns whether nothing is left
    /// to do: the task is gone, or has no such callback.
    fn set_handle(&mut self, id: SlabId, handle: &[u8]) -> bool {
        let Some(task) = self.tasks.get_mut(id) else { return true };
        if !task.is_active() {
            return true;
        }
        task.handle.set(handle);
        let calls = task.callbacks.has(Callbacks::CREATED);
        task.status.known = true;
        if !task.ends_when_created() {
            task.hash = hash(task.handle.as_slice());
            task.indexed = true;
            self.index.insert(id.index(), &mut TaskLinks(&mut self.tasks));
        } else if !calls {
            task.code = ReturnCode::SUCCESS;
            let kind = task.kind;
            self.finish(id);
            if self.frees(kind) {
                self.list(id);
            }
        }
        !calls
    }

    /// The unfinished task that a packet is about, for packets that name a job.
    pub(super) fn task_of(&self, key: usize, packet: &Packet<'_>) -> Option<SlabId> {
        match packet.command() {
            Command::WorkStatus
            | Command::WorkFail
            | Command::WorkData
            | Command::WorkWarning
            | Command::WorkComplete
            | Command::WorkException => self.find(key, packet.text_arg(0)),
            _ => None,
        }
    }

    /// The unfinished task with this job handle on this connection.
    fn find(&self, key: usize, handle: &[u8]) -> Option<SlabId> {
        let mut slot = self.index.first(hash(handle));
        while slot != NO_SLOT {
            let id = self.tasks.id_at(slot)?;
            let task = self.tasks.get(id)?;
            if task.conn == Some(key as u32) && task.handle.as_slice() == handle {
                return Some(id);
            }
            slot = task.chain;
        }
        None
    }

    /// Whether a callback of the packet's task will receive the body itself.
    pub(super) fn streams(&self, task: Option<SlabId>, packet: &Packet<'_>) -> bool {
        self.unbuffered && packet.body_size() > 0 && {
            let which = callback_of(packet.command());
            which != Callbacks::EXCEPTION
                && task
                    .and_then(|id| self.tasks.get(id))
                    .is_some_and(|t| !t.collects() && t.callbacks.has(which))
        }
    }

    fn on_work(
        &mut self,
        key: usize,
        packet: &Packet<'_>,
        task: Option<SlabId>,
        whole: bool,
        deliver: bool,
    ) -> Option<TaskStep> {
        let command = packet.command();
        let missing = if whole { 0 } else { packet.body_size() };
        let Some(id) = task else {
            if missing > 0 {
                self.servers[key].incoming = ClientIncoming::Skip(missing);
            }
            return None;
        };
        let streams = !whole && self.streams(task, packet);
        if matches!(command, Command::WorkComplete | Command::WorkFail | Command::WorkException) {
            // The next final packet goes to the next task with this handle, if any.
            self.unindex(id);
        }
        let task = self.tasks.get_mut(id)?;
        let which = callback_of(command);
        let mut event = Event::new(command);
        event.size = packet.body_size();
        if command == Command::WorkStatus {
            event.status = Some(Status {
                numerator: number(packet.arg(1)),
                denominator: number(packet.arg(2)),
                ..task.status
            });
        }
        // A body for memory from the caller's hook stays in its event until the hook is
        // called.
        let collects = task.collects() && is_result(command) && !self.hooked;
        let wanted = task.callbacks.has(which) || command == Command::WorkException || self.hooked;

        if streams {
            event.streamed = Some(key as u32);
            self.servers[key].incoming = ClientIncoming::Stream { task: id, missing };
            return self.route(id, event, deliver);
        }
        if missing > 0 {
            self.servers[key].incoming = if collects {
                ClientIncoming::Result { task: id, event, missing }
            } else if wanted {
                ClientIncoming::Event { task: id, event, missing }
            } else {
                self.servers[key].incoming = ClientIncoming::Skip(missing);
                return self.route(id, event, deliver);
            };
            return None;
        }
        let body = packet.body();
        if collects {
            if !body.is_empty() && task.result.get_or_insert_default().extend(body).is_err() {
                task.out_of_memory = true;
            }
        } else if wanted && !body.is_empty() {
            match Owned::terminated_copy_of(body) {
                Ok(copy) => event.data = Some(Bytes::Owned(copy)),
                Err(_) => {
                    self.out_of_memory("gearman_packet_unpack");
                }
            }
        }
        self.route(id, event, deliver)
    }

    /// Handles ERROR: the server refused a request.
    fn on_error(
        &mut self,
        key: usize,
        packet: &Packet<'_>,
        deliver: bool,
    ) -> Result<Option<TaskStep>, ReturnCode> {
        let name = packet.arg(0);
        let named = ReturnCode::from_server(name).unwrap_or(ReturnCode::SERVER_ERROR);
        let text = format!(
            "{}:{}",
            String::from_utf8_lossy(name),
            String::from_utf8_lossy(packet.text_arg(1))
        );
        let owed = self.servers[key].owed.pop_front().map(|o| o.what);
        match owed {
            Some(Expect::Greeting) => Ok(None),
            Some(Expect::Echo(number) | Expect::Option(number) | Expect::Line(number)) => {
                self.link.error.set(named, at!("gearman_client"), &text);
                self.on_refusal(number);
                Ok(None)
            }
            Some(Expect::Created(id) | Expect::Status(id)) => {
                self.link.error.set(named, at!("_client_run_tasks"), &text);
                let mut event = Event::new(Command::Error);
                event.error = named;
                if self.tasks.get(id).is_none() {
                    return Ok(None);
                }
                match self.route(id, event, deliver) {
                    Some(step) => Ok(Some(step)),
                    None => {
                        if let Some((before, _)) = self.refused.replace((id, named)) {
                            self.note_unreported(before);
                        }
                        Ok(None)
                    }
                }
            }
            None => {
                // No reply is owed: the server gives up the connection.
                self.link.close(key);
                Err(self.link.error.set(named, at!("_client_run_tasks"), &text))
            }
        }
    }

    /// Applies an event to its task, or puts it into the task's backlog if a callback of
    /// the task is due or running, or if no callback may be called now.
    pub(super) fn route(&mut self, id: SlabId, event: Event, deliver: bool) -> Option<TaskStep> {
        let task = self.tasks.get_mut(id)?;
        if !task.is_active() {
            return None;
        }
        let waits = task.callback != CallbackState::Idle || task.has_backlog();
        let calls =
            task.callbacks.has(callback_of(event.command)) || self.hooked && event.data.is_some();
        if waits || (calls && !deliver) {
            task.rare_mut().backlog.push_back(event);
            self.list(id);
            return None;
        }
        self.apply(id, event)
    }

    /// Applies an event to its task, and calls the matching callback if it is set.
    pub(super) fn apply(&mut self, id: SlabId, mut event: Event) -> Option<TaskStep> {
        let task = self.tasks.get_mut(id)?;
        if self.hooked
            && let Some(Bytes::Owned(bytes)) = &event.data
        {
            let size = bytes.len();
            task.rare_mut().backlog.push_front(event);
            return self.call_alloc(id, size);
        }
        if task.collects()
            && is_result(event.command)
            && let Some(bytes) = event.data.take()
            && task.result.get_or_insert_default().extend(bytes.as_slice()).is_err()
        {
            task.out_of_memory = true;
        }
        task.data = event.data;
        task.data_size = event.size;
        task.stream = event.streamed;
        if let Some(status) = event.status {
            task.status = status;
        }
        match event.command {
            Command::JobCreated => task.state = TaskState::Created,
            Command::WorkData => {
                task.status.known = true;
                task.status.running = true;
                task.state = TaskState::Data;
            }
            Command::WorkWarning => task.state = TaskState::Warning,
            Command::WorkStatus => task.state = TaskState::Status,
            Command::StatusRes | Command::StatusResUnique => {
                task.code = ReturnCode::SUCCESS;
                task.state = TaskState::Status;
            }
            Command::WorkComplete => end(task, ReturnCode::SUCCESS, TaskState::Complete),
            Command::WorkException => {
                let text = task.data.as_ref().map(|d| [d.as_slice(), b"\0"].concat().into());
                task.rare_mut().exception = text;
                task.result = None;
                end(task, ReturnCode::WORK_EXCEPTION, TaskState::Exception);
            }
            Command::WorkFail => {
                task.result = None;
                end(task, ReturnCode::WORK_FAIL, TaskState::Fail);
            }
            Command::Error => {
                task.code = event.error;
                self.finish(id);
                return None;
            }
            _ => return None,
        }
        self.notify(id)
    }

    /// Calls the callback of a task's state, or proceeds if it is not set.
    fn notify(&mut self, id: SlabId) -> Option<TaskStep> {
        let task = self.tasks.get(id)?;
        match task.state.callback() {
            Some(which) if task.callbacks.has(which) => self.call(id, which),
            _ => {
                self.delivered(id);
                None
            }
        }
    }
}

fn end(task: &mut Task, code: ReturnCode, state: TaskState) {
    task.status.known = false;
    task.status.running = false;
    task.code = code;
    task.state = state;
}

/// Whether a packet carries a part of the job's result.
fn is_result(command: Command) -> bool {
    matches!(command, Command::WorkData | Command::WorkComplete)
}

/// The callback for a packet.
fn callback_of(command: Command) -> Callbacks {
    match command {
        Command::JobCreated => Callbacks::CREATED,
        Command::WorkData => Callbacks::DATA,
        Command::WorkWarning => Callbacks::WARNING,
        Command::WorkStatus | Command::StatusRes | Command::StatusResUnique => Callbacks::STATUS,
        Command::WorkComplete => Callbacks::COMPLETE,
        Command::WorkException => Callbacks::EXCEPTION,
        Command::WorkFail => Callbacks::FAIL,
        _ => Callbacks::default(),
    }
}

/// Parses a decimal number as C's `atoi` does. An empty field, which some servers send, is
/// 0.
fn number(text: &[u8]) -> u32 {
    text.iter()
        .take_while(|b| b.is_ascii_digit())
        .fold(0, |n: u32, &b| n.wrapping_mul(10).wrapping_add(u32::from(b - b'0')))
}
