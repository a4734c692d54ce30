//! `client.h`: submitting one background job, and waiting until a server has queued it.
//!
//! Must not: return to C with its task in the client.

use super::cancellation;
use super::client_block::{BROKEN, ClientBlock, UNTICKETED};
use super::client_single::{finish_single, lent, submit};
use super::frames::Freed;
use super::text::{CStrArg, put};
use super::types::*;
use super::waiting::wait;
use crate::engine::ReturnCode;
use crate::engine::client::Submitted;
use crate::engine::task::JobHandle;
use crate::protocol::Command;
use gearman_engine::at;
use libc::{c_char, c_void};
use std::ptr;
use std::task::Poll;

/// Submits a background job and waits until a server has queued it.
///
/// # Safety
/// As for [`gearman_client_do_background`].
unsafe fn run_background(
    client: *mut gearman_client_st,
    command: Command,
    (function, unique): (*const c_char, *const c_char),
    (workload, size): (*const c_void, usize),
    job_handle: *mut c_char,
) -> gearman_return_t {
    // SAFETY: as in `run_job`; `job_handle` is NULL or has room for a handle.
    unsafe {
        let Some(block) = ClientBlock::enter(client) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let function = function.bytes();
        let new = submit(command, function, unique.bytes(), lent(workload, size));
        (*block).do_handle[0] = 0;
        let broken = Poll::Ready(Err(ReturnCode::UNKNOWN_STATE));
        let submitted = (*block).guarded(broken, |engine| {
            engine.link.error.reset();
            if function.is_empty() {
                return Poll::Ready(Err(engine.link.error.set(
                    ReturnCode::INVALID_ARGUMENT,
                    at!("_client_do_background"),
                    "function argument was empty",
                )));
            }
            engine.poll_background(&new)
        });
        let submitted = match submitted {
            Poll::Ready(submitted) => submitted,
            Poll::Pending => {
                if let Err(Freed(())) = wait(block, UNTICKETED) {
                    return gearman_return_t::SUCCESS;
                }
                let broken = Err(ReturnCode::UNKNOWN_STATE);
                (*block).guarded(broken, |engine| engine.finish_background(&new))
            }
        };
        let keep = |handle: &JobHandle| {
            let handle = handle.bytes().as_ptr().cast::<c_char>();
            ptr::copy_nonoverlapping(handle, (*block).do_handle.as_mut_ptr(), 64);
            if !job_handle.is_null() {
                ptr::copy_nonoverlapping(handle, job_handle, 64);
            }
        };
        let code = match submitted {
            Err(code) => code,
            Ok(Submitted::Created(handle)) => {
                keep(&handle);
                ReturnCode::SUCCESS
            }
            Ok(Submitted::Task(id, mut run)) => {
                let step = (*block).guarded(BROKEN, |engine| engine.poll_step(&mut run));
                match finish_single(block, id, run, step, |task| task.handle) {
                    Ok((code, handle)) => {
                        handle.iter().for_each(keep);
                        code
                    }
                    Err(Freed(code)) => return code.into(),
                }
            }
        };
        // As in `run_job`.
        let _ = ClientBlock::flush_log(block);
        code.into()
    }
}

/// Submits a background job and waits until a server has queued it.
///
/// The priority of the job is normal. The function waits in non-blocking mode too. The
/// job runs later, and nothing tells the client how it ended. The name of its function
/// is `function_name`. `unique` identifies the job: a server that has a job of the same
/// function and unique id does not queue a second one. If `unique` is NULL or empty,
/// the library makes one; if it is "#", it is replaced with a hash of the workload.
/// `workload` has `workload_size` bytes; it is only read. `job_handle`, unless NULL,
/// receives the handle of the job, for gearman_client_job_status().
///
/// Returns `GEARMAN_SUCCESS` if a server has queued the job, or an error.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL; `function_name` is NULL, empty or
///   longer than 512 bytes; `unique` is longer than 64 bytes; or only one of `workload`
///   and `workload_size` is given.
/// - `GEARMAN_ARGUMENT_TOO_LARGE`: `workload_size` is more than a packet can hold.
/// - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached.
/// - `GEARMAN_NO_SERVERS`: no server was added.
/// - `GEARMAN_LOST_CONNECTION`: the server closed the connection before it answered.
/// - `GEARMAN_TIMEOUT`: no server answered within the timeout.
/// - `GEARMAN_SERVER_ERROR`: the server refused the request.
/// - `GEARMAN_QUEUE_ERROR`: the queue of the function has no room for the job.
///
/// # Safety
/// `client` is NULL or a live client; `function_name` and `unique` are NULL or
/// NUL-terminated; `workload` is NULL or readable for `workload_size` bytes until the
/// function returns; `job_handle` is NULL or writable for 64 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_do_background(
    client: *mut gearman_client_st,
    function_name: *const c_char,
    unique: *const c_char,
    workload: *const c_void,
    workload_size: usize,
    job_handle: gearman_job_handle_mut,
) -> gearman_return_t {
    let (names, workload) = ((function_name, unique), (workload, workload_size));
    // SAFETY: the caller guarantees all of it.
    unsafe {
        cancellation::disabled(|| {
            run_background(client, Command::SubmitJobBg, names, workload, job_handle)
        })
    }
}

/// Like gearman_client_do_background(), with high priority.
///
/// # Safety
/// As for gearman_client_do_background().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_do_high_background(
    client: *mut gearman_client_st,
    function_name: *const c_char,
    unique: *const c_char,
    workload: *const c_void,
    workload_size: usize,
    job_handle: gearman_job_handle_mut,
) -> gearman_return_t {
    let (names, workload) = ((function_name, unique), (workload, workload_size));
    // SAFETY: the caller guarantees all of it.
    unsafe {
        cancellation::disabled(|| {
            run_background(client, Command::SubmitJobHighBg, names, workload, job_handle)
        })
    }
}

/// Like gearman_client_do_background(), with low priority.
///
/// # Safety
/// As for gearman_client_do_background().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_do_low_background(
    client: *mut gearman_client_st,
    function_name: *const c_char,
    unique: *const c_char,
    workload: *const c_void,
    workload_size: usize,
    job_handle: gearman_job_handle_mut,
) -> gearman_return_t {
    let (names, workload) = ((function_name, unique), (workload, workload_size));
    // SAFETY: the caller guarantees all of it.
    unsafe {
        cancellation::disabled(|| {
            run_background(client, Command::SubmitJobLowBg, names, workload, job_handle)
        })
    }
}

/// Gets the handle of the last job that gearman_client_do_background() or a variant of
/// it submitted.
///
/// Returns the handle, which belongs to the client and is valid until the next such
/// call; an empty string before the first such call and after one that failed, NULL if
/// `client` is NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_do_job_handle(
    client: *mut gearman_client_st,
) -> *const c_char {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }.map_or(ptr::null(), |b| b.do_handle.as_ptr())
}

/// Gets the progress of the job of gearman_client_do(), which is always 0 of 0.
///
/// It is deprecated: gearman_client_do() returns only when its job has ended. `client`
/// is ignored; `numerator` and `denominator` receive 0.
///
/// # Safety
/// `numerator` and `denominator` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_do_status(
    client: *mut gearman_client_st,
    numerator: *mut u32,
    denominator: *mut u32,
) {
    let _ = client;
    // SAFETY: the caller guarantees both.
    unsafe {
        put(numerator, 0);
        put(denominator, 0);
    }
}
