//! What stands behind a `gearman_job_st`: the link between C's pointer and the
//! engine's job, and what only C cares about.
//!
//! Must not: copy what the engine's job knows.

use super::client_block::ClientBlock;
use super::frames::Freed;
use super::reduce::Aggregation;
use super::types::*;
use super::worker_block::WorkerBlock;
use crate::engine::slab::Id;
use crate::engine::worker::{Job, Ticket};
use libc::c_void;
use std::ptr::{self, NonNull};

/// What stands behind a `gearman_job_st`.
pub(super) struct JobBlock {
    /// The shell that C has when it brought none of its own.
    own_shell: gearman_job_st,
    /// The shell that C has.
    pub(super) shell: *mut gearman_job_st,
    pub(super) worker: *mut WorkerBlock,
    pub(super) id: Id,
    /// The client that C asked for, or null.
    pub(super) client: *mut ClientBlock,
    /// The client that sends the parts of a partitioned job, or null.
    pub(super) reducer: *mut ClientBlock,
    /// What the aggregator of such a job got, while it runs or if it was left
    /// without returning; else null.
    pub(super) aggregation: *mut Aggregation,
    /// What the function gave back, while it waits to be sent; else null.
    pub(super) result: *mut c_void,
    /// What the aggregator made of it, in memory of malloc; else null.
    pub(super) reduced: *mut c_void,
    /// The workload in memory of the worker's hook, or null, and its size in bytes.
    pub(super) hooked: *mut c_void,
    pub(super) hooked_size: usize,
    /// Its function is on the stack: freeing it is left to the worker.
    pub(super) running: bool,
    /// Its function was left without returning.
    pub(super) abandoned: bool,
}

impl JobBlock {
    /// A block for a job of the engine, behind the caller's shell or its own.
    ///
    /// # Safety
    /// `worker` is live and not borrowed; `shell` is NULL or writable.
    pub(super) unsafe fn create(
        worker: *mut WorkerBlock,
        shell: *mut gearman_job_st,
        id: Id,
    ) -> *mut JobBlock {
        // SAFETY: the caller guarantees both.
        let block = match unsafe { (*worker).spare.take() } {
            // `discard` left it as a fresh one is.
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

    /// The block behind a shell.
    ///
    /// # Safety
    /// `shell` is NULL or a job that was not freed. The borrow ends before
    /// anything else is called on the job or its worker.
    pub(super) unsafe fn peek<'a>(shell: *const gearman_job_st) -> Option<&'a mut JobBlock> {
        // SAFETY: the caller guarantees a live shell, and `_impl` is its block.
        unsafe { shell.as_ref()?._impl.cast::<JobBlock>().as_mut() }
    }

    /// The engine's job behind a shell.
    ///
    /// # Safety
    /// As for [`JobBlock::peek`].
    pub(super) unsafe fn job<'a>(shell: *const gearman_job_st) -> Option<&'a mut Job> {
        // SAFETY: the caller guarantees the job, and a job's worker outlives it.
        unsafe {
            let block = JobBlock::peek(shell)?;
            (*block.worker).engine.job_mut(block.id)
        }
    }

    /// Frees a job with its clients. The server is told nothing.
    ///
    /// # Safety
    /// `block` is a live job's, and nothing of it or its worker is borrowed.
    pub(super) unsafe fn free(block: *mut JobBlock) {
        // SAFETY: the caller guarantees it; a job's worker outlives it.
        unsafe {
            let id = (*block).id;
            (*(*block).worker).guarded((), |engine| engine.remove_job(id));
            JobBlock::discard(block);
        }
    }

    /// Frees what stands behind a job that the engine has removed.
    ///
    /// # Safety
    /// As for [`JobBlock::free`].
    #[inline(always)]
    pub(super) unsafe fn discard(block: *mut JobBlock) {
        // SAFETY: the caller guarantees it; the block came from `Box` and leaves
        // the list here, so it is freed once. A client that is in use further
        // down the stack is freed with its last call.
        unsafe {
            let this = &mut *block;
            let worker = &mut *this.worker;
            // Nearly always it is the last.
            if worker.jobs.pop_if(|job| *job == block).is_none() {
                worker.jobs.retain(|&job| job != block);
            }
            if this.own_shell._impl.is_null() {
                (*this.shell).options.is_initialized = 0;
                (*this.shell)._impl = ptr::null_mut();
            }
            // Freeing it twice then finds nothing.
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
            worker.spare = Some(Box::from_raw(block));
            for client in clients {
                if !client.is_null() {
                    super::client::free(client);
                }
            }
        }
    }

    /// Moves the workload into memory of the worker's hooks, if it has any. Without
    /// memory it stays where it is.
    ///
    /// # Errors
    /// [`Freed`] when the hook freed the worker, and the job with it.
    ///
    /// # Safety
    /// `block` is a live job's, and nothing of it or its worker is borrowed.
    #[inline]
    pub(super) unsafe fn keep_workload(
        block: *mut JobBlock,
        purpose: Option<Ticket>,
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
        purpose: Option<Ticket>,
    ) -> Result<(), Freed<()>> {
        // SAFETY: the caller guarantees a live job. The hook may have freed it, and
        // then it is not in its worker's list any more.
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
                hooks.release_orphan(memory);
                return Ok(());
            };
            ptr::copy_nonoverlapping(job.workload().as_ptr(), memory.cast(), size);
            job.drop_workload();
            ((*block).hooked, (*block).hooked_size) = (memory, size);
            Ok(())
        }
    }

    /// Takes the workload out of the job's hands, if it is in memory of a hook.
    pub(super) fn take_hooked(&mut self) -> *mut c_void {
        self.hooked_size = 0;
        std::mem::replace(&mut self.hooked, ptr::null_mut())
    }

    /// Frees what an aggregator got that was left without returning, and a result that
    /// was to be sent when the thread was cancelled.
    ///
    /// # Safety
    /// Neither that aggregator nor that wait is on the stack, and the worker is live.
    #[cold]
    unsafe fn forget_results(&mut self) {
        let result = std::mem::replace(&mut self.result, ptr::null_mut());
        let reduced = std::mem::replace(&mut self.reduced, ptr::null_mut());
        // SAFETY: the caller guarantees the worker; the function gave `result` for its hooks
        // to free, `reduced` is malloc's, and neither is used again.
        unsafe {
            (*self.worker).hooks.release_orphan(result);
            libc::free(reduced);
        }
        let aggregation = std::mem::replace(&mut self.aggregation, ptr::null_mut());
        if !aggregation.is_null() {
            // SAFETY: it came from `Box`, and who would have freed it is not there
            // any more.
            drop(unsafe { Box::from_raw(aggregation) });
        }
    }
}
