//! [`ParkedDelays`]: delayed jobs that are only in the store.
//!
//! Must not: know functions but by their keys.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::super::UnixSeconds;
use super::super::function::Function;
use super::super::slab::Key;
use super::numbers::NumberMap;

/// The due time and the number of a delayed job.
pub(crate) type DuePlace = (UnixSeconds, u64);

/// Delayed jobs by due time, and by number: administrators and clients name one by its handle.
#[derive(Default)]
pub(super) struct ParkedDelays {
    by_due: BTreeMap<DuePlace, Key<Function>>,
    by_number: NumberMap<UnixSeconds>,
}

impl ParkedDelays {
    /// Number of jobs.
    pub(super) fn len(&self) -> usize {
        self.by_due.len()
    }

    /// Adds a job.
    pub(super) fn insert(&mut self, place: DuePlace, function: Key<Function>) {
        let (due, number) = place;
        let earlier = self.by_number.insert(number, due);
        assert!(earlier.is_none(), "a delayed job is parked a second time");
        self.by_due.insert(place, function);
    }

    /// Removes a job. Returns the key of its function.
    pub(super) fn remove(&mut self, number: u64) -> Option<Key<Function>> {
        let due = self.by_number.remove(&number)?;
        self.by_due.remove(&(due, number))
    }

    /// Removes the first job, if it is due. Returns its number and the key of its function.
    pub(super) fn pop_due(&mut self, now: UnixSeconds) -> Option<(u64, Key<Function>)> {
        let (&(due, number), &function) = self.by_due.first_key_value()?;
        (due <= now).then(|| {
            self.remove(number);
            (number, function)
        })
    }

    /// When the first job is due.
    pub(super) fn next_due(&self) -> Option<UnixSeconds> {
        self.by_due.keys().next().map(|&(due, _)| due)
    }

    /// The function of a job.
    pub(super) fn function_of(&self, number: u64) -> Option<Key<Function>> {
        let due = *self.by_number.get(&number)?;
        self.by_due.get(&(due, number)).copied()
    }

    /// The job after a place, or the first one, and the key of its function.
    pub(super) fn after(&self, place: Option<DuePlace>) -> Option<(DuePlace, Key<Function>)> {
        let begin = place.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.by_due.range((begin, Bound::Unbounded));
        rest.next().map(|(&place, &function)| (place, function))
    }
}
