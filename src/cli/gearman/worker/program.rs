//! Checks a worker's command before the first job.
//!
//! Must not: run it.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Access, access};

use crate::tools::usage::system_error;

/// Looks for a program as the system does: by its path, or in the directories of `PATH`.
///
/// # Errors
/// Why it cannot be run.
pub(crate) fn check(program: &OsStr) -> Result<(), String> {
    if program.as_bytes().contains(&b'/') {
        return check_path(Path::new(program)).map_err(|error| system_error(&error));
    }
    let path = env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    let mut why = "command not found".to_owned();
    for directory in env::split_paths(&path) {
        match check_path(&directory.join(program)) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                why = system_error(&error);
            }
            Err(_) => {}
        }
    }
    Err(why)
}

fn check_path(path: &Path) -> io::Result<()> {
    if path.metadata()?.is_dir() {
        return Err(rustix::io::Errno::ISDIR.into());
    }
    Ok(access(path, Access::EXEC_OK)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_its_path_or_its_name() {
        assert!(check(OsStr::new("/bin/sh")).is_ok());
        assert!(check(OsStr::new("sh")).is_ok());
        for (wrong, why) in [
            ("no-such-program", "command not found"),
            ("/no/such/program", "No such file or directory"),
            ("/", "Is a directory"),
            ("/etc/passwd", "Permission denied"),
            ("", "command not found"),
        ] {
            assert_eq!(check(OsStr::new(wrong)), Err(why.to_owned()), "{wrong}");
        }
    }
}
