//! [`Denial`]: why something is refused, as text for the peer and for the log.
//!
//! Must not: decide.

use std::fmt;

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denial {
    /// The rule in this line of the file denies it.
    Rule(u32),
    /// Rules are in force, and none allows it.
    NoRule,
    /// The listener takes only administrators' commands (`--admin-listen`).
    AdminListener,
    /// The listener takes no administrators' commands that change something.
    ReadOnlyListener,
    /// The listener takes no administrators' commands (`--admin-commands`).
    NoAdminCommands,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denial::Rule(line) => write!(f, "Denied by line {line} of the access rules"),
            Denial::NoRule => f.write_str("No access rule allows this"),
            Denial::AdminListener => f.write_str("This address takes only text commands"),
            Denial::ReadOnlyListener => {
                f.write_str("This address takes only text commands that change nothing")
            }
            Denial::NoAdminCommands => f.write_str("This address takes no text commands"),
        }
    }
}
