//! `task_attr.h`: iterating over the tasks of a client.

use super::task_block::TaskBlock;
use super::types::*;
use std::ptr;

/// Gets the task that was added to the same client after a given one.
///
/// An aggregator function gets the first task, and the others by this function.
///
/// Returns the next task; NULL after the last one and if `task` is NULL.
///
/// # Safety
/// `task` is NULL or a live task.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_next(task: *mut gearman_task_st) -> *mut gearman_task_st {
    // SAFETY: the caller guarantees a live task, and a token is a live block.
    unsafe {
        let Some(block) = TaskBlock::peek(task) else { return ptr::null_mut() };
        let engine = &(*block.client).engine;
        let next = engine.next_task(block.id).and_then(|id| engine.task(id));
        match next.map(|t| t.token.0.cast::<TaskBlock>()) {
            Some(next) if !next.is_null() => (*next).shell,
            _ => ptr::null_mut(),
        }
    }
}
