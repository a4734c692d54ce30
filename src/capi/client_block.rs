//! The block of a `gearman_client_st`: the engine's client, and what the program set
//! on it; and the loop that runs the engine and makes its upcalls.
//!
//! C sees a shell, the struct of the header, whose `_impl` points at the block. The
//! block does not move for the client's whole life. After an upcall only the block is
//! touched, never the shell, which the program may have freed.
//!
//! Must not: borrow the block while user code runs.

use super::callbacks::*;
use super::frames::{Block, Frames, Freed, upcall};
use super::guard;
use super::handle::{self, HandleBlock};
use super::hooks::Hooks;
use super::task_block::TaskBlock;
use super::types::*;
use super::waiting::wait;
use crate::buf::{Bin, HookBuf};
use crate::engine::ReturnCode;
use crate::engine::client::{Client, TaskRun, TaskStep, TaskTicket, TaskUpcall};
use crate::engine::link::Link;
use crate::engine::slab::SlabId;
use crate::engine::task::{Callbacks, Token};
use crate::net::MioNet;
use libc::{c_char, c_int, c_void};
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::Poll;

/// The engine's client over real sockets.
pub(super) type ClientEngine = Client<MioNet>;

/// The library's side of a `gearman_client_st`.
pub(super) struct ClientBlock {
    /// The shell for programs that do not provide one.
    pub(super) own_shell: gearman_client_st,
    /// The shell that the program uses: its own or `own_shell`.
    pub(super) shell: *mut gearman_client_st,
    frames: Frames<UpcallPurpose>,
    pub(super) engine: ClientEngine,
    /// The callbacks, which each new task shares.
    pub(super) actions: Rc<gearman_actions_t>,
    pub(super) hooks: Hooks,
    bin: Bin,
    pub(super) context: *mut c_void,
    pub(super) log_fn: gearman_log_fn,
    pub(super) log_context: *mut c_void,
    pub(super) task_context_free_fn: gearman_task_context_free_fn,
    /// The handle of the last background job.
    pub(super) do_handle: [c_char; 64],
    /// The timeout in milliseconds as it was set, which is what the getter returns.
    pub(super) timeout_ms: c_int,
    pub(super) generate_unique: bool,
    pub(super) no_new: bool,
    pub(super) exceptions: bool,
    /// Whether a panic of the library was caught: the engine is then not used again.
    pub(super) broken: bool,
}

/// What an upcall was made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct UpcallPurpose {
    /// The engine's ticket for it; none if no step of the engine waits for it.
    ticket: Option<TaskTicket>,
    /// The task that the interrupted call was waiting for.
    single: Option<SlabId>,
}

impl UpcallPurpose {
    /// An upcall that no step of the engine waits for, made by a call that waits for `task`.
    pub(super) fn waiting_for(task: SlabId) -> UpcallPurpose {
        UpcallPurpose { ticket: None, single: Some(task) }
    }
}

impl Block for ClientBlock {
    type Purpose = UpcallPurpose;

    fn frames(&mut self) -> &mut Frames<UpcallPurpose> {
        &mut self.frames
    }
}

impl HandleBlock for ClientBlock {
    type Engine = ClientEngine;
    const UNTICKETED: UpcallPurpose = UNTICKETED;

    fn engine(&mut self) -> &mut ClientEngine {
        &mut self.engine
    }

    fn link_of(engine: &mut ClientEngine) -> &mut Link<MioNet> {
        &mut engine.link
    }

    fn log(&self) -> (gearman_log_fn, *mut c_void) {
        (self.log_fn, self.log_context)
    }

    fn hooks(&self) -> Hooks {
        self.hooks
    }

    fn uses_hooks(&self) -> bool {
        self.hooks.used
    }

    fn bin(&self) -> &Bin {
        &self.bin
    }

