//! Files that describe the running server: the pid file and the port file. They are
//! removed at shutdown.
//!
//! Must not: replace or remove what is not a regular file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A file that is removed on drop, if its content is unchanged.
#[derive(Debug)]
pub(crate) struct StateFile {
    /// The file to remove; `None` for a device or a pipe, which stays.
    path: Option<PathBuf>,
    text: String,
}

impl StateFile {
    /// Writes the file that `option` names. A regular file is replaced in one step, so
    /// that a reader sees all of the text. A device is written to and stays.
    ///
    /// # Errors
    /// When it cannot be written. The error names the option and the file.
    pub(crate) fn write(option: &str, path: &Path, what: impl ToString) -> io::Result<StateFile> {
        let text = format!("{}\n", what.to_string());
        let failed = |e: io::Error| {
            io::Error::new(e.kind(), format!("{option} {}: cannot write: {e}", path.display()))
        };
        // A link stays; its target is replaced.
        let target = fs::canonicalize(path).unwrap_or(path.to_path_buf());
        let replaced = match fs::symlink_metadata(&target) {
            Ok(found) => found.is_file(),
            Err(_) => true,
        };
        if replaced {
            replace(&target, &text).map_err(failed)?;
        } else {
            // `fs::write` would block until a pipe has a reader.
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
        // The user may write this file but create no other in its directory.
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
            // If removing fails, the file is gone already or the directory is read-only.
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
    fn a_stale_file_is_replaced_and_the_new_one_is_removed_on_drop() {
        let path = path("stale");
        fs::write(&path, "stale\n").expect("written");
        let file = StateFile::write("--pid-file", &path, 17).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("read"), "17\n");
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_another_server_rewrote_stays() {
        let path = path("successor");
        let file = StateFile::write("--pid-file", &path, 17).expect("written");
        let _successor = StateFile::write("--pid-file", &path, 18).expect("written");
        drop(file);
        assert_eq!(fs::read_to_string(&path).expect("read"), "18\n");
    }

    #[test]
    fn a_device_is_written_to_and_stays() {
        use std::os::unix::fs::FileTypeExt;
        drop(StateFile::write("--pid-file", Path::new("/dev/null"), 17).expect("written"));
        assert!(fs::metadata("/dev/null").expect("is there").file_type().is_char_device());
        // Also through a link.
        let link = path("link");
        std::os::unix::fs::symlink("/dev/null", &link).expect("linked");
        drop(StateFile::write("--pid-file", &link, 17).expect("written"));
        fs::remove_file(&link).expect("the link is there");
        assert!(fs::metadata("/dev/null").expect("is there").file_type().is_char_device());
    }

    #[test]
    fn an_error_names_the_option_and_the_file() {
        for path in ["/nonexistent/pid", "/proc"] {
            let error = StateFile::write("--pid-file", Path::new(path), 1).expect_err("cannot be");
            let named = format!("--pid-file {path}: cannot write: ");
            assert!(error.to_string().starts_with(&named), "{error}");
        }
    }
}
