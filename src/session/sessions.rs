//! All sessions, by the index of their connection key, and the order in which their send
//! queues are flushed.
//!
//! Must not: receive.

use std::collections::{BTreeMap, VecDeque};

use crate::CloseReason;
use crate::held_output::{CommitOutcome, HeldOutput};
use crate::host::{Bridge, Host, Poller};
use crate::job_server::JobServerSettings;
use crate::outlet::SendClass;
use crate::send_queue::SendQueue;
use crate::session::Session;
use crate::unread::{UnreadCount, UnreadLimit};
use gearman_broker::defects::{Defect, strikes};
use gearman_broker::delayed::{AckDelays, AckFate};
use gearman_broker::{ConnectionKey, DriverTimer, Millis};

/// All sessions of a job server.
pub(crate) struct Sessions<H: Host> {
    slots: Vec<Option<Session<H::Stream>>>,
    /// Sessions with an urgent packet to send.
    urgent: Vec<usize>,
    /// Sessions with another packet to send.
    normal: Vec<usize>,
    /// Sessions with a close reason.
    closing: Vec<ConnectionKey>,
    /// The time of this turn.
    now: Millis,
    /// Whether a large body was queued since the last flush.
    pub(super) has_large: bool,
    /// Connections of the broker that have no session.
    pub(super) bridge: H::Bridge,
    /// Their packets that wait for a commit.
    bridged_held: BTreeMap<ConnectionKey, HeldOutput>,
    /// Connections with an acknowledgement that waits for an operation, in its order.
    holding: VecDeque<(u64, ConnectionKey)>,
    /// Timers of the driver that have fired.
    pub(super) fired: Vec<DriverTimer>,
    /// Whether the time that a session waited for the store may be over.
    pub(super) is_store_wait_over: bool,
    /// Whether jobs that could not be read are requested again in this turn.
    pub(super) is_fetch_due: bool,
    /// Limit of unsent bytes of one session.
    output_limit: usize,
    /// Limit of those of all.
    unread: UnreadLimit,
    /// Limit of held acknowledgements, and their counts by outcome.
    pub(super) acks: AckDelays,
}

impl<H: Host> Sessions<H> {
    /// No sessions.
    pub(super) fn new(
        settings: &JobServerSettings,
        ack_delay: Millis,
        bridge: H::Bridge,
    ) -> Sessions<H> {
        Sessions {
            slots: Vec::new(),
            urgent: Vec::new(),
            normal: Vec::new(),
            closing: Vec::new(),
            now: Millis(0),
            has_large: false,
            bridge,
            bridged_held: BTreeMap::new(),
            holding: VecDeque::new(),
            fired: Vec::new(),
            is_store_wait_over: false,
            is_fetch_due: false,
            output_limit: settings.output_limit,
            unread: UnreadLimit::new(settings.output_limit_total),
            acks: AckDelays::new(ack_delay),
        }
    }

    /// Adds a session at the index of its key.
    pub(super) fn insert(&mut self, session: Session<H::Stream>) {
        let index = session.key.index();
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        let before = self.slots[index].replace(session);
        assert!(before.is_none(), "a session was added at the index of another one");
    }

    /// The session at an index.
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Session<H::Stream>> {
        self.slots.get_mut(index)?.as_mut()
    }

    /// Queues a session for the next flush.
    pub(super) fn queue_flush(&mut self, index: usize, urgent: bool) {
        if let Some(Some(session)) = self.slots.get_mut(index)
            && !std::mem::replace(session.listed(urgent), true)
        {
            self.list(urgent).push(index);
        }
    }

    /// Marks a session to be closed. If it has a close reason already, that one is kept.
    pub(super) fn close(&mut self, index: usize, reason: CloseReason) {
        if let Some(Some(session)) = self.slots.get_mut(index)
            && session.close_reason.is_none()
        {
            session.close_reason = Some(reason);
            self.closing.push(session.key);
        }
    }

