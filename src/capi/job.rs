//! `job.h`: reading a job, and reporting about it to the server.
//!
//! Strings and workload belong to the job and are valid until it is freed. The kernel has
//! taken a report when its function returns, in either mode and whatever the timeout.
//!
//! Must not: run a function.

use super::cancellation;
use super::frames::Freed;
use super::handle::{self, HandleBlock as _};
use super::job_block::JobBlock;
use super::reduce;
use super::text::{CStrArg, put};
use super::types::*;
use super::worker_block::WorkerBlock;
use crate::engine::ReturnCode;
use crate::engine::slab::SlabId;
use crate::engine::worker::{AssignedJob, Report};
use gearman_engine::at;
use libc::{c_char, c_void};
use std::ptr;
use std::task::Poll;

/// Frees a job of gearman_worker_grab_job().
///
/// The server is told nothing: a job that is not finished stays with this worker until
/// its connection is closed. A job whose function is running is freed when the function
/// returns. If `job` is NULL, nothing happens.
///
/// # Safety
/// `job` is NULL or a job whose worker was not freed; a job in memory of the library
/// was not freed before.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_free(job: *mut gearman_job_st) {
    // SAFETY: the caller guarantees a live job.
    cancellation::disabled(|| unsafe {
        let Some(block) = JobBlock::peek(job).map(ptr::from_mut) else { return };
        WorkerBlock::settle((*block).worker);
        let worker = (*block).worker;
        if !(*block).running || (*block).abandoned {
            // The worker is not touched any more, freed or not.
            let _ = JobBlock::free(block).and_then(|()| handle::flush_log(worker));
        }
    })
}

/// Frees all jobs of the worker whose function is not running.
///
/// The servers are told nothing: jobs that are not finished stay with this worker until
/// its connections are closed.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_free_all(worker: *mut gearman_worker_st) {
    // SAFETY: the caller guarantees a live worker.
    cancellation::disabled(|| unsafe {
        if let Some(block) = WorkerBlock::enter(worker) {
            // As above.
            let _ = WorkerBlock::free_jobs(block, |job| !job.running || job.abandoned)
                .and_then(|()| handle::flush_log(block));
        }
    })
}

/// Checks the bytes of a report about a job and sends it.
///
/// # Safety
/// `job` is NULL or a live job; `bytes` is NULL or readable for its size.
unsafe fn send(
    job: *mut gearman_job_st,
    report: Report,
    bytes: *const c_void,
    size: usize,
) -> gearman_return_t {
    // SAFETY: the callers guarantee a live job and readable bytes.
    unsafe {
        let Some(block) = JobBlock::peek(job).map(ptr::from_mut) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let (worker, id) = ((*block).worker, (*block).id);
        WorkerBlock::settle(worker);
        let mut at = at!("gearman_job_send");
        let refused = if report == Report::Exception && size == 0 {
            at = at!("gearman_job_send_exception");
            "No exception was provided"
        } else if bytes.is_null() && size != 0 {
            "a size without bytes"
        } else if report == Report::Complete && reduce::is_partitioned(block) {
            "a partitioned job is completed by its aggregator"
        } else {
            ""
        };
        let code = if !refused.is_empty() {
            (*worker).engine.link.error.set(ReturnCode::INVALID_ARGUMENT, at, refused)
        } else if report == Report::Data && reduce::is_partitioned(block) {
            reduce::add(block, bytes.sized(size))
        } else {
            let sent = if (*worker).hooks.any() && !bytes.is_null() {
                send_by_copy(worker, id, report, (bytes, size))
            } else {
                send_bytes(worker, id, report, bytes.sized(size))
            };
            match sent {
                Ok(code) => code,
                Err(Freed(_)) => return gearman_return_t::LOST_CONNECTION,
            }
        };
        WorkerBlock::leave(worker, code)
    }
}

