//! [`Admin`]: one connection for text commands to a server.
//!
//! Requests are sent one at a time, and each waits for its complete reply. The protocol
//! defines where a reply ends; no timeout is used for that.
//!
//! Must not: know what a request means.

use super::ReturnCode;
use super::error::ErrorState;
use super::link::{ConnState, Fill, Flush, Link, Wait};
use crate::at;
use gearman_net::Transport;
use gearman_protocol::admin::{REPLY_LINE_BYTES_MAX, Reply, ReplyEnd, Request};
use std::time::Instant;

/// A connection for text commands to one server.
#[derive(Debug)]
pub struct Admin<T: Transport> {
    /// The connection. `settings.timeout` limits the time between two receives.
    pub link: Link<T>,
}

impl<T: Transport> Admin<T> {
    /// Resolves the host. The first request connects.
    ///
    /// # Errors
    /// `GETADDRINFO`, with its text.
    pub fn new(net: T, host: &str, port: u16) -> Result<Admin<T>, ErrorState> {
        let mut link = Link::new(net);
        match link.add_server(host, port) {
            Ok(()) => Ok(Admin { link }),
            Err(_) => Err(link.error),
        }
    }

    /// Sends a request and waits for its complete reply. Connects first if necessary.
    ///
    /// # Errors
    /// `COULD_NOT_CONNECT`, `LOST_CONNECTION` if the server closes before its reply is
    /// complete, `TIMEOUT`, or `UNEXPECTED_PACKET` if a line is too long. The connection is closed then.
    pub fn ask(&mut self, request: &Request) -> Result<Reply, ReturnCode> {
        let outcome = self.exchange(request);
        if outcome.is_err() {
            // A late reply would be taken for the next one.
            self.link.close(0);
        }
        outcome
    }

    fn exchange(&mut self, request: &Request) -> Result<Reply, ReturnCode> {
        self.link.error.reset();
        self.connect()?;
        self.link.conns[0].out.bytes().extend_from_slice(request.line());
        while self.link.flush(0, &[], &mut 0)? == Flush::Blocked {
            let until = self.reply_deadline();
            self.wait(until)?;
        }
        let mut end = ReplyEnd::new(request.framing());
        loop {
            let conn = &mut self.link.conns[0];
            if let Some((reply, used)) = end.find(conn.inbuf.unread()) {
                conn.inbuf.read(used);
                return Ok(reply);
            }
            if end.is_too_long() {
                let text =
                    format!("a line of the reply has more than {REPLY_LINE_BYTES_MAX} bytes");
                let error = &mut self.link.error;
                return Err(error.set(ReturnCode::UNEXPECTED_PACKET, at!("gearman_admin"), &text));
            }
            if self.link.fill(0)? == Fill::Empty {
                let until = self.reply_deadline();
                self.wait(until)?;
            }
        }
    }

    fn connect(&mut self) -> Result<(), ReturnCode> {
        if self.link.conns[0].state == ConnState::Down {
            let timeout = self.link.settings.timeout;
            self.link.open(0, timeout)?;
        }
        while self.link.conns[0].state == ConnState::Connecting {
            let until = self.link.conns[0].deadline;
            if self.link.wait_on(0, until)? == Wait::Interrupted {
                return Err(self.link.error.set_code(ReturnCode::IO_WAIT));
            }
            self.link.conns[0].writable = false;
            self.link.finish_connect(0)?;
        }
        Ok(())
    }

    fn reply_deadline(&self) -> Option<Instant> {
        self.link.settings.deadline(self.link.net.now())
    }

    /// Waits until the connection is readable or writable.
    fn wait(&mut self, until: Option<Instant>) -> Result<(), ReturnCode> {
        match self.link.wait_on(0, until)? {
            Wait::Ready | Wait::Woken => {
                self.link.conns[0].writable = false;
                Ok(())
            }
            Wait::Interrupted => Err(self.link.error.set_code(ReturnCode::IO_WAIT)),
            Wait::TimedOut => {
                let limit = self.link.settings.timeout.unwrap_or_default();
                let text = format!("no answer within {} ms", limit.as_millis());
                Err(self.link.error.set(ReturnCode::TIMEOUT, at!("gearman_admin"), &text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Connect, ScriptNet, World};
    use std::time::Duration;

    fn admin() -> (Admin<ScriptNet>, World) {
        let (net, world) = ScriptNet::new();
        (Admin::new(net, "a", 1).expect("an address"), world)
    }

    #[test]
    fn a_reply_is_read_to_its_end() {
        let (mut admin, world) = admin();
        world.peer(0).expects(b"status\r\n").sends(b"f\t1").pauses(5000).sends(b"\t0\t2\n.\n");
        world.peer(0).expects(b"version\r\n").sends(b"OK 2\n");
        let status = admin.ask(&Request::status());
        assert_eq!(status, Ok(Reply::List(b"f\t1\t0\t2\n.\n".to_vec())));
        assert_eq!(admin.ask(&Request::version()), Ok(Reply::Done(b"2".to_vec())));
        assert_eq!(world.peer(0).connected, 1);
        world.assert_done();
    }

    #[test]
    fn an_incomplete_reply_is_lost_connection() {
        let (mut admin, world) = admin();
        world.peer(0).expects(b"status\r\n").sends(b"f\t1\t0\t2\n").closes();
        assert_eq!(admin.ask(&Request::status()), Err(ReturnCode::LOST_CONNECTION));
        assert_eq!(admin.link.conns[0].last_failure().as_deref(), Some("closed by the server"));
    }

    #[test]
    fn the_timeout_limits_the_time_between_two_receives() {
        let (mut admin, world) = admin();
        admin.link.settings.timeout = Some(Duration::from_millis(300));
        world.peer(0).expects(b"status\r\n");
        for _ in 0..3 {
            world.peer(0).pauses(200).sends(b"f\t1\t0\t2\n");
        }
        world.peer(0).pauses(400).sends(b".\n");
        assert_eq!(admin.ask(&Request::status()), Err(ReturnCode::TIMEOUT));
        assert_eq!(admin.link.conns[0].state, ConnState::Down);
    }

    #[test]
    fn a_refused_connection_has_its_reason() {
        let (mut admin, world) = admin();
        world.peer(0).meets(&[Connect::Refuse]);
        assert_eq!(admin.ask(&Request::status()), Err(ReturnCode::COULD_NOT_CONNECT));
        assert!(admin.link.conns[0].last_failure().is_some());
    }
}
