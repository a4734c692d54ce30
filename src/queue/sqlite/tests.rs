//! The store against real files.

use super::*;
use crate::batch::BatchOperation;
use crate::local_file::beside;
use crate::record::samples::record;
use crate::record::{NewRecord, StoredJob, UnixSeconds};
use crate::store::{SurveyedJob, SurveyedUnique};
use crate::suite::numbers;

pub(super) struct Directory(pub(super) tempfile::TempDir);

impl Directory {
    pub(super) fn new() -> Directory {
        Directory(tempfile::tempdir().expect("a directory"))
    }

    pub(super) fn options(&self) -> SqliteOptions {
        SqliteOptions::new(self.0.path().join("queue.db"))
    }

    pub(super) fn open(&self) -> SqliteStore {
        SqliteStore::open(self.options()).expect("opens")
    }
}

/// All jobs, as a server finds them: surveyed, then fetched.
pub(super) fn all_jobs(store: &mut SqliteStore) -> Vec<StoredJob> {
    let mut numbers = Vec::new();
    loop {
        let page = store.survey(2).expect("a page");
        numbers.extend(page.jobs.iter().map(|job| job.number));
        if page.is_last {
            break;
        }
    }
    let jobs = store.fetch(&numbers).expect("reads");
    jobs.into_iter().map(|job| job.expect("a surveyed job")).collect()
}

#[test]
fn a_committed_job_is_there_after_a_restart_with_all_that_it_had() {
    let directory = Directory::new();
    let mut batch = Batch::default();
    let odd = NewRecord {
        function: b"f\0\xff \"'",
        unique: b"\xfe",
        reducer: b"sum",
        priority: 2,
        due: Some(UnixSeconds(4_000_000_000)),
        attempts: 3,
        ..record(9, b"\0\x01")
    };
    batch.insert(&odd, None);
    batch.insert(&NewRecord { unique: b"", ..record(10, b"") }, None);
    assert_eq!(directory.open().apply(&batch), Ok(vec![]));
    let jobs = all_jobs(&mut directory.open());
    assert_eq!(numbers(&jobs), [9, 10]);
    assert_eq!((&jobs[1].unique[..], &jobs[1].payload[..]), (&b""[..], &b""[..]));
    let job = &jobs[0];
    assert_eq!((&job.function[..], &job.unique[..]), (odd.function, odd.unique));
    assert_eq!((&job.reducer[..], &job.payload[..]), (odd.reducer, odd.payload));
    assert_eq!((job.priority, job.due, job.attempts), (2, odd.due, 3));
    assert_eq!(job.submitted, Some(UnixSeconds(5)));
}

#[test]
fn a_deleted_job_is_gone_and_its_number_is_not_used_again() {
    let directory = Directory::new();
    let mut batch = Batch::default();
    batch.insert(&record(41, b"x"), None);
    batch.insert(&record(42, b"x"), None);
    batch.delete(JobNumber(42));
    batch.delete(JobNumber(1000));
    directory.open().apply(&batch).expect("commits");
    let mut store = directory.open();
    assert_eq!(store.last_number(), JobNumber(42));
    assert_eq!(numbers(&all_jobs(&mut store)), [41]);
}

#[test]
fn a_job_whose_number_is_taken_is_refused_alone() {
    let directory = Directory::new();
    let mut store = directory.open();
    let mut batch = Batch::default();
    batch.insert(&record(1, b"x"), None);
    batch.insert(&record(1, b"y"), None);
    batch.insert(&record(2, b"z"), None);
    let outcomes = store.apply(&batch).expect("commits");
    assert!(matches!(&outcomes[..], [RowOutcome::Refused { index: 1, .. }]), "{outcomes:?}");
    assert_eq!(numbers(&all_jobs(&mut directory.reopen(store))), [1, 2]);
}

impl Directory {
    pub(super) fn reopen(&self, store: SqliteStore) -> SqliteStore {
        drop(store);
        self.open()
    }
}

