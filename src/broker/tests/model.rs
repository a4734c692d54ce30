//! A second, simple implementation of the broker's rules: searches instead of indexes,
//! clones instead of links. The simulation compares the two.
//!
//! Must not: share code with the broker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The stage of a job in the model. Times are in milliseconds, `due` in Unix seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Delayed { due: u64 },
    Queued,
    Running { worker: usize, since: u64, deadline: Option<u64> },
}

/// A job of the model.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) function: String,
    pub(super) unique: String,
    pub(super) payload: String,
    pub(super) priority: usize,
    pub(super) background: bool,
    pub(super) waiters: Vec<usize>,
    pub(super) place: Place,
    pub(super) retries: u8,
}

/// The last empty grab, when it was answered at once, and what followed it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) enum EmptyGrab {
    #[default]
    None,
    Answered(u64),
    Slept(u64),
}

/// A connection of the model.
#[derive(Default)]
pub(super) struct Connection {
    /// Offered functions, and whether their jobs have a time limit.
    pub(super) functions: BTreeMap<String, bool>,
    pub(super) sleeping: bool,
    /// Since when its grab is held, in milliseconds, if it is.
    pub(super) held_since: Option<u64>,
    /// Its last empty grab that was answered at once.
    pub(super) empty_grab: EmptyGrab,
    /// Consecutive hits: empty grabs followed by PRE_SLEEP and, within the hold, a job.
    pub(super) hits: u32,
    /// Time of the last hit.
    pub(super) last_hit: u64,
    pub(super) exceptions: bool,
}

/// The model of a broker.
pub(super) struct Model {
    pub(super) jobs: BTreeMap<u32, Job>,
    pub(super) queues: BTreeMap<(String, usize), VecDeque<u32>>,
    pub(super) connections: BTreeMap<usize, Connection>,
    /// The packets that each connection must get, without NOOP.
    pub(super) mail: BTreeMap<usize, Vec<String>>,
    pub(super) attempts: Option<u8>,
    /// Milliseconds that a grab may be held.
    pub(super) grab_hold_ms: u64,
    /// Paused functions.
    pub(super) paused: BTreeSet<String>,
    /// Jobs submitted, completed, failed, retried and abandoned.
    pub(super) totals: BTreeMap<String, [u64; 5]>,
    pub(super) last_job: u32,
    /// Jobs that were cancelled while a worker ran them, with that worker.
    pub(super) cancelled: BTreeSet<(usize, u32)>,
}

// Indexes of the counts in `Model::totals`.
const SUBMITTED: usize = 0;
const COMPLETED: usize = 1;
const FAILED: usize = 2;
const RETRIED: usize = 3;
const ABANDONED: usize = 4;

/// Time limit of jobs that have one, in milliseconds.
pub(super) const JOB_TIMEOUT_MS: u64 = 1000;

impl Model {
    pub(super) fn new(attempts: Option<u8>, grab_hold_ms: u64) -> Model {
        Model {
            jobs: BTreeMap::new(),
            queues: BTreeMap::new(),
            connections: BTreeMap::new(),
            mail: BTreeMap::new(),
            attempts,
            grab_hold_ms,
            paused: BTreeSet::new(),
            totals: BTreeMap::new(),
            last_job: 0,
            cancelled: BTreeSet::new(),
        }
    }

    pub(super) fn expect(&mut self, peer: usize, text: impl Into<String>) {
        self.mail.entry(peer).or_default().push(text.into());
    }

    fn expect_all(&mut self, job: u32, text: &str) {
        for waiter in self.jobs[&job].waiters.clone() {
            self.expect(waiter, text);
        }
    }

    fn count(&mut self, function: &str, what: usize) {
        self.totals.entry(function.into()).or_default()[what] += 1;
    }

    fn remove(&mut self, job: u32, end: usize) {
        let function = self.jobs.remove(&job).expect("a job to remove").function;
        self.count(&function, end);
        self.queues.values_mut().for_each(|queue| queue.retain(|&queued| queued != job));
    }

    fn enqueue(&mut self, number: u32) {
        let job = self.jobs.get_mut(&number).expect("a job to queue");
        job.place = Place::Queued;
        self.queues.entry((job.function.clone(), job.priority)).or_default().push_back(number);
    }

