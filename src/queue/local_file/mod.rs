//! What the stores in a file of this machine share: paths, permissions, whether a file is still in its
//! place, and the lock that keeps a second server away.
//!
//! Must not: know what is in a file.

mod lock;
mod placement;

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::store::{IfMissing, StoreError};
pub(crate) use lock::FileLock;
pub(crate) use placement::Placement;

/// The path of a file beside another.
pub(crate) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut path = file.to_owned().into_os_string();
    path.push(suffix);
    PathBuf::from(path)
}

/// Creates a file if there is none, readable by its owner only.
pub(crate) fn create_private(file: &Path) -> Result<(), StoreError> {
    let result = gearman_files::open_private(file);
    result.map(drop).map_err(|error| StoreError::NotCommitted(error.to_string()))
}

/// The file that a path leads to. The files beside it are beside this one, and another user's link
/// is not followed.
pub(crate) fn resolved(file: &Path) -> Result<PathBuf, StoreError> {
    let result = gearman_files::trusted_target(file);
    result.map_err(|error| StoreError::NotCommitted(error.to_string()))
}

/// Refuses a file that is not there, unless it may be made.
pub(crate) fn refuse_missing(file: &Path, if_missing: IfMissing) -> Result<(), StoreError> {
    if fs::exists(file).unwrap_or(true) {
        return Ok(());
    }
    if_missing.check(|| "such file".to_owned())
}

/// Removes a file, which need not be there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes new and removed names in the directory of a file durable.
pub(crate) fn sync_directory(file: &Path) -> io::Result<()> {
    let directory = file.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(directory)?.sync_all()
}
