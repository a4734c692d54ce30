//! `client.h`: a client's servers.
//!
//! Must not: send anything but what waiting for a connection needs.

use super::cancellation;
use super::client_block::{ClientBlock, UNTICKETED};
use super::text::CStrArg;
use super::types::*;
use super::waiting::block_on;
use crate::engine::ReturnCode;
use crate::engine::link::Limit;
use crate::protocol::servers::parse_server_list;
use libc::{c_char, in_port_t};

/// Adds a server, to be tried before those that were added earlier. NULL or ""
/// is localhost, port 0 is 4730, a host that starts with "/" is a Unix socket.
/// The host is looked up here; nothing is sent.
///
/// Returns SUCCESS, GETADDRINFO for a host without an address, INVALID_ARGUMENT
/// for a NULL client.
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

/// Adds the servers of a list, "host:port,host,...", in its order:
/// the last one will be tried first. IPv6 addresses stand in brackets. Stops at
/// the first that has no address, and returns its error.
///
/// # Safety
/// `client` is NULL or a live client; `servers` is NULL, which is localhost, or
/// NUL-terminated.
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

/// Closes the connections and forgets all servers. Tasks that were sent end
/// with LOST_CONNECTION.
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

/// Waits until something has come of what calls have left under way, for
/// non-blocking mode: a connection that is being made or has more to send, an
/// answer or a result that is due.
///
/// Returns SUCCESS, once for what has come; TIMEOUT; NO_ACTIVE_FDS at once when
/// nothing is under way, whether connections are open or not, or what was reported
/// was not looked at by another call; or IO_WAIT for a signal under
/// GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL.
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

/// Whether both clients' first servers have the same host and port.
///
/// # Safety
/// Both are NULL or live clients.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_compare(
    first: *const gearman_client_st,
    second: *const gearman_client_st,
) -> bool {
    // One after the other, since they may be the same.
    let server = |client| {
        // SAFETY: the caller guarantees live clients, which are only looked at.
        let block = unsafe { ClientBlock::peek(client) }?;
        block.engine.link.conns.last().map(|c| (c.host.clone(), c.port))
    };
    server(first).is_some_and(|one| server(second) == Some(one))
}
