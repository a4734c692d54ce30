//! [`Output`]: prints results and events of jobs, as text or as JSON.
//!
//! Must not: know servers.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::job::SubmittedJob;
use super::joblog::{self, JobLog, RetriedLog};
use super::order::{Destination, KeptOrder, OutputPiece};
use super::progress::Progress;
use crate::gearman::options::GearmanOptions;
use crate::tools::Exit;
use crate::tools::json::put;
use crate::tools::usage::failed_to;

/// Prints results and events of jobs.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    prefix: bool,
    verbose: bool,
    background: bool,
    /// Every line begins with the job's data.
    tag: bool,
    /// Events name the number and the data of their job's line.
    names_lines: bool,
    /// A result is printed when its job has ended.
    whole: bool,
    progress: Option<Progress>,
    joblog: Option<JobLog>,
    /// Set if the output of jobs comes in the order of the jobs.
    order: Option<KeptOrder>,
}

impl Output {
    /// Output as the options ask for it. `retried` is the log whose jobs are submitted.
    ///
    /// # Errors
    /// When the job log cannot be opened.
    pub(crate) fn new(options: &GearmanOptions, retried: Option<RetriedLog>) -> io::Result<Output> {
        let joblog = options.joblog.as_ref().map(|path| JobLog::open(path, retried)).transpose()?;
        Ok(Output {
            json: options.json,
            prefix: options.prefix,
            verbose: options.verbose,
            background: options.background,
            tag: options.tag,
            names_lines: options.has_lines(),
            // Results of several jobs at the same time would mix.
            whole: options.jobs.is_some_and(|jobs| jobs.get() > 1),
            progress: options.progress.then(Progress::new).flatten(),
            joblog,
            order: options.keep_order.then(KeptOrder::default),
        })
    }

    /// Whether the data of jobs is printed, so that they keep it.
    pub(crate) fn names_data(&self) -> bool {
        self.tag || self.joblog.is_some() || (self.json && self.names_lines)
    }

    /// Whether so much output is held that no further job may be submitted.
    pub(crate) fn is_full(&self) -> bool {
        self.order.as_ref().is_some_and(KeptOrder::is_full)
    }

    /// The progress bar, if it is shown.
    pub(crate) fn progress(&mut self) -> Option<&mut Progress> {
        self.progress.as_mut()
    }

    /// Notes a job before it is submitted.
    ///
    /// # Errors
    /// Those of standard output and of the job log, here and below.
    pub(crate) fn submitted(&mut self, job: &SubmittedJob) -> io::Result<()> {
        if let Some(progress) = &mut self.progress {
            progress.count_sent();
        }
        self.joblog.as_mut().map_or(Ok(()), |log| log.note(job))
    }

    /// Notes data that is not submitted.
    pub(crate) fn unsent(&mut self, line: u64, function: &[u8], data: &[u8]) -> io::Result<()> {
        let row = joblog::unsent_row(line, function, data);
        self.joblog.as_mut().map_or(Ok(()), |log| log.write(row.as_bytes()))
    }

