//! [`Session`]: one connection, bytes in and bytes out.
//!
//! Owns the two buffers and the backpressure between them. The driver's poller is
//! edge-triggered: it says once that there is something to read, and what was left
//! unread is remembered here.
//!
//! Must not: understand what the bytes mean.

use std::io::{self, ErrorKind};

use crate::CloseReason;
use crate::host::{Origin, Poller, Stream};
use crate::list_writer::Listing;
use crate::send_queue::SendQueue;
use gearman_broker::defects::{Defect, strikes};
use gearman_broker::delayed::DelayedAck;
use gearman_broker::{Broker, ConnectionKey};

/// Bytes waiting to be sent at which a peer's own requests wait too.
const BACKPRESSURE_BYTES: usize = 1 << 20;
/// A buffer larger than this is given back when it is empty; a packet larger than
/// this gets memory of its own.
pub(super) const LARGE: usize = 16 << 10;
/// Most memory that is taken for bytes of a large packet before they came.
const CHUNK: usize = 1 << 20;
/// Room behind a large packet for the small one that may follow it: who has done a
/// job asks for the next.
pub(super) const SLACK: usize = 256;

/// How a receive ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// This many bytes came.
    Bytes(usize),
    /// None for now.
    Nothing,
    /// None ever again.
    End,
}

/// One connection over a byte stream.
pub(crate) struct Session<S> {
    pub(crate) stream: S,
    pub(super) origin: Origin,
    pub(super) key: ConnectionKey,
    /// Received and not understood yet: a part of a packet, or whole ones while
    /// backpressure holds them.
    pub(super) input: Vec<u8>,
    /// Bytes that `input` must hold before it is worth another look.
    pub(super) need: usize,
    /// The size of the large packet that the peer sent lately, else 0. It is
    /// trusted to send another one.
    proven: usize,
    /// Bytes to come, or at the start of `input`, that nobody wants.
    pub(super) skip: usize,
    output: SendQueue,
    /// Acknowledgements in `output` that wait for something to follow them.
    pub(super) delayed_ack: DelayedAck,
    /// Whether there may be bytes in the socket.
    unread: bool,
    /// Whether the peer will send no more.
    half_closed: bool,
    /// Whether that was read: the connection ends with what waits to be sent.
    pub(super) ended: bool,
    /// A list that is being written for the peer. Its requests wait meanwhile.
    pub(super) listing: Option<Box<Listing>>,
    /// Whether the socket took less than it was given, and has not called since.
    blocked: bool,
    /// Whether the poller watches for that call.
    watching: bool,
    /// Whether the connection is in the queue of those to be served.
    pub(super) queued: bool,
    /// Whether the connection is in the list of those with something to send,
    /// and in the list of those with something urgent.
    listed: [bool; 2],
    /// Why the session ends, once that is certain.
    pub(super) close_reason: Option<CloseReason>,
}

impl<S> Session<S> {
    /// A session whose peer has said nothing yet.
    pub(super) fn new(stream: S, origin: Origin, key: ConnectionKey) -> Session<S> {
        Session {
            stream,
            origin,
            key,
            input: Vec::new(),
            need: 1,
            proven: 0,
            skip: 0,
            output: SendQueue::default(),
            delayed_ack: DelayedAck::default(),
            unread: false,
            half_closed: false,
            ended: false,
            listing: None,
            blocked: false,
            watching: false,
            queued: false,
            listed: [false; 2],
            close_reason: None,
        }
    }

    /// Whether the connection is in one of the lists of those to be sent to.
    pub(super) fn listed(&mut self, urgent: bool) -> &mut bool {
        &mut self.listed[usize::from(urgent)]
    }

    /// Whether the connection is in any of these lists.
    pub(super) fn is_listed(&self) -> bool {
        self.listed != [false; 2]
    }

    /// Notes that there is something to read, or that there will be no more.
    pub(super) fn readable(&mut self, half_closed: bool) {
        self.unread = true;
        self.half_closed |= half_closed;
    }

