//! The journal of a simulated server: what a turn has done, for the checks behind it.
//!
//! Must not: check.

use gearman_broker::{ConnectionKey, UnixSeconds};
use gearman_protocol::Command;
use gearman_session::{CloseReason, Journal, Origin, StoreEvent};

use super::ServerEvent;
use crate::checker::function_number;

/// The journal of a simulated server.
#[derive(Debug, Default)]
pub(crate) struct SimJournal {
    pub(super) events: Vec<ServerEvent>,
    /// Sessions closed because of a fault of the peer, and the reasons.
    pub(crate) faults: Vec<(Origin, String)>,
    pub(crate) gave_up: Vec<Vec<u8>>,
    /// Answers with ERROR.
    pub(crate) refused: Vec<(Origin, String)>,
    /// Packets handled in this turn, by session.
    pub(super) handled: Vec<(ConnectionKey, u32)>,
}

impl Journal for SimJournal {
    fn level_name(&self) -> &'static str {
        "INFO"
    }

    fn packet(&mut self, from: ConnectionKey, _command: Command) {
        match self.handled.last_mut() {
            Some((last, count)) if *last == from => *count += 1,
            _ => self.handled.push((from, 1)),
        }
    }

    fn closed(&mut self, origin: Origin, reason: &CloseReason) {
        if reason.is_fault {
            self.faults.push((origin, reason.text.to_string()));
        }
    }

    fn refused(&mut self, origin: Origin, why: &[u8]) {
        self.refused.push((origin, why.escape_ascii().to_string()));
    }

    fn accepted(&mut self, function: &[u8], unique: &[u8], due: Option<UnixSeconds>) {
        let (function, unique) = (function.to_vec(), unique.to_vec());
        self.events.push(ServerEvent::Accepted { function, unique, due });
    }

    fn gave_up(&mut self, handle: &[u8], function: &[u8], _unique: &[u8], _attempts: u8) {
        if function_number(function).is_some() {
            self.gave_up.push(handle.to_vec());
        }
    }

    fn store(&mut self, _event: StoreEvent<'_>) {}
}
