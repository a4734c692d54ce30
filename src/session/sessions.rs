//! All sessions by the broker's index, and the order in which they are sent to.
//!
//! Must not: receive.

use crate::CloseReason;
use crate::host::{Bridge, Host, Poller};
use crate::outlet::Kind;
use crate::send_queue::SendQueue;
use crate::session::Session;
use gearman_broker::defects::{Defect, strikes};
use gearman_broker::delayed::{AckDelays, AckFate};
use gearman_broker::{ConnectionKey, DriverTimer};

/// The sessions.
pub(crate) struct Sessions<H: Host> {
    slots: Vec<Option<Session<H::Stream>>>,
    /// Those with something to send that lets their peer go on.
    urgent: Vec<usize>,
    /// Those with something to send.
    dirty: Vec<usize>,
    /// Those to be closed.
    closing: Vec<ConnectionKey>,
    /// The time of this turn, as `Now::ticks`.
    now: u64,
    /// Whether a large body is to be sent.
    pub(super) has_large: bool,
    /// Connections of the broker that have no session.
    pub(super) bridge: H::Bridge,
    /// Timers of the driver's that are due.
    pub(super) fired: Vec<DriverTimer>,
    /// Bytes that may wait to be sent to one session.
    output_limit: usize,
    /// The limit of held acknowledgements, and what became of them.
    pub(super) acks: AckDelays,
}

impl<H: Host> Sessions<H> {
    /// No sessions, of which each may make `output_limit` bytes wait.
    pub(super) fn new(output_limit: usize, ack_delay_ms: u64, bridge: H::Bridge) -> Sessions<H> {
        Sessions {
            slots: Vec::new(),
            urgent: Vec::new(),
            dirty: Vec::new(),
            closing: Vec::new(),
            now: 0,
            has_large: false,
            bridge,
            fired: Vec::new(),
            output_limit,
            acks: AckDelays::new(ack_delay_ms),
        }
    }

    /// Adds a connection at its key's place.
    pub(super) fn insert(&mut self, session: Session<H::Stream>) {
        let index = session.key.index();
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        let before = self.slots[index].replace(session);
        assert!(before.is_none(), "a session began at the place of another one");
    }

    /// The connection at a place.
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Session<H::Stream>> {
        self.slots.get_mut(index)?.as_mut()
    }

    /// Notes that a connection has something to send. Urgent is what makes
    /// somebody go on.
    pub(super) fn mark_dirty(&mut self, index: usize, urgent: bool) {
        if let Some(Some(session)) = self.slots.get_mut(index)
            && !std::mem::replace(session.listed(urgent), true)
        {
            self.list(urgent).push(index);
        }
    }

    /// Notes that a session is to be closed, and why. The first reason stays.
    pub(super) fn close(&mut self, index: usize, reason: CloseReason) {
        if let Some(Some(session)) = self.slots.get_mut(index)
            && session.close_reason.is_none()
        {
            session.close_reason = Some(reason);
            self.closing.push(session.key);
        }
    }

    /// Takes out a session, unless its key means nothing any more.
    pub(super) fn remove(&mut self, key: ConnectionKey) -> Option<Session<H::Stream>> {
        let slot = self.slots.get_mut(key.index())?;
        let mut session = slot.take_if(|session| session.key == key);
        if let Some(session) = &mut session {
            session.delayed_ack.release(&mut self.acks);
        }
        while let Some(None) = self.slots.last() {
            self.slots.pop();
        }
        if self.slots.len() * 4 < self.slots.capacity() {
            self.slots.shrink_to(self.slots.len() * 2);
        }
        session
    }

    /// Sends what waits, the urgent first: while the rest is on its way, who got
    /// it can already answer. `ready` is called for each connection that may be
    /// served again because of it.
    pub(super) fn flush(
        &mut self,
        poller: &mut impl Poller<H::Stream>,
        mut ready: impl FnMut(usize, &mut Session<H::Stream>),
    ) {
        for urgent in [true, false] {
            let mut indexes = std::mem::take(self.list(urgent));
            for index in indexes.drain(..) {
                let Some(Some(session)) = self.slots.get_mut(index) else { continue };
                *session.listed(urgent) = false;
                // Whatever made it be sent, it takes an acknowledgement along.
                session.delayed_ack.release(&mut self.acks);
                if let Err(error) = session.flush(poller) {
                    self.close(index, CloseReason::broken(&error));
                } else if session.ended && session.backlog() == 0 {
                    self.close(index, CloseReason::PEER_CLOSED);
                } else {
                    ready(index, session);
                }
            }
            *self.list(urgent) = indexes;
        }
    }