    #[cold]
    #[inline(never)]
    fn settle_calls(&mut self) {
        self.frames.prune();
        while let Some(purpose) = self.frames.take_abandoned() {
            self.engine.abandon_wait();
            if let Some(ticket) = purpose.ticket {
                self.engine.abandon(ticket);
            }
            let single = purpose.single.and_then(|id| self.engine.remove_task(id));
            if let Some(token) = single.map(|task| task.token)
                && token != Token::NONE
            {
                // SAFETY: a task's token is its block. The program does not know this one:
                // the call that adds it has not returned.
                unsafe { TaskBlock::discard(token.0.cast()) };
            }
        }
    }

    fn broken(&mut self) -> &mut bool {
        &mut self.broken
    }
}

/// An upcall that no step waits for.
pub(super) const UNTICKETED: UpcallPurpose = UpcallPurpose { ticket: None, single: None };

impl ClientBlock {
    /// Makes a client without servers, for the shell of the program or one of the block.
    pub(super) fn create(shell: *mut gearman_client_st) -> *mut ClientBlock {
        let empty = gearman_client_st {
            options: shell_options { is_allocated: 1, is_initialized: 1 },
            _impl: std::ptr::null_mut(),
        };
        guard::prepare();
        let block = Box::into_raw(Box::new(ClientBlock {
            own_shell: empty,
            shell,
            frames: Frames::new(),
            engine: ClientEngine::new(MioNet::new()),
            actions: Rc::new(NO_ACTIONS),
            hooks: Hooks::NONE,
            bin: Bin::default(),
            context: std::ptr::null_mut(),
            log_fn: None,
            log_context: std::ptr::null_mut(),
            task_context_free_fn: None,
            do_handle: [0; 64],
            timeout_ms: -1,
            generate_unique: false,
            no_new: false,
            exceptions: false,
            broken: false,
        }));
        // SAFETY: the block was made above; a shell that C brought is its own
        // writable memory of this type, which need not be initialised.
        unsafe {
            if shell.is_null() {
                (*block).shell = &raw mut (*block).own_shell;
                (*block).own_shell._impl = block.cast();
            } else {
                shell.write(gearman_client_st {
                    options: shell_options { is_allocated: 0, is_initialized: 1 },
                    _impl: block.cast(),
                });
            }
        }
        block
    }

    /// The block of a shell, for a call that works on it: user code that was left
    /// without returning is settled first. None for NULL and for a freed client.
    ///
    /// # Safety
    /// `shell` is NULL or a client that was created and not freed, or freed by a
    /// call that is still on the stack.
    pub(super) unsafe fn enter(shell: *const gearman_client_st) -> Option<*mut ClientBlock> {
        // SAFETY: the caller guarantees a readable shell.
        let block: *mut ClientBlock = unsafe { shell.as_ref() }?._impl.cast();
        let block = NonNull::new(block)?.as_ptr();
        // SAFETY: `_impl` is the block of a live client, which is not borrowed: borrows
        // end before user code runs.
        unsafe { ClientBlock::settle(block) };
        Some(block)
    }

    /// The block of a shell, for reading and setting plain fields.
    ///
    /// # Safety
    /// As for [`ClientBlock::enter`]; the borrow ends before anything else is
    /// called on the client.
    pub(super) unsafe fn peek<'a>(shell: *const gearman_client_st) -> Option<&'a mut ClientBlock> {
        // SAFETY: as in `enter`.
        unsafe { shell.as_ref()?._impl.cast::<ClientBlock>().as_mut() }
    }

    /// Whether the client was freed and the block is kept by calls on the stack alone.
    pub(super) fn is_freed(&self) -> bool {
        self.frames.freed
    }

    /// Marks the client as freed. Returns whether its block can be freed now; if not, its
    /// descriptors are closed, so that a call that never returns leaks only the block.
    pub(super) fn mark_freed(&mut self) -> bool {
        self.frames.freed = true;
        if self.frames.is_empty() {
            return true;
        }
        self.engine.link.net = MioNet::new();
        false
    }

    /// Runs code of the library on the engine; see [`handle::guarded`].
    pub(super) fn guarded<R>(
        &mut self,
        fallback: R,
        body: impl FnOnce(&mut ClientEngine) -> R,
    ) -> R {
        handle::guarded(self, fallback, body)
    }

