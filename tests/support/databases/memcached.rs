//! A memcached server of a test's own.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::process::{command, free_port, signal};
use crate::requirements::have_program;
use crate::wait::wait_until;

/// A server, killed when dropped.
pub struct Memcached {
    child: Child,
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
        for _ in 0..10 {
            let port = free_port();
            let child = spawn(port, &arguments);
            let mut server = Memcached { child, arguments: arguments.clone(), port };
            if server.wait_until_ready() {
                return Some(server);
            }
        }
        panic!("memcached does not start");
    }

    /// Ends it as a crash would: it forgets everything.
    pub fn kill(&mut self) {
        self.child.kill().expect("can be killed");
        self.child.wait().expect("can be waited for");
    }

    /// Starts it again on its port, after [`Memcached::kill`].
    pub fn start_again(&mut self) {
        let began = Instant::now();
        loop {
            self.child = spawn(self.port, &self.arguments);
            if self.wait_until_ready() {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "memcached does not start again");
        }
    }

    /// Stops its process, which keeps its connections.
    pub fn stop(&self) {
        signal(&self.child, libc::SIGSTOP);
    }

    /// Lets a stopped process go on.
    pub fn go_on(&self) {
        signal(&self.child, libc::SIGCONT);
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

    fn wait_until_ready(&mut self) -> bool {
        let mut has_ended = false;
        wait_until("memcached", || {
            has_ended = self.child.try_wait().expect("can be waited for").is_some();
            has_ended || TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
        });
        !has_ended
    }
}

fn spawn(port: u16, arguments: &[String]) -> Child {
    let mut command = command(Path::new("memcached"));
    command.args(["-l", "127.0.0.1", "-U", "0", "-p", &port.to_string()]);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("memcached starts")
}

impl Drop for Memcached {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
