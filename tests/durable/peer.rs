//! A connection to a server that may be killed at any moment.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use gearman_test_support::wait::{TIMEOUT, uninterrupted};
use gearman_test_support::wire::{Command, request};

/// Packets in, packets out.
pub(crate) struct Peer {
    stream: BufReader<TcpStream>,
}

impl Peer {
    /// Connects.
    ///
    /// # Errors
    /// If the server does not accept.
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Peer> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Peer { stream: BufReader::with_capacity(1 << 16, stream) })
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// If the server has gone.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// The next packet, its parts separated at NUL.
    ///
    /// # Errors
    /// If the server has gone, or sends nothing for a long time.
    pub(crate) fn receive(&mut self) -> io::Result<(Command, Vec<u8>)> {
        let mut header = [0; 12];
        self.stream.read_exact(&mut header)?;
        let number = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().expect("four"));
        let mut body = vec![0; number(8) as usize];
        self.stream.read_exact(&mut body)?;
        Ok((Command::from_number(number(4)).expect("a command"), body))
    }

    /// The next packet, or `None` if it does not begin within this time.
    ///
    /// # Errors
    /// If the server has gone.
    pub(crate) fn receive_within(
        &mut self,
        limit: Duration,
    ) -> io::Result<Option<(Command, Vec<u8>)>> {
        self.stream.get_ref().set_read_timeout(Some(limit))?;
        let begun = match uninterrupted(|| self.stream.fill_buf().map(<[u8]>::is_empty)) {
            Ok(true) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(false) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        };
        self.stream.get_ref().set_read_timeout(Some(TIMEOUT))?;
        if begun? { self.receive().map(Some) } else { Ok(None) }
    }

    /// Sends a packet and returns the next one.
    ///
    /// # Errors
    /// As [`Peer::receive`].
    pub(crate) fn ask(
        &mut self,
        command: Command,
        parts: &[impl AsRef<[u8]>],
    ) -> io::Result<(Command, Vec<u8>)> {
        self.send(&request(command, parts))?;
        self.receive()
    }
}
