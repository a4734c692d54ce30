//! Indexes of workers that offer many functions or run many jobs. They make a grab, a sleep and
//! a CANT_DO of such a worker independent of their number.
//!
//! A worker with few functions is walked through: that is faster, and a job costs nothing for it
//! while it is busy. A worker with an index is in the list `indexed` of each of its functions,
//! awake or not, and a job updates the index of each of those workers when it is the first or the
//! last of its queue. So a packet costs at most [`INDEXED_FUNCTIONS_MIN`] functions of its sender,
//! or the workers with that many functions that offer the function of its job.
//!
//! Must not: decide which job a worker gets, or which workers are woken.

use std::collections::BTreeMap;

use super::Broker;
use super::connection::{Ability, Connection, WorkerState};
use super::function::Function;
use super::job::{Job, PRIORITIES};
use super::slab::Id;

/// Number of functions of a worker, or of jobs that it runs, from which it has an index.
pub(super) const INDEXED_FUNCTIONS_MIN: u32 = 256;

/// The functions of a worker that have jobs it can get, sorted as a grab tries them.
#[derive(Default)]
pub(super) struct AvailableFunctions {
    /// Abilities by priority of a job, and by place among the worker's functions.
    jobs: BTreeMap<(usize, i64), Id<Ability>>,
    /// Places of the worker's first and last function.
    first: i64,
    last: i64,
}

/// The jobs that a worker runs, by function, with the order in which they were started.
#[derive(Default)]
pub(super) struct RunningJobs {
    jobs: BTreeMap<(Id<Function>, Id<Job>), u64>,
    started: u64,
}

impl RunningJobs {
    fn add(&mut self, function: Id<Function>, job: Id<Job>) {
        self.jobs.insert((function, job), self.started);
        self.started += 1;
    }
}

impl Broker {
    /// Sets from which number of functions or running jobs a worker has an index. For tests.
    pub fn set_indexed_from(&mut self, count: u32) {
        self.indexed_from = count;
    }

    /// Whether a worker has an index of its functions.
    pub(super) fn is_indexed(&self, worker: Id<Connection>) -> bool {
        self.connections[worker].available.is_some()
    }

    /// Adds a new ability to the index of its worker, which is made when it is due.
    pub(super) fn index_ability(&mut self, worker: Id<Connection>, id: Id<Ability>) {
        if self.is_indexed(worker) {
            return self.enter(worker, id, true);
        }
        if self.connections[worker].abilities.len() <= self.indexed_from {
            return;
        }
        let is_waiting = self.connections[worker].state != WorkerState::Awake;
        self.connections[worker].available = Some(Box::default());
        let mut next = self.connections[worker].abilities.front();
        while let Some(ability) = next {
            if is_waiting {
                let function = self.abilities[ability].function;
                self.functions[function].sleepers.remove(&mut self.abilities, ability);
            }
            self.enter(worker, ability, false);
            next = self.connections[worker].abilities.after(&self.abilities, ability);
        }
    }

    /// Adds an ability to the index, as the first or the last of its worker.
    fn enter(&mut self, worker: Id<Connection>, id: Id<Ability>, is_first: bool) {
        let function = self.abilities[id].function;
        self.functions[function].indexed.push_back(&mut self.abilities, id);
        self.place(worker, id, is_first);
    }

    fn place(&mut self, worker: Id<Connection>, id: Id<Ability>, is_first: bool) {
        let Some(available) = &mut self.connections[worker].available else { return };
        let place = match is_first {
            true => {
                available.first -= 1;
                available.first
            }
            false => {
                available.last += 1;
                available.last
            }
        };
        self.abilities[id].place = place;
        let function = &self.functions[self.abilities[id].function];
        if function.paused {
            return;
        }
        for priority in (0..PRIORITIES).filter(|&p| !function.queues[p].is_empty()) {
            available.jobs.insert((priority, place), id);
        }
    }

    fn unplace(&mut self, worker: Id<Connection>, id: Id<Ability>) {
        let place = self.abilities[id].place;
        if let Some(available) = &mut self.connections[worker].available {
            for priority in 0..PRIORITIES {
                available.jobs.remove(&(priority, place));
            }
        }
    }

    /// Removes an ability from the index of its worker, if it has one. An index ends with its last
    /// ability. Returns whether there was one.
    pub(super) fn unindex_ability(&mut self, worker: Id<Connection>, id: Id<Ability>) -> bool {
        if !self.is_indexed(worker) {
            return false;
        }
        self.unplace(worker, id);
        let function = self.abilities[id].function;
        self.functions[function].indexed.remove(&mut self.abilities, id);
        if self.connections[worker].abilities.len() == 1 {
            self.connections[worker].available = None;
        }
        true
    }

    /// Makes an ability the last that its worker's grabs try.
    pub(super) fn move_to_back(&mut self, worker: Id<Connection>, id: Id<Ability>) {
        let abilities = &mut self.connections[worker].abilities;
        abilities.remove(&mut self.abilities, id);
        abilities.push_back(&mut self.abilities, id);
        if self.is_indexed(worker) {
            self.unplace(worker, id);
            self.place(worker, id, false);
        }
    }

    /// The first function of the highest priority with a job, if the worker has an index.
    pub(super) fn first_available(
        &self,
        worker: Id<Connection>,
    ) -> Option<Option<(Id<Ability>, usize)>> {
        let available = self.connections[worker].available.as_ref()?;
        let first = available.jobs.first_key_value();
        Some(first.map(|(&(priority, _), &ability)| (ability, priority)))
    }

