//! [`RecordLayer`]: encryption between a non-blocking stream and its user.
//!
//! Its calls are those of a socket: they take and give any number of bytes, and fail with
//! `WouldBlock` if they must be repeated. A record is sent as a whole or not at all. So the last
//! byte of a call counts as unsent until its record has left: the user then calls again, with
//! that byte first, and never withdraws a packet of which the peer has received a part.
//!
//! Must not: send anything but in a call; a forked child drops its parent's connections in silence.

use crate::TlsError;
use rustls::{ConnectionCommon, SideData};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::ops::DerefMut;

/// Most parts of one call that are encrypted together.
const PARTS_MAX: usize = 16;

/// How far a hand-shake has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeStep {
    /// It is complete.
    Complete,
    /// Another step may be possible at once.
    Again,
    /// It continues when the stream is readable.
    NeedsRead,
    /// It continues when the stream is writable.
    NeedsWrite,
}

/// One side of a TLS connection.
#[derive(Debug)]
pub struct RecordLayer<C> {
    connection: C,
    /// Bytes, 0 or 1, at the start of the next call's bytes that are encrypted already.
    encrypted_before: usize,
    /// Why records can be read no more.
    failure: Option<TlsError>,
}

/// Notes whether the last read has emptied the stream.
struct Source<'a, T> {
    stream: &'a mut T,
    is_empty: bool,
}

impl<T: Read> Read for Source<'_, T> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(space);
        self.is_empty = matches!(read, Ok(count) if count < space.len());
        read
    }
}

