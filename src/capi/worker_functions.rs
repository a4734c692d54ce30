//! `worker.h`: the functions that a worker offers.
//!
//! Nothing is sent here: servers are told by the next call that requests jobs.
//!
//! Must not: call a function.

use super::cancellation;
use super::text::CStrArg;
use super::types::*;
use super::worker_block::{Definition, JobFunction, WorkerBlock};
use crate::engine::ReturnCode;
use crate::protocol::limits::FUNCTION_MAX_SIZE;
use gearman_engine::at;
use libc::{c_char, c_void};

/// Offers a function whose jobs the program gets with gearman_worker_grab_job().
///
/// The servers are told with the next call that asks for jobs. `function_name` has at
/// most 512 bytes. `timeout` is the time in milliseconds after which the server gives
/// an unfinished job to another worker; 0 is no limit.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL, or `function_name` is NULL, empty or
///   too long.
///
/// # Safety
/// `worker` is NULL or a live worker; `function_name` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_register(
    worker: *mut gearman_worker_st,
    function_name: *const c_char,
    timeout: u32,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let code = add(block, function_name.bytes(), timeout, None);
        WorkerBlock::leave(block, code)
    })
}

/// Withdraws a function, with all that were added under the same name.
///
/// The servers are told with the next call that asks for jobs.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_NO_REGISTERED_FUNCTION`: the worker does not offer `function_name`.
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker; `function_name` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_unregister(
    worker: *mut gearman_worker_st,
    function_name: *const c_char,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let this = &mut *block;
        let name = function_name.bytes();
        let code = this.guarded(ReturnCode::UNKNOWN_STATE, |engine| {
            engine.remove_function(name).err().unwrap_or_default()
        });
        if !code.failed() {
            let (definitions, engine) = (&mut this.definitions, &this.engine);
            definitions.retain(|definition| engine.has_token(definition.token));
            this.changed = true;
        }
        WorkerBlock::leave(block, code)
    })
}

/// Withdraws all functions of the worker.
///
/// The servers are told with the next call that asks for jobs.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_NO_REGISTERED_FUNCTIONS`: the worker offers no function.
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_unregister_all(
    worker: *mut gearman_worker_st,
) -> gearman_return_t {
    // SAFETY: the caller guarantees a live worker.
    cancellation::disabled(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let this = &mut *block;
        let code = this.guarded(ReturnCode::UNKNOWN_STATE, |engine| {
            engine.remove_all_functions().err().unwrap_or_default()
        });
        if !code.failed() {
            this.definitions.clear();
            this.changed = true;
        }
        WorkerBlock::leave(block, code)
    })
}

/// Tells whether the worker offers a function.
///
/// `function_name` has `function_length` bytes.
///
/// Returns true if it is offered; false if it is not or `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker; `function_name` is NULL or readable for
/// `function_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_function_exist(
    worker: *mut gearman_worker_st,
    function_name: *const c_char,
    function_length: usize,
) -> bool {
    // SAFETY: the caller guarantees both.
    unsafe {
        let name = function_name.name(function_length, FUNCTION_MAX_SIZE);
        WorkerBlock::peek(worker).is_some_and(|b| b.engine.has_function(name))
    }
}

