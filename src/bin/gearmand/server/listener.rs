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

/// When to ask a silent peer whether it is still there; -1 leaves a value to
/// the system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keepalive {
    /// Seconds of silence before the first question.
    pub(crate) idle: i32,
    /// Seconds between questions.
    pub(crate) interval: i32,
    /// Questions without an answer.
    pub(crate) count: i32,
}

/// Sets what every connection gets. A socket that refuses is still a socket.
pub(super) fn prepare(stream: &TcpStream, keepalive: Keepalive) {
    let positive = |value: i32| u32::try_from(value).ok().filter(|&value| value > 0);
    let _ = stream.set_nodelay(true);
    let _ = sockopt::set_socket_keepalive(stream, true);
    if let Some(seconds) = positive(keepalive.idle) {
        let _ = sockopt::set_tcp_keepidle(stream, Duration::from_secs(seconds.into()));
    }
    if let Some(seconds) = positive(keepalive.interval) {
        let _ = sockopt::set_tcp_keepintvl(stream, Duration::from_secs(seconds.into()));
    }
    if let Some(count) = positive(keepalive.count) {
        let _ = sockopt::set_tcp_keepcnt(stream, count);
    }
}
