//! Naming servers: `-h`, `-p`, lists, addresses, paths and the environment.

use crate::processes::*;
use gearman_test_support::server::Server;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;

/// Submits a job, and asserts that the server has it.
#[track_caller]
fn reaches(server: &Server, command: Command) {
    let port = server.port.to_string();
    let done = run(command, b"");
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let admin = tool(GEARADMIN, ["-p", &port, "--status", "--cancel-job", handle(&done)]);
    assert!(run(admin, b"").text().starts_with("f\t1\t0\t0\n"));
}

fn handle(done: &Done) -> &str {
    let text = std::str::from_utf8(&done.stdout).expect("text");
    text.trim().strip_prefix("Task created: ").expect("a handle")
}

fn submit(before: &[&str]) -> Command {
    tool(GEARMAN, before.iter().chain(&["-v", "-b", "-f", "f", "x"]))
}

#[test]
fn a_server_is_named_in_many_ways() {
    let server = Server::start(GEARMAND);
    let port = server.port.to_string();
    let full = format!("127.0.0.1:{port}");
    for options in [
        &["-h", "localhost", "-p", &port][..],
        &["-p", &port, "-h", "localhost"],
        &["-h", &full],
        &["--host", &full],
        &["--host=127.0.0.1", "--port", &port],
        &["-p", &port],
        &["-h", "127.0.0.1", "-p", &port, "-h", "127.0.0.1:1"],
        &["-h", &format!("{full},127.0.0.1:1")],
        &["-p", "1", "-p", &port],
        &["-p", &port, "-p", "1"],
    ] {
        reaches(&server, submit(options));
    }
}

#[test]
fn the_environment_names_servers() {
    let server = Server::start(GEARMAND);
    let full = format!("127.0.0.1:{}", server.port);
    let mut command = submit(&[]);
    command.env("GEARMAN_SERVERS", &full);
    reaches(&server, command);
    let mut command = submit(&[]);
    command.env("GEARMAN_SERVER", &full);
    reaches(&server, command);
    // GEARMAN_SERVERS comes after them.
    let mut command = submit(&["-h", "127.0.0.1:1"]);
    command.env("GEARMAN_SERVERS", &full);
    reaches(&server, command);
}

#[test]
fn a_server_of_the_environment_replaces_the_options_with_a_message() {
    let server = Server::start(GEARMAND);
    let full = format!("127.0.0.1:{}", server.port);
    let mut command = submit(&["-h", "127.0.0.1:1"]);
    command.env("GEARMAN_SERVER", &full);
    let done = run(command, b"");
    let message = format!(
        "gearman: GEARMAN_SERVER ({full}) takes the place of -h and -p (127.0.0.1:1); \
         unset it to use these\n"
    );
    assert_eq!((done.code, done.stderr), (Some(0), message));
    assert_eq!(server.ask("status"), "f\t1\t0\t0\n.\n");
    // The same server under both names is worth no message.
    let mut command = gearman(&server, &["-b", "-f", "f", "x"]);
    command.env("GEARMAN_SERVER", &full);
    run(command, b"").printed("");
}

#[test]
fn a_ping_asks_the_servers_of_its_options_and_else_those_of_the_environment() {
    let (one, two) = (Server::start(GEARMAND), Server::start(GEARMAND));
    let address = |server: &Server| format!("127.0.0.1:{}", server.port);
    let ping = |args: &[&str]| {
        let mut command = tool(GEARMAN, [&["--ping"], args].concat());
        command.env("GEARMAN_SERVER", address(&one)).env("GEARMAN_SERVERS", "127.0.0.1:1");
        run(command, b"")
    };
    let done = ping(&["-h", &address(&two)]);
    assert!(done.text().starts_with(&format!("{} is alive", address(&two))), "{done:?}");
    assert_eq!((done.text().lines().count(), done.stderr.as_str()), (1, ""));
    let done = ping(&[]);
    assert!(done.text().starts_with(&format!("{} is alive", address(&one))), "{done:?}");
    assert_eq!(done.stderr, "gearman: 127.0.0.1:1: Connection refused\n");
}

