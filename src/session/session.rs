//! [`Session`]: one connection, bytes in and bytes out.
//!
//! Owns the receive buffer, the send queue and the backpressure between them. The driver's
//! poller is edge-triggered: it reports once that a stream is readable, so the session
//! remembers whether bytes may be left in it.
//!
//! Must not: parse the bytes.

mod stream_io;

use crate::CloseReason;
use crate::access::SessionProfile;
use crate::held_output::{CommitOutcome, HeldOutput};
use crate::host::Origin;
use crate::list_writer::Listing;
use crate::send_queue::SendQueue;
use gearman_access::ListenerRole;
use gearman_broker::delayed::DelayedAck;
use gearman_broker::{Broker, ConnectionKey, Millis};

/// Number of unsent bytes from which a peer's requests are not read.
const BACKPRESSURE_BYTES: usize = 1 << 20;
/// Largest size of a small packet. A larger packet is received into a buffer that it can
/// keep; a larger buffer is freed when it is empty.
pub(super) const SMALL_PACKET_BYTES_MAX: usize = 16 << 10;
/// Most memory allocated for bytes of a large packet that have not arrived.
const EXPECTED_BYTES_MAX: usize = 1 << 20;
/// Room after a large packet for the small one that may follow it, such as the grab after
/// a result.
pub(super) const FOLLOWING_PACKET_BYTES: usize = 256;

/// Result of a receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// This many bytes were received.
    Bytes(usize),
    /// No bytes have arrived.
    Nothing,
    /// The stream has ended.
    End,
}

/// One connection over a byte stream.
pub(crate) struct Session<S> {
    pub(crate) stream: S,
    pub(super) origin: Origin,
    pub(super) key: ConnectionKey,
    /// The role of the listener that accepted it.
    pub(super) role: ListenerRole,
    /// What its peer may do, once that was asked under the current rules.
    pub(super) profile: Option<Box<SessionProfile>>,
    /// Received bytes that were not handled: part of a packet, or whole packets while the
    /// session is backpressured.
    pub(super) input: Vec<u8>,
    /// Number of bytes that `input` must hold before it can be parsed further.
    pub(super) need: usize,
    /// Expected size of the peer's next packet if its last one was large, else 0.
    expected_bytes: usize,
    /// Number of bytes to discard, at the start of `input` or not received yet.
    pub(super) skip: usize,
    output: SendQueue,
    /// Unread bytes that were recorded in the limit of all sessions.
    pub(super) recorded_unread: usize,
    /// Packets that wait for a commit, if any do.
    held_output: Option<Box<HeldOutput>>,
    /// Whether the next packet was handled in part.
    pub(super) is_unfinished: bool,
    /// Whether the next packet waits for the store.
    pub(super) is_waiting: bool,
    /// When the next packet began to wait for the store, if it ever had to.
    pub(super) wait_began: Option<Millis>,
    /// Acknowledgements in `output` that may be held for another packet.
    pub(super) delayed_ack: DelayedAck,
    /// Whether the stream may have bytes to read.
    unread: bool,
    /// Whether the peer has offered to work on a function.
    works: bool,
    /// Whether the driver reported the end of the stream.
    half_closed: bool,
    /// Whether the end of the stream was read: the session ends when `output` is empty.
    pub(super) ended: bool,
    /// The list that is being written for the peer. Its requests are not handled meanwhile.
    pub(super) listing: Option<Box<Listing>>,
    /// Whether the last write was partial and the stream is not writable again.
    blocked: bool,
    /// Whether the poller watches for the stream to become writable.
    watching: bool,
    /// Whether the session is in the queue of ready sessions.
    pub(super) queued: bool,
    /// Whether the session is in the list for normal flushes, and in the one for urgent
    /// flushes.
    listed: [bool; 2],
    /// Why the session is closed in the next flush, if it is.
    pub(super) close_reason: Option<CloseReason>,
}

