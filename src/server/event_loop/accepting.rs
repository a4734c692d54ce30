//! Accepts connections, and retries when the system has no descriptor or memory left.
//!
//! Must not: know the protocol of a connection.

use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::{Interest, Token};

use super::EventLoop;
use super::accepted_socket::AcceptedSocket;
use crate::log::Level;
use crate::tls::TlsPolicy;
use gearman_access::ListenerRole;
use gearman_broker::DriverTimer;
use gearman_session::Origin;

/// Connections accepted from a listener before the open ones are served.
const ACCEPTS_PER_TURN: usize = 64;
/// Pause before accepting again when the system is out of descriptors or memory.
const ACCEPT_RETRY_MS: u64 = 100;
/// Shortest time between two log lines about that.
pub(super) const ACCEPT_FAILURE_LOG_PERIOD: Duration = Duration::from_secs(10);

impl EventLoop {
    /// Accepts waiting connections from all listeners.
    pub(super) fn accept_all(&mut self) {
        self.is_full = false;
        (0..self.listeners.len()).for_each(|index| self.accept(index));
    }

    /// Accepts waiting connections from a listener.
    pub(super) fn accept(&mut self, index: usize) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(Some(listener)) = self.listeners.get(index) else { return };
            match listener.accept(self.keepalive) {
                Ok((stream, origin)) => {
                    let role = self.role(index);
                    if !self.admits(origin, role, stream.as_raw_fd()) {
                        continue;
                    }
                    self.jobs
                        .journal
                        .write(Level::Info, format_args!("Accepted connection from {origin}"));
                    match (stream, self.policy(index)) {
                        (AcceptedSocket::Tcp(socket), policy) if policy != TlsPolicy::Plain => {
                            self.begin_handshake(socket, origin, role, policy);
                        }
                        (stream, _) => self.register(stream, origin, role),
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if is_full(&e) => {
                    if self.accept_failures.admits(Instant::now()) {
                        self.jobs.journal.write(
                            Level::Error,
                            format_args!(
                                "Cannot accept a connection: {e}; retrying every \
                                 {ACCEPT_RETRY_MS} ms"
                            ),
                        );
                    }
                    // The poller is edge-triggered: it does not report waiting connections again.
                    self.is_full = true;
                    if !std::mem::replace(&mut self.is_accepting_timed, true) {
                        self.jobs.set_timer(ACCEPT_RETRY_MS, DriverTimer::Accept);
                    }
                    return;
                }
                // That connection is gone; another may be waiting.
                Err(e) => self.jobs.journal.write_about_peer(
                    Level::Warning,
                    format_args!("Cannot accept a connection: {e}"),
                ),
            }
        }
        // The poller does not report the remaining ones again.
        self.is_accepting_due = true;
    }

    pub(super) fn register(&mut self, stream: AcceptedSocket, origin: Origin, role: ListenerRole) {
        let descriptor = stream.as_raw_fd();
        let is_tls = matches!(stream, AcceptedSocket::Tls(_));
        let key = self.jobs.connect_to(role, stream, origin, descriptor);
        let Some(stream) = self.jobs.stream(key.index()) else { return };
        let token = Token(key.index());
        let registry = self.poll.registry();
        if let Err(error) = registry.register(stream.as_source(), token, Interest::READABLE) {
            self.jobs.journal.write(
                Level::Error,
                format_args!("Dropped {origin}: cannot watch its socket: {error}"),
            );
            self.jobs.disconnect(key);
            return;
        }
        if is_tls {
            // Bytes behind the hand-shake are received already, and the poller does not know.
            self.jobs.readable(key.index(), false);
        }
    }
}

/// Whether accepting failed for lack of a resource that may be freed later.
fn is_full(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let found = error.raw_os_error();
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
        .iter()
        .any(|e| found == Some(e.raw_os_error()))
}
