//! Requests that clients and workers send to every server: ECHO_REQ and OPTION_REQ.
//!
//! Must not: know how a request is sent or how its reply is found; client and worker
//! implement `Ask` for that.

use super::ReturnCode;
use super::error::At;
use super::link::Link;
use crate::at;
use gearman_buf::Owned;
use gearman_protocol::limits::{MAX_ARGS_SIZE, MAX_ECHO_SIZE, MAX_OPTION_SIZE};
use gearman_protocol::packet::encode_head;
use gearman_protocol::{Command, Magic};
use std::task::{Poll, ready};

/// A request to every server.
#[derive(Clone, Copy, Debug)]
pub enum Broadcast<'a> {
    /// ECHO_REQ with these bytes.
    Echo(&'a [u8]),
    /// OPTION_REQ for this option, now and on every later connection.
    Option(&'a [u8]),
}

/// The reply to a request.
#[derive(Debug)]
pub(super) enum ExchangeReply {
    /// OPTION_RES.
    Accepted,
    /// ECHO_RES with its body.
    Echo(Owned),
    /// A line of text.
    Line(Vec<u8>),
    /// ERROR, already recorded as the handle's error.
    Refused,
}

impl<'a> Broadcast<'a> {
    /// Appends the packet without its body.
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        match self {
            Broadcast::Echo(data) => {
                encode_head(out, Magic::Request, Command::EchoReq, &[], data.len());
            }
            Broadcast::Option(option) => {
                encode_head(out, Magic::Request, Command::OptionReq, &[option], 0);
            }
        }
    }

    /// The error for a request beyond the size limits. Reads only its size.
    fn size_error(self) -> Option<(At, &'static str)> {
        match self {
            Broadcast::Echo(data) if data.len() > MAX_ECHO_SIZE => {
                Some((at!("echo"), "workload_size was greater then GEARMAN_MAX_ECHO_SIZE"))
            }
            Broadcast::Option(option) if option.len() > MAX_OPTION_SIZE => {
                Some((at!("option"), "option was greater then GEARMAN_MAX_OPTION_SIZE"))
            }
            Broadcast::Option(option) if option.len() > MAX_ARGS_SIZE => {
                Some((at!("option"), "option is longer than an argument can be"))
            }
            Broadcast::Echo(_) | Broadcast::Option(_) => None,
        }
    }

    /// The body of the packet.
    pub(super) fn body(self) -> &'a [u8] {
        match self {
            Broadcast::Echo(data) => data,
            Broadcast::Option(_) => b"",
        }
    }
}

/// Rejects an empty request, unless the handle has no servers: that error takes precedence.
///
/// # Errors
/// `INVALID_ARGUMENT`.
pub fn reject_empty_request<T>(
    link: &mut Link<T>,
    what: Broadcast<'_>,
    is_null: bool,
) -> Result<(), ReturnCode> {
    let (at, text) = match what {
        Broadcast::Echo([]) if is_null => (at!("echo"), "workload was NULL"),
        Broadcast::Echo([]) => (at!("echo"), "workload_size was 0"),
        Broadcast::Option([]) if is_null => (at!("option"), "option was NULL"),
        Broadcast::Option([]) => (at!("option"), "option size was 0"),
        Broadcast::Echo(_) | Broadcast::Option(_) => return Ok(()),
    };
    if link.conns.is_empty() {
        return Ok(());
    }
    Err(link.error.set(ReturnCode::INVALID_ARGUMENT, at, text))
}

/// A client or worker that can send a request to one server and read its reply.
pub(super) trait Ask<T> {
    /// The progress of one request to one server. Plain data.
    type Exchange: Copy;

    /// The connections.
    fn link(&mut self) -> &mut Link<T>;

    /// Begins a request to one server.
    fn begin_exchange(&mut self, key: usize) -> Self::Exchange;

    /// Continues a request.
    ///
    /// # Errors
    /// Why the server could not be asked or did not answer.
    fn poll_exchange(
        &mut self,
        exchange: &mut Self::Exchange,
        request: ExchangeRequest<'_>,
    ) -> Poll<Result<ExchangeReply, ReturnCode>>;
}

/// The content of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum ExchangeRequest<'a> {
    /// A packet.
    Packet(Broadcast<'a>),
    /// A line of admin text.
    Line(&'a [u8]),
}

impl<'a> ExchangeRequest<'a> {
    /// Appends the request without its body.
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        match self {
            ExchangeRequest::Packet(packet) => packet.encode(out),
            ExchangeRequest::Line(line) => out.extend_from_slice(line),
        }
    }

    /// The body of the packet.
    pub(super) fn body(self) -> &'a [u8] {
        match self {
            ExchangeRequest::Packet(packet) => packet.body(),
            ExchangeRequest::Line(_) => b"",
        }
    }
}

