//! A memcached server of a test's own.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::process::{Process, accepts, command, free_port};
use crate::requirements::have_program;
use crate::wait::wait_for;

/// A server, killed when dropped.
pub struct Memcached {
    process: Process,
    arguments: Vec<String>,
    /// Port on 127.0.0.1.
    pub port: u16,
}

impl Memcached {
    /// Starts a server with these arguments; `None`, and the test is skipped, if there is none.
    pub fn start(arguments: &[&str]) -> Option<Memcached> {
        if !have_program("memcached", &["--version"]) {
            return None;
        }
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let mut servers = (0..10).map(|_| free_port()).filter_map(|port| {
            Some(Memcached { process: run(port, &arguments)?, arguments: arguments.clone(), port })
        });
        Some(servers.next().expect("memcached starts"))
    }

    /// Ends it as a crash would: it forgets everything.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on its port, after [`Memcached::kill`].
    pub fn start_again(&mut self) {
        self.process = wait_for("memcached again", || run(self.port, &self.arguments));
    }

    /// Stops its process, which keeps its connections.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Lets a stopped process go on.
    pub fn go_on(&self) {
        self.process.go_on();
    }

    /// The lines that answer a command, up to the last one, which is END or says what was done.
    pub fn ask(&self, command: &str) -> Vec<String> {
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
        stream.write_all(format!("{command}\r\n").as_bytes()).expect("sends");
        let mut lines = Vec::new();
        for line in BufReader::new(stream).split(b'\n') {
            let line = String::from_utf8_lossy(&line.expect("a line")).trim_end().to_owned();
            let is_last = ["END", "STORED", "OK", "DELETED", "NOT_FOUND"].contains(&&line[..]);
            lines.push(line);
            if is_last {
                break;
            }
        }
        lines
    }
}

/// Starts a server; `None` if it cannot have the port.
fn run(port: u16, arguments: &[String]) -> Option<Process> {
    let mut command = command(Path::new("memcached"));
    command.args(["-l", "127.0.0.1", "-U", "0", "-p", &port.to_string()]);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    Process::ready("memcached", command.spawn().expect("setpriv runs"), || accepts(port))
}
