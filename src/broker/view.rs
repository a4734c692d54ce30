//! What an administrator may see of connections, functions and jobs.
//!
//! Must not: change anything, or know how it is shown.

use super::Broker;
use super::connection::Connection;
use super::function::{Function, Totals};
use super::job::{Job, Priority, Stage};
use super::jobs::Handle;
use super::slab::Id;

/// A connection and what it is doing.
pub struct ConnectionView<'a> {
    /// Who it is.
    pub peer: PeerView<'a>,
    /// The functions that it offers.
    pub functions: Vec<&'a [u8]>,
    /// Whether it waits to be woken.
    pub sleeping: bool,
    /// Jobs that it works on.
    pub running: usize,
    /// Submissions whose results it waits for.
    pub waiting: usize,
}

/// Who a connection is.
#[derive(Clone, Copy)]
pub struct PeerView<'a> {
    /// The descriptor of its socket.
    pub descriptor: i32,
    /// Its address without the port.
    pub address: &'a str,
    /// What it called itself, or nothing.
    pub client_id: &'a [u8],
}

/// A function and its counts; its name can be borrowed or not.
pub struct FunctionView<Name> {
    /// The name.
    pub name: Name,
    /// Jobs that wait for a worker, by priority.
    pub queued: [u32; 3],
    /// Jobs that wait for their time.
    pub delayed: u32,
    /// Jobs that a worker has.
    pub running: u32,
    /// How often workers said that they offer it.
    pub offers: u32,
    /// Whether its jobs are kept back.
    pub paused: bool,
    /// Milliseconds that the longest waiting of its queued jobs has waited.
    pub oldest: Option<u64>,
    /// What became of its jobs since it exists.
    pub totals: Totals,
}

impl FunctionView<&[u8]> {
    /// The same with a name of its own.
    pub fn into_owned(self) -> FunctionView<Vec<u8>> {
        let FunctionView { name, queued, delayed, running, offers, paused, oldest, totals } = self;
        let name = name.to_vec();
        FunctionView { name, queued, delayed, running, offers, paused, oldest, totals }
    }
}

impl<Name> FunctionView<Name> {
    /// Jobs of any state.
    pub fn total(&self) -> u32 {
        self.queued.iter().sum::<u32>() + self.delayed + self.running
    }
}

/// A job.
pub struct JobView<'a> {
    /// The handle.
    pub handle: Handle,
    /// The name of its function.
    pub function: &'a [u8],
    /// The unique id; empty if the client gave none.
    pub unique: &'a [u8],
    /// Its priority.
    pub priority: Priority,
    /// Where it stands.
    pub state: State<'a>,
    /// Seconds since it was submitted.
    pub age: u32,
    /// How often a worker lost it.
    pub retries: u8,
    /// Whether it is done also if no client waits for it.
    pub background: bool,
    /// Progress, as its worker reported it.
    pub numerator: u32,
    /// Progress when done.
    pub denominator: u32,
    /// Submissions that wait for it.
    pub clients: usize,
    /// Size of its payload.
    pub bytes: usize,
}

/// Where a job is in its life.
#[derive(Clone, Copy)]
pub enum State<'a> {
    /// It waits for a worker.
    Queued,
    /// It waits for a worker, and for its function to be resumed.
    Paused,
    /// It waits for this second since 1970.
    Delayed(u64),
    /// This peer works on it.
    Running(PeerView<'a>),
}

impl JobView<'_> {
    /// Whether it runs although nobody waits for it any more.
    pub fn is_ignored(&self) -> bool {
        !self.background && self.clients == 0 && matches!(self.state, State::Running(_))
    }
}

/// How many there are.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Connections.
    pub connections: usize,
    /// Functions.
    pub functions: usize,
    /// Jobs of any state.
    pub jobs: usize,
    /// Jobs that a worker has.
    pub running: usize,
    /// Jobs for later.
    pub delayed: usize,
}

impl Broker {
    /// How many there are of everything.
    pub fn counts(&self) -> Counts {
        Counts {
            connections: self.connections.len(),
            functions: self.functions.len(),
            jobs: self.jobs.len(),
            running: self.running,
            delayed: self.delayed.len(),
        }
    }

    pub(super) fn peer(&self, id: Id<Connection>) -> PeerView<'_> {
        let connection = &self.connections[id];
        PeerView {
            descriptor: connection.descriptor,
            address: &connection.address,
            client_id: &connection.client_id,
        }
    }

    pub(super) fn view_function<'a>(&'a self, function: &'a Function) -> FunctionView<&'a [u8]> {
        let heads = function.queues.iter().filter_map(|queue| queue.front());
        let since = heads.map(|job| self.jobs[job].moment).min();
        FunctionView {
            name: &function.name,
            queued: [0, 1, 2].map(|priority: usize| function.queues[priority].len()),
            delayed: function.delayed,
            running: function.running,
            offers: function.offers,
            paused: function.paused,
            oldest: since.map(|since| self.now.ticks.saturating_sub(since)),
            totals: function.totals,
        }
    }

    pub(super) fn view_job(&self, id: Id<Job>) -> JobView<'_> {
        let job = &self.jobs[id];
        let function = &self.functions[job.function];
        let seconds = (self.now.ticks / 1000) as u32;
        JobView {
            handle: self.jobs.handle(id),
            function: &function.name,
            unique: job.unique(),
            priority: job.priority,
            state: match job.stage {
                Stage::Delayed => State::Delayed(job.moment),
                Stage::Running(worker) => State::Running(self.peer(worker)),
                Stage::Admitted | Stage::Queued if function.paused => State::Paused,
                Stage::Admitted | Stage::Queued => State::Queued,
            },
            age: seconds.saturating_sub(job.submitted),
            retries: job.retries,
            background: job.background,
            numerator: job.numerator,
            denominator: job.denominator,
            clients: job.waiters.len() as usize,
            bytes: job.payload().len(),
        }
    }
}
