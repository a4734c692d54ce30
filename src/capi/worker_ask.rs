//! `worker.h`: requests to servers that wait for the answer: a job for the program itself,
//! an echo, an option; and the wait of non-blocking mode.
//!
//! Must not: call a function of the program.

use super::cancellation;
use super::frames::Freed;
use super::handle::flush_log;
use super::job_block::JobBlock;
use super::text::{CStrArg, put};
use super::types::*;
use super::waiting::block_on;
use super::worker_block::WorkerBlock;
use super::worker_run::begin;
use crate::engine::ReturnCode;
use crate::engine::exchange::{Broadcast, reject_empty_request};
use crate::engine::link::Limit;
use crate::engine::slab::SlabId;
use crate::engine::worker::Search;
use libc::{c_char, c_void};
use std::ptr;

/// Asks the servers for a job and returns it without calling its function.
///
/// It does not wait for a job to be submitted. `job` is memory for the job, or NULL for
/// memory of the library. `ret_ptr`, unless NULL, receives the code. Report the result
/// with gearman_job_send_complete() or gearman_job_send_fail(), then free the job with
/// gearman_job_free(). The functions are offered with gearman_worker_register() or
/// gearman_worker_add_function().
///
/// Returns the job, or NULL on an error.
///
/// # Errors
/// - `GEARMAN_NO_JOBS`: no server has a job.
/// - `GEARMAN_IO_WAIT`: the worker is in non-blocking mode and would have to wait; or a
///   signal arrived and `GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL` is on.
/// - `GEARMAN_TIMEOUT`: a server did not answer within the timeout.
/// - `GEARMAN_SHUTDOWN`: gearman_kill() has asked the worker to stop.
/// - `GEARMAN_SHUTDOWN_GRACEFUL`: gearman_kill() has asked the worker to stop after its
///   job.
/// - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached.
/// - `GEARMAN_LOST_CONNECTION`: a server closed the connection.
/// - `GEARMAN_NO_SERVERS`: no server was added.
/// - `GEARMAN_NO_REGISTERED_FUNCTIONS`: the worker offers no function.
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker; `job` is NULL or writable memory that is not a
/// live job; `ret_ptr` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_grab_job(
    worker: *mut gearman_worker_st,
    job: *mut gearman_job_st,
    ret_ptr: *mut gearman_return_t,
) -> *mut gearman_job_st {
    // SAFETY: the caller guarantees all of it.
    cancellation::point(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            put(ret_ptr, gearman_return_t::INVALID_ARGUMENT);
            return ptr::null_mut();
        };
        if let Err(Freed(())) = begin(block) {
            return ptr::null_mut();
        }
        let mut search = Search::for_grab();
        let broken: Result<SlabId, ReturnCode> = Err(ReturnCode::UNKNOWN_STATE);
        let grabbed = block_on(block, None, broken, |engine| engine.poll_job(&mut search));
        let Ok(grabbed) = grabbed else { return ptr::null_mut() };
        let (shell, code) = match grabbed {
            Ok(id) => {
                let job = JobBlock::create(block, job, id);
                let shell = (*job).shell;
                if let Err(Freed(())) = JobBlock::keep_workload(job, None) {
                    return ptr::null_mut();
                }
                (shell, ReturnCode::SUCCESS)
            }
            Err(code) => (ptr::null_mut(), code),
        };
        put(ret_ptr, code.into());
        match flush_log(block) {
            Ok(()) => shell,
            Err(Freed(())) => ptr::null_mut(),
        }
    })
}

