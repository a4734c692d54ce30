//! The ends of simulated connections: [`SimTransport`] for the engines of clients and
//! workers, [`SimStream`] for the sessions of servers.
//!
//! Must not: block. The simulation steps an engine when it has something to read or its
//! deadline has passed.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use gearman_buf::Owned;
use gearman_net::{Address, ClientTlsSettings, KeepaliveTime, Liveness, Ready, Transport, Waited};
use gearman_tls::{ClientRecords, ServerRecords};

use crate::network::{Host, LinkId, Shared, Side};
use crate::secure::{self, NetworkEnd};

/// The port of the first server; the others follow.
pub(crate) const FIRST_PORT: u16 = 5000;

/// The sockets of a client or worker.
#[derive(Debug)]
pub(crate) struct SimTransport {
    network: Shared,
    host: Host,
    /// The start of the simulation's clock.
    epoch: Instant,
    links: Vec<Option<LinkId>>,
    /// The record layers of connections with TLS, by key.
    records: BTreeMap<usize, ClientRecords>,
}

impl SimTransport {
    pub(crate) fn new(network: &Shared, host: Host, epoch: Instant) -> SimTransport {
        SimTransport {
            network: network.clone(),
            host,
            epoch,
            links: Vec::new(),
            records: BTreeMap::new(),
        }
    }

    /// The connection with this key.
    pub(crate) fn link(&self, key: usize) -> Option<LinkId> {
        self.links.get(key).copied().flatten()
    }

    fn open(&self, key: usize) -> io::Result<LinkId> {
        self.link(key).ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// Whether a wait would return at once.
    pub(crate) fn has_reports(&self) -> bool {
        let network = self.network.borrow();
        self.links.iter().flatten().any(|&link| network.has_reports(link, Side::Client))
    }

    fn receive(&mut self, key: usize, most: usize) -> io::Result<Vec<u8>> {
        let link = self.open(key)?;
        match self.records.get_mut(&key) {
            None => self.network.borrow_mut().receive(link, Side::Client, most),
            Some(records) => secure::receive(records, &mut end(&self.network, link), most),
        }
    }

    /// Closes as the end of the process does: without a word to the peer.
    pub(crate) fn drop_link(&mut self, key: usize) {
        self.records.remove(&key);
        if let Some(link) = self.links.get_mut(key).and_then(Option::take) {
            self.network.borrow_mut().close(link, Side::Client);
        }
    }
}

impl Drop for SimTransport {
    fn drop(&mut self) {
        (0..self.links.len()).for_each(|key| self.drop_link(key));
    }
}

fn end(network: &Shared, link: LinkId) -> NetworkEnd<'_> {
    NetworkEnd { network, link, side: Side::Client }
}

impl Transport for SimTransport {
    fn now(&self) -> Instant {
        self.epoch + Duration::from_micros(self.network.borrow().now_us())
    }

    fn random(&mut self) -> u32 {
        self.network.borrow_mut().random.bits() as u32
    }

    fn forked(&mut self) -> bool {
        false
    }

    fn resolve(&self, _host: &str, port: u16) -> io::Result<Vec<Address>> {
        Ok(vec![Address::Inet(([127, 0, 0, 1], port).into())])
    }

    fn connect(&mut self, key: usize, address: &Address, _: KeepaliveTime) -> io::Result<()> {
        self.close(key);
        let Address::Inet(address) = address else { return Err(ErrorKind::Unsupported.into()) };
        let server = usize::from(address.port() - FIRST_PORT);
        let link = self.network.borrow_mut().connect(self.host, server);
        if self.links.len() <= key {
            self.links.resize(key + 1, None);
        }
        self.links[key] = Some(link);
        Ok(())
    }

    fn connect_tls(
        &mut self,
        key: usize,
        address: &Address,
        _host: &str,
        _tls: &ClientTlsSettings,
        keepalive: KeepaliveTime,
    ) -> io::Result<()> {
        self.connect(key, address, keepalive)?;
        self.records.insert(key, secure::connect()?);
        Ok(())
    }

    fn finish_connect(&mut self, key: usize) -> io::Result<()> {
        let link = self.open(key)?;
        self.network.borrow_mut().finish_connect(link)?;
        let Some(records) = self.records.get_mut(&key) else { return Ok(()) };
        match end(&self.network, link).shake(records)? {
            true => Ok(()),
            false => Err(secure::not_complete()),
        }
    }

    fn send(&mut self, key: usize, head: &[u8], body: &[u8]) -> io::Result<usize> {
        let link = self.open(key)?;
        match self.records.get_mut(&key) {
            None => self.network.borrow_mut().send(link, Side::Client, &[head, body].concat()),
            Some(records) => {
                let parts = [IoSlice::new(head), IoSlice::new(body)];
                records.send(&mut end(&self.network, link), &parts)
            }
        }
    }

