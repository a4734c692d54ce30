//! Running jobs: from a job to the function that is called for it, and from the
//! function's end to what the server is told.
//!
//! Must not: call the function.

use super::Worker;
use super::job::{Job, Report};
use crate::at;
use crate::engine::ReturnCode;
use crate::engine::slab::Id;
use crate::net::Transport;

/// The function that is to be called. Plain data: it is alive while
/// that function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upcall {
    /// What to do.
    pub job: Id,
    /// What the layer above runs for it.
    pub token: u64,
    /// Whether its results go through a reducer.
    pub reduces: bool,
}

/// Stands for one call of a function. One that nobody holds any more is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    job: Id,
    number: u32,
}

impl Ticket {
    /// The job that the function runs for.
    pub fn job(self) -> Id {
        self.job
    }
}

/// What comes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The call is over, with this code and without a job.
    Done(ReturnCode),
    /// A function is to be called; then [`Worker::finish`] ends the call.
    Call(Upcall, Ticket),
}

/// How a job's function ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The job is done; `work` returns this code.
    Complete(ReturnCode),
    /// The job has failed; `work` returns this code.
    Fail(ReturnCode),
    /// Somebody else is to do the job: its connection is closed, so that the
    /// server gives it away.
    Retry,
}

impl Outcome {
    /// What the call returns, unless telling the server fails.
    fn code(self) -> ReturnCode {
        match self {
            Outcome::Complete(code) | Outcome::Fail(code) => code,
            Outcome::Retry => ReturnCode::SUCCESS,
        }
    }
}

impl<T: Transport> Worker<T> {
    /// Waits for a job with a function, or for a reason to return.
    pub fn work(&mut self) -> Step {
        let id = match self.next_job(true) {
            Ok(id) => id,
            Err(code) => return Step::Done(code),
        };
        let token = self
            .jobs
            .get(id)
            .and_then(|job| self.function(job.function()))
            .and_then(|function| function.token());
        let (Some(token), Some(job)) = (token, self.jobs.get_mut(id)) else {
            let key = self.jobs.get(id).map(|job| job.conn);
            self.remove_job(id);
            // The server must give the job to somebody who knows the function.
            if let Some(key) = key {
                self.disconnect(key);
            }
            return Step::Done(self.link.error.set(
                ReturnCode::INVALID_FUNCTION_NAME,
                at!("gearman_worker_work"),
                "Function not found",
            ));
        };
        self.last_ticket = self.last_ticket.wrapping_add(1).max(1);
        let number = self.last_ticket;
        job.running = number;
        let reduces = job.reduces();
        Step::Call(Upcall { job: id, token, reduces }, Ticket { job: id, number })
    }

    /// A function has returned: tells the server, unless the function has done
    /// so, forgets the job, and returns the call's code.
    #[inline(always)]
    pub fn finish(&mut self, ticket: Ticket, outcome: Outcome, result: &[u8]) -> ReturnCode {
        self.check_fork();
        let Some(mut job) = self.jobs.remove(ticket.job) else { return outcome.code() };
        let code = if job.running == ticket.number {
            self.end(&mut job, outcome, result)
        } else {
            outcome.code()
        };
        self.recycle(job);
        code
    }

    #[inline(always)]
    fn end(&mut self, job: &mut Job, outcome: Outcome, result: &[u8]) -> ReturnCode {
        let sent = match outcome {
            Outcome::Complete(_) => match self.conclude(job, Report::Complete, result) {
                // The client must not wait for a result that cannot be sent.
                ReturnCode::ARGUMENT_TOO_LARGE => {
                    let told = self.conclude(job, Report::Fail, b"");
                    if told.failed() { told } else { ReturnCode::ARGUMENT_TOO_LARGE }
                }
                code => code,
            },
            Outcome::Fail(_) => self.conclude(job, Report::Fail, b""),
            Outcome::Retry => {
                if !job.finished && self.is_alive(job.conn, job.life) {
                    self.disconnect(job.conn);
                }
                ReturnCode::SUCCESS
            }
        };
        if sent.failed() { sent } else { outcome.code() }
    }

    /// A function was left without returning. The job is not run again here; the
    /// next call closes its connection, so that the server gives it away.
    pub fn abandon(&mut self, ticket: Ticket) {
        let Some(job) = self.jobs.get_mut(ticket.job).filter(|j| j.running == ticket.number) else {
            return;
        };
        job.running = 0;
        let (key, life, finished) = (job.conn, job.life, job.finished);
        if !finished && self.is_alive(key, life) {
            self.servers[key].abandoned = true;
        }
    }

    /// Whether a connection is still in this life.
    pub(super) fn is_alive(&self, key: usize, life: u32) -> bool {
        self.servers.get(key).is_some_and(|server| server.life == life)
    }
}
