//! `gearadmin`: operations that the original has, printed as it prints them, and the others.

use crate::processes::*;
use gearman_test_support::normalise::normalise;
use gearman_test_support::server::Server;

fn admin(server: &Server, args: &[&str]) -> Done {
    run(
        tool(GEARADMIN, ["-h", "127.0.0.1", "-p", &server.port.to_string()].iter().chain(args)),
        b"",
    )
}

fn original(server: &Server, args: &[&str]) -> Done {
    let port = server.port.to_string();
    run(tool(ORIGINAL_GEARADMIN, ["-h", "127.0.0.1", "-p", &port].iter().chain(args)), b"")
}

/// Plays a story with each server if the original tool is there to compare with.
fn beside_the_original(story: impl Fn(&Server)) {
    if have_file(ORIGINAL_GEARADMIN, "gearman-tools") {
        with_each_server(story);
    }
}

/// Ours prints what the original prints for a command that changes nothing.
#[track_caller]
fn same(server: &Server, args: &[&str]) {
    let (wanted, got) = (original(server, args), admin(server, args));
    assert_eq!(got.text(), wanted.text(), "{args:?}");
    assert_eq!((got.stderr.as_str(), got.code), ("", Some(0)), "{args:?}");
}

/// A server with queued, running and delayed jobs, and workers.
fn busy(server: &Server) -> Vec<Running> {
    for args in [
        &["-b", "-f", "queue", "-u", "one", "x"][..],
        &["-b", "-I", "-f", "queue", "-u", "two", "x"],
        &["-b", "-L", "-f", "other", "-u", "three", "x"],
    ] {
        assert_eq!(run(gearman(server, args), b"").code, Some(0));
    }
    let script = "echo started >&2; sleep 1000";
    let worker = worker(server, &["-f", "run", "-f", "idle", "--", "sh", "-c", script]);
    let client = Running::start(gearman(server, &["-f", "run", "-u", "four", "x"]));
    assert_eq!(worker.complaint(), "started");
    vec![worker, client]
}

#[test]
fn lists_are_printed_as_the_original_prints_them() {
    beside_the_original(|server| {
        let _running = busy(server);
        for operation in ["--status", "--priority-status", "--show-jobs", "--show-unique-jobs"] {
            same(server, &[operation]);
        }
        // Each run of a tool is a connection with another number.
        let fd = |text: String| -> String {
            let lines =
                text.lines().map(|line| line.split_once(' ').map_or(line, |(_, rest)| rest));
            let mut lines: Vec<&str> = lines.collect();
            lines.sort_unstable();
            lines.join("\n")
        };
        let (wanted, got) = (original(server, &["--workers"]), admin(server, &["--workers"]));
        assert_eq!(fd(got.text()), fd(wanted.text()));
        assert!(got.text().contains("run") && got.text().ends_with("\n.\n"));
    });
}

#[test]
fn values_are_printed_as_the_original_prints_them() {
    beside_the_original(|server| {
        for operation in ["--getpid", "--server-version", "--server-verbose"] {
            same(server, &[operation]);
        }
    });
}

#[test]
fn changes_are_reported_as_the_original_reports_them() {
    beside_the_original(|server| {
        let changes = |tool: fn(&Server, &[&str]) -> Done| -> Vec<String> {
            let created = run(gearman(server, &["-v", "-b", "-f", "g", "x"]), b"").text();
            let handle = created.trim().rsplit(' ').next().expect("a handle").to_owned();
            [["--create-function", "f"], ["--drop-function", "f"], ["--cancel-job", &handle]]
                .map(|args| tool(server, &args).text())
                .to_vec()
        };
        assert_eq!(changes(admin), changes(original));
        assert_eq!(changes(admin), ["OK\n", "OK\n", "OK\n"]);
    });
}

#[test]
fn a_created_function_has_its_whole_name() {
    with_each_server(|server| {
        admin(server, &["--create-function", "whole"]).printed("OK\n");
        admin(server, &["--status"]).printed("whole\t0\t0\t0\n.\n");
    });
}

#[test]
fn operations_are_done_in_their_order() {
    with_each_server(|server| {
        let done = admin(
            server,
            &[
                "--create-function",
                "f",
                "--status",
                "--drop-function",
                "f",
                "--status",
                "--create-function",
                "g",
            ],
        );
        assert_eq!(done.text().replace("f\t0\t0\t0\n", "F\n"), "OK\nF\n.\nOK\n.\nOK\n");
    });
}

