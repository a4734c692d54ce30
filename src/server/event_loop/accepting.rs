//! New connections, also when there is no room for them.
//!
//! Must not: know what connections are for.

use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::Token;

use super::Server;
use super::peer::Peer;
use super::peers::Outlet;
use super::stream::{Origin, Stream};
use crate::log::Level;

/// How many are accepted from a listener before those who are here get their turn.
const STAMPEDE: usize = 64;
/// How long accepting rests when there is no room for another connection.
const REST: Duration = Duration::from_millis(100);
/// How often that is said.
pub(super) const NO_ROOM_PERIOD: Duration = Duration::from_secs(10);

impl Server {
    /// Accepts whoever waits anywhere.
    pub(super) fn accept_all(&mut self) {
        self.accept_again = None;
        (0..self.listeners.len()).for_each(|index| self.accept(index));
    }

    /// Accepts whoever waits at a listener.
    pub(super) fn accept(&mut self, index: usize) {
        for _ in 0..STAMPEDE {
            let Some(listener) = self.listeners.get(index) else { return };
            match listener.accept(self.settings.keepalive) {
                Ok((stream, origin)) => {
                    self.log.write(Level::Info, format_args!("Accepted connection from {origin}"));
                    self.welcome(stream, origin);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if is_full(&e) => {
                    let now = Instant::now();
                    if self.no_room.admits(now) {
                        self.log.write(Level::Error, format_args!("accept: {e}"));
                    }
                    // The poller will not call again for those who wait already.
                    self.accept_again = Some(now + REST);
                    return;
                }
                // That one is gone; the next may be there.
                Err(e) => self.log.complain(Level::Warning, format_args!("accept: {e}")),
            }
        }
        // The poller will not call again for the others.
        self.accept_again = Some(Instant::now());
    }

    fn welcome(&mut self, stream: Stream, origin: Origin) {
        let descriptor = stream.as_raw_fd();
        let key = self.broker.connect(descriptor, &origin.host());
        let mut peer = Peer::new(stream, origin, key);
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
