//! Telling a server about a job.
//!
//! A report has reached the kernel when sending it returns. It waits for its own
//! connection only, in either mode, and no time limit ends it: half a packet
//! would spoil the connection.
//!
//! Must not: touch other connections.

use super::Worker;
use super::job::{Job, Report};
use super::server::Server;
use crate::at;
use crate::engine::ReturnCode;
use crate::engine::link::{Flush, Link, State, Wait};
use crate::engine::slab::Id;
use crate::net::Transport;
use crate::protocol::{Command, Magic, encode};

impl<T: Transport> Worker<T> {
    /// Sends a report. After a final one every other is ignored, with SUCCESS.
    /// `LOST_CONNECTION` when the job's connection is gone: the server has given
    /// the job to somebody else.
    pub fn send(&mut self, id: Id, report: Report, body: &[u8]) -> ReturnCode {
        self.check_fork();
        let Some(job) = self.jobs.get_mut(id) else {
            return self.gone();
        };
        if job.finished {
            return ReturnCode::SUCCESS;
        }
        let told = tell(&mut self.link, &self.servers, job, report, body);
        let key = job.conn;
        if told != Told::All
            && let Err(code) = self.tell_on(key, body, told)
        {
            return code;
        }
        if report.is_final()
            && let Some(job) = self.jobs.get_mut(id)
        {
            job.finished = true;
        }
        ReturnCode::SUCCESS
    }

    /// Sends the last report of a job that is not looked up any more.
    #[inline(always)]
    pub(super) fn conclude(&mut self, job: &mut Job, report: Report, body: &[u8]) -> ReturnCode {
        if job.finished {
            return ReturnCode::SUCCESS;
        }
        match tell(&mut self.link, &self.servers, job, report, body) {
            Told::All => ReturnCode::SUCCESS,
            told => self.tell_on(job.conn, body, told).err().unwrap_or_default(),
        }
    }

    /// Goes on with a report that could not be sent at once.
    #[cold]
    #[inline(never)]
    fn tell_on(&mut self, key: usize, body: &[u8], told: Told) -> Result<(), ReturnCode> {
        match told {
            Told::All => Ok(()),
            Told::UpTo(sent) => self.push_from(key, body, sent),
            Told::Gone => Err(self.gone()),
            Told::TooLarge => Err(self.link.error.set(
                ReturnCode::ARGUMENT_TOO_LARGE,
                at!("gearman_job_send"),
                "a packet holds less than 4 GiB",
            )),
        }
    }

    #[cold]
    #[inline(never)]
    fn gone(&mut self) -> ReturnCode {
        self.link.error.set(
            ReturnCode::LOST_CONNECTION,
            at!("gearman_job_send"),
            "the connection that the job came on is gone",
        )
    }

    /// Sends what is buffered and `body` after it, all of it.
    pub(super) fn push(&mut self, key: usize, body: &[u8]) -> Result<(), ReturnCode> {
        self.push_from(key, body, 0)
    }

    /// The same, when the first bytes of `body` have gone before.
    fn push_from(&mut self, key: usize, body: &[u8], mut sent: usize) -> Result<(), ReturnCode> {
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

/// How far telling a server has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The kernel has all of it.
    All,
    /// So many bytes of the body have gone; what is left of the head is buffered.
    UpTo(usize),
    /// The job's connection is gone.
    Gone,
    /// No packet holds that much.
    TooLarge,
}

/// Sends a report as far as it goes at once.
#[inline(always)]
fn tell<T: Transport>(
    link: &mut Link<T>,
    servers: &[Server],
    job: &mut Job,
    report: Report,
    body: &[u8],
) -> Told {
    let key = job.conn;
    let alive = servers.get(key).is_some_and(|server| server.life == job.life);
    let conn = link.conns.get_mut(key);
    let Some(conn) = conn.filter(|conn| alive && conn.state == State::Up) else {
        return Told::Gone;
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
            return Told::UpTo(0);
        }
    };
    let Some(head) = job.report(command, body.len()) else { return Told::TooLarge };
    if conn.out.is_empty() {
        return link.send_now(key, head, body).map_or(Told::All, Told::UpTo);
    }
    conn.out.bytes().extend_from_slice(head);
    Told::UpTo(0)
}
