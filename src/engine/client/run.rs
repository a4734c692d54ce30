//! The loop of `run_tasks` and of every call that waits for one task.
//!
//! Must not: keep state between two steps, except in [`TaskRun`], which is plain data, and
//! in the client.

use super::{Client, Expect};
use crate::ReturnCode;
use crate::at;
use crate::link::{ConnState, Wait, earlier};
use crate::slab::SlabId;
use crate::task::{CallbackState, Callbacks, TaskState};
use gearman_buf::{Bytes, HookBuf};
use gearman_net::Transport;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

/// User code that a step needs. Plain data, because it is kept while that code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskUpcall {
    /// A callback of a task. Continue with [`Client::resume`].
    Callback(SlabId, Callbacks),
    /// Memory from the caller's hook for a packet's body of this many bytes. Continue with
    /// [`Client::resume_alloc`].
    Alloc(SlabId, usize),
    /// The release of a finished task. Continue with the next step.
    Release(SlabId),
}

/// Identifies one upcall. A stale ticket is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskTicket {
    task: SlabId,
    number: u32,
}

impl TaskTicket {
    /// The task that the upcall is for.
    pub fn task(self) -> SlabId {
        self.task
    }
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskStep {
    /// The run has ended with this code.
    Done(ReturnCode),
    /// User code is needed; `step` again afterwards.
    Call(TaskUpcall, TaskTicket),
}

/// One call of `run_tasks`, or of a function that waits for one task.
#[derive(Clone, Copy, Debug)]
pub struct TaskRun {
    pub(super) number: u64,
    /// The task whose end is the end of the run.
    pub(super) until: Option<SlabId>,
    blocking: bool,
    /// When the run began; None without a timeout.
    began: Option<Instant>,
    /// The last step requested a wait, which has ended since.
    waits: bool,
}

impl<T: Transport> Client<T> {
    /// Begins a run of all tasks. In non-blocking mode it does not wait.
    pub fn run_all(&mut self) -> TaskRun {
        let blocking = !self.link.settings.non_blocking;
        let run = self.begin(None, blocking);
        if !blocking {
            self.poll_once();
        }
        run
    }

    /// Begins a run that ends with one task and waits in either mode.
    pub fn run_until(&mut self, task: SlabId) -> TaskRun {
        self.begin(Some(task), true)
    }

    /// Begins a run that ends with one task and waits only in blocking mode.
    pub fn run_until_unless_non_blocking(&mut self, task: SlabId) -> TaskRun {
        let blocking = !self.link.settings.non_blocking;
        let run = self.begin(Some(task), blocking);
        if !blocking {
            self.poll_once();
        }
        run
    }

    /// Begins a run that ends with one task, for a call that began at `began` (None without
    /// a timeout). Keeps the time that the call has read.
    pub(super) fn run_until_since(&mut self, task: SlabId, began: Option<Instant>) -> TaskRun {
        let clock = self.clock;
        let run = self.begin(Some(task), true);
        self.clock = clock;
        TaskRun { began, ..run }
    }

    pub(super) fn begin(&mut self, until: Option<SlabId>, blocking: bool) -> TaskRun {
        self.check_fork();
        let continues = std::mem::take(&mut self.run_unfinished) && until.is_none();
        self.last_run += u64::from(!continues);
        if let Some((id, _)) = self.refused.take() {
            self.note_unreported(id);
        }
        self.clock = self.link.net.now();
        let began = self.link.settings.timeout.map(|_| self.clock);
        TaskRun { number: self.last_run, until, blocking, began, waits: false }
    }

    /// Continues until the run ends or needs user code, and sleeps in between.
    pub fn step(&mut self, run: &mut TaskRun) -> TaskStep {
        self.block(|client| client.poll_step(run))
    }

