//! All connections by the broker's index, and the packets on their way to them.
//!
//! Must not: read from sockets.

use std::collections::VecDeque;

use bytes::Bytes;
use mio::{Registry, Token};

use super::front::Callers;
use super::outgoing::Outgoing;
use super::peer::{Doom, Peer};
use super::piggyback::Fate;
use crate::log::{Level, Log};
use gearman_broker::{ConnectionKey, Outbox, SHARED};
use gearman_protocol::{Command, Magic, encode, encode_head};

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
    /// Those whose acknowledgements wait, and until when; some have got them since.
    waiting: VecDeque<(u64, usize)>,
    /// The time of this turn, as `Now::ticks`.
    now: u64,
    /// Whether a large body is to be sent.
    has_large: bool,
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
            waiting: VecDeque::new(),
            now: 0,
            has_large: false,
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

    /// Tells the time. What has waited for long enough is to be sent.
    pub(super) fn tick(&mut self, now: u64) {
        self.now = now;
        while let Some(&(due, index)) = self.waiting.front() {
            let peer = self.slots.get_mut(index).and_then(Option::as_mut);
            let piggyback = peer.map(|peer| &mut peer.piggyback);
            // Mostly it is gone by now, with what it waited for.
            if let Some(piggyback) = piggyback.filter(|piggyback| piggyback.waits_until(due)) {
                if due > now {
                    break;
                }
                piggyback.expire();
                self.mark_dirty(index, false);
            }
            self.waiting.pop_front();
        }
    }

    /// Lets nothing wait any longer.
    pub(super) fn release(&mut self) {
        for (_, index) in std::mem::take(&mut self.waiting) {
            self.mark_dirty(index, false);
        }
    }

    /// When something has waited long enough.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.waiting.front().map(|&(due, _)| due)
    }

    /// Whether a large body is to be sent. Says so once.
    pub(super) fn take_large(&mut self) -> bool {
        std::mem::take(&mut self.has_large)
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
        kind: Kind,
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
        let is_alone = !peer.is_listed();
        match kind {
            Kind::Acknowledgement => match peer.piggyback.acknowledge(self.now, is_alone) {
                Fate::Goes => self.mark_dirty(index, false),
                Fate::Waits(due) => self.waiting.push_back((due, index)),
                Fate::Joins => {}
            },
            Kind::Report { is_last } => {
                peer.piggyback.report(self.now, is_last);
                self.mark_dirty(index, true);
            }
            Kind::Answer | Kind::Call => {
                peer.piggyback.answer();
                self.mark_dirty(index, kind == Kind::Call);
            }
        }
    }
}

/// What is sent, as far as it matters for when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The acknowledgement of a submission whose result is waited for. It may wait
    /// for what comes next.
    Acknowledgement,
    /// What nobody's work depends on.
    Answer,
    /// What a worker reports.
    Report { is_last: bool },
    /// What somebody's work begins with, or goes on.
    Call,
}

impl Kind {
    fn of(command: Command) -> Kind {
        match command {
            Command::JobCreated | Command::NoJob => Kind::Answer,
            Command::WorkComplete | Command::WorkFail | Command::WorkException => {
                Kind::Report { is_last: true }
            }
            Command::WorkData | Command::WorkWarning | Command::WorkStatus => {
                Kind::Report { is_last: false }
            }
            _ => Kind::Call,
        }
    }
}

/// The way from the broker to the connections, and to the log.
pub(super) struct Outlet<'a> {
    pub(super) peers: &'a mut Peers,
    pub(super) log: &'a mut Log,
}

impl Outlet<'_> {
    fn write(
        &mut self,
        kind: Kind,
        to: ConnectionKey,
        command: Command,
        args: &[&[u8]],
        body: &[u8],
    ) {
        self.peers.append(to, kind, |output| {
            encode(output.bytes(), Magic::Response, command, args, body);
        });
    }

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
        self.write(Kind::of(command), to, command, args, body);
    }

    fn send_with_next(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &[u8]) {
        self.write(Kind::Acknowledgement, to, command, args, body);
    }

    fn send_shared(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &Bytes) {
        if body.len() < SHARED {
            return self.send(to, command, args, body);
        }
        self.peers.append(to, Kind::of(command), |output| {
            encode_head(output.bytes(), Magic::Response, command, args, body.len());
            output.push_body(body.clone());
        });
        self.peers.has_large = true;
    }

    fn accepted(&mut self, function: &[u8], unique: &[u8], due: u64) {
        let (function, unique) = (function.escape_ascii(), unique.escape_ascii());
        self.log.write(Level::Notice, format_args!("accepted,{function},{unique},{due}"));
    }

    #[cold]
    fn gave_up(&mut self, handle: &[u8], function: &[u8], unique: &[u8], attempts: u8) {
        let [handle, function, unique] = [handle, function, unique].map(<[u8]>::escape_ascii);
        self.log.complain(
            Level::Error,
            format_args!(
                "Gave up job {handle} of function {function}, unique {unique}: none of {attempts} \
                 attempts (--job-retries) ended with a result"
            ),
        );
    }
}
