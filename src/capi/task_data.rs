//! `task.h`: workloads, data and results of tasks.
//!
//! Must not: keep a pointer to memory that the program has taken.

use super::cancellation;
use super::client_block::{ClientBlock, UNTICKETED};
use super::frames::Freed;
use super::result::gearman_result_st;
use super::task_block::TaskBlock;
use super::text::{CStrArg, put};
use super::types::*;
use super::waiting::block_on;
use crate::buf::Borrowed;
use crate::engine::ReturnCode;
use crate::engine::client::Piece;
use crate::engine::link::Limit;
use libc::c_void;
use std::mem::MaybeUninit;
use std::ptr;

/// Gives a task its workload, before it is run.
///
/// `workload` has `workload_size` bytes. The memory then belongs to the library, which
/// frees it with the task, by the function of gearman_client_set_workload_free_fn(). If
/// another workload is given later, the earlier one is freed then. A task that is being
/// sent keeps the workload that was given before. One that no packet can hold is not
/// sent, and gearman_client_error_code() is `GEARMAN_ARGUMENT_TOO_LARGE`.
///
/// # Safety
/// `task` is NULL or a live task; `workload` is readable for `workload_size` bytes
/// until the task is freed, and freed by the library only.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_give_workload(
    task: *mut gearman_task_st,
    workload: *const c_void,
    workload_size: usize,
) {
    // SAFETY: the caller guarantees all of it; memory is released only if the task does not use
    // it, and the block is not touched after that.
    cancellation::disabled(|| unsafe {
        let Some(block) = TaskBlock::peek(task) else { return };
        let (client, id) = (block.client, block.id);
        let lent = Borrowed::new(workload.cast(), workload_size);
        let is_replaced = (*client).guarded(false, |engine| engine.replace_workload(id, lent));
        let unused = if is_replaced || block.given.is_null() {
            std::mem::replace(&mut block.given, workload.cast_mut())
        } else {
            // A part of the earlier workload may be sent.
            workload.cast_mut()
        };
        // The program may give the same memory twice.
        if !unused.is_null() && unused != block.given {
            // Neither task nor client is touched any more.
            let _ = (*client).hooks.release(client, UNTICKETED, unused);
        }
    })
}

/// Sends a piece of a task's workload, inside the callback of
/// gearman_client_set_workload_fn().
///
/// `workload` has `workload_size` bytes; it is only read. `ret_ptr`, unless NULL,
/// receives the code.
///
/// Returns the number of bytes that were sent, which in non-blocking mode may be fewer
/// than `workload_size`; 0 on an error.
///
/// # Errors
/// - `GEARMAN_IO_WAIT`: the client is in non-blocking mode and the connection takes no
///   bytes now.
/// - `GEARMAN_DATA_TOO_LARGE`: the piece has more bytes than are left of the size that
///   the task was added with.
/// - `GEARMAN_INVALID_ARGUMENT`: `task` is NULL, or no workload is due for it.
/// - `GEARMAN_TIMEOUT`: the server took no bytes within the timeout.
/// - `GEARMAN_LOST_CONNECTION`: the server closed the connection.
///
/// # Safety
/// `task` is NULL or a live task; `workload` is NULL or readable for `workload_size`
/// bytes; `ret_ptr` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_send_workload(
    task: *mut gearman_task_st,
    workload: *const c_void,
    workload_size: usize,
    ret_ptr: *mut gearman_return_t,
) -> usize {
    // SAFETY: the caller guarantees all of it.
    cancellation::point(|| unsafe {
        let Some(block) = TaskBlock::peek(task) else {
            put(ret_ptr, gearman_return_t::INVALID_ARGUMENT);
            return 0;
        };
        let (client, id) = (block.client, block.id);
        let bytes = workload.sized(workload_size);
        let mut piece = Piece::default();
        let broken = Err(ReturnCode::UNKNOWN_STATE);
        let sent = block_on(client, UNTICKETED, broken, |engine| {
            engine.poll_send_workload(id, bytes, &mut piece)
        });
        finish(client, sent, ret_ptr)
    })
}

