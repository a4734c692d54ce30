//! Receiving: decodes packets, and reads large bodies directly into their final memory.
//!
//! Must not: decide what a packet means for its task; `dispatch` does.

use super::run::{TaskRun, TaskStep};
use super::{Client, Expect};
use crate::ReturnCode;
use crate::at;
use crate::link::{BUFFERED_BODY_BYTES_MAX, ConnState, Fill};
use crate::slab::SlabId;
use crate::task::Event;
use gearman_buf::{Bytes, Owned};
use gearman_net::Transport;
use gearman_protocol::packet::decode;
use gearman_protocol::{Decoded, ProtocolError, admin};

/// The destination of a body of which `missing` bytes have not been received.
#[derive(Debug, Default)]
pub(super) enum ClientIncoming {
    /// No body is being received.
    #[default]
    None,
    /// Skip this many bytes.
    Skip(usize),
    /// The event of the packet.
    Event { task: SlabId, event: Event, missing: usize },
    /// The collected result of a task, to which it is appended.
    Result { task: SlabId, event: Event, missing: usize },
    /// A callback of this task, which receives it.
    Stream { task: SlabId, missing: usize },
    /// The reply to an echo.
    Echo { exchange: u32, data: Owned, missing: usize },
}

impl ClientIncoming {
    /// Whether receiving can continue without user code.
    fn can_continue(&self) -> bool {
        !matches!(self, ClientIncoming::None) && !self.is_stalled()
    }

    /// Whether receiving can only continue in user code.
    pub(super) fn is_stalled(&self) -> bool {
        matches!(self, ClientIncoming::Stream { .. })
    }
}

/// The result of one step of receiving a body.
enum BodyStep {
    /// The body is complete: packets can be read again.
    Done,
    /// The next step may receive more.
    More,
    /// It waits for bytes or for user code.
    Waits,
    /// User code is needed.
    Call(TaskStep),
}

impl<T: Transport> Client<T> {
    /// Reads every connection that may hold bytes.
    pub(super) fn read_all(&mut self, run: &TaskRun) -> Option<TaskStep> {
        for key in 0..self.servers.len() {
            let conn = &self.link.conns[key];
            let due = conn.readable
                || !conn.inbuf.is_empty()
                || self.servers[key].incoming.can_continue();
            if conn.state != ConnState::Up || !due {
                continue;
            }
            match self.read(key, true) {
                Ok(None) => {}
                Ok(Some(step)) => return Some(step),
                Err(code) => self.connection_failed(key, code, run),
            }
        }
        None
    }

    /// Reads one connection until it is empty. With `deliver` false, events that need user
    /// code are put into the backlog of their task.
    ///
    /// # Errors
    /// The connection was closed, or an ERROR arrived that answers no request.
    pub(super) fn read(
        &mut self,
        key: usize,
        deliver: bool,
    ) -> Result<Option<TaskStep>, ReturnCode> {
        self.link.conns[key].reported = false;
        while self.link.conns[key].state == ConnState::Up {
            if !matches!(self.servers[key].incoming, ClientIncoming::None) {
                match self.read_body(key, deliver)? {
                    BodyStep::Done => {}
                    BodyStep::More => continue,
                    BodyStep::Waits => return Ok(None),
                    BodyStep::Call(step) => return Ok(Some(step)),
                }
            }
            let conn = &self.link.conns[key];
            if conn.inbuf.is_empty() {
                if !conn.readable || self.link.fill(key)? == Fill::Empty {
                    return Ok(None);
                }
                continue;
            }
            // Taken out so that tasks can change while a packet is borrowed.
            let mut inbuf = std::mem::take(&mut self.link.conns[key].inbuf);
            let (used, outcome) = self.read_packet(key, inbuf.unread(), deliver);
            inbuf.read(used);
            if self.link.conns[key].state == ConnState::Up {
                self.link.conns[key].inbuf = inbuf;
            }
            match outcome {
                Ok(Some(step)) => return Ok(Some(step)),
                Ok(None) if used > 0 => {
                    self.link.conns[key].last_received = self.clock;
                    let server = &mut self.servers[key];
                    server.has_received = true;
                    server.avoided_until = None;
                }
                Ok(None) => {
                    if self.link.fill(key)? == Fill::Empty {
                        self.link.conns[key].partial = true;
                        return Ok(None);
                    }
                }
                Err(code) => return Err(code),
            }
        }
        Ok(None)
    }

