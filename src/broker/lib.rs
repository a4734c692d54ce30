//! The broker: connections, functions, jobs, priorities, unique ids, timers.
//!
//! A pure state machine: (connection, packet, time) in, (connection, packet)
//! out through an [`Outbox`]. The cost of a packet does not depend on the number
//! of jobs, functions, connections or sleeping workers. It grows only with what the
//! packet is about: the clients that wait for one job, or up to 256 functions of a worker.
//! [`Broker::take_work`] counts it.
//!
//! Must not: do I/O, read a clock, or know how packets are framed.

mod buckets;
mod cancelled_runs;
mod clock;
mod commands;
mod connection;
mod control;
mod cursors;
pub mod defects;
pub mod delayed;
mod drain;
mod dropping;
mod durable;
mod errors;
mod events;
mod function;
mod handle_index;
mod index;
mod job;
mod jobs;
mod lifecycle;
mod limits;
mod list;
mod long_poll;
mod payload_search;
mod pieces;
mod recount;
mod refused;
mod slab;
#[cfg(test)]
mod tests;
mod timers;
mod view;
mod waking;
mod worker_index;

pub use clock::{Millis, Now, UnixSeconds};
pub use connection::ConnectionKey;
pub use control::{Cancelled, FunctionSettings};
pub use cursors::{
    ConnectionCursor, CursorStep, FunctionCursor, JobCursor, JobOrder, OfferCursor,
    OrderedJobCursor,
};
pub use delayed::DelayedReplies;
pub use dropping::Dropped;
pub use durable::DurableConfig;
pub use events::{BrokerEvent, FailureCause, LostJobs};
pub use function::Totals;
pub use job::Priority;
pub use jobs::HANDLE_PREFIX_BYTES_MAX;
pub use limits::{ConnectionLimits, LimitCounts};
pub use timers::DriverTimer;
pub use view::{
    CancelledRunView, ConnectionView, Counts, DurableCounts, FunctionView, JobState, JobView,
    PeerView,
};
pub use waking::Wakeup;

use bytes::Bytes;
use connection::{Ability, Connection, Waiter};
use defects::{Defect, strikes};
use delayed::HeldReplies;
use durable::Durable;
use function::{Function, Functions};
use gearman_protocol::{Command, Packet};
use index::Index;
use job::{Job, PRIORITIES};
use jobs::Jobs;
use lifecycle::JobEnd;
use limits::LimitedConnections;
use pieces::Backlog;
use slab::{Id, Slab};
use timers::{Timer, TimerQueue};

/// Configuration of a [`Broker`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Prefix of all job handles.
    pub handle_prefix: String,
    /// How often a job may be handed out before it fails; `None` for no limit.
    pub attempts: Option<u8>,
    /// Which sleeping workers a job wakes.
    pub wakeup: Wakeup,
    /// How long replies may be held.
    pub delayed_replies: DelayedReplies,
    /// Whether connections get WORK_EXCEPTION packets without an OPTION_REQ.
    pub exceptions: bool,
}

/// Most timers on either clock that are handled in one tick.
const TIMERS_PER_TICK: usize = 4096;

/// Size from which a body is kept and passed on in the memory that it was received
/// into, instead of being copied.
pub const SHARED_BODY_BYTES_MIN: usize = 16 << 10;

/// A received packet.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// The packet.
    pub packet: &'a Packet<'a>,
    /// The memory that contains the packet, if the broker may keep it.
    pub memory: Option<&'a Bytes>,
}

impl<'a> From<&'a Packet<'a>> for Incoming<'a> {
    fn from(packet: &'a Packet<'a>) -> Incoming<'a> {
        Incoming { packet, memory: None }
    }
}

/// Receives the broker's packets and reports. Implemented by its driver.
pub trait Outbox {
    /// Sends a packet to a connection that has not been disconnected.
    fn send(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &[u8]);

    /// Sends a packet, or holds it, because another packet to the same connection is
    /// likely to follow soon. Returns the time at which a held packet must be sent: the
    /// broker sets [`DriverTimer::DelayedAck`] for that time.
    fn send_delayable(
        &mut self,
        to: ConnectionKey,
        command: Command,
        args: &[&[u8]],
        body: &[u8],
    ) -> Option<Millis> {
        self.send(to, command, args, body);
        None
    }

