//! ECHO_REQ, OPTION_REQ, SET_CLIENT_ID: packets that concern only their connection.
//!
//! Must not: know jobs or functions.

use super::super::connection::{CLIENT_ID_BYTES_MAX, Connection};
use super::super::errors::{self, Refusal};
use super::super::slab::Id;
use super::super::{Broker, Outbox};
use gearman_protocol::{Command, Packet};

impl Broker {
    /// ECHO_REQ.
    pub(super) fn echo(&self, from: Id<Connection>, body: &[u8], out: &mut dyn Outbox) {
        self.reply(from, Command::EchoRes, &[], body, out);
    }

    /// OPTION_REQ. The answer repeats the argument unchanged.
    pub(super) fn option(
        &mut self,
        from: Id<Connection>,
        packet: &Packet<'_>,
        out: &mut dyn Outbox,
    ) -> Result<(), Refusal> {
        if !packet.text_arg(0).eq_ignore_ascii_case(b"exceptions") {
            return Err(errors::UNRECOGNIZED_OPTION);
        }
        self.connections[from].exceptions = true;
        self.reply(from, Command::OptionRes, &[packet.arg(0)], b"", out);
        Ok(())
    }

    /// SET_CLIENT_ID. An id that is too long is truncated.
    pub(super) fn set_client_id(&mut self, from: Id<Connection>, id: &[u8]) {
        self.connections[from].client_id = id[..id.len().min(CLIENT_ID_BYTES_MAX)].into();
    }
}
