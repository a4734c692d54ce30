//! Questions to servers that no task stands for: echo, options, cancelling.
//!
//! They wait in either mode, serve only the connection that they ask on, and
//! call no user code: what arrives for tasks meanwhile is put off.
//!
//! Must not: be used while a connection is in the middle of a streamed body.

use super::run::Run;
use super::{Client, Expect, Owed};
use crate::at;
use crate::buf::Owned;
use crate::engine::ReturnCode;
use crate::engine::exchange::{self, Ask, Broadcast, Reply};
use crate::engine::link::{Flush, Link, State, Wait};
use crate::net::{Liveness, Transport};
use crate::protocol::{Packet, admin};

use super::read::Incoming;

impl<T: Transport> Client<T> {
    /// Asks every server.
    ///
    /// # Errors
    /// As `exchange::broadcast`.
    pub fn broadcast(&mut self, what: Broadcast<'_>) -> Result<(), ReturnCode> {
        self.check_fork();
        exchange::broadcast(self, what)
    }

    /// Cancels a job, by the server's admin text.
    ///
    /// # Errors
    /// `JOB_NOT_FOUND` when no server knows it, or why none could be asked.
    pub fn cancel(&mut self, handle: &[u8]) -> Result<(), ReturnCode> {
        self.check_fork();
        let request = admin::Request::cancel_job(handle).ok().filter(|_| !handle.is_empty());
        let Some(request) = request else {
            return Err(self.link.error.set(
                ReturnCode::INVALID_ARGUMENT,
                at!("gearman_client_cancel_job"),
                "not a job handle",
            ));
        };
        if self.servers.is_empty() {
            return Err(self.link.error.set(
                ReturnCode::NO_SERVERS,
                at!("gearman_client_cancel_job"),
                "no servers provided",
            ));
        }
        let run = self.run_all();
        let keys: Vec<usize> = self.link.keys().collect();
        let mut failure = None;
        let mut answered = false;
        for key in keys {
            let reply = self.exchange(key, &run, Expect::Line, b"", |out| {
                out.extend_from_slice(request.line());
            });
            match reply {
                Ok(Reply::Line(line)) if line.starts_with(b"OK") => return Ok(()),
                Ok(_) => answered = true,
                Err(code) => failure = Some(code),
            }
        }
        match failure {
            Some(code) if !answered => Err(code),
            _ => Err(self.link.error.set(
                ReturnCode::JOB_NOT_FOUND,
                at!("gearman_client_cancel_job"),
                "no server knows the job",
            )),
        }
    }

