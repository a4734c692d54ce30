//! The queue thread over a simulated store.

use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::committer::RejectedRow;
use crate::record::{NewRecord, UnixSeconds};
use crate::simulated::{Medium, StoreFault};
use crate::store::StoreError;

struct Fixture {
    thread: QueueThread,
    wakes: mpsc::Receiver<()>,
    medium: Medium,
}

fn start(medium: &Medium) -> Fixture {
    let (sender, wakes) = mpsc::channel();
    let sender = Mutex::new(sender);
    let wake = move || {
        // The test may have ended already.
        let _ = sender.lock().send(());
    };
    let thread = QueueThread::start(Box::new(medium.open()), wake).expect("a thread");
    Fixture { thread, wakes, medium: medium.clone() }
}

impl Fixture {
    fn hand_over(&self, fill: impl FnOnce(&mut Batch)) {
        let mut batch = Batch::default();
        fill(&mut batch);
        self.thread.hand_over(&mut batch);
        assert!(batch.is_empty());
    }

    /// Waits for reports until one is accepted; returns all so far.
    fn reports_until(&self, is_last: impl Fn(&StoreReport) -> bool) -> Vec<StoreReport> {
        let mut reports = Vec::new();
        loop {
            self.wakes.recv_timeout(Duration::from_secs(30)).expect("a report");
            reports.extend(self.thread.take_reports());
            if reports.iter().any(&is_last) {
                return reports;
            }
        }
    }
}

fn insert(batch: &mut Batch, number: u64) {
    let record = NewRecord {
        number: JobNumber(number),
        function: b"f",
        unique: b"",
        reducer: b"",
        payload: b"payload",
        priority: 1,
        due: None,
        attempts: 0,
        submitted: UnixSeconds(1),
    };
    batch.insert(&record, None);
}

fn full() -> StoreError {
    StoreError::NotCommitted("database or disk is full".to_owned())
}

#[test]
fn a_batch_is_reported_as_committed_when_it_is_in_the_store() {
    let fixture = start(&Medium::default());
    fixture.hand_over(|batch| {
        insert(batch, 1);
        insert(batch, 2);
    });
    let reports = fixture.reports_until(|report| matches!(report, StoreReport::Committed { .. }));
    assert!(
        matches!(&reports[..], [StoreReport::Committed { operations: 2, rows }] if rows.is_empty())
    );
    assert_eq!(fixture.medium.numbers(), [1, 2]);
}

#[test]
fn batches_that_come_during_a_commit_are_the_next_commit() {
    let medium = Medium::default();
    let fixture = start(&medium);
    let guard = medium.block();
    fixture.hand_over(|batch| insert(batch, 1));
    medium.wait_until_begun();
    (2..=9).for_each(|number| fixture.hand_over(|batch| insert(batch, number)));
    drop(guard);
    let done =
        |report: &StoreReport| matches!(report, StoreReport::Committed { operations: 9, .. });
    fixture.reports_until(done);
    assert_eq!(medium.batches(), [1, 8]);
}

#[test]
fn a_failed_batch_fails_its_insertions_and_keeps_the_ends_of_jobs() {
    let medium = Medium::default();
    let fixture = start(&medium);
    fixture.hand_over(|batch| insert(batch, 1));
    fixture.reports_until(|report| matches!(report, StoreReport::Committed { .. }));
    medium.plan([Some(StoreFault::Refused(full()))]);
    fixture.hand_over(|batch| {
        batch.delete(JobNumber(1));
        insert(batch, 2);
    });
    let reports = fixture.reports_until(|report| matches!(report, StoreReport::Suspended(_)));
    assert!(matches!(&reports[0], StoreReport::Failed { operations: 3, reason }
        if reason == "database or disk is full"));
    fixture.reports_until(|report| matches!(report, StoreReport::Resumed));
    assert_eq!(medium.numbers(), Vec::<u64>::new());
}

#[test]
fn a_store_that_took_no_job_is_tried_again_without_a_job() {
    let medium = Medium::default();
    let fixture = start(&medium);
    medium.plan([Some(StoreFault::Refused(full())), Some(StoreFault::Refused(full()))]);
    fixture.hand_over(|batch| insert(batch, 1));
    fixture.reports_until(|report| matches!(report, StoreReport::Suspended(_)));
    assert!(fixture.thread.stats().is_suspended);
    fixture.reports_until(|report| matches!(report, StoreReport::Resumed));
    assert_eq!(medium.numbers(), Vec::<u64>::new());
}

