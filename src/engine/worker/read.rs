//! Receiving: decodes packets, and reads large bodies directly into their final memory.
//!
//! Must not: wait.

use super::Worker;
use super::job::AssignedJob;
use super::server::{QueueState, WorkerIncoming, WorkerOwed};
use crate::ReturnCode;
use crate::at;
use crate::exchange::ExchangeReply;
use crate::link::{BUFFERED_BODY_BYTES_MAX, ConnState, Fill};
use gearman_buf::Owned;
use gearman_net::Transport;
use gearman_protocol::packet::decode;
use gearman_protocol::{Command, Decoded, Packet, ProtocolError};

impl<T: Transport> Worker<T> {
    /// Reads one connection until it is empty.
    ///
    /// # Errors
    /// `LOST_CONNECTION`, or the code for an invalid or unexpected packet. The caller has
    /// to check whether the connection is still up.
    pub(super) fn read(&mut self, key: usize, call: u64) -> Result<(), ReturnCode> {
        // An unexpected packet does not hide those after it.
        let mut outcome = Ok(());
        self.link.conns[key].reported = false;
        loop {
            if self.servers[key].incoming.is_some() && !self.read_body(key)? {
                break;
            }
            if !self.link.conns[key].inbuf.is_empty() {
                outcome = outcome.and(self.read_packets(key, call));
            }
            let conn = &self.link.conns[key];
            if conn.state != ConnState::Up {
                break;
            }
            if self.servers[key].incoming.is_none() && self.link.fill(key)? == Fill::Empty {
                // The unread bytes, if any, are the start of a packet.
                self.link.conns[key].partial = true;
                break;
            }
        }
        outcome
    }

    /// Reads the packets in the buffer, up to one whose body is received separately.
    fn read_packets(&mut self, key: usize, call: u64) -> Result<(), ReturnCode> {
        let mut outcome = Ok(());
        // Taken out so that servers and jobs can change while a packet is borrowed.
        let mut inbuf = std::mem::take(&mut self.link.conns[key].inbuf);
        loop {
            let (used, one) = self.read_packet(key, inbuf.unread(), call);
            outcome = outcome.and(one);
            inbuf.read(used);
            if used == 0 || inbuf.is_empty() || self.servers[key].incoming.is_some() {
                break;
            }
        }
        let conn = &mut self.link.conns[key];
        if conn.state == ConnState::Up {
            conn.inbuf = inbuf;
        }
        outcome
    }

    /// Reads the packet at the start of the buffer. Returns its size in bytes, 0 if it is
    /// incomplete.
    fn read_packet(
        &mut self,
        key: usize,
        bytes: &[u8],
        call: u64,
    ) -> (usize, Result<(), ReturnCode>) {
        match decode(bytes) {
            Ok(Decoded::Incomplete { .. }) => (0, Ok(())),
            Ok(Decoded::Head { packet, .. }) if packet.body_size() <= BUFFERED_BODY_BYTES_MAX => {
                (0, Ok(()))
            }
            Ok(Decoded::Head { packet, used }) => {
                self.servers[key].passed_over = false;
                (used, self.on_packet(key, &packet, packet.body_size(), call))
            }
            Ok(Decoded::Whole { packet, used }) => {
                self.servers[key].passed_over = false;
                (used, self.on_packet(key, &packet, 0, call))
            }
            Err(error) => {
                let code = match error {
                    ProtocolError::Magic(_) => ReturnCode::INVALID_MAGIC,
                    ProtocolError::Command(_) => ReturnCode::INVALID_COMMAND,
                    _ => ReturnCode::INVALID_PACKET,
                };
                let conn = &self.link.conns[key];
                let text = format!("{}:{} sent an invalid packet: {error}", conn.host, conn.port);
                self.link.close(key);
                self.lost(key);
                let at = at!("gearman_connection_st::receiving");
                (0, Err(self.link.error.set(code, at, &text)))
            }
        }
    }

