//! What an administrator changes: functions, their limits, jobs.
//!
//! Must not: know how an administrator says so.

use super::function::Function;
use super::job::PRIORITIES;
use super::slab::Id;
use super::{Broker, Outbox};

/// How the wish to cancel a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The job is gone.
    Yes,
    /// No job has this handle.
    Unknown,
}

/// How the wish to drop a function ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// The function is gone.
    Yes,
    /// There is no such function.
    Unknown,
    /// It has workers.
    InUse,
}

impl Broker {
    /// Ends a job, queued or running. Those who wait get WORK_FAIL; a worker
    /// that is at it learns of it when it reports.
    pub fn cancel(&mut self, handle: &[u8], out: &mut dyn Outbox) -> Cancelled {
        match self.jobs.find_handle(handle) {
            Some(job) => {
                self.fail(job, out);
                Cancelled::Yes
            }
            None => Cancelled::Unknown,
        }
    }

    /// Ends the job of a function that has this unique, as [`Broker::cancel`]
    /// does.
    pub fn cancel_unique(
        &mut self,
        function: &[u8],
        unique: &[u8],
        out: &mut dyn Outbox,
    ) -> Cancelled {
        // Without a payload a dash finds nothing: it names no job.
        let function = self.functions.find(function);
        match function.and_then(|function| self.jobs.find_joinable(function, unique, b"")) {
            Some(job) => {
                self.fail(job, out);
                Cancelled::Yes
            }
            None => Cancelled::Unknown,
        }
    }

    /// Keeps the waiting jobs of a function back from now on. Returns whether
    /// there is such a function.
    pub fn pause(&mut self, name: &[u8]) -> bool {
        let Some(id) = self.functions.find(name) else { return false };
        let function = &mut self.functions[id];
        if !std::mem::replace(&mut function.paused, true) {
            for (all, queue) in self.queued.iter_mut().zip(&function.queues) {
                let left = all.checked_sub(queue.len() as usize);
                *all = left.expect("a paused function had more jobs than all functions");
            }
        }
        true
    }

    /// Hands the waiting jobs of a function out again. Returns whether there is
    /// such a function.
    pub fn resume(&mut self, name: &[u8], out: &mut dyn Outbox) -> bool {
        let Some(id) = self.functions.find(name) else { return false };
        let function = &mut self.functions[id];
        if std::mem::replace(&mut function.paused, false) {
            for (all, queue) in self.queued.iter_mut().zip(&function.queues) {
                *all += queue.len() as usize;
            }
            self.wake_for_all(id, out);
        }
        true
    }

    /// Lets a function exist.
    pub fn create_function(&mut self, name: &[u8]) {
        self.functions.get_or_create(name);
    }

    /// Drops a function, and its waiting jobs with it. Its name may be given in
    /// any case.
    pub fn drop_function(&mut self, name: &[u8], out: &mut dyn Outbox) -> Dropped {
        let found = self.functions.find(name).or_else(|| self.find_in_any_case(name));
        let Some(id) = found else { return Dropped::Unknown };
        let function = &self.functions[id];
        if !function.abilities.is_empty() {
            return Dropped::InUse;
        }
        assert_eq!(function.running, 0, "a job ran of a function that no worker offers");
        let theirs = |(job, found): (_, &super::job::Job)| (found.function == id).then_some(job);
        // Jobs for later are in no list of the function; looking at all jobs is
        // what this rare command may cost.
        let jobs: Vec<_> = match function.total() {
            0 => Vec::new(),
            _ => self.jobs.iter().filter_map(theirs).collect(),
        };
        jobs.into_iter().for_each(|job| self.fail(job, out));
        self.functions.remove(id);
        Dropped::Yes
    }

    fn find_in_any_case(&self, name: &[u8]) -> Option<Id<Function>> {
        let mut all = self.functions.iter();
        all.find(|(_, f)| f.name.eq_ignore_ascii_case(name)).map(|(id, _)| id)
    }

    /// Limits the number of jobs of a function, if it exists.
    pub fn limit_queue(&mut self, name: &[u8], limits: [u32; PRIORITIES]) {
        if let Some(id) = self.functions.find(name) {
            self.functions[id].limits = limits;
        }
    }
}
