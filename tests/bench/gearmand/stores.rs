//! Files of the durable queue: filled by the queue crate, and written by a bare loop, which is the
//! floor of what a job server can cost.
//!
//! Must not: start servers.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gearman_queue::sqlite::{SqliteOptions, SqliteStore, Syncing};
use gearman_queue::{Batch, JobNumber, NewRecord, Store, UnixSeconds};

use super::server::own_seconds;

/// Jobs per batch of a file that is filled.
const FILL_BATCH: u64 = 20_000;
/// Jobs that fill the WAL before a measurement, in bytes and per batch.
pub(crate) const GROWING_JOBS: usize = 6_000;
pub(crate) const GROWING_PAYLOAD: usize = 4_000;
const GROWING_BATCH: usize = 100;
/// Job numbers that a bare loop does not exceed.
const RESERVED_NUMBERS: u64 = 1 << 40;
/// Bytes that a bare sync overwrites: two pages, as many as the commit of one small job.
const SYNCED_BYTES: usize = 8192;

/// A database in the target directory, removed when dropped.
pub(crate) struct Database(pub(crate) PathBuf);

impl Database {
    /// A name that no file has.
    pub(crate) fn new(name: &str) -> Database {
        let file = format!("bench-{}-{name}.sqlite", std::process::id());
        let database = Database(Path::new(env!("CARGO_TARGET_TMPDIR")).join(file));
        database.remove();
        database
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm", "-lock"] {
            // Not all of them exist.
            let _ = fs::remove_file(self.beside(suffix));
        }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.0.clone().into_os_string();
        path.push(suffix);
        path.into()
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("a path in UTF-8")
    }

    /// Transactions since the database was created, from the index of its WAL, modulo 2^32. A
    /// process that has it open keeps the index in shared memory.
    pub(crate) fn transactions(&self) -> u32 {
        let mut counter = [0; 4];
        let index = File::open(self.beside("-shm")).expect("the index of the WAL");
        index.read_exact_at(&mut counter, 8).expect("its header");
        u32::from_ne_bytes(counter)
    }

    fn open(&self, syncing: Syncing) -> SqliteStore {
        let options = SqliteOptions { syncing, ..SqliteOptions::new(&self.0) };
        SqliteStore::open(options).expect("the store opens")
    }

    /// Inserts `jobs` jobs of function `queue`. The file is on the disk then: a sync of another one
    /// need not wait for it.
    pub(crate) fn fill(&self, jobs: u64, payload: usize, has_unique: bool) {
        let mut store = self.open(Syncing::Off);
        let payload = vec![b'x'; payload];
        let (mut batch, mut number) = (Batch::default(), 0);
        while number < jobs {
            let last = jobs.min(number + FILL_BATCH);
            for number in number + 1..=last {
                let unique = if has_unique { unique(number) } else { String::new() };
                append(&mut batch, number, &unique, &payload);
            }
            store.apply(&batch).expect("a batch is written");
            store.maintain(true).expect("a checkpoint");
            batch.clear();
            number = last;
        }
        drop(store);
        File::open(&self.0).and_then(|file| file.sync_all()).expect("syncs");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A unique id of 36 bytes, as long as a UUID.
pub(crate) fn unique(number: u64) -> String {
    format!("unique-{number:029}")
}

pub(crate) fn append(batch: &mut Batch, number: u64, unique: &str, payload: &[u8]) {
    let record = NewRecord {
        number: JobNumber(number),
        function: b"queue",
        unique: unique.as_bytes(),
        reducer: b"",
        payload,
        priority: 1,
        due: None,
        attempts: 0,
        submitted: UnixSeconds(1_800_000_000),
    };
    batch.insert(&record, None);
}

/// What a bare loop has cost.
pub(crate) struct Floor {
    /// Jobs per second.
    pub(crate) rate: f64,
    /// Microseconds of processor time per job.
    pub(crate) cpu: f64,
    /// Longest time for a batch, in milliseconds, with a checkpoint if one was due.
    pub(crate) slowest: f64,
}

/// Writes `jobs` jobs in batches of one size, each synced, and nothing else.
pub(crate) fn floor(jobs: u64, batch_size: u64, payload: usize) -> Floor {
    let database = Database::new("floor");
    let mut store = database.open(Syncing::Full);
    let payload = vec![b'x'; payload];
    let (mut batch, mut number, mut slowest) = (Batch::default(), 0, Duration::ZERO);
    // As in the servers: numbers are not reserved with every commit, and the WAL has its size.
    batch.reserve_numbers(JobNumber(RESERVED_NUMBERS));
    store.apply(&batch).expect("numbers are reserved");
    batch.clear();
    while number < GROWING_JOBS as u64 {
        number += 1;
        append(&mut batch, number, "", &[b'x'; GROWING_PAYLOAD]);
        if batch.len() == GROWING_BATCH {
            store.apply(&batch).expect("a batch is written");
            store.maintain(false).expect("a checkpoint");
            batch.clear();
        }
    }
    let (cpu, began) = (own_seconds(), Instant::now());
    let last = number + jobs;
    while number < last {
        let turn = Instant::now();
        for _ in 0..batch_size.clamp(1, last - number) {
            number += 1;
            append(&mut batch, number, &unique(number), &payload);
        }
        store.apply(&batch).expect("a batch is written");
        store.maintain(false).expect("a checkpoint");
        batch.clear();
        slowest = slowest.max(turn.elapsed());
    }
    Floor {
        rate: jobs as f64 / began.elapsed().as_secs_f64(),
        cpu: (own_seconds() - cpu) * 1e6 / jobs as f64,
        slowest: slowest.as_secs_f64() * 1e3,
    }
}

/// Microseconds of processor time that overwriting two pages of a file and syncing it takes.
pub(crate) fn bare_sync(count: usize) -> f64 {
    let database = Database::new("sync");
    let file = File::create(&database.0).expect("a file");
    let pages = [b'x'; SYNCED_BYTES];
    let places = (0..256).map(|n| n * SYNCED_BYTES as u64);
    places.clone().for_each(|place| file.write_all_at(&pages, place).expect("writes"));
    file.sync_all().expect("syncs");
    let cpu = own_seconds();
    for place in places.cycle().take(count) {
        file.write_all_at(&pages, place).expect("writes");
        file.sync_data().expect("syncs");
    }
    (own_seconds() - cpu) * 1e6 / count as f64
}