    /// Sends one question on one connection and waits for its reply.
    fn exchange(
        &mut self,
        key: usize,
        run: &Run,
        expect: fn(u32) -> Expect,
        body: &[u8],
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Reply, ReturnCode> {
        self.make_ready(key, run)?;
        self.last_exchange = self.last_exchange.wrapping_add(1);
        let number = self.last_exchange;
        self.reply = None;
        let conn = &mut self.link.conns[key];
        let before = conn.out.unsent().len();
        encode(conn.out.bytes());
        let size = (conn.out.unsent().len() - before) as u64;
        let server = &mut self.servers[key];
        server.written += size;
        server.owed.push_back(Owed { what: expect(number), end: server.written });
        let mut sent = 0;
        loop {
            match self.link.flush(key, body, &mut sent) {
                Ok(Flush::Done) => break,
                Ok(Flush::Blocked) => {
                    if let Err(code) = self.serve(key) {
                        // Half a packet went out: nothing can follow it.
                        self.lose(key, ReturnCode::LOST_CONNECTION);
                        self.link.close(key);
                        return Err(code);
                    }
                }
                Err(code) => {
                    self.lose(key, code);
                    return Err(code);
                }
            }
        }
        loop {
            if let Some((replied, reply)) = self.reply.take()
                && replied == number
            {
                return Ok(reply);
            }
            if self.link.conns[key].state != State::Up {
                return Err(ReturnCode::LOST_CONNECTION);
            }
            self.serve(key)?;
        }
    }

    /// Connects, if need be, and finishes what is half sent.
    fn make_ready(&mut self, key: usize, run: &Run) -> Result<(), ReturnCode> {
        if self.link.look(key, self.clock) == Liveness::Dead {
            // What was received before the end still counts. Whatever it says, the
            // connection is given up.
            let _ = self.read(key, false);
            self.link.ended(key);
            self.lose(key, ReturnCode::LOST_CONNECTION);
        }
        if self.link.conns[key].state == State::Down {
            let patience = self.patience(run);
            self.link.open(key, patience)?;
            self.greet(key);
        }
        while self.link.conns[key].state == State::Connecting {
            let until = self.link.conns[key].deadline;
            match self.link.wait_on(key, until)? {
                Wait::Interrupted => return Err(self.link.error.set_code(ReturnCode::IO_WAIT)),
                Wait::Ready | Wait::Woken | Wait::TimedOut => {}
            }
            self.link.conns[key].writable = false;
            if let Err(code) = self.link.finish_connect(key) {
                self.lose(key, code);
                return Err(code);
            }
        }
        loop {
            let server = &self.servers[key];
            if server.streaming_out.is_some() || server.incoming.is_stalled() {
                return Err(self.link.error.set(
                    ReturnCode::INVALID_ARGUMENT,
                    at!("gearman_universal"),
                    "the connection is in the middle of a streamed workload or result",
                ));
            }
            match self.flush(key) {
                Ok(Flush::Done) => return Ok(()),
                Ok(Flush::Blocked) => self.serve(key)?,
                Err(code) => {
                    self.lose(key, code);
                    return Err(code);
                }
            }
        }
    }

    /// ECHO_RES has come, or begun to.
    pub(super) fn on_echo_packet(&mut self, key: usize, packet: &Packet<'_>, whole: bool) {
        let missing = packet.body_size();
        let owed = self.take_owed(key, |e| matches!(e, Expect::Echo(_)));
        let Some(Expect::Echo(number)) = owed else {
            if !whole {
                self.servers[key].incoming = Incoming::Skip(missing);
            }
            return;
        };
        if whole {
            self.on_echo(number, packet.body());
        } else {
            self.servers[key].incoming =
                Incoming::Echo { exchange: number, data: Owned::new(), missing };
        }
    }

    /// An echo is complete.
    pub(super) fn on_echo(&mut self, number: u32, data: &[u8]) {
        if number == self.last_exchange
            && let Ok(copy) = Owned::copy_of(data)
        {
            self.reply = Some((number, Reply::Echo(copy)));
        }
    }

    /// OPTION_RES has come, for an option of the greeting or of an exchange.
    pub(super) fn on_option(&mut self, key: usize) {
        let owed = self.take_owed(key, |e| matches!(e, Expect::Greeting | Expect::Option(_)));
        if let Some(Expect::Option(number)) = owed {
            self.reply = Some((number, Reply::Accepted));
        }
    }

    /// An exchange was answered with ERROR.
    pub(super) fn on_refusal(&mut self, number: u32) {
        self.reply = Some((number, Reply::Refused));
    }

    /// A line of text has come.
    pub(super) fn on_line(&mut self, key: usize, line: &[u8]) {
        let owed = self.take_owed(key, |e| matches!(e, Expect::Line(_)));
        if let Some(Expect::Line(number)) = owed {
            self.reply = Some((number, Reply::Line(line.to_vec())));
        }
    }
}

impl<T: Transport> Ask<T> for Client<T> {
    fn link(&mut self) -> &mut Link<T> {
        &mut self.link
    }

    fn ask(&mut self, key: usize, what: Broadcast<'_>) -> Result<Reply, ReturnCode> {
        let run = self.run_all();
        let expect = match what {
            Broadcast::Echo(_) => Expect::Echo,
            Broadcast::Option(_) => Expect::Option,
        };
        self.exchange(key, &run, expect, what.body(), |out| what.encode(out))
    }
}
