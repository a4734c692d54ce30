//! `extension.h`: what this library has beyond the original: the hooks that an
//! event loop needs to drive a client without threads, server options that
//! nothing waits for, and what the library cannot know of the program's stacks.
//!
//! Must not: wait.

use super::cancellation;
use super::client_block::ClientBlock;
use super::frames::Block as _;
use super::text::CStrArg;
use super::types::*;
use crate::protocol::limits::MAX_ARGS_SIZE;
use libc::{c_char, c_int};

/// A descriptor that becomes readable when a non-blocking client has something
/// to do. It belongs to the client and may change after a fork; it must only be
/// waited for. -1 when there is none.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_poll_fd(client: *mut gearman_client_st) -> c_int {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::enter(client).map(|b| (*b).guarded(-1, |engine| engine.poll_fd())) }
        .unwrap_or(-1)
}

/// Whether gearman_client_run_tasks() can go on without anything new arriving:
/// call it before waiting for the descriptor.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_has_buffered_work(
    client: *mut gearman_client_st,
) -> bool {
    // SAFETY: the caller guarantees a live client.
    unsafe { ClientBlock::enter(client).map(|b| (*b).guarded(false, |e| e.has_buffered_work())) }
        .unwrap_or(false)
}

/// Milliseconds after which gearman_client_run_tasks() should be called even
/// though the descriptor did not become readable: the next deadline. -1 for none.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_next_timeout(
    client: *mut gearman_client_st,
) -> c_int {
    // SAFETY: the caller guarantees a live client.
    let next = unsafe {
        ClientBlock::enter(client).and_then(|b| (*b).guarded(None, |engine| engine.next_timeout()))
    };
    // Rounded up: called early, it would only have to be called again.
    next.map_or(-1, |t| c_int::try_from(t.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX))
}

/// Has a server option such as "exceptions" turned on with every connection that
/// the client makes from now on: the request goes out in front of the
/// connection's first packet. Unlike gearman_client_set_server_option() it waits
/// for nothing and does not ask servers that are connected to already. A server
/// that refuses the option goes on without it.
///
/// Returns SUCCESS, or INVALID_ARGUMENT for an empty option and for one that is longer
/// than an argument can be.
///
/// # Safety
/// `client` is NULL or a live client; `option` is readable for its size.
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

/// Says whether every callback of the client returns: whether none is left by longjmp
/// or by an exception. It is false at first, and a callback that was left counts as
/// delivered with the next call on the client. With true the library does not look for
/// such callbacks, and one that has not returned is under way.
///
/// Only a program needs it whose coroutines take turns on one stack, from which the
/// suspended ones are copied away, as Python's greenlet does, or whose stacks are
/// variables on the thread's own: a callback that is suspended there may look as if it
/// had been left.
///
/// # Safety
/// `client` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn gearman_client_set_callbacks_return(
    client: *mut gearman_client_st,
    always: c_bool,
) {
    // SAFETY: the caller guarantees a live client.
    unsafe {
        if let Some(block) = ClientBlock::enter(client) {
            (*block).frames().all_return = always != 0;
        }
    }
}
