//! Limits and pauses of functions: in the configuration, and kept from one server to the next.

use serde_json::{Value, json};

use super::support::*;

/// Each function of `json status`, with its limits and whether it is paused.
fn settings(server: &Server) -> Vec<Value> {
    let text = server.connect().line("json status");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    let mut rows: Vec<Value> = all["functions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| json!([row["function"], row["limits"], row["paused"]]))
        .collect();
    rows.sort_by_key(Value::to_string);
    rows
}

fn stop(mut server: Server) {
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn the_configuration_sets_limits_and_pauses() {
    let server = Server::start(&["--maxqueue=f=1", "--maxqueue=g=1,2,0", "--pause=g", "--pause=h"]);
    assert_eq!(
        settings(&server),
        [
            json!(["f", [1, 1, 1], false]),
            json!(["g", [1, 2, 0], true]),
            json!(["h", [0, 0, 0], true]),
        ]
    );
    let mut client = server.connect();
    client.ask(&request(SubmitJobBg, &["f", "", "x"]), &response(JobCreated, &["H:t:1"]));
    client.send(&request(SubmitJobBg, &["f", "", "x"]));
    assert_eq!(client.packet().0, Error);
}

#[test]
fn what_an_administrator_sets_survives_a_crash_of_a_server_with_a_durable_queue() {
    let directory = Directory::new("settings-durable");
    let database = directory.file("queue.db");
    let arguments = ["-q", "libsqlite3", "--libsqlite3-db", &database];
    let mut server = Server::start(&arguments);
    let mut admin = server.connect();
    for function in ["f", "g", "h"] {
        admin.ask(format!("create function {function}\n").as_bytes(), b"OK\r\n");
    }
    admin.ask(b"maxqueue f 7 8 9\n", b"OK\r\n").ask(b"maxqueue h 1\n", b"OK\r\n");
    admin.ask(b"pause function g\n", b"OK\r\n").ask(b"drop function h\n", b"OK\r\n");
    server.signal("KILL");
    server.wait();
    let server = Server::start(&arguments);
    let kept = [json!(["f", [7, 8, 9], false]), json!(["g", [0, 0, 0], true])];
    assert_eq!(settings(&server), kept);
    server.connect().ask(b"resume function g\n", b"OK\r\n");
    stop(server);
    // The configuration comes after the file.
    let server = Server::start(&[&arguments[..], &["--maxqueue=f=3"]].concat());
    assert_eq!(settings(&server), [json!(["f", [3, 3, 3], false])]);
}

#[test]
fn a_file_can_be_named_for_every_queue_and_holds_names_of_any_bytes() {
    let directory = Directory::new("settings-named");
    let file = directory.file("functions");
    let arguments = ["--function-settings", &file];
    let server = Server::start(&arguments);
    let mut worker = server.connect();
    worker.send(&request(CanDo, &[b"a b\xff"])).settle();
    worker.ask(b"pause function a%20b%FF\n", b"OK\r\n");
    stop(server);
    let text = std::fs::read_to_string(&file).expect("the file");
    assert_eq!(text.lines().last(), Some("0 0 0 paused a%20b%FF"));
    let server = Server::start(&arguments);
    let all = server.connect().line("json status");
    assert!(all.contains("\"function_hex\":\"612062ff\""), "{all}");
}

#[test]
fn a_wrong_line_of_the_file_is_named_and_ends_the_start() {
    let directory = Directory::new("settings-wrong");
    let file = directory.file("functions");
    std::fs::write(&file, "# ours\n1 2 3 stopped f\n").expect("written");
    let done = gearmand(&[
        "--function-settings",
        &file,
        "-L",
        "127.0.0.1",
        "-p",
        "0",
        "-l",
        "none",
        "-P",
        "none",
    ]);
    let errors = String::from_utf8_lossy(&done.stderr);
    let expected = format!(
        "--function-settings {file}: line 2: expected three limits, 'paused' or '-', and a \
         function, not '1 2 3 stopped f'"
    );
    assert!(errors.contains(&expected), "{errors}");
    assert!(!done.status.success());
}

#[test]
fn a_file_that_cannot_be_written_is_reported_and_the_setting_holds() {
    let directory = Directory::new("settings-unwritable");
    let file = directory.file("none/functions");
    let server = Server::start(&["--function-settings", &file, "--pause=f"]);
    server.connect().ask(b"maxqueue f 1\n", b"OK\r\n");
    server.wait_for_line(&format!("functions will not survive the server: {file}: No such file"));
    assert_eq!(settings(&server), [json!(["f", [1, 1, 1], true])]);
}

#[test]
fn what_the_configuration_sets_ends_with_it() {
    let directory = Directory::new("settings-configured");
    let file = directory.file("functions");
    let configured = ["--function-settings", &file, "--maxqueue=f=5", "--pause=g"];
    let server = Server::start(&configured);
    server.connect().ask(b"create function h\nmaxqueue h 2\n", b"OK\r\nOK\r\n");
    stop(server);
    let server = Server::start(&["--function-settings", &file]);
    assert_eq!(settings(&server), [json!(["h", [2, 2, 2], false])]);
}
