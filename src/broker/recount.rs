//! Consistency check of a broker: recounts everything and compares it with the lists,
//! counters, indexes and timers. Used by tests and the fuzz target, not by the server.
//!
//! Must not: change anything.

use std::collections::HashMap;

use crate::connection::WorkerState;
use crate::durable::Durability;
use crate::job::Stage;
use crate::timers::Timer;
use crate::{Broker, Function, Millis, Wakeup};

impl Broker {
    /// Checks that the broker is consistent.
    ///
    /// # Panics
    /// If it is not.
    pub fn recount(&self) {
        self.recount_jobs();
        self.recount_functions();
        self.recount_connections();
    }

    fn recount_jobs(&self) {
        let (mut queued, mut admitted) = ([0; 3], HashMap::new());
        let (mut running, mut delayed, mut timed, mut waiters) = (HashMap::new(), 0, 0, 0);
        for (id, job) in self.jobs.iter() {
            assert_eq!(self.jobs.find_handle(&self.jobs.handle(id)), Some(id));
            let (unique, payload) = (job.unique(), job.payload());
            if let Some(joined) = self.jobs.find_joinable(job.function, unique, payload, None) {
                assert_eq!(joined, id, "two jobs that should have been joined");
            }
            waiters += job.waiters.len() as usize;
            assert_eq!(job.waiters.iter(&self.waiters).count(), job.waiters.len() as usize);
            match job.stage {
                Stage::Admitted { .. } => {
                    let is_stored =
                        job.durability == Durability::Stored && self.survey_progress().1;
                    assert!(
                        is_stored || job.durability == Durability::Pending,
                        "a job is admitted, and waits for nothing"
                    );
                    *admitted.entry(job.function.index()).or_insert(0) += 1;
                }
                Stage::Delayed { .. } => delayed += 1,
                Stage::Queued { .. } => {
                    queued[job.priority as usize] +=
                        usize::from(!self.functions[job.function].paused);
                }
                Stage::Running { worker, deadline } => {
                    *running.entry(worker.index()).or_insert(0) += 1;
                    timed += usize::from(deadline != Millis::NEVER);
                }
            }
            assert!(job.stage.is_running() || !job.is_abandoned(), "an abandoned job");
        }
        assert_eq!(queued, self.queued);
        for (id, function) in self.functions.iter() {
            assert_eq!(admitted.remove(&id.index()).unwrap_or(0), function.admitted);
        }
        assert_eq!(running.values().sum::<u32>() as usize, self.running);
        assert_eq!(delayed, self.delayed.len());
        let is_timeout = |timer: &Timer| matches!(timer, Timer::JobTimeout(_));
        assert_eq!(timed, self.timers.iter().filter(is_timeout).count());
        for (_, relay) in self.backlog.relays.iter() {
            waiters += relay.waiters.iter(&self.waiters).count();
        }
        assert_eq!(waiters, self.waiters.len());
        for (id, connection) in self.connections.iter() {
            let expected = running.remove(&id.index()).unwrap_or(0);
            assert_eq!(expected, connection.running.len());
        }
        assert!(running.is_empty(), "a running job without a worker");
    }

    fn recount_functions(&self) {
        let mut total = 0;
        for (id, function) in self.functions.iter() {
            assert_eq!(self.functions.find(&function.name), Some(id));
            let in_memory = function.queued() + function.delayed + function.running;
            total += (in_memory + function.admitted) as usize;
            for (priority, queue) in function.queues.iter().enumerate() {
                assert_eq!(queue.iter(&self.jobs).count(), queue.len() as usize);
                let mut last = Millis(0);
                for job in queue.iter(&self.jobs).map(|job| &self.jobs[job]) {
                    let since = job.stage.queued_since().expect("a job in a queue is queued");
                    assert!(last <= since, "a queue is not sorted by waiting time");
                    last = since;
                    assert_eq!((job.function, job.priority as usize), (id, priority));
                }
            }
            let totals = function.totals;
            let by_server = totals.cancelled + totals.dropped + totals.abandoned;
            let ended = totals.completed + totals.failed + by_server;
            assert_eq!(totals.submitted, ended + u64::from(function.total()));
            let offers = function.abilities.iter(&self.abilities).map(|a| self.abilities[a].count);
            assert_eq!(offers.sum::<u32>(), function.offers);
            self.recount_sleepers(function);
        }
        assert_eq!(total, self.jobs.len());
    }

    /// Checks that no wake-up is lost: while jobs are queued, either no worker of the
    /// function waits, or one is awake and will send a grab, and no grab is held.
    fn recount_sleepers(&self, function: &Function) {
        let state = |id| self.connections[self.abilities[id].connection].state;
        let is_waiting = |id| state(id) != WorkerState::Awake;
        let is_held = |id: &_| matches!(state(*id), WorkerState::LongPoll { .. });
        let all: Vec<_> = function.abilities.iter(&self.abilities).collect();
        let waiting = all.iter().filter(|&&id| is_waiting(id)).count();
        let is_indexed = |id| self.is_indexed(self.abilities[id].connection);
        let in_index = all.iter().filter(|&&id| is_indexed(id)).count();
        assert_eq!(in_index, function.indexed.iter(&self.abilities).count());
        assert!(function.indexed.iter(&self.abilities).all(is_indexed));
        let without_index = all.iter().filter(|&&id| is_waiting(id) && !is_indexed(id)).count();
        assert_eq!(without_index, function.sleepers.len() as usize);
        assert!(function.sleepers.iter(&self.abilities).all(is_waiting));
        let sleepers: Vec<_> = function.sleepers.iter(&self.abilities).collect();
        let held = sleepers.iter().take_while(|id| is_held(id)).count();
        assert!(!sleepers[held..].iter().any(is_held), "a long poll after a sleeping worker");
        assert!(held == 0 || function.available() == 0, "a job is queued during a long poll");
        if function.available() > 0 && waiting > 0 {
            let is_fine = match self.config.wakeup {
                Wakeup::All => false,
                Wakeup::AtMost(_) => waiting < all.len(),
                Wakeup::AsNeeded => function.wakeup_check.is_some(),
            };
            assert!(is_fine, "a lost wake-up");
        }
    }

    fn recount_connections(&self) {
        let (mut abilities, mut waiters, mut held) = (0, 0, 0);
        for (id, connection) in self.connections.iter() {
            abilities += connection.abilities.iter(&self.abilities).count();
            waiters += connection.waiters.iter(&self.waiters).count();
            held += u64::from(matches!(connection.state, WorkerState::LongPoll { .. }));
            for ability in connection.abilities.iter(&self.abilities).map(|a| &self.abilities[a]) {
                assert_eq!(ability.connection, id);
            }
            self.recount_index(connection);
        }
        assert_eq!(held, self.long_polls.pending());
        assert_eq!(abilities, self.abilities.len());
        assert_eq!(waiters, self.waiters.len());
    }
}
