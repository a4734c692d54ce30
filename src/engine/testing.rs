//! [`ScriptNet`]: a [`Transport`](gearman_net::Transport) that follows a script, for tests
//! of the engine.
//!
//! It has its own clock, which advances only while the engine waits, and a scripted peer
//! per connection, which the test controls through [`World`]:
//!
//! ```ignore
//! let (net, world) = ScriptNet::new();
//! world.peer(0).expects(&grab).sends(&no_job).pauses(100).closes();
//! ```
//!
//! A peer's script advances while the engine waits, one `sends` per wait, so that a packet
//! can be split at any byte. Unexpected bytes, and a wait that cannot end, fail the test.
//!
//! Must not: tolerate a deviation from the script.

mod blocking;
pub(crate) mod random;
#[cfg(test)]
mod tests;
mod transport;

use gearman_net::Ready;
use gearman_protocol::{Command, Decoded, Magic, decode, encode};
use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A peer's response to an attempt to connect.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Connect {
    /// It accepts during the next wait.
    Accept,
    /// It refuses during the next wait.
    Refuse,
    /// It never responds.
    Ignore,
}

/// One step of a peer's script.
enum Act {
    Expect(Vec<u8>),
    Hear(&'static [Command]),
    Send(Vec<u8>),
    Pause(Duration),
    Close,
}

impl std::fmt::Debug for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Act::Expect(bytes) => write!(f, "expects {}", packets(bytes)),
            Act::Hear(commands) => write!(f, "hears {commands:?}"),
            Act::Send(bytes) => write!(f, "sends {}", packets(bytes)),
            Act::Pause(pause) => write!(f, "pauses {pause:?}"),
            Act::Close => write!(f, "closes"),
        }
    }
}

/// The peer's side of one connection.
#[derive(Debug, Default)]
pub(crate) struct ScriptPeer {
    connects: VecDeque<Connect>,
    script: VecDeque<Act>,
    /// When the current pause ends.
    resumes: Option<Instant>,
    open: bool,
    met: Option<Connect>,
    /// Sent to the engine, not received yet.
    inbox: VecDeque<u8>,
    closed: bool,
    /// Number of bytes that each send accepts; all of them without an entry.
    room: VecDeque<usize>,
    wants_writable: bool,
    /// Sent by the engine, not matched with the script yet.
    sent: Vec<u8>,
    /// Number of attempts of the engine to connect.
    pub(crate) connected: usize,
    /// All bytes that the engine has sent, per connection.
    pub(crate) log: Vec<Vec<u8>>,
}

/// The scripts of all peers, and what they count.
#[derive(Debug)]
struct ScriptState {
    now: Instant,
    peers: Vec<ScriptPeer>,
    ready: VecDeque<Ready>,
    wake: VecDeque<(Instant, u8)>,
    /// Bytes in the wake-up pipe.
    woken: Vec<u8>,
    interrupts: usize,
    /// Every random number.
    random: u32,
    forked: bool,
    calls: Calls,
    stuck: Stuck,
}

/// What happens when a wait cannot end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stuck {
    /// The test fails.
    Fails,
    /// Every peer closes its connection.
    Closes,
    /// This byte is written to the wake-up pipe.
    Wakes(u8),
}

/// Number of system calls that sockets would have needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) send: usize,
    pub(crate) recv: usize,
    pub(crate) wait: usize,
    pub(crate) connect: usize,
}

/// The engine's side of the script.
#[derive(Debug)]
pub(crate) struct ScriptNet(Rc<RefCell<ScriptState>>);

/// The test's side of the script.
#[derive(Clone, Debug)]
pub(crate) struct World(Rc<RefCell<ScriptState>>);

/// A packet from a server.
pub(crate) fn response(command: Command, args: &[&[u8]], body: &[u8]) -> Vec<u8> {
    packet(Magic::Response, command, args, body)
}

/// A packet to a server.
pub(crate) fn request(command: Command, args: &[&[u8]], body: &[u8]) -> Vec<u8> {
    packet(Magic::Request, command, args, body)
}

fn packet(magic: Magic, command: Command, args: &[&[u8]], body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out, magic, command, args, body);
    out
}

impl ScriptNet {
    /// A transport and the test's side of it.
    pub(crate) fn new() -> (ScriptNet, World) {
        let state = Rc::new(RefCell::new(ScriptState {
            now: Instant::now(),
            peers: Vec::new(),
            ready: VecDeque::new(),
            wake: VecDeque::new(),
            woken: Vec::new(),
            interrupts: 0,
            random: 0,
            forked: false,
            calls: Calls::default(),
            stuck: Stuck::Fails,
        }));
        (ScriptNet(Rc::clone(&state)), World(state))
    }
}

