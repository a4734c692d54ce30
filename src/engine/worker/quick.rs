//! A job from a quiet connection of an only server whose queue is never empty:
//! one packet out and one back.
//!
//! At the first surprise everything is left as the ordinary way of asking leaves
//! it between two steps, and goes on there.
//!
//! Must not: handle any surprise itself.

use super::Worker;
use super::job::Job;
use super::server::{Owed, Queue};
use crate::engine::ReturnCode;
use crate::engine::link::{Fill, State, Wait};
use crate::engine::slab::Id;
use crate::net::Transport;
use crate::protocol::{Command, Decoded, Header, Magic, decode};
use std::time::Instant;

impl<T: Transport> Worker<T> {
    /// Asks the only server and waits once. None for anything but a whole job.
    ///
    /// # Errors
    /// When the connection was lost on the way.
    pub(super) fn quick_job(&mut self, until: Option<Instant>) -> Result<Option<Id>, ReturnCode> {
        if !self.is_quiet() {
            return Ok(None);
        }
        let ask = Header { magic: Magic::Request, command: self.grabs_with, length: 0 };
        let sent = self.link.send_now(0, &ask.bytes());
        self.servers[0].owed.push_back(Owed::Grab);
        if !sent {
            return self.link.flush(0, &[], &mut 0).map(|_| None);
        }
        match self.link.wait(until) {
            Ok(Wait::Ready) => {}
            Ok(Wait::Woken) => {
                self.note_stop();
                return Ok(None);
            }
            _ => return Ok(None),
        }
        if self.link.fill(0)? == Fill::Empty {
            return Ok(None);
        }
        let conn = &mut self.link.conns[0];
        let Ok(Decoded::Whole { packet, used }) = decode(conn.inbuf.unread()) else {
            return Ok(None);
        };
        if !matches!(
            packet.command(),
            Command::JobAssign | Command::JobAssignUniq | Command::JobAssignAll
        ) {
            return Ok(None);
        }
        let server = &mut self.servers[0];
        let mut job = Job::new(self.spare.take(), &packet, 0, server.life);
        // Too little memory is a surprise.
        if job.workload.extend(packet.body()).and_then(|()| job.workload.terminate()).is_err() {
            return Ok(None);
        }
        conn.inbuf.read(used);
        server.owed.pop_front();
        server.queue = Queue::Unknown;
        Ok(Some(self.jobs.insert(job)))
    }

    /// Whether nothing at all is going on.
    fn is_quiet(&self) -> bool {
        let ([server], [conn]) = (&self.servers[..], &self.link.conns[..]) else { return false };
        !self.link.settings.non_blocking
            && !self.link.settings.stop_on_signal
            && self.stop.is_none()
            && self.ready.is_empty()
            && !self.functions.is_empty()
            && conn.state == State::Up
            && !conn.readable
            && !conn.writable
            && conn.inbuf.is_empty()
            && conn.out.is_empty()
            && server.owed.is_empty()
            && server.incoming.is_none()
            && !server.abandoned
    }
}
