//! The access rules, applied: which packets and text commands a session's peer may send.
//!
//! A refused submission is answered with ERROR. A refused CAN_DO is not answered, because a
//! worker would take the ERROR for the answer to its next request; the broker remembers it.
//!
//! Must not: decide; `gearman-access` does.

use std::net::IpAddr;
use std::sync::Arc;

use crate::host::{Host, Journal, Origin, Requester, Stream};
use crate::job_server::JobServer;
use crate::outlet::Outlet;
use gearman_access::{
    AccessControl, Denial, ListenerRole, Peer, PeerIdentity, Permission, ProfileId, Rules, Viewer,
};
use gearman_admin::{Authority, CommandOutcome, PermissionTarget};
use gearman_broker::ConnectionKey;
use gearman_protocol::{Command, Packet, percent};

/// Code of the ERROR packet for what the rules do not allow.
const PERMISSION_DENIED: &[u8] = b"PERMISSION_DENIED";
/// Most bytes of a function's name in an ERROR packet.
const SHOWN_NAME_BYTES_MAX: usize = 128;
/// Longest name of a function that a session remembers, in bytes.
const SUBMITTED_NAME_BYTES_MAX: usize = 256;
/// Connections that new rules are applied to in one turn.
const REVIEWS_PER_TURN: usize = 64;

/// What a packet needs.
enum PacketNeeds<'a> {
    /// Nothing that rules restrict.
    Nothing,
    /// To submit jobs of a function, and of a reducer unless its name is empty. The worker of
    /// the function submits jobs to the reducer in its own name, so the client must be allowed
    /// to do that, too.
    Submit(&'a [u8], &'a [u8]),
    /// To work on a function.
    Work(&'a [u8]),
    /// Any permission on any function.
    Something,
}

impl<'a> PacketNeeds<'a> {
    fn of(packet: &Packet<'a>) -> PacketNeeds<'a> {
        match packet.command() {
            Command::SubmitJob
            | Command::SubmitJobBg
            | Command::SubmitJobHigh
            | Command::SubmitJobHighBg
            | Command::SubmitJobLow
            | Command::SubmitJobLowBg
            | Command::SubmitJobEpoch => PacketNeeds::Submit(packet.arg(0), b""),
            Command::SubmitReduceJob | Command::SubmitReduceJobBackground => {
                PacketNeeds::Submit(packet.arg(0), packet.arg(2))
            }
            Command::CanDo | Command::CanDoTimeout => PacketNeeds::Work(packet.text_arg(0)),
            Command::GetStatus | Command::GetStatusUnique => PacketNeeds::Something,
            _ => PacketNeeds::Nothing,
        }
    }
}

/// What a session's peer may do, as far as it is known.
pub(crate) struct SessionProfile {
    id: ProfileId,
    /// The function that it was allowed to submit last.
    submits: Option<Vec<u8>>,
}

/// Decides about the text commands of a session.
pub(crate) struct SessionAuthority<'a> {
    access: &'a mut AccessControl,
    profile: ProfileId,
}

impl<'a> SessionAuthority<'a> {
    pub(crate) fn new(
        (access, profile): (&'a mut AccessControl, ProfileId),
    ) -> SessionAuthority<'a> {
        SessionAuthority { access, profile }
    }
}

impl Authority for SessionAuthority<'_> {
    fn check(&mut self, permission: Permission, on: PermissionTarget<'_>) -> Result<(), Denial> {
        match on {
            PermissionTarget::Function(name) => self.access.check(self.profile, permission, name),
            PermissionTarget::Some => self.access.check_some(self.profile, permission),
            PermissionTarget::All => self.access.check_all(self.profile, permission),
        }
    }

    fn viewer(&self) -> Option<Viewer> {
        self.access.viewer(self.profile)
    }
}

impl<H: Host> JobServer<H> {
    /// Sets what decides about peers. Before, everything is allowed.
    pub fn set_access(&mut self, access: AccessControl) {
        self.access = Some(Box::new(access));
    }

    /// What decides about peers, if anything does.
    pub fn access(&self) -> Option<&AccessControl> {
        self.access.as_deref()
    }

