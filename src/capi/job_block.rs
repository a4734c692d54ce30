//! The block of a `gearman_job_st`: the link between the program's pointer and the
//! engine's job, with the state that only the C interface needs.
//!
//! Must not: copy a field of the engine's job.

use super::cancellation;
use super::client_block::ClientBlock;
use super::frames::{Freed, upcall};
use super::handle::HandleBlock as _;
use super::reduce::Aggregation;
use super::types::*;
use super::worker_block::WorkerBlock;
use crate::engine::slab::SlabId;
use crate::engine::worker::{AssignedJob, WorkTicket};
use libc::c_void;
use std::ptr::{self, NonNull};

/// The library's side of a `gearman_job_st`.
pub(super) struct JobBlock {
    /// The shell for programs that do not provide one.
    own_shell: gearman_job_st,
    /// The shell that the program uses: its own or `own_shell`.
    pub(super) shell: *mut gearman_job_st,
    pub(super) worker: *mut WorkerBlock,
    pub(super) id: SlabId,
    /// The client of gearman_job_use_client(), or null.
    pub(super) client: *mut ClientBlock,
    /// The client that sends the parts of a partitioned job, or null.
    pub(super) reducer: *mut ClientBlock,
    /// The arguments of the job's aggregator, while it runs or if it was left without
    /// returning; else null.
    pub(super) aggregation: *mut Aggregation,
    /// The result that the function returned, while it waits to be sent; else null.
    pub(super) result: *mut c_void,
    /// The result of the aggregator, in memory of `malloc`, while it waits to be sent;
    /// else null.
    pub(super) reduced: *mut c_void,
    /// The workload in memory of the worker's allocator hook, or null; and its size in
    /// bytes.
    pub(super) hooked: *mut c_void,
    pub(super) hooked_size: usize,
    /// Whether the job's function is on the stack: the worker then frees the job.
    pub(super) running: bool,
    /// Whether the job's function was left without returning.
    pub(super) abandoned: bool,
}

impl JobBlock {
    /// Makes a block for a job of the engine, for the shell of the program or one of the
    /// block.
    ///
    /// # Safety
    /// `worker` is live and not borrowed; `shell` is NULL or writable.
    pub(super) unsafe fn create(
        worker: *mut WorkerBlock,
        shell: *mut gearman_job_st,
        id: SlabId,
    ) -> *mut JobBlock {
        // SAFETY: the caller guarantees both.
        let block = match unsafe { (*worker).spare.take() } {
            // `discard` has left it like a new block.
            Some(spare) => Box::into_raw(spare),
            None => Box::into_raw(Box::new(JobBlock {
                own_shell: gearman_job_st {
                    options: shell_options { is_allocated: 1, is_initialized: 1 },
                    _impl: ptr::null_mut(),
                },
                shell: ptr::null_mut(),
                worker,
                id,
                client: ptr::null_mut(),
                reducer: ptr::null_mut(),
                aggregation: ptr::null_mut(),
                result: ptr::null_mut(),
                reduced: ptr::null_mut(),
                hooked: ptr::null_mut(),
                hooked_size: 0,
                running: false,
                abandoned: false,
            })),
        };
        // SAFETY: as above; the block is the one that was made just now.
        unsafe {
            (*block).id = id;
            (*block).shell = shell;
            if shell.is_null() {
                (*block).own_shell._impl = block.cast();
                (*block).shell = &raw mut (*block).own_shell;
            } else {
                shell.write(gearman_job_st {
                    options: shell_options { is_allocated: 0, is_initialized: 1 },
                    _impl: block.cast(),
                });
            }
            (*worker).jobs.push(block);
        }
        block
    }

    /// The block of a shell.
    ///
    /// # Safety
    /// `shell` is NULL or a job that was not freed. The borrow ends before
    /// anything else is called on the job or its worker.
    pub(super) unsafe fn peek<'a>(shell: *const gearman_job_st) -> Option<&'a mut JobBlock> {
        // SAFETY: the caller guarantees a live shell, and `_impl` is its block.
        unsafe { shell.as_ref()?._impl.cast::<JobBlock>().as_mut() }
    }

    /// The engine's job of a shell.
    ///
    /// # Safety
    /// As for [`JobBlock::peek`].
    pub(super) unsafe fn job<'a>(shell: *const gearman_job_st) -> Option<&'a mut AssignedJob> {
        // SAFETY: the caller guarantees the job, and a job's worker outlives it.
        unsafe {
            let block = JobBlock::peek(shell)?;
            (*block.worker).engine.job_mut(block.id)
        }
    }

    /// Frees a job with its clients. The server is told nothing.
    ///
    /// # Errors
    /// As for [`JobBlock::discard`].
    ///
    /// # Safety
    /// `block` is a live job's, and nothing of it or its worker is borrowed.
    pub(super) unsafe fn free(block: *mut JobBlock) -> Result<(), Freed<()>> {
        // SAFETY: the caller guarantees it; a job's worker outlives it.
        unsafe {
            let id = (*block).id;
            (*(*block).worker).guarded((), |engine| engine.remove_job(id));
            JobBlock::discard(block)
        }
    }

