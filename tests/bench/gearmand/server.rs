//! Servers under measurement: starts one and reads its processor time and memory.
//!
//! Must not: load them.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

/// Path of the distribution's server, or of the program that replaces it.
static ORIGINAL: OnceLock<String> = OnceLock::new();
const OURS: &str = env!("CARGO_BIN_EXE_gearmand");

/// Time limit for the start of a server and for each of its replies.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// The server under measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Original,
    Ours,
}

impl Kind {
    /// Path of the program.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Kind::Original => ORIGINAL.get_or_init(|| "/usr/sbin/gearmand".into()),
            Kind::Ours => OURS,
        }
    }

    /// Replaces the original by another program.
    pub(crate) fn replace_original(program: String) {
        ORIGINAL.set(program).expect("it is replaced once, before it is used");
    }

    pub(crate) fn is_installed(self) -> bool {
        Path::new(self.program()).exists()
    }
}

/// A running server, killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a server on a free port and waits until it listens.
    pub(crate) fn start(kind: Kind, arguments: &[&str]) -> Server {
        let server = Server::launch(kind, arguments);
        let began = Instant::now();
        while TcpStream::connect(server.address()).is_err() {
            assert!(began.elapsed() < START_TIMEOUT, "{} does not listen", kind.program());
            thread::sleep(Duration::from_millis(2));
        }
        server
    }

    /// Starts a server on a free port, on which it need not listen yet.
    pub(crate) fn launch(kind: Kind, arguments: &[&str]) -> Server {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr());
        let port = port.expect("a free port").port();
        // The original unlinks its pid file, so each server gets its own path.
        let pid_file = format!("{}/bench-{port}.pid", env!("CARGO_TARGET_TMPDIR"));
        // At the default level: from NOTICE on the original writes a line per job.
        let child = Command::new(kind.program())
            .args(["-L", "127.0.0.1", "-p", &port.to_string(), "-l", "none", "-P", &pid_file])
            .args(["--backlog", "1024", "--file-descriptors", "20000"])
            .args(arguments)
            .spawn()
            .expect("the server starts");
        Server { child, port }
    }

    pub(crate) fn address(&self) -> (Ipv4Addr, u16) {
        (Ipv4Addr::LOCALHOST, self.port)
    }

    /// Opens a blocking connection.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("connects");
        stream.set_nodelay(true).expect("sets nodelay");
        stream.set_read_timeout(Some(START_TIMEOUT)).expect("sets a timeout");
        stream
    }

    /// Seconds of processor time since the start.
    pub(crate) fn cpu(&self) -> f64 {
        cpu_of(&self.child.id().to_string())
    }

    /// Seconds of processor time of the threads with this name; 0 if there is none.
    pub(crate) fn cpu_of_thread(&self, name: &str) -> f64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("threads");
        let paths = threads.map(|thread| thread.expect("a thread").path());
        let is_named = |path: &std::path::PathBuf| {
            fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim_end() == name)
        };
        paths.filter(is_named).map(|path| thread_seconds(&path)).sum()
    }

    /// Bytes that the system has written to the disk for the server.
    pub(crate) fn written_bytes(&self) -> f64 {
        let io = fs::read_to_string(format!("/proc/{}/io", self.child.id())).expect("io");
        let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
        line.and_then(|bytes| bytes.parse().ok()).expect("write_bytes")
    }

    /// Resident memory in bytes.
    pub(crate) fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
        let kilobytes = line.split_whitespace().nth(1).expect("a number");
        kilobytes.parse::<f64>().expect("a number") * 1024.0
    }

    /// Reply to a text command that answers with a list.
    pub(crate) fn list(&self, command: &str) -> Vec<u8> {
        let mut stream = self.connect();
        let mut answer = Vec::new();
        ask_list(&mut stream, command, &mut answer);
        answer
    }

    /// Batches that our server has committed.
    pub(crate) fn commits(&self) -> f64 {
        let shown = ask_line(&mut self.connect(), "json queue");
        let count = shown.split("\"commits\":").nth(1).and_then(|rest| rest.split(',').next());
        count.and_then(|count| count.parse().ok()).expect("a number of commits")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a text command and appends its list to `list`.
pub(crate) fn ask_list(stream: &mut TcpStream, command: &str, answer: &mut Vec<u8>) {
    stream.write_all(format!("{command}\n").as_bytes()).expect("sends");
    let mut buffer = [0; 65536];
    while !(answer == b".\n" || answer.ends_with(b"\n.\n")) {
        let count = stream.read(&mut buffer).expect("an answer in time");
        assert!(count > 0, "the server closed the connection");
        answer.extend_from_slice(&buffer[..count]);
    }
}

/// Sends a text command and returns its line.
pub(crate) fn ask_line(stream: &mut TcpStream, command: &str) -> String {
    stream.write_all(format!("{command}\n").as_bytes()).expect("sends");
    let (mut buffer, mut line) = ([0; 4096], Vec::new());
    while !line.ends_with(b"\n") {
        let count = stream.read(&mut buffer).expect("an answer in time");
        assert!(count > 0, "the server closed the connection");
        line.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// Seconds of processor time of a process, over all threads.
pub(crate) fn cpu_of(process: &str) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("threads");
    threads.map(|thread| thread_seconds(&thread.expect("a thread").path())).sum()
}

/// Seconds of processor time of the calling thread.
pub(crate) fn own_seconds() -> f64 {
    thread_seconds(Path::new("/proc/thread-self"))
}

fn thread_seconds(thread: &Path) -> f64 {
    // A thread that has ended since was not one that works.
    let text = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}
