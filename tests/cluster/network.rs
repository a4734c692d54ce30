//! The simulated network: connections between hosts, with delays, partial delivery and
//! faults.
//!
//! Each direction of a connection behaves as TCP does for a program: bytes arrive in order,
//! in pieces of any size, after any delay; a window limits the bytes in flight; a close
//! arrives after the bytes, a reset at once. A black hole holds everything back until it is
//! removed. Bytes are never lost, because TCP retransmits them.
//!
//! Pieces can end at any byte, so also inside a record of an encrypted stream. A record
//! layer belongs between [`super::transport`] and this module.
//!
//! Must not: know packets, or the programs at the ends.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::io::{self, ErrorKind};
use std::rc::Rc;

use gearman_test_support::random::Random;

mod faults;

/// A host: clients and workers from 0, servers from [`SERVERS`].
pub(crate) type Host = usize;
/// The host of the first server.
pub(crate) const SERVERS: Host = 1000;
/// Time between two retransmissions of a connection request or a reset, in microseconds.
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

/// Delays and sizes of the network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    /// Longest delay of a byte, in microseconds.
    pub(crate) delay_us: u64,
    /// Most bytes that arrive together; 0 for no limit.
    pub(crate) piece: usize,
    /// Most bytes in flight or unread, per direction.
    pub(crate) window: usize,
    /// One of this many sends is partial although the window has room; 0 for none.
    pub(crate) short_send_in: usize,
}

/// A piece of a stream.
#[derive(Debug)]
enum Segment {
    Bytes(Vec<u8>),
    End,
}

/// One end of a connection.
#[derive(Debug, Default)]
struct End {
    /// Whether the program has it open.
    open: bool,
    /// Bytes that arrived and were not received.
    inbox: VecDeque<u8>,
    /// Segments in flight to this end, each with its time of arrival.
    in_flight: VecDeque<(u64, Segment)>,
    /// Number of bytes in `in_flight`.
    in_flight_bytes: usize,
    /// Whether the close of the other end has arrived.
    ended: bool,
    /// Whether the connection is reset.
    reset: bool,
    /// Whether the program's last send was partial.
    blocked: bool,
    /// Reports that the program has not taken.
    readable: bool,
    writable: bool,
    /// Whether the program wants a report when it can send.
    watches_room: bool,
}

/// State of a connection attempt.
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

/// A scheduled event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A connection request reaches its server.
    Syn(LinkId),
    /// The acceptance of a request reaches the client.
    SynAck(LinkId),
    /// The refusal of a request reaches the client.
    Refusal(LinkId),
    /// Segments arrive at an end.
    Arrival(LinkId, Side),
    /// A blocked end may be able to send.
    Room(LinkId, Side),
    /// A reset reaches an end.
    Reset(LinkId, Side),
}

/// A server's host.
#[derive(Debug, Default)]
struct Listener {
    /// Whether the host answers: by accepting, or by refusing connections.
    is_on: bool,
    /// Whether a process listens.
    listens: bool,
    accepted: VecDeque<LinkId>,
}

/// The network.
#[derive(Debug)]
pub(crate) struct Network {
    now_us: u64,
    pub(crate) random: Random,
    quality: Quality,
    links: Vec<Link>,
    listeners: Vec<Listener>,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    /// Directions, from a host to a host, in which nothing arrives.
    black_holes: BTreeSet<(Host, Host)>,
    /// Hash of all deliveries; equal for equal runs.
    pub(crate) digest: u64,
    /// Number of events so far.
    pub(crate) steps: u64,
    /// Whether packets are printed.
    pub(crate) is_traced: bool,
}