    /// Sends a packet whose body can be kept without a copy.
    fn send_shared(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &Bytes) {
        self.send(to, command, args, body);
    }

    /// Sends JOB_CREATED when an operation is committed, and every later packet to the same
    /// connection behind it. If the operation fails, ERROR goes out in its place.
    fn send_after_commit(&mut self, to: ConnectionKey, handle: &[u8], operation: u64) {
        let _ = operation;
        self.send(to, Command::JobCreated, &[handle], b"");
    }

    /// Reports an accepted submission. `due` is the epoch of a SUBMIT_JOB_EPOCH.
    fn accepted(&mut self, function: &[u8], unique: &[u8], due: Option<UnixSeconds>);

    /// Reports a job that failed because it was handed out `attempts` times, which is
    /// the limit.
    fn gave_up(&mut self, handle: &[u8], function: &[u8], unique: &[u8], attempts: u8);

    /// Reports that a function which a worker offered was refused, with code and text. The
    /// worker gets no answer.
    fn offer_refused(&mut self, worker: ConnectionKey, function: &[u8], why: &[&[u8]]) {
        let _ = (worker, function, why);
    }

    /// Reports what may be of interest in a log.
    fn event(&mut self, event: BrokerEvent<'_>) {
        let _ = event;
    }

    /// Reports that a timer of the driver, set for `due`, has fired.
    fn timer(&mut self, timer: DriverTimer, due: Millis) {
        let _ = (timer, due);
    }
}

/// The broker's state machine.
pub struct Broker {
    config: Config,
    connections: Slab<Connection>,
    functions: Functions,
    jobs: Jobs,
    waiters: Slab<Waiter>,
    abilities: Slab<Ability>,
    /// Abilities by (connection, function).
    abilities_index: Index<Ability>,
    /// Number of queued jobs by priority, without those of paused functions, so that
    /// an empty grab costs no search.
    queued: [usize; PRIORITIES],
    /// Number of running jobs.
    running: usize,
    /// Held grabs, counted by outcome.
    long_polls: HeldReplies,
    /// Deadlines on the monotonic clock.
    timers: TimerQueue<Millis, Timer>,
    /// Delayed jobs.
    delayed: TimerQueue<UnixSeconds, Id<Job>>,
    /// The time of the last packet or tick.
    now: Now,
    /// Number of connections since the broker was created.
    connected: u64,
    /// Number of changes of limits and pauses.
    setting_changes: u64,
    /// Whether submissions are refused because the server is shutting down.
    draining: bool,
    /// Jobs that survive the server, if a store keeps them.
    durable: Option<Box<Durable>>,
    /// Limits of connections, if there are any.
    limited: Option<Box<LimitedConnections>>,
    /// Number of functions or running jobs above which a worker has an index.
    indexed_from: u32,
    /// Number of workers that have begun to wait for a job.
    slept: i64,
    /// Work for the next turns.
    backlog: Backlog,
    /// Work since the last [`Broker::take_work`], besides one unit per packet.
    work: u32,
}

impl Broker {
    /// A broker without connections, functions and jobs.
    pub fn new(config: Config) -> Broker {
        Broker {
            jobs: Jobs::new(&config.handle_prefix),
            config,
            connections: Slab::new(),
            functions: Functions::new(),
            waiters: Slab::new(),
            abilities: Slab::new(),
            abilities_index: Index::new(),
            queued: [0; PRIORITIES],
            running: 0,
            long_polls: HeldReplies::default(),
            timers: TimerQueue::default(),
            delayed: TimerQueue::default(),
            now: Now::default(),
            connected: 0,
            setting_changes: 0,
            draining: false,
            durable: None,
            limited: None,
            indexed_from: worker_index::INDEXED_FUNCTIONS_MIN,
            slept: 0,
            backlog: Backlog::default(),
            work: 0,
        }
    }

