//! Requests without a task: echo, options, cancelling a job.
//!
//! They block in either mode, serve only the connection that they use, and call no user
//! code: events for tasks are deferred.
//!
//! Must not: be used while a connection is in the middle of a streamed body.

use super::run::TaskRun;
use super::{Client, ClientOwed, Expect};
use crate::ReturnCode;
use crate::at;
use crate::exchange::{self, Ask, Broadcast, Broadcasting, ExchangeReply, ExchangeRequest};
use crate::link::{ConnState, Flush, Limit, Link, Wait};
use gearman_buf::Owned;
use gearman_net::{Liveness, Transport};
use gearman_protocol::{Packet, admin};
use std::task::{Poll, ready};

use super::read::ClientIncoming;

/// The progress of one request to one server. Plain data.
#[derive(Clone, Copy, Debug)]
pub struct ClientExchange {
    key: usize,
    run: TaskRun,
    stage: ClientExchangeStage,
    limit: Limit,
    /// The number of the request, once it is buffered. The reply carries the same number.
    number: u32,
    /// Bytes of the body sent so far.
    sent: usize,
}

/// The stage of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientExchangeStage {
    /// Connecting, and flushing earlier packets.
    Connects,
    /// Sending the request.
    Sends,
    /// Waiting for the reply.
    Receives,
}

/// The progress of cancelling a job. Plain data.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cancelling {
    /// Number of servers still to ask; None before the first one.
    left: Option<usize>,
    exchange: Option<ClientExchange>,
    /// Whether any server has answered. `failure` is the error of the last one that has
    /// not.
    answered: bool,
    failure: Option<ReturnCode>,
}

impl<T: Transport> Client<T> {
    /// A request to every server that is not sent yet.
    pub fn begin_broadcast(&mut self) -> Broadcasting<ClientExchange> {
        self.check_fork();
        Broadcasting::new()
    }

    /// Sends a request to every server.
    ///
    /// # Errors
    /// As `exchange::poll_broadcast`.
    pub fn poll_broadcast(
        &mut self,
        call: &mut Broadcasting<ClientExchange>,
        what: Broadcast<'_>,
    ) -> Poll<Result<(), ReturnCode>> {
        exchange::poll_broadcast(self, call, what)
    }

    /// Sends a request to every server, and sleeps until all have answered.
    ///
    /// # Errors
    /// As `exchange::poll_broadcast`.
    pub fn broadcast(&mut self, what: Broadcast<'_>) -> Result<(), ReturnCode> {
        let mut call = self.begin_broadcast();
        self.block(|client| client.poll_broadcast(&mut call, what))
    }

    /// Cancels a job, with the text command `cancel job`.
    ///
    /// # Errors
    /// `JOB_NOT_FOUND` if no server knows the job, or the error of the last server if none
    /// has answered.
    pub fn poll_cancel(
        &mut self,
        call: &mut Cancelling,
        handle: &[u8],
    ) -> Poll<Result<(), ReturnCode>> {
        let at = at!("gearman_client_cancel_job");
        let request = admin::Request::cancel_job(handle).ok().filter(|_| !handle.is_empty());
        let Some(request) = request else {
            let code = ReturnCode::INVALID_ARGUMENT;
            return Poll::Ready(Err(self.link.error.set(code, at, "not a job handle")));
        };
        let mut left = match call.left {
            Some(left) => left,
            None => {
                self.check_fork();
                if self.servers.is_empty() {
                    let code = ReturnCode::NO_SERVERS;
                    return Poll::Ready(Err(self.link.error.set(code, at, "no servers provided")));
                }
                self.servers.len()
            }
        };
        while let Some(key) = left.min(self.servers.len()).checked_sub(1) {
            call.left = Some(left);
            let mut exchange = match call.exchange {
                Some(exchange) => exchange,
                None => self.begin_exchange(key),
            };
            let reply = self.poll_exchange(&mut exchange, ExchangeRequest::Line(request.line()));
            call.exchange = Some(exchange);
            let reply = ready!(reply);
            call.exchange = None;
            left = key;
            match reply {
                Ok(ExchangeReply::Line(line)) if line.starts_with(b"OK") => {
                    return Poll::Ready(Ok(()));
                }
                Ok(_) => call.answered = true,
                Err(code) => call.failure = Some(code),
            }
        }
        Poll::Ready(Err(match call.failure {
            Some(code) if !call.answered => code,
            _ => {
                let text = "no server knows the job";
                self.link.error.set(ReturnCode::JOB_NOT_FOUND, at, text)
            }
        }))
    }

