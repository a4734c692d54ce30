//! All connections by the broker's index, and the packets on their way to them.
//!
//! Must not: read from sockets.

use bytes::Bytes;
use mio::{Registry, Token};

use super::front::Callers;
use super::outgoing::Outgoing;
use super::peer::{Doom, Peer};
use crate::broker::{ConnectionKey, Outbox, SHARED};
use crate::log::{Level, Log};
use gearman::protocol::{Command, Magic, encode, encode_head};

/// Why a connection ends that its peer has closed.
pub(super) const CLOSED: &str = "the peer closed it";

/// The connections.
pub(super) struct Peers {
    slots: Vec<Option<Peer>>,
    /// Those with something to send that somebody's next step depends on.
    urgent: Vec<usize>,
    /// Those with something to send.
    dirty: Vec<usize>,
    /// Those to be closed.
    doomed: Vec<usize>,
    /// Those without a socket.
    pub(super) callers: Callers,
    /// Bytes that may wait for one of them.
    output_limit: usize,
}

impl Peers {
    /// No connections, which may each make `output_limit` bytes wait.
    pub(super) fn new(output_limit: usize) -> Peers {
        Peers {
            slots: Vec::new(),
            urgent: Vec::new(),
            dirty: Vec::new(),
            doomed: Vec::new(),
            callers: Callers::default(),
            output_limit,
        }
    }

    /// Adds a connection at its key's place.
    pub(super) fn insert(&mut self, peer: Peer) {
        let index = peer.key.index();
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index] = Some(peer);
    }

    /// The connection at a place.
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Peer> {
        self.slots.get_mut(index)?.as_mut()
    }

    /// Notes that a connection has something to send. Urgent is what makes
    /// somebody go on.
    pub(super) fn mark_dirty(&mut self, index: usize, urgent: bool) {
        if let Some(Some(peer)) = self.slots.get_mut(index)
            && !std::mem::replace(peer.listed(urgent), true)
        {
            self.list(urgent).push(index);
        }
    }

    /// Notes that a connection is to be closed because it has come to its end,
    /// and how. The first reason stays.
    pub(super) fn doom(&mut self, index: usize, why: String) {
        self.close(index, Doom { why, is_fault: false });
    }

    /// Notes that a connection is to be closed for what the peer did, or did not
    /// do.
    pub(super) fn condemn(&mut self, index: usize, why: String) {
        self.close(index, Doom { why, is_fault: true });
    }

    fn close(&mut self, index: usize, doom: Doom) {
        if let Some(Some(peer)) = self.slots.get_mut(index)
            && peer.doom.is_none()
        {
            peer.doom = Some(doom);
            self.doomed.push(index);
        }
    }

    /// Sends what waits, the urgent first: while the rest is on its way, who got
    /// it can already answer. `ready` is called for each connection that may be
    /// served again because of it.
    pub(super) fn flush(&mut self, registry: &Registry, mut ready: impl FnMut(usize, &mut Peer)) {
        for urgent in [true, false] {
            let mut indexes = std::mem::take(self.list(urgent));
            for index in indexes.drain(..) {
                let Some(Some(peer)) = self.slots.get_mut(index) else { continue };
                *peer.listed(urgent) = false;
                if let Err(error) = peer.flush(registry, Token(index)) {
                    self.doom(index, error.to_string());
                } else if peer.ended && peer.backlog() == 0 {
                    self.doom(index, CLOSED.into());
                } else {
                    ready(index, peer);
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
        self.slots.iter().flatten().all(|peer| peer.backlog() == 0)
    }

    /// Takes out a connection that is to be closed.
    pub(super) fn pop_doomed(&mut self) -> Option<Peer> {
        let index = self.doomed.pop()?;
        let peer = self.slots[index].take();
        while let Some(None) = self.slots.last() {
            self.slots.pop();
        }
        if self.slots.len() * 4 < self.slots.capacity() {
            self.slots.shrink_to(self.slots.len() * 2);
        }
        peer
    }

    /// Appends to a connection's answers, unless it is to be closed or has let
    /// too many wait.
    pub(super) fn append(
        &mut self,
        to: ConnectionKey,
        urgent: bool,
        write: impl FnOnce(&mut Outgoing),
    ) {
        let index = to.index();
        let Some(Some(peer)) = self.slots.get_mut(index) else {
            let mut packet = Outgoing::default();
            write(&mut packet);
            return self.callers.send(to, packet.into_bytes(), self.output_limit);
        };
        if peer.key != to || peer.doom.is_some() {
            return;
        }
        if peer.backlog() > self.output_limit {
            return self.condemn(index, "it does not read what it is sent".into());
        }
        write(peer.output());
        self.mark_dirty(index, urgent);
    }
}

/// Whether somebody's work begins with such a packet, or goes on.
fn is_urgent(command: Command) -> bool {
    !matches!(command, Command::JobCreated | Command::NoJob)
}

/// The way from the broker to the connections, and to the log.
pub(super) struct Outlet<'a> {
    pub(super) peers: &'a mut Peers,
    pub(super) log: &'a mut Log,
}

impl Outlet<'_> {
    #[cold]
    fn report_refusal(&mut self, to: ConnectionKey, args: &[&[u8]]) {
        if let Some(peer) = self.peers.get_mut(to.index()) {
            let origin = peer.origin;
            let why = args.join(&b' ');
            self.log.complain(
                Level::Info,
                format_args!("Refused a packet from {origin}: {}", why.escape_ascii()),
            );
        }
    }
}

impl Outbox for Outlet<'_> {
    fn send(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &[u8]) {
        if command == Command::Error {
            self.report_refusal(to, args);
        }
        self.peers.append(to, is_urgent(command), |output| {
            encode(output.bytes(), Magic::Response, command, args, body);
        });
    }

    fn send_shared(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &Bytes) {
        if body.len() < SHARED {
            return self.send(to, command, args, body);
        }
        self.peers.append(to, is_urgent(command), |output| {
            encode_head(output.bytes(), Magic::Response, command, args, body.len());
            output.push_body(body.clone());
        });
    }

    fn accepted(&mut self, function: &[u8], unique: &[u8], due: u64) {
        let (function, unique) = (function.escape_ascii(), unique.escape_ascii());
        self.log.write(Level::Notice, format_args!("accepted,{function},{unique},{due}"));
    }
}
