//! Whether a file that was opened is still the one that its path names.
//!
//! Must not: open or change a file.

use gearman_files::FileId;

use crate::store::StoreError;

/// What became of a file that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// It is where it was.
    Kept,
    /// Its path names nothing.
    Removed,
    /// Its path names another file.
    Replaced,
}

impl Placement {
    /// What became of a file, by what its path names now.
    pub(crate) fn of(opened: Option<FileId>, found: Option<FileId>) -> Placement {
        match found {
            None => Placement::Removed,
            Some(_) if found == opened => Placement::Kept,
            Some(_) => Placement::Replaced,
        }
    }

    /// Whether the jobs must be written to a new file before a commit.
    ///
    /// # Errors
    /// If another file is in its place: it may be another server's.
    pub(crate) fn must_rewrite(self) -> Result<bool, StoreError> {
        match self {
            Placement::Kept => Ok(false),
            Placement::Removed => Ok(true),
            Placement::Replaced => Err(StoreError::NotCommitted(
                "another file is in the place of the one that was opened; restart gearmand to use \
                 it, or put the old one back"
                    .to_owned(),
            )),
        }
    }
}
