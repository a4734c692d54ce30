//! The broker: connections, functions, jobs, priorities, unique ids, timers.
//!
//! A pure state machine: (connection, packet, time) in, (connection, packet)
//! out through an [`Outbox`]. Every packet costs the same whatever the number
//! of jobs, functions, connections or sleeping workers that exist; what grows
//! is only what the packet itself is about (a worker's own functions, the
//! clients that wait for one job).
//!
//! Must not: do I/O, read a clock, or know how packets are framed.

mod buckets;
mod commands;
mod connection;
mod control;
pub mod defects;
pub mod delayed;
mod drain;
mod errors;
mod function;
mod index;
mod job;
mod jobs;
mod lifecycle;
mod list;
mod long_poll;
mod numbers;
mod recount;
mod slab;
#[cfg(test)]
mod tests;
mod timers;
mod view;
mod waking;
mod walks;

pub use connection::ConnectionKey;
pub use control::{Cancelled, Dropped};
pub use delayed::DelayedReplies;
pub use function::Totals;
pub use job::Priority;
pub use jobs::MAX_PREFIX;
pub use timers::{DriverTimer, Now};
pub use view::{ConnectionView, Counts, FunctionView, JobView, PeerView, State};
pub use waking::Wakeup;
pub use walks::{ConnectionWalk, FunctionWalk, JobWalk, Step, Table, TableWalk};

use bytes::Bytes;
use connection::{Ability, Connection, Waiter};
use defects::{Defect, strikes};
use delayed::HeldReplies;
use function::{Function, Functions};
use gearman_protocol::{Command, Packet};
use index::Index;
use job::{Job, PRIORITIES};
use jobs::Jobs;
use lifecycle::End;
use slab::{Id, Slab};
use timers::{Timer, TimerQueue};

/// What a broker is set up with.
#[derive(Clone, Debug)]
pub struct Config {
    /// What handles start with.
    pub handle_prefix: String,
    /// How often a job may be handed out before it fails; `None` is without end.
    pub attempts: Option<u8>,
    /// Which sleeping workers a job wakes.
    pub wakeup: Wakeup,
    /// How long replies may be held.
    pub delayed_replies: DelayedReplies,
    /// Whether connections get WORK_EXCEPTION packets without asking.
    pub exceptions: bool,
}

/// From this size on, a body is passed on and kept in the memory that it came
/// in.
pub const SHARED: usize = 16 << 10;

/// A packet as it came.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// The packet.
    pub packet: &'a Packet<'a>,
    /// What it lies in, if that can be kept: memory of its own.
    pub memory: Option<&'a Bytes>,
}

impl<'a> From<&'a Packet<'a>> for Incoming<'a> {
    fn from(packet: &'a Packet<'a>) -> Incoming<'a> {
        Incoming { packet, memory: None }
    }
}

/// Where packets go, and what is worth a line in a log.
pub trait Outbox {
    /// Sends a packet to a connection that has not been disconnected.
    fn send(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &[u8]);

    /// Sends a packet that is likely to be followed soon by another one to the
    /// same connection, for which it may be held. Returns until when it is, at most:
    /// the broker sets [`DriverTimer::DelayedAck`] for that time.
    fn send_with_next(
        &mut self,
        to: ConnectionKey,
        command: Command,
        args: &[&[u8]],
        body: &[u8],
    ) -> Option<u64> {
        self.send(to, command, args, body);
        None
    }

    /// Sends a packet whose body can be kept instead of copied.
    fn send_shared(&mut self, to: ConnectionKey, command: Command, args: &[&[u8]], body: &Bytes) {
        self.send(to, command, args, body);
    }

    /// Hears of an accepted submission; `due` is 0 if it is not for later.
    fn accepted(&mut self, function: &[u8], unique: &[u8], due: u64);

    /// Hears of a job that failed because its attempts are used up.
    fn gave_up(&mut self, handle: &[u8], function: &[u8], unique: &[u8], attempts: u8);

    /// Hears of a timer of the driver's that was set for `due`.
    fn timer(&mut self, timer: DriverTimer, due: u64) {
        let _ = (timer, due);
    }
}

