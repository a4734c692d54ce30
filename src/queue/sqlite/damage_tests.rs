//! Damaged and missing files: what is said of them, and what is saved.

use super::tests::{Directory, all_jobs};
use super::*;
use crate::record::samples::record;

#[test]
fn an_examination_finds_a_sound_file_sound_and_names_damage() {
    let directory = Directory::new();
    let mut store = directory.open();
    let payload = vec![7; 3000];
    let mut batch = Batch::default();
    (1..=200).for_each(|number| batch.insert(&record(number, &payload), None));
    store.apply(&batch).expect("commits");
    store.maintain(true).expect("checkpoints");
    drop(store);
    let file = directory.options().file;
    assert_eq!(check(&file, DEFAULT_TABLE).expect("examines").damage, Vec::<String>::new());
    let mut bytes = std::fs::read(&file).expect("reads");
    bytes[40_960..45_056].fill(0xa5);
    std::fs::write(&file, bytes).expect("writes");
    assert!(!check(&file, DEFAULT_TABLE).expect("examines").damage.is_empty());
}

#[test]
fn the_jobs_around_damaged_pages_are_saved_with_their_numbers() {
    let directory = Directory::new();
    let mut store = directory.open();
    let payload = vec![7; 300];
    let mut batch = Batch::default();
    (1..=2000).for_each(|number| batch.insert(&record(number * 3, &payload), None));
    batch.reserve_numbers(JobNumber(70_000));
    store.apply(&batch).expect("commits");
    let all = all_jobs(&mut directory.reopen(store));
    let file = directory.options().file;
    let mut bytes = std::fs::read(&file).expect("reads");
    for page in [10, 11, 40] {
        bytes[page * 4096..(page + 1) * 4096].fill(0xa5);
    }
    std::fs::write(&file, &bytes).expect("writes");
    let salvage = salvage(&file, DEFAULT_TABLE).expect("saves");
    assert!((1900..2000).contains(&salvage.saved), "{salvage:?}");
    assert_eq!(std::fs::read(&file).expect("reads"), bytes, "the damaged file is as it was");
    let options = SqliteOptions { file: salvage.file, ..directory.options() };
    let mut repaired = SqliteStore::open(options).expect("opens");
    assert_eq!(repaired.last_number(), JobNumber(70_000));
    let saved = all_jobs(&mut repaired);
    assert_eq!(saved.len() as u64, salvage.saved);
    assert!(saved.iter().all(|job| all.contains(job)), "a job has changed");
    super::salvage(&file, DEFAULT_TABLE).expect_err("the new file is not overwritten");
}

#[test]
fn the_jobs_of_a_file_that_was_cut_are_saved() {
    let directory = Directory::new();
    let mut store = directory.open();
    let payload = vec![7; 300];
    let mut batch = Batch::default();
    (1..=2000).for_each(|number| batch.insert(&record(number, &payload), None));
    store.apply(&batch).expect("commits");
    let all = all_jobs(&mut directory.reopen(store));
    let file = directory.options().file;
    let bytes = std::fs::read(&file).expect("reads");
    std::fs::write(&file, &bytes[..bytes.len() / 2 / 4096 * 4096]).expect("writes");
    assert!(!check(&file, DEFAULT_TABLE).expect("examines").damage.is_empty());
    let salvage = salvage(&file, DEFAULT_TABLE).expect("saves");
    assert!((800..1200).contains(&salvage.saved), "{salvage:?}");
    let options = SqliteOptions { file: salvage.file, ..directory.options() };
    let saved = all_jobs(&mut SqliteStore::open(options).expect("opens"));
    assert!(saved.iter().all(|job| all.contains(job)), "a job has changed");
}

#[test]
fn an_examination_of_a_file_that_is_no_database_does_not_advise_an_examination() {
    let directory = Directory::new();
    let file = directory.options().file;
    std::fs::write(&file, [0x5a; 8192]).expect("writes");
    let damage = check(&file, DEFAULT_TABLE).expect("examines").damage;
    assert_eq!(damage, ["file is not a database"]);
    let error = salvage(&file, DEFAULT_TABLE).expect_err("there is nothing to save").to_string();
    assert!(!error.contains("--check-queue"), "{error}");
}

#[test]
fn an_examination_names_a_table_that_is_not_in_the_file() {
    let directory = Directory::new();
    drop(directory.open());
    let error = check(&directory.options().file, "nope").expect_err("there is no table");
    assert_eq!(error.to_string(), "there is no table nope");
}

#[test]
fn a_file_and_a_table_that_must_be_there_are_not_made() {
    let directory = Directory::new();
    let options = SqliteOptions { if_missing: IfMissing::Refuse, ..directory.options() };
    let refused = |options: &SqliteOptions| {
        let error = SqliteStore::open(options.clone()).map(drop).expect_err("it is missing");
        error.to_string().replace(&options.file.display().to_string(), "FILE")
    };
    assert_eq!(refused(&options), "FILE: there is no such file");
    assert_eq!(std::fs::read_dir(directory.0.path()).expect("a directory").count(), 0);
    drop(directory.open());
    let before = std::fs::read(&options.file).expect("reads");
    let other = SqliteOptions { table: "typo".to_owned(), ..options.clone() };
    assert_eq!(refused(&other), "FILE: there is no table typo");
    assert_eq!(std::fs::read(&options.file).expect("reads"), before);
    SqliteStore::open(options).expect("opens what is there");
}

#[test]
fn an_examination_of_a_missing_file_fails_and_creates_nothing() {
    let directory = Directory::new();
    check(&directory.options().file, DEFAULT_TABLE).expect_err("there is no file");
    assert_eq!(std::fs::read_dir(directory.0.path()).expect("a directory").count(), 0);
}
