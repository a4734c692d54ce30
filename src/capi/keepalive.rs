//! `extension.h`: after which time a client or a worker notices that a server's host has
//! vanished.
//!
//! Must not: change connections that are open.

use super::client_block::ClientBlock;
use super::types::*;
use super::worker_block::WorkerBlock;
use crate::engine::ReturnCode;
use crate::engine::environment;
use crate::engine::error::At;
use crate::engine::link::Link;
use crate::net::{KeepaliveTime, MioNet};

/// Sets after which time a client notices that a server's host has vanished.
///
/// A host that loses its power or its network sends nothing more, not even the end of its
/// connections. After `seconds` without an answer of the host a connection is lost, whether
/// the client waits for a job or has sent a request. 0 leaves this to the system, which by
/// default takes two hours, or a quarter of one with a request on its way. It is the time
/// of TCP's probes and of `TCP_USER_TIMEOUT`, for connections that are made later. It
/// does not apply to Unix sockets, and does not limit how long a job may take.
///
/// A new client has the time in the environment variable `GEARMAN_KEEPALIVE`, or 120
/// seconds. gearman_client_clone() takes it over.
///
/// Returns `GEARMAN_SUCCESS`, or an error.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL, or `seconds` is 1 or above 32767.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_keepalive(
    client: *mut gearman_client_st,
    seconds: u32,
) -> gearman_return_t {
    // SAFETY: the caller guarantees a live client.
    let block = unsafe { ClientBlock::peek(client) };
    set(block.map(|block| &mut block.engine.link), seconds)
}

/// Gets after which time a client notices that a server's host has vanished.
///
/// Returns the time in seconds, 0 for that of the system; 0 if `client` is NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_keepalive(client: *const gearman_client_st) -> u32 {
    // SAFETY: the caller guarantees a live client.
    let block = unsafe { ClientBlock::peek(client) };
    block.map_or(0, |block| block.engine.link.settings.keepalive.seconds().into())
}

/// Sets after which time a worker notices that a server's host has vanished.
///
/// After `seconds` without an answer of the host a connection is lost, and the worker
/// connects again. All else is as for gearman_client_set_keepalive(), with
/// gearman_worker_clone().
///
/// Returns `GEARMAN_SUCCESS`, or an error.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL, or `seconds` is 1 or above 32767.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_set_keepalive(
    worker: *mut gearman_worker_st,
    seconds: u32,
) -> gearman_return_t {
    // SAFETY: the caller guarantees a live worker.
    let block = unsafe { WorkerBlock::peek(worker) };
    set(block.map(|block| &mut block.engine.link), seconds)
}

/// Gets after which time a worker notices that a server's host has vanished.
///
/// Returns the time in seconds, 0 for that of the system; 0 if `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_keepalive(worker: *const gearman_worker_st) -> u32 {
    // SAFETY: the caller guarantees a live worker.
    let block = unsafe { WorkerBlock::peek(worker) };
    block.map_or(0, |block| block.engine.link.settings.keepalive.seconds().into())
}

fn set(link: Option<&mut Link<MioNet>>, seconds: u32) -> gearman_return_t {
    match (link, KeepaliveTime::from_seconds(seconds)) {
        (Some(link), Some(keepalive)) => {
            link.settings.keepalive = keepalive;
            gearman_return_t::SUCCESS
        }
        _ => gearman_return_t::INVALID_ARGUMENT,
    }
}

/// Takes the time of a new client or worker from the environment. A value that is no such
/// time leaves an error in the handle, which keeps the default.
pub(super) fn read_environment(link: &mut Link<MioNet>, at: At) {
    match environment::keepalive() {
        Ok(keepalive) => link.settings.keepalive = keepalive.unwrap_or_default(),
        Err(text) => {
            link.error.set(ReturnCode::INVALID_ARGUMENT, at, &text);
        }
    }
}
