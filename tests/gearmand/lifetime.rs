//! From the start to a signal that ends it: daemons, logs, files.

use std::fs;

use super::support::*;

#[test]
fn a_stop_signal_ends_the_server_with_code_0() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&[]);
        let mut peer = server.connect();
        peer.settle();
        server.signal(signal);
        assert!(server.wait().success(), "{signal}");
        peer.expect_closed();
    }
}

#[test]
fn a_signal_reopens_the_log() {
    let directory = Directory::new("reopen");
    let (log, server) = (directory.file("log"), Daemon::with_log(&directory));
    fs::rename(&log, directory.file("old")).expect("moved");
    server.signal("HUP");
    // A signal is handled before what is sent after it is answered, or with it.
    server.ask("version\n");
    server.signal("HUP");
    server.ask("version\n");
    let old = fs::read_to_string(directory.file("old")).expect("the old log");
    assert!(old.contains("reopening log file"), "{old}");
    assert!(fs::exists(&log).expect("looks"), "no new log");
}

#[test]
fn a_daemon_listens_when_its_parent_returns() {
    let directory = Directory::new("daemon");
    let (pid_file, port_file) = (directory.file("pid"), directory.file("port"));
    let started = gearmand(&[
        "-d",
        "-v",
        "-L",
        "127.0.0.1",
        "-p",
        "0",
        "-l",
        "none",
        "--pidfile",
        &pid_file,
        "--port-file",
        &port_file,
    ]);
    assert!(started.status.success());
    let daemon = Daemon::find(&port_file);
    assert_eq!(fs::read_to_string(&pid_file).expect("the pid file").trim(), daemon.pid);
    assert_eq!(daemon.ask("version\n"), concat!("OK ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_daemon_that_cannot_listen_is_an_error_of_the_command() {
    let server = Server::start(&[]);
    let port = server.address.port().to_string();
    for mode in [&[][..], &["-d"]] {
        let arguments = [mode, &["-L", "127.0.0.1", "-p", &port, "-l", "none"]].concat();
        let failed = gearmand(&arguments);
        assert_eq!(failed.status.code(), Some(1));
        let said = String::from_utf8_lossy(&failed.stderr).into_owned();
        let expected = format!("gearmand: --port {port}: cannot listen on 127.0.0.1:{port}: ");
        assert!(said.starts_with(&expected) && said.contains("in use"), "{said}");
    }
}

#[test]
fn the_server_removes_its_files_when_it_ends() {
    let directory = Directory::new("files");
    let (pid_file, port_file) = (directory.file("pid"), directory.file("port"));
    let mut server = Server::start(&["-P", &pid_file, "--port-file", &port_file]);
    server.connect().settle();
    let pid = fs::read_to_string(&pid_file).expect("the pid file");
    assert_eq!(pid, format!("{}\n", server.pid()));
    let port = fs::read_to_string(&port_file).expect("the port file");
    assert_eq!(port, format!("{}\n", server.address.port()));
    server.signal("TERM");
    server.wait();
    assert!(!fs::exists(&pid_file).expect("looks") && !fs::exists(&port_file).expect("looks"));
}

#[test]
fn version_and_help_are_printed() {
    let version = gearmand(&["--version"]);
    assert!(version.status.success());
    assert_eq!(
        String::from_utf8_lossy(&version.stdout),
        concat!("gearmand ", env!("CARGO_PKG_VERSION"), "\n")
    );
    assert!(String::from_utf8_lossy(&gearmand(&["-h"]).stdout).contains("--job-retries"));
}

#[test]
fn an_option_that_cannot_be_met_is_refused_by_name() {
    for (arguments, code, name) in [
        (&["-q", "libsqlite3"][..], 2, "libsqlite3"),
        (&["--nonsense"], 2, "--nonsense"),
        (&["-j", "256"], 2, "256"),
        (&["--ssl", "--ssl-key", "/nonexistent/k", "-p", "0"], 1, "TLS: cannot read /"),
        (&["-P", "/nonexistent/pid", "-l", "none", "-p", "0"], 1, "--pid-file /nonexistent/pid"),
    ] {
        let refused = gearmand(arguments);
        assert_eq!(refused.status.code(), Some(code), "{arguments:?}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains(name), "{arguments:?}: {said}");
    }
}

#[test]
fn the_log_has_connections_and_accepted_jobs() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.ask(&request(SubmitJobBg, &["f", "u", "x"]), &response(JobCreated, &["H:t:1"]));
    let address = client.stream.local_addr().expect("an address");
    server.wait_for_line(&format!("Accepted connection from {address}"));
    server.wait_for_line("accepted,f,u,0");
    drop(client);
    server.wait_for_line(&format!("Disconnected {address}"));
}

#[test]
fn options_of_the_broker_take_effect() {
    let server = Server::start(&["-j", "1", "-w", "1", "--exceptions", "-t", "8", "-R"]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    client.ask(&request(SubmitJob, &["f", "u", "x"]), &response(JobCreated, &["H:t:1"]));
    worker.send(&request(CanDo, &["f"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
    drop(worker);
    client.expect(&response(WorkFail, &["H:t:1"]));
    let mut worker = server.connect();
    client.ask(&request(SubmitJob, &["f", "u", "x"]), &response(JobCreated, &["H:t:2"]));
    worker.send(&request(CanDo, &["f"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:2", "f", "x"]));
    worker.send(&request(WorkException, &["H:t:2", "boo"]));
    client.expect(&response(WorkException, &["H:t:2", "boo"]));
}