    /// A submission. `due`, if given, is in the future.
    pub(super) fn submit(&mut self, from: usize, new: Job, due: Option<u64>) {
        let same = |job: &Job| {
            let same_payload = new.unique != "-" || job.payload == new.payload;
            let is_single = new.unique.is_empty() || new.unique == "-" && new.payload.is_empty();
            !is_single && job.function == new.function && job.unique == new.unique && same_payload
        };
        let joined = self.jobs.iter().find(|(_, job)| same(job)).map(|(&number, _)| number);
        let background = new.background;
        let number = joined.unwrap_or_else(|| {
            self.last_job += 1;
            self.totals.entry(new.function.clone()).or_default()[SUBMITTED] += 1;
            self.jobs.insert(self.last_job, new);
            self.last_job
        });
        let job = self.jobs.get_mut(&number).expect("a job to join");
        job.background |= background;
        if !background {
            job.waiters.push(from);
        }
        self.expect(from, format!("JOB_CREATED H:{number}"));
        match due {
            _ if joined.is_some() => {}
            Some(due) => self.jobs.get_mut(&number).expect("new").place = Place::Delayed { due },
            None => self.enqueue(number),
        }
    }

    /// Whether a worker in a long poll can get this job: it must be the first of its
    /// queue, in any priority, because the first job of a step ends the long poll.
    pub(super) fn is_for(&self, number: u32, worker: usize) -> bool {
        let Some(job) = self.jobs.get(&number) else { return false };
        let queue = self.queues.get(&(job.function.clone(), job.priority));
        queue.is_some_and(|queue| queue.front() == Some(&number))
            && self.connections[&worker].functions.contains_key(&job.function)
            && !self.paused.contains(&job.function)
    }

    /// The packet that assigns a job.
    pub(super) fn assignment(&self, number: u32) -> String {
        let job = &self.jobs[&number];
        format!("JOB_ASSIGN_UNIQ H:{number} {} {} {}", job.function, job.unique, job.payload)
    }

    /// The jobs that a grab of a worker can get: of each of its functions the first job of
    /// the highest priority that any of its functions has.
    pub(super) fn candidates(&self, worker: usize) -> Vec<u32> {
        let offered = self.connections[&worker].functions.keys();
        let functions: Vec<_> = offered.filter(|&f| !self.paused.contains(f)).collect();
        (0..3)
            .map(|priority| {
                let first =
                    |f: &&String| self.queues.get(&((*f).clone(), priority))?.front().copied();
                functions.iter().filter_map(first).collect::<Vec<_>>()
            })
            .find(|firsts| !firsts.is_empty())
            .unwrap_or_default()
    }

    /// A worker sends a packet. A held grab is first answered with NO_JOB.
    pub(super) fn hear(&mut self, peer: usize, is_pre_sleep: bool) {
        let connection = self.connections.get_mut(&peer).expect("a connection of the model");
        if connection.held_since.take().is_some() {
            connection.hits = 0;
            self.expect(peer, "NO_JOB");
            return;
        }
        if let EmptyGrab::Answered(when) = connection.empty_grab {
            if is_pre_sleep {
                connection.empty_grab = EmptyGrab::Slept(when);
            } else {
                (connection.empty_grab, connection.hits) = (EmptyGrab::None, 0);
            }
        }
    }

    /// A worker's grab found no job. It may be held only if each of its last 4 empty grabs
    /// was followed by PRE_SLEEP at once and by a job within the hold, the last one less
    /// than 10 ms ago. Otherwise another server may have a job for the worker.
    pub(super) fn empty_grab(&mut self, peer: usize, is_held: bool, now: u64) {
        let connection = self.connections.get_mut(&peer).expect("a connection of the model");
        connection.empty_grab = EmptyGrab::None;
        if is_held {
            assert!(connection.hits >= 4 && now < connection.last_hit + 10, "{peer} is held");
            connection.held_since = Some(now);
        } else {
            connection.empty_grab = EmptyGrab::Answered(now);
        }
    }

    /// A worker gets a job.
    pub(super) fn assign(&mut self, number: u32, worker: usize, now: u64) {
        let connection = self.connections.get_mut(&worker).expect("a worker of the model");
        if let EmptyGrab::Slept(when) = std::mem::take(&mut connection.empty_grab) {
            let is_hit = now < when + self.grab_hold_ms;
            connection.hits = if is_hit { connection.hits + 1 } else { 0 };
            connection.last_hit = now;
        }
        self.queues.values_mut().for_each(|queue| queue.retain(|&queued| queued != number));
        let job = self.jobs.get_mut(&number).expect("an assigned job");
        let limited = self.connections[&worker].functions[&job.function];
        // Part of the current millisecond has already passed.
        let deadline = limited.then_some(now + JOB_TIMEOUT_MS + 1);
        job.place = Place::Running { worker, since: now, deadline };
    }

