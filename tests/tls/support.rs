//! A directory with certificates, and servers that use them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use gearman_test_support::certificates::server_options;
pub(crate) use gearman_test_support::certificates::{certificates, documented_blocks, file};
use gearman_test_support::wait::{TIMEOUT, uninterrupted};

/// A job server, killed at the end.
pub(crate) struct Server {
    pub(crate) child: Child,
    lines: Receiver<String>,
    pub(crate) port: u16,
}

impl Server {
    /// A server with the documented certificate on a free port, with more arguments.
    pub(crate) fn start(arguments: &[&str]) -> Server {
        let mut all = server_options().to_vec();
        all.extend(arguments.iter().map(ToString::to_string));
        Server::run(&all)
    }

    /// A server on a free port with exactly these arguments about TLS.
    pub(crate) fn run(arguments: &[String]) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gearmand"))
            .args(["--listen=127.0.0.1", "--port=0", "--log-file=stderr", "--verbose=INFO"])
            .arg("--pid-file=none")
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let stderr = child.stderr.take().expect("a pipe");
        let (sender, lines) = channel();
        thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| {
                let _ = sender.send(line);
            });
        });
        let mut server = Server { child, lines, port: 0 };
        server.port = server.port_in("Listening on ");
        server
    }

    /// The port at the end of the next line with this in it.
    pub(crate) fn port_in(&self, part: &str) -> u16 {
        let line = self.wait_for_line(part);
        line.rsplit(':').next().and_then(|port| port.trim().parse().ok()).expect("a port")
    }

    /// The next line of the log that has this in it.
    pub(crate) fn wait_for_line(&self, part: &str) -> String {
        let mut others = Vec::new();
        loop {
            match self.lines.recv_timeout(TIMEOUT) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => others.push(line),
                Err(error) => panic!("no {part:?} in the log: {error}; {others:#?}"),
            }
        }
    }

    /// The lines of the log with this in them, up to those of a connection that is refused now.
    pub(crate) fn lines_with(&self, part: &str) -> Vec<String> {
        self.ask_plainly(self.port, "status\n");
        let mut found = Vec::new();
        loop {
            let line = self.lines.recv_timeout(TIMEOUT).expect("a line about the refused one");
            if line.contains("does not speak TLS") {
                return found;
            }
            if line.contains(part) {
                found.push(line);
            }
        }
    }

    /// Asks for the value of a text command over a connection without TLS.
    pub(crate) fn ask_plainly(&self, port: u16, line: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        stream.write_all(line.as_bytes()).expect("sent");
        let mut answer = vec![0; 100];
        let count = uninterrupted(|| stream.read(&mut answer)).unwrap_or(0);
        answer.truncate(count);
        answer
    }

    /// Sends a line with `openssl s_client`, waits for an answer with `end` in it, and returns
    /// both outputs.
    pub(crate) fn s_client(&self, arguments: &[&str], line: &str, end: &str) -> (String, String) {
        let mut child = Command::new("openssl")
            .args(["s_client", "-connect", &format!("127.0.0.1:{}", self.port)])
            .args(["-CAfile", &file("ca.pem"), "-verify_return_error"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("openssl starts");
        let mut input = child.stdin.take().expect("a pipe");
        // It may have ended already.
        let _ = input.write_all(line.as_bytes());
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut text = String::new();
        while !text.contains(end) && output.read_line(&mut text).is_ok_and(|count| count > 0) {}
        let _ = child.kill();
        drop(input);
        let _ = output.read_to_string(&mut text);
        let mut errors = String::new();
        let mut stderr = child.stderr.take().expect("a pipe");
        let _ = stderr.read_to_string(&mut errors);
        let _ = child.wait();
        (text, errors)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `gearman` with an environment.
pub(crate) fn gearman(environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    tool(env!("CARGO_BIN_EXE_gearman"), environment, arguments)
}

/// Runs `gearadmin`.
pub(crate) fn gearadmin(arguments: &[&str]) -> Output {
    tool(env!("CARGO_BIN_EXE_gearadmin"), &[], arguments)
}

fn tool(path: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = Command::new(path);
    for name in ["GEARMAND_CA_CERTIFICATE", "GEARMAN_TLS", "GEARMAN_TLS_VERIFY"] {
        command.env_remove(name);
    }
    let given = environment.iter().copied();
    command.envs(given).args(arguments).stdin(Stdio::null()).output().expect("it runs")
}
