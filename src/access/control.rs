//! [`AccessControl`]: decides what peers may do, and remembers its decisions.
//!
//! Peers that the same rules are about share a profile. A profile decides once per function.
//!
//! Must not: know packets, or text commands.

use std::collections::HashMap;
use std::sync::Arc;

use crate::denial::Denial;
use crate::peer::Peer;
use crate::permission::Permission;
use crate::rules::{Rules, Verdict};

/// Most functions whose decision a profile remembers; then it forgets all of them. Peers choose
/// the names.
const DECISIONS_MAX: usize = 4096;
/// Longest name of a function whose decision is remembered, in bytes.
const REMEMBERED_NAME_BYTES_MAX: usize = 256;

/// Which administrators' commands are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AdminScope {
    /// All.
    #[default]
    All,
    /// Those that change nothing.
    ReadOnly,
    /// None.
    Nothing,
}

/// The role of the listener that a peer connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ListenerRole {
    /// It takes jobs, workers, and the administrators' commands of its server's scope.
    #[default]
    Jobs,
    /// It takes administrators' commands only: all, or those that change nothing.
    Admin(AdminScope),
}

/// Identifies the peers that are treated alike, until the rules are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileId(u32);

struct Profile {
    role: ListenerRole,
    /// The rules that are about its peers.
    places: Box<[u32]>,
    decisions: HashMap<Box<[u8]>, [Verdict; 5]>,
}

/// Number of refusals since the server started, by permission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RefusalCounts([u64; 5]);

impl RefusalCounts {
    /// The number of refusals of a permission.
    pub fn of(&self, permission: Permission) -> u64 {
        self.0[permission as usize]
    }
}

/// The functions that some peer may see, according to the rules when it asked.
#[derive(Clone, Debug)]
pub struct Viewer {
    rules: Arc<Rules>,
    places: Box<[u32]>,
}

impl Viewer {
    /// Whether the peer may see a function.
    pub fn sees(&self, function: &[u8]) -> bool {
        let verdicts = self.rules.verdicts(&self.places, function);
        verdicts[Permission::View as usize] == Verdict::Allowed
    }
}

/// Decides what peers may do.
pub struct AccessControl {
    rules: Option<Arc<Rules>>,
    /// The commands that listeners for jobs take.
    scope: AdminScope,
    profiles: Vec<Profile>,
    by_rules: HashMap<(ListenerRole, Box<[u32]>), ProfileId>,
    refusals: RefusalCounts,
}

impl AccessControl {
    /// Without rules everything is allowed that the role of the listener allows.
    pub fn new(rules: Option<Rules>, scope: AdminScope) -> AccessControl {
        AccessControl {
            rules: rules.map(Arc::new),
            scope,
            profiles: Vec::new(),
            by_rules: HashMap::new(),
            refusals: RefusalCounts::default(),
        }
    }

    /// Replaces the rules. All profiles are invalid afterwards.
    pub fn replace_rules(&mut self, rules: Rules) {
        self.rules = Some(Arc::new(rules));
        self.profiles.clear();
        self.by_rules.clear();
    }

    /// The number of rules, if there are any in force.
    pub fn rule_count(&self) -> Option<usize> {
        self.rules.as_ref().map(|rules| rules.len())
    }

    /// The refusals so far.
    pub fn refusals(&self) -> RefusalCounts {
        self.refusals
    }

    /// The profile of a peer.
    pub fn profile(&mut self, role: ListenerRole, peer: &Peer<'_>) -> ProfileId {
        let places = self.rules.as_ref().map_or(Box::default(), |rules| rules.about(peer));
        if let Some(&known) = self.by_rules.get(&(role, places.clone())) {
            return known;
        }
        let id = ProfileId(self.profiles.len() as u32);
        self.profiles.push(Profile { role, places: places.clone(), decisions: HashMap::new() });
        self.by_rules.insert((role, places), id);
        id
    }

