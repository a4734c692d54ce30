//! [`JobLog`]: a file with a row for each job that has ended, and before it a note for each
//! job that is about to be submitted, so that a crash leaves no job unknown. Fields are
//! separated by tabs and escaped.
//!
//! Must not: change the columns. Scripts depend on them.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use gearman_files::{FileId, LinkPolicy, open_log};

use super::escape::escaped;
use super::job::SubmittedJob;
use crate::tools::Exit;
use crate::tools::usage::failed_to;

/// The first line: the names of the columns.
pub(crate) const HEADER: &str = "line\tfunction\toutcome\thandle\tstart\tseconds\tinput";
/// What a note about a job that is about to be submitted begins with.
pub(crate) const NOTE_MARK: char = '#';
/// The outcomes of jobs that need no other attempt.
pub(crate) const GOOD_OUTCOMES: [&str; 2] = ["done", "accepted"];
/// The permissions of a new log: data of jobs may be private.
const JOB_LOG_MODE: u32 = 0o600;

/// An open log.
#[derive(Debug)]
pub(crate) struct JobLog(File);

/// A log whose jobs are submitted again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetriedLog {
    pub(crate) file: FileId,
    /// The length up to the end of the last whole line.
    pub(crate) whole_bytes: u64,
}

impl JobLog {
    /// Opens a log, and writes its header if it is new. To the log whose jobs are
    /// submitted again, rows are added. Another file must be empty: the numbers of its rows
    /// would be those of other jobs.
    ///
    /// # Errors
    /// The file with the option, and what is wrong.
    pub(crate) fn open(path: &Path, retried: Option<RetriedLog>) -> io::Result<JobLog> {
        let named =
            |error| failed_to(&format!("write '{}' for '--joblog <FILE>'", path.display()), error);
        let file = open_log(path, JOB_LOG_MODE, LinkPolicy::Trusted).map_err(named)?;
        let found = file.metadata().map_err(named)?;
        if !found.is_file() || found.len() == 0 {
            let mut log = JobLog(file);
            log.write(format!("{HEADER}\n").as_bytes())?;
            return Ok(log);
        }
        let Some(retried) = retried.filter(|log| log.file == FileId::from(&found)) else {
            let text = "it has lines; give a new file, or the same one to '--retry-failed <FILE>'";
            return Err(named(io::Error::new(io::ErrorKind::AlreadyExists, text)));
        };
        // A crash may have left a part of a last line.
        file.set_len(retried.whole_bytes).map_err(named)?;
        Ok(JobLog(file))
    }

    /// Notes a job that is about to be submitted.
    ///
    /// # Errors
    /// When the file cannot be written, here and below.
    pub(crate) fn note(&mut self, job: &SubmittedJob) -> io::Result<()> {
        let (function, input) = (escaped(&job.function), escaped(&job.data));
        self.write(format!("{NOTE_MARK}{}\t{function}\t{input}\n", job.line).as_bytes())
    }

    /// Writes rows.
    pub(crate) fn write(&mut self, rows: &[u8]) -> io::Result<()> {
        self.0.write_all(rows).map_err(|error| failed_to("write to the file of --joblog", error))
    }
}

/// The row of a job that has ended.
pub(crate) fn ended_row(job: &SubmittedJob, exit: Exit, background: bool) -> String {
    let (date, start) = job.submitted_at;
    let seconds = Instant::now().duration_since(start).as_secs_f64();
    format!(
        "{}\t{}\t{}\t{}\t{}\t{seconds:.3}\t{}\n",
        job.line,
        escaped(&job.function),
        outcome(exit, background),
        escaped(&job.handle),
        humantime::format_rfc3339_millis(date),
        escaped(&job.data),
    )
}

/// The row of a job that is left out.
pub(crate) fn unsent_row(line: u64, function: &[u8], data: &[u8]) -> String {
    format!("{line}\t{}\tunsent\t\t\t\t{}\n", escaped(function), escaped(data))
}

/// What became of a job, in a word.
fn outcome(exit: Exit, background: bool) -> &'static str {
    match exit {
        Exit::Done if background => "accepted",
        Exit::Done => "done",
        Exit::Failed => "failed",
        Exit::Connect => "lost",
        Exit::Timeout => "timeout",
        Exit::Refused | Exit::Usage => "refused",
        Exit::System => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_of_a_job_has_an_outcome_and_only_code_0_a_good_one() {
        for exit in
            [Exit::Failed, Exit::Usage, Exit::Connect, Exit::Timeout, Exit::Refused, Exit::System]
        {
            assert!(!GOOD_OUTCOMES.contains(&outcome(exit, false)), "{exit:?}");
        }
        for background in [false, true] {
            assert!(GOOD_OUTCOMES.contains(&outcome(Exit::Done, background)));
        }
    }
}