impl<C, S> RecordLayer<C>
where
    C: DerefMut<Target = ConnectionCommon<S>>,
    S: SideData,
{
    pub(crate) fn new(connection: C) -> RecordLayer<C> {
        RecordLayer { connection, encrypted_before: 0, failure: None }
    }

    /// The connection of rustls.
    pub fn connection(&self) -> &C {
        &self.connection
    }

    /// Takes one step of the hand-shake: sends what is due, and handles what one receive has
    /// brought.
    ///
    /// # Errors
    /// Why the hand-shake has failed. The peer has been told, if the stream had room.
    pub fn step(&mut self, stream: &mut (impl Read + Write)) -> io::Result<HandshakeStep> {
        if !self.push(stream)? {
            return Ok(HandshakeStep::NeedsWrite);
        }
        if !self.connection.is_handshaking() {
            return Ok(HandshakeStep::Complete);
        }
        match self.connection.read_tls(stream) {
            Ok(0) => Err(TlsError::new("the peer closed the connection in the hand-shake").into()),
            Ok(_) => {
                self.process(stream)?;
                Ok(HandshakeStep::Again)
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(HandshakeStep::NeedsRead),
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(HandshakeStep::Again),
            Err(e) => Err(e),
        }
    }

    /// Receives into `space`. Returns the number of bytes; 0 after the peer has closed. If it is
    /// less than the room, the stream is empty.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has arrived; else why the connection is broken.
    pub fn receive(
        &mut self,
        stream: &mut (impl Read + Write),
        space: &mut [u8],
    ) -> io::Result<usize> {
        let mut count = 0;
        let mut is_empty = false;
        loop {
            match self.connection.reader().read(&mut space[count..]) {
                Ok(0) => return Ok(count),
                Ok(more) => {
                    count += more;
                    if count == space.len() {
                        return Ok(count);
                    }
                    continue;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(_) if count > 0 => return Ok(count),
                Err(_) => return Err(cut()),
            }
            // Without a whole record, only the stream itself knows whether its end follows.
            if count > 0 && (is_empty || self.failure.is_some()) {
                return Ok(count);
            }
            match self.receive_records(stream) {
                Ok(emptied) => is_empty = emptied,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) if count > 0 => return Ok(count),
                Err(e) => return Err(e),
            }
        }
    }

    /// Why a stream takes no more bytes: what the peer said before it closed, if that has arrived,
    /// instead of the system's error for it.
    pub fn reason(&mut self, stream: &mut (impl Read + Write), error: io::Error) -> io::Error {
        if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) {
            return error;
        }
        loop {
            match self.receive_records(stream) {
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return if self.failure.is_some() { e } else { error },
            }
        }
    }

    /// Looks for bytes without receiving them. Returns whether there are any.
    ///
    /// # Errors
    /// If the peer has closed, or the connection is broken.
    pub fn look(&mut self, stream: &mut (impl Read + Write)) -> io::Result<bool> {
        loop {
            let state = self.connection.process_new_packets().map_err(TlsError::from)?;
            if state.plaintext_bytes_to_read() > 0 {
                return Ok(true);
            }
            match self.receive_records(stream) {
                Ok(_) if self.has_closed()? => return Err(ErrorKind::ConnectionAborted.into()),
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) => return Err(e),
            }
        }
    }

    /// Receives once from the stream. Returns whether that has emptied it.
    fn receive_records(&mut self, stream: &mut (impl Read + Write)) -> io::Result<bool> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into());
        }
        let mut source = Source { stream, is_empty: false };
        let received = self.connection.read_tls(&mut source)?;
        // The end of the stream is found again by every later read.
        let is_empty = source.is_empty && received > 0;
        if received == 0 && !self.has_closed()? {
            return Err(cut());
        }
        self.process(stream)?;
        Ok(is_empty)
    }

    /// Whether the peer has said that it closes.
    fn has_closed(&mut self) -> io::Result<bool> {
        let state = self.connection.process_new_packets().map_err(TlsError::from)?;
        Ok(state.peer_has_closed())
    }

    /// Decrypts what was received, and sends what the layer answers to it.
    fn process(&mut self, stream: &mut impl Write) -> io::Result<()> {
        let Err(error) = self.connection.process_new_packets() else {
            // An answer of the layer itself, as the refusal to negotiate again. An incomplete call
            // of `send` sends it when it is repeated.
            if self.encrypted_before == 0 {
                let _ = self.push(stream);
            }
            return Ok(());
        };
        let failure = TlsError::from(error);
        self.failure = Some(failure.clone());
        // The alert, which says why.
        let _ = self.push(stream);
        Err(failure.into())
    }

    /// Sends `parts`, in order. Returns the number of bytes sent, which may end in any part. A
    /// call that did not send all is repeated with the rest.
    ///
    /// # Errors
    /// `WouldBlock` if the stream has no room; else why the connection is broken.
    pub fn send(&mut self, stream: &mut impl Write, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if !self.push(stream)? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let all: usize = parts.iter().map(|part| part.len()).sum();
        let mut sent = std::mem::take(&mut self.encrypted_before).min(all);
        while sent < all {
            let encrypted = self.encrypt(parts, sent)?;
            sent += encrypted;
            if !self.push(stream)? {
                self.encrypted_before = 1;
                return if sent > 1 { Ok(sent - 1) } else { Err(ErrorKind::WouldBlock.into()) };
            }
        }
        Ok(all)
    }

    /// Encrypts what follows the first `skip` bytes, as much as one flight of records takes.
    fn encrypt(&mut self, parts: &[IoSlice<'_>], mut skip: usize) -> io::Result<usize> {
        let mut rest = [IoSlice::new(&[]); PARTS_MAX];
        let mut count = 0;
        for part in parts {
            if skip >= part.len() {
                skip -= part.len();
            } else if count < PARTS_MAX {
                rest[count] = IoSlice::new(&part[skip..]);
                (count, skip) = (count + 1, 0);
            }
        }
        match self.connection.writer().write_vectored(&rest[..count])? {
            0 => Err(ErrorKind::WriteZero.into()),
            encrypted => Ok(encrypted),
        }
    }

    /// Sends the encrypted bytes. Returns whether all have left.
    fn push(&mut self, stream: &mut impl Write) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(stream) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// Tells the peer that this side closes, if the stream has room. A forked child must not
    /// call it.
    pub fn close(&mut self, stream: &mut impl Write) {
        self.connection.send_close_notify();
        let _ = self.push(stream);
    }
}

/// The error of a stream that has ended without the peer's word.
fn cut() -> io::Error {
    let text = TlsError::new("the connection was cut: it ended without close_notify");
    io::Error::new(ErrorKind::UnexpectedEof, text)
}
