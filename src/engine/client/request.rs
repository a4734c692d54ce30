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
use crate::engine::link::{Flush, State, Wait};
use crate::net::{Liveness, Transport};
use crate::protocol::packet::encode_head;
use crate::protocol::{Command, Magic, Packet};

use super::read::Incoming;

/// A question to every server.
#[derive(Clone, Copy, Debug)]
pub enum Broadcast<'a> {
    /// Send these bytes back.
    Echo(&'a [u8]),
    /// Turn this option on, now and on every later connection.
    Option(&'a [u8]),
}

/// What came back.
#[derive(Debug)]
pub(super) enum Reply {
    /// OPTION_RES.
    Accepted,
    /// ECHO_RES with its body.
    Echo(Owned),
    /// A line of text.
    Line(Vec<u8>),
    /// ERROR, already recorded as the handle's error.
    Refused,
}

impl<T: Transport> Client<T> {
    /// Asks every server.
    ///
    /// # Errors
    /// For an echo: the first server's that cannot be asked or sends something
    /// else back (`ECHO_DATA_CORRUPTION`). For an option: `UNKNOWN_OPTION`
    /// when a server refuses it; a server that is down will be told when it is
    /// back, but when none can be asked the last one's error is returned.
    pub fn broadcast(&mut self, what: Broadcast<'_>) -> Result<(), ReturnCode> {
        self.check_fork();
        if self.servers.is_empty() {
            let at = match what {
                Broadcast::Echo(_) => at!("gearman_echo"),
                Broadcast::Option(_) => at!("gearman_server_option"),
            };
            return Err(self.link.error.set(ReturnCode::NO_SERVERS, at, "no servers provided"));
        }
        let run = self.run_all();
        let keys: Vec<usize> = self.link.keys().collect();
        let mut accepted = false;
        let mut down = None;
        for key in keys {
            let reply = match what {
                Broadcast::Echo(data) => {
                    self.exchange(key, &run, Expect::Exchange, data, |out, size| {
                        encode_head(out, Magic::Request, Command::EchoReq, &[], size);
                    })
                }
                Broadcast::Option(option) => {
                    self.exchange(key, &run, Expect::Exchange, b"", |out, _| {
                        encode_head(out, Magic::Request, Command::OptionReq, &[option], 0);
                    })
                }
            };
            match (what, reply) {
                (Broadcast::Echo(data), Ok(Reply::Echo(echo))) if echo.as_slice() == data => {}
                (Broadcast::Echo(_), Ok(Reply::Refused)) => {
                    return Err(self.link.error.set(
                        ReturnCode::INVALID_COMMAND,
                        at!("success"),
                        "Wrong command sent in response to ECHO request",
                    ));
                }
                (Broadcast::Echo(_), Ok(_)) => {
                    return Err(self.link.error.set(
                        ReturnCode::ECHO_DATA_CORRUPTION,
                        at!("gearman_echo"),
                        "corruption during echo",
                    ));
                }
                (Broadcast::Echo(_), Err(code)) => return Err(code),
                (Broadcast::Option(_), Ok(Reply::Accepted)) => accepted = true,
                (Broadcast::Option(_), Ok(_)) => {
                    let conn = &self.link.conns[key];
                    let text = format!("{}:{} Invalid option UNKNOWN_OPTION", conn.host, conn.port);
                    return Err(self.link.error.set(
                        ReturnCode::UNKNOWN_OPTION,
                        // The function that the original names.
                        at!("success"),
                        &text,
                    ));
                }
                (Broadcast::Option(_), Err(code)) => down = Some(code),
            }
        }
        if let Broadcast::Option(option) = what {
            if !accepted {
                return Err(down.unwrap_or(ReturnCode::NO_SERVERS));
            }
            let options = &mut self.link.settings.server_options;
            if !options.iter().any(|o| o == option) {
                options.push(option.to_vec());
            }
        }
        Ok(())
    }

    /// Cancels a job, by the server's admin text.
    ///
    /// # Errors
    /// `JOB_NOT_FOUND` when no server knows it, or why none could be asked.
    pub fn cancel(&mut self, handle: &[u8]) -> Result<(), ReturnCode> {
        self.check_fork();
        let printable = handle.iter().all(u8::is_ascii_graphic);
        if handle.is_empty() || !printable {
            return Err(self.link.error.set(
                ReturnCode::INVALID_ARGUMENT,
                at!("gearman_client_cancel_job"),
                "not a job handle",
            ));
        }
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
            let reply = self.exchange(key, &run, Expect::Line, b"", |out, _| {
                out.extend_from_slice(b"cancel job ");
                out.extend_from_slice(handle);
                out.push(b'\n');
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
        encode: impl FnOnce(&mut Vec<u8>, usize),
    ) -> Result<Reply, ReturnCode> {
        self.make_ready(key, run)?;
        self.last_exchange = self.last_exchange.wrapping_add(1);
        let number = self.last_exchange;
        self.reply = None;
        let conn = &mut self.link.conns[key];
        let before = conn.out.unsent().len();
        encode(conn.out.bytes(), body.len());
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
        let owed = self.take_owed(key, |e| matches!(e, Expect::Exchange(_)));
        let number = match owed {
            Some(Expect::Exchange(number)) => number,
            _ => 0,
        };
        if whole {
            self.on_echo(number, packet.body());
        } else {
            let missing = packet.body_size();
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
        let owed = self.take_owed(key, |e| matches!(e, Expect::Greeting | Expect::Exchange(_)));
        if let Some(Expect::Exchange(number)) = owed {
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
