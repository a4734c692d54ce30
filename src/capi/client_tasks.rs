//! `client.h`: adding tasks, which run concurrently.
//!
//! Must not: send anything before the next run.

use super::cancellation;
use super::client_block::{ClientBlock, UpcallPurpose, callbacks_of};
use super::task_block::TaskBlock;
use super::text::{CStrArg, put};
use super::types::*;
use crate::buf::Borrowed;
use crate::engine::ReturnCode;
use crate::engine::client::{NewTask, TaskBody};
use crate::engine::slab::SlabId;
use crate::engine::task::{Callbacks, TaskKind, Token};
use crate::protocol::Command;
use gearman_engine::at;
use libc::{c_char, c_void};
use std::ptr;
use std::rc::Rc;

/// Makes a task block, adds its task by `add`, and moves it into the program's shell.
///
/// # Errors
/// The code of the call; SUCCESS if user code has freed the task before the call returns.
///
/// # Safety
/// `client` is NULL or a live client, `shell` NULL or writable memory that is not a
/// live task, `ret_ptr` NULL or writable. Cancellation is disabled: making a unique id is
/// a cancellation point.
pub(super) unsafe fn add(
    client: *mut gearman_client_st,
    shell: *mut gearman_task_st,
    context: *mut c_void,
    ret_ptr: *mut gearman_return_t,
    actions: Option<Rc<gearman_actions_t>>,
    workload: (*const c_void, usize),
    add: impl FnOnce(
        &mut super::client_block::ClientEngine,
        Callbacks,
        Token,
    ) -> Result<SlabId, ReturnCode>,
) -> Result<*mut TaskBlock, gearman_return_t> {
    // SAFETY: the caller guarantees all of it.
    unsafe {
        let Some(block) = ClientBlock::enter(client) else {
            put(ret_ptr, gearman_return_t::INVALID_ARGUMENT);
            return Err(gearman_return_t::INVALID_ARGUMENT);
        };
        let actions = actions.unwrap_or_else(|| (*block).actions.clone());
        let callbacks = callbacks_of(&actions);
        // A shell of the program is written to only after the task was added.
        let task = TaskBlock::create(block, context, actions);
        let added = (*block).guarded(Err(ReturnCode::UNKNOWN_STATE), |engine| {
            add(engine, callbacks, TaskBlock::token(task))
        });
        let code = match added {
            Ok(id) => {
                (*task).id = id;
                if let Err(code) = keep_workload(task, workload) {
                    put(ret_ptr, code);
                    return Err(code);
                }
                (*task).move_to(shell);
                ReturnCode::SUCCESS
            }
            Err(code) => {
                if (*block).broken {
                    // The engine may know the task, and its block is freed with the client.
                    (*task).context = ptr::null_mut();
                } else {
                    TaskBlock::discard(task);
                }
                code
            }
        };
        put(ret_ptr, code.into());
        match (ClientBlock::flush_log(block), added) {
            // The log function or the free hook may have freed the task.
            (Ok(()), Ok(id)) if (*block).engine.task(id).is_some() => Ok(task),
            _ => Err(code.into()),
        }
    }
}