    /// Reads the packet or line at the start of the buffer. Returns its size in bytes, 0 if
    /// it is incomplete.
    fn read_packet(
        &mut self,
        key: usize,
        bytes: &[u8],
        deliver: bool,
    ) -> (usize, Result<Option<TaskStep>, ReturnCode>) {
        if bytes.first().is_some_and(|&b| admin::is_text(b)) && self.expects_text(key) {
            return match admin::line(bytes) {
                admin::Line::Whole(line, used) => {
                    self.on_line(key, line);
                    (used, Ok(None))
                }
                admin::Line::Incomplete => (0, Ok(None)),
                admin::Line::TooLong => (
                    0,
                    Err(self.invalid_packet(
                        key,
                        ReturnCode::INVALID_PACKET,
                        "a line of text is too long",
                    )),
                ),
            };
        }
        match decode(bytes) {
            Ok(Decoded::Incomplete { .. }) => (0, Ok(None)),
            Ok(Decoded::Head { packet, .. }) if packet.body_size() <= BUFFERED_BODY_BYTES_MAX => {
                (0, Ok(None))
            }
            Ok(Decoded::Head { packet, used }) => {
                let task = self.task_of(key, &packet);
                (used, self.on_packet(key, &packet, task, false, deliver))
            }
            Ok(Decoded::Whole { packet, used }) => {
                let task = self.task_of(key, &packet);
                // A streamed body is handled as if it had not been received yet.
                let apart = self.streams(task, &packet);
                let used = if apart { used - packet.body_size() } else { used };
                (used, self.on_packet(key, &packet, task, !apart, deliver))
            }
            Err(error) => {
                let code = match error {
                    ProtocolError::Magic(_) => ReturnCode::INVALID_MAGIC,
                    ProtocolError::Command(_) => ReturnCode::INVALID_COMMAND,
                    _ => ReturnCode::INVALID_PACKET,
                };
                (0, Err(self.invalid_packet(key, code, &error.to_string())))
            }
        }
    }

    /// Closes a connection after an invalid packet.
    #[cold]
    fn invalid_packet(&mut self, key: usize, code: ReturnCode, text: &str) -> ReturnCode {
        let conn = &self.link.conns[key];
        let text = format!("{}:{} sent an invalid packet: {text}", conn.host, conn.port);
        self.link.close(key);
        self.link.error.set(code, at!("gearman_connection_st::receiving"), &text)
    }

    /// Receives more of the current body, in one step.
    #[cold]
    #[inline(never)]
    fn read_body(&mut self, key: usize, deliver: bool) -> Result<BodyStep, ReturnCode> {
        match std::mem::take(&mut self.servers[key].incoming) {
            ClientIncoming::None => Ok(BodyStep::Done),
            ClientIncoming::Skip(missing) => self.skip_body(key, missing),
            ClientIncoming::Event { task, event, missing } => {
                self.read_event_body(key, (task, event), missing, deliver)
            }
            ClientIncoming::Result { task, event, missing } => {
                self.read_result(key, (task, event), missing, deliver)
            }
            ClientIncoming::Echo { exchange, data, missing } => {
                self.read_echo(key, (exchange, data), missing)
            }
            stream @ ClientIncoming::Stream { .. } => {
                self.servers[key].incoming = stream;
                Ok(BodyStep::Waits)
            }
        }
    }

    /// Skips a body that no task needs.
    fn skip_body(&mut self, key: usize, missing: usize) -> Result<BodyStep, ReturnCode> {
        let inbuf = &mut self.link.conns[key].inbuf;
        let n = missing.min(inbuf.unread().len());
        inbuf.read(n);
        if n == missing {
            return Ok(BodyStep::Done);
        }
        self.servers[key].incoming = ClientIncoming::Skip(missing - n);
        Ok(match self.link.fill(key)? {
            Fill::Data => BodyStep::More,
            Fill::Empty => BodyStep::Waits,
        })
    }

