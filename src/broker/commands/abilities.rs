//! CAN_DO*, CANT_DO, RESET_ABILITIES: what a worker offers.
//!
//! Must not: hand out jobs.

use super::super::connection::{Ability, Connection, WorkerState};
use super::super::function::Function;
use super::super::slab::Id;
use super::super::{Broker, Outbox};
use super::parse_number;
use gearman_protocol::Command;

/// The shortest time that a worker can set for a function, in milliseconds.
const MIN_TIMEOUT: u32 = 1000;

/// The milliseconds of CAN_DO_TIMEOUT. What is no number or not positive means
/// that there is no limit.
pub(super) fn parse_timeout(text: &[u8]) -> u32 {
    match parse_number(text) {
        Some(..=0) => 0,
        Some(millis) => u32::try_from(millis).unwrap_or(u32::MAX).max(MIN_TIMEOUT),
        None => u32::MAX,
    }
}

impl Broker {
    fn find_ability(&self, worker: Id<Connection>, function: Id<Function>) -> Option<Id<Ability>> {
        self.abilities_index.find(Self::ability_tag(worker, function), |id| {
            let ability = &self.abilities[id];
            ability.connection == worker && ability.function == function
        })
    }

    /// A worker offers a function, maybe with a limit in milliseconds.
    pub(in super::super) fn can_do(
        &mut self,
        worker: Id<Connection>,
        name: &[u8],
        timeout: u32,
        out: &mut dyn Outbox,
    ) {
        let function = self.functions.get_or_create(name);
        let ability = match self.find_ability(worker, function) {
            Some(ability) => ability,
            None => self.add_ability(worker, function, out),
        };
        let ability = &mut self.abilities[ability];
        ability.timeout = timeout;
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
        assert!(!is_held, "a worker offered a function while its grab was held");
        let sleeping = state == WorkerState::Sleeping;
        if sleeping && self.functions[function].available() > 0 {
            self.wake_worker(worker);
            self.reply(worker, Command::Noop, &[], b"", out);
        } else if sleeping {
            self.functions[function].sleepers.push_back(&mut self.abilities, id);
        }
        // What was offered last is tried first.
        self.connections[worker].abilities.push_front(&mut self.abilities, id);
        id
    }

    /// A worker takes one offer back. Its running jobs of that function go to
    /// other workers.
    pub(super) fn cant_do(&mut self, worker: Id<Connection>, name: &[u8], out: &mut dyn Outbox) {
        let Some(function) = self.functions.find(name) else { return };
        let Some(ability) = self.find_ability(worker, function) else { return };
        self.remove_ability(ability, out);
        let running = self.connections[worker].running.iter(&self.jobs);
        let theirs: Vec<_> = running.filter(|&job| self.jobs[job].function == function).collect();
        theirs.into_iter().for_each(|job| self.requeue(job, out));
    }

    /// A worker takes all its offers back. All its running jobs go to other
    /// workers.
    pub(in super::super) fn forget_abilities(
        &mut self,
        worker: Id<Connection>,
        out: &mut dyn Outbox,
    ) {
        while let Some(ability) = self.connections[worker].abilities.front() {
            self.remove_ability(ability, out);
        }
        while let Some(job) = self.connections[worker].running.front() {
            self.requeue(job, out);
        }
    }

    fn remove_ability(&mut self, id: Id<Ability>, out: &mut dyn Outbox) {
        let Ability { connection, function, count, .. } = self.abilities[id];
        if self.connections[connection].state != WorkerState::Awake {
            self.functions[function].sleepers.remove(&mut self.abilities, id);
        }
        self.connections[connection].abilities.remove(&mut self.abilities, id);
        self.functions[function].abilities.remove(&mut self.abilities, id);
        let offers = &mut self.functions[function].offers;
        *offers = offers.checked_sub(count).expect("a worker took back more than was offered");
        self.abilities_index.remove(Self::ability_tag(connection, function), id);
        self.abilities.remove(id);
        // The worker may have been the one that was woken for a waiting job.
        self.wake(function, out);
    }
}
