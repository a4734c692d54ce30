//! Damaged files: opening, reading and writing them succeeds or is an error, and nothing else.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use gearman_queue::sqlite::{DEFAULT_TABLE, SqliteOptions, SqliteStore, check};
use gearman_queue::{Batch, JobNumber, NewRecord, Store, StoreError, UnixSeconds};
use gearman_test_support::random::Random;

use crate::crash::{rounds, seed};
use crate::server::Directory;

/// Damaged files for each round of the crash test.
const FILES_PER_ROUND: u32 = 10;
/// Time in which a small file is read, however damaged it is.
const READ_TIME: Duration = Duration::from_secs(20);

fn insert(batch: &mut Batch, number: u64, payload: &[u8]) {
    let record = NewRecord {
        number: JobNumber(number),
        function: b"resize",
        unique: b"some unique id",
        reducer: b"",
        payload,
        priority: 1,
        due: None,
        attempts: 0,
        submitted: UnixSeconds(5),
    };
    batch.insert(&record, None);
}

/// A sound file and its WAL, both with jobs.
fn sound(file: &Path) -> (Vec<u8>, Vec<u8>) {
    let mut store = SqliteStore::open(SqliteOptions::new(file)).expect("opens");
    let mut batch = Batch::default();
    (1..=60).for_each(|number| insert(&mut batch, number, &[7; 300]));
    insert(&mut batch, 61, &[8; 30_000]);
    store.apply(&batch).expect("commits");
    while store.maintain(true).expect("checkpoints") {}
    batch.clear();
    (1..=20).for_each(|number| batch.delete(JobNumber(number)));
    (62..=90).for_each(|number| insert(&mut batch, number, &[9; 500]));
    store.apply(&batch).expect("commits");
    let mut wal = file.as_os_str().to_owned();
    wal.push("-wal");
    (fs::read(file).expect("reads"), fs::read(wal).expect("reads"))
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    match random.below(4) {
        0 => bytes.truncate(random.below(bytes.len() + 1)),
        1 => {
            let start = random.below(bytes.len());
            let end = bytes.len().min(start + random.below(5000));
            bytes[start..end].fill(random.bits() as u8);
        }
        _ => {
            for _ in 0..=random.small(40) {
                // Headers of pages are damaged more often than payloads.
                let page = random.below(bytes.len()) / 4096 * 4096;
                let within = random.pick(&[100, 4096]);
                let place = (page + random.below(within)).min(bytes.len() - 1);
                bytes[place] ^= 1 << random.below(8);
            }
        }
    }
}

/// Does with a file what a server does.
fn use_file(file: &Path) -> Result<usize, StoreError> {
    let mut store = SqliteStore::open(SqliteOptions::new(file))?;
    let mut numbers = Vec::new();
    loop {
        let page = store.survey(10)?;
        numbers.extend(page.jobs.iter().map(|job| job.number));
        assert!(numbers.len() < 10_000, "the survey does not end");
        if page.is_last {
            break;
        }
    }
    let read = store.fetch(&numbers)?.iter().flatten().count();
    let mut batch = Batch::default();
    numbers.iter().step_by(2).for_each(|&number| batch.delete(number));
    insert(&mut batch, store.last_number().0.saturating_add(1), &[1; 5000]);
    store.apply(&batch)?;
    store.maintain(true)?;
    store.reopen()?;
    Ok(read)
}

#[test]
fn a_damaged_file_is_read_or_refused() {
    let directory = Directory::new("damaged");
    let (database, wal) = sound(&directory.queue());
    let mut random = Random(seed());
    let mut refused = 0;
    let files = rounds() * FILES_PER_ROUND;
    for number in 0..files {
        let place = directory.path().join(number.to_string());
        fs::create_dir(&place).expect("a directory");
        let file = place.join("queue.db");
        let (mut database, mut wal) = (database.clone(), wal.clone());
        match random.below(3) {
            0 => damage(&mut wal, &mut random),
            _ => damage(&mut database, &mut random),
        }
        fs::write(&file, &database).expect("writes");
        fs::write(place.join("queue.db-wal"), &wal).expect("writes");
        let began = Instant::now();
        refused += u32::from(use_file(&file).is_err());
        // An examination of what is left.
        let _ = check(&file, DEFAULT_TABLE);
        assert!(began.elapsed() < READ_TIME, "file {number}: {:?}", began.elapsed());
        fs::remove_dir_all(&place).expect("removes");
    }
    println!("{refused} of {files} damaged files were refused");
    assert!(refused > 0 && refused < files);
}
