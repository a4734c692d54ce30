//! The job server that documents are compared with, and commands of the documents that are
//! cheap enough to be run on it.
//!
//! Must not: use the default port, which another server may have.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::document::{Document, assert_none};

/// How long the server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A process that is ended when the value is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A job server of ours, which is ended when the value is dropped.
pub(crate) struct Server {
    _process: Running,
    pub(crate) directory: PathBuf,
    pub(crate) port: u16,
    pub(crate) metrics_port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Server {
    pub(crate) fn start() -> Server {
        Server::start_with(&[])
    }

    /// Starts a server with these further options.
    pub(crate) fn start_with(options: &[String]) -> Server {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Of this process, too: each test may be one.
        let name = format!("documents-{}-{count}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).expect("a directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_gearmand"));
        command.args(["--listen=127.0.0.1", "--port=0", "--metrics-port=0", "--verbose=INFO"]);
        command.args(["--config-file", "", "--log-file=stderr", "--pid-file=none"]);
        command.args(["-q", "libsqlite3", "--libsqlite3-db"]).arg(directory.join("queue.db"));
        let rules = directory.join("access-rules");
        fs::write(&rules, "allow all from local\n").expect("rules are written");
        command.arg("--access-rules").arg(rules).args(options);
        command.env_remove("GEARMAND_PORT").stdin(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("the server starts");
        let log = BufReader::new(process.stderr.take().expect("a pipe"));
        let (port, metrics_port) = ports(log);
        Server { _process: Running(process), directory, port, metrics_port }
    }

    /// Sends a line of text and reads one line.
    pub(crate) fn ask(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("connects");
        writeln!(stream, "{line}").expect("sends");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("answers");
        answer
    }

    /// A page of the metrics port.
    pub(crate) fn page(&self, path: &str) -> String {
        get(self.metrics_port, path)
    }

    /// Starts a worker that runs a command for each job of a function.
    pub(crate) fn start_worker(&self, function: &str, run: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gearman"));
        command.args(["-h", &format!("127.0.0.1:{}", self.port), "-w", "-f", function, "--"]);
        command.args(run).stdin(Stdio::null()).stdout(Stdio::null());
        Running(command.spawn().expect("the worker starts"))
    }

    /// Runs a script in which `gearman` and `gearadmin` are ours and use this server.
    pub(crate) fn shell(&self, script: &str) -> Output {
        for (name, path) in [
            ("gearman", env!("CARGO_BIN_EXE_gearman")),
            ("gearadmin", env!("CARGO_BIN_EXE_gearadmin")),
        ] {
            let file = self.directory.join(name);
            let text = format!("#!/bin/sh\nexec {path} -h 127.0.0.1:{} \"$@\"\n", self.port);
            if !file.exists() {
                fs::write(&file, text).expect("a file");
                fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
            }
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(&self.directory).stdin(Stdio::null());
        command.env("PATH", format!("{}:{path}", self.directory.display()));
        command.env_remove("GEARMAN_SERVER").env_remove("GEARMAN_SERVERS");
        command.output().expect("the shell starts")
    }
}

/// A page of the HTTP server at a port, with its head.
pub(crate) fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("sends");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answers");
    answer
}

/// Reads the two ports from the log. A thread keeps reading it, so that the server never
/// waits for a reader.
fn ports(mut log: impl BufRead + Send + 'static) -> (u16, u16) {
    let (mut port, mut metrics_port) = (None, None);
    let mut line = String::new();
    while port.is_none() || metrics_port.is_none() {
        line.clear();
        assert!(log.read_line(&mut line).expect("the log") > 0, "the server ended at its start");
        let number = || line.trim_end().rsplit(':').next().and_then(|word| word.parse().ok());
        if line.contains("Listening on ") {
            port = number();
        } else if line.contains("etrics at ") {
            metrics_port = number();
        }
    }
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    (port.expect("a port"), metrics_port.expect("a port"))
}

#[test]
fn the_first_jobs_of_the_readme_run_as_printed() {
    let document = Document::read(Path::new("README.md"));
    let is_first = |block: &&crate::document::Block| {
        block.lines.iter().any(|piece| piece.text.starts_with("gearman -w"))
    };
    let block = document.blocks.iter().find(is_first).expect("the block with a worker");
    let lines: Vec<_> = block.lines.iter().map(|piece| &piece.text[..]).collect();
    let server = Server::start();
    let script = format!("set -e\n{}\nkill $!\nwait $! || :\n", lines.join("\n"));
    let output = server.shell(&script);
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let lines_of_passwd = fs::read_to_string("/etc/passwd").expect("the file").lines().count();
    assert!(output.status.success(), "{:?}\n{printed}{errors}", output.status);
    let count = printed.lines().next().unwrap_or_default().trim();
    assert_eq!(count, lines_of_passwd.to_string(), "{printed}{errors}");
    assert!(printed.contains("count_lines\t"), "{printed}{errors}");
}

/// gearadmin ends with 0, or with 5 when the server has no such job or function.
#[test]
fn commands_of_gearadmin_are_understood_by_the_server() {
    let mut failures = Vec::new();
    let server = Server::start();
    let created = server.shell("gearman -b -f resize -u 4711 picture");
    assert!(created.status.success(), "{created:?}");
    let document = Document::read(Path::new("src/docs/operating.md"));
    let blocks = document.blocks.iter().filter(|block| block.language == "sh");
    let lines = blocks.flat_map(|block| block.lines.clone()).chain(document.spans());
    for command in lines.filter(|piece| piece.text.starts_with("gearadmin -")) {
        let output = server.shell(&command.text);
        if !matches!(output.status.code(), Some(0 | 5)) {
            let errors = String::from_utf8_lossy(&output.stderr);
            let what = format!("{}: {:?} {}", command.text, output.status, errors.trim_end());
            failures.push(document.report(command.line, what));
        }
    }
    assert_none(failures);
}

#[test]
fn the_server_answers_health_checks_as_documented() {
    let server = Server::start();
    let started = Instant::now();
    for path in ["/healthz", "/readyz"] {
        while !server.page(path).starts_with("HTTP/1.0 200") {
            assert!(started.elapsed() < START_TIMEOUT, "{path}: {}", server.page(path));
            sleep(Duration::from_millis(10));
        }
    }
}
