//! A job server, ours or the original's, as a process of its own.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::paths::scratch;
use crate::wait::uninterrupted;

/// A job server on a free loopback port, killed when dropped.
pub struct Server {
    child: Child,
    /// The port that it listens on, on 127.0.0.1.
    pub port: u16,
}

impl Server {
    /// Starts one and waits until it accepts connections.
    pub fn start(gearmand: &str) -> Self {
        Self::start_with(gearmand, &[])
    }

    /// Starts one with more arguments. It must answer `getpid` at 127.0.0.1.
    pub fn start_with(gearmand: &str, arguments: &[&str]) -> Self {
        for _ in 0..10 {
            if let Some(server) = Self::try_start(gearmand, free_port(), arguments) {
                return server;
            }
        }
        panic!("{gearmand} does not start");
    }

    /// Starts one on the port of an earlier one.
    pub fn start_at(gearmand: &str, port: u16) -> Self {
        Self::start_again_with(gearmand, port, &[])
    }

    /// Starts one with more arguments on the port of an earlier one.
    pub fn start_again_with(gearmand: &str, port: u16, arguments: &[&str]) -> Self {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if let Some(server) = Self::try_start(gearmand, port, arguments) {
                return server;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("{gearmand} does not start again");
    }

    /// The list that answers a text command.
    pub fn ask(&self, command: &str) -> String {
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
        writeln!(stream, "{command}").expect("the command is sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b".\n") {
            let mut piece = [0; 4096];
            let size = uninterrupted(|| stream.read(&mut piece)).expect("an answer");
            assert_ne!(size, 0, "the answer to {command} ends with a dot");
            answer.extend_from_slice(&piece[..size]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// None when another process took the port in the meantime.
    fn try_start(gearmand: &str, port: u16, arguments: &[&str]) -> Option<Self> {
        let mut child = Command::new(gearmand)
            .args(["--listen=127.0.0.1", &format!("--port={port}"), "--log-file=none"])
            .arg(format!("--pid-file={}", scratch().join(format!("{port}.pid")).display()))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the job server starts");
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if child.try_wait().expect("the job server can be waited for").is_some() {
                return None;
            }
            match process_behind(port) {
                Some(id) if id == child.id() => return Some(Self { child, port }),
                // Another server took the port first.
                Some(_) => break,
                None => {}
            }
            sleep(Duration::from_millis(2));
        }
        Self { child, port };
        None
    }
}

/// The process id that the job server at a port answers to `getpid`.
fn process_behind(port: u16) -> Option<u32> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"getpid\n").ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    line.strip_prefix("OK ")?.trim_end().parse().ok()
}

impl Drop for Server {
    /// SIGKILL: the original does not end by SIGTERM while a job is due in the future.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    fn ask() -> io::Result<u16> {
        Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
    }
    ask().expect("a free port")
}
