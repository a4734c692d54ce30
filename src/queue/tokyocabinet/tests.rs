//! Tests of the store in a file of Tokyo Cabinet.

use std::path::{Path, PathBuf};

use super::write::insert;
use super::*;
use crate::local_file::beside;
use crate::record::samples::record;
use crate::record::{NewRecord, UnixSeconds};
use crate::suite::{
    Place, all_jobs, all_numbers, insert as insert_jobs, keeps_the_rules_of_a_store,
};
use gearman_test_support::requirements::skip;
use gearman_tokyocabinet::{TokyoDatabase, TokyoLibrary, Tuning};

/// A directory with a file of a kind.
struct TestFile {
    directory: tempfile::TempDir,
    name: &'static str,
}

impl TestFile {
    /// Skips the test if the library is missing.
    fn new(name: &'static str) -> Option<TestFile> {
        if let Err(missing) = TokyoLibrary::get() {
            skip(&missing.to_string());
            return None;
        }
        // In memory, where a sync costs nothing: none of these tests cuts the power.
        let memory = Path::new("/dev/shm");
        let directory = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        Some(TestFile { directory: directory.expect("a directory"), name })
    }

    fn both() -> impl Iterator<Item = TestFile> {
        ["queue.tch", "queue.tcb"].into_iter().filter_map(TestFile::new)
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join(self.name)
    }

    fn options(&self) -> TokyoOptions {
        TokyoOptions::new(self.path())
    }

    fn opened(&self) -> TokyoStore {
        TokyoStore::open(self.options()).expect("opens")
    }

    fn refused(&self) -> StoreError {
        TokyoStore::open(self.options()).err().expect("is refused")
    }

    /// The file as another program opens it.
    fn raw(&self) -> TokyoDatabase {
        let (path, _, kind) = self.options().parse_name().expect("a name");
        TokyoDatabase::open(&path, kind, Tuning::default()).expect("opens")
    }

    /// Writes records as the original does.
    fn write_original(&self, records: &[(&[u8], &[u8])]) {
        let mut database = self.raw();
        records.iter().for_each(|(key, value)| database.put(key, value).expect("writes"));
        database.close().expect("closes");
    }
}

impl Place for TestFile {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(TokyoStore::open(self.options())?))
    }

    fn empty(&self) {
        for entry in std::fs::read_dir(self.directory.path()).expect("lists") {
            std::fs::remove_file(entry.expect("an entry").path()).expect("removes");
        }
    }
}

#[test]
fn a_hash_table_and_a_tree_keep_the_rules_of_a_store() {
    for file in TestFile::both() {
        keeps_the_rules_of_a_store(&file, &[]);
    }
}

#[test]
fn commits_that_are_synced_once_or_never_keep_the_rules_of_a_store_too() {
    struct Less(TestFile, TokyoSyncing);
    impl Place for Less {
        fn open(&self) -> Result<Box<dyn Store>, StoreError> {
            let syncing = self.1;
            let options = TokyoOptions { syncing, optimizes: false, ..self.0.options() };
            Ok(Box::new(TokyoStore::open(options)?))
        }

        fn empty(&self) {
            self.0.empty();
        }
    }
    for syncing in [TokyoSyncing::EveryBatch, TokyoSyncing::Never] {
        for file in TestFile::both() {
            keeps_the_rules_of_a_store(&Less(file, syncing), &[]);
        }
    }
}

#[test]
fn jobs_that_the_original_wrote_are_taken_over_by_their_keys() {
    for file in TestFile::both() {
        file.write_original(&[
            (b"f-u2", b"f\0u2\x0010\0nul\0inside"),
            (b"f-u1", b"f\0u1\x0004000000000\0data"),
            (b"f-", b"f\0\x0020\0without unique"),
            (b"a-b-u3", b"a-b\0u3\x0010\0"),
        ]);
        let mut store = file.opened();
        let notices = store.take_notices();
        assert_eq!(notices, ["4 jobs that another server wrote were taken over"]);
        let jobs = all_jobs(&mut store);
        let found: Vec<_> = jobs
            .iter()
            .map(|job| (&job.function[..], &job.unique[..], job.priority, &job.payload[..]))
            .collect();
        assert_eq!(
            found,
            [
                (&b"a-b"[..], &b"u3"[..], 1, &b""[..]),
                (b"f", b"", 2, b"without unique"),
                (b"f", b"u1", 0, b"data"),
                (b"f", b"u2", 1, b"nul\0inside"),
            ]
        );
        assert_eq!(jobs[2].due, Some(UnixSeconds(4_000_000_000)));
        assert_eq!(jobs[2].submitted, None);
        assert_eq!(store.last_number(), JobNumber(4));
        // Once only.
        drop(store);
        let mut store = file.opened();
        assert_eq!(store.take_notices(), Vec::<String>::new());
        assert_eq!(all_jobs(&mut store), jobs);
    }
}

