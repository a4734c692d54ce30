//! [`Link`]: the connections of one handle, as streams of packets.
//!
//! It connects, sends and receives, keeps what has been received but not yet
//! read, and knows which connections may hold more. The last server added is
//! the first to be tried, so lists are walked backwards.
//!
//! Must not: know what a packet means. Client and worker keep what belongs to a
//! connection beside it, under the same number.

use super::ReturnCode;
use super::error::ErrorState;
use super::settings::Settings;
use crate::at;
use gearman_net::{Address, Liveness, Transport, Waited, address};
use gearman_protocol::limits::{DEFAULT_HOST, DEFAULT_PORT};
use std::io;
use std::time::{Duration, Instant};

mod buffers;
mod connection;
mod waiting;

pub(crate) use buffers::BUFFERED_BODY_BYTES_MAX;
pub use buffers::{InBuf, OutBuf};
pub use connection::{Conn, ConnState};
pub use waiting::{Limit, Wait, earlier};

/// An idle connection is looked at before it is written to when it was last
/// heard of this long ago: a peer that is gone is then found before anything
/// was sent, and trying again is safe.
const LIVENESS_CHECK_IDLE_MIN: Duration = Duration::from_millis(10);

/// How sending went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// All is with the kernel.
    Done,
    /// The rest waits for room, or for the connection to be made.
    Blocked,
}

/// How receiving went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// New bytes are in the buffer.
    Data,
    /// Nothing has arrived.
    Empty,
}

/// The connections of one client or worker.
#[derive(Debug)]
pub struct Link<T> {
    /// The sockets.
    pub net: T,
    /// In the order in which servers were added.
    pub conns: Vec<Conn>,
    /// What the handle was told.
    pub settings: Settings,
    /// The last error and the log.
    pub error: ErrorState,
    /// Whether waits also end by the wake-up pipe.
    pub has_wake_pipe: bool,
    /// Set when the wake-up pipe was reported.
    woken: bool,
    /// When the wait that a call asked for has to end.
    waits_until: Option<Instant>,
    /// How the last wait ended, if that was not by something that is noted elsewhere.
    outcome: Option<io::Result<Waited>>,
    /// Every call goes the ordinary way, for the tests that compare the shortcuts with it.
    #[cfg(test)]
    pub(crate) shortcuts_off: bool,
    /// How many calls were served by a shortcut alone.
    #[cfg(test)]
    pub(crate) shortcuts_taken: usize,
}

impl<T: Transport> Link<T> {
    /// No servers.
    pub fn new(net: T) -> Link<T> {
        Link {
            net,
            conns: Vec::new(),
            settings: Settings::default(),
            error: ErrorState::default(),
            has_wake_pipe: false,
            woken: false,
            waits_until: None,
            outcome: None,
            #[cfg(test)]
            shortcuts_off: false,
            #[cfg(test)]
            shortcuts_taken: 0,
        }
    }

    /// Adds a server: an empty host is the default one, port 0 the default port,
    /// a host that starts with `/` a Unix socket. Looks the host up.
    ///
    /// # Errors
    /// `GETADDRINFO` when the host has no address.
    pub fn add_server(&mut self, host: &str, port: u16) -> Result<(), ReturnCode> {
        let host = if host.is_empty() { DEFAULT_HOST } else { host };
        let port = if port == 0 { DEFAULT_PORT } else { port };
        let addresses = match self.net.resolve(host, port) {
            Ok(addresses) => addresses,
            Err(e) => {
                return Err(self.error.set_lookup(host, port, &e));
            }
        };
        self.conns.push(Conn::new(host.to_owned(), port, addresses));
        Ok(())
    }

    /// Closes and forgets every server.
    pub fn remove_servers(&mut self) {
        for key in 0..self.conns.len() {
            self.net.close(key);
        }
        self.conns.clear();
    }

    /// The numbers of the connections, the last server first.
    pub fn keys(&self) -> std::iter::Rev<std::ops::Range<usize>> {
        (0..self.conns.len()).rev()
    }

