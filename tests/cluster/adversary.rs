//! An adversary of the simulation: a hostile host with several connections, which does what the
//! attacks of a script say, and answers jobs of its own functions as it likes.
//!
//! When all honest work has to end it becomes an honest worker of its functions, so that what it
//! submitted in the background ends, too.
//!
//! Must not: take a job of an honest function, or cancel one.

mod attack;
mod bytes;
mod fault;

pub(crate) use attack::{Attack, CONNECTIONS_MAX, HOSTILE_BODY_MAX, ServerLimits, add_attacks};

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::time::Instant;

use gearman_net::{Address, ClientTlsSettings, KeepaliveTime, Transport};
use gearman_protocol::{Command, Decoded, Packet, decode};
use gearman_test_support::random::Random;

use crate::checker::{Checker, FORGED, HOSTILE};
use crate::network::{Host, LinkId, Shared};
use crate::script::Plan;
use crate::transport::{FIRST_PORT, SimTransport};
use attack::{Appetite, Deed, Opening};
use bytes::{Author, copy_of, offers, packet, report};
use fault::PeerFault;

/// Most handles that an adversary remembers.
const HANDLES_MAX: usize = 50;
/// Bytes that a slow reader takes at once.
const LITTLE_BYTES: usize = 100;
/// Time between two reads of a slow reader, in microseconds.
const LITTLE_PAUSE_US: u64 = 20_000;
/// Pause before a connection is opened again for honest work, in microseconds.
const REOPEN_PAUSE_US: u64 = 10_000;
/// Received bytes above which an answer that was not recognised is forgotten.
const INBOX_BYTES_MAX: usize = 100_000;

/// A connection of an adversary.
struct HostileConnection {
    server: usize,
    link: LinkId,
    reads: Appetite,
    is_up: bool,
    /// Whether it may have offered a function.
    works: bool,
    /// Whether it sends no more.
    is_half_closed: bool,
    /// Bytes to send now.
    outbox: Vec<u8>,
    /// Bytes to send behind them at a later time.
    rest: Option<(u64, Vec<u8>)>,
    /// Received bytes that do not form a packet yet.
    inbox: Vec<u8>,
    /// When a slow reader reads again, if something may be there.
    reads_at_us: Option<u64>,
}

impl HostileConnection {
    /// Queues bytes behind everything that was queued before. If they are cut, their second part
    /// follows at this time.
    fn queue(&mut self, bytes: &[u8], cut: Option<(usize, u64)>) {
        if let Some((_, rest)) = self.rest.take() {
            self.outbox.extend(rest);
        }
        match cut {
            None => self.outbox.extend(bytes),
            Some((place, at_us)) => {
                self.outbox.extend(&bytes[..place]);
                self.rest = Some((at_us, bytes[place..].to_vec()));
            }
        }
    }
}

/// A simulated adversary.
pub(crate) struct AdversaryActor {
    transport: SimTransport,
    network: Shared,
    random: Random,
    servers: usize,
    has_tls: bool,
    /// By the key of their transport.
    connections: Vec<Option<HostileConnection>>,
    handles: Vec<Vec<u8>>,
    /// Handles of its own jobs that it was assigned.
    own_handles: Vec<Vec<u8>>,
    faults: BTreeMap<LinkId, BTreeSet<PeerFault>>,
    /// Whether it has become honest.
    is_retired: bool,
    /// When it opens connections for honest work, if it does that.
    reopens_at_us: Option<u64>,
}

impl AdversaryActor {
    pub(crate) fn new(network: &Shared, host: Host, epoch: Instant, plan: &Plan) -> AdversaryActor {
        AdversaryActor {
            transport: SimTransport::new(network, host, epoch),
            network: network.clone(),
            random: Random(host as u64),
            servers: plan.servers,
            has_tls: plan.has_tls,
            connections: (0..CONNECTIONS_MAX.max(plan.servers)).map(|_| None).collect(),
            handles: Vec::new(),
            own_handles: Vec::new(),
            faults: BTreeMap::new(),
            is_retired: false,
            reopens_at_us: None,
        }
    }