    /// Continues until the run ends, needs user code, or has to wait.
    pub fn poll_step(&mut self, run: &mut TaskRun) -> Poll<TaskStep> {
        self.check_fork();
        // Without a timeout no deadline depends on the clock, so the time of the call's
        // start suffices.
        if std::mem::take(&mut run.waits) && run.began.is_some() {
            self.clock = self.link.net.now();
        }
        loop {
            if let Some(step) = self.next_todo() {
                return Poll::Ready(step);
            }
            if run.until.is_some_and(|id| self.tasks.get(id).is_none_or(|t| !t.is_active())) {
                return Poll::Ready(TaskStep::Done(ReturnCode::SUCCESS));
            }
            if let Some((id, code)) = self.refused.take() {
                if run.until.is_none() {
                    self.report();
                    return Poll::Ready(TaskStep::Done(code));
                }
                self.note_unreported(id);
            }
            self.lost_connection = false;
            if self.may_send() {
                match self.submit(run) {
                    Ok(None) => {}
                    Ok(Some(step)) => return Poll::Ready(step),
                    Err(code) => return Poll::Ready(TaskStep::Done(code)),
                }
            }
            if let Some(step) = self.read_all(run) {
                return Poll::Ready(step);
            }
            if !self.todo.is_empty() || self.refused.is_some() {
                continue;
            }
            if self.active == self.on_stack {
                return Poll::Ready(TaskStep::Done(self.all_done(run)));
            }
            if run.until.is_some_and(|id| self.tasks.get(id).is_none_or(|t| !t.is_active())) {
                continue;
            }
            // A connection broke before a task was sent on it: choose another server.
            if !self.new.is_empty() && (self.lost_connection || !self.link.any_open()) {
                continue;
            }
            if !run.blocking || !self.can_progress() {
                self.run_unfinished = run.until.is_none();
                return Poll::Ready(TaskStep::Done(self.link.error.set_code(ReturnCode::IO_WAIT)));
            }
            let until = self.deadline(run);
            let wait = self.poll_progress(until);
            run.waits = wait.is_pending();
            match ready!(wait) {
                Ok(Wait::Ready | Wait::Woken) => {}
                Ok(Wait::Interrupted) => {
                    return Poll::Ready(TaskStep::Done(
                        self.link.error.set_code(ReturnCode::IO_WAIT),
                    ));
                }
                Ok(Wait::TimedOut) => {
                    if let Some(code) = self.timed_out(run) {
                        return Poll::Ready(TaskStep::Done(code));
                    }
                }
                Err(code) => return Poll::Ready(TaskStep::Done(code)),
            }
        }
    }

    /// The code of a run that has nothing left to do.
    fn all_done(&mut self, run: &TaskRun) -> ReturnCode {
        if run.until.is_some() {
            return ReturnCode::SUCCESS;
        }
        match self.report() {
            Some(code) if self.link.error.code() != code => {
                let text = "tasks were lost or refused since the last run of all tasks";
                self.link.error.set(code, at!("gearman_client_run_tasks"), text)
            }
            code => code.unwrap_or(ReturnCode::SUCCESS),
        }
    }

    /// Whether waiting can make progress. A connection whose body is received by a running
    /// callback is reserved until that callback returns.
    fn can_progress(&self) -> bool {
        self.link
            .conns
            .iter()
            .zip(&self.servers)
            .any(|(conn, server)| conn.state != ConnState::Down && !server.incoming.is_stalled())
    }

    /// Waits until a connection can go on. What has arrived on a reserved connection stays unread,
    /// so that it would end every wait at once.
    #[inline]
    fn poll_progress(&mut self, until: Option<Instant>) -> Poll<Result<Wait, ReturnCode>> {
        let mut all = self.link.conns.iter().zip(&self.servers);
        match all
            .any(|(conn, server)| conn.writable || conn.readable && !server.incoming.is_stalled())
        {
            true => Poll::Ready(Ok(Wait::Ready)),
            false => self.link.poll_event(until),
        }
    }

    /// The deadline of a wait: the first connect deadline, or the time when a connection
    /// that owes a reply has been silent for the whole timeout.
    fn deadline(&self, run: &TaskRun) -> Option<Instant> {
        let connect = self.link.connect_deadline();
        let silence = run.began.and_then(|began| self.silence_deadline(began));
        earlier(connect, silence)
    }

    fn silence_deadline(&self, began: Instant) -> Option<Instant> {
        let timeout = self.link.settings.timeout?;
        self.link
            .conns
            .iter()
            .zip(&self.servers)
            .filter(|(conn, server)| conn.state == ConnState::Up && server.inflight > 0)
            .map(|(conn, _)| conn.last_received.max(began) + timeout)
            .min()
            .or_else(|| began.checked_add(timeout))
    }

