//! Storage with small, stable ids. Values are stored in chunks; an empty chunk is freed.
//!
//! Owns the two kinds of reference. An [`Id`] is compact, and is used between values that
//! are known to exist. A [`Key`] adds a generation, and is used outside the broker: after
//! its value was removed it finds nothing, even if the place has been used again.
//!
//! Must not: know what it stores.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// Values per chunk: large enough for negligible overhead, small enough that a few
/// long-lived values pin little memory.
const VALUES_PER_CHUNK: usize = 256;

/// The place of an existing value. Four bytes, also in an `Option`.
pub(crate) struct Id<T>(NonZeroU32, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// The first place.
    pub(crate) const FIRST: Id<T> = Id(NonZeroU32::MIN, PhantomData);

    fn new(index: usize) -> Id<T> {
        let place = u32::try_from(index + 1).expect("fewer than 2^32 values fit into memory");
        Id(NonZeroU32::new(place).expect("one more than an index"), PhantomData)
    }

    /// The first ids that a slab assigns.
    #[cfg(test)]
    pub(crate) fn first(count: usize) -> Vec<Id<T>> {
        (0..count).map(Id::new).collect()
    }

    /// The place as a number; places are used densely from 0.
    pub(crate) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// An [`Id`] with the generation of its value, which no other value has.
pub struct Key<T> {
    id: Id<T>,
    generation: u32,
}

impl<T> Key<T> {
    /// The place as a number; places are used densely from 0.
    pub fn index(self) -> usize {
        self.id.index()
    }
}

// Derives would require the same traits of `T`.
macro_rules! plain_data {
    ($name:ident, $($field:tt),*) => {
        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<T> Copy for $name<T> {}
        impl<T> PartialEq for $name<T> {
            fn eq(&self, other: &Self) -> bool {
                $(self.$field == other.$field)&&*
            }
        }
        impl<T> Eq for $name<T> {}
        impl<T> PartialOrd for $name<T> {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
        impl<T> Ord for $name<T> {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                ($(self.$field),*).cmp(&($(other.$field),*))
            }
        }
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name))$(.field(&self.$field))*.finish()
            }
        }
    };
}
plain_data!(Id, 0);
plain_data!(Key, id, generation);

enum Slot<T> {
    Free { next: Option<u16> },
    Used { generation: u32, value: T },
}

struct Chunk<T> {
    slots: Vec<Slot<T>>,
    free: Option<u16>,
    used: usize,
}

impl<T> Chunk<T> {
    fn new() -> Box<Chunk<T>> {
        Box::new(Chunk { slots: Vec::with_capacity(VALUES_PER_CHUNK), free: None, used: 0 })
    }

    fn is_full(&self) -> bool {
        self.used == VALUES_PER_CHUNK
    }
}

/// Storage of values of type `T`.
pub(crate) struct Slab<T> {
    chunks: Vec<Option<Box<Chunk<T>>>>,
    /// Chunks with a free slot. The first is filled first, so that later ones become
    /// empty.
    roomy: BTreeSet<u32>,
    /// Places in `chunks` without a chunk.
    holes: BTreeSet<u32>,
    generation: u32,
    len: usize,
}

impl<T> Slab<T> {
    /// An empty slab; allocates nothing.
    pub(crate) fn new() -> Slab<T> {
        Slab {
            chunks: Vec::new(),
            roomy: BTreeSet::new(),
            holes: BTreeSet::new(),
            generation: 0,
            len: 0,
        }
    }

    /// The number of values.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Stores a value and returns its place.
    pub(crate) fn insert(&mut self, value: T) -> Id<T> {
        let at = self.roomy.first().copied().unwrap_or_else(|| self.grow());
        let chunk = self.chunks[at as usize].as_mut().expect("a chunk with room exists");
        // One counter for all places, so that a freed chunk needs no record of its
        // generations.
        self.generation = self.generation.wrapping_add(1);
        let used = Slot::Used { generation: self.generation, value };
        let offset = match chunk.free {
            Some(offset) => {
                let free = std::mem::replace(&mut chunk.slots[usize::from(offset)], used);
                let Slot::Free { next } = free else { unreachable!("free list holds free slots") };
                chunk.free = next;
                usize::from(offset)
            }
            None => {
                chunk.slots.push(used);
                chunk.slots.len() - 1
            }
        };
        chunk.used += 1;
        if chunk.is_full() {
            self.roomy.remove(&at);
        }
        self.len += 1;
        Id::new(at as usize * VALUES_PER_CHUNK + offset)
    }

    /// Adds a chunk in the first hole, or at the end.
    fn grow(&mut self) -> u32 {
        let at = self.holes.pop_first().unwrap_or_else(|| {
            self.chunks.push(None);
            self.chunks.len() as u32 - 1
        });
        self.chunks[at as usize] = Some(Chunk::new());
        self.roomy.insert(at);
        at
    }

    /// Removes and returns a value.
    ///
    /// # Panics
    /// If no value is stored at this place, which is a bug of the caller.
    pub(crate) fn remove(&mut self, id: Id<T>) -> T {
        let (at, offset) = (id.index() / VALUES_PER_CHUNK, id.index() % VALUES_PER_CHUNK);
        let chunk = self.chunks[at].as_mut().expect("the chunk of an existing value");
        let freed = Slot::Free { next: chunk.free };
        let Slot::Used { value, .. } = std::mem::replace(&mut chunk.slots[offset], freed) else {
            panic!("a value was removed twice");
        };
        chunk.free = Some(offset as u16);
        chunk.used -= 1;
        self.len -= 1;
        let empty = chunk.used == 0;
        self.roomy.insert(at as u32);
        // One chunk with room is kept: otherwise adding and removing one value would
        // allocate each time.
        if empty && self.roomy.len() > 1 {
            self.release(at as u32);
        }
        value
    }

