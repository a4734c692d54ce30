//! Access rules, the address for administrators, limits and the audit log, by the built server.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;

use gearman_test_support::paths::repository;
use gearman_test_support::wait::wait_for;

use super::http_support::HttpServer;
use super::support::*;

/// Rules in a file, and a server with them.
struct Guarded {
    server: Server,
    rules: String,
    _directory: Directory,
}

impl Guarded {
    fn start(name: &str, rules: &str, arguments: &[&str]) -> Guarded {
        let directory = Directory::new(name);
        let file = directory.file("rules");
        fs::write(&file, rules).expect("written");
        let server = Server::start(&[&["--access-rules", &file], arguments].concat());
        Guarded { server, rules: file, _directory: directory }
    }

    /// Replaces the rules, and waits until the server has read them.
    fn replace(&self, rules: &str, line: &str) {
        fs::write(&self.rules, rules).expect("written");
        self.server.signal("HUP");
        self.server.wait_for_line(line);
    }
}

/// The text of an ERROR packet.
fn error(peer: &mut Peer) -> String {
    let (command, body) = peer.packet();
    assert_eq!(command, Error, "{}", body.escape_ascii());
    String::from_utf8(body).expect("text").replace('\0', " ")
}

#[test]
fn a_refused_submission_gets_an_error_and_is_logged_with_its_peer() {
    let guarded = Guarded::start("submit", "deny submit from any for f\nallow all from local", &[]);
    let mut client = guarded.server.connect();
    client.send(&request(SubmitJob, &["f", "u", "x"]));
    let why = "Denied by line 1 of the access rules";
    assert_eq!(error(&mut client), format!("PERMISSION_DENIED {why}: submit f"));
    client.ask(&request(SubmitJobBg, &["g", "u", "x"]), &response(JobCreated, &["H:t:1"]));
    let line = guarded.server.wait_for_line("Denied 127.0.0.1:");
    assert!(line.contains("WARNING") && line.contains(&format!("submit of f: {why}")), "{line}");
    assert_eq!(client.list("status"), "g\t1\t0\t0\n.\n");
}

#[test]
fn sighup_puts_new_rules_into_force_for_open_connections() {
    let guarded = Guarded::start("reload", "allow submit view from local\n", &[]);
    let (mut client, mut worker) = (guarded.server.connect(), guarded.server.connect());
    worker.send(&request(CanDo, &["f"])).ask(&request(GrabJob, NOTHING), &response(NoJob, NOTHING));
    worker.send(&request(PreSleep, NOTHING)).settle();
    client.ask(&request(SubmitJobBg, &["f", "", "x"]), &response(JobCreated, &["H:t:1"]));
    assert!(client.list("workers").contains(" : !f\n"));
    guarded.replace("allow work view from local\n", "are in force: 1");
    worker.expect(&response(Noop, NOTHING));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
    client.send(&request(SubmitJobBg, &["f", "", "x"]));
    assert_eq!(error(&mut client), "PERMISSION_DENIED No access rule allows this: submit f");
}

#[test]
fn a_broken_file_leaves_the_old_rules_in_force_and_says_so() {
    let guarded = Guarded::start("broken", "allow submit from local\n", &["--metrics-port=0"]);
    let mut client = guarded.server.connect();
    guarded.replace("allow submit from local\nallow sbmit from any\n", "line 2: 'sbmit' is not a");
    let line = guarded.server.wait_for_line("the old ones stay in force");
    assert!(line.contains("ERROR"), "{line}");
    client.ask(&request(SubmitJobBg, &["f", "", "x"]), &response(JobCreated, &["H:t:1"]));
    fs::remove_file(&guarded.rules).expect("removed");
    guarded.server.signal("HUP");
    guarded.server.wait_for_line("No such file or directory");
    client.ask(&request(SubmitJobBg, &["f", "", "x"]), &response(JobCreated, &["H:t:2"]));
    guarded.replace("allow view from any\n", "are in force: 1");
    client.send(&request(SubmitJobBg, &["f", "", "x"]));
    assert!(error(&mut client).starts_with("PERMISSION_DENIED"));
}

