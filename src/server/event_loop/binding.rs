//! Opens listening sockets for addresses, host names and paths.
//!
//! Must not: accept connections.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use mio::net::{TcpListener, UnixListener};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use super::listener::{Listener, SocketFile};
use gearman_files::{FileId, hidden_name, take_place};

/// Number of ports to try until one is free on every address, if the port is 0.
const PORT_TRIES: usize = 16;

/// Prefix of a path; a relative path needs it.
const UNIX_PREFIX: &str = "unix:";

/// Where and how to listen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding<'a> {
    /// Addresses, host names, and paths of Unix sockets. None, "*" and "" are every
    /// IPv4 and IPv6 address.
    pub(crate) names: &'a [String],
    /// The port of addresses and host names. 0 picks a port that is free on each.
    pub(crate) port: u16,
    /// Longest queue of connections that wait to be accepted.
    pub(crate) backlog: i32,
    /// Permissions of the Unix sockets.
    pub(crate) mode: u32,
}

/// The TCP part of a binding, and the options that its errors name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpBinding<'a> {
    /// Addresses and host names, as in [`Binding`].
    pub(crate) names: &'a [&'a str],
    pub(crate) names_option: &'static str,
    pub(crate) port: u16,
    pub(crate) port_option: &'static str,
    pub(crate) backlog: i32,
}

