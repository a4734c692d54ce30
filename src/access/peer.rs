//! [`Peer`]: what is known of the other end of a connection, and how names of users and groups
//! are looked up.
//!
//! Must not: find any of it out; the driver does.

use std::fmt;
use std::net::IpAddr;

/// The names of a client certificate that was verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The common name of its subject.
    pub common_name: Option<String>,
    /// Its alternative names: DNS names, addresses, mail addresses and URIs as plain text.
    pub alternative_names: Vec<String>,
}

impl fmt::Display for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.common_name, self.alternative_names.first()) {
            (Some(name), _) | (None, Some(name)) => name.escape_debug().fmt(f),
            (None, None) => f.write_str("a certificate without names"),
        }
    }
}

/// The credentials of the process at the other end of a Unix socket, when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixCredentials {
    /// User id.
    pub uid: u32,
    /// Group id. Further groups of the process are not known.
    pub gid: u32,
}

/// A peer, as rules match it.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// Its IP address; `None` for a Unix socket.
    pub address: Option<IpAddr>,
    /// Its credentials, if it is connected over a Unix socket and they are known.
    pub credentials: Option<UnixCredentials>,
    /// The names of its certificate, if it has shown one.
    pub identity: Option<&'a PeerIdentity>,
}

/// A group of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMembers {
    /// The group's id.
    pub gid: u32,
    /// The ids of the users that the group lists.
    pub uids: Vec<u32>,
}

/// Looks names of users and groups up while rules are read.
pub trait NameLookup {
    /// The id of a user. `Ok(None)` if there is no such user.
    ///
    /// # Errors
    /// The text of the failure if the names cannot be read.
    fn user(&self, name: &str) -> Result<Option<u32>, String>;

    /// A group. `Ok(None)` if there is no such group.
    ///
    /// # Errors
    /// As [`NameLookup::user`].
    fn group(&self, name: &str) -> Result<Option<GroupMembers>, String>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_shown_by_its_common_name_or_its_first_other_name() {
        let shown = |common: Option<&str>, others: &[&str]| {
            PeerIdentity {
                common_name: common.map(str::to_owned),
                alternative_names: others.iter().map(ToString::to_string).collect(),
            }
            .to_string()
        };
        assert_eq!(shown(Some("w1"), &["w1.example"]), "w1");
        assert_eq!(shown(None, &["w1.example", "10.0.0.1"]), "w1.example");
        assert_eq!(shown(None, &[]), "a certificate without names");
        assert_eq!(shown(Some("two\nlines"), &[]), "two\\nlines");
    }
}