#[test]
fn a_server_does_not_start_with_wrong_rules() {
    let directory = Directory::new("wrong");
    let file = directory.file("rules");
    for (text, expected) in [
        ("allow submit from net:10.0.0.1/8\n", "line 1: '10.0.0.1/8' has bits behind its prefix"),
        ("\n\nallow submit from user:no-such-user\n", "line 3: there is no user 'no-such-user'"),
    ] {
        fs::write(&file, text).expect("written");
        for option in ["--access-rules", "--check-access"] {
            let output = gearmand(&["-p", "0", "-P", "none", "-l", "none", option, &file]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains(&file) && said.contains(expected), "{option}: {said}");
            assert!(!output.status.success());
        }
    }
    let missing = gearmand(&["--check-access", "/nonexistent/rules"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/nonexistent/rules: No such file"));
}

#[test]
fn every_example_of_the_documentation_and_of_the_packages_is_accepted() {
    let page = fs::read_to_string(repository().join("src/docs/access.md")).expect("the page");
    let directory = Directory::new("examples");
    let mut files = vec![repository().join("bindings/packaging/access-rules.example")];
    for (number, part) in page.split("```access\n").skip(1).enumerate() {
        let (example, _) = part.split_once("```").expect("an end");
        files.push(directory.path().join(format!("example-{number}")));
        fs::write(files.last().expect("just added"), example).expect("written");
    }
    assert!(files.len() > 2, "the page has examples");
    for file in files {
        let file = file.to_str().expect("a plain path");
        let output = gearmand(&["--check-access", file]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{file}: {said}");
    }
}

#[test]
fn unix_peers_are_known_by_their_user() {
    let uid = own_uid();
    for (rules, is_allowed) in [
        (format!("allow view from uid:{uid}"), true),
        (format!("deny view from uid:{uid}\nallow view from unix"), false),
        (format!("allow view from uid:{}", uid + 1), false),
    ] {
        let directory = Directory::new(&format!("unix-{is_allowed}-{}", rules.len()));
        let socket = directory.file("socket");
        let listen = ["-L", &socket];
        let guarded = Guarded::start(&format!("unix-rules-{}", rules.len()), &rules, &listen);
        let mut stream = UnixStream::connect(&socket).expect("connects");
        let answer = ask_unix(&mut stream, "version\n");
        assert_eq!(answer.starts_with("OK "), is_allowed, "{rules}: {answer}");
        drop(guarded);
    }
}

/// The user id of this process.
fn own_uid() -> u32 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").expect("this process").uid()
}

fn ask_unix(stream: &mut UnixStream, line: &str) -> String {
    use std::io::{BufRead, BufReader};
    stream.write_all(line.as_bytes()).expect("sends");
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).expect("an answer");
    answer
}

#[test]
fn an_address_for_administrators_takes_text_commands_and_no_jobs() {
    let directory = Directory::new("admin");
    let (socket, reader) = (directory.file("admin"), directory.file("reader"));
    let arguments = ["--admin-listen", &socket, "--admin-listen-read-only", &reader];
    let server = Server::start(&arguments);
    let mut plain = server.connect();
    plain.send(&request(CanDo, &["f"]));
    let refused = "ERR PERMISSION_DENIED This+address+takes+only+text+commands+that+change+nothing";
    assert_eq!(plain.line("pause function f").trim_end(), refused);
    assert_eq!(plain.list("status"), "f\t0\t0\t1\n.\n");
    let mut admin = UnixStream::connect(&socket).expect("connects");
    assert_eq!(ask_unix(&mut admin, "pause function f\n"), "OK\r\n");
    let mut monitor = UnixStream::connect(&reader).expect("connects");
    assert_eq!(ask_unix(&mut monitor, "resume function f\n").trim_end(), refused);
    assert!(ask_unix(&mut monitor, "version\n").starts_with("OK "));
    admin.write_all(&request(SubmitJobBg, &["f", "", "x"])).expect("sends");
    let expected =
        response(Error, &["PERMISSION_DENIED", "This address takes only text commands: submit f"]);
    let mut got = vec![0; expected.len()];
    admin.read_exact(&mut got).expect("an answer");
    assert_eq!(got.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn text_commands_of_ordinary_addresses_can_be_limited() {
    for (which, status, pause) in [
        ("all", "f\t0\t0\t0\n.\n", "OK\r\n"),
        ("none", "ERR PERMISSION_DENIED This+address+takes+no+text+commands\r\n", "ERR PERMISS"),
        ("read-only", "f\t0\t0\t0\n.\n", "ERR PERMISS"),
    ] {
        let arguments = ["--admin-listen=127.0.0.1:0", "--admin-commands", which];
        let server = Server::start(&arguments);
        let mut admin = Peer::connect(listening(&server));
        assert_eq!(admin.line("create function f"), "OK\r\n");
        let mut plain = server.connect();
        let found =
            if status.ends_with(".\n") { plain.list("status") } else { plain.line("status") };
        assert_eq!(found, status, "{which}");
        assert!(plain.line("pause function f").starts_with(pause), "{which}");
    }
}

/// The next address in the log of a server that listens.
fn listening(server: &Server) -> SocketAddr {
    let line = server.wait_for_line("Listening on ");
    let address = line.split("Listening on ").nth(1).and_then(|rest| rest.split(' ').next());
    address.and_then(|address| address.parse().ok()).expect("an address")
}

#[test]
fn http_obeys_the_same_rules() {
    let directory = Directory::new("http");
    let file = directory.file("rules");
    fs::write(&file, "allow submit view from local for open.*\nallow work from any")
        .expect("written");
    let http = HttpServer::start(&["--access-rules", &file]);
    let background = |function: &str| {
        let head = format!(
            "POST /{function} HTTP/1.1\r\nHost: x\r\nX-Gearman-Background: true\r\n\
             Content-Length: 1\r\n\r\nx"
        );
        http.connect().ask(&head)
    };
    assert_eq!(background("open.a").status, 202);
    let refused = background("secret");
    assert_eq!(refused.status, 403);
    assert_eq!(refused.text(), "No access rule allows this: submit secret\n");
    let mut worker = http.worker("secret");
    worker.settle();
    let metrics = http.probe("/metrics");
    assert!(metrics.text().contains("gearman_jobs{function=\"open.a\"} 1"), "{}", metrics.text());
    assert!(!metrics.text().contains("function=\"secret\""));
    for line in [
        "gearman_access_rules 2",
        "gearman_access_rules_stale 0",
        "gearman_access_refused_total{permission=\"submit\"} 1",
        "gearman_access_refused_total{permission=\"work\"} 0",
    ] {
        assert!(metrics.text().lines().any(|found| found == line), "{line}: {}", metrics.text());
    }
    assert_eq!(http.probe("/healthz").status, 200);
    fs::write(&file, "allow submit from local").expect("written");
    http.server.signal("HUP");
    http.server.wait_for_line("are in force");
    assert_eq!(http.probe("/metrics").status, 403);
    assert_eq!(http.probe("/healthz").status, 200);
}

#[test]
fn commands_that_change_something_and_refused_ones_are_in_the_audit_log() {
    let directory = Directory::new("audit");
    let (rules, audit) = (directory.file("rules"), directory.file("audit"));
    fs::write(&rules, "deny admin from any for keep\nallow all from local\n").expect("written");
    let server = Server::start(&["--access-rules", &rules, "--audit-log", &audit]);
    let mut peer = server.connect();
    peer.line("create function f");
    peer.list("status");
    peer.line("drop function keep");
    peer.line("drop function \x1bnothing");
    let lines = fs::read_to_string(&audit).expect("the audit log");
    let port = peer.stream.local_addr().expect("an address").port();
    let who = format!("127.0.0.1:{port}");
    let found: Vec<_> =
        lines.lines().map(|line| line.splitn(3, ' ').nth(2).unwrap_or("")).collect();
    assert_eq!(
        found,
        [
            format!("{who}: create function f -> OK"),
            format!(
                "{who}: drop function keep -> ERR PERMISSION_DENIED \
                 Denied+by+line+1+of+the+access+rules"
            ),
            format!("{who}: drop function \\x1bnothing -> ERR function not found"),
        ]
    );
    fs::rename(&audit, directory.file("old")).expect("rotated");
    server.signal("HUP");
    server.wait_for_line("are in force");
    peer.line("create function g");
    wait_for("the new audit log", || {
        let text = fs::read_to_string(&audit).ok()?;
        text.contains("create function g").then_some(())
    });
}

#[test]
fn an_audit_log_that_cannot_be_opened_is_named() {
    let output = gearmand(&["-p", "0", "-P", "none", "-l", "none", "--audit-log=/nonexistent/a"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("--audit-log /nonexistent/a: No such file"), "{said}");
    assert!(!output.status.success());
}

#[test]
fn one_line_at_the_start_says_that_other_machines_may_do_everything() {
    let directory = Directory::new("open");
    let file = directory.file("rules");
    fs::write(&file, "allow all from local").expect("written");
    for (arguments, expected) in [
        (&["-L", "0.0.0.0"][..], 1),
        (&["-L", "127.0.0.1"], 0),
        (&["-L", "0.0.0.0", "--access-rules", &file], 0),
    ] {
        let lines = log_of_a_start(arguments);
        let count = lines.matches("it runs without --access-rules").count();
        assert_eq!(count, expected, "{arguments:?}: {lines}");
    }
}

/// The log of a server with the default level that ends when it has started.
fn log_of_a_start(arguments: &[&str]) -> String {
    let directory = Directory::new("start");
    let (port, log) = (directory.file("port"), directory.file("log"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gearmand"));
    command.args(["-p", "0", "--pid-file=none", "--port-file", &port, "-l", &log]).args(arguments);
    let mut child = command.spawn().expect("starts");
    wait_for("the port file", || fs::metadata(&port).ok());
    child.kill().expect("killed");
    child.wait().expect("ended");
    fs::read_to_string(&log).expect("a log")
}

/// Whether the server answers instead of closing the connection.
fn is_answered(peer: &Peer) -> bool {
    uninterrupted(|| peer.stream.peek(&mut [0])).is_ok_and(|count| count > 0)
}

#[test]
fn an_address_has_no_more_connections_than_its_limit() {
    let http = HttpServer::start(&["--connections-per-address=3"]);
    let mut peers = [(); 2].map(|()| http.server.connect());
    for peer in &mut peers {
        peer.settle();
    }
    let request_line = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut web = http.connect();
    assert_eq!(web.ask(request_line).status, 404);
    http.server.connect().expect_closed();
    http.server.wait_for_line("its address has 3 connections (--connections-per-address)");
    assert_eq!(http.probe("/healthz").status, 200, "probes do not count");
    drop(web);
    // The end of the HTTP connection is noticed by another thread.
    let is_open = || {
        let mut peer = http.server.connect();
        peer.stream.write_all(b"version\n").is_ok() && is_answered(&peer)
    };
    wait_for("room for a connection", || is_open().then_some(()));
    let [first, mut second] = peers;
    drop(first);
    wait_for("room for a connection", || is_open().then_some(()));
    second.settle();
    let metrics = http.probe("/metrics");
    let refused = "gearman_limit_refused_total{limit=\"connections_per_address\"} ";
    let count = metrics.text().lines().find_map(|line| line.strip_prefix(refused));
    assert!(count.and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count >= 1));
}

#[test]
fn an_address_opens_connections_no_faster_than_its_rate() {
    let server = Server::start(&["--connection-rate=1", "--admin-listen=127.0.0.1:0"]);
    let admin = listening(&server);
    let mut kept: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for peer in &mut kept {
        peer.settle();
    }
    // Ten seconds' worth is used; at most a few more come with the time that has passed.
    let refused = (0..40).filter(|_| {
        let mut peer = server.connect();
        let sent = peer.stream.write_all(b"version\n");
        sent.is_err() || !is_answered(&peer)
    });
    assert!(refused.count() > 0);
    server.wait_for_line("opens more than 1 connections per second (--connection-rate)");
    let mut peers: Vec<_> = (0..20).map(|_| Peer::connect(admin)).collect();
    for peer in &mut peers {
        peer.settle();
    }
}

#[test]
fn a_connection_has_no_more_functions_than_its_limit() {
    let server = Server::start(&["--functions-per-connection=2"]);
    let (mut worker, mut client) = (server.connect(), server.connect());
    for function in ["a", "b", "c", "a"] {
        worker.send(&request(CanDo, &[function]));
    }
    worker.ask(&request(GrabJob, NOTHING), &response(NoJob, NOTHING));
    assert!(client.list("workers").contains(" : b a !c\n"));
    client.ask(&request(SubmitJobBg, &["a", "", "x"]), &response(JobCreated, &["H:t:1"]));
    for (number, function) in [(2, "d"), (3, "e")] {
        let created = response(JobCreated, &[format!("H:t:{number}")]);
        client.ask(&request(SubmitJobBg, &[function, "", "x"]), &created);
    }
    client.send(&request(SubmitJobBg, &["f", "", "x"]));
    assert_eq!(
        error(&mut client),
        "LIMIT_EXCEEDED This connection has as many functions as it may have \
         (--functions-per-connection)"
    );
    client.ask(&request(SubmitJobBg, &["e", "", "x"]), &response(JobCreated, &["H:t:4"]));
    let functions: Vec<_> = client.list("status").lines().map(|l| l[..1].to_string()).collect();
    assert!(!functions.contains(&"c".into()) && !functions.contains(&"f".into()), "{functions:?}");
    server.wait_for_line("CAN_DO c LIMIT_EXCEEDED");
    worker.send(&request(CantDo, &["b"])).send(&request(CanDo, &["d"])).settle();
    assert!(client.list("workers").contains(" : d a !c\n"));
}

#[test]
fn a_connection_has_no_more_jobs_with_unique_ids_than_its_limit() {
    let server = Server::start(&["--unique-ids-per-connection=2"]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    let submit = |unique: &str| request(SubmitJobBg, &["f", unique, "x"]);
    client.ask(&submit("u"), &response(JobCreated, &["H:t:1"]));
    client.ask(&submit("v"), &response(JobCreated, &["H:t:2"]));
    client.ask(&submit("v"), &response(JobCreated, &["H:t:2"]));
    client.ask(&submit(""), &response(JobCreated, &["H:t:3"]));
    client.send(&submit("w"));
    assert!(error(&mut client).contains("(--unique-ids-per-connection)"));
    server.connect().ask(&submit("w"), &response(JobCreated, &["H:t:4"]));
    worker.send(&request(CanDo, &["f"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
    worker.send(&request(WorkComplete, &["H:t:1", ""])).settle();
    client.ask(&submit("y"), &response(JobCreated, &["H:t:5"]));
}

#[test]
fn a_worker_runs_no_more_jobs_than_its_limit() {
    let server = Server::start(&["--jobs-per-worker=1"]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    for number in [1, 2] {
        let created = response(JobCreated, &[format!("H:t:{number}")]);
        client.ask(&request(SubmitJobBg, &["f", "", "x"]), &created);
    }
    worker.send(&request(CanDo, &["f"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
    worker.send(&request(GrabJob, NOTHING));
    assert_eq!(
        error(&mut worker),
        "LIMIT_EXCEEDED This worker runs as many jobs as it may (--jobs-per-worker)"
    );
    worker.send(&request(WorkComplete, &["H:t:1", ""]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:2", "f", "x"]));
}
