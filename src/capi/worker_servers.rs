//! `worker.h`: a worker's servers.
//!
//! Must not: send anything.

use super::cancellation;
use super::text::CStrArg;
use super::types::*;
use super::worker_block::WorkerBlock;
use crate::engine::ReturnCode;
use crate::protocol::servers::parse_server_list;
use libc::{c_char, in_port_t};

/// Adds a server to the worker.
///
/// The host is looked up; nothing is sent. The server that was added last is asked for
/// jobs first. `host` is a name, an IPv4 or IPv6 address, or, if it starts with "/",
/// the path of a Unix socket; NULL and "" mean localhost. `port` is in host byte order;
/// 0 means 4730.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_GETADDRINFO`: `host` has no address.
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker; `host` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_add_server(
    worker: *mut gearman_worker_st,
    host: *const c_char,
    port: in_port_t,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let code = add_server(block, host.bytes(), port);
        WorkerBlock::leave(block, code)
    })
}

/// Adds one server of a program.
///
/// # Safety
/// `block` is live and not borrowed.
unsafe fn add_server(block: *mut WorkerBlock, host: &[u8], port: u16) -> ReturnCode {
    let host = String::from_utf8_lossy(host);
    // SAFETY: the caller guarantees a live block.
    unsafe { &mut *block }.guarded(ReturnCode::UNKNOWN_STATE, |engine| {
        engine.add_server(&host, port).err().unwrap_or_default()
    })
}

/// Adds a list of servers to the worker.
///
/// `servers` has the form "host:port,host,...", with IPv6 addresses in brackets; NULL
/// means localhost. The servers are added in the order of the list, each as
/// gearman_worker_add_server() adds it, so the last one is asked first. The first
/// server that has no address ends the list.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_GETADDRINFO`: a host has no address; the servers before it were added.
/// - `GEARMAN_INVALID_ARGUMENT`: `worker` is NULL.
///
/// # Safety
/// `worker` is NULL or a live worker; `servers` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_add_servers(
    worker: *mut gearman_worker_st,
    servers: *const c_char,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        let Some(block) = WorkerBlock::enter(worker) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let code = add_servers(block, servers.bytes());
        WorkerBlock::leave(block, code)
    })
}

/// Adds the servers of a list, up to the first that has no address.
///
/// # Safety
/// `block` is live and not borrowed.
pub(super) unsafe fn add_servers(block: *mut WorkerBlock, servers: &[u8]) -> ReturnCode {
    for (host, port) in parse_server_list(servers) {
        // SAFETY: the caller guarantees a live block.
        let code = unsafe { add_server(block, host, port) };
        if code.failed() {
            return code;
        }
    }
    ReturnCode::SUCCESS
}

/// Closes the worker's connections and removes all its servers.
///
/// What is sent for their jobs afterwards fails with `GEARMAN_LOST_CONNECTION`.
///
/// # Safety
/// `worker` is NULL or a live worker.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_worker_remove_servers(worker: *mut gearman_worker_st) {
    // SAFETY: the caller guarantees a live worker.
    cancellation::disabled(|| unsafe {
        if let Some(block) = WorkerBlock::enter(worker) {
            (*block).guarded((), |engine| engine.remove_servers());
        }
    })
}