/// Copies a new task's workload into memory of the client's hooks, if they are set; the
/// task sends it from there. If the hook returns no memory, or has run the task, the task is
/// freed: it would go on sending the caller's bytes.
///
/// # Errors
/// `MEMORY_ALLOCATION_FAILURE`, also when the hook freed the client.
///
/// # Safety
/// `task` was just added; `workload` is readable for its size.
unsafe fn keep_workload(
    task: *mut TaskBlock,
    (workload, size): (*const c_void, usize),
) -> Result<(), gearman_return_t> {
    const FAILED: gearman_return_t = gearman_return_t::MEMORY_ALLOCATION_FAILURE;
    // SAFETY: the caller guarantees both; the task is touched again only if the hook freed
    // neither it nor its client.
    unsafe {
        let (client, id) = ((*task).client, (*task).id);
        let hooks = (*client).hooks;
        if !hooks.any() || size == 0 || workload.is_null() {
            return Ok(());
        }
        // Until the copy is made the task has the caller's bytes: if the hook is left by a
        // jump, the task is removed.
        let purpose = UpcallPurpose::waiting_for(id);
        let memory = hooks.allocate(client, purpose, size).map_err(|_| FAILED)?;
        if !memory.is_null() {
            if (*client).engine.task(id).is_some() {
                // The hook may have returned the memory that the program's bytes are in.
                ptr::copy(workload.cast::<u8>(), memory.cast(), size);
                let lent = Borrowed::new(memory.cast(), size);
                if (*client).guarded(false, |engine| engine.replace_workload(id, lent)) {
                    (*task).given = memory;
                    return Ok(());
                }
            }
            hooks.release(client, purpose, memory).map_err(|_| FAILED)?;
        }
        if (*client).engine.task(id).is_some() && TaskBlock::free(task).is_ok() {
            let error = &mut (*client).engine.link.error;
            error.set(ReturnCode::MEMORY_ALLOCATION_FAILURE, at!("add_task"), "no memory");
            let _ = ClientBlock::flush_log(client);
        }
        Err(FAILED)
    }
}

/// Adds a job, for the six functions that do.
///
/// # Safety
/// As for gearman_client_add_task().
unsafe fn add_job(
    client: *mut gearman_client_st,
    (shell, context): (*mut gearman_task_st, *mut c_void),
    command: Command,
    (function, unique): (*const c_char, *const c_char),
    (workload, size): (*const c_void, usize),
    ret_ptr: *mut gearman_return_t,
) -> *mut gearman_task_st {
    // SAFETY: the caller guarantees a live client, the strings, and a readable workload.
    cancellation::disabled(|| unsafe {
        let (function, unique) = (function.bytes(), unique.bytes());
        let streamable = ClientBlock::peek(client).is_some_and(|b| b.actions.workload_fn.is_some());
        let hooked = ClientBlock::peek(client).is_some_and(|b| b.hooks.any());
        let body = match (workload.is_null(), size) {
            (false, 1..) if hooked => TaskBody::Lent(Borrowed::new(workload.cast(), size)),
            (true, 0) => TaskBody::Copy(b""),
            (true, size) if streamable => TaskBody::Streamed(size),
            (true, _) | (false, 0) => TaskBody::Invalid,
            (false, size) => TaskBody::Copy(workload.sized(size)),
        };
        let kept = (workload, size);
        let task = add(client, shell, context, ret_ptr, None, kept, |engine, callbacks, token| {
            engine.add(&NewTask {
                kind: TaskKind::Add,
                command,
                function,
                unique,
                body,
                epoch_seconds: 0,
                reducer: b"",
                callbacks,
                token,
            })
        });
        task.map_or(ptr::null_mut(), |task| (*task).shell)
    })
}

/// Adds a task for a foreground job of normal priority; gearman_client_run_tasks()
/// sends it.
///
/// `task` is memory for the task, or NULL for memory of the library. `context` is a
/// pointer of the program, which gearman_task_context() returns. `function_name` and
/// `unique` are as for gearman_client_do(). `workload` has `workload_size` bytes, which
/// are copied. If gearman_client_set_workload_fn() has set a function and `workload` is
/// NULL, that function sends the `workload_size` bytes. The task gets the callbacks
/// that the client has now. `ret_ptr`, unless NULL, receives the code.
///
/// Returns the task, or NULL on an error. Free the task with gearman_task_free(),
/// unless `GEARMAN_CLIENT_FREE_TASKS` is on.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL; `function_name` is NULL, empty or
///   longer than 512 bytes; `unique` is longer than 64 bytes; or only one of `workload`
///   and `workload_size` is given.
/// - `GEARMAN_ARGUMENT_TOO_LARGE`: `workload_size` is more than a packet can hold.
/// - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the workload.
///
/// # Safety
/// `client` is NULL or a live client; `task` is NULL or writable memory that is not a
/// live task; `function_name` and `unique` are NULL or NUL-terminated; `workload` is
/// NULL or readable for `workload_size` bytes; `ret_ptr` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_add_task(
    client: *mut gearman_client_st,
    task: *mut gearman_task_st,
    context: *mut c_void,
    function_name: *const c_char,
    unique: *const c_char,
    workload: *const c_void,
    workload_size: usize,
    ret_ptr: *mut gearman_return_t,
) -> *mut gearman_task_st {
    let (names, workload) = ((function_name, unique), (workload, workload_size));
    // SAFETY: the caller guarantees all of it.
    unsafe { add_job(client, (task, context), Command::SubmitJob, names, workload, ret_ptr) }
}