#[test]
fn a_refusal_is_reported_and_later_operations_are_done() {
    with_each_server(|server| {
        let done = admin(server, &["--cancel-job", "H:x:1", "--create-function", "f"]);
        assert_eq!(
            (done.text().as_str(), done.stderr.as_str(), done.code),
            (
                "OK\n",
                format!("gearadmin: 127.0.0.1:{} refused --cancel-job: UNKNOWN_JOB\n", server.port)
                    .as_str(),
                Some(5)
            )
        );
    });
}

#[test]
fn an_unreachable_server_ends_with_code_3_and_a_silent_one_with_4() {
    let done = run(tool(GEARADMIN, ["-h", "127.0.0.1", "-p", "1", "--status"]), b"");
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (Some(3), "gearadmin: cannot connect to 127.0.0.1:1: Connection refused\n")
    );
    let done = run(tool(GEARADMIN, ["-h", "no-such-host.invalid", "--status"]), b"");
    assert_eq!(done.code, Some(3));
    assert!(done.stderr.contains("no-such-host.invalid"), "{}", done.stderr);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let done = run(tool(GEARADMIN, ["-h", &address, "-t", "100", "--status"]), b"");
    assert_eq!(
        (done.code, done.stderr),
        (Some(4), format!("gearadmin: no reply from {address} within 100 ms\n"))
    );
}

#[test]
fn a_reply_is_read_to_its_end() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut peer, _) = listener.accept().expect("a connection");
        let mut question = [0; 8];
        peer.read_exact(&mut question).expect("a question");
        assert_eq!(&question, b"status\r\n");
        for piece in ["f\t1\t0", "\t0\n.", "\n"] {
            // Longer than the original waits.
            std::thread::sleep(std::time::Duration::from_millis(50));
            peer.write_all(piece.as_bytes()).expect("written");
        }
    });
    run(tool(GEARADMIN, ["-h", &address, "--status"]), b"").printed("f\t1\t0\t0\n.\n");
    server.join().expect("the server ends");
}

#[test]
fn a_wrong_gearadmin_command_line_ends_with_code_2() {
    let server = Server::start(GEARMAND);
    for (args, complaint) in [
        (&[][..], "gearadmin: no operation given"),
        (&["--nix"], "--nix"),
        (&["--server"], "--server"),
        (&["--ssl-verify", "all", "--status"], "use full, ca or none"),
        (&["--create-function", "a b"], "spaces"),
        (&["--create-function"], "--create-function"),
        (&["--maxqueue", "f", "many"], "invalid limit 'many'"),
    ] {
        let done = admin(&server, args);
        assert_eq!((done.code, done.text().as_str()), (Some(2), ""), "{args:?}");
        assert!(done.stderr.contains(complaint), "{args:?}: {}", done.stderr);
    }
}

#[test]
fn queues_can_be_limited() {
    with_each_server(|server| {
        let submit = |option| run(gearman(server, &["-b", option, "-f", "f", "x"]), b"").code;
        assert_eq!(submit("-b"), Some(0));
        // Of every priority, of all but the low ones, and of none.
        admin(server, &["--maxqueue", "f", "1"]).printed("OK\n");
        assert_eq!(["-I", "-b", "-L"].map(submit), [Some(5); 3]);
        admin(server, &["--maxqueue", "f", "1", "1", "0"]).printed("OK\n");
        assert_eq!(["-I", "-b", "-L"].map(submit), [Some(5), Some(5), Some(0)]);
        admin(server, &["--maxqueue", "f"]).printed("OK\n");
        assert_eq!(["-I", "-b", "-L"].map(submit), [Some(0); 3]);
    });
}

#[test]
fn json_is_the_same_for_every_server() {
    with_each_server(|server| {
        let _running = busy(server);
        let text =
            admin(server, &["--json", "--status", "--cancel-job", "H:x:1", "--getpid"]).text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].starts_with("{\"operation\":\"status\",\"result\":[{"), "{text}");
        for part in ["\"function\":\"queue\",\"total\":2,\"running\":0", "\"workers\":1"] {
            assert!(lines[0].contains(part), "{part} in {text}");
        }
        assert_eq!(lines[1], "{\"operation\":\"cancel-job\",\"error\":\"UNKNOWN_JOB\"}");
        assert!(lines[2].starts_with("{\"operation\":\"getpid\",\"result\":"), "{text}");
        let jobs = normalise(&admin(server, &["--json", "--show-jobs"]).text());
        assert!(
            jobs.contains(
                "{\"handle\":\"HANDLE\",\"retries\":0,\"ignored\":false,\"queued\":true}"
            ),
            "{jobs}"
        );
    });
}

