//! Symbolic links: whose are followed.
//!
//! Must not: open what a link leads to.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Most links in a row, as in Linux.
const LINKS_MAX: usize = 40;

/// The path that a path leads to: itself, unless its last part is a symbolic link that root or this
/// process's user made. It may name nothing. Links in directories' names are left to the system.
///
/// Another user's link is an error: its maker would choose which file is written.
///
/// # Errors
/// If a link belongs to another user, or leads round in a circle.
pub fn trusted_target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        let Some(text) = read_trusted_link(&path)? else { return Ok(path) };
        // An absolute target replaces the directory.
        path = path.parent().unwrap_or(Path::new("")).join(text);
    }
    Err(Errno::LOOP.into())
}

/// What a link says; `None` for everything else, and for what does not exist.
fn read_trusted_link(path: &Path) -> io::Result<Option<PathBuf>> {
    // The handle is the link itself, so that owner and text belong to the same one.
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let link = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
        Ok(link) => link,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let found = rustix::fs::statat(&link, "", AtFlags::EMPTY_PATH)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::Symlink {
        return Ok(None);
    }
    if found.st_uid != 0 && found.st_uid != rustix::process::geteuid().as_raw() {
        let text = format!("a symbolic link of user {}, which is not followed", found.st_uid);
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    let text = rustix::fs::readlinkat(&link, "", Vec::new())?;
    Ok(Some(PathBuf::from(OsStr::from_bytes(text.as_bytes()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{lchown, symlink};

    #[test]
    fn a_link_of_our_own_is_followed_also_to_what_does_not_exist_yet() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        symlink("second", at("first")).expect("linked");
        symlink(at("target"), at("second")).expect("linked");
        for name in ["first", "second", "target"] {
            assert_eq!(trusted_target(&at(name)).expect("trusted"), at("target"));
        }
    }

    #[test]
    fn a_circle_of_links_is_an_error() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("circle");
        symlink("circle", &path).expect("linked");
        let error = trusted_target(&path).expect_err("a circle");
        assert_eq!(error.raw_os_error(), Some(Errno::LOOP.raw_os_error()));
    }

    #[test]
    fn a_link_of_another_user_is_not_followed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("link");
        symlink("/etc/passwd", &path).expect("linked");
        // Only root can give a link away; for others this checks the own link again.
        let wanted = match lchown(&path, Some(65_534), None) {
            Ok(()) => Err("a symbolic link of user 65534, which is not followed".into()),
            Err(_) => Ok(PathBuf::from("/etc/passwd")),
        };
        assert_eq!(trusted_target(&path).map_err(|error| error.to_string()), wanted);
    }
}
