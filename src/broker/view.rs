//! Views of connections, functions and jobs for administrators.
//!
//! Must not: change anything, or know how a view is shown.

use std::fmt;

use super::connection::Connection;
use super::function::{Function, Totals};
use super::job::{Job, Priority, Stage};
use super::jobs::Handle;
use super::slab::Id;
use super::{Broker, ConnectionKey, Millis, UnixSeconds};

/// One connection, but for the functions that it offers: see [`OfferCursor`](crate::OfferCursor).
pub struct ConnectionView<'a> {
    /// Identifies it in the broker.
    pub key: ConnectionKey,
    /// Descriptor, address and client id.
    pub peer: PeerView<'a>,
    /// Names of functions that it offers and may not work on.
    pub refused: Vec<&'a [u8]>,
    /// Whether it sent PRE_SLEEP and waits for NOOP.
    pub sleeping: bool,
    /// Number of jobs that it runs.
    pub running: usize,
    /// Number of submissions whose results it waits for.
    pub waiting: usize,
}

/// A job that was cancelled while a worker ran it, and on which the worker has not reported since.
pub struct CancelledRunView<'a> {
    /// The handle that it had.
    pub handle: Handle,
    /// The name of its function.
    pub function: &'a [u8],
    /// The unique id; empty without one.
    pub unique: &'a [u8],
    /// The priority that it had.
    pub priority: Priority,
    /// Seconds since it was submitted.
    pub age_seconds: u32,
    /// Seconds since the worker got it.
    pub running_seconds: u32,
}

/// How administrators identify a connection.
#[derive(Clone, Copy)]
pub struct PeerView<'a> {
    /// Descriptor of its socket.
    pub descriptor: i32,
    /// Its address without the port.
    pub address: &'a str,
    /// Its port; 0 without one.
    pub port: u16,
    /// The id from SET_CLIENT_ID; empty without one.
    pub client_id: &'a [u8],
}

impl fmt::Display for PeerView<'_> {
    /// Address with port, and the client id in parentheses if there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.port, self.address.contains(':')) {
            (0, _) => f.write_str(self.address)?,
            (port, false) => write!(f, "{}:{port}", self.address)?,
            (port, true) => write!(f, "[{}]:{port}", self.address)?,
        }
        match self.client_id {
            b"" => Ok(()),
            id => write!(f, " ({})", id.escape_ascii()),
        }
    }
}

impl PeerView<'_> {
    /// The peer without its client id.
    pub fn without_id(self) -> Self {
        PeerView { client_id: b"", ..self }
    }
}

/// One function. `Name` is the type of its name: borrowed or owned.
pub struct FunctionView<Name> {
    /// The name.
    pub name: Name,
    /// Its place in the order of creation.
    pub number: u32,
    /// Number of queued jobs by priority.
    pub queued: [u32; 3],
    /// Number of delayed jobs.
    pub delayed: u32,
    /// Number of running jobs.
    pub running: u32,
    /// Number of CAN_DO packets of connected workers.
    pub offers: u32,
    /// Whether its jobs are not handed out.
    pub paused: bool,
    /// Number of jobs from which a submission is refused, by priority; 0 for no limit.
    pub limits: [u32; 3],
    /// How long the oldest of its queued jobs has waited.
    pub oldest_wait: Option<Millis>,
    /// Jobs since the function was created, counted by outcome.
    pub totals: Totals,
}

impl FunctionView<&[u8]> {
    /// A copy that owns its name.
    pub fn into_owned(self) -> FunctionView<Vec<u8>> {
        FunctionView {
            name: self.name.to_vec(),
            number: self.number,
            queued: self.queued,
            delayed: self.delayed,
            running: self.running,
            offers: self.offers,
            paused: self.paused,
            limits: self.limits,
            oldest_wait: self.oldest_wait,
            totals: self.totals,
        }
    }
}

impl<Name> FunctionView<Name> {
    /// Number of jobs in any stage.
    pub fn total(&self) -> u32 {
        self.queued.iter().sum::<u32>() + self.delayed + self.running
    }

    /// Adds the figures of another function: the sum of the counts, the longer wait, and whether
    /// any is paused. Limits are no counts, and stay.
    pub fn add(&mut self, other: &FunctionView<Name>) {
        let counts = [
            (&mut self.delayed, other.delayed),
            (&mut self.running, other.running),
            (&mut self.offers, other.offers),
        ];
        let queued = self.queued.iter_mut().zip(other.queued);
        for (count, more) in queued.chain(counts) {
            *count = count.saturating_add(more);
        }
        self.paused |= other.paused;
        self.oldest_wait = self.oldest_wait.max(other.oldest_wait);
        self.totals.add(&other.totals);
    }
}