    /// Handles a packet of whose body `missing` bytes are still to receive.
    fn on_packet(
        &mut self,
        key: usize,
        packet: &Packet<'_>,
        missing: usize,
        call: u64,
    ) -> Result<(), ReturnCode> {
        match packet.command() {
            Command::Noop => {
                self.servers[key].noop = true;
                self.wake(key);
                Ok(())
            }
            Command::NoJob if self.take_owed(key, |o| o == WorkerOwed::Grab).is_some() => {
                let server = &mut self.servers[key];
                if std::mem::take(&mut server.noop) {
                    // NOOP arrived before this reply, so there may be a job: ask again.
                    server.queue = QueueState::Unknown;
                } else {
                    server.queue = QueueState::Empty;
                    server.answered_in = call;
                }
                Ok(())
            }
            Command::JobAssign | Command::JobAssignUniq | Command::JobAssignAll
                if self.take_owed(key, |o| o == WorkerOwed::Grab).is_some() =>
            {
                self.servers[key].queue = QueueState::Unknown;
                let generation = self.servers[key].generation;
                let Ok(job) = AssignedJob::new(self.spare.take(), packet, key, generation) else {
                    return Err(self.out_of_memory(key));
                };
                if missing > 0 {
                    self.servers[key].incoming = Some(WorkerIncoming::Job { job, missing });
                    return Ok(());
                }
                self.assigned(job);
                Ok(())
            }
            Command::OptionRes => {
                let owed = self.take_owed(key, |o| o != WorkerOwed::Grab);
                if let Some(WorkerOwed::Exchange(number)) = owed {
                    self.reply = Some((number, ExchangeReply::Accepted));
                }
                Ok(())
            }
            Command::EchoRes => self.on_echo(key, packet, missing),
            Command::Error => self.on_error(key, packet),
            other => {
                if missing > 0 {
                    self.servers[key].incoming = Some(WorkerIncoming::Skip(missing));
                }
                Err(self.unexpected(other))
            }
        }
    }

    /// Notes that the server may have a job, after NOOP.
    fn wake(&mut self, key: usize) {
        let server = &mut self.servers[key];
        server.queue = QueueState::Unknown;
        if !server.awaits_job() {
            server.answered_in = 0;
            server.noop = false;
        }
    }

    fn assigned(&mut self, job: Box<AssignedJob>) {
        let id = self.jobs.insert(job);
        self.ready.push_back(id);
    }

    fn on_echo(
        &mut self,
        key: usize,
        packet: &Packet<'_>,
        missing: usize,
    ) -> Result<(), ReturnCode> {
        let exchange = match self.take_owed(key, |o| matches!(o, WorkerOwed::Exchange(_))) {
            Some(WorkerOwed::Exchange(number)) => number,
            _ => 0,
        };
        if missing > 0 {
            let data = Owned::new();
            self.servers[key].incoming = Some(WorkerIncoming::Echo { exchange, data, missing });
        } else if exchange != 0 {
            let Ok(copy) = Owned::copy_of(packet.body()) else {
                return Err(self.out_of_memory(key));
            };
            self.reply = Some((exchange, ExchangeReply::Echo(copy)));
        }
        Ok(())
    }

    /// Handles ERROR: the server refused the request that it owes a reply to, or a report
    /// about a job that it no longer knows.
    fn on_error(&mut self, key: usize, packet: &Packet<'_>) -> Result<(), ReturnCode> {
        let name = packet.arg(0);
        let about_a_job = matches!(name, b"JOB_NOT_FOUND" | b"not_worker");
        let owed = if about_a_job { None } else { self.servers[key].owed.pop_front() };
        match owed {
            Some(WorkerOwed::Greeting) => Ok(()),
            Some(WorkerOwed::Exchange(number)) => {
                let code = ReturnCode::from_server(name).unwrap_or(ReturnCode::SERVER_ERROR);
                let text = String::from_utf8_lossy(packet.text_arg(1));
                self.link.error.set(code, at!("gearman_worker"), &text);
                self.reply = Some((number, ExchangeReply::Refused));
                Ok(())
            }
            Some(WorkerOwed::Grab) if self.falls_back_to_grab_job(key, name) => Ok(()),
            Some(WorkerOwed::Grab) | None => Err(self.unexpected(Command::Error)),
        }
    }

