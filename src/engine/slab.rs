//! [`Slab`]: boxed values under generational ids.
//!
//! User code may free a task or a job at any moment that it runs, so looking
//! one up afterwards may fail, and that is an ordinary branch. A value's address
//! never changes while it lives: C holds pointers into it.
//!
//! Must not: give an id a second life.

/// Names a value of one [`Slab`], for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    index: u32,
    generation: u32,
}

impl Id {
    /// An id that never names anything.
    pub const NONE: Id = Id { index: u32::MAX, generation: 0 };

    /// The slot; slots are used again after their value is gone.
    pub fn index(self) -> u32 {
        self.index
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<Box<T>>,
}

/// Values that stay where they are until they are removed.
#[derive(Debug)]
pub struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    /// No values.
    pub const fn new() -> Slab<T> {
        Slab { slots: Vec::new(), free: Vec::new() }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a value.
    #[inline(always)]
    pub fn insert(&mut self, value: Box<T>) -> Id {
        match self.free.pop() {
            Some(index) => {
                let slot = &mut self.slots[index as usize];
                slot.value = Some(value);
                Id { index, generation: slot.generation }
            }
            None => {
                let index = self.slots.len() as u32;
                self.slots.push(Slot { generation: 1, value: Some(value) });
                Id { index, generation: 1 }
            }
        }
    }

    /// The value, unless it was removed.
    #[inline]
    pub fn get(&self, id: Id) -> Option<&T> {
        let slot = self.slots.get(id.index as usize)?;
        if slot.generation == id.generation { slot.value.as_deref() } else { None }
    }

    /// The value, unless it was removed.
    #[inline]
    pub fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation == id.generation { slot.value.as_deref_mut() } else { None }
    }

    /// The id of the value that is in a slot now.
    pub fn id_at(&self, index: u32) -> Option<Id> {
        let slot = self.slots.get(index as usize)?;
        slot.value.as_ref()?;
        Some(Id { index, generation: slot.generation })
    }

    /// Takes a value out. Memory goes back when the last one has gone.
    #[inline(always)]
    pub fn remove(&mut self, id: Id) -> Option<Box<T>> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1).max(1);
        self.free.push(id.index);
        if self.free.capacity() > 1024 && self.free.len() == self.slots.len() {
            self.free.shrink_to(1024);
        }
        Some(value)
    }

    /// Every value, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let id = Id { index: index as u32, generation: slot.generation };
            slot.value.as_deref().map(|value| (id, value))
        })
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_dies_with_its_value() {
        let mut slab = Slab::new();
        let a = slab.insert(Box::new('a'));
        assert_eq!(slab.get(a), Some(&'a'));
        assert_eq!(slab.remove(a).as_deref(), Some(&'a'));
        let b = slab.insert(Box::new('b'));
        assert_eq!(b.index(), a.index());
        assert_eq!((slab.get(a), slab.get(b)), (None, Some(&'b')));
        assert!(slab.remove(a).is_none());
        assert_eq!(slab.get(Id::NONE), None);
    }

    #[test]
    fn counts_what_it_holds() {
        let mut slab = Slab::new();
        let ids: Vec<Id> = (0..10).map(|n| slab.insert(Box::new(n))).collect();
        assert_eq!((slab.len(), slab.is_empty()), (10, false));
        assert_eq!(slab.iter().count(), 10);
        for id in ids {
            slab.remove(id);
        }
        assert!(slab.is_empty());
    }
}
