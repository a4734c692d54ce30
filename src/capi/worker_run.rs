//! `worker.h`: waiting for jobs and running their functions.
//!
//! Must not: borrow the worker's block while a function of the program runs.

use super::cancellation;
use super::frames::{Freed, upcall};
use super::handle::{HandleBlock as _, flush_log_for};
use super::job_block::JobBlock;
use super::reduce;
use super::text::CStrArg;
use super::types::*;
use super::waiting::block_on;
use super::worker_block::{Definition, JobFunction, WorkerBlock, WorkerEngine};
use crate::engine::ReturnCode;
use crate::engine::worker::{Outcome, Search, WorkStep, WorkTicket};
use gearman_engine::at;
use libc::c_void;
use std::ptr;
use std::task::Poll;

/// Waits for one job, calls its function, and sends its result to the server.
///
/// The result has been passed to the kernel when this function returns, and no further
/// job was asked for. Call it in a loop.
///
/// In non-blocking mode it returns `GEARMAN_IO_WAIT` instead of waiting: call
/// gearman_worker_wait() and then this function again.
///
/// Returns `GEARMAN_SUCCESS` if a job was done, or was given back to the server because
/// its function asked for that; the code of the function if it failed the job; or
/// another code.
///
/// # Errors
/// - `GEARMAN_TIMEOUT`: no job arrived within the timeout.
/// - `GEARMAN_SHUTDOWN`: gearman_kill() has asked the worker to stop.
/// - `GEARMAN_SHUTDOWN_GRACEFUL`: gearman_kill() has asked the worker to stop after its
///   job.
/// - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached. The next call pauses before
///   it tries again.
/// - `GEARMAN_LOST_CONNECTION`: a server closed the connection. The next call connects
///   again.
/// - `GEARMAN_NO_SERVERS`: no server was added.
/// - `GEARMAN_NO_REGISTERED_FUNCTIONS`: the worker offers no function.
/// - `GEARMAN_IO_WAIT`: the worker is in non-blocking mode and would have to wait; or a
///   signal arrived and `GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL` is on.
/// - `GEARMAN_NO_JOBS`: in non-blocking mode, every server was asked and none gave a
///   job, which includes servers that are down. The next call begins anew.
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_work(
    worker: *mut gearman_worker_st,
) -> gearman_return_t {
    if cancellation::is_single_threaded() {
        // SAFETY: the caller guarantees a live worker.
        let code = unsafe { enter_and_work::<false>(worker) };
        cancellation::end_single_threaded();
        return code;
    }
    // SAFETY: as above.
    cancellation::point(|| unsafe { enter_and_work::<true>(worker) })
}

/// Waits for a job and runs it, in a process of several threads or of one.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[inline(never)]
unsafe fn enter_and_work<const SEVERAL: bool>(worker: *mut gearman_worker_st) -> gearman_return_t {
    // SAFETY: the caller guarantees a live worker.
    unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        match work::<SEVERAL>(block) {
            Ok(code) => WorkerBlock::leave(block, code),
            Err(Freed(code)) => code.into(),
        }
    }
}

/// Makes the upcalls that precede the call of a job's function: log lines and hooks.
///
/// # Errors
/// [`Freed`] if that code freed the worker.
///
/// # Safety
/// `block` is live and not borrowed, and `job` is one of its live jobs.
#[cold]
#[inline(never)]
unsafe fn prepare(
    block: *mut WorkerBlock,
    job: *mut JobBlock,
    ticket: WorkTicket,
) -> Result<(), Freed<ReturnCode>> {
    // SAFETY: the caller guarantees both, and `Freed` ends the chain if they were freed.
    let done = unsafe {
        flush_log_for(block, Some(ticket)).and_then(|()| JobBlock::keep_workload(job, Some(ticket)))
    };
    done.map_err(|Freed(())| Freed(ReturnCode::SUCCESS))
}

