//! The host of the tests in this crate: streams in memory, a clock set by the test, a
//! poller, a journal and a bridge that record their calls, and [`World`], a job server with
//! all of these.
//!
//! Must not: assert the behaviour under test.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{Bridge, Clock, CloseReason, Host, JobServer, JobServerSettings};
use crate::{Journal, Origin, PeerIdentity, Poller, Requester, StoreEvent, Stream};
use gearman_access::{Denial, Permission};
use gearman_broker::{
    Broker, Config, ConnectionKey, DelayedReplies, Millis, Now, UnixSeconds, Wakeup,
};
use gearman_protocol::{Command, Decoded, Magic, decode, encode};

/// A stream in memory.
pub(crate) struct Memory {
    /// Bytes from the peer that were not received yet.
    pub(crate) input: VecDeque<u8>,
    /// Whether the stream ends after `input`.
    pub(crate) has_ended: bool,
    /// Errors of the next calls.
    pub(crate) errors: VecDeque<ErrorKind>,
    /// Bytes sent to the peer.
    pub(crate) output: Vec<u8>,
    /// Number of bytes that can be sent before the stream is full.
    pub(crate) room: usize,
    /// Number of the peer, and the record of all sends, to which each send appends it.
    pub(crate) sends: (i32, Rc<RefCell<Vec<i32>>>),
    /// The names of the peer's certificate.
    pub(crate) identity: Option<Arc<PeerIdentity>>,
    /// Each limit of unacknowledged bytes that was set.
    pub(crate) unacknowledged_limits: Vec<Duration>,
    /// Number of receives.
    pub(crate) receives: usize,
    /// Duration of a receive in milliseconds, and the clock that it advances.
    pub(crate) receive_ms: (u64, Rc<Cell<u64>>),
}

impl Default for Memory {
    fn default() -> Memory {
        Memory {
            input: VecDeque::new(),
            has_ended: false,
            errors: VecDeque::new(),
            output: Vec::new(),
            room: usize::MAX,
            sends: Default::default(),
            identity: None,
            unacknowledged_limits: Vec::new(),
            receives: 0,
            receive_ms: Default::default(),
        }
    }
}

impl Read for Memory {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.receives += 1;
        let (duration_ms, clock) = &self.receive_ms;
        clock.set(clock.get() + duration_ms);
        if let Some(kind) = self.errors.pop_front() {
            return Err(kind.into());
        }
        if self.input.is_empty() && !self.has_ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        // A ring buffer may give its bytes in two pieces; a socket does not.
        self.input.make_contiguous();
        self.input.read(space)
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kind) = self.errors.pop_front() {
            return Err(kind.into());
        }
        if self.room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = bytes.len().min(self.room);
        self.room -= if self.room == usize::MAX { 0 } else { count };
        self.output.extend_from_slice(&bytes[..count]);
        self.sends.1.borrow_mut().push(self.sends.0);
        Ok(count)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let joined: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        self.write(&joined)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream for Memory {
    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let mut space = vec![0; into.capacity() - into.len()];
        let count = self.read(&mut space)?;
        into.extend_from_slice(&space[..count]);
        Ok(count)
    }

    fn limit_unacknowledged(&mut self, limit: Duration) {
        self.unacknowledged_limits.push(limit);
    }

    fn peer_identity(&self) -> Option<Arc<PeerIdentity>> {
        self.identity.clone()
    }
}

/// A clock set by the test, in milliseconds.
pub(crate) struct TestClock(pub(crate) Rc<Cell<u64>>);

impl Clock for TestClock {
    fn now(&self) -> Now {
        Now { monotonic: Millis(self.0.get()), unix: UnixSeconds(1_800_000_000) }
    }
}

/// A journal that records its calls.
#[derive(Default)]
pub(crate) struct Lines {
    pub(crate) closed: Vec<String>,
    pub(crate) refused: Vec<String>,
    pub(crate) jobs: Vec<String>,
    pub(crate) packets: Vec<Command>,
    /// Refusals by the access rules, and text commands that change something.
    pub(crate) audit: Vec<String>,
}

