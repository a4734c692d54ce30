//! `client.h`: the callbacks that a client's tasks get.
//!
//! Must not: call one.

use super::callbacks::*;
use super::cancellation;
use super::client_block::{ClientBlock, NO_ACTIONS};
use super::types::*;
use std::rc::Rc;

/// Sets the function that frees the contexts of tasks.
///
/// `function` is called with a task and its context when a task with a context is
/// freed. If `function` is NULL, contexts are not freed.
///
/// # Safety
/// `client` is NULL or a live client; `function` is NULL or a function of its declared
/// type.
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

/// Changes the callbacks for tasks that are added later. `setter` is the function that does it.
unsafe fn set_callback(
    client: *mut gearman_client_st,
    setter: &str,
    set: impl FnOnce(&mut gearman_actions_t) + Copy,
) {
    cancellation::disabled(|| {
        // SAFETY: the callers guarantee a live client.
        if let Some(block) = unsafe { ClientBlock::peek(client) } {
            set(Rc::make_mut(&mut block.actions));
            // People set callbacks after adding, and wonder that they are not called.
            let added = block.engine.unfinished();
            let error = &mut block.engine.link.error;
            if added > 0 && error.wants_info {
                error.inform(format!(
                    "{setter}: {added} unfinished tasks were added before, and keep their callbacks"
                ));
            }
        }
    });
}

/// Sets the callback that sends the workload of a task that was added without one.
///
/// `function` calls gearman_task_send_workload(). If it is NULL, there is no such
/// callback. Tasks that were added before keep their callbacks.
///
/// # Safety
/// `client` is NULL or a live client; `function` is NULL or a function of its declared
/// type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_workload_fn(
    client: *mut gearman_client_st,
    function: gearman_workload_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe {
        set_callback(client, "gearman_client_set_workload_fn", |actions| {
            actions.workload_fn = function
        })
    }
}

/// Sets the callback that is called when a server has queued a job.
///
/// In `function`, gearman_task_job_handle() gives the handle of the job. If it is NULL,
/// there is no such callback. Tasks that were added before keep their callbacks.
///
/// # Safety
/// `client` is NULL or a live client; `function` is NULL or a function of its declared
/// type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_created_fn(
    client: *mut gearman_client_st,
    function: gearman_created_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe {
        set_callback(client, "gearman_client_set_created_fn", |actions| {
            actions.created_fn = function
        })
    }
}

/// Sets the callback that is called for each piece of a result.
///
/// In `function`, gearman_task_data() and gearman_task_data_size() give the piece. If
/// it is NULL, there is no such callback. Tasks that were added before keep their
/// callbacks.
///
/// # Safety
/// `client` is NULL or a live client; `function` is NULL or a function of its declared
/// type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_data_fn(
    client: *mut gearman_client_st,
    function: gearman_data_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe {
        set_callback(client, "gearman_client_set_data_fn", |actions| actions.data_fn = function)
    }
}

/// Sets the callback that is called for each warning of a job.
///
/// In `function`, gearman_task_data() and gearman_task_data_size() give the warning. If
/// it is NULL, there is no such callback. Tasks that were added before keep their
/// callbacks.
///
/// # Safety
/// `client` is NULL or a live client; `function` is NULL or a function of its declared
/// type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_warning_fn(
    client: *mut gearman_client_st,
    function: gearman_warning_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe {
        set_callback(client, "gearman_client_set_warning_fn", |actions| {
            actions.warning_fn = function
        })
    }
}

/// Sets the callback that is called for each progress report and each answer to a
/// status request.
///
/// In `function`, gearman_task_numerator() and gearman_task_denominator() give the
/// progress. If it is NULL, there is no such callback. Tasks that were added before
/// keep their callbacks.
///
/// # Safety
/// `client` is NULL or a live client; `function` is NULL or a function of its declared
/// type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_status_fn(
    client: *mut gearman_client_st,
    function: gearman_universal_status_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe {
        set_callback(client, "gearman_client_set_status_fn", |actions| actions.status_fn = function)
    }
}

/// Sets the callback that is called when a job is complete.
///
/// In `function`, gearman_task_data() and gearman_task_data_size() give the last piece
/// of the result. If it is NULL, there is no such callback. Tasks that were added
/// before keep their callbacks.
///
/// # Safety
/// `client` is NULL or a live client; `function` is NULL or a function of its declared
/// type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_complete_fn(
    client: *mut gearman_client_st,
    function: gearman_complete_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe {
        set_callback(client, "gearman_client_set_complete_fn", |actions| {
            actions.complete_fn = function
        })
    }
}

/// Sets the callback that is called when a job has raised an exception.
///
/// In `function`, gearman_task_data() and gearman_task_data_size() give the exception.
/// Servers send exceptions only to clients with the option `GEARMAN_CLIENT_EXCEPTION`.
/// If `function` is NULL, there is no such callback. Tasks that were added before keep
/// their callbacks.
///
/// # Safety
/// `client` is NULL or a live client; `function` is NULL or a function of its declared
/// type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_exception_fn(
    client: *mut gearman_client_st,
    function: gearman_exception_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe {
        set_callback(client, "gearman_client_set_exception_fn", |actions| {
            actions.exception_fn = function
        })
    }
}

/// Sets the callback that is called when a job has failed.
///
/// If `function` is NULL, there is no such callback. Tasks that were added before keep
/// their callbacks.
///
/// # Safety
/// `client` is NULL or a live client; `function` is NULL or a function of its declared
/// type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_fail_fn(
    client: *mut gearman_client_st,
    function: gearman_fail_fn,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe {
        set_callback(client, "gearman_client_set_fail_fn", |actions| actions.fail_fn = function)
    }
}

/// Removes all callbacks of the client.
///
/// Tasks that were added before keep their callbacks.
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
