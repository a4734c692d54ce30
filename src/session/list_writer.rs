//! Writing of lists for administrators: one piece of one list per turn, so that neither a
//! long list nor many lists delay a job.
//!
//! Must not: know what is in a list.

use std::collections::VecDeque;

use crate::host::Host;
use crate::job_server::JobServer;
use crate::send_queue::SendQueue;
use crate::session::Session;
use gearman_admin::AdminList;
use gearman_broker::ConnectionKey;

/// A list that is being written for a peer.
pub(crate) struct Listing {
    pub(crate) list: AdminList,
    /// Packets and answers that are sent after the list.
    pub(crate) held: SendQueue,
    /// Whether the session is queued for the next piece.
    is_queued: bool,
}

/// Queues a session for the next piece of its list, unless it is backpressured or has reached the
/// limit of unsent bytes.
pub(crate) fn queue_next_piece<S>(
    session: &mut Session<S>,
    output_limit: usize,
    queue: &mut VecDeque<ConnectionKey>,
) {
    if !session.is_backpressured()
        && session.backlog() < output_limit
        && let Some(listing) = &mut session.listing
        && !std::mem::replace(&mut listing.is_queued, true)
    {
        queue.push_back(session.key);
    }
}

impl<H: Host> JobServer<H> {
    /// Starts a list.
    pub(crate) fn begin_list(&mut self, to: ConnectionKey, list: AdminList) {
        let Some(session) = self.sessions.get_mut(to.index()) else { return };
        session.listing =
            Some(Box::new(Listing { list, held: SendQueue::default(), is_queued: true }));
        self.listing.push_back(to);
    }

    /// Writes one piece of the next list.
    pub(crate) fn write_list(&mut self) {
        let Some(key) = self.listing.pop_front() else { return };
        let Some(session) = self.sessions.get_mut(key.index()) else { return };
        if session.key != key {
            // The session has ended, and another one has its place.
            return;
        }
        let Some(listing) = &mut session.listing else { return };
        listing.is_queued = false;
        if session.close_reason.is_some() {
            return;
        }
        // The flush of this piece queues the next one.
        session.write_list(&self.broker);
        self.sessions.queue_flush(key.index(), false);
    }
}
