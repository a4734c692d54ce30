//! The examples in C: built with the flags of pkg-config, and run on a job server.

use crate::installed::{fresh, root, run, under_prefix};
use gearman_test_support::outcome::{Outcome, run_for};
use gearman_test_support::paths::{ORIGINAL_GEARMAND, own_gearmand, profile_dir};
use gearman_test_support::programs::trial;
use gearman_test_support::requirements::{have_file, have_program, skip};
use gearman_test_support::server::Server;
use gearman_test_support::wait::wait_until;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// What an example that needs SQLite has, and the header that it then needs.
const SQLITE_INCLUDE: &str = "#include <sqlite3.h>";
const SQLITE_HEADER: &str = "/usr/include/sqlite3.h";

/// Builds every example with the flags that pkg-config gives, except what needs SQLite where that
/// is missing.
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
            if source.extension().is_none_or(|extension| extension != "c") {
                continue;
            }
            let text = std::fs::read_to_string(&source).expect("the source");
            let uses_sqlite = text.contains(SQLITE_INCLUDE);
            if uses_sqlite && !Path::new(SQLITE_HEADER).exists() {
                continue;
            }
            run(Command::new("cc")
                .args(["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-o"])
                .arg(directory.join(source.file_stem().expect("a stem")))
                .arg(&source)
                .args(flags.split_whitespace())
                .args(uses_sqlite.then_some("-lsqlite3")));
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

/// The options of an example for a server on this port of 127.0.0.1.
fn at_port(port: u16) -> [String; 4] {
    ["-h", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned)
}

/// A job server of this package, with an example worker.
struct World {
    /// The options that name the server.
    options: [String; 4],
    worker: Running,
    server: Server,
}

impl World {
    /// Starts the server and the simplest worker. None, with the reason printed, if pkg-config
    /// or the job server is missing.
    fn new() -> Option<World> {
        World::with("reverse_worker")
    }

    /// Starts the server and the given worker.
    fn with(worker: &str) -> Option<World> {
        if !have_program("pkg-config", &["--version"]) {
            return None;
        }
        let Some(gearmand) = own_gearmand() else {
            skip("the package is built without its job server");
            return None;
        };
        let server = Server::start(gearmand);
        let options = at_port(server.port);
        let mut worker = example(worker, &options.each_ref().map(String::as_str));
        let worker = worker.stdout(Stdio::piped()).spawn().expect("the worker starts");
        let worker = Running(worker);
        Some(World { options, worker, server })
    }

    /// Ends the worker by SIGTERM and returns its output.
    fn stop_worker(&mut self) -> String {
        terminate(&mut self.worker);
        let mut printed = String::new();
        let output = self.worker.0.stdout.as_mut().expect("its output");
        output.read_to_string(&mut printed).expect("text");
        printed
    }

    /// A function's line of the server's status: jobs, running jobs, workers.
    fn status(&self, function: &str) -> String {
        let listing = self.server.ask("status");
        let mut lines = listing.lines();
        let found = lines.find_map(|line| line.strip_prefix(function)?.strip_prefix('\t'));
        found.unwrap_or_default().to_owned()
    }

    /// The arguments of an example that uses this server.
    fn arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        self.options.iter().map(String::as_str).chain(arguments.iter().copied()).collect()
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Outcome {
        let command = example(name, &self.arguments(arguments));
        let outcome = run_for(command, name, 30);
        outcome.assert_succeeded(name);
        outcome
    }
}