impl Journal for Lines {
    fn level_name(&self) -> &'static str {
        "ERROR"
    }

    fn packet(&mut self, _from: ConnectionKey, command: Command) {
        self.packets.push(command);
    }

    fn closed(&mut self, origin: Origin, reason: &CloseReason) {
        let fault = if reason.is_fault { "fault: " } else { "" };
        self.closed.push(format!("{origin} {fault}{}", reason.text));
    }

    fn refused(&mut self, origin: Origin, why: &[u8]) {
        self.refused.push(format!("{origin} {}", why.escape_ascii()));
    }

    fn accepted(&mut self, function: &[u8], unique: &[u8], due: Option<UnixSeconds>) {
        let [function, unique] = [function, unique].map(<[u8]>::escape_ascii);
        let due = due.map_or(0, |due| due.0);
        self.jobs.push(format!("accepted {function} {unique} {due}"));
    }

    fn gave_up(&mut self, handle: &[u8], function: &[u8], unique: &[u8], attempts: u8) {
        let [handle, function, unique] = [handle, function, unique].map(<[u8]>::escape_ascii);
        self.jobs.push(format!("gave up {handle} {function} {unique} {attempts}"));
    }

    fn denied(&mut self, who: &Requester, permission: Permission, on: &[u8], why: Denial) {
        let on = on.escape_ascii();
        self.audit.push(format!("{who} {} {on}: {why}", permission.name()));
    }

    fn administered(&mut self, who: &Requester, line: &[u8], answer: &[u8], is_denied: bool) {
        let denied = if is_denied { " denied" } else { "" };
        let [line, answer] = [line, answer].map(|text| text.trim_ascii_end().escape_ascii());
        self.audit.push(format!("{who} {line}: {answer}{denied}"));
    }

    fn store(&mut self, event: StoreEvent<'_>) {
        self.jobs.push(format!("{event:?}"));
    }
}

/// A poller that records its calls.
#[derive(Default)]
pub(crate) struct TestPoller {
    /// Calls of `watch_writable`: session, and whether it is watched.
    pub(crate) watched: Vec<(usize, bool)>,
    /// Streams of ended sessions.
    pub(crate) closed: Vec<Memory>,
}

impl Poller<Memory> for TestPoller {
    fn watch_writable(&mut self, index: usize, _: &mut Memory, wanted: bool) -> io::Result<()> {
        self.watched.push((index, wanted));
        Ok(())
    }

    fn closed(&mut self, stream: Memory) {
        self.closed.push(stream);
    }
}

/// A bridge that records its calls.
#[derive(Default)]
pub(crate) struct TestBridge {
    /// Packets that were sent, with the limit.
    pub(crate) sent: Vec<(ConnectionKey, Vec<u8>, usize)>,
    /// Whether the connections take no packets.
    pub(crate) is_blocked: bool,
    pub(crate) closed: Vec<ConnectionKey>,
    /// The second parts of all packets.
    pub(crate) bodies: Vec<Bytes>,
}

impl Bridge for TestBridge {
    fn send(&mut self, to: ConnectionKey, head: Vec<u8>, body: Bytes, limit: usize) {
        self.bodies.push(body.clone());
        self.sent.push((to, [&head[..], &body].concat(), limit));
    }

    fn unread_by_connection(&self) -> Vec<(ConnectionKey, usize)> {
        let unread = self.sent.iter().filter(|_| self.is_blocked);
        unread.map(|(key, packet, _)| (*key, packet.len())).collect()
    }

    fn close(&mut self, key: ConnectionKey) {
        self.closed.push(key);
        self.sent.retain(|sent| sent.0 != key);
    }
}

pub(crate) struct TestHost;

impl Host for TestHost {
    type Stream = Memory;
    type Clock = TestClock;
    type Journal = Lines;
    type Bridge = TestBridge;
}

/// A broker that holds acknowledgements for `ack_delay_ms`, and no grabs.
pub(crate) fn broker(ack_delay_ms: u64) -> Broker {
    Broker::new(Config {
        handle_prefix: "H".into(),
        attempts: Some(1),
        wakeup: Wakeup::AsNeeded,
        delayed_replies: DelayedReplies { grab_hold_ms: 0, ack_delay_ms },
        exceptions: false,
    })
}

/// Limit of unsent bytes of a session.
pub(crate) const OUTPUT_LIMIT: usize = 4 << 20;
/// Limit of the bytes of a packet, without its header.
pub(crate) const PACKET_LIMIT: u32 = 2 << 20;

/// Limit of the unsent bytes of all sessions.
pub(crate) const OUTPUT_LIMIT_TOTAL: u64 = 8 << 20;
/// The settings of the job server.
pub(crate) const SETTINGS: JobServerSettings = JobServerSettings {
    output_limit: OUTPUT_LIMIT,
    output_limit_total: OUTPUT_LIMIT_TOTAL,
    packet_limit: PACKET_LIMIT,
    worker_ack_timeout: Some(Duration::from_secs(120)),
    allow_shutdown: true,
    queue_wait_ms: 5000,
    queue_type: "builtin",
};

/// A job server with this broker and this clock.
pub(crate) fn server(broker: Broker, clock: &Rc<Cell<u64>>) -> JobServer<TestHost> {
    let (journal, bridge) = (Lines::default(), TestBridge::default());
    JobServer::new(broker, SETTINGS, TestClock(clock.clone()), journal, bridge)
}

