//! Bodies that user code sends or receives piece by piece.
//!
//! A connection in the middle of such a body belongs to its task until the last
//! byte. Waiting here serves that connection only and calls no user code.
//!
//! Must not: touch other connections.

use super::Client;
use super::read::Incoming;
use super::run::Step;
use crate::at;
use crate::engine::ReturnCode;
use crate::engine::link::{Flush, State, Wait};
use crate::engine::slab::Id;
use crate::engine::task::{Callbacks, TaskState};
use crate::net::Transport;
use std::mem::MaybeUninit;

impl<T: Transport> Client<T> {
    /// Asks the `workload_fn` of the task whose body is due on a connection.
    pub(super) fn offer_workload(&mut self, key: usize) -> Option<Step> {
        let (id, _) = self.servers[key].streaming_out?;
        let conn = &self.link.conns[key];
        if conn.state != State::Up || !conn.out.is_empty() {
            return None;
        }
        let task = self.tasks.get(id)?;
        if task.offered || task.on_stack != 0 || task.state != TaskState::Workload {
            return None;
        }
        self.call(id, Callbacks::WORKLOAD)
    }

    /// `workload_fn` returned `SUCCESS`: the body must have gone out whole.
    pub(super) fn workload_sent(&mut self, id: Id) -> Option<ReturnCode> {
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

    /// Sends a piece of the workload that `workload_fn` was asked for. Returns
    /// how many bytes went out.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when none was asked for, `DATA_TOO_LARGE` for more than
    /// was declared, `IO_WAIT` in non-blocking mode, `TIMEOUT`,
    /// `LOST_CONNECTION`.
    pub fn send_workload(&mut self, id: Id, bytes: &[u8]) -> Result<usize, ReturnCode> {
        self.check_fork();
        let due = self.tasks.get(id).and_then(|t| t.conn).map(|key| key as usize);
        let (key, missing) = match due.map(|key| (key, self.servers[key].streaming_out)) {
            Some((key, Some((task, missing)))) if task == id => (key, missing),
            _ => {
                return Err(self.link.error.set(
                    ReturnCode::INVALID_ARGUMENT,
                    at!("gearman_task_send_workload"),
                    "no workload is due for this task",
                ));
            }
        };
        if bytes.len() > missing {
            return Err(self.link.error.set(
                ReturnCode::DATA_TOO_LARGE,
                at!("gearman_task_send_workload"),
                "more bytes than the workload's declared size",
            ));
        }
        let mut sent = 0;
        loop {
            let flushed = self.link.flush(key, bytes, &mut sent);
            match flushed {
                Ok(Flush::Done) => break,
                Ok(Flush::Blocked) if self.link.settings.non_blocking => break,
                Ok(Flush::Blocked) => {}
                Err(code) => {
                    self.lose(key, code);
                    return Err(code);
                }
            }
            if let Err(code) = self.serve(key) {
                self.note_sent(key, sent);
                return Err(code);
            }
        }
        self.note_sent(key, sent);
        if sent == 0 && !bytes.is_empty() {
            return Err(self.link.error.set_code(ReturnCode::IO_WAIT));
        }
        Ok(sent)
    }

    fn note_sent(&mut self, key: usize, sent: usize) {
        if let Some((_, missing)) = &mut self.servers[key].streaming_out {
            *missing -= sent;
        }
    }

    /// Waits for one connection and reads what comes on it, putting user code
    /// off.
    pub(super) fn serve(&mut self, key: usize) -> Result<(), ReturnCode> {
        let until = self.link.settings.deadline(self.link.net.now());
        match self.link.wait_on(key, until)? {
            Wait::Ready | Wait::Woken => {}
            Wait::Interrupted => return Err(self.link.error.set_code(ReturnCode::IO_WAIT)),
            Wait::TimedOut => {
                return Err(self.link.timed_out());
            }
        }
        self.clock = self.link.net.now();
        self.link.conns[key].writable = false;
        if self.link.conns[key].readable
            && let Err(code) = self.read(key, false)
        {
            self.lose(key, code);
            return Err(code);
        }
        Ok(())
    }

    /// Receives a piece of the body that a callback was called for. Returns how
    /// many bytes came: 0 at the end of the body, and when no body is to be received.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` when the task was not sent, `IO_WAIT` in non-blocking mode,
    /// `TIMEOUT`, `LOST_CONNECTION`.
    pub fn recv_data(
        &mut self,
        id: Id,
        space: &mut [MaybeUninit<u8>],
    ) -> Result<usize, ReturnCode> {
        self.check_fork();
        let key = match self.tasks.get(id).map(|t| (t.stream, t.state)) {
            Some((Some(key), _)) => key as usize,
            // What has come for it is in memory.
            Some((None, state)) if state != TaskState::New => return Ok(0),
            _ => {
                return Err(self.link.error.set(
                    ReturnCode::INVALID_ARGUMENT,
                    at!("gearman_task_recv_data"),
                    "the task was not sent",
                ));
            }
        };
        loop {
            let Incoming::Stream { task, missing } = self.servers[key].incoming else {
                return Ok(0);
            };
            if task != id || space.is_empty() {
                return Ok(0);
            }
            let inbuf = &mut self.link.conns[key].inbuf;
            let mut got = missing.min(space.len()).min(inbuf.unread().len());
            space[..got].write_copy_of_slice(&inbuf.unread()[..got]);
            inbuf.read(got);
            let limit = (missing - got).min(space.len() - got);
            if limit > 0 && self.link.conns[key].readable {
                let result = self.link.net.recv_raw(key, &mut space[got..got + limit]);
                match self.link.received(key, limit, result) {
                    Ok(n) => got += n,
                    Err(code) => {
                        self.lose(key, code);
                        return Err(code);
                    }
                }
            }
            self.servers[key].incoming = if got == missing {
                Incoming::None
            } else {
                Incoming::Stream { task, missing: missing - got }
            };
            if got > 0 {
                return Ok(got);
            }
            if self.link.settings.non_blocking {
                return Err(self.link.error.set_code(ReturnCode::IO_WAIT));
            }
            // The body is all that can come: nothing is read here.
            let until = self.link.settings.deadline(self.link.net.now());
            match self.link.wait_on(key, until)? {
                Wait::Ready | Wait::Woken => {}
                Wait::Interrupted => return Err(self.link.error.set_code(ReturnCode::IO_WAIT)),
                Wait::TimedOut => {
                    return Err(self.link.timed_out());
                }
            }
        }
    }

    /// A callback is done with a body: what it did not receive is skipped.
    pub(super) fn discard_rest(&mut self, id: Id) {
        let Some(key) = self.tasks.get_mut(id).and_then(|t| t.stream.take()) else { return };
        let Some(server) = self.servers.get_mut(key as usize) else { return };
        if let Incoming::Stream { task, missing } = server.incoming
            && task == id
        {
            server.incoming = Incoming::Skip(missing);
        }
    }
}
