//! `client.h`: how a client chooses the server of a job.
//!
//! Must not: choose; the engine does.

use super::client_block::ClientBlock;
use super::types::*;

/// Chooses the server of each job by the job's unique id.
///
/// By default, the server that was added last gets all jobs that it can take. If `enable`
/// is true, jobs with the same unique id go to the same server, from every client that has
/// the same servers: their hosts have to be written alike, their order does not matter. If
/// that server cannot be reached, all clients agree on the one that takes its place.
///
/// This holds for submissions. Requests for the state of a job, and jobs that are submitted
/// without a unique id, go to the server added last as before. It is off in a new
/// client, is no bit of gearman_client_options_t, and is taken over by
/// gearman_client_clone().
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_server_selection_by_unique(
    client: *mut gearman_client_st,
    enable: c_bool,
) {
    // SAFETY: the caller guarantees a live client.
    if let Some(block) = unsafe { ClientBlock::peek(client) } {
        block.engine.link.settings.by_unique = enable != 0;
    }
}

/// Tells whether the client chooses the server of each job by the job's unique id.
///
/// Returns true if it does; false if it does not or `client` is NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_server_selection_by_unique(
    client: *const gearman_client_st,
) -> bool {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::peek(client) }.is_some_and(|block| block.engine.link.settings.by_unique)
}