    /// Removes a session, if it still exists.
    pub(super) fn remove(&mut self, key: ConnectionKey) -> Option<Session<H::Stream>> {
        let slot = self.slots.get_mut(key.index())?;
        let mut session = slot.take_if(|session| session.key == key);
        if let Some(session) = &mut session {
            session.delayed_ack.release(&mut self.acks);
            self.unread.record(&mut session.recorded_unread, 0);
        }
        while let Some(None) = self.slots.last() {
            self.slots.pop();
        }
        if self.slots.len() * 4 < self.slots.capacity() {
            self.slots.shrink_to(self.slots.len() * 2);
        }
        session
    }

    /// Flushes the queued sessions, the urgent ones first, so that their peers can continue
    /// while the others are flushed. `ready` is called for each session that was flushed
    /// without error: it may no longer be backpressured.
    pub(super) fn flush(
        &mut self,
        poller: &mut impl Poller<H::Stream>,
        mut ready: impl FnMut(&mut Session<H::Stream>),
    ) {
        for urgent in [true, false] {
            let mut indexes = std::mem::take(self.list(urgent));
            for index in indexes.drain(..) {
                let Some(Some(session)) = self.slots.get_mut(index) else { continue };
                *session.listed(urgent) = false;
                // A held acknowledgement is in the queue, and is sent by any flush.
                session.delayed_ack.release(&mut self.acks);
                let flushed = session.flush(poller);
                if !strikes(Defect::UnreadLimitIgnored) {
                    let unread = session.unread();
                    self.unread.record(&mut session.recorded_unread, unread);
                }
                if let Err(error) = flushed {
                    self.close(index, CloseReason::broken(&error));
                } else if session.ended && session.backlog() == 0 {
                    self.close(index, CloseReason::PEER_CLOSED);
                } else {
                    ready(session);
                }
            }
            *self.list(urgent) = indexes;
        }
    }

    fn list(&mut self, urgent: bool) -> &mut Vec<usize> {
        if urgent { &mut self.urgent } else { &mut self.normal }
    }

    /// If the unread bytes of all connections are above their limit, closes those with most of
    /// them until they are not.
    pub(super) fn enforce_unread_limit(&mut self) {
        if self.unread.is_check_due() {
            self.check_unread_limit();
        }
    }

    #[cold]
    fn check_unread_limit(&mut self) {
        let by_unread = self.bridge.unread_by_connection();
        let bridged = by_unread.iter().map(|&(_, unread)| unread as u64).sum();
        match self.unread.may_exceed(bridged) {
            true => self.close_those_that_read_least(by_unread, bridged),
            false => self.unread.checked(bridged),
        }
    }

    /// `by_unread` are connections without a session, for which `bridged` bytes wait.
    fn close_those_that_read_least(
        &mut self,
        mut by_unread: Vec<(ConnectionKey, usize)>,
        bridged: u64,
    ) {
        let limit = self.unread.bytes();
        let mut count = UnreadCount::new(bridged);
        for session in self.slots.iter().flatten().filter(|session| session.unread() > 0) {
            session.queues().for_each(|queue| count.add(queue));
            by_unread.push((session.key, session.unread()));
        }
        by_unread.sort_unstable_by_key(|&(_, unread)| unread);
        while count.bytes > limit
            && let Some((key, unread)) = by_unread.pop()
        {
            let index = key.index();
            let Some(Some(session)) = self.slots.get_mut(index) else {
                self.bridge.close(key);
                count.bytes -= unread as u64;
                continue;
            };
            session.queues().for_each(|queue| count.subtract(queue));
            let why = format!(
                "{unread} bytes of output are unread, more than of any other connection, and all \
                 together have more than {limit} (--output-limit-total)"
            );
            self.close(index, CloseReason::fault(why));
            let Some(Some(session)) = self.slots.get_mut(index) else { continue };
            session.drop_output();
            self.unread.record(&mut session.recorded_unread, 0);
        }
        self.unread.counted(count.bytes);
    }

    /// The number of unsent bytes of a session; 0 if it has ended.
    pub(super) fn unsent_bytes(&self, key: ConnectionKey) -> usize {
        let session = self.slots.get(key.index()).and_then(Option::as_ref);
        session.filter(|session| session.key == key).map_or(0, Session::backlog)
    }

