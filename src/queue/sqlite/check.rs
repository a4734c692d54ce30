//! Examining and repairing a file.
//!
//! Must not: run while a server has the file open; the lock sees to that.

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::schema::columns;
use super::{examined_failure, failure};
use crate::local_file::{FileLock, beside, create_private, remove, resolved, sync_directory};
use crate::store::{IfMissing, StoreError};

/// What an examination found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// Damage, one line each; empty if the file is sound.
    pub damage: Vec<String>,
}

/// Examines a file that no server has open.
///
/// # Errors
/// If the file cannot be opened, a server has it open, or a sound file has no such table.
pub fn check(file: &Path, table: &str) -> Result<CheckReport, StoreError> {
    // Neither the lock nor SQLite may create what is not there.
    fs::metadata(file).map_err(|error| StoreError::NotCommitted(error.to_string()))?;
    let file = &resolved(file)?;
    let _lock = FileLock::acquire(file)?;
    let connection = Connection::open(file).map_err(examined_failure)?;
    let mut damage = Vec::new();
    match examine(&connection, &mut damage).map_err(examined_failure) {
        // The examination itself can stumble over the damage.
        Err(StoreError::Corrupt(reason)) => damage.push(reason),
        outcome => outcome?,
    }
    if damage.is_empty() && columns(&connection, table)?.is_empty() {
        IfMissing::Refuse.check(|| format!("table {table}"))?;
    }
    Ok(CheckReport { damage })
}

/// Adds the lines in which SQLite describes damage.
fn examine(connection: &Connection, damage: &mut Vec<String>) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare("PRAGMA integrity_check")?;
    let mut lines = statement.query([])?;
    while let Some(line) = lines.next()? {
        let line: String = line.get(0)?;
        if line != "ok" {
            damage.push(line);
        }
    }
    Ok(())
}

/// Writes everything that can be read into a new file and puts it in the place of the old one.
///
/// After a failed sync the kernel may have dropped pages that it reports as written. Reading them
/// through this connection and writing them to new blocks is the only way to trust the file again.
pub(super) fn rewrite(connection: &Connection, file: &Path) -> Result<(), StoreError> {
    let new = beside(file, "-new");
    let io = |error: io::Error| StoreError::Unknown(format!("{}: {error}", new.display()));
    remove(&new).map_err(io)?;
    // Readable by its owner only: SQLite would give it other permissions.
    create_private(&new)?;
    let target = new.to_string_lossy().into_owned();
    connection.execute("VACUUM INTO ?1", [target]).map_err(failure)?;
    fs::File::open(&new).and_then(|file| file.sync_all()).map_err(io)?;
    fs::rename(&new, beside(file, WHOLE_COPY)).map_err(io)?;
    sync_directory(file).map_err(io)?;
    finish_rewriting(file)
}

/// Name behind that of a file whose content replaces it. From the moment at which there is such a
/// file, the old one with its WAL does not count.
const WHOLE_COPY: &str = "-rewritten";

/// Puts a whole copy in the place of the file, also after a crash. The old WAL goes first: SQLite
/// would apply it to the new file.
pub(super) fn finish_rewriting(file: &Path) -> Result<(), StoreError> {
    let copy = beside(file, WHOLE_COPY);
    let io = |error: io::Error| StoreError::Unknown(format!("{}: {error}", copy.display()));
    if !fs::exists(&copy).map_err(io)? {
        return Ok(());
    }
    for suffix in ["-wal", "-shm"] {
        remove(&beside(file, suffix)).map_err(io)?;
    }
    sync_directory(file).map_err(io)?;
    fs::rename(&copy, file).map_err(io)?;
    sync_directory(file).map_err(io)
}
