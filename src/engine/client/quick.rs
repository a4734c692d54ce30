//! Submitting one background job over a quiet connection: the commonest call of
//! all, and all it needs is one packet out and one back.
//!
//! It makes no task as long as everything goes as it nearly always does. At the
//! first surprise it makes the task that the packet belongs to, in the state that
//! the packet has reached, and leaves the rest to the ordinary run.
//!
//! Must not: handle any surprise itself.

use super::Client;
use super::run::Run;
use crate::engine::ReturnCode;
use crate::engine::link::{Fill, Flush, State, Wait};
use crate::engine::slab::Id;
use crate::engine::task::Handle;
use crate::net::{Liveness, Transport};
use crate::protocol::{Command, Decoded, decode};

use super::add::NewTask;
use super::read::Incoming;

/// What became of a background job.
#[derive(Clone, Copy, Debug)]
pub enum Submitted {
    /// The server has it under this handle.
    Created(Handle),
    /// It is a task like any other: go on with this run until it is finished.
    Task(Id, Run),
}

impl<T: Transport> Client<T> {
    /// Submits a background job.
    ///
    /// # Errors
    /// As for [`Client::add`].
    pub fn submit_background(&mut self, new: &NewTask<'_>) -> Result<Submitted, ReturnCode> {
        let unique = self.check(new)?;
        self.check_fork();
        self.clock = self.link.net.now();
        let Some(key) = self.quiet_connection().filter(|_| Self::is_inline(new)) else {
            let id = self.add_checked(new, unique.as_slice())?;
            let run = self.run_until(id);
            return Ok(Submitted::Task(id, run));
        };
        let began = self.link.settings.timeout.map(|_| self.clock);
        let out = self.link.conns[key].out.bytes();
        Self::encode_submit(&self.link.settings, out, new, unique.as_slice());
        let size = out.len();
        let id = match self.link.flush(key, &[], &mut 0) {
            Ok(Flush::Done) => {
                let awaited = self.await_created(key);
                if let Ok(Some(handle)) = awaited {
                    self.servers[key].written += size as u64;
                    return Ok(Submitted::Created(handle));
                }
                let id = self.add_checked(new, unique.as_slice())?;
                self.account(key, id, size);
                if let Err(code) = awaited {
                    self.lose(key, code);
                }
                id
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
        Ok(Submitted::Task(id, run))
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

    /// Waits once for JOB_CREATED. None for anything else, which is left unread.
    fn await_created(&mut self, key: usize) -> Result<Option<Handle>, ReturnCode> {
        let until = self.link.settings.deadline(self.clock);
        if !matches!(self.link.wait_on(key, until), Ok(Wait::Ready))
            || self.link.fill(key)? == Fill::Empty
        {
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
