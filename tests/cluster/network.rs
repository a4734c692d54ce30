//! The simulated network: connections between hosts, made of bytes that take time.
//!
//! A direction of a connection is what TCP gives a program: bytes arrive in order, in
//! any pieces, after any delay; a window limits what is under way; a close arrives
//! behind the bytes, a reset at once. A black hole holds everything back until it
//! heals. There is no loss: TCP repeats what is lost.
//!
//! A cut inside a record of an encrypted stream is a cut at any byte, as here: a record
//! layer belongs between [`super::transport`] and this module.
//!
//! Must not: know packets, or who is at the ends.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::io::{self, ErrorKind};
use std::rc::Rc;

use gearman_test_support::random::Random;

mod faults;

/// A host: clients and workers from 0, servers from [`SERVERS`].
pub(crate) type Host = usize;
/// The first server's host.
pub(crate) const SERVERS: Host = 1000;
/// Microseconds between two attempts of a connecting host to be heard.
const SYN_RETRY_US: u64 = 1_000_000;

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(pub(crate) usize);

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// The end that connected.
    Client,
    /// The end that accepted.
    Server,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// How fast the network is, and how it cuts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    /// Longest way of a byte, in microseconds.
    pub(crate) delay_us: u64,
    /// Most bytes that arrive together; 0 is without limit.
    pub(crate) piece: usize,
    /// Bytes that may be under way, or unread.
    pub(crate) window: usize,
    /// Of how many sends one takes only a part, without need; 0 is none.
    pub(crate) short_send_in: usize,
}

/// What arrives.
#[derive(Debug)]
enum Segment {
    Bytes(Vec<u8>),
    End,
}

/// One end of a connection.
#[derive(Debug, Default)]
struct End {
    /// The program has it open.
    open: bool,
    /// Arrived, and not received yet.
    inbox: VecDeque<u8>,
    /// On the way to this end, and when each piece arrives.
    coming: VecDeque<(u64, Segment)>,
    /// Bytes of those.
    coming_bytes: usize,
    /// The other end has closed, and that has arrived.
    ended: bool,
    /// The connection is reset.
    reset: bool,
    /// The program's last send was not taken whole.
    blocked: bool,
    /// Reports that have not been fetched.
    readable: bool,
    writable: bool,
    /// The program wants to hear of room.
    watches_room: bool,
}

/// How far connecting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Refused,
    Up,
}

#[derive(Debug)]
struct Link {
    client: Host,
    server: Host,
    stage: Stage,
    client_end: End,
    server_end: End,
}

impl Link {
    fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Client => &mut self.client_end,
            Side::Server => &mut self.server_end,
        }
    }

    fn way(&self, to: Side) -> (Host, Host) {
        match to {
            Side::Client => (self.server, self.client),
            Side::Server => (self.client, self.server),
        }
    }
}

/// What happens by itself at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// An attempt to connect reaches its server.
    Syn(LinkId),
    /// Its answer reaches the client.
    SynAck(LinkId),
    Refusal(LinkId),
    /// Pieces arrive at an end.
    Arrival(LinkId, Side),
    /// An end that was blocked may hear of room.
    Room(LinkId, Side),
    /// A reset reaches an end.
    Reset(LinkId, Side),
}

/// A server's host.
#[derive(Debug, Default)]
struct Listener {
    /// Answers: a process listens, or at least a kernel refuses.
    is_on: bool,
    /// A process listens.
    listens: bool,
    accepted: VecDeque<LinkId>,
}

/// The network.
#[derive(Debug)]
pub(crate) struct Network {
    now_us: u64,
    random: Random,
    quality: Quality,
    links: Vec<Link>,
    listeners: Vec<Listener>,
    agenda: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    /// Ways on which nothing arrives.
    black_holes: BTreeSet<(Host, Host)>,
    /// Everything that was delivered, as one number: equal runs have equal numbers.
    pub(crate) digest: u64,
    /// Events so far.
    pub(crate) steps: u64,
    /// Whether packets are printed.
    pub(crate) is_traced: bool,
}

/// The network, as everything in a simulation shares it.
pub(crate) type Shared = Rc<RefCell<Network>>;

impl Network {
    pub(crate) fn new(seed: u64, quality: Quality, servers: usize) -> Shared {
        let listener = || Listener { is_on: true, listens: true, accepted: VecDeque::new() };
        Rc::new(RefCell::new(Network {
            now_us: 0,
            random: Random(seed),
            quality,
            links: Vec::new(),
            listeners: (0..servers).map(|_| listener()).collect(),
            agenda: BinaryHeap::new(),
            sequence: 0,
            black_holes: BTreeSet::new(),
            digest: 0,
            steps: 0,
            is_traced: std::env::var_os("GEARMAN_CLUSTER_TRACE").is_some(),
        }))
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.now_us
    }

    /// When the next thing happens by itself.
    pub(crate) fn next_event(&self) -> Option<u64> {
        self.agenda.peek().map(|Reverse((at, ..))| *at)
    }

