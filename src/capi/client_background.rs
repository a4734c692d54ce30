//! `client.h`: submitting one background job, and waiting until its server has it.
//!
//! Must not: return to C with its task still there.

use super::cancellation;
use super::client_block::{BROKEN, ClientBlock, UNTICKETED};
use super::client_single::{finish_single, lent, submit};
use super::frames::Gone;
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

/// Submits a background job and waits until the server has it.
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
                if let Err(Gone(())) = wait(block, UNTICKETED) {
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
                match finish_single(block, id, run, step, |task| keep(&task.handle)) {
                    Ok((code, _)) => code,
                    Err(Gone(code)) => return code.into(),
                }
            }
        };
        // As in `run_job`.
        let _ = ClientBlock::flush_log(block);
        code.into()
    }
}

/// Submits a background job of normal priority and waits until the server
/// has acknowledged it, also in non-blocking mode. The workload is only
/// borrowed; `job_handle`, unless NULL, gets the job's handle.
///
/// # Safety
/// `client` is NULL or a live client; the strings are NULL or NUL-terminated;
/// `workload` is readable for its size until this returns; `job_handle` is NULL
/// or has room for 64 bytes.
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
/// `client` is NULL or a live client; the strings are NULL or NUL-terminated;
/// `workload` is readable for its size until this returns; `job_handle` is NULL
/// or has room for 64 bytes.
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
/// `client` is NULL or a live client; the strings are NULL or NUL-terminated;
/// `workload` is readable for its size until this returns; `job_handle` is NULL
/// or has room for 64 bytes.
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

/// The handle of the job that the last call of a `*_background` function made,
/// valid until the next; "" before and after one that failed. NULL for NULL.
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

/// Deprecated: always 0 of 0, since gearman_client_do() never returns in the
/// middle of a job.
///
/// # Safety
/// The out-pointers are NULL or writable.
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
