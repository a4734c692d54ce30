//! Who has a store that several servers can reach: the text of an ownership lease.
//!
//! Must not: know where the lease is kept.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::owner_name;

/// Time between two renewals of a lease.
pub(crate) const LEASE_RENEWAL: Duration = Duration::from_secs(5);
/// Time between two looks at a lease that may have ended.
pub(crate) const LEASE_LOOK: Duration = Duration::from_millis(250);

/// A store that this process has open, as a text that no other store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeaseOwner(String);

/// What is known of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Its process runs on this system.
    Alive,
    /// Its process ran on this system and has ended.
    Gone,
    /// It is on another system.
    Unknown,
}

impl LeaseOwner {
    /// An owner of this process. Two stores in one process are two owners.
    pub(crate) fn new() -> LeaseOwner {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        LeaseOwner(format!(
            "{} boot={} pidns={} started={} since={now}",
            owner_name(),
            boot(),
            pid_namespace(),
            started(std::process::id()).unwrap_or_default()
        ))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The owner's name for people: its process and host.
pub(crate) fn shown(owner: &str) -> String {
    match owner.split_once(" boot=") {
        Some((name, _)) if name.starts_with("process ") => name.escape_debug().to_string(),
        _ => format!("\"{}\"", owner.escape_debug()),
    }
}

/// Whether an owner still runs, as far as this process can see.
pub(crate) fn life(owner: &str) -> Life {
    let value = |name: &str| {
        let start = owner.find(name)? + name.len();
        owner[start..].split(' ').next()
    };
    let Some(id) = value("process ").and_then(|id| id.parse().ok()) else { return Life::Unknown };
    let is_of_this_system = value(" boot=").is_some_and(|text| !text.is_empty() && text == boot())
        && value(" pidns=").is_some_and(|text| text == pid_namespace().to_string());
    // The number of a process is used again, its start time is not.
    match (is_of_this_system, started(id).as_deref() == value(" started=")) {
        (false, _) => Life::Unknown,
        (true, true) => Life::Alive,
        (true, false) => Life::Gone,
    }
}

fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

fn pid_namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |metadata| metadata.ino())
}

fn started(id: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name of the program is in parentheses and may contain anything.
    let after_name = &stat[stat.rfind(')')? + 1..];
    after_name.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_gone_once_its_process_has_ended() {
        let own = LeaseOwner::new();
        assert_eq!(life(own.as_str()), Life::Alive);
        let ended = own.as_str().replace(" started=", " started=9");
        assert_eq!(life(&ended), Life::Gone, "{ended}");
    }

    #[test]
    fn of_an_owner_on_another_system_nothing_is_known() {
        let own = LeaseOwner::new();
        let elsewhere =
            own.as_str().replace(" boot=", " boot=x").replace(" started=", " started=9");
        assert_eq!(life(&elsewhere), Life::Unknown, "{elsewhere}");
        assert_eq!(life("another program"), Life::Unknown);
    }

    #[test]
    fn an_owner_is_shown_as_process_and_host() {
        let own = LeaseOwner::new();
        let text = shown(own.as_str());
        assert!(text.starts_with(&format!("process {} on ", std::process::id())), "{text}");
        assert!(!text.contains("boot="), "{text}");
        assert_eq!(shown("another\nprogram"), "\"another\\nprogram\"");
    }
}