    fn list(&mut self, urgent: bool) -> &mut Vec<usize> {
        if urgent { &mut self.urgent } else { &mut self.dirty }
    }

    /// Whether nothing waits to be sent to anybody.
    pub(super) fn is_all_sent(&self) -> bool {
        self.slots.iter().flatten().all(|session| session.backlog() == 0)
    }

    /// Notes the time of this turn.
    pub(super) fn tick(&mut self, now: u64) {
        self.now = now;
    }

    /// Sends an acknowledgement that has been held until `due`, if it still is.
    pub(super) fn expire_ack(&mut self, key: ConnectionKey, due: u64) {
        let index = key.index();
        if let Some(Some(session)) = self.slots.get_mut(index)
            && session.key == key
            && session.delayed_ack.is_held_until(due)
            && !strikes(Defect::HeldAckForgotten)
        {
            session.delayed_ack.expire(&mut self.acks);
            self.mark_dirty(index, false);
        }
    }

    /// Sends every acknowledgement that is held.
    pub(super) fn release(&mut self) {
        for index in 0..self.slots.len() {
            self.mark_dirty(index, false);
        }
    }

    /// How many acknowledgements are held now, counted one by one.
    pub(super) fn count_held_acks(&self) -> u64 {
        let held = self.slots.iter().flatten().filter(|session| session.delayed_ack.is_held());
        held.count() as u64
    }

    /// Whether a large body is to be sent. Says so once.
    pub(super) fn take_large(&mut self) -> bool {
        std::mem::take(&mut self.has_large)
    }

    /// Takes out a session that is to be closed.
    pub(super) fn pop_closing(&mut self) -> Option<Session<H::Stream>> {
        // One that was removed meanwhile is none any more.
        while let Some(key) = self.closing.pop() {
            let session = self.remove(key);
            if session.is_some() {
                return session;
            }
        }
        None
    }

    /// The keys of all sessions.
    pub(super) fn keys(&self) -> Vec<ConnectionKey> {
        self.slots.iter().flatten().map(|session| session.key).collect()
    }

    /// Appends to what a session sends, unless it is to be closed or has let too
    /// much wait. Returns until when the packet is held, if it is.
    pub(super) fn append(
        &mut self,
        to: ConnectionKey,
        kind: Kind,
        write: impl FnOnce(&mut SendQueue),
    ) -> Option<u64> {
        let index = to.index();
        let Some(Some(session)) = self.slots.get_mut(index) else {
            let mut packet = SendQueue::default();
            write(&mut packet);
            self.bridge.send(to, packet.into_bytes(), self.output_limit);
            return None;
        };
        if session.key != to || session.close_reason.is_some() {
            return None;
        }
        if session.backlog() > self.output_limit {
            let reason = CloseReason::fault("it does not read what it is sent");
            self.close(index, reason);
            return None;
        }
        // What the socket did not take yet goes out before anything else.
        let is_alone = !session.is_listed() && session.backlog() == 0;
        write(session.output());
        match kind {
            Kind::Acknowledgement => {
                match session.delayed_ack.acknowledge(self.now, is_alone, &mut self.acks) {
                    AckFate::Send => self.mark_dirty(index, false),
                    AckFate::Hold(due) => return Some(due),
                    AckFate::Join => {}
                }
            }
            Kind::Report { is_last } => {
                session.delayed_ack.report(self.now, is_last, &mut self.acks);
                self.mark_dirty(index, true);
            }
            Kind::Answer | Kind::Call => {
                session.delayed_ack.answer(&mut self.acks);
                self.mark_dirty(index, kind == Kind::Call);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Origin;
    use crate::tests::host::{Memory, TestBridge, TestHost, broker};

    #[test]
    fn the_places_of_sessions_that_ended_are_given_back() {
        let (mut broker, count) = (broker(0), 1000);
        let mut sessions = Sessions::<TestHost>::new(0, 0, TestBridge::default());
        for place in 0..count {
            let key = broker.connect(7, "local");
            assert_eq!(key.index(), place);
            sessions.insert(Session::new(Memory::default(), Origin::Local(7), key));
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
