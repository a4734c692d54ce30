//! Hash indexes over values that are stored in a slab. An entry is eight bytes, a tag
//! and an id; the key is stored only in the value.
//!
//! An index grows and shrinks incrementally: each change moves a few entries, so no
//! packet waits until a million entries have been rehashed.
//!
//! Must not: know what is indexed. The caller computes the tag and compares values that
//! have the same tag.

use hashbrown::HashTable;

use super::slab::Id;

/// Capacity up to which an index is never shrunk, and is moved in one step.
const SMALL_INDEX_ENTRIES_MAX: usize = 128;

/// Entries moved per change. A growing table doubles its capacity, so the move ends well
/// before the new table is full.
const MOVED_ENTRIES_MAX: usize = 4;

/// Buckets of the old table scanned per change. In a shrinking table about one bucket of
/// ten is used, so the move ends before half of the entries are removed.
const SCANNED_BUCKETS_MAX: usize = 32;

type Entries<T> = HashTable<(u32, Id<T>)>;

/// A hash index from tags to ids.
pub(crate) struct Index<T> {
    table: Entries<T>,
    /// Entries that have not been moved to `table` yet.
    old: Entries<T>,
    /// Number of buckets of `old` not scanned yet. Buckets are scanned from the last to
    /// the first.
    unmoved: usize,
}

/// Spreads a tag over the 64 bits that the table uses. Tags are counters or come from a
/// keyed hash, so a peer cannot choose colliding tags.
fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32)
}

impl<T> Index<T> {
    /// An empty index.
    pub(crate) fn new() -> Index<T> {
        Index { table: HashTable::new(), old: HashTable::new(), unmoved: 0 }
    }

    /// The value with this tag for which `is_match` returns true.
    pub(crate) fn find(&self, tag: u32, is_match: impl Fn(Id<T>) -> bool) -> Option<Id<T>> {
        let hash = spread(tag);
        let fits = |&(t, id): &(u32, Id<T>)| t == tag && is_match(id);
        // Usually `old` is empty, and its search returns at once.
        let found = self.table.find(hash, fits).or_else(|| self.old.find(hash, fits));
        found.map(|&(_, id)| id)
    }

    /// Adds a value that the index does not contain.
    pub(crate) fn insert(&mut self, tag: u32, id: Id<T>) {
        self.move_some();
        if self.table.len() == self.table.capacity() {
            self.move_to(self.table.len() * 2);
        }
        self.table.insert_unique(spread(tag), (tag, id), |&(t, _)| spread(t));
    }

    /// Removes a value.
    ///
    /// # Panics
    /// If the index does not contain it.
    pub(crate) fn remove(&mut self, tag: u32, id: Id<T>) {
        self.move_some();
        let hash = spread(tag);
        let is_removed = [&mut self.table, &mut self.old].into_iter().any(|table| {
            let entry = table.find_entry(hash, |&e| e == (tag, id));
            entry.map(|entry| entry.remove()).is_ok()
        });
        assert!(is_removed, "the index has no entry for a removed value");
        let (len, room) = (self.table.len() + self.old.len(), self.table.capacity());
        if room <= SMALL_INDEX_ENTRIES_MAX || len * 8 >= room {
            return;
        }
        if len == 0 {
            *self = Index::new();
        } else {
            self.move_to(len * 2);
        }
    }

    /// Changes the entry of `old` to `new`, which has the same tag.
    pub(crate) fn replace(&mut self, tag: u32, old: Id<T>, new: Id<T>) {
        for table in [&mut self.table, &mut self.old] {
            if let Some(entry) = table.find_mut(spread(tag), |&e| e == (tag, old)) {
                entry.1 = new;
                return;
            }
        }
        panic!("the index has no entry for a replaced value");
    }

    /// Starts a move to a table with this capacity, unless a move is in progress. That
    /// one ends first, within a bounded number of changes.
    fn move_to(&mut self, room: usize) {
        if self.unmoved == 0 {
            let old = std::mem::replace(&mut self.table, HashTable::with_capacity(room));
            self.unmoved = old.num_buckets();
            self.old = old;
            // Searching two tables costs more than moving a small one.
            if self.unmoved <= SMALL_INDEX_ENTRIES_MAX {
                self.move_buckets(SMALL_INDEX_ENTRIES_MAX, SMALL_INDEX_ENTRIES_MAX);
            }
        }
    }

    fn move_some(&mut self) {
        if self.unmoved > 0 {
            self.move_buckets(MOVED_ENTRIES_MAX, SCANNED_BUCKETS_MAX);
        }
    }

