//! The socket of an accepted connection: TCP, Unix, or TCP with TLS.
//!
//! Must not: know the protocol.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use rustix::buffer::spare_capacity;
use rustix::net::sockopt;

use super::tls_stream::TlsStream;
use gearman_session::PeerIdentity;
use std::sync::Arc;
use std::time::Duration;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum AcceptedSocket {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// TCP, with TLS.
    Tls(Box<TlsStream>),
}

impl gearman_session::Stream for AcceptedSocket {
    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        if let AcceptedSocket::Tls(stream) = self {
            return stream.read_spare(into);
        }
        Ok(rustix::io::read(&*self, spare_capacity(into))?)
    }

    fn limit_unacknowledged(&mut self, limit: Duration) {
        let milliseconds = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        // A Unix socket has no such limit, and needs none: its peer is on this machine.
        if !matches!(self, AcceptedSocket::Unix(_)) {
            // A socket that refuses it works without.
            let _ = sockopt::set_tcp_user_timeout(&*self, milliseconds);
        }
    }

    fn peer_identity(&self) -> Option<Arc<PeerIdentity>> {
        match self {
            AcceptedSocket::Tls(stream) => stream.identity(),
            AcceptedSocket::Tcp(_) | AcceptedSocket::Unix(_) => None,
        }
    }
}

impl Read for AcceptedSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            AcceptedSocket::Tcp(stream) => stream.read(buffer),
            AcceptedSocket::Unix(stream) => stream.read(buffer),
            AcceptedSocket::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for AcceptedSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            AcceptedSocket::Tcp(stream) => stream.write(bytes),
            AcceptedSocket::Unix(stream) => stream.write(bytes),
            AcceptedSocket::Tls(stream) => stream.write(bytes),
        }
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            AcceptedSocket::Tcp(stream) => stream.write_vectored(parts),
            AcceptedSocket::Unix(stream) => stream.write_vectored(parts),
            AcceptedSocket::Tls(stream) => stream.write_vectored(parts),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // Nothing is buffered.
        Ok(())
    }
}

impl AsFd for AcceptedSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            AcceptedSocket::Tcp(stream) => stream.as_fd(),
            AcceptedSocket::Unix(stream) => stream.as_fd(),
            AcceptedSocket::Tls(stream) => stream.socket.as_fd(),
        }
    }
}

impl AsRawFd for AcceptedSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl AcceptedSocket {
    /// The socket, as the poller registers it.
    pub(super) fn as_source(&mut self) -> &mut dyn Source {
        match self {
            AcceptedSocket::Tcp(stream) => stream,
            AcceptedSocket::Unix(stream) => stream,
            AcceptedSocket::Tls(stream) => &mut stream.socket,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gearman_session::Stream;

    #[test]
    fn the_kernel_breaks_a_connection_whose_peer_acknowledges_nothing_for_the_limit() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let stream = std::net::TcpStream::connect(address).expect("connects");
        let mut socket = AcceptedSocket::Tcp(TcpStream::from_std(stream));
        socket.limit_unacknowledged(Duration::from_secs(120));
        assert_eq!(sockopt::tcp_user_timeout(&socket).expect("a number"), 120_000);
    }
}
