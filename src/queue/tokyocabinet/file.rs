//! The file, the log of the transaction beside it, and when both are on the disk.
//!
//! The library writes the old content of what a transaction changes to `FILE.wal`, and puts it back
//! after a crash. It syncs that log before every change, or not at all: then that is done here, once
//! for a batch. The emptied log is always synced here, before a commit counts.
//!
//! The library takes a write of which nothing was written for a success. So the space for a batch is
//! reserved before, and what was written is compared afterwards.
//!
//! Must not: know what the records are.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use gearman_files::FileId;
use gearman_tokyocabinet::{
    OPAQUE_BYTES, TokyoDatabase, TokyoError, TokyoFault, TokyoKind, Tuning,
};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::TokyoSyncing;
use crate::local_file::{Placement, beside, create_private, remove, sync_directory};
use crate::store::StoreError;

/// Name of the log behind that of its file.
const LOG_SUFFIX: &str = ".wal";
/// Name of a file that is being written anew.
const NEW_SUFFIX: &str = "-new";
/// Where the header of a file has its flags, and the flag of a file that was not closed.
const FLAGS_OFFSET: usize = 33;
const FLAG_OPEN: u8 = 1;
/// Bytes that a log begins with: the size of the file. Then there are its changes.
const LOG_HEAD_BYTES: u64 = 8;
/// Bytes before the content of a change: where it belongs, and its length.
const CHANGE_HEAD_BYTES: usize = 12;
/// Bytes of the header of a file, which is the first change in every log.
const HEADER_BYTES: u32 = 256;

/// Bytes that a change can take besides its record: in a hash table a head; in a tree two pages, and
/// one above them.
const HASH_CHANGE_BYTES: u64 = 1 << 10;
const TREE_CHANGE_BYTES: u64 = 64 << 10;
/// What is said of a write that the library believes in and that is not in the file.
const LOST_WRITE: &str = "a record that was written cannot be read back; the disk may be full";

/// An open file.
pub(super) struct TokyoFile {
    path: PathBuf,
    kind: TokyoKind,
    syncing: TokyoSyncing,
    database: TokyoDatabase,
    /// The same file, to reserve space. Closed after the database: closing it ends the library's
    /// lock.
    data: File,
    log: File,
    id: FileId,
    /// Bytes of the largest record.
    largest: u64,
}

impl TokyoFile {
    /// Opens a file, or makes it.
    pub(super) fn open(
        path: &Path,
        kind: TokyoKind,
        syncing: TokyoSyncing,
    ) -> Result<TokyoFile, StoreError> {
        settle_log(path).map_err(|error| StoreError::NotCommitted(error.to_string()))?;
        let data =
            gearman_files::open_private(path).map_err(|error| not_committed(path, &error))?;
        let size = data.metadata().map_err(|error| not_committed(path, &error))?.len();
        if (1..u64::from(HEADER_BYTES)).contains(&size) {
            return Err(damaged(format!("it has {size} bytes only")));
        }
        let syncs_every_change = syncing == TokyoSyncing::EveryChange;
        let tuning = Tuning { syncs_every_change, ..Tuning::default() };
        let mut database = TokyoDatabase::open(path, kind, tuning).map_err(failure)?;
        // What the library has restored from a log that it has removed, and the flag of an open
        // file, without which a log is ignored, are on the disk before anything is changed.
        database.sync().map_err(failure)?;
        // Made here, so that it is its owner's only.
        let log = beside(path, LOG_SUFFIX);
        let open = || {
            let log = gearman_files::open_private(&log)?;
            sync_directory(path)?;
            Ok((log, FileId::of(path)?))
        };
        let (log, id) = open().map_err(|error: io::Error| not_committed(&log, &error))?;
        let path = path.to_owned();
        Ok(TokyoFile { path, kind, syncing, database, data, log, id, largest: 0 })
    }

    /// The records.
    pub(super) fn database(&mut self) -> &mut TokyoDatabase {
        &mut self.database
    }

