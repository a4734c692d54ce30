//! `extension.h`: additions to the original's API for workers: the functions by which an
//! event loop drives a worker without threads, and the declaration that functions return.
//!
//! Must not: wait.

use super::cancellation;
use super::frames::Block as _;
use super::types::*;
use super::worker_block::WorkerBlock;
use libc::c_int;

/// Gets the descriptor that becomes readable when a non-blocking worker can make
/// progress.
///
/// It is for event loops: wait until the descriptor is readable, then call
/// gearman_worker_work(). Do not read from it or close it. Ask for it before every
/// wait: it may change after a fork.
///
/// Returns the descriptor, which belongs to the worker; -1 if it cannot be made or
/// `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_poll_fd(worker: *mut gearman_worker_st) -> c_int {
    // SAFETY: the caller guarantees a live worker.
    cancellation::disabled(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else { return -1 };
        (*block).guarded(-1, |engine| engine.poll_fd())
    })
}

/// Tells whether gearman_worker_work() can make progress without waiting.
///
/// Call it before every wait for the descriptor of gearman_worker_poll_fd(): packets
/// that were received already do not make the descriptor readable.
///
/// Returns true if the worker has such a packet; false if it has not or `worker` is
/// NULL.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_has_buffered_work(
    worker: *mut gearman_worker_st,
) -> bool {
    // SAFETY: the caller guarantees a live worker.
    cancellation::disabled(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else { return false };
        (*block).guarded(false, |engine| engine.has_buffered_work())
    })
}

/// Gets the time until the worker's next deadline.
///
/// After this time, call gearman_worker_work() even if the descriptor of
/// gearman_worker_poll_fd() has not become readable. The value fits the timeout of
/// poll().
///
/// Returns the time in milliseconds, rounded up; -1 without a deadline and if `worker`
/// is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_next_timeout(
    worker: *mut gearman_worker_st,
) -> c_int {
    // SAFETY: the caller guarantees a live worker.
    cancellation::disabled(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else { return -1 };
        let next = (*block).guarded(None, |engine| engine.next_timeout());
        // Rounded up: an early call would only have to be repeated.
        next.map_or(-1, |t| c_int::try_from(t.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX))
    })
}

/// Declares whether every function of the worker returns.
///
/// If `always` is false, which is the default, a function may be left by longjmp() or
/// by a C++ exception; the library finds that out with the next call on the worker and
/// gives the job back to its server. If `always` is true, the library does not look for
/// such functions: one that has not returned is still running.
/// gearman_client_set_callbacks_return() says which programs need true.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_functions_return(
    worker: *mut gearman_worker_st,
    always: c_bool,
) {
    // SAFETY: the caller guarantees a live worker.
    cancellation::disabled(|| unsafe {
        if let Some(block) = WorkerBlock::enter(worker) {
            (*block).frames().all_return = always != 0;
        }
    });
}
