//! [`StateFile`]: a file that describes a running process, such as its process id, and is removed
//! when that ends.
//!
//! Must not: replace or remove what is not a regular file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::links::trusted_target;
use crate::opening::check_owner;
use crate::place::{FileId, hidden_name, take_place};

/// A file that is removed on drop, if it is still the same with the same content.
#[derive(Debug)]
pub struct StateFile {
    /// The file to remove; `None` for a device or a pipe, which stays.
    file: Option<(PathBuf, FileId)>,
    text: String,
}

impl StateFile {
    /// Writes a line. A regular file is replaced in one step, so that a reader sees all of the
    /// text. A device is written to and stays. A link of root's or of our own stays, too; its
    /// target is replaced.
    ///
    /// # Errors
    /// If it cannot be written, or belongs to another user.
    pub fn write(path: &Path, line: impl ToString) -> io::Result<StateFile> {
        let text = format!("{}\n", line.to_string());
        let target = trusted_target(path)?;
        let found = match fs::symlink_metadata(&target) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if found.as_ref().is_some_and(|found| !found.is_file()) {
            // `fs::write` would block until a pipe has a reader.
            open_in_place(&target)?.write_all(text.as_bytes())?;
            return Ok(StateFile { file: None, text });
        }
        let id = match replace(&target, &text, found.as_ref().map(FileId::from)) {
            // The user may write this file but create no other in its directory.
            Err(e) if e.kind() == ErrorKind::PermissionDenied && found.is_some() => {
                let mut file = open_in_place(&target)?;
                check_owner(&file)?;
                file.set_len(0)?;
                file.write_all(text.as_bytes())?;
                FileId::from(&file.metadata()?)
            }
            result => result?,
        };
        Ok(StateFile { file: Some((target, id)), text })
    }
}

/// Replaces a regular file by one with this text, in one step, or creates it. A link of root's or of
/// our own stays, and its target is replaced.
///
/// # Errors
/// If it cannot be written, belongs to another user, or is no regular file.
pub fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let target = trusted_target(path)?;
    let found = match File::open(&target) {
        Ok(file) => {
            check_owner(&file)?;
            Some(FileId::from(&file.metadata()?))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    replace(&target, text, found).map(drop)
}

/// Writes the text into a new file and puts it in the place of the file that was found.
fn replace(path: &Path, text: &str, found: Option<FileId>) -> io::Result<FileId> {
    let fresh = hidden_name(path)?;
    // `create_new` is O_EXCL: neither a link nor an existing file is opened.
    let flags = OFlags::NOFOLLOW.bits() as i32;
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).custom_flags(flags).open(&fresh)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.metadata())
        .map(|metadata| FileId::from(&metadata))
        .and_then(|id| take_place(&fresh, path, found).map(|()| id));
    written.inspect_err(|_| {
        let _ = fs::remove_file(&fresh);
    })
}

fn open_in_place(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
    OpenOptions::new().write(true).custom_flags(flags.bits() as i32).open(path)
}

impl Drop for StateFile {
    fn drop(&mut self) {
        if let Some((path, id)) = &self.file
            && FileId::of(path).is_ok_and(|found| found == *id)
            && fs::read_to_string(path).is_ok_and(|found| found == self.text)
        {
            // If removing fails, the file is gone already or the directory is read-only.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileTypeExt, lchown, symlink};

    #[test]
    fn a_stale_file_is_replaced_and_the_new_one_is_removed_on_drop() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("pid");
        fs::write(&path, "stale\n").expect("written");
        let file = StateFile::write(&path, 17).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), "17\n");
        drop(file);
        assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 0);
    }

    #[test]
    fn a_file_that_another_process_rewrote_stays_also_with_the_same_content() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("pid");
        let file = StateFile::write(&path, 17).expect("written");
        let successor = StateFile::write(&path, 17).expect("written");
        drop(file);
        assert_eq!(fs::read_to_string(&path).expect("read"), "17\n");
        fs::write(&path, "18\n").expect("written");
        drop(successor);
        assert_eq!(fs::read_to_string(&path).expect("read"), "18\n");
    }

    #[test]
    fn a_device_is_written_to_and_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let link = directory.path().join("link");
        symlink("/dev/null", &link).expect("linked");
        for path in [Path::new("/dev/null"), &link] {
            drop(StateFile::write(path, 17).expect("written"));
            assert!(fs::metadata("/dev/null").expect("is there").file_type().is_char_device());
        }
        assert!(link.is_symlink());
    }

    #[test]
    fn what_another_user_linked_to_is_not_touched() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, precious) = (directory.path().join("pid"), directory.path().join("precious"));
        fs::write(&precious, "precious").expect("written");
        symlink("precious", &path).expect("linked");
        // Only root can give a link away.
        if lchown(&path, Some(65_534), None).is_ok() {
            let error = StateFile::write(&path, 17).expect_err("another user's");
            assert!(error.to_string().contains("user 65534"), "{error}");
            assert_eq!(fs::read_to_string(&precious).expect("read"), "precious");
        }
    }

    #[test]
    fn a_name_that_an_attacker_guesses_is_not_used() {
        let directory = tempfile::tempdir().expect("a directory");
        let (path, precious) = (directory.path().join("pid"), directory.path().join("precious"));
        fs::write(&precious, "precious").expect("written");
        for suffix in [".new", ".tmp", "~"] {
            let mut guess = path.clone().into_os_string();
            guess.push(suffix);
            symlink("precious", guess).expect("linked");
        }
        drop(StateFile::write(&path, 17).expect("written"));
        assert_eq!(fs::read_to_string(&precious).expect("read"), "precious");
    }
}
