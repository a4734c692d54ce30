//! Storage with stable small ids: values live in chunks, a chunk whose values
//! are all gone is given back.
//!
//! Owns the life of ids: [`Id`] is the compact form for links between values
//! that are known to live, [`Key`] adds a generation and is what leaves the
//! broker, so that a late use of it finds nothing rather than a stranger.
//!
//! Must not: know what it stores.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// Values per chunk. Large enough that the bookkeeping vanishes, small enough
/// that a few long-lived values pin little memory.
const CHUNK: usize = 256;

/// The place of a living value. Four bytes, and an `Option` of it too.
pub(crate) struct Id<T>(NonZeroU32, PhantomData<fn() -> T>);

impl<T> Id<T> {
    fn new(index: usize) -> Id<T> {
        let place = u32::try_from(index + 1).expect("fewer than 2^32 values fit into memory");
        Id(NonZeroU32::new(place).expect("one more than an index"), PhantomData)
    }

    /// The first ids that a slab gives out.
    #[cfg(test)]
    pub(crate) fn first(count: usize) -> Vec<Id<T>> {
        (0..count).map(Id::new).collect()
    }

    /// The place as a number, dense from zero.
    pub(crate) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// An [`Id`] that knows which of the values that ever had this place it means.
pub struct Key<T> {
    id: Id<T>,
    generation: u32,
}

impl<T> Key<T> {
    /// The place as a number, dense from zero.
    pub fn index(self) -> usize {
        self.id.index()
    }
}

// Derives would ask the same of `T`.
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
        Box::new(Chunk { slots: Vec::with_capacity(CHUNK), free: None, used: 0 })
    }

    fn is_full(&self) -> bool {
        self.used == CHUNK
    }
}

/// The storage.
pub(crate) struct Slab<T> {
    chunks: Vec<Option<Box<Chunk<T>>>>,
    /// Chunks that exist and are not full. The lowest is filled first, so that
    /// the higher ones empty.
    roomy: BTreeSet<u32>,
    /// Places in `chunks` that hold none, below its end.
    holes: BTreeSet<u32>,
    generation: u32,
    len: usize,
}

