//! `client.h`: running the tasks of a client, and freeing them.
//!
//! Must not: add a task; `client_tasks.rs` does.

use super::cancellation;
use super::client_block::{BROKEN, ClientBlock};
use super::frames::Freed;
use super::types::*;
use crate::engine::ReturnCode;

/// Sends the tasks that were added, and calls their callbacks until all are finished.
///
/// Tasks are sent in the order in which they were added, without waiting for one
/// another. In non-blocking mode the function returns `GEARMAN_IO_WAIT` instead of
/// waiting: call gearman_client_wait() and then this function again.
///
/// Returns `GEARMAN_SUCCESS` if every task is finished, however its job ended:
/// gearman_task_return() tells that. If a callback returns another code than
/// `GEARMAN_SUCCESS`, the function returns that code; the next run calls the callback
/// again for the same event. Otherwise an error of the connection is returned, and
/// unfinished tasks stay for the next run.
///
/// # Errors
/// - `GEARMAN_IO_WAIT`: the client is in non-blocking mode and would have to wait; or a
///   signal arrived and `GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL` is on.
/// - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached.
/// - `GEARMAN_NO_SERVERS`: no server was added.
/// - `GEARMAN_LOST_CONNECTION`: a server closed the connection.
/// - `GEARMAN_TIMEOUT`: a server was silent for longer than the timeout.
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_run_tasks(
    client: *mut gearman_client_st,
) -> gearman_return_t {
    // SAFETY: the caller guarantees a live client.
    cancellation::point(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        run(block).unwrap_or_else(|Freed(code)| code).into()
    })
}

/// Runs all tasks of a client.
///
/// # Errors
/// [`Freed`] when user code freed the client.
///
/// # Safety
/// `block` is live and not borrowed.
pub(super) unsafe fn run(block: *mut ClientBlock) -> Result<ReturnCode, Freed<ReturnCode>> {
    // SAFETY: the caller guarantees it.
    unsafe {
        if (*block).guarded(false, |engine| engine.task_count() == 0) {
            return Ok(ReturnCode::SUCCESS);
        }
        let mut run = (*block).engine.run_all();
        let step = (*block).guarded(BROKEN, |engine| engine.poll_step(&mut run));
        ClientBlock::run_steps(block, run, step, None)
    }
}

/// Frees all tasks of the client.
///
/// Jobs that were submitted are not cancelled; what their servers send for them is
/// ignored.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_task_free_all(client: *mut gearman_client_st) {
    // SAFETY: the caller guarantees a live client, which is not touched after.
    cancellation::disabled(|| unsafe {
        if let Some(block) = ClientBlock::enter(client) {
            let _ = super::client::free_tasks(block);
        }
    })
}

/// Tells whether the client has any task, finished or not.
///
/// Returns true if it has one; false if it has not or `client` is NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_has_tasks(client: *const gearman_client_st) -> bool {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }.is_some_and(|b| b.engine.task_count() > 0)
}

/// Tells whether a task of the client waits for a packet from a server.
///
/// Returns true if one does; false if none does or `client` is NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_has_active_tasks(
    client: *mut gearman_client_st,
) -> bool {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }.is_some_and(|b| b.engine.awaits_servers())
}
