//! [`Handshakes`]: accepted connections that are not sessions yet.
//!
//! A connection stays here until its hand-shake is complete, or until its first byte shows that
//! it has none. Each turn takes a bounded number of steps, so that many hand-shakes at once
//! delay no job, and each hand-shake has a deadline. A connection that has sent nothing costs
//! its socket only.
//!
//! Must not: know the protocol that follows.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::FIRST_HANDSHAKE_TOKEN;
use super::accepted_socket::AcceptedSocket;
use super::tls_stream::TlsStream;
use crate::tls::{Certificate, TlsPolicy};
use gearman_access::ListenerRole;
use gearman_session::Origin;
use gearman_tls::{HANDSHAKE_BYTE, HandshakeStep, ServerRecords};

/// Most steps of hand-shakes in one turn. A step with a signature takes up to a millisecond.
const HANDSHAKE_STEPS_PER_TURN: usize = 4;

/// What has become of a connection.
pub(super) enum HandshakeOutcome {
    /// It is ready to be a session.
    Ready(AcceptedSocket, Origin, ListenerRole),
    /// It has failed, for this reason; its descriptor is closed.
    Failed(Origin, io::Error, RawFd),
}

/// Hand-shakes that have ended, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HandshakeCounts {
    pub(crate) complete: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    /// Most steps in one turn so far.
    pub(crate) steps_in_turn_max: usize,
}

/// How far a connection has come.
enum HandshakeStage {
    /// Its first byte has not arrived.
    Silent,
    /// It shakes hands.
    Shaking(Box<ServerRecords>),
}

struct Handshake {
    socket: TcpStream,
    origin: Origin,
    role: ListenerRole,
    stage: HandshakeStage,
    /// Whether it waits for a step in `due`.
    is_due: bool,
    /// Tells it from others that had the same place before.
    number: u64,
}

impl Handshake {
    fn failed(self, error: io::Error) -> HandshakeOutcome {
        HandshakeOutcome::Failed(self.origin, error, self.socket.as_raw_fd())
    }
}

/// The connections that are not sessions yet.
pub(super) struct Handshakes {
    certificate: Certificate,
    timeout: Duration,
    /// By place, which makes the token.
    open: Vec<Option<Handshake>>,
    free: Vec<usize>,
    /// Places that may take a step.
    due: VecDeque<usize>,
    /// Deadlines, in order, of the connection with this place and number.
    deadlines: VecDeque<(Instant, usize, u64)>,
    started: u64,
    pub(super) counts: HandshakeCounts,
}

impl Handshakes {
    pub(super) fn new(certificate: Certificate, timeout: Duration) -> Handshakes {
        Handshakes {
            certificate,
            timeout,
            open: Vec::new(),
            free: Vec::new(),
            due: VecDeque::new(),
            deadlines: VecDeque::new(),
            started: 0,
            counts: HandshakeCounts::default(),
        }
    }

    /// The certificate.
    pub(super) fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Whether steps can be taken at once.
    pub(super) fn is_busy(&self) -> bool {
        !self.due.is_empty()
    }

