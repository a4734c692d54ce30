//! [`Fetches`]: requests for jobs that are only in the store, and their order when a read fails.
//!
//! A read that failed is repeated later. What was requested after it must not be queued before it.
//!
//! Must not: read, or know which jobs are wanted.

use gearman_queue::{JobNumber, StoredJob};

/// A job that was read; `None` if the store does not have it.
type FetchedJob = (JobNumber, Option<StoredJob>);

/// The requests that are under way or have failed.
#[derive(Default)]
pub(crate) struct Fetches {
    /// Jobs that were requested and not reported.
    in_flight: usize,
    /// Jobs that could not be read, until they are requested again.
    failed: Vec<JobNumber>,
    /// Whether the jobs in flight are such jobs.
    is_retrying: bool,
    /// Jobs that were read, and are held until those that failed are there.
    held: Vec<FetchedJob>,
}

impl Fetches {
    /// Whether more jobs may be requested now.
    pub(crate) fn may_request(&self) -> bool {
        self.failed.is_empty() && !(self.is_retrying && self.in_flight > 0)
    }

    /// Notes that so many jobs were requested.
    pub(crate) fn requested(&mut self, jobs: usize) {
        self.in_flight += jobs;
    }

    /// Takes jobs that were read. Returns those that can be queued, in order of their numbers if
    /// some were held.
    pub(crate) fn fetched(&mut self, jobs: Vec<FetchedJob>) -> Vec<FetchedJob> {
        self.reported(jobs.len());
        if self.failed.is_empty() && !self.is_retrying {
            return jobs;
        }
        self.held.extend(jobs);
        if !self.failed.is_empty() || self.in_flight > 0 {
            return Vec::new();
        }
        self.is_retrying = false;
        let mut jobs = std::mem::take(&mut self.held);
        jobs.sort_by_key(|(number, _)| number.0);
        jobs
    }

    /// Takes the numbers of jobs that could not be read.
    pub(crate) fn failed(&mut self, numbers: Vec<JobNumber>) {
        self.reported(numbers.len());
        self.failed.extend(numbers);
    }

    /// The jobs to request again; `None` while others are in flight.
    pub(crate) fn retry(&mut self) -> Option<Vec<JobNumber>> {
        if self.in_flight > 0 {
            return None;
        }
        self.is_retrying = !self.failed.is_empty();
        Some(std::mem::take(&mut self.failed))
    }

    fn reported(&mut self, jobs: usize) {
        let left = self.in_flight.checked_sub(jobs);
        self.in_flight = left.expect("a job was reported that was not requested");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(jobs: &[FetchedJob]) -> Vec<u64> {
        jobs.iter().map(|(number, _)| number.0).collect()
    }

    fn jobs(numbers: &[u64]) -> Vec<FetchedJob> {
        numbers.iter().map(|&number| (JobNumber(number), None)).collect()
    }

    #[test]
    fn jobs_behind_a_failed_read_are_held_until_it_is_repeated() {
        let mut fetches = Fetches::default();
        fetches.requested(4);
        fetches.failed(vec![JobNumber(1), JobNumber(2)]);
        assert!(!fetches.may_request());
        assert_eq!(fetches.retry(), None, "others are in flight");
        assert!(fetches.fetched(jobs(&[3, 4])).is_empty());
        assert_eq!(fetches.retry(), Some(vec![JobNumber(1), JobNumber(2)]));
        assert!(fetches.may_request());
        fetches.requested(2);
        assert!(!fetches.may_request());
        assert_eq!(numbers(&fetches.fetched(jobs(&[1, 2]))), [1, 2, 3, 4]);
        assert!(fetches.may_request());
        fetches.requested(1);
        assert_eq!(numbers(&fetches.fetched(jobs(&[5]))), [5]);
    }

    #[test]
    fn a_repeated_read_may_fail_again() {
        let mut fetches = Fetches::default();
        fetches.requested(2);
        fetches.failed(vec![JobNumber(1)]);
        fetches.failed(vec![JobNumber(2)]);
        fetches.retry();
        fetches.requested(2);
        assert!(fetches.fetched(jobs(&[2])).is_empty());
        fetches.failed(vec![JobNumber(1)]);
        assert_eq!(fetches.retry(), Some(vec![JobNumber(1)]));
        fetches.requested(1);
        assert_eq!(numbers(&fetches.fetched(jobs(&[1]))), [1, 2]);
    }
}
