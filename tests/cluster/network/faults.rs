//! Faults of the simulated network: resets, stopped servers, black holes; and queries
//! about the state that they leave.
//!
//! Must not: decide when a fault happens.

use super::{End, Event, Host, Link, LinkId, Network, SERVERS, Segment, Side, Stage};

impl Network {
    /// Resets a connection at both ends.
    pub(crate) fn reset(&mut self, id: LinkId) {
        for side in [Side::Client, Side::Server] {
            if self.links[id.0].end(side).open {
                self.plan(1, Event::Reset(id, side));
            }
        }
    }

    /// Ends what a client sends on a connection: the end arrives after the sent bytes.
    pub(crate) fn half_close(&mut self, id: LinkId) {
        self.dispatch(id, Side::Server, Segment::End);
    }

    /// Stops a server's process. If `silent`, its host stops too, and sends nothing.
    pub(crate) fn stop_server(&mut self, server: usize, silent: bool) {
        let listener = &mut self.listeners[server];
        (listener.is_on, listener.listens) = (!silent, false);
        listener.accepted.clear();
        for index in 0..self.links.len() {
            let (id, host) = (LinkId(index), SERVERS + server);
            if self.links[index].server != host || !self.links[index].server_end.open {
                continue;
            }
            if silent {
                let end = &mut self.links[index].server_end;
                (end.open, end.reset) = (false, true);
                end.inbox.clear();
            } else {
                self.close(id, Side::Server);
            }
        }
    }

    /// Starts a server's process.
    pub(crate) fn start_server(&mut self, server: usize) {
        let listener = &mut self.listeners[server];
        (listener.is_on, listener.listens) = (true, true);
        // A host answers packets of an unknown connection with a reset. Its peers would
        // send one some time; here the reset is sent at once.
        for index in 0..self.links.len() {
            let link = &self.links[index];
            if link.server == SERVERS + server
                && !link.server_end.open
                && link.server_end.reset
                && link.client_end.open
            {
                self.plan(1000, Event::Reset(LinkId(index), Side::Client));
            }
        }
    }

    /// Creates or removes a black hole in one direction. Held segments arrive when it is
    /// removed.
    pub(crate) fn black_hole(&mut self, from: Host, to: Host, on: bool) {
        if on {
            self.black_holes.insert((from, to));
            return;
        }
        self.black_holes.remove(&(from, to));
        for index in 0..self.links.len() {
            for side in [Side::Client, Side::Server] {
                if self.links[index].way(side) == (from, to)
                    && !self.links[index].end(side).in_flight.is_empty()
                {
                    self.plan(1, Event::Arrival(LinkId(index), side));
                }
            }
        }
    }

    /// Whether no black hole is between two hosts.
    pub(crate) fn is_clear(&self, a: Host, b: Host) -> bool {
        !self.is_blocked((a, b)) && !self.is_blocked((b, a))
    }

    /// Removes all black holes.
    pub(crate) fn heal(&mut self) {
        for (from, to) in std::mem::take(&mut self.black_holes) {
            self.black_hole(from, to, false);
        }
    }

    /// The connections of a client or worker that are open at its end.
    pub(crate) fn open_links(&self, client: Host) -> Vec<LinkId> {
        let all = self.links.iter().enumerate();
        all.filter(|(_, link)| link.client == client && link.client_end.open)
            .map(|(index, _)| LinkId(index))
            .collect()
    }

    /// The client or worker of a connection.
    pub(crate) fn client_of(&self, id: LinkId) -> Host {
        self.links[id.0].client
    }

    /// Whether the server's end of a connection is open.
    pub(crate) fn is_open_at_server(&self, id: LinkId) -> bool {
        self.links[id.0].server_end.open
    }

    /// The server of a connection.
    pub(crate) fn server_of(&self, id: LinkId) -> usize {
        self.links[id.0].server - SERVERS
    }

    /// Whether a connection is up and open at both ends.
    pub(crate) fn is_up(&self, id: LinkId) -> bool {
        let link = &self.links[id.0];
        let is_fine = |end: &End| end.open && !end.reset && !end.ended;
        link.stage == Stage::Up && is_fine(&link.client_end) && is_fine(&link.server_end)
    }

    /// The bytes that have arrived at an end, and were not received.
    pub(crate) fn unread(&mut self, id: LinkId, at: Side) -> usize {
        self.links[id.0].end(at).inbox.len()
    }

    /// Whether no bytes are in flight to a server, or unread there.
    pub(crate) fn is_quiet(&self) -> bool {
        self.links.iter().all(|link| {
            let end = &link.server_end;
            !end.open || end.in_flight.is_empty() && end.inbox.is_empty()
        })
    }

    /// The number of open ends.
    pub(crate) fn open_ends(&self) -> usize {
        let open =
            |link: &Link| usize::from(link.client_end.open) + usize::from(link.server_end.open);
        self.links.iter().map(open).sum()
    }
}
