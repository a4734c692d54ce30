//! The connections to memcached servers, and their text protocol.
//!
//! Must not: know jobs.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::remote::{Backoff, RemoteLimits};
use crate::store::{ConnectionState, StoreError};

/// Port of a server that is named without one.
const MEMCACHED_PORT: u16 = 11211;
/// Commands that are sent before their answers are read. More answers could fill the buffers of
/// both sides, and each would wait for the other.
const COMMANDS_PER_EXCHANGE: usize = 512;
/// Keys of one request for values.
const KEYS_PER_GET: usize = 64;
/// Bytes of a line of the protocol.
const LINE_BYTES_MAX: u64 = 8192;
/// Time between two looks at whether a connection can be made.
const MEMCACHED_CONNECT_LOOK: Duration = Duration::from_millis(50);

/// MemcachedAddress of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MemcachedAddress {
    Tcp(String, u16),
    Unix(String),
}

impl MemcachedAddress {
    /// Reads a list of servers: names with or without ports, separated by commas.
    pub(super) fn parse_list(list: &str) -> Result<Vec<MemcachedAddress>, String> {
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        let servers = parts.map(MemcachedAddress::parse).collect::<Result<Vec<_>, _>>()?;
        match servers.is_empty() {
            true => Err("the list names no server".to_owned()),
            false => Ok(servers),
        }
    }

    fn parse(part: &str) -> Result<MemcachedAddress, String> {
        if part.starts_with('/') {
            return Ok(MemcachedAddress::Unix(part.to_owned()));
        }
        // An IPv6 address with a port is in brackets.
        let (host, port) = match part.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match part.rsplit_once(':') {
                Some((host, port)) if !host.contains(':') => (host, Some(port)),
                _ => (part, None),
            },
        };
        let invalid = || format!("\"{part}\" is no server: HOST or HOST:PORT");
        let port = match port {
            None => MEMCACHED_PORT,
            Some(port) => port.parse().ok().filter(|&port| port > 0).ok_or_else(invalid)?,
        };
        match host.is_empty() || host.contains(char::is_whitespace) {
            true => Err(invalid()),
            false => Ok(MemcachedAddress::Tcp(host.to_owned(), port)),
        }
    }

    fn connect(&self, limits: RemoteLimits) -> io::Result<Box<dyn ServerStream>> {
        let timeout = Some(limits.request_timeout);
        match self {
            MemcachedAddress::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(timeout)?;
                stream.set_write_timeout(timeout)?;
                Ok(Box::new(stream))
            }
            MemcachedAddress::Tcp(host, port) => {
                let mut last = io::Error::other("the name has no address");
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, limits.connect_timeout) {
                        Ok(stream) => {
                            stream.set_nodelay(true)?;
                            stream.set_read_timeout(timeout)?;
                            stream.set_write_timeout(timeout)?;
                            return Ok(Box::new(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }
}

impl fmt::Display for MemcachedAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MemcachedAddress::Tcp(host, port) => write!(formatter, "{host}:{port}"),
            MemcachedAddress::Unix(path) => formatter.write_str(path),
        }
    }
}

/// A connection, of whatever kind.
trait ServerStream: Read + Write + Send {}
impl ServerStream for TcpStream {}
impl ServerStream for UnixStream {}

/// A value that a server has.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) key: Vec<u8>,
    pub(super) flags: u32,
    pub(super) value: Vec<u8>,
    /// Changes with every change of the item; 0 if it was not asked for.
    pub(super) version: u64,
}

/// Commands that are sent together. Each has an answer of one line.
#[derive(Default)]
pub(super) struct Commands {
    bytes: Vec<u8>,
    /// Where each command ends.
    ends: Vec<usize>,
}

impl Commands {
    /// Stores an item. `verb` is "set", "add" or "cas", and `version` is only for the last.
    pub(super) fn store(
        &mut self,
        verb: &str,
        key: &[u8],
        (flags, seconds): (u32, u64),
        value: &[u8],
        version: Option<u64>,
    ) {
        self.bytes.extend_from_slice(verb.as_bytes());
        self.bytes.push(b' ');
        self.bytes.extend_from_slice(key);
        let version = version.map(|version| format!(" {version}")).unwrap_or_default();
        let rest = format!(" {flags} {seconds} {}{version}\r\n", value.len());
        self.bytes.extend_from_slice(rest.as_bytes());
        self.bytes.extend_from_slice(value);
        self.end();
    }

    pub(super) fn delete(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(b"delete ");
        self.bytes.extend_from_slice(key);
        self.end();
    }

    fn end(&mut self) {
        self.bytes.extend_from_slice(b"\r\n");
        self.ends.push(self.bytes.len());
    }
}

/// One server, and the connection to it.
struct Server {
    address: MemcachedAddress,
    stream: Option<BufReader<Box<dyn ServerStream>>>,
}