    /// Connects if necessary, and flushes earlier packets.
    fn poll_ready(&mut self, exchange: &mut ClientExchange) -> Poll<Result<(), ReturnCode>> {
        let key = exchange.key;
        if !exchange.limit.is_running() {
            self.connect_if_down(key, &exchange.run)?;
        }
        while self.link.conns[key].state == ConnState::Connecting {
            let until = self.link.conns[key].deadline;
            exchange.limit.or_begin(|| until);
            let wait = ready!(self.link.poll_wait_on(key, until));
            exchange.limit.end();
            match wait? {
                Wait::Interrupted => {
                    return Poll::Ready(Err(self.link.error.set_code(ReturnCode::IO_WAIT)));
                }
                Wait::Ready | Wait::Woken | Wait::TimedOut => {}
            }
            self.link.conns[key].writable = false;
            match self.link.finish_connect(key) {
                Ok(true) => self.no_longer_avoid(key),
                Ok(false) => {}
                Err(code) => {
                    self.avoid_if_silent(key);
                    self.lose(key, code);
                    return Poll::Ready(Err(code));
                }
            }
        }
        loop {
            if exchange.limit.is_running() {
                ready!(self.poll_serve(key, &mut exchange.limit))?;
            }
            let server = &self.servers[key];
            if server.streaming_out.is_some() || server.incoming.is_stalled() {
                return Poll::Ready(Err(self.in_the_middle()));
            }
            match self.flush(key) {
                Ok(Flush::Done) => return Poll::Ready(Ok(())),
                Ok(Flush::Blocked) => self.begin_timeout(&mut exchange.limit),
                Err(code) => {
                    self.lose(key, code);
                    return Poll::Ready(Err(code));
                }
            }
        }
    }

    /// Starts connecting to a server that is not connected, or whose connection has ended or owes
    /// a reply for too long.
    fn connect_if_down(&mut self, key: usize, run: &TaskRun) -> Result<(), ReturnCode> {
        self.close_if_overdue(key);
        if self.link.check_liveness(key, self.clock) == Liveness::Dead {
            // Packets received before the end still count. The connection is closed in any
            // case.
            let _ = self.read(key, false);
            self.link.ended(key);
            self.lose(key, ReturnCode::LOST_CONNECTION);
        }
        if self.link.conns[key].state == ConnState::Down {
            let connect_timeout = self.connect_timeout(run);
            self.link.open(key, connect_timeout)?;
            self.greet(key);
        }
        Ok(())
    }

    /// Buffers a request after the other packets of a connection.
    fn buffer_request(&mut self, key: usize, request: ExchangeRequest<'_>) -> u32 {
        self.last_exchange = self.last_exchange.wrapping_add(1);
        let number = self.last_exchange;
        self.reply = None;
        let conn = &mut self.link.conns[key];
        let before = conn.out.unsent().len();
        request.encode(conn.out.bytes());
        let size = (conn.out.unsent().len() - before) as u64;
        let what = match request {
            ExchangeRequest::Packet(Broadcast::Echo(_)) => Expect::Echo(number),
            ExchangeRequest::Packet(Broadcast::Option(_)) => Expect::Option(number),
            ExchangeRequest::Line(_) => Expect::Line(number),
        };
        let server = &mut self.servers[key];
        server.written_bytes += size;
        server.owed.push_back(ClientOwed { what, end: server.written_bytes });
        number
    }

