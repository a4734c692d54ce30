//! [`Watch`]: messages about servers that are lost and servers that are back, one for
//! each change.
//!
//! Must not: connect.

use gearman_engine::link::{Conn, ConnState};

use crate::tools::servers::address_text;

/// The state of each server in the last message.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    down: Vec<bool>,
}

impl Watch {
    /// The messages about what has changed since the last call.
    pub(crate) fn changes(&mut self, conns: &[Conn]) -> Vec<String> {
        self.down.resize(conns.len(), false);
        let mut messages = Vec::new();
        for (conn, down) in conns.iter().zip(&mut self.down) {
            let name = address_text(&conn.host, conn.port);
            match (conn.state, conn.last_failure()) {
                (ConnState::Up, _) if *down => {
                    *down = false;
                    messages.push(format!("{name}: connected again"));
                }
                (ConnState::Down, Some(why)) if !*down => {
                    *down = true;
                    messages.push(format!("{name}: {why}; trying again"));
                }
                _ => {}
            }
        }
        messages
    }
}
