//! Putting a finished file in the place of another one.
//!
//! Must not: replace a file that the caller has not seen.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, RenameFlags, StatxFlags, makedev, renameat_with, statx};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

/// Random bits in a hidden name.
const NAME_BYTES: usize = 8;

/// Device and inode of a file; of a link itself, not of its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(u64, u64);

impl FileId {
    /// The file that a path names.
    ///
    /// # Errors
    /// If it cannot be reached.
    pub fn of(path: &Path) -> io::Result<FileId> {
        std::fs::symlink_metadata(path).map(|found| FileId::from(&found))
    }
}

impl From<&std::fs::Metadata> for FileId {
    fn from(found: &std::fs::Metadata) -> FileId {
        FileId(found.dev(), found.ino())
    }
}

/// The file that a path leads to, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Which file it is.
    pub id: FileId,
    /// Its size.
    pub bytes: u64,
}

impl FoundFile {
    /// Looks a path up without asking for the times of the file.
    ///
    /// A write to a file whose times were read gives it a new time, from Linux 6.13 on, which some
    /// file systems write with the next sync: a second write to the disk for every sync.
    ///
    /// # Errors
    /// If the file cannot be reached.
    pub fn at(path: &Path) -> io::Result<FoundFile> {
        match statx(CWD, path, AtFlags::empty(), StatxFlags::INO | StatxFlags::SIZE) {
            Ok(found) => {
                let device = makedev(found.stx_dev_major, found.stx_dev_minor);
                Ok(FoundFile { id: FileId(device, found.stx_ino), bytes: found.stx_size })
            }
            // Linux before 4.11.
            Err(Errno::NOSYS) => std::fs::metadata(path)
                .map(|found| FoundFile { id: FileId::from(&found), bytes: found.len() }),
            Err(error) => Err(error.into()),
        }
    }
}

/// A path in the same directory with a random name, so that no other user can have made a file or
/// a link there.
///
/// # Errors
/// If the system has no random numbers.
pub fn hidden_name(path: &Path) -> io::Result<PathBuf> {
    let mut bytes = [0; NAME_BYTES];
    let count = getrandom(&mut bytes, GetRandomFlags::empty())?;
    if count < NAME_BYTES {
        return Err(io::Error::other("the system gave too few random bytes"));
    }
    let mut name = OsString::from(".");
    name.push(format!("{:016x}", u64::from_ne_bytes(bytes)));
    Ok(path.with_file_name(name))
}

/// Renames a finished file, so that a path names it instead of `replaced`, or instead of nothing.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if the path names another file now, which then stays there; or
/// as the system call.
pub fn take_place(finished: &Path, path: &Path, replaced: Option<FileId>) -> io::Result<()> {
    let Some(replaced) = replaced else {
        return match renameat_with(CWD, finished, CWD, path, RenameFlags::NOREPLACE) {
            // A file system without this kind of renaming.
            Err(Errno::INVAL | Errno::NOSYS) => {
                // A new name for the file fails if there is one, and the old name goes.
                std::fs::hard_link(finished, path)?;
                std::fs::remove_file(finished)
            }
            result => Ok(result?),
        };
    };
    match renameat_with(CWD, finished, CWD, path, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS) => {
            if FileId::of(path)? != replaced {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            return std::fs::rename(finished, path);
        }
        result => result?,
    }
    // Now the old file has the hidden name.
    if FileId::of(finished)? != replaced {
        renameat_with(CWD, finished, CWD, path, RenameFlags::EXCHANGE)?;
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    std::fs::remove_file(finished)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_takes_the_place_of_the_one_that_was_seen_and_of_no_other() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let text = |name: &str| fs::read_to_string(at(name)).expect("read");
        fs::write(at("old"), "old").expect("written");
        let seen = FileId::of(&at("old")).expect("is there");
        fs::write(at("other"), "other").expect("written");
        fs::write(at("new"), "new").expect("written");
        for replaced in [None, Some(seen)] {
            let error = take_place(&at("new"), &at("other"), replaced).expect_err("not seen");
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!((text("new"), text("other")), ("new".into(), "other".into()));
        }
        take_place(&at("new"), &at("old"), Some(seen)).expect("renamed");
        assert_eq!((text("old"), at("new").exists()), ("new".into(), false));
        take_place(&at("old"), &at("free"), None).expect("renamed");
        assert_eq!((text("free"), at("old").exists()), ("new".into(), false));
    }

    #[test]
    fn a_found_file_is_the_target_of_a_link_until_another_takes_its_place() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "12345").expect("written");
        std::os::unix::fs::symlink("file", at("link")).expect("linked");
        let found = FoundFile::at(&at("link")).expect("is there");
        assert_eq!(found.id, FileId::of(&at("file")).expect("is there"));
        assert_eq!(found.bytes, 5);
        fs::write(at("new"), "1").expect("written");
        fs::rename(at("new"), at("file")).expect("renamed");
        assert_ne!(FoundFile::at(&at("link")).expect("is there").id, found.id);
        fs::remove_file(at("file")).expect("removed");
        let error = FoundFile::at(&at("link")).expect_err("is removed");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_hidden_name_is_another_one_each_time_in_the_same_directory() {
        let path = Path::new("/run/gearmand.pid");
        let names = [hidden_name(path).expect("a name"), hidden_name(path).expect("a name")];
        assert_ne!(names[0], names[1]);
        assert_eq!(names[0].parent(), path.parent());
    }
}
