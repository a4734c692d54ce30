//! [`BoxSlab`]: boxed values under generational ids.
//!
//! User code may free a task or a job whenever it runs, so a lookup after a call of user
//! code may fail; callers treat that as an ordinary case. The address of a value never
//! changes while it lives: C holds pointers into it.
//!
//! Must not: reuse an id.

/// Identifies one value of one [`BoxSlab`]. An id is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlabId {
    index: u32,
    generation: u32,
}

impl SlabId {
    /// An id that never identifies a value.
    pub const NONE: SlabId = SlabId { index: u32::MAX, generation: 0 };

    /// The slot index. A slot is reused after its value is removed.
    pub fn index(self) -> u32 {
        self.index
    }
}

#[derive(Debug)]
struct BoxSlot<T> {
    generation: u32,
    value: Option<Box<T>>,
}

/// Values at stable addresses.
#[derive(Debug)]
pub struct BoxSlab<T> {
    slots: Vec<BoxSlot<T>>,
    free: Vec<u32>,
}

impl<T> BoxSlab<T> {
    /// An empty slab.
    pub const fn new() -> BoxSlab<T> {
        BoxSlab { slots: Vec::new(), free: Vec::new() }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether the slab is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a value.
    #[inline(always)]
    pub fn insert(&mut self, value: Box<T>) -> SlabId {
        match self.free.pop() {
            Some(index) => {
                let slot = &mut self.slots[index as usize];
                slot.value = Some(value);
                SlabId { index, generation: slot.generation }
            }
            None => {
                let index = self.slots.len() as u32;
                self.slots.push(BoxSlot { generation: 1, value: Some(value) });
                SlabId { index, generation: 1 }
            }
        }
    }

    /// The value, unless it was removed.
    #[inline]
    pub fn get(&self, id: SlabId) -> Option<&T> {
        let slot = self.slots.get(id.index as usize)?;
        if slot.generation == id.generation { slot.value.as_deref() } else { None }
    }

    /// The value, unless it was removed.
    #[inline]
    pub fn get_mut(&mut self, id: SlabId) -> Option<&mut T> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation == id.generation { slot.value.as_deref_mut() } else { None }
    }

    /// The id of the value in a slot.
    pub fn id_at(&self, index: u32) -> Option<SlabId> {
        let slot = self.slots.get(index as usize)?;
        slot.value.as_ref()?;
        Some(SlabId { index, generation: slot.generation })
    }

    /// Removes a value. The free list is shrunk when the last value is removed.
    #[inline(always)]
    pub fn remove(&mut self, id: SlabId) -> Option<Box<T>> {
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

    /// Iterates over all values, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (SlabId, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let id = SlabId { index: index as u32, generation: slot.generation };
            slot.value.as_deref().map(|value| (id, value))
        })
    }
}

impl<T> Default for BoxSlab<T> {
    fn default() -> BoxSlab<T> {
        BoxSlab::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_nothing_after_its_value_is_removed() {
        let mut slab = BoxSlab::new();
        let a = slab.insert(Box::new('a'));
        assert_eq!(slab.get(a), Some(&'a'));
        assert_eq!(slab.remove(a).as_deref(), Some(&'a'));
        let b = slab.insert(Box::new('b'));
        assert_eq!(b.index(), a.index());
        assert_eq!((slab.get(a), slab.get(b)), (None, Some(&'b')));
        assert!(slab.remove(a).is_none());
        assert_eq!(slab.get(SlabId::NONE), None);
    }

    #[test]
    fn a_slab_counts_its_values() {
        let mut slab = BoxSlab::new();
        let ids: Vec<SlabId> = (0..10).map(|n| slab.insert(Box::new(n))).collect();
        assert_eq!((slab.len(), slab.is_empty()), (10, false));
        assert_eq!(slab.iter().count(), 10);
        for id in ids {
            slab.remove(id);
        }
        assert!(slab.is_empty());
    }
}