/// All servers.
pub(super) struct MemcachedLink {
    servers: Vec<Server>,
    limits: RemoteLimits,
    backoff: Backoff,
    /// Since when there is a server without a connection.
    down_since: Option<Instant>,
    pub(super) state: ConnectionState,
}

impl MemcachedLink {
    pub(super) fn new(addresses: Vec<MemcachedAddress>, limits: RemoteLimits) -> MemcachedLink {
        let servers =
            addresses.into_iter().map(|address| Server { address, stream: None }).collect();
        MemcachedLink {
            servers,
            limits,
            backoff: Backoff::default(),
            down_since: None,
            state: ConnectionState::default(),
        }
    }

    pub(super) fn server_count(&self) -> usize {
        self.servers.len()
    }

    /// The server that has a key: the one that libmemcached asks for it.
    pub(super) fn server_of(&self, key: &[u8]) -> usize {
        one_at_a_time(key) as usize % self.servers.len()
    }

    /// Gives all connections up.
    pub(super) fn disconnect(&mut self) {
        self.servers.iter_mut().for_each(|server| server.stream = None);
        self.state.is_connected = false;
    }

    /// Connects to all servers. Tries until `limit` has passed since the first loss.
    pub(super) fn connect_within(&mut self, limit: Duration) -> Result<(), StoreError> {
        if self.servers.iter().all(|server| server.stream.is_some()) {
            return Ok(());
        }
        self.state.is_connected = false;
        let since = *self.down_since.get_or_insert_with(Instant::now);
        loop {
            match self.connect() {
                Ok(()) => {
                    self.down_since = None;
                    self.state.is_connected = true;
                    self.state.connects += 1;
                    return Ok(());
                }
                Err(_) if since.elapsed() + MEMCACHED_CONNECT_LOOK < limit => {
                    std::thread::sleep(MEMCACHED_CONNECT_LOOK)
                }
                Err(reason) => return Err(StoreError::NotCommitted(reason)),
            }
        }
    }

    fn connect(&mut self) -> Result<(), String> {
        self.backoff.check()?;
        for server in self.servers.iter_mut().filter(|server| server.stream.is_none()) {
            match server.address.connect(self.limits) {
                Ok(stream) => server.stream = Some(BufReader::new(stream)),
                Err(error) => {
                    let reason = format!("{}: cannot connect: {error}", server.address);
                    self.backoff.failed(&reason);
                    self.state.failures += 1;
                    return Err(reason);
                }
            }
        }
        self.backoff.succeeded();
        Ok(())
    }

    /// Talks to a server. A connection on which that fails is given up.
    fn exchange<T>(
        &mut self,
        server: usize,
        exchange: impl FnOnce(&mut BufReader<Box<dyn ServerStream>>) -> io::Result<T>,
    ) -> Result<T, StoreError> {
        let Server { address, stream } = &mut self.servers[server];
        let open = stream.as_mut().ok_or_else(|| io::Error::other("not connected"));
        open.and_then(exchange).map_err(|error| {
            *stream = None;
            self.state.is_connected = false;
            let reason = match error.kind() {
                io::ErrorKind::WouldBlock => "no answer in time".to_owned(),
                io::ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
                _ => error.to_string(),
            };
            StoreError::Unknown(format!("{address}: {reason}"))
        })
    }

    /// Sends commands and returns the line that answers each.
    pub(super) fn run(
        &mut self,
        server: usize,
        commands: &Commands,
    ) -> Result<Vec<String>, StoreError> {
        self.exchange(server, |stream| {
            let mut answers = Vec::with_capacity(commands.ends.len());
            let mut begin = 0;
            for ends in commands.ends.chunks(COMMANDS_PER_EXCHANGE) {
                let end = *ends.last().expect("chunks are not empty");
                stream.get_mut().write_all(&commands.bytes[begin..end])?;
                begin = end;
                for _ in ends {
                    answers.push(String::from_utf8_lossy(&line(stream)?).into_owned());
                }
            }
            Ok(answers)
        })
    }

    /// Reads items of one server. Those that it does not have are left out.
    pub(super) fn get(&mut self, server: usize, keys: &[&[u8]]) -> Result<Vec<Item>, StoreError> {
        self.exchange(server, |stream| {
            let mut items = Vec::new();
            for keys in keys.chunks(KEYS_PER_GET) {
                let request = [b"gets ", &keys.join(&b' ')[..], b"\r\n"].concat();
                stream.get_mut().write_all(&request)?;
                while let Some(item) = item(stream)? {
                    items.push(item);
                }
            }
            Ok(items)
        })
    }

