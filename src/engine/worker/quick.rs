//! The shortcut for a worker with one server whose queue is not empty: one packet in each
//! direction per job.
//!
//! In every other case the state is left as the regular path leaves it between two steps,
//! and the regular path continues.
//!
//! Must not: handle anything but the normal case.

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
    /// Sends GRAB_JOB to the only server, if the worker is idle. Returns whether to wait
    /// for the reply.
    #[inline(always)]
    pub(super) fn send_quick_grab(&mut self) -> bool {
        if !self.is_idle() {
            return false;
        }
        let ask = Header { magic: Magic::Request, command: self.grab_command(0), length: 0 };
        self.quick = true;
        if self.link.send_now(0, &ask.bytes(), &[]).is_some() {
            // `search` sends the rest.
            self.end_quick_grab();
            return false;
        }
        true
    }

    /// Waits once for the reply. None for anything but a complete job: the regular path
    /// continues.
    ///
    /// # Errors
    /// Why the connection was lost.
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

    /// Defers a job after which more bytes arrived, perhaps the end of the connection and
    /// so of the job: the regular path reads them first.
    #[cold]
    #[inline(never)]
    fn defer(&mut self, id: SlabId) -> Option<SlabId> {
        self.ready.push_back(id);
        None
    }

    /// Sends the rest of a GRAB_JOB that the shortcut could not send completely.
    pub(super) fn flush_grab(&mut self, call: &mut Search) {
        let asked = self.servers.first().is_some_and(WorkerServer::awaits_job);
        let conn = self.link.conns.first();
        if asked
            && conn.is_some_and(|conn| !conn.out.is_empty() && !conn.is_blocked())
            && let Err(code) = self.link.flush(0, &[], &mut 0)
        {
            self.lose(call, 0, code);
        }
    }

    /// Passes the reply that the shortcut waits for, if any, to the regular path.
    #[cold]
    #[inline(never)]
    pub(super) fn end_quick_grab(&mut self) {
        if std::mem::take(&mut self.quick)
            && let Some(server) = self.servers.first_mut()
        {
            server.owed.push_back(WorkerOwed::Grab);
        }
    }

    /// Reads a complete job.
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
            // The regular path reports the lack of memory.
            return Ok(None);
        };
        conn.inbuf.read(used);
        server.queue = QueueState::Unknown;
        Ok(Some(self.jobs.insert(job)))
    }

    /// Whether the worker and its only connection are idle.
    fn is_idle(&self) -> bool {
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
            // It arrived before GRAB_JOB and says nothing about the reply.
            && !server.noop
    }
}
