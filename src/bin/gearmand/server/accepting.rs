//! New connections, also when there is no room for them.
//!
//! Must not: know what connections are for.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::Token;
use mio::net::TcpStream;

use super::peer::Peer;
use super::peers::Outlet;
use super::{Server, listener};
use crate::log::Level;

/// How long accepting rests when there is no room for another connection.
const REST: Duration = Duration::from_millis(100);

impl Server {
    /// Accepts whoever waits anywhere.
    pub(super) fn accept_all(&mut self) {
        self.accept_again = None;
        (0..self.listeners.len()).for_each(|index| self.accept(index));
    }

    /// Accepts whoever waits at a listener.
    pub(super) fn accept(&mut self, index: usize) {
        while let Some(listener) = self.listeners.get(index) {
            match listener.accept() {
                Ok((stream, address)) => {
                    self.is_full = false;
                    listener::prepare(&stream, self.keepalive);
                    self.log.write(Level::Info, format_args!("Accepted connection from {address}"));
                    self.welcome(stream, address);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if is_full(&e) => {
                    if !std::mem::replace(&mut self.is_full, true) {
                        self.log.write(Level::Error, format_args!("accept: {e}"));
                    }
                    // The poller will not call again for those who wait already.
                    self.accept_again = Some(Instant::now() + REST);
                    return;
                }
                // That one is gone; the next may be there.
                Err(e) => self.log.write(Level::Warning, format_args!("accept: {e}")),
            }
        }
    }

    fn welcome(&mut self, stream: TcpStream, address: SocketAddr) {
        let descriptor = stream.as_raw_fd();
        let key = self.broker.connect(descriptor, &address.ip().to_string());
        let mut peer = Peer::new(stream, address, key);
        match peer.register(self.poll.registry(), Token(key.index())) {
            Ok(()) => self.peers.insert(peer),
            Err(error) => {
                self.log.write(Level::Error, format_args!("register: {error}"));
                let outlet = &mut Outlet { peers: &mut self.peers, log: &mut self.log };
                self.broker.disconnect(key, outlet);
            }
        }
    }
}

/// Whether accepting failed for want of something that may come back.
fn is_full(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let found = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
        .iter()
        .any(|e| found == Some(e.raw_os_error()))
}
