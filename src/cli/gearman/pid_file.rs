//! [`PidFile`]: where the process says who it is, for as long as it runs.
//!
//! Must not: outlive the process.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file with the process id, removed when dropped.
#[derive(Debug)]
pub(crate) struct PidFile(Option<PathBuf>);

impl PidFile {
    /// Writes the file, if one is wanted.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(path: Option<&Path>) -> io::Result<PidFile> {
        if let Some(path) = path {
            fs::write(path, format!("{}\n", std::process::id()))
                .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
        }
        Ok(PidFile(path.map(Path::to_path_buf)))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Somebody may have been faster.
            let _ = fs::remove_file(path);
        }
    }
}
