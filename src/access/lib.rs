//! Who may do what on a job server: the access rules as data, and decisions about them.
//!
//! The driver reads the file and knows the peers; [`Rules::parse`] reads the text, and
//! [`AccessControl`] decides, once per kind of peer and function. [`AddressLimits`] limits
//! connections per address.
//!
//! Must not: do I/O, read a clock, or know packets and text commands.

#![forbid(unsafe_code)]

mod address_limits;
mod control;
mod denial;
mod parser;
mod peer;
mod permission;
mod rules;
mod subject;
#[cfg(test)]
mod tests;
mod words;

pub use address_limits::{AddressLimits, ConnectionSettings, Excess};
pub use control::{AccessControl, AdminScope, ListenerRole, ProfileId, RefusalCounts, Viewer};
pub use denial::Denial;
pub use parser::{RULES_BYTES_MAX, RuleError};
pub use peer::{GroupMembers, NameLookup, Peer, PeerIdentity, UnixCredentials};
pub use permission::Permission;
pub use rules::Rules;
