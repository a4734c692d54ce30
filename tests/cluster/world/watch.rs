//! Checks that run whenever the clock advances: held replies and stalled jobs.
//!
//! Must not: change anything but the checker.

use std::collections::BTreeMap;

use super::{STALL_PER_SERVER_US_MAX, STALL_US_MAX, World};
use crate::access::RefusedAct;
use crate::network::SERVERS;
use crate::script::{BODY_MAX, FUNCTIONS};
use crate::server::Server;

impl World<'_> {
    /// Checks that no reply is held longer than documented.
    pub(super) fn watch_held_replies(&mut self) {
        for (number, host) in self.server_hosts.iter_mut().enumerate() {
            // A server that is ready may not have read the request yet.
            let server = host.server.as_mut().filter(|server| !server.is_ready());
            if let Some(text) = server.and_then(Server::held_too_long) {
                self.checker.fail("held", format!("server {number}: {text}"));
            }
        }
    }

    /// Checks that no job stays queued while a worker that can do it is idle.
    pub(super) fn watch_for_stalls(&mut self) {
        // With a limited number of wake-ups, the only woken worker may be unreachable.
        if self.plan.has_faults && self.plan.wakeup.is_some_and(|count| count > 0) {
            return;
        }
        let now = self.now_us();
        let more = if self.plan.has_faults { STALL_PER_SERVER_US_MAX } else { 0 };
        // An idle worker may already be receiving a job: one window per round trip, from
        // each server in turn.
        let quality = self.plan.quality;
        let windows = (BODY_MAX / quality.window + 1) as u64;
        let transfer = windows * 2 * quality.delay_us * (1 + self.plan.servers as u64);
        let limit =
            STALL_US_MAX + more * (self.plan.servers as u64 - 1) + 8 * quality.delay_us + transfer;
        let mut stalls = BTreeMap::new();
        for (number, server) in self.servers() {
            let queued = server.queued();
            for (index, worker) in self.workers.iter().enumerate() {
                let Some(link) = worker.link(number) else { continue };
                let network = self.network.borrow();
                let can_work = worker.is_searching()
                    && worker.stalled_until_us <= now
                    && network.is_up(link)
                    && network.is_clear(worker.host, SERVERS + number);
                for function in (0..FUNCTIONS).filter(|&f| queued[f] && worker.offers[f]) {
                    let rules = &self.server_hosts[number].rules;
                    if can_work && !rules.refuses(worker.host, RefusedAct::Work, function) {
                        stalls.insert((number, index, function), link);
                    }
                }
            }
        }
        self.stalled_since.retain(|key, _| stalls.contains_key(key));
        for (key, _) in stalls {
            let since = *self.stalled_since.entry(key).or_insert(now);
            if now > since + limit {
                let (number, _, function) = key;
                let text = format!(
                    "a job of f{function} has been queued at server {number} since {since}; {}",
                    self.describe()
                );
                self.checker.fail("stall", text);
                return;
            }
        }
    }
}