    /// Notes that the socket takes bytes again.
    pub(super) fn writable(&mut self) {
        self.blocked = false;
    }

    /// Whether serving the connection could do something.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_backpressured()
            && self.listing.is_none()
            && !self.ended
            && (self.unread || self.input.len() >= self.need)
    }

    /// Whether more answers wait than a peer may pile up by asking.
    pub(super) fn is_backpressured(&self) -> bool {
        self.backlog() >= BACKPRESSURE_BYTES
    }

    /// Bytes that wait to be sent.
    pub(super) fn backlog(&self) -> usize {
        let held = self.listing.as_ref().map_or(0, |listing| listing.held.len());
        self.output.len() + held
    }

    /// Where answers are appended: behind a list that is being written.
    pub(super) fn output(&mut self) -> &mut SendQueue {
        assert!(self.close_reason.is_none(), "a session got a packet after its close reason");
        match &mut self.listing {
            Some(listing) => &mut listing.held,
            None => &mut self.output,
        }
    }

    /// Writes the next piece of the list. Returns whether that was the end.
    pub(super) fn write_list(&mut self, broker: &Broker) -> bool {
        assert!(self.close_reason.is_none(), "a session got a list after its close reason");
        let Some(listing) = &mut self.listing else { return true };
        if !listing.list.write_piece(broker, self.output.bytes()) {
            return false;
        }
        self.output.append(std::mem::take(&mut listing.held));
        self.listing = None;
        true
    }

    /// Whether the peer's next packet is probably large.
    pub(super) fn expects_large(&self) -> bool {
        self.proven > 0 && self.input.is_empty()
    }
}