    /// Whether any connection is open or opening.
    pub fn any_open(&self) -> bool {
        self.conns.iter().any(|c| c.state != ConnState::Down)
    }

    /// Closes a connection. What was not sent or read is lost.
    pub fn close(&mut self, key: usize) {
        self.net.close(key);
        self.conns[key].reset();
    }

    /// Notices a fork: every connection of the parent is let go, silently.
    /// Returns true once in the child.
    #[inline]
    pub fn forked(&mut self) -> bool {
        self.net.forked() && self.reset_after_fork()
    }

    #[cold]
    fn reset_after_fork(&mut self) -> bool {
        for conn in &mut self.conns {
            conn.reset();
        }
        self.woken = false;
        self.outcome = None;
        true
    }

    /// Whether an idle connection that is about to be written to is still good.
    /// Costs a system call only after a pause.
    pub fn check_liveness(&mut self, key: usize, now: Instant) -> Liveness {
        let conn = &mut self.conns[key];
        let last = conn.last_received.max(conn.last_checked);
        if conn.state != ConnState::Up
            || now.saturating_duration_since(last) < LIVENESS_CHECK_IDLE_MIN
        {
            return Liveness::Quiet;
        }
        let liveness = self.net.liveness(key);
        if liveness != Liveness::Dead {
            self.conns[key].last_checked = now;
        }
        if liveness == Liveness::Readable {
            self.conns[key].readable = true;
        }
        liveness
    }

    /// Starts connecting, with `timeout` until it has to be done.
    ///
    /// # Errors
    /// `COULD_NOT_CONNECT`, or what looking the name up again said.
    pub fn open(&mut self, key: usize, timeout: Option<Duration>) -> Result<(), ReturnCode> {
        if self.settings.tls {
            return Err(self.error.set(
                ReturnCode::COULD_NOT_CONNECT,
                at!("gearman_connection_st::connect"),
                "TLS was asked for, and this libgearman was built without it",
            ));
        }
        let now = self.net.now();
        let conn = &mut self.conns[key];
        // The addresses of `add_server` serve once; later the name is asked
        // again, since a server may have moved.
        if conn.used_addresses && address::is_name(&conn.host) {
            match self.net.resolve(&conn.host, conn.port) {
                Ok(addresses) => conn.addresses = addresses,
                Err(e) => {
                    let code = self.error.set_lookup(&conn.host, conn.port, &e);
                    conn.last_failure = Some(e);
                    return Err(code);
                }
            }
        }
        conn.used_addresses = true;
        conn.next_address = 0;
        // Looking the name up counts, but connecting gets a tenth at least.
        conn.deadline = timeout.and_then(|p| {
            let spent = self.net.now().saturating_duration_since(now);
            now.checked_add(spent + p.saturating_sub(spent).max(p / 10))
        });
        self.connect_next(key)
    }

    /// Tries the remaining addresses in turn.
    fn connect_next(&mut self, key: usize) -> Result<(), ReturnCode> {
        loop {
            let conn = &mut self.conns[key];
            let Some(address) = conn.addresses.get(conn.next_address) else {
                self.close(key);
                return Err(self.unreachable(key));
            };
            let address: Address = address.clone();
            conn.next_address += 1;
            // Only the last attempt's outcome counts.
            match self.net.connect(key, &address) {
                Ok(()) => {
                    self.conns[key].state = ConnState::Connecting;
                    return Ok(());
                }
                Err(e) => self.conns[key].last_failure = Some(e),
            }
        }
    }

    #[cold]
    fn unreachable(&mut self, key: usize) -> ReturnCode {
        let conn = &self.conns[key];
        let text = format!("Connection to {}:{} failed", conn.host, conn.port);
        self.error.set(ReturnCode::COULD_NOT_CONNECT, at!("flush"), &text)
    }

