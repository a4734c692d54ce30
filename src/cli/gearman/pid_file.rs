//! [`PidFile`]: the file with the process id, which exists while the process runs.
//!
//! Must not: check whether another process uses the same file.

use std::io;
use std::path::Path;

use gearman_files::StateFile;

use crate::tools::usage::failed_to;

/// A file with the process id, removed when dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "the file is removed when the value is dropped")]
pub(crate) struct PidFile(Option<StateFile>);

impl PidFile {
    /// Writes the file, if the command line names one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(path: Option<&Path>) -> io::Result<PidFile> {
        let Some(path) = path else { return Ok(PidFile(None)) };
        let file = StateFile::write(path, std::process::id()).map_err(|error| {
            let path = path.display();
            failed_to(&format!("write '{path}' for '--pid-file <FILE>'"), error)
        })?;
        Ok(PidFile(Some(file)))
    }
}
