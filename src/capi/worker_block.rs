//! The block of a `gearman_worker_st`: the engine's worker, and what the program set
//! on it.
//!
//! C sees a shell, the struct of the header, whose `_impl` points at the block. The
//! block does not move for the worker's whole life. After an upcall only the block is
//! touched, never the shell, which the program may have freed.
//!
//! Must not: borrow the block while user code runs.

use super::frames::{Block, Frames, Freed};
use super::guard;
use super::handle::{self, HandleBlock};
use super::hooks::Hooks;
use super::job_block::JobBlock;
use super::types::*;
use super::waiting::{block_on, wait};
use crate::buf::Bin;
use crate::engine::ReturnCode;
use crate::engine::link::Link;
use crate::engine::worker::{WorkTicket, Worker};
use crate::net::{MioNet, fork};
use libc::{c_int, c_void};
use std::ptr::{self, NonNull};
use std::task::Poll;

/// The engine's worker over real sockets.
pub(super) type WorkerEngine = Worker<MioNet>;

/// A function that a worker offers, as the program defined it.
#[derive(Clone, Copy)]
pub(super) struct Definition {
    /// The engine's name for it.
    pub(super) token: u64,
    pub(super) run: JobFunction,
    pub(super) context: *mut c_void,
}

/// The function pointers of a definition, by its kind.
#[derive(Clone, Copy)]
pub(super) enum JobFunction {
    /// Returns its result.
    V1(NonNullFn<gearman_worker_fn>),
    /// Sends its results itself.
    V2(NonNullFn<gearman_function_fn>),
    /// Splits its workload; the aggregator may be NULL.
    Partition(NonNullFn<gearman_function_fn>, gearman_aggregator_fn),
}

/// The pointer in a nullable function type.
pub(super) type NonNullFn<F> = <F as IntoIterator>::Item;

/// The library's side of a `gearman_worker_st`.
pub(super) struct WorkerBlock {
    /// The shell for programs that do not provide one.
    own_shell: gearman_worker_st,
    /// The shell that the program uses: its own or `own_shell`.
    pub(super) shell: *mut gearman_worker_st,
    frames: Frames<Option<WorkTicket>>,
    pub(super) engine: WorkerEngine,
    pub(super) definitions: Vec<Definition>,
    pub(super) last_token: u64,
    /// The jobs that the program knows, the oldest first.
    pub(super) jobs: Vec<*mut JobBlock>,
    /// The memory of the last job, for the next one.
    pub(super) spare: Option<Box<JobBlock>>,
    /// The ends of the wake-up pipe, and the process that they belong to. A signal
    /// handler or another thread may read both at any time. They are written before the
    /// program gets the worker, and in a forked child that has only one thread.
    pub(super) id: gearman_id_t,
    pub(super) generation: u64,
    pub(super) hooks: Hooks,
    pub(super) bin: Bin,
    pub(super) context: *mut c_void,
    pub(super) log_fn: gearman_log_fn,
    pub(super) log_context: *mut c_void,
    /// The timeout in milliseconds as it was set.
    pub(super) timeout_ms: c_int,
    /// Flags that only the option functions read.
    pub(super) changed: bool,
    pub(super) grabs_unique: bool,
    pub(super) grabs_all: bool,
    pub(super) identified: bool,
    /// Whether a call has asked for a job; before that the worker has no error text.
    pub(super) has_run: bool,
    /// Whether a panic of the library was caught: the engine is then not used again.
    broken: bool,
}

impl Block for WorkerBlock {
    type Purpose = Option<WorkTicket>;

    fn frames(&mut self) -> &mut Frames<Option<WorkTicket>> {
        &mut self.frames
    }
}

impl HandleBlock for WorkerBlock {
    type Engine = WorkerEngine;
    const UNTICKETED: Option<WorkTicket> = None;

    fn engine(&mut self) -> &mut WorkerEngine {
        &mut self.engine
    }

    fn link_of(engine: &mut WorkerEngine) -> &mut Link<MioNet> {
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
            let Some(ticket) = purpose else { continue };
            self.engine.abandon(ticket);
            for job in &self.jobs {
                // SAFETY: the list holds live blocks.
                let job = unsafe { &mut **job };
                job.abandoned |= job.id == ticket.job();
            }
        }
    }

    fn broken(&mut self) -> &mut bool {
        &mut self.broken
    }
}

