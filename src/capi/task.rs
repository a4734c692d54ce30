//! `task.h`: freeing a task, and what it knows about itself.
//!
//! Strings are borrowed from the task and valid until it is freed; its data only
//! inside a callback.
//!
//! Must not: do I/O.

use super::cancellation;
use super::frames::Gone;
use super::handle::Handle as _;
use super::task_block::TaskBlock;
use super::types::*;
use crate::engine::ReturnCode;
use crate::engine::task::TaskState;
use libc::{c_char, c_void};
use std::ffi::CStr;
use std::ptr;

/// Frees a task, after calling the client's function for its context. A task
/// that is not finished is given up: what comes for it is ignored. May be called
/// inside a callback of the task. NULL is fine.
///
/// # Safety
/// `task` is NULL or a task whose client was not freed; a task in the library's
/// memory was not freed before.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_free(task: *mut gearman_task_st) {
    // SAFETY: the caller guarantees a live task.
    cancellation::disabled(|| unsafe {
        let Some(block) = TaskBlock::peek(task).map(ptr::from_mut) else { return };
        super::client_block::ClientBlock::settle((*block).client);
        match TaskBlock::free(block) {
            // Neither task nor client is touched any more.
            Ok(()) | Err(Gone(())) => {}
        }
    })
}

/// The pointer that the task was added with, or NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_context(task: *const gearman_task_st) -> *mut c_void {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::peek(task) }.map_or(ptr::null_mut(), |b| b.context)
}

/// Changes the pointer that is kept with the task.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_set_context(
    task: *mut gearman_task_st,
    context: *mut c_void,
) {
    // SAFETY: the caller guarantees a live task.
    if let Some(block) = unsafe { TaskBlock::peek(task) } {
        block.context = context;
    }
}

/// The function's name with the client's namespace; for a status request what
/// it asks about.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_function_name(
    task: *const gearman_task_st,
) -> *const c_char {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }
        .map_or(ptr::null(), |t| t.function_name_with_nul().as_ptr().cast())
}

/// The job's unique id, as it was sent.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_unique(task: *const gearman_task_st) -> *const c_char {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.map_or(ptr::null(), |t| t.unique_with_nul().as_ptr().cast())
}

/// The job's handle; "" before the server has given one.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_job_handle(
    task: *const gearman_task_st,
) -> *const c_char {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.map_or(ptr::null(), |t| t.handle.bytes().as_ptr().cast())
}

/// Whether the server knows the job.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_is_known(task: *const gearman_task_st) -> bool {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.is_some_and(|t| t.status.known)
}

/// Whether a worker has the job.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_is_running(task: *const gearman_task_st) -> bool {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.is_some_and(|t| t.status.running)
}

/// How much of the job is done, out of gearman_task_denominator().
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_numerator(task: *const gearman_task_st) -> u32 {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.map_or(0, |t| t.status.numerator)
}

/// What gearman_task_numerator() is out of.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_denominator(task: *const gearman_task_st) -> u32 {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.map_or(0, |t| t.status.denominator)
}

/// The name of the code that the task ended with; NULL after SUCCESS and before
/// its end.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_error(task: *const gearman_task_st) -> *const c_char {
    // SAFETY: the caller guarantees a live task.
    match unsafe { TaskBlock::task(task) }.map(|t| t.code) {
        None | Some(ReturnCode::SUCCESS | ReturnCode::UNKNOWN_STATE) => ptr::null(),
        Some(code) => super::strerror::name(code.into()).as_ptr(),
    }
}

/// How the task ended: UNKNOWN_STATE before its end, INVALID_ARGUMENT for NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_return(
    task: *const gearman_task_st,
) -> gearman_return_t {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.map_or(gearman_return_t::INVALID_ARGUMENT, |t| t.code.into())
}

/// The name of the task's state, such as "GEARMAN_TASK_STATE_NEW"; NULL for
/// NULL. Inside a callback it is "GEARMAN_TASK_STATE_WORK"; the callback's own
/// state shows while the callback is to be offered again.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_strstate(
    task: *const gearman_task_st,
) -> *const c_char {
    // SAFETY: the caller guarantees a live task.
    let Some(task) = (unsafe { TaskBlock::task(task) }) else { return ptr::null() };
    let state = if task.is_in_upcall() { TaskState::Work } else { task.state };
    state_name(state).as_ptr()
}

fn state_name(state: TaskState) -> &'static CStr {
    gearman_task_state_t::TABLE[state as usize].0
}

/// Whether the job raised an exception.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_has_exception(task: *const gearman_task_st) -> bool {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.is_some_and(|t| t.exception().is_some())
}

/// The exception that the job raised, valid until the task is freed; NULL and 0
/// without one.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_exception(
    task: *const gearman_task_st,
) -> gearman_string_t {
    // SAFETY: the caller guarantees a live task.
    match unsafe { TaskBlock::task(task) }.and_then(|t| t.exception()) {
        // The NUL that stands after it for C is not part of it.
        Some(text) => gearman_string_t { c_str: text.as_ptr().cast(), size: text.len() - 1 },
        None => gearman_string_t { c_str: ptr::null(), size: 0 },
    }
}

/// Whether the task is finished. (1.1.20 always says no.)
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_is_finished(task: *const gearman_task_st) -> bool {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.is_some_and(|t| !t.is_active())
}