    /// Takes in an accepted connection.
    ///
    /// # Errors
    /// If its socket cannot be watched, or the system has no random numbers.
    pub(super) fn begin(
        &mut self,
        registry: &Registry,
        mut socket: TcpStream,
        (origin, role): (Origin, ListenerRole),
        policy: TlsPolicy,
    ) -> io::Result<()> {
        let place = self.free.pop().unwrap_or(self.open.len());
        if place == self.open.len() {
            self.open.push(None);
        }
        let token = Token(FIRST_HANDSHAKE_TOKEN + place);
        let registered =
            registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE);
        if let Err(error) = registered {
            self.free.push(place);
            return Err(error);
        }
        self.started += 1;
        let number = self.started;
        let handshake = Handshake {
            socket,
            origin,
            role,
            stage: HandshakeStage::Silent,
            is_due: false,
            number,
        };
        self.open[place] = Some(handshake);
        // A connection that may stay without TLS may also stay silent.
        if policy == TlsPolicy::Required {
            self.shake(place)?;
        }
        Ok(())
    }

    /// Starts the hand-shake of a connection.
    fn shake(&mut self, place: usize) -> io::Result<()> {
        let records = self.certificate.current().accept();
        let Some(Some(handshake)) = self.open.get_mut(place) else { return Ok(()) };
        match records {
            Ok(records) => {
                handshake.stage = HandshakeStage::Shaking(Box::new(records));
                let deadline = Instant::now() + self.timeout;
                self.deadlines.push_back((deadline, place, handshake.number));
                Ok(())
            }
            Err(error) => {
                self.remove(place);
                Err(error.into())
            }
        }
    }

    fn remove(&mut self, place: usize) -> Option<Handshake> {
        let handshake = self.open.get_mut(place)?.take()?;
        self.free.push(place);
        Some(handshake)
    }

    /// Records an event of a connection.
    pub(super) fn note(&mut self, place: usize) {
        if let Some(Some(handshake)) = self.open.get_mut(place)
            && !std::mem::replace(&mut handshake.is_due, true)
        {
            self.due.push_back(place);
        }
    }

    /// Takes the steps of one turn.
    pub(super) fn advance(&mut self, registry: &Registry, outcomes: &mut Vec<HandshakeOutcome>) {
        let mut steps = 0;
        while steps < HANDSHAKE_STEPS_PER_TURN
            && let Some(place) = self.due.pop_front()
        {
            steps += 1;
            let Some(Some(handshake)) = self.open.get_mut(place) else { continue };
            handshake.is_due = false;
            match self.step(place) {
                Ok(HandshakeStep::Again) => self.note(place),
                Ok(HandshakeStep::NeedsRead | HandshakeStep::NeedsWrite) => {}
                Ok(HandshakeStep::Complete) => {
                    outcomes.extend(self.finish(place, registry));
                }
                Err(error) => {
                    self.counts.failed += 1;
                    let failed = self.remove(place);
                    outcomes.extend(failed.map(|one| one.failed(error)));
                }
            }
        }
        self.counts.steps_in_turn_max = self.counts.steps_in_turn_max.max(steps);
    }

    /// Takes one step of a connection. Complete is also one that begins without TLS.
    fn step(&mut self, place: usize) -> io::Result<HandshakeStep> {
        let Some(Some(handshake)) = self.open.get_mut(place) else {
            return Ok(HandshakeStep::NeedsRead);
        };
        if let HandshakeStage::Shaking(records) = &mut handshake.stage {
            return records.step(&mut handshake.socket);
        }
        let mut first = [0];
        match handshake.socket.peek(&mut first) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) if first == [HANDSHAKE_BYTE] => {
                self.shake(place)?;
                Ok(HandshakeStep::Again)
            }
            Ok(_) => Ok(HandshakeStep::Complete),
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(HandshakeStep::NeedsRead),
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(HandshakeStep::Again),
            Err(e) => Err(e),
        }
    }

    /// Hands over a connection.
    fn finish(&mut self, place: usize, registry: &Registry) -> Option<HandshakeOutcome> {
        let mut handshake = self.remove(place)?;
        // Registering it again, as a session, reports what has arrived.
        if let Err(error) = registry.deregister(&mut handshake.socket) {
            return Some(handshake.failed(error));
        }
        let socket = match handshake.stage {
            HandshakeStage::Silent => AcceptedSocket::Tcp(handshake.socket),
            HandshakeStage::Shaking(records) => {
                self.counts.complete += 1;
                AcceptedSocket::Tls(Box::new(TlsStream::new(handshake.socket, *records)))
            }
        };
        Some(HandshakeOutcome::Ready(socket, handshake.origin, handshake.role))
    }

    /// Ends the hand-shakes whose deadline has passed. Returns the time until the next deadline.
    pub(super) fn expire(&mut self, outcomes: &mut Vec<HandshakeOutcome>) -> Option<Duration> {
        let now = Instant::now();
        while let Some(&(deadline, place, number)) = self.deadlines.front() {
            let is_open = matches!(&self.open.get(place), Some(Some(one)) if one.number == number);
            if is_open && deadline > now {
                return Some(deadline - now);
            }
            self.deadlines.pop_front();
            if is_open && let Some(one) = self.remove(place) {
                self.counts.timed_out += 1;
                let seconds = self.timeout.as_secs();
                let text = format!("not complete after {seconds} s (--ssl-handshake-timeout)");
                outcomes.push(one.failed(io::Error::other(text)));
            }
        }
        None
    }

    /// The time until the next deadline, if no timer was set for it: the first one is new.
    pub(super) fn has_deadlines(&self) -> bool {
        !self.deadlines.is_empty()
    }

    /// Drops all connections.
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.free.clear();
        self.due.clear();
        self.deadlines.clear();
    }
}
