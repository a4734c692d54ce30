//! `extension.h`: the hooks that an event loop needs to drive a worker without
//! threads, and what the library cannot know of the program's stacks.
//!
//! Must not: wait.

use super::frames::Block as _;
use super::types::*;
use super::worker_block::WorkerBlock;
use libc::c_int;

/// A descriptor that becomes readable when a non-blocking worker has something
/// to do. It belongs to the worker and may change after a fork; it must only be
/// waited for. -1 when there is none.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_poll_fd(worker: *mut gearman_worker_st) -> c_int {
    // SAFETY: the caller guarantees a live worker.
    unsafe { WorkerBlock::enter(worker).map(|b| (*b).guarded(-1, |engine| engine.poll_fd())) }
        .unwrap_or(-1)
}

/// Whether gearman_worker_work() can go on without anything new arriving: call
/// it before waiting for the descriptor.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_has_buffered_work(
    worker: *mut gearman_worker_st,
) -> bool {
    // SAFETY: the caller guarantees a live worker.
    unsafe { WorkerBlock::enter(worker).map(|b| (*b).guarded(false, |e| e.has_buffered_work())) }
        .unwrap_or(false)
}

/// Milliseconds after which gearman_worker_work() should be called even though
/// the descriptor did not become readable: the next deadline. -1 for none.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_next_timeout(
    worker: *mut gearman_worker_st,
) -> c_int {
    // SAFETY: the caller guarantees a live worker.
    let next = unsafe {
        WorkerBlock::enter(worker).and_then(|b| (*b).guarded(None, |engine| engine.next_timeout()))
    };
    // Rounded up: called early, it would only have to be called again.
    next.map_or(-1, |t| c_int::try_from(t.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX))
}

/// Says whether every function of the worker returns, as
/// gearman_client_set_callbacks_return() does for a client. Without it, and after
/// false, the job of a function that was left goes back to its server with the next
/// call.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_functions_return(
    worker: *mut gearman_worker_st,
    always: c_bool,
) {
    // SAFETY: the caller guarantees a live worker.
    unsafe {
        if let Some(block) = WorkerBlock::enter(worker) {
            (*block).frames().all_return = always != 0;
        }
    }
}
