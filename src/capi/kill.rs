//! `kill.h`: stopping a worker from another thread or from a signal handler.
//!
//! Every function is async-signal-safe: it calls poll(2) and write(2) only, and restores
//! `errno`. No descriptor is closed, since another thread may have reused its number. The
//! byte in the pipe says which stop is requested; the worker does not read it away, so the
//! request stays.

use super::types::{gearman_id_t, gearman_return_t, gearman_signal_t};
use crate::engine::worker::{STOP_GRACEFUL, STOP_NOW};
use crate::net;
use libc::{c_int, c_short};

/// The time in milliseconds that CHECK and KILLWAIT wait for a request to be pending.
const CHECK_TIMEOUT_MS: c_int = 1500;

/// Asks a worker to stop. It may be called from a signal handler and from any thread.
///
/// `handle` is what gearman_worker_id() returned. `sig` is `GEARMAN_INTERRUPT` to let
/// the worker finish its job and then return `GEARMAN_SHUTDOWN_GRACEFUL`, or
/// `GEARMAN_KILL` to make it return `GEARMAN_SHUTDOWN`. The request stays: every later
/// gearman_worker_work() returns at once. `GEARMAN_SIGNAL_CHECK` waits up to 1.5 s for
/// a request to be pending; `GEARMAN_SIGNAL_KILLWAIT` is `GEARMAN_KILL` followed by
/// that wait.
///
/// Returns `GEARMAN_SUCCESS` or an error.
///
/// # Errors
/// - `GEARMAN_COULD_NOT_CONNECT`: `handle` has no descriptors, its worker is gone, or
///   `sig` is none of these.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_kill(
    handle: gearman_id_t,
    sig: gearman_signal_t,
) -> gearman_return_t {
    if handle.read_fd <= 0 || handle.write_fd <= 0 {
        return gearman_return_t::COULD_NOT_CONNECT;
    }
    // SAFETY: the calling thread's own errno.
    let errno = unsafe { *libc::__errno_location() };
    let done = match sig {
        gearman_signal_t::SIGNAL_CHECK => check(handle),
        gearman_signal_t::SIGNAL_INTERRUPT => ask(handle, STOP_GRACEFUL),
        gearman_signal_t::SIGNAL_KILL => ask(handle, STOP_NOW),
        gearman_signal_t::SIGNAL_KILLWAIT => ask(handle, STOP_NOW).and_then(|()| check(handle)),
        _ => None,
    };
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
    match done {
        Some(()) => gearman_return_t::SUCCESS,
        None => gearman_return_t::COULD_NOT_CONNECT,
    }
}

/// Tells whether a stop handle has a descriptor.
///
/// Returns true if `handle` has one.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_id_valid(handle: gearman_id_t) -> bool {
    handle.read_fd > 0 || handle.write_fd > 0
}

/// Makes a stop handle that belongs to no worker.
///
/// Returns the handle, whose descriptors are -1.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn gearman_id_initialize() -> gearman_id_t {
    gearman_id_t { read_fd: -1, write_fd: -1 }
}

/// Writes the byte, unless the descriptor is not an open pipe with a reader: the write
/// would raise SIGPIPE, or go to another file with this number. If the pipe is full,
/// requests are pending already.
fn ask(handle: gearman_id_t, stop: u8) -> Option<()> {
    let events = wait_for(handle.write_fd, libc::POLLOUT, 0)?;
    if events & (libc::POLLERR | libc::POLLNVAL) != 0 {
        return None;
    }
    if events & libc::POLLOUT == 0 {
        return Some(());
    }
    loop {
        // SAFETY: one byte at the address of a local.
        if unsafe { libc::write(handle.write_fd, (&raw const stop).cast(), 1) } == 1 {
            return Some(());
        }
        // SAFETY: the calling thread's own errno.
        match unsafe { *libc::__errno_location() } {
            libc::EINTR => {}
            libc::EAGAIN => return Some(()),
            _ => return None,
        }
    }
}

/// Waits until a request is pending or the timeout has passed; either is a success.
fn check(handle: gearman_id_t) -> Option<()> {
    wait_for(handle.read_fd, libc::POLLIN, CHECK_TIMEOUT_MS).map(|_| ())
}

/// Waits for events on one descriptor and returns those that occurred; 0 after the
/// timeout. A signal starts the wait anew; `None` is a failed call.
fn wait_for(fd: c_int, events: c_short, timeout: c_int) -> Option<c_short> {
    loop {
        if let Some(occurred) = net::wait_for(fd, events, timeout) {
            return Some(occurred);
        }
        // SAFETY: the calling thread's own errno.
        if unsafe { *libc::__errno_location() } != libc::EINTR {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, pipe};
    use std::os::fd::AsRawFd;

    const NOT_CONNECTED: gearman_return_t = gearman_return_t::COULD_NOT_CONNECT;

    #[test]
    fn each_signal_writes_its_byte() {
        let (mut reader, writer) = pipe().unwrap();
        let id = gearman_id_t { read_fd: reader.as_raw_fd(), write_fd: writer.as_raw_fd() };
        let stops = [
            gearman_signal_t::SIGNAL_INTERRUPT,
            gearman_signal_t::SIGNAL_KILL,
            gearman_signal_t::SIGNAL_KILLWAIT,
            gearman_signal_t::SIGNAL_CHECK,
        ];
        for stop in stops {
            assert_eq!(gearman_kill(id, stop), gearman_return_t::SUCCESS);
        }
        assert_eq!(gearman_kill(id, gearman_signal_t(9)), NOT_CONNECTED);
        drop(writer);
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, [STOP_GRACEFUL, STOP_NOW, STOP_NOW]);
    }

    #[test]
    fn a_handle_without_a_reader_is_refused() {
        let stop = gearman_signal_t::SIGNAL_KILL;
        assert_eq!(gearman_kill(gearman_id_initialize(), stop), NOT_CONNECTED);
        assert_eq!(gearman_kill(gearman_id_t { read_fd: 0, write_fd: 0 }, stop), NOT_CONNECTED);
        let closed = gearman_id_t { read_fd: 900_000, write_fd: 900_001 };
        assert_eq!(gearman_kill(closed, stop), NOT_CONNECTED);
        let (reader, writer) = pipe().unwrap();
        let id = gearman_id_t { read_fd: reader.as_raw_fd(), write_fd: writer.as_raw_fd() };
        drop(reader);
        assert_eq!(gearman_kill(id, stop), NOT_CONNECTED);
    }

    #[test]
    fn one_descriptor_makes_a_handle_valid() {
        for (read_fd, write_fd, valid) in
            [(0, 0, false), (1, -1, true), (-1, 1, true), (0, -1, false), (-1, -1, false)]
        {
            assert_eq!(gearman_id_valid(gearman_id_t { read_fd, write_fd }), valid);
        }
        assert_eq!(gearman_id_initialize(), gearman_id_t { read_fd: -1, write_fd: -1 });
    }
}