/// The bytes of a request.
pub(crate) fn request(command: Command, args: &[&str], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
    encode(&mut bytes, Magic::Request, command, &args, body);
    bytes
}

/// A job server and its host.
pub(crate) struct World {
    pub(crate) server: JobServer<TestHost>,
    pub(crate) clock: Rc<Cell<u64>>,
    pub(crate) poller: TestPoller,
    /// The peers of all sends, in order.
    pub(crate) sends: Rc<RefCell<Vec<i32>>>,
    peers: i32,
}

impl World {
    /// A world without delayed replies.
    pub(crate) fn new() -> World {
        World::with(broker(0))
    }

    pub(crate) fn with(broker: Broker) -> World {
        let clock = Rc::new(Cell::new(5_000));
        let (poller, sends) = (TestPoller::default(), Rc::default());
        World { server: server(broker, &clock), clock, poller, sends, peers: 0 }
    }

    /// A new session. Peers are numbered from 1.
    pub(crate) fn connect(&mut self) -> ConnectionKey {
        self.peers += 1;
        let sends = (self.peers, self.sends.clone());
        let stream = Memory { sends, receive_ms: (0, self.clock.clone()), ..Memory::default() };
        self.server.connect(stream, Origin::local(self.peers), 7)
    }

    /// A session whose peer offers a function and has sent PRE_SLEEP.
    pub(crate) fn worker(&mut self, function: &str) -> ConnectionKey {
        let worker = self.connect();
        self.ask(worker, Command::CanDo, &[function], b"");
        self.ask(worker, Command::PreSleep, &[], b"");
        worker
    }

    pub(crate) fn stream(&mut self, of: ConnectionKey) -> &mut Memory {
        self.server.stream(of.index()).expect("a session")
    }

    /// Delivers bytes of a peer, and reports the stream as readable.
    pub(crate) fn deliver(&mut self, from: ConnectionKey, bytes: &[u8]) {
        self.stream(from).input.extend(bytes);
        self.server.readable(from.index(), false);
    }

    /// Ends the stream of a peer.
    pub(crate) fn end(&mut self, of: ConnectionKey) {
        self.stream(of).has_ended = true;
        self.server.readable(of.index(), true);
    }

    pub(crate) fn send(&mut self, from: ConnectionKey, command: Command, args: &[&str]) {
        self.deliver(from, &request(command, args, b""));
    }

    pub(crate) fn turn(&mut self) {
        self.server.turn(&mut self.poller);
        self.server.flush(&mut self.poller);
        self.server.recount();
    }

    /// Runs turns until the server is idle.
    pub(crate) fn settle(&mut self) {
        for _ in 0..3000 {
            self.turn();
            if !self.server.is_busy() {
                return;
            }
        }
        panic!("the job server is still busy after 3000 turns");
    }

    /// Sends a packet; returns the packets that its sender received.
    pub(crate) fn ask(
        &mut self,
        from: ConnectionKey,
        command: Command,
        args: &[&str],
        body: &[u8],
    ) -> Vec<String> {
        self.deliver(from, &request(command, args, body));
        self.settle();
        self.received(from)
    }

    /// Sends a line; returns the text that its sender received.
    pub(crate) fn ask_text(&mut self, from: ConnectionKey, line: &str) -> String {
        self.deliver(from, line.as_bytes());
        self.settle();
        self.text(from)
    }

    /// The text that a peer received since the last call.
    pub(crate) fn text(&mut self, of: ConnectionKey) -> String {
        String::from_utf8(self.bytes(of)).expect("text")
    }

    /// The bytes that a peer received since the last call.
    pub(crate) fn bytes(&mut self, of: ConnectionKey) -> Vec<u8> {
        std::mem::take(&mut self.stream(of).output)
    }

    /// The packets that a peer received since the last call.
    pub(crate) fn received(&mut self, of: ConnectionKey) -> Vec<String> {
        packets(&self.bytes(of))
    }
}

/// Packets as text: name and payload, of which at most 40 bytes are shown.
pub(crate) fn packets(mut bytes: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let Ok(Decoded::Whole { packet, used }) = decode(bytes) else {
            panic!("not a packet: {}", bytes.escape_ascii());
        };
        let payload = &bytes[12..used];
        let short = payload[..payload.len().min(40)].escape_ascii();
        let name = packet.command().name();
        all.push(match payload.len() {
            0 => name.to_string(),
            1..=40 => format!("{name} {short}"),
            long => format!("{name} {short}.. {long}"),
        });
        bytes = &bytes[used..];
    }
    all
}
