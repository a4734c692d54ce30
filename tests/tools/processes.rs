//! Starting the tools, and workers in the test whose every report the test decides.

use gearman::engine::ReturnCode;
use gearman::engine::slab::SlabId;
use gearman::engine::worker::{Outcome, Report, WorkStep, Worker};
use gearman::net::MioNet;
pub(crate) use gearman_test_support::paths::ORIGINAL_GEARMAND;
pub(crate) use gearman_test_support::requirements::{have_file, skip};
use gearman_test_support::server::Server;
pub(crate) use gearman_test_support::wait::{TIMEOUT, wait_for};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};

pub(crate) const GEARMAN: &str = env!("CARGO_BIN_EXE_gearman");
pub(crate) const GEARADMIN: &str = env!("CARGO_BIN_EXE_gearadmin");
pub(crate) const GEARMAND: &str = env!("CARGO_BIN_EXE_gearmand");
/// The original's, where a distribution puts them.
pub(crate) const ORIGINAL_GEARADMIN: &str = "/usr/bin/gearadmin";

/// Runs a story with our server, and with the original's if it is installed.
pub(crate) fn with_each_server(story: impl Fn(&Server)) {
    story(&Server::start(GEARMAND));
    if have_file(ORIGINAL_GEARMAND, "gearman-job-server") {
        story(&Server::start(ORIGINAL_GEARMAND));
    }
}

/// A new directory for each call.
pub(crate) fn scratch() -> PathBuf {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let path =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tools-{}-{call}", std::process::id()));
    fs::create_dir_all(&path).expect("a directory");
    path
}

/// A tool with arguments, without the environment variables that it reads.
pub(crate) fn tool<A: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(program);
    command.args(args).env_remove("GEARMAN_SERVER").env_remove("GEARMAN_SERVERS");
    command
}

/// `gearman` for one server.
pub(crate) fn gearman(server: &Server, args: &[&str]) -> Command {
    let port = server.port.to_string();
    tool(GEARMAN, ["-h", "127.0.0.1", "-p", &port].iter().chain(args))
}

/// A program's output and its exit code.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("text")
    }

    /// Asserts that it printed this, no error, and ended with code 0.
    #[track_caller]
    pub(crate) fn printed(&self, text: &str) {
        assert_eq!((self.text().as_str(), self.stderr.as_str(), self.code), (text, "", Some(0)));
    }
}

/// Runs a program to its end.
#[track_caller]
pub(crate) fn run(command: Command, input: &[u8]) -> Done {
    let mut running = Running::start(command);
    let mut stdin = running.child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let feeder = thread::spawn(move || {
        // A program may end before it has read all of it.
        let _ = stdin.write_all(&input);
    });
    let done = running.end();
    feeder.join().expect("the feeder ends");
    done
}

/// A running program, killed with its whole group when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<String>>,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Running {
    /// Starts it with pipes all around, as the leader of a process group.
    pub(crate) fn start(mut command: Command) -> Running {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("the program starts");
        let (out, err) =
            (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        let (sender, lines) = channel();
        let stdout = thread::spawn(move || collect(out, |line| drop(sender.send(line))));
        let (sender, errors) = channel();
        let stderr = thread::spawn(move || {
            let all = collect(err, |line| drop(sender.send(line)));
            String::from_utf8_lossy(&all).into_owned()
        });
        Running { child, stdout: Some(stdout), stderr: Some(stderr), lines, errors }
    }

    /// The pipe to its input.
    pub(crate) fn stdin(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().expect("open")
    }

    /// The next line that it prints.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(TIMEOUT).expect("a line")
    }

    /// The next line that it has printed already, if any.
    pub(crate) fn printed_line(&self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// The next line of its standard error.
    #[track_caller]
    pub(crate) fn complaint(&self) -> String {
        self.errors.recv_timeout(TIMEOUT).expect("a complaint")
    }

    /// Sends it a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits until it ends.
    #[track_caller]
    pub(crate) fn end(mut self) -> Done {
        let status =
            wait_for("the end of a program", || self.child.try_wait().expect("can be waited for"));
        let stdout = self.stdout.take().expect("not joined").join().expect("reads");
        let stderr = self.stderr.take().expect("not joined").join().expect("reads");
        Done { code: status.code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let group = libc::pid_t::try_from(self.child.id()).expect("a process id");
        // Only while the child is not reaped: later the number may be another group's.
        if matches!(self.child.try_wait(), Ok(None)) {
            // SAFETY: kill takes numbers only; the child is not reaped, so that its
            // number still not reused.
            unsafe { libc::kill(-group, libc::SIGKILL) };
            let _ = self.child.wait();
        }
    }
}

/// Reads to the end, and passes on each line.
fn collect(from: impl Read, tell: impl Fn(String)) -> Vec<u8> {
    let (mut from, mut all) = (BufReader::new(from), Vec::new());
    loop {
        let start = all.len();
        match from.read_until(b'\n', &mut all) {
            Ok(0) | Err(_) => return all,
            Ok(_) => {
                let line = String::from_utf8_lossy(&all[start..]);
                tell(line.strip_suffix('\n').unwrap_or(&line).to_owned());
            }
        }
    }
}

/// Starts a worker of the tool.
pub(crate) fn worker(server: &Server, args: &[&str]) -> Running {
    let mut all = vec!["-w"];
    all.extend(args);
    Running::start(gearman(server, &all))
}

/// Sends what a worker in the test reports about a job.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(Report, &[u8]);

/// A worker in the test that does `jobs` jobs of the function `f`. It sends the reports that
/// `job` sends, and ends the job with its result, unless `job` ended it.
pub(crate) fn scripted(
    server: &Server,
    jobs: usize,
    mut job: impl FnMut(&[u8], Tell<'_>) -> Result<Vec<u8>, ()> + Send + 'static,
) -> JoinHandle<()> {
    let port = server.port;
    thread::spawn(move || {
        let mut worker = Worker::new(MioNet::new());
        worker.add_server("127.0.0.1", port).expect("an address");
        worker.add_function(b"f", 0, Some(1)).expect("a name");
        for _ in 0..jobs {
            let WorkStep::Call(_, ticket) = worker.work() else { panic!("no job") };
            let id: SlabId = ticket.job();
            let data = worker.job(id).expect("a job").workload().to_vec();
            let outcome = job(&data, &mut |report, body| {
                worker.send(id, report, body);
            });
            let (outcome, result) = match outcome {
                Ok(result) => (Outcome::Complete(ReturnCode::SUCCESS), result),
                Err(()) => (Outcome::Fail(ReturnCode::WORK_FAIL), Vec::new()),
            };
            worker.finish(ticket, outcome, &result);
            worker.remove_job(id);
        }
    })
}