/// Sends a report, and waits until the kernel has taken it.
///
/// # Errors
/// [`Freed`] if a signal handler freed the worker.
///
/// # Safety
/// `worker` is live and not borrowed.
#[inline]
unsafe fn send_bytes(
    worker: *mut WorkerBlock,
    id: SlabId,
    report: Report,
    bytes: &[u8],
) -> Result<ReturnCode, Freed<ReturnCode>> {
    let broken = Poll::Ready(ReturnCode::UNKNOWN_STATE);
    // SAFETY: the caller guarantees a live block that is not borrowed.
    unsafe {
        let sent = (*worker).guarded(broken, |engine| engine.poll_send(id, report, bytes));
        WorkerBlock::send_on(worker, None, sent, bytes)
    }
}

/// Sends a report for a worker with hooks, from a copy in their memory.
///
/// # Errors
/// [`Freed`] if a hook freed the worker.
///
/// # Safety
/// `worker` is live and not borrowed; `bytes` are readable.
#[cold]
#[inline(never)]
unsafe fn send_by_copy(
    worker: *mut WorkerBlock,
    id: SlabId,
    report: Report,
    bytes: (*const c_void, usize),
) -> Result<ReturnCode, Freed<ReturnCode>> {
    // SAFETY: the caller guarantees a live block that is not borrowed.
    unsafe {
        let hooks = (*worker).hooks;
        hooks.send_copy(worker, WorkerBlock::UNTICKETED, bytes, |bytes| {
            send_bytes(worker, id, report, bytes)
        })
    }
}

/// Sends a piece of a job's result.
///
/// `data` has `data_size` bytes; it is only read. In a partition function, the bytes
/// become the workload of a job for the function that the client named.
///
/// Returns `GEARMAN_SUCCESS` if the kernel has taken the packet, and if the job has
/// ended before, when nothing is sent; or an error.
///
/// # Errors
/// - `GEARMAN_LOST_CONNECTION`: the connection that the job came on is closed.
/// - `GEARMAN_ARGUMENT_TOO_LARGE`: there are more bytes than a packet can hold.
/// - `GEARMAN_INVALID_ARGUMENT`: `job` is NULL, there is a size without bytes.
///
/// # Safety
/// `job` is NULL or a live job; `data` is NULL or readable for `data_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_send_data(
    job: *mut gearman_job_st,
    data: *const c_void,
    data_size: usize,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    unsafe { cancellation::point(|| send(job, Report::Data, data, data_size)) }
}

/// Sends a warning about a job.
///
/// `warning` has `warning_size` bytes; it is only read.
///
/// Returns `GEARMAN_SUCCESS` if the kernel has taken the packet, and if the job has
/// ended before, when nothing is sent; or an error.
///
/// # Errors
/// - `GEARMAN_LOST_CONNECTION`: the connection that the job came on is closed.
/// - `GEARMAN_ARGUMENT_TOO_LARGE`: there are more bytes than a packet can hold.
/// - `GEARMAN_INVALID_ARGUMENT`: `job` is NULL, there is a size without bytes.
///
/// # Safety
/// `job` is NULL or a live job; `warning` is NULL or readable for `warning_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_send_warning(
    job: *mut gearman_job_st,
    warning: *const c_void,
    warning_size: usize,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    unsafe { cancellation::point(|| send(job, Report::Warning, warning, warning_size)) }
}

/// Sends a job's progress: `numerator` out of `denominator`.
///
/// Returns `GEARMAN_SUCCESS` if the kernel has taken the packet, and if the job has
/// ended before, when nothing is sent; or an error.
///
/// # Errors
/// - `GEARMAN_LOST_CONNECTION`: the connection that the job came on is closed.
/// - `GEARMAN_INVALID_ARGUMENT`: `job` is NULL.
///
/// # Safety
/// `job` is NULL or a live job.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_send_status(
    job: *mut gearman_job_st,
    numerator: u32,
    denominator: u32,
) -> gearman_return_t {
    // SAFETY: the caller guarantees a live job.
    unsafe {
        cancellation::disabled(|| {
            send(job, Report::Status { numerator, denominator }, ptr::null(), 0)
        })
    }
}

