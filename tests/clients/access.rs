//! Clients and tools that others wrote, with a job server that has access rules: what is refused
//! and what is allowed.

use std::fs;
use std::process::{Child, Command, Stdio};

use gearman_test_support::outcome::{Outcome, run_for};
use gearman_test_support::paths::{PHP, PHP_EXTENSION, own_gearmand, repository, scratch};
use gearman_test_support::requirements::{have_file, skip};
use gearman_test_support::server::Server;
use gearman_test_support::wait::wait_for;

use super::{TIMEOUT_S, tools};

const RULES: &str = "deny submit from any for secret\n\
                     deny work from any for hidden\n\
                     allow submit work view from local\n";
const REFUSAL: &str = "Denied by line 1 of the access rules: submit secret";
const GEARMAN: &str = "/usr/bin/gearman";
const GEARADMIN: &str = "/usr/bin/gearadmin";

/// A job server with rules, and Debian's `gearman` as a worker that offers `open` and `hidden`.
struct Guarded {
    server: Server,
    worker: Child,
}

impl Guarded {
    /// `name` is that of the file for the rules.
    fn start(name: &str) -> Option<Guarded> {
        if !have_file(GEARMAN, "gearman-tools") {
            return None;
        }
        let file = scratch().join(format!("access-{name}"));
        fs::write(&file, RULES).expect("the rules are written");
        let own = own_gearmand().expect("this test is built with the server");
        let rules = ["--access-rules", file.to_str().expect("UTF-8")];
        let server = Server::start_with(own, &rules);
        let worker = Command::new(GEARMAN)
            .args(["-h", "127.0.0.1", "-p", &server.port.to_string()])
            .args(["-w", "-f", "open", "-f", "hidden", "cat"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("the worker starts");
        wait_for("the worker", || {
            let list = server.ask("workers");
            list.contains(" : open !hidden\n").then_some(())
        });
        Some(Guarded { server, worker })
    }

    fn run(&self, mut command: Command) -> Outcome {
        let name = command.get_program().to_string_lossy().rsplit('/').next().map(String::from);
        command.stdin(Stdio::null());
        run_for(command, &name.unwrap_or_default(), TIMEOUT_S)
    }

    fn tool(&self, program: &str, arguments: &[&str]) -> Outcome {
        let mut command = Command::new(program);
        command.args(["-h", "127.0.0.1", "-p", &self.server.port.to_string()]).args(arguments);
        self.run(command)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.worker.kill();
        let _ = self.worker.wait();
    }
}

#[test]
fn refused_and_allowed_clients_of_the_distribution() {
    let Some(guarded) = Guarded::start("tools") else { return };
    for arguments in [&["-f", "secret", "x"][..], &["-b", "-f", "secret", "x"]] {
        let outcome = guarded.tool(GEARMAN, arguments);
        assert!(outcome.stderr.contains(REFUSAL), "{arguments:?}: {}", outcome.stderr);
    }
    let outcome = guarded.tool(GEARMAN, &["-f", "open", "hello"]);
    outcome.assert_succeeded("an allowed job");
    assert_eq!(outcome.stdout, "hello");
    let workers = guarded.tool(GEARADMIN, &["--workers"]);
    workers.assert_succeeded("gearadmin --workers");
    assert!(workers.stdout.contains(" : open !hidden\n"), "{}", workers.stdout);
    for command in ["--create-function=x", "--drop-function=open"] {
        let outcome = guarded.tool(GEARADMIN, &[command]);
        assert!(outcome.stderr.contains("PERMISSION_DENIED"), "{command}: {}", outcome.stderr);
    }
    let status = guarded.tool(GEARADMIN, &["--status"]);
    assert_eq!(status.stdout, "open\t0\t0\t1\n.\n");
}

#[test]
fn a_refused_job_is_an_error_in_php_and_the_next_one_is_done() {
    if !have_file(PHP, "php8.2-cli") || !have_file(PHP_EXTENSION, "php8.2-gearman") {
        return;
    }
    let Some(guarded) = Guarded::start("php") else { return };
    let script = format!(
        "$c = new GearmanClient(); $c->addServer('127.0.0.1', {}); @$c->doNormal('secret', 'x'); \
         echo $c->returnCode(), ' ', $c->error(), PHP_EOL, $c->doNormal('open', 'hello');",
        guarded.server.port
    );
    let mut command = Command::new(PHP);
    command.args(["-r", &script]);
    let outcome = guarded.run(command);
    outcome.assert_succeeded("php");
    let (first, second) = outcome.stdout.split_once('\n').expect("two lines");
    assert!(first.starts_with("18 ") && first.contains(REFUSAL), "{first}");
    assert_eq!(second, "hello");
}

/// `libgearman-client-perl` ends with the text of any ERROR packet.
#[test]
fn the_pure_perl_client_names_the_rule_that_refused_its_job() {
    const CLIENT: &str = "/usr/share/perl5/Gearman/Client.pm";
    if !have_file(CLIENT, "libgearman-client-perl") {
        return;
    }
    let Some(guarded) = Guarded::start("perl") else { return };
    let script = "for my $f ('secret', 'open') { \
                  my $c = Gearman::Client->new(job_servers => [\"127.0.0.1:$ARGV[0]\"]); \
                  my $r = eval { $c->do_task($f, 'hello') }; print \"$f: \", $r ? $$r : $@, \"\\n\" }";
    let mut command = Command::new("/usr/bin/perl");
    command.args(["-MGearman::Client", "-e", script, &guarded.server.port.to_string()]);
    let outcome = guarded.run(command);
    outcome.assert_succeeded("perl");
    assert!(outcome.stdout.contains(REFUSAL), "{}", outcome.stdout);
    assert!(outcome.stdout.ends_with("open: hello\n"), "{}", outcome.stdout);
}

/// `gearman3` of PyPI writes any ERROR packet to its log, and waits for a result until its limit.
#[test]
fn gearman3_of_pypi_logs_the_rule_that_refused_its_job() {
    let python = tools().join("gearman3/bin/python");
    if !python.exists() {
        skip(&format!("{} is missing: tests/run.sh installs it", python.display()));
        return;
    }
    let Some(guarded) = Guarded::start("python") else { return };
    let mut command = Command::new(python);
    command.arg(repository().join("tests/clients/access.py"));
    command.arg(guarded.server.port.to_string());
    let outcome = guarded.run(command);
    outcome.assert_succeeded("gearman3");
    assert_eq!(outcome.stdout, "secret no result\nopen hello\n");
    assert!(outcome.stderr.contains(REFUSAL), "{}", outcome.stderr);
}
