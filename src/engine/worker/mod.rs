//! [`Worker`]: the state machine of a worker.
//!
//! [`Worker::work`] asks servers for a job until one gives it, and then returns
//! for the job's function to be called; [`Worker::finish`] tells the server how
//! that went. Between the two nothing is kept but the job: the function may call
//! anything on the same worker, or may never come back.
//!
//! One question (GRAB) is outstanding per connection at most, and one connection
//! is asked at a time, so that no server hands out a job that nobody is waiting
//! for. A server that is slow to answer is passed over; its job, when it
//! comes after all, is the next one to be handed out.
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
    /// Which packet asks for a job: GRAB_JOB, GRAB_JOB_UNIQ or GRAB_JOB_ALL.
    pub grabs_with: Command,
    /// Whether the time limit ends a sleep.
    pub timeout_ends_sleep: bool,
    /// Whether [`Worker::finish`] says in non-blocking mode, too, that a result was lost.
    pub reports_lost_results: bool,
    servers: Vec<WorkerServer>,
    /// Some server has something to hear of functions.
    has_ability_changes: bool,
    /// The oldest first.
    functions: Vec<WorkerFunction>,
    jobs: BoxSlab<AssignedJob>,
    /// Jobs that have come and were not handed out.
    ready: VecDeque<SlabId>,
    /// The memory of the last job.
    spare: Option<Box<AssignedJob>>,
    stop: Option<Stop>,
    /// The round of non-blocking calls that is under way; 0 when there is none.
    round: u64,
    /// The server that they wait for, and until when.
    turn: Option<(usize, Instant)>,
    /// A program's event loop drives this worker, by what [`Worker::poll_fd`] and
    /// [`Worker::next_timeout`] tell it.
    in_event_loop: bool,
    last_call: u64,
    last_generation: u32,
    last_ticket: u32,
    last_exchange: u32,
    reply: Option<(u32, super::exchange::ExchangeReply)>,
    /// The packet that the call under way waits to send.
    push: Option<send::Push>,
    /// The only server was asked for a job, and its answer is not noted as owed.
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

    /// Adds a server, to be asked before those added earlier.
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

    /// Closes and forgets every server. Their jobs are lost.
    pub fn remove_servers(&mut self) {
        self.check_fork();
        for key in 0..self.servers.len() {
            self.disconnect(key);
        }
        self.link.remove_servers();
        self.servers.clear();
        self.end_round();
    }

    /// A number for the generation of a connection that no other has had.
    fn next_generation(&mut self) -> u32 {
        self.last_generation = self.last_generation.wrapping_add(1);
        self.last_generation
    }

    /// A job, unless it is gone.
    pub fn job(&self, id: SlabId) -> Option<&AssignedJob> {
        self.jobs.get(id)
    }

    /// A job, unless it is gone.
    pub fn job_mut(&mut self, id: SlabId) -> Option<&mut AssignedJob> {
        self.jobs.get_mut(id)
    }

    /// Forgets a job. Its server is told nothing.
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

    /// Makes a call that may have to wait, and sleeps where it must: for callers whose
    /// thread is never cancelled.
    pub fn block<R>(&mut self, mut call: impl FnMut(&mut Self) -> Poll<R>) -> R {
        loop {
            match call(self) {
                Poll::Ready(result) => return result,
                Poll::Pending => self.link.sleep(),
            }
        }
    }

    /// A call was left in the middle of its wait and will not go on: what it had half
    /// sent goes with its connection, and an answer that it had asked for is taken by
    /// the next call.
    pub fn abandon_wait(&mut self) {
        self.link.forget_wait();
        if let Some(push) = self.push.take() {
            self.disconnect(push.key());
        }
        self.end_quick_grab();
    }

    /// Notices a fork. The child's jobs are its parent's, and so are the stops
    /// that were asked for.
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

    /// Whether an unfinished job of this generation of a connection is at hand.
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