/// Opens the listeners.
///
/// # Errors
/// When one of them cannot be opened. The error names it and its option.
pub(crate) fn bind(binding: Binding<'_>) -> io::Result<Vec<Listener>> {
    let Binding { names, port, backlog, mode } = binding;
    let hosts: Vec<&str> = names.iter().map(String::as_str).filter(|n| path(n).is_none()).collect();
    if names.iter().any(|name| name == UNIX_PREFIX) {
        let text = format!("--listen {UNIX_PREFIX}: no path after '{UNIX_PREFIX}'");
        return Err(io::Error::other(text));
    }
    let mut listeners = Vec::new();
    if names.is_empty() || !hosts.is_empty() {
        let opened = bind_tcp(TcpBinding {
            names: &hosts,
            names_option: "--listen",
            port,
            port_option: "--port",
            backlog,
        })?;
        listeners.extend(opened.into_iter().map(Listener::Tcp));
    }
    for path in names.iter().filter_map(|name| path(name)) {
        let listener = listen_unix(path, backlog, mode).map_err(|error| {
            io::Error::new(error.kind(), format!("--listen {}: {error}", path.display()))
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// The path of a Unix socket, if the name is one.
pub(crate) fn path(name: &str) -> Option<&Path> {
    let path = name.strip_prefix(UNIX_PREFIX);
    path.or_else(|| name.starts_with('/').then_some(name)).map(Path::new)
}

/// Opens the listeners of addresses and host names.
///
/// # Errors
/// As [`bind`].
pub(crate) fn bind_tcp(binding: TcpBinding<'_>) -> io::Result<Vec<TcpListener>> {
    let addresses = resolve(binding.names, binding.names_option)?;
    let mut tries = if binding.port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_all(&addresses, binding) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && tries > 0 => {}
            result => return result,
        }
    }
}

/// An address without a port, and whether it may be left out on a machine without its
/// address family.
type BindAddress = (SocketAddr, bool);

fn resolve(names: &[&str], option: &str) -> io::Result<Vec<BindAddress>> {
    // "*" is every address, as in the C library's lookup, which the original uses.
    if names.is_empty() || names.iter().any(|name| ["*", ""].contains(name)) {
        let every: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        return Ok(every.map(|address| (SocketAddr::new(address, 0), true)).into());
    }
    let mut addresses: Vec<BindAddress> = Vec::new();
    for name in names {
        let host = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        let found = (host, 0)
            .to_socket_addrs()
            .map_err(|e| io::Error::new(e.kind(), format!("{option} {name}: {e}")))?;
        let is_name = host.parse::<IpAddr>().is_err();
        for address in found {
            match addresses.iter_mut().find(|(known, _)| *known == address) {
                Some((_, is_optional)) => *is_optional &= is_name,
                None => addresses.push((address, is_name)),
            }
        }
    }
    Ok(addresses)
}

fn bind_all(addresses: &[BindAddress], binding: TcpBinding<'_>) -> io::Result<Vec<TcpListener>> {
    let TcpBinding { mut port, port_option, backlog, .. } = binding;
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut missing = None;
    for &(mut address, is_optional) in addresses {
        address.set_port(port);
        let named = |e: io::Error| {
            // An address that this machine does not have is not the port's fault.
            let option = match e.kind() {
                ErrorKind::AddrNotAvailable => format!("{} {}", binding.names_option, address.ip()),
                _ => format!("{port_option} {}", binding.port),
            };
            let text = format!("{option}: cannot listen on {address}: {e}");
            io::Error::new(e.kind(), text)
        };
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

fn stream_socket(family: AddressFamily) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(net::socket_with(family, SocketType::STREAM, flags, None)?)
}

/// Listens on a socket under a random name, and gives it its own name then: a client
/// that finds the file is accepted, and no file that appears meanwhile is replaced.
fn listen_unix(path: &Path, backlog: i32, mode: u32) -> io::Result<Listener> {
    // Whether the path fits into an address.
    SocketAddrUnix::new(path)?;
    let replaced = stale_socket(path)?;
    let hidden = hidden_name(path)?;
    let socket = stream_socket(AddressFamily::UNIX)?;
    let (address, _directory) = address_of(&hidden)?;
    // With the umask, the file has its final permissions from the start. No other
    // thread runs yet whose files the umask could affect.
    let before = rustix::process::umask(!Mode::from_raw_mode(mode) & Mode::from_raw_mode(0o777));
    let bound = net::bind(&socket, &address);
    rustix::process::umask(before);
    bound?;
    let placed = net::listen(&socket, backlog)
        .map_err(io::Error::from)
        .and_then(|()| take_place(&hidden, path, replaced))
        .and_then(|()| SocketFile::new(path.to_path_buf()));
    let file = placed.inspect_err(|_| {
        let _ = std::fs::remove_file(&hidden);
    })?;
    Ok(Listener::Unix(UnixListener::from_std(socket.into()), Some(file)))
}

/// The address of a socket's file. Where the path is too long, the directory is named by its
/// descriptor, which is open as long as the second value lives.
fn address_of(path: &Path) -> io::Result<(SocketAddrUnix, Option<OwnedFd>)> {
    if let Ok(address) = SocketAddrUnix::new(path) {
        return Ok((address, None));
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::NAMETOOLONG.into());
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(CWD, directory, flags, Mode::empty())?;
    let short = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
    Ok((SocketAddrUnix::new(&short)?, Some(directory)))
}

/// The socket of a server that no longer runs, if there is one: one that refuses connections, of
/// root or of this process's user.
fn stale_socket(path: &Path) -> io::Result<Option<FileId>> {
    let found = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    if !found.file_type().is_socket() {
        let text = "the file exists and is not a socket";
        return Err(io::Error::new(ErrorKind::AlreadyExists, text));
    }
    // Without waiting: the queue of a server that hangs may be full.
    let socket = stream_socket(AddressFamily::UNIX)?;
    match net::connect(&socket, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED) => {}
        _ => return Err(ErrorKind::AddrInUse.into()),
    }
    let user = rustix::process::geteuid().as_raw();
    if user != 0 && found.uid() != 0 && found.uid() != user {
        let text = format!("the file exists and belongs to user {}", found.uid());
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    Ok(Some(FileId::from(&found)))
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
    fn an_address_of_another_machine_is_named_with_its_option() {
        let error = bind_to(&["192.0.2.1"]).expect_err("it is for documentation").to_string();
        assert!(error.starts_with("--listen 192.0.2.1: cannot listen on 192.0.2.1:"), "{error}");
    }

    #[test]
    fn several_names_share_a_port() {
        let listeners = bind_to(&["127.0.0.1", "localhost", "127.0.0.2"]).expect("listens");
        let ports: Vec<_> = listeners.iter().map(|listener| listener.port()).collect();
        assert!(ports.len() >= 2 && ports.iter().all(|&port| port == ports[0]), "{ports:?}");
    }

    #[test]
    fn a_star_and_an_empty_name_are_every_address() {
        let places = |names: &[&str]| bind_to(names).expect("listens").len();
        for names in [&["*"][..], &[""], &["127.0.0.1", "*"]] {
            let listeners = bind_to(names).expect("listens");
            assert!(listeners[0].to_string().starts_with("0.0.0.0:"), "{names:?}");
            assert_eq!(listeners.len(), places(&[]), "{names:?}");
        }
    }

    #[test]
    fn an_ipv6_address_may_have_brackets() {
        match bind_to(&["[::1]"]) {
            Ok(listeners) => assert!(listeners[0].to_string().starts_with("[::1]:")),
            Err(error) => assert!(is_ipv6_missing(&error), "{error}"),
        }
    }

    fn is_ipv6_missing(error: &io::Error) -> bool {
        matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported)
    }

    #[test]
    fn a_unix_socket_has_its_permissions_and_is_removed_on_drop() {
        let path = socket("permissions");
        let listeners = bind_to(&[&format!("unix:{path}")]).expect("listens");
        assert_eq!((listeners[0].port(), listeners[0].to_string()), (None, path.clone()));
        let mode = std::fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        drop(listeners);
        assert!(!Path::new(&path).exists());
    }

    #[test]
    fn only_a_socket_that_refuses_connections_is_replaced() {
        let path = socket("stale");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("binds"));
        let listeners = bind_to(&[&path]).expect("the stale one is replaced");
        let error = bind_to(&[&path]).expect_err("a server answers");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&path), "{error}");
        drop(listeners);
        std::fs::write(&path, "precious").expect("written");
        let error = bind_to(&[&path]).expect_err("not a socket");
        assert!(error.to_string().contains("is not a socket"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), "precious");
        std::fs::remove_file(&path).expect("removed");
    }

    #[test]
    fn a_path_of_the_greatest_length_is_listened_on_and_leaves_no_other_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let room = 107 - directory.path().as_os_str().len() - 1;
        let path = directory.path().join("x".repeat(room));
        let listeners = bind_to(&[path.to_str().expect("text")]).expect("listens");
        assert_eq!(listeners[0].to_string(), path.to_str().expect("text"));
        let found = std::fs::read_dir(directory.path()).expect("listed");
        assert_eq!(found.count(), 1);
        std::os::unix::net::UnixStream::connect(&path).expect("connects");
        drop(listeners);
        assert_eq!(std::fs::read_dir(directory.path()).expect("listed").count(), 0);
    }

    #[test]
    fn a_server_whose_queue_is_full_is_in_use_and_not_waited_for() {
        let path = socket("full");
        let _listeners = bind_to(&[&path]).expect("listens");
        // The queue of `bind_to` has one place; it is not accepted from.
        let peer = || stream_socket(AddressFamily::UNIX).expect("a socket");
        let address = SocketAddrUnix::new(&*path).expect("an address");
        let peers: Vec<_> = std::iter::repeat_with(peer)
            .map(|peer| (net::connect(&peer, &address), peer))
            .take(8)
            .collect();
        assert!(peers.iter().any(|(connected, _)| *connected == Err(Errno::AGAIN)));
        assert_eq!(bind_to(&[&path]).expect_err("in use").kind(), ErrorKind::AddrInUse);
    }

    #[test]
    fn a_link_in_the_place_of_a_socket_is_neither_followed_nor_replaced() {
        let path = socket("link");
        let target = socket("link-target");
        std::os::unix::fs::symlink(&target, &path).expect("linked");
        let error = bind_to(&[&path]).expect_err("a link");
        assert!(error.to_string().contains("is not a socket"), "{error}");
        assert!(!Path::new(&target).exists() && Path::new(&path).is_symlink());
        std::fs::remove_file(&path).expect("removed");
    }

    #[test]
    fn an_error_names_the_address_or_path() {
        let long = format!("/tmp/{}", "x".repeat(200));
        for name in ["192.0.2.1", "no such host", "/nonexistent/socket", &long, "relative/path"] {
            let error = bind_to(&[name]).expect_err(name);
            assert!(error.to_string().contains(name), "{error}");
        }
        let error = bind_to(&["127.0.0.1", "unix:"]).expect_err("no path");
        assert_eq!(error.to_string(), "--listen unix:: no path after 'unix:'");
    }
}
