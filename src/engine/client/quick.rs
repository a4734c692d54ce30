//! Submitting one background job over a quiet connection: the commonest call of
//! all, and all it needs is one packet out and one back.
//!
//! It makes no task as long as everything goes as it nearly always does. At the
//! first surprise it makes the task that the packet belongs to, in the state that
//! the packet has reached, and leaves the rest to the ordinary run.
//!
//! Must not: handle any surprise itself.

use super::run::TaskRun;
use super::{Client, ClientOwed, Expect};
use crate::ReturnCode;
use crate::link::{Conn, ConnState, Fill, Flush};
use crate::slab::SlabId;
use crate::task::JobHandle;
use crate::unique::Unique;
use gearman_net::{Liveness, Transport};
use gearman_protocol::{Command, Decoded, decode};

use super::add::NewTask;
use super::read::ClientIncoming;
use std::task::Poll;
use std::time::Instant;

/// What became of a background job. Plain data.
#[derive(Clone, Copy, Debug)]
pub enum Submitted {
    /// The server has it under this handle.
    Created(JobHandle),
    /// It is a task like any other: go on with this run until it is finished.
    Task(SlabId, TaskRun),
}

/// A submission that went out without a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuickSubmit {
    key: usize,
    unique: Unique,
    /// The size of its packet.
    size: usize,
    /// When the call began, where there is a time limit.
    began: Option<Instant>,
}

impl<T: Transport> Client<T> {
    /// Submits a background job. While it is `Pending`, [`Client::finish_background`]
    /// goes on with it.
    ///
    /// # Errors
    /// As for [`Client::add`].
    #[inline]
    pub fn poll_background(&mut self, new: &NewTask<'_>) -> Poll<Result<Submitted, ReturnCode>> {
        let unique = self.check(new)?;
        self.check_fork();
        self.clock = self.link.net.now();
        let Some(key) = self.quiet_connection().filter(|_| Self::is_inline(new)) else {
            let id = self.add_checked(new, unique.as_slice())?;
            let run = self.run_until(id);
            return Poll::Ready(Ok(Submitted::Task(id, run)));
        };
        let began = self.link.settings.timeout.map(|_| self.clock);
        let out = self.link.conns[key].out.bytes();
        Self::encode_submit(&self.link.settings, out, new, unique.as_slice());
        let size = out.len();
        let flushed = self.link.flush(key, &[], &mut 0);
        self.quick = Some(QuickSubmit { key, unique, size, began });
        if flushed == Ok(Flush::Done) {
            self.link.request_wait(self.link.settings.deadline(self.clock));
            return Poll::Pending;
        }
        Poll::Ready(self.fall_back(new, flushed.err()))
    }

    /// Goes on with a submission when the wait for its acknowledgement is over. `new` is
    /// what it was begun with.
    ///
    /// # Errors
    /// `MEMORY_ALLOCATION_FAILURE`.
    #[inline]
    pub fn finish_background(&mut self, new: &NewTask<'_>) -> Result<Submitted, ReturnCode> {
        let Some(QuickSubmit { key, size, began, .. }) = self.quick else {
            // Only a signal handler that used the client meanwhile can have taken it.
            return Err(self.link.error.set_code(ReturnCode::UNKNOWN_STATE));
        };
        if began.is_some() {
            // When the server was heard of counts.
            self.clock = self.link.net.now();
        }
        match self.read_created(key) {
            Ok(Some(handle)) => {
                self.quick = None;
                #[cfg(test)]
                {
                    self.link.shortcuts_taken += 1;
                }
                let server = &mut self.servers[key];
                server.written_bytes += size as u64;
                debug_assert!(server.has_received, "nothing was owed, and nothing has come before");
                Ok(Submitted::Created(handle))
            }
            surprise => self.fall_back(new, surprise.err()),
        }
    }

    /// Makes the task that a submission belongs to, in the state that it has reached.
    #[cold]
    #[inline(never)]
    fn fall_back(
        &mut self,
        new: &NewTask<'_>,
        lost: Option<ReturnCode>,
    ) -> Result<Submitted, ReturnCode> {
        let Some(QuickSubmit { key, unique, size, began }) = self.quick.take() else {
            return Err(self.link.error.set_code(ReturnCode::UNKNOWN_STATE));
        };
        let id = self.add_checked(new, unique.as_slice())?;
        self.account(key, id, size);
        let run = self.run_until_since(id, began);
        if let Some(code) = lost {
            // A packet that did not go out whole is sent again.
            self.connection_failed(key, code, &run)?;
        }
        Ok(Submitted::Task(id, run))
    }

    /// The acknowledgement of a submission that was abandoned will have no taker.
    pub(super) fn abandon_quick_submit(&mut self) {
        if let Some(QuickSubmit { key, size, .. }) = self.quick.take()
            && self.link.conns.get(key).is_some_and(|conn| conn.state == ConnState::Up)
        {
            let server = &mut self.servers[key];
            server.written_bytes += size as u64;
            let end = server.written_bytes;
            server.owed.push_back(ClientOwed { what: Expect::Created(SlabId::NONE), end });
        }
    }

    /// The connection that a run would choose, if nothing at all is going on.
    fn quiet_connection(&mut self) -> Option<usize> {
        #[cfg(test)]
        if self.link.shortcuts_off {
            return None;
        }
        let (conn, others) = self.link.conns.split_last()?;
        let (key, server) = (others.len(), self.servers.last()?);
        // A signal that is to end the wait is a surprise of its own.
        let quiet = !self.link.settings.stop_on_signal
            && self.active == 0
            && self.todo.is_empty()
            && self.refused.is_none()
            && !self.run_unfinished
            && conn.state == ConnState::Up
            && !conn.readable
            && !conn.writable
            && conn.inbuf.is_empty()
            && conn.out.is_empty()
            && server.owed.is_empty()
            && matches!(server.incoming, ClientIncoming::None)
            && (others.is_empty() || are_quiet(others));
        (quiet && self.link.check_liveness(key, self.clock) == Liveness::Quiet).then_some(key)
    }

    /// Reads JOB_CREATED, if that and nothing else has come. None for anything else, which
    /// is left unread: what comes behind it, or on another connection, may be bad news that
    /// the next call is not to stumble over.
    fn read_created(&mut self, key: usize) -> Result<Option<JobHandle>, ReturnCode> {
        if key > 0 && are_ready(&self.link.conns[..key]) || self.link.fill(key)? == Fill::Empty {
            return Ok(None);
        }
        let conn = &mut self.link.conns[key];
        if conn.readable {
            return Ok(None);
        }
        let unread = conn.inbuf.unread();
        Ok(match decode(unread) {
            Ok(Decoded::Whole { packet, used })
                if packet.command() == Command::JobCreated && used == unread.len() =>
            {
                let mut handle = JobHandle::EMPTY;
                handle.set(packet.text_arg(0));
                conn.inbuf.read(used);
                conn.last_received = self.clock;
                Some(handle)
            }
            _ => None,
        })
    }
}

/// Whether nothing has come on any of these connections, and nothing is under way.
#[inline(never)]
fn are_quiet(conns: &[Conn]) -> bool {
    conns.iter().all(Conn::is_quiet)
}

/// Whether a wait has brought anything on one of these connections.
#[inline(never)]
fn are_ready(conns: &[Conn]) -> bool {
    conns.iter().any(|conn| conn.readable || conn.writable)
}