impl ScriptState {
    /// Applies `stuck` to a wait that cannot end. Returns whether that changes anything.
    fn resolve_stuck(&mut self) -> bool {
        match self.stuck {
            Stuck::Fails => false,
            Stuck::Wakes(byte) => {
                self.wake.push_back((self.now, byte));
                true
            }
            Stuck::Closes => {
                let open = self.peers.iter_mut().filter(|peer| peer.open);
                open.map(|peer| peer.hang_up()).count() > 0
            }
        }
    }
}

impl World {
    /// The peer of the connection with this index.
    pub(crate) fn peer(&self, key: usize) -> RefMut<'_, ScriptPeer> {
        RefMut::map(self.0.borrow_mut(), |state| {
            if state.peers.len() <= key {
                state.peers.resize_with(key + 1, ScriptPeer::default);
            }
            &mut state.peers[key]
        })
    }

    /// The current time.
    pub(crate) fn now(&self) -> Instant {
        self.0.borrow().now
    }

    /// Advances the clock between two waits.
    pub(crate) fn sleep(&self, milliseconds: u64) {
        self.0.borrow_mut().now += Duration::from_millis(milliseconds);
    }

    /// Writes a byte to the wake-up pipe after this many milliseconds.
    pub(crate) fn wakes_after(&self, milliseconds: u64, byte: u8) {
        let mut state = self.0.borrow_mut();
        let at = state.now + Duration::from_millis(milliseconds);
        state.wake.push_back((at, byte));
    }

    /// Puts a byte into the wake-up pipe that the poller does not report.
    pub(crate) fn writes(&self, byte: u8) {
        self.0.borrow_mut().woken.push(byte);
    }

    /// A signal ends the next wait.
    pub(crate) fn interrupts(&self) {
        self.0.borrow_mut().interrupts += 1;
    }

    /// Sets every random number from now on. The first is 0.
    pub(crate) fn draws(&self, random: u32) {
        self.0.borrow_mut().random = random;
    }

    /// From now on the engine runs in a forked child.
    pub(crate) fn forks(&self) {
        self.0.borrow_mut().forked = true;
    }

    /// Number of system calls since the last call of this function.
    pub(crate) fn take_calls(&self) -> Calls {
        std::mem::take(&mut self.0.borrow_mut().calls)
    }

    /// Sets what happens when a wait cannot end. By default the test fails.
    pub(crate) fn when_stuck(&self, stuck: Stuck) {
        self.0.borrow_mut().stuck = stuck;
    }

    /// Fails unless every script is complete and nothing else was sent.
    pub(crate) fn assert_done(&self) {
        let mut state = self.0.borrow_mut();
        for (key, peer) in state.peers.iter_mut().enumerate() {
            peer.see(key);
            assert!(peer.script.is_empty(), "peer {key} still has {:?}", peer.script);
            assert!(peer.sent.is_empty(), "peer {key} was sent {}", packets(&peer.sent));
        }
    }
}

impl ScriptPeer {
    /// Sets the responses to the next attempts to connect. The default is to accept.
    pub(crate) fn meets(&mut self, how: &[Connect]) -> &mut ScriptPeer {
        self.connects.extend(how);
        self
    }

    /// The script continues after exactly these bytes were sent.
    pub(crate) fn expects(&mut self, bytes: &[u8]) -> &mut ScriptPeer {
        self.script.push_back(Act::Expect(bytes.to_vec()));
        self
    }

    /// The script continues after a complete packet with one of these commands was sent.
    pub(crate) fn hears(&mut self, commands: &'static [Command]) -> &mut ScriptPeer {
        self.script.push_back(Act::Hear(commands));
        self
    }

    /// These bytes arrive together.
    pub(crate) fn sends(&mut self, bytes: &[u8]) -> &mut ScriptPeer {
        self.script.push_back(Act::Send(bytes.to_vec()));
        self
    }

    /// The script continues this many milliseconds later.
    pub(crate) fn pauses(&mut self, milliseconds: u64) -> &mut ScriptPeer {
        self.script.push_back(Act::Pause(Duration::from_millis(milliseconds)));
        self
    }

    /// The peer closes the connection. The script continues with the next one.
    pub(crate) fn closes(&mut self) -> &mut ScriptPeer {
        self.script.push_back(Act::Close);
        self
    }

