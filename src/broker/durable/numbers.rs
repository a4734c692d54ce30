//! [`NumberQueue`]: the numbers of jobs that are only in the store, in their order; and
//! [`NumberMap`], a map by job number.
//!
//! A number takes four bytes, and numbers that follow each other take eight bytes together, however
//! many they are.
//!
//! Must not: know jobs.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

/// Entries per chunk: what a removal from the middle has to rewrite.
const CHUNK_ENTRIES_MAX: usize = 1024;
/// Marks an entry that is the length of a run: so many numbers follow the one before.
const RUN: u32 = 1 << 31;
/// Longest run of one entry.
const RUN_LEN_MAX: u32 = RUN - 1;

/// A map by job number.
pub(crate) type NumberMap<T> = HashMap<u64, T, BuildHasherDefault<NumberHasher>>;

/// Hashes a job number by a multiplication. The server chooses the numbers, so no client can make
/// them collide.
#[derive(Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // The map uses the upper bits, too, which the multiplication fills.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Numbers in ascending order.
#[derive(Debug, Default)]
pub(crate) struct NumberQueue {
    chunks: VecDeque<NumberChunk>,
    len: usize,
}

/// Numbers whose distance from the first is less than 2^31.
#[derive(Debug)]
struct NumberChunk {
    /// Offsets are from here.
    base: u64,
    /// The largest number.
    last: u64,
    /// Offsets and runs.
    entries: VecDeque<u32>,
    /// The number before the first entry, if that is a run.
    before: u64,
}

impl NumberChunk {
    fn new(number: u64) -> NumberChunk {
        NumberChunk { base: number, last: number, entries: VecDeque::from([0]), before: number }
    }

    /// Appends a number if the chunk has room for it.
    fn push(&mut self, number: u64) -> bool {
        if number == self.last + 1
            && let Some(entry) = self.entries.back_mut()
            && *entry & RUN != 0
            && *entry & RUN_LEN_MAX < RUN_LEN_MAX
        {
            *entry += 1;
        } else {
            let offset = number - self.base;
            if self.entries.len() >= CHUNK_ENTRIES_MAX || offset >= u64::from(RUN) {
                return false;
            }
            let follows = number == self.last + 1;
            self.entries.push_back(if follows { RUN | 1 } else { offset as u32 });
        }
        self.last = number;
        true
    }

    fn front(&self) -> Option<u64> {
        let entry = *self.entries.front()?;
        Some(if entry & RUN != 0 { self.before + 1 } else { self.base + u64::from(entry) })
    }

    fn pop(&mut self) -> Option<u64> {
        let number = self.front()?;
        let entry = self.entries.front_mut().expect("a chunk with a front has an entry");
        if *entry & RUN != 0 && *entry & RUN_LEN_MAX > 1 {
            *entry -= 1;
        } else {
            self.entries.pop_front();
        }
        self.before = number;
        Some(number)
    }

    /// The numbers as ranges, both ends included.
    fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let mut before = self.before;
        self.entries.iter().map(move |&entry| {
            let (first, last) = match entry & RUN {
                0 => (self.base + u64::from(entry), self.base + u64::from(entry)),
                _ => (before + 1, before + u64::from(entry & RUN_LEN_MAX)),
            };
            before = last;
            (first, last)
        })
    }

    fn contains(&self, number: u64) -> bool {
        self.ranges().any(|(first, last)| (first..=last).contains(&number))
    }
}

impl NumberQueue {
    /// Number of numbers.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no number.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a number.
    ///
    /// # Panics
    /// If it is not larger than all others.
    pub(crate) fn push(&mut self, number: u64) {
        if let Some(chunk) = self.chunks.back_mut() {
            assert!(number > chunk.last, "the number {number} is out of order");
            if !chunk.push(number) {
                self.chunks.push_back(NumberChunk::new(number));
            }
        } else {
            self.chunks.push_back(NumberChunk::new(number));
        }
        self.len += 1;
    }

    /// The smallest number.
    pub(crate) fn front(&self) -> Option<u64> {
        self.chunks.front()?.front()
    }

    /// The largest number that was pushed, of those that are left or were just removed.
    pub(crate) fn last(&self) -> Option<u64> {
        self.chunks.back().map(|chunk| chunk.last)
    }

    /// Removes the smallest number.
    pub(crate) fn pop(&mut self) -> Option<u64> {
        let chunk = self.chunks.front_mut()?;
        let number = chunk.pop();
        if chunk.entries.is_empty() {
            self.chunks.pop_front();
        }
        self.len -= 1;
        number
    }

    /// The chunk in whose range a number is.
    fn chunk_of(&self, number: u64) -> Option<usize> {
        let index = self.chunks.partition_point(|chunk| chunk.last < number);
        (index < self.chunks.len()).then_some(index)
    }

