//! [`Output`]: what the client says about its jobs, as text or as JSON.
//!
//! Must not: know servers.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::job::Job;
use super::progress::Progress;
use crate::gearman::options::Options;
use crate::tools::json::put;

/// Says what happens to jobs.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
    prefix: bool,
    verbose: bool,
    background: bool,
    /// Results are printed whole.
    whole: bool,
    progress: Option<Progress>,
}

impl Output {
    /// `whole` where the results of several jobs would get mixed.
    pub(crate) fn new(options: &Options, whole: bool) -> Output {
        Output {
            json: options.json,
            prefix: options.prefix,
            verbose: options.verbose,
            background: options.background,
            whole,
            progress: options.progress.then(Progress::new).flatten(),
        }
    }

    /// The progress bar, if there is one.
    pub(crate) fn progress(&mut self) -> Option<&mut Progress> {
        self.progress.as_mut()
    }

    /// The server has a job.
    ///
    /// # Errors
    /// Those of standard output, here and below.
    pub(crate) fn created(&mut self, job: &Job) -> io::Result<()> {
        if self.json && (self.verbose || self.background) {
            return self.event("created", job, |_| {});
        }
        if self.verbose && !self.json {
            let line = [b"Task created: ", &job.handle[..], b"\n"].concat();
            return self.print(&line);
        }
        Ok(())
    }

    /// A part of a job's result.
    pub(crate) fn data(&mut self, job: &mut Job, data: &[u8]) -> io::Result<()> {
        if self.json || self.whole {
            job.collected.extend_from_slice(data);
            return Ok(());
        }
        self.result(job, data)
    }

    fn result(&mut self, job: &mut Job, data: &[u8]) -> io::Result<()> {
        if !self.prefix {
            return self.print(data);
        }
        let mut text = Vec::with_capacity(data.len());
        for line in data.split_inclusive(|&b| b == b'\n') {
            if !job.mid_line {
                text.extend_from_slice(&self.before(job));
            }
            text.extend_from_slice(line);
            job.mid_line = !line.ends_with(b"\n");
        }
        self.print(&text)
    }

    /// What stands before each line about a job.
    fn before(&self, job: &Job) -> Vec<u8> {
        if self.prefix { [&job.function[..], b": "].concat() } else { Vec::new() }
    }

    /// How far a job is.
    pub(crate) fn status(&mut self, job: &Job, numerator: u32, denominator: u32) -> io::Result<()> {
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
        let mut line = self.before(job);
        match (u64::from(numerator) * 100).checked_div(denominator.into()) {
            Some(percent) => line.extend_from_slice(format!("{percent}% Complete\n").as_bytes()),
            // Nobody knows how much is left.
            None => line.extend_from_slice(format!("{numerator}/0 Complete\n").as_bytes()),
        }
        self.print(&line)
    }

    /// A warning.
    pub(crate) fn warning(&mut self, job: &Job, text: &[u8]) -> io::Result<()> {
        if self.json {
            return self.event("warning", job, |event| put(event, "warning", text));
        }
        let line = [&self.before(job)[..], text].concat();
        self.complain(&line)
    }

    /// A job is done.
    pub(crate) fn complete(&mut self, job: &mut Job) -> io::Result<()> {
        if self.json {
            let result = std::mem::take(&mut job.collected);
            return self.event("complete", job, |event| put(event, "result", &result));
        }
        self.print_collected(job)
    }

    /// A job has failed.
    pub(crate) fn failed(&mut self, job: &mut Job) -> io::Result<()> {
        if self.json {
            let result = std::mem::take(&mut job.collected);
            return self.event("fail", job, |event| put_rest(event, &result));
        }
        self.print_collected(job)?;
        let line = [&self.before(job)[..], b"Job failed\n"].concat();
        self.complain(&line)
    }

    /// A job has raised an exception.
    pub(crate) fn raised(&mut self, job: &mut Job, exception: &[u8]) -> io::Result<()> {
        if self.json {
            let result = std::mem::take(&mut job.collected);
            return self.event("exception", job, |event| {
                put_rest(event, &result);
                put(event, "exception", exception);
            });
        }
        self.print_collected(job)?;
        let line = [&self.before(job)[..], b"Job raised an exception: ", exception, b"\n"].concat();
        self.complain(&line)
    }

    /// A job was not taken, or it is not known what became of it. `first` when
    /// the same was not said for another job.
    pub(crate) fn lost(&mut self, job: &mut Job, why: &str, first: bool) -> io::Result<()> {
        if self.json {
            let result = std::mem::take(&mut job.collected);
            self.event("error", job, |event| {
                put_rest(event, &result);
                event.insert("error".into(), why.into());
            })?;
        } else {
            self.print_collected(job)?;
        }
        if first { self.say(why) } else { Ok(()) }
    }

    fn print_collected(&mut self, job: &mut Job) -> io::Result<()> {
        let data = std::mem::take(&mut job.collected);
        self.result(job, &data)
    }

    fn event(
        &mut self,
        name: &str,
        job: &Job,
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

    /// Says something that is about no job.
    pub(crate) fn say(&mut self, text: &str) -> io::Result<()> {
        self.complain(format!("gearman: {text}\n").as_bytes())
    }

    fn print(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.around_progress(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes).and_then(|()| stdout.flush())
        })
    }

    fn complain(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Where nobody hears complaints, jobs go on all the same.
        self.around_progress(|| {
            let _ = io::stderr().write_all(bytes);
        });
        Ok(())
    }

    /// Writes where the progress bar is not.
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
