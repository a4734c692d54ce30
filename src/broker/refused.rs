//! Functions that a worker offered and that it may not work on. They are remembered, so that
//! administrators see them, and so that new rules can allow them.
//!
//! Must not: decide what is refused; the driver does.

use std::collections::BTreeMap;

use super::commands::offered_function;
use super::connection::{Ability, Connection};
use super::slab::Id;
use super::{Broker, ConnectionKey, Outbox};
use crate::defects::{Defect, strikes};
use gearman_protocol::Packet;

/// Most refused functions of a connection that are remembered.
const REFUSED_FUNCTIONS_MAX: usize = 1000;

/// The functions of a connection that it may not work on, with their time limits in
/// milliseconds.
pub(super) type RefusedFunctions = BTreeMap<Box<[u8]>, u32>;

impl Broker {
    /// Refuses a CAN_DO or CAN_DO_TIMEOUT packet. It is not answered: a worker that gets an
    /// ERROR for which it has not asked takes it for the answer to its next request.
    pub fn refuse_offer(&mut self, from: ConnectionKey, packet: &Packet<'_>, out: &mut dyn Outbox) {
        self.interrupt(from, out);
        let Some(worker) = self.connections.find(from) else { return };
        let (name, timeout_ms) = offered_function(packet);
        self.remember_refused(worker, name, timeout_ms);
    }

    /// Remembers a refused function, unless too many are remembered.
    pub(super) fn remember_refused(
        &mut self,
        worker: Id<Connection>,
        name: &[u8],
        timeout_ms: u32,
    ) {
        let refused = self.connections[worker].refused.get_or_insert_default();
        if refused.len() < REFUSED_FUNCTIONS_MAX {
            refused.insert(name.into(), timeout_ms);
        }
    }

    /// Forgets a refused function that the worker no longer offers.
    pub(super) fn forget_refused(&mut self, worker: Id<Connection>, name: &[u8]) {
        let refused = &mut self.connections[worker].refused;
        if let Some(functions) = refused {
            functions.remove(name);
            if functions.is_empty() {
                *refused = None;
            }
        }
    }

    /// Applies new rules to the functions of a worker: it loses those for which `may_work` is
    /// false, and gets those that were refused and for which it is true. Jobs that it runs are
    /// not taken from it.
    pub fn review_functions(
        &mut self,
        worker: ConnectionKey,
        mut may_work: impl FnMut(&[u8]) -> bool,
        out: &mut dyn Outbox,
    ) {
        let Some(id) = self.connections.find(worker) else { return };
        let abilities = self.connections[id].abilities.iter(&self.abilities);
        let name = |&ability: &Id<Ability>| &*self.functions[self.abilities[ability].function].name;
        let lost: Vec<_> = abilities.filter(|ability| !may_work(name(ability))).collect();
        let refused = self.connections[id].refused.as_deref().into_iter().flatten();
        let gained = refused.filter(|(name, _)| may_work(name));
        let gained: Vec<_> = gained.map(|(name, timeout_ms)| (name.clone(), *timeout_ms)).collect();
        if lost.is_empty() && gained.is_empty()
            || !lost.is_empty() && strikes(Defect::RefusedFunctionKept)
            || !gained.is_empty() && strikes(Defect::FunctionNotRegained)
        {
            return;
        }
        self.interrupt(worker, out);
        for ability in lost {
            let Ability { function, timeout_ms, .. } = self.abilities[ability];
            let name = self.functions[function].name.clone();
            self.remove_ability(ability, out);
            self.remember_refused(id, &name, timeout_ms);
        }
        for (name, timeout_ms) in gained {
            self.forget_refused(id, &name);
            self.can_do(id, &name, timeout_ms, out);
        }
    }
}