    /// Whether this reason for ending one of its connections names a fault that it has committed.
    pub(crate) fn has_committed(&self, link: LinkId, reason: &str) -> bool {
        let faults = self.faults.get(&link);
        faults.is_some_and(|all| all.iter().any(|fault| fault.is_named_by(reason)))
    }

    /// Performs an attack.
    pub(crate) fn perform(&mut self, attack: &Attack, now_us: u64, checker: &mut Checker) {
        match attack.deed {
            Deed::Swarm(_) => {
                (0..CONNECTIONS_MAX).for_each(|key| self.perform_on(key, attack, now_us, checker));
            }
            _ => self.perform_on(attack.connection, attack, now_us, checker),
        }
    }

    fn perform_on(&mut self, key: usize, attack: &Attack, now_us: u64, checker: &mut Checker) {
        if attack.opening.is_forced {
            self.drop_connection(key);
        }
        if self.connections[key].is_none() {
            self.open(key, attack.opening);
        }
        match attack.deed {
            Deed::HalfClose => self.half_close(key),
            Deed::Reset => self.reset(key),
            Deed::Close => {
                self.transport.close(key);
                self.connections[key] = None;
            }
            _ => self.send(key, attack, now_us, checker),
        }
        self.go_on(key, now_us, checker);
    }

    fn open(&mut self, key: usize, opening: Opening) {
        let Opening { server, is_encrypted, reads, .. } = opening;
        let address = Address::Inet(([127, 0, 0, 1], FIRST_PORT + server as u16).into());
        let (host, keepalive) = ("127.0.0.1", KeepaliveTime::default());
        let opened = match is_encrypted {
            false => self.transport.connect(key, &address, keepalive),
            true => {
                let tls = ClientTlsSettings::default();
                self.transport.connect_tls(key, &address, host, &tls, keepalive)
            }
        };
        opened.expect("a simulated connection begins");
        let link = self.transport.link(key).expect("the connection");
        let all = self.faults.entry(link).or_default();
        if reads != Appetite::All {
            all.insert(PeerFault::Unread);
        }
        self.connections[key] = Some(HostileConnection {
            server,
            link,
            reads,
            is_up: false,
            works: false,
            is_half_closed: false,
            outbox: Vec::new(),
            rest: None,
            inbox: Vec::new(),
            reads_at_us: None,
        });
    }

    fn half_close(&mut self, key: usize) {
        let Some(connection) = &mut self.connections[key] else { return };
        if connection.is_up && !std::mem::replace(&mut connection.is_half_closed, true) {
            (connection.outbox, connection.rest) = (Vec::new(), None);
            self.network.borrow_mut().half_close(connection.link);
        }
    }

    fn reset(&mut self, key: usize) {
        if let Some(connection) = &self.connections[key] {
            self.network.borrow_mut().reset(connection.link);
        }
        self.drop_connection(key);
    }

    fn drop_connection(&mut self, key: usize) {
        self.transport.drop_link(key);
        self.connections[key] = None;
    }

    fn send(&mut self, key: usize, attack: &Attack, now_us: u64, checker: &mut Checker) {
        let Some(connection) = &mut self.connections[key] else { return };
        let mut author = Author {
            random: Random(attack.seed),
            server: connection.server,
            now_us,
            works: connection.works,
            handles: &self.handles,
            own_handles: &self.own_handles,
        };
        let (bytes, faults) = match attack.deed {
            Deed::Copies(count) => {
                let mut bytes = Vec::new();
                for _ in 0..count {
                    let background = author.random.one_in(2);
                    let copied = checker.copy_submission(author.random.bits());
                    bytes.extend(
                        copied.map(|copied| copy_of(copied, background)).unwrap_or_default(),
                    );
                }
                (bytes, &[][..])
            }
            deed => author.bytes(deed),
        };
        connection.works |= !matches!(attack.deed, Deed::Copies(_) | Deed::ForeignReports(_));
        self.faults.entry(connection.link).or_default().extend(faults);
        let place = author.random.below(bytes.len().max(1));
        let cut = attack.is_cut_for_us.map(|for_us| (place, now_us + for_us));
        if !connection.is_half_closed {
            connection.queue(&bytes, cut);
        }
    }