    /// Adds a connection. Descriptor and address are shown to administrators.
    pub fn connect(&mut self, descriptor: i32, address: &str) -> ConnectionKey {
        self.connected = self.connected.wrapping_add(1);
        let connection =
            Connection::new(self.connected, descriptor, address, self.config.exceptions);
        let id = self.connections.insert(connection);
        self.connections.key(id)
    }

    /// Sets the port of a connection's peer, which administrators see behind its address.
    pub fn set_peer_port(&mut self, key: ConnectionKey, port: u16) {
        if let Some(id) = self.connections.find(key) {
            self.connections[id].port = port;
        }
    }

    /// Advances the clocks and handles the timers that are due, the earliest first. If they are too
    /// many for one turn, [`Broker::next_due`] stays in the past.
    pub fn tick(&mut self, now: Now, out: &mut dyn Outbox) {
        self.now = now;
        let mut expired = Vec::new();
        for _ in 0..TIMERS_PER_TICK {
            let Some((due, timer)) = self.timers.pop(now.monotonic) else { break };
            match timer {
                Timer::JobTimeout(job) => self.expire_job(job, due, out),
                Timer::WakeMore(function) => self.wake_more(function, out),
                Timer::HeldGrab(worker) => expired.push((worker, due)),
                Timer::Driver(timer) => out.timer(timer, due),
            }
        }
        for _ in 0..TIMERS_PER_TICK {
            let Some((_, job)) = self.delayed.pop(now.unix) else { break };
            if strikes(Defect::DelayedJobDropped) {
                self.finish(job, JobEnd::Abandoned);
                continue;
            }
            self.end_delay(job);
            self.enqueue(job, out);
        }
        self.fetch_due();
        // Held grabs expire last: a job of this tick may have been handed to one.
        for (worker, due) in expired {
            self.expire_long_poll(worker, due, out);
        }
    }

    /// The next deadline on each clock, at which [`Broker::tick`] must be called.
    pub fn next_due(&self) -> (Option<Millis>, Option<UnixSeconds>) {
        let unix = [self.delayed.next(), self.next_parked_due()].into_iter().flatten().min();
        (self.timers.next(), unix)
    }

    /// Sets a timer of the driver. [`Broker::tick`] reports it to [`Outbox::timer`].
    pub fn set_timer(&mut self, due: Millis, timer: DriverTimer) {
        self.timers.set(due, 0, Timer::Driver(timer));
    }

    /// How long replies may be held.
    pub fn delayed_replies(&self) -> DelayedReplies {
        self.config.delayed_replies
    }

    /// Held grabs since the broker was created, counted by outcome.
    pub fn long_polls(&self) -> HeldReplies {
        self.long_polls
    }

    /// The work since the last call, beside that of the packets themselves: about the number of
    /// further jobs, workers and clients that they were about.
    pub fn take_work(&mut self) -> u32 {
        std::mem::take(&mut self.work)
    }

    /// The number of jobs in any stage.
    pub fn job_count(&self) -> usize {
        self.jobs.len()
    }

    /// The number of values in memory: jobs, connections, functions, and what joins these.
    pub fn value_count(&self) -> usize {
        let joins = self.abilities.len() + self.waiters.len();
        self.jobs.len() + self.connections.len() + self.functions.len() + joins
    }

    fn key(&self, connection: Id<Connection>) -> ConnectionKey {
        self.connections.key(connection)
    }

    fn ability_tag(connection: Id<Connection>, function: Id<Function>) -> u32 {
        // A peer cannot choose either index, so multiplying by odd constants suffices.
        (connection.index() as u32).wrapping_mul(0x9E37_79B1)
            ^ (function.index() as u32).wrapping_mul(0x85EB_CA77)
    }
}

#[cfg(test)]
#[test]
fn different_abilities_have_different_tags() {
    let (connections, functions) = (Id::first(30), Id::first(30));
    let tags = connections
        .iter()
        .flat_map(|&worker| functions.iter().map(move |&f| Broker::ability_tag(worker, f)));
    assert_eq!(tags.collect::<std::collections::HashSet<_>>().len(), 900);
}