/// What a `JobFunction::V1` returned.
#[derive(Clone, Copy)]
struct Returned {
    result: *mut c_void,
    size: usize,
    code: gearman_return_t,
}

/// Waits for a job, calls its function and ends the job.
///
/// # Errors
/// [`Freed`] if the function freed the worker.
///
/// # Safety
/// `block` is live and not borrowed.
#[inline(always)]
unsafe fn work<const SEVERAL: bool>(
    block: *mut WorkerBlock,
) -> Result<ReturnCode, Freed<ReturnCode>> {
    // SAFETY: the caller guarantees a live block that is not borrowed; it is live after
    // each upcall that did not return `Freed`.
    unsafe {
        begin(block).map_err(|Freed(())| Freed(ReturnCode::SUCCESS))?;
        let broken = WorkStep::Done(ReturnCode::UNKNOWN_STATE);
        let step = if SEVERAL {
            work_cancellably(block)
        } else {
            // No other thread exists that could cancel this one, and no user code runs that
            // could create one, so this thread may sleep inside the engine.
            Ok((*block).guarded(broken, WorkerEngine::work))
        };
        let (next, ticket) = match step {
            Ok(WorkStep::Call(next, ticket)) => (next, ticket),
            Ok(WorkStep::Done(code)) => return Ok(code),
            Err(Freed(())) => return Err(Freed(ReturnCode::SUCCESS)),
        };
        let definitions = &(*block).definitions;
        let Some(&definition) = definitions.iter().rev().find(|d| d.token == next.token) else {
            return Ok(give_back(block, ticket));
        };
        let job = JobBlock::create(block, ptr::null_mut(), ticket.job());
        (*job).running = true;
        if (*block).hooks.used || (*block).engine.link.error.has_log() {
            prepare(block, job, ticket)?;
        }
        run::<SEVERAL>(block, job, definition, ticket, next.reduces)
    }
}

/// Waits for a job in a process of several threads.
///
/// # Errors
/// [`Freed`] if a signal handler freed the worker.
///
/// # Safety
/// `block` is live and not borrowed.
#[inline(never)]
unsafe fn work_cancellably(block: *mut WorkerBlock) -> Result<WorkStep, Freed<()>> {
    let mut search = Search::for_work();
    let broken = WorkStep::Done(ReturnCode::UNKNOWN_STATE);
    // SAFETY: the caller guarantees a live block that is not borrowed.
    unsafe { block_on(block, None, broken, |engine| engine.poll_work(&mut search)) }
}

/// Begins a call that requests jobs: frees the jobs of functions that were left without
/// returning, and clears the flag for changed functions, of which servers are told now.
///
/// # Errors
/// [`Freed`] if user code that freeing a job calls has freed the worker.
///
/// # Safety
/// `block` is live and not borrowed.
pub(super) unsafe fn begin(block: *mut WorkerBlock) -> Result<(), Freed<()>> {
    // SAFETY: the callers guarantee a live block that is not borrowed.
    unsafe {
        WorkerBlock::free_jobs(block, |job| job.abandoned)?;
        (*block).has_run = true;
        (*block).changed &= (*block).engine.link.conns.is_empty();
    }
    Ok(())
}

