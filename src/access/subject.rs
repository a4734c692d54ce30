//! [`Subject`]: a description of peers, such as a network or the names of a certificate.
//!
//! Must not: look names up.

use std::net::IpAddr;

use crate::peer::{GroupMembers, Peer};
use gearman_protocol::pattern::Pattern;

/// A network: an address and the number of its bits that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// The network that text like `10.0.0.0/8` or `::1` names.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn parse(text: &str) -> Result<Network, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| {
            format!("'{text}' is not an address or a network such as 10.0.0.0/8 or fd00::/8")
        })?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(digits) => {
                digits.parse().ok().filter(|prefix| *prefix <= most).ok_or_else(|| {
                    format!("'{text}': the number behind the slash is not from 0 to {most}")
                })?
            }
        };
        let start = masked(address, prefix);
        if start != address {
            return Err(format!(
                "'{text}' has bits behind its prefix: the network is {start}/{prefix}"
            ));
        }
        Ok(Network { address, prefix })
    }

    fn has(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix) == self.address
    }
}

/// An address with only its first `prefix` bits.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            IpAddr::V6((u128::from(v6) & mask).into())
        }
    }
}

/// A description of peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Every peer.
    Any,
    /// Peers on this machine: Unix sockets and loopback addresses.
    Local,
    /// Peers over a Unix socket.
    Unix,
    /// Peers whose address is in a network.
    Network(Network),
    /// Peers whose certificate has a name that matches.
    Certificate(NameKind, Pattern),
    /// Unix peers of a user.
    User(u32),
    /// Unix peers of a group, or of one of the group's members.
    Group(GroupMembers),
    /// Peers that every one of these describes.
    Every(Vec<Subject>),
    /// Peers that one of these describes.
    OneOf(Vec<Subject>),
}

/// Which names of a certificate count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameKind {
    /// The common name and the alternative names.
    Any,
    /// The common name.
    Common,
    /// The alternative names.
    Alternative,
}

impl Subject {
    /// Whether it describes a peer.
    pub(crate) fn has(&self, peer: &Peer<'_>) -> bool {
        // An IPv4 address may come in the form of IPv6.
        let address = || peer.address.map(|address| address.to_canonical());
        match self {
            Subject::Any => true,
            Subject::Local => address().is_none_or(|address| address.is_loopback()),
            Subject::Unix => peer.address.is_none(),
            Subject::Network(network) => address().is_some_and(|address| network.has(address)),
            Subject::Certificate(kind, pattern) => peer.identity.is_some_and(|identity| {
                let common = identity.common_name.iter().filter(|_| *kind != NameKind::Alternative);
                let other = identity.alternative_names.iter().filter(|_| *kind != NameKind::Common);
                common
                    .chain(other)
                    .any(|name| pattern.matches(name.to_ascii_lowercase().as_bytes()))
            }),
            Subject::User(uid) => peer.credentials.is_some_and(|peer| peer.uid == *uid),
            Subject::Group(group) => peer
                .credentials
                .is_some_and(|peer| peer.gid == group.gid || group.uids.contains(&peer.uid)),
            Subject::Every(all) => all.iter().all(|subject| subject.has(peer)),
            Subject::OneOf(some) => some.iter().any(|subject| subject.has(peer)),
        }
    }

    /// The number of levels of descriptions in each other.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Subject::Every(parts) | Subject::OneOf(parts) => {
                1 + parts.iter().map(Subject::depth).max().unwrap_or(0)
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_with_its_prefix() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.9", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1", "::1", true),
        ] {
            let found = Network::parse(network).expect("a network");
            assert_eq!(found.has(address.parse().expect("an address")), expected, "{network}");
        }
    }

    #[test]
    fn an_ipv4_address_in_the_form_of_ipv6_is_in_its_ipv4_network() {
        let subject = Subject::Network(Network::parse("10.0.0.0/8").expect("a network"));
        let address = Some("::ffff:10.1.1.1".parse().expect("an address"));
        assert!(subject.has(&Peer { address, credentials: None, identity: None }));
        let loopback = Some("::ffff:127.0.0.1".parse().expect("an address"));
        assert!(Subject::Local.has(&Peer { address: loopback, credentials: None, identity: None }));
    }

    #[test]
    fn an_error_about_a_network_says_what_is_wrong_with_it() {
        for (text, expected) in [
            ("10.0.0/8", "is not an address or a network"),
            ("", "is not an address or a network"),
            ("10.0.0.0/33", "is not from 0 to 32"),
            ("::/129", "is not from 0 to 128"),
            ("10.0.0.0/", "is not from 0 to 32"),
            ("10.1.2.3/8", "the network is 10.0.0.0/8"),
            ("fd00::1/64", "the network is fd00::/64"),
        ] {
            let error = Network::parse(text).expect_err(text);
            assert!(error.contains(expected), "{error}");
        }
    }
}
