//! Packets of MySQL's protocol on a stream: a length of three bytes, a number that both sides
//! count, and up to 16 MiB. A longer text is several packets.
//!
//! Must not: know what a packet means.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use super::socket::MySqlStream;

/// Bytes that one packet can have. One of this size is continued by the next.
const PACKET_BYTES_MAX: usize = 0xff_ffff;
/// Bytes that are read at once.
const RECEIVED_AT_ONCE: usize = 64 << 10;

/// A stream of packets.
pub(super) struct PacketStream {
    stream: MySqlStream,
    /// Number of the next packet, in either direction.
    number: u8,
    /// What was read; what is before `start` has been used.
    received: Vec<u8>,
    start: usize,
}

impl PacketStream {
    pub(super) fn new(stream: MySqlStream) -> PacketStream {
        PacketStream { stream, number: 0, received: Vec::new(), start: 0 }
    }

    /// Begins a command: packets are counted from 0 again.
    pub(super) fn begin(&mut self, deadline: Option<Instant>) {
        self.number = 0;
        self.stream.set_deadline(deadline);
    }

    /// Whether the connection is open and nothing has come that was not asked for.
    pub(super) fn is_silent(&self) -> bool {
        self.start == self.received.len() && self.stream.is_silent()
    }

    /// Replaces the stream by one over it. What was received but not used was not protected.
    pub(super) fn wrap(
        self,
        wrap: impl FnOnce(MySqlStream) -> io::Result<MySqlStream>,
    ) -> io::Result<PacketStream> {
        if self.start < self.received.len() {
            return Err(wrong("the server sent more than its greeting before TLS"));
        }
        Ok(PacketStream { stream: wrap(self.stream)?, ..self })
    }

    /// Sends a text as packets.
    pub(super) fn send(&mut self, text: &[u8]) -> io::Result<()> {
        let mut rest = text;
        loop {
            let (piece, left) = rest.split_at(rest.len().min(PACKET_BYTES_MAX));
            let length = u32::try_from(piece.len()).expect("fits into three bytes").to_le_bytes();
            let mut packet = Vec::with_capacity(piece.len() + 4);
            packet.extend_from_slice(&length[..3]);
            packet.push(self.number);
            packet.extend_from_slice(piece);
            self.number = self.number.wrapping_add(1);
            self.stream.write_all(&packet)?;
            rest = left;
            if piece.len() < PACKET_BYTES_MAX {
                break;
            }
        }
        self.stream.flush()
    }

    /// Receives a text into `text`, whose content is replaced.
    pub(super) fn receive(&mut self, text: &mut Vec<u8>) -> io::Result<()> {
        text.clear();
        loop {
            while self.received.len() - self.start < 4 {
                self.read_more()?;
            }
            let header = &self.received[self.start..self.start + 4];
            let length = u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize;
            if header[3] != self.number {
                return Err(wrong("the server's packets are out of order"));
            }
            self.number = self.number.wrapping_add(1);
            self.start += 4;
            let mut missing = length;
            loop {
                let here = missing.min(self.received.len() - self.start);
                text.extend_from_slice(&self.received[self.start..self.start + here]);
                self.start += here;
                missing -= here;
                if missing == 0 {
                    break;
                }
                self.read_more()?;
            }
            if length < PACKET_BYTES_MAX {
                return Ok(());
            }
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        self.received.drain(..self.start);
        self.start = 0;
        let kept = self.received.len();
        self.received.resize(kept + RECEIVED_AT_ONCE, 0);
        let result = loop {
            match self.stream.read(&mut self.received[kept..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.received.truncate(kept + result.as_ref().copied().unwrap_or(0));
        match result? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The error of a server that does not keep to the protocol.
pub(super) fn wrong(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}