    /// Replaces the access rules. They hold for the next packet of each connection; workers lose
    /// and get functions in the next turns. Jobs that they run are not taken from them.
    pub fn replace_rules(&mut self, rules: Rules) {
        let Some(access) = &mut self.access else { return };
        access.replace_rules(rules);
        self.sessions.all_mut().for_each(|session| session.profile = None);
        self.reviews = self.sessions.keys();
    }

    /// The functions that a peer at an address of a listener with this role may see, unless it
    /// may see all.
    ///
    /// # Errors
    /// Why it may see none. It is counted.
    pub fn viewer(
        &mut self,
        role: ListenerRole,
        address: IpAddr,
        identity: Option<&PeerIdentity>,
    ) -> Result<Option<Viewer>, Denial> {
        let Some(access) = &mut self.access else { return Ok(None) };
        let peer = Peer { address: Some(address), credentials: None, identity };
        let profile = access.profile(role, &peer);
        access.check_some(profile, Permission::View)?;
        Ok(access.viewer(profile))
    }

    /// Adds a connection without a session whose peer has this certificate: see
    /// [`JobServer::connect_bridged`].
    pub fn connect_bridged_as(
        &mut self,
        descriptor: i32,
        address: IpAddr,
        identity: Option<Arc<PeerIdentity>>,
    ) -> ConnectionKey {
        let key = self.connect_bridged(descriptor, &address.to_string());
        if self.access.is_some() {
            let peer = Requester { origin: None, address: Some(address), identity };
            self.bridged_peers.insert(key, peer);
        }
        key
    }

    /// The profile of a session, if its permissions are limited.
    pub(crate) fn profile(&mut self, key: ConnectionKey) -> Option<ProfileId> {
        let access = self.access.as_deref_mut()?;
        let session = self.sessions.get_mut(key.index())?;
        if session.profile.is_none() {
            let identity = session.stream.peer_identity();
            let (address, credentials) = match session.origin {
                Origin::Inet(address) => (Some(address.ip()), None),
                Origin::Local(local) => (None, local.credentials),
            };
            let peer = Peer { address, credentials, identity: identity.as_deref() };
            let id = access.profile(session.role, &peer);
            session.profile = Some(Box::new(SessionProfile { id, submits: None }));
        }
        session.profile.as_ref().map(|profile| profile.id)
    }

    /// Whether a session's peer was allowed to submit this function last.
    fn submits_again(&mut self, key: ConnectionKey, function: &[u8]) -> bool {
        let session = self.sessions.get_mut(key.index());
        let profile = session.and_then(|session| session.profile.as_ref());
        profile.is_some_and(|profile| profile.submits.as_deref() == Some(function))
    }

    fn remember_submission(&mut self, key: ConnectionKey, function: &[u8]) {
        let session = self.sessions.get_mut(key.index());
        let profile = session.and_then(|session| session.profile.as_mut());
        if function.len() <= SUBMITTED_NAME_BYTES_MAX
            && let Some(profile) = profile
        {
            let submits = profile.submits.get_or_insert_default();
            submits.clear();
            submits.extend_from_slice(function);
        }
    }

    /// Whether a session's peer may send a packet. Otherwise the packet is refused, and handled
    /// with that.
    pub(crate) fn admits(&mut self, key: ConnectionKey, packet: &Packet<'_>) -> bool {
        let needs = PacketNeeds::of(packet);
        if matches!(needs, PacketNeeds::Nothing) {
            return true;
        }
        if let PacketNeeds::Submit(function, b"") = needs
            && self.submits_again(key, function)
        {
            return true;
        }
        let Some(profile) = self.profile(key) else { return true };
        let is_admitted = self.admits_needs(key, profile, packet, &needs);
        if is_admitted && let PacketNeeds::Submit(function, b"") = needs {
            self.remember_submission(key, function);
        }
        is_admitted
    }

    /// As [`JobServer::admits`], for a connection without a session.
    pub(crate) fn admits_bridged(&mut self, key: ConnectionKey, packet: &Packet<'_>) -> bool {
        let needs = PacketNeeds::of(packet);
        let (Some(access), Some(peer)) = (&mut self.access, self.bridged_peers.get(&key)) else {
            return true;
        };
        let peer =
            Peer { address: peer.address, credentials: None, identity: peer.identity.as_deref() };
        let profile = access.profile(ListenerRole::Jobs, &peer);
        self.admits_needs(key, profile, packet, &needs)
    }

