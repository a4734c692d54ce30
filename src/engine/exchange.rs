//! Questions that a client and a worker alike put to every server: echo, and
//! turning an option on.
//!
//! Must not: know how a question is sent or how its reply is found; `Ask` is
//! what client and worker bring along.

use super::ReturnCode;
use super::error::At;
use super::link::Link;
use crate::at;
use gearman_buf::Owned;
use gearman_protocol::limits::{MAX_ARGS_SIZE, MAX_ECHO_SIZE, MAX_OPTION_SIZE};
use gearman_protocol::packet::encode_head;
use gearman_protocol::{Command, Magic};
use std::task::{Poll, ready};

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
    /// Appends the question's packet up to its body.
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

    /// Why no packet can hold it, if none can. No byte of it is looked at.
    fn is_too_large(self) -> Option<(At, &'static str)> {
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

    /// The body that follows.
    pub(super) fn body(self) -> &'a [u8] {
        match self {
            Broadcast::Echo(data) => data,
            Broadcast::Option(_) => b"",
        }
    }
}

/// Refuses a question without bytes, unless there is no server, which is said first.
///
/// # Errors
/// `INVALID_ARGUMENT`.
pub fn refuse_nothing<T>(
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

/// A handle that can ask one server and knows its reply.
pub(super) trait Ask<T> {
    /// One question to one server, as far as it has come. Plain data.
    type Exchange: Copy;

    /// The connections.
    fn link(&mut self) -> &mut Link<T>;

    /// Begins a question to a server.
    fn begin_exchange(&mut self, key: usize) -> Self::Exchange;

    /// Goes on with a question.
    ///
    /// # Errors
    /// Why the server cannot be asked, or did not answer.
    fn poll_exchange(
        &mut self,
        exchange: &mut Self::Exchange,
        question: Question<'_>,
    ) -> Poll<Result<ExchangeReply, ReturnCode>>;
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question<'a> {
    /// A packet.
    Packet(Broadcast<'a>),
    /// A line of admin text.
    Line(&'a [u8]),
}

impl<'a> Question<'a> {
    /// Appends the question up to its body.
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        match self {
            Question::Packet(packet) => packet.encode(out),
            Question::Line(line) => out.extend_from_slice(line),
        }
    }

    /// The body that follows.
    pub(super) fn body(self) -> &'a [u8] {
        match self {
            Question::Packet(packet) => packet.body(),
            Question::Line(_) => b"",
        }
    }
}

/// A question to every server, as far as it has come. Plain data.
#[derive(Clone, Copy, Debug)]
pub struct Broadcasting<E> {
    /// How many servers are still to be asked, once that is known.
    left: Option<usize>,
    exchange: Option<E>,
    accepted: bool,
    /// Why the last server that cannot be asked could not.
    down: Option<ReturnCode>,
}

impl<E> Broadcasting<E> {
    /// Nothing is asked yet.
    pub(super) const fn new() -> Broadcasting<E> {
        Broadcasting { left: None, exchange: None, accepted: false, down: None }
    }
}

/// Asks every server, the last one first.
///
/// # Errors
/// For an echo: the first server's that cannot be asked or sends something else
/// back (`ECHO_DATA_CORRUPTION`). For an option: `UNKNOWN_OPTION` when a server
/// refuses it; a server that is down will be told when it is back, but when
/// none can be asked the last one's error is returned.
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
        let reply = asker.poll_exchange(&mut exchange, Question::Packet(what));
        call.exchange = Some(exchange);
        let reply = ready!(reply);
        call.exchange = None;
        left = key;
        match (what, judge(asker.link(), key, what, reply)) {
            (_, Ok(())) => call.accepted = true,
            (Broadcast::Option(_), Err(Fault::Down(code))) => call.down = Some(code),
            (_, Err(Fault::Down(code) | Fault::Refused(code))) => return Poll::Ready(Err(code)),
        }
    }
    if let Broadcast::Option(option) = what {
        if !call.accepted {
            return Poll::Ready(Err(call.down.unwrap_or(ReturnCode::NO_SERVERS)));
        }
        asker.link().settings.remember_option(option);
    }
    Poll::Ready(Ok(()))
}

/// How many servers are to be asked.
///
/// # Errors
/// `NO_SERVERS`, and `ARGUMENT_TOO_LARGE` for what no packet holds.
fn begin<T>(link: &mut Link<T>, what: Broadcast<'_>) -> Result<usize, ReturnCode> {
    if link.conns.is_empty() {
        let at = match what {
            Broadcast::Echo(_) => at!("gearman_echo"),
            Broadcast::Option(_) => at!("gearman_server_option"),
        };
        return Err(link.error.set(ReturnCode::NO_SERVERS, at, "no servers provided"));
    }
    if let Some((at, text)) = what.is_too_large() {
        return Err(link.error.set(ReturnCode::ARGUMENT_TOO_LARGE, at, text));
    }
    Ok(link.conns.len())
}

/// What is wrong with a server's answer.
enum Fault {
    /// There is none: the server could not be asked.
    Down(ReturnCode),
    /// It is not the answer to the question.
    Refused(ReturnCode),
}

/// Whether a server's answer is the one that was asked for.
fn judge<T>(
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
            // The function that the original names.
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