#[test]
fn our_server_lists_jobs_with_all_that_is_known() {
    let server = Server::start(GEARMAND);
    let _running = busy(&server);
    let text = normalise(&admin(&server, &["--jobs", "run"]).text());
    let line = text.lines().next().expect("a job");
    let fields: Vec<&str> = line.split('\t').collect();
    assert_eq!(fields[..5], ["HANDLE", "run", "four", "normal", "running"], "{text}");
    assert!(fields[6].contains("127.0.0.1:") && fields[7].parse::<u32>().is_ok(), "{text}");
    assert_eq!(admin(&server, &["--jobs"]).text().lines().count(), 5);
    let json = admin(&server, &["--json", "--jobs", "queue"]).text();
    assert!(json.starts_with("{\"operation\":\"jobs\",\"result\":[{\"handle\":"), "{json}");
    assert!(json.contains("\"bytes\":1"), "{json}");
}

#[test]
fn our_server_cancels_by_unique_id() {
    let server = Server::start(GEARMAND);
    assert_eq!(run(gearman(&server, &["-b", "-f", "a b", "-u", "x %", "y"]), b"").code, Some(0));
    admin(&server, &["--cancel-unique", "a b", "x %", "--show-jobs"]).printed("OK\n.\n");
    assert_eq!(admin(&server, &["--cancel-unique", "a b", "x %"]).code, Some(5));
}

#[test]
fn our_server_drops_the_queue_of_a_function() {
    let server = Server::start(GEARMAND);
    let submitted = run(gearman(&server, &["-b", "-n", "-f", "f"]), b"1\n2\n3\n");
    assert_eq!(submitted.code, Some(0));
    admin(&server, &["--drop-queue", "f", "dry-run", "--drop-queue", "f"]).printed("3\n3\n");
    admin(&server, &["--status"]).printed("f\t0\t0\t0\n.\n");
    assert_eq!(admin(&server, &["--drop-queue", "unknown"]).code, Some(5));
    let refused = admin(&server, &["--drop-queue", "f", "dry"]);
    assert!(refused.stderr.contains("expected dry-run, not 'dry'"), "{}", refused.stderr);
}

#[test]
fn purge_is_another_name_of_drop_queue() {
    let server = Server::start(GEARMAND);
    assert_eq!(run(gearman(&server, &["-b", "-n", "-f", "f"]), b"1\n2\n").code, Some(0));
    admin(&server, &["--purge", "f", "--status"]).printed("2\nf\t0\t0\t0\n.\n");
}

#[test]
fn payloads_of_queued_jobs_are_shown_as_text_or_in_hexadecimal() {
    let server = Server::start(GEARMAND);
    for payload in ["two\nlines", "\u{1}"] {
        assert_eq!(run(gearman(&server, &["-b", "-f", "f", payload]), b"").code, Some(0));
    }
    let table = admin(&server, &["--table", "--peek", "f"]).text();
    let shown: Vec<&str> =
        table.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(shown, ["PAYLOAD", "two\\nlines", "0x01"], "{table}");
    let first = admin(&server, &["--json", "--peek", "f", "1"]).text();
    assert!(first.contains("\"bytes\":9,\"payload\":\"two\\nlines\"}]}"), "{first}");
    let wrong = admin(&server, &["--peek", "f", "0"]);
    assert!(wrong.stderr.contains("a number of jobs from 1 to 100"), "{}", wrong.stderr);
    assert_eq!(admin(&server, &["--peek", "unknown"]).code, Some(5));
}

#[test]
fn the_number_of_jobs_that_a_dropped_function_had_is_in_json_where_the_server_tells_it() {
    with_each_server(|server| {
        admin(server, &["--create-function", "f"]).printed("OK\n");
        let dropped = admin(server, &["--json", "--drop-function", "f"]).text();
        let known = [
            "{\"operation\":\"drop-function\",\"result\":\"OK\"}\n",
            "{\"operation\":\"drop-function\",\"result\":\"OK\",\"jobs\":0}\n",
        ];
        assert!(known.contains(&&*dropped), "{dropped}");
    });
}

