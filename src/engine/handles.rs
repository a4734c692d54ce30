//! [`HandleIndex`]: finds the tasks of a job handle in constant time, without an allocation
//! per task.
//!
//! A chained hash table whose links are stored in the tasks. Tasks whose jobs were
//! coalesced share a handle; they are found in the order of adding.
//!
//! Must not: own or compare handles; the caller does that.

/// The end of a chain: no slot.
pub const NO_SLOT: u32 = u32::MAX;

/// Buckets of slot indexes. The caller stores the `next` links.
#[derive(Debug, Default)]
pub struct HandleIndex {
    buckets: Vec<u32>,
    len: usize,
}

/// FNV-1a, which suits handles: they are short and differ in their last bytes.
pub fn hash(handle: &[u8]) -> u32 {
    handle.iter().fold(0x811c_9dc5, |h, &b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

/// The links and handle hashes of the caller's tasks, by slot.
pub trait ChainLinks {
    /// The slot after this one in its chain.
    fn next(&self, slot: u32) -> u32;
    /// Sets the slot after this one.
    fn set_next(&mut self, slot: u32, next: u32);
    /// The hash of this slot's handle.
    fn hash(&self, slot: u32) -> u32;
}

impl HandleIndex {
    /// The number of tasks in the index.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no task is in the index.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn bucket(&self, hash: u32) -> usize {
        hash as usize & (self.buckets.len() - 1)
    }

    /// The first slot of the chain that a hash belongs to, or [`NO_SLOT`].
    pub fn first(&self, hash: u32) -> u32 {
        if self.buckets.is_empty() { NO_SLOT } else { self.buckets[self.bucket(hash)] }
    }

    /// Appends a slot to its chain.
    pub fn insert(&mut self, slot: u32, links: &mut impl ChainLinks) {
        if self.len >= self.buckets.len() {
            self.grow(links);
        }
        self.link(slot, links);
        self.len += 1;
    }

    fn link(&mut self, slot: u32, links: &mut impl ChainLinks) {
        links.set_next(slot, NO_SLOT);
        let bucket = self.bucket(links.hash(slot));
        let mut last = self.buckets[bucket];
        if last == NO_SLOT {
            self.buckets[bucket] = slot;
            return;
        }
        while links.next(last) != NO_SLOT {
            last = links.next(last);
        }
        links.set_next(last, slot);
    }

    /// Removes a slot, if it is in the index.
    pub fn remove(&mut self, slot: u32, links: &mut impl ChainLinks) {
        if self.buckets.is_empty() {
            return;
        }
        let bucket = self.bucket(links.hash(slot));
        let mut at = self.buckets[bucket];
        let mut before = NO_SLOT;
        while at != NO_SLOT && at != slot {
            before = at;
            at = links.next(at);
        }
        if at == NO_SLOT {
            return;
        }
        let after = links.next(slot);
        if before == NO_SLOT {
            self.buckets[bucket] = after;
        } else {
            links.set_next(before, after);
        }
        links.set_next(slot, NO_SLOT);
        self.len -= 1;
        if self.len == 0 && self.buckets.len() > 1024 {
            self.buckets = Vec::new();
        }
    }

    fn grow(&mut self, links: &mut impl ChainLinks) {
        let size = (self.buckets.len() * 4).max(16);
        let old = std::mem::replace(&mut self.buckets, vec![NO_SLOT; size]);
        for mut slot in old {
            while slot != NO_SLOT {
                let next = links.next(slot);
                self.link(slot, links);
                slot = next;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tasks(Vec<(u32, u32)>);

    impl ChainLinks for Tasks {
        fn next(&self, slot: u32) -> u32 {
            self.0[slot as usize].1
        }
        fn set_next(&mut self, slot: u32, next: u32) {
            self.0[slot as usize].1 = next;
        }
        fn hash(&self, slot: u32) -> u32 {
            self.0[slot as usize].0
        }
    }

    fn chain(index: &HandleIndex, tasks: &Tasks, hash: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut slot = index.first(hash);
        while slot != NO_SLOT {
            if tasks.hash(slot) == hash {
                found.push(slot);
            }
            slot = tasks.next(slot);
        }
        found
    }

    #[test]
    fn tasks_with_equal_handles_are_found_in_the_order_of_adding() {
        let mut tasks = Tasks((0..100).map(|n| (n % 3, NO_SLOT)).collect());
        let mut index = HandleIndex::default();
        for slot in 0..100 {
            index.insert(slot, &mut tasks);
        }
        assert_eq!(index.len(), 100);
        let expected: Vec<u32> = (0..100).filter(|n| n % 3 == 1).collect();
        assert_eq!(chain(&index, &tasks, 1), expected);
    }

    #[test]
    fn removing_a_slot_leaves_the_rest_of_its_chain() {
        let mut tasks = Tasks((0..50).map(|n| (n / 2, NO_SLOT)).collect());
        let mut index = HandleIndex::default();
        for slot in 0..50 {
            index.insert(slot, &mut tasks);
        }
        index.remove(10, &mut tasks);
        index.remove(10, &mut tasks);
        assert_eq!(chain(&index, &tasks, 5), [11]);
        for slot in 0..50 {
            index.remove(slot, &mut tasks);
        }
        assert!(index.is_empty());
    }
}