    /// Looks whether connecting has ended. Returns whether it has.
    ///
    /// # Errors
    /// `COULD_NOT_CONNECT` when no address is left.
    pub fn finish_connect(&mut self, key: usize) -> Result<bool, ReturnCode> {
        self.conns[key].reported = false;
        match self.net.finish_connect(key) {
            Ok(()) => {
                let now = self.net.now();
                let conn = &mut self.conns[key];
                conn.state = ConnState::Up;
                conn.deadline = None;
                conn.last_received = now;
                conn.last_failure = None;
                Ok(true)
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                if self.conns[key].deadline.is_some_and(|d| d <= self.net.now()) {
                    self.connect_timed_out(key)
                } else {
                    Ok(false)
                }
            }
            Err(e) => {
                self.conns[key].last_failure = Some(e);
                self.connect_next(key)?;
                Ok(false)
            }
        }
    }

    fn connect_timed_out(&mut self, key: usize) -> Result<bool, ReturnCode> {
        // Without a limit of the caller's it is the server's failure.
        let code =
            if self.settings.timeout.is_some() { self.timed_out() } else { self.unreachable(key) };
        self.close(key);
        self.conns[key].last_failure = Some(io::ErrorKind::TimedOut.into());
        Err(code)
    }

    /// Sends what is buffered, and then `body`, of which `sent` bytes have gone
    /// before.
    ///
    /// # Errors
    /// `LOST_CONNECTION` and others; the connection is closed then.
    #[inline(always)]
    pub fn flush(
        &mut self,
        key: usize,
        body: &[u8],
        sent: &mut usize,
    ) -> Result<Flush, ReturnCode> {
        loop {
            let conn = &mut self.conns[key];
            if conn.state != ConnState::Up {
                return Ok(Flush::Blocked);
            }
            let head = conn.out.unsent();
            let rest = body.get(*sent..).unwrap_or(&[]);
            let all = head.len() + rest.len();
            if all == 0 {
                if conn.wants_writable {
                    conn.wants_writable = false;
                    self.net.want_writable(key, false);
                }
                return Ok(Flush::Done);
            }
            let result = if head.is_empty() {
                self.net.send(key, rest, &[])
            } else {
                self.net.send(key, head, rest)
            };
            match result {
                Ok(n) if n == all && !conn.wants_writable => {
                    *sent += rest.len();
                    conn.out.sent_all();
                    return Ok(Flush::Done);
                }
                result => {
                    if self.sent_a_part(key, result, sent)? == Flush::Blocked {
                        return Ok(Flush::Blocked);
                    }
                }
            }
        }
    }

    /// What becomes of a send that did not take everything. `Done` is to try
    /// again.
    #[cold]
    #[inline(never)]
    fn sent_a_part(
        &mut self,
        key: usize,
        result: io::Result<usize>,
        sent: &mut usize,
    ) -> Result<Flush, ReturnCode> {
        let conn = &mut self.conns[key];
        match result {
            Ok(n) => {
                let of_head = n.min(conn.out.unsent().len());
                *sent += n - of_head;
                conn.out.sent(of_head);
                Ok(Flush::Done)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(Flush::Done),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                (conn.writable, conn.reported) = (false, false);
                if !conn.wants_writable {
                    conn.wants_writable = true;
                    self.net.want_writable(key, true);
                }
                Ok(Flush::Blocked)
            }
            Err(e) => Err(self.broken(key, e, at!("flush"))),
        }
    }

    /// Sends a packet while nothing is buffered. None when all of it has gone.
    /// Otherwise, for whatever reason, how much of its body has: what is left of its
    /// head is buffered.
    #[inline(always)]
    pub fn send_now(&mut self, key: usize, head: &[u8], body: &[u8]) -> Option<usize> {
        let result = self.net.send(key, head, body);
        if matches!(result, Ok(n) if n == head.len() + body.len()) {
            return None;
        }
        let sent = result.unwrap_or(0);
        let rest = head.get(sent..).unwrap_or(&[]);
        self.conns[key].out.bytes().extend_from_slice(rest);
        Some(sent.saturating_sub(head.len()))
    }

