//! The actions of a script, and the repairs of its faults.
//!
//! Must not: step a client, a worker or a server.

use super::{Repair, World, life};
use crate::access::Refusal;
use crate::client::{ClientActor, PlannedCall};
use crate::network::{LinkId, SERVERS};
use crate::script::{Action, Submit, Timed};
use crate::worker::WorkerActor;

impl World<'_> {
    /// Performs the actions and repairs that are due.
    pub(super) fn act(&mut self, now: u64) {
        while let Some(&&timed) = self.actions.peek() {
            if timed.at_us > now {
                break;
            }
            self.actions.next();
            self.perform(timed, now);
        }
        while let Some((&(at, number), &repair)) = self.repairs.iter().next() {
            if at > now {
                break;
            }
            self.repairs.remove(&(at, number));
            match repair {
                Repair::Start(server) => self.start_server(server),
                Repair::Heal { host, server, there, back } => {
                    self.black_hole(host, server, there, back, false);
                }
                Repair::Allow { server, number } => {
                    self.server_hosts[server].rules.allow(number);
                    self.server_hosts[server].reload_rules();
                }
                Repair::Offer { worker, function } => self.workers[worker].offer(function),
            }
        }
    }

    fn black_hole(&mut self, host: usize, server: usize, there: bool, back: bool, on: bool) {
        let mut network = self.network.borrow_mut();
        if there {
            network.black_hole(host, SERVERS + server, on);
        }
        if back {
            network.black_hole(SERVERS + server, host, on);
        }
    }

    fn perform(&mut self, timed: Timed, now: u64) {
        let mut repair_after = |for_us, repair| {
            self.repairs.insert((now + for_us, timed.number), repair);
        };
        match timed.action {
            Action::Submit { client, how, function, priority, shared_unique, bytes } => {
                self.submit(client, how, function, priority, shared_unique, bytes);
            }
            Action::Echo { client } => self.clients[client].plan_call(PlannedCall::Echo),
            Action::ClientDies { client } => {
                self.clients[client] =
                    ClientActor::new(&self.network, client, self.epoch, &self.plan);
            }
            Action::WorkerDies { worker } => {
                let host = self.plan.clients + worker;
                self.workers[worker] =
                    WorkerActor::new(&self.network, host, self.epoch, &self.plan);
            }
            Action::WorkerForgets { worker, function, for_us } => {
                self.workers[worker].forget(function);
                self.checker.withdrawn.insert(function);
                repair_after(for_us, Repair::Offer { worker, function });
            }
            Action::Stall { host, for_us } => match host.checked_sub(self.plan.clients) {
                None => self.clients[host].stall(now, for_us),
                Some(worker) => self.workers[worker].stall(now, for_us),
            },
            Action::ServerDies { server, silent, for_us } => {
                repair_after(for_us, Repair::Start(server));
                let host = &mut self.server_hosts[server];
                if let Some(process) = host.server.take() {
                    // Before the drop of the process closes its connections.
                    self.network.borrow_mut().stop_server(server, silent);
                    match process.stop() {
                        Some(queue) => host.ended = queue.crash(),
                        None => {
                            self.checker.crashed.insert(life(server, host.life));
                        }
                    }
                }
            }
            Action::BlackHole { host, server, there, back, for_us } => {
                repair_after(for_us, Repair::Heal { host, server, there, back });
                self.black_hole(host, server, there, back, true);
            }
            Action::Reset { host, server } => {
                let links: Vec<LinkId> = self.network.borrow().open_links(host);
                for link in links {
                    let is_match = self.network.borrow().server_of(link) == server;
                    if is_match {
                        self.network.borrow_mut().reset(link);
                    }
                }
            }
            Action::Refuse { server, host, act, function, for_us } => {
                repair_after(for_us, Repair::Allow { server, number: timed.number });
                let refusal = Refusal { host, act, function };
                self.server_hosts[server].rules.refuse(timed.number, refusal);
                self.server_hosts[server].reload_rules();
            }
            Action::Attack(attack) => {
                self.adversaries[attack.adversary].perform(&attack, now, &mut self.checker);
            }
            Action::ClockJump { server, by_s } => {
                let error = &self.server_hosts[server].calendar_error_s;
                error.set(error.get() + by_s);
            }
        }
    }

    fn submit(
        &mut self,
        client: usize,
        how: Submit,
        function: usize,
        priority: usize,
        shared_unique: Option<usize>,
        bytes: usize,
    ) {
        let checker = &mut self.checker;
        let mut enter = |background, priority| {
            checker.submit(function, shared_unique, priority, background, bytes)
        };
        let call = match how {
            Submit::Do => PlannedCall::Do(enter(false, priority)),
            Submit::Background => PlannedCall::Background(enter(true, priority)),
            // SUBMIT_JOB_EPOCH has no priority.
            Submit::Delayed(after_s) => {
                let seconds = self.network.borrow().now_us() / 1_000_000 + after_s;
                let (number, due_s) = (enter(true, 1), crate::server::EPOCH_S + seconds);
                checker.delay(number, due_s);
                PlannedCall::Delayed(number, due_s as i64)
            }
            Submit::Set(count) => {
                PlannedCall::Set((0..count).map(|_| enter(false, priority)).collect())
            }
        };
        self.clients[client].plan_call(call);
    }
}
