//! Hash indexes over values that live in a slab. An entry is eight bytes, a tag
//! and an id: the key itself stays in the value and is never stored twice.
//!
//! An index grows and shrinks a few entries at a time, with the calls that change
//! it: no job waits until a million others have found their new places.
//!
//! Must not: know what is indexed; callers say what the tag is and which of the
//! values with the same tag they mean.

use hashbrown::HashTable;

use super::slab::Id;

/// Below this many entries it is not worth giving memory back.
const SMALL: usize = 128;

/// Entries that move per change at most, so that a table that grows, to twice its
/// room, is through with its old one well before it is full.
const STRIDE: usize = 4;

/// Places of the old table that are looked at per change at most, so that one that
/// shrinks, where one place of ten is taken, is through before half of its entries
/// are gone.
const LOOKS: usize = 32;

type Table<T> = HashTable<(u32, Id<T>)>;

/// One index.
pub(crate) struct Index<T> {
    table: Table<T>,
    /// What has not moved to `table` yet.
    old: Table<T>,
    /// The places of `old` that have not been looked at are those below.
    unmoved: usize,
}

/// Spreads a tag over the 64 bits that the table looks at. Tags are counters or
/// come from a keyed hash, so no peer can choose them to collide.
fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32)
}

impl<T> Index<T> {
    /// An index of nothing.
    pub(crate) fn new() -> Index<T> {
        Index { table: HashTable::new(), old: HashTable::new(), unmoved: 0 }
    }

    /// The value with this tag that `is` confirms.
    pub(crate) fn find(&self, tag: u32, is: impl Fn(Id<T>) -> bool) -> Option<Id<T>> {
        let hash = spread(tag);
        let fits = |&(t, id): &(u32, Id<T>)| t == tag && is(id);
        // Mostly there is no old table, and then this is one look.
        let found = self.table.find(hash, fits).or_else(|| self.old.find(hash, fits));
        found.map(|&(_, id)| id)
    }

    /// Adds a value that is not there yet.
    pub(crate) fn insert(&mut self, tag: u32, id: Id<T>) {
        self.move_some();
        if self.table.len() == self.table.capacity() {
            self.move_to(self.table.len() * 2);
        }
        self.table.insert_unique(spread(tag), (tag, id), |&(t, _)| spread(t));
    }

    /// Takes a value out, if it is there.
    pub(crate) fn remove(&mut self, tag: u32, id: Id<T>) {
        self.move_some();
        let hash = spread(tag);
        let is_removed = [&mut self.table, &mut self.old].into_iter().any(|table| {
            let entry = table.find_entry(hash, |&e| e == (tag, id));
            entry.map(|entry| entry.remove()).is_ok()
        });
        assert!(is_removed, "an index lost an entry before its value went");
        let (len, room) = (self.table.len() + self.old.len(), self.table.capacity());
        if room <= SMALL || len * 8 >= room {
            return;
        }
        if len == 0 {
            *self = Index::new();
        } else {
            self.move_to(len * 2);
        }
    }

    /// Lets the entry of `old` mean `new`, which has the same tag.
    pub(crate) fn replace(&mut self, tag: u32, old: Id<T>, new: Id<T>) {
        for table in [&mut self.table, &mut self.old] {
            if let Some(entry) = table.find_mut(spread(tag), |&e| e == (tag, old)) {
                entry.1 = new;
                return;
            }
        }
        panic!("an index lost an entry before its value was replaced");
    }

    /// Begins to move to a table with this much room, unless one is moving: that
    /// comes first, and soon.
    fn move_to(&mut self, room: usize) {
        if self.unmoved == 0 {
            let old = std::mem::replace(&mut self.table, HashTable::with_capacity(room));
            self.unmoved = old.num_buckets();
            self.old = old;
            // Small tables are not worth two looks.
            if self.unmoved <= SMALL {
                self.move_places(SMALL, SMALL);
            }
        }
    }

    fn move_some(&mut self) {
        if self.unmoved > 0 {
            self.move_places(STRIDE, LOOKS);
        }
    }

