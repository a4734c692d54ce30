//! [`SendQueue`]: the unsent bytes of a session. Small packets are concatenated in a
//! buffer. Large bodies are kept in the memory that they were received into, which all
//! sessions that send them share.
//!
//! Must not: block.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Write};

use bytes::{Buf, Bytes};
use gearman_broker::defects::{Defect, strikes};

/// Capacity up to which an empty buffer is kept; a larger one is freed.
const EMPTY_BUFFER_BYTES_MAX: usize = 16 << 10;
/// Slices passed to one vectored write.
const SEND_SLICES_MAX: usize = 32;

/// The unsent bytes of a session.
#[derive(Default)]
pub(crate) struct SendQueue {
    bytes: Vec<u8>,
    /// Number of bytes at the start of `bytes` that were sent.
    sent: usize,
    /// Large bodies, each with the offset in `bytes` before which it is sent.
    bodies: VecDeque<(usize, Body)>,
    /// Unsent bytes of all bodies.
    body_bytes: usize,
    /// Those of them that are payloads of jobs.
    payload_bytes: usize,
}

/// A large body.
struct Body {
    bytes: Bytes,
    /// Whether it is the payload of a job, which the job holds, too.
    is_payload: bool,
}

impl SendQueue {
    /// The number of unsent bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.sent + self.body_bytes
    }

    /// The number of unsent bytes that no job holds.
    pub(crate) fn own_len(&self) -> usize {
        self.len() - self.payload_bytes
    }

    /// The number of unsent bytes that only this queue has.
    pub(crate) fn copied_len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// The bodies that other queues may have, too, without payloads of jobs.
    pub(crate) fn shared_bodies(&self) -> impl Iterator<Item = &Bytes> {
        let bodies = self.bodies.iter().map(|(_, body)| body);
        bodies.filter(|body| !body.is_payload).map(|body| &body.bytes)
    }

    /// The buffer to which packets are appended.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Appends a body without copying it.
    pub(crate) fn push_body(&mut self, body: Bytes) {
        self.push(Body { bytes: body, is_payload: false });
    }

    /// Appends the payload of a job without copying it.
    pub(crate) fn push_payload(&mut self, payload: Bytes) {
        self.payload_bytes += payload.len();
        self.push(Body { bytes: payload, is_payload: true });
    }

    fn push(&mut self, body: Body) {
        assert!(!body.bytes.is_empty(), "an empty body was queued");
        self.body_bytes += body.bytes.len();
        self.bodies.push_back((self.bytes.len(), body));
    }

    /// Appends another queue, of which nothing was sent.
    pub(crate) fn append(&mut self, other: SendQueue) {
        assert_eq!(other.sent, 0, "part of the appended queue was sent");
        if self.len() == 0 && self.bytes.is_empty() {
            *self = other;
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.bodies.extend(other.bodies.into_iter().map(|(place, body)| (start + place, body)));
        self.body_bytes += other.body_bytes;
        self.payload_bytes += other.payload_bytes;
    }

    /// Removes the first bytes, with the bodies before and among them. Nothing of the queue was
    /// sent. Bodies do not count.
    ///
    /// # Panics
    /// If there are not so many bytes.
    pub(crate) fn split_to(&mut self, end: usize) -> SendQueue {
        assert_eq!(self.sent, 0, "part of the divided queue was sent");
        if end == 0 && self.bodies.is_empty() {
            return SendQueue::default();
        }
        let rest = self.bodies.partition_point(|&(place, _)| place <= end);
        let bodies: VecDeque<_> = self.bodies.drain(..rest).collect();
        self.bodies.iter_mut().for_each(|(place, _)| *place -= end);
        let (body_bytes, payload_bytes) = sizes(&bodies);
        self.body_bytes -= body_bytes;
        self.payload_bytes -= payload_bytes;
        let bytes = self.bytes.drain(..end).collect();
        SendQueue { bytes, sent: 0, bodies, body_bytes, payload_bytes }
    }

    /// All unsent bytes, for a bridge: a buffer, and what comes behind it without being copied.
    pub(crate) fn into_parts(mut self) -> (Vec<u8>, Bytes) {
        let is_last = |(place, _): &(usize, Body)| self.sent == 0 && *place == self.bytes.len();
        let body = match self.bodies.len() {
            1 => self.bodies.pop_front_if(|body| is_last(body)),
            _ => None,
        };
        match body {
            Some((_, body)) => (self.bytes, body.bytes),
            None => (self.into_bytes(), Bytes::new()),
        }
    }

    /// All unsent bytes in one buffer.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        if self.bodies.is_empty() {
            return self.bytes;
        }
        let mut all = Vec::with_capacity(self.len());
        let mut from = self.sent;
        for (place, body) in &self.bodies {
            all.extend_from_slice(&self.bytes[from..*place]);
            all.extend_from_slice(&body.bytes);
            from = *place;
        }
        all.extend_from_slice(&self.bytes[from..]);
        all
    }

    /// Sends until the queue is empty or the socket accepts no more. Returns whether the
    /// queue is empty.
    ///
    /// # Errors
    /// If the connection is broken.
    pub(crate) fn send(&mut self, socket: &mut impl Write) -> io::Result<bool> {
        while self.len() > 0 {
            let (offered, result) = self.offer(socket);
            match result {
                Ok(count) => {
                    assert!(count <= offered, "a stream took {count} of {offered} bytes");
                    self.advance(count - repeated(count, offered));
                    self.check_counts();
                    if count < offered {
                        self.compact();
                        return Ok(false);
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        assert!(self.bodies.is_empty(), "an empty queue has a body");
        self.sent = 0;
        self.bytes.clear();
        if self.bytes.capacity() > EMPTY_BUFFER_BYTES_MAX {
            self.bytes = Vec::new();
        }
        Ok(true)
    }

    /// One write. Returns the number of bytes offered, and the result.
    fn offer(&self, socket: &mut impl Write) -> (usize, io::Result<usize>) {
        if self.bodies.is_empty() {
            let rest = &self.bytes[self.sent..];
            return (rest.len(), socket.write(rest));
        }
        let mut pieces = [IoSlice::new(&[]); SEND_SLICES_MAX];
        let (mut count, mut from) = (0, self.sent);
        for (place, body) in self.bodies.iter().take(SEND_SLICES_MAX / 2) {
            pieces[count] = IoSlice::new(&self.bytes[from..*place]);
            pieces[count + 1] = IoSlice::new(&body.bytes);
            (count, from) = (count + 2, *place);
        }
        if count < SEND_SLICES_MAX {
            pieces[count] = IoSlice::new(&self.bytes[from..]);
            count += 1;
        }
        let pieces = &pieces[..count];
        (pieces.iter().map(|piece| piece.len()).sum(), socket.write_vectored(pieces))
    }

    /// Removes this many bytes, which were sent.
    fn advance(&mut self, mut count: usize) {
        loop {
            let end = self.bodies.front().map_or(self.bytes.len(), |&(place, _)| place);
            let small = count.min(end - self.sent);
            self.sent += small;
            count -= small;
            let Some((_, body)) = self.bodies.front_mut() else { return };
            if count == 0 {
                return;
            }
            let large = count.min(body.bytes.len());
            body.bytes.advance(large);
            self.body_bytes -= large;
            if body.is_payload {
                self.payload_bytes -= large;
            }
            count -= large;
            if body.bytes.is_empty() {
                self.bodies.pop_front();
            }
        }
    }

    /// Checks the byte counts and offsets.
    fn check_counts(&self) {
        assert!(self.sent <= self.bytes.len(), "more bytes were sent than were queued");
        debug_assert_eq!(
            (self.body_bytes, self.payload_bytes),
            sizes(&self.bodies),
            "the count of body bytes is wrong"
        );
        debug_assert!(
            self.bodies.iter().map(|&(place, _)| place).is_sorted()
                && self.bodies.iter().all(|&(p, _)| (self.sent..=self.bytes.len()).contains(&p)),
            "the offset of a body is out of range or out of order"
        );
    }

    /// Removes the sent part of the buffer, if it is more than half.
    fn compact(&mut self) {
        if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.bodies.iter_mut().for_each(|(place, _)| *place -= self.sent);
            self.sent = 0;
        }
    }
}

/// Bytes of all bodies, and of the payloads among them.
fn sizes(bodies: &VecDeque<(usize, Body)>) -> (usize, usize) {
    bodies.iter().fold((0, 0), |(all, payloads), (_, Body { bytes, is_payload })| {
        (all + bytes.len(), payloads + if *is_payload { bytes.len() } else { 0 })
    })
}

/// The number of bytes to send twice: 0, unless a deliberate defect strikes.
fn repeated(count: usize, offered: usize) -> usize {
    usize::from(count > 1 && count < offered && strikes(Defect::ByteSentTwice))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket that accepts `width` bytes per call, and none in every third call.
    struct Narrow {
        width: usize,
        calls: usize,
        taken: Vec<u8>,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.calls.is_multiple_of(3) {
                return Err(ErrorKind::WouldBlock.into());
            }
            let count = bytes.len().min(self.width);
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
            let joined = pieces.iter().flat_map(|piece| piece.iter().copied());
            self.write(&joined.collect::<Vec<_>>())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn packets_and_bodies_are_sent_in_order_with_any_size_of_partial_writes() {
        for width in [1, 2, 3, 7, 50, 1000] {
            let mut socket = Narrow { width, calls: 0, taken: Vec::new() };
            let mut queue = SendQueue::default();
            let mut expected = Vec::new();
            for number in 0_u8..100 {
                let (head, body) = (vec![number; usize::from(number % 5)], [number ^ 255; 10]);
                queue.bytes().extend_from_slice(&head);
                expected.extend_from_slice(&head);
                if number % 3 > 0 {
                    queue.push_body(Bytes::copy_from_slice(&body));
                    expected.extend_from_slice(&body);
                }
                // More is appended after each partial send.
                queue.send(&mut socket).expect("a socket that does not break");
                assert_eq!(queue.len(), expected.len() - socket.taken.len());
            }
            while !queue.send(&mut socket).expect("a socket that does not break") {}
            assert_eq!(socket.taken, expected, "{width} bytes per call");
            assert_eq!(queue.len(), 0);
        }
    }

    /// A socket that accepts this many bytes per call.
    fn narrow(width: usize) -> Narrow {
        Narrow { width, calls: 0, taken: Vec::new() }
    }

    /// A queue of alternating heads and bodies, and its bytes.
    fn queue_of(bodies: u8) -> (SendQueue, Vec<u8>) {
        let (mut queue, mut all) = (SendQueue::default(), Vec::new());
        for number in 0..bodies {
            for _ in 0..2 {
                let body = vec![number | 128; 5];
                queue.bytes().push(number);
                queue.push_body(body.clone().into());
                all.extend([&[number], &body[..]].concat());
            }
        }
        queue.bytes().extend(b"end");
        all.extend(b"end");
        (queue, all)
    }

    #[test]
    fn more_bodies_than_fit_into_one_call_are_sent_in_order() {
        for (bodies, calls) in [(7, 1), (8, 2), (9, 2), (16, 4), (50, 10)] {
            let (mut queue, all) = queue_of(bodies);
            let mut socket = narrow(1000);
            while !queue.send(&mut socket).expect("a socket that does not break") {}
            assert_eq!(socket.taken, all);
            // Every third call accepts nothing.
            assert_eq!(socket.calls, calls, "{bodies}");
        }
    }

    #[test]
    fn a_queue_that_is_appended_to_another_is_sent_behind_it() {
        let ((mut queue, mut all), (other, rest)) = (queue_of(3), queue_of(4));
        queue.append(other);
        all.extend(rest);
        assert_eq!(queue.len(), all.len());
        assert_eq!(queue.into_bytes(), all);
        let (plain, all) = queue_of(0);
        assert_eq!(plain.into_bytes(), all);
    }

    #[test]
    fn the_sent_part_is_removed_when_it_is_more_than_half_of_the_buffer() {
        for (taken, sent, left) in [(4, 4, 10), (5, 5, 10), (6, 0, 4), (9, 0, 1)] {
            let mut queue = SendQueue::default();
            queue.bytes().extend([b'x'; 10]);
            assert!(!queue.send(&mut narrow(taken)).expect("a socket that does not break"));
            assert_eq!((queue.sent, queue.bytes.len()), (sent, left), "after {taken} bytes");
        }
    }

    #[test]
    fn a_large_buffer_is_freed_when_all_of_it_was_sent() {
        for (capacity, kept) in [(16 << 10, 16 << 10), ((16 << 10) + 1, 0), (100, 100)] {
            let mut queue = SendQueue { bytes: Vec::with_capacity(capacity), ..Default::default() };
            queue.bytes().push(b'x');
            assert!(queue.send(&mut narrow(1)).expect("a socket that does not break"));
            assert_eq!(queue.bytes.capacity(), kept);
        }
    }
}