/// Calls a job's function and ends the job, which may have a reducer.
///
/// # Safety
/// `block` is live and not borrowed, and `job` is one of its live jobs.
unsafe fn run<const SEVERAL: bool>(
    block: *mut WorkerBlock,
    job: *mut JobBlock,
    definition: Definition,
    ticket: WorkTicket,
    reduces: bool,
) -> Result<ReturnCode, Freed<ReturnCode>> {
    // SAFETY: as in `work`; a job that runs is not freed, unless with its worker.
    unsafe {
        let (shell, context) = ((*job).shell, definition.context);
        let purpose = Some(ticket);
        let hooks = (*block).hooks;
        let mut returned =
            Returned { result: ptr::null_mut(), size: 0, code: gearman_return_t::SUCCESS };
        let outcome = match definition.run {
            JobFunction::V1(function) => {
                let call = move || {
                    let (mut size, mut code) = (0, gearman_return_t::SUCCESS);
                    let result = function(shell, context, &raw mut size, &raw mut code);
                    Returned { result, size, code }
                };
                returned = match upcall(block, purpose, call) {
                    Ok(returned) => returned,
                    Err(Freed(returned)) => {
                        hooks.release_orphan(returned.result);
                        return Err(Freed(returned.code.into()));
                    }
                };
                outcome_v1(returned.code.into())
            }
            JobFunction::V2(function) | JobFunction::Partition(function, _) => {
                let code = upcall(block, purpose, move || function(shell, context))
                    .map_err(|Freed(code)| Freed(code.into()))?;
                outcome_v2(&mut *block, code.into())
            }
        };
        let result = returned.result.cast_const().sized(returned.size);
        let ended = if reduces || hooks.used {
            end_specially(block, job, definition, ticket, outcome, returned)
        } else {
            let broken = Poll::Ready(ReturnCode::UNKNOWN_STATE);
            let sent =
                (*block).guarded(broken, |engine| engine.poll_finish(ticket, outcome, result));
            match sent {
                Poll::Ready(code) => Ok(code),
                Poll::Pending => {
                    let memory = [returned.result, ptr::null_mut()];
                    end_later(block, job, ticket, result, memory)
                }
            }
        };
        let code = ended.inspect_err(|_| hooks.release_orphan(returned.result))?;
        JobBlock::discard(job).map_err(|Freed(())| {
            hooks.release_orphan(returned.result);
            Freed(code)
        })?;
        if !returned.result.is_null() {
            hooks
                .release(block, WorkerBlock::UNTICKETED, returned.result)
                .map_err(|Freed(())| Freed(code))?;
        }
        Ok(code)
    }
}

/// Waits until the kernel has taken a job's result. The memory of the result stays with the
/// job meanwhile, since the thread may be cancelled.
///
/// # Errors
/// [`Freed`] if a signal handler freed the worker.
///
/// # Safety
/// As for [`run`]; `memory` is what the function returned, and the memory of `result` that
/// is from `malloc`, or NULL.
#[cold]
#[inline(never)]
unsafe fn end_later(
    block: *mut WorkerBlock,
    job: *mut JobBlock,
    ticket: WorkTicket,
    result: &[u8],
    memory: [*mut c_void; 2],
) -> Result<ReturnCode, Freed<ReturnCode>> {
    // SAFETY: the caller guarantees the blocks, which are live unless `Freed` is returned.
    unsafe {
        ((*job).result, (*job).reduced) = memory.into();
        let sent = WorkerBlock::send_on(block, Some(ticket), Poll::Pending, result);
        if sent.is_ok() {
            ((*job).result, (*job).reduced) = (ptr::null_mut(), ptr::null_mut());
        }
        sent
    }
}

/// Ends a job that may have a reducer, or a job of a worker with hooks, which copies what
/// it sends.
///
/// # Errors
/// [`Freed`] if user code freed the worker.
///
/// # Safety
/// `block` is live and not borrowed, and `job` is one of its live jobs.
#[cold]
#[inline(never)]
unsafe fn end_specially(
    block: *mut WorkerBlock,
    job: *mut JobBlock,
    definition: Definition,
    ticket: WorkTicket,
    outcome: Outcome,
    returned: Returned,
) -> Result<ReturnCode, Freed<ReturnCode>> {
    // SAFETY: the caller guarantees live blocks that are not borrowed; they are live after
    // user code that did not return `Freed`.
    unsafe {
        let result = returned.result.cast_const().sized(returned.size);
        if !reduce::is_partitioned(job) {
            return end_by_copy(block, job, ticket, outcome, returned.result, result);
        }
        let reduced = reduce::outcome(block, job, definition, Some(ticket), outcome, result);
        let (outcome, reduced) = reduced?;
        let Some(reduced) = reduced else {
            return end_by_copy(block, job, ticket, outcome, returned.result, result);
        };
        // The library's own result needs no copy. It becomes plain memory, since no value
        // with a destructor may be alive during a wait.
        let size = reduced.len();
        let memory: *mut c_void = reduced.into_raw().cast();
        let result = memory.cast_const().sized(size);
        let ended = match finish(block, ticket, outcome, result) {
            Poll::Ready(code) => Ok(code),
            Poll::Pending => end_later(block, job, ticket, result, [returned.result, memory]),
        };
        libc::free(memory);
        ended
    }
}

