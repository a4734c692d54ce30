//! A server of the simulation: a real [`JobServer`] with simulated streams and clocks, and
//! a record of its actions.
//!
//! Must not: check them; the [`checker`](crate::checker) does.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use gearman_broker::{Broker, ConnectionKey, CursorStep, FunctionCursor, Millis, Now, UnixSeconds};
use gearman_protocol::limits::HEADER_SIZE;
use gearman_protocol::{Command, Decoded, Packet, decode};
use gearman_session::{Clock, Host, JobServer, JobServerSettings, NoBridge, Origin, Poller};
use gearman_tls::ServerRecords;

use crate::access::host_address;
use crate::adversary::ServerLimits;
use crate::checker::{HeldReplies, function_number};
use crate::network::{self, LinkId, Shared, Side};
use crate::script::{FUNCTIONS, Plan};
use crate::secure::{self, NetworkEnd};
use crate::store::SimQueue;
use crate::transport::SimStream;

mod journal;
mod limits;

pub(crate) use journal::SimJournal;
pub(crate) use limits::{BrokenLimit, link_of, port_of};

/// Start of every simulation, in seconds since 1970.
pub(crate) const EPOCH_S: u64 = 1_800_000_000;
/// Documented limit for which an empty GRAB_JOB is held, in microseconds.
const GRAB_HOLD_US: u64 = 4_000;
/// Documented limit for which JOB_CREATED is held, in microseconds.
const ACK_DELAY_US: u64 = 10_000;
/// Time in which a durable job is acknowledged, however often its store fails, in microseconds.
const COMMIT_US_MAX: u64 = 20_000_000;
/// Tolerance for these limits, because the server's clock counts milliseconds.
const CLOCK_TOLERANCE_US: u64 = 2_000;
/// Time after a partial write in which packets may be sent late.
const LATE_AFTER_BLOCK_US: u64 = 1_000_000;

/// An action of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServerEvent {
    /// It accepted a submission.
    Accepted { function: Vec<u8>, unique: Vec<u8>, due: Option<UnixSeconds> },
    /// It sent a job to a worker.
    Assigned {
        handle: Vec<u8>,
        function: Vec<u8>,
        unique: Vec<u8>,
        /// The worker's host.
        to: network::Host,
        /// Whether it may have been assigned earlier than it was sent, because a stream was
        /// full.
        is_late: bool,
    },
}

/// A server's clocks.
#[derive(Clone, Debug)]
pub(crate) struct SimClock {
    network: Shared,
    /// Error of the calendar in seconds.
    calendar_error_s: Rc<Cell<i64>>,
}

impl Clock for SimClock {
    fn now(&self) -> Now {
        let monotonic = Millis(self.network.borrow().now_us() / 1000);
        let correct = EPOCH_S + monotonic.as_seconds();
        let unix = UnixSeconds(correct.saturating_add_signed(self.calendar_error_s.get()));
        Now { monotonic, unix }
    }
}

/// The types of a simulated server.
pub(crate) struct Simulated;

impl Host for Simulated {
    type Stream = SimStream;
    type Clock = SimClock;
    type Journal = SimJournal;
    type Bridge = NoBridge;
}

struct SimPoller {
    closed: Vec<LinkId>,
}

impl Poller<SimStream> for SimPoller {
    fn watch_writable(
        &mut self,
        _index: usize,
        stream: &mut SimStream,
        wanted: bool,
    ) -> io::Result<()> {
        stream.watch_room(wanted);
        Ok(())
    }

    fn closed(&mut self, stream: SimStream) {
        self.closed.push(stream.link);
    }
}

/// The recorded traffic of a connection.
#[derive(Debug, Default)]
struct Tap {
    /// Sent bytes that do not form a packet yet.
    sent: Vec<u8>,
    /// Bytes to skip of a body whose packet was already recorded.
    to_skip: usize,
    /// Received bytes that do not form a packet yet.
    received: Vec<u8>,
    replies: HeldReplies,
}

