//! Where a server is: an IP address with a port, or the path of a Unix socket.
//!
//! Must not: connect.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// One address to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Inet(SocketAddr),
    /// A Unix socket, named by an absolute path.
    Unix(PathBuf),
}

/// Whether a host needs the resolver; others always have the same address.
pub fn is_name(host: &str) -> bool {
    !host.starts_with('/') && host.parse::<IpAddr>().is_err()
}

/// Every address of `host`, in the resolver's order.
///
/// # Errors
/// The resolver's, with its text.
pub fn resolve(host: &str, port: u16) -> io::Result<Vec<Address>> {
    if host.starts_with('/') {
        return Ok(vec![Address::Unix(host.into())]);
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![Address::Inet(SocketAddr::new(ip, port))]);
    }
    let found: Vec<Address> = (host, port).to_socket_addrs()?.map(Address::Inet).collect();
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_paths_need_no_resolver() {
        assert!(!is_name("127.0.0.1") && !is_name("::1") && !is_name("/run/gearmand.sock"));
        assert!(is_name("localhost"));
        assert_eq!(
            resolve("::1", 4730).expect("numeric"),
            [Address::Inet("[::1]:4730".parse().expect("literal"))]
        );
        assert_eq!(resolve("/tmp/g", 1).expect("path"), [Address::Unix("/tmp/g".into())]);
    }
}