    /// Hands out log lines; see [`handle::flush_log`].
    ///
    /// # Errors
    /// [`Freed`] if the log function freed the client.
    ///
    /// # Safety
    /// `block` is live and not borrowed.
    pub(super) unsafe fn flush_log(block: *mut ClientBlock) -> Result<(), Freed<()>> {
        // SAFETY: the caller guarantees it.
        unsafe { handle::flush_log(block) }
    }

    /// Makes the upcall or the wait that `step` asks for and continues the engine until
    /// `run` has ended. `single` is the task that the calling function waits for and
    /// will remove.
    ///
    /// # Errors
    /// [`Freed`] if user code freed the client.
    ///
    /// # Safety
    /// `block` is live and not borrowed.
    pub(super) unsafe fn run_steps(
        block: *mut ClientBlock,
        mut run: TaskRun,
        mut step: Poll<TaskStep>,
        single: Option<SlabId>,
    ) -> Result<ReturnCode, Freed<ReturnCode>> {
        loop {
            let waiting = UpcallPurpose { ticket: None, single };
            // If the library frees a task, the free hook gets the workload before the body
            // of the last packet.
            if !matches!(step, Poll::Ready(TaskStep::Call(TaskUpcall::Release(_), _))) {
                // SAFETY: the caller guarantees the block; nothing is borrowed.
                unsafe { handle::flush_log_for(block, waiting) }
                    .map_err(|_| Freed(ReturnCode::SUCCESS))?;
            }
            match step {
                Poll::Pending => {
                    // SAFETY: as above.
                    unsafe { wait(block, waiting) }.map_err(|_| Freed(ReturnCode::SUCCESS))?;
                }
                Poll::Ready(TaskStep::Done(code)) => return Ok(code),
                Poll::Ready(TaskStep::Call(TaskUpcall::Callback(id, which), ticket)) => {
                    let purpose = UpcallPurpose { ticket: Some(ticket), single };
                    // SAFETY: as above.
                    let code = unsafe { ClientBlock::call_back(block, id, which, purpose) }?;
                    // SAFETY: as above.
                    let ended =
                        unsafe { (*block).guarded(None, |engine| engine.resume(ticket, code)) };
                    if let Some(code) = ended {
                        // SAFETY: as above.
                        unsafe { handle::flush_log_for(block, waiting) }
                            .map_err(|_| Freed(code))?;
                        return Ok(code);
                    }
                }
                Poll::Ready(TaskStep::Call(TaskUpcall::Alloc(_, size), ticket)) => {
                    let purpose = UpcallPurpose { ticket: Some(ticket), single };
                    // SAFETY: as above.
                    let memory = unsafe { (*block).hooks.allocate(block, purpose, size) }
                        .map_err(|_| Freed(ReturnCode::SUCCESS))?;
                    // SAFETY: as above.
                    let ended = unsafe { (*block).give_memory(ticket, memory, size) };
                    if let Some(code) = ended {
                        // SAFETY: as above.
                        unsafe { handle::flush_log_for(block, waiting) }
                            .map_err(|_| Freed(code))?;
                        return Ok(code);
                    }
                }
                Poll::Ready(TaskStep::Call(TaskUpcall::Release(id), _)) => {
                    // SAFETY: as above.
                    let token = unsafe { (*block).engine.task(id).map(|t| t.token) };
                    if let Some(Token(task)) = token
                        && !task.is_null()
                    {
                        // SAFETY: a task's token is its live block.
                        unsafe { TaskBlock::free(task.cast()) }
                            .map_err(|_| Freed(ReturnCode::SUCCESS))?;
                    }
                }
            }
            // SAFETY: as above; every upcall has returned.
            step = unsafe { (*block).guarded(BROKEN, |engine| engine.poll_step(&mut run)) };
        }
    }

