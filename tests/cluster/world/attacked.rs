//! What is different in a script with an adversary: servers end connections, and their turns take
//! time.
//!
//! Must not: decide what an adversary does.

use gearman_session::Origin;

use super::World;
use crate::adversary::AdversaryActor;
use crate::checker::Checker;
use crate::script::Plan;
use crate::server::{Server, link_of};

/// Packets that an attacked server handles in a microsecond.
const PACKETS_PER_US: u64 = 10;

impl World<'_> {
    /// Lets the time of a turn pass, so that packets arrive while a server has much to do.
    pub(super) fn take_time(&mut self, number: usize) {
        if self.adversaries.is_empty() {
            return;
        }
        let server = self.server_hosts[number].server.as_ref();
        let took_us = server.map_or(0, Server::handled_packets) / PACKETS_PER_US;
        let now = self.now_us();
        self.network.borrow_mut().advance(now + took_us);
    }
}

/// Checks that a server had a reason to end a connection because of a fault of the peer.
pub(super) fn judge_end(
    checker: &mut Checker,
    plan: &Plan,
    adversaries: &[AdversaryActor],
    origin: Origin,
    reason: &str,
) {
    let (host, link) = link_of(origin);
    let rule = match host.checked_sub(plan.honest_hosts()) {
        None => "call",
        Some(hostile) if !adversaries[hostile].has_committed(link, reason) => "reason",
        Some(_) => return,
    };
    checker.fail(rule, format!("a server disconnects host {host} on {link:?}: {reason}"));
}