    /// The statistics of a server, by name. `kind` is "" or "settings".
    pub(super) fn stats(
        &mut self,
        server: usize,
        kind: &str,
    ) -> Result<Vec<(String, String)>, StoreError> {
        self.exchange(server, |stream| {
            stream.get_mut().write_all(format!("stats {kind}\r\n").as_bytes())?;
            let mut pairs = Vec::new();
            loop {
                let line = String::from_utf8_lossy(&line(stream)?).into_owned();
                if line == "END" {
                    return Ok(pairs);
                }
                let mut words = line.splitn(3, ' ');
                if let (Some("STAT"), Some(name), value) =
                    (words.next(), words.next(), words.next())
                {
                    pairs.push((name.to_owned(), value.unwrap_or_default().to_owned()));
                } else {
                    return Err(unexpected(line.as_bytes()));
                }
            }
        })
    }

    /// The keys of all items of a server; `None` while another program asks for them.
    pub(super) fn keys(&mut self, server: usize) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        self.exchange(server, |stream| {
            stream.get_mut().write_all(b"lru_crawler metadump all\r\n")?;
            let mut keys = Vec::new();
            loop {
                let line = line(stream)?;
                if line == b"END" {
                    return Ok(Some(keys));
                }
                if line.starts_with(b"BUSY") {
                    return Ok(None);
                }
                let word =
                    line.strip_prefix(b"key=").and_then(|rest| rest.split(|&b| b == b' ').next());
                match word {
                    Some(key) => keys.push(decoded(key)),
                    None => {
                        return Err(io::Error::other(format!(
                            "it does not list its keys (\"{}\"): memcached 1.4.31 or later is \
                             needed, with lru_crawler enabled",
                            line.escape_ascii()
                        )));
                    }
                }
            }
        })
    }

    pub(super) fn address(&self, server: usize) -> &MemcachedAddress {
        &self.servers[server].address
    }
}

/// Reads a line, without its end.
fn line(stream: &mut BufReader<Box<dyn ServerStream>>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    stream.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

/// Reads an item, or the end of the items.
fn item(stream: &mut BufReader<Box<dyn ServerStream>>) -> io::Result<Option<Item>> {
    let head = line(stream)?;
    if head == b"END" {
        return Ok(None);
    }
    let words: Vec<_> = head.split(|&byte| byte == b' ').collect();
    let [b"VALUE", key, flags, size, version] = words[..] else { return Err(unexpected(&head)) };
    let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<u64>().ok();
    let numbers = (number(flags), number(size), number(version));
    let (Some(flags), Some(size), Some(version)) = numbers else { return Err(unexpected(&head)) };
    let mut value = vec![0; usize::try_from(size).map_err(io::Error::other)?];
    stream.read_exact(&mut value)?;
    if !line(stream)?.is_empty() {
        return Err(unexpected(&head));
    }
    // A priority is a small number.
    let flags = u32::try_from(flags).unwrap_or(u32::MAX);
    Ok(Some(Item { key: key.to_vec(), flags, value, version }))
}

fn unexpected(line: &[u8]) -> io::Error {
    io::Error::other(format!("unexpected answer \"{}\"", line.escape_ascii()))
}

/// Replaces what "%" and two digits stand for.
fn decoded(key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let coded = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match coded.filter(|_| byte == b'%') {
            Some(coded) => {
                bytes.push(coded);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    bytes
}

/// Bob Jenkins' one-at-a-time hash, by which libmemcached spreads keys over servers.
fn one_at_a_time(key: &[u8]) -> u32 {
    let mut hash = 0_u32;
    for &byte in key {
        hash = hash.wrapping_add(u32::from(byte));
        hash = hash.wrapping_add(hash << 10);
        hash ^= hash >> 6;
    }
    hash = hash.wrapping_add(hash << 3);
    hash ^= hash >> 11;
    hash.wrapping_add(hash << 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_names_with_and_without_ports_and_sockets() {
        let tcp = |host: &str, port| MemcachedAddress::Tcp(host.to_owned(), port);
        let servers =
            MemcachedAddress::parse_list("a, b:1,[::1]:2,::1,/run/m.sock").expect("valid");
        let socket = MemcachedAddress::Unix("/run/m.sock".to_owned());
        assert_eq!(
            servers,
            [tcp("a", 11211), tcp("b", 1), tcp("::1", 2), tcp("::1", 11211), socket]
        );
    }

    #[test]
    fn an_invalid_list_is_refused_with_its_part() {
        for list in ["", ",", "a:0", "a:70000", "a:b", ":1", "a b"] {
            let error = MemcachedAddress::parse_list(list).expect_err(list);
            assert!(error.contains(list) || error.contains("no server"), "{error}");
        }
    }

    #[test]
    fn coded_bytes_of_a_key_are_decoded_and_others_left() {
        assert_eq!(decoded(b"gear_f%FF-%3aa%2"), b"gear_f\xff-:a%2");
    }
}
