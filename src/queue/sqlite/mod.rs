//! The store in one file: SQLite, compiled in.
//!
//! Owns the connection, its settings and the upkeep of the file. `schema` makes and converts the
//! table, `write` applies batches, `read` reads jobs back, `check` examines a file and
//! rewrites it after a failed sync, `salvage` saves the jobs of a damaged one.
//!
//! The file is in WAL mode and every commit is synced. Checkpoints copy the WAL into the file
//! between commits, never inside one.
//!
//! Must not: know jobs that are not in the file.

mod check;
#[cfg(test)]
mod damage_tests;
mod place;
mod read;
mod salvage;
mod schema;
#[cfg(test)]
mod tests;
mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, ffi, params};

use crate::batch::Batch;
use crate::local_file::{FileLock, create_private, refuse_missing, resolved};
use crate::record::{JobNumber, StoredJob};
use crate::store::{IfMissing, Reopened, RowOutcome, Store, StoreError, SurveyPage};
pub use check::{CheckReport, check};
use place::FilePlace;
use read::SurveyCursor;
pub use salvage::{Salvage, salvage};
pub use schema::DEFAULT_TABLE;
use schema::Table;

/// Pages in the WAL from which on they are copied into the file after a commit, not only while
/// idle: 16 MiB. The WAL keeps its size, since overwriting it costs less than growing.
const CHECKPOINT_WAL_PAGES: u32 = 4096;
/// SQLite's number for a file that keeps its free pages until they are given back.
const INCREMENTAL_VACUUM: u32 = 2;
/// Free pages that are given back in one step of idle time.
const VACUUM_PAGES_PER_STEP: u32 = 1024;
/// Free pages that are kept for the next jobs.
const FREE_PAGES_KEPT: u64 = 256;
/// Time to wait for another program that has locked the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(6);
/// Bytes of the row with which a probe finds out whether there is room.
const PROBE_BYTES: usize = 64 << 10;
/// Bytes of a row besides its payload that a job may need: names, reducer, numbers.
const ROW_OVERHEAD_BYTES: usize = 4096;

/// When a commit is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Syncing {
    /// Every commit is synced. No acknowledged job is lost, by a crash or by power loss.
    #[default]
    Full,
    /// The file is synced at checkpoints only. A crash of the server loses nothing; power loss
    /// can lose the jobs that were acknowledged since the last checkpoint.
    Normal,
    /// Nothing is synced. Power loss can damage the file.
    Off,
}

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// Path of the file. It is created if there is none.
    pub file: PathBuf,
    /// Name of the table.
    pub table: String,
    /// When a commit is on disk.
    pub syncing: Syncing,
    /// Bytes that the file may have, its WAL left out; `None` is without limit.
    pub size_bytes_max: Option<u64>,
    /// What is done if there is no such file or no such table.
    pub if_missing: IfMissing,
}

impl SqliteOptions {
    /// Options for a file, with the defaults for everything else.
    pub fn new(file: impl Into<PathBuf>) -> SqliteOptions {
        SqliteOptions {
            file: file.into(),
            table: DEFAULT_TABLE.to_owned(),
            syncing: Syncing::Full,
            size_bytes_max: None,
            if_missing: IfMissing::Create,
        }
    }
}

/// An open store.
pub struct SqliteStore {
    connection: Connection,
    table: Table,
    options: SqliteOptions,
    /// Largest number that was used or reserved when the file was opened.
    last_number: JobNumber,
    /// The same as of now.
    reserved: JobNumber,
    survey: SurveyCursor,
    /// Pages that the WAL had after the last commit; 0 if a checkpoint followed it.
    wal_pages: Arc<AtomicU32>,
    /// Pages that it had at the last checkpoint.
    checkpointed_pages: u32,
    place: FilePlace,
    /// Whether what was written last cannot be trusted: the file is written anew before anything
    /// else is.
    must_rewrite: bool,
    /// Held until the store is dropped: one server per file.
    lock: FileLock,
}

impl SqliteStore {
    /// Opens a file, creates it, or takes over one that the original wrote.
    ///
    /// # Errors
    /// If another server has the file open, if it is damaged or not a database, if a newer version
    /// wrote it, or if it cannot be read and written. The text names the file.
    pub fn open(options: SqliteOptions) -> Result<SqliteStore, StoreError> {
        let file = options.file.display().to_string();
        Self::open_unnamed(options).map_err(|error| error.context(file))
    }

