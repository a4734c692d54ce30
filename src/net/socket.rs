//! [`Socket`]: a TCP or Unix stream, and the system calls on it.
//!
//! Must not: wait.

use super::{Address, Liveness, uncancelled};
use mio::net::{TcpStream, UnixStream};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};

/// A non-blocking, close-on-exec stream.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Starts to connect a new stream.
    pub(super) fn connect(address: &Address) -> io::Result<Socket> {
        match address {
            Address::Inet(address) => {
                let stream = TcpStream::connect(*address)?;
                stream.set_nodelay(true)?;
                set_keepalive(stream.as_raw_fd());
                Ok(Socket::Tcp(stream))
            }
            Address::Unix(path) => Ok(Socket::Unix(UnixStream::connect(path)?)),
        }
    }

    /// Returns the outcome of connecting; `WouldBlock` while it lasts.
    pub(super) fn finish_connect(&self) -> io::Result<()> {
        let (error, peer) = match self {
            Socket::Tcp(s) => (s.take_error()?, s.peer_addr().map(drop)),
            Socket::Unix(s) => (s.take_error()?, s.peer_addr().map(drop)),
        };
        if let Some(error) = error {
            return Err(error);
        }
        peer.map_err(|e| match e.raw_os_error() {
            Some(libc::ENOTCONN) => io::ErrorKind::WouldBlock.into(),
            _ => e,
        })
    }

    pub(super) fn as_source(&mut self) -> &mut dyn mio::event::Source {
        match self {
            Socket::Tcp(s) => s,
            Socket::Unix(s) => s,
        }
    }

    fn fd(&self) -> RawFd {
        match self {
            Socket::Tcp(s) => s.as_raw_fd(),
            Socket::Unix(s) => s.as_raw_fd(),
        }
    }

    /// Sends both slices. Does not raise SIGPIPE, unlike `write`: a shared library must not
    /// depend on the program ignoring that signal.
    #[inline(always)]
    pub(super) fn send(&self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        if !body.is_empty() {
            return self.send_both(head, body);
        }
        uncancelled::send(self.fd(), head)
    }

    #[inline(never)]
    fn send_both(&self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        let mut parts = [iovec(head), iovec(body)];
        // SAFETY: all zeros is a valid msghdr: null pointers with sizes of 0.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = parts.as_mut_ptr();
        message.msg_iovlen = 2;
        // SAFETY: the message points at `parts`, and those at slices that are borrowed
        // during the call.
        unsafe { uncancelled::send_message(self.fd(), &message) }
    }

    /// Receives into memory that may be uninitialised.
    #[inline]
    pub(super) fn recv(&self, space: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        uncancelled::receive(self.fd(), space, 0)
    }

    /// Peeks at the next byte, without receiving it.
    pub(super) fn liveness(&self) -> Liveness {
        let mut byte = [MaybeUninit::uninit()];
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        match uncancelled::receive(self.fd(), &mut byte, flags).map_err(|e| e.kind()) {
            Ok(0) => Liveness::Dead,
            Ok(_) => Liveness::Readable,
            Err(io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Liveness::Quiet,
            Err(_) => Liveness::Dead,
        }
    }
}

fn iovec(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

/// Enables keepalive. An error is ignored: a connection works without it.
fn set_keepalive(fd: RawFd) {
    let on: libc::c_int = 1;
    // SAFETY: the option is read from `on`, with its size, during the call.
    unsafe {
        libc::setsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_KEEPALIVE,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        );
    }
}