#[test]
fn a_job_is_refused_while_the_end_of_another_cannot_be_written() {
    let medium = Medium::default();
    let fixture = start(&medium);
    fixture.hand_over(|batch| insert(batch, 1));
    fixture.reports_until(|report| matches!(report, StoreReport::Committed { .. }));
    medium.plan([Some(StoreFault::Refused(full())), Some(StoreFault::Refused(full()))]);
    fixture.hand_over(|batch| batch.delete(JobNumber(1)));
    fixture.reports_until(|report| matches!(report, StoreReport::Failed { .. }));
    fixture.hand_over(|batch| insert(batch, 2));
    fixture.reports_until(|report| matches!(report, StoreReport::Failed { operations: 3, .. }));
    assert_eq!(medium.numbers(), [1]);
    fixture.reports_until(|report| matches!(report, StoreReport::Resumed));
    assert_eq!(medium.numbers(), Vec::<u64>::new());
}

#[test]
fn what_was_kept_is_written_before_a_later_batch() {
    let medium = Medium::default();
    let fixture = start(&medium);
    medium.plan([Some(StoreFault::Refused(full())), None, None]);
    fixture.hand_over(|batch| batch.delete(JobNumber(5)));
    fixture.reports_until(|report| matches!(report, StoreReport::Failed { .. }));
    fixture.hand_over(|batch| insert(batch, 5));
    fixture.reports_until(|report| matches!(report, StoreReport::Committed { operations: 2, .. }));
    assert_eq!(medium.numbers(), [5], "a late deletion must not remove the successor");
}

#[test]
fn a_row_that_cannot_be_stored_fails_alone() {
    let medium = Medium::default();
    let fixture = start(&medium);
    let bad = || Some(StoreFault::Refused(StoreError::BadRow("too odd".to_owned())));
    // All four, the first half, 1, 2, the second half, 3.
    medium.plan([bad(), None, bad(), bad(), None]);
    fixture.hand_over(|batch| (1..=4).for_each(|number| insert(batch, number)));
    let done =
        |report: &StoreReport| matches!(report, StoreReport::Committed { operations: 4, .. });
    let reports = fixture.reports_until(done);
    let rows: Vec<_> = reports
        .into_iter()
        .flat_map(|report| match report {
            StoreReport::Committed { rows, .. } => rows,
            other => panic!("{other:?}"),
        })
        .collect();
    let refused = RejectedRow::Refused { number: JobNumber(3), reason: "too odd".to_owned() };
    assert_eq!(rows, [refused]);
    assert_eq!(medium.numbers(), [1, 2, 4]);
}

#[test]
fn an_unknown_outcome_is_found_out_by_reading_the_store() {
    for is_written in [true, false] {
        let medium = Medium::default();
        let fixture = start(&medium);
        let error = StoreError::Unknown("fsync: Input/output error".to_owned());
        let fault =
            if is_written { StoreFault::WrittenAnd(error) } else { StoreFault::Refused(error) };
        medium.plan([Some(fault)]);
        fixture.hand_over(|batch| insert(batch, 1));
        let reports = fixture.reports_until(|report| matches!(report, StoreReport::Rewritten));
        let committed = StoreReport::Committed { operations: 1, rows: vec![] };
        assert_eq!(format!("{:?}", reports[1]), format!("{committed:?}"), "{reports:?}");
        assert!(matches!(reports[2], StoreReport::Resumed), "{reports:?}");
        assert_eq!((medium.numbers(), medium.reopened()), (vec![1], 1));
    }
}

#[test]
fn a_fenced_store_reports_it_and_keeps_no_insertion() {
    let medium = Medium::default();
    let fixture = start(&medium);
    medium.plan([Some(StoreFault::Refused(StoreError::Fenced("epoch 2".to_owned())))]);
    fixture.hand_over(|batch| insert(batch, 1));
    fixture.reports_until(|report| matches!(report, StoreReport::Fenced(_)));
    assert_eq!(medium.numbers(), Vec::<u64>::new());
}

