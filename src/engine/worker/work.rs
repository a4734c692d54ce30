//! Running jobs: finds the function of a job, and reports the job's outcome.
//!
//! Must not: call the function.

use super::Worker;
use super::grab::Search;
use super::job::{AssignedJob, Report};
use crate::ReturnCode;
use crate::at;
use crate::slab::SlabId;
use gearman_net::Transport;
use std::task::{Poll, ready};
use std::time::Instant;

/// The function to call. Plain data, because it is kept while that function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkUpcall {
    /// The token of the function.
    pub token: u64,
    /// Whether its results go through a reducer.
    pub reduces: bool,
}

/// Identifies one call of a function. A stale ticket is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkTicket {
    job: SlabId,
    number: u32,
}

impl WorkTicket {
    /// The job that the function runs for.
    pub fn job(self) -> SlabId {
        self.job
    }
}

/// The result of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkStep {
    /// The call has ended with this code and without a job.
    Done(ReturnCode),
    /// Call this function; [`Worker::finish`] then ends the call.
    Call(WorkUpcall, WorkTicket),
}

/// The outcome of a job's function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The job is done; `work` returns this code.
    Complete(ReturnCode),
    /// The job has failed; `work` returns this code.
    Fail(ReturnCode),
    /// Another worker should do the job: its connection is closed, so that the server
    /// queues it again.
    Retry,
}

impl Outcome {
    /// The code that the call returns, unless the report cannot be sent.
    fn code(self) -> ReturnCode {
        match self {
            Outcome::Complete(code) | Outcome::Fail(code) => code,
            Outcome::Retry => ReturnCode::SUCCESS,
        }
    }
}

impl<T: Transport> Worker<T> {
    /// Gets a job and its function, and sleeps until one arrives or the call has to end.
    /// The shortcut is inlined here, without the stages of a resumable call: they cost a
    /// small job a tenth more instructions.
    #[inline(always)]
    pub fn work(&mut self) -> WorkStep {
        let deadline = self.begin_job(true);
        if !self.send_quick_grab() {
            return self.work_on(deadline, Poll::Ready(Ok(None)));
        }
        self.link.sleep_until(deadline);
        match self.poll_quick(deadline) {
            Poll::Ready(Ok(Some(id))) => self.start(id),
            other => self.work_on(deadline, other),
        }
    }

    /// Continues on the regular path, sleeping in between. `quick` is the result of the
    /// shortcut.
    #[cold]
    #[inline(never)]
    fn work_on(
        &mut self,
        deadline: Option<Instant>,
        quick: Poll<Result<Option<SlabId>, ReturnCode>>,
    ) -> WorkStep {
        let mut search = Search::for_work();
        let found = match self.poll_begun(&mut search, deadline, quick) {
            Poll::Ready(found) => found,
            Poll::Pending => {
                self.link.sleep();
                self.block(|worker| worker.poll_job(&mut search))
            }
        };
        found.map_or_else(WorkStep::Done, |id| self.start(id))
    }

    /// Gets a job and its function, or the code with which the call ends.
    #[inline]
    pub fn poll_work(&mut self, search: &mut Search) -> Poll<WorkStep> {
        Poll::Ready(match ready!(self.poll_job(search)) {
            Ok(id) => self.start(id),
            Err(code) => WorkStep::Done(code),
        })
    }

    /// Finds the function of a job.
    #[inline(always)]
    fn start(&mut self, id: SlabId) -> WorkStep {
        let token = self
            .jobs
            .get(id)
            .and_then(|job| self.function(job.function()))
            .and_then(|function| function.token());
        let (Some(token), Some(job)) = (token, self.jobs.get_mut(id)) else {
            let key = self.jobs.get(id).map(|job| job.conn);
            self.remove_job(id);
            // The server must give the job to a worker that has the function.
            if let Some(key) = key {
                self.disconnect(key);
            }
            return WorkStep::Done(self.link.error.set(
                ReturnCode::INVALID_FUNCTION_NAME,
                at!("gearman_worker_work"),
                "Function not found",
            ));
        };
        self.last_ticket = self.last_ticket.wrapping_add(1).max(1);
        let number = self.last_ticket;
        job.running = number;
        let reduces = job.reduces();
        WorkStep::Call(WorkUpcall { token, reduces }, WorkTicket { job: id, number })
    }

    /// Ends a job after its function: sends the report, unless the function has sent a
    /// final one, and removes the job. Returns the call's code. After `Pending`,
    /// [`Worker::poll_push`] continues.
    #[inline(always)]
    pub fn poll_finish(
        &mut self,
        ticket: WorkTicket,
        outcome: Outcome,
        result: &[u8],
    ) -> Poll<ReturnCode> {
        self.check_fork();
        let Some(mut job) = self.jobs.remove(ticket.job) else {
            return Poll::Ready(outcome.code());
        };
        let finished = if job.running == ticket.number {
            self.end(&mut job, outcome, result)
        } else {
            Poll::Ready(outcome.code())
        };
        self.recycle(job);
        finished
    }

    /// Ends a job as [`Worker::poll_finish`] does, and sleeps until the report is sent.
    pub fn finish(&mut self, ticket: WorkTicket, outcome: Outcome, result: &[u8]) -> ReturnCode {
        let finished = self.poll_finish(ticket, outcome, result);
        self.sleep_until_sent(finished, result)
    }

    #[inline(always)]
    fn end(&mut self, job: &mut AssignedJob, outcome: Outcome, result: &[u8]) -> Poll<ReturnCode> {
        match outcome {
            Outcome::Complete(code) => match self.conclude(job, Report::Complete, result, code) {
                // The client must not wait for a result that cannot be sent.
                Poll::Ready(code @ ReturnCode::ARGUMENT_TOO_LARGE) if !job.finished => {
                    self.conclude(job, Report::Fail, b"", code)
                }
                concluded => concluded,
            },
            Outcome::Fail(code) => self.conclude(job, Report::Fail, b"", code),
            Outcome::Retry => {
                if !job.finished && self.is_current(job.conn, job.generation) {
                    self.disconnect(job.conn);
                }
                Poll::Ready(outcome.code())
            }
        }
    }

    /// Handles a function that never returned. The job is not run again here. The next call
    /// closes its connection, so that the server queues it again.
    pub fn abandon(&mut self, ticket: WorkTicket) {
        let Some(job) = self.jobs.get_mut(ticket.job).filter(|j| j.running == ticket.number) else {
            return;
        };
        job.running = 0;
        let (key, generation, finished) = (job.conn, job.generation, job.finished);
        if !finished && self.is_current(key, generation) {
            self.servers[key].abandoned = true;
        }
    }

    /// Whether a connection still has this generation.
    pub(super) fn is_current(&self, key: usize, generation: u32) -> bool {
        self.servers.get(key).is_some_and(|server| server.generation == generation)
    }
}
