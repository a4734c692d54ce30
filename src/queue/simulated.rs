//! A store in memory that fails on demand, for tests and for the simulated cluster.
//!
//! A [`Medium`] keeps what was committed, whatever becomes of the store that wrote it.
//!
//! Must not: be part of a shipped program.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::batch::{Batch, BatchOperation};
use crate::record::{JobNumber, NewRecord, StoredJob};
use crate::store::{
    Reopened, RowOutcome, Store, StoreError, SurveyPage, SurveyedJob, SurveyedUnique,
};

/// What happens to a call of [`Store::apply`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// Nothing is written, and this is returned.
    Refused(StoreError),
    /// The batch is written, and this is returned nevertheless.
    WrittenAnd(StoreError),
}

/// The medium: it outlives the store, as a disk outlives a process.
#[derive(Clone, Debug, Default)]
pub struct Medium(Arc<MediumShared>);

#[derive(Debug, Default)]
struct MediumShared {
    contents: Mutex<Contents>,
    /// Held by a test to keep [`Store::apply`] from ending.
    gate: Mutex<()>,
    /// Calls of [`Store::apply`] that have begun.
    begun: Mutex<usize>,
    has_begun: Condvar,
}

#[derive(Debug, Default)]
struct Contents {
    jobs: BTreeMap<JobNumber, StoredJob>,
    last_number: u64,
    faults: VecDeque<Option<StoreFault>>,
    applied: Vec<usize>,
    reopened: usize,
    /// How often opening it again still fails.
    reopen_failures: usize,
}

impl Medium {
    /// Opens a store on this medium.
    pub fn open(&self) -> SimulatedStore {
        let contents = self.0.contents.lock();
        let survey = contents.jobs.values().cloned().collect();
        SimulatedStore {
            medium: self.clone(),
            last_number: JobNumber(contents.last_number),
            survey,
        }
    }

    /// Plans what happens to the next calls of [`Store::apply`], in their order.
    pub fn plan(&self, faults: impl IntoIterator<Item = Option<StoreFault>>) {
        self.0.contents.lock().faults.extend(faults);
    }

    /// Keeps calls of [`Store::apply`] from ending until the guard is dropped.
    pub fn block(&self) -> MutexGuard<'_, ()> {
        self.0.gate.lock()
    }

    /// Waits until a call of [`Store::apply`] has begun.
    pub fn wait_until_begun(&self) {
        let mut begun = self.0.begun.lock();
        self.0.has_begun.wait_while(&mut begun, |begun| *begun == 0);
    }

    /// Loses a committed job, as a disk may after a failed sync.
    pub fn lose(&self, number: u64) {
        self.0.contents.lock().jobs.remove(&JobNumber(number));
    }

    /// Makes the next calls of [`Store::reopen`] fail.
    pub fn refuse_to_reopen(&self, times: usize) {
        self.0.contents.lock().reopen_failures = times;
    }

    /// Numbers of the committed jobs.
    pub fn numbers(&self) -> Vec<u64> {
        self.0.contents.lock().jobs.keys().map(|number| number.0).collect()
    }

    /// Sizes of the batches that were applied, failed ones left out.
    pub fn batches(&self) -> Vec<usize> {
        self.0.contents.lock().applied.clone()
    }

    /// Calls of [`Store::reopen`].
    pub fn reopened(&self) -> usize {
        self.0.contents.lock().reopened
    }
}

/// An open store.
#[derive(Debug)]
pub struct SimulatedStore {
    medium: Medium,
    last_number: JobNumber,
    /// Jobs that the survey has not read.
    survey: VecDeque<StoredJob>,
}

impl Contents {
    fn write(&mut self, batch: &Batch) -> Vec<RowOutcome> {
        let mut outcomes = Vec::new();
        for (index, operation) in batch.iter().enumerate() {
            match operation {
                BatchOperation::Insert(record) if self.jobs.contains_key(&record.number) => {
                    let reason = format!("the number {} is taken", record.number.0);
                    outcomes.push(RowOutcome::Refused { index, reason });
                }
                BatchOperation::Insert(record) => {
                    self.last_number = self.last_number.max(record.number.0);
                    self.jobs.insert(record.number, stored(&record));
                }
                BatchOperation::Delete(number) => {
                    self.jobs.remove(&number);
                }
                BatchOperation::SetAttempts(number, attempts) => {
                    if let Some(job) = self.jobs.get_mut(&number) {
                        job.attempts = attempts;
                    }
                }
                BatchOperation::ReserveNumbers(up_to) => {
                    self.last_number = self.last_number.max(up_to.0);
                }
            }
        }
        self.applied.push(batch.len());
        outcomes
    }
}

fn stored(record: &NewRecord<'_>) -> StoredJob {
    StoredJob {
        number: record.number,
        function: record.function.to_vec(),
        unique: record.unique.to_vec(),
        reducer: record.reducer.to_vec(),
        payload: Bytes::copy_from_slice(record.payload),
        priority: record.priority,
        due: record.due,
        attempts: record.attempts,
        submitted: Some(record.submitted),
    }
}

impl Store for SimulatedStore {
    fn apply(&mut self, batch: &Batch) -> Result<Vec<RowOutcome>, StoreError> {
        let shared = &self.medium.0;
        *shared.begun.lock() += 1;
        shared.has_begun.notify_all();
        drop(shared.gate.lock());
        let mut contents = shared.contents.lock();
        match contents.faults.pop_front().flatten() {
            None => Ok(contents.write(batch)),
            Some(StoreFault::Refused(error)) => Err(error),
            Some(StoreFault::WrittenAnd(error)) => {
                contents.write(batch);
                Err(error)
            }
        }
    }

    fn survey(&mut self, limit: usize) -> Result<SurveyPage, StoreError> {
        let jobs: Vec<_> = self.survey.drain(..limit.min(self.survey.len())).collect();
        let mut page = SurveyPage { is_last: jobs.len() < limit, ..SurveyPage::default() };
        for job in jobs {
            page.jobs.push(SurveyedJob {
                number: job.number,
                function: u32::try_from(page.functions.len()).expect("few functions"),
                priority: job.priority,
                unique: SurveyedUnique::new(&job.unique),
                due: job.due,
            });
            page.functions.push(job.function);
        }
        Ok(page)
    }

    fn last_number(&self) -> JobNumber {
        self.last_number
    }

    fn fetch(&mut self, numbers: &[JobNumber]) -> Result<Vec<Option<StoredJob>>, StoreError> {
        let contents = self.medium.0.contents.lock();
        Ok(numbers.iter().map(|number| contents.jobs.get(number).cloned()).collect())
    }

    fn payload_bytes_max(&self) -> usize {
        usize::MAX
    }

    fn maintain(&mut self, _is_idle: bool) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn reopen(&mut self) -> Result<Reopened, StoreError> {
        let mut contents = self.medium.0.contents.lock();
        contents.reopened += 1;
        if contents.reopen_failures == 0 {
            return Ok(Reopened::UNRECORDED);
        }
        contents.reopen_failures -= 1;
        Err(StoreError::Unknown("the directory is gone".to_owned()))
    }

    fn size_bytes(&self) -> u64 {
        0
    }

    fn place(&self) -> String {
        "memory".to_owned()
    }
}