#[test]
fn jobs_have_the_keys_by_which_the_original_removes_them() {
    for file in TestFile::both() {
        let mut store = file.opened();
        let jobs = [
            record(1, b"x"),
            record(2, b"same unique"),
            NewRecord { unique: b"", ..record(3, b"x") },
            NewRecord { unique: b"v", ..record(4, b"") },
        ];
        insert_jobs(&mut store, &jobs);
        drop(store);
        let mut found = Vec::new();
        file.raw()
            .visit(|key, value| -> Result<(), CopyError> {
                // The names in the value are those in the key.
                let names: Vec<_> = value.splitn(3, |&byte| byte == 0).take(2).collect();
                assert_eq!(names.join(&b'-'), key);
                found.push(String::from_utf8_lossy(key).into_owned());
                Ok(())
            })
            .map_err(|error| error.0)
            .expect("reads");
        found.sort_unstable();
        assert_eq!(found, [":gearmand-4", "resize-gearmand:2", "resize-gearmand:3", "resize-u"]);
        // The original runs two of them.
        let mut database = file.raw();
        for key in [&b"resize-u"[..], b"resize-gearmand:3"] {
            assert!(database.remove(key).expect("removes"));
        }
        drop(database);
        assert_eq!(all_numbers(&mut file.opened()), [2, 4]);
    }
}

#[test]
fn the_files_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    for file in TestFile::both() {
        let mut store = file.opened();
        insert_jobs(&mut store, &[record(1, b"x")]);
        store.reopen().expect("writes the file anew");
        insert_jobs(&mut store, &[NewRecord { unique: b"v", ..record(2, b"x") }]);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(file.directory.path()).expect("lists") {
            let entry = entry.expect("an entry");
            let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?}", entry.file_name());
            names.push(entry.file_name().into_string().expect("UTF-8"));
        }
        names.sort_unstable();
        let wanted = ["", "-lock", ".wal"].map(|suffix| format!("{}{suffix}", file.name));
        assert_eq!(names, wanted);
    }
}

#[test]
fn a_file_that_must_be_there_is_not_made() {
    let Some(file) = TestFile::new("queue.tch") else { return };
    let options = TokyoOptions { if_missing: crate::IfMissing::Refuse, ..file.options() };
    let error = TokyoStore::open(options.clone()).err().expect("refused").to_string();
    assert_eq!(error, format!("{}: there is no such file", file.path().display()));
    assert_eq!(std::fs::read_dir(file.directory.path()).expect("a directory").count(), 0);
    drop(file.opened());
    TokyoStore::open(options).expect("opens what is there");
}

#[test]
fn a_name_says_the_kind_and_its_settings_are_ignored() {
    let Some(file) = TestFile::new("queue.tch#bnum=1000#mode=wct") else { return };
    let mut store = file.opened();
    assert!(file.directory.path().join("queue.tch").exists());
    let notices = store.take_notices();
    assert_eq!(notices, ["the settings behind # in the file's name are ignored"]);
    for name in ["queue.db", "*", "+", "queue.tct", "tch"] {
        let error = TokyoStore::open(TokyoOptions::new(name)).err().expect("refused").to_string();
        assert!(error.contains("must end with .tch (hash) or .tcb (tree)"), "{error}");
    }
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes[..4096].fill(0xa5),
        |bytes| bytes.truncate(100),
        |bytes| {
            let end = bytes.len() - 20_000;
            bytes[end - 4096..end].fill(0xa5);
        },
    ];
    let Some(file) = TestFile::new("queue.tch") else { return };
    let mut store = file.opened();
    let payload = [7; 300];
    let jobs: Vec<_> = (1..=500).map(|number| record(number, &payload)).collect();
    insert_jobs(&mut store, &jobs);
    drop(store);
    let whole = std::fs::read(file.path()).expect("reads");
    for damage in damages {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        std::fs::write(file.path(), &bytes).expect("writes");
        let error = file.refused();
        assert!(error.to_string().starts_with(&*file.path().display().to_string()), "{error}");
        assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
        // Opening marks a file as open, and closing it as closed.
        assert_eq!(std::fs::read(file.path()).expect("reads").len(), bytes.len());
    }
    std::fs::write(file.path(), &whole).expect("writes");
    assert_eq!(all_numbers(&mut file.opened()).len(), 500);
}

