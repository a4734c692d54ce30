//! Submitting the data of the input to the functions of the options.
//!
//! Must not: wait.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::{Instant, SystemTime};

use gearman_engine::client::{NewTask, TaskBody};
use gearman_engine::task::{Callbacks, TaskKind, Token};
use gearman_protocol::Command;

use super::Submitter;
use super::input::{InputItem, NextData};
use super::job::SubmittedJob;
use crate::gearman::options::{GearmanOptions, JobPriority};
use crate::tools::Exit;

impl Submitter<'_> {
    /// Whether there is room for another job in flight, and for its output.
    pub(super) fn may_submit(&self) -> bool {
        self.jobs.len() < self.jobs_max && !self.output.is_full()
    }

    /// Submits data that was read, until the most jobs are in flight.
    pub(super) fn submit_data(&mut self) -> io::Result<()> {
        while self.may_submit() {
            let Some((item, function)) = self.current.take() else {
                match self.input.next() {
                    NextData::Data(item) => self.current = Some((item, 0)),
                    NextData::Later => {
                        self.needs_input = true;
                        return Ok(());
                    }
                    NextData::End => {
                        self.ended = true;
                        if let Some(progress) = self.output.progress() {
                            progress.expect(progress.sent());
                        }
                        return Ok(());
                    }
                }
                continue;
            };
            self.submit(&item, function)?;
            if function + 1 < self.function_count(&item) {
                self.current = Some((item, function + 1));
            }
        }
        Ok(())
    }

    /// Tells the progress bar the number of jobs, once it is known.
    pub(super) fn expect_jobs(&mut self) {
        let Some(left) = self.input.left() else { return };
        let functions = match self.input.retried_log() {
            Some(_) => 1,
            None => self.options.functions.len(),
        };
        let current = self.current.as_ref();
        let current = current.map_or(0, |(item, done)| self.function_count(item) - done);
        if let Some(progress) = self.output.progress() {
            progress.expect(progress.sent() + (left * functions + current) as u64);
        }
    }

    /// The number of functions that data is submitted to.
    pub(super) fn function_count(&self, item: &InputItem) -> usize {
        if item.function.is_some() { 1 } else { self.options.functions.len() }
    }

    /// One of these functions, by its index.
    pub(super) fn function_of<'a>(&'a self, item: &'a InputItem, index: usize) -> &'a [u8] {
        match &item.function {
            Some(function) => function,
            None => self.options.functions[index].as_bytes(),
        }
    }

    /// Submits a job to one function, given by its index.
    fn submit(&mut self, item: &InputItem, function: usize) -> io::Result<()> {
        let function = self.function_of(item, function).to_vec();
        let mut job = SubmittedJob {
            place: self.submitted,
            line: item.line,
            data: if self.output.names_data() { item.data.clone() } else { Vec::new() },
            function,
            submitted_at: (SystemTime::now(), Instant::now()),
            handle: Vec::new(),
            collected: Vec::new(),
            mid_line: false,
        };
        self.submitted += 1;
        self.output.submitted(&job)?;
        let added = self.client.add(&NewTask {
            kind: TaskKind::Add,
            command: command(self.options),
            function: &job.function,
            unique: self.options.unique.as_bytes(),
            body: TaskBody::Copy(&item.data),
            epoch_seconds: self.options.run_at_unix_seconds.unwrap_or_default(),
            reducer: b"",
            callbacks: Callbacks(!Callbacks::WORKLOAD.0),
            token: Token::NONE,
        });
        if self.jobs.is_empty() {
            self.last_activity = Instant::now();
        }
        match added {
            Ok(id) => {
                self.jobs.insert(id, job);
            }
            Err(code) => {
                let why = self.client.link.error.message().unwrap_or(code.name()).to_owned();
                self.report_lost(&mut job, Exit::from_code(code), &why, true)?;
            }
        }
        Ok(())
    }
}

/// The packet that submits a job.
fn command(options: &GearmanOptions) -> Command {
    match (options.run_at_unix_seconds, options.background, options.priority) {
        (Some(_), ..) => Command::SubmitJobEpoch,
        (None, true, JobPriority::High) => Command::SubmitJobHighBg,
        (None, true, JobPriority::Normal) => Command::SubmitJobBg,
        (None, true, JobPriority::Low) => Command::SubmitJobLowBg,
        (None, false, JobPriority::High) => Command::SubmitJobHigh,
        (None, false, JobPriority::Normal) => Command::SubmitJob,
        (None, false, JobPriority::Low) => Command::SubmitJobLow,
    }
}
