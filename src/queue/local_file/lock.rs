//! The lock that keeps a second server away from a file.
//!
//! SQLite's own locks allow several processes, and a backup needs that; the lock of Tokyo Cabinet
//! does not say whose it is. So the server holds a lock on a file beside the database, which ends
//! with its process.
//!
//! Must not: touch the database.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use gearman_files::FileId;

use super::beside;
use crate::store::StoreError;

/// A held lock.
pub(crate) struct FileLock(File);

impl FileLock {
    /// Whether the locked file is still beside the database, where another server looks.
    pub(crate) fn is_in_place(&self, database: &Path) -> bool {
        let found = std::fs::metadata(beside(database, "-lock"));
        let id = |found: std::fs::Metadata| FileId::from(&found);
        found.is_ok_and(|found| self.0.metadata().is_ok_and(|own| id(own) == id(found)))
    }

    /// Locks `FILE-lock` and writes this process's id into it.
    pub(crate) fn acquire(database: &Path) -> Result<FileLock, StoreError> {
        let path = beside(database, "-lock");
        let shown = path.display().to_string();
        let failed = |error: std::io::Error| StoreError::NotCommitted(format!("{shown}: {error}"));
        let mut file = gearman_files::open_private(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // Who holds it only makes the message better.
                let _ = file.read_to_string(&mut owner);
                let owner = owner.trim();
                return Err(StoreError::NotCommitted(format!(
                    "in use by another gearmand, process {owner}"
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(FileLock(file))
    }
}

impl Drop for FileLock {
    /// Closing the file is not enough: a process that is just being started has a copy of the
    /// descriptor until it executes its program, and the lock would last as long.
    fn drop(&mut self) {
        // The lock ends with the last descriptor then.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_with_its_owner_although_a_new_process_still_has_the_descriptor() {
        let directory = tempfile::tempdir().expect("a directory");
        let database = directory.path().join("queue.db");
        let lock = FileLock::acquire(&database).expect("locks");
        let copy_of_a_child = lock.0.try_clone().expect("duplicates");
        drop(lock);
        assert!(FileLock::acquire(&database).is_ok());
        drop(copy_of_a_child);
    }
}
