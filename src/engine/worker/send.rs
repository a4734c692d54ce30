//! Sending reports about jobs.
//!
//! When a send returns, the kernel has the whole report. A send waits for its own
//! connection only, in either mode and without a timeout: a partly sent packet makes the
//! connection unusable.
//!
//! Must not: touch other connections.

use super::Worker;
use super::job::{AssignedJob, Report};
use super::server::WorkerServer;
use crate::ReturnCode;
use crate::at;
use crate::link::{ConnState, Flush, Link, Wait};
use crate::slab::SlabId;
use gearman_net::Transport;
use gearman_protocol::{Command, Magic, encode};
use std::task::{Poll, ready};

/// A packet whose sending has to wait. It may be partly sent: nothing else can follow it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Push {
    key: usize,
    /// Bytes of the body sent so far.
    sent: usize,
    /// Whether the packet has the body of the call.
    has_body: bool,
    /// The job that is finished once the packet is sent.
    finishes: Option<SlabId>,
    /// The code that the call then returns.
    code: ReturnCode,
    /// Whether the call returns that code also if the connection is lost.
    hides_loss: bool,
}

impl Push {
    /// The buffered bytes of a connection, and a body after them.
    pub(super) fn of_buffered(key: usize) -> Push {
        let code = ReturnCode::SUCCESS;
        Push { key, sent: 0, has_body: true, finishes: None, code, hides_loss: false }
    }

    /// The code that the call returns if the packet cannot be sent.
    fn code_after(self, failure: ReturnCode) -> ReturnCode {
        let hidden = self.hides_loss && failure == ReturnCode::LOST_CONNECTION;
        if hidden { self.code } else { failure }
    }

    /// The connection on which it is sent.
    pub(super) fn key(self) -> usize {
        self.key
    }
}

impl<T: Transport> Worker<T> {
    /// Sends a report. After a final one all others are ignored, with `SUCCESS`. Returns
    /// `LOST_CONNECTION` if the job's connection is gone: the server has given the job to
    /// another worker. After `Pending`, [`Worker::poll_push`] continues.
    pub fn poll_send(&mut self, id: SlabId, report: Report, body: &[u8]) -> Poll<ReturnCode> {
        self.check_fork();
        let Some(job) = self.jobs.get_mut(id) else {
            return Poll::Ready(self.connection_gone());
        };
        if job.finished {
            return Poll::Ready(ReturnCode::SUCCESS);
        }
        let outcome = send_report(&mut self.link, &self.servers, job, report, body);
        if outcome == SendOutcome::All {
            job.finished = report.is_final();
            return Poll::Ready(ReturnCode::SUCCESS);
        }
        let (key, finishes) = (job.conn, report.is_final().then_some(id));
        match self.push_after(key, outcome) {
            Ok(push) => self.poll_flush(Push { finishes, ..push }, body),
            Err(code) => Poll::Ready(code),
        }
    }

    /// Sends a report, and sleeps until it is sent.
    pub fn send(&mut self, id: SlabId, report: Report, body: &[u8]) -> ReturnCode {
        let sent = self.poll_send(id, report, body);
        self.sleep_until_sent(sent, body)
    }

    /// Sleeps until the current packet is sent.
    pub(super) fn sleep_until_sent(&mut self, sent: Poll<ReturnCode>, body: &[u8]) -> ReturnCode {
        match sent {
            Poll::Ready(code) => code,
            Poll::Pending => {
                self.link.sleep();
                self.block(|worker| worker.poll_push(body))
            }
        }
    }

    /// Sends the final report of a job that is removed already. The call returns `code` on
    /// success.
    #[inline(always)]
    pub(super) fn conclude(
        &mut self,
        job: &mut AssignedJob,
        report: Report,
        body: &[u8],
        code: ReturnCode,
    ) -> Poll<ReturnCode> {
        if job.finished {
            return Poll::Ready(code);
        }
        match send_report(&mut self.link, &self.servers, job, report, body) {
            SendOutcome::All => Poll::Ready(code),
            outcome => self.conclude_later(job.conn, outcome, body, code),
        }
    }

    #[cold]
    #[inline(never)]
    fn conclude_later(
        &mut self,
        key: usize,
        outcome: SendOutcome,
        body: &[u8],
        code: ReturnCode,
    ) -> Poll<ReturnCode> {
        let hides_loss = self.link.settings.non_blocking && !self.reports_lost_results;
        match self.push_after(key, outcome) {
            Ok(push) => {
                let has_body = !body.is_empty();
                self.poll_flush(Push { has_body, code, hides_loss, ..push }, body)
            }
            Err(ReturnCode::LOST_CONNECTION) if hides_loss => Poll::Ready(code),
            Err(code) => Poll::Ready(code),
        }
    }

