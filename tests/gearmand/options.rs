//! Options from the command line, the configuration file and the environment, as seen from
//! outside.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Output};

use super::support::*;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The exit code of a wrong command line, configuration file or environment.
const USAGE: i32 = 2;
/// The exit code of a start that failed for another reason.
const FAILURE: i32 = 1;

/// The server ended with this code and one line that has the prefix and these parts.
#[track_caller]
fn assert_error(output: &Output, code: i32, parts: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(output.stdout.is_empty(), "{said}");
    assert!(said.starts_with("gearmand: ") && said.lines().count() == 1, "{said}");
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
        assert_error(&refused, USAGE, &[&file, parts[0], parts[1]]);
    }
}

#[test]
fn a_configuration_file_that_an_option_names_must_exist() {
    let arguments = ["--config-file", "/nonexistent/gearmand.conf"];
    let message = "--config-file /nonexistent/gearmand.conf: could not open configuration file: ";
    assert_error(&gearmand(&arguments), USAGE, &[message, "No such file"]);
    if have_file(ORIGINAL_GEARMAND, "gearman-job-server") {
        let output = Command::new(ORIGINAL_GEARMAND).args(arguments).output();
        let output = output.expect("the original runs");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("Could not open configuration file."));
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
        ("--output-limit-total", "-1"),
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
        let is_found_later = ["--user", "--listen"].contains(&option);
        assert_error(&refused, if is_found_later { FAILURE } else { USAGE }, &[name, value]);
    }
}

#[test]
fn an_option_that_ends_with_its_equal_sign_is_refused() {
    let output = gearmand(&["--pid-file=none", "--listen="]);
    assert_error(&output, USAGE, &["option '--listen' has no value after its equal sign"]);
    let directory = Directory::new("empty-value");
    let file = directory.file("conf");
    fs::write(&file, "--threads=4\n--user=\n").expect("written");
    let output = gearmand(&["--config-file", &file]);
    assert_error(&output, USAGE, &["line 2", "'--user' has no value"]);
}

#[test]
fn an_empty_word_after_config_file_reads_no_file() {
    let checked = gearmand(&["--config-file", "", "--check-args"]);
    assert_eq!((checked.status.code(), text(&checked.stderr)), (Some(0), String::new()));
    let output = gearmand(&["--config-file=", "--check-args"]);
    assert_error(&output, USAGE, &["'--config-file' has no value after its equal sign"]);
}

#[test]
fn the_help_has_the_limit_of_the_handle_prefix() {
    let prefix = "x".repeat(47);
    let limit = "Prefix of job handles, at most 47 bytes";
    assert!(text(&gearmand(&["--help"]).stdout).contains(limit));
    assert!(text(&gearmand(&["--generate-man"]).stdout).contains(limit));
    let checked = gearmand(&["--check-args", "--job-handle-prefix", &prefix]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
    let output = gearmand(&["--check-args", "--job-handle-prefix", &format!("{prefix}x")]);
    assert_error(&output, USAGE, &["longer than 47 bytes"]);
}

#[test]
fn queue_options_without_a_queue_are_named_in_one_warning() {
    let directory = Directory::new("no-queue-type");
    let config = directory.file("conf");
    fs::write(&config, "--libsqlite3-db=q.db --ssl-key=k\n").expect("written");
    let daemon = Daemon::with_log_and(&directory, &["--config-file", &config, "--volatile=f"]);
    daemon.connect().settle();
    let lines = fs::read_to_string(directory.file("log")).expect("a log");
    for warning in [
        "--libsqlite3-db, --volatile have no effect without --queue-type: jobs are kept in memory \
         only\n",
        "--ssl-key has no effect without --ssl or --ssl-listen: connections are not encrypted\n",
    ] {
        assert_eq!(lines.matches(warning).count(), 1, "{lines}");
    }
    assert_eq!(lines.matches("WARNING").count(), 2, "{lines}");
}

#[test]
fn variables_and_options_of_a_named_queue_have_no_warning() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearmand"));
    // The start fails at its last step, with all of the log on standard error.
    command.args(["-L", "127.0.0.1", "-p", "0", "-P", "/nonexistent/pid", "-l", "stderr"]);
    command.args(["--queue-type=builtin", "--volatile=f"]);
    for variable in ["SERVER_PEM", "SERVER_KEY", "CA_CERTIFICATE", "QUEUE_PASSWORD"] {
        command.env(format!("GEARMAND_{variable}"), "/nonexistent");
    }
    let output = command.output().expect("starts");
    assert_error(&output, FAILURE, &["--pid-file /nonexistent/pid: cannot write"]);
}

#[test]
fn without_its_log_file_the_log_is_standard_error() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearmand"));
    command.args(["-L", "127.0.0.1", "-p", "0", "-v", "-P", "none", "-l", "/nonexistent/log"]);
    let server = Server::run(command);
    server.connect().settle();
    let arguments = ["-L", "127.0.0.1", "-p0", "-l", "/nonexistent/log", "-P", "/nonexistent/pid"];
    let said = text(&gearmand(&arguments).stderr);
    assert!(said.starts_with("gearmand: --log-file /nonexistent/log: cannot open: "), "{said}");
    assert!(said.contains("; logging to standard error\n"), "{said}");
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
        let option = match arguments[0] {
            "-b" => "--backlog",
            "-t" => "--threads",
            other => other.trim_end_matches("=1"),
        };
        assert_error(&gearmand(arguments), USAGE, &[option]);
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

#[test]
fn a_wrong_port_in_the_environment_is_named() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearmand"));
    let output = command.env("GEARMAND_PORT", "x").output().expect("starts");
    assert_error(&output, USAGE, &["invalid value 'x' for GEARMAND_PORT: neither a port number"]);
}

#[test]
fn bash_completes_the_options_and_their_values() {
    let script = gearmand(&["--generate-completion", "bash"]);
    assert!(script.status.success());
    for (words, expected) in [
        (&["gearmand", "--log-f"][..], "--log-file\n"),
        (&["gearmand", "-d", "--job-r"], "--job-retries\n"),
        (&["gearmand", "--verbose", "W"], "WARNING\n"),
        (&["gearmand", "--generate-completion", "z"], "zsh\n"),
        (&["gearmand", "--mysql-h"], "--mysql-host\n"),
    ] {
        let [.., previous, current] = words else { panic!("two words") };
        let call = format!(
            "{}\nCOMP_WORDS=({}); COMP_CWORD={}\n\
             _gearmand gearmand '{current}' '{previous}'\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\" | grep . || :",
            text(&script.stdout),
            words.join(" "),
            words.len() - 1
        );
        let output = Command::new("bash").args(["--norc", "-c", &call]).output().expect("bash");
        assert_eq!(text(&output.stdout), expected, "{words:?}: {}", text(&output.stderr));
    }
}

#[test]
fn the_example_of_the_configuration_file_is_accepted() {
    let example = gearmand(&["--generate-config"]);
    assert!(example.status.success() && !example.stdout.is_empty());
    let directory = Directory::new("example-config");
    let file = directory.file("gearmand.conf");
    fs::write(&file, &example.stdout).expect("written");
    let checked = gearmand(&["--config-file", &file, "--check-args"]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}
