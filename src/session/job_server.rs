//! [`JobServer`]: one broker and all its sessions, driven in turns.
//!
//! A driver reports which streams are ready ([`JobServer::readable`],
//! [`JobServer::writable`]). It then calls [`JobServer::turn`], which receives once from
//! each ready session and handles the packets in place; a session with more to receive is
//! served again in the next turn. Last it calls [`JobServer::flush`], which sends once to
//! each session with new packets.
//!
//! Must not: know the meaning of packets; the broker does.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use crate::fetches::Fetches;
use crate::framing::share_of_turn;
use crate::host::{Clock, Host, Journal, Origin, Poller, Requester};
use crate::list_writer;
use crate::outlet::Outlet;
use crate::session::Session;
use crate::sessions::Sessions;
use crate::storage::StoreState;
use gearman_access::{AccessControl, ListenerRole};
use gearman_broker::defects::{Defect, strikes};
use gearman_broker::delayed::DelayedReplyCounts;
use gearman_broker::{
    Broker, ConnectionKey, DriverTimer, Incoming, LostJobs, Millis, Now, UnixSeconds,
};
use gearman_protocol::{Decoded, decode};

/// Size of the receive buffer that all sessions share.
const RECEIVE_BUFFER_BYTES: usize = 256 << 10;

/// Settings for all sessions.
#[derive(Clone, Copy, Debug)]
pub struct JobServerSettings {
    /// Unsent bytes of a session above which it is closed.
    pub output_limit: usize,
    /// Unsent bytes of all sessions above which those with most of them are closed.
    pub output_limit_total: u64,
    /// Largest size of a packet in bytes, without its header.
    pub packet_limit: u32,
    /// Time after which a worker that acknowledges nothing is disconnected; None for the
    /// system's.
    pub worker_ack_timeout: Option<Duration>,
    /// Whether the text command `shutdown` is enabled.
    pub allow_shutdown: bool,
    /// Milliseconds that a submission waits for a store that is behind.
    pub queue_wait_ms: u64,
    /// Name of the queue, as `--queue-type` has it.
    pub queue_type: &'static str,
}

/// A request to the driver, made by a text command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverRequest {
    /// Stop now.
    Stop,
    /// Accept no more connections, and stop when the broker, which is already draining, is
    /// drained.
    Drain,
}

/// A job server without sockets.
pub struct JobServer<H: Host> {
    /// Jobs, functions, workers.
    pub broker: Broker,
    pub(crate) sessions: Sessions<H>,
    /// The log.
    pub journal: H::Journal,
    pub(crate) clock: H::Clock,
    pub(crate) settings: JobServerSettings,
    /// The shared receive buffer.
    pub(crate) scratch: Vec<u8>,
    /// A buffer for the next large packet, which keeps it.
    pub(crate) large_buffer: Vec<u8>,
    /// Sessions with something to receive or handle.
    pub(crate) ready: Vec<ConnectionKey>,
    /// Sessions whose list can be continued.
    pub(crate) listing: VecDeque<ConnectionKey>,
    /// An empty vector that replaces `ready` during a turn, kept for its capacity.
    served: Vec<ConnectionKey>,
    /// Work that each session may cause in this turn.
    pub(crate) share: u32,
    /// Work that the session which is served may still cause in this turn.
    pub(crate) work_left: u32,
    /// The time of this turn.
    pub(crate) now: Now,
    started: Millis,
    pub(crate) request: Option<DriverRequest>,
    pub(crate) store: StoreState,
    /// Sessions whose next packet waits for the store.
    pub(crate) waiting: Vec<ConnectionKey>,
    /// Packets of connections without a session that wait for the store.
    pub(crate) bridged_waiting: Vec<(ConnectionKey, Bytes)>,
    /// The same of which the first was handled in part. The next turn goes on with it.
    bridged_unfinished: Vec<(ConnectionKey, Bytes)>,
    /// Requests for jobs that are only in the store.
    pub(crate) fetches: Fetches,
    /// Decides what peers may do; `None` if everything is allowed.
    pub(crate) access: Option<Box<AccessControl>>,
    /// Peers of connections without a session, if `access` decides about them.
    pub(crate) bridged_peers: BTreeMap<ConnectionKey, Requester>,
    /// Connections whose functions the new rules were not applied to yet.
    pub(crate) reviews: Vec<ConnectionKey>,
}