#[test]
fn gearadmin_asks_the_server_of_the_environment_unless_an_option_names_one() {
    let (one, two) = (Server::start(GEARMAND), Server::start(GEARMAND));
    let address = |server: &Server| format!("127.0.0.1:{}", server.port);
    let pid = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = tool(GEARADMIN, [args, &["--getpid"]].concat());
        command.envs(variables.iter().copied());
        run(command, b"")
    };
    let (first, second) = (address(&one), address(&two));
    let [pid_one, pid_two] = [&first, &second].map(|host| pid(&["-h", host], &[]).text());
    assert_ne!(pid_one, pid_two);
    pid(&[], &[("GEARMAN_SERVERS", &first)]).printed(&pid_one);
    pid(&[], &[("GEARMAN_SERVERS", &first), ("GEARMAN_SERVER", &second)]).printed(&pid_two);
    let port = two.port.to_string();
    for option in [&["-h", &second[..]][..], &["-p", &port]] {
        pid(option, &[("GEARMAN_SERVER", &first)]).printed(&pid_two);
    }
    let several = format!("{first},{second}");
    let done = pid(&[], &[("GEARMAN_SERVERS", &several)]);
    let message = "gearadmin: 2 servers for GEARMAN_SERVERS: expected a single one, named with -h";
    assert!(done.stderr.starts_with(message), "{}", done.stderr);
    assert_eq!((done.code, done.text().as_str()), (Some(2), ""));
}

/// The seconds before the system probes the connection to a port that has no data on its way.
fn seconds_to_probe(port: u16) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the table of sockets");
    let peer = format!("0100007F:{port:04X}");
    let row = table.lines().find(|row| row.split_whitespace().nth(2) == Some(&peer))?;
    // The kind of the timer, 02 for probes, and its hundredths of a second.
    let timer = row.split_whitespace().nth(5)?.strip_prefix("02:")?;
    Some(u64::from_str_radix(timer, 16).expect("a number") / 100)
}

#[test]
fn the_environment_sets_when_every_tool_notices_a_vanished_host() {
    let accepting = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = accepting.local_addr().expect("an address").port();
    let host = format!("127.0.0.1:{port}");
    for (program, args) in [
        (GEARMAN, &["-s", "-f", "f"][..]),
        (GEARMAN, &["-w", "-f", "f"]),
        (GEARMAN, &["--ping", "-t", "60000"]),
        (GEARADMIN, &["--status"]),
    ] {
        let mut command = tool(program, [args, &["-h", &host]].concat());
        command.env("GEARMAN_KEEPALIVE", "1000");
        let running = Running::start(command);
        let _connection = accepting.accept().expect("a connection");
        // A minute without the variable.
        wait_for("a probe after minutes", || seconds_to_probe(port).filter(|&s| s > 400));
        drop(running);
        let mut command = tool(program, [args, &["-h", &host]].concat());
        command.env("GEARMAN_KEEPALIVE", "soon");
        let done = run(command, b"");
        let message = "GEARMAN_KEEPALIVE is \"soon\", not 0 or a number of seconds from 2 to 32767";
        assert!(done.stderr.contains(message), "{}", done.stderr);
        assert_eq!(done.code, Some(2), "{args:?}");
    }
}

#[test]
fn the_environment_lets_a_lost_job_be_submitted_to_another_server() {
    let (one, two) = (Server::start(GEARMAND), Server::start(GEARMAND));
    let _worker = worker(&one, &["-f", "f", "--", "cat"]);
    let list = format!("127.0.0.1:{},127.0.0.1:{}", one.port, two.port);
    let mut command = tool(GEARMAN, ["-h", &list, "-v", "-f", "f", "x"]);
    command.env("GEARMAN_RESUBMISSIONS", "1");
    let client = Running::start(command);
    assert!(client.line().starts_with("Task created"));
    drop(two);
    let done = client.end();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    assert!(done.text().ends_with("\nx"), "{}", done.text());
}

