//! A job from a quiet connection of an only server whose queue is never empty:
//! one packet out and one back.
//!
//! At the first surprise everything is left as the ordinary way of asking leaves
//! it between two steps, and goes on there.
//!
//! Must not: handle any surprise itself.

use super::Worker;
use super::grab::Search;
use super::job::AssignedJob;
use super::server::{QueueState, WorkerOwed, WorkerServer};
use crate::ReturnCode;
use crate::link::{ConnState, Fill, Wait};
use crate::slab::SlabId;
use gearman_net::Transport;
use gearman_protocol::{Command, Decoded, Header, Magic, decode};
use std::task::{Poll, ready};
use std::time::Instant;

impl<T: Transport> Worker<T> {
    /// Asks the only server, if nothing else is going on. Its answer is to be waited for
    /// then.
    #[inline(always)]
    pub(super) fn send_quick_grab(&mut self) -> bool {
        if !self.is_quiet() {
            return false;
        }
        let ask = Header { magic: Magic::Request, command: self.grabs_with, length: 0 };
        self.quick = true;
        if self.link.send_now(0, &ask.bytes(), &[]).is_some() {
            // `search` sends the rest.
            self.end_quick_grab();
            return false;
        }
        true
    }

    /// Waits once for the answer. None for anything but a whole job: the ordinary way
    /// of asking goes on then.
    ///
    /// # Errors
    /// When the connection was lost on the way.
    #[inline(always)]
    pub(super) fn poll_quick(
        &mut self,
        until: Option<Instant>,
    ) -> Poll<Result<Option<SlabId>, ReturnCode>> {
        let answer = match ready!(self.link.poll_wait_on(0, until)) {
            Ok(Wait::Ready) => self.quick_answer(),
            Ok(Wait::Woken) => {
                self.note_stop();
                Ok(None)
            }
            _ => Ok(None),
        };
        let Ok(Some(id)) = answer else {
            self.end_quick_grab();
            return Poll::Ready(answer);
        };
        self.quick = false;
        let conn = &self.link.conns[0];
        if conn.readable || !conn.inbuf.is_empty() {
            return Poll::Ready(Ok(self.defer(id)));
        }
        #[cfg(test)]
        {
            self.link.shortcuts_taken += 1;
        }
        Poll::Ready(answer)
    }

    /// More has come behind a job, perhaps the end of the connection, and so of the job:
    /// the ordinary way reads that first.
    #[cold]
    #[inline(never)]
    fn defer(&mut self, id: SlabId) -> Option<SlabId> {
        self.ready.push_back(id);
        None
    }

    /// Sends what the quick way could not send of its question.
    pub(super) fn send_question(&mut self, call: &mut Search) {
        let asked = self.servers.first().is_some_and(WorkerServer::awaits_job);
        let conn = self.link.conns.first();
        if asked
            && conn.is_some_and(|conn| !conn.out.is_empty() && !conn.is_blocked())
            && let Err(code) = self.link.flush(0, &[], &mut 0)
        {
            self.lose(call, 0, code);
        }
    }

    /// Leaves the answer to the ordinary way of asking, if it was asked for here.
    #[cold]
    #[inline(never)]
    pub(super) fn end_quick_grab(&mut self) {
        if std::mem::take(&mut self.quick)
            && let Some(server) = self.servers.first_mut()
        {
            server.owed.push_back(WorkerOwed::Grab);
        }
    }

    /// Reads a whole job.
    #[inline(always)]
    fn quick_answer(&mut self) -> Result<Option<SlabId>, ReturnCode> {
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
        let Ok(job) = AssignedJob::new(self.spare.take(), &packet, 0, server.generation) else {
            // Too little memory is a surprise.
            return Ok(None);
        };
        conn.inbuf.read(used);
        server.queue = QueueState::Unknown;
        Ok(Some(self.jobs.insert(job)))
    }

    /// Whether nothing at all is going on.
    fn is_quiet(&self) -> bool {
        #[cfg(test)]
        if self.link.shortcuts_off {
            return false;
        }
        let ([server], [conn]) = (&self.servers[..], &self.link.conns[..]) else { return false };
        !self.link.settings.non_blocking
            && !self.link.settings.stop_on_signal
            && self.stop.is_none()
            && self.ready.is_empty()
            && !self.link.is_woken()
            && !self.functions.is_empty()
            && conn.state == ConnState::Up
            && !conn.readable
            && !conn.writable
            && conn.inbuf.is_empty()
            && conn.out.is_empty()
            && server.owed.is_empty()
            && server.incoming.is_none()
            && !server.abandoned
            // It came before the question, and says nothing of its answer.
            && !server.noop
    }
}
