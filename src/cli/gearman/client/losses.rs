//! What becomes of jobs when a server refuses them, is lost, or cannot be reached.
//!
//! Must not: connect, or wait.

use std::io;
use std::time::Instant;

use gearman_engine::ReturnCode;
use gearman_engine::slab::SlabId;

use super::input::NextData;
use super::job::SubmittedJob;
use super::{Submitter, outage};
use crate::tools::Exit;

impl Submitter<'_> {
    /// Handles an error of the engine: reports the jobs that ended with it. Others may not
    /// have been sent yet.
    pub(super) fn handle_error(&mut self, code: ReturnCode) -> io::Result<()> {
        let client = &self.client;
        let is_over = |id: &SlabId| client.task(*id).is_none_or(|task| !task.is_active());
        let ended: Vec<SlabId> = self.jobs.keys().copied().filter(is_over).collect();
        let mut reported = Vec::new();
        for id in ended {
            let code = self.client.task(id).map_or(code, |task| task.code);
            let why = outage::explain(&self.client, code);
            self.lose(id, Exit::from_code(code), &why, !reported.contains(&why))?;
            reported.push(why);
        }
        if !self.jobs.is_empty() && !self.client.link.any_open() {
            return self.handle_outage(code);
        }
        Ok(())
    }

    /// Handles that no server can be reached. Once a server has accepted a job, a stream
    /// of lines waits for one to come back; otherwise all jobs end.
    fn handle_outage(&mut self, code: ReturnCode) -> io::Result<()> {
        let streams = self.reached && self.input.is_batch();
        let code = match code {
            ReturnCode::TIMEOUT if self.options.timeout.is_none() => ReturnCode::COULD_NOT_CONNECT,
            code => code,
        };
        let why = outage::explain(&self.client, code);
        let is_over = self.outage.exceeds(self.options.timeout)
            || self.outage.stop_deadline(self.stopped_at).is_some_and(|end| end <= Instant::now());
        if streams && !is_over {
            if self.outage.note_failure() {
                return Ok(());
            }
            return self.output.notify(&format!("{why}; trying again"));
        }
        self.lose_all(Exit::from_code(code), &why)?;
        self.outage.ends();
        if !streams || self.stopped_at.is_some() {
            self.discard_input()?;
        }
        Ok(())
    }

    /// Ends a client that was told to stop and has reached no server since.
    pub(super) fn give_up(&mut self) -> io::Result<()> {
        let why = outage::explain(&self.client, ReturnCode::COULD_NOT_CONNECT);
        self.lose_all(Exit::Connect, &why)?;
        self.outage.ends();
        self.discard_input()
    }

    /// Submits nothing more, and says how many lines that were read are left out.
    fn discard_input(&mut self) -> io::Result<()> {
        let unsent = self.leave_out_input()?;
        if self.stopped_at.is_some() && unsent > 0 {
            self.exit = self.exit.or(Exit::Connect);
            self.output.notify(&format!("not submitted, though already read: {unsent} lines"))?;
        }
        Ok(())
    }

    /// Ends the input with everything that was read. Returns how many lines are left out.
    pub(super) fn leave_out_input(&mut self) -> io::Result<usize> {
        self.input.stop();
        let mut count = 0;
        loop {
            let (item, function) = match self.current.take() {
                Some(current) => current,
                None => match self.input.next() {
                    NextData::Data(item) => (item, 0),
                    NextData::Later | NextData::End => return Ok(count),
                },
            };
            count += 1;
            for function in function..self.function_count(&item) {
                let function = self.function_of(&item, function).to_vec();
                self.output.unsent(item.line, &function, &item.data)?;
            }
        }
    }

    pub(super) fn lose_all(&mut self, exit: Exit, why: &str) -> io::Result<()> {
        let ids: Vec<SlabId> = self.jobs.keys().copied().collect();
        for (number, id) in ids.into_iter().enumerate() {
            self.lose(id, exit, why, number == 0)?;
        }
        Ok(())
    }

    fn lose(&mut self, id: SlabId, exit: Exit, why: &str, first: bool) -> io::Result<()> {
        self.client.remove_task(id);
        let Some(mut job) = self.jobs.remove(&id) else { return Ok(()) };
        self.report_lost(&mut job, exit, why, first)
    }

    pub(super) fn report_lost(
        &mut self,
        job: &mut SubmittedJob,
        exit: Exit,
        why: &str,
        first: bool,
    ) -> io::Result<()> {
        self.output.lost(job, why, first)?;
        self.end_job(job, exit)
    }
}
