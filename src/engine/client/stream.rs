//! Bodies that user code sends or receives in pieces.
//!
//! Such a body reserves its connection for the task until the last byte. A wait here serves
//! only that connection and calls no user code.
//!
//! Must not: touch other connections.

use super::Client;
use super::read::ClientIncoming;
use super::run::TaskStep;
use crate::ReturnCode;
use crate::at;
use crate::link::{ConnState, Flush, Limit, Wait};
use crate::slab::SlabId;
use crate::task::{CallbackState, Callbacks, TaskState};
use gearman_net::Transport;
use std::mem::MaybeUninit;
use std::task::{Poll, ready};

/// A piece of a workload that is being sent. Plain data.
#[derive(Clone, Copy, Debug, Default)]
pub struct Piece {
    /// Bytes sent so far.
    sent: usize,
    limit: Limit,
}

impl<T: Transport> Client<T> {
    /// Calls the `workload_fn` of the task whose body is due on a connection.
    pub(super) fn offer_workload(&mut self, key: usize) -> Option<TaskStep> {
        let (id, _) = self.servers[key].streaming_out?;
        let conn = &self.link.conns[key];
        if conn.state != ConnState::Up || !conn.out.is_empty() {
            return None;
        }
        let task = self.tasks.get(id)?;
        if task.callback != CallbackState::Idle || task.state != TaskState::Workload {
            return None;
        }
        self.call(id, Callbacks::WORKLOAD)
    }

    /// Handles `SUCCESS` from `workload_fn`: the whole body must have been sent.
    pub(super) fn workload_sent(&mut self, id: SlabId) -> Option<ReturnCode> {
        let task = self.tasks.get_mut(id)?;
        let key = task.conn? as usize;
        match self.servers[key].streaming_out {
            Some((streaming, missing)) if streaming == id && missing > 0 => {
                let text = format!("workload_fn returned with {missing} bytes still to be sent");
                let code = self.link.error.set(
                    ReturnCode::INVALID_ARGUMENT,
                    at!("gearman_task_send_workload"),
                    &text,
                );
                task.code = code;
                self.finish(id);
                Some(code)
            }
            _ => {
                task.state = TaskState::Work;
                self.streaming -= usize::from(self.servers[key].streaming_out.take().is_some());
                self.list(id);
                None
            }
        }
    }

    /// Sends a piece of the workload, inside `workload_fn`. Returns the number of bytes
    /// sent.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if no workload is due, `DATA_TOO_LARGE` for more than the
    /// declared size, `IO_WAIT` in non-blocking mode, `TIMEOUT`, `LOST_CONNECTION`.
    pub fn poll_send_workload(
        &mut self,
        id: SlabId,
        bytes: &[u8],
        call: &mut Piece,
    ) -> Poll<Result<usize, ReturnCode>> {
        self.check_fork();
        let due = self.tasks.get(id).and_then(|t| t.conn).map(|key| key as usize);
        let (key, missing) = match due.map(|key| (key, self.servers[key].streaming_out)) {
            Some((key, Some((task, missing)))) if task == id => (key, missing),
            _ => {
                return Poll::Ready(Err(self.link.error.set(
                    ReturnCode::INVALID_ARGUMENT,
                    at!("gearman_task_send_workload"),
                    "no workload is due for this task",
                )));
            }
        };
        if bytes.len() > missing {
            return Poll::Ready(Err(self.link.error.set(
                ReturnCode::DATA_TOO_LARGE,
                at!("gearman_task_send_workload"),
                "more bytes than the workload's declared size",
            )));
        }
        loop {
            if call.limit.is_running() {
                self.half_sent = Some(key);
                let served = ready!(self.poll_serve(key, &mut call.limit));
                self.half_sent = None;
                if let Err(code) = served {
                    self.note_sent(key, call.sent);
                    return Poll::Ready(Err(code));
                }
            }
            match self.link.flush(key, bytes, &mut call.sent) {
                Ok(Flush::Done) => break,
                Ok(Flush::Blocked) if self.link.settings.non_blocking => break,
                Ok(Flush::Blocked) => self.begin_timeout(&mut call.limit),
                Err(code) => {
                    self.lose(key, code);
                    return Poll::Ready(Err(code));
                }
            }
        }
        self.note_sent(key, call.sent);
        if call.sent == 0 && !bytes.is_empty() {
            return Poll::Ready(Err(self.link.error.set_code(ReturnCode::IO_WAIT)));
        }
        Poll::Ready(Ok(call.sent))
    }

    fn note_sent(&mut self, key: usize, sent: usize) {
        if let Some((_, missing)) = &mut self.servers[key].streaming_out {
            *missing -= sent;
        }
    }

    /// Begins the timeout within which a packet has to arrive.
    pub(super) fn begin_timeout(&mut self, limit: &mut Limit) {
        limit.or_begin(|| self.link.settings.deadline(self.link.net.now()));
    }

