//! `client.h`: calls that wait for one job.
//!
//! Each adds a task that C never sees, runs until it is finished, and removes it.
//! Tasks that were queued before may be sent meanwhile, and their callbacks called; the
//! unfinished ones stay for the next run.
//!
//! Must not: return to C with its task in the client.

use super::cancellation;
use super::client_block::{BROKEN, ClientBlock, ClientEngine, UNTICKETED, UpcallPurpose};
use super::frames::Freed;
use super::text::CStrArg;
use super::types::*;
use super::waiting::block_on;
use crate::buf::{Borrowed, Owned};
use crate::engine::ReturnCode;
use crate::engine::client::{Awaited, AwaitedCall, NewTask, TaskBody, TaskRun, TaskStep};
use crate::engine::slab::SlabId;
use crate::engine::task::{Callbacks, Task, TaskKind, Token};
use crate::protocol::Command;
use gearman_engine::at;
use libc::{c_char, c_void};
use std::ptr;
use std::task::Poll;

/// The body that a workload pointer and a size describe; invalid if only one is given.
///
/// # Safety
/// As for [`Borrowed::new`].
pub(super) unsafe fn lent<'a>(workload: *const c_void, size: usize) -> TaskBody<'a> {
    if workload.is_null() != (size == 0) {
        return TaskBody::Invalid;
    }
    // SAFETY: the caller guarantees it.
    TaskBody::Lent(unsafe { Borrowed::new(workload.cast(), size) })
}

pub(super) fn submit<'a>(
    command: Command,
    function: &'a [u8],
    unique: &'a [u8],
    body: TaskBody<'a>,
) -> NewTask<'a> {
    NewTask {
        kind: TaskKind::Do,
        command,
        function,
        unique,
        body,
        epoch_seconds: 0,
        reducer: b"",
        callbacks: Callbacks::default(),
        token: Token::NONE,
    }
}

/// Adds a task, runs until it is finished, extracts from it what `take` returns, and
/// removes it. The code is the run's if that failed before the task ended, and the task's
/// otherwise.
///
/// # Errors
/// [`Freed`] if user code freed the client, and the task with it.
///
/// # Safety
/// `block` is live and not borrowed.
pub(super) unsafe fn run_single<R>(
    block: *mut ClientBlock,
    add: impl FnOnce(&mut ClientEngine) -> Result<SlabId, ReturnCode>,
    take: impl FnOnce(&mut Task) -> R,
) -> Result<(ReturnCode, Option<R>), Freed<ReturnCode>> {
    // SAFETY: the caller guarantees the block, which is live after every upcall that did
    // not return `Freed`.
    unsafe {
        match begin_single(block, add) {
            Ok((id, run, step)) => finish_single(block, id, run, step, take),
            Err(code) => Ok((code, None)),
        }
    }
}

/// Adds a single task and makes the first step of its run.
///
/// # Errors
/// The code of `add`.
///
/// # Safety
/// `block` is live and not borrowed.
unsafe fn begin_single(
    block: *mut ClientBlock,
    add: impl FnOnce(&mut ClientEngine) -> Result<SlabId, ReturnCode>,
) -> Result<(SlabId, TaskRun, Poll<TaskStep>), ReturnCode> {
    // SAFETY: the caller guarantees the block.
    unsafe { &mut *block }.guarded(Err(ReturnCode::UNKNOWN_STATE), |engine| {
        engine.link.error.reset();
        let id = add(engine)?;
        let mut run = engine.run_until(id);
        let step = engine.poll_step(&mut run);
        Ok((id, run, step))
    })
}

/// Continues a single task's run until it is finished, extracts from it what `take`
/// returns, and removes it.
///
/// # Errors
/// As for [`run_single`].
///
/// # Safety
/// `block` is live and not borrowed.
pub(super) unsafe fn finish_single<R>(
    block: *mut ClientBlock,
    id: SlabId,
    run: TaskRun,
    step: Poll<TaskStep>,
    take: impl FnOnce(&mut Task) -> R,
) -> Result<(ReturnCode, Option<R>), Freed<ReturnCode>> {
    // SAFETY: the caller guarantees the block, which is live after every upcall that did
    // not return `Freed`.
    unsafe {
        let code = ClientBlock::run_steps(block, run, step, Some(id))?;
        Ok(end_single(block, id, code, take))
    }
}

/// Extracts what `take` returns from a single task, of a run that ended with `code`, and
/// removes the task.
///
/// # Safety
/// `block` is live and not borrowed.
unsafe fn end_single<R>(
    block: *mut ClientBlock,
    id: SlabId,
    code: ReturnCode,
    take: impl FnOnce(&mut Task) -> R,
) -> (ReturnCode, Option<R>) {
    // SAFETY: the caller guarantees the block.
    unsafe { &mut *block }.guarded((ReturnCode::UNKNOWN_STATE, None), |engine| {
        let Some(mut task) = engine.remove_task(id) else { return (code, None) };
        let ended = match task.code {
            ReturnCode::UNKNOWN_STATE | ReturnCode::COULD_NOT_CONNECT => code,
            ended => ended,
        };
        let taken = take(&mut task);
        engine.recycle(task);
        (ended, Some(taken))
    })
}