    /// Unread bytes of all sessions, each body counted once.
    pub(super) fn unread_bytes(&self) -> u64 {
        let mut count = UnreadCount::new(0);
        let queues = self.slots.iter().flatten().flat_map(Session::queues);
        queues.for_each(|queue| count.add(queue));
        count.bytes
    }

    /// Unread bytes of all sessions, in KiB.
    pub(super) fn unread_kibibytes(&self) -> usize {
        (self.unread.total() >> 10) as usize
    }

    /// Whether no session has unsent bytes.
    pub(super) fn is_all_sent(&self) -> bool {
        self.slots.iter().flatten().all(|session| session.backlog() == 0)
    }

    /// Sets the time of this turn.
    pub(super) fn tick(&mut self, now: Millis) {
        self.now = now;
    }

    /// Sends an acknowledgement whose hold ends at `due`, if it is still held.
    pub(super) fn expire_ack(&mut self, key: ConnectionKey, due: Millis) {
        let index = key.index();
        if let Some(Some(session)) = self.slots.get_mut(index)
            && session.key == key
            && session.delayed_ack.is_held_until(due)
            && !strikes(Defect::HeldAckForgotten)
        {
            session.delayed_ack.expire(&mut self.acks);
            self.queue_flush(index, false);
        }
    }

    /// Sends all held acknowledgements.
    pub(super) fn release_held_acks(&mut self) {
        for index in 0..self.slots.len() {
            self.queue_flush(index, false);
        }
    }

    /// The number of sessions with a held acknowledgement.
    pub(super) fn count_held_acks(&self) -> u64 {
        let held = self.slots.iter().flatten().filter(|session| session.delayed_ack.is_held());
        held.count() as u64
    }

    /// Whether a large body was queued since the last call.
    pub(super) fn take_large(&mut self) -> bool {
        std::mem::take(&mut self.has_large)
    }

    /// Removes a session that has a close reason.
    pub(super) fn pop_closing(&mut self) -> Option<Session<H::Stream>> {
        // The session of a key may have been removed meanwhile.
        while let Some(key) = self.closing.pop() {
            let session = self.remove(key);
            if session.is_some() {
                return session;
            }
        }
        None
    }

