//! `cancel.h`: cancelling a job.
//!
//! Must not: wait until the job has ended.

use super::cancellation;
use super::client_block::{ClientBlock, UNTICKETED};
use super::text::CStrArg;
use super::types::*;
use super::waiting::block_on;
use crate::engine::ReturnCode;
use crate::engine::client::Cancelling;

/// Cancels a background job.
///
/// The server drops the job, whether it waits or a worker has it; the worker is not
/// stopped. The servers are asked in turn, with the admin command "cancel job", until
/// one knows the job. It waits for the answers, in non-blocking mode too. `job_handle`
/// is the handle that gearman_client_do_background() gave.
///
/// Returns `GEARMAN_SUCCESS` if the job was cancelled, or an error.
///
/// # Errors
/// - `GEARMAN_JOB_NOT_FOUND`: no server knows the job.
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL, or `job_handle` is not a job handle.
/// - `GEARMAN_COULD_NOT_CONNECT`: no server can be reached.
/// - `GEARMAN_NO_SERVERS`: no server was added.
/// - `GEARMAN_LOST_CONNECTION`: the server closed the connection before it answered.
/// - `GEARMAN_TIMEOUT`: no server answered within the timeout.
/// - `GEARMAN_SERVER_ERROR`: the server refused the request.
///
/// # Safety
/// `client` is NULL or a live client; `job_handle` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_cancel_job(
    client: *mut gearman_client_st,
    job_handle: gearman_job_handle_mut,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::point(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let handle = job_handle.cast_const().bytes();
        (*block).engine.link.error.reset();
        let mut call = Cancelling::default();
        let broken = Err(ReturnCode::UNKNOWN_STATE);
        let cancelled =
            block_on(block, UNTICKETED, broken, |engine| engine.poll_cancel(&mut call, handle));
        let Ok(outcome) = cancelled else { return gearman_return_t::SUCCESS };
        let code = outcome.err().unwrap_or_default();
        // The client is not touched any more, whatever the log function does.
        let _ = ClientBlock::flush_log(block);
        code.into()
    })
}
