//! Reads the access rules, and looks the names of users and groups up that they have.
//!
//! Must not: decide what peers may do.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::process::ExitCode;

use nix::unistd::{Group, User};
use rustix::fs::OFlags;

use crate::options::EXIT_CODE_USAGE;
use gearman_access::{GroupMembers, NameLookup, RULES_BYTES_MAX, Rules};

/// The users and groups of the system.
struct Accounts;

impl NameLookup for Accounts {
    fn user(&self, name: &str) -> Result<Option<u32>, String> {
        let found = User::from_name(name).map_err(|error| unreadable("user", name, error))?;
        Ok(found.map(|user| user.uid.as_raw()))
    }

    fn group(&self, name: &str) -> Result<Option<GroupMembers>, String> {
        let found = Group::from_name(name).map_err(|error| unreadable("group", name, error))?;
        let Some(group) = found else { return Ok(None) };
        let mut uids = Vec::new();
        for member in &group.mem {
            // A group may list users that do not exist.
            uids.extend(self.user(member)?);
        }
        Ok(Some(GroupMembers { gid: group.gid.as_raw(), uids }))
    }
}

fn unreadable(what: &str, name: &str, error: nix::Error) -> String {
    format!("cannot look {what} '{}' up: {error}", name.escape_debug())
}

/// Rules that were read.
pub(crate) struct LoadedRules {
    pub(crate) rules: Rules,
    /// Why the file should be protected better, if it should.
    pub(crate) warning: Option<String>,
}

/// Reads a file of rules.
///
/// # Errors
/// What is wrong: a line for each wrong line of the file, which names both.
pub(crate) fn load(path: &Path) -> Result<LoadedRules, Vec<String>> {
    let shown = path.display();
    let (text, mode) = read(path).map_err(|error| vec![format!("{shown}: {error}")])?;
    let warning = (mode & 0o002 != 0)
        .then(|| format!("{shown}: every user can write the access rules (mode {mode:o})"));
    match Rules::parse(&text, &Accounts) {
        Ok(rules) => Ok(LoadedRules { rules, warning }),
        Err(errors) => Err(errors.iter().map(|error| format!("{shown}, {error}")).collect()),
    }
}

/// The text of a file, and its permissions. Never waits, as for the writer of a FIFO.
fn read(path: &Path) -> io::Result<(Vec<u8>, u32)> {
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::options().read(true).custom_flags(flags.bits() as i32).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut text = Vec::new();
    // One byte more shows that the file is too large.
    file.take(RULES_BYTES_MAX as u64 + 1).read_to_end(&mut text)?;
    Ok((text, found.mode() & 0o777))
}

/// Checks a file of rules, and prints what is wrong with it. Returns the exit code of the program.
pub(crate) fn check(path: &Path) -> ExitCode {
    match load(path) {
        Ok(LoadedRules { rules, warning }) => {
            warning.iter().for_each(|warning| eprintln!("gearmand: {warning}"));
            println!("{}: {} rules", path.display(), rules.len());
            ExitCode::SUCCESS
        }
        Err(errors) => {
            errors.iter().for_each(|error| eprintln!("gearmand: {error}"));
            ExitCode::from(EXIT_CODE_USAGE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_of_the_system_are_known_by_name() {
        assert_eq!(Accounts.user("root"), Ok(Some(0)));
        assert_eq!(Accounts.group("root").map(|group| group.map(|group| group.gid)), Ok(Some(0)));
        assert_eq!(Accounts.user("no such user"), Ok(None));
        assert_eq!(Accounts.group("no such group"), Ok(None));
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_at_once() {
        for path in ["/", "/dev/null"] {
            let errors = load(Path::new(path)).err().expect("refused");
            assert_eq!(errors, [format!("{path}: not a regular file")]);
        }
        assert!(
            load(Path::new("/nonexistent")).err().expect("refused")[0].contains("No such file")
        );
    }
}