    /// The records, for reading.
    pub(super) fn records(&self) -> &TokyoDatabase {
        &self.database
    }

    /// What became of the file.
    pub(super) fn placement(&self) -> Placement {
        Placement::of(Some(self.id), FileId::of(&self.path).ok())
    }

    /// Notes how large a record is.
    pub(super) fn note_record(&mut self, bytes: u64) {
        self.largest = self.largest.max(bytes);
    }

    /// Bytes that so many changes with so many new bytes can take, in the file or in the log.
    fn bytes_of(&self, changes: usize, bytes: usize) -> u64 {
        let (changes, bytes) = (changes as u64, bytes as u64);
        match self.kind {
            TokyoKind::Hash => 2 * bytes + HASH_CHANGE_BYTES * changes,
            // A change writes a whole page, or divides it; a page may have a large record.
            TokyoKind::Tree => {
                let pages = (2 * self.largest * changes).min(self.database.size_bytes());
                2 * bytes + TREE_CHANGE_BYTES * changes + pages
            }
        }
    }

    /// Reserves the space that so many insertions with so many bytes can take.
    pub(super) fn reserve(&self, insertions: usize, bytes: usize) -> Result<(), StoreError> {
        match self.bytes_of(insertions, bytes) {
            _ if insertions == 0 => Ok(()),
            needed => reserve_in(&self.data, self.database.size_bytes(), needed),
        }
    }

    /// Begins a transaction of so many changes.
    pub(super) fn begin(&mut self, changes: usize) -> Result<(), StoreError> {
        self.database.begin().map_err(failure)?;
        match self.kind {
            // A log that cannot be written is an error of the change.
            TokyoKind::Hash => Ok(()),
            // It is written with the commit, when nothing can be undone any more.
            TokyoKind::Tree => reserve_in(&self.log, 0, self.bytes_of(changes + 1, 0)),
        }
    }

    /// Makes sure that a record can be read back as it was written.
    pub(super) fn compare(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.note_record((key.len() + value.len()) as u64);
        match self.database.get(key).map_err(failure)? {
            Some(found) if found == value => Ok(()),
            _ => Err(StoreError::NotCommitted(LOST_WRITE.to_owned())),
        }
    }

    /// Makes sure that the file is as long as the library believes.
    fn check_length(&self) -> Result<(), StoreError> {
        let size = self.data.metadata().map(|found| found.len());
        match size {
            Ok(size) if size >= self.database.size_bytes() => Ok(()),
            _ => Err(StoreError::Unknown(LOST_WRITE.to_owned())),
        }
    }

