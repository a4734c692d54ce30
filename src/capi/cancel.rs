//! `cancel.h`: cancelling a job.
//!
//! Must not: wait for the job's end.

use super::cancellation;
use super::client_block::{ClientBlock, UNTICKETED};
use super::text::CStrArg;
use super::types::*;
use super::waiting::block_on;
use crate::engine::ReturnCode;
use crate::engine::client::Cancelling;

/// Cancels a job: the servers are asked in turn, by their admin text, until one
/// knows the handle. Waits for the answer, also in non-blocking mode.
///
/// Returns SUCCESS, JOB_NOT_FOUND when no server knows the job, INVALID_ARGUMENT
/// for what is no handle.
///
/// # Safety
/// `client_shell` is NULL or a live client; `job_handle` is NULL or
/// NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_cancel_job(
    client_shell: *mut gearman_client_st,
    job_handle: gearman_job_handle_mut,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::point(|| unsafe {
        let Some(block) = ClientBlock::enter(client_shell) else {
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
