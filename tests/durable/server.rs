//! `gearmand` on a file, as a process that is killed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gearman_test_support::wait::{TIMEOUT, wait_for};

use crate::peer::Peer;

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Start {
    /// Options of the queue, if it is not a file.
    pub(crate) queue: Vec<String>,
    /// Further arguments.
    pub(crate) arguments: Vec<String>,
    /// Further environment variables.
    pub(crate) environment: Vec<(String, String)>,
}

/// A running server, killed when it is dropped.
pub(crate) struct Gearmand {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    pub(crate) address: SocketAddr,
}

impl Gearmand {
    /// Starts a server on a file, unless the arguments name another queue.
    #[track_caller]
    pub(crate) fn start(file: &Path) -> Gearmand {
        Self::start_with(file, &Start::default())
    }

    /// The same with more options.
    #[track_caller]
    pub(crate) fn start_with(file: &Path, start: &Start) -> Gearmand {
        Self::try_start(file, start).unwrap_or_else(|(_, log)| panic!("does not start: {log}"))
    }

    /// Starts a server that may refuse to. Its exit status and log are the error.
    pub(crate) fn try_start(file: &Path, start: &Start) -> Result<Gearmand, (ExitStatus, String)> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gearmand"));
        command.args(["--listen=127.0.0.1", "--port=0", "--pid-file=none", "--log-file=stderr"]);
        command.args(["--job-handle-prefix=H:t"]);
        if start.queue.is_empty() {
            command.args(["--verbose=INFO", "--queue-type=libsqlite3"]);
            command.arg(format!("--libsqlite3-db={}", file.display()));
        } else if !start.queue.iter().any(|option| option.starts_with("--verbose")) {
            command.arg("--verbose=INFO");
        }
        command.args(&start.queue).args(&start.arguments);
        command.envs(start.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        let stderr = child.stderr.take().expect("a pipe");
        let log = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                written.lock().expect("not poisoned").push(line);
            }
        });
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Gearmand { child, log, reader: Some(reader), address };
        let address = wait_for("address in the log", || {
            if let Some(line) = server.line("Listening on ") {
                let text = line.split("Listening on ").nth(1)?.split(' ').next()?;
                return Some(Ok(text.parse().expect("an address")));
            }
            server.child.try_wait().expect("can be waited for").map(Err)
        });
        server.address = address.map_err(|status| (status, server.whole_log()))?;
        // The address is logged before the store is open.
        match Peer::connect(server.address)
            .and_then(|mut peer| peer.ask(gearman_test_support::wire::Command::EchoReq, &["up?"]))
        {
            Ok(_) => Ok(server),
            Err(_) => {
                let status = server.child.wait().expect("can be waited for");
                Err((status, server.whole_log()))
            }
        }
    }

    fn whole_log(&mut self) -> String {
        self.reader.take().map(JoinHandle::join);
        self.log.lock().expect("not poisoned").join("\n")
    }

    /// A line of the log that has this in it.
    pub(crate) fn line(&self, part: &str) -> Option<String> {
        self.log.lock().expect("not poisoned").iter().find(|line| line.contains(part)).cloned()
    }

    /// Waits for a line of the log.
    #[track_caller]
    pub(crate) fn wait_for_line(&self, part: &str) -> String {
        wait_for(part, || self.line(part))
    }

    pub(crate) fn connect(&self) -> Peer {
        Peer::connect(self.address).expect("the server accepts")
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("can be waited for").is_none()
    }

    /// Ends it as a crash would: SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("can be killed");
        self.child.wait().expect("can be waited for");
    }

    /// Stops its process, which keeps its connections and locks.
    pub(crate) fn stop(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Lets a stopped process go on.
    pub(crate) fn go_on(&self) {
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: libc::c_int) {
        let pid = libc::pid_t::try_from(self.child.id()).expect("a process id");
        // SAFETY: kill takes numbers only; the child is not reaped, so its number is not reused.
        unsafe { libc::kill(pid, signal) };
    }

    /// Ends it by SIGTERM. Returns its exit status and log.
    pub(crate) fn terminate(self) -> (ExitStatus, String) {
        self.signal(libc::SIGTERM);
        self.wait_for_end()
    }

    /// Waits until it ends. Returns its exit status and log.
    pub(crate) fn wait_for_end(mut self) -> (ExitStatus, String) {
        let began = Instant::now();
        while self.is_running() {
            assert!(began.elapsed() < TIMEOUT, "does not end");
            thread::sleep(Duration::from_millis(2));
        }
        (self.child.wait().expect("can be waited for"), self.whole_log())
    }

    /// The answer to a text command, without its last line.
    pub(crate) fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("the server accepts");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a time limit");
        writeln!(stream, "{command}").expect("sends");
        stream.shutdown(std::net::Shutdown::Write).expect("half closes");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers");
        answer.trim_end_matches(".\n").to_owned()
    }

    /// Number of jobs of all functions, running ones included, delayed ones not.
    pub(crate) fn jobs(&self) -> u64 {
        let status = self.ask("status");
        let counts = status.lines().filter_map(|line| line.split('\t').nth(1)?.parse::<u64>().ok());
        counts.sum()
    }
}

impl Drop for Gearmand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory for one test, removed when the test has passed.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Directory {
        let name = format!("gearmand-durable-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory");
        Directory(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The file of the queue, in a directory of its own.
    pub(crate) fn queue(&self) -> PathBuf {
        let directory = self.0.join("queue");
        fs::create_dir_all(&directory).expect("a directory");
        directory.join("queue.db")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What a failure left is wanted for a look.
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
