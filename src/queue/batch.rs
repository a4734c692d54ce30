//! The operations of one commit, in their order.
//!
//! Owns the bytes of what it holds: names and small payloads lie in one buffer, so that a batch of
//! thousands of jobs takes a handful of allocations, which the next batch uses again.
//!
//! Must not: know what an operation means to the store.

use bytes::Bytes;

use crate::record::{JobNumber, NewRecord, UnixSeconds};

/// Bytes of a payload up to which it is copied into the batch. A larger one is shared.
const COPIED_PAYLOAD_BYTES_MAX: usize = 1024;

/// An operation, borrowed from its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchOperation<'a> {
    /// Stores a job.
    Insert(NewRecord<'a>),
    /// Removes a job that has ended. Removing one that is not there is no error.
    Delete(JobNumber),
    /// Sets the failed attempts of a job.
    SetAttempts(JobNumber, u32),
    /// Promises that no number up to this one is chosen again.
    ReserveNumbers(JobNumber),
}

/// What a batch keeps of an operation. The bytes of an insert lie in the batch's buffer, one after
/// the other: function, unique, reducer, and a payload that was copied.
#[derive(Clone, Debug)]
enum BatchEntry {
    Insert(InsertEntry),
    Delete(JobNumber),
    SetAttempts(JobNumber, u32),
    ReserveNumbers(JobNumber),
}

#[derive(Clone, Debug)]
struct InsertEntry {
    number: JobNumber,
    start: usize,
    function_len: u32,
    unique_len: u32,
    reducer_len: u32,
    payload_len: u32,
    /// The payload, if it was not copied.
    shared: Option<Bytes>,
    due: Option<UnixSeconds>,
    submitted: UnixSeconds,
    attempts: u32,
    priority: u8,
}

/// Operations that are committed together, or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    entries: Vec<BatchEntry>,
    buffer: Vec<u8>,
    shared_bytes: usize,
}