/// A server process.
pub(crate) struct Server {
    pub(crate) jobs: JobServer<Simulated>,
    network: Shared,
    number: usize,
    calendar_error_s: Rc<Cell<i64>>,
    sessions: BTreeMap<LinkId, ConnectionKey>,
    /// Accepted connections whose hand-shake is not complete.
    handshakes: BTreeMap<LinkId, ServerRecords>,
    has_tls: bool,
    /// The number of honest hosts; those behind them are hostile.
    honest_hosts: usize,
    limits: ServerLimits,
    taps: BTreeMap<LinkId, Tap>,
    held_too_long: Option<String>,
    /// A limit that the last turn has not kept.
    broken_limit: Option<BrokenLimit>,
    /// Packets that the last turn has handled.
    handled_packets: u64,
    /// Limits in microseconds for which an empty GRAB_JOB, and JOB_CREATED, may be held.
    hold_us: (u64, u64),
    /// Time of the last partial write on any connection; 0 for none.
    last_blocked_us: u64,
    /// The queue thread, if background jobs are durable.
    pub(crate) queue: Option<SimQueue>,
}

impl Server {
    /// A new process without jobs.
    pub(crate) fn new(
        network: &Shared,
        number: usize,
        broker: Broker,
        settings: JobServerSettings,
        plan: &Plan,
        calendar_error_s: Rc<Cell<i64>>,
        queue: Option<SimQueue>,
    ) -> Server {
        let clock =
            SimClock { network: network.clone(), calendar_error_s: calendar_error_s.clone() };
        Server {
            jobs: JobServer::new(broker, settings, clock, SimJournal::default(), NoBridge),
            network: network.clone(),
            number,
            calendar_error_s,
            sessions: BTreeMap::new(),
            handshakes: BTreeMap::new(),
            has_tls: plan.has_tls,
            honest_hosts: plan.honest_hosts(),
            limits: plan.limits,
            taps: BTreeMap::new(),
            held_too_long: None,
            broken_limit: None,
            handled_packets: 0,
            hold_us: match (plan.delays_replies, &queue) {
                // An acknowledgement waits for commits, and for those that fail.
                (true, Some(_)) => (GRAB_HOLD_US, COMMIT_US_MAX),
                (false, Some(_)) => (0, COMMIT_US_MAX),
                (true, None) => (GRAB_HOLD_US, ACK_DELAY_US),
                (false, None) => (0, 0),
            },
            last_blocked_us: 0,
            queue,
        }
    }

    /// Ends the process; its queue thread may be in the middle of a commit.
    pub(crate) fn stop(self) -> Option<SimQueue> {
        self.queue
    }

    /// The time of the server's calendar.
    pub(crate) fn unix_s(&self) -> u64 {
        let seconds = self.network.borrow().now_us() / 1_000_000;
        (EPOCH_S + seconds).saturating_add_signed(self.calendar_error_s.get())
    }

    /// The number of sessions.
    pub(crate) fn session_count(&self) -> usize {
        self.sessions.len() + self.handshakes.len()
    }

    /// Whether a turn has something to do now.
    pub(crate) fn is_ready(&self) -> bool {
        if self.jobs.is_busy() || self.due_us().is_some_and(|due| due <= self.now_us()) {
            return true;
        }
        let network = self.network.borrow();
        network.has_accepts(self.number)
            || self
                .handshakes
                .keys()
                .chain(self.sessions.keys())
                .any(|&link| network.has_reports(link, Side::Server))
    }

    fn now_us(&self) -> u64 {
        self.network.borrow().now_us()
    }

    /// The next deadline of the server, in simulated microseconds.
    pub(crate) fn due_us(&self) -> Option<u64> {
        let (monotonic, unix) = self.jobs.next_due();
        let now = self.now_us();
        let calendar = unix.map(|due| {
            let left = due.0.saturating_sub(self.unix_s());
            // At the start of the second in which it is due.
            if left == 0 { now } else { (now / 1_000_000 + left) * 1_000_000 }
        });
        let queue = self.queue.as_ref().and_then(SimQueue::due_us);
        [monotonic.map(|due| due.0 * 1000), calendar, queue].into_iter().flatten().min()
    }

