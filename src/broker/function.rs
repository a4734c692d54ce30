//! Functions: names, queues, workers, and the indexes that find them.
//!
//! A function is created when a worker, a client or an administrator first names it, and
//! exists until an administrator drops it.
//!
//! Must not: send packets.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;

use super::buckets::bucket;
use super::connection::{Ability, Asleep, ByFunction};
use super::durable::NumberQueue;
use super::index::Index;
use super::job::{Job, PRIORITIES, StageList};
use super::list::List;
use super::slab::{Id, Key, Slab};
use super::waking::WakeupCheck;

/// One function.
pub(crate) struct Function {
    pub(super) name: Box<[u8]>,
    /// Queued jobs, one queue per priority, the highest priority first.
    pub(super) queues: [List<Job, StageList>; PRIORITIES],
    /// Number of delayed jobs.
    pub(super) delayed: u32,
    /// Number of running jobs.
    pub(super) running: u32,
    /// Number of jobs whose insertion into the store is not committed, and which are queued or
    /// delayed afterwards.
    pub(super) admitted: u32,
    /// Numbers of queued jobs that are only in the store, by priority.
    pub(super) parked: [NumberQueue; PRIORITIES],
    /// Number of parked jobs that are being fetched, by priority.
    pub(super) fetching: [u32; PRIORITIES],
    /// Number of delayed jobs that are only in the store.
    pub(super) parked_delayed: u32,
    /// Whether its queued jobs are not handed out.
    pub(super) paused: bool,
    /// For each priority the number of jobs of the function from which a submission is
    /// refused; 0 for no limit.
    pub(super) limits: [u32; PRIORITIES],
    /// One ability for each worker that offers the function.
    pub(super) abilities: List<Ability, ByFunction>,
    /// The abilities whose worker waits for a job: long polls first, then sleeping
    /// workers, the longest asleep first.
    pub(super) sleepers: List<Ability, Asleep>,
    /// The abilities whose worker has an index, whether it waits or not.
    pub(super) indexed: List<Ability, Asleep>,
    /// The next check whether its queued jobs need more awake workers.
    pub(super) wakeup_check: Option<WakeupCheck>,
    /// Number of CAN_DO packets of its workers.
    pub(super) offers: u32,
    /// Its place in the order in which functions are listed.
    pub(super) rank: Rank,
    /// Its jobs counted by outcome.
    pub(super) totals: Totals,
}

/// Order of functions in lists: by the original's bucket, within a bucket the newest
/// first.
pub(crate) type Rank = (u16, Reverse<u32>);

/// Jobs of a function since it was created. Every submitted job still exists, or was
/// completed, failed, cancelled, dropped or abandoned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// New jobs; a submission that joins an existing job is not counted.
    pub submitted: u64,
    /// Jobs that ended with WORK_COMPLETE.
    pub completed: u64,
    /// Jobs that ended with WORK_FAIL or WORK_EXCEPTION of their worker.
    pub failed: u64,
    /// Jobs that an administrator cancelled.
    pub cancelled: u64,
    /// Jobs that the server ended without their worker's word: attempts used up, a result larger
    /// than a packet may be, a dropped queue or function, the end of a drain.
    pub dropped: u64,
    /// How often a job was queued again because its worker lost it.
    pub retried: u64,
    /// Foreground jobs dropped because no client waited for them.
    pub abandoned: u64,
}

impl Totals {
    /// Adds the totals of another function.
    pub(super) fn add(&mut self, other: &Totals) {
        let Totals { submitted, completed, failed, cancelled, dropped, retried, abandoned } = other;
        for (sum, more) in [
            (&mut self.submitted, submitted),
            (&mut self.completed, completed),
            (&mut self.failed, failed),
            (&mut self.cancelled, cancelled),
            (&mut self.dropped, dropped),
            (&mut self.retried, retried),
            (&mut self.abandoned, abandoned),
        ] {
            *sum += more;
        }
    }
}

impl Function {
    fn new(name: &[u8], number: u32) -> Function {
        let rank = (bucket(name), Reverse(number));
        Function {
            name: name.into(),
            queues: [const { List::new() }; PRIORITIES],
            delayed: 0,
            running: 0,
            admitted: 0,
            parked: Default::default(),
            fetching: [0; PRIORITIES],
            parked_delayed: 0,
            limits: [0; PRIORITIES],
            abilities: List::new(),
            sleepers: List::new(),
            indexed: List::new(),
            wakeup_check: None,
            paused: false,
            offers: 0,
            rank,
            totals: Totals::default(),
        }
    }

