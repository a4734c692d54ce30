//! Access rules and the audit log in the event loop: what SIGHUP reloads.
//!
//! Must not: read files in the loop; names of users may take long to look up.

use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::EventLoop;
use crate::access::{self, LoadedRules};
use crate::address_gate::AddressGate;
use crate::http::AccessFigures;
use crate::log::Level;
use gearman_access::{AccessControl, ListenerRole};
use gearman_session::Origin;

/// What reading the rules gave.
type Loaded = Result<LoadedRules, Vec<String>>;

/// The access rules, as the event loop holds them.
pub(super) struct AccessRules {
    path: PathBuf,
    /// Rules that another thread is reading.
    reading: Option<Receiver<Loaded>>,
    /// Whether the file could not be used when it was last read.
    pub(super) is_stale: bool,
}

impl EventLoop {
    /// Sets what decides about peers, the roles of the listeners, and the file of the rules.
    pub(crate) fn start_access(
        &mut self,
        access: AccessControl,
        roles: Vec<ListenerRole>,
        path: Option<PathBuf>,
    ) {
        if let (Some(path), Some(count)) = (&path, access.rule_count()) {
            self.jobs
                .journal
                .write(Level::Info, format_args!("Access rules of {}: {count}", path.display()));
        }
        self.jobs.set_access(access);
        self.roles = roles;
        self.access_rules = path.map(|path| AccessRules { path, reading: None, is_stale: false });
    }

    /// Sets the limits per address.
    pub(crate) fn set_gate(&mut self, gate: Option<AddressGate>) {
        self.gate = gate;
    }

    /// Whether the limits per address admit a connection. Otherwise it is refused, and logged.
    pub(super) fn admits(&mut self, origin: Origin, role: ListenerRole, socket: RawFd) -> bool {
        // A descriptor that is used again belongs to no other connection any more.
        self.slots.remove(&socket);
        let (Some(gate), Origin::Inet(address), ListenerRole::Jobs) = (&self.gate, origin, role)
        else {
            return true;
        };
        match gate.open(address.ip()) {
            Ok(slot) => {
                self.slots.insert(socket, slot);
                true
            }
            Err(why) => {
                self.jobs.journal.write_about_peer(
                    Level::Warning,
                    format_args!("Refused a connection from {origin}: {why}"),
                );
                false
            }
        }
    }

    /// What was refused, for the metrics.
    pub(super) fn access_figures(&self) -> AccessFigures {
        let is_stale = self.access_rules.as_ref().is_some_and(|rules| rules.is_stale);
        let access = self.jobs.access();
        AccessFigures {
            refusals: access.map(|access| access.refusals()),
            rules: access.and_then(|access| access.rule_count()).map(|count| (count, is_stale)),
            connections: self.gate.as_ref().map(AddressGate::refused),
            limits: self.jobs.broker.limit_counts(),
        }
    }

    /// The role of a listener.
    pub(super) fn role(&self, listener: usize) -> ListenerRole {
        self.roles.get(listener).copied().unwrap_or_default()
    }

    /// Reads the access rules again, in another thread. The last request counts.
    pub(super) fn reload_access(&mut self) {
        let Some(rules) = &self.access_rules else { return };
        let path = rules.path.clone();
        let (sender, receiver) = channel();
        let started = self.waker().and_then(|waker| {
            let read = move || {
                // The loop may have ended, or have asked again.
                let _ = sender.send(access::load(&path));
                let _ = waker.wake();
            };
            thread::Builder::new().name("access".into()).spawn(read)
        });
        match (started, &mut self.access_rules) {
            (Ok(_), Some(rules)) => rules.reading = Some(receiver),
            (Ok(_), None) => {}
            (Err(error), _) => self.keep_rules(&[error.to_string()]),
        }
    }

    /// Puts rules into force that another thread has read.
    pub(super) fn take_rules(&mut self) {
        let Some(AccessRules { reading: Some(receiver), .. }) = &self.access_rules else { return };
        let Ok(loaded) = receiver.try_recv() else { return };
        let Some(rules) = &mut self.access_rules else { return };
        rules.reading = None;
        match loaded {
            Ok(LoadedRules { rules: fresh, warning }) => {
                rules.is_stale = false;
                let (path, count) = (rules.path.display().to_string(), fresh.len());
                if let Some(warning) = &warning {
                    self.jobs.journal.write(Level::Warning, format_args!("{warning}"));
                }
                self.jobs.replace_rules(fresh);
                self.jobs.journal.write(
                    Level::Notice,
                    format_args!("Access rules of {path} are in force: {count}"),
                );
            }
            Err(errors) => self.keep_rules(&errors),
        }
    }

    /// Reports that the old rules stay in force.
    fn keep_rules(&mut self, errors: &[String]) {
        for error in errors {
            self.jobs.journal.write(Level::Error, format_args!("{error}"));
        }
        self.jobs.journal.write(
            Level::Error,
            format_args!("The access rules were not replaced: the old ones stay in force"),
        );
        self.access_rules.iter_mut().for_each(|rules| rules.is_stale = true);
    }
}
