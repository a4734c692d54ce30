//! Functions: their names, their queues, their workers, and the table that
//! finds them.
//!
//! A function exists from the first time that a worker, a client or an
//! administrator names it until an administrator drops it.
//!
//! Must not: send packets.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;

use super::buckets::bucket;
use super::connection::{Ability, Asleep, ByFunction};
use super::index::Index;
use super::job::{Job, PRIORITIES, Place};
use super::list::List;
use super::slab::{Id, Key, Slab};
use super::waking::Alarm;

/// One function.
pub(crate) struct Function {
    pub(super) name: Box<[u8]>,
    /// Waiting jobs, one queue per priority, the most urgent first.
    pub(super) queues: [List<Job, Place>; PRIORITIES],
    /// Jobs that wait for their time.
    pub(super) delayed: u32,
    /// Jobs that a worker has.
    pub(super) running: u32,
    /// Whether its waiting jobs are kept back.
    pub(super) paused: bool,
    /// How many jobs there may be before one of this priority is refused;
    /// 0 is without end.
    pub(super) limits: [u32; PRIORITIES],
    /// One for each worker that offers the function.
    pub(super) abilities: List<Ability, ByFunction>,
    /// Those of them whose worker sleeps, the longest asleep first.
    pub(super) sleepers: List<Ability, Asleep>,
    /// When it is to be seen whether its waiting jobs need more workers awake.
    pub(super) alarm: Option<Alarm>,
    /// How often workers said that they offer it.
    pub(super) offers: u32,
    /// Its place in the order in which functions are listed.
    pub(super) rank: Rank,
    /// What became of its jobs.
    pub(super) totals: Totals,
}

/// Where a function stands in lists: by the original's bucket, in a bucket the
/// newest first.
pub(crate) type Rank = (u16, Reverse<u32>);

/// Jobs counted since the function exists: every one that was submitted is
/// still there, or was completed, failed or abandoned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Jobs that were new; a submission that joined one is not counted.
    pub submitted: u64,
    /// Jobs whose worker said that it did them.
    pub completed: u64,
    /// Jobs that their worker gave up, or the server or an administrator did.
    pub failed: u64,
    /// How often a worker lost a job that then waited again.
    pub retried: u64,
    /// Jobs that were dropped because nobody waited for them any more.
    pub abandoned: u64,
}

impl Function {
    fn new(name: &[u8], number: u32) -> Function {
        let rank = (bucket(name), Reverse(number));
        Function {
            name: name.into(),
            queues: [const { List::new() }; PRIORITIES],
            delayed: 0,
            running: 0,
            limits: [0; PRIORITIES],
            abilities: List::new(),
            sleepers: List::new(),
            alarm: None,
            paused: false,
            offers: 0,
            rank,
            totals: Totals::default(),
        }
    }

    /// Jobs that wait for a worker.
    pub(crate) fn queued(&self) -> u32 {
        self.queues.iter().map(List::len).sum()
    }

    /// Those of them that a worker can have now.
    pub(super) fn available(&self) -> u32 {
        if self.paused { 0 } else { self.queued() }
    }

    /// Jobs of any state.
    pub(crate) fn total(&self) -> u32 {
        self.queued() + self.delayed + self.running
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
    /// A table of no functions.
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

    /// The function of this name.
    pub(super) fn find(&self, name: &[u8]) -> Option<Id<Function>> {
        self.by_name.find(self.tag(name), |id| *self.slab[id].name == *name)
    }

    /// The first function behind a rank, or of all, in the order of lists.
    pub(super) fn behind(&self, rank: Option<Rank>) -> Option<&Function> {
        let start = rank.map_or(Bound::Unbounded, Bound::Excluded);
        let (_, &id) = self.by_rank.range((start, Bound::Unbounded)).next()?;
        Some(&self.slab[id])
    }

    /// The function that a key means, if it still exists.
    pub(super) fn find_key(&self, key: Key<Function>) -> Option<Id<Function>> {
        self.slab.find(key)
    }

    /// The function of this name, which exists from now on.
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

    /// Forgets a function that has neither jobs nor workers.
    pub(super) fn remove(&mut self, id: Id<Function>) {
        let function = self.slab.remove(id);
        assert!(
            function.total() == 0 && function.abilities.is_empty() && function.sleepers.is_empty(),
            "a function went before its jobs and its workers"
        );
        self.by_name.remove(self.tag(&function.name), id);
        self.by_rank.remove(&function.rank);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_tags_of_their_own() {
        let functions = Functions::new();
        let tag = |number: u32| functions.tag(number.to_string().as_bytes());
        let tags: std::collections::HashSet<_> = (0..1000).map(tag).collect();
        assert!(tags.len() > 990, "{}", tags.len());
    }
}