    /// Updates the indexes of a function's workers after the first job of a queue was added, the
    /// last one was removed, or the function was paused or resumed.
    pub(super) fn index_queue(&mut self, id: Id<Function>, priority: usize) {
        let function = &self.functions[id];
        let is_available = !function.paused && !function.queues[priority].is_empty();
        self.work += function.indexed.len();
        for ability in function.indexed.iter(&self.abilities) {
            let Ability { connection, place, .. } = self.abilities[ability];
            let available = self.connections[connection].available.as_mut();
            let jobs = &mut available.expect("a worker in `indexed` has an index").jobs;
            match is_available {
                true => jobs.insert((priority, place), ability),
                false => jobs.remove(&(priority, place)),
            };
        }
    }

    /// The waiting workers of a function that have an index, in the order in which they are woken:
    /// long polls first, the last one before the others, then the longest asleep first.
    pub(super) fn indexed_sleepers(&mut self, function: Id<Function>) -> Vec<(i64, Id<Ability>)> {
        self.work += self.functions[function].indexed.len();
        let all = self.functions[function].indexed.iter(&self.abilities);
        let waiting = all.filter_map(|id| Some((self.wake_order(id)?, id)));
        let mut sleepers: Vec<_> = waiting.collect();
        sleepers.sort_unstable();
        sleepers
    }

    /// The place of a waiting worker in the order in which workers are woken.
    pub(super) fn wake_order(&self, ability: Id<Ability>) -> Option<i64> {
        let connection = &self.connections[self.abilities[ability].connection];
        match connection.state {
            WorkerState::Awake => None,
            WorkerState::LongPoll { .. } => Some(-connection.slept),
            WorkerState::Sleeping => Some(connection.slept),
        }
    }

    /// The worker of a function that is woken first.
    pub(super) fn first_sleeper(&mut self, function: Id<Function>) -> Option<Id<Ability>> {
        let listed = self.functions[function].sleepers.front();
        if self.functions[function].indexed.is_empty() {
            return listed;
        }
        let listed = listed.and_then(|id| Some((self.wake_order(id)?, id)));
        self.work += self.functions[function].indexed.len();
        let all = self.functions[function].indexed.iter(&self.abilities);
        let indexed = all.filter_map(|id| Some((self.wake_order(id)?, id))).min();
        listed.into_iter().chain(indexed).min().map(|(_, id)| id)
    }

    /// Whether a worker of a function waits for a job.
    pub(super) fn has_sleeper(&self, function: Id<Function>) -> bool {
        let function = &self.functions[function];
        let is_waiting = |id: Id<Ability>| self.wake_order(id).is_some();
        !function.sleepers.is_empty() || function.indexed.iter(&self.abilities).any(is_waiting)
    }

    /// Notes that a worker has started a job.
    pub(super) fn index_running(&mut self, worker: Id<Connection>, job: Id<Job>) {
        let connection = &mut self.connections[worker];
        match &mut connection.running_jobs {
            Some(running) => running.add(self.jobs[job].function, job),
            None if connection.running.len() <= self.indexed_from => {}
            None => {
                let mut running = Box::<RunningJobs>::default();
                for job in connection.running.iter(&self.jobs) {
                    running.add(self.jobs[job].function, job);
                }
                connection.running_jobs = Some(running);
            }
        }
    }

    /// Notes that a worker no longer runs a job, which is not in its list any more.
    pub(super) fn unindex_running(&mut self, worker: Id<Connection>, job: Id<Job>) {
        let connection = &mut self.connections[worker];
        if let Some(running) = &mut connection.running_jobs {
            running.jobs.remove(&(self.jobs[job].function, job));
            if connection.running.is_empty() {
                connection.running_jobs = None;
            }
        }
    }

    /// The jobs of a function that a worker runs, in the order in which they were started.
    pub(super) fn running_of(&mut self, worker: Id<Connection>, of: Id<Function>) -> Vec<Id<Job>> {
        let connection = &self.connections[worker];
        let Some(running) = &connection.running_jobs else {
            self.work += connection.running.len() / 8;
            let all = connection.running.iter(&self.jobs);
            return all.filter(|&job| self.jobs[job].function == of).collect();
        };
        let all = running.jobs.range((of, Id::FIRST)..);
        let own = all.take_while(|((function, _), _)| *function == of);
        let mut jobs: Vec<_> = own.map(|(&(_, job), &started)| (started, job)).collect();
        jobs.sort_unstable();
        self.work += u32::try_from(jobs.len()).unwrap_or(u32::MAX);
        jobs.into_iter().map(|(_, job)| job).collect()
    }

    /// Checks the indexes of a worker against its lists.
    ///
    /// # Panics
    /// If they differ.
    pub(super) fn recount_index(&self, connection: &Connection) {
        if let Some(running) = &connection.running_jobs {
            let mut listed: Vec<_> =
                running.jobs.iter().map(|((_, job), at)| (*at, *job)).collect();
            listed.sort_unstable();
            let listed: Vec<_> = listed.into_iter().map(|(_, job)| job).collect();
            assert_eq!(listed, connection.running.iter(&self.jobs).collect::<Vec<_>>());
        }
        let Some(available) = &connection.available else { return };
        let abilities: Vec<_> = connection.abilities.iter(&self.abilities).collect();
        assert!(!abilities.is_empty(), "an index without a function");
        assert!(abilities.iter().map(|&id| self.abilities[id].place).is_sorted(), "the order");
        let mut expected = BTreeMap::new();
        for id in abilities {
            let Ability { function, place, .. } = self.abilities[id];
            let function = &self.functions[function];
            for priority in (0..PRIORITIES).filter(|&p| !function.queues[p].is_empty()) {
                if !function.paused {
                    expected.insert((priority, place), id);
                }
            }
        }
        assert_eq!(expected, available.jobs);
    }
}
