//! System calls that are no cancellation points.
//!
//! glibc's own functions make a thread cancellable at any instruction for as long as they
//! take, and a request that is on its way acts then even where cancellation is
//! disabled. The calls that the engine makes for every packet must not end the thread: it
//! would be unwound through the engine.
//!
//! Must not: be used where a thread is to be cancelled.

use libc::{c_int, c_long, epoll_event, msghdr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr;

/// Arguments are whole words: nothing widens them on the way to the kernel.
const NO_SIGNAL: c_long = libc::MSG_NOSIGNAL as c_long;
const NOTHING: c_long = 0;

#[inline(always)]
fn word(number: c_int) -> c_long {
    c_long::from(number)
}

#[inline(always)]
fn count(result: c_long) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Sends bytes. Never raises SIGPIPE.
#[inline(always)]
pub(super) fn send(fd: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let (data, size, no_address) = (bytes.as_ptr(), bytes.len(), ptr::null::<u8>());
    // SAFETY: `bytes` is readable for its length, and there is no address.
    count(unsafe {
        libc::syscall(libc::SYS_sendto, word(fd), data, size, NO_SIGNAL, no_address, NOTHING)
    })
}

/// Sends a message. Never raises SIGPIPE.
///
/// # Safety
/// What `message` points at is readable.
#[inline]
pub(super) unsafe fn send_message(fd: RawFd, message: &msghdr) -> io::Result<usize> {
    let message: *const msghdr = message;
    // SAFETY: the caller guarantees the message.
    count(unsafe { libc::syscall(libc::SYS_sendmsg, word(fd), message, NO_SIGNAL) })
}

/// Receives into memory that need not be initialised.
#[inline(always)]
pub(super) fn receive(fd: RawFd, space: &mut [MaybeUninit<u8>], flags: c_int) -> io::Result<usize> {
    let (data, size, none) = (space.as_mut_ptr(), space.len(), ptr::null::<u8>());
    // SAFETY: `space` is writable for its length, and no address is asked for.
    count(unsafe {
        libc::syscall(libc::SYS_recvfrom, word(fd), data, size, word(flags), none, none)
    })
}

/// Waits for a poller's events, for at most `timeout` milliseconds, or for ever where that
/// is negative. Returns how many were written.
///
/// # Safety
/// `events` is writable for `room` events.
#[inline(always)]
pub(super) unsafe fn wait(
    poller: RawFd,
    events: *mut epoll_event,
    room: c_int,
    timeout: c_int,
) -> c_int {
    let (room, timeout, no_mask) = (word(room), word(timeout), ptr::null::<u8>());
    // SAFETY: the caller guarantees the room; without a mask its size is not looked at.
    let found = unsafe {
        libc::syscall(libc::SYS_epoll_pwait, word(poller), events, room, timeout, no_mask, NOTHING)
    };
    found as c_int
}
