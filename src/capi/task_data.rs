//! `task.h`: workloads and results of tasks.
//!
//! Must not: keep memory that was taken.

use super::cancellation;
use super::client_block::{ClientBlock, UNTICKETED};
use super::frames::Gone;
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

/// Gives the task a workload to send, before it is run. The memory becomes the
/// library's: it is freed with the task, by the client's workload free function.
///
/// # Safety
/// `task` is NULL or a live task; `workload` is readable for its size until the
/// task is freed, and nobody else frees it.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_give_workload(
    task: *mut gearman_task_st,
    workload: *const c_void,
    workload_size: usize,
) {
    // SAFETY: the caller guarantees all of it; the block is not touched after
    // the release of an earlier gift.
    cancellation::disabled(|| unsafe {
        let Some(block) = TaskBlock::peek(task) else { return };
        let (client, id) = (block.client, block.id);
        let before = std::mem::replace(&mut block.given, workload.cast_mut());
        let lent = Borrowed::new(workload.cast(), workload_size);
        (*client).guarded((), |engine| engine.replace_workload(id, lent));
        if !before.is_null() {
            // Neither task nor client is touched any more.
            let _ = (*client).hooks.release(client, UNTICKETED, before);
        }
    })
}

/// Sends a piece of the workload, from inside the task's workload callback.
/// Returns how many bytes went out, which in non-blocking mode may be fewer;
/// 0 and the code in `ret_ptr` on an error.
///
/// # Safety
/// `task` is NULL or a live task; `workload` is readable for its size; `ret_ptr`
/// is NULL or writable.
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

/// Receives a piece of the data that the task's callback was called for, with
/// GEARMAN_CLIENT_UNBUFFERED_RESULT on. Waits for at least one byte, unless in
/// non-blocking mode. Returns how many bytes came, 0 at the end of the data and
/// for a task whose data is in memory; 0 and the code in `ret_ptr` on an error.
///
/// # Safety
/// `task` is NULL or a live task; `data` is writable for its size; `ret_ptr` is
/// NULL or writable.
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

/// Reports a count or a code, and drains the log. Nothing is touched when the client
/// was freed meanwhile.
///
/// # Safety
/// `client` is live, unless it was freed, and not borrowed; `ret_ptr` is NULL or writable.
unsafe fn finish(
    client: *mut ClientBlock,
    outcome: Result<Result<usize, ReturnCode>, Gone<()>>,
    ret_ptr: *mut gearman_return_t,
) -> usize {
    let (count, code) = match outcome {
        Ok(Ok(count)) => (count, ReturnCode::SUCCESS),
        Ok(Err(code)) => (0, code),
        Err(Gone(())) => return 0,
    };
    // SAFETY: the callers guarantee both; the client is not touched after.
    unsafe {
        put(ret_ptr, code.into());
        let _ = ClientBlock::flush_log(client);
    }
    count
}

/// The data that the callback was called for, valid until it returns; NULL
/// without any.
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

/// The size in bytes of the data that the callback was called for.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_task_data_size(task: *const gearman_task_st) -> usize {
    // SAFETY: the caller guarantees a live task.
    unsafe { TaskBlock::task(task) }.map_or(0, |t| t.data_size)
}

/// Takes the data that the callback was called for: the caller frees it, with
/// `free` or as its allocator asks. NULL and 0 without any, NULL and its size for
/// data that gearman_task_recv_data() is to receive.
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
        // The size of data that is to be received shows here, too.
        put(data_size, std::mem::take(&mut found.data_size));
        found.data.take().map_or(ptr::null_mut(), |data| data.into_raw().cast())
    })
}

/// The collected result of a task of gearman_execute(), valid until the task is
/// freed; NULL for other tasks, and when the job returned nothing.
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
