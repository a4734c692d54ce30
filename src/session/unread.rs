//! [`UnreadLimit`]: how many bytes may wait to be read by all peers together.
//!
//! Sessions report how many bytes wait, which costs an addition. Only when the sum is above the
//! limit, bodies that several sessions send are counted once, and the sessions that read least are
//! found.
//!
//! Must not: close a session, or count the payload of a job, which the job holds anyway.

use std::collections::HashMap;

use crate::send_queue::SendQueue;

/// Smallest part of the limit that is added between two exact counts.
const RECOUNT_PART: u64 = 64;

/// The limit of all unread bytes.
pub(crate) struct UnreadLimit {
    limit: u64,
    /// Unread bytes of all sessions. A body counts once for each session that sends it.
    total: u64,
    /// Bytes that may still be added before they are counted exactly.
    spare: u64,
}

impl UnreadLimit {
    /// A limit of so many bytes.
    pub(crate) fn new(limit: u64) -> UnreadLimit {
        UnreadLimit { limit, total: 0, spare: limit }
    }

    /// The limit in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.limit
    }

    /// Unread bytes of all sessions. A body counts once for each session that sends it.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Records the unread bytes of a session, of which `counted` were recorded before.
    #[inline]
    pub(crate) fn record(&mut self, counted: &mut usize, unread: usize) {
        if unread == *counted {
            return;
        }
        self.add(unread.saturating_sub(*counted));
        self.total -= *counted as u64;
        self.total += unread as u64;
        *counted = unread;
    }

    /// Records that bytes were added for a peer without a session.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.spare = self.spare.saturating_sub(bytes as u64);
    }

    /// Whether so many bytes were added that the limit may be exceeded.
    #[inline]
    pub(crate) fn is_check_due(&self) -> bool {
        self.spare == 0
    }

    /// Whether the limit is exceeded if each body counts for each session, and `bridged` bytes
    /// wait for peers without one.
    pub(crate) fn may_exceed(&self, bridged: u64) -> bool {
        self.total + bridged > self.limit
    }

    /// Records that the limit is not exceeded.
    pub(crate) fn checked(&mut self, bridged: u64) {
        self.counted(self.total + bridged);
    }

    /// Records that `unread` bytes are left after a count.
    pub(crate) fn counted(&mut self, unread: u64) {
        let room = self.limit.saturating_sub(unread);
        self.spare = room.max(self.limit / RECOUNT_PART).max(1);
    }
}

/// An exact count of unread bytes.
pub(crate) struct UnreadCount {
    /// Bytes in memory. A body that several queues have is one.
    pub(crate) bytes: u64,
    /// By the end of its memory, which stays the same while it is sent: the bytes of a body, and
    /// the number of queues that have it.
    bodies: HashMap<*const u8, (usize, u32)>,
}

impl UnreadCount {
    /// A count that begins with bytes of no queue.
    pub(crate) fn new(bytes: u64) -> UnreadCount {
        UnreadCount { bytes, bodies: HashMap::new() }
    }

    /// Adds the bytes of a queue.
    pub(crate) fn add(&mut self, queue: &SendQueue) {
        self.bytes += queue.copied_len() as u64;
        for body in queue.shared_bodies() {
            let (bytes, queues) = self.bodies.entry(body.as_ptr_range().end).or_default();
            self.bytes += body.len().saturating_sub(*bytes) as u64;
            *bytes = body.len().max(*bytes);
            *queues += 1;
        }
    }

    /// Subtracts what is freed with a queue that was added.
    pub(crate) fn subtract(&mut self, queue: &SendQueue) {
        self.bytes -= queue.copied_len() as u64;
        for body in queue.shared_bodies() {
            let end = body.as_ptr_range().end;
            let (bytes, queues) = self.bodies.get_mut(&end).expect("a queue that was added");
            *queues -= 1;
            if *queues == 0 {
                self.bytes -= *bytes as u64;
                self.bodies.remove(&end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_body_that_several_queues_send_is_counted_once_until_the_last_one_ends() {
        let body = Bytes::from(vec![b'x'; 100]);
        let mut queues = [(); 3].map(|()| SendQueue::default());
        for queue in &mut queues {
            queue.bytes().extend(b"head");
            queue.push_body(body.clone());
        }
        // The first one has sent its head and half of the body.
        let mut half = [0; 54];
        assert!(!queues[0].send(&mut &mut half[..]).unwrap_or(false));
        let mut count = UnreadCount::new(0);
        queues.iter().for_each(|queue| count.add(queue));
        assert_eq!(count.bytes, 100 + 2 * 4);
        count.subtract(&queues[1]);
        count.subtract(&queues[0]);
        assert_eq!(count.bytes, 100 + 4);
        count.subtract(&queues[2]);
        assert_eq!(count.bytes, 0);
    }

    #[test]
    fn the_payload_of_a_job_is_not_counted() {
        let mut queue = SendQueue::default();
        queue.push_payload(Bytes::from(vec![b'x'; 100]));
        let mut count = UnreadCount::new(0);
        count.add(&queue);
        assert_eq!((count.bytes, queue.len(), queue.own_len()), (0, 100, 0));
    }

    #[test]
    fn unread_bytes_are_counted_exactly_when_they_may_exceed_the_limit() {
        let mut limit = UnreadLimit::new(1000);
        let mut session = 0;
        limit.record(&mut session, 900);
        assert!(!limit.is_check_due());
        limit.record(&mut session, 1200);
        assert!(limit.is_check_due() && limit.may_exceed(0));
        // Most of it was one body.
        limit.counted(700);
        limit.record(&mut session, 1499);
        assert!(!limit.is_check_due());
        limit.record(&mut session, 1500);
        assert!(limit.is_check_due());
        // What was read makes room.
        limit.record(&mut session, 800);
        assert!(!limit.may_exceed(200) && limit.may_exceed(201));
        limit.checked(100);
        limit.record(&mut session, 899);
        assert!(!limit.is_check_due());
        limit.add(1);
        assert!(limit.is_check_due());
    }
}