    /// Closes everything, and becomes an honest worker of its functions.
    pub(crate) fn retire(&mut self, now_us: u64) {
        (0..self.connections.len()).for_each(|key| self.drop_connection(key));
        (self.is_retired, self.reopens_at_us) = (true, Some(now_us));
    }

    /// Closes everything, and does nothing more.
    pub(crate) fn leave(&mut self) {
        (0..self.connections.len()).for_each(|key| self.drop_connection(key));
        (self.is_retired, self.reopens_at_us) = (false, None);
    }

    pub(crate) fn is_ready(&self, now_us: u64) -> bool {
        self.due_us().is_some_and(|due| due <= now_us)
    }

    /// When it next has something to do.
    pub(crate) fn due_us(&self) -> Option<u64> {
        let called = self.transport.has_reports().then_some(0);
        let all = self.connections.iter().flatten().filter(|connection| connection.is_up);
        let later = all.flat_map(|connection| {
            [connection.rest.as_ref().map(|&(at_us, _)| at_us), connection.reads_at_us]
        });
        later.chain([called, self.reopens_at_us]).flatten().min()
    }

    /// Goes on with all connections.
    pub(crate) fn step(&mut self, now_us: u64, checker: &mut Checker) {
        if self.reopens_at_us.is_some_and(|at_us| at_us <= now_us) {
            self.reopens_at_us = None;
            self.work_honestly();
        }
        for ready in self.transport.ready().collect::<Vec<_>>() {
            if ready.readable
                && let Some(Some(connection)) = self.connections.get_mut(ready.key)
                && connection.reads == Appetite::Little
            {
                connection.reads_at_us.get_or_insert(now_us);
            }
        }
        for key in 0..self.connections.len() {
            self.go_on(key, now_us, checker);
        }
    }

    fn work_honestly(&mut self) {
        for server in 0..self.servers {
            if self.connections[server].is_none() {
                let (is_encrypted, reads) = (self.has_tls, Appetite::All);
                self.open(server, Opening { server, is_forced: false, is_encrypted, reads });
                if let Some(connection) = &mut self.connections[server] {
                    connection.queue(&offers(), None);
                    connection.queue(&packet(Command::GrabJobUniq, &[], b""), None);
                }
            }
        }
    }

    /// Connects, receives and sends as far as possible. A connection that is broken is forgotten.
    fn go_on(&mut self, key: usize, now_us: u64, checker: &mut Checker) {
        let Some(connection) = &mut self.connections[key] else { return };
        if !connection.is_up {
            match self.transport.finish_connect(key) {
                Ok(()) => connection.is_up = true,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.lose(key, now_us),
            }
        }
        if connection.rest.as_ref().is_some_and(|&(at_us, _)| at_us <= now_us) {
            connection.queue(b"", None);
        }
        if self.receive(key, now_us, checker).is_none() || self.flush(key).is_none() {
            self.lose(key, now_us);
        }
    }

    fn lose(&mut self, key: usize, now_us: u64) {
        self.drop_connection(key);
        if self.is_retired {
            self.reopens_at_us = Some(now_us + REOPEN_PAUSE_US);
        }
    }

