//! Tests of databases with the library that is installed.

use std::path::{Path, PathBuf};

use crate::{OPAQUE_BYTES, TokyoDatabase, TokyoError, TokyoFault, TokyoKind, TokyoLibrary, Tuning};
use gearman_test_support::requirements::skip;

const KINDS: [TokyoKind; 2] = [TokyoKind::Hash, TokyoKind::Tree];

/// A directory for a file of either kind; skips the test if the library is missing.
fn file() -> Option<(tempfile::TempDir, PathBuf)> {
    if let Err(missing) = TokyoLibrary::get() {
        skip(&missing.to_string());
        return None;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("file");
    Some((directory, path))
}

fn open(path: &Path, kind: TokyoKind) -> Result<TokyoDatabase, TokyoError> {
    TokyoDatabase::open(path, kind, Tuning::default())
}

type Record = (Vec<u8>, Vec<u8>);

fn all(database: &mut TokyoDatabase) -> Result<Vec<Record>, TokyoError> {
    let mut all = Vec::new();
    database.visit(|key, value| {
        all.push((key.to_vec(), value.to_vec()));
        Ok::<_, TokyoError>(())
    })?;
    all.sort();
    Ok(all)
}

#[test]
fn records_of_any_bytes_are_kept_and_visited() {
    for kind in KINDS {
        let Some((_directory, path)) = file() else { return };
        let mut database = open(&path, kind).expect("opens");
        assert!(database.is_empty() && all(&mut database).expect("reads").is_empty());
        let every: Vec<u8> = (0..=255).collect();
        database.put(b"", b"").expect("writes");
        database.put(&every, &every).expect("writes");
        assert!(database.put_new(b"new", b"1").expect("writes"));
        assert!(!database.put_new(b"new", b"2").expect("writes"));
        database.close().expect("closes");
        let mut database = open(&path, kind).expect("opens");
        assert_eq!(database.get(&every).expect("reads"), Some(every.clone()));
        assert_eq!(database.get(b"new").expect("reads"), Some(b"1".to_vec()));
        assert_eq!(database.get(b"none").expect("reads"), None);
        assert_eq!(database.len(), 3);
        assert!(database.remove(b"new").expect("writes"));
        assert!(!database.remove(b"new").expect("writes"));
        let left = vec![(vec![], vec![]), (every.clone(), every.clone())];
        assert_eq!(all(&mut database).expect("reads"), left);
    }
}

#[test]
fn a_transaction_that_is_aborted_or_cut_off_leaves_records_and_the_header_as_they_were() {
    for (kind, is_cut_off) in KINDS.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let Some((_directory, mut path)) = file() else { return };
        let mut database = open(&path, kind).expect("opens");
        assert_eq!(database.opaque(), [0; OPAQUE_BYTES]);
        database.begin().expect("begins");
        database.put(b"kept", b"1").expect("writes");
        database.set_opaque(&[7; OPAQUE_BYTES]);
        database.sync().expect("syncs");
        database.commit().expect("commits");
        database.begin().expect("begins");
        database.put(b"kept", b"changed, and longer").expect("writes");
        database.put(b"new", b"2").expect("writes");
        if is_cut_off {
            database.set_opaque(&[8; OPAQUE_BYTES]);
            // As if the process and the system had ended here.
            database.sync().expect("syncs");
            let copy = path.with_extension("copy");
            std::fs::copy(&path, &copy).expect("copies");
            let log = |path: &Path| path.with_added_extension("wal");
            std::fs::copy(log(&path), log(&copy)).expect("copies");
            path = copy;
        } else {
            database.abort().expect("aborts");
        }
        let kept = vec![(b"kept".to_vec(), b"1".to_vec())];
        let mut database = open(&path, kind).expect("opens");
        assert_eq!(all(&mut database).expect("reads"), kept);
        assert_eq!(database.opaque(), [7; OPAQUE_BYTES]);
    }
}

#[test]
fn a_file_that_is_open_or_of_the_other_kind_or_no_database_is_refused() {
    for (kind, other) in KINDS.into_iter().zip(KINDS.into_iter().rev()) {
        let Some((_directory, path)) = file() else { return };
        let database = open(&path, kind).expect("opens");
        let error = open(&path, kind).err().expect("is open");
        assert_eq!(error.fault, TokyoFault::Locked, "{error}");
        drop(database);
        let error = open(&path, other).err().expect("another kind");
        assert_eq!(error.fault, TokyoFault::Damaged, "{error}");
        std::fs::write(&path, "shopping list\n".repeat(100)).expect("writes");
        let error = open(&path, kind).err().expect("no database");
        assert_eq!(error.fault, TokyoFault::Damaged, "{error}");
    }
}

#[test]
fn an_error_of_the_system_is_named() {
    let Some((_directory, path)) = file() else { return };
    let error = open(&path.join("none"), TokyoKind::Hash).err().expect("no directory");
    assert_eq!(error.fault, TokyoFault::Other, "{error}");
    assert!(error.to_string().contains("No such file or directory"), "{error}");
}

#[test]
fn a_record_that_is_overwritten_by_damage_is_an_error_of_a_visit() {
    let Some((_directory, path)) = file() else { return };
    let mut database = open(&path, TokyoKind::Hash).expect("opens");
    for number in 0..1000_u32 {
        database.put(&number.to_le_bytes(), &[b'v'; 100]).expect("writes");
    }
    database.close().expect("closes");
    let mut bytes = std::fs::read(&path).expect("reads");
    let middle = bytes.len() - 50_000;
    bytes[middle..middle + 4096].fill(0xa5);
    std::fs::write(&path, &bytes).expect("writes");
    let mut database = open(&path, TokyoKind::Hash).expect("opens");
    let error = all(&mut database).expect_err("is damaged");
    assert_eq!(error.fault, TokyoFault::Damaged, "{error}");
    assert!(error.to_string().contains("of 1000 records can be read"), "{error}");
}