impl<T> Slab<T> {
    /// Storage that has allocated nothing yet.
    pub(crate) fn new() -> Slab<T> {
        Slab {
            chunks: Vec::new(),
            roomy: BTreeSet::new(),
            holes: BTreeSet::new(),
            generation: 0,
            len: 0,
        }
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Stores a value and names its place.
    pub(crate) fn insert(&mut self, value: T) -> Id<T> {
        let at = self.roomy.first().copied().unwrap_or_else(|| self.grow());
        let chunk = self.chunks[at as usize].as_mut().expect("a roomy chunk exists");
        // One counter for all places: a chunk that was given back need not be
        // remembered for its generations' sake.
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
        Id::new(at as usize * CHUNK + offset)
    }

    /// Makes room: a new chunk in the lowest hole, or at the end.
    fn grow(&mut self) -> u32 {
        let at = self.holes.pop_first().unwrap_or_else(|| {
            self.chunks.push(None);
            self.chunks.len() as u32 - 1
        });
        self.chunks[at as usize] = Some(Chunk::new());
        self.roomy.insert(at);
        at
    }

    /// Takes a living value out.
    ///
    /// # Panics
    /// If there is no value at this place, which only a bug can bring about.
    pub(crate) fn remove(&mut self, id: Id<T>) -> T {
        let (at, offset) = (id.index() / CHUNK, id.index() % CHUNK);
        let chunk = self.chunks[at].as_mut().expect("the chunk of a living value");
        let freed = Slot::Free { next: chunk.free };
        let Slot::Used { value, .. } = std::mem::replace(&mut chunk.slots[offset], freed) else {
            panic!("removed a value twice");
        };
        chunk.free = Some(offset as u16);
        chunk.used -= 1;
        self.len -= 1;
        let empty = chunk.used == 0;
        self.roomy.insert(at as u32);
        // The last chunk with room stays, lest one value coming and going
        // allocates each time.
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
        self.chunks.get(id.index() / CHUNK)?.as_ref()?.slots.get(id.index() % CHUNK)
    }

    /// The key of a living value.
    pub(crate) fn key(&self, id: Id<T>) -> Key<T> {
        match self.slot(id) {
            Some(Slot::Used { generation, .. }) => Key { id, generation: *generation },
            _ => panic!("a key for a value that is gone"),
        }
    }

    /// The place that a key means, if its value still lives.
    pub(crate) fn find(&self, key: Key<T>) -> Option<Id<T>> {
        match self.slot(key.id) {
            Some(Slot::Used { generation, .. }) if *generation == key.generation => Some(key.id),
            _ => None,
        }
    }

    /// The first value from a place on, for who looks at a few at a time.
    pub(crate) fn first_from(&self, place: usize) -> Option<Id<T>> {
        let mut offset = place % CHUNK;
        for at in place / CHUNK..self.chunks.len() {
            let slots = self.chunks[at].as_ref().map_or(&[][..], |chunk| &chunk.slots);
            let mut rest = slots.iter().enumerate().skip(offset);
            if let Some((found, _)) = rest.find(|(_, slot)| matches!(slot, Slot::Used { .. })) {
                return Some(Id::new(at * CHUNK + found));
            }
            offset = 0;
        }
        None
    }

    /// Every value, by place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.chunks.iter().enumerate().flat_map(|(at, chunk)| {
            let slots = chunk.iter().flat_map(|c| c.slots.iter()).enumerate();
            slots.filter_map(move |(offset, slot)| match slot {
                Slot::Used { value, .. } => Some((Id::new(at * CHUNK + offset), value)),
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
            _ => panic!("looked up a value that is gone"),
        }
    }
}

impl<T> IndexMut<Id<T>> for Slab<T> {
    fn index_mut(&mut self, id: Id<T>) -> &mut T {
        let chunk = self.chunks.get_mut(id.index() / CHUNK).and_then(Option::as_mut);
        match chunk.and_then(|c| c.slots.get_mut(id.index() % CHUNK)) {
            Some(Slot::Used { value, .. }) => value,
            _ => panic!("looked up a value that is gone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_outlives_its_value_without_finding_the_next_one() {
        let mut slab = Slab::new();
        let first = slab.insert("a");
        let key = slab.key(first);
        slab.remove(first);
        assert_eq!(slab.find(key), None);
        let second = slab.insert("b");
        assert_eq!(second, first, "the place is used again");
        assert_eq!(slab.find(key), None);
        assert_eq!(slab[second], "b");
    }

    #[test]
    fn all_values_are_listed_under_their_own_places() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..CHUNK * 2 + 1).map(|n| slab.insert(n)).collect();
        let listed: Vec<_> = slab.iter().map(|(id, &n)| (id, n)).collect();
        let expected: Vec<_> = ids.into_iter().zip(0..).collect();
        assert_eq!(listed, expected);
    }

    #[test]
    fn the_table_of_chunks_shrinks_when_most_are_gone() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..CHUNK * 64).map(|n| slab.insert(n)).collect();
        for id in ids {
            slab.remove(id);
        }
        assert!(slab.chunks.capacity() <= 32, "{} places", slab.chunks.capacity());
    }

    #[test]
    fn a_place_in_a_chunk_that_was_given_back_gets_a_new_generation() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..CHUNK * 3).map(|n| slab.insert(n)).collect();
        let key = slab.key(ids[CHUNK * 2]);
        ids.iter().for_each(|&id| {
            slab.remove(id);
        });
        (0..CHUNK * 3).for_each(|n| {
            slab.insert(n);
        });
        assert_eq!(slab.find(key), None);
    }

    #[test]
    fn an_emptied_slab_keeps_one_chunk() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..CHUNK * 100).map(|n| slab.insert(n)).collect();
        assert_eq!(slab.chunks.iter().flatten().count(), 100);
        ids.into_iter().for_each(|id| {
            slab.remove(id);
        });
        assert_eq!(slab.len(), 0);
        assert_eq!(slab.chunks.iter().flatten().count(), 1);
    }

    #[test]
    fn links_are_four_bytes() {
        assert_eq!(size_of::<Option<Id<String>>>(), 4);
    }

    #[test]
    fn iteration_meets_every_living_value_once() {
        let mut slab = Slab::new();
        let ids: Vec<_> = (0..1000).map(|n| slab.insert(n)).collect();
        ids.iter().step_by(2).for_each(|&id| {
            slab.remove(id);
        });
        let found: Vec<_> = slab.iter().map(|(_, &n)| n).collect();
        assert_eq!(found, (0..1000).filter(|n| n % 2 == 1).collect::<Vec<_>>());
    }
}
