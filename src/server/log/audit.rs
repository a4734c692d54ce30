//! The audit log: a file with a line for each text command that changes something or is refused.
//!
//! Must not: know which commands these are.

use std::fmt::Arguments;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gearman_files::{LinkPolicy, open_log};

use super::throttle::Throttle;
use super::timestamp::Timestamp;

/// Most lines per second about refused commands: a peer must not be able to fill the disk.
const DENIED_LINES_PER_SECOND: u32 = 10;

/// An open audit log.
pub(super) struct AuditLog {
    path: PathBuf,
    file: File,
    denied: Throttle,
}

/// Permissions of a new file.
const AUDIT_FILE_MODE: u32 = 0o640;

/// Opens the file. A symbolic link or a FIFO is an error.
fn open_file(path: &Path) -> io::Result<File> {
    open_log(path, AUDIT_FILE_MODE, LinkPolicy::Refused)
}

impl AuditLog {
    /// Opens the file, and creates it if it does not exist.
    ///
    /// # Errors
    /// As the system call.
    pub(super) fn open(path: &Path) -> io::Result<AuditLog> {
        let denied = Throttle::new(DENIED_LINES_PER_SECOND, Duration::from_secs(1));
        Ok(AuditLog { path: path.to_path_buf(), file: open_file(path)?, denied })
    }

    /// The file's path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reopens the file after log rotation. If that fails, the old file stays in use.
    ///
    /// # Errors
    /// As the system call.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        self.file = open_file(&self.path)?;
        Ok(())
    }

    /// Writes a line about a command that was run, or that was refused.
    pub(super) fn write(&mut self, text: Arguments<'_>, is_denied: bool) {
        let now = Instant::now();
        if self.denied.has_suppressed() && self.denied.is_over(now) {
            let count = self.denied.take_suppressed();
            self.line(format_args!("Left out {count} refused commands: too many in one second"));
        }
        if !is_denied || self.denied.admits(now) {
            self.line(text);
        }
    }

    fn line(&mut self, text: Arguments<'_>) {
        // A failure of the log cannot be reported anywhere.
        let _ = self.file.write_all(format!("{} {text}\n", Timestamp::now()).as_bytes());
    }
}