    fn open_unnamed(mut options: SqliteOptions) -> Result<SqliteStore, StoreError> {
        options.file = resolved(&options.file)?;
        refuse_missing(&options.file, options.if_missing)?;
        let lock = FileLock::acquire(&options.file)?;
        check::finish_rewriting(&options.file)?;
        create_private(&options.file)?;
        let wal_pages = Arc::default();
        let connection = connect(&options, &wal_pages)?;
        let table = Table::prepare(&connection, &options.table, options.if_missing)?;
        let last_number = table.last_number(&connection)?;
        let survey = SurveyCursor::new(last_number);
        let reserved = last_number;
        let place = FilePlace::new(&options.file);
        Ok(SqliteStore {
            connection,
            table,
            options,
            last_number,
            reserved,
            survey,
            wal_pages,
            checkpointed_pages: 0,
            place,
            must_rewrite: false,
            lock,
        })
    }

    /// Names the file in an error.
    fn named<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.map_err(|error| error.context(self.options.file.display()))
    }

    fn do_upkeep(&mut self, is_idle: bool) -> Result<bool, StoreError> {
        let pages = self.wal_pages.load(Ordering::Relaxed);
        // A WAL with fewer pages was begun anew.
        let new = pages.checked_sub(self.checkpointed_pages).unwrap_or(pages);
        if new >= CHECKPOINT_WAL_PAGES || (is_idle && pages > 0) {
            self.checkpoint()?;
            self.checkpointed_pages = pages;
            self.wal_pages.store(0, Ordering::Relaxed);
        }
        if is_idle { self.give_space_back() } else { Ok(false) }
    }

    fn write_anew(&mut self) -> Result<(), StoreError> {
        let file = &self.options.file;
        if !self.lock.is_in_place(file) {
            self.lock = FileLock::acquire(file)?;
        }
        check::rewrite(&self.connection, file)?;
        self.connection = connect(&self.options, &self.wal_pages)?;
        self.table =
            Table::prepare(&self.connection, &self.options.table, self.options.if_missing)?;
        self.place = FilePlace::new(&self.options.file);
        self.must_rewrite = false;
        Ok(())
    }

    /// Makes sure that a commit lands in files that the next server finds. SQLite would go on
    /// writing to files that were removed.
    fn prepare_commit(&mut self) -> Result<(), StoreError> {
        self.must_rewrite |= self.place.check().must_rewrite()?;
        if self.must_rewrite {
            // Nothing of the batch was written, whatever this fails with.
            self.write_anew().map_err(|error| StoreError::NotCommitted(error.to_string()))?;
        }
        Ok(())
    }

    fn commit(&mut self, batch: &Batch) -> Result<Vec<RowOutcome>, StoreError> {
        self.prepare_commit()?;
        let outcomes = write::apply(&mut self.connection, &self.table, batch, &mut self.reserved)?;
        self.place.note_wal();
        Ok(outcomes)
    }

    /// Names the file in an error, and notes if it means that the file cannot be trusted.
    fn noted<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.must_rewrite |= matches!(result, Err(StoreError::Unknown(_)));
        self.named(result)
    }

    fn pragma(&self, name: &str) -> Result<u64, StoreError> {
        self.connection.pragma_query_value(None, name, |row| row.get(0)).map_err(failure)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        // PASSIVE waits for no reader: a backup that runs only delays the reuse of the WAL.
        self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).map_err(failure)
    }

    /// Returns whether more space can be given back.
    fn give_space_back(&self) -> Result<bool, StoreError> {
        if self.pragma("freelist_count")? <= FREE_PAGES_KEPT {
            return Ok(false);
        }
        // Every step of the statement gives one page back.
        let mut statement = self
            .connection
            .prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES_PER_STEP})"))
            .map_err(failure)?;
        let mut pages = statement.query([]).map_err(failure)?;
        while pages.next().map_err(failure)?.is_some() {}
        Ok(true)
    }
}

impl Store for SqliteStore {
    fn apply(&mut self, batch: &Batch) -> Result<Vec<RowOutcome>, StoreError> {
        let result = self.commit(batch);
        self.noted(result)
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        if let Err(error) = self.prepare_commit() {
            return self.noted(Err(error));
        }
        // The number of no job.
        let number = -1;
        let name = &self.table.quoted_name;
        let insert = format!("INSERT INTO {name} (id, data) VALUES (?1, zeroblob(?2))");
        let mut write = || {
            let connection = &mut self.connection;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute(&insert, params![number, PROBE_BYTES])?;
            transaction.execute(&self.table.delete, [number, number])?;
            transaction.commit()
        };
        let result = write().map_err(failure);
        self.noted(result)
    }

