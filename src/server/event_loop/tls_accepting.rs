//! The event loop's work with TLS: hand-shakes, the certificate and its expiry.
//!
//! Must not: know the record layer.

use std::time::Duration;

use std::os::fd::AsRawFd;

use mio::net::TcpStream;

use super::EventLoop;
use super::accepted_socket::AcceptedSocket;
use super::handshakes::{HandshakeOutcome, Handshakes};
use crate::log::Level;
use crate::tls::{Certificate, EXPIRY_CHECK_PERIOD, TlsPolicy};
use gearman_access::ListenerRole;
use gearman_broker::DriverTimer;
use gearman_session::{Origin, Stream};

impl EventLoop {
    /// Serves TLS. `policies` are those of the listeners, in their order.
    pub(crate) fn start_tls(
        &mut self,
        certificate: Certificate,
        handshake_timeout: Duration,
        policies: Vec<TlsPolicy>,
    ) {
        certificate.report_expiry(&mut self.jobs.journal);
        self.set_expiry_timer();
        self.tls_policies = policies;
        self.handshakes = Some(Handshakes::new(certificate, handshake_timeout));
    }

    fn set_expiry_timer(&mut self) {
        let after_ms = EXPIRY_CHECK_PERIOD.as_millis() as u64;
        self.jobs.set_timer(after_ms, DriverTimer::CertificateExpiry);
    }

    /// Looks at the expiry of the certificate once a day.
    pub(super) fn check_expiry(&mut self) {
        if let Some(handshakes) = &self.handshakes {
            handshakes.certificate().report_expiry(&mut self.jobs.journal);
            self.set_expiry_timer();
        }
    }

    /// Reads the certificate again.
    pub(super) fn reload_certificate(&mut self) {
        let Some(handshakes) = &self.handshakes else { return };
        let certificate = handshakes.certificate();
        let log = &mut self.jobs.journal;
        match certificate.reload() {
            Ok(()) => {
                log.write(Level::Notice, format_args!("SIGHUP: the certificates are read again"));
                certificate.report_expiry(log);
            }
            Err(error) => log.write(
                Level::Error,
                format_args!("SIGHUP: the certificates from before stay in force: {error}"),
            ),
        }
    }

    /// Whether a connection of this listener has to show first whether it has TLS.
    pub(super) fn policy(&self, listener: usize) -> TlsPolicy {
        self.tls_policies.get(listener).copied().unwrap_or_default()
    }

    /// Takes in a connection that may have TLS.
    pub(super) fn begin_handshake(
        &mut self,
        socket: TcpStream,
        origin: Origin,
        role: ListenerRole,
        policy: TlsPolicy,
    ) {
        let descriptor = socket.as_raw_fd();
        let Some(handshakes) = &mut self.handshakes else { return };
        let had_deadlines = handshakes.has_deadlines();
        if let Err(error) = handshakes.begin(self.poll.registry(), socket, (origin, role), policy) {
            self.slots.remove(&descriptor);
            let line = format_args!("Dropped {origin}: cannot begin a TLS hand-shake: {error}");
            self.jobs.journal.write(Level::Error, line);
        }
        self.set_handshake_timer(had_deadlines);
    }

    /// Sets the timer of hand-shakes if the first one has begun.
    fn set_handshake_timer(&mut self, had_deadlines: bool) {
        if !had_deadlines {
            self.expire_handshakes();
        }
    }

    /// Takes the steps of one turn.
    pub(super) fn advance_handshakes(&mut self) {
        let Some(handshakes) = &mut self.handshakes else { return };
        if !handshakes.is_busy() {
            return;
        }
        let had_deadlines = handshakes.has_deadlines();
        let mut outcomes = Vec::new();
        handshakes.advance(self.poll.registry(), &mut outcomes);
        self.take_outcomes(outcomes);
        self.set_handshake_timer(had_deadlines);
    }

    /// Ends hand-shakes that take too long, and sets the timer for the next one.
    pub(super) fn expire_handshakes(&mut self) {
        let Some(handshakes) = &mut self.handshakes else { return };
        let mut outcomes = Vec::new();
        let next = handshakes.expire(&mut outcomes);
        self.take_outcomes(outcomes);
        if let Some(next) = next {
            let after_ms = next.as_millis() as u64 + 1;
            self.jobs.set_timer(after_ms, DriverTimer::Handshake);
        }
    }

    fn take_outcomes(&mut self, outcomes: Vec<HandshakeOutcome>) {
        for outcome in outcomes {
            match outcome {
                HandshakeOutcome::Ready(socket, origin, role) => {
                    self.report_identity(&socket, origin);
                    self.register(socket, origin, role);
                }
                HandshakeOutcome::Failed(origin, error, descriptor) => {
                    self.slots.remove(&descriptor);
                    let line = format_args!("Disconnected {origin} in its TLS hand-shake: {error}");
                    self.jobs.journal.write_about_peer(Level::Warning, line);
                }
            }
        }
    }

    fn report_identity(&mut self, socket: &AcceptedSocket, origin: Origin) {
        let log = &mut self.jobs.journal;
        match (socket, socket.peer_identity()) {
            (AcceptedSocket::Tls(_), Some(identity)) => {
                log.write(Level::Info, format_args!("{origin} has TLS and is {identity}"));
            }
            (AcceptedSocket::Tls(_), None) => {
                log.write(Level::Info, format_args!("{origin} has TLS and no certificate"));
            }
            _ => {}
        }
    }
}