/// The outcome of a finished foreground job.
struct Collected {
    code: ReturnCode,
    result: Option<Owned>,
    out_of_memory: bool,
    /// What the hook has allocated for the result, if one is set.
    room: Option<*mut c_void>,
}

impl Collected {
    /// The outcome of a job that ended with `code`, and with `result`.
    fn new(code: ReturnCode, result: Option<Owned>) -> Collected {
        Collected { code, result, out_of_memory: false, room: None }
    }
}

/// Submits a foreground job and waits until it has ended.
///
/// # Errors
/// [`Freed`] if user code freed the client.
///
/// # Safety
/// `block` is live and not borrowed.
unsafe fn await_job(
    block: *mut ClientBlock,
    new: &NewTask<'_>,
) -> Result<Collected, Freed<ReturnCode>> {
    // SAFETY: the caller guarantees the block, which is live after every wait and upcall that
    // did not return `Freed`.
    unsafe {
        (*block).engine.link.error.reset();
        let mut call = AwaitedCall::default();
        let broken = Err(ReturnCode::UNKNOWN_STATE);
        let awaited =
            block_on(block, UNTICKETED, broken, |engine| engine.poll_awaited(&mut call, new))
                .map_err(|Freed(())| Freed(ReturnCode::SUCCESS))?;
        match awaited {
            Err(code) => Ok(Collected::new(code, None)),
            Ok(Awaited::Complete) => {
                Ok(Collected::new(ReturnCode::SUCCESS, (*block).engine.take_result()))
            }
            Ok(Awaited::Task(id, mut run)) => {
                let step = (*block).guarded(BROKEN, |engine| engine.poll_step(&mut run));
                let code = ClientBlock::run_steps(block, run, step, Some(id))?;
                let room = make_room(block, id)?;
                let take = |task: &mut Task| (task.result.take(), task.out_of_memory);
                let (code, taken) = end_single(block, id, code, take);
                let (result, out_of_memory) = taken.unwrap_or_default();
                Ok(Collected { code, result, out_of_memory, room })
            }
        }
    }
}

/// Submits a foreground job, waits, and hands out its result.
///
/// # Safety
/// As for gearman_client_do().
unsafe fn run_job(
    client: *mut gearman_client_st,
    command: Command,
    (function, unique): (*const c_char, *const c_char),
    (workload, size): (*const c_void, usize),
    result_size: *mut usize,
    ret_ptr: *mut gearman_return_t,
) -> *mut c_void {
    let (mut unused_size, mut unused_code) = (0, gearman_return_t::SUCCESS);
    let result_size = if result_size.is_null() { &raw mut unused_size } else { result_size };
    let ret_ptr = if ret_ptr.is_null() { &raw mut unused_code } else { ret_ptr };
    // SAFETY: the caller guarantees a live client, strings, and a workload that
    // is readable until this returns; both out-pointers are writable.
    unsafe {
        *result_size = 0;
        let Some(block) = ClientBlock::enter(client) else {
            *ret_ptr = gearman_return_t::INVALID_ARGUMENT;
            return ptr::null_mut();
        };
        let new = submit(command, function.bytes(), unique.bytes(), lent(workload, size));
        let outcome = match await_job(block, &new) {
            Ok(outcome) => outcome,
            Err(Freed(code)) => {
                *ret_ptr = code.into();
                return ptr::null_mut();
            }
        };
        let mut code = outcome.code;
        let mut result = ptr::null_mut();
        if !code.failed() {
            match hand_out(outcome) {
                Some((pointer, size)) => {
                    result = pointer;
                    *result_size = size;
                }
                None => {
                    let text = "custom workload_fn failed to allocate memory";
                    let error = &mut (*block).engine.link.error;
                    code = ReturnCode::MEMORY_ALLOCATION_FAILURE;
                    error.set(code, at!("gearman_client_do"), text);
                }
            }
        }
        if code.failed() && (*block).engine.link.error.code() != code {
            (*block).engine.link.error.set_named(code);
        }
        *ret_ptr = code.into();
        // The client is not touched any more, whatever the log function does.
        let _ = ClientBlock::flush_log(block);
        result
    }
}

/// Allocates memory for the result of a finished job and a NUL by the hook, if one is set.
/// The task keeps the result meanwhile.
///
/// # Errors
/// [`Freed`] if the hook freed the client.
///
/// # Safety
/// `block` is live and not borrowed.
unsafe fn make_room(
    block: *mut ClientBlock,
    id: SlabId,
) -> Result<Option<*mut c_void>, Freed<ReturnCode>> {
    // SAFETY: the caller guarantees the block.
    unsafe {
        let hooks = (*block).hooks;
        let task = (*block).engine.task(id).filter(|task| task.code == ReturnCode::SUCCESS);
        let size = task.and_then(|task| task.result.as_ref()).map_or(0, Owned::len);
        if hooks.malloc.is_none() || size == 0 {
            return Ok(None);
        }
        let room = hooks.allocate(block, UpcallPurpose::waiting_for(id), size + 1);
        room.map(Some).map_err(|Freed(())| Freed(ReturnCode::SUCCESS))
    }
}

