//! Cursors over all connections, functions or jobs. A cursor returns one item per call
//! and holds no borrow between calls, so a long list can be written in pieces while the
//! broker serves packets. An item that exists from the first call to the last is returned
//! exactly once; an item that is added or removed meanwhile may be missing.
//!
//! Must not: change anything.

use std::collections::VecDeque;

use super::buckets::{BUCKETS, Hash};
use super::connection::{Ability, WorkerState};
use super::function::{Function, Rank};
use super::job::{Job, Stage};
use super::slab::{Id, Key};
use super::view::{ConnectionView, FunctionView, JobView};
use super::{Broker, ConnectionKey};

/// Bytes of a payload that count when a job with the unique "-" is put in the order of
/// [`JobOrder::ByUnique`].
const HASHED_PAYLOAD_BYTES_MAX: usize = 16 << 10;

/// The result of moving a cursor.
pub enum CursorStep<T> {
    /// The next item.
    Item(T),
    /// No item at this step; the next call may return one.
    Skip,
    /// The end: every item was returned.
    End,
}

impl<T> CursorStep<T> {
    /// Converts the item, if any.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> CursorStep<U> {
        match self {
            CursorStep::Item(item) => CursorStep::Item(convert(item)),
            CursorStep::Skip => CursorStep::Skip,
            CursorStep::End => CursorStep::End,
        }
    }

    /// Converts the item, if any, or leaves it out.
    pub fn filter_map<U>(self, convert: impl FnOnce(T) -> Option<U>) -> CursorStep<U> {
        match self {
            CursorStep::Item(item) => convert(item).map_or(CursorStep::Skip, CursorStep::Item),
            CursorStep::Skip => CursorStep::Skip,
            CursorStep::End => CursorStep::End,
        }
    }

    /// Leaves the item out unless the condition holds.
    pub fn keep(self, condition: impl FnOnce(&T) -> bool) -> CursorStep<T> {
        self.filter_map(|item| condition(&item).then_some(item))
    }
}

/// A cursor over all connections, the newest first.
pub struct ConnectionCursor {
    /// Connections not returned yet, the newest last.
    left: Vec<ConnectionKey>,
}

impl ConnectionCursor {
    /// A cursor over the connections that exist now.
    pub fn new(broker: &Broker) -> ConnectionCursor {
        let mut all: Vec<_> = broker.connections.iter().map(|(id, c)| (c.number, id)).collect();
        all.sort_unstable();
        ConnectionCursor { left: all.into_iter().map(|(_, id)| broker.key(id)).collect() }
    }

    /// Moves to the next connection.
    pub fn next<'a>(&mut self, broker: &'a Broker) -> CursorStep<ConnectionView<'a>> {
        let Some(key) = self.left.pop() else { return CursorStep::End };
        let Some(id) = broker.connections.find(key) else { return CursorStep::Skip };
        let connection = &broker.connections[id];
        if connection.is_closing {
            return CursorStep::Skip;
        }
        let refused = connection.refused.iter().flat_map(|refused| refused.keys());
        CursorStep::Item(ConnectionView {
            key,
            peer: broker.peer(id),
            refused: refused.map(|name| &**name).collect(),
            sleeping: connection.state == WorkerState::Sleeping,
            running: connection.running.len() as usize,
            waiting: connection.waiters.len() as usize,
        })
    }
}

/// A cursor over the functions that a connection offers, the newest first.
pub struct OfferCursor {
    connection: ConnectionKey,
    place: OfferPlace,
}

/// Where an [`OfferCursor`] is.
enum OfferPlace {
    Start,
    /// Behind one function and before another. If one of them is no longer offered, the other one
    /// shows the place.
    Between(Key<Ability>, Key<Ability>),
    End,
}

impl OfferCursor {
    /// A cursor over the functions of a connection.
    pub fn new(connection: ConnectionKey) -> OfferCursor {
        OfferCursor { connection, place: OfferPlace::Start }
    }

    /// Whether all functions were returned.
    pub fn is_at_end(&self) -> bool {
        matches!(self.place, OfferPlace::End)
    }

    /// The names of the next functions, at most so many.
    pub fn next<'a>(&mut self, broker: &'a Broker, names_max: usize) -> Vec<&'a [u8]> {
        let place = std::mem::replace(&mut self.place, OfferPlace::End);
        let Some(id) = broker.connections.find(self.connection) else { return Vec::new() };
        let (offered, abilities) = (&broker.connections[id].abilities, &broker.abilities);
        let mut next = match place {
            OfferPlace::Start => offered.front(),
            OfferPlace::Between(before, behind) => abilities.find(behind).or_else(|| {
                abilities.find(before).and_then(|before| offered.after(abilities, before))
            }),
            OfferPlace::End => None,
        };
        let mut names = Vec::new();
        while let Some(ability) = next
            && names.len() < names_max
        {
            names.push(&*broker.functions[abilities[ability].function].name);
            next = offered.after(abilities, ability);
            if let Some(next) = next {
                self.place = OfferPlace::Between(abilities.key(ability), abilities.key(next));
            }
        }
        if next.is_none() {
            self.place = OfferPlace::End;
        }
        names
    }
}