/// One job.
pub struct JobView<'a> {
    /// The handle.
    pub handle: Handle,
    /// The name of its function.
    pub function: &'a [u8],
    /// The unique id; empty without one.
    pub unique: &'a [u8],
    /// Its priority.
    pub priority: Priority,
    /// Its state.
    pub state: JobState<'a>,
    /// Seconds since it was submitted.
    pub age_seconds: u32,
    /// Seconds since its worker got it; `None` unless it runs.
    pub running_seconds: Option<u32>,
    /// How often a worker lost it.
    pub retries: u8,
    /// Whether it is done even if no client waits for it.
    pub background: bool,
    /// Numerator of the last WORK_STATUS.
    pub numerator: u32,
    /// Denominator of the last WORK_STATUS.
    pub denominator: u32,
    /// Number of submissions that wait for it.
    pub clients: usize,
    /// Its payload.
    pub payload: &'a [u8],
}

/// The state of a job, as administrators see it.
#[derive(Clone, Copy)]
pub enum JobState<'a> {
    /// It waits for a worker.
    Queued,
    /// It is queued, and its function is paused.
    Paused,
    /// It is queued at this time.
    Delayed(UnixSeconds),
    /// This worker runs it.
    Running(PeerView<'a>),
}

impl JobView<'_> {
    /// Whether it is a running foreground job without a waiting client.
    pub fn is_ignored(&self) -> bool {
        !self.background && self.clients == 0 && matches!(self.state, JobState::Running(_))
    }
}

/// Number of connections, functions and jobs.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Connections.
    pub connections: usize,
    /// Functions.
    pub functions: usize,
    /// Jobs in any stage, in memory or not, without those that are not committed.
    pub jobs: usize,
    /// Running jobs.
    pub running: usize,
    /// Delayed jobs.
    pub delayed: usize,
}

/// Number of jobs of the durable queue, by state. All are 0 without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DurableCounts {
    /// Jobs whose insertion is not committed.
    pub pending: usize,
    /// Jobs that are only in the store, delayed ones included.
    pub parked: usize,
    /// Jobs that the survey has found.
    pub found: u64,
    /// Whether the survey has not ended.
    pub is_loading: bool,
}

impl Broker {
    /// The number of jobs of the durable queue, by state.
    pub fn durable_counts(&self) -> DurableCounts {
        if !self.has_store() {
            return DurableCounts::default();
        }
        let (found, is_loading) = self.survey_progress();
        let parked = self.functions.iter().map(|(_, function)| function.parked_jobs()).sum();
        DurableCounts { pending: self.pending_insertions(), parked, found, is_loading }
    }

    /// The number of connections, functions and jobs.
    pub fn counts(&self) -> Counts {
        let (mut parked, mut parked_delayed, mut admitted) = (0, 0, 0);
        if self.has_store() {
            for (_, function) in self.functions.iter() {
                parked += function.parked_jobs();
                parked_delayed += function.parked_delayed as usize;
                admitted += function.admitted as usize;
            }
        }
        Counts {
            connections: self.connections.len() - self.backlog.closing,
            functions: self.functions.len(),
            jobs: self.jobs.len() - admitted + parked,
            running: self.running,
            delayed: self.delayed.len() + parked_delayed,
        }
    }

    pub(super) fn peer(&self, id: Id<Connection>) -> PeerView<'_> {
        let connection = &self.connections[id];
        PeerView {
            descriptor: connection.descriptor,
            address: &connection.address,
            port: connection.port,
            client_id: &connection.client_id,
        }
    }

    pub(super) fn view_function<'a>(&'a self, function: &'a Function) -> FunctionView<&'a [u8]> {
        let heads = function.queues.iter().filter_map(|queue| queue.front());
        let since = heads.filter_map(|job| self.jobs[job].stage.queued_since()).min();
        FunctionView {
            name: &function.name,
            number: function.rank.1.0,
            queued: [0, 1, 2].map(|priority: usize| function.queued_of(priority)),
            delayed: function.delayed + function.parked_delayed,
            running: function.running,
            offers: function.offers,
            paused: function.paused,
            limits: function.limits,
            oldest_wait: since.map(|since| self.now.monotonic.since(since)),
            totals: function.totals,
        }
    }

    pub(super) fn view_job(&self, id: Id<Job>) -> JobView<'_> {
        let job = &self.jobs[id];
        let function = &self.functions[job.function];
        let now_seconds = self.now.monotonic.as_seconds() as u32;
        JobView {
            handle: self.jobs.handle(id),
            function: &function.name,
            unique: job.unique(),
            priority: job.priority,
            state: match job.stage {
                Stage::Delayed { due } => JobState::Delayed(due),
                Stage::Running { worker, .. } => JobState::Running(self.peer(worker)),
                Stage::Admitted { .. } | Stage::Queued { .. } if function.paused => {
                    JobState::Paused
                }
                Stage::Admitted { .. } | Stage::Queued { .. } => JobState::Queued,
            },
            age_seconds: now_seconds.saturating_sub(job.submitted_seconds),
            running_seconds: (job.stage.is_running())
                .then(|| now_seconds.saturating_sub(job.started_seconds)),
            retries: job.retries,
            background: job.background,
            numerator: job.numerator,
            denominator: job.denominator,
            clients: job.waiters.len() as usize,
            payload: job.payload(),
        }
    }
}
