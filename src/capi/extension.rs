//! `extension.h`: additions to the original's API for clients: the functions by which an
//! event loop drives a client without threads, server options without waiting, and the
//! declaration that callbacks return.
//!
//! Must not: wait.

use super::cancellation;
use super::client_block::ClientBlock;
use super::frames::Block as _;
use super::text::CStrArg;
use super::types::*;
use crate::protocol::limits::MAX_ARGS_SIZE;
use libc::{c_char, c_int};

/// Gets the descriptor that becomes readable when a non-blocking client can make
/// progress.
///
/// It is for event loops: wait until the descriptor is readable, then call
/// gearman_client_run_tasks(). Do not read from it or close it. Ask for it before every
/// wait: it may change after a fork.
///
/// Returns the descriptor, which belongs to the client; -1 if it cannot be made or
/// `client` is NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_poll_fd(client: *mut gearman_client_st) -> c_int {
    // SAFETY: the caller guarantees a live client.
    cancellation::disabled(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else { return -1 };
        (*block).guarded(-1, |engine| engine.poll_fd())
    })
}

/// Tells whether gearman_client_run_tasks() can make progress without waiting.
///
/// Call it before every wait for the descriptor of gearman_client_poll_fd(): packets
/// that were received already do not make the descriptor readable.
///
/// Returns true if the client has such a packet; false if it has not or `client` is
/// NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_has_buffered_work(
    client: *mut gearman_client_st,
) -> bool {
    // SAFETY: the caller guarantees a live client.
    cancellation::disabled(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else { return false };
        (*block).guarded(false, |engine| engine.has_buffered_work())
    })
}

/// Gets the time until the client's next deadline.
///
/// After this time, call gearman_client_run_tasks() even if the descriptor of
/// gearman_client_poll_fd() has not become readable. The value fits the timeout of
/// poll().
///
/// Returns the time in milliseconds, rounded up; -1 without a deadline and if `client`
/// is NULL.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_next_timeout(
    client: *mut gearman_client_st,
) -> c_int {
    // SAFETY: the caller guarantees a live client.
    cancellation::disabled(|| unsafe {
        let Some(block) = ClientBlock::enter(client) else { return -1 };
        let next = (*block).guarded(None, |engine| engine.next_timeout());
        // Rounded up: an early call would only have to be repeated.
        next.map_or(-1, |t| c_int::try_from(t.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX))
    })
}

/// Turns an option of the servers on, such as "exceptions", for connections that are
/// made later.
///
/// The request is sent before the first packet of each such connection. Unlike
/// gearman_client_set_server_option() this function does not wait, and does not ask
/// servers that are connected already. If a server refuses the option, the connection
/// is used without it. `option` has `option_size` bytes, which are copied.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_INVALID_ARGUMENT`: `client` is NULL, or `option` is empty or longer than
///   an argument of a packet may be.
///
/// # Safety
/// `client` is NULL or a live client; `option` is NULL or readable for `option_size`
/// bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_greet_with_option(
    client: *mut gearman_client_st,
    option: *const c_char,
    option_size: usize,
) -> gearman_return_t {
    // SAFETY: the caller guarantees both.
    cancellation::disabled(|| unsafe {
        let option = option.sized(option_size);
        match ClientBlock::enter(client) {
            Some(block) if (1..=MAX_ARGS_SIZE).contains(&option.len()) => {
                (*block).guarded((), |engine| engine.link.settings.remember_option(option));
                gearman_return_t::SUCCESS
            }
            _ => gearman_return_t::INVALID_ARGUMENT,
        }
    })
}

/// Declares whether every callback of the client returns.
///
/// If `always` is false, which is the default, a callback may be left by longjmp() or
/// by a C++ exception; the library finds that out with the next call on the client and
/// takes the event as delivered. If `always` is true, the library does not look for
/// such callbacks: one that has not returned is still running.
///
/// A program needs true if it switches coroutines by copying stacks, as Python's
/// greenlet does, or keeps the stacks of coroutines in variables on the thread's stack:
/// a suspended callback may otherwise look as if it had been left.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_callbacks_return(
    client: *mut gearman_client_st,
    always: c_bool,
) {
    // SAFETY: the caller guarantees a live client.
    cancellation::disabled(|| unsafe {
        if let Some(block) = ClientBlock::enter(client) {
            (*block).frames().all_return = always != 0;
        }
    });
}