    /// The rest of a report that could not be sent at once.
    #[cold]
    #[inline(never)]
    fn push_after(&mut self, key: usize, outcome: SendOutcome) -> Result<Push, ReturnCode> {
        match outcome {
            SendOutcome::All => Ok(Push::of_buffered(key)),
            SendOutcome::UpTo(sent) => Ok(Push { sent, ..Push::of_buffered(key) }),
            SendOutcome::Gone => Err(self.connection_gone()),
            SendOutcome::TooLarge => Err(self.link.error.set(
                ReturnCode::ARGUMENT_TOO_LARGE,
                at!("gearman_job_send"),
                "a packet must be smaller than 4 GiB",
            )),
        }
    }

    #[cold]
    #[inline(never)]
    fn connection_gone(&mut self) -> ReturnCode {
        self.link.error.set(
            ReturnCode::LOST_CONNECTION,
            at!("gearman_job_send"),
            "the job's connection is gone",
        )
    }

    /// Continues to send the current packet. `body` must be the same as in the first call.
    pub fn poll_push(&mut self, body: &[u8]) -> Poll<ReturnCode> {
        let Some(push) = self.push else {
            return Poll::Ready(ReturnCode::SUCCESS);
        };
        let served = ready!(self.poll_serve(push.key));
        self.push = None;
        match served {
            Ok(()) => self.poll_flush(push, body),
            Err(code) => Poll::Ready(push.code_after(code)),
        }
    }

    /// Sends a packet until it is complete or has to wait.
    pub(super) fn poll_flush(&mut self, mut push: Push, body: &[u8]) -> Poll<ReturnCode> {
        let body = if push.has_body { body } else { b"" };
        loop {
            match self.link.flush(push.key, body, &mut push.sent) {
                Ok(Flush::Done) => break,
                Ok(Flush::Blocked) => match self.poll_serve(push.key) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(code)) => return Poll::Ready(push.code_after(code)),
                    Poll::Pending => {
                        self.push = Some(push);
                        return Poll::Pending;
                    }
                },
                Err(code) => {
                    self.lost(push.key);
                    return Poll::Ready(push.code_after(code));
                }
            }
        }
        if let Some(job) = push.finishes.and_then(|id| self.jobs.get_mut(id)) {
            job.finished = true;
        }
        Poll::Ready(push.code)
    }

    /// Waits for one connection and reads it: a server whose own packets are not read may
    /// not read ours.
    fn poll_serve(&mut self, key: usize) -> Poll<Result<(), ReturnCode>> {
        match ready!(self.link.poll_wait_on(key, None))? {
            Wait::Woken => self.note_stop(),
            Wait::Ready | Wait::TimedOut | Wait::Interrupted => {}
        }
        let conn = &mut self.link.conns[key];
        conn.writable = false;
        if conn.readable
            && let Err(code) = self.read(key, self.round)
            && self.link.conns[key].state != ConnState::Up
        {
            if code == ReturnCode::LOST_CONNECTION {
                self.lost(key);
            }
            return Poll::Ready(Err(code));
        }
        Poll::Ready(Ok(()))
    }
}

/// The result of sending a report.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SendOutcome {
    /// The kernel has all of it.
    All,
    /// This many bytes of the body are sent; the rest of the head is buffered.
    UpTo(usize),
    /// The job's connection is gone.
    Gone,
    /// The report exceeds the size of a packet.
    TooLarge,
}

/// Sends a report, as far as possible without waiting.
#[inline(always)]
fn send_report<T: Transport>(
    link: &mut Link<T>,
    servers: &[WorkerServer],
    job: &mut AssignedJob,
    report: Report,
    body: &[u8],
) -> SendOutcome {
    let key = job.conn;
    let alive = servers.get(key).is_some_and(|server| server.generation == job.generation);
    let conn = link.conns.get_mut(key);
    let Some(conn) = conn.filter(|conn| alive && conn.state == ConnState::Up) else {
        return SendOutcome::Gone;
    };
    let command = match report {
        Report::Data => Command::WorkData,
        Report::Warning => Command::WorkWarning,
        Report::Complete => Command::WorkComplete,
        Report::Exception => Command::WorkException,
        Report::Fail => Command::WorkFail,
        Report::Status { numerator, denominator } => {
            let (numerator, denominator) = (numerator.to_string(), denominator.to_string());
            let args: &[&[u8]] = &[job.handle(), numerator.as_bytes(), denominator.as_bytes()];
            encode(conn.out.bytes(), Magic::Request, Command::WorkStatus, args, b"");
            return SendOutcome::UpTo(0);
        }
    };
    let Some(head) = job.report(command, body.len()) else { return SendOutcome::TooLarge };
    if conn.out.is_empty() {
        return link.send_now(key, head, body).map_or(SendOutcome::All, SendOutcome::UpTo);
    }
    conn.out.bytes().extend_from_slice(head);
    SendOutcome::UpTo(0)
}