    /// Frees the block of a job that the engine has removed.
    ///
    /// # Errors
    /// [`Freed`] if user code that freeing the job's clients calls has freed the worker.
    ///
    /// # Safety
    /// As for [`JobBlock::free`].
    #[inline(always)]
    pub(super) unsafe fn discard(block: *mut JobBlock) -> Result<(), Freed<()>> {
        // SAFETY: the caller guarantees it; the block is from `Box` and is taken out of the
        // list here, so it is freed once. User code runs only at the end, when the job has
        // no client any more and nothing is borrowed.
        unsafe {
            let this = &mut *block;
            let worker = &mut *this.worker;
            // It is nearly always the last one.
            if worker.jobs.pop_if(|job| *job == block).is_none() {
                worker.jobs.retain(|&job| job != block);
            }
            if this.own_shell._impl.is_null() {
                (*this.shell).options.is_initialized = 0;
                (*this.shell)._impl = ptr::null_mut();
            }
            // A second free of the same job then does nothing.
            this.own_shell._impl = ptr::null_mut();
            if this.abandoned {
                this.forget_results();
            }
            (this.running, this.abandoned) = (false, false);
            if let Some(hooked) = NonNull::new(this.hooked) {
                this.take_hooked();
                worker.bin.put(hooked.cast());
            }
            let clients = [&mut this.client, &mut this.reducer]
                .map(|client| std::mem::replace(client, ptr::null_mut()));
            let handle = this.worker;
            worker.spare = Some(Box::from_raw(block));
            if clients == [ptr::null_mut(); 2] { Ok(()) } else { free_clients(handle, clients) }
        }
    }

    /// Moves the workload into memory of the worker's hooks, if they are set. If the hook
    /// returns no memory, the workload stays where it is.
    ///
    /// # Errors
    /// [`Freed`] if the hook freed the worker, and the job with it.
    ///
    /// # Safety
    /// `block` is a live job's, and nothing of it or its worker is borrowed.
    #[inline]
    pub(super) unsafe fn keep_workload(
        block: *mut JobBlock,
        purpose: Option<WorkTicket>,
    ) -> Result<(), Freed<()>> {
        // SAFETY: the caller guarantees it; a job's worker outlives it.
        unsafe {
            if (*(*block).worker).hooks.used {
                JobBlock::hook_workload(block, purpose)
            } else {
                Ok(())
            }
        }
    }

    /// # Errors
    /// # Safety
    /// As for [`JobBlock::keep_workload`].
    #[cold]
    #[inline(never)]
    unsafe fn hook_workload(
        block: *mut JobBlock,
        purpose: Option<WorkTicket>,
    ) -> Result<(), Freed<()>> {
        // SAFETY: the caller guarantees a live job. If the hook has freed it, it is not in
        // its worker's list any more.
        unsafe {
            let (worker, id) = ((*block).worker, (*block).id);
            let size = (*worker).engine.job(id).map_or(0, |job| job.workload().len());
            let hooks = (*worker).hooks;
            if size == 0 || !hooks.any() {
                return Ok(());
            }
            let memory = hooks.allocate(worker, purpose, size)?;
            let job = (*worker).engine.job_mut(id).filter(|job| job.workload().len() == size);
            let Some(job) = job.filter(|_| !memory.is_null()) else {
                return match NonNull::new(memory) {
                    // The hook that frees may free the worker, too.
                    Some(memory) => hooks.release(worker, purpose, memory.as_ptr()),
                    None => Ok(()),
                };
            };
            ptr::copy_nonoverlapping(job.workload().as_ptr(), memory.cast(), size);
            job.drop_workload();
            ((*block).hooked, (*block).hooked_size) = (memory, size);
            Ok(())
        }
    }

    /// Takes the workload from the job, if it is in memory of the hook.
    pub(super) fn take_hooked(&mut self) -> *mut c_void {
        self.hooked_size = 0;
        std::mem::replace(&mut self.hooked, ptr::null_mut())
    }

    /// Frees the arguments of an aggregator that was left without returning, and a result
    /// that was waiting to be sent when the thread was cancelled. The free hook gets the result
    /// later, from the bin: it may do anything with the worker.
    ///
    /// # Safety
    /// Neither the aggregator nor the wait is on the stack, and the worker is live.
    #[cold]
    unsafe fn forget_results(&mut self) {
        let result = std::mem::replace(&mut self.result, ptr::null_mut());
        let reduced = std::mem::replace(&mut self.reduced, ptr::null_mut());
        // SAFETY: the caller guarantees the worker. `reduced` is from `malloc`, and so is
        // `result` unless hooks were set; neither is used again.
        unsafe {
            match NonNull::new(result) {
                Some(result) if (*self.worker).hooks.used => (*self.worker).bin.put(result.cast()),
                _ => libc::free(result),
            }
            libc::free(reduced);
        }
        let aggregation = std::mem::replace(&mut self.aggregation, ptr::null_mut());
        if !aggregation.is_null() {
            // SAFETY: it is from `Box`, and the call that would have freed it was left.
            drop(unsafe { Box::from_raw(aggregation) });
        }
    }
}

/// Frees the clients of a job. Freeing their tasks calls functions of the program, so it is
/// noted like a call of user code.
///
/// # Errors
/// [`Freed`] if such a function has freed the worker.
///
/// # Safety
/// `worker` is live and not borrowed; each client is null or from `client_of`, and nothing
/// refers to it any more.
#[cold]
#[inline(never)]
unsafe fn free_clients(
    worker: *mut WorkerBlock,
    clients: [*mut ClientBlock; 2],
) -> Result<(), Freed<()>> {
    let free = move || {
        for client in clients {
            if !client.is_null() {
                // SAFETY: the caller guarantees a live client. If a call further down the
                // stack uses it, its block is freed when that call returns.
                unsafe {
                    ClientBlock::settle(client);
                    super::client::free(client);
                }
            }
        }
    };
    // SAFETY: the caller guarantees the worker; the closure holds plain pointers.
    unsafe { upcall(worker, WorkerBlock::UNTICKETED, move || cancellation::disabled(free)) }
}
