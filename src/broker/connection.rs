//! What the broker remembers of a connection, of the functions that it offers
//! and of the jobs that it waits for.
//!
//! Must not: know sockets; the address and the descriptor are there to be shown.

use super::function::Function;
use super::job::{Job, Place};
use super::list::{Links, List, linked};
use super::slab::{Id, Key};
use crate::delayed::EmptyGrabs;
use gearman_protocol::Command;

/// Names a connection outside the broker.
pub type ConnectionKey = Key<Connection>;

/// The longest client id that is kept; what is longer is cut.
pub(crate) const MAX_CLIENT_ID: usize = 127;

/// One peer. It may be client, worker and administrator at once.
pub struct Connection {
    /// Rises from connection to connection.
    pub(super) number: u64,
    /// What the `workers` list shows as descriptor.
    pub(super) descriptor: i32,
    /// The peer's address without its port.
    pub(super) address: Box<str>,
    /// What the peer called itself, nothing at first.
    pub(super) client_id: Box<[u8]>,
    /// Whether the peer wants WORK_EXCEPTION packets.
    pub(super) exceptions: bool,
    /// Whether the peer waits for a job, and how.
    pub(super) state: WorkerState,
    /// The peer's grabs that found no job.
    pub(super) empty_grabs: EmptyGrabs,
    /// The functions that the peer offers, in the order in which they are tried.
    pub(super) abilities: List<Ability, ByConnection>,
    /// The jobs whose packets go to this peer.
    pub(super) waiters: List<Waiter, ByConnection>,
    /// The jobs that this peer is running.
    pub(super) running: List<Job, Place>,
}

impl Connection {
    /// A peer that has said nothing yet.
    pub(super) fn new(number: u64, descriptor: i32, address: &str, exceptions: bool) -> Connection {
        Connection {
            number,
            descriptor,
            address: address.into(),
            client_id: Box::default(),
            exceptions,
            state: WorkerState::Awake,
            empty_grabs: EmptyGrabs::default(),
            abilities: List::new(),
            waiters: List::new(),
            running: List::new(),
        }
    }
}

/// Whether a worker waits for a job, and how. A waiting worker is in the lists
/// `sleepers` of its functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerState {
    /// It does not wait, or is no worker.
    Awake,
    /// Its GRAB_JOB, GRAB_JOB_UNIQ or GRAB_JOB_ALL is held until then at most.
    LongPoll { grab: Command, until: u64 },
    /// It sent PRE_SLEEP, and neither got NOOP nor asked for a job since.
    Sleeping,
}

/// The lists that belong to a connection.
pub(crate) struct ByConnection;
/// The lists that belong to a function.
pub(crate) struct ByFunction;
/// The lists that belong to a job.
pub(crate) struct ByJob;
/// A function's list of abilities whose worker sleeps.
pub(crate) struct Asleep;

/// That a worker offers a function.
pub(crate) struct Ability {
    pub(super) connection: Id<Connection>,
    pub(super) function: Id<Function>,
    /// How often the worker said so: that is what `status` counts.
    pub(super) count: u32,
    /// Milliseconds that a job may run; 0 is without end.
    pub(super) timeout: u32,
    by_connection: Links<Ability>,
    by_function: Links<Ability>,
    asleep: Links<Ability>,
}

linked!(Ability, ByConnection, by_connection);
linked!(Ability, ByFunction, by_function);
linked!(Ability, Asleep, asleep);

impl Ability {
    /// An ability in no list yet.
    pub(super) fn new(connection: Id<Connection>, function: Id<Function>) -> Ability {
        Ability {
            connection,
            function,
            count: 0,
            timeout: 0,
            by_connection: Links::new(),
            by_function: Links::new(),
            asleep: Links::new(),
        }
    }
}

/// That one submission waits for a job: each gets its own copy of each packet,
/// also when two of them came over the same connection.
pub(crate) struct Waiter {
    pub(super) connection: Id<Connection>,
    pub(super) job: Id<Job>,
    by_connection: Links<Waiter>,
    by_job: Links<Waiter>,
}

linked!(Waiter, ByConnection, by_connection);
linked!(Waiter, ByJob, by_job);

impl Waiter {
    /// A waiter in no list yet.
    pub(super) fn new(connection: Id<Connection>, job: Id<Job>) -> Waiter {
        Waiter { connection, job, by_connection: Links::new(), by_job: Links::new() }
    }
}
