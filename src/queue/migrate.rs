//! Copying one store into another, for a server that changes its queue.
//!
//! An interrupted copy is continued by the next one: what the target has already is not written
//! again. At the end every job is read from both stores and compared.
//!
//! Must not: change the store that is copied from.

use std::collections::HashSet;

use crate::batch::Batch;
use crate::record::{JobNumber, StoredJob};
use crate::store::{Store, StoreError};

/// Jobs that are read at once.
const COPIED_JOBS: usize = 1024;
/// Jobs of one part of a survey.
const SURVEYED_JOBS: usize = 1 << 15;

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// Jobs that were written.
    pub copied: u64,
    /// Jobs that an earlier, interrupted copy had written.
    pub found: u64,
    /// Jobs that the target cannot hold, or holds otherwise, with the reason.
    pub failed: Vec<(JobNumber, String)>,
}

/// Copies all jobs, and verifies them. `progress` gets the number of jobs that were verified or
/// written so far, and of all steps.
///
/// # Errors
/// If a store cannot be read or written, or the target has jobs that the source does not have.
pub fn migrate(
    source: &mut dyn Store,
    target: &mut dyn Store,
    mut progress: impl FnMut(usize, usize),
) -> Result<Migrated, StoreError> {
    let numbers = survey(source)?;
    let present: HashSet<JobNumber> = survey(target)?.into_iter().collect();
    let known = numbers.iter().filter(|number| present.contains(number)).count();
    if known < present.len() {
        return Err(StoreError::NotCommitted(format!(
            "{} has {} jobs that {} does not have; empty it first, or name another",
            target.place(),
            present.len() - known,
            source.place()
        )));
    }
    let mut migrated = Migrated { found: known as u64, ..Migrated::default() };
    let steps = numbers.len() * 2;
    let missing: Vec<_> =
        numbers.iter().copied().filter(|number| !present.contains(number)).collect();
    for (index, part) in missing.chunks(COPIED_JOBS).enumerate() {
        copy(source, target, part, &mut migrated)?;
        progress(known + (index + 1) * COPIED_JOBS.min(part.len()), steps);
    }
    let mut batch = Batch::default();
    batch.reserve_numbers(source.last_number());
    target.apply(&batch)?;
    for (index, part) in numbers.chunks(COPIED_JOBS).enumerate() {
        verify(source, target, part, &mut migrated)?;
        progress(numbers.len() + index * COPIED_JOBS + part.len(), steps);
    }
    Ok(migrated)
}

fn survey(store: &mut dyn Store) -> Result<Vec<JobNumber>, StoreError> {
    let mut numbers = Vec::new();
    loop {
        let page = store.survey(SURVEYED_JOBS)?;
        numbers.extend(page.jobs.iter().map(|job| job.number));
        if page.is_last {
            return Ok(numbers);
        }
    }
}

fn copy(
    source: &mut dyn Store,
    target: &mut dyn Store,
    numbers: &[JobNumber],
    migrated: &mut Migrated,
) -> Result<(), StoreError> {
    let payload_bytes_max = target.payload_bytes_max();
    let mut batch = Batch::default();
    for job in source.fetch(numbers)?.into_iter().flatten() {
        if job.payload.len() > payload_bytes_max {
            let reason = format!("its payload has {} bytes", job.payload.len());
            migrated.failed.push((job.number, reason));
            continue;
        }
        batch.insert(&job.to_record(), Some(&job.payload));
        migrated.copied += 1;
    }
    // Refused rows are found by the comparison, but not why.
    match target.apply(&batch) {
        Err(StoreError::BadRow(_)) => copy_one_by_one(target, &batch, migrated),
        result => result.map(drop),
    }
}

/// Writes the jobs of a batch that has one that cannot be stored.
fn copy_one_by_one(
    target: &mut dyn Store,
    batch: &Batch,
    migrated: &mut Migrated,
) -> Result<(), StoreError> {
    for (index, operation) in batch.iter().enumerate() {
        match target.apply(&batch.slice(index..index + 1)) {
            Err(StoreError::BadRow(reason)) => {
                let crate::BatchOperation::Insert(record) = operation else { unreachable!() };
                migrated.copied -= 1;
                migrated.failed.push((record.number, reason));
            }
            result => drop(result?),
        }
    }
    Ok(())
}

fn verify(
    source: &mut dyn Store,
    target: &mut dyn Store,
    numbers: &[JobNumber],
    migrated: &mut Migrated,
) -> Result<(), StoreError> {
    let (wanted, found) = (source.fetch(numbers)?, target.fetch(numbers)?);
    for (number, (wanted, found)) in numbers.iter().zip(wanted.into_iter().zip(found)) {
        let is_known = migrated.failed.iter().any(|(failed, _)| failed == number);
        if !is_known && wanted.map(dated) != found.map(dated) {
            migrated.failed.push((*number, "it differs in the target".to_owned()));
        }
    }
    Ok(())
}

/// A job whose time of submission is not known gets a time in the copy.
fn dated(job: StoredJob) -> StoredJob {
    StoredJob { submitted: Some(job.submitted.unwrap_or_default()), ..job }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{NewRecord, UnixSeconds, samples};
    use crate::simulated::Medium;

    fn fill(medium: &Medium, numbers: std::ops::RangeInclusive<u64>) {
        let mut batch = Batch::default();
        for number in numbers {
            let due = number.is_multiple_of(2).then_some(UnixSeconds(7));
            let payload = number.to_le_bytes();
            let job = NewRecord { due, ..samples::record(number, &payload) };
            batch.insert(&job, None);
        }
        medium.open().apply(&batch).expect("commits");
    }

    fn run(from: &Medium, to: &Medium) -> Result<Migrated, StoreError> {
        migrate(&mut from.open(), &mut to.open(), |_, _| {})
    }

    #[test]
    fn every_job_and_the_last_number_are_copied_and_the_source_is_left() {
        let (from, to) = (Medium::default(), Medium::default());
        fill(&from, 1..=3000);
        let migrated = run(&from, &to).expect("copies");
        assert_eq!(migrated, Migrated { copied: 3000, ..Migrated::default() });
        assert_eq!((to.numbers(), to.open().last_number()), (from.numbers(), JobNumber(3000)));
    }

    #[test]
    fn an_interrupted_copy_is_continued() {
        let (from, to) = (Medium::default(), Medium::default());
        fill(&from, 1..=3000);
        let full = StoreError::NotCommitted("the disk is full".to_owned());
        to.plan([None, Some(crate::simulated::StoreFault::Refused(full.clone()))]);
        assert_eq!(run(&from, &to), Err(full));
        let migrated = run(&from, &to).expect("copies");
        assert_eq!((migrated.found, migrated.copied), (1024, 1976));
        assert_eq!(to.numbers(), from.numbers());
    }

    #[test]
    fn a_target_with_other_jobs_is_refused() {
        let (from, to) = (Medium::default(), Medium::default());
        fill(&from, 1..=2);
        fill(&to, 2..=3);
        let error = run(&from, &to).expect_err("is refused").to_string();
        assert!(error.contains("1 jobs that"), "{error}");
    }

    #[test]
    fn a_job_that_differs_in_the_target_is_named() {
        let (from, to) = (Medium::default(), Medium::default());
        fill(&from, 1..=2);
        let mut batch = Batch::default();
        batch.insert(&samples::record(2, b"another"), None);
        to.open().apply(&batch).expect("commits");
        let failed = run(&from, &to).expect("copies").failed;
        assert_eq!(failed, [(JobNumber(2), "it differs in the target".to_owned())]);
    }
}