    /// Waits for one connection and reads it, deferring user code. The timeout begins with
    /// the first call.
    pub(super) fn poll_serve(
        &mut self,
        key: usize,
        limit: &mut Limit,
    ) -> Poll<Result<(), ReturnCode>> {
        ready!(self.poll_conn(key, limit))?;
        self.clock = self.link.net.now();
        let could_send = std::mem::take(&mut self.link.conns[key].writable);
        if self.link.conns[key].readable
            && let Err(code) = self.read(key, false)
        {
            self.lose(key, code);
            return Poll::Ready(Err(code));
        }
        // The body of a result that only a callback can receive has arrived in front of what this
        // call waits for: it would find the same bytes for ever.
        if !could_send && self.servers[key].incoming.is_stalled() {
            return Poll::Ready(Err(self.in_the_middle()));
        }
        Poll::Ready(Ok(()))
    }

    /// The error of a call for which a connection is not free.
    pub(super) fn in_the_middle(&mut self) -> ReturnCode {
        self.link.error.set(
            ReturnCode::INVALID_ARGUMENT,
            at!("gearman_universal"),
            "the connection is in the middle of a streamed workload or result",
        )
    }

    /// Waits for one connection, for at most the timeout.
    fn poll_conn(&mut self, key: usize, limit: &mut Limit) -> Poll<Result<(), ReturnCode>> {
        let (settings, net) = (&self.link.settings, &self.link.net);
        let until = limit.or_begin(|| settings.deadline(net.now()));
        let wait = ready!(self.link.poll_wait_on(key, until));
        limit.end();
        Poll::Ready(match wait? {
            Wait::Ready | Wait::Woken => Ok(()),
            Wait::Interrupted => Err(self.link.error.set_code(ReturnCode::IO_WAIT)),
            Wait::TimedOut => Err(self.link.timed_out()),
        })
    }

    /// Receives a piece of the body for which a callback was called. Returns the number of
    /// bytes: 0 at the end of the body, and if no body is due.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the task was not sent, `IO_WAIT` in non-blocking mode,
    /// `TIMEOUT`, `LOST_CONNECTION`.
    pub fn poll_recv_data(
        &mut self,
        id: SlabId,
        space: &mut [MaybeUninit<u8>],
        limit: &mut Limit,
    ) -> Poll<Result<usize, ReturnCode>> {
        self.check_fork();
        let key = match self.tasks.get(id).map(|t| (t.stream, t.state)) {
            Some((Some(key), _)) => key as usize,
            // Its data is in memory.
            Some((None, state)) if state != TaskState::New => return Poll::Ready(Ok(0)),
            _ => {
                return Poll::Ready(Err(self.link.error.set(
                    ReturnCode::INVALID_ARGUMENT,
                    at!("gearman_task_recv_data"),
                    "the task was not sent",
                )));
            }
        };
        loop {
            let ClientIncoming::Stream { task, missing } = self.servers[key].incoming else {
                return Poll::Ready(Ok(0));
            };
            if task != id || space.is_empty() {
                return Poll::Ready(Ok(0));
            }
            self.link.conns[key].reported = false;
            let inbuf = &mut self.link.conns[key].inbuf;
            let mut got = missing.min(space.len()).min(inbuf.unread().len());
            space[..got].write_copy_of_slice(&inbuf.unread()[..got]);
            inbuf.read(got);
            let most = (missing - got).min(space.len() - got);
            if most > 0 && self.link.conns[key].readable {
                let result = self.link.net.recv_raw(key, &mut space[got..got + most]);
                match self.link.received(key, most, result) {
                    Ok(n) => got += n,
                    Err(code) => {
                        self.lose(key, code);
                        return Poll::Ready(Err(code));
                    }
                }
            }
            self.servers[key].incoming = if got == missing {
                ClientIncoming::None
            } else {
                ClientIncoming::Stream { task, missing: missing - got }
            };
            if got > 0 {
                return Poll::Ready(Ok(got));
            }
            if self.link.settings.non_blocking {
                return Poll::Ready(Err(self.link.error.set_code(ReturnCode::IO_WAIT)));
            }
            // Only the body can arrive now: no packet is read here.
            ready!(self.poll_conn(key, limit))?;
        }
    }

    /// Skips the part of a body that its callback did not receive.
    pub(super) fn discard_rest(&mut self, id: SlabId) {
        let Some(key) = self.tasks.get_mut(id).and_then(|t| t.stream.take()) else { return };
        let Some(server) = self.servers.get_mut(key as usize) else { return };
        if let ClientIncoming::Stream { task, missing } = server.incoming
            && task == id
        {
            server.incoming = ClientIncoming::Skip(missing);
        }
    }
}