    /// Moves up to so many entries from so many places of the old table, and frees
    /// it after the last place.
    fn move_places(&mut self, mut entries: usize, mut looks: usize) {
        while self.unmoved > 0 && entries > 0 && looks > 0 {
            self.unmoved -= 1;
            looks -= 1;
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
    fn equal_tags_are_told_apart_by_the_caller() {
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
    fn a_drained_index_gives_its_memory_back() {
        let mut slab = Slab::new();
        let mut index = Index::new();
        let ids: Vec<_> = (0..100_000).map(|n| slab.insert(n)).collect();
        ids.iter().for_each(|&id| index.insert(slab[id], id));
        ids.iter().for_each(|&id| index.remove(slab[id], id));
        assert!(index.table.capacity() <= SMALL, "{}", index.table.capacity());
        assert_eq!(index.old.capacity(), 0);
    }

    #[test]
    fn what_is_there_is_found_while_an_index_grows_and_shrinks() {
        let mut slab = Slab::new();
        let mut index = Index::new();
        let ids: Vec<_> = (0..5_000).map(|n| slab.insert(n)).collect();
        let has = |index: &Index<u32>, id| index.find(slab[id], |other| other == id) == Some(id);
        for (n, &id) in ids.iter().enumerate() {
            index.insert(slab[id], id);
            // The one that came first, the last one, and one between.
            assert!(has(&index, ids[0]) && has(&index, id) && has(&index, ids[n / 2]), "{n}");
        }
        for (n, &id) in ids.iter().enumerate() {
            index.remove(slab[id], id);
            assert!(!has(&index, id), "{n}");
            assert!(ids[n + 1..].iter().step_by(97).all(|&id| has(&index, id)), "{n}");
        }
    }

    #[test]
    fn tags_in_a_row_are_spread_over_all_bits() {
        let hashes: Vec<_> = (0..1000).map(spread).collect();
        for bits in [|hash: u64| hash >> 57, |hash: u64| hash & 127] {
            let seen: HashSet<_> = hashes.iter().map(|&hash| bits(hash)).collect();
            assert_eq!(seen.len(), 128);
        }
    }

    #[test]
    fn a_small_index_moves_at_once_and_a_large_one_4_entries_with_each_change() {
        let mut slab = Slab::new();
        let mut index = Index::new();
        let mut grew = 0;
        for n in 0..20_000 {
            let (room, old) = (index.table.capacity(), index.old.len());
            let id = slab.insert(n);
            index.insert(n, id);
            if index.table.capacity() == room {
                assert_eq!(index.old.len(), old.saturating_sub(STRIDE), "at {n}");
                continue;
            }
            grew += 1;
            assert_eq!(old, 0, "one move at a time");
            assert!(index.table.capacity() >= 2 * room, "to twice the room");
            let expected = if room < SMALL { 0 } else { n as usize };
            assert_eq!(index.old.len(), expected, "all that was there moves");
        }
        assert!((8..20).contains(&grew), "{grew}");
    }

    #[test]
    fn an_index_shrinks_to_twice_its_entries_when_an_eighth_of_its_room_is_used() {
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
            let is_due = unmoved <= LOOKS && room > SMALL && left * 8 < room;
            assert_eq!(begins, is_due, "{left} of {room}");
            if begins && left > 0 {
                shrank += 1;
                assert!((2 * left..5 * left).contains(&index.table.capacity()) || left < 32);
            } else if unmoved > 0 && left > 0 {
                assert!(index.unmoved < unmoved, "some places are looked at");
                assert!(unmoved - index.unmoved <= LOOKS, "and no more than a few");
            }
        }
        assert!(shrank > 3, "{shrank}");
    }

    #[test]
    fn no_change_moves_more_than_a_few_entries() {
        let mut slab = Slab::new();
        let mut index: Index<u32> = Index::new();
        let ids: Vec<_> = (0..20_000).map(|n| slab.insert(n)).collect();
        let mut grew = 0;
        for &id in &ids {
            let (room, unmoved) = (index.table.capacity(), index.old.len());
            index.insert(slab[id], id);
            assert!(unmoved <= index.old.len() + STRIDE || unmoved == 0);
            // Growing begins with a table that has room for all, never by rehashing.
            let begins = index.table.capacity() != room;
            assert!(!begins || unmoved == 0, "a full table grew while another was moving");
            grew += usize::from(begins);
        }
        assert!(grew > 5);
    }
}
