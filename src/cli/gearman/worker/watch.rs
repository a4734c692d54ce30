//! [`Watch`]: says when a server is lost and when it is back, once each.
//!
//! Must not: connect.

use gearman_engine::link::{Conn, ConnState};

use crate::tools::servers::shown;

/// What was last said about each server.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    down: Vec<bool>,
}

impl Watch {
    /// What has changed since the last look, in words.
    pub(crate) fn look(&mut self, conns: &[Conn]) -> Vec<String> {
        self.down.resize(conns.len(), false);
        let mut news = Vec::new();
        for (conn, down) in conns.iter().zip(&mut self.down) {
            let name = shown(&conn.host, conn.port);
            match (conn.state, conn.last_failure()) {
                (ConnState::Up, _) if *down => {
                    *down = false;
                    news.push(format!("{name}: connected again"));
                }
                (ConnState::Down, Some(why)) if !*down => {
                    *down = true;
                    news.push(format!("{name}: {why}; trying again"));
                }
                _ => {}
            }
        }
        news
    }
}