    fn release(&mut self, at: u32) {
        self.roomy.remove(&at);
        self.chunks[at as usize] = None;
        self.holes.insert(at);
        while let Some(None) = self.chunks.last() {
            self.chunks.pop();
            self.holes.remove(&(self.chunks.len() as u32));
        }
        if self.chunks.len() * 4 < self.chunks.capacity() {
            self.chunks.shrink_to(self.chunks.len() * 2);
        }
    }

    fn slot(&self, id: Id<T>) -> Option<&Slot<T>> {
        self.chunks
            .get(id.index() / VALUES_PER_CHUNK)?
            .as_ref()?
            .slots
            .get(id.index() % VALUES_PER_CHUNK)
    }

    /// The key of an existing value.
    pub(crate) fn key(&self, id: Id<T>) -> Key<T> {
        match self.slot(id) {
            Some(Slot::Used { generation, .. }) => Key { id, generation: *generation },
            _ => panic!("a key was requested for a removed value"),
        }
    }

    /// The place of the key's value, if it still exists.
    pub(crate) fn find(&self, key: Key<T>) -> Option<Id<T>> {
        match self.slot(key.id) {
            Some(Slot::Used { generation, .. }) if *generation == key.generation => Some(key.id),
            _ => None,
        }
    }

    /// The first value at or behind a place. Used to iterate without a borrow.
    pub(crate) fn first_from(&self, place: usize) -> Option<Id<T>> {
        let mut offset = place % VALUES_PER_CHUNK;
        for at in place / VALUES_PER_CHUNK..self.chunks.len() {
            let slots = self.chunks[at].as_ref().map_or(&[][..], |chunk| &chunk.slots);
            let mut rest = slots.iter().enumerate().skip(offset);
            if let Some((found, _)) = rest.find(|(_, slot)| matches!(slot, Slot::Used { .. })) {
                return Some(Id::new(at * VALUES_PER_CHUNK + found));
            }
            offset = 0;
        }
        None
    }

    /// All values in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.chunks.iter().enumerate().flat_map(|(at, chunk)| {
            let slots = chunk.iter().flat_map(|c| c.slots.iter()).enumerate();
            slots.filter_map(move |(offset, slot)| match slot {
                Slot::Used { value, .. } => Some((Id::new(at * VALUES_PER_CHUNK + offset), value)),
                Slot::Free { .. } => None,
            })
        })
    }
}

impl<T> Index<Id<T>> for Slab<T> {
    type Output = T;

    fn index(&self, id: Id<T>) -> &T {
        match self.slot(id) {
            Some(Slot::Used { value, .. }) => value,
            _ => panic!("a removed value was looked up"),
        }
    }
}

impl<T> IndexMut<Id<T>> for Slab<T> {
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        let chunk = self.chunks.get_mut(id.index() / VALUES_PER_CHUNK).and_then(Option::as_mut);
        match chunk.and_then(|c| c.slots.get_mut(id.index() % VALUES_PER_CHUNK)) {
            Some(Slot::Used { value, .. }) => value,
            _ => panic!("a removed value was looked up"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_removed_value_does_not_find_the_next_value_in_its_place() {
        let mut slab = Slab::new();
        let first = slab.insert("a");
        let key = slab.key(first);
        slab.remove(first);
        assert_eq!(slab.find(key), None);
        let second = slab.insert("b");
        assert_eq!(second, first, "the place is reused");
        assert_eq!(slab.find(key), None);
        assert_eq!(slab[second], "b");
    }

    #[test]
    fn iteration_returns_each_value_with_its_own_id() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..VALUES_PER_CHUNK * 2 + 1).map(|n| slab.insert(n)).collect();
        let listed: Vec<_> = slab.iter().map(|(id, &n)| (id, n)).collect();
        let expected: Vec<_> = ids.into_iter().zip(0..).collect();
        assert_eq!(listed, expected);
    }

    #[test]
    fn the_table_of_chunks_shrinks_when_most_chunks_are_freed() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..VALUES_PER_CHUNK * 64).map(|n| slab.insert(n)).collect();
        for id in ids {
            slab.remove(id);
        }
        assert!(slab.chunks.capacity() <= 32, "{} places", slab.chunks.capacity());
    }

    #[test]
    fn a_place_in_a_freed_chunk_gets_a_new_generation() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..VALUES_PER_CHUNK * 3).map(|n| slab.insert(n)).collect();
        let key = slab.key(ids[VALUES_PER_CHUNK * 2]);
        ids.iter().for_each(|&id| {
            slab.remove(id);
        });
        (0..VALUES_PER_CHUNK * 3).for_each(|n| {
            slab.insert(n);
        });
        assert_eq!(slab.find(key), None);
    }

    #[test]
    fn an_emptied_slab_keeps_one_chunk() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..VALUES_PER_CHUNK * 100).map(|n| slab.insert(n)).collect();
        assert_eq!(slab.chunks.iter().flatten().count(), 100);
        ids.into_iter().for_each(|id| {
            slab.remove(id);
        });
        assert_eq!(slab.len(), 0);
        assert_eq!(slab.chunks.iter().flatten().count(), 1);
    }

    #[test]
    fn an_optional_id_is_four_bytes() {
        assert_eq!(size_of::<Option<Id<String>>>(), 4);
    }

    #[test]
    fn iteration_returns_every_remaining_value_once() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..1000).map(|n| slab.insert(n)).collect();
        ids.iter().step_by(2).for_each(|&id| {
            slab.remove(id);
        });
        let found: Vec<_> = slab.iter().map(|(_, &n)| n).collect();
        assert_eq!(found, (0..1000).filter(|n| n % 2 == 1).collect::<Vec<_>>());
    }
}
