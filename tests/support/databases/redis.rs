//! A Redis server of a test's own.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::process::{Home, command, free_port, signal};
use crate::requirements::have_program;
use crate::wait::wait_until;

/// Settings with which Redis promises that what it answered is on disk.
pub const SYNCING: [&str; 2] = ["appendonly yes", "appendfsync always"];

/// A server in a directory of its own, killed when dropped.
pub struct Redis {
    child: Child,
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
        for _ in 0..10 {
            let port = free_port();
            let home = Home::new("redis");
            let child = spawn(home.path(), port, &settings);
            let mut redis = Redis { child, home, settings: settings.clone(), port };
            if redis.wait_until_ready() {
                return Some(redis);
            }
        }
        panic!("redis-server does not start");
    }

    /// Ends it as a crash would. What it wrote to its files stays.
    pub fn kill(&mut self) {
        self.child.kill().expect("can be killed");
        self.child.wait().expect("can be waited for");
    }

    /// Starts it again on its files and port, after [`Redis::kill`].
    pub fn start_again(&mut self) {
        let began = Instant::now();
        loop {
            self.child = spawn(self.home.path(), self.port, &self.settings);
            if self.wait_until_ready() {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "redis-server does not start again");
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

    /// What redis-cli prints for a command.
    pub fn ask(&self, command: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(command)
            .output()
            .expect("redis-cli runs");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// The file that Redis appends its writes to, in the version that is written at the moment.
    pub fn log_file(&self) -> Option<PathBuf> {
        let entries = fs::read_dir(self.home.path().join("appendonlydir")).ok()?;
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.filter(|path| path.to_string_lossy().ends_with(".incr.aof")).max()
    }

    fn wait_until_ready(&mut self) -> bool {
        let mut has_ended = false;
        wait_until("Redis", || {
            has_ended = self.child.try_wait().expect("can be waited for").is_some();
            has_ended
                || (TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
                    && ["PONG", "NOAUTH"].iter().any(|word| self.ask(&["PING"]).contains(word)))
        });
        !has_ended
    }
}

fn spawn(directory: &Path, port: u16, settings: &[String]) -> Child {
    let mut command = command(Path::new("redis-server"));
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
    command.arg("--dir").arg(directory);
    for setting in settings {
        let mut words = setting.split(' ');
        command.arg(format!("--{}", words.next().expect("a name"))).args(words);
    }
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("redis-server starts")
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
