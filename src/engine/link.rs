//! [`Link`]: the connections of one handle, as streams of packets.
//!
//! It connects, sends, receives, buffers received bytes, and knows which connections may
//! hold more. The server added last is tried first, so lists are iterated backwards.
//!
//! Must not: know what a packet means. Client and worker keep their own state of a
//! connection under the same index.

use super::ReturnCode;
use super::error::ErrorState;
use super::settings::Settings;
use crate::at;
use gearman_net::{Address, Liveness, Transport, Waited, address, is_tls_in_environment};
use gearman_protocol::limits::{DEFAULT_HOST, DEFAULT_PORT};
use gearman_protocol::servers::tls_server;
use std::io;
use std::time::{Duration, Instant};

mod buffers;
mod connection;
mod secure;
mod waiting;

pub(crate) use buffers::BUFFERED_BODY_BYTES_MAX;
pub use buffers::{InBuf, OutBuf};
pub use connection::{Conn, ConnState};
pub use waiting::{Limit, Wait, earlier};

/// Time without packets after which a connection is checked before it is written to. A peer
/// that is gone is then found before anything is sent, so that a retry is safe.
const LIVENESS_CHECK_IDLE_MIN: Duration = Duration::from_millis(10);

/// Time for connecting to one address, without a timeout of the caller.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(4);

/// The result of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// The kernel has all bytes.
    Done,
    /// The rest waits for room in the socket, or for the connection.
    Blocked,
}

/// The result of receiving.
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
    /// In the order in which the servers were added.
    pub conns: Vec<Conn>,
    /// The handle's settings.
    pub settings: Settings,
    /// The last error and the queue of log lines.
    pub error: ErrorState,
    /// Whether a byte in the wake-up pipe ends a wait.
    pub has_wake_pipe: bool,
    /// The poller has reported the wake-up pipe.
    woken: bool,
    /// The deadline of the wait that a call requested.
    waits_until: Option<Instant>,
    /// The result of the last wait, unless it only reported ready connections.
    outcome: Option<io::Result<Waited>>,
    /// Disables the shortcuts, for tests that compare them with the regular path.
    #[cfg(test)]
    pub(crate) shortcuts_off: bool,
    /// Number of calls that a shortcut completed.
    #[cfg(test)]
    pub(crate) shortcuts_taken: usize,
}

impl<T: Transport> Link<T> {
    /// A link without servers.
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

    /// Adds a server and resolves its host. An empty host is the default host, port 0 the
    /// default port, and a host that starts with `/` a Unix socket. A host that starts with
    /// `tls://` is connected to with TLS only.
    ///
    /// # Errors
    /// `GETADDRINFO` if the host has no address.
    pub fn add_server(&mut self, host: &str, port: u16) -> Result<(), ReturnCode> {
        let (host, port, is_tls) = match tls_server(host) {
            Some((host, 0)) => (host, port, true),
            Some((host, port)) => (host, port, true),
            None => (host, port, false),
        };
        let host = if host.is_empty() { DEFAULT_HOST } else { host };
        let port = if port == 0 { DEFAULT_PORT } else { port };
        let addresses = match self.net.resolve(host, port) {
            Ok(addresses) => addresses,
            Err(e) => {
                return Err(self.error.set_lookup(host, port, &e));
            }
        };
        let mut conn = Conn::new(host.to_owned(), port, addresses);
        (conn.is_tls, conn.is_tls_in_environment) = (is_tls, is_tls_in_environment());
        self.conns.push(conn);
        Ok(())
    }

    /// Closes all connections and removes all servers.
    pub fn remove_servers(&mut self) {
        for key in 0..self.conns.len() {
            self.net.close(key);
        }
        self.conns.clear();
    }

    /// The indexes of the connections, the last server first.
    pub fn keys(&self) -> std::iter::Rev<std::ops::Range<usize>> {
        (0..self.conns.len()).rev()
    }

    /// Whether any connection is open or opening.
    pub fn any_open(&self) -> bool {
        self.conns.iter().any(|c| c.state != ConnState::Down)
    }

    /// Closes a connection. Unsent and unread bytes are lost.
    pub fn close(&mut self, key: usize) {
        self.net.close(key);
        self.conns[key].reset();
    }

    /// Detects a fork: the child drops its parent's connections without sending anything.
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

