//! [`PidFile`]: the file with the process id, which exists while the process runs.
//!
//! Must not: check whether another process uses the same file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::tools::usage::failed_to;

/// A file with the process id, removed when dropped.
#[derive(Debug)]
pub(crate) struct PidFile(Option<PathBuf>);

impl PidFile {
    /// Writes the file, if the command line names one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(path: Option<&Path>) -> io::Result<PidFile> {
        if let Some(path) = path {
            fs::write(path, format!("{}\n", std::process::id())).map_err(|error| {
                let path = path.display();
                failed_to(&format!("write '{path}' for '--pid-file <FILE>'"), error)
            })?;
        }
        Ok(PidFile(path.map(Path::to_path_buf)))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // The file may have been removed already.
            let _ = fs::remove_file(path);
        }
    }
}
