//! Listening sockets, and what every accepted one gets.
//!
//! Must not: know what connections are for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

/// How many free ports are tried before giving up on finding one that is free
/// on every address.
const PORT_TRIES: usize = 16;

/// Opens a listener per address; without any, on all IPv4 and IPv6 addresses.
/// Port 0 becomes the same free port on each.
///
/// # Errors
/// When an address cannot be resolved or listened on.
pub(crate) fn bind(names: &[String], port: u16, backlog: u16) -> io::Result<Vec<TcpListener>> {
    let addresses = resolve(names)?;
    let mut tries = if port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_all(&addresses, names.is_empty(), port, backlog) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            result => return result,
        }
    }
}

fn resolve(names: &[String]) -> io::Result<Vec<IpAddr>> {
    if names.is_empty() {
        return Ok(vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]);
    }
    let mut addresses = Vec::new();
    for name in names {
        let found = (name.as_str(), 0)
            .to_socket_addrs()
            .map_err(|e| io::Error::new(e.kind(), format!("address {name}: {e}")))?;
        for address in found.map(|found| found.ip()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    Ok(addresses)
}

fn bind_all(
    addresses: &[IpAddr],
    any: bool,
    mut port: u16,
    backlog: u16,
) -> io::Result<Vec<TcpListener>> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    for &address in addresses {
        let address = SocketAddr::new(address, port);
        match listen(address, backlog) {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            // A machine without one of the families is still a machine.
            Err(error) if any && is_family_missing(&error) && address.is_ipv6() => {}
            Err(error) => {
                return Err(io::Error::new(error.kind(), format!("listen on {address}: {error}")));
            }
        }
    }
    if listeners.is_empty() {
        return Err(io::Error::other("no address to listen on"));
    }
    Ok(listeners)
}

fn is_family_missing(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let found = error.raw_os_error();
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].iter().any(|e| found == Some(e.raw_os_error()))
}

fn listen(address: SocketAddr, backlog: u16) -> io::Result<TcpListener> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    net::bind(&socket, &address)?;
    net::listen(&socket, i32::from(backlog))?;
    Ok(TcpListener::from_std(socket.into()))
}

/// When to ask a silent peer whether it is still there; 0 leaves a value to the
/// system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keepalive {
    /// Seconds of silence before the first question.
    pub(crate) idle: u32,
    /// Seconds between questions.
    pub(crate) interval: u32,
    /// Questions without an answer.
    pub(crate) count: u32,
}

/// Sets what every connection gets. A socket that refuses is still a socket.
pub(super) fn prepare(stream: &TcpStream, keepalive: Keepalive) {
    let seconds = |count: u32| Duration::from_secs(count.into());
    let _ = stream.set_nodelay(true);
    let _ = sockopt::set_socket_keepalive(stream, true);
    if keepalive.idle > 0 {
        let _ = sockopt::set_tcp_keepidle(stream, seconds(keepalive.idle));
    }
    if keepalive.interval > 0 {
        let _ = sockopt::set_tcp_keepintvl(stream, seconds(keepalive.interval));
    }
    if keepalive.count > 0 {
        let _ = sockopt::set_tcp_keepcnt(stream, keepalive.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keepalive_was_asked_for_reaches_the_socket() {
        let names = ["127.0.0.1".to_string()];
        let listener = bind(&names, 0, 1).expect("listens").remove(0);
        let address = listener.local_addr().expect("an address");
        let _peer = std::net::TcpStream::connect(address).expect("connects");
        let (stream, _) = loop {
            match listener.accept() {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
                accepted => break accepted.expect("accepts"),
            }
        };
        let before = sockopt::tcp_keepintvl(&stream).expect("a number");
        prepare(&stream, Keepalive { idle: 61, interval: 0, count: 7 });
        assert!(sockopt::socket_keepalive(&stream).expect("a flag"));
        assert_eq!(sockopt::tcp_keepidle(&stream).expect("a number").as_secs(), 61);
        assert_eq!(sockopt::tcp_keepintvl(&stream).expect("a number"), before);
        assert_eq!(sockopt::tcp_keepcnt(&stream).expect("a number"), 7);
        assert!(stream.nodelay().expect("a flag"));
    }
}
