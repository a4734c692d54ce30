//! A socket with a deadline, with and without TLS.
//!
//! Must not: know packets.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gearman_tls::rustls::{ClientConnection, StreamOwned};
use rustix::net::{RecvFlags, recv};

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MySqlAddress {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// A socket of either family.
enum SocketStream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A socket that gives up at a deadline.
pub(super) struct TimedSocket {
    stream: SocketStream,
    deadline: Option<Instant>,
}

impl TimedSocket {
    /// Connects until the deadline; the addresses of a name are tried one after the other.
    pub(super) fn connect(address: &MySqlAddress, deadline: Instant) -> io::Result<TimedSocket> {
        let stream = match address {
            MySqlAddress::Unix(path) => SocketStream::Unix(UnixStream::connect(path)?),
            MySqlAddress::Tcp(host, port) => {
                let addresses: Vec<_> = (host.as_str(), *port).to_socket_addrs()?.collect();
                let mut last = io::Error::other("the name has no address");
                let mut streams = addresses.iter().enumerate().filter_map(|(index, address)| {
                    let share = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
                    let limit = deadline.saturating_duration_since(Instant::now()) / share;
                    let limit = limit.max(Duration::from_millis(1));
                    TcpStream::connect_timeout(address, limit).map_err(|error| last = error).ok()
                });
                let stream = streams.next();
                let stream = stream.ok_or(last)?;
                stream.set_nodelay(true)?;
                SocketStream::Tcp(stream)
            }
        };
        Ok(TimedSocket { stream, deadline: Some(deadline) })
    }

    /// Whether bytes stay on this machine.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.stream, SocketStream::Unix(_))
    }

    /// Whether the connection is open and nothing waits to be read.
    fn is_silent(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        matches!(recv(self, &mut [0; 1], flags), Err(rustix::io::Errno::AGAIN))
    }

    /// Time that is left; `None` without a deadline.
    fn remaining(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline else { return Ok(None) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl AsFd for TimedSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            SocketStream::Tcp(stream) => stream.as_fd(),
            SocketStream::Unix(stream) => stream.as_fd(),
        }
    }
}

/// The error of a call whose time was over.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
        _ => error,
    }
}

impl Read for TimedSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.remaining()?;
        let result = match &mut self.stream {
            SocketStream::Tcp(stream) => {
                stream.set_read_timeout(left)?;
                stream.read(buffer)
            }
            SocketStream::Unix(stream) => {
                stream.set_read_timeout(left)?;
                stream.read(buffer)
            }
        };
        result.map_err(timed_out)
    }
}

impl Write for TimedSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.remaining()?;
        let result = match &mut self.stream {
            SocketStream::Tcp(stream) => {
                stream.set_write_timeout(left)?;
                stream.write(bytes)
            }
            SocketStream::Unix(stream) => {
                stream.set_write_timeout(left)?;
                stream.write(bytes)
            }
        };
        result.map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket, or TLS over one.
pub(super) enum MySqlStream {
    Plain(TimedSocket),
    Tls(Box<StreamOwned<ClientConnection, TimedSocket>>),
}

impl MySqlStream {
    fn socket(&self) -> &TimedSocket {
        match self {
            MySqlStream::Plain(socket) => socket,
            MySqlStream::Tls(stream) => &stream.sock,
        }
    }

    /// Changes until when reading and writing may take; `None` is without a limit.
    pub(super) fn set_deadline(&mut self, deadline: Option<Instant>) {
        match self {
            MySqlStream::Plain(socket) => socket.deadline = deadline,
            MySqlStream::Tls(stream) => stream.sock.deadline = deadline,
        }
    }

    /// Whether the connection is open and nothing waits to be read.
    pub(super) fn is_silent(&self) -> bool {
        self.socket().is_silent()
    }
}

impl Read for MySqlStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            MySqlStream::Plain(socket) => socket.read(buffer),
            MySqlStream::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for MySqlStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            MySqlStream::Plain(socket) => socket.write(bytes),
            MySqlStream::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            MySqlStream::Plain(socket) => socket.flush(),
            MySqlStream::Tls(stream) => stream.flush(),
        }
    }
}