    /// Passes memory of the allocator hook to the engine. Returns the code that ends the
    /// run if `memory` is NULL.
    ///
    /// # Safety
    /// `memory` is NULL or `size` bytes from the hook that nothing else uses.
    unsafe fn give_memory(
        &mut self,
        ticket: TaskTicket,
        memory: *mut c_void,
        size: usize,
    ) -> Option<ReturnCode> {
        let bin = self.bin.clone();
        // SAFETY: the caller guarantees the bytes, which belong to the engine until the
        // program gets them or they are in the bin.
        let memory = NonNull::new(memory.cast()).map(|m| unsafe { HookBuf::new(m, size, bin) });
        self.guarded(None, |engine| engine.resume_alloc(ticket, memory))
    }

    /// Calls a task's callback.
    unsafe fn call_back(
        block: *mut ClientBlock,
        id: SlabId,
        which: Callbacks,
        purpose: UpcallPurpose,
    ) -> Result<ReturnCode, Freed<ReturnCode>> {
        // SAFETY: `run_steps`' caller guarantees the block.
        let token = unsafe { (*block).engine.task(id).map(|t| t.token) };
        let Some(Token(task)) = token else { return Ok(ReturnCode::SUCCESS) };
        let Some(task) = NonNull::new(task.cast::<TaskBlock>()) else {
            return Ok(ReturnCode::SUCCESS);
        };
        // SAFETY: a task's token is its live block.
        let (shell, actions) = unsafe { (task.as_ref().shell, *task.as_ref().actions) };
        let function = match which {
            Callbacks::WORKLOAD => actions.workload_fn,
            Callbacks::CREATED => actions.created_fn,
            Callbacks::DATA => actions.data_fn,
            Callbacks::WARNING => actions.warning_fn,
            Callbacks::STATUS => actions.status_fn,
            Callbacks::COMPLETE => actions.complete_fn,
            Callbacks::EXCEPTION => actions.exception_fn,
            Callbacks::FAIL => actions.fail_fn,
            _ => None,
        };
        let Some(function) = function else { return Ok(ReturnCode::SUCCESS) };
        // SAFETY: the function is the user's, called as its type says with the
        // live shell of a task; the closure holds two pointers.
        let result = unsafe { upcall(block, purpose, move || function(shell)) };
        match result {
            Ok(code) => Ok(code.into()),
            Err(Freed(code)) => Err(Freed(code.into())),
        }
    }
}

/// The step of a client that is unusable after a panic.
pub(super) const BROKEN: Poll<TaskStep> = Poll::Ready(TaskStep::Done(ReturnCode::UNKNOWN_STATE));

/// No callbacks.
pub(super) const NO_ACTIONS: gearman_actions_t = gearman_actions_t {
    workload_fn: None,
    created_fn: None,
    data_fn: None,
    warning_fn: None,
    status_fn: None,
    complete_fn: None,
    exception_fn: None,
    fail_fn: None,
};

/// The set of callbacks that are not NULL.
pub(super) fn callbacks_of(actions: &gearman_actions_t) -> Callbacks {
    let each = [
        (actions.workload_fn.is_some(), Callbacks::WORKLOAD),
        (actions.created_fn.is_some(), Callbacks::CREATED),
        (actions.data_fn.is_some(), Callbacks::DATA),
        (actions.warning_fn.is_some(), Callbacks::WARNING),
        (actions.status_fn.is_some(), Callbacks::STATUS),
        (actions.complete_fn.is_some(), Callbacks::COMPLETE),
        (actions.exception_fn.is_some(), Callbacks::EXCEPTION),
        (actions.fail_fn.is_some(), Callbacks::FAIL),
    ];
    let bits = each.iter().filter(|(there, _)| *there).fold(0, |bits, (_, one)| bits | one.0);
    Callbacks(bits)
}

impl From<ReturnCode> for gearman_return_t {
    fn from(code: ReturnCode) -> gearman_return_t {
        gearman_return_t(code.0)
    }
}

impl From<gearman_return_t> for ReturnCode {
    fn from(code: gearman_return_t) -> ReturnCode {
        ReturnCode(code.0)
    }
}