    /// Sends a buffered request and its body.
    fn poll_send_request(
        &mut self,
        exchange: &mut ClientExchange,
        body: &[u8],
    ) -> Poll<Result<(), ReturnCode>> {
        let key = exchange.key;
        loop {
            if exchange.limit.is_running() {
                // The packet may be partly sent: nothing else can follow it.
                self.half_sent = Some(key);
                let served = ready!(self.poll_serve(key, &mut exchange.limit));
                self.half_sent = None;
                if let Err(code) = served {
                    self.link.close(key);
                    self.lose(key, ReturnCode::LOST_CONNECTION);
                    return Poll::Ready(Err(code));
                }
            }
            match self.link.flush(key, body, &mut exchange.sent) {
                Ok(Flush::Done) => return Poll::Ready(Ok(())),
                Ok(Flush::Blocked) => self.begin_timeout(&mut exchange.limit),
                Err(code) => {
                    self.lose(key, code);
                    return Poll::Ready(Err(code));
                }
            }
        }
    }

    /// Handles ECHO_RES, whose body may be incomplete.
    pub(super) fn on_echo_packet(&mut self, key: usize, packet: &Packet<'_>, whole: bool) {
        let missing = packet.body_size();
        let owed = self.take_owed(key, |e| matches!(e, Expect::Echo(_)));
        let Some(Expect::Echo(number)) = owed else {
            if !whole {
                self.servers[key].incoming = ClientIncoming::Skip(missing);
            }
            return;
        };
        if whole {
            self.on_echo(number, packet.body());
        } else {
            self.servers[key].incoming =
                ClientIncoming::Echo { exchange: number, data: Owned::new(), missing };
        }
    }

    /// Stores a complete echo as the reply.
    pub(super) fn on_echo(&mut self, number: u32, data: &[u8]) {
        if number == self.last_exchange
            && let Ok(copy) = Owned::copy_of(data)
        {
            self.reply = Some((number, ExchangeReply::Echo(copy)));
        }
    }

    /// Handles OPTION_RES, for an option of the greeting or of an exchange.
    pub(super) fn on_option(&mut self, key: usize) {
        let owed = self.take_owed(key, |e| matches!(e, Expect::Greeting | Expect::Option(_)));
        if let Some(Expect::Option(number)) = owed {
            self.reply = Some((number, ExchangeReply::Accepted));
        }
    }

    /// Handles ERROR for an exchange.
    pub(super) fn on_refusal(&mut self, number: u32) {
        self.reply = Some((number, ExchangeReply::Refused));
    }

    /// Handles a line of text.
    pub(super) fn on_line(&mut self, key: usize, line: &[u8]) {
        let owed = self.take_owed(key, |e| matches!(e, Expect::Line(_)));
        if let Some(Expect::Line(number)) = owed {
            self.reply = Some((number, ExchangeReply::Line(line.to_vec())));
        }
    }
}

impl<T: Transport> Ask<T> for Client<T> {
    type Exchange = ClientExchange;

    fn link(&mut self) -> &mut Link<T> {
        &mut self.link
    }

    fn begin_exchange(&mut self, key: usize) -> ClientExchange {
        let run = self.begin(None, true);
        let (stage, limit) = (ClientExchangeStage::Connects, Limit::default());
        ClientExchange { key, run, stage, limit, number: 0, sent: 0 }
    }

    fn poll_exchange(
        &mut self,
        exchange: &mut ClientExchange,
        request: ExchangeRequest<'_>,
    ) -> Poll<Result<ExchangeReply, ReturnCode>> {
        let key = exchange.key;
        if exchange.stage == ClientExchangeStage::Connects {
            ready!(self.poll_ready(exchange))?;
            exchange.number = self.buffer_request(key, request);
            exchange.stage = ClientExchangeStage::Sends;
        }
        if exchange.stage == ClientExchangeStage::Sends {
            ready!(self.poll_send_request(exchange, request.body()))?;
            exchange.stage = ClientExchangeStage::Receives;
        }
        loop {
            if let Some((replied, reply)) = self.reply.take()
                && replied == exchange.number
            {
                return Poll::Ready(Ok(reply));
            }
            if self.link.conns[key].state != ConnState::Up {
                return Poll::Ready(Err(ReturnCode::LOST_CONNECTION));
            }
            if let Err(code) = ready!(self.poll_serve(key, &mut exchange.limit)) {
                if code == ReturnCode::TIMEOUT {
                    self.avoid(key);
                }
                return Poll::Ready(Err(code));
            }
        }
    }
}