impl<H: Host> JobServer<H> {
    /// A job server without sessions.
    pub fn new(
        broker: Broker,
        settings: JobServerSettings,
        clock: H::Clock,
        journal: H::Journal,
        bridge: H::Bridge,
    ) -> JobServer<H> {
        let delays = broker.delayed_replies();
        JobServer {
            broker,
            sessions: Sessions::new(&settings, Millis(delays.ack_delay_ms), bridge),
            journal,
            settings,
            scratch: vec![0; RECEIVE_BUFFER_BYTES],
            large_buffer: Vec::new(),
            ready: Vec::new(),
            listing: VecDeque::new(),
            served: Vec::new(),
            share: 0,
            work_left: 0,
            now: clock.now(),
            started: clock.monotonic(),
            clock,
            request: None,
            store: StoreState::default(),
            waiting: Vec::new(),
            bridged_waiting: Vec::new(),
            bridged_unfinished: Vec::new(),
            fetches: Fetches::default(),
            access: None,
            bridged_peers: BTreeMap::new(),
            reviews: Vec::new(),
        }
    }

    /// Adds a session. `descriptor` is shown in the list `workers`. The driver reports the
    /// session's stream with the index of the returned key.
    pub fn connect(&mut self, stream: H::Stream, origin: Origin, descriptor: i32) -> ConnectionKey {
        self.connect_to(ListenerRole::Jobs, stream, origin, descriptor)
    }

    /// Adds a session of a listener with this role.
    pub fn connect_to(
        &mut self,
        role: ListenerRole,
        stream: H::Stream,
        origin: Origin,
        descriptor: i32,
    ) -> ConnectionKey {
        let key = self.broker.connect(descriptor, &origin.host());
        self.broker.set_peer_port(key, origin.port());
        let mut session = Session::new(stream, origin, key);
        session.role = role;
        self.sessions.insert(session);
        key
    }

    /// Removes a session as if its connection had broken, and returns its stream.
    pub fn disconnect(&mut self, key: ConnectionKey) -> Option<H::Stream> {
        let session = self.sessions.remove(key);
        self.sessions.drop_bridged(key);
        self.bridged_peers.remove(&key);
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        self.broker.disconnect(key, outlet);
        session.map(|session| session.stream)
    }

    /// Removes all sessions as if their connections had broken. Unsent bytes are dropped.
    pub fn close_all(&mut self) {
        for key in self.sessions.keys() {
            self.disconnect(key);
        }
    }

    /// The stream of a session, if it exists.
    pub fn stream(&mut self, index: usize) -> Option<&mut H::Stream> {
        self.sessions.get_mut(index).map(|session| &mut session.stream)
    }

    /// Adds a connection without a session: see [`Bridge`](crate::Bridge).
    pub fn connect_bridged(&mut self, descriptor: i32, address: &str) -> ConnectionKey {
        self.broker.connect(descriptor, address)
    }

    /// Handles complete packets of a connection without a session.
    pub fn bridged_packets(&mut self, key: ConnectionKey, packets: &Bytes) {
        let mut at = 0;
        while let Ok(Decoded::Whole { packet, used }) = decode(&packets[at..]) {
            if self.must_bridged_wait(&packet) {
                self.bridged_waiting.push((key, packets.slice(at..)));
                return;
            }
            at += used;
            if self.access.is_some() && !self.admits_bridged(key, &packet) {
                self.broker.abandon_unfinished(key);
                continue;
            }
            let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
            // A job keeps the memory of its packet, unless most of it is not the job's.
            let memory = Some(packets).filter(|_| used > packets.len() - packets.len() / 8);
            self.broker.packet(key, Incoming { packet: &packet, memory }, self.now, outlet);
            if self.broker.take_unfinished() {
                self.bridged_unfinished.push((key, packets.slice(at - used..)));
                return;
            }
        }
        debug_assert!(at == packets.len(), "a bridge sent an incomplete packet");
    }

    /// The bridge to connections without a session.
    pub fn bridge(&mut self) -> &mut H::Bridge {
        &mut self.sessions.bridge
    }