impl<S: Stream> Session<S> {
    /// Receives once, what is probably a large packet of the same size as the last
    /// one, into memory that it can keep.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(super) fn receive_large(&mut self, landing: &mut Vec<u8>) -> io::Result<Received> {
        let room = self.proven + SLACK;
        self.input = std::mem::take(landing);
        self.input.clear();
        if self.input.capacity() < room || self.input.capacity() > room + room / 8 {
            self.input = Vec::with_capacity(room);
        }
        self.receive_behind()
    }

    /// Keeps what was not dealt with of a receive: the beginning of a packet for
    /// which `need` is set.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        assert!(self.input.is_empty(), "bytes were received past those that waited");
        if self.need > LARGE {
            self.input.reserve_exact(self.need.min(bytes.len() + self.proven));
        } else if self.unread {
            // More small packets came than were asked for.
            self.proven = 0;
        }
        let lost = usize::from(bytes.len() > 1 && strikes(Defect::PartialPacketCut));
        self.input.extend_from_slice(&bytes[..bytes.len() - lost]);
    }

    /// Whether more of a large packet may have come already.
    pub(super) fn is_amid_large(&self) -> bool {
        self.unread && self.need > LARGE && self.input.len() < self.need
    }

    /// Notes that there was a whole packet of this size.
    pub(super) fn note_size(&mut self, size: usize) {
        if size > LARGE {
            self.proven = size.min(CHUNK);
        }
    }

    /// Receives once, into `buffer`.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        let read = self.stream.read(buffer);
        self.note_received(read, buffer.len())
    }

    /// What a receive into this much room has led to.
    fn note_received(&mut self, read: io::Result<usize>, room: usize) -> io::Result<Received> {
        match read {
            Ok(0) => Ok(Received::End),
            Ok(n) => {
                // A short read has emptied the socket, and the next byte will be
                // an event; but the end that already came will not be another.
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

    /// Receives once, behind what is in `input`. Memory is taken by what has come,
    /// now or before, not by what a packet's header promises; and a large packet's
    /// ends where the packet ends: it is kept as it is.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(super) fn receive_more(&mut self) -> io::Result<Received> {
        let have = self.input.len();
        if self.need > LARGE {
            let missing = self.need.saturating_sub(have);
            self.input.reserve_exact(missing.min(have.max(LARGE).max(self.proven)));
        } else {
            self.input.reserve(LARGE);
        }
        self.receive_behind()
    }

    /// Receives once into the room that `input` has.
    fn receive_behind(&mut self) -> io::Result<Received> {
        let room = self.input.capacity() - self.input.len();
        let read = self.stream.read_spare(&mut self.input);
        self.note_received(read, room)
    }

    /// Forgets the first bytes of `input`. Returns memory that a large packet was
    /// expected in, but did not come.
    pub(super) fn consume(&mut self, used: usize) -> Option<Vec<u8>> {
        if self.input.capacity() <= LARGE || self.need > LARGE {
            self.input.drain(..used);
            return None;
        }
        if self.unread {
            // More small packets came than there was room for.
            self.proven = 0;
        }
        let rest = self.input[used..].to_vec();
        let memory = std::mem::replace(&mut self.input, rest);
        (memory.capacity() <= CHUNK + SLACK).then_some(memory)
    }

    /// Sends what waits, as far as the socket takes it; watches for the moment
    /// when it takes more only after it did not take all.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(super) fn flush(&mut self, poller: &mut impl Poller<S>) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::host::{Memory, broker};

    /// A session whose peer has sent a packet of this many bytes.
    fn session(proven: usize) -> Session<Memory> {
        let mut broker = broker(0);
        let key = broker.connect(7, "local");
        let mut session = Session::new(Memory::default(), Origin::Local(7), key);
        session.note_size(proven);
        session
    }

    #[test]
    fn the_next_large_packet_is_received_at_once_with_the_small_one_behind_it() {
        let mut session = session(100_000);
        session.stream.input.extend([b'x'; 100_012]);
        assert!(session.expects_large());
        let received = session.receive_large(&mut Vec::new()).expect("receives");
        assert_eq!(received, Received::Bytes(100_012));
        assert_eq!(session.input.len(), 100_012);
    }

    #[test]
    fn memory_goes_round_where_it_is_not_needed() {
        let mut session = session(100_000);
        let mut landing = Vec::new();
        for _ in 0..3 {
            session.stream.input.extend(b"small");
            let before = landing.as_ptr();
            session.receive_large(&mut landing).expect("receives");
            assert!(before == session.input.as_ptr() || landing.capacity() == 0);
            // The beginning of something small stays, and takes little.
            landing = session.consume(3).expect("the memory");
            assert_eq!((&session.input[..], landing.capacity()), (&b"ll"[..], 100_000 + SLACK));
            assert!(session.input.capacity() < 100);
            session.consume(2);
        }
        assert!(session.expects_large(), "now and then something small comes, too");
    }

    #[test]
    fn a_peer_that_sends_many_small_packets_is_not_expected_to_send_large_ones() {
        let mut session = session(LARGE + 1);
        session.stream.input.extend([b'x'; 2 * LARGE]);
        session.receive_large(&mut Vec::new()).expect("receives");
        session.consume(session.input.len());
        assert!(!session.expects_large());
    }

    #[test]
    fn a_packet_above_16_kib_is_large_and_the_next_is_expected_to_be_no_larger_than_a_mebibyte() {
        for (size, room) in [(LARGE, 0), (LARGE + 1, LARGE + 1 + SLACK), (5 << 20, CHUNK + SLACK)] {
            let mut session = session(size);
            assert_eq!(session.expects_large(), room > 0);
            if room > 0 {
                session.stream.input.push_back(b'x');
                session.receive_large(&mut Vec::new()).expect("receives");
                assert_eq!(session.input.capacity(), room);
                assert!(!session.expects_large(), "it has something to go on with");
            }
        }
    }

    #[test]
    fn memory_is_used_again_if_it_fits_the_next_large_packet_but_for_an_eighth() {
        let room = 80_000 + SLACK;
        for (capacity, fits) in
            [(room - 1, false), (room, true), (room + room / 8, true), (room + room / 8 + 1, false)]
        {
            let mut session = session(80_000);
            session.stream.input.push_back(b'x');
            let mut landing = Vec::with_capacity(capacity);
            let before = landing.as_ptr();
            session.receive_large(&mut landing).expect("receives");
            assert_eq!(session.input.capacity(), if fits { capacity } else { room });
            assert!(!fits || session.input.as_ptr() == before, "{capacity} for {room}");
        }
    }

    #[test]
    fn the_beginning_of_a_large_packet_gets_room_for_as_much_as_the_last_one_had() {
        for (need, capacity) in [(LARGE + 1, LARGE + 1), (50_000, 50_000), (200_000, 80_100)] {
            let mut session = session(80_000);
            session.need = need;
            session.keep(&[b'x'; 100]);
            assert_eq!((session.input.len(), session.input.capacity()), (100, capacity));
        }
        let mut session = session(80_000);
        session.need = LARGE;
        session.keep(&[b'x'; 100]);
        assert!(session.input.capacity() < LARGE);
    }

    #[test]
    fn small_packets_that_fill_a_receive_end_the_expectation_of_large_ones() {
        for (unread, need, expects) in
            [(false, 1, true), (true, 1, false), (true, LARGE, false), (true, LARGE + 1, true)]
        {
            let mut session = session(80_000);
            (session.unread, session.need) = (unread, need);
            session.keep(b"");
            assert_eq!(session.expects_large(), expects);
        }
    }

    #[test]
    fn a_receive_behind_a_part_takes_room_by_what_has_come() {
        // What there is, what is needed, what the last large packet had, and the room.
        for (have, need, proven, capacity) in [
            (10, LARGE, 0, 10 + LARGE),
            (10, LARGE + 1, 0, LARGE + 1),
            (10, 100_000, 0, 10 + LARGE),
            (30_000, 100_000, 0, 60_000),
            (30_000, 100_000, 50_000, 80_000),
            (60_000, 100_000, 50_000, 100_000),
        ] {
            let mut session = session(proven);
            session.input = Vec::with_capacity(have);
            session.input.resize(have, b'x');
            session.need = need;
            session.stream.input.push_back(b'x');
            session.receive_more().expect("receives");
            assert_eq!(session.input.len(), have + 1);
            assert_eq!(session.input.capacity(), capacity, "{have} of {need}");
        }
    }

    #[test]
    fn a_session_is_amid_a_large_packet_while_more_of_it_may_have_come() {
        for (unread, need, have, amid) in [
            (true, LARGE + 1, LARGE, true),
            (true, LARGE + 1, LARGE + 1, false),
            (true, LARGE, 10, false),
            (false, LARGE + 1, LARGE, false),
        ] {
            let mut session = session(0);
            (session.unread, session.need) = (unread, need);
            session.input = vec![b'x'; have];
            assert_eq!(session.is_amid_large(), amid);
        }
    }

    #[test]
    fn only_memory_that_a_large_packet_was_expected_in_is_taken_from_a_session() {
        for (capacity, need, taken) in [
            (LARGE, 1, false),
            (LARGE + 1, 1, true),
            (LARGE + 1, LARGE, true),
            (LARGE + 1, LARGE + 1, false),
            (CHUNK + SLACK, 1, true),
            (CHUNK + SLACK + 1, 1, false),
        ] {
            let mut session = session(0);
            session.input = Vec::with_capacity(capacity);
            session.input.extend_from_slice(b"small");
            session.need = need;
            let memory = session.consume(3);
            assert_eq!(memory.map(|memory| memory.capacity()), taken.then_some(capacity));
            assert_eq!(session.input, b"ll");
        }
    }

    #[test]
    fn very_large_memory_is_not_kept_for_the_next_one() {
        let mut session = session(0);
        session.input = Vec::with_capacity(CHUNK * 2);
        assert!(session.consume(0).is_none());
        assert_eq!(session.input.capacity(), 0);
    }
}
