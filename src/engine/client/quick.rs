//! Submitting one background job over a quiet connection: the commonest call of
//! all, and all it needs is one packet out and one back.
//!
//! It makes no task as long as everything goes as it nearly always does. At the
//! first surprise it makes the task that the packet belongs to, in the state that
//! the packet has reached, and leaves the rest to the ordinary run.
//!
//! Must not: handle any surprise itself.

use super::run::Run;
use super::{Client, Expect, Owed};
use crate::ReturnCode;
use crate::link::{Conn, Fill, Flush, State};
use crate::slab::Id;
use crate::task::Handle;
use crate::unique::Unique;
use gearman_net::{Liveness, Transport};
use gearman_protocol::{Command, Decoded, decode};

use super::add::NewTask;
use super::read::Incoming;
use std::task::Poll;
use std::time::Instant;

/// What became of a background job. Plain data.
#[derive(Clone, Copy, Debug)]
pub enum Submitted {
    /// The server has it under this handle.
    Created(Handle),
    /// It is a task like any other: go on with this run until it is finished.
    Task(Id, Run),
}

/// A submission that went out without a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    key: usize,
    unique: Unique,
    /// The size of its packet.
    size: usize,
    /// When the call began, where there is a time limit.
    began: Option<Instant>,
}

impl<T: Transport> Client<T> {
    /// Submits a background job. While it is `Pending`, [`Client::acknowledged`]
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
        self.quick = Some(Asked { key, unique, size, began });
        if flushed == Ok(Flush::Done) {
            self.link.want_wait(self.link.settings.deadline(self.clock));
            return Poll::Pending;
        }
        Poll::Ready(self.surprised(new, flushed.err()))
    }

    /// Goes on with a submission when the wait for its acknowledgement is over. `new` is
    /// what it was begun with.
    ///
    /// # Errors
    /// `MEMORY_ALLOCATION_FAILURE`.
    #[inline]
    pub fn acknowledged(&mut self, new: &NewTask<'_>) -> Result<Submitted, ReturnCode> {
        let Some(Asked { key, size, began, .. }) = self.quick else {
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
                server.written += size as u64;
                debug_assert!(server.proven, "nothing was owed, and nothing has come before");
                Ok(Submitted::Created(handle))
            }
            surprise => self.surprised(new, surprise.err()),
        }
    }

    /// Makes the task that a submission belongs to, in the state that it has reached.
    #[cold]
    #[inline(never)]
    fn surprised(
        &mut self,
        new: &NewTask<'_>,
        lost: Option<ReturnCode>,
    ) -> Result<Submitted, ReturnCode> {
        let Some(Asked { key, unique, size, began }) = self.quick.take() else {
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
    pub(super) fn owe_nobody(&mut self) {
        if let Some(Asked { key, size, .. }) = self.quick.take()
            && self.link.conns.get(key).is_some_and(|conn| conn.state == State::Up)
        {
            let server = &mut self.servers[key];
            server.written += size as u64;
            let end = server.written;
            server.owed.push_back(Owed { what: Expect::Created(Id::NONE), end });
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
            && !self.to_be_continued
            && conn.state == State::Up
            && !conn.readable
            && !conn.writable
            && conn.inbuf.is_empty()
            && conn.out.is_empty()
            && server.owed.is_empty()
            && matches!(server.incoming, Incoming::None)
            && (others.is_empty() || are_quiet(others));
        (quiet && self.link.look(key, self.clock) == Liveness::Quiet).then_some(key)
    }

    /// Reads JOB_CREATED, if that and nothing else has come. None for anything else, which
    /// is left unread: what comes behind it, or on another connection, may be bad news that
    /// the next call is not to stumble over.
    fn read_created(&mut self, key: usize) -> Result<Option<Handle>, ReturnCode> {
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
                let mut handle = Handle::EMPTY;
                handle.set(packet.text_arg(0));
                conn.inbuf.read(used);
                conn.heard = self.clock;
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
