//! Whether the files that were opened are still the ones that their paths name.
//!
//! Must not: open or change a file.

use std::fs;
use std::path::Path;

use gearman_files::FileId;

use crate::local_file::beside;

/// The files that a connection has open.
pub(super) struct FilePlace {
    file: Option<FileId>,
    /// Known from the first commit on, which creates the WAL.
    wal: Option<FileId>,
}

/// What became of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// They are where they were.
    Kept,
    /// The file or its WAL was removed.
    Removed,
    /// The path names another file.
    Replaced,
}

impl FilePlace {
    /// The place of a file that was just opened.
    pub(super) fn new(file: &Path) -> FilePlace {
        FilePlace { file: id(file), wal: None }
    }

    /// Takes note of the WAL after a commit.
    pub(super) fn note_wal(&mut self, file: &Path) {
        if self.wal.is_none() {
            self.wal = id(&beside(file, "-wal"));
        }
    }

    /// What became of the files.
    pub(super) fn check(&self, file: &Path) -> Placement {
        let found = id(file);
        if found.is_none() {
            return Placement::Removed;
        }
        if found != self.file {
            return Placement::Replaced;
        }
        match self.wal.is_some() && id(&beside(file, "-wal")) != self.wal {
            true => Placement::Removed,
            false => Placement::Kept,
        }
    }
}

/// `None` also for a file that cannot be reached.
fn id(path: &Path) -> Option<FileId> {
    fs::metadata(path).ok().map(|metadata| FileId::from(&metadata))
}
