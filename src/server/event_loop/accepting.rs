//! New connections, also when there is no room for them.
//!
//! Must not: know what connections are for.

use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::{Interest, Token};

use super::EventLoop;
use super::accepted_socket::AcceptedSocket;
use crate::log::Level;
use gearman_broker::DriverTimer;
use gearman_session::Origin;

/// How many are accepted from a listener before those who are here get their turn.
const ACCEPTS_PER_TURN: usize = 64;
/// Milliseconds that accepting rests when there is no room for another connection.
const NO_ROOM_REST_MS: u64 = 100;
/// How often that is said.
pub(super) const NO_ROOM_PERIOD: Duration = Duration::from_secs(10);

impl EventLoop {
    /// Accepts whoever waits anywhere.
    pub(super) fn accept_all(&mut self) {
        self.is_full = false;
        (0..self.listeners.len()).for_each(|index| self.accept(index));
    }

    /// Accepts whoever waits at a listener.
    pub(super) fn accept(&mut self, index: usize) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = self.listeners.get(index) else { return };
            match listener.accept(self.keepalive) {
                Ok((stream, origin)) => {
                    self.jobs
                        .journal
                        .write(Level::Info, format_args!("Accepted connection from {origin}"));
                    self.register(stream, origin);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if is_full(&e) => {
                    if self.no_room.admits(Instant::now()) {
                        self.jobs.journal.write(Level::Error, format_args!("accept: {e}"));
                    }
                    // The poller will not call again for those who wait already.
                    self.is_full = true;
                    if !std::mem::replace(&mut self.is_accepting_timed, true) {
                        self.jobs.set_timer(NO_ROOM_REST_MS, DriverTimer::Accept);
                    }
                    return;
                }
                // That one is gone; the next may be there.
                Err(e) => self.jobs.journal.complain(Level::Warning, format_args!("accept: {e}")),
            }
        }
        // The poller will not call again for the others.
        self.is_accepting_due = true;
    }

    fn register(&mut self, stream: AcceptedSocket, origin: Origin) {
        let descriptor = stream.as_raw_fd();
        let key = self.jobs.connect(stream, origin, descriptor);
        let Some(stream) = self.jobs.stream(key.index()) else { return };
        let token = Token(key.index());
        let registry = self.poll.registry();
        if let Err(error) = registry.register(stream.as_source(), token, Interest::READABLE) {
            self.jobs.journal.write(Level::Error, format_args!("register: {error}"));
            self.jobs.disconnect(key);
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