#[test]
fn a_file_with_something_else_is_refused() {
    for file in TestFile::both() {
        file.write_original(&[(b"colour", b"blue")]);
        let error = file.refused();
        assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
        assert!(error.to_string().contains("the record colour is no job"), "{error}");
        file.empty();
        let mut database = file.raw();
        database.set_opaque(&[7; OPAQUE_BYTES]);
        database.close().expect("closes");
        assert!(file.refused().to_string().contains("belongs to another program"));
        file.empty();
        let mut database = file.raw();
        let mut newer = opaque(JobNumber(7));
        newer[8] = 2;
        database.set_opaque(&newer);
        database.close().expect("closes");
        assert!(file.refused().to_string().contains("a newer gearmand wrote the file (format 2"));
    }
}

#[test]
fn a_file_that_another_program_has_open_is_refused() {
    for file in TestFile::both() {
        let _other = file.raw();
        let error = file.refused();
        assert!(error.to_string().contains("another program has the file open"), "{error}");
    }
}

/// Copies the files of a place as a crash would leave them.
fn copied(from: &TestFile) -> TestFile {
    let to = TestFile::new(from.name).expect("was there before");
    for suffix in ["", ".wal"] {
        let copy = std::fs::copy(beside(&from.path(), suffix), beside(&to.path(), suffix));
        copy.expect("copies");
    }
    to
}

#[test]
fn a_batch_that_was_cut_off_is_undone_and_a_whole_one_is_kept() {
    for file in TestFile::both() {
        let mut store = file.opened();
        insert_jobs(&mut store, &[record(1, b"x")]);
        assert_eq!(all_numbers(&mut copied(&file).opened()), [1]);
        let open = store.file().expect("is open");
        open.database().begin().expect("begins");
        insert(open, &NewRecord { unique: b"v", ..record(2, b"y") }).expect("writes");
        let database = open.database();
        assert!(database.remove(b"resize-u").expect("removes"));
        database.set_opaque(&opaque(JobNumber(2)));
        database.sync().expect("syncs");
        let cut = copied(&file);
        let mut undone = cut.opened();
        assert_eq!((undone.last_number(), all_numbers(&mut undone)), (JobNumber(1), vec![1]));
        drop(undone);
        // In the middle of writing the log.
        let cut = copied(&file);
        let log = std::fs::OpenOptions::new().append(true).open(beside(&cut.path(), ".wal"));
        std::io::Write::write_all(&mut log.expect("opens"), &[0; 11]).expect("writes");
        assert_eq!(all_numbers(&mut cut.opened()), [1]);
    }
}

#[test]
fn a_full_store_takes_nothing_of_a_batch_and_goes_on_after_a_deletion() {
    for file in TestFile::both() {
        let options = TokyoOptions { size_bytes_max: Some(4 << 20), ..file.options() };
        let mut store = TokyoStore::open(options).expect("opens");
        let payload = vec![7; 100_000];
        let unique: Vec<_> = (0..100_u64).map(|number| number.to_string()).collect();
        let job = |number: u64| NewRecord {
            unique: unique[number as usize].as_bytes(),
            ..record(number, &payload)
        };
        insert_jobs(&mut store, &(1..=20).map(job).collect::<Vec<_>>());
        let mut batch = Batch::default();
        (21..=50).for_each(|number| batch.insert(&job(number), None));
        let error = store.apply(&batch).expect_err("is full");
        assert!(matches!(error, StoreError::NotCommitted(_)), "{error:?}");
        store.probe().expect("there is room for a small batch");
        assert_eq!(all_numbers_in_file(&store), (1..=20).collect::<Vec<_>>());
        let mut removal = Batch::default();
        (1..=19).for_each(|number| removal.delete(JobNumber(number)));
        store.apply(&removal).expect("commits");
        store.apply(&batch).expect("commits");
        drop(store);
        assert_eq!(all_numbers(&mut file.opened()), (20..=50).collect::<Vec<_>>());
    }
}