impl WorkerBlock {
    /// Makes a worker without servers and functions, for the shell of the program or one
    /// of the block. None if the process has no file descriptors left.
    pub(super) fn create(shell: *mut gearman_worker_st) -> Option<*mut WorkerBlock> {
        guard::prepare();
        let net = MioNet::with_wake_pipe().ok()?;
        let own_shell = gearman_worker_st {
            options: shell_options { is_allocated: 1, is_initialized: 1 },
            _impl: ptr::null_mut(),
        };
        let pipe = net.wake_pipe()?;
        let id = gearman_id_t { read_fd: pipe.read_fd(), write_fd: pipe.write_fd() };
        let mut engine = WorkerEngine::new(net);
        (engine.timeout_ends_sleep, engine.reports_lost_results) = (false, false);
        let block = Box::into_raw(Box::new(WorkerBlock {
            own_shell,
            shell,
            frames: Frames::new(),
            engine,
            definitions: Vec::new(),
            last_token: 0,
            jobs: Vec::new(),
            spare: None,
            id,
            generation: fork::generation(),
            hooks: Hooks::NONE,
            bin: Bin::default(),
            context: ptr::null_mut(),
            log_fn: None,
            log_context: ptr::null_mut(),
            timeout_ms: -1,
            changed: false,
            grabs_unique: true,
            grabs_all: true,
            identified: false,
            has_run: false,
            broken: false,
        }));
        // SAFETY: the block was made above; a shell that C brought is its own
        // writable memory of this type, which need not be initialised.
        unsafe {
            if shell.is_null() {
                (*block).shell = &raw mut (*block).own_shell;
                (*block).own_shell._impl = block.cast();
            } else {
                shell.write(gearman_worker_st {
                    options: shell_options { is_allocated: 0, is_initialized: 1 },
                    _impl: block.cast(),
                });
            }
        }
        Some(block)
    }

    /// The block of a shell, for a call that works on it: user code that was left
    /// without returning is settled first. None for NULL and for a freed worker.
    ///
    /// # Safety
    /// `shell` is NULL or a worker that was created and not freed, or freed by a
    /// call that is still on the stack.
    pub(super) unsafe fn enter(shell: *const gearman_worker_st) -> Option<*mut WorkerBlock> {
        // SAFETY: the caller guarantees a readable shell.
        let block: *mut WorkerBlock = unsafe { shell.as_ref() }?._impl.cast();
        let block = NonNull::new(block)?.as_ptr();
        // SAFETY: `_impl` is the block of a live worker, which is not borrowed: borrows
        // end before user code runs.
        unsafe { WorkerBlock::settle(block) };
        Some(block)
    }

    /// The block of a shell, for reading and setting plain fields.
    ///
    /// # Safety
    /// As for [`WorkerBlock::enter`]; the borrow ends before anything else is
    /// called on the worker.
    pub(super) unsafe fn peek<'a>(shell: *const gearman_worker_st) -> Option<&'a mut WorkerBlock> {
        // SAFETY: as in `enter`.
        unsafe { shell.as_ref()?._impl.cast::<WorkerBlock>().as_mut() }
    }

    /// The descriptors that stop the worker. It only reads, except in the first call of a
    /// forked child.
    ///
    /// # Safety
    /// `shell` is NULL or a live worker, which may be in use by another thread or by the
    /// code that a signal handler has interrupted.
    pub(super) unsafe fn id_of(shell: *const gearman_worker_st) -> Option<gearman_id_t> {
        // SAFETY: the caller guarantees a readable shell. A user of the worker in the same
        // process changes neither the shell nor the two fields.
        let (id, generation) = unsafe {
            let block: *mut WorkerBlock = shell.as_ref()?._impl.cast();
            let block = NonNull::new(block)?.as_ptr();
            ((&raw const (*block).id).read(), (&raw const (*block).generation).read())
        };
        if generation == fork::generation() {
            return Some(id);
        }
        // SAFETY: the thread that forked is the only one of this process, and the
        // worker is live.
        let this = unsafe { &mut *WorkerBlock::enter(shell)? };
        let (read_fd, write_fd) = this.guarded(None, |engine| engine.wake_fds())?;
        this.id = gearman_id_t { read_fd, write_fd };
        this.generation = fork::generation();
        Some(this.id)
    }