    /// Checks whether an idle connection is still open, before it is written to. Makes a
    /// system call only after a pause.
    pub fn check_liveness(&mut self, key: usize, now: Instant) -> Liveness {
        let conn = &mut self.conns[key];
        let last = conn.last_received.max(conn.last_checked);
        if conn.state != ConnState::Up || now < last + LIVENESS_CHECK_IDLE_MIN {
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

    /// Starts connecting. All addresses together may take `timeout`; without one, each may
    /// take four seconds.
    ///
    /// # Errors
    /// `COULD_NOT_CONNECT`, or `GETADDRINFO` if the host no longer resolves.
    pub fn open(&mut self, key: usize, timeout: Option<Duration>) -> Result<(), ReturnCode> {
        let now = self.net.now();
        let conn = &mut self.conns[key];
        // The addresses from `add_server` are used once. Later connections resolve the name
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
        // Resolving counts, but connecting gets at least a tenth of the timeout.
        conn.connects_until = timeout.and_then(|limit| {
            let spent = self.net.now().saturating_duration_since(now);
            now.checked_add(spent + limit.saturating_sub(spent).max(limit / 10))
        });
        self.connect_next(key)
    }

    /// Tries the remaining addresses, in order.
    fn connect_next(&mut self, key: usize) -> Result<(), ReturnCode> {
        loop {
            let conn = &mut self.conns[key];
            let Some(address) = conn.addresses.get(conn.next_address) else {
                self.close(key);
                return Err(self.unreachable(key));
            };
            let address: Address = address.clone();
            let left = (conn.addresses.len() - conn.next_address) as u32;
            conn.next_address += 1;
            let now = self.net.now();
            let share = conn
                .connects_until
                .map_or(ADDRESS_TIMEOUT, |end| end.saturating_duration_since(now) / left);
            conn.deadline = now.checked_add(share);
            // Only the last attempt's outcome counts.
            match self.begin_connect(key, &address) {
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
        let mut text = format!("Connection to {}:{} failed", conn.host, conn.port);
        if let Some(why) = secure::reason(conn.last_failure.as_ref()) {
            text = format!("{text}: {why}");
        }
        self.error.set(ReturnCode::COULD_NOT_CONNECT, at!("flush"), &text)
    }

    /// Returns whether connecting has succeeded.
    ///
    /// # Errors
    /// `COULD_NOT_CONNECT` if no address is left.
    pub fn finish_connect(&mut self, key: usize) -> Result<bool, ReturnCode> {
        self.conns[key].reported = false;
        match self.net.finish_connect(key) {
            Ok(()) => {
                let now = self.net.now();
                let is_secure = self.is_secure(key);
                let conn = &mut self.conns[key];
                // What came with the end of the hand-shake was reported before it.
                conn.readable = is_secure;
                conn.state = ConnState::Up;
                conn.deadline = None;
                conn.last_received = now;
                conn.last_failure = None;
                Ok(true)
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                let conn = &mut self.conns[key];
                if conn.deadline.is_none_or(|deadline| deadline > self.net.now()) {
                    return Ok(false);
                }
                conn.last_failure = Some(io::ErrorKind::TimedOut.into());
                if conn.next_address == conn.addresses.len() {
                    return self.connect_timed_out(key);
                }
                self.connect_next(key)?;
                Ok(false)
            }
            Err(e) => {
                self.conns[key].last_failure = Some(e);
                self.connect_next(key)?;
                Ok(false)
            }
        }
    }

    fn connect_timed_out(&mut self, key: usize) -> Result<bool, ReturnCode> {
        // Without a timeout of the caller, it is the server's failure.
        let code =
            if self.settings.timeout.is_some() { self.timed_out() } else { self.unreachable(key) };
        self.close(key);
        self.conns[key].last_failure = Some(io::ErrorKind::TimedOut.into());
        Err(code)
    }

    /// Sends the buffered bytes and then `body`, of which `sent` bytes were sent before.
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
                    if self.on_partial_send(key, result, sent)? == Flush::Blocked {
                        return Ok(Flush::Blocked);
                    }
                }
            }
        }
    }

    /// Handles a send that took only a part, or failed. `Done` means to try again.
    #[cold]
    #[inline(never)]
    fn on_partial_send(
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

    /// Sends a packet while nothing is buffered. Returns None if all of it was sent.
    /// Otherwise, also after an error, returns the number of body bytes sent; the rest of
    /// the head is buffered.
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

    /// Closes a connection that failed, and records the error.
    #[cold]
    fn broken(&mut self, key: usize, error: io::Error, at: super::error::At) -> ReturnCode {
        let conn = &self.conns[key];
        let text = format!("lost connection to {}:{}", conn.host, conn.port);
        self.close(key);
        let code = self.error.set_io_as(ReturnCode::LOST_CONNECTION, &error, at, &text);
        self.conns[key].last_failure = Some(error);
        code
    }

    /// Closes a connection that the peer closed, and records the error.
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

    /// Handles the result of a receive into the caller's memory. Returns the number of
    /// bytes received, 0 if none has arrived.
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
                // A short read has emptied the socket, and the poller reports further
                // bytes. After the peer has closed, it reports nothing more.
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

    /// Receives once into the connection's buffer, if the socket may hold bytes.
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

    /// Buffers SET_CLIENT_ID and OPTION_REQ packets on a new connection. Returns the number
    /// of replies to expect.
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