    /// Runs one turn. Returns its events: accepted submissions first, then packets sent.
    pub(crate) fn turn(&mut self) -> Vec<ServerEvent> {
        loop {
            let accepted = self.network.borrow_mut().accept(self.number);
            let Some((link, host)) = accepted else { break };
            match self.has_tls {
                true => drop(self.handshakes.insert(link, secure::accept())),
                false => self.begin_session(link, host, None),
            }
        }
        self.shake_hands();
        for (&link, key) in &self.sessions {
            let reports = self.network.borrow_mut().take_reports(link, Side::Server);
            let Some((readable, writable, closed)) = reports else { continue };
            if writable {
                self.jobs.writable(key.index());
            }
            if readable {
                self.jobs.readable(key.index(), closed);
            }
        }
        let mut poller = SimPoller { closed: Vec::new() };
        let now_us = self.now_us();
        if let Some(queue) = &mut self.queue {
            queue.report(now_us, &mut self.jobs);
        }
        let waiting = self.waiting_for_turn();
        self.jobs.turn(&mut poller);
        self.watch_turn(&waiting);
        if let Some(queue) = &mut self.queue {
            queue.take(now_us, &mut self.jobs);
        }
        self.jobs.flush(&mut poller);
        self.watch_unread();
        let mut events = std::mem::take(&mut self.jobs.journal.events);
        self.record_traffic(&mut events);
        for link in poller.closed {
            self.sessions.remove(&link);
            self.taps.remove(&link);
        }
        events
    }

    /// Continues the hand-shakes that can be. One that has failed ends its connection.
    fn shake_hands(&mut self) {
        let network = self.network.clone();
        let mut complete = Vec::new();
        self.handshakes.retain(|&link, records| {
            if network.borrow_mut().take_reports(link, Side::Server).is_none() {
                return true;
            }
            let mut end = NetworkEnd { network: &network, link, side: Side::Server };
            match end.shake(records) {
                Ok(false) => true,
                Ok(true) => {
                    complete.push(link);
                    true
                }
                Err(_) => {
                    network.borrow_mut().close(link, Side::Server);
                    false
                }
            }
        });
        for link in complete {
            let records = self.handshakes.remove(&link).map(Box::new);
            let host = network.borrow().client_of(link);
            self.begin_session(link, host, records);
            // What came behind the hand-shake was received with it.
            self.jobs.readable(self.sessions[&link].index(), false);
        }
    }

    fn begin_session(
        &mut self,
        link: LinkId,
        host: network::Host,
        records: Option<Box<ServerRecords>>,
    ) {
        let stream = SimStream::new(&self.network, link, records);
        let origin = Origin::Inet((host_address(host), port_of(link)).into());
        let key = self.jobs.connect(stream, origin, link.0 as i32);
        self.sessions.insert(link, key);
    }