    /// Runs code of the library on the engine; see [`handle::guarded`].
    pub(super) fn guarded<R>(
        &mut self,
        fallback: R,
        body: impl FnOnce(&mut WorkerEngine) -> R,
    ) -> R {
        handle::guarded(self, fallback, body)
    }

    /// Ends a call: hands the log lines out and returns `code`. The worker is not touched
    /// afterwards.
    ///
    /// # Safety
    /// `block` is live and not borrowed.
    pub(super) unsafe fn leave(block: *mut WorkerBlock, code: ReturnCode) -> gearman_return_t {
        // SAFETY: the caller guarantees it.
        match unsafe { handle::flush_log(block) } {
            Ok(()) | Err(Freed(())) => code.into(),
        }
    }

    /// Sends the rest of a packet, until its connection has taken all of it. `body` is the
    /// body that the call began with.
    ///
    /// # Errors
    /// [`Freed`] if a signal handler freed the worker.
    ///
    /// # Safety
    /// `block` is live and not borrowed.
    #[inline]
    pub(super) unsafe fn send_on(
        block: *mut WorkerBlock,
        purpose: Option<WorkTicket>,
        sent: Poll<ReturnCode>,
        body: &[u8],
    ) -> Result<ReturnCode, Freed<ReturnCode>> {
        match sent {
            Poll::Ready(code) => Ok(code),
            // SAFETY: the caller guarantees it.
            Poll::Pending => unsafe { WorkerBlock::push(block, purpose, body) },
        }
    }

    /// # Errors
    /// # Safety
    /// As for [`WorkerBlock::send_on`].
    #[cold]
    #[inline(never)]
    unsafe fn push(
        block: *mut WorkerBlock,
        purpose: Option<WorkTicket>,
        body: &[u8],
    ) -> Result<ReturnCode, Freed<ReturnCode>> {
        let broken = ReturnCode::UNKNOWN_STATE;
        // SAFETY: the caller guarantees a live block that is not borrowed.
        unsafe {
            wait(block, purpose)
                .and_then(|()| block_on(block, purpose, broken, |engine| engine.poll_push(body)))
        }
        .map_err(|Freed(())| Freed(ReturnCode::SUCCESS))
    }

    /// Whether the worker was freed and the block is kept by calls on the stack alone.
    pub(super) fn is_freed(&self) -> bool {
        self.frames.freed
    }

    /// Frees the worker with its jobs, and closes its connections.
    ///
    /// # Safety
    /// `block` is live and not borrowed.
    pub(super) unsafe fn free(block: *mut WorkerBlock) {
        // SAFETY: the caller guarantees it; a shell of the program is live until the worker
        // is freed. After `Freed` nothing is touched.
        unsafe {
            if WorkerBlock::free_jobs(block, |_| true).is_err()
                || handle::empty_bin(block, WorkerBlock::UNTICKETED).is_err()
            {
                return;
            }
            let this = &mut *block;
            this.guarded((), |engine| engine.remove_servers());
            if this.own_shell._impl.is_null() {
                (*this.shell).options.is_initialized = 0;
                (*this.shell)._impl = ptr::null_mut();
            }
            this.frames.freed = true;
            if this.frames.is_empty() {
                drop(Box::from_raw(block));
                return;
            }
            // A call that never returns leaks the block, but not the descriptors.
            this.engine.link.net = MioNet::new();
            this.id = gearman_id_t { read_fd: -1, write_fd: -1 };
        }
    }

    /// Frees the jobs for which `which` returns true.
    ///
    /// # Errors
    /// [`Freed`] if user code that this calls has freed the worker.
    ///
    /// # Safety
    /// `block` is live and not borrowed.
    pub(super) unsafe fn free_jobs(
        block: *mut WorkerBlock,
        which: impl Fn(&JobBlock) -> bool,
    ) -> Result<(), Freed<()>> {
        let mut at = 0;
        loop {
            // SAFETY: the caller guarantees the block, which is live unless `free` returned
            // `Freed`. The list holds live jobs, and is read anew after each one that was freed.
            unsafe {
                let jobs = &(*block).jobs;
                let Some(&job) = jobs.get(at) else { return Ok(()) };
                if which(&*job) {
                    JobBlock::free(job)?;
                } else {
                    at += 1;
                }
            }
        }
    }

    /// Whether the library allocated the shell.
    pub(super) fn is_allocated(&self) -> bool {
        !self.own_shell._impl.is_null()
    }
}