/// Like gearman_client_add_task(), with high priority.
///
/// # Safety
/// As for gearman_client_add_task().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_add_task_high(
    client: *mut gearman_client_st,
    task: *mut gearman_task_st,
    context: *mut c_void,
    function_name: *const c_char,
    unique: *const c_char,
    workload: *const c_void,
    workload_size: usize,
    ret_ptr: *mut gearman_return_t,
) -> *mut gearman_task_st {
    let (names, workload) = ((function_name, unique), (workload, workload_size));
    // SAFETY: the caller guarantees all of it.
    unsafe { add_job(client, (task, context), Command::SubmitJobHigh, names, workload, ret_ptr) }
}

/// Like gearman_client_add_task(), with low priority.
///
/// # Safety
/// As for gearman_client_add_task().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_add_task_low(
    client: *mut gearman_client_st,
    task: *mut gearman_task_st,
    context: *mut c_void,
    function_name: *const c_char,
    unique: *const c_char,
    workload: *const c_void,
    workload_size: usize,
    ret_ptr: *mut gearman_return_t,
) -> *mut gearman_task_st {
    let (names, workload) = ((function_name, unique), (workload, workload_size));
    // SAFETY: the caller guarantees all of it.
    unsafe { add_job(client, (task, context), Command::SubmitJobLow, names, workload, ret_ptr) }
}

/// Adds a task for a background job of normal priority; gearman_client_run_tasks()
/// sends it.
///
/// The arguments are those of gearman_client_add_task(). The task is finished when a
/// server has queued the job; gearman_task_job_handle() then gives its handle.
///
/// Returns the task, or NULL on an error. Free the task with gearman_task_free(),
/// unless `GEARMAN_CLIENT_FREE_TASKS` is on.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL; `function_name` is NULL, empty or
///   longer than 512 bytes; `unique` is longer than 64 bytes; or only one of `workload`
///   and `workload_size` is given.
/// - `GEARMAN_ARGUMENT_TOO_LARGE`: `workload_size` is more than a packet can hold.
/// - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the workload.
///
/// # Safety
/// `client` is NULL or a live client; `task` is NULL or writable memory that is not a
/// live task; `function_name` and `unique` are NULL or NUL-terminated; `workload` is
/// NULL or readable for `workload_size` bytes; `ret_ptr` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_add_task_background(
    client: *mut gearman_client_st,
    task: *mut gearman_task_st,
    context: *mut c_void,
    function_name: *const c_char,
    unique: *const c_char,
    workload: *const c_void,
    workload_size: usize,
    ret_ptr: *mut gearman_return_t,
) -> *mut gearman_task_st {
    let (names, workload) = ((function_name, unique), (workload, workload_size));
    // SAFETY: the caller guarantees all of it.
    unsafe { add_job(client, (task, context), Command::SubmitJobBg, names, workload, ret_ptr) }
}

/// Like gearman_client_add_task_background(), with high priority.
///
/// # Safety
/// As for gearman_client_add_task_background().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_add_task_high_background(
    client: *mut gearman_client_st,
    task: *mut gearman_task_st,
    context: *mut c_void,
    function_name: *const c_char,
    unique: *const c_char,
    workload: *const c_void,
    workload_size: usize,
    ret_ptr: *mut gearman_return_t,
) -> *mut gearman_task_st {
    let (names, workload) = ((function_name, unique), (workload, workload_size));
    // SAFETY: the caller guarantees all of it.
    unsafe { add_job(client, (task, context), Command::SubmitJobHighBg, names, workload, ret_ptr) }
}