/// The memory of a finished job's result, which then belongs to the caller, and its size.
/// None if no memory was available for it.
///
/// # Safety
/// The room of `outcome`, if the hook was called, is NULL or has room for the result and a NUL.
unsafe fn hand_out(outcome: Collected) -> Option<(*mut c_void, usize)> {
    let Collected { result, out_of_memory, room, .. } = outcome;
    if out_of_memory {
        return None;
    }
    let Some(bytes) = result.filter(|bytes| !bytes.is_empty()) else {
        return Some((ptr::null_mut(), 0));
    };
    let size = bytes.len();
    match room {
        None => Some((bytes.into_raw().cast(), size)),
        Some(room) if room.is_null() => None,
        Some(room) => {
            // SAFETY: the caller guarantees the room.
            unsafe {
                ptr::copy_nonoverlapping(bytes.as_ptr(), room.cast(), size);
                room.cast::<u8>().add(size).write(0);
            }
            Some((room, size))
        }
    }
}

/// Submits a job, waits until it has ended, and returns its result.
///
/// The priority of the job is normal. The function waits in non-blocking mode too. The
/// name of the job's function is `function_name`. `unique` identifies the job: a server
/// that has a job of the same function and unique id attaches the client to that one.
/// If `unique` is NULL or empty, the library makes one; if it is "#", it is replaced
/// with a hash of the workload. `workload` has `workload_size` bytes; it is only read.
/// `result_size` and `ret_ptr` receive the size of the result in bytes and the code;
/// either may be NULL.
///
/// Tasks that were added before may be sent meanwhile, and their callbacks called.
///
/// Returns the result: all the data that the job sent, and its final result. The caller
/// frees it, with `free` or as the allocator of gearman_client_set_workload_malloc_fn()
/// needs it. Returns NULL, with `GEARMAN_SUCCESS` in `ret_ptr`, if the job returned no
/// bytes, and NULL with another code on an error. `GEARMAN_WORK_DATA`,
/// `GEARMAN_WORK_STATUS` and `GEARMAN_PAUSE` are never returned, so one call is enough.
///
/// # Errors
/// - `GEARMAN_WORK_FAIL`: the job failed.
/// - `GEARMAN_WORK_EXCEPTION`: the job raised an exception.
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
/// - `GEARMAN_MEMORY_ALLOCATION_FAILURE`: there is no memory for the result.
///
/// # Safety
/// `client` is NULL or a live client; `function_name` and `unique` are NULL or
/// NUL-terminated; `workload` is NULL or readable for `workload_size` bytes until the
/// function returns; `result_size` and `ret_ptr` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_do(
    client: *mut gearman_client_st,
    function_name: *const c_char,
    unique: *const c_char,
    workload: *const c_void,
    workload_size: usize,
    result_size: *mut usize,
    ret_ptr: *mut gearman_return_t,
) -> *mut c_void {
    let (names, workload) = ((function_name, unique), (workload, workload_size));
    // SAFETY: the caller guarantees all of it.
    unsafe {
        cancellation::disabled(|| {
            run_job(client, Command::SubmitJob, names, workload, result_size, ret_ptr)
        })
    }
}

/// Like gearman_client_do(), with high priority.
///
/// # Safety
/// As for gearman_client_do().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_do_high(
    client: *mut gearman_client_st,
    function_name: *const c_char,
    unique: *const c_char,
    workload: *const c_void,
    workload_size: usize,
    result_size: *mut usize,
    ret_ptr: *mut gearman_return_t,
) -> *mut c_void {
    let (names, workload) = ((function_name, unique), (workload, workload_size));
    // SAFETY: the caller guarantees all of it.
    unsafe {
        cancellation::disabled(|| {
            run_job(client, Command::SubmitJobHigh, names, workload, result_size, ret_ptr)
        })
    }
}

/// Like gearman_client_do(), with low priority.
///
/// # Safety
/// As for gearman_client_do().
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_do_low(
    client: *mut gearman_client_st,
    function_name: *const c_char,
    unique: *const c_char,
    workload: *const c_void,
    workload_size: usize,
    result_size: *mut usize,
    ret_ptr: *mut gearman_return_t,
) -> *mut c_void {
    let (names, workload) = ((function_name, unique), (workload, workload_size));
    // SAFETY: the caller guarantees all of it.
    unsafe {
        cancellation::disabled(|| {
            run_job(client, Command::SubmitJobLow, names, workload, result_size, ret_ptr)
        })
    }
}
