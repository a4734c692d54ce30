//! Repairing a damaged file: the jobs that can be read are copied into a new file beside it.
//!
//! Must not: write to the damaged file: other tools may read more of it.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::schema::Table;
use super::{SqliteOptions, SqliteStore, examined_failure, read};
use crate::batch::Batch;
use crate::local_file::{FileLock, resolved};
use crate::record::JobNumber;
use crate::store::{Store, StoreError};

/// Jobs that are copied in one transaction.
const JOBS_PER_BATCH: usize = 1000;
/// Numbers that are skipped if the reserved ones cannot be read.
const NUMBERS_SKIPPED: u64 = 1 << 20;

/// What was saved of a damaged file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvage {
    /// The new file.
    pub file: PathBuf,
    /// Jobs in it.
    pub saved: u64,
    /// Jobs whose number can be read, and the rest not.
    pub unreadable: u64,
}

/// Copies the jobs that can be read into `FILE-repaired`, with their numbers.
///
/// # Errors
/// If that file exists or cannot be written, or if nothing of the damaged one can be read.
pub fn salvage(file: &Path, table: &str) -> Result<Salvage, StoreError> {
    let mut repaired = file.to_owned().into_os_string();
    repaired.push("-repaired");
    let repaired = PathBuf::from(repaired);
    if fs::exists(&repaired).unwrap_or(true) {
        let shown = repaired.display();
        return Err(StoreError::NotCommitted(format!("{shown} exists: move it away first")));
    }
    let file = &resolved(file)?;
    let _lock = FileLock::acquire(file)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let damaged = Connection::open_with_flags(file, flags).map_err(examined_failure)?;
    // Otherwise SQLite reads nothing of a file that is shorter than its header says.
    damaged.pragma_update(None, "writable_schema", true).map_err(examined_failure)?;
    let statements = Table::new(table);
    // Fails if not even the schema can be read, before a file is created.
    damaged.prepare(&statements.fetch).map_err(examined_failure)?;
    let options = SqliteOptions { table: table.to_owned(), ..SqliteOptions::new(&repaired) };
    let mut copy = SalvageCopy {
        store: SqliteStore::open(options)?,
        batch: Batch::default(),
        last: 0,
        saved: 0,
        unreadable: 0,
    };
    copy.all(&damaged, &statements)?;
    let last = statements.last_number(&damaged);
    let last = last.map_or(copy.last + NUMBERS_SKIPPED, |JobNumber(last)| last.max(copy.last));
    copy.batch.reserve_numbers(JobNumber(last));
    copy.commit()?;
    Ok(Salvage { file: repaired, saved: copy.saved, unreadable: copy.unreadable })
}

/// A copy under way.
struct SalvageCopy {
    store: SqliteStore,
    batch: Batch,
    /// Largest number that was read.
    last: u64,
    saved: u64,
    unreadable: u64,
}

impl SalvageCopy {
    fn all(&mut self, damaged: &Connection, statements: &Table) -> Result<(), StoreError> {
        let mut from = i64::MIN;
        let mut step = 1_i64;
        loop {
            match next_number(damaged, statements, from) {
                Ok(None) => return Ok(()),
                Ok(Some(number)) => {
                    if step > 1 {
                        self.before(damaged, statements, from - step / 2, number)?;
                    }
                    self.one(damaged, statements, number)?;
                    let Some(next) = number.checked_add(1) else { return Ok(()) };
                    (from, step) = (next, 1);
                }
                // A damaged page: further numbers are looked for behind it.
                Err(_) => {
                    let start = from.max(0);
                    let Some(next) = start.checked_add(step) else { return Ok(()) };
                    (from, step) = (next, step.saturating_mul(2));
                }
            }
        }
    }

    /// Copies the jobs before `number`, which a step over a damaged page has passed by, backwards
    /// down to `from`.
    fn before(
        &mut self,
        damaged: &Connection,
        statements: &Table,
        from: i64,
        mut number: i64,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT id FROM {} WHERE id < ?1 AND id >= ?2 ORDER BY id DESC LIMIT 1",
            statements.quoted_name
        );
        let mut statement = damaged.prepare(&sql).map_err(examined_failure)?;
        while let Ok(Some(found)) =
            statement.query_row([number, from], |row| row.get::<_, i64>(0)).optional()
        {
            self.one(damaged, statements, found)?;
            number = found;
        }
        Ok(())
    }

    fn one(
        &mut self,
        damaged: &Connection,
        statements: &Table,
        number: i64,
    ) -> Result<(), StoreError> {
        let Ok(number) = u64::try_from(number) else { return Ok(()) };
        self.last = self.last.max(number);
        match read::fetch(damaged, statements, &[JobNumber(number)]).map(|mut jobs| jobs.pop()) {
            Ok(Some(Some(job))) => {
                self.batch.insert(&job.to_record(), None);
                self.saved += 1;
            }
            Ok(_) | Err(_) => self.unreadable += 1,
        }
        if self.batch.len() >= JOBS_PER_BATCH { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let refused = self.store.apply(&self.batch)?.len() as u64;
        self.batch.clear();
        self.saved -= refused;
        self.unreadable += refused;
        Ok(())
    }
}

/// The first number that is not less than `from`.
fn next_number(
    damaged: &Connection,
    statements: &Table,
    from: i64,
) -> Result<Option<i64>, rusqlite::Error> {
    let sql =
        format!("SELECT id FROM {} WHERE id >= ?1 ORDER BY id LIMIT 1", statements.quoted_name);
    damaged.prepare_cached(&sql)?.query_row([from], |row| row.get(0)).optional()
}