/// Tells the engine the outcome of a job.
///
/// # Safety
/// `block` is live and not borrowed.
#[inline(never)]
unsafe fn finish(
    block: *mut WorkerBlock,
    ticket: WorkTicket,
    outcome: Outcome,
    result: &[u8],
) -> Poll<ReturnCode> {
    let broken = Poll::Ready(ReturnCode::UNKNOWN_STATE);
    // SAFETY: the caller guarantees a live block that is not borrowed.
    unsafe { &mut *block }.guarded(broken, |engine| engine.poll_finish(ticket, outcome, result))
}

/// Ends a job. A result that is sent is copied into memory of the worker's hooks first.
///
/// # Errors
/// # Safety
/// As for [`end_specially`]; `returned` is what the function returned, or NULL.
unsafe fn end_by_copy(
    block: *mut WorkerBlock,
    job: *mut JobBlock,
    ticket: WorkTicket,
    outcome: Outcome,
    returned: *mut c_void,
    result: &[u8],
) -> Result<ReturnCode, Freed<ReturnCode>> {
    // SAFETY: the caller guarantees live blocks that are not borrowed.
    unsafe {
        let end = |result: &[u8]| match finish(block, ticket, outcome, result) {
            Poll::Ready(code) => Ok(code),
            Poll::Pending => end_later(block, job, ticket, result, [returned, ptr::null_mut()]),
        };
        let is_sent = matches!(outcome, Outcome::Complete(_))
            && (*block).engine.job(ticket.job()).is_some_and(|job| !job.is_finished());
        if !is_sent {
            return end(result);
        }
        let bytes = (result.as_ptr().cast(), result.len());
        (*block).hooks.send_copy(block, Some(ticket), bytes, end)
    }
}

/// Gives a job without a function back to its server.
///
/// # Safety
/// `block` is live and not borrowed.
#[cold]
#[inline(never)]
unsafe fn give_back(block: *mut WorkerBlock, ticket: WorkTicket) -> ReturnCode {
    // SAFETY: the caller guarantees a live block that is not borrowed.
    unsafe { &mut *block }
        .guarded(ReturnCode::UNKNOWN_STATE, |engine| engine.finish(ticket, Outcome::Retry, b""))
}

fn outcome_v1(code: ReturnCode) -> Outcome {
    match code {
        ReturnCode::SUCCESS | ReturnCode::SHUTDOWN => Outcome::Complete(code),
        ReturnCode::LOST_CONNECTION => Outcome::Retry,
        code => Outcome::Fail(code),
    }
}

fn outcome_v2(block: &mut WorkerBlock, code: ReturnCode) -> Outcome {
    match code {
        ReturnCode::SUCCESS | ReturnCode::SHUTDOWN => Outcome::Complete(code),
        ReturnCode::WORK_ERROR => Outcome::Retry,
        ReturnCode::WORK_FAIL | ReturnCode::WORK_EXCEPTION => Outcome::Fail(ReturnCode::WORK_FAIL),
        code => {
            let text = format!("Worker returned invalid gearman_return_t:  {}", code.name());
            let error = &mut block.engine.link.error;
            error.set(ReturnCode::INVALID_ARGUMENT, at!("callback"), &text);
            Outcome::Retry
        }
    }
}
