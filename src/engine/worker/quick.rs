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
    #[inline(always)]
    pub(super) fn quick_job(&mut self, until: Option<Instant>) -> Result<Option<Id>, ReturnCode> {
        if !self.is_quiet() {
            return Ok(None);
        }
        let ask = Header { magic: Magic::Request, command: self.grabs_with, length: 0 };
        let sent = self.link.send_now(0, &ask.bytes(), &[]).is_none();
        let answer = if sent { self.quick_answer(until) } else { Ok(None) };
        match answer {
            Ok(Some(_)) => answer,
            _ => self.surprised(sent, answer),
        }
    }

    /// Leaves the question with the ordinary way of asking.
    #[cold]
    #[inline(never)]
    fn surprised(
        &mut self,
        sent: bool,
        answer: Result<Option<Id>, ReturnCode>,
    ) -> Result<Option<Id>, ReturnCode> {
        self.servers[0].owed.push_back(Owed::Grab);
        if sent { answer } else { self.link.flush(0, &[], &mut 0).map(|_| None) }
    }

    /// Waits once for a whole job.
    #[inline(always)]
    fn quick_answer(&mut self, until: Option<Instant>) -> Result<Option<Id>, ReturnCode> {
        match self.link.poll(until) {
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
        let Ok(job) = Job::new(self.spare.take(), &packet, 0, server.life) else {
            // Too little memory is a surprise.
            return Ok(None);
        };
        conn.inbuf.read(used);
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
