//! Telling a server about a job.
//!
//! A report has reached the kernel when sending it returns. It waits for its own
//! connection only, in either mode, and no time limit ends it: half a packet
//! would spoil the connection.
//!
//! Must not: touch other connections.

use super::Worker;
use super::job::{Job, Report};
use crate::at;
use crate::engine::ReturnCode;
use crate::engine::link::{Flush, State, Wait};
use crate::engine::slab::Id;
use crate::net::Transport;
use crate::protocol::limits::MAX_PAYLOAD;
use crate::protocol::{Command, Header, Magic, encode};

impl<T: Transport> Worker<T> {
    /// Sends a report. After a final one every other is ignored, with SUCCESS.
    /// `LOST_CONNECTION` when the job's connection is gone: the server has given
    /// the job to somebody else.
    pub fn send(&mut self, id: Id, report: Report, body: &[u8]) -> ReturnCode {
        self.check_fork();
        self.report(id, report, body)
    }

    /// Sends a report, with forks already looked for.
    pub(super) fn report(&mut self, id: Id, report: Report, body: &[u8]) -> ReturnCode {
        let Some(job) = self.jobs.get(id) else {
            return self.gone();
        };
        if job.finished {
            return ReturnCode::SUCCESS;
        }
        let key = job.conn;
        let conn = self.link.conns.get_mut(key);
        let alive = self.servers.get(key).is_some_and(|server| server.life == job.life);
        let Some(conn) = conn.filter(|conn| alive && conn.state == State::Up) else {
            return self.gone();
        };
        if body.len() > MAX_PAYLOAD as usize - job.handle_and_nul().len() {
            return self.link.error.set(
                ReturnCode::ARGUMENT_TOO_LARGE,
                at!("gearman_job_send"),
                "a packet holds less than 4 GiB",
            );
        }
        put(conn.out.bytes(), report, job, body.len());
        if let Err(code) = self.push(key, body) {
            return code;
        }
        if report.is_final()
            && let Some(job) = self.jobs.get_mut(id)
        {
            job.finished = true;
        }
        ReturnCode::SUCCESS
    }

    fn gone(&mut self) -> ReturnCode {
        self.link.error.set(
            ReturnCode::LOST_CONNECTION,
            at!("gearman_job_send"),
            "the connection that the job came on is gone",
        )
    }

    /// Sends what is buffered and `body` after it, all of it.
    pub(super) fn push(&mut self, key: usize, body: &[u8]) -> Result<(), ReturnCode> {
        let mut sent = 0;
        loop {
            match self.link.flush(key, body, &mut sent) {
                Ok(Flush::Done) => return Ok(()),
                Ok(Flush::Blocked) => self.attend(key)?,
                Err(code) => {
                    self.lost(key);
                    return Err(code);
                }
            }
        }
    }

    /// Waits for one connection and takes in what comes on it: a server that
    /// cannot get rid of its packets does not read ours.
    pub(super) fn attend(&mut self, key: usize) -> Result<(), ReturnCode> {
        match self.link.wait_on(key, None)? {
            Wait::Woken => self.note_stop(),
            Wait::Ready | Wait::TimedOut | Wait::Interrupted => {}
        }
        let conn = &mut self.link.conns[key];
        conn.writable = false;
        if conn.readable
            && let Err(code) = self.read(key, 0)
            && self.link.conns[key].state != State::Up
        {
            if code == ReturnCode::LOST_CONNECTION {
                self.lost(key);
            }
            return Err(code);
        }
        Ok(())
    }
}

/// Appends a report's packet up to its body.
fn put(out: &mut Vec<u8>, report: Report, job: &Job, body: usize) {
    let command = match report {
        Report::Data => Command::WorkData,
        Report::Warning => Command::WorkWarning,
        Report::Complete => Command::WorkComplete,
        Report::Exception => Command::WorkException,
        Report::Fail => {
            encode(out, Magic::Request, Command::WorkFail, &[job.handle()], b"");
            return;
        }
        Report::Status { numerator, denominator } => {
            let (numerator, denominator) = (numerator.to_string(), denominator.to_string());
            let args: &[&[u8]] = &[job.handle(), numerator.as_bytes(), denominator.as_bytes()];
            encode(out, Magic::Request, Command::WorkStatus, args, b"");
            return;
        }
    };
    let handle = job.handle_and_nul();
    let length = (handle.len() + body) as u32;
    out.extend_from_slice(&Header { magic: Magic::Request, command, length }.bytes());
    out.extend_from_slice(handle);
}
