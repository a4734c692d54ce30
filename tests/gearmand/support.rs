//! Starting servers, and speaking bytes to them.

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{self, Child, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

pub(crate) use gearman_test_support::paths::ORIGINAL_GEARMAND;
pub(crate) use gearman_test_support::requirements::{have_file, skip};
pub(crate) use gearman_test_support::wait::{TIMEOUT, uninterrupted};
pub(crate) use gearman_test_support::wire::Command::*;
pub(crate) use gearman_test_support::wire::{
    Command, NOTHING, UNKNOWN_COMMANDS, numbered_request, receive, request, response,
};

/// A running server, killed at the end.
pub(crate) struct Server {
    child: Child,
    /// Its standard error, line by line.
    lines: Receiver<String>,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Ours, with more arguments, on a free port. Its handles start with `H:t`.
    pub(crate) fn start(arguments: &[&str]) -> Server {
        let mut command = process::Command::new(env!("CARGO_BIN_EXE_gearmand"));
        command.args(["--listen", "127.0.0.1", "--port", "0"]);
        command.args(["--log-file", "stderr", "--verbose", "INFO", "--job-handle-prefix", "H:t"]);
        if !arguments.contains(&"-P") {
            command.arg("--pid-file=none");
        }
        command.args(arguments);
        Server::run(command)
    }

    /// A server that logs its address to standard error.
    pub(crate) fn run(mut command: process::Command) -> Server {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the server starts");
        let stderr = child.stderr.take().expect("a pipe");
        let (sender, lines) = channel();
        thread::spawn(move || {
            // Read to the end, also when the test has ended: a full pipe blocks the server.
            BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| {
                let _ = sender.send(line);
            });
        });
        let mut server = Server { child, lines, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let line = server.wait_for_line("Listening on ");
        let address = line.split("Listening on ").nth(1).and_then(|rest| rest.split(' ').next());
        server.address = address.and_then(|a| a.parse().ok()).expect("an address in the log");
        server
    }

    /// The next line of the log that has this in it.
    pub(crate) fn wait_for_line(&self, part: &str) -> String {
        loop {
            match self.lines.recv_timeout(TIMEOUT) {
                Ok(line) if line.contains(part) => return line,
                Ok(_) => {}
                Err(error) => panic!("no {part:?} in the log: {error}"),
            }
        }
    }

    pub(crate) fn connect(&self) -> Peer {
        Peer::connect(self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = process::Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.expect("kill runs").success());
    }

    /// The rest of its log, once it has ended.
    pub(crate) fn remaining_lines(&self) -> Vec<String> {
        std::iter::from_fn(|| self.lines.recv_timeout(TIMEOUT).ok()).collect()
    }

    /// Waits until it ends.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        // The end of its log is the end of the process.
        while self.lines.recv_timeout(TIMEOUT).is_ok() {}
        self.child.wait().expect("the server ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server in the background, killed at the end.
pub(crate) struct Daemon {
    pub(crate) pid: String,
    pub(crate) port: u16,
}

impl Daemon {
    /// Ours, with its log in the file `log` of a directory.
    pub(crate) fn with_log(directory: &Directory) -> Daemon {
        Daemon::with_log_and(directory, &[])
    }

    /// The same with more arguments.
    pub(crate) fn with_log_and(directory: &Directory, arguments: &[&str]) -> Daemon {
        let (log, port) = (directory.file("log"), directory.file("port"));
        let common = [
            "-d",
            "-L",
            "127.0.0.1",
            "-p",
            "0",
            "-l",
            &log,
            "--verbose",
            "NOTICE",
            "--pid-file=none",
            "--port-file",
            &port,
        ];
        let started = gearmand(&[&common[..], arguments].concat());
        assert!(started.status.success());
        Daemon::find(&port)
    }

    pub(crate) fn find(port_file: &str) -> Daemon {
        let port = fs::read_to_string(port_file).expect("the port file");
        let mut daemon = Daemon { pid: String::new(), port: port.trim().parse().expect("a port") };
        daemon.pid = daemon.ask("getpid\n").trim_start_matches("OK ").trim().into();
        daemon
    }

    pub(crate) fn connect(&self) -> Peer {
        Peer::connect(("127.0.0.1", self.port))
    }

    pub(crate) fn ask(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("connects");
        stream.write_all(line.as_bytes()).expect("sends");
        stream.shutdown(std::net::Shutdown::Write).expect("half closes");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers");
        answer
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = process::Command::new("kill").args(["-s", name, &self.pid]).status();
        assert!(status.expect("kill runs").success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.signal("KILL");
    }
}

/// A connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
}

impl Peer {
    pub(crate) fn connect(to: impl ToSocketAddrs) -> Peer {
        let stream = TcpStream::connect(to).expect("connects");
        stream.set_read_timeout(Some(TIMEOUT)).expect("sets a timeout");
        stream.set_nodelay(true).expect("sets nodelay");
        Peer { stream }
    }

    /// Its address as the server sees it.
    pub(crate) fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().expect("a connected socket")
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> &mut Peer {
        self.stream.write_all(bytes).expect("the server takes it");
        self
    }

    /// Asserts that the next bytes are these.
    #[track_caller]
    pub(crate) fn expect(&mut self, bytes: &[u8]) -> &mut Peer {
        let mut got = vec![0; bytes.len()];
        let mut filled = 0;
        while filled < got.len() {
            match uninterrupted(|| self.stream.read(&mut got[filled..])) {
                Ok(0) | Err(_) => break,
                Ok(n) => filled += n,
            }
        }
        assert_eq!(got[..filled].escape_ascii().to_string(), bytes.escape_ascii().to_string());
        self
    }

    /// Sends a question and expects the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, question: &[u8], answer: &[u8]) -> &mut Peer {
        self.send(question).expect(answer)
    }

    /// Waits until the server has handled all that was sent, and has sent no
    /// more than was expected.
    #[track_caller]
    pub(crate) fn settle(&mut self) -> &mut Peer {
        self.ask(&request(EchoReq, &["settled?"]), &response(EchoRes, &["settled?"]))
    }

    /// Everything up to the answer to a question that is asked now.
    pub(crate) fn transcript(&mut self) -> Vec<u8> {
        self.send(&request(EchoReq, &["-- end of transcript --"]));
        let end = response(EchoRes, &["-- end of transcript --"]);
        let mut got = Vec::new();
        let mut buffer = [0; 4096];
        while !got.ends_with(&end) {
            match uninterrupted(|| self.stream.read(&mut buffer)) {
                Ok(0) => {
                    got.extend_from_slice(b"(closed)");
                    return got;
                }
                Ok(n) => got.extend_from_slice(&buffer[..n]),
                Err(e) if e.kind() == ErrorKind::ConnectionReset => {
                    got.extend_from_slice(b"(closed)");
                    return got;
                }
                Err(e) => panic!("{e} after {}", got.escape_ascii()),
            }
        }
        got.truncate(got.len() - end.len());
        got
    }

    /// The next packet: its command and what follows the header.
    pub(crate) fn packet(&mut self) -> (Command, Vec<u8>) {
        receive(&mut self.stream).expect("a packet")
    }

    /// Sends a text line; returns the answer up to a line with only a full stop.
    pub(crate) fn list(&mut self, line: &str) -> String {
        self.send(format!("{line}\n").as_bytes());
        self.read_until(|text| text == b".\n" || text.ends_with(b"\n.\n"))
    }

    /// Sends a text line; returns the line that answers it.
    pub(crate) fn line(&mut self, line: &str) -> String {
        self.send(format!("{line}\n").as_bytes());
        self.read_until(|_| true)
    }

    /// Reads lines, and nothing behind them, until they are a whole answer.
    fn read_until(&mut self, is_answer: impl Fn(&[u8]) -> bool) -> String {
        let (mut text, mut buffer) = (Vec::new(), [0; 16384]);
        loop {
            let there = uninterrupted(|| self.stream.peek(&mut buffer)).expect("an answer");
            assert!(there > 0, "closed behind {}", text.escape_ascii());
            let have = text.len();
            let end = buffer[..there].iter().position(|&byte| {
                text.push(byte);
                byte == b'\n' && is_answer(&text)
            });
            self.stream.read_exact(&mut buffer[..text.len() - have]).expect("what is there");
            if end.is_some() {
                return String::from_utf8(text).expect("text");
            }
        }
    }

    /// Asserts that the server closes the connection.
    #[track_caller]
    pub(crate) fn expect_closed(&mut self) {
        match uninterrupted(|| self.stream.read(&mut [0])) {
            Ok(0) => {}
            Err(e) if e.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("not closed: {other:?}"),
        }
    }
}

/// A directory for one test, removed at the end.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("gearmand-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Directory(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a plain path").into()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs our server to its end.
pub(crate) fn gearmand(arguments: &[&str]) -> Output {
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_gearmand"));
    command.args(arguments).stdin(Stdio::null()).output().expect("gearmand runs")
}

/// Asks for one line over a Unix socket.
pub(crate) fn ask_at(path: &str, line: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer)
}