    /// Receives what it wants. `None` if the connection has ended.
    fn receive(&mut self, key: usize, now_us: u64, checker: &mut Checker) -> Option<()> {
        let mut space = [0; 16 << 10];
        loop {
            let connection = self.connections[key].as_mut()?;
            let most = match connection.reads {
                Appetite::All => space.len(),
                Appetite::Little => {
                    if connection.reads_at_us.is_none_or(|at_us| at_us > now_us) {
                        return Some(());
                    }
                    connection.reads_at_us = Some(now_us + LITTLE_PAUSE_US);
                    LITTLE_BYTES
                }
                Appetite::Nothing => return Some(()),
            };
            match self.transport.recv(key, &mut space[..most]) {
                Ok(0) => return None,
                Ok(count) => {
                    connection.inbox.extend(&space[..count]);
                    self.read_packets(key, checker);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    connection.reads_at_us = None;
                    return Some(());
                }
                Err(_) => return None,
            }
        }
    }

    fn read_packets(&mut self, key: usize, checker: &mut Checker) {
        let Some(connection) = &mut self.connections[key] else { return };
        let inbox = std::mem::take(&mut connection.inbox);
        let mut used = 0;
        loop {
            match decode(&inbox[used..]) {
                Ok(Decoded::Whole { packet, used: size }) => {
                    used += size;
                    self.answer(key, &packet, checker);
                }
                Ok(_) if inbox.len() - used <= INBOX_BYTES_MAX => break,
                // Text, or what came behind bytes that were forgotten.
                _ => used = inbox.len(),
            }
        }
        if let Some(connection) = &mut self.connections[key] {
            connection.inbox = inbox[used..].to_vec();
        }
    }

    /// Answers a packet as a worker may, or as it should if it is honest.
    fn answer(&mut self, key: usize, received: &Packet<'_>, checker: &mut Checker) {
        let Some(connection) = &self.connections[key] else { return };
        if received.body().starts_with(FORGED) {
            let name = received.command().name();
            checker.fail("foreign", format!("a forged report has an effect: {name}"));
        }
        let handle = received.text_arg(0);
        let grab = || packet(Command::GrabJobUniq, &[], b"");
        let bytes = match received.command() {
            Command::JobCreated => {
                remember(&mut self.handles, handle);
                if connection.works {
                    return;
                }
                // It may be run by now.
                report(Command::WorkComplete, handle, FORGED)
            }
            Command::WorkData if !connection.works => report(Command::WorkComplete, handle, FORGED),
            Command::JobAssign | Command::JobAssignUniq | Command::JobAssignAll => {
                remember(&mut self.own_handles, handle);
                [self.work_on(handle), grab()].concat()
            }
            Command::NoJob => packet(Command::PreSleep, &[], b""),
            Command::Noop => grab(),
            _ => return,
        };
        let connection = self.connections[key].as_mut();
        if let Some(connection) = connection.filter(|connection| !connection.is_half_closed) {
            connection.queue(&bytes, None);
        }
    }

    /// What it reports on a job of its own.
    fn work_on(&mut self, handle: &[u8]) -> Vec<u8> {
        let last = match self.random.below(5) {
            _ if self.is_retired => Command::WorkComplete,
            0 => Command::WorkFail,
            1 => Command::WorkException,
            2 => Command::WorkComplete,
            3 => Command::WorkData,
            // It keeps the job.
            _ => return Vec::new(),
        };
        let body = vec![b'd'; self.random.small(300)];
        let data = report(Command::WorkData, handle, &body).repeat(self.random.below(4));
        [data, report(last, handle, HOSTILE)].concat()
    }

    /// Sends what the network takes. `None` if the connection is broken.
    fn flush(&mut self, key: usize) -> Option<()> {
        let connection = self.connections[key].as_mut()?;
        while !connection.outbox.is_empty() {
            match self.transport.send(key, &connection.outbox, b"") {
                Ok(0) => break,
                Ok(count) => drop(connection.outbox.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
        }
        let has_more = !connection.outbox.is_empty();
        self.transport.want_writable(key, has_more);
        Some(())
    }
}

/// Keeps a handle, and forgets the oldest one if there are too many.
fn remember(handles: &mut Vec<Vec<u8>>, handle: &[u8]) {
    if handles.len() == HANDLES_MAX {
        handles.remove(0);
    }
    handles.push(handle.to_vec());
}
