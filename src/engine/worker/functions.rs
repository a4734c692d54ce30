//! The functions that a worker offers, and telling servers about them.
//!
//! Nothing is sent here: a change is buffered on every open connection and goes
//! out with the next packet; a fresh connection is told everything.
//!
//! Must not: know what a token stands for.

use super::Worker;
use crate::ReturnCode;
use crate::at;
use crate::link::ConnState;
use gearman_net::Transport;
use gearman_protocol::limits::{FUNCTION_MAX_SIZE, MAX_ARGS_SIZE};
use gearman_protocol::{Command, Magic, encode};

/// A function that a worker offers.
#[derive(Clone, Debug)]
pub struct WorkerFunction {
    /// With the namespace that was set when it was added, of this length.
    name: Box<[u8]>,
    namespace_len: usize,
    /// How many milliseconds the server gives a job; 0 for ever.
    timeout_ms: u32,
    /// What the layer above runs for a job; `None` when jobs are only grabbed.
    token: Option<u64>,
}

impl WorkerFunction {
    /// The name on the wire, namespace included.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The name that the program knows it by.
    fn own_name(&self) -> &[u8] {
        &self.name[self.namespace_len..]
    }

    /// What the layer above runs.
    pub fn token(&self) -> Option<u64> {
        self.token
    }

    fn encode_can_do(&self, out: &mut Vec<u8>) {
        if self.timeout_ms == 0 {
            encode(out, Magic::Request, Command::CanDo, &[&self.name], b"");
        } else {
            let timeout_ms = self.timeout_ms.to_string();
            let args: &[&[u8]] = &[&self.name, timeout_ms.as_bytes()];
            encode(out, Magic::Request, Command::CanDoTimeout, args, b"");
        }
    }
}

impl<T: Transport> Worker<T> {
    /// Offers a function, named without the namespace. One of the same name
    /// stays, but is not called any more.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a name that is empty or too long.
    pub fn add_function(
        &mut self,
        name: &[u8],
        timeout_ms: u32,
        token: Option<u64>,
    ) -> Result<(), ReturnCode> {
        self.check_fork();
        let full = name.len() + self.link.settings.namespace_len();
        let wrong = match name.len() {
            0 => "invalid function",
            1..=FUNCTION_MAX_SIZE if full <= MAX_ARGS_SIZE / 4 => "",
            _ => "function name longer then GEARMAN_MAX_FUNCTION_SIZE",
        };
        if !wrong.is_empty() {
            let at = at!("_worker_function_create");
            return Err(self.link.error.set(ReturnCode::INVALID_ARGUMENT, at, wrong));
        }
        let name = self.link.settings.qualified(name).into();
        let namespace_len = self.link.settings.namespace_len();
        self.offer(WorkerFunction { name, namespace_len, timeout_ms, token });
        Ok(())
    }

    /// Offers what another worker does, under the same tokens.
    pub fn offer_functions_of<U: Transport>(&mut self, other: &Worker<U>) {
        for function in &other.functions {
            self.offer(function.clone());
        }
    }

    fn offer(&mut self, function: WorkerFunction) {
        self.queue_ability_change(|out| function.encode_can_do(out));
        self.functions.push(function);
    }

    /// Takes back every function of a name.
    ///
    /// # Errors
    /// `NO_REGISTERED_FUNCTION`.
    pub fn remove_function(&mut self, name: &[u8]) -> Result<(), ReturnCode> {
        self.check_fork();
        let mut found = Err(ReturnCode::NO_REGISTERED_FUNCTION);
        // One CANT_DO for each CAN_DO: servers count them.
        while let Some(at) = self.functions.iter().rposition(|f| f.own_name() == name) {
            let name = self.functions.remove(at).name;
            self.queue_ability_change(|out| {
                encode(out, Magic::Request, Command::CantDo, &[&name], b"")
            });
            found = Ok(());
        }
        found
    }

    /// Whether a function with this token is offered.
    pub fn has_token(&self, token: u64) -> bool {
        self.functions.iter().any(|f| f.token == Some(token))
    }

    /// Takes back every function.
    ///
    /// # Errors
    /// `NO_REGISTERED_FUNCTIONS` when there is none.
    pub fn remove_all_functions(&mut self) -> Result<(), ReturnCode> {
        self.check_fork();
        if self.functions.is_empty() {
            return Err(ReturnCode::NO_REGISTERED_FUNCTIONS);
        }
        self.queue_ability_change(|out| {
            encode(out, Magic::Request, Command::ResetAbilities, &[], b"")
        });
        self.functions.clear();
        Ok(())
    }

    /// Whether a function of this name, given without the namespace, is offered.
    pub fn has_function(&self, name: &[u8]) -> bool {
        self.functions.iter().any(|f| f.own_name() == name)
    }

    /// The function that is called for a name on the wire: the newest.
    pub(super) fn function(&self, name: &[u8]) -> Option<&WorkerFunction> {
        self.functions.iter().rev().find(|f| f.name() == name)
    }

    /// Tells a fresh connection about every function, the newest first.
    pub(super) fn encode_functions(&mut self, key: usize) {
        let out = self.link.conns[key].out.bytes();
        for function in self.functions.iter().rev() {
            function.encode_can_do(out);
        }
    }

    fn queue_ability_change(&mut self, packet: impl Fn(&mut Vec<u8>)) {
        for (conn, server) in self.link.conns.iter().zip(&mut self.servers) {
            if conn.state != ConnState::Down {
                packet(&mut server.ability_changes);
            }
        }
        self.has_ability_changes = true;
    }

    /// Tells the servers what has changed since they were asked last.
    #[inline]
    pub(super) fn flush_ability_changes(&mut self) {
        if self.has_ability_changes {
            self.flush_all_ability_changes();
        }
    }

    #[cold]
    #[inline(never)]
    fn flush_all_ability_changes(&mut self) {
        self.has_ability_changes = false;
        for key in 0..self.servers.len() {
            let changes = std::mem::take(&mut self.servers[key].ability_changes);
            let conn = &mut self.link.conns[key];
            if conn.state == ConnState::Down || changes.is_empty() {
                continue;
            }
            conn.out.bytes().extend_from_slice(&changes);
            // It goes out with the question, unless there is nothing to ask for.
            if self.functions.is_empty() && self.link.flush(key, &[], &mut 0).is_err() {
                self.lost(key);
            }
        }
    }
}