    /// Closes a connection that failed, and says so.
    #[cold]
    fn broken(&mut self, key: usize, error: io::Error, at: super::error::At) -> ReturnCode {
        let conn = &self.conns[key];
        let text = format!("lost connection to {}:{}", conn.host, conn.port);
        self.close(key);
        let code = self.error.set_io_as(ReturnCode::LOST_CONNECTION, &error, at, &text);
        self.conns[key].last_failure = Some(error);
        code
    }

    /// Closes a connection that the peer closed, and says so.
    #[cold]
    pub fn ended(&mut self, key: usize) -> ReturnCode {
        self.close(key);
        let closed = io::Error::new(io::ErrorKind::UnexpectedEof, "closed by the server");
        self.conns[key].last_failure = Some(closed);
        self.error.set(
            ReturnCode::LOST_CONNECTION,
            at!("recv_socket"),
            "lost connection to server (EOF)",
        )
    }

    /// Folds what a receive into the caller's own memory returned: how many
    /// bytes came, 0 for none yet.
    ///
    /// # Errors
    /// As [`Link::fill`].
    #[inline]
    pub fn received(
        &mut self,
        key: usize,
        asked: usize,
        result: io::Result<usize>,
    ) -> Result<usize, ReturnCode> {
        match result {
            Ok(n) if n > 0 => {
                // A short read has emptied the socket, and the poller will tell of
                // more; but it has nothing to tell after the end.
                let conn = &mut self.conns[key];
                conn.readable &= n == asked || conn.closed;
                Ok(n)
            }
            other => self.received_nothing(key, asked, other),
        }
    }

    #[cold]
    #[inline(never)]
    fn received_nothing(
        &mut self,
        key: usize,
        asked: usize,
        result: io::Result<usize>,
    ) -> Result<usize, ReturnCode> {
        match result {
            Ok(_) if asked > 0 => Err(self.ended(key)),
            Ok(_) => Ok(0),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.conns[key].readable = false;
                Ok(0)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(e) => Err(self.broken(key, e, at!("recv_socket"))),
        }
    }

    /// Receives once into the connection's buffer, if there may be something.
    ///
    /// # Errors
    /// `LOST_CONNECTION` and others; the connection is closed then.
    #[inline(always)]
    pub fn fill(&mut self, key: usize) -> Result<Fill, ReturnCode> {
        let conn = &mut self.conns[key];
        if !conn.readable || conn.state != ConnState::Up {
            return Ok(Fill::Empty);
        }
        let space = conn.inbuf.space();
        let asked = space.len();
        let result = self.net.recv(key, space);
        let got = self.received(key, asked, result)?;
        if got == 0 {
            return Ok(Fill::Empty);
        }
        let conn = &mut self.conns[key];
        conn.inbuf.filled(got);
        conn.partial = false;
        Ok(Fill::Data)
    }

    /// Says that the time limit has passed.
    #[cold]
    pub fn timed_out(&mut self) -> ReturnCode {
        let polled = self.conns.iter().filter(|c| c.state != ConnState::Down).count();
        let text = format!(
            "timeout reached, {polled} servers were poll(), no servers were available, pipe:{}",
            self.has_wake_pipe
        );
        self.error.set(ReturnCode::TIMEOUT, at!("gearman_wait"), &text)
    }

    /// The earliest connect deadline.
    pub fn connect_deadline(&self) -> Option<Instant> {
        self.conns.iter().filter_map(|c| c.deadline).min()
    }

    /// Appends the packets that introduce the handle to a server. Returns how
    /// many replies they will bring.
    pub fn greet(&mut self, key: usize) -> usize {
        use gearman_protocol::{Command, Magic, encode};
        let conn = &mut self.conns[key];
        if !self.settings.identifier.is_empty() {
            let id = &self.settings.identifier[..];
            encode(conn.out.bytes(), Magic::Request, Command::SetClientId, &[id], &[]);
        }
        for option in &self.settings.server_options {
            encode(conn.out.bytes(), Magic::Request, Command::OptionReq, &[option], &[]);
        }
        self.settings.server_options.len()
    }
}
