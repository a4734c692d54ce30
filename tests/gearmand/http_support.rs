//! Speaking HTTP in raw bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::support::*;

/// A server that speaks HTTP, and its addresses.
pub(crate) struct HttpServer {
    pub(crate) server: Server,
    pub(crate) jobs: SocketAddr,
    pub(crate) metrics: SocketAddr,
}

impl HttpServer {
    pub(crate) fn start(arguments: &[&str]) -> HttpServer {
        let http = ["-r", "http", "--http-port", "0", "--metrics-port", "0"];
        let server = Server::start(&[&http, arguments].concat());
        let address = |name: &str| {
            let line = server.wait_for_line(name);
            let (_, address) = line.split_once(name).expect("just found");
            address.parse().expect("an address in the log")
        };
        let (jobs, metrics) = (address("HTTP at "), address("metrics at "));
        HttpServer { server, jobs, metrics }
    }

    /// A connection for jobs.
    pub(crate) fn connect(&self) -> Http {
        Http::connect(self.jobs)
    }

    /// The answer of the metrics port to a GET.
    pub(crate) fn probe(&self, path: &str) -> Response {
        Http::connect(self.metrics).ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
    }

    /// A worker of a function.
    pub(crate) fn worker(&self, function: &str) -> Peer {
        let mut worker = self.server.connect();
        worker.send(&request(CanDo, &[function])).settle();
        worker
    }

    /// A client that has sent a request for `f`, the worker that has its job, and
    /// the job's handle.
    pub(crate) fn running(&self, request: impl AsRef<[u8]>) -> (Http, Peer, String) {
        let (mut client, mut worker) = (self.connect(), self.worker("f"));
        client.send(request);
        let (handle, _) = take(&mut worker);
        (client, worker, handle)
    }
}

/// Takes the next job, which must come, and returns its handle and its payload.
pub(crate) fn take(worker: &mut Peer) -> (String, Vec<u8>) {
    loop {
        worker.send(&request(GrabJob, NOTHING));
        match worker.packet() {
            (JobAssign, body) => {
                let text = body.clone();
                let mut parts = text.splitn(3, |&byte| byte == 0);
                let handle = String::from_utf8(parts.next().expect("a handle").to_vec());
                let payload = parts.nth(1).expect("a payload").to_vec();
                return (handle.expect("text"), payload);
            }
            // Sleep until a job arrives.
            (NoJob, _) => {
                worker.send(&request(PreSleep, NOTHING)).expect(&response(Noop, NOTHING));
            }
            other => panic!("not a job: {other:?}"),
        }
    }
}

/// What a worker reports of a job, with data.
pub(crate) fn report(command: Command, handle: &str, data: &[u8]) -> Vec<u8> {
    request(command, &[handle.as_bytes(), data])
}

/// A response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) version: String,
    pub(crate) status: u16,
    /// Names are in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body broke off.
    pub(crate) is_broken: bool,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| &value[..])
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("text")
    }
}

/// A connection that speaks HTTP.
pub(crate) struct Http {
    pub(crate) stream: TcpStream,
    /// Received and not parsed.
    input: Vec<u8>,
}

impl Http {
    pub(crate) fn connect(address: SocketAddr) -> Http {
        let stream = TcpStream::connect(address).expect("connects");
        stream.set_read_timeout(Some(TIMEOUT)).expect("sets a timeout");
        Http { stream, input: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Http {
        self.stream.write_all(bytes.as_ref()).expect("the server takes it");
        self
    }

    /// A request and its response.
    pub(crate) fn ask(&mut self, request: &str) -> Response {
        self.send(request).read()
    }

    /// A POST and its response.
    pub(crate) fn post(&mut self, path: &str, headers: &[&str], body: &[u8]) -> Response {
        self.send(post(path, headers, body)).read()
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 65536];
        let read = uninterrupted(|| self.stream.read(&mut buffer));
        let count = read.unwrap_or_else(|e| match e.kind() {
            std::io::ErrorKind::ConnectionReset => 0,
            kind => panic!("{kind} after {}", self.input.escape_ascii()),
        });
        self.input.extend_from_slice(&buffer[..count]);
        count > 0
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.input.len() < count {
            if !self.fill() {
                return None;
            }
        }
        Some(self.input.drain(..count).collect())
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.input.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.take(end + 2)?;
                return Some(String::from_utf8(line[..end].to_vec()).expect("text"));
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Status line and headers.
    pub(crate) fn read_head(&mut self) -> Response {
        let line =
            self.line().unwrap_or_else(|| panic!("no status line: {}", self.input.escape_ascii()));
        let mut words = line.splitn(3, ' ');
        let version = words.next().expect("a version").to_string();
        let status = words.next().and_then(|word| word.parse().ok()).expect("a status");
        let mut headers = Vec::new();
        loop {
            let line = self.line().expect("headers");
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_string()));
        }
        Response { version, status, headers, body: Vec::new(), is_broken: false }
    }

    /// A whole response to anything but HEAD.
    pub(crate) fn read(&mut self) -> Response {
        let mut response = self.read_head();
        if response.status < 200 {
            return self.read();
        }
        let length = response.header("content-length").map(|n| n.parse().expect("a number"));
        let body = if response.header("transfer-encoding") == Some("chunked") {
            self.read_chunks(&mut response.body)
        } else if let Some(length) = length {
            self.take(length).map(|body| response.body = body)
        } else {
            while self.fill() {}
            response.body = std::mem::take(&mut self.input);
            Some(())
        };
        response.is_broken = body.is_none();
        response
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> Option<()> {
        while let chunk = self.read_chunk()?
            && !chunk.is_empty()
        {
            body.extend(chunk);
        }
        Some(())
    }

    /// One chunk, empty at the end.
    pub(crate) fn read_chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(&self.line()?, 16).expect("a size");
        let chunk = self.take(size)?;
        assert_eq!(self.line()?, "");
        Some(chunk)
    }

    #[track_caller]
    pub(crate) fn expect_closed(&mut self) {
        assert!(self.input.is_empty() && !self.fill(), "{}", self.input.escape_ascii());
    }
}

/// A POST.
pub(crate) fn post(path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n", body.len());
    headers.iter().for_each(|header| bytes.push_str(&format!("{header}\r\n")));
    bytes.push_str("\r\n");
    [bytes.as_bytes(), body].concat()
}
