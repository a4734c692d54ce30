//! [`Worker`]: the state machine of a worker.
//!
//! [`Worker::work`] asks servers until one assigns a job, and returns so that the caller
//! can run the job's function; [`Worker::finish`] reports the outcome to the server.
//! Between the two only the job is kept: the function may call any function of the same
//! worker, or may never return.
//!
//! At most one GRAB_JOB is outstanding per connection, and one server is asked at a time,
//! so that no server assigns a job that would have to wait here. A server that is slow to
//! answer is passed over; if it assigns a job later, that job is the next one to be
//! returned.
//!
//! Must not: call user code.

mod functions;
mod grab;
mod job;
mod quick;
mod read;
mod request;
mod rounds;
mod send;
mod server;
mod stop;
#[cfg(test)]
mod tests;
mod waiting;
mod work;

pub use functions::WorkerFunction;
pub use grab::Search;
pub use job::{AssignedJob, Report};
pub use request::WorkerExchange;
pub use stop::{STOP_GRACEFUL, STOP_NOW};
pub use work::{Outcome, WorkStep, WorkTicket, WorkUpcall};

use super::ReturnCode;
use super::link::Link;
use super::slab::{BoxSlab, SlabId};
use gearman_net::Transport;
use gearman_protocol::Command;
use server::WorkerServer;
use std::collections::VecDeque;
use std::task::Poll;
use std::time::Instant;
use stop::Stop;

/// A worker.
#[derive(Debug)]
pub struct Worker<T: Transport> {
    /// The connections.
    pub link: Link<T>,
    /// The packet that asks for a job: GRAB_JOB, GRAB_JOB_UNIQ or GRAB_JOB_ALL.
    pub grabs_with: Command,
    /// Whether the timeout also ends a sleep.
    pub timeout_ends_sleep: bool,
    /// Whether [`Worker::finish`] reports a lost result in non-blocking mode, too.
    pub reports_lost_results: bool,
    servers: Vec<WorkerServer>,
    /// Some server has unsent `ability_changes`.
    has_ability_changes: bool,
    /// In the order of adding.
    functions: Vec<WorkerFunction>,
    jobs: BoxSlab<AssignedJob>,
    /// Received jobs that are not returned to the caller yet.
    ready: VecDeque<SlabId>,
    /// A removed job, whose memory the next one reuses.
    spare: Option<Box<AssignedJob>>,
    stop: Option<Stop>,
    /// The number of the current round of non-blocking calls; 0 between rounds.
    round: u64,
    /// The server whose turn it is in that round, and when its turn ends.
    turn: Option<(usize, Instant)>,
    /// An event loop drives this worker, with [`Worker::poll_fd`] and
    /// [`Worker::next_timeout`].
    in_event_loop: bool,
    last_call: u64,
    last_generation: u32,
    last_ticket: u32,
    last_exchange: u32,
    reply: Option<(u32, super::exchange::ExchangeReply)>,
    /// The packet that the current call is sending.
    push: Option<send::Push>,
    /// The shortcut has asked the only server; its reply is not in `owed`.
    quick: bool,
}

impl<T: Transport> Worker<T> {
    /// A worker without servers.
    pub fn new(net: T) -> Worker<T> {
        let mut link = Link::new(net);
        link.has_wake_pipe = true;
        Worker {
            link,
            grabs_with: Command::GrabJobAll,
            timeout_ends_sleep: true,
            reports_lost_results: true,
            servers: Vec::new(),
            has_ability_changes: false,
            functions: Vec::new(),
            jobs: BoxSlab::new(),
            ready: VecDeque::new(),
            spare: None,
            stop: None,
            round: 0,
            turn: None,
            in_event_loop: false,
            last_call: 0,
            last_generation: 0,
            last_ticket: 0,
            last_exchange: 0,
            reply: None,
            push: None,
            quick: false,
        }
    }

    /// Adds a server. It is asked before the servers added earlier.
    ///
    /// # Errors
    /// `GETADDRINFO`.
    pub fn add_server(&mut self, host: &str, port: u16) -> Result<(), ReturnCode> {
        self.check_fork();
        self.link.add_server(host, port)?;
        let generation = self.next_generation();
        self.servers.push(WorkerServer::new(generation));
        self.end_round();
        Ok(())
    }

    /// Closes all connections and removes all servers. Their jobs are lost.
    pub fn remove_servers(&mut self) {
        self.check_fork();
        for key in 0..self.servers.len() {
            self.disconnect(key);
        }
        self.link.remove_servers();
        self.servers.clear();
        self.end_round();
    }

    /// A generation that no connection had before.
    fn next_generation(&mut self) -> u32 {
        self.last_generation = self.last_generation.wrapping_add(1);
        self.last_generation
    }

    /// A job, unless it was removed.
    pub fn job(&self, id: SlabId) -> Option<&AssignedJob> {
        self.jobs.get(id)
    }

    /// A job, unless it was removed.
    pub fn job_mut(&mut self, id: SlabId) -> Option<&mut AssignedJob> {
        self.jobs.get_mut(id)
    }

    /// Removes a job without a report to its server.
    #[inline]
    pub fn remove_job(&mut self, id: SlabId) {
        if let Some(job) = self.jobs.remove(id) {
            self.recycle(job);
        }
    }

    /// Keeps the memory of a job for the next one.
    #[inline(always)]
    fn recycle(&mut self, job: Box<AssignedJob>) {
        self.spare = job.recycle();
    }

    /// Repeats a call until it is ready, sleeping in between. For callers whose thread is
    /// never cancelled.
    pub fn block<R>(&mut self, mut call: impl FnMut(&mut Self) -> Poll<R>) -> R {
        loop {
            match call(self) {
                Poll::Ready(result) => return result,
                Poll::Pending => self.link.sleep(),
            }
        }
    }

    /// Abandons a call that was left during a wait. A connection with a partly sent packet
    /// is closed; a job that was asked for goes to the next call.
    pub fn abandon_wait(&mut self) {
        self.link.forget_wait();
        if let Some(push) = self.push.take() {
            self.disconnect(push.key());
        }
        self.end_quick_grab();
    }

    /// Detects a fork. Jobs and stop requests belong to the parent: the child drops them.
    #[inline]
    fn check_fork(&mut self) {
        if self.link.forked() {
            self.forget_parent();
        }
    }

    #[cold]
    #[inline(never)]
    fn forget_parent(&mut self) {
        for key in 0..self.servers.len() {
            self.forget(key);
            self.servers[key].reconnect_at = None;
        }
        self.stop = None;
        self.end_round();
    }

    /// Whether an unfinished job of the current connection was returned to the caller.
    fn has_unfinished_jobs(&self, key: usize) -> bool {
        let server = &self.servers[key];
        self.jobs.iter().any(|(id, job)| {
            job.conn == key
                && job.generation == server.generation
                && !job.finished
                && !self.ready.contains(&id)
        })
    }
}