    /// All sessions.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Session<H::Stream>> {
        self.slots.iter_mut().flatten()
    }

    /// The keys of all sessions.
    pub(super) fn keys(&self) -> Vec<ConnectionKey> {
        self.slots.iter().flatten().map(|session| session.key).collect()
    }

    /// Adds JOB_CREATED that waits for the commit of an operation, and holds every later packet
    /// to the connection behind it.
    pub(super) fn acknowledge_after_commit(
        &mut self,
        to: ConnectionKey,
        handle: &[u8],
        operation: u64,
    ) {
        // A submission that joined a job whose commit is under way comes behind later ones.
        let at = match self.holding.back() {
            Some(&(last, _)) if operation < last => {
                self.holding.partition_point(|&(held, _)| held <= operation)
            }
            _ => self.holding.len(),
        };
        self.holding.insert(at, (operation, to));
        let Some(Some(session)) = self.slots.get_mut(to.index()) else {
            let held = self.bridged_held.entry(to).or_default();
            return held.acknowledge(handle, operation);
        };
        if session.key == to && session.close_reason.is_none() {
            session.delayed_ack.answer(&mut self.acks);
            session.held_output().acknowledge(handle, operation);
            let unread = session.unread();
            self.unread.record(&mut session.recorded_unread, unread);
        }
    }

    /// Sends the packets that waited for operations up to this one.
    pub(super) fn release(&mut self, operations: u64, outcome: impl Fn(u64) -> CommitOutcome) {
        while let Some((_, key)) = self.holding.pop_front_if(|held| held.0 <= operations) {
            let index = key.index();
            match self.slots.get_mut(index) {
                Some(Some(session)) if session.key == key => {
                    if session.release(operations, &outcome) {
                        self.queue_flush(index, false);
                    }
                }
                _ => self.release_bridged(key, operations, &outcome),
            }
        }
    }

    fn release_bridged(
        &mut self,
        key: ConnectionKey,
        operations: u64,
        outcome: impl Fn(u64) -> CommitOutcome,
    ) {
        let Some(held) = self.bridged_held.get_mut(&key) else { return };
        let mut packets = SendQueue::default();
        if held.release(operations, outcome, &mut packets) {
            self.send_bridged(key, packets);
        }
        if self.bridged_held.get(&key).is_some_and(HeldOutput::is_empty) {
            self.bridged_held.remove(&key);
        }
    }

    fn send_bridged(&mut self, to: ConnectionKey, packets: SendQueue) {
        let (head, body) = packets.into_parts();
        self.unread.add(head.len() + body.len());
        self.bridge.send(to, head, body, self.output_limit);
    }

    /// Forgets the held packets of a connection without a session.
    pub(super) fn drop_bridged(&mut self, key: ConnectionKey) {
        self.bridged_held.remove(&key);
    }

    /// Appends a packet to a session's send queue. Does nothing if the session has a close
    /// reason, and gives it one if it has too many unsent bytes. Returns the time until
    /// which the packet is held, if it is.
    pub(super) fn append(
        &mut self,
        to: ConnectionKey,
        class: SendClass,
        write: impl FnOnce(&mut SendQueue),
    ) -> Option<Millis> {
        let index = to.index();
        let Some(Some(session)) = self.slots.get_mut(index) else {
            if let Some(held) = self.bridged_held.get_mut(&to) {
                held.append(write);
                return None;
            }
            let mut packet = SendQueue::default();
            write(&mut packet);
            self.send_bridged(to, packet);
            return None;
        };
        if session.key != to || session.close_reason.is_some() {
            return None;
        }
        if session.backlog() > self.output_limit {
            let limit = self.output_limit;
            let reason = format!("more than {limit} bytes of output are unread (--output-limit)");
            self.close(index, CloseReason::fault(reason));
            return None;
        }
        if session.is_held() {
            session.held_output().append(write);
            // No flush follows that would record it.
            let unread = session.unread();
            self.unread.record(&mut session.recorded_unread, unread);
            return None;
        }
        // Unsent bytes are sent before this packet, so it is not alone.
        let is_alone = !session.is_listed() && session.backlog() == 0;
        write(session.output());
        match class {
            SendClass::Acknowledgement => {
                match session.delayed_ack.acknowledge(self.now, is_alone, &mut self.acks) {
                    AckFate::Send => self.queue_flush(index, false),
                    AckFate::Hold(due) => return Some(due),
                    AckFate::Join => {}
                }
            }
            SendClass::Report { is_last } => {
                session.delayed_ack.report(self.now, is_last, &mut self.acks);
                self.queue_flush(index, true);
            }
            SendClass::Normal | SendClass::Urgent => {
                session.delayed_ack.answer(&mut self.acks);
                self.queue_flush(index, class == SendClass::Urgent);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;
    use crate::tests::host::{Memory, SETTINGS, TestBridge, TestHost, broker};

    #[test]
    fn the_memory_of_ended_sessions_is_freed() {
        let (mut broker, count) = (broker(0), 1000);
        let mut sessions = Sessions::<TestHost>::new(&SETTINGS, Millis(0), TestBridge::default());
        for place in 0..count {
            let key = broker.connect(7, "local");
            assert_eq!(key.index(), place);
            sessions.insert(Session::new(Memory::default(), Origin::local(7), key));
        }
        for left in (0..count).rev() {
            let before = sessions.slots.capacity();
            sessions.close(left, CloseReason::PEER_CLOSED);
            assert!(sessions.pop_closing().is_some());
            assert_eq!(sessions.slots.len(), left);
            let expected = if left * 4 < before { left * 2 } else { before };
            assert_eq!(sessions.slots.capacity(), expected, "{left} of {before}");
        }
        assert!(sessions.pop_closing().is_none());
    }
}
