//! From the names that were given to sockets that listen.
//!
//! Must not: accept.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use mio::net::{TcpListener, UnixListener};
use rustix::fs::Mode;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use super::listener::{Listener, SocketFile};

/// How many free ports are tried before giving up on finding one that is free
/// on every address.
const PORT_TRIES: usize = 16;

/// What may stand before a path; one that does not start at the root needs it.
const UNIX: &str = "unix:";

/// Where and how to listen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding<'a> {
    /// Addresses, names, and paths of Unix sockets; without any it is every IPv4
    /// and IPv6 address, for which "*" and "" stand too.
    pub(crate) names: &'a [String],
    /// For addresses and names. 0 becomes the same free port on each.
    pub(crate) port: u16,
    /// How many may wait to be accepted.
    pub(crate) backlog: i32,
    /// Who may use the Unix sockets.
    pub(crate) mode: u32,
}

/// Opens the listeners.
///
/// # Errors
/// When one of them cannot be opened. The error names it.
pub(crate) fn bind(binding: Binding<'_>) -> io::Result<Vec<Listener>> {
    let Binding { names, port, backlog, mode } = binding;
    let hosts: Vec<&str> = names.iter().map(String::as_str).filter(|n| path(n).is_none()).collect();
    if names.iter().any(|name| name == UNIX) {
        return Err(io::Error::other(format!("--listen {UNIX}: there is no path")));
    }
    let mut listeners = Vec::new();
    if names.is_empty() || !hosts.is_empty() {
        listeners.extend(bind_tcp(&hosts, port, backlog)?.into_iter().map(Listener::Tcp));
    }
    for path in names.iter().filter_map(|name| path(name)) {
        let listener = listen_unix(path, backlog, mode).map_err(|error| {
            io::Error::new(error.kind(), format!("--listen {}: {error}", path.display()))
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// The path that a name stands for, if it is not a host's.
pub(crate) fn path(name: &str) -> Option<&Path> {
    let path = name.strip_prefix(UNIX);
    path.or_else(|| name.starts_with('/').then_some(name)).map(Path::new)
}

/// Opens the listeners of hosts; without any, of every address.
///
/// # Errors
/// As [`bind`].
pub(crate) fn bind_tcp(names: &[&str], port: u16, backlog: i32) -> io::Result<Vec<TcpListener>> {
    let places = resolve(names)?;
    let mut tries = if port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_all(&places, port, backlog) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            result => return result,
        }
    }
}

/// An address without a port, and whether another one will do on a machine that
/// does not have its family.
type BindAddress = (SocketAddr, bool);

fn resolve(names: &[&str]) -> io::Result<Vec<BindAddress>> {
    // The C library takes "*" for every address where it looks one up to listen on,
    // and the original passes it on.
    if names.is_empty() || names.iter().any(|name| ["*", ""].contains(name)) {
        let every: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        return Ok(every.map(|address| (SocketAddr::new(address, 0), true)).into());
    }
    let mut places: Vec<BindAddress> = Vec::new();
    for name in names {
        let host = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        let found = (host, 0)
            .to_socket_addrs()
            .map_err(|e| io::Error::new(e.kind(), format!("--listen {name}: {e}")))?;
        let is_name = host.parse::<IpAddr>().is_err();
        for address in found {
            match places.iter_mut().find(|(known, _)| *known == address) {
                Some((_, is_optional)) => *is_optional &= is_name,
                None => places.push((address, is_name)),
            }
        }
    }
    Ok(places)
}

fn bind_all(places: &[BindAddress], mut port: u16, backlog: i32) -> io::Result<Vec<TcpListener>> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut missing = None;
    for &(mut address, is_optional) in places {
        address.set_port(port);
        let named = |e: io::Error| io::Error::new(e.kind(), format!("listen on {address}: {e}"));
        match listen(address, backlog) {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                listeners.push(listener);
            }
            Err(error) if is_optional && is_family_missing(&error) => missing = Some(named(error)),
            Err(error) => return Err(named(error)),
        }
    }
    match missing {
        Some(error) if listeners.is_empty() => Err(error),
        _ => Ok(listeners),
    }
}

fn is_family_missing(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let found = error.raw_os_error();
    [Errno::AFNOSUPPORT, Errno::ADDRNOTAVAIL].iter().any(|e| found == Some(e.raw_os_error()))
}

