//! Job servers of other projects under our worker and our tools: what each step came to.
//!
//! Must not: use what only our server or the original's answers.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use gearman_test_support::outcome::{Outcome, run_for};
use gearman_test_support::paths::{own_gearmand, profile_dir, scratch};
use gearman_test_support::requirements::skip;
use gearman_test_support::wait::wait_until;

use crate::{TIMEOUT_S, count_steps, tools};

/// A process that is killed when the value is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A job server of any project on a free port, and the workers that the story has started.
struct OtherServer {
    port: u16,
    workers: Vec<Running>,
    _process: Running,
}

impl OtherServer {
    /// Starts a server: `{port}` in an argument stands for its port.
    fn start(command: &[&str]) -> OtherServer {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let arguments = command[1..].iter().map(|word| word.replace("{port}", &port.to_string()));
        let process = Command::new(command[0])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let process = Running(process.expect("the server starts"));
        wait_until("answer of the server", || answers(port));
        OtherServer { port, workers: Vec::new(), _process: process }
    }

    fn tool(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(profile_dir().join(name));
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]).args(arguments);
        command.env_remove("GEARMAN_SERVER").env_remove("GEARMAN_SERVERS").stdin(Stdio::null());
        command
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Outcome {
        run_for(self.tool(name, arguments), name, TIMEOUT_S)
    }

    /// Runs our client with an input; its output.
    fn client(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = self.tool("gearman", arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut client = command.spawn().expect("the client starts");
        client.stdin.take().expect("its input").write_all(input).expect("the input is read");
        client.wait_with_output().expect("the client ends").stdout
    }

    /// Starts our worker with a command.
    fn work(&mut self, function: &str, command: &[&str]) {
        let arguments = [&["-w", "-f", function, "--"], command].concat();
        let mut worker = self.tool("gearman", &arguments);
        self.workers.push(Running(worker.stderr(Stdio::null()).spawn().expect("a worker starts")));
    }

    /// A function's line of the server's status: jobs, running jobs, workers.
    fn status(&self, function: &str) -> Option<String> {
        let listing = self.run("gearadmin", &["--status"]).stdout;
        let line = listing.lines().find(|line| line.split('\t').next() == Some(function))?;
        Some(line.split('\t').skip(1).collect::<Vec<_>>().join(" "))
    }
}

/// Whether a text command is answered.
fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut line = String::new();
    stream.write_all(b"status\n").is_ok()
        && BufReader::new(stream).read_line(&mut line).is_ok_and(|size| size > 0)
}

fn code(outcome: &Outcome) -> i32 {
    outcome.status.and_then(|status| status.code()).unwrap_or(-1)
}

/// Plays the story; a line per step.
fn tell(server: &mut OtherServer) -> String {
    let mut told = String::new();
    let mut tell = |step: &str, outcome: &str| told += &format!("{step}: {outcome}\n");
    server.work("reverse", &["rev"]);
    server.work("cat", &["cat"]);
    server.work("fail", &["false"]);

    let reversed = server.client(&["-f", "reverse"], b"hello\n");
    tell("foreground", String::from_utf8_lossy(&reversed).trim_end());
    // Every byte value, in a size that no buffer has.
    let bytes: Vec<u8> = (0..1 << 20).map(|n: u32| (n * 7) as u8).collect();
    let same = if server.client(&["-f", "cat"], &bytes) == bytes { "the same" } else { "others" };
    tell("large", same);
    let lines: String = (1..=20).map(|n| format!("job {n}\n")).collect();
    let many = server.client(&["-n", "-f", "reverse"], lines.as_bytes());
    tell("many", &many.iter().filter(|&&byte| byte == b'\n').count().to_string());
    tell("failure", &format!("exit code {}", code(&server.run("gearman", &["-f", "fail", "x"]))));

    let submitted = code(&server.run("gearman", &["-b", "-f", "cat", "x"]));
    tell("background", &format!("exit code {submitted}"));
    wait_until("end of the job", || server.status("cat").as_deref() == Some("0 0 1"));
    let codes: Vec<String> = [&["-L"][..], &[], &["-I"]]
        .iter()
        .map(|priority| {
            let arguments = [priority, &["-b", "-f", "order", "job"][..]].concat();
            code(&server.run("gearman", &arguments)).to_string()
        })
        .collect();
    tell("low, normal, high in the background", &codes.join(" "));
    tell("status", &server.status("order").unwrap_or_default());
    let workers = server.run("gearadmin", &["--workers"]).stdout;
    let mut functions: Vec<&str> = workers
        .lines()
        .filter_map(|line| line.rsplit_once(':').map(|(_, names)| names.trim()))
        .filter(|names| !names.is_empty())
        .collect();
    functions.sort_unstable();
    tell("workers", &functions.join(" "));

    // A worker that is killed in the middle of a job.
    let begun = scratch().join(format!("begun-{}", server.port));
    let _ = std::fs::remove_file(&begun);
    server.work("lost", &["sh", "-c", &format!(": >{}; exec sleep 60", begun.display())]);
    let client = server.tool("gearman", &["-f", "lost", "x"]).stderr(Stdio::null()).spawn();
    let mut client = Running(client.expect("the client starts"));
    wait_until("begin of the job", || begun.exists());
    drop(server.workers.pop());
    server.work("lost", &["true"]);
    let ended = client.0.wait().expect("the client ends").code().unwrap_or(-1);
    tell("lost worker", &format!("exit code {ended}"));
    told
}

fn story(name: &str, program: &Path, command: &[&str], expected: &str) {
    if !program.exists() {
        skip(&format!("{} is missing: tests/run.sh installs it", program.display()));
        return;
    }
    let told = tell(&mut OtherServer::start(command));
    let suite = "`tests/clients/servers.rs`";
    count_steps(name, "our worker and tools on it", suite, &told, expected);
    assert_eq!(told, expected, "{name}");
}

/// What ours comes to. Others give up a job whose worker is lost.
const OURS: &str = "\
foreground: olleh
large: the same
many: 20
failure: exit code 1
background: exit code 0
low, normal, high in the background: 0 0 0
status: 3 0 0
workers: cat fail reverse
lost worker: exit code 0
";

#[test]
fn our_own_server_plays_the_story_of_the_others() {
    let own = own_gearmand().expect("this test is built with the server");
    let command = [own, "--port={port}", "--listen=127.0.0.1", "--log-file=none"];
    assert_eq!(tell(&mut OtherServer::start(&command)), OURS);
}

/// Debian's `gearman-server`, in Perl. It knows GRAB_JOB alone, to which our worker falls back,
/// and neither background jobs of high or low priority nor a second attempt for a job.
#[test]
fn our_worker_and_tools_on_the_perl_server() {
    let program = Path::new("/usr/share/perl5/Gearman/Server.pm");
    let command = ["perl", "/usr/bin/gearmand", "--port={port}", "--listen=127.0.0.1"];
    let expected = OURS
        .replace("background: 0 0 0", "background: 5 0 5")
        .replace("status: 3", "status: 1")
        .replace("lost worker: exit code 0", "lost worker: exit code 1");
    story("Debian's `gearman-server`, in Perl", program, &command, &expected);
}

/// OpenStack's `geard`. It has no second attempt for a job.
#[test]
fn our_worker_and_tools_on_geard() {
    let program: PathBuf = tools().join("gear/bin/geard");
    let geard = program.to_str().expect("UTF-8");
    let command = [geard, "-d", "-p", "{port}", "--listen-address", "127.0.0.1"];
    let expected = OURS.replace("lost worker: exit code 0", "lost worker: exit code 1");
    story("PyPI's `gear`: geard", &program, &command, &expected);
}
