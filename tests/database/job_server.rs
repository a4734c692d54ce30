//! A job server with workers, for one test.
//!
//! Must not: know SQL.

use gearman_test_support::server::Server;
use gearman_test_support::wait::wait_until;
use std::process::{Child, Command, Stdio};

const GEARMAND: &str = env!("CARGO_BIN_EXE_gearmand");
const GEARMAN: &str = env!("CARGO_BIN_EXE_gearman");

/// A job server and its workers, ended when dropped.
pub(crate) struct JobServer {
    server: Server,
    workers: Vec<Child>,
}

impl JobServer {
    /// Starts a job server with workers: functions with the shell commands that do them.
    pub(crate) fn start(functions: &[(&str, &str)]) -> JobServer {
        let mut this = JobServer { server: Server::start(GEARMAND), workers: Vec::new() };
        for (function, command) in functions {
            this.work(function, command);
        }
        this
    }

    /// Starts a worker, and waits until the server knows it.
    pub(crate) fn work(&mut self, function: &str, command: &str) {
        let mut worker = Command::new(GEARMAN);
        worker.args(["-h", "127.0.0.1", "-p", &self.server.port.to_string(), "-w", "-j", "4"]);
        worker.args(["-f", function, "--", "sh", "-c", command]);
        worker.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.workers.push(worker.spawn().expect("gearman runs"));
        wait_until("the worker", || self.status(function).is_some_and(|status| status[2] > 0));
    }

    /// Address for a list of servers.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.server.port)
    }

    /// Jobs, running jobs and workers of a function.
    pub(crate) fn status(&self, function: &str) -> Option<[u32; 3]> {
        let list = self.server.ask("status");
        let fields = list.lines().find_map(|line| line.strip_prefix(function)?.strip_prefix('\t'));
        let mut numbers = fields?.split('\t').map(|field| field.parse().expect("a number"));
        Some([(); 3].map(|()| numbers.next().expect("a column")))
    }

    /// The answer to a text command that is a list.
    pub(crate) fn ask(&self, command: &str) -> String {
        self.server.ask(command)
    }
}

impl Drop for JobServer {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}
