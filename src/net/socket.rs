//! [`Socket`]: a TCP or Unix stream, and the system calls on it.
//!
//! Must not: wait.

use super::low_descriptors::moved;
use super::{Address, KeepaliveTime, Liveness, uncancelled};
use mio::net::{TcpStream, UnixStream};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};

/// A non-blocking, close-on-exec stream.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// Either of them, with TLS. Plain streams do not pay for it: whether a socket is open and
    /// whether it has TLS is one comparison.
    #[cfg(feature = "tls")]
    Tls(Box<super::tls_socket::TlsSocket>),
}

impl Socket {
    /// Starts to connect a new stream.
    pub(super) fn connect(address: &Address, keepalive: KeepaliveTime) -> io::Result<Socket> {
        match address {
            Address::Inet(address) => {
                let stream = moved(TcpStream::connect(*address)?)?;
                stream.set_nodelay(true)?;
                keepalive.set(stream.as_raw_fd());
                Ok(Socket::Tcp(stream))
            }
            Address::Unix(path) => Ok(Socket::Unix(moved(UnixStream::connect(path)?)?)),
        }
    }

    /// Returns the outcome of connecting; `WouldBlock` while it lasts.
    pub(super) fn finish_connect(&self) -> io::Result<()> {
        let (error, peer) = match self {
            Socket::Tcp(s) => (s.take_error()?, s.peer_addr().map(drop)),
            Socket::Unix(s) => (s.take_error()?, s.peer_addr().map(drop)),
            #[cfg(feature = "tls")]
            Socket::Tls(s) => return s.socket.finish_connect(),
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
            #[cfg(feature = "tls")]
            Socket::Tls(s) => s.socket.as_source(),
        }
    }

    fn fd(&self) -> RawFd {
        match self {
            Socket::Tcp(s) => s.as_raw_fd(),
            Socket::Unix(s) => s.as_raw_fd(),
            #[cfg(feature = "tls")]
            Socket::Tls(s) => s.socket.fd(),
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

    /// Sends all parts with one system call.
    #[cfg(feature = "tls")]
    pub(super) fn send_parts(&self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        // SAFETY: all zeros is a valid msghdr: null pointers with sizes of 0.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        // An `IoSlice` is an iovec, and the kernel does not write to it.
        message.msg_iov = parts.as_ptr().cast_mut().cast();
        message.msg_iovlen = parts.len();
        // SAFETY: the message points at slices that are borrowed during the call.
        unsafe { uncancelled::send_message(self.fd(), &message) }
    }

    /// Receives into initialised memory.
    #[cfg(feature = "tls")]
    pub(super) fn recv_into(&self, space: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the same memory, borrowed alone. Its bytes are initialised and stay so: the
        // kernel only overwrites them.
        self.recv(unsafe { &mut *(std::ptr::from_mut(space) as *mut [MaybeUninit<u8>]) })
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn option(fd: RawFd, level: libc::c_int, name: libc::c_int) -> libc::c_int {
        let mut value: libc::c_int = -1;
        let mut size = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: the kernel writes at most `size` bytes into `value`.
        let result =
            unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut size) };
        assert_eq!(result, 0);
        value
    }

    /// The values of the four options of a connection's TCP socket.
    fn options(keepalive: KeepaliveTime) -> [libc::c_int; 4] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let socket = Socket::connect(&Address::Inet(address), keepalive).expect("a socket");
        assert_eq!(option(socket.fd(), libc::SOL_SOCKET, libc::SO_KEEPALIVE), 1);
        [libc::TCP_KEEPIDLE, libc::TCP_KEEPINTVL, libc::TCP_KEEPCNT, libc::TCP_USER_TIMEOUT]
            .map(|name| option(socket.fd(), libc::IPPROTO_TCP, name))
    }

    #[test]
    fn a_vanished_server_is_noticed_after_two_minutes() {
        assert_eq!(options(KeepaliveTime::default()), [60, 10, 6, 120_000]);
    }

    #[test]
    fn a_vanished_server_is_noticed_after_the_time_that_was_set() {
        let keepalive = KeepaliveTime::from_seconds(5).expect("a time");
        assert_eq!(options(keepalive), [3, 1, 2, 5000]);
    }

    #[test]
    fn the_system_notices_a_vanished_server_if_the_time_is_0() {
        let keepalive = KeepaliveTime::from_seconds(0).expect("a time");
        let [idle_s, _, probes, unacknowledged_ms] = options(keepalive);
        assert_eq!((idle_s, probes, unacknowledged_ms), (7200, 9, 0), "Linux's own times");
    }
}
