//! Lists on their way to administrators: one piece of one list per turn, so that
//! neither a long list nor many of them delay a job.
//!
//! Must not: know what is in a list.

use std::collections::VecDeque;

use crate::host::Host;
use crate::job_server::JobServer;
use crate::send_queue::SendQueue;
use crate::session::Session;
use gearman_admin::List;
use gearman_broker::ConnectionKey;

/// A list that is being written for a peer.
pub(crate) struct Listing {
    pub(crate) list: List,
    /// What the peer gets behind it.
    pub(crate) held: SendQueue,
    /// Whether the session is queued for the next piece.
    is_queued: bool,
}

/// Queues a session for the next piece of its list, if it can be written on.
pub(crate) fn go_on<S>(index: usize, session: &mut Session<S>, queue: &mut VecDeque<usize>) {
    if !session.is_backpressured()
        && let Some(listing) = &mut session.listing
        && !std::mem::replace(&mut listing.is_queued, true)
    {
        queue.push_back(index);
    }
}

impl<H: Host> JobServer<H> {
    /// Queues a list.
    pub(crate) fn begin_list(&mut self, to: ConnectionKey, list: List) {
        let Some(session) = self.sessions.get_mut(to.index()) else { return };
        session.listing =
            Some(Box::new(Listing { list, held: SendQueue::default(), is_queued: true }));
        self.listing.push_back(to.index());
    }

    /// Writes one piece of the next list.
    pub(crate) fn write_list(&mut self) {
        let Some(index) = self.listing.pop_front() else { return };
        let Some(session) = self.sessions.get_mut(index) else { return };
        let Some(listing) = &mut session.listing else { return };
        listing.is_queued = false;
        if session.close_reason.is_some() {
            return;
        }
        // What is written is sent, and then it is seen how to go on.
        session.write_list(&self.broker);
        self.sessions.mark_dirty(index, false);
    }
}
