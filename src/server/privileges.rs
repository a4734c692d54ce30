//! Limits and user of the process.
//!
//! Must not: read options.

use std::io;

use nix::unistd::{User, geteuid, setgid, setgroups, setuid};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, setrlimit};

/// Sets the limit on open files. `None` and 0 are the hard limit.
///
/// # Errors
/// When the number is above the hard limit and the user is not root.
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
        io::Error::new(
            error.kind(),
            format!("--file-descriptors {wanted}: cannot set the limit: {error}"),
        )
    })
}

/// Raises the limit on core dumps to the hard limit.
///
/// # Errors
/// As the system calls.
pub(crate) fn allow_core_dumps() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Core);
    limit.current = limit.maximum;
    setrlimit(Resource::Core, limit)
        .map_err(io::Error::from)
        // A process that changed its user dumps no core by default.
        .and_then(|()| Ok(rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?))
        .map_err(|e| io::Error::new(e.kind(), format!("--coredump: cannot enable core dumps: {e}")))
}

/// Looks up a user by name.
///
/// # Errors
/// When the user does not exist.
pub(crate) fn find_user(name: &str) -> io::Result<User> {
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user),
        Ok(None) => Err(io::Error::other(format!("--user {name}: no such user"))),
        Err(error) => Err(io::Error::other(format!("--user {name}: {error}"))),
    }
}

/// Changes the user permanently, with no group but the user's primary one.
///
/// # Errors
/// When the process runs as neither root nor that user.
pub(crate) fn become_user(user: &User) -> io::Result<()> {
    if geteuid() == user.uid {
        return Ok(());
    }
    if !geteuid().is_root() {
        return Err(io::Error::other(format!("--user {}: only root can switch users", user.name)));
    }
    setgroups(&[])
        .and_then(|()| setgid(user.gid))
        .and_then(|()| setuid(user.uid))
        .map_err(|error| io::Error::other(format!("--user {}: {error}", user.name)))
}
