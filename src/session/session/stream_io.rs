//! Receiving and sending over the stream of a session.
//!
//! Owns how much memory a packet that has not arrived gets.
//!
//! Must not: parse the bytes.

use std::io::{self, ErrorKind};
use std::time::Duration;

use super::{
    EXPECTED_BYTES_MAX, FOLLOWING_PACKET_BYTES, Received, SMALL_PACKET_BYTES_MAX, Session,
};
use crate::buffer_growth::buffer_capacity;
use crate::host::{Poller, Stream};
use gearman_broker::defects::{Defect, strikes};

impl<S: Stream> Session<S> {
    /// Notes that the peer offers to work on a function. If its host vanishes before it has read a
    /// job, the connection breaks after this time: keepalive probes begin only when all sent bytes
    /// are acknowledged.
    pub(crate) fn begin_to_work(&mut self, limit: Duration) {
        if !std::mem::replace(&mut self.works, true) {
            self.stream.limit_unacknowledged(limit);
        }
    }

    /// Receives once into a buffer for a packet of the expected size, which the packet can
    /// keep. Uses `large_buffer` if its capacity fits.
    ///
    /// # Errors
    /// If the connection is broken.
    pub(in super::super) fn receive_large(
        &mut self,
        large_buffer: &mut Vec<u8>,
    ) -> io::Result<Received> {
        let room = self.expected_bytes + FOLLOWING_PACKET_BYTES;
        self.input = std::mem::take(large_buffer);
        self.input.clear();
        if self.input.capacity() < room || self.input.capacity() > room + room / 8 {
            self.input = Vec::with_capacity(room);
        }
        self.receive_into_input()
    }

    /// Stores the received bytes that were not handled: the beginning of a packet, for
    /// which `need` is set.
    pub(in super::super) fn keep(&mut self, bytes: &[u8]) {
        assert!(self.input.is_empty(), "bytes were received before earlier ones were handled");
        if self.need > SMALL_PACKET_BYTES_MAX {
            self.input.reserve_exact(self.need.min(bytes.len() + self.expected_bytes));
        } else if self.unread {
            // Small packets filled the receive buffer.
            self.expected_bytes = 0;
        }
        let lost = usize::from(bytes.len() > 1 && strikes(Defect::PartialPacketCut));
        self.input.extend_from_slice(&bytes[..bytes.len() - lost]);
    }

    /// Whether `input` has part of a large packet, and more of it may have arrived.
    pub(in super::super) fn is_amid_large(&self) -> bool {
        self.unread && self.need > SMALL_PACKET_BYTES_MAX && self.input.len() < self.need
    }

    /// Records the size of a complete packet.
    pub(in super::super) fn note_size(&mut self, size: usize) {
        if size > SMALL_PACKET_BYTES_MAX {
            self.expected_bytes = size.min(EXPECTED_BYTES_MAX);
        }
    }

    /// Receives once into `buffer`.
    ///
    /// # Errors
    /// If the connection is broken.
    pub(in super::super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        let read = self.stream.read(buffer);
        self.note_received(read, buffer.len())
    }

    /// Converts the result of a read into `room` bytes.
    fn note_received(&mut self, read: io::Result<usize>, room: usize) -> io::Result<Received> {
        match read {
            Ok(0) => Ok(Received::End),
            Ok(n) => {
                // A short read has emptied the stream, and the driver reports the next
                // byte. But it does not report the end of the stream again.
                self.unread = n == room || self.half_closed;
                Ok(Received::Bytes(n))
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                self.unread = false;
                Ok(Received::Nothing)
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(Received::Nothing),
            Err(e) => Err(e),
        }
    }

    /// Receives once and appends to `input`. Memory is allocated in proportion to the bytes
    /// received for this or the last packet, not by the length in a header. The buffer of a large
    /// packet ends with the packet, so that the packet can keep it.
    ///
    /// # Errors
    /// If the connection is broken.
    pub(in super::super) fn receive_more(&mut self) -> io::Result<Received> {
        let have = self.input.len();
        if self.need > SMALL_PACKET_BYTES_MAX {
            let missing = self.need.saturating_sub(have);
            if self.input.capacity() - have < missing.min(SMALL_PACKET_BYTES_MAX) {
                let known = have.max(SMALL_PACKET_BYTES_MAX).max(self.expected_bytes);
                let capacity = buffer_capacity(self.need, have, known);
                self.input.reserve_exact(capacity.saturating_sub(have));
            }
        } else {
            self.input.reserve(SMALL_PACKET_BYTES_MAX);
        }
        self.receive_into_input()
    }

    /// Receives once into the spare capacity of `input`.
    fn receive_into_input(&mut self) -> io::Result<Received> {
        let room = self.input.capacity() - self.input.len();
        let read = self.stream.read_spare(&mut self.input);
        self.note_received(read, room)
    }

    /// Removes the first bytes of `input`. Returns the buffer of an expected large packet if
    /// small packets were received into it.
    pub(in super::super) fn consume(&mut self, used: usize) -> Option<Vec<u8>> {
        if used == 0 && !self.input.is_empty() {
            // A packet that waits, or is handled in several turns, stays where it is.
            return None;
        }
        if self.input.capacity() <= SMALL_PACKET_BYTES_MAX || self.need > SMALL_PACKET_BYTES_MAX {
            self.input.drain(..used);
            return None;
        }
        if self.unread {
            // Small packets filled the buffer.
            self.expected_bytes = 0;
        }
        let rest = self.input[used..].to_vec();
        let memory = std::mem::replace(&mut self.input, rest);
        (memory.capacity() <= EXPECTED_BYTES_MAX + FOLLOWING_PACKET_BYTES).then_some(memory)
    }

    /// Sends until the queue is empty or the stream accepts no more. Only after a partial
    /// write the stream is watched until it is writable.
    ///
    /// # Errors
    /// If the connection is broken.
    pub(in super::super) fn flush(&mut self, poller: &mut impl Poller<S>) -> io::Result<()> {
        if self.blocked || self.output.len() == 0 {
            return Ok(());
        }
        let index = self.key.index();
        if !self.output.send(&mut self.stream)? {
            self.blocked = true;
            self.watching = true;
            return poller.watch_writable(index, &mut self.stream, true);
        }
        if std::mem::take(&mut self.watching) {
            poller.watch_writable(index, &mut self.stream, false)?;
        }
        Ok(())
    }
}
