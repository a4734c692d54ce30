//! Changes that administrators make: functions, their limits, jobs.
//!
//! Must not: know the commands of administrators.

use super::function::Function;
use super::job::{Job, PRIORITIES};
use super::lifecycle::JobEnd;
use super::slab::Id;
use super::view::JobView;
use super::{Broker, Outbox};

/// Result of cancelling a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The job was removed.
    Yes,
    /// The job does not exist.
    Unknown,
}

/// What administrators have set for a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionSettings {
    /// The function's name.
    pub function: Box<[u8]>,
    /// The limits of its jobs by priority; 0 is none.
    pub limits: [u32; PRIORITIES],
    /// Whether its jobs are not handed out.
    pub is_paused: bool,
}

impl Broker {
    /// Sets the limits of a function and pauses it, and creates it if it does not exist.
    pub fn set_function(&mut self, settings: &FunctionSettings) {
        self.create_function(&settings.function);
        self.limit_queue(&settings.function, settings.limits);
        if settings.is_paused {
            self.pause(&settings.function);
        }
    }

    /// The functions that have limits or are paused.
    pub fn function_settings(&self) -> Vec<FunctionSettings> {
        let is_set = |f: &&Function| f.paused || f.limits != [0; PRIORITIES];
        let settings = |f: &Function| FunctionSettings {
            function: f.name.clone(),
            limits: f.limits,
            is_paused: f.paused,
        };
        self.functions.iter().map(|(_, f)| f).filter(is_set).map(settings).collect()
    }

    /// Counts the changes of what [`Broker::function_settings`] returns.
    pub fn setting_changes(&self) -> u64 {
        self.setting_changes
    }

    /// Removes a job in any stage. Waiting clients get WORK_FAIL; what a worker that
    /// runs it reports on it is ignored.
    pub fn cancel(&mut self, handle: &[u8], out: &mut dyn Outbox) -> Cancelled {
        match self.jobs.find_handle(handle) {
            Some(job) => {
                self.cancel_found(job, out);
                Cancelled::Yes
            }
            None => {
                self.work += self.parked_search_work();
                let number = self.jobs.parse_handle(handle);
                match number.is_some_and(|number| self.cancel_parked(number)) {
                    true => Cancelled::Yes,
                    false => Cancelled::Unknown,
                }
            }
        }
    }

    /// Removes the job of a function with this unique, as [`Broker::cancel`] does.
    pub fn cancel_unique(
        &mut self,
        function: &[u8],
        unique: &[u8],
        out: &mut dyn Outbox,
    ) -> Cancelled {
        // The unique "-" without a payload finds nothing.
        let function = self.functions.find(function);
        match function.and_then(|function| self.jobs.find_joinable(function, unique, b"", None)) {
            Some(job) => {
                self.cancel_found(job, out);
                Cancelled::Yes
            }
            None => Cancelled::Unknown,
        }
    }

    fn cancel_found(&mut self, job: Id<Job>, out: &mut dyn Outbox) {
        self.note_cancelled_run(job);
        self.fail(job, JobEnd::Cancelled, out);
    }

    /// Pauses a function: its queued jobs are not handed out. Returns whether the function
    /// exists.
    pub fn pause(&mut self, name: &[u8]) -> bool {
        let Some(id) = self.functions.find(name) else { return false };
        let function = &mut self.functions[id];
        if !std::mem::replace(&mut function.paused, true) {
            self.setting_changes += 1;
            for (all, queue) in self.queued.iter_mut().zip(&function.queues) {
                let left = all.checked_sub(queue.len() as usize);
                *all = left.expect("a paused function has more jobs than all functions");
            }
            (0..PRIORITIES).for_each(|priority| self.index_queue(id, priority));
        }
        true
    }

    /// Resumes a paused function. Returns whether the function exists.
    pub fn resume(&mut self, name: &[u8], out: &mut dyn Outbox) -> bool {
        let Some(id) = self.functions.find(name) else { return false };
        let function = &mut self.functions[id];
        if std::mem::replace(&mut function.paused, false) {
            self.setting_changes += 1;
            for (all, queue) in self.queued.iter_mut().zip(&function.queues) {
                *all += queue.len() as usize;
            }
            (0..PRIORITIES).for_each(|priority| self.index_queue(id, priority));
            self.wake_for_all(id, out);
        }
        true
    }

    /// Creates a function, if it does not exist.
    pub fn create_function(&mut self, name: &[u8]) {
        self.functions.get_or_create(name);
    }

    /// The name of the function of the job with this handle.
    pub fn function_of_job(&self, handle: &[u8]) -> Option<&[u8]> {
        let function = match self.jobs.find_handle(handle) {
            Some(job) => self.jobs[job].function,
            None => self.parked_function(self.jobs.parse_handle(handle)?)?,
        };
        Some(&self.functions[function].name)
    }

    /// Number of the queued and delayed jobs of a function, those in the store included. `None` if
    /// the function does not exist.
    pub fn queue_length(&self, name: &[u8]) -> Option<u32> {
        let function = &self.functions[self.functions.find(name)?];
        Some(function.total() - function.running)
    }

    /// The first jobs of a function's queue, in the order in which workers get them, as far as they
    /// are in memory. `None` if the function does not exist.
    pub fn queue_head(&self, name: &[u8], count: usize) -> Option<Vec<JobView<'_>>> {
        let function = &self.functions[self.functions.find(name)?];
        let queued = function.queues.iter().flat_map(|queue| queue.iter(&self.jobs));
        Some(queued.take(count).map(|job| self.view_job(job)).collect())
    }

    /// Limits the number of jobs of a function, by priority, if it exists.
    pub fn limit_queue(&mut self, name: &[u8], limits: [u32; PRIORITIES]) {
        if let Some(id) = self.functions.find(name) {
            self.functions[id].limits = limits;
            self.setting_changes += 1;
        }
    }
}
