//! The broker's state of a connection, of the functions that it offers and of the jobs
//! that it waits for.
//!
//! Must not: know sockets; address and descriptor are only shown to administrators.

use super::Millis;
use super::cancelled_runs::CancelledRun;
use super::dropping::Dropping;
use super::function::Function;
use super::job::{Job, StageList};
use super::list::{Links, List, linked};
use super::payload_search::PayloadSearch;
use super::pieces::Relay;
use super::refused::RefusedFunctions;
use super::slab::{Id, Key};
use super::worker_index::{AvailableFunctions, RunningJobs};
use crate::delayed::EmptyGrabs;
use gearman_protocol::Command;

/// Identifies a connection outside the broker.
pub type ConnectionKey = Key<Connection>;

/// Longest client id, in bytes. A longer one is truncated.
pub(crate) const CLIENT_ID_BYTES_MAX: usize = 127;

/// One connection. Its peer can be client, worker and administrator at once.
pub struct Connection {
    /// Increases from connection to connection.
    pub(super) number: u64,
    /// The descriptor that the `workers` list shows.
    pub(super) descriptor: i32,
    /// The peer's address without its port.
    pub(super) address: Box<str>,
    /// The peer's port; 0 without one.
    pub(super) port: u16,
    /// The id from SET_CLIENT_ID; empty without one.
    pub(super) client_id: Box<[u8]>,
    /// Whether the peer gets WORK_EXCEPTION packets.
    pub(super) exceptions: bool,
    /// Whether it is being removed.
    pub(super) is_closing: bool,
    /// The number of its report that was relayed in part.
    pub(super) report: Option<u32>,
    /// Whether the peer waits for a job, and how.
    pub(super) state: WorkerState,
    /// When it began to wait for a job: a number that rises with each worker that does.
    pub(super) slept: i64,
    /// The peer's empty grabs.
    pub(super) empty_grabs: EmptyGrabs,
    /// The functions that the peer offers, in the order in which a grab tries them.
    pub(super) abilities: List<Ability, ByConnection>,
    /// The peer's submissions that wait for a job.
    pub(super) waiters: List<Waiter, ByConnection>,
    /// Functions that the peer offers and may not work on.
    pub(super) refused: Option<Box<RefusedFunctions>>,
    /// Number of functions that it has brought into being, if there is a limit.
    pub(super) created_functions: u32,
    /// Number of jobs in memory with a unique id that it has submitted, if there is a limit.
    pub(super) unique_jobs: u32,
    /// The jobs that the peer runs.
    pub(super) running: List<Job, StageList>,
    /// Its functions with available jobs, if it offers many.
    pub(super) available: Option<Box<AvailableFunctions>>,
    /// Its running jobs by function, if they are many.
    pub(super) running_jobs: Option<Box<RunningJobs>>,
    /// The jobs that were cancelled while the peer ran them.
    pub(super) cancelled_runs: Vec<CancelledRun>,
    /// What its last command is dropping.
    pub(super) dropping: Option<Box<Dropping>>,
    /// The search for a job with the payload of its unfinished submission.
    pub(super) payload_search: Option<Box<PayloadSearch>>,
}

impl Connection {
    /// A connection that has sent nothing yet.
    pub(super) fn new(number: u64, descriptor: i32, address: &str, exceptions: bool) -> Connection {
        Connection {
            number,
            descriptor,
            address: address.into(),
            port: 0,
            client_id: Box::default(),
            exceptions,
            is_closing: false,
            report: None,
            state: WorkerState::Awake,
            slept: 0,
            empty_grabs: EmptyGrabs::default(),
            abilities: List::new(),
            waiters: List::new(),
            refused: None,
            created_functions: 0,
            unique_jobs: 0,
            running: List::new(),
            available: None,
            running_jobs: None,
            cancelled_runs: Vec::new(),
            dropping: None,
            payload_search: None,
        }
    }
}

/// Whether a worker waits for a job, and how. A waiting worker is in the list `sleepers`
/// of each of its functions, unless it has an index of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WorkerState {
    /// It does not wait, or is not a worker.
    Awake,
    /// Its GRAB_JOB, GRAB_JOB_UNIQ or GRAB_JOB_ALL is held, at most until `until`.
    LongPoll { grab: Command, until: Millis },
    /// It sent PRE_SLEEP, and since then neither got NOOP nor sent a grab.
    Sleeping,
}

/// Marks the links of lists that belong to a connection.
pub(crate) struct ByConnection;
/// Marks the links of lists that belong to a function.
pub(crate) struct ByFunction;
/// Marks the links of lists that belong to a job.
pub(crate) struct ByJob;
/// Marks the links of a function's lists of workers that wait for a job, or that may wait and
/// have an index.
pub(crate) struct Asleep;

/// A function that a worker offers.
pub(crate) struct Ability {
    pub(super) connection: Id<Connection>,
    pub(super) function: Id<Function>,
    /// Number of CAN_DO packets, which `status` shows as workers.
    pub(super) count: u32,
    /// Time limit of a job in milliseconds; 0 for no limit.
    pub(super) timeout_ms: u32,
    /// Its place among the functions of a worker with an index.
    pub(super) place: i64,
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
            timeout_ms: 0,
            place: 0,
            by_connection: Links::new(),
            by_function: Links::new(),
            asleep: Links::new(),
        }
    }
}

/// A submission that waits for a job. Each submission gets its own copy of each packet,
/// even if two came over the same connection.
pub(crate) struct Waiter {
    pub(super) connection: Id<Connection>,
    /// The job, which is gone if there is a relay.
    pub(super) job: Id<Job>,
    /// The last report on the job, which the submission has not got yet.
    pub(super) relay: Option<Id<Relay>>,
    /// The last report in pieces that it has got, or that has begun before it came.
    pub(super) report: u32,
    by_connection: Links<Waiter>,
    by_job: Links<Waiter>,
}

linked!(Waiter, ByConnection, by_connection);
linked!(Waiter, ByJob, by_job);

impl Waiter {
    /// A waiter in no list yet.
    pub(super) fn new(connection: Id<Connection>, job: Id<Job>, report: u32) -> Waiter {
        let (by_connection, by_job) = (Links::new(), Links::new());
        Waiter { connection, job, relay: None, report, by_connection, by_job }
    }
}
