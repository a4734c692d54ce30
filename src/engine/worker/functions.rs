//! The functions that a worker offers, and the packets that register them.
//!
//! A change is queued for every open connection and sent with the next GRAB_JOB. A new
//! connection gets all functions.
//!
//! Must not: know what a token means.

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
    /// The name on the wire: with the namespace that was set when it was added.
    name: Box<[u8]>,
    /// Length of that namespace, in bytes.
    namespace_len: usize,
    /// Time that the server allows for a job, in milliseconds; 0 for no limit.
    timeout_ms: u32,
    /// What the layer above runs for a job; None if jobs are only grabbed.
    token: Option<u64>,
}

impl WorkerFunction {
    /// The name on the wire, with the namespace.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The name without the namespace.
    fn own_name(&self) -> &[u8] {
        &self.name[self.namespace_len..]
    }

    /// The token of the layer above.
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
    /// Offers a function, named without the namespace. A function of the same name stays
    /// registered but is not called any more.
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

    /// Offers the functions of another worker, with the same tokens.
    pub fn offer_functions_of<U: Transport>(&mut self, other: &Worker<U>) {
        for function in &other.functions {
            self.offer(function.clone());
        }
    }

    fn offer(&mut self, function: WorkerFunction) {
        self.queue_ability_change(|out| function.encode_can_do(out));
        self.functions.push(function);
    }

    /// Removes every function of a name.
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

    /// Removes every function.
    ///
    /// # Errors
    /// `NO_REGISTERED_FUNCTIONS` if no function is registered.
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

    /// The function to call for a name on the wire: the one added last.
    pub(super) fn function(&self, name: &[u8]) -> Option<&WorkerFunction> {
        self.functions.iter().rev().find(|f| f.name() == name)
    }

    /// Buffers CAN_DO for every function on a new connection, the newest first.
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

    /// Buffers the queued changes on their connections.
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
            // They are sent with the next GRAB_JOB, or at once if no function is left.
            if self.functions.is_empty() && self.link.flush(key, &[], &mut 0).is_err() {
                self.lost(key);
            }
        }
    }
}
