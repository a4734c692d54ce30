//! Opens the store of the durable queue, and examines one.
//!
//! Must not: know jobs.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::options::{QueueKind, QueueOptions, SyncChoice};
use gearman_broker::{Broker, DurableConfig, FunctionPattern};
use gearman_queue::sqlite::{Salvage, SqliteOptions, SqliteStore, Syncing, check, salvage};
use gearman_queue::{Batch, Store, StoreError};

/// Opens the store that was chosen, and makes the jobs of a broker durable with it. Returns
/// `None` if jobs are kept in memory.
///
/// # Errors
/// If the store cannot be opened or written.
pub(crate) fn open(
    options: &QueueOptions,
    broker: &mut Broker,
) -> io::Result<Option<Box<dyn Store>>> {
    let mut store: Box<dyn Store> = match options.kind() {
        QueueKind::Memory => return Ok(None),
        QueueKind::Sqlite => Box::new(SqliteStore::open(sqlite_options(options)).map_err(failed)?),
    };
    let patterns = options.volatile.iter();
    broker.set_durable(DurableConfig {
        last_number: store.last_number(),
        volatile: patterns.map(|name| FunctionPattern::new(name.as_bytes())).collect(),
        memory_bytes_max: usize::try_from(options.queue_memory).unwrap_or(usize::MAX),
        at_shutdown_only: options.store_queue_on_shutdown,
        payload_bytes_max: store.payload_bytes_max(),
    });
    // Numbers are reserved before the first job gets one.
    let mut batch = Batch::default();
    broker.take_operations(&mut batch);
    let count = batch.len() as u64;
    store.apply(&batch).map_err(failed)?;
    broker.start_operations_at(count);
    Ok(Some(store))
}

fn sqlite_options(options: &QueueOptions) -> SqliteOptions {
    let file = options.libsqlite3_db.clone().expect("checked with the other options");
    SqliteOptions {
        table: options.libsqlite3_table.clone(),
        syncing: match options.queue_sync {
            SyncChoice::Full => Syncing::Full,
            SyncChoice::Normal => Syncing::Normal,
            SyncChoice::Off => Syncing::Off,
        },
        size_bytes_max: options.queue_size,
        ..SqliteOptions::new(file)
    }
}

fn failed(error: StoreError) -> io::Error {
    io::Error::other(format!("--libsqlite3-db {error}"))
}

/// Examines the file of the queue and prints what is wrong with it. The jobs of a damaged file are
/// saved in a new one. Returns the exit code of the
/// program: 0 if the file is sound, 1 if it is damaged or cannot be read.
pub(crate) fn examine(options: &QueueOptions) -> ExitCode {
    let file = options.libsqlite3_db.as_ref().expect("checked with the other options");
    let shown = file.display();
    match check(file) {
        Ok(report) if report.damage.is_empty() => {
            println!("{shown}: sound");
            ExitCode::SUCCESS
        }
        Ok(report) => {
            report.damage.iter().for_each(|line| println!("{shown}: {line}"));
            repair(file, &options.libsqlite3_table);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("gearmand: --libsqlite3-db {shown}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Saves the jobs of a damaged file in another one, and prints what became of them.
fn repair(file: &Path, table: &str) {
    let shown = file.display();
    match salvage(file, table) {
        Ok(Salvage { file: repaired, saved, unreadable }) => println!(
            "{shown}: damaged; the {saved} jobs that can be read are saved in {}, {unreadable} \
             others are known and cannot be read. Move {shown} away, with {shown}-wal and {shown}-shm, and give \
             the new file its name",
            repaired.display()
        ),
        Err(error) => println!("{shown}: damaged, and no job was saved: {error}"),
    }
}
