//! The shortcuts for the most frequent calls, over an idle connection: a background job, which
//! JOB_CREATED answers, and a job whose result is waited for and fits into one WORK_COMPLETE.
//!
//! In the normal case they create no task. In every other case they create the task, in the
//! state that the packet has reached, and a regular run continues.
//!
//! Must not: handle anything but the normal case.

use super::run::TaskRun;
use super::{Client, ClientOwed, Expect};
use crate::ReturnCode;
use crate::link::{Conn, ConnState, Fill, Flush, InBuf};
use crate::slab::SlabId;
use crate::task::JobHandle;
use crate::unique::Unique;
use gearman_buf::{OutOfMemory, Owned};
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

/// The result of a job that was waited for. Plain data.
#[derive(Clone, Copy, Debug)]
pub enum Awaited {
    /// The job has succeeded; [`Client::take_result`] returns its result.
    Complete,
    /// The job is an ordinary task: continue with this run until it is finished.
    Task(SlabId, TaskRun),
}

/// The state of a call that waits for a job. Plain data.
#[derive(Clone, Copy, Debug, Default)]
pub struct AwaitedCall {
    is_sent: bool,
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
    /// The handle of the job, once the server has created it.
    created: Option<JobHandle>,
}

/// What arrived for a job that is waited for.
enum Arrival {
    /// JOB_CREATED, alone.
    Created(JobHandle),
    /// All that the job needs to end.
    Complete(Owned),
    /// Something else, or nothing. All bytes are unread.
    Other,
}

impl<T: Transport> Client<T> {
    /// Submits a background job. After `Pending` and the wait,
    /// [`Client::finish_background`] continues.
    ///
    /// # Errors
    /// As for [`Client::add`].
    #[inline]
    pub fn poll_background(&mut self, new: &NewTask<'_>) -> Poll<Result<Submitted, ReturnCode>> {
        match self.send_quick(new, true) {
            Ok(None) => Poll::Pending,
            Ok(Some((id, run))) => Poll::Ready(Ok(Submitted::Task(id, run))),
            Err(code) => Poll::Ready(Err(code)),
        }
    }

