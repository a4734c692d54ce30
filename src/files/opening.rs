//! Opening files without waiting, and with a look at what was opened.
//!
//! Must not: look at a path and open it later: between the two it may have changed.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::links::trusted_target;

/// Directories of names that the system gives to what this process has open, such as
/// `/dev/stdout` and what a shell writes for `<(command)`. Opening them never waits.
const SYSTEM_DIRECTORIES: [&str; 2] = ["/dev", "/proc"];

fn is_of_system(path: &Path) -> bool {
    SYSTEM_DIRECTORIES.iter().any(|directory| path.starts_with(directory))
}

/// Which symbolic links may stand for a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPolicy {
    /// Those of root and of this process's user, as in [`trusted_target`].
    Trusted,
    /// None.
    Refused,
}

/// Opens a file to append lines to it, and creates it if there is none.
///
/// A FIFO is refused, whether a process reads it or not: without a reader opening it would wait
/// for ever, and with one each line would wait for that process.
///
/// # Errors
/// As the system call; if it is a FIFO or a socket; or for the link of another user.
pub fn open_log(path: &Path, mode: u32, links: LinkPolicy) -> io::Result<File> {
    let target = match links {
        LinkPolicy::Trusted => trusted_target(path)?,
        LinkPolicy::Refused => path.to_path_buf(),
    };
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(mode);
    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    if links == LinkPolicy::Trusted && (is_of_system(path) || is_of_system(&target)) {
        let path = if is_of_system(path) { path } else { &target };
        return options.custom_flags(flags.bits() as i32).open(path);
    }
    flags |= OFlags::NOFOLLOW;
    // Without a reader the system refuses to open it, with an error that says less.
    refuse_fifo(std::fs::symlink_metadata(&target).ok())?;
    let file = options.custom_flags(flags.bits() as i32).open(target)?;
    refuse_fifo(Some(file.metadata()?))?;
    Ok(file)
}

fn refuse_fifo(found: Option<Metadata>) -> io::Result<()> {
    let is_fifo = found.is_some_and(|found| found.file_type().is_fifo());
    if is_fifo { Err(wrong("is a FIFO, not a file")) } else { Ok(()) }
}

/// Reads a whole file of at most `bytes_max` bytes. Also returns what is known of the file.
///
/// # Errors
/// As the system call; if it is not a regular file, unless the system made its name; or if it is
/// larger.
pub fn read_regular(path: &Path, bytes_max: u64) -> io::Result<(Vec<u8>, Metadata)> {
    let mut options = OpenOptions::new();
    options.read(true);
    if !is_of_system(path) {
        options.custom_flags(OFlags::NONBLOCK.bits() as i32);
    }
    let file = options.open(path)?;
    let found = file.metadata()?;
    let kind = found.file_type();
    if kind.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !is_of_system(path) && !kind.is_file() {
        return Err(wrong(if kind.is_fifo() { "is a FIFO, not a file" } else { "is not a file" }));
    }
    let mut text = Vec::new();
    // One byte more shows that the file is too large.
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut text)?;
    if text.len() as u64 > bytes_max {
        return Err(wrong(&format!("is larger than {bytes_max} bytes")));
    }
    Ok((text, found))
}

/// Opens a file for reading and writing that only its owner can read, and creates it if there is
/// none. Its content stays.
///
/// # Errors
/// As the system call; if the path is a symbolic link; or as [`check_owner`].
pub fn open_private(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.custom_flags(flags.bits() as i32).open(path)?;
    check_owner(&file)?;
    Ok(file)
}

/// Checks that an open file is one that may be written: regular, with one name, and of root or of
/// this process's user. Root may write the files of every user.
///
/// # Errors
/// What is wrong with it.
pub fn check_owner(file: &File) -> io::Result<()> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(wrong("is not a regular file"));
    }
    if found.nlink() > 1 {
        return Err(wrong("has several names (hard links)"));
    }
    let user = rustix::process::geteuid().as_raw();
    if user != 0 && found.uid() != user && found.uid() != 0 {
        let text = format!("belongs to user {}", found.uid());
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    Ok(())
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, what)
}

