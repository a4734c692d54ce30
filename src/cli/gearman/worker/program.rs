//! Whether a command can be run at all: better known before its first job.
//!
//! Must not: run it.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Access, access};

/// Looks for a program as the system will: by its path, or along `PATH`.
///
/// # Errors
/// Why it cannot be run.
pub(crate) fn check(program: &OsStr) -> io::Result<()> {
    if program.as_bytes().contains(&b'/') {
        return check_path(Path::new(program));
    }
    let path = env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    let mut outcome = Err(io::ErrorKind::NotFound.into());
    for directory in env::split_paths(&path) {
        match check_path(&directory.join(program)) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => outcome = Err(error),
            Err(_) => {}
        }
    }
    outcome
}

fn check_path(path: &Path) -> io::Result<()> {
    if path.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(access(path, Access::EXEC_OK)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_path_and_name() {
        assert!(check(OsStr::new("/bin/sh")).is_ok());
        assert!(check(OsStr::new("sh")).is_ok());
        for wrong in ["no-such-program", "/no/such/program", "/", "/etc/passwd", ""] {
            assert!(check(OsStr::new(wrong)).is_err(), "{wrong}");
        }
    }
}