    /// Sends a submission over an idle connection and requests a wait. Otherwise returns the
    /// task that it becomes.
    #[inline(always)]
    fn send_quick(
        &mut self,
        new: &NewTask<'_>,
        allowed: bool,
    ) -> Result<Option<(SlabId, TaskRun)>, ReturnCode> {
        let unique = self.check(new)?;
        self.check_fork();
        self.clock = self.link.net.now();
        let Some(key) = self.idle_connection().filter(|_| allowed && Self::is_inline(new)) else {
            let id = self.add_checked(new, unique.as_slice())?;
            return Ok(Some((id, self.run_until(id))));
        };
        let began = self.link.settings.timeout.map(|_| self.clock);
        let out = self.link.conns[key].out.bytes();
        Self::encode_submit(&self.link.settings, out, new, unique.as_slice());
        let size = out.len();
        let flushed = self.link.flush(key, &[], &mut 0);
        self.quick = Some(QuickSubmit { key, unique, size, began, created: None });
        if flushed == Ok(Flush::Done) {
            self.link.request_wait(self.link.settings.deadline(self.clock));
            return Ok(None);
        }
        self.fall_back(new, flushed.err()).map(Some)
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
                self.end_quick(key, size);
                Ok(Submitted::Created(handle))
            }
            other => self.fall_back(new, other.err()).map(|(id, run)| Submitted::Task(id, run)),
        }
    }

    /// Submits a job and waits for its result. `new` must be the same in every call.
    ///
    /// # Errors
    /// As for [`Client::add`].
    #[inline]
    pub fn poll_awaited(
        &mut self,
        call: &mut AwaitedCall,
        new: &NewTask<'_>,
    ) -> Poll<Result<Awaited, ReturnCode>> {
        if !std::mem::replace(&mut call.is_sent, true) {
            // Memory from the caller's hook is handed out by a regular run.
            return match self.send_quick(new, !self.hooked) {
                Ok(None) => Poll::Pending,
                Ok(Some((id, run))) => Poll::Ready(Ok(Awaited::Task(id, run))),
                Err(code) => Poll::Ready(Err(code)),
            };
        }
        let Some(QuickSubmit { key, size, began, .. }) = self.quick else {
            // As in `finish_background`.
            return Poll::Ready(Err(self.link.error.set_code(ReturnCode::UNKNOWN_STATE)));
        };
        if began.is_some() {
            self.clock = self.link.net.now();
        }
        let lost = match self.read_awaited(key) {
            Ok(Arrival::Complete(result)) => {
                self.end_quick(key, size);
                self.result = Some(result);
                return Poll::Ready(Ok(Awaited::Complete));
            }
            Ok(Arrival::Created(handle)) => {
                if let Some(quick) = &mut self.quick {
                    quick.created = Some(handle);
                }
                self.link.request_wait(self.link.settings.deadline(self.clock));
                return Poll::Pending;
            }
            Ok(Arrival::Other) => None,
            Err(code) => Some(code),
        };
        Poll::Ready(self.fall_back(new, lost).map(|(id, run)| Awaited::Task(id, run)))
    }

    /// Takes the result of the job that [`Client::poll_awaited`] has reported as complete.
    pub fn take_result(&mut self) -> Option<Owned> {
        self.result.take()
    }

    /// Ends a submission whose last packet has been read.
    #[inline]
    fn end_quick(&mut self, key: usize, size: usize) {
        self.quick = None;
        #[cfg(test)]
        {
            self.link.shortcuts_taken += 1;
        }
        let server = &mut self.servers[key];
        server.written_bytes += size as u64;
        // A connection that was made beside another call has received nothing before.
        server.has_received = true;
    }

    /// Creates the task of a submission, in the state that it has reached.
    #[cold]
    #[inline(never)]
    fn fall_back(
        &mut self,
        new: &NewTask<'_>,
        lost: Option<ReturnCode>,
    ) -> Result<(SlabId, TaskRun), ReturnCode> {
        let Some(QuickSubmit { key, unique, size, began, created }) = self.quick.take() else {
            return Err(self.link.error.set_code(ReturnCode::UNKNOWN_STATE));
        };
        let id = self.add_checked(new, unique.as_slice())?;
        self.record_packet(key, id, size);
        if let Some(handle) = created {
            self.servers[key].has_received = true;
            self.job_created(key, handle.as_slice());
        }
        let run = self.run_until_since(id, began);
        if let Some(code) = lost {
            // A packet that was not sent completely is sent again.
            self.connection_failed(key, code, &run);
        }
        Ok((id, run))
    }

    /// Abandons a submission: its JOB_CREATED and its result will be ignored.
    pub(super) fn abandon_quick_submit(&mut self) {
        if let Some(QuickSubmit { key, size, created, .. }) = self.quick.take()
            && self.link.conns.get(key).is_some_and(|conn| conn.state == ConnState::Up)
        {
            let server = &mut self.servers[key];
            server.written_bytes += size as u64;
            let end = server.written_bytes;
            if created.is_none() {
                server.owed.push_back(ClientOwed { what: Expect::Created(SlabId::NONE), end });
            }
        }
    }

    /// The connection that a run would choose, if the client is idle.
    #[inline(always)]
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
        if !self.fill_alone(key)? {
            return Ok(None);
        }
        let conn = &mut self.link.conns[key];
        let Some((handle, used)) = created(conn.inbuf.unread()) else { return Ok(None) };
        Ok((used == conn.inbuf.unread().len()).then(|| {
            conn.inbuf.read(used);
            conn.last_received = self.clock;
            handle
        }))
    }

    /// Reads JOB_CREATED, WORK_COMPLETE for it, or both, if that is all that was received.
    fn read_awaited(&mut self, key: usize) -> Result<Arrival, ReturnCode> {
        if !self.fill_alone(key)? {
            return Ok(Arrival::Other);
        }
        let conn = &mut self.link.conns[key];
        let known = self.quick.as_ref().and_then(|quick| quick.created.as_ref());
        let (arrival, used) = arrival(&conn.inbuf, known);
        if !matches!(arrival, Arrival::Other) {
            conn.inbuf.read(used);
            conn.last_received = self.clock;
        }
        Ok(arrival)
    }

    /// Receives what has arrived. Returns whether it is now in the buffer of this connection,
    /// and no other connection is ready.
    #[inline(always)]
    fn fill_alone(&mut self, key: usize) -> Result<bool, ReturnCode> {
        if key > 0 && are_ready(&self.link.conns[..key]) || self.link.fill(key)? == Fill::Empty {
            return Ok(false);
        }
        Ok(!self.link.conns[key].readable)
    }
}

/// The handle of a JOB_CREATED at the start of the received bytes, and the packet's size.
#[inline(always)]
fn created(unread: &[u8]) -> Option<(JobHandle, usize)> {
    match decode(unread) {
        Ok(Decoded::Whole { packet, used }) if packet.command() == Command::JobCreated => {
            let mut handle = JobHandle::EMPTY;
            handle.set(packet.text_arg(0));
            Some((handle, used))
        }
        _ => None,
    }
}

/// What arrived for a job, whose handle may be known, and its size in bytes.
#[inline]
fn arrival(inbuf: &InBuf, known: Option<&JobHandle>) -> (Arrival, usize) {
    let unread = inbuf.unread();
    let (handle, used) = match known {
        Some(handle) => (*handle, 0),
        None => match created(unread) {
            Some((handle, used)) if used == unread.len() => {
                return (Arrival::Created(handle), used);
            }
            Some(both) => both,
            None => return (Arrival::Other, 0),
        },
    };
    match decode(&unread[used..]) {
        Ok(Decoded::Whole { packet, used: more })
            if packet.command() == Command::WorkComplete
                && used + more == unread.len()
                && packet.text_arg(0) == handle.as_slice() =>
        {
            let mut result = Owned::new();
            match result.extend(packet.body()) {
                Ok(()) => (Arrival::Complete(result), unread.len()),
                // A regular run reports it.
                Err(OutOfMemory) => (Arrival::Other, 0),
            }
        }
        _ => (Arrival::Other, 0),
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
