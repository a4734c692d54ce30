//! What is checked whenever time passes.
//!
//! Must not: change anything but the books.

use std::collections::BTreeMap;

use super::{STALL_PER_SERVER_US, STALL_US, World};
use crate::network::SERVERS;
use crate::script::{BODY_MAX, FUNCTIONS};
use crate::server::Server;

impl World<'_> {
    /// No reply may be held for longer than stated.
    pub(super) fn watch_held_replies(&mut self) {
        for (number, place) in self.places.iter_mut().enumerate() {
            // What has come meanwhile is not held: the server has not seen it yet.
            let server = place.server.as_mut().filter(|server| !server.is_ready());
            if let Some(text) = server.and_then(Server::held_too_long) {
                self.books.fail("held", format!("server {number}: {text}"));
            }
        }
    }

    /// A job that can be done must not wait beside a worker that asks for jobs.
    pub(super) fn watch_for_stalls(&mut self) {
        // Where only so many are woken, one that is out of reach may be the one.
        if self.plan.has_faults && self.plan.wakeup.is_some_and(|count| count > 0) {
            return;
        }
        let now = self.now_us();
        let more = if self.plan.has_faults { STALL_PER_SERVER_US } else { 0 };
        // A worker that asks may be about to get a job: a window of it in each round trip,
        // from each server in turn.
        let quality = self.plan.quality;
        let windows = (BODY_MAX / quality.window + 1) as u64;
        let transfer = windows * 2 * quality.delay_us * (1 + self.plan.servers as u64);
        let limit =
            STALL_US + more * (self.plan.servers as u64 - 1) + 8 * quality.delay_us + transfer;
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
                    if can_work {
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
                    "a job of f{function} has waited at server {number} since {since}; {}",
                    self.describe()
                );
                self.books.fail("stall", text);
                return;
            }
        }
    }
}
