//! Walks past all connections, functions or jobs, one at a time, so that whoever
//! shows many of them can stop and go on later. What exists all the time is seen
//! once; what comes or goes meanwhile, maybe.
//!
//! Must not: change anything.

use std::collections::VecDeque;

use super::buckets::{BUCKETS, Hash};
use super::connection::WorkerState;
use super::function::{Function, Rank};
use super::job::Job;
use super::slab::{Id, Key};
use super::view::{ConnectionView, FunctionView, JobView};
use super::{Broker, ConnectionKey};

/// Bytes of a payload that decide where a job stands among the uniques.
const HASHED: usize = 64 << 10;

/// One step of a walk.
pub enum Step<T> {
    /// The next one.
    One(T),
    /// None, but there may be more.
    None,
    /// There are no more.
    End,
}

impl<T> Step<T> {
    /// The same step with something made of the one that it came by.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Step<U> {
        match self {
            Step::One(one) => Step::One(make(one)),
            Step::None => Step::None,
            Step::End => Step::End,
        }
    }
}

/// A walk over all connections, the newest first.
pub struct ConnectionWalk {
    /// Those still to be seen, the newest last.
    left: Vec<ConnectionKey>,
}

impl ConnectionWalk {
    /// A walk over those that are there now.
    pub fn new(broker: &Broker) -> ConnectionWalk {
        let mut all: Vec<_> = broker.connections.iter().map(|(id, c)| (c.number, id)).collect();
        all.sort_unstable();
        ConnectionWalk { left: all.into_iter().map(|(_, id)| broker.key(id)).collect() }
    }

    /// The next step.
    pub fn step<'a>(&mut self, broker: &'a Broker) -> Step<ConnectionView<'a>> {
        let Some(key) = self.left.pop() else { return Step::End };
        let Some(id) = broker.connections.find(key) else { return Step::None };
        let connection = &broker.connections[id];
        let abilities = connection.abilities.iter(&broker.abilities);
        let name = |ability| &*broker.functions[broker.abilities[ability].function].name;
        Step::One(ConnectionView {
            peer: broker.peer(id),
            functions: abilities.map(name).collect(),
            sleeping: connection.state == WorkerState::Sleeping,
            running: connection.running.len() as usize,
            waiting: connection.waiters.len() as usize,
        })
    }
}

/// A walk over all functions, in the original's order.
#[derive(Default)]
pub struct FunctionWalk {
    last: Option<Rank>,
}

impl FunctionWalk {
    /// The next step.
    pub fn step<'a>(&mut self, broker: &'a Broker) -> Step<FunctionView<&'a [u8]>> {
        let Some(function) = broker.functions.behind(self.last) else { return Step::End };
        self.last = Some(function.rank);
        Step::One(broker.view_function(function))
    }
}

/// A walk over jobs, in no particular order.
#[derive(Default)]
pub struct JobWalk {
    place: usize,
    /// Whether only the jobs of one function are meant, and of which; of none
    /// if it does not exist.
    only: Option<Option<Key<Function>>>,
}

impl JobWalk {
    /// A walk over the jobs of one function.
    pub fn of_function(broker: &Broker, name: &[u8]) -> JobWalk {
        let found = broker.functions.find(name).map(|id| broker.functions.key(id));
        JobWalk { place: 0, only: Some(found) }
    }

    /// The next step.
    pub fn step<'a>(&mut self, broker: &'a Broker) -> Step<JobView<'a>> {
        self.next(broker).map(|id| broker.view_job(id))
    }

    fn next(&mut self, broker: &Broker) -> Step<Id<Job>> {
        let function = self.only.map(|key| key.and_then(|key| broker.functions.find_key(key)));
        if function == Some(None) {
            return Step::End;
        }
        let Some(id) = broker.jobs.first_from(self.place) else { return Step::End };
        self.place = id.index() + 1;
        match function {
            Some(function) if Some(broker.jobs[id].function) != function => Step::None,
            _ => Step::One(id),
        }
    }
}

/// What a walk in the original's order goes by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// The table of jobs by handle.
    Handles,
    /// The table of jobs by unique, in which "-" stands for the payload.
    Uniques,
}

/// A walk over all jobs in the order of one of the original's tables: by bucket,
/// in a bucket the newest first.
pub struct TableWalk {
    table: Table,
    /// Finds all jobs; done before the first of them is shown.
    search: JobWalk,
    is_sorted: bool,
    /// The jobs of each bucket, until it is shown.
    buckets: VecDeque<Vec<(u32, Key<Job>)>>,
    /// What is left of the bucket that is being shown, the newest last.
    shown: Vec<(u32, Key<Job>)>,
}

impl TableWalk {
    /// A walk that has not begun.
    pub fn new(table: Table) -> TableWalk {
        TableWalk {
            table,
            search: JobWalk::default(),
            is_sorted: false,
            buckets: vec![Vec::new(); BUCKETS as usize].into(),
            shown: Vec::new(),
        }
    }

    /// The next step.
    pub fn step<'a>(&mut self, broker: &'a Broker) -> Step<JobView<'a>> {
        if self.is_sorted {
            return self.show(broker);
        }
        match self.search.next(broker) {
            Step::One(id) => {
                let job = &broker.jobs[id];
                let hash = match (self.table, job.unique()) {
                    (Table::Handles, _) => Hash::default().with(&broker.jobs.handle(id)),
                    (Table::Uniques, b"-") => {
                        let payload = job.payload();
                        Hash::default().with(&payload[..payload.len().min(HASHED)])
                    }
                    (Table::Uniques, unique) => Hash::default().with(unique),
                };
                let bucket = &mut self.buckets[usize::from(hash.bucket())];
                bucket.push((job.number, broker.jobs.key(id)));
            }
            Step::None => {}
            Step::End => {
                self.is_sorted = true;
                self.buckets.retain(|bucket| !bucket.is_empty());
            }
        }
        Step::None
    }

    fn show<'a>(&mut self, broker: &'a Broker) -> Step<JobView<'a>> {
        if let Some((_, key)) = self.shown.pop() {
            return match broker.jobs.find(key) {
                Some(id) => Step::One(broker.view_job(id)),
                None => Step::None,
            };
        }
        match self.buckets.pop_front() {
            Some(bucket) => {
                self.shown = bucket;
                self.shown.sort_unstable();
                Step::None
            }
            None => Step::End,
        }
    }
}