    /// Reports that the server has accepted a job.
    pub(crate) fn created(&mut self, job: &SubmittedJob) -> io::Result<()> {
        if self.json && (self.verbose || self.background) {
            return self.event("created", job, |_| {});
        }
        if self.verbose && !self.json {
            let line = [&self.tag_of(job)[..], b"Task created: ", &job.handle, b"\n"].concat();
            return self.print(job, &line);
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
        if !self.prefix && !self.tag {
            return self.print(job, data);
        }
        let mut text = Vec::with_capacity(data.len());
        for line in data.split_inclusive(|&b| b == b'\n') {
            if !job.mid_line {
                text.extend_from_slice(&self.line_prefix(job));
            }
            text.extend_from_slice(line);
            job.mid_line = !line.ends_with(b"\n");
        }
        self.print(job, &text)
    }

    /// The text before each line about a job: its data, with `--tag`, and its function, with
    /// `-P`.
    fn line_prefix(&self, job: &SubmittedJob) -> Vec<u8> {
        let mut text = self.tag_of(job);
        if self.prefix {
            text.extend_from_slice(&job.function);
            text.extend_from_slice(b": ");
        }
        text
    }

    fn tag_of(&self, job: &SubmittedJob) -> Vec<u8> {
        let line = job.data.strip_suffix(b"\n").unwrap_or(&job.data);
        if self.tag { [line, b"\t"].concat() } else { Vec::new() }
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
        self.print(job, &line)
    }

    /// Prints a warning.
    pub(crate) fn warning(&mut self, job: &SubmittedJob, text: &[u8]) -> io::Result<()> {
        if self.json {
            return self.event("warning", job, |event| put(event, "warning", text));
        }
        let line = [&self.line_prefix(job)[..], text].concat();
        self.emit(job, (Destination::Stderr, line))
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
        self.emit(job, (Destination::Stderr, line))
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
        self.emit(job, (Destination::Stderr, line))
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

    /// Notes the end of a job, whose output is complete.
    pub(crate) fn end(&mut self, job: &mut SubmittedJob, exit: Exit) -> io::Result<()> {
        if self.tag && std::mem::take(&mut job.mid_line) {
            // The next job's tag begins a line.
            self.print(job, b"\n")?;
        }
        if let Some(progress) = &mut self.progress {
            progress.end(job, exit == Exit::Done);
        }
        if self.joblog.is_some() {
            // Held with the output: a job is done when its output is printed.
            let row = joblog::ended_row(job, exit, self.background);
            self.emit(job, (Destination::JobLog, row.into_bytes()))?;
        }
        let pieces = self.order.as_mut().map(|order| order.end(job.place)).unwrap_or_default();
        pieces.into_iter().try_for_each(|piece| self.write(piece))
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
        if self.names_lines {
            event.insert("line".into(), job.line.into());
        }
        put(&mut event, "function", &job.function);
        if !job.handle.is_empty() {
            put(&mut event, "handle", &job.handle);
        }
        if self.names_lines && !matches!(name, "status" | "warning") {
            put(&mut event, "input", &job.data);
        }
        fill(&mut event);
        let mut line = Value::Object(event).to_string();
        line.push('\n');
        self.print(job, line.as_bytes())
    }

    /// Prints a message that is not about a job.
    pub(crate) fn notify(&mut self, text: &str) -> io::Result<()> {
        self.write((Destination::Stderr, format!("gearman: {text}\n").into_bytes()))
    }

    fn print(&mut self, job: &SubmittedJob, bytes: &[u8]) -> io::Result<()> {
        self.emit(job, (Destination::Stdout, bytes.to_vec()))
    }

    /// Writes a piece of a job's output, or holds it until the job's turn.
    fn emit(&mut self, job: &SubmittedJob, piece: OutputPiece) -> io::Result<()> {
        match &mut self.order {
            Some(order) if !order.is_turn(job.place) => {
                order.hold(job.place, piece);
                Ok(())
            }
            _ => self.write(piece),
        }
    }

    fn write(&mut self, (destination, bytes): OutputPiece) -> io::Result<()> {
        match destination {
            _ if bytes.is_empty() => Ok(()),
            Destination::Stdout => self
                .around_progress(|| {
                    let mut stdout = io::stdout().lock();
                    stdout.write_all(&bytes).and_then(|()| stdout.flush())
                })
                .map_err(|error| failed_to("write to standard output", error)),
            Destination::Stderr => {
                // A closed standard error does not stop the jobs.
                self.around_progress(|| {
                    let _ = io::stderr().write_all(&bytes);
                });
                Ok(())
            }
            Destination::JobLog => self.joblog.as_mut().map_or(Ok(()), |log| log.write(&bytes)),
        }
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
