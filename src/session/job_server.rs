//! [`JobServer`]: one broker and all its sessions, driven a turn at a time.
//!
//! A driver notes what is ready ([`JobServer::readable`], [`JobServer::writable`]),
//! then calls [`JobServer::turn`], which receives once from each session that has
//! something, handles what came in place, and lets sessions that have more to say
//! go on next turn, and [`JobServer::flush`], which sends once to each session that
//! got something.
//!
//! Must not: know what packets do; that is the broker's.

use std::collections::VecDeque;

use crate::host::{Clock, Host, Journal, Origin, Poller};
use crate::list_writer;
use crate::outlet::Outlet;
use crate::session::Session;
use crate::sessions::Sessions;
use gearman_broker::defects::{Defect, strikes};
use gearman_broker::delayed::DelayedReplyCounts;
use gearman_broker::{Broker, ConnectionKey, DriverTimer, Now};
use gearman_protocol::{Decoded, decode};

/// Size of the buffer that sessions share for receiving.
const SCRATCH: usize = 256 << 10;

/// What is the same for all sessions.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Bytes that may wait to be sent to a peer before its session is closed.
    pub output_limit: usize,
    /// Bytes that a packet may have after its header.
    pub packet_limit: u32,
    /// Whether `shutdown` is a text command.
    pub allow_shutdown: bool,
}

/// What an administrator asked of the driver by a text command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// End now.
    Stop,
    /// Accept no connection any more, and end when the jobs are done. The broker
    /// drains already.
    Drain,
}

/// A job server without sockets.
pub struct JobServer<H: Host> {
    /// Jobs, functions, workers.
    pub broker: Broker,
    pub(crate) sessions: Sessions<H>,
    /// What is worth a line in a log.
    pub journal: H::Journal,
    pub(crate) clock: H::Clock,
    pub(crate) settings: Settings,
    pub(crate) scratch: Vec<u8>,
    /// Memory for the next large packet, which keeps it.
    pub(crate) landing: Vec<u8>,
    /// Sessions that have something to say.
    pub(crate) ready: Vec<usize>,
    /// Sessions for which a list can be written on.
    pub(crate) listing: VecDeque<usize>,
    /// An empty list to fill in the next turn; only its memory matters.
    served: Vec<usize>,
    /// The time of this turn.
    pub(crate) now: Now,
    started: u64,
    pub(crate) request: Option<Request>,
}

impl<H: Host> JobServer<H> {
    /// A job server without sessions.
    pub fn new(
        broker: Broker,
        settings: Settings,
        clock: H::Clock,
        journal: H::Journal,
        bridge: H::Bridge,
    ) -> JobServer<H> {
        let delays = broker.delayed_replies();
        JobServer {
            broker,
            sessions: Sessions::new(settings.output_limit, delays.ack_delay_ms, bridge),
            journal,
            settings,
            scratch: vec![0; SCRATCH],
            landing: Vec::new(),
            ready: Vec::new(),
            listing: VecDeque::new(),
            served: Vec::new(),
            now: clock.now(),
            started: clock.ticks(),
            clock,
            request: None,
        }
    }

    /// Begins a session. `descriptor` is what the `workers` list shows for it. The
    /// session is reported under its key's index.
    pub fn connect(&mut self, stream: H::Stream, origin: Origin, descriptor: i32) -> ConnectionKey {
        let key = self.broker.connect(descriptor, &origin.host());
        self.sessions.insert(Session::new(stream, origin, key));
        key
    }

    /// Ends a session as if its connection had broken, and gives its stream back.
    pub fn disconnect(&mut self, key: ConnectionKey) -> Option<H::Stream> {
        let session = self.sessions.remove(key);
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        self.broker.disconnect(key, outlet);
        session.map(|session| session.stream)
    }

    /// Ends every session as if its connection had broken. Nothing is sent any more.
    pub fn close_all(&mut self) {
        for key in self.sessions.keys() {
            self.disconnect(key);
        }
    }

    /// The stream of a session, while it lasts.
    pub fn stream(&mut self, index: usize) -> Option<&mut H::Stream> {
        self.sessions.get_mut(index).map(|session| &mut session.stream)
    }

    /// Begins a connection of the broker that has no session: see
    /// [`Bridge`](crate::Bridge).
    pub fn connect_bridged(&mut self, descriptor: i32, address: &str) -> ConnectionKey {
        self.broker.connect(descriptor, address)
    }

    /// Handles whole packets of a connection without a session.
    pub fn bridged_packets(&mut self, key: ConnectionKey, packets: &[u8]) {
        let mut rest = packets;
        while let Ok(Decoded::Whole { packet, used }) = decode(rest) {
            let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
            self.broker.packet(key, (&packet).into(), self.now, outlet);
            rest = &rest[used..];
        }
        debug_assert!(rest.is_empty(), "a bridge sends whole packets");
    }

