//! The examples for users: built as they would be, and run on a job server.

use crate::installed::{fresh, root, run, under_prefix};
use gearman_test_support::outcome::{Outcome, run_for};
use gearman_test_support::paths::own_gearmand;
use gearman_test_support::requirements::{have_program, skip};
use gearman_test_support::server::Server;
use gearman_test_support::wait::wait_until;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// Builds every example with the flags that pkg-config gives.
fn examples() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let flags = run(Command::new("pkg-config")
            .args(["--cflags", "--libs", "gearmand"])
            .env("PKG_CONFIG_PATH", under_prefix("lib/pkgconfig"))
            .env("PKG_CONFIG_SYSROOT_DIR", crate::installed::installed()));
        let directory = fresh("examples");
        let sources = root().join("bindings/c/examples");
        for entry in std::fs::read_dir(sources).expect("the examples can be listed") {
            let source = entry.expect("an entry").path();
            run(Command::new("cc")
                .args(["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-o"])
                .arg(directory.join(source.file_stem().expect("a stem")))
                .arg(&source)
                .args(flags.split_whitespace()));
        }
        directory
    })
}

fn example(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(examples().join(name));
    command.args(arguments).stdin(Stdio::null());
    command.env("LD_LIBRARY_PATH", under_prefix("lib")).env_remove("GEARMAN_SERVERS");
    command
}

/// A job server of ours with the example worker on it.
struct World {
    servers: String,
    worker: Running,
    server: Server,
}

impl World {
    /// None, and the reason on the output, when something is missing.
    fn new() -> Option<World> {
        World::with("reverse_worker")
    }

    /// With another worker than the simplest.
    fn with(worker: &str) -> Option<World> {
        if !have_program("pkg-config", &["--version"]) {
            return None;
        }
        let Some(gearmand) = own_gearmand() else {
            skip("the package is built without its job server");
            return None;
        };
        let server = Server::start(gearmand);
        let servers = format!("127.0.0.1:{}", server.port);
        let mut worker = example(worker, &[&servers]);
        let worker = worker.stdout(Stdio::piped()).spawn().expect("the worker starts");
        let worker = Running(worker);
        Some(World { servers, worker, server })
    }

    /// Ends the worker by SIGTERM. What it printed.
    fn stop_worker(&mut self) -> String {
        let pid = libc::pid_t::try_from(self.worker.0.id()).expect("a process id");
        // SAFETY: kill takes numbers only; the child has not been waited for.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
        assert!(self.worker.0.wait().expect("the worker ends").success());
        let mut printed = String::new();
        let output = self.worker.0.stdout.as_mut().expect("its output");
        output.read_to_string(&mut printed).expect("text");
        printed
    }

    /// What the server says of a function: how many jobs there are, how many run,
    /// and how many workers there are.
    fn status(&self, function: &str) -> String {
        let listing = self.server.ask("status");
        let mut lines = listing.lines();
        let found = lines.find_map(|line| line.strip_prefix(function)?.strip_prefix('\t'));
        found.unwrap_or_default().to_owned()
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Outcome {
        let command = example(name, &[&[&*self.servers], arguments].concat());
        let outcome = run_for(command, name, 30);
        outcome.assert_succeeded(name);
        outcome
    }
}

/// A program that is killed when the value is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_client_prints_the_reversed_text() {
    let Some(world) = World::new() else { return };
    assert_eq!(world.run("reverse_client", &[]).stdout, "!dlroW olleH\n");
    assert_eq!(world.run("reverse_client", &["abc"]).stdout, "cba\n");
}

#[test]
fn the_worker_ends_well_by_sigterm() {
    let Some(mut world) = World::new() else { return };
    // The answer says that the worker is up and its signal handler is set.
    world.run("reverse_client", &[]);
    world.stop_worker();
}

#[test]
fn a_poll_loop_drives_a_worker() {
    let Some(mut world) = World::with("worker_poll") else { return };
    for text in ["one", "two", "three"] {
        let reversed: String = text.chars().rev().collect();
        assert_eq!(world.run("reverse_client", &[text]).stdout, reversed + "\n");
    }
    // It sleeps between its jobs: a few waits for each packet, not one after another.
    let printed = world.stop_worker();
    let waits = printed.strip_prefix("3 jobs, ").and_then(|rest| rest.strip_suffix(" waits\n"));
    let waits: u32 = waits.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{printed}"));
    assert!((1..100).contains(&waits), "{waits}");
}

#[test]
fn concurrent_tasks_print_in_the_order_of_their_texts() {
    let Some(world) = World::new() else { return };
    assert_eq!(world.run("concurrent_tasks", &["one", "two", "three"]).stdout, "eno\nowt\neerht\n");
}

#[test]
fn a_poll_loop_drives_a_client() {
    let Some(world) = World::new() else { return };
    let printed = world.run("nonblocking_poll", &["one", "two", "three"]).stdout;
    let mut lines: Vec<&str> = printed.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["eerht", "eno", "owt"]);
}

#[test]
fn the_state_of_a_background_job_ends_with_done() {
    let Some(world) = World::new() else { return };
    let printed = world.run("background_status", &["reverse", "text"]).stdout;
    assert!(printed.starts_with("queued HANDLE\n") && printed.ends_with("done\n"), "{printed}");
}

#[test]
fn words_are_counted_by_map_and_reduce() {
    let Some(world) = World::new() else { return };
    // One runs the partition function and waits for the other.
    let workers: Vec<Running> = (0..2)
        .map(|_| example("word_count", &[&world.servers, "worker"]))
        .map(|mut worker| Running(worker.spawn().expect("the worker starts")))
        .collect();
    let text = fresh("word-count").join("text");
    std::fs::write(&text, "one two three\n\n  four five\nsix\n").expect("the text is written");
    let mut count = example("word_count", &[&world.servers, "count"]);
    count.stdin(std::fs::File::open(&text).expect("the text"));
    let outcome = run_for(count, "word_count", 30);
    outcome.assert_succeeded("word_count");
    assert_eq!(outcome.stdout, "6 words\n");
    drop(workers);
}

#[test]
fn a_delayed_job_is_done_when_its_time_comes() {
    let Some(world) = World::new() else { return };
    for seconds in ["1", "3600"] {
        let printed = world.run("delayed", &[seconds, "reverse", "text"]).stdout;
        assert_eq!(printed, "HANDLE\n");
    }
    // The worker does what is there for now, and the job of the first second.
    world.run("reverse_client", &[]);
    wait_until("the job of the first second", || world.status("reverse") == "1\t0\t1");
}
