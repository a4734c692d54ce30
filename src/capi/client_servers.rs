//! `client.h`: a client's servers.
//!
//! Must not: send anything, except while gearman_client_wait() connects.

use super::cancellation;
use super::client_block::{ClientBlock, UNTICKETED};
use super::text::CStrArg;
use super::types::*;
use super::waiting::block_on;
use crate::engine::ReturnCode;
use crate::engine::link::Limit;
use crate::protocol::servers::parse_server_list;
use libc::{c_char, in_port_t};

/// Adds a server to the client.
///
/// The host is looked up; nothing is sent. The server that was added last is tried
/// first. `host` is a name, an IPv4 or IPv6 address, or, if it starts with "/", the
/// path of a Unix socket; NULL and "" mean localhost. `port` is in host byte order; 0
/// means 4730.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_GETADDRINFO`: `host` has no address.
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL.
///
/// # Safety
/// `client` is NULL or a live client; `host` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_add_server(
    client: *mut gearman_client_st,
    host: *const c_char,
    port: in_port_t,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let code = add_server(block, host.bytes(), port);
        match ClientBlock::flush_log(block) {
            Ok(()) | Err(_) => code.into(),
        }
    })
}

/// Adds one server of a program.
///
/// # Safety
/// `block` is live and not borrowed.
unsafe fn add_server(block: *mut ClientBlock, host: &[u8], port: u16) -> ReturnCode {
    let host = String::from_utf8_lossy(host);
    // SAFETY: the caller guarantees a live block.
    unsafe { &mut *block }.guarded(ReturnCode::UNKNOWN_STATE, |engine| {
        engine.add_server(&host, port).err().unwrap_or_default()
    })
}

/// Adds a list of servers to the client.
///
/// `servers` has the form "host:port,host,...", with IPv6 addresses in brackets; NULL
/// means localhost. The servers are added in the order of the list, each as
/// gearman_client_add_server() adds it, so the last one is tried first. The first
/// server that has no address ends the list.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_GETADDRINFO`: a host has no address; the servers before it were added.
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL.
///
/// # Safety
/// `client` is NULL or a live client; `servers` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_add_servers(
    client: *mut gearman_client_st,
    servers: *const c_char,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let code = add_servers(block, servers.bytes());
        match ClientBlock::flush_log(block) {
            Ok(()) | Err(_) => code.into(),
        }
    })
}

/// Adds the servers of a list, up to the first that has no address.
///
/// # Safety
/// `block` is live and not borrowed.
pub(super) unsafe fn add_servers(block: *mut ClientBlock, servers: &[u8]) -> ReturnCode {
    for (host, port) in parse_server_list(servers) {
        // SAFETY: the caller guarantees a live block.
        let code = unsafe { add_server(block, host, port) };
        if code.failed() {
            return code;
        }
    }
    ReturnCode::SUCCESS
}

/// Closes the client's connections and removes all its servers.
///
/// Tasks that were sent end with `GEARMAN_LOST_CONNECTION`.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_remove_servers(client: *mut gearman_client_st) {
    // SAFETY: the caller guarantees a live client.
    cancellation::disabled(|| unsafe {
        if let Some(block) = ClientBlock::enter(client) {
            (*block).guarded((), |engine| engine.remove_servers());
        }
    })
}

/// Waits until a call on the client can make progress.
///
/// It is for non-blocking mode: after `GEARMAN_IO_WAIT`, call it and then repeat the
/// call. It waits for a connection that is being made, for one that has more to send,
/// and for an answer or a result that is due.
///
/// Returns `GEARMAN_SUCCESS` once for each such event, or another code.
///
/// # Errors
/// - `GEARMAN_TIMEOUT`: nothing happened within the timeout.
/// - `GEARMAN_NO_ACTIVE_FDS`: there is nothing to wait for, or what was reported was
///   not yet looked at by another call. It is returned at once.
/// - `GEARMAN_IO_WAIT`: a signal arrived and `GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL` is
///   on.
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_wait(
    client: *mut gearman_client_st,
) -> gearman_return_t {
    // SAFETY: the caller guarantees a live client.
    cancellation::point(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else {
            return gearman_return_t::INVALID_ARGUMENT;
        };
        let mut limit = Limit::default();
        let broken = Err(ReturnCode::UNKNOWN_STATE);
        let waited = block_on(block, UNTICKETED, broken, |engine| engine.poll_any(&mut limit));
        let Ok(outcome) = waited else { return gearman_return_t::SUCCESS };
        match ClientBlock::flush_log(block) {
            Ok(()) | Err(_) => outcome.err().unwrap_or_default().into(),
        }
    })
}

/// Compares the servers that two clients try first.
///
/// `first` and `second` may be the same client.
///
/// Returns true if both have the same host and port; false if they differ, or if a
/// client is NULL or has no server.
///
/// # Safety
/// `first` and `second` are NULL or live clients.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_compare(
    first: *const gearman_client_st,
    second: *const gearman_client_st,
) -> bool {
    cancellation::disabled(|| {
        // One after the other, since both may be the same client.
        let server = |client| {
            // SAFETY: the caller guarantees live clients, which are only read.
            let block = unsafe { ClientBlock::peek(client) }?;
            block.engine.link.conns.last().map(|c| (c.host.clone(), c.port))
        };
        server(first).is_some_and(|one| server(second) == Some(one))
    })
}