/// The network, shared by all parts of a simulation.
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
            events: BinaryHeap::new(),
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

    /// Time of the next event.
    pub(crate) fn next_event(&self) -> Option<u64> {
        self.events.peek().map(|Reverse((at, ..))| *at)
    }

    /// Advances the clock, and handles all events up to that time.
    pub(crate) fn advance(&mut self, to_us: u64) {
        assert!(to_us >= self.now_us, "the clock went back");
        self.now_us = to_us;
        while let Some(&Reverse((at, _, event))) = self.events.peek() {
            if at > to_us {
                break;
            }
            self.events.pop();
            self.steps += 1;
            self.handle(event);
        }
    }

    fn plan(&mut self, after_us: u64, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((self.now_us + after_us, self.sequence, event)));
    }

    fn delay(&mut self) -> u64 {
        1 + self.random.below(self.quality.delay_us.max(1) as usize) as u64
    }

    fn is_blocked(&self, way: (Host, Host)) -> bool {
        self.black_holes.contains(&way)
    }

    fn update_digest(&mut self, value: u64) {
        self.digest = (self.digest ^ value ^ self.now_us).wrapping_mul(0x100_0000_01B3);
    }

    fn handle(&mut self, event: Event) {
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
                self.update_digest(3);
                let link = &mut self.links[id.0];
                if side == Side::Client && link.stage == Stage::Connecting {
                    link.stage = Stage::Refused;
                }
                let end = link.end(side);
                end.reset = true;
                end.in_flight.clear();
                end.in_flight_bytes = 0;
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
            // Scheduled again when the black hole is removed.
            return;
        }
        let now = self.now_us;
        let mut lengths = Vec::new();
        let link = &mut self.links[id.0];
        let end = link.end(side);
        while let Some((at, _)) = end.in_flight.front() {
            if *at > now {
                break;
            }
            let Some((_, segment)) = end.in_flight.pop_front() else { break };
            match segment {
                Segment::Bytes(bytes) => {
                    end.in_flight_bytes -= bytes.len();
                    lengths.push(bytes.len() as u64);
                    if end.open {
                        end.inbox.extend(bytes);
                        end.readable = true;
                    } else {
                        // The end is closed, which resets the other one.
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
        lengths.into_iter().for_each(|length| self.update_digest(length * 8 + 1));
    }

    /// Starts a connection attempt.
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

    /// Whether a connection attempt has succeeded.
    pub(crate) fn finish_connect(&mut self, id: LinkId) -> io::Result<()> {
        match self.links[id.0].stage {
            Stage::Connecting => Err(ErrorKind::WouldBlock.into()),
            Stage::Refused => Err(io::Error::from_raw_os_error(libc::ECONNREFUSED)),
            Stage::Up => Ok(()),
        }
    }

    /// Accepts a connection, if one is waiting.
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
        window.saturating_sub(end.in_flight_bytes + end.inbox.len())
    }

    /// Sends from an end, as far as the window has room.
    pub(crate) fn send(&mut self, id: LinkId, from: Side, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room(id, from);
        let end = self.links[id.0].end(from);
        assert!(end.open, "a program sent on a closed connection");
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

    /// Schedules the arrival of bytes at an end, in pieces.
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
        // A piece never arrives before an earlier one.
        let at = end.in_flight.back().map_or(0, |&(last, _)| last).max(now + delay);
        if let Segment::Bytes(bytes) = &segment {
            end.in_flight_bytes += bytes.len();
        }
        end.in_flight.push_back((at, segment));
        self.plan(at - now, Event::Arrival(id, to));
    }

    /// Receives at an end, at most this many bytes.
    pub(crate) fn receive(&mut self, id: LinkId, at: Side, most: usize) -> io::Result<Vec<u8>> {
        let delay = self.delay();
        let end = self.links[id.0].end(at);
        assert!(end.open, "a program received on a closed connection");
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

    /// Whether an end has bytes to receive, and whether the other end has closed or reset.
    pub(crate) fn look(&mut self, id: LinkId, at: Side) -> (bool, bool) {
        let end = self.links[id.0].end(at);
        (!end.inbox.is_empty(), end.ended || end.reset)
    }

    /// Turns reports of room on or off. If there is room, one is made at once.
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

    /// Closes an end as a program does: unread bytes reset the connection, otherwise the
    /// close arrives after the sent bytes.
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
