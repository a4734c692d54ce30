//! Questions that a client and a worker alike put to every server: echo, and
//! turning an option on.
//!
//! Must not: know how a question is sent or how its reply is found; `Ask` is
//! what client and worker bring along.

use super::ReturnCode;
use super::error::At;
use super::link::Link;
use crate::at;
use crate::buf::Owned;
use crate::protocol::limits::{MAX_ARGS_SIZE, MAX_ECHO_SIZE, MAX_OPTION_SIZE};
use crate::protocol::packet::encode_head;
use crate::protocol::{Command, Magic};

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

/// Someone who can ask one server and wait for its reply.
pub(super) trait Ask<T> {
    /// The connections.
    fn link(&mut self) -> &mut Link<T>;

    /// Asks one server.
    ///
    /// # Errors
    /// Why it cannot be asked, or did not answer.
    fn ask(&mut self, key: usize, what: Broadcast<'_>) -> Result<Reply, ReturnCode>;
}

/// Asks every server.
///
/// # Errors
/// For an echo: the first server's that cannot be asked or sends something else
/// back (`ECHO_DATA_CORRUPTION`). For an option: `UNKNOWN_OPTION` when a server
/// refuses it; a server that is down will be told when it is back, but when
/// none can be asked the last one's error is returned.
pub(super) fn broadcast<T>(asker: &mut impl Ask<T>, what: Broadcast<'_>) -> Result<(), ReturnCode> {
    let servers = asker.link().conns.len();
    if servers == 0 {
        let at = match what {
            Broadcast::Echo(_) => at!("gearman_echo"),
            Broadcast::Option(_) => at!("gearman_server_option"),
        };
        return Err(asker.link().error.set(ReturnCode::NO_SERVERS, at, "no servers provided"));
    }
    if let Some((at, text)) = what.is_too_large() {
        return Err(asker.link().error.set(ReturnCode::ARGUMENT_TOO_LARGE, at, text));
    }
    let mut accepted = false;
    let mut down = None;
    for key in (0..servers).rev() {
        let reply = asker.ask(key, what);
        let link = asker.link();
        match (what, reply) {
            (Broadcast::Echo(data), Ok(Reply::Echo(echo))) if echo.as_slice() == data => {}
            (Broadcast::Echo(_), Ok(Reply::Refused)) => {
                return Err(link.error.set(
                    ReturnCode::INVALID_COMMAND,
                    // The function that the original names.
                    at!("success"),
                    "Wrong command sent in response to ECHO request",
                ));
            }
            (Broadcast::Echo(_), Ok(_)) => {
                return Err(link.error.set(
                    ReturnCode::ECHO_DATA_CORRUPTION,
                    at!("gearman_echo"),
                    "corruption during echo",
                ));
            }
            (Broadcast::Echo(_), Err(code)) => return Err(code),
            (Broadcast::Option(_), Ok(Reply::Accepted)) => accepted = true,
            (Broadcast::Option(_), Ok(_)) => {
                let conn = &link.conns[key];
                let text = format!("{}:{} Invalid option UNKNOWN_OPTION", conn.host, conn.port);
                return Err(link.error.set(ReturnCode::UNKNOWN_OPTION, at!("success"), &text));
            }
            (Broadcast::Option(_), Err(code)) => down = Some(code),
        }
    }
    if let Broadcast::Option(option) = what {
        if !accepted {
            return Err(down.unwrap_or(ReturnCode::NO_SERVERS));
        }
        asker.link().settings.remember_option(option);
    }
    Ok(())
}