/// Ends a worker by SIGTERM, after which its exit code has to be 0.
fn terminate(worker: &mut Running) {
    let pid = libc::pid_t::try_from(worker.0.id()).expect("a process id");
    // SAFETY: kill takes numbers only; the child has not been waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
    assert!(worker.0.wait().expect("the worker ends").success());
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
fn sigterm_ends_the_worker_with_code_0() {
    let Some(mut world) = World::new() else { return };
    // The answer shows that the worker is connected and its signal handler is set.
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
    // It sleeps between its jobs: it waits a few times per packet and does not poll busily.
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
fn the_last_state_of_a_background_job_is_done() {
    let Some(world) = World::new() else { return };
    let printed = world.run("background_status", &["reverse", "text"]).stdout;
    assert!(printed.starts_with("queued HANDLE\n") && printed.ends_with("done\n"), "{printed}");
}

#[test]
fn map_and_reduce_count_words() {
    let Some(world) = World::new() else { return };
    // One runs the partition function, which waits for the other.
    let workers: Vec<Running> = (0..2)
        .map(|_| example("word_count", &world.arguments(&["worker"])))
        .map(|mut worker| Running(worker.spawn().expect("the worker starts")))
        .collect();
    let text = fresh("word-count").join("text");
    std::fs::write(&text, "one two three\n\n  four five\nsix\n").expect("the text is written");
    let mut count = example("word_count", &world.arguments(&["count"]));
    count.stdin(std::fs::File::open(&text).expect("the text"));
    let outcome = run_for(count, "word_count", 30);
    outcome.assert_succeeded("word_count");
    assert_eq!(outcome.stdout, "6 words\n");
    drop(workers);
}

/// What an example that starts its own workers prints, with our job server and with the
/// original's.
fn does_its_work(name: &str, printed: &str) {
    if !have_program("pkg-config", &["--version"]) {
        return;
    }
    let original = Some(ORIGINAL_GEARMAND).filter(|file| have_file(file, "gearman-job-server"));
    let servers = [(own_gearmand(), "our job server"), (original, "the original's job server")];
    for (gearmand, how) in servers {
        let Some(gearmand) = gearmand else { continue };
        trial("our examples in C", how, "`bindings/c/examples`", || {
            let server = Server::start(gearmand);
            let options = at_port(server.port);
            let mut command = example(name, &options.each_ref().map(String::as_str));
            command.env("GEARMAN", profile_dir().join("gearman"));
            let outcome = run_for(command, name, 120);
            outcome.assert_succeeded(&format!("{name} with {gearmand}"));
            assert_eq!(outcome.stdout, printed, "{name} with {gearmand}");
        });
    }
}

#[test]
fn map_and_reduce_sort_numbers() {
    does_its_work(
        "merge_sort",
        "20000 numbers in 6 pieces sorted by 4 workers\nfrom 28 to 999998, in order\n",
    );
}

#[test]
fn a_picture_is_resized_and_the_progress_is_printed() {
    let printed = "\
row 12 of 60, 20%
row 24 of 60, 40%
row 36 of 60, 60%
row 48 of 60, 80%
row 60 of 60, 100%
640x480 became 80x60, FNV-1a 8cbf9104
";
    does_its_work("resize", printed);
}

#[test]
fn a_log_that_is_piped_into_the_tool_is_summarised() {
    let printed = "\
12 requests, 49600 bytes
    10 with status 200
     2 with status 404
";
    does_its_work("log_summary", printed);
}

#[test]
fn a_crawl_pipeline_in_c_stores_every_page_once() {
    if !have_file(SQLITE_HEADER, "libsqlite3-dev") {
        return;
    }
    let printed = "\
/          200  171 bytes  4 links  Front page
/about     200  140 bytes  1 links  About this site
/archive   200  194 bytes  4 links  Archive
/news      200  169 bytes  4 links  News
/news/1    200  117 bytes  2 links  A server was started
/news/2    200  155 bytes  3 links  A worker was added
/news/3    200  117 bytes  2 links  A job was done
/picture   404    0 bytes  0 links
8 pages stored, 1 of them missing at the site
";
    does_its_work("crawl", printed);
}

#[test]
fn a_nightly_job_in_c_submits_itself_for_the_next_night() {
    let printed = "\
submitted twice: one job
night 1: logs: 1, lines: 10
night 2: logs: 1, lines: 20
night 3: logs: 1, lines: 30
";
    does_its_work("nightly", printed);
}

#[test]
fn one_command_builds_and_runs_an_example_with_a_server_of_its_own() {
    let run_example = |arguments: &[&str]| {
        let mut command = Command::new(root().join("bindings/example.sh"));
        command.args(arguments).env("GEARMAN_BUILT", profile_dir()).stdin(Stdio::null());
        run_for(command, "example-sh", 120)
    };
    let sorted = run_example(&["c", "merge_sort"]);
    sorted.assert_succeeded("example.sh c merge_sort");
    assert!(sorted.stdout.ends_with("from 28 to 999998, in order\n"), "{}", sorted.stdout);

    let listed = run_example(&[]);
    listed.assert_succeeded("example.sh");
    for line in [
        "c: crawl log_summary merge_sort nightly resize\n",
        "python: crawl log_summary merge_sort nightly resize\n",
        "php: crawl log_summary merge_sort nightly resize\n",
    ] {
        assert!(listed.stdout.contains(line), "{line}{}", listed.stdout);
    }

    let unknown = run_example(&["c", "mergesort"]);
    assert_eq!(unknown.status.and_then(|status| status.code()), Some(1));
    assert!(unknown.stderr.starts_with("example.sh: no example mergesort in c"), "{unknown:?}");
}

#[test]
fn a_delayed_job_starts_after_its_time() {
    let Some(world) = World::new() else { return };
    for seconds in ["1", "3600"] {
        let printed = world.run("delayed", &[seconds, "reverse", "text"]).stdout;
        assert_eq!(printed, "HANDLE\n");
    }
    // The worker does the waiting job, and the delayed one of the first second.
    world.run("reverse_client", &[]);
    wait_until("the job of the first second", || world.status("reverse") == "1\t0\t1");
}

/// The options of an example for a port on which no server listens.
fn at_closed_port() -> [String; 4] {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    at_port(listener.local_addr().expect("its address").port())
}

#[test]
fn a_client_without_a_server_ends_with_one_message_and_code_1() {
    if !have_program("pkg-config", &["--version"]) {
        return;
    }
    let options = at_closed_port();
    for name in ["reverse_client", "concurrent_tasks", "background_status", "nonblocking_poll"] {
        let arguments: Vec<&str> = options.iter().map(String::as_str).chain(["reverse"]).collect();
        let outcome = run_for(example(name, &arguments), name, 30);
        assert_eq!(outcome.status.and_then(|status| status.code()), Some(1), "{name}");
        assert!(outcome.stderr.starts_with(&format!("{name}: ")), "{}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    }
}

#[test]
fn a_worker_without_a_server_pauses_between_its_attempts() {
    if !have_program("pkg-config", &["--version"]) {
        return;
    }
    let options = at_closed_port();
    let mut worker = example("reverse_worker", &options.each_ref().map(String::as_str));
    let mut worker = Running(worker.stderr(Stdio::piped()).spawn().expect("the worker starts"));
    let mut lines = BufReader::new(worker.0.stderr.take().expect("its errors")).lines();
    for pause in [1, 2] {
        let line = lines.next().expect("a line").expect("text");
        let expected = "reverse_worker: GEARMAN_COULD_NOT_CONNECT; trying again in";
        assert_eq!(line, format!("{expected} {pause} s"));
    }
    terminate(&mut worker);
}

#[test]
fn a_wrong_command_line_ends_an_example_with_its_usage_and_code_2() {
    if !have_program("pkg-config", &["--version"]) {
        return;
    }
    for (name, arguments) in [
        ("reverse_client", &["-p", "localhost"][..]),
        ("reverse_worker", &["-x"]),
        ("concurrent_tasks", &["-h", "localhost"]),
        ("delayed", &["tomorrow", "reverse", "text"]),
        ("word_count", &["neither"]),
    ] {
        let outcome = run_for(example(name, arguments), name, 30);
        assert_eq!(outcome.status.and_then(|status| status.code()), Some(2), "{name}");
        assert!(outcome.stderr.contains(" [-h HOST] [-p PORT]"), "{}", outcome.stderr);
    }
}