    fn survey(&mut self, limit: usize) -> Result<SurveyPage, StoreError> {
        let result = self.survey.next_page(&self.connection, &self.table, limit);
        self.named(result)
    }

    fn last_number(&self) -> JobNumber {
        self.last_number
    }

    fn fetch(&mut self, numbers: &[JobNumber]) -> Result<Vec<Option<StoredJob>>, StoreError> {
        self.named(read::fetch(&self.connection, &self.table, numbers))
    }

    fn payload_bytes_max(&self) -> usize {
        let limit = self.connection.limit(rusqlite::limits::Limit::SQLITE_LIMIT_LENGTH);
        usize::try_from(limit.unwrap_or(0)).unwrap_or(0).saturating_sub(ROW_OVERHEAD_BYTES)
    }

    fn maintain(&mut self, is_idle: bool) -> Result<bool, StoreError> {
        let result = self.do_upkeep(is_idle);
        self.noted(result)
    }

    fn reopen(&mut self) -> Result<Reopened, StoreError> {
        let result = self.write_anew().map(|()| Reopened::UNRECORDED);
        self.noted(result)
    }

    fn size_bytes(&self) -> u64 {
        self.place.bytes()
    }

    fn place(&self) -> String {
        self.options.file.display().to_string()
    }
}

/// Opens the file. `wal_pages` gets the number of pages in the WAL at each commit.
fn connect(options: &SqliteOptions, wal_pages: &Arc<AtomicU32>) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&options.file, flags).map_err(failure)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failure)?;
    let synchronous = match options.syncing {
        Syncing::Full => "FULL",
        Syncing::Normal => "NORMAL",
        Syncing::Off => "OFF",
    };
    // Repeating it would write, and sync, at every start.
    let vacuum: u32 =
        connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0)).map_err(failure)?;
    if vacuum != INCREMENTAL_VACUUM {
        // Only a file without tables takes it.
        connection.pragma_update(None, "auto_vacuum", INCREMENTAL_VACUUM).map_err(failure)?;
    }
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = {synchronous};
             PRAGMA wal_autocheckpoint = 0;
             PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -16384;"
        ))
        .map_err(failure)?;
    // After the statements above: one of them removes a hook.
    let wal_pages = Arc::clone(wal_pages);
    connection
        .wal_hook(Some(move |_: &mut Wal, pages: std::ffi::c_int| {
            wal_pages.store(pages.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))
        .map_err(failure)?;
    if let Some(bytes) = options.size_bytes_max {
        let page_size: u64 =
            connection.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(failure)?;
        let pages = (bytes / page_size).max(1);
        connection
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            .map_err(failure)?;
    }
    Ok(connection)
}

/// What to do with a damaged file.
const EXAMINE: &str =
    "\"gearmand --check-queue\" says where it is damaged, and how to save the rest";

/// Sorts SQLite's errors by what they mean for the batch.
fn failure(error: rusqlite::Error) -> StoreError {
    match examined_failure(error) {
        StoreError::Corrupt(text) => StoreError::Corrupt(format!("{text}; {EXAMINE}")),
        failure => failure,
    }
}

/// The same without what to do, for the command that does it.
fn examined_failure(error: rusqlite::Error) -> StoreError {
    let text = error.to_string();
    let Some(code) = error.sqlite_error() else { return StoreError::Corrupt(text) };
    let text = match attempted(code.extended_code) {
        Some(attempted) => format!("{text} ({attempted})"),
        None => text,
    };
    match (code.extended_code, code.code) {
        (ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC, _) => StoreError::Unknown(text),
        (_, ffi::ErrorCode::DatabaseCorrupt | ffi::ErrorCode::NotADatabase) => {
            StoreError::Corrupt(text)
        }
        _ => StoreError::NotCommitted(text),
    }
}

/// What SQLite was about to do when an I/O error came.
fn attempted(extended_code: std::ffi::c_int) -> Option<&'static str> {
    Some(match extended_code {
        ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ => "reading",
        ffi::SQLITE_IOERR_WRITE => "writing",
        ffi::SQLITE_IOERR_FSYNC => "syncing",
        ffi::SQLITE_IOERR_DIR_FSYNC => "syncing the directory",
        ffi::SQLITE_IOERR_TRUNCATE => "setting its size",
        ffi::SQLITE_IOERR_LOCK | ffi::SQLITE_IOERR_RDLOCK | ffi::SQLITE_IOERR_UNLOCK => "locking",
        ffi::SQLITE_IOERR_SHMOPEN | ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_SHMMAP => {
            "the file -shm beside it"
        }
        _ => return None,
    })
}
