//! A Redis server of a test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::certificates;
use super::process::{Home, Process, accepts, command, free_port};
use crate::requirements::have_program;
use crate::wait::wait_for;

/// Settings with which Redis promises that what it answered is on disk.
pub const SYNCING: [&str; 2] = ["appendonly yes", "appendfsync always"];

/// A server in a directory of its own, killed when dropped.
pub struct Redis {
    process: Process,
    home: Home,
    settings: Vec<String>,
    /// Port on 127.0.0.1.
    pub port: u16,
}

impl Redis {
    /// Starts a server with these settings; `None`, and the test is skipped, if there is none.
    pub fn start(settings: &[&str]) -> Option<Redis> {
        if !have_program("redis-server", &["--version"]) {
            return None;
        }
        let settings: Vec<_> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let mut servers = (0..10).map(|_| free_port()).filter_map(|port| {
            let home = Home::new("redis");
            let process = run(home.path(), port, &settings)?;
            Some(Redis { process, home, settings: settings.clone(), port })
        });
        Some(servers.next().expect("redis-server starts"))
    }

    /// Starts a server that also speaks TLS, with a certificate for `localhost` of a new authority.
    /// Returns its port for TLS, and the directory with `ca.pem`.
    pub fn start_with_tls() -> Option<(Redis, u16, Home)> {
        let (files, port) = (Home::new("redis-tls"), free_port());
        certificates::make(files.path());
        let file = |name: &str| files.path().join(name).display().to_string();
        let server = Redis::start(&[
            &format!("tls-port {port}"),
            &format!("tls-cert-file {}", file("server.pem")),
            &format!("tls-key-file {}", file("server.key")),
            &format!("tls-ca-cert-file {}", file("ca.pem")),
            "tls-auth-clients no",
        ])?;
        Some((server, port, files))
    }

    /// Ends it as a crash would. What it wrote to its files stays.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on its files and port, after [`Redis::kill`].
    pub fn start_again(&mut self) {
        let again = || run(self.home.path(), self.port, &self.settings);
        self.process = wait_for("Redis again", again);
    }

    /// Stops its process, which keeps its connections.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Lets a stopped process go on.
    pub fn go_on(&self) {
        self.process.go_on();
    }

    /// What redis-cli prints for a command.
    pub fn ask(&self, command: &[&str]) -> String {
        ask(self.port, command)
    }

    /// The file that Redis appends its writes to, in the version that is written at the moment.
    pub fn log_file(&self) -> Option<PathBuf> {
        let entries = fs::read_dir(self.home.path().join("appendonlydir")).ok()?;
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.filter(|path| path.to_string_lossy().ends_with(".incr.aof")).max()
    }
}

fn ask(port: u16, command: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-p", &port.to_string()])
        .args(command)
        .output()
        .expect("redis-cli runs");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Starts a server; `None` if it cannot have the port.
fn run(directory: &Path, port: u16, settings: &[String]) -> Option<Process> {
    let mut command = command(Path::new("redis-server"));
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
    command.arg("--dir").arg(directory);
    for setting in settings {
        let mut words = setting.split(' ');
        command.arg(format!("--{}", words.next().expect("a name"))).args(words);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    // One that reads its files does not answer yet, and one with a password refuses.
    Process::ready("Redis", command.spawn().expect("setpriv runs"), || {
        accepts(port) && ["PONG", "NOAUTH"].iter().any(|word| ask(port, &["PING"]).contains(word))
    })
}