    /// Moves at most `entries` entries from at most `buckets` buckets of the old table,
    /// and frees that table after its last bucket.
    fn move_buckets(&mut self, mut entries: usize, mut buckets: usize) {
        while self.unmoved > 0 && entries > 0 && buckets > 0 {
            self.unmoved -= 1;
            buckets -= 1;
            if let Ok(entry) = self.old.get_bucket_entry(self.unmoved) {
                let (entry, _) = entry.remove();
                self.table.insert_unique(spread(entry.0), entry, |&(t, _)| spread(t));
                entries -= 1;
            }
        }
        if self.unmoved == 0 {
            self.old = HashTable::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::slab::Slab;
    use super::*;

    #[test]
    fn values_with_equal_tags_are_found_by_the_callers_comparison() {
        let mut slab = Slab::new();
        let mut index = Index::new();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        index.insert(7, a);
        index.insert(7, b);
        assert_eq!(index.find(7, |id| slab[id] == "b"), Some(b));
        index.remove(7, b);
        assert_eq!(index.find(7, |id| slab[id] == "b"), None);
        index.replace(7, a, b);
        assert_eq!(index.find(7, |_| true), Some(b));
    }

    #[test]
    fn an_emptied_index_frees_its_memory() {
        let mut slab = Slab::new();
        let mut index = Index::new();
        let ids: Vec<_> = (0..100_000).map(|n| slab.insert(n)).collect();
        ids.iter().for_each(|&id| index.insert(slab[id], id));
        ids.iter().for_each(|&id| index.remove(slab[id], id));
        assert!(index.table.capacity() <= SMALL_INDEX_ENTRIES_MAX, "{}", index.table.capacity());
        assert_eq!(index.old.capacity(), 0);
    }

    #[test]
    fn every_entry_is_found_while_the_index_grows_and_shrinks() {
        let mut slab = Slab::new();
        let mut index = Index::new();
        let ids: Vec<_> = (0..5_000).map(|n| slab.insert(n)).collect();
        let has = |index: &Index<u32>, id| index.find(slab[id], |other| other == id) == Some(id);
        for (n, &id) in ids.iter().enumerate() {
            index.insert(slab[id], id);
            // The first entry, the last one, and one in between.
            assert!(has(&index, ids[0]) && has(&index, id) && has(&index, ids[n / 2]), "{n}");
        }
        for (n, &id) in ids.iter().enumerate() {
            index.remove(slab[id], id);
            assert!(!has(&index, id), "{n}");
            assert!(ids[n + 1..].iter().step_by(97).all(|&id| has(&index, id)), "{n}");
        }
    }

    #[test]
    fn consecutive_tags_are_spread_over_all_bits() {
        let hashes: Vec<_> = (0..1000).map(spread).collect();
        for bits in [|hash: u64| hash >> 57, |hash: u64| hash & 127] {
            let seen: HashSet<_> = hashes.iter().map(|&hash| bits(hash)).collect();
            assert_eq!(seen.len(), 128);
        }
    }

    #[test]
    fn a_small_index_is_moved_in_one_step_and_a_large_one_by_4_entries_per_change() {
        let mut slab = Slab::new();
        let mut index = Index::new();
        let mut grew = 0;
        for n in 0..20_000 {
            let (room, old) = (index.table.capacity(), index.old.len());
            let id = slab.insert(n);
            index.insert(n, id);
            if index.table.capacity() == room {
                assert_eq!(index.old.len(), old.saturating_sub(MOVED_ENTRIES_MAX), "at {n}");
                continue;
            }
            grew += 1;
            assert_eq!(old, 0, "one move at a time");
            assert!(index.table.capacity() >= 2 * room, "to twice the capacity");
            let expected = if room < SMALL_INDEX_ENTRIES_MAX { 0 } else { n as usize };
            assert_eq!(index.old.len(), expected, "all entries move");
        }
        assert!((8..20).contains(&grew), "{grew}");
    }

    #[test]
    fn an_index_shrinks_to_twice_its_entries_when_an_eighth_of_its_capacity_is_used() {
        let mut slab = Slab::new();
        let mut index = Index::new();
        let ids: Vec<_> = (0..20_000).map(|n| slab.insert(n)).collect();
        ids.iter().for_each(|&id| index.insert(slab[id], id));
        assert_eq!(index.unmoved, 0);
        let (mut shrank, mut left) = (0, ids.len());
        for &id in &ids {
            let (room, unmoved) = (index.table.capacity(), index.unmoved);
            index.remove(slab[id], id);
            left -= 1;
            let begins = index.table.capacity() != room;
            let is_due =
                unmoved <= SCANNED_BUCKETS_MAX && room > SMALL_INDEX_ENTRIES_MAX && left * 8 < room;
            assert_eq!(begins, is_due, "{left} of {room}");
            if begins && left > 0 {
                shrank += 1;
                assert!((2 * left..5 * left).contains(&index.table.capacity()) || left < 32);
            } else if unmoved > 0 && left > 0 {
                assert!(index.unmoved < unmoved, "at least one bucket is scanned");
                assert!(unmoved - index.unmoved <= SCANNED_BUCKETS_MAX, "at most 32 are");
            }
        }
        assert!(shrank > 3, "{shrank}");
    }

    #[test]
    fn a_change_moves_at_most_4_entries() {
        let mut slab = Slab::new();
        let mut index: Index<u32> = Index::new();
        let ids: Vec<_> = (0..20_000).map(|n| slab.insert(n)).collect();
        let mut grew = 0;
        for &id in &ids {
            let (room, unmoved) = (index.table.capacity(), index.old.len());
            index.insert(slab[id], id);
            assert!(unmoved <= index.old.len() + MOVED_ENTRIES_MAX || unmoved == 0);
            // The new table has room for all entries from the start, so it never rehashes.
            let begins = index.table.capacity() != room;
            assert!(!begins || unmoved == 0, "a full table grew while another was moving");
            grew += usize::from(begins);
        }
        assert!(grew > 5);
    }
}
