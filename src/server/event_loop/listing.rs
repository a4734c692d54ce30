//! Lists on their way to administrators: one piece of one list per turn, so that
//! no list, nor many of them, holds up anybody's job.
//!
//! Must not: know what is in a list.

use std::collections::VecDeque;

use super::Server;
use super::outgoing::Outgoing;
use super::peer::Peer;
use gearman_admin::List;
use gearman_broker::ConnectionKey;

/// A list that is being written for a peer.
pub(super) struct Listing {
    pub(super) list: List,
    /// What the peer is to get behind it.
    pub(super) held: Outgoing,
    /// Whether the connection is in line for the next piece.
    in_line: bool,
}

/// Gets a connection into line if its list can be written on.
pub(super) fn go_on(index: usize, peer: &mut Peer, line: &mut VecDeque<usize>) {
    if !peer.is_crowded()
        && let Some(listing) = &mut peer.listing
        && !std::mem::replace(&mut listing.in_line, true)
    {
        line.push_back(index);
    }
}

impl Server {
    /// Gets a list into line.
    pub(super) fn begin_list(&mut self, to: ConnectionKey, list: List) {
        let Some(peer) = self.peers.get_mut(to.index()) else { return };
        peer.listing = Some(Box::new(Listing { list, held: Outgoing::default(), in_line: true }));
        self.listing.push_back(to.index());
    }

    /// Writes one piece of the list whose turn it is.
    pub(super) fn write_list(&mut self) {
        let Some(index) = self.listing.pop_front() else { return };
        let Some(peer) = self.peers.get_mut(index) else { return };
        let Some(listing) = &mut peer.listing else { return };
        listing.in_line = false;
        if peer.doom.is_some() {
            return;
        }
        // What is written is sent, and then it is seen how to go on.
        peer.write_list(&self.broker);
        self.peers.mark_dirty(index, false);
    }
}
