//! Counts everything in a broker anew and compares it with what the broker
//! believes: lists, counters, indexes and timers must tell the same story. Tests and
//! the fuzz target have it; the server does not.

use std::collections::HashMap;

use crate::connection::WorkerState;
use crate::job::Stage;
use crate::timers::Timer;
use crate::{Broker, Function, Wakeup};

impl Broker {
    /// Checks that the broker agrees with itself.
    ///
    /// # Panics
    /// If it does not.
    pub fn recount(&self) {
        self.recount_jobs();
        self.recount_functions();
        self.recount_connections();
    }

    fn recount_jobs(&self) {
        let mut queued = [0; 3];
        let (mut running, mut delayed, mut timed, mut waiters) = (HashMap::new(), 0, 0, 0);
        for (id, job) in self.jobs.iter() {
            assert_eq!(self.jobs.find_handle(&self.jobs.handle(id)), Some(id));
            if let Some(joined) = self.jobs.find_joinable(job.function, job.unique(), job.payload())
            {
                assert_eq!(joined, id, "two jobs that should be one");
            }
            waiters += job.waiters.len() as usize;
            assert_eq!(job.waiters.iter(&self.waiters).count(), job.waiters.len() as usize);
            match job.stage {
                Stage::Admitted => panic!("a job that was never accepted"),
                Stage::Delayed => delayed += 1,
                Stage::Queued => {
                    queued[job.priority as usize] +=
                        usize::from(!self.functions[job.function].paused);
                }
                Stage::Running(worker) => {
                    *running.entry(worker.index()).or_insert(0) += 1;
                    timed += usize::from(job.moment > 0);
                }
            }
            let is_running = matches!(job.stage, Stage::Running(_));
            assert!(is_running || !job.is_abandoned(), "a job that nobody wants");
        }
        assert_eq!(queued, self.queued);
        assert_eq!(running.values().sum::<u32>() as usize, self.running);
        assert_eq!(delayed, self.delayed.len());
        let is_timeout = |timer: &Timer| matches!(timer, Timer::JobTimeout(_));
        assert_eq!(timed, self.timers.iter().filter(is_timeout).count());
        assert_eq!(waiters, self.waiters.len());
        for (id, connection) in self.connections.iter() {
            let theirs = running.remove(&id.index()).unwrap_or(0);
            assert_eq!(theirs, connection.running.len());
        }
        assert!(running.is_empty(), "a job with a worker that is gone");
    }

    fn recount_functions(&self) {
        let mut total = 0;
        for (id, function) in self.functions.iter() {
            assert_eq!(self.functions.find(&function.name), Some(id));
            total += function.total() as usize;
            for (priority, queue) in function.queues.iter().enumerate() {
                assert_eq!(queue.iter(&self.jobs).count(), queue.len() as usize);
                let mut since = 0;
                for job in queue.iter(&self.jobs).map(|job| &self.jobs[job]) {
                    assert!(since <= job.moment, "the first has not waited longest");
                    since = job.moment;
                    assert_eq!((job.function, job.priority as usize), (id, priority));
                    assert_eq!(job.stage, Stage::Queued);
                }
            }
            let totals = function.totals;
            let ended = totals.completed + totals.failed + totals.abandoned;
            assert_eq!(totals.submitted, ended + u64::from(function.total()));
            let offers = function.abilities.iter(&self.abilities).map(|a| self.abilities[a].count);
            assert_eq!(offers.sum::<u32>(), function.offers);
            self.recount_sleepers(function);
        }
        assert_eq!(total, self.jobs.len());
    }

    /// No wake-up is lost: beside waiting jobs either none of the function's workers
    /// waits, or one is awake and will ask. No grab is held beside a waiting job.
    fn recount_sleepers(&self, function: &Function) {
        let state = |id| self.connections[self.abilities[id].connection].state;
        let is_waiting = |id| state(id) != WorkerState::Awake;
        let is_held = |id: &_| matches!(state(*id), WorkerState::LongPoll { .. });
        let all: Vec<_> = function.abilities.iter(&self.abilities).collect();
        let waiting = all.iter().filter(|&&id| is_waiting(id)).count();
        assert_eq!(waiting, function.sleepers.len() as usize);
        assert!(function.sleepers.iter(&self.abilities).all(is_waiting));
        let sleepers: Vec<_> = function.sleepers.iter(&self.abilities).collect();
        let held = sleepers.iter().take_while(|id| is_held(id)).count();
        assert!(!sleepers[held..].iter().any(is_held), "a long poll behind a sleeping worker");
        assert!(held == 0 || function.available() == 0, "a job waits beside a long poll");
        if function.available() > 0 && waiting > 0 {
            let is_fine = match self.config.wakeup {
                Wakeup::All => false,
                Wakeup::AtMost(_) => waiting < all.len(),
                Wakeup::AsNeeded => function.alarm.is_some(),
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
        }
        assert_eq!(held, self.long_polls.pending());
        assert_eq!(abilities, self.abilities.len());
        assert_eq!(waiters, self.waiters.len());
    }
}