/// The progress of a request to every server. Plain data.
#[derive(Clone, Copy, Debug)]
pub struct Broadcasting<E> {
    /// Number of servers still to ask; None before the first one.
    left: Option<usize>,
    exchange: Option<E>,
    accepted: bool,
    /// The error of the last server that could not be asked.
    down: Option<ReturnCode>,
}

impl<E> Broadcasting<E> {
    /// A request that is not sent yet.
    pub(super) const fn new() -> Broadcasting<E> {
        Broadcasting { left: None, exchange: None, accepted: false, down: None }
    }
}

/// Sends a request to every server, the last added first.
///
/// # Errors
/// `ECHO_DATA_CORRUPTION` if the reply to an echo differs, `UNKNOWN_OPTION` if a server refuses
/// an option. A server that is down gets the option with its next connection. If no server can
/// be asked, the error of the last one.
pub(super) fn poll_broadcast<T, A: Ask<T>>(
    asker: &mut A,
    call: &mut Broadcasting<A::Exchange>,
    what: Broadcast<'_>,
) -> Poll<Result<(), ReturnCode>> {
    let mut left = match call.left {
        Some(left) => left,
        None => begin(asker.link(), what)?,
    };
    while let Some(key) = left.min(asker.link().conns.len()).checked_sub(1) {
        call.left = Some(left);
        let mut exchange = match call.exchange {
            Some(exchange) => exchange,
            None => asker.begin_exchange(key),
        };
        let reply = asker.poll_exchange(&mut exchange, ExchangeRequest::Packet(what));
        call.exchange = Some(exchange);
        let reply = ready!(reply);
        call.exchange = None;
        left = key;
        match check_reply(asker.link(), key, what, reply) {
            Ok(()) => call.accepted = true,
            Err(Fault::Down(code)) => call.down = Some(code),
            Err(Fault::Refused(code)) => return Poll::Ready(Err(code)),
        }
    }
    if !call.accepted {
        return Poll::Ready(Err(call.down.unwrap_or(ReturnCode::NO_SERVERS)));
    }
    if let Broadcast::Option(option) = what {
        asker.link().settings.remember_option(option);
    }
    Poll::Ready(Ok(()))
}

/// Checks a request. Returns the number of servers to ask.
///
/// # Errors
/// `NO_SERVERS`, or `ARGUMENT_TOO_LARGE` for a request beyond the size limits.
fn begin<T>(link: &mut Link<T>, what: Broadcast<'_>) -> Result<usize, ReturnCode> {
    if link.conns.is_empty() {
        let at = match what {
            Broadcast::Echo(_) => at!("gearman_echo"),
            Broadcast::Option(_) => at!("gearman_server_option"),
        };
        return Err(link.error.set(ReturnCode::NO_SERVERS, at, "no servers provided"));
    }
    if let Some((at, text)) = what.size_error() {
        return Err(link.error.set(ReturnCode::ARGUMENT_TOO_LARGE, at, text));
    }
    Ok(link.conns.len())
}

/// Why a reply is not the expected one.
enum Fault {
    /// No reply: the server could not be asked.
    Down(ReturnCode),
    /// A different reply.
    Refused(ReturnCode),
}

/// Checks a server's reply against the request.
fn check_reply<T>(
    link: &mut Link<T>,
    key: usize,
    what: Broadcast<'_>,
    reply: Result<ExchangeReply, ReturnCode>,
) -> Result<(), Fault> {
    let reply = reply.map_err(Fault::Down)?;
    let code = match (what, reply) {
        (Broadcast::Echo(data), ExchangeReply::Echo(echo)) if echo.as_slice() == data => {
            return Ok(());
        }
        (Broadcast::Option(_), ExchangeReply::Accepted) => return Ok(()),
        (Broadcast::Echo(_), ExchangeReply::Refused) => link.error.set(
            ReturnCode::INVALID_COMMAND,
            // The function name in the original's error text.
            at!("success"),
            "Wrong command sent in response to ECHO request",
        ),
        (Broadcast::Echo(_), _) => link.error.set(
            ReturnCode::ECHO_DATA_CORRUPTION,
            at!("gearman_echo"),
            "corruption during echo",
        ),
        (Broadcast::Option(_), _) => {
            let conn = &link.conns[key];
            let text = format!("{}:{} Invalid option UNKNOWN_OPTION", conn.host, conn.port);
            link.error.set(ReturnCode::UNKNOWN_OPTION, at!("success"), &text)
        }
    };
    Err(Fault::Refused(code))
}
