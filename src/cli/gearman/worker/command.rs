//! [`RunningCommand`]: the process that runs a job. Its input is written and its output
//! read in turns, as far as each pipe allows, so that neither side blocks the other.
//!
//! Must not: wait, or know servers.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use gearman_engine::worker::{AssignedJob, WorkTicket};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process_group};

/// The most bytes read from a command at once.
const COMMAND_READ_BYTES_MAX: usize = 64 * 1024;

/// The argument in whose place the data of a job is passed.
const PLACEHOLDER: &str = "{}";
/// Programs that give the placeholder a meaning of their own; the data is on their standard
/// input, as for the original's workers.
const PLACEHOLDER_PROGRAMS: [&str; 4] = ["fd", "find", "parallel", "xargs"];

/// Whether the data of jobs takes the place of arguments. Only a whole argument counts: in
/// a part of one, such as a script for a shell, data could be read as commands.
pub(crate) fn has_placeholder(words: &[OsString]) -> bool {
    let Some(at) = words.iter().skip(1).position(|word| word == PLACEHOLDER) else { return false };
    let is_their_own = |word: &OsString| {
        let name = Path::new(word).file_name().unwrap_or_default();
        PLACEHOLDER_PROGRAMS.iter().any(|program| name == *program)
    };
    !words[..=at].iter().any(is_their_own)
}

/// The process that runs a job.
#[derive(Debug)]
pub(crate) struct RunningCommand {
    /// The job.
    pub(crate) ticket: WorkTicket,
    child: Child,
    /// None once the whole workload is written, or the command has closed its input.
    stdin: Option<ChildStdin>,
    /// Bytes of the workload that are written.
    written: usize,
    /// None once the command has closed its output.
    stdout: Option<ChildStdout>,
    /// Bytes that were read and not yet sent to the server.
    pub(crate) output: Vec<u8>,
    /// The exit status, once the process has ended.
    pub(crate) status: Option<ExitStatus>,
}

impl RunningCommand {
    /// Starts a command for a job. With placeholders among its words it gets the data, without a
    /// newline at its end, as those arguments, and nothing on its standard input.
    ///
    /// # Errors
    /// When it cannot be started. [`ErrorKind::InvalidInput`] and
    /// [`ErrorKind::ArgumentListTooLong`] are about data that no argument can hold.
    pub(crate) fn start(
        words: &[OsString],
        ticket: WorkTicket,
        job: &AssignedJob,
    ) -> io::Result<RunningCommand> {
        let (program, arguments) = words.split_first().ok_or(ErrorKind::NotFound)?;
        let takes_argument = has_placeholder(words);
        let line = job.workload().strip_suffix(b"\n").unwrap_or(job.workload());
        let arguments = arguments.iter().map(|word| match word {
            word if takes_argument && word == PLACEHOLDER => OsStr::from_bytes(line),
            word => word,
        });
        let mut child = Command::new(program)
            .args(arguments)
            .env("GEARMAN_JOB_HANDLE", OsStr::from_bytes(job.handle()))
            .env("GEARMAN_FUNCTION", OsStr::from_bytes(job.function()))
            .env("GEARMAN_UNIQUE", OsStr::from_bytes(job.unique()))
            .stdin(if takes_argument { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            // Ctrl-C reaches only the worker, which finishes the job before it exits.
            .process_group(0)
            .spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let pipes = [stdin.as_ref().map(AsFd::as_fd), stdout.as_ref().map(AsFd::as_fd)];
        for pipe in pipes.into_iter().flatten() {
            ioctl_fionbio(pipe, true)?;
        }
        let output = Vec::new();
        Ok(RunningCommand { ticket, child, stdin, written: 0, stdout, output, status: None })
    }

    /// The pipe to the command, while it takes input.
    pub(crate) fn stdin(&self) -> Option<BorrowedFd<'_>> {
        self.stdin.as_ref().map(AsFd::as_fd)
    }

    /// The pipe from the command, while it can print.
    pub(crate) fn stdout(&self) -> Option<BorrowedFd<'_>> {
        self.stdout.as_ref().map(AsFd::as_fd)
    }

    /// Writes as much of the job's data as the pipe takes now.
    pub(crate) fn write_input(&mut self, workload: &[u8]) {
        let Some(stdin) = &mut self.stdin else { return };
        let rest = workload.get(self.written..).unwrap_or_default();
        // A command may close its input early: that is not an error.
        let ends = match stdin.write(rest) {
            Ok(written) => {
                self.written += written;
                self.written == workload.len()
            }
            Err(error) => !would_block(&error),
        };
        if ends {
            self.stdin = None;
        }
    }

    /// Reads once from the command's output.
    pub(crate) fn read_output(&mut self) {
        let Some(stdout) = &mut self.stdout else { return };
        let before = self.output.len();
        self.output.resize(before + COMMAND_READ_BYTES_MAX, 0);
        let got = stdout.read(&mut self.output[before..]);
        self.output.truncate(before + got.as_ref().copied().unwrap_or(0));
        match got {
            Ok(0) => self.stdout = None,
            Err(error) if !would_block(&error) => self.stdout = None,
            Ok(_) | Err(_) => {}
        }
    }

    /// Takes the complete lines out of `output`; after its end, also the last line.
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

    /// Whether the process has ended and all its output is read.
    ///
    /// # Errors
    /// Those of `waitpid`.
    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        if self.stdout.is_none() && self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status.is_some())
    }

    /// Sends SIGTERM to the process and those that it has started.
    pub(crate) fn terminate(&mut self) {
        if let Ok(id) = i32::try_from(self.child.id())
            && let Some(group) = Pid::from_raw(id)
        {
            // The process may have ended already.
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}

fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_a_whole_argument_of_a_program_that_has_none_of_its_own() {
        for (line, expected) in [
            ("convert {} out", true),
            ("nice convert -- {}", true),
            ("wc -l", false),
            ("{}", false),
            ("sh -c {};", false),
            ("xargs -I {} rm {}", false),
            ("nice /usr/bin/xargs -I {} rm {}", false),
            ("find . -name {}", false),
        ] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(has_placeholder(&words), expected, "{line}");
        }
    }
}
