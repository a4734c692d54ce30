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
pub(crate) struct ConnectionView<'a> {
    pub(crate) peer: PeerView<'a>,
    /// The functions that it offers.
    pub(crate) functions: Vec<&'a [u8]>,
    pub(crate) sleeping: bool,
    /// Jobs that it works on.
    pub(crate) running: usize,
    /// Submissions whose results it waits for.
    pub(crate) waiting: usize,
}

/// Who a connection is.
#[derive(Clone, Copy)]
pub(crate) struct PeerView<'a> {
    pub(crate) descriptor: i32,
    pub(crate) address: &'a str,
    /// What it called itself, or nothing.
    pub(crate) client_id: &'a [u8],
}

/// A function and its counts; its name can be borrowed or not.
pub(crate) struct FunctionView<Name> {
    pub(crate) name: Name,
    /// Jobs that wait for a worker, by priority.
    pub(crate) queued: [u32; 3],
    /// Jobs that wait for their time.
    pub(crate) delayed: u32,
    pub(crate) running: u32,
    /// How often workers said that they offer it.
    pub(crate) offers: u32,
    pub(crate) paused: bool,
    /// Milliseconds that the longest waiting of its queued jobs has waited.
    pub(crate) oldest: Option<u64>,
    pub(crate) totals: Totals,
}

impl FunctionView<&[u8]> {
    /// The same with a name of its own.
    pub(crate) fn into_owned(self) -> FunctionView<Vec<u8>> {
        let FunctionView { name, queued, delayed, running, offers, paused, oldest, totals } = self;
        let name = name.to_vec();
        FunctionView { name, queued, delayed, running, offers, paused, oldest, totals }
    }
}

impl<Name> FunctionView<Name> {
    /// Jobs of any state.
    pub(crate) fn total(&self) -> u32 {
        self.queued.iter().sum::<u32>() + self.delayed + self.running
    }
}

/// A job.
pub(crate) struct JobView<'a> {
    pub(crate) handle: Handle,
    pub(crate) function: &'a [u8],
    pub(crate) unique: &'a [u8],
    pub(crate) priority: Priority,
    pub(crate) state: State<'a>,
    /// Seconds since it was submitted.
    pub(crate) age: u32,
    pub(crate) retries: u8,
    pub(crate) background: bool,
    pub(crate) numerator: u32,
    pub(crate) denominator: u32,
    /// Submissions that wait for it.
    pub(crate) clients: usize,
    /// Size of its payload.
    pub(crate) bytes: usize,
}

/// Where a job is in its life.
#[derive(Clone, Copy)]
pub(crate) enum State<'a> {
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
    pub(crate) fn is_ignored(&self) -> bool {
        !self.background && self.clients == 0 && matches!(self.state, State::Running(_))
    }
}

/// How many there are.
pub(crate) struct Counts {
    pub(crate) connections: usize,
    pub(crate) functions: usize,
    pub(crate) jobs: usize,
    pub(crate) running: usize,
    pub(crate) delayed: usize,
}

impl Broker {
    /// How many there are of everything.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            connections: self.connections.len(),
            functions: self.functions.len(),
            jobs: self.jobs.len(),
            running: self.running,
            delayed: self.delayed_timers.len(),
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