impl<S> Session<S> {
    /// A session that has received nothing.
    pub(super) fn new(stream: S, origin: Origin, key: ConnectionKey) -> Session<S> {
        Session {
            stream,
            origin,
            key,
            role: ListenerRole::Jobs,
            profile: None,
            input: Vec::new(),
            need: 1,
            expected_bytes: 0,
            skip: 0,
            output: SendQueue::default(),
            recorded_unread: 0,
            held_output: None,
            is_unfinished: false,
            is_waiting: false,
            wait_began: None,
            delayed_ack: DelayedAck::default(),
            unread: false,
            works: false,
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

    /// Whether the session is in the list for urgent, or for normal, flushes.
    pub(super) fn listed(&mut self, urgent: bool) -> &mut bool {
        &mut self.listed[usize::from(urgent)]
    }

    /// Whether the session is in any list for flushes.
    pub(super) fn is_listed(&self) -> bool {
        self.listed != [false; 2]
    }

    /// Records that the stream is readable, and whether its end was reported.
    pub(super) fn readable(&mut self, half_closed: bool) {
        self.unread = true;
        self.half_closed |= half_closed;
    }

    /// Records that the stream is writable again.
    pub(super) fn writable(&mut self) {
        self.blocked = false;
    }

    /// Whether the session has something to receive or handle.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_backpressured()
            && self.listing.is_none()
            && !self.is_waiting
            && !self.ended
            && (self.unread || self.input.len() >= self.need)
    }

    /// Whether the number of unsent bytes is at the limit from which no request is handled.
    pub(super) fn is_backpressured(&self) -> bool {
        self.backlog() >= BACKPRESSURE_BYTES
    }

    /// The number of unsent bytes.
    pub(super) fn backlog(&self) -> usize {
        let held = self.listing.as_ref().map_or(0, |listing| listing.held.len());
        let uncommitted = self.held_output.as_ref().map_or(0, |held| held.len());
        self.output.len() + held + uncommitted
    }

    /// The queues with unsent bytes.
    pub(super) fn queues(&self) -> impl Iterator<Item = &SendQueue> {
        let after_list = self.listing.as_ref().map(|listing| &listing.held);
        let uncommitted = self.held_output.as_ref().map(|held| held.packets());
        [Some(&self.output), after_list, uncommitted].into_iter().flatten()
    }

    /// The number of unsent bytes that no job holds.
    pub(super) fn unread(&self) -> usize {
        self.queues().map(SendQueue::own_len).sum()
    }

    /// Frees the unsent bytes of a session that will be closed.
    pub(super) fn drop_output(&mut self) {
        assert!(self.close_reason.is_some(), "unsent bytes of an open session were dropped");
        (self.output, self.listing, self.held_output) = (SendQueue::default(), None, None);
    }

    /// Whether packets wait for a commit.
    pub(super) fn is_held(&self) -> bool {
        self.held_output.is_some()
    }

    /// The packets that wait for a commit. A list that is being written ends before them.
    pub(super) fn held_output(&mut self) -> &mut HeldOutput {
        self.held_output.get_or_insert_default()
    }

    /// Queues the packets that waited for operations up to this one. Returns whether any did.
    pub(super) fn release(
        &mut self,
        operations: u64,
        outcome: impl Fn(u64) -> CommitOutcome,
    ) -> bool {
        let Some(mut held) = self.held_output.take() else { return false };
        if self.close_reason.is_some() {
            return false;
        }
        let is_any = held.release(operations, outcome, self.output());
        if !held.is_empty() {
            self.held_output = Some(held);
        }
        is_any
    }

    /// The queue to which answers are appended: after a list that is being written.
    pub(super) fn output(&mut self) -> &mut SendQueue {
        assert!(self.close_reason.is_none(), "a packet was queued for a session to be closed");
        match &mut self.listing {
            Some(listing) => &mut listing.held,
            None => &mut self.output,
        }
    }

    /// Writes the next piece of the list. Returns whether the list is complete.
    pub(super) fn write_list(&mut self, broker: &Broker) -> bool {
        assert!(self.close_reason.is_none(), "a list was written for a session to be closed");
        let Some(listing) = &mut self.listing else { return true };
        if !listing.list.write_piece(broker, self.output.bytes()) {
            return false;
        }
        self.output.append(std::mem::take(&mut listing.held));
        self.listing = None;
        true
    }

    /// Whether the peer's next packet is expected to be large.
    pub(super) fn expects_large(&self) -> bool {
        self.expected_bytes > 0 && self.input.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::host::{Memory, broker};

    /// A session whose peer has sent a packet of this size.
    fn session(expected_bytes: usize) -> Session<Memory> {
        let mut broker = broker(0);
        let key = broker.connect(7, "local");
        let mut session = Session::new(Memory::default(), Origin::local(7), key);
        session.note_size(expected_bytes);
        session
    }

    #[test]
    fn the_second_large_packet_and_a_small_one_after_it_are_received_in_one_call() {
        let mut session = session(100_000);
        session.stream.input.extend([b'x'; 100_012]);
        assert!(session.expects_large());
        let received = session.receive_large(&mut Vec::new()).expect("receives");
        assert_eq!(received, Received::Bytes(100_012));
        assert_eq!(session.input.len(), 100_012);
    }

    #[test]
    fn a_buffer_for_a_large_packet_is_returned_if_small_packets_arrive_instead() {
        let mut session = session(100_000);
        // Its capacity tells it from a newly allocated buffer.
        let capacity = 100_000 + FOLLOWING_PACKET_BYTES + 1;
        let mut large_buffer = Vec::with_capacity(capacity);
        for _ in 0..3 {
            session.stream.input.extend(b"small");
            session.receive_large(&mut large_buffer).expect("receives");
            // The beginning of the next packet is moved to a small buffer.
            large_buffer = session.consume(3).expect("the buffer");
            assert_eq!((&session.input[..], large_buffer.capacity()), (&b"ll"[..], capacity));
            assert!(session.input.capacity() < 100);
            session.consume(2);
        }
        assert!(session.expects_large(), "a few small packets do not change the expectation");
    }

    #[test]
    fn a_peer_that_sends_many_small_packets_is_not_expected_to_send_large_ones() {
        let mut session = session(SMALL_PACKET_BYTES_MAX + 1);
        session.stream.input.extend([b'x'; 2 * SMALL_PACKET_BYTES_MAX]);
        session.receive_large(&mut Vec::new()).expect("receives");
        session.consume(session.input.len());
        assert!(!session.expects_large());
    }

    #[test]
    fn after_a_packet_above_16_kib_a_buffer_of_at_most_1_mib_is_allocated_for_the_next() {
        for (size, room) in [
            (SMALL_PACKET_BYTES_MAX, 0),
            (SMALL_PACKET_BYTES_MAX + 1, SMALL_PACKET_BYTES_MAX + 1 + FOLLOWING_PACKET_BYTES),
            (5 << 20, EXPECTED_BYTES_MAX + FOLLOWING_PACKET_BYTES),
        ] {
            let mut session = session(size);
            assert_eq!(session.expects_large(), room > 0);
            if room > 0 {
                session.stream.input.push_back(b'x');
                session.receive_large(&mut Vec::new()).expect("receives");
                assert_eq!(session.input.capacity(), room);
                assert!(!session.expects_large(), "a packet has begun");
            }
        }
    }

    #[test]
    fn a_buffer_is_reused_if_it_exceeds_the_expected_size_by_at_most_an_eighth() {
        let room = 80_000 + FOLLOWING_PACKET_BYTES;
        for (capacity, fits) in
            [(room - 1, false), (room, true), (room + room / 8, true), (room + room / 8 + 1, false)]
        {
            let mut session = session(80_000);
            session.stream.input.push_back(b'x');
            let mut large_buffer = Vec::with_capacity(capacity);
            session.receive_large(&mut large_buffer).expect("receives");
            assert_eq!(session.input.capacity(), if fits { capacity } else { room });
        }
    }

    #[test]
    fn the_beginning_of_a_large_packet_reserves_at_most_the_size_of_the_last_one() {
        for (need, capacity) in [
            (SMALL_PACKET_BYTES_MAX + 1, SMALL_PACKET_BYTES_MAX + 1),
            (50_000, 50_000),
            (200_000, 80_100),
        ] {
            let mut session = session(80_000);
            session.need = need;
            session.keep(&[b'x'; 100]);
            assert_eq!((session.input.len(), session.input.capacity()), (100, capacity));
        }
        let mut session = session(80_000);
        session.need = SMALL_PACKET_BYTES_MAX;
        session.keep(&[b'x'; 100]);
        assert!(session.input.capacity() < SMALL_PACKET_BYTES_MAX);
    }

    #[test]
    fn a_large_packet_is_no_longer_expected_after_small_ones_fill_a_receive() {
        for (unread, need, expects) in [
            (false, 1, true),
            (true, 1, false),
            (true, SMALL_PACKET_BYTES_MAX, false),
            (true, SMALL_PACKET_BYTES_MAX + 1, true),
        ] {
            let mut session = session(80_000);
            (session.unread, session.need) = (unread, need);
            session.keep(b"");
            assert_eq!(session.expects_large(), expects);
        }
    }

    #[test]
    fn a_receive_of_more_of_a_packet_reserves_memory_in_proportion_to_the_received_bytes() {
        // Received bytes, needed bytes, size of the last large packet, resulting capacity.
        for (have, need, expected_bytes, capacity) in [
            (10, SMALL_PACKET_BYTES_MAX, 0, 10 + SMALL_PACKET_BYTES_MAX),
            (10, SMALL_PACKET_BYTES_MAX + 1, 0, SMALL_PACKET_BYTES_MAX + 1),
            (10, 100_000, 0, 10 + SMALL_PACKET_BYTES_MAX),
            (30_000, 100_000, 0, 60_000),
            (30_000, 100_000, 50_000, 80_000),
            (60_000, 100_000, 50_000, 100_000),
            (524_288, 1 << 20, 0, 1 << 20),
            (65_000, (1 << 20) + 1, 0, 65_537),
            (65_537, (1 << 20) + 1, 0, (1 << 20) + 1),
            (30_000, 100 << 20, 50_000, (100 << 20) / 256),
        ] {
            let mut session = session(expected_bytes);
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
    fn a_session_is_amid_a_large_packet_while_more_of_it_may_have_arrived() {
        for (unread, need, have, amid) in [
            (true, SMALL_PACKET_BYTES_MAX + 1, SMALL_PACKET_BYTES_MAX, true),
            (true, SMALL_PACKET_BYTES_MAX + 1, SMALL_PACKET_BYTES_MAX + 1, false),
            (true, SMALL_PACKET_BYTES_MAX, 10, false),
            (false, SMALL_PACKET_BYTES_MAX + 1, SMALL_PACKET_BYTES_MAX, false),
        ] {
            let mut session = session(0);
            (session.unread, session.need) = (unread, need);
            session.input = vec![b'x'; have];
            assert_eq!(session.is_amid_large(), amid);
        }
    }

    #[test]
    fn consume_returns_only_a_buffer_that_was_allocated_for_a_large_packet() {
        for (capacity, need, taken) in [
            (SMALL_PACKET_BYTES_MAX, 1, false),
            (SMALL_PACKET_BYTES_MAX + 1, 1, true),
            (SMALL_PACKET_BYTES_MAX + 1, SMALL_PACKET_BYTES_MAX, true),
            (SMALL_PACKET_BYTES_MAX + 1, SMALL_PACKET_BYTES_MAX + 1, false),
            (EXPECTED_BYTES_MAX + FOLLOWING_PACKET_BYTES, 1, true),
            (EXPECTED_BYTES_MAX + FOLLOWING_PACKET_BYTES + 1, 1, false),
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
    fn a_buffer_above_1_mib_is_freed() {
        let mut session = session(0);
        session.input = Vec::with_capacity(EXPECTED_BYTES_MAX * 2);
        assert!(session.consume(0).is_none());
        assert_eq!(session.input.capacity(), 0);
    }
}
