//! The socket of an accepted connection: TCP, Unix, or TCP with TLS.
//!
//! Must not: know the protocol.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use rustix::buffer::spare_capacity;

use super::tls_stream::TlsStream;
use gearman_session::PeerIdentity;
use std::sync::Arc;

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
