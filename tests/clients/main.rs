//! Clients and workers of other projects, which do not use libgearman, with our job server:
//! a script per package (`tests/clients`) takes the same steps and prints the outcome of each.
//!
//! Every script also runs with the original's job server, where it is installed, and must print
//! the same there: what a package cannot do does not depend on the server.

mod access;
mod servers;
mod watching;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gearman_test_support::normalise::difference;
use gearman_test_support::outcome::run_for;
use gearman_test_support::paths::{ORIGINAL_GEARMAND, own_gearmand, repository, target_dir};
use gearman_test_support::requirements::{have_file, skip};
use gearman_test_support::server::Server;

/// Seconds that a story may take on a busy machine.
pub(crate) const TIMEOUT_S: u64 = 120;

/// Where `tests/run.sh` puts what does not come from the distribution.
pub(crate) fn tools() -> PathBuf {
    target_dir().join("tools")
}

/// Runs a script with two servers; what it printed.
fn play(gearmand: &str, name: &str, command: &[&str], more: &[&str]) -> String {
    let servers = [Server::start(gearmand), Server::start(gearmand)];
    let mut process = Command::new(command[0]);
    process.args(&command[1..]);
    process.arg(repository().join("tests/clients").join(name));
    process.args(servers.iter().map(|server| server.port.to_string())).args(more);
    process.env("NODE_PATH", tools().join("node/node_modules")).stdin(Stdio::null());
    // A full stop would be the end of the name of the file for the output.
    let outcome = run_for(process, &name.replace('.', "-"), TIMEOUT_S);
    outcome.assert_succeeded(&format!("{name} with {gearmand}"));
    outcome.stdout
}

/// How the table of consumers names a job server.
pub(crate) fn server_name(gearmand: &str) -> &'static str {
    if gearmand == ORIGINAL_GEARMAND { "the original's job server" } else { "our job server" }
}

/// Counts the steps of a story that came to what was expected, for the table of consumers.
pub(crate) fn count_steps(consumer: &str, how: &str, suite: &str, told: &str, expected: &str) {
    let steps = expected.lines().count();
    let passed = expected.lines().zip(told.lines()).filter(|(want, got)| want == got).count();
    println!("consumer: {consumer} | {how} | {suite}, by step | {passed}/{steps}");
}

/// Plays a story on ours and on the original: both must come to `expected`, of which the table of
/// consumers counts each step.
fn story(
    consumer: &str,
    package: &Path,
    name: &str,
    command: &[&str],
    more: &[&str],
    expected: &str,
) {
    if !package.exists() {
        skip(&format!("{} is missing: tests/run.sh installs it", package.display()));
        return;
    }
    let own = own_gearmand().expect("this test is built with the server");
    for gearmand in [own, ORIGINAL_GEARMAND] {
        if !Path::new(gearmand).exists() {
            continue;
        }
        let told = play(gearmand, name, command, more);
        let suite = format!("`tests/clients/{name}`");
        count_steps(consumer, server_name(gearmand), &suite, &told, expected);
        assert_eq!(told, expected, "{gearmand} is on the left");
    }
}

/// `libgearman-client-perl`. With either server it cannot have a job done whose
/// result is empty: its worker sends that without the NUL behind the handle. A
/// client of its that did not ask for exceptions waits for ever when there is one:
/// the WORK_FAIL that it gets instead has a NUL that it does not expect. A worker
/// ends after an exception of its own.
#[test]
fn the_pure_perl_client_and_worker() {
    let expected = "\
foreground: olleh
large: 10485760 the same
failure: 1
many at once: 20 01 boj
exception: came
status: known 1 running 1 progress 3/7
status at the end: known 0
order: high high normal normal low low 
lost worker: by another worker
two servers: from both
two servers: from both
one server down: from both
";
    let package = Path::new("/usr/share/perl5/Gearman/Client.pm");
    let name = "Debian's `libgearman-client-perl`";
    story(name, package, "story.pl", &["perl"], &[], expected);
}

const PYTHON: &str = "\
foreground: olleh
empty: ''
large: 10485760 the same
reports: ['part one'] ['careful']
exception that was not asked for: FAILED
many at once: 20 01 boj
status: progress 3/7
status at the end: no progress
order: high high normal normal low low 
lost worker: by another worker
two servers: from both
two servers: from both
one server down: from both
";

/// What an administrator sees of the workers of `story.py`.
const LISTS: &str = "\
admin: reverse 0 queued 0 running 1 workers
admin: workers of boo both bytes empty lost report reverse wait
";

/// `py3gearman` of PyPI. It takes text alone, counts its characters for bytes, and submits in the
/// background unless it is told otherwise. It cannot ask for exceptions.
#[test]
fn py3gearman_of_pypi() {
    let python = tools().join("py3gearman/bin/python");
    let command = [python.to_str().expect("UTF-8")];
    let expected = format!("{PYTHON}{LISTS}").replace("large: 10485760", "large: 1048576");
    story("PyPI's `py3gearman`", &python, "story.py", &command, &["admin", "text"], &expected);
}

/// `aiogear` of PyPI. It takes results for text, in the order of the submissions.
#[test]
fn aiogear_of_pypi() {
    let expected = "\
foreground: olleh
large: 10194485 the same
exception that was not asked for: WorkFail
exception: WorkException boo
status: known True running True progress 3/7
status at the end: known False
order: high high normal normal low low
lost worker: by another worker
two servers: unique from both
two servers: unique from both
admin: reverse 0 queued 0 running 1 workers
admin: workers of boo both large lost order reverse wait
admin: a version
";
    let python = tools().join("aiogear/bin/python");
    let command = [python.to_str().expect("UTF-8")];
    story("PyPI's `aiogear`", &python, "story_aiogear.py", &command, &[], expected);
}