#[test]
fn a_survey_comes_in_pages_of_the_size_asked_for() {
    let medium = Medium::default();
    let first = start(&medium);
    first.hand_over(|batch| (1..=5).for_each(|number| insert(batch, number)));
    first.thread.stop();
    let fixture = start(&medium);
    let mut numbers = Vec::new();
    loop {
        fixture.thread.request_survey(2);
        let reports = fixture.reports_until(|report| matches!(report, StoreReport::Surveyed(_)));
        let [StoreReport::Surveyed(page)] = &reports[..] else { panic!("{reports:?}") };
        assert!(page.jobs.len() <= 2);
        numbers.extend(page.jobs.iter().map(|job| job.number.0));
        if page.is_last {
            break;
        }
    }
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn jobs_come_with_their_numbers_and_missing_ones_as_none() {
    let fixture = start(&Medium::default());
    fixture.hand_over(|batch| insert(batch, 1));
    fixture.thread.request_jobs(vec![JobNumber(2), JobNumber(1)]);
    let reports = fixture.reports_until(|report| matches!(report, StoreReport::Fetched(_)));
    let Some(StoreReport::Fetched(jobs)) = reports.last() else { panic!("{reports:?}") };
    let found: Vec<_> = jobs
        .iter()
        .map(|(number, job)| (number.0, job.as_ref().map(|job| &job.payload[..])))
        .collect();
    assert_eq!(found, [(2, None), (1, Some(&b"payload"[..]))]);
}

#[test]
fn a_stop_commits_what_was_handed_over() {
    let medium = Medium::default();
    let fixture = start(&medium);
    fixture.hand_over(|batch| (1..=1000).for_each(|number| insert(batch, number)));
    let (reports, _) = fixture.thread.stop();
    assert!(matches!(reports.last(), Some(StoreReport::Committed { operations: 1000, .. })));
    assert_eq!(medium.numbers().len(), 1000);
}

#[test]
fn the_counters_count_commits_operations_and_errors() {
    let medium = Medium::default();
    let fixture = start(&medium);
    fixture.hand_over(|batch| (1..=3).for_each(|number| insert(batch, number)));
    fixture.reports_until(|report| matches!(report, StoreReport::Committed { .. }));
    medium.plan([Some(StoreFault::Refused(full()))]);
    fixture.hand_over(|batch| insert(batch, 4));
    fixture.reports_until(|report| matches!(report, StoreReport::Suspended(_)));
    let stats = fixture.thread.stats();
    assert_eq!((stats.commits, stats.operations, stats.errors), (1, 3, 1));
    assert!(stats.is_suspended);
}

#[test]
fn a_batch_is_reported_as_failed_only_when_it_is_known_not_to_be_committed() {
    for is_written in [true, false] {
        let medium = Medium::default();
        let fixture = start(&medium);
        let error = StoreError::Unknown("fsync: Input/output error".to_owned());
        medium.plan([Some(match is_written {
            true => StoreFault::WrittenAnd(error),
            false => StoreFault::Refused(error),
        })]);
        medium.refuse_to_reopen(2);
        fixture.hand_over(|batch| insert(batch, 1));
        fixture.reports_until(|report| matches!(report, StoreReport::Suspended(_)));
        fixture.hand_over(|batch| insert(batch, 2));
        let done =
            |report: &StoreReport| matches!(report, StoreReport::Committed { operations: 2, .. });
        let reports = fixture.reports_until(done);
        assert!(!reports.iter().any(|report| matches!(report, StoreReport::Failed { .. })));
        assert_eq!((medium.numbers(), medium.reopened()), (vec![1, 2], 3));
    }
}

#[test]
fn a_store_is_opened_again_although_batches_keep_arriving() {
    let medium = Medium::default();
    let fixture = start(&medium);
    let error = StoreError::Unknown("fsync: Input/output error".to_owned());
    medium.plan([Some(StoreFault::Refused(error))]);
    medium.refuse_to_reopen(1);
    fixture.hand_over(|batch| insert(batch, 1));
    fixture.reports_until(|report| matches!(report, StoreReport::Suspended(_)));
    assert!(fixture.thread.stats().is_undecided);
    let began = Instant::now();
    let mut number = 1;
    while medium.numbers().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "the store is not opened again");
        number += 1;
        fixture.hand_over(|batch| insert(batch, number));
        std::thread::sleep(Duration::from_millis(20));
    }
    fixture.thread.stop();
    assert_eq!(medium.numbers().len() as u64, number);
}
