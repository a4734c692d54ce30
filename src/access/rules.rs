//! [`Rules`]: the access rules, in order. The first rule that is about the peer, the
//! permission and the function decides; without one it is refused.
//!
//! Must not: read the file.

use crate::denial::Denial;
use crate::parser::{self, RuleError};
use crate::peer::{NameLookup, Peer};
use crate::permission::{Permission, PermissionSet};
use crate::subject::Subject;
use gearman_protocol::pattern::Pattern;

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Its line in the file, from 1.
    pub(crate) line: u32,
    /// Whether it allows; otherwise it denies.
    pub(crate) allows: bool,
    /// The permissions that it is about.
    pub(crate) permissions: PermissionSet,
    /// The peers that it is about: those that any of these describes.
    pub(crate) subjects: Vec<Subject>,
    /// The functions that it is about: those that match any of these.
    pub(crate) functions: Vec<Pattern>,
}

impl Rule {
    fn is_about_every_function(&self) -> bool {
        self.functions.iter().any(Pattern::is_any)
    }
}

/// The access rules, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
}

/// What decides about one permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is allowed.
    Allowed,
    /// The rule in this line denies it.
    Denied(u32),
    /// No rule is about it.
    Undecided,
}

impl Verdict {
    /// The verdict as a result.
    pub(crate) fn result(self) -> Result<(), Denial> {
        match self {
            Verdict::Allowed => Ok(()),
            Verdict::Denied(line) => Err(Denial::Rule(line)),
            Verdict::Undecided => Err(Denial::NoRule),
        }
    }
}

impl Rules {
    /// Reads rules from their text.
    ///
    /// # Errors
    /// What is wrong, line by line.
    pub fn parse(text: &[u8], names: &dyn NameLookup) -> Result<Rules, Vec<RuleError>> {
        Ok(Rules { rules: parser::parse(text, names)? })
    }

    /// The number of rules.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are no rules: everything is refused.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The places of the rules that are about a peer, in order.
    pub(crate) fn about(&self, peer: &Peer<'_>) -> Box<[u32]> {
        let places = (0_u32..).zip(&self.rules);
        let about = places.filter(|(_, rule)| rule.subjects.iter().any(|who| who.has(peer)));
        about.map(|(place, _)| place).collect()
    }

    fn at<'a>(&'a self, places: &'a [u32]) -> impl Iterator<Item = &'a Rule> {
        places.iter().map(|&place| &self.rules[place as usize])
    }

    /// What the rules at these places say about each permission on a function.
    pub(crate) fn verdicts(&self, places: &[u32], function: &[u8]) -> [Verdict; 5] {
        let mut verdicts = [Verdict::Undecided; 5];
        for rule in self.at(places) {
            let is_open = |permission: &Permission| {
                rule.permissions.has(*permission)
                    && verdicts[*permission as usize] == Verdict::Undecided
            };
            let open: Vec<_> = Permission::ALL.into_iter().filter(|p| is_open(p)).collect();
            if !open.is_empty() && rule.functions.iter().any(|name| name.matches(function)) {
                let verdict =
                    if rule.allows { Verdict::Allowed } else { Verdict::Denied(rule.line) };
                open.iter().for_each(|&permission| verdicts[permission as usize] = verdict);
            }
        }
        verdicts
    }

    /// What the rules at these places say about a permission on every function, which the whole
    /// server needs: a rule that denies it for some function denies it.
    pub(crate) fn verdict_on_all(&self, places: &[u32], permission: Permission) -> Verdict {
        let mut rules = self.at(places).filter(|rule| rule.permissions.has(permission));
        let decisive = rules.find(|rule| !rule.allows || rule.is_about_every_function());
        match decisive {
            Some(rule) if rule.allows => Verdict::Allowed,
            Some(rule) => Verdict::Denied(rule.line),
            None => Verdict::Undecided,
        }
    }

    /// Whether a rule at these places allows a permission on some function.
    pub(crate) fn allows_some(&self, places: &[u32], permission: Permission) -> Verdict {
        let mut rules = self.at(places).filter(|rule| rule.permissions.has(permission));
        let decisive = rules.find(|rule| rule.allows || rule.is_about_every_function());
        match decisive {
            Some(rule) if rule.allows => Verdict::Allowed,
            Some(rule) => Verdict::Denied(rule.line),
            None => Verdict::Undecided,
        }
    }
}