/// Offers a function that returns its result.
///
/// The servers are told with the next call that asks for jobs. `function_name` has at
/// most 512 bytes; a function that was added before under this name is not called any
/// more. `timeout` is the time in milliseconds after which the server gives an
/// unfinished job to another worker; 0 is no limit. `function` is called with a job and
/// `context`. It returns its result in memory that the library frees, with the function
/// of gearman_worker_set_workload_free_fn(), and stores the size of the result and its
/// code: `GEARMAN_SUCCESS` completes the job. `GEARMAN_SHUTDOWN` does too, and
/// gearman_worker_work() returns it. `GEARMAN_LOST_CONNECTION` gives the job back to
/// the server, and any other code fails it. gearman_worker_define_function() takes
/// functions of other kinds.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` or `function` is NULL, or `function_name` is
///   NULL, empty or too long.
///
/// # Safety
/// `worker` is NULL or a live worker; `function_name` is NULL or NUL-terminated;
/// `function` is NULL or a function of its declared type.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_add_function(
    worker: *mut gearman_worker_st,
    function_name: *const c_char,
    timeout: u32,
    function: gearman_worker_fn,
    context: *mut c_void,
) -> gearman_return_t {
    // SAFETY: the caller guarantees all of it.
    cancellation::disabled(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let at = at!("gearman_worker_add_function");
        let code = if function_name.is_null() {
            refuse(block, at, "function name not given")
        } else if let Some(function) = function {
            add(block, function_name.bytes(), timeout, Some((JobFunction::V1(function), context)))
        } else {
            refuse(block, at, "function not given")
        };
        WorkerBlock::leave(block, code)
    })
}

/// Offers a function of any kind.
///
/// The servers are told with the next call that asks for jobs. `function_name` has
/// `function_name_length` bytes, at most 512; a function that was added before under
/// this name is not called any more. `function` is what gearman_function_create(),
/// gearman_function_create_v1(), gearman_function_create_v2() or
/// gearman_function_create_partition() returned; it is called with a job and `context`.
/// `timeout` is the time in milliseconds after which the server gives an unfinished job
/// to another worker; 0 is no limit.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL, `function` has no function or an
///   unknown kind, or `function_name` is empty or too long.
///
/// # Safety
/// `worker` is NULL or a live worker; `function_name` is NULL or readable for
/// `function_name_length` bytes; `function` was made by one of the functions named
/// above.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_define_function(
    worker: *mut gearman_worker_st,
    function_name: *const c_char,
    function_name_length: usize,
    function: gearman_function_t,
    timeout: u32,
    context: *mut c_void,
) -> gearman_return_t {
    // SAFETY: the caller guarantees all of it; `kind` names the member.
    cancellation::disabled(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let name = function_name.name(function_name_length, FUNCTION_MAX_SIZE);
        let at = at!("gearman_worker_define_function");
        let run = match function.kind {
            gearman_function_kind_t::V1 => function.callback.function_v1.func.map(JobFunction::V1),
            gearman_function_kind_t::V2 => function.callback.function_v2.func.map(JobFunction::V2),
            gearman_function_kind_t::PARTITION => {
                let partitioner = function.callback.partitioner;
                partitioner.func.map(|func| JobFunction::Partition(func, partitioner.aggregator))
            }
            _ => None,
        };
        let code = if name.is_empty() {
            refuse(block, at, "function name not given")
        } else if function.kind == gearman_function_kind_t::NULL {
            add(block, name, timeout, None)
        } else if let Some(run) = run {
            add(block, name, timeout, Some((run, context)))
        } else {
            refuse(block, at, "function not given")
        };
        WorkerBlock::leave(block, code)
    })
}

/// Sets the worker's error for an invalid argument.
///
/// # Safety
/// `block` is live and not borrowed.
unsafe fn refuse(block: *mut WorkerBlock, at: crate::engine::error::At, text: &str) -> ReturnCode {
    // SAFETY: the caller guarantees a live block that is not borrowed.
    unsafe { (*block).engine.link.error.set(ReturnCode::INVALID_ARGUMENT, at, text) }
}

unsafe fn add(
    block: *mut WorkerBlock,
    name: &[u8],
    timeout: u32,
    run: Option<(JobFunction, *mut c_void)>,
) -> ReturnCode {
    // SAFETY: the caller guarantees a live block that is not borrowed.
    let this = unsafe { &mut *block };
    this.last_token += 1;
    let token = this.last_token;
    let added = this.guarded(Err(ReturnCode::UNKNOWN_STATE), |engine| {
        engine.add_function(name, timeout, run.map(|_| token))
    });
    if let Err(code) = added {
        return code;
    }
    if let Some((run, context)) = run {
        this.definitions.push(Definition { token, run, context });
    }
    this.changed = true;
    ReturnCode::SUCCESS
}
