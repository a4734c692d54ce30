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
use crate::link::{Fill, Flush, State};
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
        let id = match self.link.flush(key, &[], &mut 0) {
            Ok(Flush::Done) => {
                self.quick = Some(Asked { key, unique, size, began });
                self.link.want_wait(self.link.settings.deadline(self.clock));
                return Poll::Pending;
            }
            Ok(Flush::Blocked) => {
                let id = self.add_checked(new, unique.as_slice())?;
                self.account(key, id, size);
                id
            }
            // It did not go out whole, so it may be sent again.
            Err(_) => {
                self.lose(key, ReturnCode::LOST_CONNECTION);
                self.add_checked(new, unique.as_slice())?
            }
        };
        let run = self.run_until_since(id, began);
        Poll::Ready(Ok(Submitted::Task(id, run)))
    }

    /// Goes on with a submission when the wait for its acknowledgement is over. `new` is
    /// what it was begun with.
    ///
    /// # Errors
    /// `MEMORY_ALLOCATION_FAILURE`.
    #[inline]
    pub fn acknowledged(&mut self, new: &NewTask<'_>) -> Result<Submitted, ReturnCode> {
        let Some(key) = self.quick.as_ref().map(|asked| asked.key) else {
            // Only a signal handler that used the client meanwhile can have taken it.
            return Err(self.link.error.set_code(ReturnCode::UNKNOWN_STATE));
        };
        match self.read_created(key) {
            Ok(Some(handle)) => {
                let size = self.quick.take().map_or(0, |asked| asked.size);
                self.servers[key].written += size as u64;
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
        if let Some(code) = lost {
            self.lose(key, code);
        }
        let run = self.run_until_since(id, began);
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
        let key = self.servers.len().checked_sub(1)?;
        let (conn, server) = (&self.link.conns[key], &self.servers[key]);
        // A signal that is to end the wait is a surprise of its own.
        let quiet = !self.link.settings.stop_on_signal
            && self.active == 0
            && self.todo.is_empty()
            && conn.state == State::Up
            && !conn.readable
            && !conn.writable
            && conn.inbuf.is_empty()
            && conn.out.is_empty()
            && server.owed.is_empty()
            && matches!(server.incoming, Incoming::None);
        (quiet && self.link.look(key, self.clock) == Liveness::Quiet).then_some(key)
    }

    /// Reads JOB_CREATED, if that is what has come. None for anything else, which is left
    /// unread.
    fn read_created(&mut self, key: usize) -> Result<Option<Handle>, ReturnCode> {
        if self.link.fill(key)? == Fill::Empty {
            return Ok(None);
        }
        let conn = &mut self.link.conns[key];
        Ok(match decode(conn.inbuf.unread()) {
            Ok(Decoded::Whole { packet, used }) if packet.command() == Command::JobCreated => {
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