/// `gear` of PyPI: OpenStack's client and worker.
#[test]
fn gear_of_pypi() {
    let expected = "\
foreground: olleh
empty: []
large: 10485760 the same
failure: True
exception that was not asked for: True None
exception: True b'boo'
reports: part one careful the end warned True
many at once: 20 01 boj
status: known True running True progress 3/7
status at the end: known False
order: high high normal normal low low
lost worker: by another worker
two servers: from both
two servers: from both
one server down: from both
admin: reverse 0 0 1
admin: version told
";
    let python = tools().join("gear/bin/python");
    let command = [python.to_str().expect("UTF-8")];
    story("PyPI's `gear`", &python, "story_gear.py", &command, &[], expected);
}

/// `node-gearman` of npm. It knows one server per client, no status, no warnings and no
/// exceptions, and mixes up the handles of background and foreground jobs.
#[test]
fn node_gearman_of_npm() {
    let expected = "\
foreground: olleh
empty: \"\"
large: 10485760 the same
failure: true
reports: part one, the end
many at once: 20 01 boj
order: high high normal normal low low
lost worker: by another worker
two servers: from both
two servers: from both
";
    let package = tools().join("node/node_modules/node-gearman");
    story("npm's `node-gearman`", &package, "story_node_gearman.js", &["node"], &[], expected);
}

/// `gearman3` of PyPI. With a Python of today it works only with two methods that
/// the script gives back to it. It takes every job for unknown, and cannot read an
/// administrator's lists. It cannot ask for exceptions.
#[test]
fn gearman3_of_pypi() {
    let python = tools().join("gearman3/bin/python");
    let command = [python.to_str().expect("UTF-8")];
    story("PyPI's `gearman3`", &python, "story.py", &command, &[], PYTHON);
}

/// `pygearman` of PyPI. It cannot ask for exceptions.
#[test]
fn pygearman_of_pypi() {
    let python = tools().join("pygearman/bin/python");
    let command = [python.to_str().expect("UTF-8")];
    let expected = format!("{PYTHON}{LISTS}");
    story("PyPI's `pygearman`", &python, "story.py", &command, &["admin"], &expected);
}

/// `gearman` of npm, which speaks the protocol packet by packet and over one
/// connection.
#[test]
fn gearman_of_npm() {
    let expected = "\
foreground: olleh
large: 10485760 the same
failure: came
exception that was not asked for: a failure
exception: boo
reports: part one, careful, the end
status: known 1 running 1 progress 3/7
status at the end: known 0
order: high high normal normal low low
lost worker: by another worker
two servers: from both
two servers: from both
admin: reverse 0 queued 0 running 1 workers
";
    let package = tools().join("node/node_modules/gearman");
    story("npm's `gearman`", &package, "gearman.js", &["node"], &[], expected);
}

/// `gearmanode` of npm. It cannot send bytes that are no text as a result. A client
/// of its that did not ask for exceptions ends when there is one: it does not know
/// the job of the WORK_FAIL that it gets instead, for the NUL at its end.
#[test]
fn gearmanode_of_npm() {
    let expected = "\
foreground: olleh
large: 10485760 the same
failure: came
exception: boo
reports: part one, careful
status: known 1 running 1 progress 3/7
status at the end: known 0
order: high high normal normal low low
lost worker: by another worker
two servers: from both
two servers: from both
one server down: from both
";
    let package = tools().join("node/node_modules/gearmanode");
    story("npm's `gearmanode`", &package, "gearmanode.js", &["node"], &[], expected);
}

/// Debian's `gearadmin`, for each of its commands: what it prints, and its exit
/// code, of either server.
#[test]
fn gearadmin_of_the_distribution() {
    const COMMANDS: [&str; 14] = [
        "--create-function=abc",
        "--create-function=abd",
        "--status",
        "--priority-status",
        "--show-jobs",
        "--show-unique-jobs",
        "--cancel-job=H:x:1",
        "--drop-function=abc",
        "--drop-function=nothing",
        "--status",
        "--server-verbose",
        "--shutdown",
        "--help",
        "--status",
    ];
    const GEARADMIN: &str = "/usr/bin/gearadmin";
    if !have_file(GEARADMIN, "gearman-tools") || !have_file(ORIGINAL_GEARMAND, "gearman-job-server")
    {
        return;
    }
    let tell = |gearmand: &str| {
        let server = Server::start(gearmand);
        let run = |tool: &str, arguments: &[&str]| {
            let mut process = Command::new(tool);
            process.args(["-h", "127.0.0.1", "-p", &server.port.to_string()]).args(arguments);
            let outcome = run_for(process, "gearadmin", TIMEOUT_S);
            let code = outcome.status.and_then(|status| status.code());
            format!("{arguments:?} {code:?}\n{}{}", outcome.stdout, outcome.stderr)
        };
        let queued = run("/usr/bin/gearman", &["-b", "-v", "-u", "unique", "-f", "abd", "x"]);
        COMMANDS.iter().fold(queued, |told, command| told + &run(GEARADMIN, &[command]))
    };
    let own = own_gearmand().expect("this test is built with the server");
    if let Some(difference) = difference(&tell(ORIGINAL_GEARMAND), &tell(own)) {
        panic!("{difference}");
    }
}
