//! CAN_DO*, CANT_DO, RESET_ABILITIES: the functions that a worker offers.
//!
//! Must not: hand out jobs.

use super::super::connection::{Ability, Connection, WorkerState};
use super::super::function::Function;
use super::super::slab::Id;
use super::super::{Broker, Outbox};
use super::parse_number;
use gearman_protocol::{Command, Packet};

/// Shortest time limit of a job that a worker can set. A shorter one is raised to this.
const JOB_TIMEOUT_MS_MIN: u32 = 1000;

/// Parses the timeout of CAN_DO_TIMEOUT, in milliseconds. 0 means no limit: the result
/// for text that is not a positive number. `u32::MAX` is the result for any larger number.
fn parse_timeout_ms(text: &[u8]) -> u32 {
    match parse_number(text) {
        Some(..=0) => 0,
        Some(millis) => u32::try_from(millis).unwrap_or(u32::MAX).max(JOB_TIMEOUT_MS_MIN),
        None => u32::MAX,
    }
}

/// The function that a CAN_DO or CAN_DO_TIMEOUT packet offers, and the time limit of its jobs in
/// milliseconds; 0 is no limit.
pub(in super::super) fn offered_function<'a>(packet: &Packet<'a>) -> (&'a [u8], u32) {
    let timeout_ms = match packet.command() {
        Command::CanDoTimeout => parse_timeout_ms(packet.arg(1)),
        _ => 0,
    };
    (packet.text_arg(0), timeout_ms)
}

impl Broker {
    fn find_ability(&self, worker: Id<Connection>, function: Id<Function>) -> Option<Id<Ability>> {
        self.abilities_index.find(Self::ability_tag(worker, function), |id| {
            let ability = &self.abilities[id];
            ability.connection == worker && ability.function == function
        })
    }

    /// CAN_DO and CAN_DO_TIMEOUT. A job may run for `timeout_ms` milliseconds; 0 is no limit.
    pub(in super::super) fn can_do(
        &mut self,
        worker: Id<Connection>,
        name: &[u8],
        timeout_ms: u32,
        out: &mut dyn Outbox,
    ) {
        let known = self.functions.find(name).and_then(|id| self.find_ability(worker, id));
        let ability = match known {
            Some(ability) => ability,
            None => {
                if let Err((code, text)) = self.may_offer(worker, name) {
                    self.remember_refused(worker, name, timeout_ms);
                    return out.offer_refused(self.key(worker), name, &[code, text]);
                }
                let function = self.functions.get_or_create(name);
                self.add_ability(worker, function, out)
            }
        };
        let function = self.abilities[ability].function;
        let ability = &mut self.abilities[ability];
        ability.timeout_ms = timeout_ms;
        ability.count += 1;
        self.functions[function].offers += 1;
    }

    fn add_ability(
        &mut self,
        worker: Id<Connection>,
        function: Id<Function>,
        out: &mut dyn Outbox,
    ) -> Id<Ability> {
        let id = self.abilities.insert(Ability::new(worker, function));
        self.abilities_index.insert(Self::ability_tag(worker, function), id);
        self.functions[function].abilities.push_back(&mut self.abilities, id);
        let state = self.connections[worker].state;
        let is_held = matches!(state, WorkerState::LongPoll { .. });
        assert!(!is_held, "a worker whose grab is held offers a function");
        let sleeping = state == WorkerState::Sleeping;
        if sleeping && self.functions[function].available() > 0 {
            self.wake_worker(worker);
            self.reply(worker, Command::Noop, &[], b"", out);
        } else if sleeping && !self.is_indexed(worker) {
            self.functions[function].sleepers.push_back(&mut self.abilities, id);
        }
        // A grab tries the function that was offered last first.
        self.connections[worker].abilities.push_front(&mut self.abilities, id);
        self.index_ability(worker, id);
        self.refill(function);
        let is_first = self.connections[worker].abilities.len() == 1;
        self.report_offer(function, self.peer(worker), is_first, out);
        id
    }

    /// CANT_DO. The worker's running jobs of that function go to other workers.
    pub(super) fn cant_do(&mut self, worker: Id<Connection>, name: &[u8], out: &mut dyn Outbox) {
        self.forget_refused(worker, name);
        let Some(function) = self.functions.find(name) else { return };
        let Some(ability) = self.find_ability(worker, function) else { return };
        self.remove_ability(ability, out);
        let lost = self.running_of(worker, function);
        lost.into_iter().for_each(|job| self.requeue(job, out));
    }

    pub(in super::super) fn remove_ability(&mut self, id: Id<Ability>, out: &mut dyn Outbox) {
        let Ability { connection, function, count, .. } = self.abilities[id];
        let is_indexed = self.unindex_ability(connection, id);
        if !is_indexed && self.connections[connection].state != WorkerState::Awake {
            self.functions[function].sleepers.remove(&mut self.abilities, id);
        }
        self.connections[connection].abilities.remove(&mut self.abilities, id);
        self.functions[function].abilities.remove(&mut self.abilities, id);
        let offers = &mut self.functions[function].offers;
        *offers = offers.checked_sub(count).expect("a function has fewer offers than its workers");
        self.abilities_index.remove(Self::ability_tag(connection, function), id);
        self.abilities.remove(id);
        self.report_withdrawal(function, self.peer(connection), out);
        // A queued job may have woken only this worker.
        self.wake(function, out);
    }
}
