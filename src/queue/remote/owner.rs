//! The name under which a server owns a store.
//!
//! Must not: decide who owns it.

/// Process and host of this server, for the message that another one is refused with.
pub fn owner_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("process {} on {}", std::process::id(), host.trim())
}