    /// The peer is gone, which the engine detects when it sends or receives.
    pub(crate) fn breaks(&mut self) -> &mut ScriptPeer {
        self.closed = true;
        self
    }

    /// Number of bytes that the next sends accept; 0 is `WouldBlock`.
    pub(crate) fn takes(&mut self, sizes: &[usize]) -> &mut ScriptPeer {
        self.room.extend(sizes);
        self
    }

    /// Whether the engine holds the connection open.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Takes the bytes that were sent but not expected.
    pub(crate) fn take_sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.sent)
    }

    /// Matches the bytes that were sent with the script.
    fn see(&mut self, key: usize) {
        while let Some(Act::Expect(bytes)) = self.script.front() {
            let n = bytes.len().min(self.sent.len());
            assert!(
                bytes[..n] == self.sent[..n],
                "peer {key} expects {}\nand was sent {}",
                packets(bytes),
                packets(&self.sent)
            );
            if n < bytes.len() {
                return;
            }
            self.sent.drain(..n);
            self.script.pop_front();
        }
    }

    /// Takes the bytes that were sent up to a packet with one of these commands. Returns
    /// whether there was one.
    fn hear(&mut self, commands: &[Command]) -> bool {
        let mut at = 0;
        while let Ok(Decoded::Whole { packet, used }) = decode(&self.sent[at..]) {
            at += used;
            if commands.contains(&packet.command()) {
                self.sent.drain(..at);
                return true;
            }
        }
        false
    }

    /// Runs the script up to the next event that the engine can observe.
    fn play(&mut self, key: usize, now: Instant) -> Option<Ready> {
        if !self.open {
            return None;
        }
        match self.met.take() {
            Some(Connect::Ignore) => {
                self.met = Some(Connect::Ignore);
                return None;
            }
            Some(how) => {
                self.closed = matches!(how, Connect::Refuse);
                return Some(Ready {
                    key,
                    readable: self.closed,
                    writable: true,
                    closed: self.closed,
                });
            }
            None => {}
        }
        if self.closed {
            // The script continues with the next connection.
            return None;
        }
        if self.wants_writable && self.room.front() == Some(&0) {
            self.room.pop_front();
        }
        let writable = self.wants_writable && self.room.front().is_none_or(|&n| n > 0);
        let mut readable = false;
        loop {
            self.see(key);
            match self.script.front() {
                Some(&Act::Hear(commands)) => {
                    if !self.hear(commands) {
                        break;
                    }
                    self.script.pop_front();
                }
                Some(Act::Pause(pause)) => {
                    if now < *self.resumes.get_or_insert(now + *pause) {
                        break;
                    }
                    self.resumes = None;
                    self.script.pop_front();
                }
                Some(Act::Send(bytes)) => {
                    self.inbox.extend(bytes);
                    self.script.pop_front();
                    readable = true;
                    break;
                }
                Some(Act::Close) => {
                    self.closed = true;
                    self.script.pop_front();
                    readable = true;
                    break;
                }
                Some(Act::Expect(_)) | None => break,
            }
        }
        let closed = self.closed;
        (readable || writable).then_some(Ready { key, readable, writable, closed })
    }

    /// Discards the script and closes the connection.
    fn hang_up(&mut self) {
        self.script.clear();
        self.resumes = None;
        self.closed = false;
        match &mut self.met {
            Some(met) => *met = Connect::Refuse,
            None => self.script.push_back(Act::Close),
        }
    }

    fn shut(&mut self) {
        self.open = false;
        self.closed = false;
        self.met = None;
        self.inbox.clear();
        self.wants_writable = false;
    }

    fn take(&mut self, most: usize) -> io::Result<Vec<u8>> {
        assert!(self.open, "received on a closed connection");
        let n = most.min(self.inbox.len());
        if n == 0 && !self.closed {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(self.inbox.drain(..n).collect())
    }
}

/// Describes the packets in some bytes, for a failing test.
pub(crate) fn packets(mut bytes: &[u8]) -> String {
    let mut text = Vec::new();
    while let Ok(Decoded::Whole { packet, used }) = decode(bytes) {
        let payload = String::from_utf8_lossy(&bytes[12..used]).into_owned();
        text.push(format!("{} {payload:?}", packet.command().name()));
        bytes = &bytes[used..];
    }
    if !bytes.is_empty() || text.is_empty() {
        text.push(format!("{:?}", String::from_utf8_lossy(bytes)));
    }
    text.join(", ")
}