    /// Whether a number is in the queue. Takes logarithmic time, and that of a chunk.
    pub(crate) fn contains(&self, number: u64) -> bool {
        self.chunk_of(number).is_some_and(|index| self.chunks[index].contains(number))
    }

    /// Removes a number from anywhere. Returns whether it was there.
    pub(crate) fn remove(&mut self, number: u64) -> bool {
        let Some(index) = self.chunk_of(number).filter(|&i| self.chunks[i].contains(number)) else {
            return false;
        };
        let chunk = self.chunks.remove(index).expect("the chunk that was found");
        let mut parts: Vec<NumberChunk> = Vec::new();
        for (first, last) in chunk.ranges() {
            let before = (first <= last.min(number.wrapping_sub(1)) && number > 0)
                .then(|| (first, last.min(number - 1)));
            let after = (last > number).then(|| (first.max(number + 1), last));
            before.into_iter().chain(after).filter(|(a, b)| a <= b).for_each(|range| {
                push_range(&mut parts, range);
            });
        }
        for part in parts.into_iter().rev() {
            self.chunks.insert(index, part);
        }
        self.len -= 1;
        true
    }

    /// All numbers, the smallest first.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.chunks.iter().flat_map(NumberChunk::ranges).flat_map(|(first, last)| first..=last)
    }
}

/// Appends a range of numbers to the last of some chunks, or to a new one.
fn push_range(chunks: &mut Vec<NumberChunk>, (first, last): (u64, u64)) {
    if chunks.last_mut().is_none_or(|chunk| !chunk.push(first)) {
        chunks.push(NumberChunk::new(first));
    }
    let chunk = chunks.last_mut().expect("it was just pushed to");
    let follow = u32::try_from(last - first).expect("a range is no longer than a run");
    if follow > 0 {
        match chunk.entries.back_mut() {
            Some(entry) if *entry & RUN != 0 && (*entry & RUN_LEN_MAX) + follow <= RUN_LEN_MAX => {
                *entry += follow;
            }
            _ => chunk.entries.push_back(RUN | follow),
        }
        chunk.last = last;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use gearman_test_support::random::Random;

    fn of(numbers: impl IntoIterator<Item = u64>) -> NumberQueue {
        let mut queue = NumberQueue::default();
        numbers.into_iter().for_each(|number| queue.push(number));
        queue
    }

    #[test]
    fn numbers_come_out_in_the_order_in_which_they_went_in() {
        let numbers = [1, 2, 3, 7, 9, 10, 5_000_000_000, 5_000_000_001, u64::MAX >> 1];
        let mut queue = of(numbers);
        assert_eq!(queue.iter().collect::<Vec<_>>(), numbers);
        assert_eq!(queue.len(), numbers.len());
        for number in numbers {
            assert_eq!((queue.front(), queue.pop()), (Some(number), Some(number)));
        }
        assert_eq!((queue.front(), queue.pop(), queue.is_empty()), (None, None, true));
    }

    #[test]
    fn numbers_that_follow_each_other_take_two_entries() {
        let queue = of(100..1_000_000);
        assert_eq!(queue.chunks.len(), 1);
        assert_eq!(queue.chunks[0].entries.len(), 2);
    }

    #[test]
    fn scattered_numbers_take_four_bytes_each() {
        let queue = of((0..100_000).map(|n| n * 3));
        let entries: usize = queue.chunks.iter().map(|chunk| chunk.entries.len()).sum();
        assert_eq!(entries, 100_000);
        assert!(queue.chunks.len() <= 100_000 / CHUNK_ENTRIES_MAX + 1);
    }

    #[test]
    fn a_queue_is_the_ordered_set_that_it_stands_for() {
        let mut random = Random(11);
        for _ in 0..200 {
            let (mut queue, mut set, mut next) = (NumberQueue::default(), BTreeSet::new(), 0);
            for _ in 0..1500 {
                match random.below(10) {
                    0..6 => {
                        next += if random.below(3) == 0 { random.below(5) as u64 } else { 0 } + 1;
                        queue.push(next);
                        set.insert(next);
                    }
                    6..8 => assert_eq!(queue.pop(), set.pop_first()),
                    _ => {
                        let number = random.below(next as usize + 2) as u64;
                        assert_eq!(queue.contains(number), set.contains(&number));
                        assert_eq!(queue.remove(number), set.remove(&number));
                    }
                }
                assert_eq!(queue.len(), set.len());
                assert_eq!(queue.front(), set.first().copied());
            }
            assert!(queue.iter().eq(set.iter().copied()));
        }
    }
}