    /// The jobs that a worker runs, the oldest first.
    pub(super) fn running(&self, worker: usize) -> Vec<u32> {
        let mut jobs: Vec<_> = self
            .jobs
            .iter()
            .filter_map(|(&number, job)| match job.place {
                Place::Running { worker: w, since, .. } if w == worker => Some((since, number)),
                _ => None,
            })
            .collect();
        jobs.sort_unstable();
        jobs.into_iter().map(|(_, number)| number).collect()
    }

    fn is_abandoned(&self, number: u32) -> bool {
        let job = &self.jobs[&number];
        !job.background && job.waiters.is_empty()
    }

    /// A worker lost a job.
    pub(super) fn lose(&mut self, number: u32) {
        let job = self.jobs.get_mut(&number).expect("a lost job");
        job.retries += 1;
        let exhausted = self.attempts.is_some_and(|most| job.retries >= most);
        if self.is_abandoned(number) {
            self.remove(number, ABANDONED);
        } else if exhausted {
            self.fail(number);
        } else {
            let function = self.jobs[&number].function.clone();
            self.count(&function, RETRIED);
            self.enqueue(number);
        }
    }

    /// A job is cancelled. Its worker, if it has one, goes on.
    pub(super) fn cancel(&mut self, number: u32) {
        if let Place::Running { worker, .. } = self.jobs[&number].place {
            self.cancelled.insert((worker, number));
        }
        self.fail(number);
    }

    pub(super) fn fail(&mut self, number: u32) {
        self.expect_all(number, &format!("WORK_FAIL H:{number}"));
        self.remove(number, FAILED);
    }

    /// A worker that is not in the model completes a job.
    pub(super) fn complete(&mut self, number: u32) {
        self.expect_all(number, &format!("WORK_COMPLETE H:{number} "));
        self.remove(number, COMPLETED);
    }

    /// A worker reports on a job: the packet's name, and the arguments after the handle.
    pub(super) fn report(&mut self, worker: usize, number: u32, name: &str, rest: &str) {
        let is_end = matches!(name, "WORK_COMPLETE" | "WORK_FAIL" | "WORK_EXCEPTION");
        if !self.running(worker).contains(&number) {
            if self.cancelled.contains(&(worker, number)) {
                if is_end {
                    self.cancelled.remove(&(worker, number));
                }
                return;
            }
            let text = match name {
                "WORK_DATA" | "WORK_WARNING" => "Job does not exist on server",
                "WORK_EXCEPTION" => "An exception was received for a job that does not exist",
                _ => "Job given in work result not found",
            };
            return self.expect(worker, format!("ERROR JOB_NOT_FOUND {text}"));
        }
        for waiter in self.jobs[&number].waiters.clone() {
            if name == "WORK_EXCEPTION" && !self.connections[&waiter].exceptions {
                self.expect(waiter, format!("WORK_FAIL H:{number}\\x00"));
            } else {
                self.expect(waiter, format!("{name} H:{number}{rest}"));
            }
        }
        if is_end {
            let is_done = name == "WORK_COMPLETE";
            self.remove(number, if is_done { COMPLETED } else { FAILED });
        }
    }

    pub(super) fn disconnect(&mut self, peer: usize) {
        self.mail.remove(&peer);
        self.cancelled.retain(|&(worker, _)| worker != peer);
        for number in self.jobs.keys().copied().collect::<Vec<_>>() {
            let job = self.jobs.get_mut(&number).expect("a listed job");
            job.waiters.retain(|&waiter| waiter != peer);
            let running = matches!(job.place, Place::Running { .. });
            if self.is_abandoned(number) && !running {
                self.remove(number, ABANDONED);
            }
        }
        self.running(peer).into_iter().for_each(|number| self.lose(number));
        self.connections.remove(&peer);
    }

    /// Handles deadlines on both clocks.
    pub(super) fn tick(&mut self, now_ms: u64, unix: u64) {
        let mut late = Vec::new();
        let mut due_now = Vec::new();
        for (&number, job) in &self.jobs {
            match job.place {
                Place::Running { deadline: Some(deadline), .. } if deadline <= now_ms => {
                    late.push((deadline, number));
                }
                Place::Delayed { due } if due <= unix => due_now.push((due, number)),
                _ => {}
            }
        }
        late.sort_unstable();
        due_now.sort_unstable();
        late.into_iter().for_each(|(_, number)| self.lose(number));
        due_now.into_iter().for_each(|(_, number)| self.enqueue(number));
    }
}