/// Completes a job with its result, or with the last piece of it.
///
/// `result` has `result_size` bytes; it is only read.
///
/// Returns `GEARMAN_SUCCESS` if the kernel has taken the packet, and if the job has
/// ended before, when nothing is sent; or an error.
///
/// # Errors
/// - `GEARMAN_LOST_CONNECTION`: the connection that the job came on is closed.
/// - `GEARMAN_ARGUMENT_TOO_LARGE`: there are more bytes than a packet can hold.
/// - `GEARMAN_INVALID_ARGUMENT`: `job` is NULL, there is a size without bytes, or the
///   job is partitioned, and completed by its aggregator.
///
/// # Safety
/// `job` is NULL or a live job; `result` is NULL or readable for `result_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_send_complete(
    job: *mut gearman_job_st,
    result: *const c_void,
    result_size: usize,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    unsafe { cancellation::point(|| send(job, Report::Complete, result, result_size)) }
}

/// Ends a job with an exception.
///
/// `exception` has `exception_size` bytes, at least one; it is only read. Clients that
/// did not ask for exceptions are told that the job failed.
///
/// Returns `GEARMAN_SUCCESS` if the kernel has taken the packet, and if the job has
/// ended before, when nothing is sent; or an error.
///
/// # Errors
/// - `GEARMAN_LOST_CONNECTION`: the connection that the job came on is closed.
/// - `GEARMAN_ARGUMENT_TOO_LARGE`: there are more bytes than a packet can hold.
/// - `GEARMAN_INVALID_ARGUMENT`: `job` is NULL, there is a size without bytes, or
///   `exception` is empty.
///
/// # Safety
/// `job` is NULL or a live job; `exception` is NULL or readable for `exception_size`
/// bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_send_exception(
    job: *mut gearman_job_st,
    exception: *const c_void,
    exception_size: usize,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    unsafe { cancellation::point(|| send(job, Report::Exception, exception, exception_size)) }
}

/// Ends a job as failed.
///
/// Returns `GEARMAN_SUCCESS` if the kernel has taken the packet, and if the job has
/// ended before, when nothing is sent; or an error.
///
/// # Errors
/// - `GEARMAN_LOST_CONNECTION`: the connection that the job came on is closed.
/// - `GEARMAN_INVALID_ARGUMENT`: `job` is NULL.
///
/// # Safety
/// `job` is NULL or a live job.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_send_fail(
    job: *mut gearman_job_st,
) -> gearman_return_t {
    // SAFETY: the caller guarantees a live job.
    unsafe { cancellation::point(|| send(job, Report::Fail, ptr::null(), 0)) }
}

/// One of a job's NUL-terminated texts.
unsafe fn text(
    job: *const gearman_job_st,
    which: impl FnOnce(&AssignedJob) -> &[u8],
) -> *const c_char {
    // SAFETY: the callers guarantee a live job.
    unsafe { JobBlock::job(job) }.map_or(ptr::null(), |job| which(job).as_ptr().cast())
}

/// Gets a job's handle.
///
/// Returns the handle, NUL-terminated, which belongs to the job; NULL if `job` is NULL.
///
/// # Safety
/// `job` is NULL or a live job.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_handle(job: *const gearman_job_st) -> *const c_char {
    // SAFETY: the caller guarantees a live job.
    unsafe { text(job, AssignedJob::handle) }
}

/// Gets the name of a job's function as the server knows it, with the namespace.
///
/// Returns the name, NUL-terminated, which belongs to the job; NULL if `job` is NULL.
///
/// # Safety
/// `job` is NULL or a live job.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_function_name(
    job: *const gearman_job_st,
) -> *const c_char {
    // SAFETY: the caller guarantees a live job.
    unsafe { text(job, AssignedJob::function) }
}

/// Gets a job's unique id.
///
/// Returns the id, NUL-terminated, which belongs to the job; an empty string if the job
/// was asked for without `GEARMAN_WORKER_GRAB_ALL` and `GEARMAN_WORKER_GRAB_UNIQ`; NULL
/// if `job` is NULL.
///
/// # Safety
/// `job` is NULL or a live job.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_unique(job: *const gearman_job_st) -> *const c_char {
    // SAFETY: the caller guarantees a live job.
    unsafe { text(job, AssignedJob::unique) }
}

