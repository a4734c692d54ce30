//! The original's `gearman` tool as client and as worker, with ours preloaded.

use crate::{World, have, same_on};
use gearman_test_support::library::{Library, set_library};
use gearman_test_support::normalise::normalise;
use gearman_test_support::outcome::{Outcome, run_for};
use gearman_test_support::programs::trial;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

const GEARMAN: &str = "/usr/bin/gearman";

/// Seconds after which a process is killed, which its output shows.
const TIMEOUT_S: u64 = 20;

/// Plays a story on the original and on ours. A story returns what it printed.
fn same(story: impl Fn(&World) -> String + Sync) {
    if have(&[(GEARMAN, "gearman-tools")]) {
        let how = Library::Preloaded.how();
        trial("Debian's `gearman`", how, "`tests/peers/command_line.rs`", || {
            same_on(&[Library::Preloaded], story);
        });
    }
}

impl World {
    fn gearman(&self, args: &[&str]) -> Command {
        let mut command = Command::new(GEARMAN);
        command.args(["-h", "127.0.0.1", "-p", &self.server.port.to_string()]).args(args);
        command.env_remove("GEARMAN_SERVER");
        set_library(&mut command, self.library);
        command
    }

    /// Runs the tool to its end: the arguments, what it printed, its exit code.
    fn run(&self, args: &[&str], input: &[u8]) -> String {
        let mut command = self.gearman(args);
        command.stdin(File::open(file(input)).expect("the input can be read"));
        report(args, &run_for(command, "gearman", TIMEOUT_S))
    }

    /// Starts a worker that does this number of jobs. `args` name function and command.
    fn worker(&self, jobs: u32, args: &[&str]) -> Worker {
        let mut command = self.gearman(&["-w", "-c", &jobs.to_string()]);
        command.args(args).stdin(Stdio::null());
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        Worker(thread::spawn(move || {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            report(&args, &run_for(command, "gearman-w", TIMEOUT_S))
        }))
    }
}

fn report(args: &[&str], outcome: &Outcome) -> String {
    let code = outcome.status.and_then(|status| status.code());
    let stderr = normalise(&outcome.stderr);
    format!("gearman {args:?}: {code:?}\n{}--\n{stderr}--\n", outcome.stdout)
}

/// A worker that ends by itself, after its jobs or without its server.
struct Worker(JoinHandle<String>);

impl Worker {
    /// Waits until it has done its jobs; what it printed, and its exit code.
    fn done(self) -> String {
        self.0.join().expect("the worker's thread")
    }
}

/// A file with these bytes, for a standard input.
fn file(bytes: &[u8]) -> PathBuf {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("gearman-input-{}-{number}", std::process::id()));
    File::create(&path).expect("a file").write_all(bytes).expect("written");
    path
}

const NOTHING: &[u8] = b"";

#[test]
fn a_worker_runs_a_command_over_a_clients_input() {
    same(|world| {
        let worker = world.worker(1, &["-f", "wc", "--", "wc", "-l"]);
        world.run(&["-f", "wc"], b"one\ntwo\nthree\n") + &worker.done()
    });
}

#[test]
fn each_argument_is_a_job() {
    same(|world| {
        let worker = world.worker(3, &["-f", "f", "--", "tr", "a-z", "A-Z"]);
        world.run(&["-f", "f", "one", "two", "three"], NOTHING) + &worker.done()
    });
}

#[test]
fn background_jobs_are_done_later() {
    same(|world| {
        let queued = world.run(&["-b", "-f", "f", "one"], NOTHING)
            + &world.run(&["-b", "-I", "-f", "f"], b"two\n")
            + &world.run(&["-b", "-L", "-f", "f", "three"], NOTHING);
        // Without a command a worker prints its workloads.
        queued + &world.worker(3, &["-f", "f"]).done()
    });
}

#[test]
fn output_lines_get_the_functions_name() {
    same(|world| {
        let worker = world.worker(1, &["-f", "f", "--", "cat"]);
        world.run(&["-P", "-f", "f"], b"one\ntwo\n") + &worker.done()
    });
}

#[test]
fn several_functions_share_one_input() {
    same(|world| {
        let lower = world.worker(1, &["-f", "lower", "--", "tr", "A-Z", "a-z"]);
        let upper = world.worker(1, &["-f", "upper", "--", "tr", "a-z", "A-Z"]);
        let text = world.run(&["-P", "-f", "lower", "-f", "upper"], b"Some Text\n");
        // They end in any order.
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.join("\n") + &lower.done() + &upper.done()
    });
}

#[test]
fn verbose_clients_tell_the_handle() {
    same(|world| {
        let worker = world.worker(1, &["-f", "f", "--", "cat"]);
        let text = world.run(&["-v", "-f", "f", "x"], NOTHING) + &worker.done();
        text + &world.run(&["-v", "-b", "-f", "f", "x"], NOTHING)
    });
}

#[test]
fn lines_are_jobs_or_pieces_of_a_result() {
    for option in ["-n", "-N"] {
        same(|world| {
            let worker = world.worker(3, &["-f", "f", "--", "od", "-c"]);
            let text = world.run(&[option, "-f", "f"], b"one\ntwo\nthree") + &worker.done();
            let worker = world.worker(1, &[option, "-f", "g", "--", "printf", "a\\nb\\n"]);
            text + &world.run(&["-f", "g", "x"], NOTHING) + &worker.done()
        });
    }
}

#[test]
fn jobs_with_the_same_unique_id_are_one_job() {
    same(|world| {
        let queued = world.run(&["-b", "-u", "same", "-f", "f", "one"], NOTHING)
            + &world.run(&["-b", "-u", "same", "-f", "f", "two"], NOTHING);
        queued + &world.worker(1, &["-f", "f"]).done()
    });
}

#[test]
fn empty_input_is_a_job_and_an_empty_argument_is_not() {
    same(|world| {
        let worker = world.worker(2, &["-f", "f", "--", "wc", "-c"]);
        world.run(&["-s", "-f", "f"], b"not read")
            + &world.run(&["-f", "f"], NOTHING)
            + &world.run(&["-f", "f", ""], NOTHING)
            + &worker.done()
    });
}

#[test]
fn a_command_that_fails_fails_its_job() {
    same(|world| {
        let worker = world.worker(1, &["-f", "f", "--", "sh", "-c", "echo so far; exit 3"]);
        world.run(&["-f", "f", "x"], NOTHING) + &worker.done()
    });
}

#[test]
fn a_wrong_command_line_ends_with_the_same_exit_code() {
    same(|world| world.run(&["-H"], NOTHING) + &world.run(&["x"], NOTHING));
}

#[test]
fn a_timeout_ends_a_client() {
    same(|world| world.run(&["-t", "50", "-f", "absent", "x"], NOTHING));
}

#[test]
fn an_unreachable_server_is_reported() {
    same(|world| {
        // Port 1 is privileged and nothing listens there; the last -p counts.
        world.run(&["-p", "1", "-f", "f", "x"], NOTHING)
            + &world.run(&["-p", "1", "-b", "-f", "f", "x"], NOTHING)
            + &world.run(&["-p", "1", "-w", "-c", "1", "-t", "50", "-f", "f"], NOTHING)
    });
}

#[test]
fn binary_input_arrives_unchanged() {
    let data: Vec<u8> =
        (0..1 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    same(|world| {
        let worker = world.worker(1, &["-f", "f", "--", "sha256sum"]);
        world.run(&["-f", "f"], &data) + &worker.done()
    });
}