    /// Number of queued jobs in memory.
    pub(crate) fn queued(&self) -> u32 {
        self.queues.iter().map(List::len).sum()
    }

    /// Number of queued jobs of a priority, in memory or not.
    pub(crate) fn queued_of(&self, priority: usize) -> u32 {
        let parked = u32::try_from(self.parked[priority].len()).unwrap_or(u32::MAX);
        let fetching = self.fetching[priority];
        self.queues[priority].len().saturating_add(fetching).saturating_add(parked)
    }

    /// Whether it has jobs that are only in the store, and are not being fetched.
    pub(super) fn has_parked(&self) -> bool {
        self.parked.iter().any(|numbers| !numbers.is_empty())
    }

    /// Number of jobs that are only in the store, those that are being fetched included.
    pub(super) fn parked_jobs(&self) -> usize {
        let parked: usize = self.parked.iter().map(NumberQueue::len).sum();
        let fetching: u32 = self.fetching.iter().sum();
        parked + (fetching + self.parked_delayed) as usize
    }

    /// Number of queued jobs that a worker can get now.
    pub(super) fn available(&self) -> u32 {
        if self.paused { 0 } else { self.queued() }
    }

    /// Number of jobs in any stage, without those that are not committed.
    pub(crate) fn total(&self) -> u32 {
        let queued = (0..PRIORITIES).map(|priority| self.queued_of(priority));
        queued.fold(self.delayed + self.parked_delayed + self.running, u32::saturating_add)
    }
}

/// All functions.
pub(crate) struct Functions {
    slab: Slab<Function>,
    by_name: Index<Function>,
    by_rank: BTreeMap<Rank, Id<Function>>,
    hasher: RandomState,
    created: u32,
}

impl std::ops::Deref for Functions {
    type Target = Slab<Function>;

    fn deref(&self) -> &Slab<Function> {
        &self.slab
    }
}

impl std::ops::Index<Id<Function>> for Functions {
    type Output = Function;

    fn index(&self, id: Id<Function>) -> &Function {
        &self.slab[id]
    }
}

impl std::ops::IndexMut<Id<Function>> for Functions {
    fn index_mut(&mut self, id: Id<Function>) -> &mut Function {
        &mut self.slab[id]
    }
}

impl Functions {
    /// No functions.
    pub(super) fn new() -> Functions {
        Functions {
            slab: Slab::new(),
            by_name: Index::new(),
            by_rank: BTreeMap::new(),
            hasher: RandomState::new(),
            created: 0,
        }
    }

    fn tag(&self, name: &[u8]) -> u32 {
        self.hasher.hash_one(name) as u32
    }

    /// The function with this name.
    pub(super) fn find(&self, name: &[u8]) -> Option<Id<Function>> {
        self.by_name.find(self.tag(name), |id| *self.slab[id].name == *name)
    }

    /// The next function after a rank in the order of lists; the first for `None`.
    pub(super) fn after(&self, rank: Option<Rank>) -> Option<&Function> {
        let start = rank.map_or(Bound::Unbounded, Bound::Excluded);
        let (_, &id) = self.by_rank.range((start, Bound::Unbounded)).next()?;
        Some(&self.slab[id])
    }

    /// The function with this key, if it still exists.
    pub(super) fn find_key(&self, key: Key<Function>) -> Option<Id<Function>> {
        self.slab.find(key)
    }

    /// The function with this name, created if it does not exist.
    pub(super) fn get_or_create(&mut self, name: &[u8]) -> Id<Function> {
        let tag = self.tag(name);
        if let Some(id) = self.by_name.find(tag, |id| *self.slab[id].name == *name) {
            return id;
        }
        self.created = self.created.wrapping_add(1);
        let id = self.slab.insert(Function::new(name, self.created));
        self.by_name.insert(tag, id);
        self.by_rank.insert(self.slab[id].rank, id);
        id
    }

    /// Removes a function without jobs and workers.
    pub(super) fn remove(&mut self, id: Id<Function>) {
        let function = self.slab.remove(id);
        assert!(
            function.total() + function.admitted == 0
                && function.abilities.is_empty()
                && function.sleepers.is_empty(),
            "a removed function has jobs or workers"
        );
        self.by_name.remove(self.tag(&function.name), id);
        self.by_rank.remove(&function.rank);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_names_have_different_tags() {
        let functions = Functions::new();
        let tag = |number: u32| functions.tag(number.to_string().as_bytes());
        let tags: std::collections::HashSet<_> = (0..1000).map(tag).collect();
        assert!(tags.len() > 990, "{}", tags.len());
    }
}
