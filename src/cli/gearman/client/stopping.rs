//! What a client does at SIGINT and SIGTERM, and what it says about it.
//!
//! Must not: end jobs that were submitted.

use std::io;
use std::time::Instant;

use signal_hook::consts::SIGINT;

use super::{Ending, Submitter};
use crate::tools::signals::Signals;

impl Submitter<'_> {
    /// Handles signals. The first signal ends the input of a batch; otherwise, and
    /// the second time, the signal ends the process and is returned.
    pub(super) fn take_signals(&mut self) -> io::Result<Option<i32>> {
        let pending = self.signals.as_mut().map(Signals::pending).unwrap_or_default();
        for signal in pending {
            if self.stopped_at.is_some() || !self.input.is_batch() {
                return Ok(Some(signal));
            }
            self.stopped_at = Some(Instant::now());
            self.stop(signal)?;
        }
        Ok(None)
    }

    /// Ends the input. Who types Control-C wants nothing more to be submitted; a log that is
    /// written to a program that gets SIGTERM must not lose the lines that were read. A job
    /// log loses nothing.
    fn stop(&mut self, signal: i32) -> io::Result<()> {
        let was_whole = self.input.has_ended();
        self.needs_input = false;
        let text = if signal == SIGINT || !self.input.is_lines() {
            let unsent = self.leave_out_input()?;
            if !was_whole || unsent > 0 {
                self.cut_off_by = Some(signal);
            }
            let again = if signal == SIGINT { "Control-C" } else { "signal" };
            interrupted(self.jobs.len(), unsent, again)
        } else {
            self.input.stop();
            stopped(self.jobs.len())
        };
        self.output.notify(&text)
    }

    /// How a run ends whose jobs have ended. A run that Control-C has cut off ends by that
    /// signal, so that the script around it ends, too.
    pub(super) fn ending(&self) -> Ending {
        match self.cut_off_by {
            Some(signal) => Ending::Killed(signal),
            None => Ending::Ended(self.exit),
        }
    }
}

/// The message after a first signal that leaves out the rest of the input. `again` is what
/// ends the client at once.
fn interrupted(jobs: usize, unsent: usize, again: &str) -> String {
    let unsent = match unsent {
        0 => String::new(),
        1 => ", not submitting 1 line that was read".to_owned(),
        lines => format!(", not submitting {lines} lines that were read"),
    };
    match jobs {
        0 => format!("interrupted{unsent}"),
        jobs => format!(
            "interrupted: finishing {}{unsent}; a second {again} ends it at once",
            count_of_jobs(jobs)
        ),
    }
}

/// The message after a first SIGTERM.
fn stopped(jobs: usize) -> String {
    let jobs = count_of_jobs(jobs);
    format!("stopping: finishing {jobs} and the lines that were read; a second signal ends it")
}

fn count_of_jobs(jobs: usize) -> String {
    if jobs == 1 { "1 job".to_owned() } else { format!("{jobs} jobs") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_about_control_c_counts_jobs_and_lines() {
        let again = "; a second Control-C ends it at once";
        for (jobs, unsent, message) in [
            (0, 0, "interrupted".to_owned()),
            (0, 1, "interrupted, not submitting 1 line that was read".to_owned()),
            (1, 0, format!("interrupted: finishing 1 job{again}")),
            (
                3,
                20,
                format!(
                    "interrupted: finishing 3 jobs, not submitting 20 lines that were read{again}"
                ),
            ),
        ] {
            assert_eq!(interrupted(jobs, unsent, "Control-C"), message);
        }
    }
}
