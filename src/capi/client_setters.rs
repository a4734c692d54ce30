//! `client.h`: the callbacks that a client gives to its tasks.
//!
//! Must not: call one.

use super::callbacks::*;
use super::cancellation;
use super::client_block::{ClientBlock, NO_ACTIONS};
use super::types::*;
use std::rc::Rc;

/// Sets the function that is called with a task and its context when a task
/// with a context is freed; NULL for none.
///
/// # Safety
/// `client` is NULL or a live client; `function` has its declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_task_context_free_fn(
    client: *mut gearman_client_st,
    function: gearman_task_context_free_fn,
) {
    // SAFETY: the caller guarantees a live client.
    if let Some(block) = unsafe { ClientBlock::peek(client) } {
        block.task_context_free_fn = function;
    }
}

/// Changes the callbacks that tasks will get.
unsafe fn set_callback(
    client: *mut gearman_client_st,
    set: impl FnOnce(&mut gearman_actions_t) + Copy,
) {
    cancellation::disabled(|| {
        // SAFETY: the callers guarantee a live client.
        if let Some(block) = unsafe { ClientBlock::peek(client) } {
            set(Rc::make_mut(&mut block.actions));
        }
    });
}

/// Sets the callback that sends the workload of a task which was added
/// without one.
/// NULL for none. Tasks that were added before keep what they have.
///
/// # Safety
/// `client` is NULL or a live client; `function` has its declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_workload_fn(
    client: *mut gearman_client_st,
    function: gearman_workload_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe { set_callback(client, |actions| actions.workload_fn = function) }
}

/// Sets the callback for a job that the server has accepted.
/// NULL for none. Tasks that were added before keep what they have.
///
/// # Safety
/// `client` is NULL or a live client; `function` has its declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_created_fn(
    client: *mut gearman_client_st,
    function: gearman_created_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe { set_callback(client, |actions| actions.created_fn = function) }
}

/// Sets the callback for a piece of a result.
/// NULL for none. Tasks that were added before keep what they have.
///
/// # Safety
/// `client` is NULL or a live client; `function` has its declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_data_fn(
    client: *mut gearman_client_st,
    function: gearman_data_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe { set_callback(client, |actions| actions.data_fn = function) }
}

/// Sets the callback for a warning.
/// NULL for none. Tasks that were added before keep what they have.
///
/// # Safety
/// `client` is NULL or a live client; `function` has its declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_warning_fn(
    client: *mut gearman_client_st,
    function: gearman_warning_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe { set_callback(client, |actions| actions.warning_fn = function) }
}

/// Sets the callback for progress and for answers to status requests.
/// NULL for none. Tasks that were added before keep what they have.
///
/// # Safety
/// `client` is NULL or a live client; `function` has its declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_status_fn(
    client: *mut gearman_client_st,
    function: gearman_universal_status_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe { set_callback(client, |actions| actions.status_fn = function) }
}

/// Sets the callback for a job that is done.
/// NULL for none. Tasks that were added before keep what they have.
///
/// # Safety
/// `client` is NULL or a live client; `function` has its declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_complete_fn(
    client: *mut gearman_client_st,
    function: gearman_complete_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe { set_callback(client, |actions| actions.complete_fn = function) }
}

/// Sets the callback for a job that raised an exception.
/// NULL for none. Tasks that were added before keep what they have.
///
/// # Safety
/// `client` is NULL or a live client; `function` has its declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_exception_fn(
    client: *mut gearman_client_st,
    function: gearman_exception_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe { set_callback(client, |actions| actions.exception_fn = function) }
}

/// Sets the callback for a job that failed.
/// NULL for none. Tasks that were added before keep what they have.
///
/// # Safety
/// `client` is NULL or a live client; `function` has its declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_fail_fn(
    client: *mut gearman_client_st,
    function: gearman_fail_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe { set_callback(client, |actions| actions.fail_fn = function) }
}

/// Clears all callbacks. Tasks that were added before keep what they have.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_clear_fn(client: *mut gearman_client_st) {
    cancellation::disabled(|| {
        // SAFETY: the caller guarantees a live client.
        if let Some(block) = unsafe { ClientBlock::peek(client) } {
            block.actions = Rc::new(NO_ACTIONS);
        }
    });
}
