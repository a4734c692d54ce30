//! Files that say something about a running server, such as its process id, and
//! go with it.
//!
//! Must not: touch what is not a regular file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A file that is removed at the end, if it still says the same.
#[derive(Debug)]
pub(crate) struct StateFile {
    /// The file to remove; nothing if it was there to stay.
    path: Option<PathBuf>,
    text: String,
}

impl StateFile {
    /// Writes the file in one step: who reads it reads all of it. What an earlier
    /// server left behind is replaced; a device is written to and stays what it
    /// is.
    ///
    /// # Errors
    /// When it cannot be written. The error names the file.
    pub(crate) fn write(path: &Path, what: impl ToString) -> io::Result<StateFile> {
        let text = format!("{}\n", what.to_string());
        let failed = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        // Of a link the file that it leads to is meant.
        let target = fs::canonicalize(path).unwrap_or(path.to_path_buf());
        let replaced = match fs::symlink_metadata(&target) {
            Ok(found) => found.is_file(),
            Err(_) => true,
        };
        if replaced {
            replace(&target, &text).map_err(failed)?;
        } else {
            // Not `fs::write`, which would wait for the reader of a pipe.
            let mut file = open_special(&target).map_err(failed)?;
            file.write_all(text.as_bytes()).map_err(failed)?;
        }
        Ok(StateFile { path: replaced.then_some(target), text })
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    match fs::write(&fresh, text) {
        // The file may have been made for this user where nothing else can be.
        Err(e) if e.kind() == ErrorKind::PermissionDenied && path.exists() => fs::write(path, text),
        result => {
            result?;
            fs::rename(&fresh, path).inspect_err(|_| {
                let _ = fs::remove_file(&fresh);
            })
        }
    }
}

fn open_special(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    OpenOptions::new().write(true).custom_flags(flags as i32).open(path)
}

impl Drop for StateFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path
            && fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
            && fs::read_to_string(path).is_ok_and(|found| found == self.text)
        {
            // Somebody may have been faster.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("gearmand-{}-{name}", std::process::id()))
    }

    #[test]
    fn it_says_what_it_is_told_and_goes() {
        let path = path("announcement");
        fs::write(&path, "stale\n").expect("written");
        let announcement = StateFile::write(&path, 17).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), "17\n");
        drop(announcement);
        assert!(!path.exists());
    }

    #[test]
    fn what_another_server_has_written_since_stays() {
        let path = path("successor");
        let announcement = StateFile::write(&path, 17).expect("written");
        let _successor = StateFile::write(&path, 18).expect("written");
        drop(announcement);
        assert_eq!(fs::read_to_string(&path).expect("read"), "18\n");
    }

    #[test]
    fn a_device_stays_a_device() {
        use std::os::unix::fs::FileTypeExt;
        drop(StateFile::write(Path::new("/dev/null"), 17).expect("written"));
        assert!(fs::metadata("/dev/null").expect("is there").file_type().is_char_device());
        // Reached by a link, too.
        let link = path("link");
        std::os::unix::fs::symlink("/dev/null", &link).expect("linked");
        drop(StateFile::write(&link, 17).expect("written"));
        fs::remove_file(&link).expect("the link is there");
        assert!(fs::metadata("/dev/null").expect("is there").file_type().is_char_device());
    }

    #[test]
    fn an_error_names_the_file() {
        for path in ["/nonexistent/pid", "/proc"] {
            let error = StateFile::write(Path::new(path), 1).expect_err("cannot be");
            assert!(error.to_string().contains(path), "{error}");
        }
    }
}