    /// Handles a passed deadline. Returns a code if it ends the run.
    fn timed_out(&mut self, run: &mut TaskRun) -> Option<ReturnCode> {
        let now = self.link.net.now();
        self.clock = now;
        if let Some(began) = run.began
            && self.silence_deadline(began).is_some_and(|end| end <= now)
        {
            if !self.give_up_silent(run, began, now) {
                return Some(self.link.timed_out());
            }
            // The next server gets the whole timeout.
            run.began = Some(now);
            return None;
        }
        // Only an attempt to connect has expired: the next server is tried.
        self.link.expire_connects();
        None
    }

    /// Timeout of an attempt to connect: the rest of the timeout, divided by the number of
    /// servers not tried yet, and at least a tenth of the whole.
    pub(super) fn connect_timeout(&self, run: &TaskRun) -> Option<Duration> {
        let timeout = self.link.settings.timeout?;
        let began = run.began?;
        let spent = self.clock.saturating_duration_since(began);
        let left = timeout.saturating_sub(spent);
        let untried = self.servers.iter().filter(|s| s.failed_in_run != run.number).count().max(1);
        Some((left / untried as u32).max(timeout / 10))
    }

    /// Handles the `todo` list up to the next callback.
    fn next_todo(&mut self) -> Option<TaskStep> {
        while let Some(&id) = self.todo.front() {
            self.todo.pop_front();
            let Some(task) = self.tasks.get_mut(id) else { continue };
            task.listed = false;
            if task.is_in_upcall() {
                continue;
            }
            if let Some(step) = self.advance_task(id) {
                return Some(step);
            }
        }
        None
    }

    /// Adds a task to the `todo` list.
    pub(super) fn list(&mut self, id: SlabId) {
        if let Some(task) = self.tasks.get_mut(id)
            && !task.listed
        {
            task.listed = true;
            self.todo.push_back(id);
        }
    }

    /// Begins a callback of a task.
    pub(super) fn call(&mut self, id: SlabId, which: Callbacks) -> Option<TaskStep> {
        let number = self.next_ticket();
        let task = self.tasks.get_mut(id)?;
        task.begin_callback(number);
        self.on_stack += 1;
        let ticket = TaskTicket { task: id, number };
        Some(TaskStep::Call(TaskUpcall::Callback(id, which), ticket))
    }

    /// Begins a call of the allocator hook, for the first event of a task's backlog.
    pub(super) fn call_alloc(&mut self, id: SlabId, size: usize) -> Option<TaskStep> {
        let number = self.next_ticket();
        let task = self.tasks.get_mut(id)?;
        task.begin_allocation(number);
        self.on_stack += 1;
        let ticket = TaskTicket { task: id, number };
        Some(TaskStep::Call(TaskUpcall::Alloc(id, size), ticket))
    }

    fn next_ticket(&mut self) -> u32 {
        self.last_ticket = self.last_ticket.wrapping_add(1).max(1);
        self.last_ticket
    }

    pub(super) fn call_release(id: SlabId) -> TaskStep {
        TaskStep::Call(TaskUpcall::Release(id), TaskTicket { task: id, number: 0 })
    }

    /// Continues after a callback. With `SUCCESS` the task proceeds. Any other code ends
    /// the run and is returned; the next run calls the callback again.
    pub fn resume(&mut self, ticket: TaskTicket, code: ReturnCode) -> Option<ReturnCode> {
        self.check_fork();
        let task = self.tasks.get_mut(ticket.task);
        let Some(task) = task.filter(|t| t.callback == CallbackState::Running(ticket.number))
        else {
            return code.failed().then_some(code);
        };
        task.end_upcall(code.failed());
        // A finished task is not counted.
        self.on_stack -= usize::from(task.is_active());
        if code.failed() {
            self.list_first(ticket.task);
            return Some(code);
        }
        self.delivered(ticket.task)
    }

    /// Continues after user code that never returned: a callback counts as successful, and
    /// a hook is called again by the next run.
    pub fn abandon(&mut self, ticket: TaskTicket) {
        if !self.end_allocation(ticket) {
            self.resume(ticket, ReturnCode::SUCCESS);
        }
    }