#[test]
fn a_table_can_be_printed_into_a_pipe() {
    with_each_server(|server| {
        admin(server, &["--create-function", "f"]).printed("OK\n");
        let table = admin(server, &["--table", "--status"]).text();
        assert!(table.starts_with("FUNCTION  TOTAL  RUNNING  WORKERS"), "{table}");
        assert_eq!(table.lines().count(), 2, "{table}");
    });
}

#[test]
fn operations_are_repeated_until_a_signal_ends_them() {
    with_each_server(|server| {
        admin(server, &["--create-function", "f"]).printed("OK\n");
        let port = server.port.to_string();
        let args = ["-h", "127.0.0.1", "-p", &port, "--watch", "0.1", "--status"];
        let watching = Running::start(tool(GEARADMIN, args));
        let row = || watching.line();
        assert_eq!([row(), row(), row()], ["f\t0\t0\t0", ".", "f\t0\t0\t0"]);
        watching.signal("INT");
        assert_eq!(watching.end().code, Some(0));
    });
    for wrong in ["0", "x", "-1"] {
        let done = run(tool(GEARADMIN, [&format!("--watch={wrong}"), "--status"]), b"");
        assert!(done.stderr.contains("expected a number of seconds"), "{}", done.stderr);
    }
}

#[test]
fn our_server_pauses_functions() {
    let server = Server::start(GEARMAND);
    admin(&server, &["--create-function", "f", "--pause-function", "f"]).printed("OK\nOK\n");
    let client = Running::start(gearman(&server, &["-f", "f", "x"]));
    let _worker = worker(&server, &["-f", "f", "--", "cat"]);
    let state = || admin(&server, &["--jobs"]).text();
    wait_for("the job", || state().contains("\tpaused\t").then_some(()));
    admin(&server, &["--resume-function", "f"]).printed("OK\n");
    client.end().printed("x");
}

#[test]
fn our_server_answers_server_info_and_queue_info_and_the_original_refuses() {
    with_each_server(|server| {
        for (option, start) in
            [("--server-info", "{\"version\":\""), ("--queue-info", "{\"type\":\"builtin\",")]
        {
            let done = admin(server, &[option]);
            if done.code == Some(0) {
                assert!(done.text().starts_with(start), "{done:?}");
            } else {
                assert_eq!((done.code, done.text().as_str()), (Some(5), ""));
                let why = "UNKNOWN_COMMAND Unknown server command json\n";
                assert!(done.stderr.ends_with(why), "{}", done.stderr);
            }
        }
    });
}

#[test]
fn the_reason_of_a_refusal_is_printed_in_words() {
    let directory = scratch();
    let port_file = directory.join("port");
    let mut command = tool(GEARMAND, ["--listen=127.0.0.1", "--port=0", "--log-file=none"]);
    command.arg("--admin-commands=none").arg("--port-file").arg(&port_file);
    let _server = Running::start(command);
    let port = wait_for("the server", || std::fs::read_to_string(&port_file).ok());
    let done = run(tool(GEARADMIN, ["-p", port.trim(), "--status"]), b"");
    assert_eq!(done.code, Some(5));
    let why = "refused --status: PERMISSION_DENIED This address takes no text commands\n";
    assert!(done.stderr.ends_with(why), "{}", done.stderr);
}

#[test]
fn a_server_that_allows_it_is_shut_down() {
    let refuses = Server::start(GEARMAND);
    assert_eq!(admin(&refuses, &["--shutdown"]).code, Some(5));
    let directory = scratch();
    let port_file = directory.join("port");
    let server = Running::start(tool(
        GEARMAND,
        [
            "-L",
            "127.0.0.1",
            "-p",
            "0",
            "--allow-shutdown",
            "--log-file",
            "none",
            "--port-file",
            port_file.to_str().expect("text"),
        ],
    ));
    let port = wait_for("the server", || std::fs::read_to_string(&port_file).ok());
    run(tool(GEARADMIN, ["-p", port.trim(), "--shutdown"]), b"").printed("OK\n");
    assert_eq!(server.end().code, Some(0));
}
