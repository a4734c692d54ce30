//! [`Output`]: prints results and events of jobs, as text or as JSON.
//!
//! Must not: know servers.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::job::SubmittedJob;
use super::progress::Progress;
use crate::gearman::options::GearmanOptions;
use crate::tools::json::put;
use crate::tools::usage::failed_to;

/// Prints results and events of jobs.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    prefix: bool,
    verbose: bool,
    background: bool,
    /// A result is printed when its job has ended.
    whole: bool,
    progress: Option<Progress>,
}

impl Output {
    /// Output as the options ask for it. `whole` is set if several jobs run at the same
    /// time, whose results would mix.
    pub(crate) fn new(options: &GearmanOptions, whole: bool) -> Output {
        Output {
            json: options.json,
            prefix: options.prefix,
            verbose: options.verbose,
            background: options.background,
            whole,
            progress: options.progress.then(Progress::new).flatten(),
        }
    }

    /// The progress bar, if it is shown.
    pub(crate) fn progress(&mut self) -> Option<&mut Progress> {
        self.progress.as_mut()
    }

    /// Reports that the server has accepted a job.
    ///
    /// # Errors
    /// Those of standard output, here and below.
    pub(crate) fn created(&mut self, job: &SubmittedJob) -> io::Result<()> {
        if self.json && (self.verbose || self.background) {
            return self.event("created", job, |_| {});
        }
        if self.verbose && !self.json {
            let line = [b"Task created: ", &job.handle[..], b"\n"].concat();
            return self.print(&line);
        }
        Ok(())
    }

    /// Prints or collects a part of a job's result.
    pub(crate) fn data(&mut self, job: &mut SubmittedJob, data: &[u8]) -> io::Result<()> {
        if self.json || self.whole {
            job.collected.extend_from_slice(data);
            return Ok(());
        }
        self.result(job, data)
    }

    fn result(&mut self, job: &mut SubmittedJob, data: &[u8]) -> io::Result<()> {
        if !self.prefix {
            return self.print(data);
        }
        let mut text = Vec::with_capacity(data.len());
        for line in data.split_inclusive(|&b| b == b'\n') {
            if !job.mid_line {
                text.extend_from_slice(&self.line_prefix(job));
            }
            text.extend_from_slice(line);
            job.mid_line = !line.ends_with(b"\n");
        }
        self.print(&text)
    }

    /// The text before each line about a job: its function, with `-P`.
    fn line_prefix(&self, job: &SubmittedJob) -> Vec<u8> {
        if self.prefix { [&job.function[..], b": "].concat() } else { Vec::new() }
    }

    /// Reports the numerator and denominator of a WORK_STATUS.
    pub(crate) fn status(
        &mut self,
        job: &SubmittedJob,
        numerator: u32,
        denominator: u32,
    ) -> io::Result<()> {
        if self.json {
            return self.event("status", job, |event| {
                event.insert("numerator".into(), numerator.into());
                event.insert("denominator".into(), denominator.into());
            });
        }
        if let Some(progress) = &mut self.progress {
            progress.status(job, numerator, denominator);
            return Ok(());
        }
        let mut line = self.line_prefix(job);
        match (u64::from(numerator) * 100).checked_div(denominator.into()) {
            Some(percent) => line.extend_from_slice(format!("{percent}% Complete\n").as_bytes()),
            // With a denominator of 0 the end is not known.
            None => line.extend_from_slice(format!("{numerator}/0 Complete\n").as_bytes()),
        }
        self.print(&line)
    }

    /// Prints a warning.
    pub(crate) fn warning(&mut self, job: &SubmittedJob, text: &[u8]) -> io::Result<()> {
        if self.json {
            return self.event("warning", job, |event| put(event, "warning", text));
        }
        let line = [&self.line_prefix(job)[..], text].concat();
        self.print_error(&line)
    }

    /// Reports a job that is done.
    pub(crate) fn complete(&mut self, job: &mut SubmittedJob) -> io::Result<()> {
        if self.json {
            let result = std::mem::take(&mut job.collected);
            return self.event("complete", job, |event| put(event, "result", &result));
        }
        self.print_collected(job)
    }

    /// Reports a job that failed.
    pub(crate) fn failed(&mut self, job: &mut SubmittedJob) -> io::Result<()> {
        if self.json {
            let result = std::mem::take(&mut job.collected);
            return self.event("fail", job, |event| put_rest(event, &result));
        }
        self.print_collected(job)?;
        let line = [&self.line_prefix(job)[..], b"Job failed\n"].concat();
        self.print_error(&line)
    }

    /// Reports a job that raised an exception.
    pub(crate) fn raised(&mut self, job: &mut SubmittedJob, exception: &[u8]) -> io::Result<()> {
        if self.json {
            let result = std::mem::take(&mut job.collected);
            return self.event("exception", job, |event| {
                put_rest(event, &result);
                put(event, "exception", exception);
            });
        }
        self.print_collected(job)?;
        let line =
            [&self.line_prefix(job)[..], b"Job raised an exception: ", exception, b"\n"].concat();
        self.print_error(&line)
    }

    /// Reports a job that was not accepted, or whose end is not known. The message is
    /// printed if `first` is set: several jobs may have the same one.
    pub(crate) fn lost(
        &mut self,
        job: &mut SubmittedJob,
        why: &str,
        first: bool,
    ) -> io::Result<()> {
        if self.json {
            let result = std::mem::take(&mut job.collected);
            self.event("error", job, |event| {
                put_rest(event, &result);
                event.insert("error".into(), why.into());
            })?;
        } else {
            self.print_collected(job)?;
        }
        if first { self.notify(why) } else { Ok(()) }
    }

    fn print_collected(&mut self, job: &mut SubmittedJob) -> io::Result<()> {
        let data = std::mem::take(&mut job.collected);
        self.result(job, &data)
    }

    fn event(
        &mut self,
        name: &str,
        job: &SubmittedJob,
        fill: impl FnOnce(&mut Map<String, Value>),
    ) -> io::Result<()> {
        let mut event = Map::new();
        event.insert("event".into(), name.into());
        put(&mut event, "function", &job.function);
        if !job.handle.is_empty() {
            put(&mut event, "handle", &job.handle);
        }
        fill(&mut event);
        let mut line = Value::Object(event).to_string();
        line.push('\n');
        self.print(line.as_bytes())
    }

    /// Prints a message that is not about a job.
    pub(crate) fn notify(&mut self, text: &str) -> io::Result<()> {
        self.print_error(format!("gearman: {text}\n").as_bytes())
    }

    fn print(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.around_progress(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes).and_then(|()| stdout.flush())
        })
        .map_err(|error| failed_to("write to standard output", error))
    }

    fn print_error(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A closed standard error does not stop the jobs.
        self.around_progress(|| {
            let _ = io::stderr().write_all(bytes);
        });
        Ok(())
    }

    /// Writes while the progress bar is hidden.
    fn around_progress<R>(&mut self, write: impl FnOnce() -> R) -> R {
        match &self.progress {
            Some(progress) => progress.around(write),
            None => write(),
        }
    }
}

fn put_rest(event: &mut Map<String, Value>, result: &[u8]) {
    if !result.is_empty() {
        put(event, "result", result);
    }
}