    fn list_first(&mut self, id: SlabId) {
        if let Some(task) = self.tasks.get_mut(id)
            && !task.listed
        {
            task.listed = true;
            self.todo.push_front(id);
        }
    }

    /// Notes that a hook returned or was abandoned. False if no task waits for it.
    fn end_allocation(&mut self, ticket: TaskTicket) -> bool {
        let task = self.tasks.get_mut(ticket.task);
        let Some(task) = task.filter(|t| t.callback == CallbackState::Allocating(ticket.number))
        else {
            return false;
        };
        task.end_upcall(false);
        self.on_stack -= usize::from(task.is_active());
        self.list_first(ticket.task);
        true
    }

    /// Continues after the allocator hook. Without memory, returns the code with which the
    /// run ends; the next run calls the hook again.
    pub fn resume_alloc(
        &mut self,
        ticket: TaskTicket,
        memory: Option<HookBuf>,
    ) -> Option<ReturnCode> {
        self.check_fork();
        if !self.end_allocation(ticket) {
            return None;
        }
        let Some(mut memory) = memory else {
            return Some(self.link.error.set(
                ReturnCode::MEMORY_ALLOCATION_FAILURE,
                at!("gearman_packet_unpack"),
                "custom workload_fn failed to allocate memory",
            ));
        };
        let task = self.tasks.get_mut(ticket.task)?;
        if let Some(event) = task.rare_mut().backlog.front_mut()
            && let Some(Bytes::Owned(bytes)) = &event.data
        {
            memory.fill(bytes.as_slice());
            event.data = Some(Bytes::Hooked(memory));
        }
        None
    }

    /// Moves a task on after its callback, or finishes it.
    pub(super) fn delivered(&mut self, id: SlabId) -> Option<ReturnCode> {
        let task = self.tasks.get_mut(id)?;
        debug_assert!(task.callback == CallbackState::Idle);
        match task.state {
            TaskState::Workload => return self.workload_sent(id),
            TaskState::Created if task.ends_when_created() => self.finish_delivered(id),
            TaskState::Status if task.asks_status() => self.finish_delivered(id),
            TaskState::Created | TaskState::Data | TaskState::Warning | TaskState::Status => {
                task.state = TaskState::Work;
                self.drop_data(id);
            }
            TaskState::Complete | TaskState::Exception | TaskState::Fail => {
                self.finish_delivered(id);
            }
            TaskState::New | TaskState::Submit | TaskState::Work | TaskState::Finished => {}
        }
        self.list(id);
        None
    }

    fn finish_delivered(&mut self, id: SlabId) {
        if let Some(task) = self.tasks.get_mut(id)
            && task.code == ReturnCode::UNKNOWN_STATE
        {
            task.code = ReturnCode::SUCCESS;
        }
        self.drop_data(id);
        self.finish(id);
    }

    fn drop_data(&mut self, id: SlabId) {
        self.discard_rest(id);
        if let Some(task) = self.tasks.get_mut(id) {
            task.data = None;
            task.data_size = 0;
        }
    }

    /// Handles a task of the `todo` list: calls its callback again, applies its backlog, or
    /// releases it.
    fn advance_task(&mut self, id: SlabId) -> Option<TaskStep> {
        loop {
            let task = self.tasks.get_mut(id)?;
            if task.callback == CallbackState::Due {
                let which = task.state.callback();
                debug_assert!(which.is_some(), "a callback is due in {:?}", task.state);
                let which = which?;
                return self.call(id, which);
            }
            if !task.is_active() {
                let kind = task.kind;
                let ended_well = task.conn.is_none();
                return (ended_well && self.frees(kind)).then(|| Self::call_release(id));
            }
            let event = task.next_event()?;
            if let Some(step) = self.apply(id, event) {
                return Some(step);
            }
        }
    }

    /// Removes the first matching reply from a connection's list of owed replies.
    pub(super) fn take_owed(
        &mut self,
        key: usize,
        fits: impl Fn(Expect) -> bool,
    ) -> Option<Expect> {
        let owed = &mut self.servers[key].owed;
        if let Some(first) = owed.front()
            && fits(first.what)
        {
            return owed.pop_front().map(|o| o.what);
        }
        let at = owed.iter().position(|o| fits(o.what))?;
        owed.remove(at).map(|o| o.what)
    }
}
