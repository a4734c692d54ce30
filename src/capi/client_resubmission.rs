//! `extension.h`: how often a client may submit a lost job again.
//!
//! Must not: submit; the engine does.

use super::client_block::ClientBlock;
use super::types::*;
use crate::engine::ReturnCode;
use crate::engine::at;
use crate::engine::environment;

/// Sets how often a job may be submitted again after its server was lost.
///
/// If a connection ends after a job was sent, the job may or may not have been queued or
/// done. By default, the call then ends with `GEARMAN_LOST_CONNECTION`, and the job is
/// never submitted twice. With a `limit` above 0, a job that a caller waits for is
/// submitted again to the next server, and so is a background job with a unique id of the
/// caller; up to `limit` times. Then the job is done at least once, and possibly more than
/// once, so its function has to bear that. Callbacks may be called for both attempts. The
/// same happens when a server has not acknowledged a job within the timeout.
///
/// A background job without a unique id, a status request, a job whose workload comes from
/// a callback, and a job that is lost inside its own callback are never submitted again.
///
/// A new client has the number in the environment variable `GEARMAN_RESUBMISSIONS`, or 0.
/// gearman_client_clone() takes it over. Numbers above 65535 are 65535.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_resubmissions(
    client: *mut gearman_client_st,
    limit: u32,
) {
    // SAFETY: the caller guarantees a live client.
    if let Some(block) = unsafe { ClientBlock::peek(client) } {
        block.engine.link.settings.resubmissions = u16::try_from(limit).unwrap_or(u16::MAX);
    }
}

/// Gets how often a job may be submitted again after its server was lost.
///
/// Returns the number that gearman_client_set_resubmissions() or the environment has set;
/// 0 if `client` is NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_resubmissions(
    client: *const gearman_client_st,
) -> u32 {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }
        .map_or(0, |block| block.engine.link.settings.resubmissions.into())
}

/// Takes the number of a new client from the environment. A value that is no number leaves
/// an error in the client, which works without resubmissions.
pub(super) fn read_environment(block: &mut ClientBlock) {
    let link = &mut block.engine.link;
    match environment::resubmissions() {
        Ok(limit) => link.settings.resubmissions = limit.unwrap_or_default(),
        Err(text) => {
            link.error.set(ReturnCode::INVALID_ARGUMENT, at!("gearman_client_create"), &text);
        }
    }
}
