//! `worker.h`: asking servers: for a job that the program works off itself, whether
//! anything has come, for an echo and for an option.
//!
//! Must not: call a function of the program.

use super::cancellation;
use super::frames::Gone;
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

/// Asks every server for a job and returns it without calling its function; it
/// does not sleep. Send its result with gearman_job_send_complete() or
/// gearman_job_send_fail(), then free it with gearman_job_free().
///
/// Returns the job, in `job` or in memory of the library, or NULL with the code
/// in `ret_ptr`: NO_JOBS when no server has one, and those of
/// gearman_worker_work(), also in non-blocking mode.
///
/// # Safety
/// `worker` is NULL or a live worker; `job` is NULL or memory that is not a live
/// job; `ret_ptr` is NULL or writable.
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
        begin(block);
        let mut search = Search::for_grab();
        let broken: Result<SlabId, ReturnCode> = Err(ReturnCode::UNKNOWN_STATE);
        let grabbed = block_on(block, None, broken, |engine| engine.poll_job(&mut search));
        let Ok(grabbed) = grabbed else { return ptr::null_mut() };
        let (shell, code) = match grabbed {
            Ok(id) => {
                let job = JobBlock::create(block, job, id);
                let shell = (*job).shell;
                if let Err(Gone(())) = JobBlock::keep_workload(job, None) {
                    return ptr::null_mut();
                }
                (shell, ReturnCode::SUCCESS)
            }
            Err(code) => (ptr::null_mut(), code),
        };
        put(ret_ptr, code.into());
        match flush_log(block) {
            Ok(()) => shell,
            Err(Gone(())) => ptr::null_mut(),
        }
    })
}

/// Waits until something has come of what calls have left under way, for
/// non-blocking mode: a connection that is being made, an answer that is due, a
/// server that is to wake the worker; or until a slow server has had its time and
/// the next one can be asked.
///
/// Returns SUCCESS, once for what has come; TIMEOUT; NO_ACTIVE_FDS at once when
/// nothing is under way, whether connections are open or not, or what was reported
/// was not looked at by another call; SHUTDOWN and SHUTDOWN_GRACEFUL after
/// gearman_kill(); or IO_WAIT for a signal under GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL.
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
            Err(Gone(())) => gearman_return_t::SUCCESS,
        }
    })
}

/// Asks every server.
///
/// # Errors
/// [`Gone`] when a signal handler freed the worker.
///
/// # Safety
/// `block` is live and not borrowed.
unsafe fn broadcast(
    block: *mut WorkerBlock,
    what: Broadcast<'_>,
) -> Result<Result<(), ReturnCode>, Gone<()>> {
    let broken = Err(ReturnCode::UNKNOWN_STATE);
    // SAFETY: the caller guarantees a live block that is not borrowed.
    unsafe {
        let mut call = (*block).engine.begin_broadcast();
        block_on(block, None, broken, |engine| engine.poll_broadcast(&mut call, what))
    }
}

/// Sends bytes to every server and waits, also in non-blocking mode, until each
/// has sent them back.
///
/// Returns SUCCESS, INVALID_ARGUMENT for no bytes, COULD_NOT_CONNECT when any
/// server cannot be reached, ECHO_DATA_CORRUPTION when one sends others.
///
/// # Safety
/// `worker` is NULL or a live worker; `workload` is readable for its size.
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
            Err(Gone(())) => gearman_return_t::SUCCESS,
        }
    })
}

/// Turns a server option such as "exceptions" on: at every server, now and on
/// every later connection. Waits for the answers, also in non-blocking mode.
///
/// Returns whether at least one server accepted it and none refused it; one that
/// is down is told when it is back.
///
/// # Safety
/// `worker` is NULL or a live worker; `option_arg` is readable for its size.
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
                Err(Gone(())) => return false,
            };
        WorkerBlock::leave(block, ReturnCode::SUCCESS);
        accepted
    })
}