    /// Lets time pass, and everything happen that is due by then.
    pub(crate) fn advance(&mut self, to_us: u64) {
        assert!(to_us >= self.now_us, "time goes forward");
        self.now_us = to_us;
        while let Some(&Reverse((at, _, event))) = self.agenda.peek() {
            if at > to_us {
                break;
            }
            self.agenda.pop();
            self.steps += 1;
            self.happen(event);
        }
    }

    fn plan(&mut self, after_us: u64, event: Event) {
        self.sequence += 1;
        self.agenda.push(Reverse((self.now_us + after_us, self.sequence, event)));
    }

    fn delay(&mut self) -> u64 {
        1 + self.random.below(self.quality.delay_us.max(1) as usize) as u64
    }

    fn is_blocked(&self, way: (Host, Host)) -> bool {
        self.black_holes.contains(&way)
    }

    fn note(&mut self, what: u64) {
        self.digest = (self.digest ^ what ^ self.now_us).wrapping_mul(0x100_0000_01B3);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Syn(link) => self.syn(link),
            Event::SynAck(id) => {
                let link = &mut self.links[id.0];
                if self.black_holes.contains(&(link.server, link.client)) {
                    return self.plan(SYN_RETRY_US, Event::SynAck(id));
                }
                if link.stage == Stage::Connecting && link.client_end.open {
                    link.stage = Stage::Up;
                    link.client_end.writable = true;
                }
            }
            Event::Refusal(id) => {
                let link = &mut self.links[id.0];
                if link.stage == Stage::Connecting {
                    link.stage = Stage::Refused;
                    (link.client_end.writable, link.client_end.reset) = (true, true);
                }
            }
            Event::Arrival(link, side) => self.arrive(link, side),
            Event::Room(id, side) => {
                let full = self.room(id, side) == 0;
                let end = self.links[id.0].end(side);
                if end.open && end.blocked && !full {
                    end.blocked = false;
                    end.writable |= end.watches_room;
                }
            }
            Event::Reset(id, side) => {
                if self.is_blocked(self.links[id.0].way(side)) {
                    return self.plan(SYN_RETRY_US, Event::Reset(id, side));
                }
                self.note(3);
                let link = &mut self.links[id.0];
                if side == Side::Client && link.stage == Stage::Connecting {
                    link.stage = Stage::Refused;
                }
                let end = link.end(side);
                end.reset = true;
                end.coming.clear();
                end.coming_bytes = 0;
                (end.readable, end.writable) = (true, true);
            }
        }
    }

    fn syn(&mut self, id: LinkId) {
        let Link { client, server, .. } = self.links[id.0];
        if !self.links[id.0].client_end.open {
            return;
        }
        let listener = &mut self.listeners[server - SERVERS];
        if !listener.is_on || self.black_holes.contains(&(client, server)) {
            return self.plan(SYN_RETRY_US, Event::Syn(id));
        }
        let delay = self.delay();
        if !self.listeners[server - SERVERS].listens {
            return self.plan(delay, Event::Refusal(id));
        }
        self.listeners[server - SERVERS].accepted.push_back(id);
        self.links[id.0].server_end.open = true;
        self.plan(delay, Event::SynAck(id));
    }

    fn arrive(&mut self, id: LinkId, side: Side) {
        if self.is_blocked(self.links[id.0].way(side)) {
            // Tried again when the black hole heals.
            return;
        }
        let now = self.now_us;
        let mut noted = Vec::new();
        let link = &mut self.links[id.0];
        let end = link.end(side);
        while let Some((at, _)) = end.coming.front() {
            if *at > now {
                break;
            }
            let Some((_, segment)) = end.coming.pop_front() else { break };
            match segment {
                Segment::Bytes(bytes) => {
                    end.coming_bytes -= bytes.len();
                    noted.push(bytes.len() as u64);
                    if end.open {
                        end.inbox.extend(bytes);
                        end.readable = true;
                    } else {
                        // Nothing is there any more to read it.
                        self.plan(1, Event::Reset(id, side.other()));
                        break;
                    }
                }
                Segment::End => {
                    end.ended = true;
                    end.readable = true;
                }
            }
        }
        noted.into_iter().for_each(|length| self.note(length * 8 + 1));
    }

    /// Begins to connect.
    pub(crate) fn connect(&mut self, client: Host, server: usize) -> LinkId {
        let id = LinkId(self.links.len());
        self.links.push(Link {
            client,
            server: SERVERS + server,
            stage: Stage::Connecting,
            client_end: End { open: true, ..End::default() },
            server_end: End::default(),
        });
        let delay = self.delay();
        self.plan(delay, Event::Syn(id));
        id
    }

    /// Whether connecting has ended well.
    pub(crate) fn finish_connect(&mut self, id: LinkId) -> io::Result<()> {
        match self.links[id.0].stage {
            Stage::Connecting => Err(ErrorKind::WouldBlock.into()),
            Stage::Refused => Err(io::Error::from_raw_os_error(libc::ECONNREFUSED)),
            Stage::Up => Ok(()),
        }
    }

    /// Connections that a server has not accepted yet.
    pub(crate) fn accept(&mut self, server: usize) -> Option<(LinkId, Host)> {
        let id = self.listeners[server].accepted.pop_front()?;
        Some((id, self.links[id.0].client))
    }

    /// Whether a connection waits to be accepted.
    pub(crate) fn has_accepts(&self, server: usize) -> bool {
        !self.listeners[server].accepted.is_empty()
    }

    fn room(&mut self, id: LinkId, from: Side) -> usize {
        let window = self.quality.window;
        let end = self.links[id.0].end(from.other());
        window.saturating_sub(end.coming_bytes + end.inbox.len())
    }

    /// Sends from an end: as much as there is room for.
    pub(crate) fn send(&mut self, id: LinkId, from: Side, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room(id, from);
        let end = self.links[id.0].end(from);
        assert!(end.open, "sent on a closed connection");
        if end.reset {
            return Err(io::Error::from_raw_os_error(libc::EPIPE));
        }
        let cuts = self.quality.short_send_in;
        let mut count = bytes.len().min(room);
        if cuts > 0 && count > 1 && self.random.below(cuts) == 0 {
            count = 1 + self.random.below(count);
        }
        if count < bytes.len() {
            self.links[id.0].end(from).blocked = true;
            let delay = self.delay();
            self.plan(delay, Event::Room(id, from));
        }
        if count == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.put(id, from.other(), &bytes[..count]);
        Ok(count)
    }

    /// Puts bytes on their way to an end, in pieces.
    fn put(&mut self, id: LinkId, to: Side, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let most = match self.quality.piece {
                0 => bytes.len(),
                piece => 1 + self.random.below(piece.min(bytes.len())),
            };
            let (piece, rest) = bytes.split_at(most);
            bytes = rest;
            self.dispatch(id, to, Segment::Bytes(piece.to_vec()));
        }
    }

    fn dispatch(&mut self, id: LinkId, to: Side, segment: Segment) {
        let delay = self.delay();
        let now = self.now_us;
        let end = self.links[id.0].end(to);
        // In order: no piece overtakes another.
        let at = end.coming.back().map_or(0, |&(last, _)| last).max(now + delay);
        if let Segment::Bytes(bytes) = &segment {
            end.coming_bytes += bytes.len();
        }
        end.coming.push_back((at, segment));
        self.plan(at - now, Event::Arrival(id, to));
    }

    /// Receives at an end, at most this many bytes.
    pub(crate) fn receive(&mut self, id: LinkId, at: Side, most: usize) -> io::Result<Vec<u8>> {
        let delay = self.delay();
        let end = self.links[id.0].end(at);
        assert!(end.open, "received on a closed connection");
        if end.inbox.is_empty() {
            return match (end.reset, end.ended) {
                (true, _) => Err(io::Error::from_raw_os_error(libc::ECONNRESET)),
                (false, true) => Ok(Vec::new()),
                (false, false) => Err(ErrorKind::WouldBlock.into()),
            };
        }
        let count = most.min(end.inbox.len());
        let bytes = end.inbox.drain(..count).collect();
        if self.links[id.0].end(at.other()).blocked {
            self.plan(delay, Event::Room(id, at.other()));
        }
        Ok(bytes)
    }

    /// Whether an end has bytes to receive, and whether the other end is gone.
    pub(crate) fn look(&mut self, id: LinkId, at: Side) -> (bool, bool) {
        let end = self.links[id.0].end(at);
        (!end.inbox.is_empty(), end.ended || end.reset)
    }

    /// Turns reports of room on or off. Where there is room, one comes at once.
    pub(crate) fn watch_room(&mut self, id: LinkId, at: Side, wanted: bool) {
        let has_room = self.room(id, at) > 0;
        let end = self.links[id.0].end(at);
        end.watches_room = wanted;
        end.blocked |= wanted && !has_room;
        end.writable |= wanted && has_room && !end.blocked;
    }

    /// Takes the reports of an end: readable, writable, ended.
    pub(crate) fn take_reports(&mut self, id: LinkId, at: Side) -> Option<(bool, bool, bool)> {
        let end = self.links[id.0].end(at);
        let reports = (end.readable, end.writable, end.ended || end.reset);
        let any = end.open && (end.readable || end.writable);
        (end.readable, end.writable) = (false, false);
        any.then_some(reports)
    }

    /// Whether an end has reports.
    pub(crate) fn has_reports(&self, id: LinkId, at: Side) -> bool {
        let link = &self.links[id.0];
        let end = match at {
            Side::Client => &link.client_end,
            Side::Server => &link.server_end,
        };
        end.open && (end.readable || end.writable)
    }

    /// Closes an end as a program does: what it has not received resets the
    /// connection, else the end arrives behind what was sent.
    pub(crate) fn close(&mut self, id: LinkId, side: Side) {
        let end = self.links[id.0].end(side);
        if !std::mem::replace(&mut end.open, false) {
            return;
        }
        let unread = !end.inbox.is_empty();
        end.inbox.clear();
        match unread || end.reset {
            true => self.plan(1, Event::Reset(id, side.other())),
            false => self.dispatch(id, side.other(), Segment::End),
        }
    }
}