fn all_numbers_in_file(store: &TokyoStore) -> Vec<u64> {
    let mut numbers: Vec<_> = store.index.keys().map(|number| number.0).collect();
    numbers.sort_unstable();
    let read = |&number: &u64| store.read_job(JobNumber(number)).expect("reads").is_some();
    assert!(numbers.iter().all(read));
    numbers
}

#[test]
fn space_is_given_back_when_the_store_is_idle_and_when_it_is_opened() {
    for file in TestFile::both() {
        for is_idle in [true, false] {
            file.empty();
            let mut store = file.opened();
            let payload = vec![7; 100_000];
            let unique: Vec<_> = (0..=300_u64).map(|number| number.to_string()).collect();
            let job = |number: u64| NewRecord {
                unique: unique[number as usize].as_bytes(),
                ..record(number, &payload)
            };
            insert_jobs(&mut store, &(1..=300).map(job).collect::<Vec<_>>());
            let mut removal = Batch::default();
            (1..=299).for_each(|number| removal.delete(JobNumber(number)));
            store.apply(&removal).expect("commits");
            assert!(store.size_bytes() > 25_000_000);
            store.maintain(false).expect("does nothing");
            assert!(store.size_bytes() > 25_000_000);
            if is_idle {
                store.maintain(true).expect("writes the file anew");
            } else {
                drop(store);
                store = file.opened();
            }
            assert!(store.size_bytes() < 4_000_000, "{} bytes", store.size_bytes());
            assert_eq!(store.size_bytes(), std::fs::metadata(file.path()).expect("a file").len());
            insert_jobs(&mut store, &[NewRecord { unique: b"new", ..record(301, b"x") }]);
            drop(store);
            assert_eq!(all_numbers(&mut file.opened()), [300, 301]);
        }
    }
}

#[test]
fn a_store_whose_directory_was_removed_takes_jobs_when_it_is_there_again() {
    for file in TestFile::both() {
        let place = file.directory.path().join("inner");
        std::fs::create_dir(&place).expect("a directory");
        let options = TokyoOptions::new(place.join(file.name));
        let mut store = TokyoStore::open(options.clone()).expect("opens");
        insert_jobs(&mut store, &[record(1, b"x")]);
        std::fs::remove_dir_all(&place).expect("removes");
        let mut batch = Batch::default();
        batch.insert(&NewRecord { unique: b"v", ..record(2, b"x") }, None);
        for _ in 0..2 {
            let error = store.apply(&batch).expect_err("has no place");
            assert!(matches!(error, StoreError::NotCommitted(_)), "{error:?}");
        }
        std::fs::create_dir(&place).expect("a directory");
        store.apply(&batch).expect("commits");
        assert!(TokyoStore::open(options.clone()).is_err(), "the lock is not held any more");
        drop(store);
        assert_eq!(all_numbers(&mut TokyoStore::open(options).expect("opens")), [1, 2]);
    }
}

#[test]
fn a_store_does_not_overwrite_a_file_that_was_put_in_its_place() {
    let Some(file) = TestFile::new("queue.tch") else { return };
    let mut store = file.opened();
    insert_jobs(&mut store, &[record(1, b"x")]);
    let other = beside(&file.path(), "-other");
    std::fs::write(&other, b"another").expect("writes");
    std::fs::rename(&other, file.path()).expect("renames");
    let mut batch = Batch::default();
    batch.insert(&NewRecord { unique: b"v", ..record(2, b"x") }, None);
    let error = store.apply(&batch).expect_err("another file");
    assert!(error.to_string().contains("another file is in the place"), "{error}");
    assert_eq!(std::fs::read(file.path()).expect("reads"), b"another");
}