#[test]
fn a_second_server_on_the_same_file_is_refused_by_name() {
    let directory = Directory::new();
    let first = directory.open();
    let error = SqliteStore::open(directory.options()).err().expect("refused").to_string();
    let file = directory.options().file;
    let process = std::process::id();
    assert_eq!(error, format!("{}: in use by another gearmand, process {process}", file.display()));
    drop(first);
    directory.open();
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let directory = Directory::new();
    drop(directory.open());
    let connection = Connection::open(directory.options().file).expect("opens");
    connection.pragma_update(None, "user_version", 99).expect("sets");
    drop(connection);
    let error = SqliteStore::open(directory.options()).err().expect("refused").to_string();
    assert!(error.contains("written by a newer gearmand (schema 99"), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let directory = Directory::new();
    let file = directory.options().file;
    std::fs::write(&file, "shopping list\n".repeat(100)).expect("writes");
    let error = SqliteStore::open(directory.options()).err().expect("refused");
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    assert!(error.to_string().starts_with(&*file.display().to_string()), "{error}");
    assert!(std::fs::read_to_string(&file).expect("reads").starts_with("shopping"));
}

#[test]
fn jobs_between_removed_ones_stay_and_are_fetched_in_their_places() {
    let directory = Directory::new();
    let mut store = directory.open();
    let mut batch = Batch::default();
    (1..=12).for_each(|number| batch.insert(&record(number, b"x"), None));
    store.apply(&batch).expect("commits");
    batch.clear();
    [9, 3, 2, 4, 20].into_iter().for_each(|number| batch.delete(JobNumber(number)));
    // Removed in the batch that inserts it, and numbers around it that were there.
    batch.insert(&record(13, b"y"), None);
    [13, 11].into_iter().for_each(|number| batch.delete(JobNumber(number)));
    batch.insert(&record(14, b"z"), None);
    store.apply(&batch).expect("commits");
    let wanted: Vec<_> = (0..=15).chain([5, 1]).map(JobNumber).collect();
    let fetched = store.fetch(&wanted).expect("reads");
    let found: Vec<_> =
        fetched.iter().map(|job| job.as_ref().map_or(0, |job| job.number.0)).collect();
    assert_eq!(found, [0, 1, 0, 0, 0, 5, 6, 7, 8, 0, 10, 0, 12, 0, 14, 0, 5, 1]);
    assert_eq!(numbers(&all_jobs(&mut directory.reopen(store))), [1, 5, 6, 7, 8, 10, 12, 14]);
}

#[test]
fn the_files_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    let mut store = directory.open();
    let mut batch = Batch::default();
    batch.insert(&record(1, b"x"), None);
    store.apply(&batch).expect("commits");
    for entry in std::fs::read_dir(directory.0.path()).expect("lists") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

fn original_table(directory: &Directory, columns: &str, rows: &str) {
    let connection = Connection::open(directory.options().file).expect("opens");
    connection
        .execute_batch(&format!(
            "CREATE TABLE gearman_queue ({columns}, PRIMARY KEY (unique_key, function_name));
             INSERT INTO gearman_queue VALUES {rows};"
        ))
        .expect("writes");
}

#[test]
fn a_table_of_the_original_is_taken_over_in_its_order() {
    let directory = Directory::new();
    original_table(
        &directory,
        "unique_key TEXT, function_name TEXT, priority INTEGER, data BLOB, when_to_run INTEGER",
        "('b', 'f', 1, x'00ff', 0), ('a', 'f', 0, NULL, 4000000000), ('c', 'g', 1, 'text', 0)",
    );
    let mut store = directory.open();
    let jobs = all_jobs(&mut store);
    assert_eq!(numbers(&jobs), [1, 2, 3]);
    let payloads: Vec<_> = jobs.iter().map(|job| &job.payload[..]).collect();
    assert_eq!(payloads, [&b"\0\xff"[..], b"", b"text"]);
    assert_eq!(jobs[1].due, Some(UnixSeconds(4_000_000_000)));
    assert_eq!(store.last_number(), JobNumber(3));
}

#[test]
fn a_table_of_an_early_original_without_times_is_taken_over() {
    let directory = Directory::new();
    original_table(
        &directory,
        "unique_key TEXT, function_name TEXT, priority INTEGER, data BLOB",
        "('b', 'f', 1, 'x')",
    );
    assert_eq!(all_jobs(&mut directory.open())[0].due, None);
}

#[test]
fn a_table_that_is_no_queue_is_refused_and_left_as_it_is() {
    let directory = Directory::new();
    let connection = Connection::open(directory.options().file).expect("opens");
    connection.execute_batch("CREATE TABLE gearman_queue (name TEXT)").expect("creates");
    drop(connection);
    let error = SqliteStore::open(directory.options()).err().expect("refused").to_string();
    assert!(error.contains("the table gearman_queue is no queue"), "{error}");
}

#[test]
fn a_full_store_takes_nothing_of_a_batch_and_goes_on_after_a_deletion() {
    let directory = Directory::new();
    let options = SqliteOptions { size_bytes_max: Some(256 << 10), ..directory.options() };
    let mut store = SqliteStore::open(options).expect("opens");
    let payload = vec![7; 10_000];
    let mut batch = Batch::default();
    (1..=10).for_each(|number| batch.insert(&record(number, &payload), None));
    store.apply(&batch).expect("commits");
    batch.clear();
    (11..=40).for_each(|number| batch.insert(&record(number, &payload), None));
    let error = store.apply(&batch).expect_err("is full");
    assert!(matches!(error, StoreError::NotCommitted(_)), "{error:?}");
    store.probe().expect("there is room for a small batch");
    batch.clear();
    (11..=20).for_each(|number| batch.insert(&record(number, &payload), None));
    store.apply(&batch).expect("commits");
    let error = store.probe().expect_err("there is little room left");
    assert!(matches!(error, StoreError::NotCommitted(_)), "{error:?}");
    batch.clear();
    (1..=20).for_each(|number| batch.delete(JobNumber(number)));
    batch.insert(&record(50, &payload), None);
    store.apply(&batch).expect("commits");
    assert_eq!(numbers(&all_jobs(&mut directory.reopen(store))), [50]);
}

#[test]
fn space_is_given_back_when_the_store_is_idle() {
    let directory = Directory::new();
    let mut store = directory.open();
    let payload = vec![7; 100_000];
    let mut batch = Batch::default();
    (1..=100).for_each(|number| batch.insert(&record(number, &payload), None));
    store.apply(&batch).expect("commits");
    store.maintain(true).expect("checkpoints");
    let full = std::fs::metadata(directory.options().file).expect("metadata").len();
    assert!(full > 10_000_000);
    batch.clear();
    (1..=100).for_each(|number| batch.delete(JobNumber(number)));
    store.apply(&batch).expect("commits");
    while store.maintain(true).expect("gives space back") {}
    let empty = std::fs::metadata(directory.options().file).expect("metadata").len();
    assert!(empty < 2_000_000, "{empty} bytes");
}

#[test]
fn a_rewritten_file_has_the_same_jobs() {
    let directory = Directory::new();
    let mut store = directory.open();
    let mut batch = Batch::default();
    batch.insert(&record(3, b"x"), None);
    store.apply(&batch).expect("commits");
    store.reopen().expect("rewrites");
    batch.clear();
    batch.insert(&record(4, b"y"), None);
    store.apply(&batch).expect("commits");
    assert_eq!(numbers(&all_jobs(&mut directory.reopen(store))), [3, 4]);
}

#[test]
fn a_rewritten_file_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    let mut store = directory.open();
    store.reopen().expect("rewrites");
    let metadata = std::fs::metadata(directory.options().file).expect("metadata");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_crash_amid_rewriting_leaves_the_old_file_or_the_new_one() {
    let directory = Directory::new();
    let file = directory.options().file;
    let mut store = directory.open();
    let mut batch = Batch::default();
    batch.insert(&record(3, b"x"), None);
    store.apply(&batch).expect("commits");
    drop(store);
    let whole = std::fs::read(&file).expect("reads");
    let mut store = directory.open();
    batch.clear();
    batch.insert(&record(4, b"of the old file and its WAL"), None);
    store.apply(&batch).expect("commits");
    let (old, wal) = (std::fs::read(&file), std::fs::read(beside(&file, "-wal")));
    drop(store);
    // The new file is whole, but not in its place, and the old WAL is there.
    std::fs::write(&file, old.expect("reads")).expect("writes");
    std::fs::write(beside(&file, "-wal"), wal.expect("reads")).expect("writes");
    std::fs::write(beside(&file, "-rewritten"), whole).expect("writes");
    assert_eq!(numbers(&all_jobs(&mut directory.open())), [3]);
    assert!(!beside(&file, "-rewritten").exists());
}

#[test]
fn a_store_whose_directory_was_removed_takes_jobs_when_it_is_there_again() {
    let directory = Directory::new();
    let place = directory.0.path().join("inner");
    std::fs::create_dir(&place).expect("a directory");
    let options = SqliteOptions::new(place.join("queue.db"));
    let mut store = SqliteStore::open(options.clone()).expect("opens");
    let mut batch = Batch::default();
    batch.insert(&record(1, b"x"), None);
    store.apply(&batch).expect("commits");
    std::fs::remove_dir_all(&place).expect("removes");
    batch.clear();
    batch.insert(&record(2, b"x"), None);
    for _ in 0..2 {
        let error = store.apply(&batch).expect_err("has no place");
        assert!(matches!(error, StoreError::NotCommitted(_)), "{error:?}");
    }
    std::fs::create_dir(&place).expect("a directory");
    store.apply(&batch).expect("commits");
    assert!(SqliteStore::open(options.clone()).is_err(), "the lock is not held any more");
    drop(store);
    let mut store = SqliteStore::open(options).expect("opens");
    assert_eq!(numbers(&all_jobs(&mut store)), [1, 2]);
}

#[test]
fn a_store_does_not_overwrite_a_file_that_was_put_in_its_place() {
    let directory = Directory::new();
    let file = directory.options().file;
    let mut store = directory.open();
    let mut batch = Batch::default();
    batch.insert(&record(1, b"x"), None);
    store.apply(&batch).expect("commits");
    std::fs::write(beside(&file, "-other"), b"another").expect("writes");
    std::fs::rename(beside(&file, "-other"), &file).expect("renames");
    let error = store.apply(&batch).expect_err("another file");
    assert!(error.to_string().contains("another file is in the place"), "{error}");
    assert_eq!(std::fs::read(&file).expect("reads"), b"another");
}

#[test]
fn an_operation_on_a_batch_keeps_its_place_beside_refused_rows() {
    let directory = Directory::new();
    let mut store = directory.open();
    let mut batch = Batch::default();
    batch.insert(&record(1, b"x"), None);
    batch.insert(&record(1, b"x"), None);
    batch.delete(JobNumber(1));
    store.apply(&batch).expect("commits");
    assert!(matches!(batch.get(2), BatchOperation::Delete(JobNumber(1))));
    assert_eq!(numbers(&all_jobs(&mut directory.reopen(store))), Vec::<u64>::new());
}

#[test]
fn a_survey_has_what_a_server_must_know_before_it_serves() {
    let directory = Directory::new();
    let mut batch = Batch::default();
    batch.insert(&record(1, b"x"), None);
    let later = NewRecord { unique: b"", priority: 0, due: Some(UnixSeconds(9)), ..record(2, b"") };
    batch.insert(&later, None);
    batch.insert(&NewRecord { unique: b"-", function: b"g", ..record(3, b"x") }, None);
    directory.open().apply(&batch).expect("commits");
    let mut store = directory.open();
    let page = store.survey(3).expect("a page");
    assert_eq!(page.functions, [b"resize".to_vec(), b"g".to_vec()]);
    let job = |number, function, priority, unique, due| SurveyedJob {
        number: JobNumber(number),
        function,
        priority,
        unique,
        due,
    };
    let known = SurveyedUnique::Fingerprint(crate::fingerprint(b"u"));
    assert_eq!(
        page.jobs,
        [
            job(1, 0, 1, known, None),
            job(2, 0, 0, SurveyedUnique::None, Some(UnixSeconds(9))),
            job(3, 1, 1, SurveyedUnique::Payload, None),
        ]
    );
    assert!(!page.is_last);
    assert_eq!(store.survey(3), Ok(SurveyPage { is_last: true, ..SurveyPage::default() }));
}

#[test]
fn a_wal_that_has_grown_is_checkpointed_once_and_not_after_every_commit() {
    let directory = Directory::new();
    let mut store = directory.open();
    let mut number = 0;
    let mut commit = |store: &mut SqliteStore, payload: &[u8]| {
        number += 1;
        let mut batch = Batch::default();
        batch.insert(&record(number, payload), None);
        store.apply(&batch).expect("commits");
        let pages = store.wal_pages.load(Ordering::Relaxed);
        store.maintain(false).expect("upkeep");
        (pages, store.wal_pages.load(Ordering::Relaxed))
    };
    let (before, after) = commit(&mut store, &vec![0; 17 << 20]);
    assert!(before >= CHECKPOINT_WAL_PAGES && after == 0, "{before} {after}");
    let (first, _) = commit(&mut store, b"x");
    let (second, left) = commit(&mut store, b"x");
    assert!(first < second && second == left && second < 20, "{first} {second} {left}");
    store.maintain(true).expect("upkeep");
    assert_eq!(store.wal_pages.load(Ordering::Relaxed), 0);
}

impl crate::suite::Place for Directory {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(SqliteStore::open(self.options())?))
    }

    fn empty(&self) {
        for entry in std::fs::read_dir(self.0.path()).expect("lists") {
            std::fs::remove_file(entry.expect("an entry").path()).expect("removes");
        }
    }
}

#[test]
fn the_file_keeps_the_rules_of_a_store() {
    crate::suite::keeps_the_rules_of_a_store(&Directory::new(), &[]);
}