/// Receives a piece of the data that a callback was called for.
///
/// It is for clients with the option `GEARMAN_CLIENT_UNBUFFERED_RESULT`, inside a
/// callback. It waits for at least one byte, unless the client is in non-blocking mode.
/// `data` has room for `data_size` bytes. `ret_ptr`, unless NULL, receives the code.
///
/// Returns the number of bytes that were received. 0 at the end of the data, for a task
/// whose data is in memory, and on an error.
///
/// # Errors
/// - `GEARMAN_IO_WAIT`: the client is in non-blocking mode and no byte has arrived.
/// - `GEARMAN_INVALID_ARGUMENT`: `task` is NULL or was not sent.
/// - `GEARMAN_TIMEOUT`: no byte arrived within the timeout.
/// - `GEARMAN_LOST_CONNECTION`: the server closed the connection.
///
/// # Safety
/// `task` is NULL or a live task; `data` is NULL or writable for `data_size` bytes;
/// `ret_ptr` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_recv_data(
    task: *mut gearman_task_st,
    data: *mut c_void,
    data_size: usize,
    ret_ptr: *mut gearman_return_t,
) -> usize {
    // SAFETY: the caller guarantees all of it.
    cancellation::point(|| unsafe {
        let Some(block) = TaskBlock::peek(task) else {
            put(ret_ptr, gearman_return_t::INVALID_ARGUMENT);
            return 0;
        };
        let (client, id) = (block.client, block.id);
        let space: &mut [MaybeUninit<u8>] = if data.is_null() || data_size == 0 {
            &mut []
        } else {
            std::slice::from_raw_parts_mut(data.cast(), data_size.min(isize::MAX as usize))
        };
        let mut limit = Limit::default();
        let broken = Err(ReturnCode::UNKNOWN_STATE);
        let got = block_on(client, UNTICKETED, broken, |engine| {
            engine.poll_recv_data(id, space, &mut limit)
        });
        finish(client, got, ret_ptr)
    })
}

/// Ends a call: stores its code, hands the log lines out and returns its count. If the
/// client was freed meanwhile, nothing is touched.
///
/// # Safety
/// `client` is live, unless it was freed, and not borrowed; `ret_ptr` is NULL or writable.
unsafe fn finish(
    client: *mut ClientBlock,
    outcome: Result<Result<usize, ReturnCode>, Freed<()>>,
    ret_ptr: *mut gearman_return_t,
) -> usize {
    let (count, code) = match outcome {
        Ok(Ok(count)) => (count, ReturnCode::SUCCESS),
        Ok(Err(code)) => (0, code),
        Err(Freed(())) => return 0,
    };
    // SAFETY: the callers guarantee both; the client is not touched after.
    unsafe {
        put(ret_ptr, code.into());
        let _ = ClientBlock::flush_log(client);
    }
    count
}

/// Gets the data that a callback was called for.
///
/// Returns the data, which belongs to the task and is valid until the callback returns;
/// gearman_task_data_size() gives its size. A NUL follows it, unless the memory is from the
/// function of gearman_client_set_workload_malloc_fn(). NULL without data and if `task` is NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_data(task: *const gearman_task_st) -> *const c_void {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }
        .and_then(|t| t.data.as_ref())
        .map_or(ptr::null(), |data| data.as_slice().as_ptr().cast())
}

/// Gets the size of the data that a callback was called for.
///
/// Returns the size in bytes; 0 if `task` is NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_data_size(task: *const gearman_task_st) -> usize {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.map_or(0, |t| t.data_size)
}

/// Takes the data that a callback was called for: it then belongs to the caller.
///
/// `data_size`, unless NULL, receives the size in bytes.
///
/// Returns the data, which the caller frees, with `free` or as the allocator of
/// gearman_client_set_workload_malloc_fn() needs it. NULL without data and if `task` is
/// NULL; NULL, with its size in `data_size`, for data that gearman_task_recv_data() is
/// to receive.
///
/// # Safety
/// `task` is NULL or a live task; `data_size` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_take_data(
    task: *mut gearman_task_st,
    data_size: *mut usize,
) -> *mut c_void {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        put(data_size, 0);
        let Some(block) = TaskBlock::peek(task) else { return ptr::null_mut() };
        let Some(found) = (*block.client).engine.task_mut(block.id) else { return ptr::null_mut() };
        // This is also the size of data that was not received yet.
        put(data_size, std::mem::take(&mut found.data_size));
        found.data.take().map_or(ptr::null_mut(), |data| data.into_raw().cast())
    })
}

/// Gets the result of a task of gearman_execute().
///
/// Returns the result, which belongs to the task; NULL for other tasks, if the job
/// returned no bytes, or if `task` is NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_result(
    task: *mut gearman_task_st,
) -> *mut gearman_result_st {
    // SAFETY: the caller guarantees a live task.
    cancellation::disabled(|| unsafe {
        let Some(block) = TaskBlock::peek(task) else { return ptr::null_mut() };
        let found = (*block.client).engine.task_mut(block.id);
        if let Some(bytes) = found.and_then(|t| t.result.take()) {
            let result = block.result.get_or_insert_default();
            let all = match result.take() {
                Some(mut before) => {
                    before.extend(bytes.as_slice()).and_then(|()| result.give(before))
                }
                None => result.give(bytes),
            };
            if all.is_err() {
                return ptr::null_mut();
            }
        }
        block.result.as_deref_mut().map_or(ptr::null_mut(), ptr::from_mut)
    })
}
