//! Checks of the limits that protect honest peers of a server from the others: each session's share
//! of a turn, and the limits of unread output.
//!
//! Must not: look into a session; the server and the network show enough.

use gearman_broker::ConnectionKey;
use gearman_session::Origin;

use super::Server;
use crate::adversary::HOSTILE_BODY_MAX;
use crate::network::{Host, LinkId, Side};
use crate::script::BODY_MAX;
use crate::transport::SimStream;

/// Documented largest share of a session in a turn, in packets.
const SHARE_MAX: u32 = 512;
/// Documented work of all sessions in a turn, in packets.
const SHARE_OF_ALL: u32 = 16 << 10;
/// Documented smallest share of a session.
const SHARE_MIN: u32 = 4;
/// Unread output from which a session handles no requests, in bytes.
const NOT_READ_FROM_BYTES: usize = 1 << 20;
/// Part of the limit of all unread output by which it may be exceeded before it is counted again.
const UNCOUNTED_PART: u64 = 64;
/// Room for the header and the arguments of a packet, in bytes.
const HEAD_BYTES: usize = 1_000;
/// Port of the first connection.
const ORIGIN_PORT_MIN: u16 = 1024;

/// A limit that was not kept: the name of the rule, and what happened.
pub(crate) type BrokenLimit = (&'static str, String);

/// The port that a connection comes from, as a server sees it.
pub(crate) fn port_of(link: LinkId) -> u16 {
    let number = u16::try_from(link.0).expect("fewer connections than ports");
    number.checked_add(ORIGIN_PORT_MIN).expect("fewer connections than ports")
}

/// The host and the connection of an origin.
pub(crate) fn link_of(origin: Origin) -> (Host, LinkId) {
    let Origin::Inet(std::net::SocketAddr::V4(address)) = origin else {
        panic!("{origin} is no simulated peer");
    };
    (usize::from(address.ip().octets()[3]), LinkId(usize::from(address.port() - ORIGIN_PORT_MIN)))
}

/// Forgets what was received from an adversary, and sent to it.
pub(super) fn forget_traffic(stream: &mut SimStream, is_traced: bool, now_us: u64, host: Host) {
    for (way, bytes) in [("from", &mut stream.received), ("to", &mut stream.sent)] {
        if is_traced && !bytes.is_empty() {
            let (link, count) = (stream.link, bytes.len());
            let shown = bytes[..count.min(80)].escape_ascii();
            println!("{now_us:>9} us  {count} bytes {way} adversary {host}, {link:?}: {shown}");
        }
        bytes.clear();
    }
}

impl Server {
    /// Honest sessions with something to receive, and how much.
    pub(super) fn waiting_for_turn(&self) -> Vec<(LinkId, ConnectionKey, usize)> {
        let mut network = self.network.borrow_mut();
        let mut all = Vec::new();
        for (&link, &key) in &self.sessions {
            let unread = network.unread(link, Side::Server);
            if unread > 0 && network.client_of(link) < self.honest_hosts {
                all.push((link, key, unread));
            }
        }
        all
    }

    /// Checks that each session has handled its share at most, and that the honest sessions which
    /// had something to receive have received, or handled what they had received.
    pub(super) fn watch_turn(&mut self, waiting: &[(LinkId, ConnectionKey, usize)]) {
        let handled = std::mem::take(&mut self.jobs.journal.handled);
        self.handled_packets = handled.iter().map(|(_, count)| u64::from(*count)).sum();
        let share = SHARE_OF_ALL / handled.len().max(1) as u32;
        let share = share.clamp(SHARE_MIN, SHARE_MAX);
        if let Some((key, count)) = handled.iter().find(|(_, count)| *count > share) {
            let text = format!("session {} handles {count} packets, not {share}", key.index());
            self.broken_limit = Some(("turns", text));
        }
        // A submission may wait for the store.
        if self.queue.is_some() {
            return;
        }
        for &(link, key, unread) in waiting {
            let is_served = self.network.borrow_mut().unread(link, Side::Server) < unread
                || handled.iter().any(|(served, _)| *served == key);
            if !is_served && self.jobs.unsent_bytes(key) < NOT_READ_FROM_BYTES {
                let text = format!("{link:?} has {unread} bytes to receive, and no turn");
                self.broken_limit = Some(("turns", text));
            }
        }
    }

    /// Checks that no more output is unread than the limits allow, and one message.
    pub(super) fn watch_unread(&mut self) {
        let message = HEAD_BYTES + HOSTILE_BODY_MAX.max(self.limits.honest_body.min(BODY_MAX));
        let most = self.limits.output + message;
        for (link, key) in &self.sessions {
            let unsent = self.jobs.unsent_bytes(*key);
            if unsent > most {
                let text = format!("{unsent} bytes are unread by {link:?}, more than {most}");
                self.broken_limit = Some(("unread", text));
            }
        }
        let total = self.limits.output_total;
        let most = total + total / UNCOUNTED_PART + message as u64;
        let unread = self.jobs.unread_bytes();
        if unread > most {
            let text = format!("{unread} bytes are unread by all, more than {most}");
            self.broken_limit = Some(("unread", text));
        }
    }

    /// The number of packets that the last turn has handled.
    pub(crate) fn handled_packets(&self) -> u64 {
        self.handled_packets
    }

    /// Takes a limit that was not kept.
    pub(crate) fn take_broken_limit(&mut self) -> Option<BrokenLimit> {
        self.broken_limit.take()
    }
}
