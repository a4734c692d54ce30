//! Addresses of servers: an IP address with a port, or the path of a Unix socket.
//!
//! Must not: connect.

use gearman_protocol::limits::DEFAULT_PORT;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// An address to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a TCP port.
    Inet(SocketAddr),
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

/// Whether a host is looked up by the resolver: it is neither a numeric address nor a
/// path.
pub fn is_name(host: &str) -> bool {
    !host.starts_with('/') && host.parse::<IpAddr>().is_err()
}

/// Looks up every address of `host`, in the order in which to try them: the families take
/// turns, beginning with the resolver's first address (RFC 8305), so that a network that
/// lacks one of them costs one attempt.
///
/// # Errors
/// Those of the resolver; `NotFound` if the name has no address.
pub fn resolve(host: &str, port: u16) -> io::Result<Vec<Address>> {
    if host.starts_with('/') {
        return Ok(vec![Address::Unix(host.into())]);
    }
    // The original passes "*" to getaddrinfo as no name, which is the loopback address.
    if host == "*" {
        let loopback: [IpAddr; 2] = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
        return Ok(loopback.map(|ip| Address::Inet(SocketAddr::new(ip, port))).into());
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![Address::Inet(SocketAddr::new(ip, port))]);
    }
    let found: Vec<Address> = (host, port).to_socket_addrs()?.map(Address::Inet).collect();
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(interleaved(found))
}

/// The addresses with the two families in turn.
fn interleaved(found: Vec<Address>) -> Vec<Address> {
    let is_v6 = |address: &Address| matches!(address, Address::Inet(a) if a.is_ipv6());
    let starts_with_v6 = found.first().is_some_and(is_v6);
    let (first, second): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| is_v6(address) == starts_with_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = Vec::with_capacity(first.len() + second.len());
    while first.len() + second.len() > 0 {
        all.extend(first.next());
        all.extend(second.next());
    }
    all
}

/// The TCP port of a service in `/etc/services`, by its name or an alias. `gearman` is
/// known without an entry, too.
pub fn service_port(name: &str) -> Option<u16> {
    let services = std::fs::read_to_string("/etc/services").unwrap_or_default();
    find_service(&services, name).or_else(|| (name == "gearman").then_some(DEFAULT_PORT))
}

/// Finds a name in lines of the form `name port/tcp alias...  # comment`.
fn find_service(services: &str, wanted: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (name, port) = (words.next()?, words.next()?.strip_suffix("/tcp")?);
        let matches = name == wanted || words.any(|alias| alias == wanted);
        matches.then(|| port.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_found_by_its_name_and_its_alias() {
        let services = "# comment\nssh 22/tcp\ngearman\t4730/tcp job # x\ngearman 4731/udp\n";
        assert_eq!(find_service(services, "gearman"), Some(4730));
        assert_eq!(find_service(services, "job"), Some(4730));
        assert_eq!(find_service(services, "x"), None);
        assert!(service_port("gearman").is_some() && service_port("no-such-service").is_none());
    }

    #[test]
    fn the_families_of_a_names_addresses_take_turns() {
        let inet = |text: &str| Address::Inet(text.parse().expect("literal"));
        let found = ["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1", "1.0.0.2:1"].map(inet);
        let wanted = ["[::1]:1", "1.0.0.1:1", "[::2]:1", "1.0.0.2:1", "[::3]:1"].map(inet);
        assert_eq!(interleaved(found.into()), wanted);
        let found = ["1.0.0.1:1", "1.0.0.2:1", "[::1]:1"].map(inet);
        let wanted = ["1.0.0.1:1", "[::1]:1", "1.0.0.2:1"].map(inet);
        assert_eq!(interleaved(found.into()), wanted);
        assert_eq!(interleaved(Vec::new()), []);
    }

    #[test]
    fn numbers_and_paths_need_no_resolver() {
        assert!(!is_name("127.0.0.1") && !is_name("::1") && !is_name("/run/gearmand.sock"));
        assert!(is_name("localhost"));
        let star = resolve("*", 1).expect("loopback");
        let this = ["[::1]:1", "127.0.0.1:1"].map(|a| Address::Inet(a.parse().expect("literal")));
        assert_eq!(star, this);
        assert_eq!(
            resolve("::1", 4730).expect("numeric"),
            [Address::Inet("[::1]:4730".parse().expect("literal"))]
        );
        assert_eq!(resolve("/tmp/g", 1).expect("path"), [Address::Unix("/tmp/g".into())]);
    }
}
