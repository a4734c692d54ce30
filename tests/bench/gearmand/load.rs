//! The load: any number of connections from one thread, so that what it costs
//! stays small beside the server, and can be said.
//!
//! Owns the sockets, the framing of packets and the clock of a run. Who says
//! what is up to a [`Play`].
//!
//! Must not: know jobs, or the package's own protocol code, which is what is
//! measured.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// Longest silence of a server before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes of a packet's payload that a [`Play`] gets to see.
const SHOWN: usize = 4096;
const HEADER: usize = 12;

// The packets that a load needs, by their numbers on the wire.
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

/// Appends a request.
pub(crate) fn say(out: &mut Vec<u8>, number: u32, parts: &[&[u8]]) {
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

/// The arguments at the start of a payload.
pub(crate) fn words(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    payload.split(|&byte| byte == 0)
}

/// Who plays what on the connections of a [`Load`].
pub(crate) trait Play {
    /// A connection got a packet: its number, the first bytes of its payload,
    /// and the payload's size. What is appended to `out` is sent.
    fn hear(&mut self, who: usize, number: u32, payload: &[u8], size: usize, out: &mut Vec<u8>);

    /// Whether the run is over.
    fn is_over(&self) -> bool;
}

struct Peer {
    stream: TcpStream,
    /// The start of a packet that is not complete.
    input: Vec<u8>,
    /// Bytes of a payload that nobody looks at.
    skip: usize,
    output: Vec<u8>,
    sent: usize,
    dirty: bool,
}

/// Connections, and the loop that serves them.
pub(crate) struct Load {
    poll: Poll,
    peers: Vec<Peer>,
    scratch: Vec<u8>,
    dirty: Vec<usize>,
}

impl Load {
    pub(crate) fn new() -> Load {
        let poll = Poll::new().expect("a poller");
        Load { poll, peers: Vec::new(), scratch: vec![0; 1 << 18], dirty: Vec::new() }
    }

    /// Opens a connection; they are numbered from 0.
    pub(crate) fn connect(&mut self, port: u16) -> usize {
        let number = self.peers.len();
        let stream = std::net::TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let stream = stream.expect("connects");
        stream.set_nodelay(true).expect("sets nodelay");
        stream.set_nonblocking(true).expect("does not block");
        let mut stream = TcpStream::from_std(stream);
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(number), both).expect("registers");
        let (input, output) = (Vec::new(), Vec::new());
        self.peers.push(Peer { stream, input, skip: 0, output, sent: 0, dirty: false });
        number
    }

    /// Where a connection's words are gathered until [`Load::run`] sends them.
    pub(crate) fn output(&mut self, who: usize) -> &mut Vec<u8> {
        self.mark(who);
        &mut self.peers[who].output
    }

    fn mark(&mut self, who: usize) {
        if !std::mem::replace(&mut self.peers[who].dirty, true) {
            self.dirty.push(who);
        }
    }

    /// Sends what was gathered, and plays until it is over.
    pub(crate) fn run(&mut self, play: &mut impl Play) {
        let mut events = Events::with_capacity(1024);
        self.flush();
        while !play.is_over() {
            let began = Instant::now();
            match self.poll.poll(&mut events, Some(PATIENCE)) {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                result => result.expect("waits"),
            }
            assert!(!events.is_empty() || began.elapsed() < PATIENCE, "the server is silent");
            for event in &events {
                let Token(who) = event.token();
                if event.is_writable() && self.peers[who].sent < self.peers[who].output.len() {
                    self.mark(who);
                }
                if event.is_readable() {
                    self.receive(who, play);
                }
            }
            self.flush();
        }
    }

    /// Reads until there is nothing more, and has each packet heard.
    fn receive(&mut self, who: usize, play: &mut impl Play) {
        loop {
            let peer = &mut self.peers[who];
            let count = match peer.stream.read(&mut self.scratch) {
                Ok(0) => panic!("the server closed connection {who}"),
                Ok(count) => count,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => panic!("connection {who}: {e}"),
            };
            let skipped = peer.skip.min(count);
            peer.skip -= skipped;
            let fresh = &self.scratch[skipped..count];
            if peer.input.is_empty() {
                let used = peer.parse(who, fresh, play);
                peer.input.extend_from_slice(&fresh[used..]);
            } else {
                let mut input = std::mem::take(&mut peer.input);
                input.extend_from_slice(fresh);
                let used = peer.parse(who, &input, play);
                input.drain(..used);
                peer.input = input;
            }
            if count < self.scratch.len() {
                break;
            }
        }
        if self.peers[who].sent < self.peers[who].output.len() {
            self.mark(who);
        }
    }

    fn flush(&mut self) {
        for who in std::mem::take(&mut self.dirty) {
            let peer = &mut self.peers[who];
            peer.dirty = false;
            while peer.sent < peer.output.len() {
                match peer.stream.write(&peer.output[peer.sent..]) {
                    Ok(count) => peer.sent += count,
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) => panic!("connection {who}: {e}"),
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
    /// Has the packets at the start of `bytes` heard; how many bytes they took.
    fn parse(&mut self, who: usize, bytes: &[u8], play: &mut impl Play) -> usize {
        let mut used = 0;
        while let Some((header, payload)) = bytes[used..].split_first_chunk::<HEADER>() {
            let [_, _, _, _, c0, c1, c2, c3, l0, l1, l2, l3] = *header;
            let number = u32::from_be_bytes([c0, c1, c2, c3]);
            let size = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
            let shown = size.min(SHOWN);
            if payload.len() < shown {
                break;
            }
            play.hear(who, number, &payload[..shown], size, &mut self.output);
            let here = size.min(payload.len());
            self.skip = size - here;
            used += HEADER + here;
        }
        used
    }
}