    /// Whether peers of a profile have a permission on a function.
    ///
    /// # Errors
    /// Why not. It is counted.
    pub fn check(
        &mut self,
        profile: ProfileId,
        permission: Permission,
        function: &[u8],
    ) -> Result<(), Denial> {
        let result = self.decide(profile, permission, function);
        self.count(permission, result)
    }

    /// As [`AccessControl::check`], without counting a refusal.
    ///
    /// # Errors
    /// Why not.
    pub fn decide(
        &mut self,
        profile: ProfileId,
        permission: Permission,
        function: &[u8],
    ) -> Result<(), Denial> {
        self.admits(profile, permission)?;
        let Some(rules) = &self.rules else { return Ok(()) };
        let profile = &mut self.profiles[profile.0 as usize];
        if let Some(verdicts) = profile.decisions.get(function) {
            return verdicts[permission as usize].result();
        }
        let verdicts = rules.verdicts(&profile.places, function);
        if function.len() <= REMEMBERED_NAME_BYTES_MAX {
            if profile.decisions.len() == DECISIONS_MAX {
                profile.decisions.clear();
            }
            profile.decisions.insert(function.into(), verdicts);
        }
        verdicts[permission as usize].result()
    }

    /// Whether peers of a profile have a permission on every function, which the whole server
    /// needs.
    ///
    /// # Errors
    /// Why not. It is counted.
    pub fn check_all(&mut self, profile: ProfileId, permission: Permission) -> Result<(), Denial> {
        let result = self.whole(profile, permission, Rules::verdict_on_all);
        self.count(permission, result)
    }

    /// Whether peers of a profile have a permission on some function.
    ///
    /// # Errors
    /// Why not. It is counted.
    pub fn check_some(&mut self, profile: ProfileId, permission: Permission) -> Result<(), Denial> {
        let result = self.allows_some(profile, permission);
        self.count(permission, result)
    }

    /// As [`AccessControl::check_some`], without counting a refusal.
    ///
    /// # Errors
    /// Why not.
    pub fn allows_some(&self, profile: ProfileId, permission: Permission) -> Result<(), Denial> {
        self.whole(profile, permission, Rules::allows_some)
    }

    /// The functions that peers of a profile may see, unless they may see all.
    pub fn viewer(&self, profile: ProfileId) -> Option<Viewer> {
        let rules = self.rules.as_ref()?;
        if self.whole(profile, Permission::View, Rules::verdict_on_all).is_ok() {
            return None;
        }
        let places = self.profiles[profile.0 as usize].places.clone();
        Some(Viewer { rules: Arc::clone(rules), places })
    }

    fn whole(
        &self,
        profile: ProfileId,
        permission: Permission,
        decide: fn(&Rules, &[u32], Permission) -> Verdict,
    ) -> Result<(), Denial> {
        self.admits(profile, permission)?;
        let Some(rules) = &self.rules else { return Ok(()) };
        decide(rules, &self.profiles[profile.0 as usize].places, permission).result()
    }

    /// Whether the listener of a profile takes what a permission is for.
    fn admits(&self, profile: ProfileId, permission: Permission) -> Result<(), Denial> {
        let role = self.profiles[profile.0 as usize].role;
        let scope = match (role, permission) {
            (ListenerRole::Jobs, Permission::Submit | Permission::Work) => return Ok(()),
            (ListenerRole::Admin(_), Permission::Submit | Permission::Work) => {
                return Err(Denial::AdminListener);
            }
            (ListenerRole::Jobs, _) => self.scope,
            (ListenerRole::Admin(scope), _) => scope,
        };
        match scope {
            AdminScope::All => Ok(()),
            AdminScope::ReadOnly if permission == Permission::View => Ok(()),
            AdminScope::ReadOnly => Err(Denial::ReadOnlyListener),
            AdminScope::Nothing => Err(Denial::NoAdminCommands),
        }
    }

    fn count(&mut self, permission: Permission, result: Result<(), Denial>) -> Result<(), Denial> {
        if result.is_err() {
            self.refusals.0[permission as usize] += 1;
        }
        result
    }
}
