//! Hash indexes over values that live in a slab. An entry is eight bytes, a tag
//! and an id: the key itself stays in the value and is never stored twice.
//!
//! Must not: know what is indexed; callers say what the tag is and which of the
//! values with the same tag they mean.

use hashbrown::HashTable;

use super::slab::Id;

/// Below this many entries it is not worth giving memory back.
const SMALL: usize = 128;

/// One index.
pub(crate) struct Index<T> {
    table: HashTable<(u32, Id<T>)>,
}

/// Spreads a tag over the 64 bits that the table looks at. Tags are counters or
/// come from a keyed hash, so no peer can choose them to collide.
fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32)
}

impl<T> Index<T> {
    /// An index of nothing.
    pub(crate) fn new() -> Index<T> {
        Index { table: HashTable::new() }
    }

    /// The value with this tag that `is` confirms.
    pub(crate) fn find(&self, tag: u32, is: impl Fn(Id<T>) -> bool) -> Option<Id<T>> {
        self.table.find(spread(tag), |&(t, id)| t == tag && is(id)).map(|&(_, id)| id)
    }

    /// Adds a value that is not there yet.
    pub(crate) fn insert(&mut self, tag: u32, id: Id<T>) {
        self.table.insert_unique(spread(tag), (tag, id), |&(t, _)| spread(t));
    }

    /// Takes a value out, if it is there.
    pub(crate) fn remove(&mut self, tag: u32, id: Id<T>) {
        if let Ok(entry) = self.table.find_entry(spread(tag), |&e| e == (tag, id)) {
            entry.remove();
            if self.table.capacity() > SMALL && self.table.len() * 8 < self.table.capacity() {
                self.table.shrink_to(self.table.len() * 2, |&(t, _)| spread(t));
            }
        }
    }

    /// Lets the entry of `old` mean `new`, which has the same tag.
    pub(crate) fn replace(&mut self, tag: u32, old: Id<T>, new: Id<T>) {
        if let Some(entry) = self.table.find_mut(spread(tag), |&e| e == (tag, old)) {
            entry.1 = new;
        }
    }
}

#[cfg(test)]
mod tests {
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
    }
}
