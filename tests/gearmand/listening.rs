//! Addresses that the server listens on: ports, Unix sockets, sockets from systemd.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use super::support::*;

#[test]
fn a_unix_socket_is_as_good_as_a_port() {
    let directory = Directory::new("unix");
    let path = directory.file("gearmand.sock");
    let mut server = Server::start(&["--listen", &path]);
    server.wait_for_line(&format!("Listening on {path}"));
    let found = fs::metadata(&path).expect("the socket");
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o660);
    // The peer is shown by its process id.
    let line = ask_at(&path, "workers\n").expect("an answer");
    let columns: Vec<&str> = line.split(' ').collect();
    assert_eq!(columns[1..], [&format!("unix:{}", std::process::id()), "-", ":\n"], "{line}");
    server.wait_for_line(&format!("Accepted connection from unix:{}", std::process::id()));
    server.connect().settle();
    server.signal("TERM");
    server.wait();
    assert!(!Path::new(&path).exists(), "the socket is still there");
}

#[test]
fn the_socket_of_a_killed_server_is_taken_over_and_that_of_a_living_one_is_not() {
    let directory = Directory::new("takeover");
    let path = directory.file("gearmand.sock");
    let name = format!("unix:{path}");
    let mut killed = Server::start(&["-L", &name]);
    killed.signal("KILL");
    killed.wait();
    let server = Server::start(&["-L", &name, "--socket-mode", "600"]);
    let version = ask_at(&path, "version\n").expect("an answer");
    assert!(version.starts_with("OK "), "{version}");
    let mode = fs::metadata(&path).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let refused = gearmand(&["-L", &path, "-l", "stderr", "--pid-file=none"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains(&path) && said.contains("in use"), "{said}");
    assert!(ask_at(&path, "version\n").is_ok(), "the socket went with the one that failed");
    drop(server);
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let directory = Directory::new("precious");
    let path = directory.file("precious");
    fs::write(&path, "precious").expect("written");
    let refused = gearmand(&["-L", &path, "-l", "stderr", "--pid-file=none"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    let expected = format!("gearmand: --listen {path}: the file exists and is not a socket\n");
    assert_eq!(said, expected);
    assert_eq!(fs::read_to_string(&path).expect("still there"), "precious");
}

#[test]
fn a_hundred_connections_at_once_wait_to_be_accepted() {
    let server = Server::start(&[]);
    // The stopped server accepts no connection meanwhile.
    server.signal("STOP");
    let crowd: io::Result<Vec<TcpStream>> =
        (0..100).map(|_| TcpStream::connect_timeout(&server.address, TIMEOUT)).collect();
    server.signal("CONT");
    assert_eq!(crowd.expect("room for all of them").len(), 100);
    server.connect().settle();
}

#[test]
fn both_families_are_listened_on_and_shown() {
    if TcpListener::bind("[::1]:0").is_err() {
        skip("this machine has no IPv6");
        return;
    }
    let server = Server::start(&["-L", "[::1]"]);
    let mut peer = server.connect();
    let port = server.address.port();
    let stream = std::net::TcpStream::connect(("::1", port)).expect("connects");
    let own = stream.local_addr().expect("an address");
    let mut other = Peer { stream };
    other.settle();
    server.wait_for_line(&format!("Accepted connection from {own}"));
    let workers = peer.list("workers");
    let addresses: Vec<&str> = workers.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(addresses, ["::1", "127.0.0.1"], "{workers}");
}

/// A shell that hands its standard input on as the first of systemd's sockets.
fn activated(listener: OwnedFd, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c");
    command.arg("LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\" 3<&0 </dev/null");
    command.arg(env!("CARGO_BIN_EXE_gearmand"));
    command.args(["-l", "stderr", "-v", "--pid-file=none"]).args(arguments);
    command.stdin(Stdio::from(listener));
    command
}

#[test]
fn a_socket_that_systemd_opened_is_used() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    // The server does not listen on the addresses of its options.
    let server = Server::run(activated(listener.into(), &["-L", "192.0.2.1"]));
    assert_eq!(server.address, address);
    server.connect().settle();
}

#[test]
fn a_daemon_gets_the_sockets_of_the_one_that_started_it() {
    let directory = Directory::new("activated-daemon");
    let port_file = directory.file("port");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut command = activated(listener.into(), &["--daemon", "--port-file", &port_file]);
    let status = command.stderr(Stdio::null()).status().expect("starts");
    assert!(status.success());
    let daemon = Daemon::find(&port_file);
    assert_eq!(daemon.port, port);
    assert!(daemon.ask("version\n").starts_with("OK "));
}

#[test]
fn a_unix_socket_that_systemd_opened_stays_when_the_server_ends() {
    let directory = Directory::new("activated");
    let path = directory.file("gearmand.sock");
    let listener = UnixListener::bind(&path).expect("binds");
    let mut command = activated(listener.into(), &[]);
    let mut child = command.stderr(Stdio::null()).spawn().expect("starts");
    // Connecting works at once, and the answer comes when the server runs.
    let answer = ask_at(&path, "getpid\n").expect("an answer");
    assert_eq!(answer, format!("OK {}\n", child.id()));
    let pid = child.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().expect("kill runs").success());
    assert!(child.wait().expect("ends").success());
    assert!(Path::new(&path).exists(), "the socket was systemd's");
}