fn listen(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = stream_socket(family)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    net::bind(&socket, &address)?;
    net::listen(&socket, backlog)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn stream_socket(family: AddressFamily) -> io::Result<std::os::fd::OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(net::socket_with(family, SocketType::STREAM, flags, None)?)
}

fn listen_unix(path: &Path, backlog: i32, mode: u32) -> io::Result<Listener> {
    remove_stale(path)?;
    let socket = stream_socket(AddressFamily::UNIX)?;
    let address = SocketAddrUnix::new(path)?;
    // The file never has more rights than it will have. There is no other thread
    // yet whose files this could concern.
    let before = rustix::process::umask(!Mode::from_raw_mode(mode) & Mode::from_raw_mode(0o777));
    let bound = net::bind(&socket, &address);
    rustix::process::umask(before);
    bound?;
    let file = SocketFile::new(path.to_path_buf())?;
    net::listen(&socket, backlog)?;
    Ok(Listener::Unix(UnixListener::from_std(socket.into()), Some(file)))
}

/// Removes a socket's file that a server left behind: one where nobody answers.
fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::new(
                ErrorKind::AlreadyExists,
                "there is something else than a socket",
            ));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        _ => Err(ErrorKind::AddrInUse.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn bind_to(names: &[&str]) -> io::Result<Vec<Listener>> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        bind(Binding { names: &names, port: 0, backlog: 1, mode: 0o660 })
    }

    fn socket(name: &str) -> String {
        let name = format!("gearmand-{}-{name}.sock", std::process::id());
        std::env::temp_dir().join(name).to_str().expect("a plain path").into()
    }

    #[test]
    fn several_names_share_a_port() {
        let listeners = bind_to(&["127.0.0.1", "localhost", "127.0.0.2"]).expect("listens");
        let ports: Vec<_> = listeners.iter().map(|listener| listener.port()).collect();
        assert!(ports.len() >= 2 && ports.iter().all(|&port| port == ports[0]), "{ports:?}");
    }

    #[test]
    fn a_star_and_an_empty_word_are_every_address() {
        let places = |names: &[&str]| bind_to(names).expect("listens").len();
        for names in [&["*"][..], &[""], &["127.0.0.1", "*"]] {
            let listeners = bind_to(names).expect("listens");
            assert!(listeners[0].to_string().starts_with("0.0.0.0:"), "{names:?}");
            assert_eq!(listeners.len(), places(&[]), "{names:?}");
        }
    }

    #[test]
    fn an_address_of_the_sixth_version_may_stand_in_brackets() {
        match bind_to(&["[::1]"]) {
            Ok(listeners) => assert!(listeners[0].to_string().starts_with("[::1]:")),
            Err(error) => assert!(is_there_no_v6(&error), "{error}"),
        }
    }

    fn is_there_no_v6(error: &io::Error) -> bool {
        matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported)
    }

    #[test]
    fn a_unix_socket_comes_with_its_rights_and_goes() {
        let path = socket("rights");
        let listeners = bind_to(&[&format!("unix:{path}")]).expect("listens");
        assert_eq!((listeners[0].port(), listeners[0].to_string()), (None, path.clone()));
        let mode = std::fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        drop(listeners);
        assert!(!Path::new(&path).exists());
    }

    #[test]
    fn only_a_socket_where_nobody_answers_is_replaced() {
        let path = socket("stale");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("binds"));
        let listeners = bind_to(&[&path]).expect("the stale one is replaced");
        let error = bind_to(&[&path]).expect_err("somebody answers");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&path), "{error}");
        drop(listeners);
        std::fs::write(&path, "precious").expect("written");
        let error = bind_to(&[&path]).expect_err("it is a file");
        assert!(error.to_string().contains("something else than a socket"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), "precious");
        std::fs::remove_file(&path).expect("removed");
    }

    #[test]
    fn what_cannot_be_listened_on_is_named() {
        let long = format!("/tmp/{}", "x".repeat(200));
        for name in ["192.0.2.1", "no such host", "/nonexistent/socket", &long, "relative/path"] {
            let error = bind_to(&[name]).expect_err(name);
            assert!(error.to_string().contains(name), "{error}");
        }
        let error = bind_to(&["127.0.0.1", "unix:"]).expect_err("no path");
        assert_eq!(error.to_string(), "--listen unix:: there is no path");
    }
}