    /// The connections without a session.
    pub fn bridge(&mut self) -> &mut H::Bridge {
        &mut self.sessions.bridge
    }

    /// Notes that a session's stream can be read, or that it has ended.
    pub fn readable(&mut self, index: usize, closed: bool) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        session.readable(closed);
        self.queue_if_ready(index);
    }

    /// Notes that a session's stream takes bytes again.
    pub fn writable(&mut self, index: usize) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        if strikes(Defect::SendNotResumed) {
            return;
        }
        session.writable();
        self.sessions.mark_dirty(index, true);
    }

    pub(crate) fn queue_if_ready(&mut self, index: usize) {
        if let Some(session) = self.sessions.get_mut(index)
            && session.is_ready()
            && !std::mem::replace(&mut session.queued, true)
        {
            self.ready.push(index);
        }
    }

    /// Everything of a turn but waiting and the last sends: what is due, what has
    /// come, and a piece of a list.
    pub fn turn(&mut self, poller: &mut impl Poller<H::Stream>) {
        self.now = self.clock.now();
        self.sessions.tick(self.now.ticks);
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        self.broker.tick(self.now, outlet);
        // Sessions that are not done queue again, behind the others.
        let mut ready = std::mem::replace(&mut self.ready, std::mem::take(&mut self.served));
        for index in ready.drain(..) {
            self.serve(index);
            // Copying it is most of its cost, and least while the processor still
            // has it at hand.
            if self.sessions.take_large() {
                self.flush(poller);
            }
        }
        self.served = ready;
        self.write_list();
    }

    /// Sends what waits to be sent, and ends sessions that are to be closed.
    pub fn flush(&mut self, poller: &mut impl Poller<H::Stream>) {
        // Closing sessions can give others something to send, and sending can find
        // sessions that are to be closed.
        loop {
            let (ready, listing) = (&mut self.ready, &mut self.listing);
            self.sessions.flush(poller, |index, session| {
                if session.is_ready() && !std::mem::replace(&mut session.queued, true) {
                    ready.push(index);
                }
                list_writer::go_on(index, session, listing);
            });
            let Some(session) = self.sessions.pop_closing() else { break };
            self.close(session, poller);
        }
    }

    fn close(&mut self, session: Session<H::Stream>, poller: &mut impl Poller<H::Stream>) {
        if let Some(reason) = &session.close_reason {
            self.journal.closed(session.origin, reason);
        }
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        self.broker.disconnect(session.key, outlet);
        poller.closed(session.stream);
    }

    /// Whether a turn could do something without anything new being reported.
    pub fn is_busy(&self) -> bool {
        !self.ready.is_empty() || !self.listing.is_empty()
    }

    /// When the next turn has something to do, if nothing is reported before: on the
    /// clock that only goes forward (milliseconds), and on the calendar (seconds).
    pub fn next_due(&self) -> (Option<u64>, Option<u64>) {
        self.broker.next_due()
    }

    /// Sets a timer of the driver's, this many milliseconds from now.
    pub fn set_timer(&mut self, after: u64, timer: DriverTimer) {
        self.broker.set_timer(self.clock.ticks() + after, timer);
    }

    /// A timer of the driver's that is due. Said once.
    pub fn take_fired(&mut self) -> Option<DriverTimer> {
        self.sessions.fired.pop()
    }

    /// What a text command asked of the driver. Said once.
    pub fn take_request(&mut self) -> Option<Request> {
        self.request.take()
    }

    /// Ends every job that is left. Returns how many there were.
    pub fn give_up_jobs(&mut self) -> usize {
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        self.broker.give_up_jobs(outlet)
    }

    /// Holds nothing back any more.
    pub fn release(&mut self) {
        self.sessions.release();
    }

    /// Whether nothing waits to be sent.
    pub fn is_all_sent(&self) -> bool {
        self.sessions.is_all_sent()
    }

    /// What became of all replies that were held.
    pub fn delayed_reply_counts(&self) -> DelayedReplyCounts {
        DelayedReplyCounts { grab: self.broker.long_polls(), ack: self.sessions.acks.counts() }
    }

    /// Counts everything anew, as [`Broker::recount`] does. For tests.
    ///
    /// # Panics
    /// If a counter is wrong.
    pub fn recount(&self) {
        self.broker.recount();
        assert_eq!(self.sessions.count_held_acks(), self.sessions.acks.counts().pending());
    }

    /// Seconds since the server started.
    pub fn uptime(&self) -> u64 {
        self.clock.ticks().saturating_sub(self.started) / 1000
    }
}
