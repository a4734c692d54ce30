//! Clients, workers and servers that others wrote: PHP's extension, and PyPI's gear with Python's
//! ssl.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use gearman_test_support::library::{Library, set_library};
use gearman_test_support::outcome::run_for;
use gearman_test_support::paths::{PHP, PHP_EXTENSION};
use gearman_test_support::requirements::{have_file, skip};
use gearman_test_support::wait::wait_for;

use crate::support::{Server, file, gearman};

/// A program that is killed at the end.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Running {
        Running(command.stdin(Stdio::null()).spawn().expect("it starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn php(script: &str, server: &str) -> Command {
    let mut command = Command::new(PHP);
    command.args(["-d", "display_errors=stderr", "-r", script, "--", server]);
    set_library(&mut command, Library::Ours);
    command.env("GEARMAND_CA_CERTIFICATE", file("ca.pem")).env("GEARMAN_TLS_VERIFY", "full");
    command
}

#[test]
fn the_unchanged_php_extension_has_tls_by_the_scheme_of_its_servers() {
    if !have_file(PHP, "php8.2-cli") || !have_file(PHP_EXTENSION, "php8.2-gearman") {
        return;
    }
    let server = Server::start(&["--ssl"]);
    let address = format!("tls://localhost:{}", server.port);
    let worker = "$w = new GearmanWorker(); $w->addServers($argv[1]);
        $w->addFunction('reverse', fn($job) => strrev($job->workload()));
        while ($w->work()) {}";
    let _worker = Running::start(&mut php(worker, &address));
    let client = "$c = new GearmanClient(); $c->addServers($argv[1]);
        echo $c->doNormal('reverse', str_repeat('ab', 50000)) === str_repeat('ba', 50000)
            ? 'reversed ' : 'wrong ', $c->returnCode();";
    let outcome = run_for(php(client, &address), "php", 60);
    assert_eq!(outcome.stdout, "reversed 0", "{}", outcome.stderr);
    // The name as the second argument of addServer, without a port in it.
    let client = "[$host, $port] = explode(' ', $argv[1]);
        $c = new GearmanClient(); $c->addServer($host, (int)$port);
        echo $c->doNormal('reverse', 'abc');";
    let outcome = run_for(php(client, &format!("tls://localhost {}", server.port)), "php", 60);
    assert_eq!(outcome.stdout, "cba", "{}", outcome.stderr);
    let other = Server::run(&[]);
    let client = "$c = new GearmanClient(); $c->addServers($argv[1]);";
    let outcome = run_for(php(client, &format!("tls://localhost:{}", other.port)), "php", 60);
    assert!(outcome.stderr.contains("GearmanException"), "a server without TLS: {outcome:?}");
}

/// Where `tests/install-peers.sh` installs PyPI's gear.
fn gear(program: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_gearmand")).ancestors().nth(2).expect("a target");
    let path = target.join("tools/gear/bin").join(program);
    if !path.exists() {
        skip("PyPI's gear is not installed (tests/install-peers.sh)");
        return None;
    }
    Some(path)
}

#[test]
fn a_client_and_a_worker_in_python_use_pythons_ssl_with_their_certificates() {
    let Some(python) = gear("python") else { return };
    let server = Server::start(&["--ssl", "--ssl-verify-client=required"]);
    let script = "
import sys, threading, gear
port, ca, cert, key = int(sys.argv[1]), *sys.argv[2:]
worker, client = gear.Worker('w'), gear.Client('c')
for one in (worker, client):
    one.addServer('127.0.0.1', port, key, cert, ca)
    one.waitForServer(60)
worker.registerFunction('reverse')
def work():
    job = worker.getJob()
    job.sendWorkComplete(job.arguments[::-1])
threading.Thread(target=work, daemon=True).start()
done = threading.Event()
client.handleWorkComplete = lambda packet, old=client.handleWorkComplete: (old(packet), done.set())
job = gear.Job(b'reverse', b'ab' * 50000, b'u')
client.submitJob(job)
print(done.wait(60) and b''.join(job.data) == b'ba' * 50000)
";
    let mut command = Command::new(python);
    command.args(["-c", script, &server.port.to_string()]);
    command.args(["ca.pem", "worker-1.pem", "worker-1.key"].map(file));
    let outcome = run_for(command, "gear", 100);
    assert_eq!(outcome.stdout, "True\n", "{}", outcome.stderr);
    server.wait_for_line("has TLS and is worker-1");
}

#[test]
fn geard_with_pythons_ssl_is_a_server_for_the_tools() {
    let Some(geard) = gear("geard") else { return };
    let port = gearman_test_support::databases::process::free_port();
    let (ca, certificate, key) = (file("ca.pem"), file("worker-1.pem"), file("worker-1.key"));
    let _server = Running::start(
        Command::new(geard)
            .args(["-d", "-p", &port.to_string(), "--listen-address", "127.0.0.1"])
            .args(["--ssl-ca", &ca, "--ssl-cert", &file("gearmand.pem")])
            .args(["--ssl-key", &file("gearmand.key")])
            .stderr(Stdio::null()),
    );
    wait_for("geard", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    let host = format!("tls://127.0.0.1:{port}");
    let shown =
        ["-h", &host, "--ssl-ca-file", &ca, "--ssl-certificate", &certificate, "--ssl-key", &key];
    let _worker = Running::start(
        Command::new(env!("CARGO_BIN_EXE_gearman"))
            .args(shown)
            .args(["-w", "-f", "reverse", "--", "rev"]),
    );
    let done = gearman(&[], &[&shown[..], &["-f", "reverse", "abc"]].concat());
    assert_eq!(String::from_utf8_lossy(&done.stdout), "cba", "{done:?}");
}