/// Waits until a call on the worker can make progress.
///
/// It is for non-blocking mode: after `GEARMAN_IO_WAIT`, call it and then repeat the
/// call. It waits for a connection that is being made, for an answer that is due, for a
/// packet that wakes the sleeping worker, and for the time after which a slow server is
/// left for the next one.
///
/// Returns `GEARMAN_SUCCESS` once for each such event, or another code.
///
/// # Errors
/// - `GEARMAN_TIMEOUT`: nothing happened within the timeout.
/// - `GEARMAN_NO_ACTIVE_FDS`: there is nothing to wait for, or what was reported was
///   not yet looked at by another call. It is returned at once.
/// - `GEARMAN_SHUTDOWN`: gearman_kill() has asked the worker to stop.
/// - `GEARMAN_SHUTDOWN_GRACEFUL`: gearman_kill() has asked the worker to stop after its
///   job.
/// - `GEARMAN_IO_WAIT`: a signal arrived and `GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL` is
///   on.
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_wait(
    worker: *mut gearman_worker_st,
) -> gearman_return_t {
    // SAFETY: the caller guarantees a live worker.
    cancellation::point(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let mut limit = Limit::default();
        let broken = Err(ReturnCode::UNKNOWN_STATE);
        match block_on(block, None, broken, |engine| engine.poll_any(&mut limit)) {
            Ok(outcome) => WorkerBlock::leave(block, outcome.err().unwrap_or_default()),
            Err(Freed(())) => gearman_return_t::SUCCESS,
        }
    })
}

/// Sends a request to every server and waits for the answers.
///
/// # Errors
/// [`Freed`] if a signal handler freed the worker.
///
/// # Safety
/// `block` is live and not borrowed.
unsafe fn broadcast(
    block: *mut WorkerBlock,
    what: Broadcast<'_>,
) -> Result<Result<(), ReturnCode>, Freed<()>> {
    let broken = Err(ReturnCode::UNKNOWN_STATE);
    // SAFETY: the caller guarantees a live block that is not borrowed.
    unsafe {
        let mut call = (*block).engine.begin_broadcast();
        block_on(block, None, broken, |engine| engine.poll_broadcast(&mut call, what))
    }
}

/// Checks that every server answers, by having each send bytes back.
///
/// It waits for the answers, in non-blocking mode too. `workload` has `workload_size`
/// bytes, at least one.
///
/// Returns `GEARMAN_SUCCESS` if every server sent the same bytes back, or an error.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL, or `workload` has no bytes.
/// - `GEARMAN_ARGUMENT_TOO_LARGE`: `workload_size` is more than a packet can hold.
/// - `GEARMAN_ECHO_DATA_CORRUPTION`: a server sent other bytes back.
/// - `GEARMAN_COULD_NOT_CONNECT`: a server cannot be reached.
/// - `GEARMAN_NO_SERVERS`: no server was added.
/// - `GEARMAN_LOST_CONNECTION`: a server closed the connection.
/// - `GEARMAN_TIMEOUT`: a server did not answer within the timeout.
///
/// # Safety
/// `worker` is NULL or a live worker; `workload` is NULL or readable for
/// `workload_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_echo(
    worker: *mut gearman_worker_st,
    workload: *const c_void,
    workload_size: usize,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::point(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let null = workload.is_null();
        let data = workload.sized(workload_size);
        let echo = Broadcast::Echo(data);
        if let Err(code) = reject_empty_request(&mut (*block).engine.link, echo, null) {
            return WorkerBlock::leave(block, code);
        }
        match broadcast(block, echo) {
            Ok(outcome) => WorkerBlock::leave(block, outcome.err().unwrap_or_default()),
            Err(Freed(())) => gearman_return_t::SUCCESS,
        }
    })
}

/// Turns an option of the servers on, such as "exceptions".
///
/// Every server is asked, and asked again on every later connection. It waits for the
/// answers, in non-blocking mode too. `option_arg` has `option_arg_size` bytes.
///
/// Returns true if at least one server accepted the option and none refused it. A
/// server that is down is asked when it is connected again. False on any error;
/// gearman_worker_error() says which.
///
/// # Safety
/// `worker` is NULL or a live worker; `option_arg` is NULL or readable for
/// `option_arg_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_server_option(
    worker: *mut gearman_worker_st,
    option_arg: *const c_char,
    option_arg_size: usize,
) -> bool {
    // SAFETY: the caller guarantees both.
    cancellation::point(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else { return false };
        let option = Broadcast::Option(option_arg.sized(option_arg_size));
        let refused = reject_empty_request(&mut (*block).engine.link, option, option_arg.is_null());
        let accepted = refused.is_ok()
            && match broadcast(block, option) {
                Ok(outcome) => outcome.is_ok(),
                Err(Freed(())) => return false,
            };
        WorkerBlock::leave(block, ReturnCode::SUCCESS);
        accepted
    })
}
