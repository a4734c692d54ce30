//! Passwords, which no log line and no error shows.
//!
//! Must not: print one.

use std::fmt;
use std::io;
use std::path::Path;

/// Largest file with a password that is read, in bytes.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// A password, or a text that contains one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret from the command line or the environment.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// Reads a secret from a file: its first line.
    ///
    /// # Errors
    /// If the file cannot be read, or every user may read it. The text names the file.
    pub fn read(file: &Path) -> Result<Secret, String> {
        use std::os::unix::fs::PermissionsExt;
        let named = |error: io::Error| format!("{}: {error}", file.display());
        let (text, found) = gearman_files::read_regular(file, SECRET_BYTES_MAX).map_err(named)?;
        let mode = found.permissions().mode();
        if mode & 0o007 != 0 {
            return Err(format!(
                "{}: every user may read this password; chmod 600 or 640 it",
                file.display()
            ));
        }
        let text = String::from_utf8(text).map_err(|_| named(io::Error::other("is not UTF-8")))?;
        Ok(Secret(text.lines().next().unwrap_or_default().to_owned()))
    }

    /// The secret itself, for the store.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some(***)");
    }

    #[test]
    fn a_file_that_every_user_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("password");
        fs::write(&file, "hunter2\n").expect("writes");
        let chmod = |mode| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("changes");
        };
        chmod(0o644);
        let error = Secret::read(&file).expect_err("is readable");
        assert!(error.contains("every user may read") && !error.contains("hunter2"), "{error}");
        chmod(0o640);
        assert_eq!(Secret::read(&file), Ok(Secret::new("hunter2")));
    }
}
