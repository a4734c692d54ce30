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
mod send;
mod server;
mod stop;
#[cfg(test)]
mod tests;
mod work;

pub use functions::Function;
pub use grab::Search;
pub use job::{Job, Report};
pub use request::Exchange;
pub use stop::{STOP_GRACEFUL, STOP_NOW};
pub use work::{Outcome, Step, Ticket, Upcall};

use super::ReturnCode;
use super::link::{Limit, Link, Wait};
use super::slab::{Id, Slab};
use crate::at;
use crate::net::Transport;
use crate::protocol::Command;
use server::Server;
use std::collections::VecDeque;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};
use stop::Stop;

/// A worker.
#[derive(Debug)]
pub struct Worker<T: Transport> {
    /// The connections.
    pub link: Link<T>,
    /// Which packet asks for a job: GRAB_JOB, GRAB_JOB_UNIQ or GRAB_JOB_ALL.
    pub grabs_with: Command,
    /// Whether the time limit ends a sleep.
    pub sleep_ends: bool,
    servers: Vec<Server>,
    /// Some server has something to hear of functions.
    has_news: bool,
    /// The oldest first.
    functions: Vec<Function>,
    jobs: Slab<Job>,
    /// Jobs that have come and were not handed out.
    ready: VecDeque<Id>,
    /// The memory of the last job.
    spare: Option<Box<Job>>,
    stop: Option<Stop>,
    /// The server that non-blocking calls wait for, and until when.
    turn: Option<(usize, Instant)>,
    last_call: u64,
    last_life: u32,
    last_ticket: u32,
    last_exchange: u32,
    reply: Option<(u32, super::exchange::Reply)>,
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
            sleep_ends: true,
            servers: Vec::new(),
            has_news: false,
            functions: Vec::new(),
            jobs: Slab::new(),
            ready: VecDeque::new(),
            spare: None,
            stop: None,
            turn: None,
            last_call: 0,
            last_life: 0,
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
        let life = self.next_life();
        self.servers.push(Server::new(life));
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
        self.turn = None;
    }

    /// A number for the life of a connection that no other has had.
    fn next_life(&mut self) -> u32 {
        self.last_life = self.last_life.wrapping_add(1);
        self.last_life
    }

    /// A job, unless it is gone.
    pub fn job(&self, id: Id) -> Option<&Job> {
        self.jobs.get(id)
    }

    /// A job, unless it is gone.
    pub fn job_mut(&mut self, id: Id) -> Option<&mut Job> {
        self.jobs.get_mut(id)
    }

    /// Forgets a job. Its server is told nothing.
    #[inline]
    pub fn remove_job(&mut self, id: Id) {
        if let Some(job) = self.jobs.remove(id) {
            self.recycle(job);
        }
    }

    /// Keeps the memory of a job for the next one.
    #[inline(always)]
    fn recycle(&mut self, job: Box<Job>) {
        self.spare = job.recycle();
    }

    /// Makes a call that may have to wait, and sleeps where it must: for callers whose
    /// thread nobody cancels.
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
        self.owe_answer();
    }

    /// Whether something has come: the helper of non-blocking mode.
    ///
    /// # Errors
    /// `NO_ACTIVE_FDS`, `TIMEOUT`, `IO_WAIT` for a signal, and the stop that was
    /// asked for.
    pub fn poll_any(&mut self, limit: &mut Limit) -> Poll<Result<(), ReturnCode>> {
        self.check_fork();
        if !self.link.any_open() {
            let at = at!("gearman_wait");
            let text = "no active file descriptors";
            return Poll::Ready(Err(self.link.error.set(ReturnCode::NO_ACTIVE_FDS, at, text)));
        }
        if let Some(stop) = self.stop {
            return Poll::Ready(Err(self.link.error.set_code(stop.code())));
        }
        let (settings, net) = (&self.link.settings, &self.link.net);
        let until = limit.or_begin(|| settings.deadline(net.now()));
        Poll::Ready(match ready!(self.link.poll_wait(until))? {
            Wait::Ready => Ok(()),
            Wait::Woken => {
                self.note_stop();
                match self.stop {
                    Some(stop) => Err(self.link.error.set_code(stop.code())),
                    None => Ok(()),
                }
            }
            Wait::Interrupted => Err(self.link.error.set_code(ReturnCode::IO_WAIT)),
            Wait::TimedOut => Err(self.link.timed_out()),
        })
    }

    /// Whether a call has work that needs no waiting for.
    pub fn has_buffered_work(&self) -> bool {
        !self.ready.is_empty()
            || (self.link.conns.iter())
                .any(|c| c.readable || c.writable || (!c.inbuf.is_empty() && !c.partial))
    }

    /// A descriptor that is readable when a call has something to do; -1 when
    /// there is none.
    pub fn poll_fd(&mut self) -> i32 {
        self.check_fork();
        self.link.net.poll_fd().unwrap_or(-1)
    }

    /// How long until a deadline has to be looked at: connecting or an answer
    /// takes too long, or a server that is down can be tried again.
    pub fn next_timeout(&self) -> Option<Duration> {
        let rests = self.servers.iter().filter_map(|s| s.rests_until).min();
        let turn = self.turn.map(|(_, end)| end);
        let next = self.link.connect_deadline().into_iter().chain(rests).chain(turn).min()?;
        Some(next.saturating_duration_since(self.link.net.now()))
    }

    /// Notices a fork. The child's jobs are its parent's, and so are the stops
    /// that were asked for.
    #[inline]
    fn check_fork(&mut self) {
        if self.link.forked() {
            self.disown();
        }
    }

    #[cold]
    #[inline(never)]
    fn disown(&mut self) {
        for key in 0..self.servers.len() {
            self.forget(key);
            self.servers[key].rests_until = None;
        }
        self.stop = None;
        self.turn = None;
    }

    /// Whether an unfinished job of this life of a connection is at hand.
    fn has_jobs(&self, key: usize) -> bool {
        let server = &self.servers[key];
        self.jobs.iter().any(|(id, job)| {
            job.conn == key && job.life == server.life && !job.finished && !self.ready.contains(&id)
        })
    }
}
