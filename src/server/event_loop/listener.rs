//! Listening sockets, and the settings of accepted ones.
//!
//! Must not: know the protocol of a connection.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::unistd::User;
use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid};
use rustix::net::sockopt;

use super::accepted_socket::AcceptedSocket;
use gearman_access::UnixCredentials;
use gearman_files::FileId;
use gearman_session::{LocalPeer, Origin};

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    /// A Unix socket, and its file if the server made it.
    Unix(UnixListener, Option<SocketFile>),
}

impl Listener {
    /// Accepts a connection.
    ///
    /// # Errors
    /// As the system call.
    pub(super) fn accept(&self, keepalive: Keepalive) -> io::Result<(AcceptedSocket, Origin)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                let _ = stream.set_nodelay(true);
                keepalive.set(&stream);
                Ok((AcceptedSocket::Tcp(stream), Origin::Inet(address)))
            }
            Listener::Unix(listener, _) => {
                let (stream, _) = listener.accept()?;
                // The process id is 0 for a process in another container, which
                // rustix cannot represent.
                let peer = getsockopt(&stream, PeerCredentials).ok();
                let local = LocalPeer {
                    process: peer.map_or(0, |peer| peer.pid()),
                    credentials: peer
                        .map(|peer| UnixCredentials { uid: peer.uid(), gid: peer.gid() }),
                };
                Ok((AcceptedSocket::Unix(stream), Origin::Local(local)))
            }
        }
    }

    /// The TCP port, if it has one.
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Listener::Tcp(listener) => Some(listener.local_addr().ok()?.port()),
            Listener::Unix(..) => None,
        }
    }

    /// Whether other machines can reach it.
    pub(crate) fn is_beyond_loopback(&self) -> bool {
        match self {
            Listener::Tcp(listener) => listener
                .local_addr()
                .is_ok_and(|address| !address.ip().to_canonical().is_loopback()),
            Listener::Unix(..) => false,
        }
    }

    /// Gives the file of a Unix socket to a user.
    ///
    /// # Errors
    /// As the system call.
    pub(crate) fn give_to(&self, user: &User) -> io::Result<()> {
        let Listener::Unix(_, Some(file)) = self else { return Ok(()) };
        file.give_to(user)
            .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", file.path.display())))
    }

    /// The socket, as the poller registers it.
    pub(super) fn as_source(&mut self) -> &mut dyn Source {
        match self {
            Listener::Tcp(listener) => listener,
            Listener::Unix(listener, _) => listener,
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listener::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(f),
                Err(error) => error.fmt(f),
            },
            // The socket itself knows the name under which it was made.
            Listener::Unix(_, Some(file)) => file.path.display().fmt(f),
            Listener::Unix(listener, None) => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                match path {
                    Some(path) => path.display().fmt(f),
                    None => f.write_str("an unnamed Unix socket"),
                }
            }
        }
    }
}

/// The file of a Unix socket, which is removed on drop if it is still the same one.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    id: FileId,
}

impl SocketFile {
    /// The file at this path.
    ///
    /// # Errors
    /// When it does not exist.
    pub(super) fn new(path: PathBuf) -> io::Result<SocketFile> {
        let id = FileId::of(&path)?;
        Ok(SocketFile { path, id })
    }

    /// Makes the file a user's. A file that another process has put in its place meanwhile is not
    /// given away.
    fn give_to(&self, user: &User) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(CWD, &self.path, flags, Mode::empty())?);
        if FileId::from(&file.metadata()?) != self.id {
            return Err(io::Error::other("another file has taken the place of the socket"));
        }
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        Ok(rustix::fs::chownat(&file, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if FileId::of(&self.path).is_ok_and(|found| found == self.id) {
            // Without write permission it stays; the next server removes it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The settings of TCP keepalive; 0 keeps the system's value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keepalive {
    /// Time without traffic before the first probe.
    pub(crate) idle_seconds: u32,
    /// Time between probes.
    pub(crate) interval_seconds: u32,
    /// Number of unanswered probes after which the connection is closed.
    pub(crate) probes: u32,
}

impl Keepalive {
    /// Applies the settings. A socket that refuses them works without.
    pub(super) fn set(self, socket: impl AsFd + Copy) {
        let seconds = |count: u32| Duration::from_secs(count.into());
        let _ = sockopt::set_socket_keepalive(socket, true);
        if self.idle_seconds > 0 {
            let _ = sockopt::set_tcp_keepidle(socket, seconds(self.idle_seconds));
        }
        if self.interval_seconds > 0 {
            let _ = sockopt::set_tcp_keepintvl(socket, seconds(self.interval_seconds));
        }
        if self.probes > 0 {
            let _ = sockopt::set_tcp_keepcnt(socket, self.probes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::binding::{TcpBinding, bind_tcp};
    use super::*;

    #[test]
    fn an_accepted_socket_has_the_keepalive_settings() {
        let binding = TcpBinding {
            names: &["127.0.0.1"],
            names_option: "--listen",
            port: 0,
            port_option: "--port",
            backlog: 1,
        };
        let listener = bind_tcp(binding).expect("listens").remove(0);
        let address = listener.local_addr().expect("an address");
        let listener = Listener::Tcp(listener);
        let _peer = std::net::TcpStream::connect(address).expect("connects");
        let keepalive = Keepalive { idle_seconds: 61, interval_seconds: 0, probes: 7 };
        let (stream, origin) = loop {
            match listener.accept(keepalive) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
                accepted => break accepted.expect("accepts"),
            }
        };
        assert_eq!(origin.host(), "127.0.0.1");
        let untouched = std::net::TcpStream::connect(address).expect("connects");
        assert!(sockopt::socket_keepalive(&stream).expect("a flag"));
        assert_eq!(sockopt::tcp_keepidle(&stream).expect("a number").as_secs(), 61);
        assert_eq!(
            sockopt::tcp_keepintvl(&stream).expect("a number"),
            sockopt::tcp_keepintvl(&untouched).expect("a number")
        );
        assert_eq!(sockopt::tcp_keepcnt(&stream).expect("a number"), 7);
        assert!(sockopt::tcp_nodelay(&stream).expect("a flag"));
    }

    #[test]
    fn addresses_of_each_family_have_their_own_form() {
        let origin = Origin::Inet("[2001:db8::1]:4730".parse().expect("an address"));
        assert_eq!(
            (origin.host(), origin.to_string()),
            ("2001:db8::1".into(), "[2001:db8::1]:4730".into())
        );
        assert_eq!(Origin::local(7).host(), "unix:7");
    }
}
