//! What the process may do: its limits, and whose it is.
//!
//! Must not: know why.

use std::io;

use nix::unistd::{User, geteuid, setgid, setgroups, setuid};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, setrlimit};

/// Allows as many open files as asked for, or, for 0 too, as the user may have.
///
/// # Errors
/// When the user may not have so many.
pub(crate) fn limit_files(wanted: Option<u64>) -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    match wanted {
        Some(wanted) if wanted > 0 => {
            let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
            limit = Rlimit { current: Some(wanted), maximum };
        }
        _ => limit.current = limit.maximum,
    }
    setrlimit(Resource::Nofile, limit).map_err(|error| {
        let wanted = wanted.unwrap_or_default();
        io::Error::new(error.kind(), format!("--file-descriptors {wanted}: {error}"))
    })
}

/// Lets a crash leave as large a core dump as the user may have.
///
/// # Errors
/// As the system calls.
pub(crate) fn allow_core_dumps() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Core);
    limit.current = limit.maximum;
    setrlimit(Resource::Core, limit)
        .map_err(io::Error::from)
        // The system forbids them to whoever changed the user.
        .and_then(|()| Ok(rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?))
        .map_err(|e| io::Error::new(e.kind(), format!("--coredump: {e}")))
}

/// The user of this name.
///
/// # Errors
/// When there is none.
pub(crate) fn find_user(name: &str) -> io::Result<User> {
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user),
        Ok(None) => Err(io::Error::other(format!("--user: could not find user {name}"))),
        Err(error) => Err(io::Error::other(format!("--user {name}: {error}"))),
    }
}

/// Becomes a user for good, without any group but the user's own.
///
/// # Errors
/// When the process is neither root's nor already the user's.
pub(crate) fn become_user(user: &User) -> io::Result<()> {
    if geteuid() == user.uid {
        return Ok(());
    }
    if !geteuid().is_root() {
        return Err(io::Error::other(format!(
            "--user {}: must be root to switch users",
            user.name
        )));
    }
    setgroups(&[])
        .and_then(|()| setgid(user.gid))
        .and_then(|()| setuid(user.uid))
        .map_err(|error| io::Error::other(format!("--user {}: {error}", user.name)))
}