/// Like gearman_client_add_task_background(), with low priority.
///
/// # Safety
/// As for gearman_client_add_task_background().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_add_task_low_background(
    client: *mut gearman_client_st,
    task: *mut gearman_task_st,
    context: *mut c_void,
    function_name: *const c_char,
    unique: *const c_char,
    workload: *const c_void,
    workload_size: usize,
    ret_ptr: *mut gearman_return_t,
) -> *mut gearman_task_st {
    let (names, workload) = ((function_name, unique), (workload, workload_size));
    // SAFETY: the caller guarantees all of it.
    unsafe { add_job(client, (task, context), Command::SubmitJobLowBg, names, workload, ret_ptr) }
}

/// Adds a task that asks for the state of a job, by its handle.
///
/// The answer arrives with the callback of gearman_client_set_status_fn() and stays
/// with the task: see gearman_task_is_known(), gearman_task_is_running(),
/// gearman_task_numerator() and gearman_task_denominator(). `task` is memory for the
/// task, or NULL for memory of the library. `context` is a pointer of the program,
/// which gearman_task_context() returns. `job_handle` is the handle of the job.
/// `ret_ptr`, unless NULL, receives the code.
///
/// Returns the task, or NULL on an error. Free the task with gearman_task_free(),
/// unless `GEARMAN_CLIENT_FREE_TASKS` is on.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `client` or `job_handle` is NULL.
///
/// # Safety
/// `client` is NULL or a live client; `task` is NULL or writable memory that is not a
/// live task; `job_handle` is NULL or NUL-terminated; `ret_ptr` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_add_task_status(
    client: *mut gearman_client_st,
    task: *mut gearman_task_st,
    context: *mut c_void,
    job_handle: *const c_char,
    ret_ptr: *mut gearman_return_t,
) -> *mut gearman_task_st {
    // SAFETY: the caller guarantees all of it.
    cancellation::disabled(|| unsafe {
        if job_handle.is_null() {
            put(ret_ptr, gearman_return_t::INVALID_ARGUMENT);
            return ptr::null_mut();
        }
        let handle = job_handle.bytes();
        let task = add(
            client,
            task,
            context,
            ret_ptr,
            None,
            (ptr::null(), 0),
            |engine, callbacks, token| {
                Ok(engine.add_status(handle, TaskKind::Add, callbacks, token))
            },
        );
        task.map_or(ptr::null_mut(), |task| (*task).shell)
    })
}

/// Adds a task that asks for the state of a job, by its unique id.
///
/// The answer arrives as for gearman_client_add_task_status(). `task` is memory for the
/// task, or NULL for memory of the library. `unique` is the unique id of the job.
/// `ret_ptr`, unless NULL, receives the code.
///
/// Returns the task, or NULL on an error. Free the task with gearman_task_free(),
/// unless `GEARMAN_CLIENT_FREE_TASKS` is on.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `client` or `unique` is NULL, or `unique` is longer
///   than 64 bytes.
///
/// # Safety
/// `client` is NULL or a live client; `task` is NULL or writable memory that is not a
/// live task; `unique` is NULL or NUL-terminated; `ret_ptr` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_add_task_status_by_unique(
    client: *mut gearman_client_st,
    task: *mut gearman_task_st,
    unique: *const c_char,
    ret_ptr: *mut gearman_return_t,
) -> *mut gearman_task_st {
    // SAFETY: the caller guarantees all of it.
    cancellation::disabled(|| unsafe {
        if unique.is_null() {
            put(ret_ptr, gearman_return_t::INVALID_ARGUMENT);
            return ptr::null_mut();
        }
        let unique = unique.bytes();
        let context = ptr::null_mut();
        let task = add(
            client,
            task,
            context,
            ret_ptr,
            None,
            (ptr::null(), 0),
            |engine, callbacks, token| {
                engine.add_status_by_unique(unique, TaskKind::Add, callbacks, token)
            },
        );
        task.map_or(ptr::null_mut(), |task| (*task).shell)
    })
}