/// The job's workload, in memory of the hook or of the engine's job.
///
/// # Safety
/// `job` is NULL or a live job, which is not freed or changed while the bytes are used.
#[inline(always)]
unsafe fn workload<'a>(job: *const gearman_job_st) -> &'a [u8] {
    // SAFETY: the caller guarantees a live job, and its worker outlives it.
    unsafe {
        let Some(block) = JobBlock::peek(job) else { return &[] };
        if !block.hooked.is_null() {
            return block.hooked.cast_const().sized(block.hooked_size);
        }
        // No `map_or`: without optimisation its frame has destructors, and a thread with
        // asynchronous cancellation cannot end in it.
        match (*block.worker).engine.job_mut(block.id) {
            Some(job) => job.workload(),
            None => &[],
        }
    }
}

/// Gets a job's workload.
///
/// It may hold any bytes; gearman_job_workload_size() gives their number. A NUL follows
/// them, unless the memory is from the function of
/// gearman_worker_set_workload_malloc_fn().
///
/// Returns the workload, which belongs to the job; NULL if it is empty or was taken, or
/// if `job` is NULL.
///
/// # Safety
/// `job` is NULL or a live job.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_workload(job: *const gearman_job_st) -> *const c_void {
    // SAFETY: the caller guarantees a live job.
    let workload = unsafe { workload(job) };
    if workload.is_empty() { ptr::null() } else { workload.as_ptr().cast() }
}

/// Gets the size of a job's workload.
///
/// Returns the size in bytes; 0 if `job` is NULL.
///
/// # Safety
/// `job` is NULL or a live job.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_workload_size(job: *const gearman_job_st) -> usize {
    // SAFETY: the caller guarantees a live job.
    unsafe { workload(job) }.len()
}

/// Takes a job's workload: it then belongs to the caller.
///
/// `data_size`, unless NULL, receives the size in bytes.
///
/// Returns the workload, which the caller frees, with `free` or as the allocator of
/// gearman_worker_set_workload_malloc_fn() needs it. NULL if it is empty or was taken,
/// on a lack of memory, and if `job` is NULL.
///
/// # Safety
/// `job` is NULL or a live job; `data_size` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_job_take_workload(
    job: *mut gearman_job_st,
    data_size: *mut usize,
) -> *mut c_void {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        put(data_size, 0);
        let Some(block) = JobBlock::peek(job) else { return ptr::null_mut() };
        let (worker, id) = (block.worker, block.id);
        if !block.hooked.is_null() {
            put(data_size, block.hooked_size);
            return block.take_hooked();
        }
        WorkerBlock::settle(worker);
        let hooks = (*worker).hooks;
        let size = (*worker).engine.job(id).map_or(0, |job| job.workload().len());
        if size == 0 {
            return ptr::null_mut();
        }
        if hooks.malloc.is_none()
            && let Some(body) = (*worker).engine.job_mut(id).and_then(AssignedJob::take_body)
        {
            put(data_size, size);
            return body.into_raw().cast();
        }
        // The job keeps the workload until the hook has returned memory: if the hook is
        // left by a jump, the program can call this function again.
        let memory = match hooks.allocate(worker, WorkerBlock::UNTICKETED, size + 1) {
            Ok(memory) if !memory.is_null() => memory,
            Ok(_) | Err(Freed(_)) => return ptr::null_mut(),
        };
        let job = (*worker).engine.job_mut(id).filter(|job| job.workload().len() == size);
        let Some(job) = job else {
            // The hook has taken the workload or freed the job. Nothing is touched any more.
            let _ = hooks.release(worker, WorkerBlock::UNTICKETED, memory);
            return ptr::null_mut();
        };
        put(data_size, size);
        ptr::copy_nonoverlapping(job.workload().as_ptr(), memory.cast(), size);
        memory.cast::<u8>().add(size).write(0);
        job.drop_workload();
        memory
    })
}