    /// Parses the bytes that the server received and sent.
    fn record_traffic(&mut self, events: &mut Vec<ServerEvent>) {
        let now = self.now_us();
        let is_traced = self.network.borrow().is_traced;
        for (&link, key) in &self.sessions {
            let stream = self.jobs.stream(key.index()).filter(|stream| stream.link == link);
            let Some(stream) = stream else { continue };
            let host = self.network.borrow().client_of(link);
            if host >= self.honest_hosts {
                limits::forget_traffic(stream, is_traced, now, host);
                continue;
            }
            let tap = self.taps.entry(link).or_default();
            tap.received.append(&mut stream.received);
            tap.sent.append(&mut stream.sent);
            let replies = &mut tap.replies;
            // A reply that the stream does not accept is not held by the server.
            let blocked_us = stream.blocked_us;
            let (number, last_blocked_us) = (self.number, &mut self.last_blocked_us);
            *last_blocked_us = blocked_us.max(*last_blocked_us);
            let trace = |way: &str, packet: &Packet<'_>| {
                if is_traced {
                    let (name, first) = (packet.command().name(), packet.text_arg(0));
                    let first = first.escape_ascii();
                    println!("{now:>9} us  server {number} {way} {link:?}: {name} {first}");
                }
            };
            take_packets(&mut tap.received, |packet| {
                trace("from", packet);
                match packet.command() {
                    Command::GrabJobAll | Command::GrabJobUniq => replies.asked_for_job(now),
                    Command::SubmitJob
                    | Command::SubmitJobHigh
                    | Command::SubmitJobLow
                    | Command::SubmitJobBg
                    | Command::SubmitJobHighBg
                    | Command::SubmitJobLowBg
                    | Command::SubmitJobEpoch => replies.submitted(now),
                    _ => {}
                }
            });
            let (late, hold_us) = (&mut self.held_too_long, self.hold_us);
            take_heads(&mut tap.sent, &mut tap.to_skip, |packet| {
                trace("to", packet);
                let text = |at| packet.text_arg(at).to_vec();
                let (took, limit) = match packet.command() {
                    Command::JobAssignUniq | Command::JobAssignAll => {
                        let (function, unique) = (text(1), text(2));
                        let is_late =
                            *last_blocked_us > 0 && *last_blocked_us + LATE_AFTER_BLOCK_US > now;
                        let handle = text(0);
                        events.push(ServerEvent::Assigned {
                            handle,
                            function,
                            unique,
                            to: host,
                            is_late,
                        });
                        (replies.job_or_none(now), hold_us.0)
                    }
                    Command::NoJob => (replies.job_or_none(now), hold_us.0),
                    Command::JobCreated | Command::Error => (replies.acknowledged(now), hold_us.1),
                    _ => (0, 0),
                };
                if took > limit + CLOCK_TOLERANCE_US && blocked_us < now - took {
                    let name = packet.command().name();
                    *late = Some(format!("{name} on {link:?} took {took} us"));
                }
            });
        }
    }

    /// Describes a reply that was, or is, held longer than the limit.
    pub(crate) fn held_too_long(&mut self) -> Option<String> {
        if self.held_too_long.is_some() {
            return self.held_too_long.take();
        }
        let now = self.now_us();
        for (&link, key) in &self.sessions {
            let Some(tap) = self.taps.get(&link) else { continue };
            let (grab, submission) = tap.replies.oldest();
            let late = |since: Option<u64>, limit| {
                since.filter(|since| since + limit + CLOCK_TOLERANCE_US < now)
            };
            let Some(stream) = self.jobs.stream(key.index()) else { continue };
            if !stream.is_blocked
                && let Some(since) = late(grab, self.hold_us.0).or(late(submission, self.hold_us.1))
            {
                return Some(format!("no reply on {link:?} since {since}"));
            }
        }
        None
    }

    /// For each function, whether it has queued jobs.
    pub(crate) fn queued(&self) -> [bool; FUNCTIONS] {
        let mut queued = [false; FUNCTIONS];
        let mut functions = FunctionCursor::default();
        loop {
            match functions.next(&self.jobs.broker) {
                CursorStep::Item(function) => {
                    if let Some(number) = function_number(function.name) {
                        queued[number] = function.queued.iter().sum::<u32>() > 0;
                    }
                }
                CursorStep::Skip => {}
                CursorStep::End => return queued,
            }
        }
    }
}

/// Removes complete packets from the front of a buffer.
fn take_packets(stream: &mut Vec<u8>, mut each: impl FnMut(&Packet<'_>)) {
    let mut used = 0;
    while let Ok(Decoded::Whole { packet, used: size }) = decode(&stream[used..]) {
        each(&packet);
        used += size;
    }
    stream.drain(..used);
}

/// Removes packets from the front of a buffer as soon as all but their body is there.
/// `skip` is the number of bytes of the last one that are still missing.
fn take_heads(stream: &mut Vec<u8>, skip: &mut usize, mut each: impl FnMut(&Packet<'_>)) {
    loop {
        let skipped = (*skip).min(stream.len());
        stream.drain(..skipped);
        *skip -= skipped;
        match decode(stream) {
            Ok(Decoded::Whole { packet, .. } | Decoded::Head { packet, .. }) if *skip == 0 => {
                each(&packet);
                *skip = HEADER_SIZE + packet.header.length as usize;
            }
            _ => return,
        }
    }
}