    /// Records that a session's stream is readable; `closed` says that its end was reported.
    pub fn readable(&mut self, index: usize, closed: bool) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        session.readable(closed);
        self.queue_if_ready(index);
    }

    /// Records that a session's stream is writable again.
    pub fn writable(&mut self, index: usize) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        if strikes(Defect::SendNotResumed) {
            return;
        }
        session.writable();
        self.sessions.queue_flush(index, true);
    }

    pub(crate) fn queue_if_ready(&mut self, index: usize) {
        if let Some(session) = self.sessions.get_mut(index)
            && session.is_ready()
            && !std::mem::replace(&mut session.queued, true)
        {
            self.ready.push(session.key);
        }
    }

    /// Runs a turn without its last flush: timers that are due, one receive per ready
    /// session, and one piece of a list.
    pub fn turn(&mut self, poller: &mut impl Poller<H::Stream>) {
        self.now = self.clock.now();
        self.sessions.tick(self.now.monotonic);
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        self.broker.tick(self.now, outlet);
        self.broker.work_off(outlet);
        if std::mem::take(&mut self.sessions.is_store_wait_over) {
            self.resume_waiting();
        }
        if std::mem::take(&mut self.sessions.is_fetch_due) {
            self.retry_fetch();
        }
        if !self.bridged_unfinished.is_empty() {
            for (key, packets) in std::mem::take(&mut self.bridged_unfinished) {
                self.bridged_packets(key, &packets);
            }
        }
        // A session with more to receive is added to the new `ready`.
        let mut ready = std::mem::replace(&mut self.ready, std::mem::take(&mut self.served));
        self.share = share_of_turn(ready.len());
        for key in ready.drain(..) {
            self.serve(key);
            // Copying a large body to the socket is most of its cost, and cheapest while
            // it is in the processor's cache.
            if self.sessions.take_large() {
                self.flush(poller);
            }
        }
        self.served = ready;
        self.write_list();
        self.review_functions();
    }

    /// Flushes the queued sessions, and closes sessions that have a close reason.
    pub fn flush(&mut self, poller: &mut impl Poller<H::Stream>) {
        // Closing a session can queue packets for others, and a failed send closes a
        // session.
        loop {
            let (ready, listing) = (&mut self.ready, &mut self.listing);
            let output_limit = self.settings.output_limit;
            self.sessions.flush(poller, |session| {
                if session.is_ready() && !std::mem::replace(&mut session.queued, true) {
                    ready.push(session.key);
                }
                list_writer::queue_next_piece(session, output_limit, listing);
            });
            self.sessions.enforce_unread_limit();
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

    /// Whether the next turn has work, even if the driver reports nothing.
    pub fn is_busy(&self) -> bool {
        !self.ready.is_empty()
            || !self.listing.is_empty()
            || !self.reviews.is_empty()
            || !self.bridged_unfinished.is_empty()
            || self.broker.has_backlog()
    }

    /// The next deadline on each clock, at which a turn is due.
    pub fn next_due(&self) -> (Option<Millis>, Option<UnixSeconds>) {
        self.broker.next_due()
    }

    /// Sets a timer of the driver, `after_ms` milliseconds from now.
    pub fn set_timer(&mut self, after_ms: u64, timer: DriverTimer) {
        self.broker.set_timer(self.clock.monotonic() + Millis(after_ms), timer);
    }

    /// Returns and removes a timer of the driver that has fired.
    pub fn take_fired(&mut self) -> Option<DriverTimer> {
        self.sessions.fired.pop()
    }

    /// Returns and removes the request of a text command to the driver.
    pub fn take_request(&mut self) -> Option<DriverRequest> {
        self.request.take()
    }

    /// Fails all remaining jobs. Returns those that no store has, by function.
    pub fn fail_remaining_jobs(&mut self) -> Vec<LostJobs> {
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        self.broker.fail_remaining_jobs(outlet)
    }

    /// Queues all held acknowledgements for the next flush.
    pub fn release_held_acks(&mut self) {
        self.sessions.release_held_acks();
    }

    /// Whether no session has unsent bytes.
    pub fn is_all_sent(&self) -> bool {
        self.sessions.is_all_sent()
    }

    /// How much memory jobs, connections and unread bytes take, as a number to compare with an
    /// earlier one: about one for each small allocation.
    pub fn memory_measure(&self) -> usize {
        self.broker.value_count() + self.sessions.unread_kibibytes()
    }

    /// Held replies, counted by kind and outcome.
    pub fn delayed_reply_counts(&self) -> DelayedReplyCounts {
        DelayedReplyCounts { grab: self.broker.long_polls(), ack: self.sessions.acks.counts() }
    }

    /// The number of unsent bytes of a session; 0 if it has ended. For tests.
    pub fn unsent_bytes(&self, key: ConnectionKey) -> usize {
        self.sessions.unsent_bytes(key)
    }

    /// Unread bytes of all sessions, counted as for the limit of all. For tests.
    pub fn unread_bytes(&self) -> u64 {
        self.sessions.unread_bytes()
    }

    /// Checks that broker and sessions are consistent, as [`Broker::recount`] does. For
    /// tests.
    ///
    /// # Panics
    /// If they are not.
    pub fn recount(&self) {
        self.broker.recount();
        assert_eq!(self.sessions.count_held_acks(), self.sessions.acks.counts().pending());
    }

    /// Seconds since the server started.
    pub fn uptime_seconds(&self) -> u64 {
        self.clock.monotonic().since(self.started).as_seconds()
    }
}