impl Batch {
    /// Appends the insertion of a job.
    ///
    /// # Panics
    /// If a name or the payload has 4 GiB or more, which no packet can carry.
    pub fn insert(&mut self, record: &NewRecord<'_>, shared: Option<&Bytes>) {
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).expect("fits into a packet");
        let start = self.buffer.len();
        self.buffer.extend_from_slice(record.function);
        self.buffer.extend_from_slice(record.unique);
        self.buffer.extend_from_slice(record.reducer);
        let shared = shared.filter(|_| record.payload.len() > COPIED_PAYLOAD_BYTES_MAX).cloned();
        match &shared {
            Some(payload) => {
                assert_eq!(payload.len(), record.payload.len(), "another payload is shared");
                self.shared_bytes += payload.len();
            }
            None => self.buffer.extend_from_slice(record.payload),
        }
        self.entries.push(BatchEntry::Insert(InsertEntry {
            number: record.number,
            start,
            function_len: len(record.function),
            unique_len: len(record.unique),
            reducer_len: len(record.reducer),
            payload_len: len(record.payload),
            shared,
            due: record.due,
            submitted: record.submitted,
            attempts: record.attempts,
            priority: record.priority,
        }));
    }

    /// Appends the removal of a job.
    pub fn delete(&mut self, number: JobNumber) {
        self.entries.push(BatchEntry::Delete(number));
    }

    /// Appends a change of a job's failed attempts.
    pub fn set_attempts(&mut self, number: JobNumber, attempts: u32) {
        self.entries.push(BatchEntry::SetAttempts(number, attempts));
    }

    /// Appends a reservation of all numbers up to this one.
    pub fn reserve_numbers(&mut self, up_to: JobNumber) {
        self.entries.push(BatchEntry::ReserveNumbers(up_to));
    }

    /// Appends all operations of another batch, behind those of this one, and empties the other.
    pub fn append(&mut self, other: &mut Batch) {
        if self.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        let moved = self.buffer.len();
        self.buffer.append(&mut other.buffer);
        self.shared_bytes += std::mem::take(&mut other.shared_bytes);
        self.entries.extend(other.entries.drain(..).map(|mut entry| {
            if let BatchEntry::Insert(insert) = &mut entry {
                insert.start += moved;
            }
            entry
        }));
    }

    /// Removes all operations; their memory is used again.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.buffer.clear();
        self.shared_bytes = 0;
    }

    /// Number of operations.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the batch has no operation.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of memory that the operations take.
    pub fn bytes(&self) -> usize {
        self.entries.len() * size_of::<BatchEntry>() + self.buffer.len() + self.shared_bytes
    }

    /// The operation at `index`.
    ///
    /// # Panics
    /// If the batch has no operation there.
    pub fn get(&self, index: usize) -> BatchOperation<'_> {
        self.resolve(&self.entries[index])
    }

    /// The operations in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = BatchOperation<'_>> {
        self.entries.iter().map(|entry| self.resolve(entry))
    }

    /// The operations of a part of this batch, as a batch.
    ///
    /// # Panics
    /// If the batch is shorter than the range.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Batch {
        let mut part = Batch::default();
        for entry in &self.entries[range] {
            match self.resolve(entry) {
                BatchOperation::Insert(record) => {
                    let BatchEntry::Insert(InsertEntry { shared, .. }) = entry else {
                        unreachable!()
                    };
                    part.insert(&record, shared.as_ref());
                }
                BatchOperation::Delete(number) => part.delete(number),
                BatchOperation::SetAttempts(number, attempts) => {
                    part.set_attempts(number, attempts)
                }
                BatchOperation::ReserveNumbers(up_to) => part.reserve_numbers(up_to),
            }
        }
        part
    }

    fn resolve<'a>(&'a self, entry: &'a BatchEntry) -> BatchOperation<'a> {
        let insert = match entry {
            BatchEntry::Insert(insert) => insert,
            BatchEntry::Delete(number) => return BatchOperation::Delete(*number),
            BatchEntry::SetAttempts(number, attempts) => {
                return BatchOperation::SetAttempts(*number, *attempts);
            }
            BatchEntry::ReserveNumbers(up_to) => return BatchOperation::ReserveNumbers(*up_to),
        };
        let (function, rest) = self.buffer[insert.start..].split_at(insert.function_len as usize);
        let (unique, rest) = rest.split_at(insert.unique_len as usize);
        let (reducer, rest) = rest.split_at(insert.reducer_len as usize);
        BatchOperation::Insert(NewRecord {
            number: insert.number,
            function,
            unique,
            reducer,
            payload: match &insert.shared {
                Some(payload) => payload,
                None => &rest[..insert.payload_len as usize],
            },
            priority: insert.priority,
            due: insert.due,
            attempts: insert.attempts,
            submitted: insert.submitted,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::record;

    #[test]
    fn a_batch_returns_its_operations_in_their_order() {
        let mut batch = Batch::default();
        batch.insert(&record(7, b"abc"), None);
        batch.set_attempts(JobNumber(7), 2);
        batch.delete(JobNumber(7));
        batch.reserve_numbers(JobNumber(100));
        let operations: Vec<_> = batch.iter().collect();
        assert_eq!(
            operations,
            [
                BatchOperation::Insert(record(7, b"abc")),
                BatchOperation::SetAttempts(JobNumber(7), 2),
                BatchOperation::Delete(JobNumber(7)),
                BatchOperation::ReserveNumbers(JobNumber(100)),
            ]
        );
    }

    #[test]
    fn a_large_payload_is_shared_and_a_small_one_copied() {
        let (small, large) = (Bytes::from(vec![1; 10]), Bytes::from(vec![2; 5000]));
        let mut batch = Batch::default();
        batch.insert(&record(1, &small), Some(&small));
        batch.insert(&record(2, &large), Some(&large));
        assert!(batch.buffer.len() < 100);
        assert!(batch.bytes() > 5000);
        let payloads: Vec<_> = batch
            .iter()
            .map(|operation| match operation {
                BatchOperation::Insert(record) => record.payload.len(),
                _ => panic!("{operation:?}"),
            })
            .collect();
        assert_eq!(payloads, [10, 5000]);
    }

    #[test]
    fn an_appended_batch_stands_behind_the_first_and_is_empty_afterwards() {
        let (mut first, mut second) = (Batch::default(), Batch::default());
        first.insert(&record(1, b"one"), None);
        second.insert(&record(2, b"two"), None);
        second.delete(JobNumber(1));
        first.append(&mut second);
        assert!(second.is_empty() && second.bytes() == 0);
        assert_eq!(first.len(), 3);
        assert_eq!(first.get(1), BatchOperation::Insert(record(2, b"two")));
        assert_eq!(first.get(2), BatchOperation::Delete(JobNumber(1)));
    }

    #[test]
    fn a_slice_of_a_batch_has_the_operations_of_its_range() {
        let mut batch = Batch::default();
        (1..=4).for_each(|number| batch.insert(&record(number, b"x"), None));
        let part = batch.slice(1..3);
        assert_eq!(part.len(), 2);
        assert_eq!(part.get(0), BatchOperation::Insert(record(2, b"x")));
    }
}
