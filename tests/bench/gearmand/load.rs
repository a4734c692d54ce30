//! The load generator: any number of connections in one thread, which keeps its cost small and
//! measurable.
//!
//! Owns the sockets, the framing of packets and the clock of a run. A [`Scenario`] decides what is
//! sent.
//!
//! Must not: know jobs, or use the package's own protocol code, which is under measurement.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::wire::Wire;

/// Longest silence of a server before the benchmark fails.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// Bytes of a payload that a [`Scenario`] sees.
const SHOWN: usize = 4096;
const HEADER: usize = 12;

// Packet types, by their numbers on the wire.
pub(crate) const CAN_DO: u32 = 1;
pub(crate) const PRE_SLEEP: u32 = 4;
pub(crate) const NOOP: u32 = 6;
pub(crate) const SUBMIT_JOB: u32 = 7;
pub(crate) const JOB_CREATED: u32 = 8;
pub(crate) const NO_JOB: u32 = 10;
pub(crate) const WORK_COMPLETE: u32 = 13;
pub(crate) const ECHO_REQ: u32 = 16;
pub(crate) const ECHO_RES: u32 = 17;
pub(crate) const SUBMIT_JOB_BG: u32 = 18;
pub(crate) const GRAB_JOB_UNIQ: u32 = 30;
pub(crate) const JOB_ASSIGN_UNIQ: u32 = 31;

/// Appends a request packet to `out`.
pub(crate) fn append_request(out: &mut Vec<u8>, number: u32, parts: &[&[u8]]) {
    let separators = parts.len().saturating_sub(1);
    let size = parts.iter().map(|part| part.len()).sum::<usize>() + separators;
    out.extend_from_slice(b"\0REQ");
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&(size as u32).to_be_bytes());
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            out.push(0);
        }
        out.extend_from_slice(part);
    }
}

/// Splits the NUL-terminated arguments off the start of a payload.
pub(crate) fn words(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    payload.split(|&byte| byte == 0)
}

/// What the connections of a [`Load`] send in reply to what they receive.
pub(crate) trait Scenario {
    /// Handles a packet of connection `index`: its number, the first bytes of its payload, and
    /// the payload's size in bytes. Bytes appended to `out` are sent.
    fn on_packet(
        &mut self,
        index: usize,
        number: u32,
        payload: &[u8],
        size: usize,
        out: &mut Vec<u8>,
    );

    /// Whether the run is over.
    fn is_over(&self) -> bool;
}

struct Peer {
    stream: Wire,
    /// Start of an incomplete packet.
    input: Vec<u8>,
    /// Bytes of the current payload still to skip.
    skip: usize,
    output: Vec<u8>,
    sent: usize,
    dirty: bool,
}

/// Connections and their event loop.
pub(crate) struct Load {
    poll: Poll,
    has_tls: bool,
    peers: Vec<Peer>,
    scratch: Vec<u8>,
    dirty: Vec<usize>,
}

impl Load {
    pub(crate) fn new() -> Load {
        Load::with(false)
    }

    /// With or without TLS.
    pub(crate) fn with(has_tls: bool) -> Load {
        let poll = Poll::new().expect("a poller");
        Load { poll, has_tls, peers: Vec::new(), scratch: vec![0; 1 << 18], dirty: Vec::new() }
    }

    /// Opens a connection and returns its index, from 0.
    pub(crate) fn connect(&mut self, port: u16) -> usize {
        let number = self.peers.len();
        let mut stream = Wire::connect(port, self.has_tls);
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(stream.stream(), Token(number), both).expect("registers");
        let (input, output) = (Vec::new(), Vec::new());
        self.peers.push(Peer { stream, input, skip: 0, output, sent: 0, dirty: false });
        number
    }

    /// Send buffer of a connection, flushed by [`Load::run`].
    pub(crate) fn output(&mut self, index: usize) -> &mut Vec<u8> {
        self.mark(index);
        &mut self.peers[index].output
    }

    fn mark(&mut self, index: usize) {
        if !std::mem::replace(&mut self.peers[index].dirty, true) {
            self.dirty.push(index);
        }
    }

    /// Flushes the send buffers and runs a scenario to its end.
    pub(crate) fn run(&mut self, scenario: &mut impl Scenario) {
        let mut events = Events::with_capacity(1024);
        self.flush();
        while !scenario.is_over() {
            let began = Instant::now();
            match self.poll.poll(&mut events, Some(SILENCE_MAX)) {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                result => result.expect("waits"),
            }
            assert!(!events.is_empty() || began.elapsed() < SILENCE_MAX, "the server is silent");
            for event in &events {
                let Token(index) = event.token();
                if event.is_writable() && self.peers[index].sent < self.peers[index].output.len() {
                    self.mark(index);
                }
                if event.is_readable() {
                    self.receive(index, scenario);
                }
            }
            self.flush();
        }
    }

    /// Reads until the socket is empty and passes each packet to the scenario.
    fn receive(&mut self, index: usize, scenario: &mut impl Scenario) {
        loop {
            let peer = &mut self.peers[index];
            let count = match peer.stream.read(&mut self.scratch) {
                Ok(0) => panic!("the server closed connection {index}"),
                Ok(count) => count,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => panic!("connection {index}: {e}"),
            };
            let skipped = peer.skip.min(count);
            peer.skip -= skipped;
            let fresh = &self.scratch[skipped..count];
            if peer.input.is_empty() {
                let used = peer.parse(index, fresh, scenario);
                peer.input.extend_from_slice(&fresh[used..]);
            } else {
                let mut input = std::mem::take(&mut peer.input);
                input.extend_from_slice(fresh);
                let used = peer.parse(index, &input, scenario);
                input.drain(..used);
                peer.input = input;
            }
            if count < self.scratch.len() {
                break;
            }
        }
        if self.peers[index].sent < self.peers[index].output.len() {
            self.mark(index);
        }
    }

    fn flush(&mut self) {
        for index in std::mem::take(&mut self.dirty) {
            let peer = &mut self.peers[index];
            peer.dirty = false;
            while peer.sent < peer.output.len() {
                match peer.stream.write(&peer.output[peer.sent..]) {
                    Ok(count) => peer.sent += count,
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) => panic!("connection {index}: {e}"),
                }
            }
            if peer.sent == peer.output.len() {
                peer.output.clear();
                peer.sent = 0;
            }
        }
    }
}

impl Peer {
    /// Passes the packets at the start of `bytes` on; returns how many bytes they took.
    fn parse(&mut self, index: usize, bytes: &[u8], scenario: &mut impl Scenario) -> usize {
        let mut used = 0;
        while let Some((header, payload)) = bytes[used..].split_first_chunk::<HEADER>() {
            let [_, _, _, _, c0, c1, c2, c3, l0, l1, l2, l3] = *header;
            let number = u32::from_be_bytes([c0, c1, c2, c3]);
            let size = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
            let shown = size.min(SHOWN);
            if payload.len() < shown {
                break;
            }
            scenario.on_packet(index, number, &payload[..shown], size, &mut self.output);
            let here = size.min(payload.len());
            self.skip = size - here;
            used += HEADER + here;
        }
        used
    }
}
