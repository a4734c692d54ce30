//! The shortcut for the most frequent call: a background job over an idle connection, one
//! packet in each direction.
//!
//! In the normal case it creates no task. In every other case it creates the task, in the
//! state that the packet has reached, and a regular run continues.
//!
//! Must not: handle anything but the normal case.

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

/// The result of submitting a background job. Plain data.
#[derive(Clone, Copy, Debug)]
pub enum Submitted {
    /// The server has created the job, with this handle.
    Created(JobHandle),
    /// The job is an ordinary task: continue with this run until it is finished.
    Task(SlabId, TaskRun),
}

/// A submission that was sent without a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct QuickSubmit {
    key: usize,
    unique: Unique,
    /// The size of its packet, in bytes.
    size: usize,
    /// When the call began; None without a timeout.
    began: Option<Instant>,
}

impl<T: Transport> Client<T> {
    /// Submits a background job. After `Pending` and the wait,
    /// [`Client::finish_background`] continues.
    ///
    /// # Errors
    /// As for [`Client::add`].
    #[inline]
    pub fn poll_background(&mut self, new: &NewTask<'_>) -> Poll<Result<Submitted, ReturnCode>> {
        let unique = self.check(new)?;
        self.check_fork();
        self.clock = self.link.net.now();
        let Some(key) = self.idle_connection().filter(|_| Self::is_inline(new)) else {
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

    /// Continues a submission after the wait for JOB_CREATED. `new` must be the same as for
    /// [`Client::poll_background`].
    ///
    /// # Errors
    /// `MEMORY_ALLOCATION_FAILURE`.
    #[inline]
    pub fn finish_background(&mut self, new: &NewTask<'_>) -> Result<Submitted, ReturnCode> {
        let Some(QuickSubmit { key, size, began, .. }) = self.quick else {
            // Only a signal handler that used the client during the wait can have taken it.
            return Err(self.link.error.set_code(ReturnCode::UNKNOWN_STATE));
        };
        if began.is_some() {
            // The timeout counts from the last packet.
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
                // A connection that was made beside another call has received nothing before.
                server.has_received = true;
                Ok(Submitted::Created(handle))
            }
            other => self.fall_back(new, other.err()),
        }
    }

    /// Creates the task of a submission, in the state that it has reached.
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
        self.record_packet(key, id, size);
        let run = self.run_until_since(id, began);
        if let Some(code) = lost {
            // A packet that was not sent completely is sent again.
            self.connection_failed(key, code, &run);
        }
        Ok(Submitted::Task(id, run))
    }

    /// Abandons a submission: its JOB_CREATED will be ignored.
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

    /// The connection that a run would choose, if the client is idle.
    fn idle_connection(&mut self) -> Option<usize> {
        #[cfg(test)]
        if self.link.shortcuts_off {
            return None;
        }
        let (conn, others) = self.link.conns.split_last()?;
        let (key, server) = (others.len(), self.servers.last()?);
        // A wait that a signal may end is not the normal case.
        let idle = !self.link.settings.stop_on_signal
            && !self.link.settings.by_unique
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
            && (others.is_empty() || are_idle(others));
        (idle && self.link.check_liveness(key, self.clock) == Liveness::Quiet).then_some(key)
    }

    /// Reads JOB_CREATED if it is all that was received. Otherwise returns None and leaves
    /// all bytes unread: what follows it, or arrived on another connection, may be a
    /// failure that a regular run has to handle.
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

/// Whether all of these connections are idle.
#[inline(never)]
fn are_idle(conns: &[Conn]) -> bool {
    conns.iter().all(Conn::is_idle)
}

/// Whether one of these connections is ready.
#[inline(never)]
fn are_ready(conns: &[Conn]) -> bool {
    conns.iter().any(|conn| conn.readable || conn.writable)
}
