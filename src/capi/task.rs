//! `task.h`: freeing a task, and reading its state.
//!
//! Strings belong to the task and are valid until it is freed.
//!
//! Must not: do I/O.

use super::cancellation;
use super::frames::Freed;
use super::handle::HandleBlock as _;
use super::task_block::TaskBlock;
use super::types::*;
use crate::engine::ReturnCode;
use crate::engine::task::TaskState;
use libc::{c_char, c_void};
use std::ffi::CStr;
use std::ptr;

/// Frees a task.
///
/// The function of gearman_client_set_task_context_free_fn() is called for its context
/// first. If the task is not finished, its job is not cancelled, but what the server
/// sends for it is ignored. It may be called inside a callback of the task. If `task`
/// is NULL, nothing happens.
///
/// # Safety
/// `task` is NULL or a task whose client was not freed; a task in memory of the library
/// was not freed before.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_free(task: *mut gearman_task_st) {
    // SAFETY: the caller guarantees a live task.
    cancellation::disabled(|| unsafe {
        let Some(block) = TaskBlock::peek(task).map(ptr::from_mut) else { return };
        super::client_block::ClientBlock::settle((*block).client);
        match TaskBlock::free(block) {
            // Neither task nor client is touched any more.
            Ok(()) | Err(Freed(())) => {}
        }
    })
}

/// Gets the pointer of the program that is stored with a task.
///
/// Returns the pointer; NULL if none was stored or `task` is NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_context(task: *const gearman_task_st) -> *mut c_void {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::peek(task) }.map_or(ptr::null_mut(), |b| b.context)
}

/// Stores a pointer of the program with a task.
///
/// `context` is freed only by the function of
/// gearman_client_set_task_context_free_fn().
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

/// Gets the name of a task's function, with the client's namespace.
///
/// Returns the name, NUL-terminated, which belongs to the task; for a status request,
/// the handle or unique id that it asks about; NULL if `task` is NULL.
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

/// Gets the unique id of a task's job, as it is sent.
///
/// Returns the id, NUL-terminated, which belongs to the task; NULL if `task` is NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_unique(task: *const gearman_task_st) -> *const c_char {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.map_or(ptr::null(), |t| t.unique_with_nul().as_ptr().cast())
}

/// Gets the handle of a task's job.
///
/// Returns the handle, NUL-terminated, which belongs to the task; an empty string
/// before the server has given one, NULL if `task` is NULL.
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

/// Tells whether the server knows a task's job.
///
/// Returns what the last answer of the server said; false if `task` is NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_is_known(task: *const gearman_task_st) -> bool {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.is_some_and(|t| t.status.known)
}

/// Tells whether a worker has a task's job.
///
/// Returns what the last answer of the server said; false if `task` is NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_is_running(task: *const gearman_task_st) -> bool {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.is_some_and(|t| t.status.running)
}

/// Gets the progress of a task's job, out of gearman_task_denominator().
///
/// Returns what the job's worker last reported; 0 if it reported nothing or `task` is
/// NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_numerator(task: *const gearman_task_st) -> u32 {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.map_or(0, |t| t.status.numerator)
}

/// Gets the number that gearman_task_numerator() is out of.
///
/// Returns what the job's worker last reported; 0 if it reported nothing or `task` is
/// NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_denominator(task: *const gearman_task_st) -> u32 {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.map_or(0, |t| t.status.denominator)
}

/// Gets the name of the code that a task ended with.
///
/// Returns the name, such as "GEARMAN_WORK_FAIL", which is static; NULL if the task
/// ended with `GEARMAN_SUCCESS` or has not ended, or if `task` is NULL.
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

/// Gets the code that a task ended with.
///
/// Returns the code; `GEARMAN_UNKNOWN_STATE` if the task has not ended,
/// `GEARMAN_INVALID_ARGUMENT` if `task` is NULL.
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

/// Gets the name of a task's state, such as "GEARMAN_TASK_STATE_NEW".
///
/// Inside a callback the state is `GEARMAN_TASK_STATE_WORK`. While a callback waits to
/// be called again for the same event, the state is that event's.
///
/// Returns the name, which is static; NULL if `task` is NULL.
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

/// Tells whether a task's job raised an exception.
///
/// Returns true if it did; false if it did not or `task` is NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_has_exception(task: *const gearman_task_st) -> bool {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.is_some_and(|t| t.exception().is_some())
}

/// Gets the exception that a task's job raised.
///
/// Returns the bytes, which belong to the task; NULL and 0 without an exception and if
/// `task` is NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_exception(
    task: *const gearman_task_st,
) -> gearman_string_t {
    // SAFETY: the caller guarantees a live task.
    match unsafe { TaskBlock::task(task) }.and_then(|t| t.exception()) {
        // The NUL after it is for C and is not part of it.
        Some(text) => gearman_string_t { c_str: text.as_ptr().cast(), size: text.len() - 1 },
        None => gearman_string_t { c_str: ptr::null(), size: 0 },
    }
}

/// Tells whether a task is finished.
///
/// Version 1.1.20 of the original library always returns false.
///
/// Returns true if the task is finished; false if it is not or `task` is NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_is_finished(task: *const gearman_task_st) -> bool {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.is_some_and(|t| !t.is_active())
}
