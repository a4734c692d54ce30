//! The access rules of a simulated server: everything is allowed but for a list of refusals,
//! which actions change while the server runs.
//!
//! Must not: decide; the server's own access control does.

use std::collections::BTreeMap;

use gearman_access::{AccessControl, AdminScope, GroupMembers, NameLookup, Rules};

use crate::checker::function_name;
use crate::network::Host;

/// What a rule refuses a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusedAct {
    /// To submit jobs.
    Submit,
    /// To work.
    Work,
}

/// A rule that refuses a host a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) host: Host,
    pub(crate) act: RefusedAct,
    pub(crate) function: usize,
}

/// The refusals of a server, by the number of the action that made them. Like the file of
/// rules, they survive the process.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleFile(BTreeMap<usize, Refusal>);

impl RuleFile {
    pub(crate) fn refuse(&mut self, number: usize, refusal: Refusal) {
        self.0.insert(number, refusal);
    }

    /// Removes the refusal of an action.
    pub(crate) fn allow(&mut self, number: usize) {
        self.0.remove(&number);
    }

    pub(crate) fn refuses(&self, host: Host, act: RefusedAct, function: usize) -> bool {
        self.0.values().any(|refusal| *refusal == Refusal { host, act, function })
    }

    /// The rules as the server reads them.
    pub(crate) fn rules(&self) -> Rules {
        let mut text = String::new();
        for Refusal { host, act, function } in self.0.values() {
            let act = match act {
                RefusedAct::Submit => "submit",
                RefusedAct::Work => "work",
            };
            let name = function_name(*function);
            text += &format!("deny {act} from net:{} for {name}\n", host_address(*host));
        }
        text += "allow all from any\n";
        Rules::parse(text.as_bytes(), &NoNames).expect("valid rules")
    }

    /// What decides with these rules.
    pub(crate) fn access(&self) -> AccessControl {
        AccessControl::new(Some(self.rules()), AdminScope::All)
    }
}

/// The address of a client's or worker's host.
pub(crate) fn host_address(host: Host) -> std::net::Ipv4Addr {
    [10, 0, 0, (host % 250) as u8].into()
}

/// No users and no groups.
struct NoNames;

impl NameLookup for NoNames {
    fn user(&self, _name: &str) -> Result<Option<u32>, String> {
        Ok(None)
    }

    fn group(&self, _name: &str) -> Result<Option<GroupMembers>, String> {
        Ok(None)
    }
}