#[test]
fn an_ipv6_address_stands_in_brackets() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        skip("this machine has no IPv6");
        return;
    };
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let mut command = tool(GEARMAND, ["-L", "::1", "-p", &port.to_string(), "--log-file", "none"]);
    let _server = Running::start({
        command.env_remove("GEARMAND_PORT");
        command
    });
    wait_for("the server", || TcpStream::connect(("::1", port)).ok());
    for host in [format!("[::1]:{port}"), format!("127.0.0.1:1,[::1]:{port}")] {
        assert_eq!(run(submit(&["-h", &host]), b"").code, Some(0));
        assert_eq!(
            run(tool(GEARMAN, ["--ping", "-h", &format!("[::1]:{port}")]), b"").code,
            Some(0)
        );
    }
    let admin = ["-h", &format!("[::1]:{port}"), "--status"];
    assert!(run(tool(GEARADMIN, admin), b"").text().starts_with("f\t2\t"));
    assert!(
        run(tool(GEARADMIN, ["-h", "::1", "-p", &port.to_string(), "--getpid"]), b"").code
            == Some(0)
    );
}

#[test]
fn a_path_is_a_unix_socket() {
    let path = scratch().join("gearmand.sock");
    let path = path.to_str().expect("text");
    let _server = Running::start(tool(GEARMAND, ["-L", path, "--log-file", "none"]));
    wait_for("the server", || std::os::unix::net::UnixStream::connect(path).ok());
    run(tool(GEARMAN, ["-h", path, "-b", "-f", "f", "x"]), b"").printed("");
    run(tool(GEARMAN, ["-h", path, "-w", "-c", "1", "-f", "f"]), b"").printed("x");
    run(tool(GEARADMIN, ["-h", path, "--status"]), b"").printed("f\t0\t0\t0\n.\n");
    let done = run(tool(GEARMAN, ["-h", "/no/such/socket", "-f", "f", "x"]), b"");
    assert_eq!(
        done.stderr,
        "gearman: cannot connect to /no/such/socket: No such file or directory\n"
    );
}

#[test]
fn the_first_reachable_server_gets_the_job() {
    let (one, two) = (Server::start(GEARMAND), Server::start(GEARMAND));
    let list = format!("127.0.0.1:{},127.0.0.1:{}", one.port, two.port);
    reaches(&two, submit(&["-h", &list]));
    drop(two);
    reaches(&one, submit(&["-h", &list]));
}

/// A port whose connections are never accepted, nor refused: its queue is full.
fn swallows_connections() -> (TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    // SAFETY: changes the length of the queue of an open descriptor.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let address = listener.local_addr().expect("an address");
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
    let queued = std::iter::from_fn(connect).collect();
    (listener, queued)
}

#[test]
fn a_server_that_does_not_answer_is_skipped() {
    let (swallows, _queued) = swallows_connections();
    let address = swallows.local_addr().expect("an address");
    let server = Server::start(GEARMAND);
    let list = format!("127.0.0.1:{},{address}", server.port);
    reaches(&server, submit(&["-t", "2000", "-h", &list]));
    let done = run(submit(&["-t", "200", "-h", &address.to_string()]), b"");
    assert_eq!(done.code, Some(4), "{}", done.stderr);
}

#[test]
fn a_worker_works_for_every_server() {
    let (one, two) = (Server::start(GEARMAND), Server::start(GEARMAND));
    let other = format!("127.0.0.1:{}", two.port);
    let _worker = worker(&one, &["-h", &other, "-f", "f", "--", "cat"]);
    for server in [&one, &two] {
        run(gearman(server, &["-f", "f", "x"]), b"").printed("x");
    }
}