/// A cursor over all functions, in the original's order.
#[derive(Default)]
pub struct FunctionCursor {
    /// Rank of the function returned last.
    last: Option<Rank>,
}

impl FunctionCursor {
    /// Moves to the next function.
    pub fn next<'a>(&mut self, broker: &'a Broker) -> CursorStep<FunctionView<&'a [u8]>> {
        let Some(function) = broker.functions.after(self.last) else { return CursorStep::End };
        self.last = Some(function.rank);
        CursorStep::Item(broker.view_function(function))
    }
}

/// A cursor over jobs, in the order of their places in memory.
#[derive(Default)]
pub struct JobCursor {
    /// The next place in the slab of jobs.
    place: usize,
    /// The function whose jobs are returned; `None` for the jobs of all functions,
    /// `Some(None)` for a function that does not exist.
    only: Option<Option<Key<Function>>>,
}

impl JobCursor {
    /// A cursor over the jobs of one function.
    pub fn of_function(broker: &Broker, name: &[u8]) -> JobCursor {
        let found = broker.functions.find(name).map(|id| broker.functions.key(id));
        JobCursor { place: 0, only: Some(found) }
    }

    /// Whether the cursor is about the function with this name.
    pub fn is_about(&self, broker: &Broker, name: &[u8]) -> bool {
        let found = || broker.functions.find(name).map(|id| broker.functions.key(id));
        self.only.is_none_or(|only| only.is_some() && only == found())
    }

    /// Moves to the next job.
    pub fn next<'a>(&mut self, broker: &'a Broker) -> CursorStep<JobView<'a>> {
        self.next_id(broker).map(|id| broker.view_job(id))
    }

    fn next_id(&mut self, broker: &Broker) -> CursorStep<Id<Job>> {
        let function = self.only.map(|key| key.and_then(|key| broker.functions.find_key(key)));
        if function == Some(None) {
            return CursorStep::End;
        }
        let Some(id) = broker.jobs.first_from(self.place) else { return CursorStep::End };
        self.place = id.index() + 1;
        let job = &broker.jobs[id];
        // A job exists for others once it is committed.
        let is_admitted = matches!(job.stage, Stage::Admitted { .. });
        match function {
            _ if is_admitted => CursorStep::Skip,
            Some(function) if Some(job.function) != function => CursorStep::Skip,
            _ => CursorStep::Item(id),
        }
    }
}

/// The order of an [`OrderedJobCursor`]: that of one of the original's hash tables.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum JobOrder {
    /// The original's table of jobs by handle.
    ByHandle,
    /// The original's table of jobs by unique; for the unique "-" the payload is hashed.
    ByUnique,
}

/// A cursor over all jobs in the order of one of the original's hash tables: by bucket,
/// within a bucket the newest first.
pub struct OrderedJobCursor {
    order: JobOrder,
    /// Finds all jobs before the first is returned.
    search: JobCursor,
    is_sorted: bool,
    /// The jobs of each bucket that has not been reached.
    buckets: VecDeque<Vec<(u64, Key<Job>)>>,
    /// The jobs of the current bucket that were not returned yet, the newest last.
    current: Vec<(u64, Key<Job>)>,
}

impl OrderedJobCursor {
    /// A cursor before its first job.
    pub fn new(order: JobOrder) -> OrderedJobCursor {
        OrderedJobCursor {
            order,
            search: JobCursor::default(),
            is_sorted: false,
            buckets: vec![Vec::new(); BUCKETS as usize].into(),
            current: Vec::new(),
        }
    }

    /// Moves to the next job. While jobs are being sorted into buckets, each call sorts
    /// one job and returns [`CursorStep::Skip`].
    pub fn next<'a>(&mut self, broker: &'a Broker) -> CursorStep<JobView<'a>> {
        if self.is_sorted {
            return self.next_sorted(broker);
        }
        match self.search.next_id(broker) {
            CursorStep::Item(id) => {
                let job = &broker.jobs[id];
                let hash = match (self.order, job.unique()) {
                    (JobOrder::ByHandle, _) => Hash::default().with(&broker.jobs.handle(id)),
                    (JobOrder::ByUnique, b"-") => {
                        let payload = job.payload();
                        Hash::default()
                            .with(&payload[..payload.len().min(HASHED_PAYLOAD_BYTES_MAX)])
                    }
                    (JobOrder::ByUnique, unique) => Hash::default().with(unique),
                };
                let bucket = &mut self.buckets[usize::from(hash.bucket())];
                bucket.push((job.number, broker.jobs.key(id)));
            }
            CursorStep::Skip => {}
            CursorStep::End => {
                self.is_sorted = true;
                self.buckets.retain(|bucket| !bucket.is_empty());
            }
        }
        CursorStep::Skip
    }

    fn next_sorted<'a>(&mut self, broker: &'a Broker) -> CursorStep<JobView<'a>> {
        if let Some((_, key)) = self.current.pop() {
            return match broker.jobs.find(key) {
                Some(id) => CursorStep::Item(broker.view_job(id)),
                None => CursorStep::Skip,
            };
        }
        match self.buckets.pop_front() {
            Some(bucket) => {
                self.current = bucket;
                self.current.sort_unstable();
                CursorStep::Skip
            }
            None => CursorStep::End,
        }
    }
}
