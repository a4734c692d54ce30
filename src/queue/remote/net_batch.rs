//! The net effect of a batch.
//!
//! A store that writes a batch as sets (all deletions in one statement, all insertions in another)
//! cannot keep the order of two operations on one job. So they are joined before.
//!
//! Must not: send anything.

use std::collections::{HashMap, HashSet};

use crate::batch::{Batch, BatchOperation};
use crate::record::{JobNumber, NewRecord};

/// What is left of a batch when every job is touched once.
#[derive(Debug, Default)]
pub struct NetBatch<'a> {
    /// Jobs to insert, by number, with their latest attempts.
    pub inserts: Vec<NewRecord<'a>>,
    /// Jobs to remove that the batch does not insert.
    pub deletes: Vec<JobNumber>,
    /// Jobs whose attempts change, without those above, each once.
    pub attempts: Vec<(JobNumber, u32)>,
    /// Largest number that the batch inserts or reserves, also of a job that it removes again.
    pub last_number: Option<JobNumber>,
}

impl<'a> NetBatch<'a> {
    /// Joins the operations of a batch.
    pub fn new(batch: &'a Batch) -> NetBatch<'a> {
        let mut net = NetBatch::default();
        let (mut deleted, mut attempts) = (HashSet::new(), HashMap::new());
        for operation in batch.iter() {
            match operation {
                BatchOperation::Insert(record) => {
                    net.last_number = net.last_number.max(Some(record.number));
                    net.inserts.push(record);
                }
                BatchOperation::Delete(number) => {
                    if deleted.insert(number) {
                        net.deletes.push(number);
                    }
                }
                BatchOperation::SetAttempts(number, count) => {
                    attempts.insert(number, count);
                }
                BatchOperation::ReserveNumbers(up_to) => {
                    net.last_number = net.last_number.max(Some(up_to));
                }
            }
        }
        net.join(&deleted, attempts);
        net
    }

    fn join(&mut self, deleted: &HashSet<JobNumber>, mut attempts: HashMap<JobNumber, u32>) {
        if !deleted.is_empty() {
            self.inserts.retain(|record| !deleted.contains(&record.number));
            attempts.retain(|number, _| !deleted.contains(number));
        }
        if !attempts.is_empty() {
            for record in &mut self.inserts {
                if let Some(count) = attempts.remove(&record.number) {
                    record.attempts = count;
                }
            }
            self.attempts = attempts.into_iter().collect();
            self.attempts.sort_unstable();
        }
        // An insertion that is repeated has a larger neighbour.
        if !self.inserts.is_sorted_by_key(|record| record.number) {
            self.inserts.sort_by_key(|record| record.number);
        }
        self.inserts.dedup_by_key(|record| record.number);
    }

    /// Bytes of the names and payloads to insert.
    pub fn insert_bytes(&self) -> usize {
        self.inserts.iter().map(record_bytes).sum()
    }
}

/// Bytes of the names and of the payload of a job.
pub(crate) fn record_bytes(record: &NewRecord<'_>) -> usize {
    record.function.len() + record.unique.len() + record.reducer.len() + record.payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::record;

    #[test]
    fn a_job_that_a_batch_inserts_and_removes_is_only_removed_and_its_number_kept() {
        let mut batch = Batch::default();
        batch.insert(&record(7, b"x"), None);
        batch.set_attempts(JobNumber(7), 1);
        batch.delete(JobNumber(7));
        let net = NetBatch::new(&batch);
        assert!(net.inserts.is_empty() && net.attempts.is_empty());
        assert_eq!((net.deletes, net.last_number), (vec![JobNumber(7)], Some(JobNumber(7))));
    }

    #[test]
    fn the_last_attempts_of_a_job_count() {
        let mut batch = Batch::default();
        batch.insert(&record(7, b"x"), None);
        batch.set_attempts(JobNumber(7), 1);
        batch.set_attempts(JobNumber(3), 1);
        batch.set_attempts(JobNumber(3), 2);
        let net = NetBatch::new(&batch);
        assert_eq!(net.inserts[0].attempts, 1);
        assert_eq!(net.attempts, [(JobNumber(3), 2)]);
    }

    #[test]
    fn insertions_are_by_number_and_each_once() {
        let mut batch = Batch::default();
        for number in [9, 2, 9] {
            batch.insert(&record(number, b"x"), None);
        }
        let net = NetBatch::new(&batch);
        let numbers: Vec<_> = net.inserts.iter().map(|record| record.number.0).collect();
        assert_eq!(numbers, [2, 9]);
    }
}
