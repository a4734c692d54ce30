//! Keeps descriptors 0, 1 and 2 free: a program that has closed its standard streams would
//! otherwise write its messages to a job server, or close the library's sockets.
//!
//! Must not: touch descriptors that it did not open.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// The first descriptor that is not a standard stream.
const FIRST: RawFd = 3;

/// Moves a descriptor above the standard streams, if it is one of them.
///
/// # Errors
/// When the process is out of descriptors.
#[inline]
pub(super) fn moved<F: AsRawFd + FromRawFd>(owner: F) -> io::Result<F> {
    if owner.as_raw_fd() >= FIRST {
        return Ok(owner);
    }
    // SAFETY: duplicates a live descriptor; the old one is closed with `owner`.
    let fd = unsafe { libc::fcntl(owner.as_raw_fd(), libc::F_DUPFD_CLOEXEC, FIRST) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fcntl has just made the descriptor, and nothing else owns it.
    Ok(unsafe { F::from_raw_fd(fd) })
}

/// Makes something that cannot be moved, with the standard streams occupied meanwhile if
/// they are closed.
///
/// # Errors
/// Those of `make`, and when the process is out of descriptors.
pub(super) fn made_above<F: AsRawFd>(make: impl Fn() -> io::Result<F>) -> io::Result<F> {
    let made = make()?;
    if made.as_raw_fd() >= FIRST {
        return Ok(made);
    }
    drop(made);
    let mut occupied: Vec<OwnedFd> = Vec::new();
    loop {
        let filler = OwnedFd::from(std::fs::File::open("/dev/null")?);
        if filler.as_raw_fd() >= FIRST {
            return make();
        }
        occupied.push(filler);
    }
}