    /// Receives a body into its event.
    fn read_event_body(
        &mut self,
        key: usize,
        (task, mut event): (SlabId, Event),
        missing: usize,
        deliver: bool,
    ) -> Result<BodyStep, ReturnCode> {
        let mut data = match event.data.take() {
            Some(Bytes::Owned(data)) => data,
            _ => Owned::new(),
        };
        let got = self.receive(key, &mut data, missing)?;
        if got == missing {
            data.terminate().expect("the body has an allocation");
        }
        event.data = Some(Bytes::Owned(data));
        if got == missing {
            return Ok(self.route_whole(key, task, event, deliver));
        }
        let rest = ClientIncoming::Event { task, event, missing: missing - got };
        Ok(self.store_rest(key, got, rest))
    }

    /// Appends a body to the collected result of its task.
    fn read_result(
        &mut self,
        key: usize,
        (task, event): (SlabId, Event),
        missing: usize,
        deliver: bool,
    ) -> Result<BodyStep, ReturnCode> {
        let collected = self.tasks.get_mut(task).and_then(|t| t.result.take());
        let mut result = collected.unwrap_or_default();
        let got = self.receive(key, &mut result, missing)?;
        let Some(found) = self.tasks.get_mut(task) else {
            // The task was removed meanwhile.
            self.servers[key].incoming = ClientIncoming::Skip(missing - got);
            return Ok(BodyStep::More);
        };
        found.result = Some(result);
        if got == missing {
            return Ok(self.route_whole(key, task, event, deliver));
        }
        let rest = ClientIncoming::Result { task, event, missing: missing - got };
        Ok(self.store_rest(key, got, rest))
    }

    /// Receives the body of ECHO_RES.
    fn read_echo(
        &mut self,
        key: usize,
        (exchange, mut data): (u32, Owned),
        missing: usize,
    ) -> Result<BodyStep, ReturnCode> {
        let got = self.receive(key, &mut data, missing)?;
        if got == missing {
            self.link.conns[key].last_received = self.clock;
            self.on_echo(exchange, data.as_slice());
            return Ok(BodyStep::Done);
        }
        let rest = ClientIncoming::Echo { exchange, data, missing: missing - got };
        Ok(self.store_rest(key, got, rest))
    }

    /// Routes an event whose body is complete.
    fn route_whole(&mut self, key: usize, task: SlabId, event: Event, deliver: bool) -> BodyStep {
        self.link.conns[key].last_received = self.clock;
        self.route(task, event, deliver).map_or(BodyStep::Done, BodyStep::Call)
    }

    /// Stores the rest of a body of which `got` bytes were received.
    fn store_rest(&mut self, key: usize, got: usize, rest: ClientIncoming) -> BodyStep {
        self.servers[key].incoming = rest;
        if got == 0 && !self.link.conns[key].readable { BodyStep::Waits } else { BodyStep::More }
    }

    /// Moves up to `missing` bytes of a body into `into`, first from the receive buffer and
    /// then directly from the socket.
    fn receive(
        &mut self,
        key: usize,
        into: &mut Owned,
        missing: usize,
    ) -> Result<usize, ReturnCode> {
        // Reserved at once: pages are only touched as bytes arrive.
        if into.reserve(missing).is_err() {
            self.link.close(key);
            return Err(self.out_of_memory("gearman_connection_st::receiving"));
        }
        let inbuf = &mut self.link.conns[key].inbuf;
        let mut got = missing.min(inbuf.unread().len());
        if into.extend(&inbuf.unread()[..got]).is_err() {
            return Err(self.out_of_memory("gearman_connection_st::receiving"));
        }
        inbuf.read(got);
        if got < missing && self.link.conns[key].readable {
            let limit = missing - got;
            let result = self.link.net.recv_owned(key, into, limit);
            got += self.link.received(key, limit, result)?;
        }
        Ok(got)
    }

    /// Whether the next reply of a connection is a line of text.
    fn expects_text(&self, key: usize) -> bool {
        matches!(self.servers[key].owed.front().map(|o| o.what), Some(Expect::Line(_)))
    }
}
