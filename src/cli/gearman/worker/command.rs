//! [`Running`]: a command that does a job. It is fed and read at the same time, a
//! piece at a time, so that neither side can wait for the other for ever.
//!
//! Must not: wait, or know servers.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use gearman_engine::worker::{AssignedJob, WorkTicket};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process_group};

/// How much is read from a command at once.
const ROOM: usize = 64 * 1024;

/// A command that runs.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its job.
    pub(crate) ticket: WorkTicket,
    child: Child,
    /// Gone once all is fed, or the command reads no more.
    stdin: Option<ChildStdin>,
    fed: usize,
    /// Gone at its end.
    stdout: Option<ChildStdout>,
    /// What was read and not sent.
    pub(crate) output: Vec<u8>,
    /// How it ended, once it has.
    pub(crate) status: Option<ExitStatus>,
}

impl Running {
    /// Starts a command for a job.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(
        words: &[OsString],
        ticket: WorkTicket,
        job: &AssignedJob,
    ) -> io::Result<Running> {
        let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut child = Command::new(program)
            .args(arguments)
            .env("GEARMAN_JOB_HANDLE", OsStr::from_bytes(job.handle()))
            .env("GEARMAN_FUNCTION", OsStr::from_bytes(job.function()))
            .env("GEARMAN_UNIQUE", OsStr::from_bytes(job.unique()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A terminal's Ctrl-C is for the worker: the job is to be finished.
            .process_group(0)
            .spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let pipes = [stdin.as_ref().map(AsFd::as_fd), stdout.as_ref().map(AsFd::as_fd)];
        for pipe in pipes.into_iter().flatten() {
            ioctl_fionbio(pipe, true)?;
        }
        Ok(Running { ticket, child, stdin, fed: 0, stdout, output: Vec::new(), status: None })
    }

    /// What it is to be waited for, to be fed.
    pub(crate) fn stdin(&self) -> Option<BorrowedFd<'_>> {
        self.stdin.as_ref().map(AsFd::as_fd)
    }

    /// What it is to be waited for, to be read.
    pub(crate) fn stdout(&self) -> Option<BorrowedFd<'_>> {
        self.stdout.as_ref().map(AsFd::as_fd)
    }

    /// Feeds as much of the job's data as the command takes now.
    pub(crate) fn feed(&mut self, workload: &[u8]) {
        let Some(stdin) = &mut self.stdin else { return };
        let rest = workload.get(self.fed..).unwrap_or_default();
        // A command need not read it all.
        let ends = match stdin.write(rest) {
            Ok(fed) => {
                self.fed += fed;
                self.fed == workload.len()
            }
            Err(error) => !is_for_later(&error),
        };
        if ends {
            self.stdin = None;
        }
    }

    /// Reads once what the command has written.
    pub(crate) fn read(&mut self) {
        let Some(stdout) = &mut self.stdout else { return };
        let before = self.output.len();
        self.output.resize(before + ROOM, 0);
        let got = stdout.read(&mut self.output[before..]);
        self.output.truncate(before + got.as_ref().copied().unwrap_or(0));
        match got {
            Ok(0) => self.stdout = None,
            Err(error) if !is_for_later(&error) => self.stdout = None,
            Ok(_) | Err(_) => {}
        }
    }

    /// Takes the whole lines off the output; at its end, the rest too.
    pub(crate) fn take_lines(&mut self) -> Vec<Vec<u8>> {
        let end = match self.output.iter().rposition(|&b| b == b'\n') {
            _ if self.stdout.is_none() => self.output.len(),
            Some(newline) => newline + 1,
            None => 0,
        };
        let rest = self.output.split_off(end);
        let whole = std::mem::replace(&mut self.output, rest);
        whole.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect()
    }

    /// Whether it has ended and all its output was read.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        if self.stdout.is_none() && self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status.is_some())
    }

    /// Ends it, and what it has started.
    pub(crate) fn kill(&mut self) {
        if let Ok(id) = i32::try_from(self.child.id())
            && let Some(group) = Pid::from_raw(id)
        {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
