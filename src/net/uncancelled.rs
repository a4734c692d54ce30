//! System calls that are not cancellation points.
//!
//! glibc's own functions make a thread cancellable at any instruction while they run, and a
//! pending request acts then even if cancellation is disabled. The calls that the engine
//! makes for every packet must not end the thread: its stack would be unwound through the
//! engine.
//!
//! Must not: be used for waits in which a thread may be cancelled.

use libc::{c_int, c_long, epoll_event, msghdr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr;

// Arguments of `syscall` are whole words: no declaration widens them.

/// The flag against SIGPIPE, as an argument.
const NO_SIGNAL_FLAG: c_long = libc::MSG_NOSIGNAL as c_long;
/// The size of an argument that is null.
const SIZE_OF_NULL: c_long = 0;

/// An int as a whole word.
#[inline(always)]
fn word(number: c_int) -> c_long {
    c_long::from(number)
}

/// The number of bytes that a call returned, or its `errno` as an error.
#[inline(always)]
fn count(result: c_long) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Sends bytes. Does not raise SIGPIPE.
#[inline(always)]
pub(super) fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let (data, size, no_address) = (bytes.as_ptr(), bytes.len(), ptr::null::<u8>());
    // SAFETY: the kernel reads `bytes`, which is borrowed, up to its length; no address is
    // given.
    count(unsafe {
        libc::syscall(
            libc::SYS_sendto,
            word(fd),
            data,
            size,
            NO_SIGNAL_FLAG,
            no_address,
            SIZE_OF_NULL,
        )
    })
}

/// Sends a message. Does not raise SIGPIPE.
///
/// # Safety
/// The memory that `message` points at must be readable during the call.
#[inline]
pub(super) unsafe fn send_message(fd: RawFd, message: &msghdr) -> io::Result<usize> {
    let message: *const msghdr = message;
    // SAFETY: the caller guarantees that the memory behind `message` is readable.
    count(unsafe { libc::syscall(libc::SYS_sendmsg, word(fd), message, NO_SIGNAL_FLAG) })
}

/// Receives into memory that may be uninitialised. Returns the number of bytes received.
#[inline(always)]
pub(super) fn receive(fd: RawFd, space: &mut [MaybeUninit<u8>], flags: c_int) -> io::Result<usize> {
    let (data, size, none) = (space.as_mut_ptr(), space.len(), ptr::null::<u8>());
    // SAFETY: the kernel writes into `space`, borrowed alone, up to its length; no address
    // is asked for.
    count(unsafe {
        libc::syscall(libc::SYS_recvfrom, word(fd), data, size, word(flags), none, none)
    })
}

/// Waits for events of a poller, for at most `timeout_ms` milliseconds, or without a limit
/// if that is negative. Returns the number of events, or -1 with `errno` set.
///
/// # Safety
/// `events` must be writable for `events_max` events during the call.
#[inline(always)]
pub(super) unsafe fn wait(
    poller: RawFd,
    events: *mut epoll_event,
    events_max: c_int,
    timeout_ms: c_int,
) -> c_int {
    let (most, timeout, no_mask) = (word(events_max), word(timeout_ms), ptr::null::<u8>());
    // SAFETY: the caller guarantees memory for the events; the kernel ignores the size of a
    // null mask.
    let found = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait,
            word(poller),
            events,
            most,
            timeout,
            no_mask,
            SIZE_OF_NULL,
        )
    };
    found as c_int
}
