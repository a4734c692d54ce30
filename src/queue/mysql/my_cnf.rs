//! Option files of MySQL's client library: the groups `[client]` and `[gearmand]`.
//!
//! Must not: connect, or show a password.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Groups that are read; the original names the last one.
const OPTION_GROUPS: [&str; 3] = ["client", "client-server", "gearmand"];
/// Largest option file, in bytes.
const OPTION_FILE_BYTES_MAX: u64 = 1 << 20;
/// How deep files may include each other.
const INCLUDE_DEPTH_MAX: usize = 10;

/// The options of those groups, as `name` and value. A later one replaces an earlier one.
#[derive(Clone, Debug, Default)]
pub(super) struct OptionFile(Vec<(String, String)>);

/// The files that the client library reads, in its order.
pub fn option_files() -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from("/etc/my.cnf"), PathBuf::from("/etc/mysql/my.cnf")];
    let of_variable = |name, file| env::var_os(name).map(|home| PathBuf::from(home).join(file));
    files.extend(of_variable("MYSQL_HOME", "my.cnf"));
    files.extend(of_variable("HOME", ".my.cnf"));
    files
}

impl OptionFile {
    /// Reads files. One that does not exist, or that this user may not read, has no options.
    ///
    /// # Errors
    /// If a file cannot be read for another reason, or a line of it is malformed. The text names
    /// the file, and no value.
    pub(super) fn read(files: &[PathBuf]) -> Result<OptionFile, String> {
        let mut found = OptionFile::default();
        files.iter().try_for_each(|file| found.add(file, 0))?;
        Ok(found)
    }

    /// The value of an option.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rfind(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn add(&mut self, file: &Path, depth: usize) -> Result<(), String> {
        use std::os::unix::fs::PermissionsExt;
        let named = |why: &str| format!("{}: {why}", file.display());
        if depth > INCLUDE_DEPTH_MAX {
            return Err(named("files include each other"));
        }
        let (text, metadata) = match gearman_files::read_regular(file, OPTION_FILE_BYTES_MAX) {
            Ok(read) => read,
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied
                ) =>
            {
                return Ok(());
            }
            Err(error) => return Err(named(&error.to_string())),
        };
        // Every user could name a server. The client library ignores such a file as well.
        if metadata.permissions().mode() & 0o002 != 0 {
            return Ok(());
        }
        let text = String::from_utf8(text).map_err(|_| named("is not UTF-8"))?;
        let mut is_ours = false;
        for line in text.lines().map(str::trim) {
            if let Some(place) = directive(line, "!includedir") {
                self.add_directory(&file.with_file_name(place), depth)?;
            } else if let Some(place) = directive(line, "!include") {
                self.add(&file.with_file_name(place), depth + 1)?;
            } else if let Some(group) = line.strip_prefix('[') {
                let group = group.split(']').next().unwrap_or_default().trim();
                is_ours = OPTION_GROUPS.contains(&group);
            } else if is_ours && !line.is_empty() && !line.starts_with(['#', ';']) {
                let (name, value) = line.split_once('=').unwrap_or((line, ""));
                let name = name.trim().trim_start_matches("loose-").replace('_', "-");
                self.0.push((name, value_of(value.trim())));
            }
        }
        Ok(())
    }

    /// Reads the files of a directory whose names end in `.cnf`.
    fn add_directory(&mut self, place: &Path, depth: usize) -> Result<(), String> {
        let entries = fs::read_dir(place).into_iter().flatten().filter_map(Result::ok);
        let mut files: Vec<_> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "cnf"))
            .collect();
        files.sort();
        files.iter().try_for_each(|file| self.add(file, depth + 1))
    }
}

/// What stands behind a word at the start of a line.
fn directive<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let place = line.strip_prefix(word)?;
    place.starts_with([' ', '\t']).then(|| place.trim())
}

/// A value without its quotes, its comment, and the backslashes that stand for other letters.
fn value_of(text: &str) -> String {
    let quote = text.chars().next().filter(|letter| ['\'', '"'].contains(letter));
    let mut letters = text.chars().skip(quote.iter().count()).peekable();
    let mut value = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            _ if Some(letter) == quote => return value,
            '#' if quote.is_none() => break,
            '\\' => {
                let escaped = letters.next().unwrap_or('\\');
                match escaped {
                    'n' => value.push('\n'),
                    't' => value.push('\t'),
                    'r' => value.push('\r'),
                    'b' => value.push('\x08'),
                    's' => value.push(' '),
                    '\\' | '\'' | '"' => value.push(escaped),
                    other => value.extend(['\\', other]),
                }
            }
            _ => value.push(letter),
        }
    }
    value.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// Writes a file and returns its path.
    fn written(directory: &Path, name: &str, text: &str) -> PathBuf {
        let file = directory.join(name);
        fs::write(&file, text).expect("writes");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("changes");
        file
    }

    #[test]
    fn the_groups_client_and_gearmand_are_read_and_later_options_count() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path();
        fs::create_dir(place.join("conf.d")).expect("a directory");
        written(&place.join("conf.d"), "a.cnf", "[gearmand]\ndatabase = of_a # why\n");
        written(&place.join("conf.d"), "b.txt", "[gearmand]\ndatabase = of_b\n");
        let text = "# head\n[mysqld]\nuser=daemon\n[client]\nuser = one\npassword='a#\\'b'\n\
                    ssl_ca = /ca.pem\n[gearmand]\nuser=two\n!includedir conf.d\n";
        let file = written(place, "my.cnf", text);
        let found = OptionFile::read(&[place.join("none.cnf"), file]).expect("is read");
        assert_eq!(found.get("user"), Some("two"));
        assert_eq!(found.get("password"), Some("a#'b"));
        assert_eq!(found.get("ssl-ca"), Some("/ca.pem"));
        assert_eq!(found.get("database"), Some("of_a"));
        assert_eq!(found.get("host"), None);
    }

    #[test]
    fn a_file_that_every_user_may_write_is_ignored() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = written(directory.path(), "my.cnf", "[client]\nhost=elsewhere\n");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("changes");
        assert_eq!(OptionFile::read(&[file]).expect("is read").get("host"), None);
    }

    #[test]
    fn files_that_include_each_other_are_an_error_with_their_name() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = written(directory.path(), "my.cnf", "!include my.cnf\n");
        let error = OptionFile::read(&[file]).expect_err("has no end");
        assert!(error.contains("my.cnf: files include each other"), "{error}");
    }
}