    /// Whether the server has refused GRAB_JOB_ALL or GRAB_JOB_UNIQ as a request that it does not
    /// know, as servers of other projects do. It is asked with GRAB_JOB then. A gearmand knows
    /// every request, and refuses with a code that the library has.
    #[cold]
    fn falls_back_to_grab_job(&mut self, key: usize, name: &[u8]) -> bool {
        let is_unknown =
            self.grab_command(key) != Command::GrabJob && ReturnCode::from_server(name).is_none();
        if is_unknown {
            self.servers[key].grabs_plainly = true;
            self.servers[key].queue = QueueState::Unknown;
        }
        is_unknown
    }

    #[cold]
    fn unexpected(&mut self, command: Command) -> ReturnCode {
        let text = format!("unexpected packet:GEARMAN_{}", command.name());
        self.link.error.set(ReturnCode::UNEXPECTED_PACKET, at!("gearman_worker_grab_job"), &text)
    }

    #[cold]
    fn out_of_memory(&mut self, key: usize) -> ReturnCode {
        // The server must give the job to a worker that has the memory for it.
        self.disconnect(key);
        self.link.error.set(
            ReturnCode::MEMORY_ALLOCATION_FAILURE,
            at!("gearman_connection_st::receiving"),
            "out of memory",
        )
    }

    /// Receives more of the current body. Returns whether packets can be read again.
    fn read_body(&mut self, key: usize) -> Result<bool, ReturnCode> {
        while let Some(incoming) = self.servers[key].incoming.take() {
            let (got, rest) = match incoming {
                WorkerIncoming::Skip(missing) => {
                    let inbuf = &mut self.link.conns[key].inbuf;
                    let got = missing.min(inbuf.unread().len());
                    inbuf.read(got);
                    if got < missing && got == 0 && self.link.fill(key)? == Fill::Data {
                        self.servers[key].incoming = Some(WorkerIncoming::Skip(missing));
                        continue;
                    }
                    (got, (got < missing).then(|| WorkerIncoming::Skip(missing - got)))
                }
                WorkerIncoming::Job { mut job, missing } => {
                    let got = self.receive(key, &mut job.body, missing)?;
                    if got == missing {
                        // For programs that read the workload as a string. The job is valid
                        // without it.
                        let _ = job.body.terminate();
                        self.assigned(job);
                        (got, None)
                    } else {
                        (got, Some(WorkerIncoming::Job { job, missing: missing - got }))
                    }
                }
                WorkerIncoming::Echo { exchange, mut data, missing } => {
                    let got = self.receive(key, &mut data, missing)?;
                    if got == missing {
                        self.reply = Some((exchange, ExchangeReply::Echo(data)));
                        (got, None)
                    } else {
                        (got, Some(WorkerIncoming::Echo { exchange, data, missing: missing - got }))
                    }
                }
            };
            // A server that was slow to send its job is asked again.
            self.servers[key].passed_over &= rest.is_some();
            self.servers[key].incoming = rest;
            if got == 0 && !self.link.conns[key].readable {
                return Ok(self.servers[key].incoming.is_none());
            }
        }
        Ok(true)
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
            return Err(self.out_of_memory(key));
        }
        let inbuf = &mut self.link.conns[key].inbuf;
        let mut got = missing.min(inbuf.unread().len());
        if into.extend(&inbuf.unread()[..got]).is_err() {
            return Err(self.out_of_memory(key));
        }
        inbuf.read(got);
        if got < missing && self.link.conns[key].readable {
            let limit = missing - got;
            let result = self.link.net.recv_owned(key, into, limit);
            got += self.link.received(key, limit, result)?;
        }
        Ok(got)
    }

    /// Removes the first matching reply from a connection's list of owed replies.
    pub(super) fn take_owed(
        &mut self,
        key: usize,
        fits: impl Fn(WorkerOwed) -> bool,
    ) -> Option<WorkerOwed> {
        let owed = &mut self.servers[key].owed;
        if owed.front().is_some_and(|&o| fits(o)) {
            return owed.pop_front();
        }
        let at = owed.iter().position(|&o| fits(o))?;
        owed.remove(at)
    }
}
