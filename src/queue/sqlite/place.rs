//! Whether the files that were opened are still the ones that their paths name.
//!
//! Must not: open or change a file.

use std::path::{Path, PathBuf};

use gearman_files::FoundFile;

use crate::local_file::{Placement, beside};

/// The files that a connection has open.
pub(super) struct FilePlace {
    file: OpenedFile,
    /// Known from the first commit on, which creates the WAL.
    wal: OpenedFile,
}

/// A file that was opened, by its path.
struct OpenedFile {
    path: PathBuf,
    /// As it was at the last look; `None` if it was not there at the first.
    found: Option<FoundFile>,
}

impl OpenedFile {
    fn new(path: PathBuf) -> OpenedFile {
        let mut opened = OpenedFile { path, found: None };
        opened.note();
        opened
    }

    /// A file that cannot be reached is not there.
    fn note(&mut self) {
        self.found = FoundFile::at(&self.path).ok();
    }

    /// Looks again, and takes note of the size.
    fn check(&mut self) -> Placement {
        let now = FoundFile::at(&self.path).ok();
        let placement = Placement::of(self.found.map(|found| found.id), now.map(|now| now.id));
        if placement == Placement::Kept {
            self.found = now;
        }
        placement
    }

    fn bytes(&self) -> u64 {
        self.found.map_or(0, |found| found.bytes)
    }
}

impl FilePlace {
    /// The place of a file that was just opened.
    pub(super) fn new(file: &Path) -> FilePlace {
        let wal = OpenedFile { path: beside(file, "-wal"), found: None };
        FilePlace { file: OpenedFile::new(file.to_owned()), wal }
    }

    /// Takes note of the WAL after a commit.
    pub(super) fn note_wal(&mut self) {
        if self.wal.found.is_none() {
            self.wal.note();
        }
    }

    /// What became of the files.
    pub(super) fn check(&mut self) -> Placement {
        match self.file.check() {
            Placement::Kept if self.wal.found.is_none() => Placement::Kept,
            Placement::Kept => match self.wal.check() {
                Placement::Kept => Placement::Kept,
                // Without its WAL, a file may lack commits.
                Placement::Removed | Placement::Replaced => Placement::Removed,
            },
            file => file,
        }
    }

    /// Size of the files at the last look, which is before a commit.
    pub(super) fn bytes(&self) -> u64 {
        self.file.bytes() + self.wal.bytes()
    }
}
