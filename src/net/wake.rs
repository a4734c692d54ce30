//! [`WakePipe`]: the pipe through which `gearman_kill` stops a worker. It can be used in a
//! signal handler.
//!
//! Must not: interpret the bytes.

use super::low_descriptors::moved;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// A non-blocking, close-on-exec pipe.
#[derive(Debug)]
pub struct WakePipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl WakePipe {
    /// Creates a pipe.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new() -> io::Result<WakePipe> {
        let mut fds = [-1; 2];
        // SAFETY: pipe2 writes two descriptors into `fds`, which has room for two.
        if unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: pipe2 has just created both descriptors, and nothing else owns them.
        let [read, write] = fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        Ok(WakePipe { read: moved(read)?, write: moved(write)? })
    }

    /// The end to read from. The pipe keeps owning it.
    pub fn read_fd(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// The end to write to. The pipe keeps owning it.
    pub fn write_fd(&self) -> RawFd {
        self.write.as_raw_fd()
    }

    /// Reads one byte, if the pipe holds one.
    pub fn take(&self) -> Option<u8> {
        let mut byte = 0u8;
        // SAFETY: read writes at most one byte into `byte`.
        let got = unsafe { libc::read(self.read_fd(), (&raw mut byte).cast(), 1) };
        (got == 1).then_some(byte)
    }

    /// Writes one byte. A full pipe drops it: the bytes that it holds wake as well.
    pub fn put(&self, byte: u8) {
        // SAFETY: write reads one byte from `byte`.
        unsafe { libc::write(self.write_fd(), (&raw const byte).cast(), 1) };
    }
}