/// The state machine.
pub struct Broker {
    config: Config,
    connections: Slab<Connection>,
    functions: Functions,
    jobs: Jobs,
    waiters: Slab<Waiter>,
    abilities: Slab<Ability>,
    /// Abilities by (connection, function).
    abilities_index: Index<Ability>,
    /// Jobs that wait for a worker, without those of paused functions, by
    /// priority, so that an empty grab costs no search.
    queued: [usize; PRIORITIES],
    /// Jobs that a worker has.
    running: usize,
    /// What became of the grabs that were held.
    long_polls: HeldReplies,
    /// What is due on `Now::ticks`.
    timers: TimerQueue<Timer>,
    /// Jobs for later, on `Now::unix`.
    delayed: TimerQueue<Id<Job>>,
    /// The time when it was last told.
    now: Now,
    /// How many connections there ever were.
    connected: u64,
    /// Whether no job is taken on any more.
    draining: bool,
}

impl Broker {
    /// A broker that knows nobody.
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
            draining: false,
        }
    }

    /// Gets to know a peer. Descriptor and address are shown to administrators.
    pub fn connect(&mut self, descriptor: i32, address: &str) -> ConnectionKey {
        self.connected = self.connected.wrapping_add(1);
        let connection =
            Connection::new(self.connected, descriptor, address, self.config.exceptions);
        let id = self.connections.insert(connection);
        self.connections.key(id)
    }

    /// Forgets a peer: its jobs go to other workers, and jobs that only it
    /// waited for are dropped.
    pub fn disconnect(&mut self, key: ConnectionKey, out: &mut dyn Outbox) {
        let Some(connection) = self.connections.find(key) else { return };
        // First what it waits for: a job that it runs for itself is not requeued.
        while let Some(waiter) = self.connections[connection].waiters.front() {
            let job = self.waiters[waiter].job;
            self.detach(waiter);
            self.drop_if_abandoned(job);
        }
        self.forget_abilities(connection, out);
        self.drop_long_poll(connection);
        let gone = self.connections.remove(connection);
        assert!(
            gone.abilities.is_empty() && gone.waiters.is_empty() && gone.running.is_empty(),
            "a connection went before its offers, its waits and its jobs"
        );
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now, out: &mut dyn Outbox) {
        self.now = now;
        let mut expired = Vec::new();
        while let Some((due, timer)) = self.timers.pop(now.ticks) {
            match timer {
                Timer::JobTimeout(job) => self.expire_job(job, due, out),
                Timer::WakeMore(function) => self.wake_more(function, out),
                Timer::HeldGrab(worker) => expired.push((worker, due)),
                Timer::Driver(timer) => out.timer(timer, due),
            }
        }
        while let Some((_, job)) = self.delayed.pop(now.unix) {
            if strikes(Defect::DelayedJobDropped) {
                self.finish(job, End::Abandoned);
                continue;
            }
            self.end_delay(job);
            self.enqueue(job, out);
        }
        // Last: one of these jobs may have been for such a worker.
        for (worker, due) in expired {
            self.expire_long_poll(worker, due, out);
        }
    }

    /// When [`Broker::tick`] has something to do next, as a time on both clocks.
    pub fn next_due(&self) -> (Option<u64>, Option<u64>) {
        (self.timers.next(), self.delayed.next())
    }

    /// Sets a timer of the driver's, for a time on `Now::ticks`. [`Broker::tick`] reports
    /// it to [`Outbox::timer`].
    pub fn set_timer(&mut self, due: u64, timer: DriverTimer) {
        self.timers.set(due, 0, Timer::Driver(timer));
    }

    /// How long replies may be held.
    pub fn delayed_replies(&self) -> DelayedReplies {
        self.config.delayed_replies
    }

    /// What became of the grabs that were held.
    pub fn long_polls(&self) -> HeldReplies {
        self.long_polls
    }

    /// How many jobs there are.
    pub fn job_count(&self) -> usize {
        self.jobs.len()
    }

    fn key(&self, connection: Id<Connection>) -> ConnectionKey {
        self.connections.key(connection)
    }

    fn ability_tag(connection: Id<Connection>, function: Id<Function>) -> u32 {
        // Neither is chosen by a peer: multiplying by odd numbers is enough.
        (connection.index() as u32).wrapping_mul(0x9E37_79B1)
            ^ (function.index() as u32).wrapping_mul(0x85EB_CA77)
    }
}

#[cfg(test)]
#[test]
fn abilities_have_tags_of_their_own() {
    let (connections, functions) = (Id::first(30), Id::first(30));
    let tags = connections
        .iter()
        .flat_map(|&worker| functions.iter().map(move |&f| Broker::ability_tag(worker, f)));
    assert_eq!(tags.collect::<std::collections::HashSet<_>>().len(), 900);
}