/// What lets other users remove or replace a file in spite of its own permissions: who owns its
/// directory, or who may write to it. `None` if they cannot, or if the directory cannot be
/// examined.
pub fn directory_risk(file: &Path) -> Option<String> {
    let directory = match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let found = std::fs::metadata(directory).ok()?;
    let (name, owner, mode) = (directory.display(), found.uid(), found.mode());
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        return Some(format!("user {owner}, who owns its directory {name}, can replace the file"));
    }
    // In a sticky directory, only the owner of a file removes it.
    let is_open = mode & 0o022 != 0 && mode & 0o1000 == 0;
    let bits = mode & 0o7777;
    is_open.then(|| {
        format!("users who may write to its directory {name} (mode {bits:o}) can replace the file")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn message<T>(result: io::Result<T>) -> String {
        result.err().expect("an error").to_string()
    }

    #[test]
    fn a_directory_in_which_other_users_can_replace_a_file_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().join("place");
        fs::create_dir(&place).expect("made");
        let file = place.join("file");
        let risk_with = |mode: u32| {
            fs::set_permissions(&place, fs::Permissions::from_mode(mode)).expect("changed");
            directory_risk(&file)
        };
        let name = place.display();
        for mode in [0o770, 0o757] {
            let expected = format!(
                "users who may write to its directory {name} (mode {mode:o}) can replace the file"
            );
            assert_eq!(risk_with(mode), Some(expected));
        }
        for mode in [0o700, 0o755, 0o1777] {
            assert_eq!(risk_with(mode), None, "{mode:o}");
        }
        assert_eq!(directory_risk(&place.join("missing/file")), None);
    }

    #[test]
    fn a_fifo_is_refused_at_once_with_and_without_a_process_at_its_other_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("fifo");
        mkfifoat(CWD, &path, Mode::RWXU).expect("made");
        let link = directory.path().join("link");
        symlink("fifo", &link).expect("linked");
        for _ in 0..2 {
            for path in [&path, &link] {
                assert_eq!(
                    message(open_log(path, 0o640, LinkPolicy::Trusted)),
                    "is a FIFO, not a file"
                );
                assert_eq!(message(read_regular(path, 10)), "is a FIFO, not a file");
            }
            assert_eq!(
                message(open_private(&path)),
                "is not a regular file",
                "a FIFO that is opened for both directions has its other end"
            );
            // Both ends, for the second round: what is opened for reading and writing has them.
            std::mem::forget(fs::File::options().read(true).write(true).open(&path));
        }
    }

    #[test]
    fn a_log_keeps_its_lines_and_is_found_through_our_own_link() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, link) = (directory.path().join("log"), directory.path().join("link"));
        symlink("log", &link).expect("linked");
        for line in ["one\n", "two\n"] {
            let mut log = open_log(&link, 0o640, LinkPolicy::Trusted).expect("opens");
            log.write_all(line.as_bytes()).expect("written");
        }
        assert_eq!(fs::read_to_string(&path).expect("read"), "one\ntwo\n");
        let mode = fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777 & !0o640, 0);
        assert!(open_log(Path::new("/dev/null"), 0o640, LinkPolicy::Trusted).is_ok());
        assert!(open_log(&link, 0o640, LinkPolicy::Refused).is_err());
    }

    #[test]
    fn a_file_that_is_too_large_or_no_file_is_named_so() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("text");
        fs::write(&path, "12345").expect("written");
        assert_eq!(read_regular(&path, 5).expect("read").0, b"12345");
        assert_eq!(message(read_regular(&path, 4)), "is larger than 4 bytes");
        assert_eq!(message(read_regular(directory.path(), 4)), "is a directory");
        assert_eq!(read_regular(Path::new("/dev/null"), 4).expect("read").0, b"");
    }

    #[test]
    fn a_private_file_is_neither_a_link_nor_a_file_with_two_names() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, link) = (directory.path().join("file"), directory.path().join("link"));
        drop(open_private(&path).expect("made"));
        let mode = fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        symlink("file", &link).expect("linked");
        assert!(open_private(&link).is_err());
        fs::hard_link(&path, directory.path().join("second")).expect("linked");
        assert_eq!(message(open_private(&path)), "has several names (hard links)");
    }
}