    fn admits_needs(
        &mut self,
        key: ConnectionKey,
        profile: ProfileId,
        packet: &Packet<'_>,
        needs: &PacketNeeds<'_>,
    ) -> bool {
        let Some(access) = &mut self.access else { return true };
        let (permission, names) = match *needs {
            PacketNeeds::Nothing => return true,
            PacketNeeds::Submit(function, reducer) => (Permission::Submit, [function, reducer]),
            PacketNeeds::Work(function) => (Permission::Work, [function, b""]),
            PacketNeeds::Something => return self.admits_something(key, profile),
        };
        let needed =
            names.into_iter().enumerate().filter(|(at, name)| *at == 0 || !name.is_empty());
        for (_, name) in needed {
            if let Err(denial) = access.check(profile, permission, name) {
                self.deny(key, packet, permission, name, denial);
                return false;
            }
        }
        true
    }

    /// Whether a peer may submit, work on or see anything: then it may ask for the status of a
    /// job whose handle or unique id it knows.
    fn admits_something(&mut self, key: ConnectionKey, profile: ProfileId) -> bool {
        let Some(access) = &mut self.access else { return true };
        let other = [Permission::Submit, Permission::Work, Permission::Cancel];
        if other.iter().any(|&permission| access.allows_some(profile, permission).is_ok()) {
            return true;
        }
        let Err(denial) = access.check_some(profile, Permission::View) else { return true };
        self.deny_with_error(key, Permission::View, b"", denial);
        false
    }

    #[cold]
    fn deny(
        &mut self,
        key: ConnectionKey,
        packet: &Packet<'_>,
        permission: Permission,
        name: &[u8],
        denial: Denial,
    ) {
        if permission != Permission::Work {
            return self.deny_with_error(key, permission, name, denial);
        }
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        self.broker.refuse_offer(key, packet, outlet);
        if let Some(who) = self.requester(key) {
            self.journal.denied(&who, permission, name, denial);
        }
    }

    fn deny_with_error(
        &mut self,
        key: ConnectionKey,
        permission: Permission,
        name: &[u8],
        denial: Denial,
    ) {
        let mut why = format!("{denial}: {}", permission.name()).into_bytes();
        if !name.is_empty() {
            why.push(b' ');
            percent::escape(&name[..name.len().min(SHOWN_NAME_BYTES_MAX)], &mut why);
        }
        let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
        self.broker.interrupt(key, outlet);
        outlet.send_denial(key, PERMISSION_DENIED, &why);
        if let Some(who) = self.requester(key) {
            self.journal.denied(&who, permission, name, denial);
        }
    }

    /// Who a connection's peer is.
    fn requester(&mut self, key: ConnectionKey) -> Option<Requester> {
        if let Some(peer) = self.bridged_peers.get(&key) {
            return Some(peer.clone());
        }
        let session = self.sessions.get_mut(key.index())?;
        let address = match session.origin {
            Origin::Inet(address) => Some(address.ip()),
            Origin::Local(_) => None,
        };
        let identity = session.stream.peer_identity();
        Some(Requester { origin: Some(session.origin), address, identity })
    }

    /// Reports a text command that changed something or was refused.
    pub(crate) fn audit(
        &mut self,
        key: ConnectionKey,
        line: &[u8],
        answer: &[u8],
        outcome: CommandOutcome,
    ) {
        let is_denied = matches!(outcome, CommandOutcome::Denied(_));
        if outcome == CommandOutcome::Read {
            return;
        }
        // The log is read by more people than payloads.
        let answer = if outcome == CommandOutcome::Shown { &b"shown"[..] } else { answer };
        if let Some(who) = self.requester(key) {
            self.journal.administered(&who, line, answer, is_denied);
        }
    }

    /// Applies new rules to the functions of some workers.
    pub(crate) fn review_functions(&mut self) {
        for _ in 0..REVIEWS_PER_TURN {
            let Some(key) = self.reviews.pop() else { return };
            let Some(profile) = self.profile(key) else { continue };
            let Some(access) = &mut self.access else { return };
            let outlet = &mut Outlet { sessions: &mut self.sessions, journal: &mut self.journal };
            let may_work = |name: &[u8]| access.decide(profile, Permission::Work, name).is_ok();
            self.broker.review_functions(key, may_work, outlet);
        }
    }
}
