//! Options from the command line, the configuration file and the environment, as seen from
//! outside.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};

use super::support::*;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Asserts that it ended with the original's code for a wrong command line, and named these.
#[track_caller]
fn assert_refused(output: &Output, parts: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in parts {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn the_configuration_file_gives_the_options_that_the_command_line_does_not() {
    let directory = Directory::new("config");
    let file = directory.file("gearmand.conf");
    let port_file = directory.file("a port");
    let lines = format!(
        "# What is not said on the command line.\n\
         --listen 127.0.0.1 --port=0\n\
         --log-file=stderr   --pid-file none\n\
         --verbose=DEBUG # Too much.\n\
         --job-handle-prefix=H:config --port-file='{port_file}'\n"
    );
    fs::write(&file, lines).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearmand"));
    command.args(["--config-file", &file, "--verbose", "info"]);
    let server = Server::run(command);
    let mut peer = server.connect();
    peer.ask(&request(SubmitJobBg, &["f", "", ""]), &response(JobCreated, &["H:config:1"]));
    peer.ask(b"verbose\n", b"OK INFO\n");
    let port = fs::read_to_string(&port_file).expect("a quoted path is one word");
    assert_eq!(port.trim(), server.address.port().to_string());
}

#[test]
fn an_error_in_a_configuration_file_is_named() {
    let directory = Directory::new("wrong-config");
    let file = directory.file("gearmand.conf");
    for (lines, parts) in [
        ("--port=0\nport=1\n", ["line 2", "port=1"]),
        ("\n\n--colour=red\n", ["line 3", "--colour"]),
        ("--threads many\n", ["line 1", "'many' for '--threads"]),
        ("--log-file='a\n", ["line 1", "quote"]),
    ] {
        fs::write(&file, lines).expect("written");
        let refused = gearmand(&["--config-file", &file]);
        assert_refused(&refused, &[&file, parts[0], parts[1]]);
    }
}

#[test]
fn a_configuration_file_that_was_asked_for_must_be_there() {
    let message = "Could not open configuration file.";
    let arguments = ["--config-file", "/nonexistent/gearmand.conf"];
    assert_refused(&gearmand(&arguments), &[message, "/nonexistent/gearmand.conf"]);
    if have_file(ORIGINAL_GEARMAND, "gearman-job-server") {
        let output = Command::new(ORIGINAL_GEARMAND).args(arguments).output();
        assert_refused(&output.expect("the original runs"), &[message]);
    }
}

#[test]
fn gearmand_port_replaces_the_default_port() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearmand"));
    command.args(["-L", "127.0.0.1", "-l", "stderr", "-v", "--pid-file=none"]);
    command.env("GEARMAND_PORT", free.port().to_string());
    assert_eq!(Server::run(command).address, free);
}

#[test]
fn an_invalid_value_is_named_with_its_option() {
    for (option, value) in [
        ("--ack-delay", "1001"),
        ("--ack-delay", "10ms"),
        ("--backlog", "many"),
        ("--file-descriptors", "-1"),
        ("--grab-hold", "-1"),
        ("--grab-hold", "1001"),
        ("--http-listen", ""),
        ("--job-retries", "256"),
        ("--job-retries", "-2"),
        ("--keepalive-idle", "-2"),
        ("--max-packet-size", "4294967295"),
        ("--max-packet-size", "0"),
        ("--output-limit", "1G"),
        ("--port", "65536"),
        ("--port", "no-such-service"),
        ("--protocol", "gopher"),
        ("--queue-type", "libsqlite4"),
        ("--socket-mode", "999"),
        ("--threads", ""),
        ("--user", "no such user"),
        ("--verbose", "LOUD"),
        ("--worker-wakeup", "256"),
        ("--listen", "no such host"),
    ] {
        let name = option.trim_start_matches('-');
        let other = if option == "--port" { "-b1" } else { "-p0" };
        let refused = gearmand(&["--pid-file=none", other, &format!("{option}={value}")]);
        assert_refused(&refused, &[name, value]);
    }
}

#[test]
fn an_equal_sign_with_nothing_behind_it_is_refused_and_named() {
    let output = gearmand(&["--pid-file=none", "--listen="]);
    assert_refused(&output, &["'--listen' has no value behind the equal sign"]);
    let directory = Directory::new("empty-value");
    let file = directory.file("conf");
    fs::write(&file, "--threads=4\n--user=\n").expect("written");
    assert_refused(&gearmand(&["--config-file", &file]), &["line 2", "'--user' has no value"]);
}

#[test]
fn without_its_log_file_the_log_is_standard_error() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearmand"));
    command.args(["-L", "127.0.0.1", "-p", "0", "-v", "-P", "none", "-l", "/nonexistent/log"]);
    let server = Server::run(command);
    server.connect().settle();
    let arguments = ["-L", "127.0.0.1", "-p0", "-l", "/nonexistent/log", "-P", "/nonexistent/pid"];
    let said = text(&gearmand(&arguments).stderr);
    assert!(said.contains("/nonexistent/log") && said.contains("standard error"), "{said}");
}

#[test]
fn command_lines_that_the_original_refuses_are_refused() {
    for arguments in [
        &["--verb", "INFO"][..],
        &["a-word"],
        &["@file"],
        &["--nonsense"],
        &["--port"],
        &["-b", "x"],
        &["-t", "x"],
        &["--port=1", "--port=2"],
    ] {
        assert_refused(&gearmand(arguments), &[arguments[0].trim_end_matches("=1")]);
        if have_file(ORIGINAL_GEARMAND, "gearman-job-server") {
            let output = Command::new(ORIGINAL_GEARMAND).args(arguments).output();
            let code = output.expect("the original runs").status.code();
            assert_eq!(code, Some(1), "{arguments:?}");
        }
    }
}

#[test]
fn arguments_can_be_checked_without_starting() {
    let arguments = ["--check-args", "-d", "-v", "--pidfile", "/nonexistent/x", "--ssl-key=k"];
    let checked = gearmand(&arguments);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    assert_eq!((text(&checked.stdout), text(&checked.stderr)), (String::new(), String::new()));
}