    /// Makes the transaction durable. After an error it is unknown whether it is.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        let unknown = |error: TokyoError| StoreError::Unknown(error.to_string());
        self.database.flush().map_err(unknown)?;
        self.check_length()?;
        if self.syncing == TokyoSyncing::EveryBatch {
            self.sync_log()?;
            self.database.sync().map_err(unknown)?;
        }
        self.database.commit().map_err(unknown)?;
        match self.syncing {
            TokyoSyncing::Never => Ok(()),
            // A log that comes back after power loss would undo the commit.
            TokyoSyncing::EveryChange | TokyoSyncing::EveryBatch => self.sync_log(),
        }
    }

    fn sync_log(&self) -> Result<(), StoreError> {
        let synced = self.log.sync_data();
        synced.map_err(|error| StoreError::Unknown(format!("syncing the log: {error}")))
    }

    /// Undoes the transaction, of which nothing was committed, and opens the file again.
    pub(super) fn undo(self) -> Result<TokyoFile, StoreError> {
        let TokyoFile { path, kind, syncing, database, data, largest, .. } = self;
        // What it leaves undone, opening undoes.
        let _ = database.abort();
        drop(data);
        Ok(TokyoFile { largest, ..TokyoFile::open(&path, kind, syncing)? })
    }

    /// Writes all records into a new file, which takes the place of this one. `change` returns a
    /// record's new value, if it has one; `opaque` is the field in the header.
    ///
    /// An error returns this file, unless the new one is in its place and cannot be opened.
    pub(super) fn write_anew(
        mut self,
        opaque: &[u8; OPAQUE_BYTES],
        change: impl FnMut(&[u8], &[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<TokyoFile, (StoreError, Option<TokyoFile>)> {
        let new = beside(&self.path, NEW_SUFFIX);
        let io = |error: io::Error| StoreError::Unknown(format!("{}: {error}", new.display()));
        let clear = || {
            remove(&new)?;
            remove(&beside(&new, LOG_SUFFIX))
        };
        let path = self.path.clone();
        let place = || {
            File::open(&new)?.sync_all()?;
            fs::rename(&new, &path)?;
            sync_directory(&path)
        };
        let cleared = clear().map_err(io);
        let written = cleared.and_then(|()| self.copy_to(&new, opaque, change));
        if let Err(error) = written.and_then(|()| place().map_err(io)) {
            // It may have filled the disk.
            let _ = clear();
            return Err((error, Some(self)));
        }
        let TokyoFile { kind, syncing, database, data, largest, .. } = self;
        drop(database);
        drop(data);
        // The log belongs to the file that was replaced.
        let removed = remove(&beside(&path, LOG_SUFFIX)).and_then(|()| sync_directory(&path));
        removed
            .map_err(io)
            .and_then(|()| TokyoFile::open(&path, kind, syncing))
            .map(|opened| TokyoFile { largest, ..opened })
            .map_err(|error| (error, None))
    }

    fn copy_to(
        &mut self,
        new: &Path,
        opaque: &[u8; OPAQUE_BYTES],
        mut change: impl FnMut(&[u8], &[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<(), StoreError> {
        create_private(new)?;
        let tuning = Tuning { records: self.database.len(), ..Tuning::default() };
        let mut target = TokyoDatabase::open(new, self.kind, tuning).map_err(failure)?;
        target.set_opaque(opaque);
        let mut written = 0_u64;
        self.database.visit(|key, value| -> Result<(), CopyError> {
            let changed = change(key, value).map_err(CopyError)?;
            let value = changed.as_deref().unwrap_or(value);
            written = written.wrapping_add(digest(key, value));
            target.put(key, value).map_err(CopyError::from)
        })?;
        target.close().map_err(failure)?;
        // Everything, as the next server finds it.
        let mut found = 0_u64;
        let mut target = TokyoDatabase::open(new, self.kind, Tuning::default()).map_err(failure)?;
        let visited = target.visit(|key, value| -> Result<(), CopyError> {
            found = found.wrapping_add(digest(key, value));
            Ok(())
        });
        if visited.is_err() || found != written {
            return Err(StoreError::NotCommitted(LOST_WRITE.to_owned()));
        }
        target.close().map_err(failure)
    }
}

/// Reserves space in a file from `begin` on; its length stays.
fn reserve_in(file: &File, begin: u64, needed: u64) -> Result<(), StoreError> {
    let failed = |error: Errno| {
        let error = io::Error::from(error);
        StoreError::NotCommitted(format!("reserving {needed} bytes: {error}"))
    };
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    if limit.is_some_and(|limit| begin + needed > limit) {
        return Err(failed(Errno::FBIG));
    }
    match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, begin, needed) {
        // Some file systems cannot reserve space. What is written is compared.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// A number for a record. The sum over a file does not depend on the order of its records.
fn digest(key: &[u8], value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, value).hash(&mut hasher);
    hasher.finish()
}

/// An error while records are visited.
pub(super) struct CopyError(pub(super) StoreError);

impl From<TokyoError> for CopyError {
    fn from(error: TokyoError) -> CopyError {
        CopyError(failure(error))
    }
}

impl From<CopyError> for StoreError {
    fn from(error: CopyError) -> StoreError {
        error.0
    }
}

/// Prepares the log of an earlier process for the library: removes one that no longer counts, and
/// cuts a last change off that is not whole, which the library would take for damage. What it
/// belongs to was not changed yet.
fn settle_log(path: &Path) -> io::Result<()> {
    let log = beside(path, LOG_SUFFIX);
    let mut header = [0; FLAGS_OFFSET + 1];
    let has_header = File::open(path).and_then(|mut file| file.read_exact(&mut header)).is_ok();
    if !has_header || header[FLAGS_OFFSET] & FLAG_OPEN == 0 {
        return remove(&log);
    }
    let mut file = match File::options().read(true).write(true).open(&log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        result => result?,
    };
    let size = file.metadata()?.len();
    let mut whole = LOG_HEAD_BYTES;
    let mut head = [0; CHANGE_HEAD_BYTES];
    let mut is_swapped = false;
    while whole + CHANGE_HEAD_BYTES as u64 <= size {
        file.seek(io::SeekFrom::Start(whole))?;
        file.read_exact(&mut head)?;
        let length = u32::from_le_bytes(head[8..].try_into().expect("four bytes"));
        if whole == LOG_HEAD_BYTES {
            // How the library was built decides the order of bytes.
            is_swapped = length == HEADER_BYTES.swap_bytes();
        }
        let length = if is_swapped { length.swap_bytes() } else { length };
        let end = whole + CHANGE_HEAD_BYTES as u64 + u64::from(length);
        // No change is empty: that is a hole before bytes that were written.
        if length == 0 || end > size {
            break;
        }
        whole = end;
    }
    match whole < size {
        true => file.set_len(whole),
        false => Ok(()),
    }
}

fn not_committed(path: &Path, error: &io::Error) -> StoreError {
    StoreError::NotCommitted(format!("{}: {error}", path.display()))
}

/// Sorts the library's errors by what they mean for a batch of which nothing was written.
pub(super) fn failure(error: TokyoError) -> StoreError {
    let text = error.to_string();
    match error.fault {
        TokyoFault::Damaged => damaged(text),
        TokyoFault::Locked => {
            StoreError::NotCommitted(format!("{text}: another program has the file open"))
        }
        TokyoFault::NotSynced => StoreError::Unknown(text),
        TokyoFault::Other => StoreError::NotCommitted(text),
    }
}

fn damaged(reason: String) -> StoreError {
    StoreError::Corrupt(format!(
        "{reason}: the file is damaged, or not one of Tokyo Cabinet; move it away, or put a backup \
         in its place"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(flags: u8, log: &[u8]) -> Option<Vec<u8>> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("queue.tch");
        let mut header = [0; 256];
        header[FLAGS_OFFSET] = flags;
        fs::write(&path, header).expect("writes");
        fs::write(beside(&path, LOG_SUFFIX), log).expect("writes");
        settle_log(&path).expect("settles");
        fs::read(beside(&path, LOG_SUFFIX)).ok()
    }

    #[test]
    fn a_log_loses_a_last_change_that_is_not_whole_and_goes_with_a_closed_file() {
        for is_swapped in [true, false] {
            let change = |length: u32| {
                let number = if is_swapped { length.swap_bytes() } else { length };
                let mut change = vec![0; 8];
                change.extend(number.to_le_bytes());
                change.extend(vec![7; length as usize]);
                change
            };
            let whole = [vec![0; 8], change(HEADER_BYTES), change(4)].concat();
            assert_eq!(settled(FLAG_OPEN, &whole), Some(whole.clone()));
            for cut in 1..16 {
                let log = settled(FLAG_OPEN, &whole[..whole.len() - cut]);
                assert_eq!(log.as_deref(), Some(&whole[..whole.len() - 16]), "without {cut} bytes");
            }
            let hole = [&whole[..], &[0; 40]].concat();
            assert_eq!(settled(FLAG_OPEN, &hole), Some(whole.clone()));
            assert_eq!(settled(FLAG_OPEN, &[]), Some(vec![]));
            assert_eq!(settled(0, &whole), None);
        }
    }
}
