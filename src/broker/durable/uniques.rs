//! [`UniqueIndex`]: which jobs that are only in the store may have a unique id.
//!
//! It keeps 32 bits of a fingerprint and 32 bits of the number, nine bytes per slot of a table,
//! so two jobs can look alike. A hit is a candidate: the store has the last word.
//!
//! There are many small tables: one for ten million jobs would stop the event loop for a tenth of a
//! second whenever it grows, and need the memory of both sizes meanwhile.
//!
//! Must not: know functions or uniques, only their fingerprints.

use hashbrown::HashTable;

/// Numbers that the index can tell apart: from the first one in it.
const NUMBERS_MAX: u64 = 1 << 32;

/// Tables among which the entries are distributed.
const UNIQUE_TABLES: usize = 256;

/// Candidates by fingerprint.
#[derive(Debug)]
pub(crate) struct UniqueIndex {
    tables: Box<[HashTable<(u32, u32)>]>,
    len: usize,
    /// Numbers are kept as their distance from here.
    base: u64,
}

impl Default for UniqueIndex {
    fn default() -> UniqueIndex {
        let tables = (0..UNIQUE_TABLES).map(|_| HashTable::new()).collect();
        UniqueIndex { tables, len: 0, base: 0 }
    }
}

/// The part of a fingerprint that is kept.
fn short(fingerprint: u64) -> u32 {
    (fingerprint >> 32) as u32
}

/// Spreads the kept part over the bits that the table uses.
fn hash(short: u32) -> u64 {
    u64::from(short).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The table of an entry: by the upper bits, since a table uses the lower ones.
fn table(short: u32) -> usize {
    (short >> (u32::BITS - UNIQUE_TABLES.ilog2())) as usize
}

impl UniqueIndex {
    /// Number of entries.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a job. Returns whether the index can hold it: its number must not be too far from the
    /// others'.
    pub(crate) fn insert(&mut self, fingerprint: u64, number: u64) -> bool {
        if self.is_empty() {
            self.base = number;
        }
        let Some(offset) = self.offset(number) else { return false };
        let entry = (short(fingerprint), offset);
        let table = &mut self.tables[table(entry.0)];
        table.insert_unique(hash(entry.0), entry, |entry| hash(entry.0));
        self.len += 1;
        true
    }

    fn offset(&self, number: u64) -> Option<u32> {
        let offset = number.checked_sub(self.base).filter(|&offset| offset < NUMBERS_MAX)?;
        Some(offset as u32)
    }

    /// Removes a job, if the index has it.
    pub(crate) fn remove(&mut self, fingerprint: u64, number: u64) -> bool {
        let Some(offset) = self.offset(number) else { return false };
        let entry = (short(fingerprint), offset);
        let table = &mut self.tables[table(entry.0)];
        let Ok(found) = table.find_entry(hash(entry.0), |other| *other == entry) else {
            return false;
        };
        found.remove();
        self.len -= 1;
        // After a large queue was worked off, its tables are freed.
        if table.len() * 8 < table.capacity() {
            table.shrink_to(table.len() * 2, |entry| hash(entry.0));
        }
        true
    }

    /// Numbers of the jobs that may have this fingerprint.
    pub(crate) fn candidates(&self, fingerprint: u64) -> impl Iterator<Item = u64> + '_ {
        let short = short(fingerprint);
        let alike =
            self.tables[table(short)].iter_hash(hash(short)).filter(move |entry| entry.0 == short);
        alike.map(|entry| self.base + u64::from(entry.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(index: &UniqueIndex, fingerprint: u64) -> Vec<u64> {
        let mut numbers: Vec<_> = index.candidates(fingerprint).collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn a_job_is_a_candidate_for_its_fingerprint_until_it_is_removed() {
        let mut index = UniqueIndex::default();
        for n in 0..10_000_u64 {
            assert!(index.insert(n << 32, 1_000_000 + n));
        }
        assert_eq!(candidates(&index, 77 << 32), [1_000_077]);
        assert!(index.remove(77 << 32, 1_000_077));
        assert!(!index.remove(77 << 32, 1_000_077));
        assert_eq!(candidates(&index, 77 << 32), Vec::<u64>::new());
        assert_eq!(index.len(), 9_999);
    }

    #[test]
    fn entries_are_distributed_among_the_tables() {
        let mut index = UniqueIndex::default();
        for number in 0..100_000_u64 {
            assert!(index.insert(gearman_queue::fingerprint(&number.to_le_bytes()), number));
        }
        let largest = index.tables.iter().map(HashTable::len).max();
        assert!(largest.is_some_and(|largest| largest < 600), "{largest:?}");
    }

    #[test]
    fn jobs_with_fingerprints_that_look_alike_are_all_candidates() {
        let mut index = UniqueIndex::default();
        index.insert(5 << 32, 1);
        index.insert((5 << 32) + 1, 2);
        index.insert(6 << 32, 3);
        assert_eq!(candidates(&index, 5 << 32), [1, 2]);
    }

    #[test]
    fn a_number_too_far_from_the_first_is_not_taken() {
        let mut index = UniqueIndex::default();
        assert!(index.insert(1 << 32, 10));
        assert!(index.insert(2 << 32, 10 + NUMBERS_MAX - 1));
        assert!(!index.insert(3 << 32, 10 + NUMBERS_MAX));
        assert!(!index.insert(3 << 32, 9));
        assert_eq!(candidates(&index, 2 << 32), [10 + NUMBERS_MAX - 1]);
    }

    #[test]
    fn the_memory_of_removed_jobs_is_freed() {
        let mut index = UniqueIndex::default();
        (0..100_000_u64).for_each(|n| assert!(index.insert(n << 32, n)));
        (0..100_000_u64).for_each(|n| assert!(index.remove(n << 32, n)));
        let capacity: usize = index.tables.iter().map(HashTable::capacity).sum();
        assert!(capacity < 100);
    }
}