    fn recv(&mut self, key: usize, space: &mut [u8]) -> io::Result<usize> {
        let bytes = self.receive(key, space.len())?;
        space[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn recv_owned(&mut self, key: usize, into: &mut Owned, limit: usize) -> io::Result<usize> {
        let bytes = self.receive(key, limit)?;
        into.extend(&bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn recv_raw(&mut self, key: usize, space: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        let bytes = self.receive(key, space.len())?;
        for (to, from) in space.iter_mut().zip(&bytes) {
            to.write(*from);
        }
        Ok(bytes.len())
    }

    fn liveness(&mut self, key: usize) -> Liveness {
        let Some(link) = self.link(key) else { return Liveness::Dead };
        let looked = self.network.borrow_mut().look(link, Side::Client);
        match (looked, self.records.get_mut(&key)) {
            ((true, _), Some(records)) => match records.look(&mut end(&self.network, link)) {
                Ok(true) => Liveness::Readable,
                Ok(false) => Liveness::Quiet,
                Err(_) => Liveness::Dead,
            },
            ((true, _), None) => Liveness::Readable,
            ((false, true), _) => Liveness::Dead,
            ((false, false), _) => Liveness::Quiet,
        }
    }

    fn want_writable(&mut self, key: usize, wanted: bool) {
        if let Some(link) = self.link(key) {
            self.network.borrow_mut().watch_room(link, Side::Client, wanted);
        }
    }

    fn close(&mut self, key: usize) {
        if let (Some(link), Some(records)) = (self.link(key), self.records.get_mut(&key)) {
            records.close(&mut end(&self.network, link));
        }
        self.drop_link(key);
    }

    fn wait(&mut self, until: Option<Instant>) -> io::Result<Waited> {
        if self.has_reports() {
            return Ok(Waited::Ready);
        }
        assert!(until.is_some_and(|end| end <= self.now()), "a wait would block");
        Ok(Waited::TimedOut)
    }

    fn ready(&mut self) -> impl Iterator<Item = Ready> {
        let mut found = Vec::new();
        let mut network = self.network.borrow_mut();
        for (key, link) in self.links.iter().enumerate() {
            let Some(link) = *link else { continue };
            if let Some((readable, writable, closed)) = network.take_reports(link, Side::Client) {
                found.push(Ready { key, readable, writable, closed });
            }
        }
        found.into_iter()
    }

    fn take_wake(&mut self) -> Option<u8> {
        None
    }

    fn put_wake(&mut self, _byte: u8) {}

    fn poll_fd(&mut self) -> io::Result<i32> {
        Err(ErrorKind::Unsupported.into())
    }
}

/// A server's end of a connection.
#[derive(Debug)]
pub(crate) struct SimStream {
    network: Shared,
    /// The record layer of a connection with TLS, whose hand-shake is complete.
    records: Option<Box<ServerRecords>>,
    pub(crate) link: LinkId,
    /// Bytes received and sent since the last turn, for the record of traffic.
    pub(crate) received: Vec<u8>,
    pub(crate) sent: Vec<u8>,
    /// Whether the last write was partial.
    pub(crate) is_blocked: bool,
    /// Time of the last partial write, or of the write that followed it.
    pub(crate) blocked_us: u64,
}

impl SimStream {
    pub(crate) fn new(
        network: &Shared,
        link: LinkId,
        records: Option<Box<ServerRecords>>,
    ) -> SimStream {
        SimStream {
            network: network.clone(),
            records,
            link,
            received: Vec::new(),
            sent: Vec::new(),
            is_blocked: false,
            blocked_us: 0,
        }
    }

    pub(crate) fn watch_room(&self, wanted: bool) {
        self.network.borrow_mut().watch_room(self.link, Side::Server, wanted);
    }

    fn receive(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut end = NetworkEnd { network: &self.network, link: self.link, side: Side::Server };
        let bytes = match &mut self.records {
            None => self.network.borrow_mut().receive(self.link, Side::Server, most),
            Some(records) => secure::receive(records, &mut end, most),
        }?;
        self.received.extend_from_slice(&bytes);
        Ok(bytes)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut end = NetworkEnd { network: &self.network, link: self.link, side: Side::Server };
        match &mut self.records {
            None => self.network.borrow_mut().send(self.link, Side::Server, bytes),
            Some(records) => records.send(&mut end, &[IoSlice::new(bytes)]),
        }
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        // A killed process says nothing.
        let is_open = self.network.borrow().is_open_at_server(self.link);
        if let Some(records) = self.records.as_mut().filter(|_| is_open) {
            let (network, link) = (&self.network, self.link);
            records.close(&mut NetworkEnd { network, link, side: Side::Server });
        }
        self.network.borrow_mut().close(self.link, Side::Server);
    }
}

impl Read for SimStream {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let bytes = self.receive(space.len())?;
        space[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for SimStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.send(bytes);
        let is_short = taken.as_ref().map_or(0, |&count| count) < bytes.len();
        if std::mem::replace(&mut self.is_blocked, is_short) || is_short {
            self.blocked_us = self.network.borrow().now_us();
        }
        let count = taken?;
        self.sent.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let joined = pieces.iter().flat_map(|piece| piece.iter().copied());
        self.write(&joined.collect::<Vec<_>>())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl gearman_session::Stream for SimStream {
    fn read_spare(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let room = into.capacity() - into.len();
        let bytes = self.receive(room)?;
        into.extend_from_slice(&bytes);
        Ok(bytes.len())
    }
}
