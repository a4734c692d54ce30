//! What an administrator finds out: who is busy with what, what was lost, and what commands did.

use serde_json::Value;

use super::support::*;

/// A server on which a worker with the id `w` has the job `H:t:1` of function `f`.
fn busy_server() -> (Server, Peer) {
    let server = Server::start(&[]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    worker.send(&request(SetClientId, &["w"])).send(&request(CanDo, &["f"])).settle();
    client.ask(&request(SubmitJobBg, &["f", "u", "x"]), &response(JobCreated, &["H:t:1"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
    (server, worker)
}

/// Submits the background job with this number.
fn submit(client: &mut Peer, function: &str, number: u32) {
    let created = response(JobCreated, &[format!("H:t:{number}")]);
    client.ask(&request(SubmitJobBg, &[function, "", "x"]), &created);
}

#[test]
fn a_worker_that_is_busy_with_a_cancelled_job_is_shown_until_it_reports_an_end() {
    let (server, mut worker) = busy_server();
    let mut admin = server.connect();
    let place = worker.local_address();
    admin.ask(b"cancel job H:t:1\n", b"OK\r\n");
    for command in ["jobs", "jobs f"] {
        let list = admin.list(command);
        let fields: Vec<&str> = list.lines().next().expect("a line").split('\t').collect();
        assert_eq!(fields[..5], ["H:t:1", "f", "u", "normal", "cancelled"]);
        assert!(fields[6].ends_with(&format!(" {place} w")), "{list}");
        assert!(fields[7].parse::<u32>().is_ok(), "{list}");
    }
    assert_eq!(admin.list("jobs g"), ".\n");
    let busy = |admin: &mut Peer| -> Value {
        let all: Value = serde_json::from_str(&admin.line("json workers")).expect("JSON");
        let all = all["workers"].as_array().expect("a list");
        let worker = all.iter().find(|peer| peer["id"] == "w").expect("the worker");
        worker.get("cancelled").map_or(Value::Null, |runs| runs[0]["handle"].clone())
    };
    assert_eq!(busy(&mut admin), "H:t:1");
    worker.send(&request(WorkComplete, &["H:t:1", ""]));
    worker.settle();
    assert_eq!((busy(&mut admin), &*admin.list("jobs")), (Value::Null, ".\n"));
}

#[test]
fn peek_shows_the_payloads_at_the_head_of_a_queue() {
    let server = Server::start(&[]);
    let (mut client, mut admin) = (server.connect(), server.connect());
    let long = "y".repeat(1025);
    client.ask(&request(SubmitJobBg, &["f", "", &long]), &response(JobCreated, &["H:t:1"]));
    let high = request(SubmitJobHighBg, &[&b"f"[..], b"u", b"a\n\xff"]);
    client.ask(&high, &response(JobCreated, &["H:t:2"]));
    let list = admin.list("peek f");
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0][..4], ["H:t:2", "u", "high", "queued"]);
    assert_eq!(rows[0][5..], ["3", "a%0A%FF"]);
    assert_eq!((rows[1][0], rows[1][5], rows[1][6]), ("H:t:1", "1025", &long[..1024]));
    assert_eq!(admin.list("peek f 1").lines().count(), 2);
    let line = server.wait_for_line(": peek f -> ");
    assert!(line.ends_with(": peek f -> shown"), "{line}");
    admin.ask(b"peek g\n", b"ERR function not found\r\n");
    let limit = b"ERR INVALID_ARGUMENTS A+number+up+to+100+is+expected\r\n";
    admin.ask(b"peek f 101\n", limit).ask(b"peek f x\n", limit);
}

#[test]
fn peek_shows_jobs_that_are_only_in_the_durable_queue() {
    let directory = Directory::new("peek-durable");
    let database = directory.file("queue.db");
    let arguments = ["-q", "libsqlite3", "--libsqlite3-db", &database];
    let mut server = Server::start(&arguments);
    let mut client = server.connect();
    client.ask(&request(SubmitJobBg, &["f", "", "stored"]), &response(JobCreated, &["H:t:1"]));
    server.signal("TERM");
    assert!(server.wait().success());
    let server = Server::start(&arguments);
    let list = server.connect().list("peek f");
    assert!(list.starts_with("H:t:1\t") && list.ends_with("\t6\tstored\n.\n"), "{list}");
}

#[test]
fn dropfunction_answers_how_many_jobs_went_with_the_function() {
    let server = Server::start(&[]);
    let (mut client, mut admin) = (server.connect(), server.connect());
    (1..=2).for_each(|number| submit(&mut client, "f", number));
    admin
        .ask(b"dropfunction f\n", b"OK 2\n")
        .ask(b"dropfunction f\n", b"ERR function not found\r\n");
    server.wait_for_line("Dropped 2 jobs of function f: by a command");
    server.wait_for_line(": dropfunction f -> OK 2");
    client.send(&request(CanDo, &["g"])).settle();
    let in_use = b"ERR there are still connected workers or executing clients\r\n";
    admin.ask(b"dropfunction g\n", in_use);
}

#[test]
fn a_server_that_is_stopped_says_how_many_jobs_of_which_function_it_loses() {
    let mut server = Server::start(&[]);
    let mut client = server.connect();
    for (number, function) in (1..).zip(["f", "g", "f"]) {
        submit(&mut client, function, number);
    }
    server.signal("TERM");
    server.wait_for_line("Dropped 2 jobs of function f: the server ends");
    server.wait_for_line("Dropped 1 jobs of function g: the server ends");
    assert!(server.wait().success());
}

#[test]
fn jobs_of_many_functions_that_are_lost_are_summed_up() {
    let mut server = Server::start(&[]);
    let mut client = server.connect();
    for number in 1..=25 {
        submit(&mut client, &format!("f{number}"), number);
    }
    server.signal("TERM");
    server.wait_for_line("Dropped 5 jobs of 5 other functions: the server ends");
    assert!(server.wait().success());
}

#[test]
fn a_stored_job_is_not_lost_by_the_end_of_the_server() {
    let directory = Directory::new("stop-durable");
    let database = directory.file("queue.db");
    let mut server = Server::start(&["-q", "libsqlite3", "--libsqlite3-db", &database]);
    let mut client = server.connect();
    client.ask(&request(SubmitJobBg, &["f", "", "x"]), &response(JobCreated, &["H:t:1"]));
    client.ask(&request(SubmitJob, &["g", "", "x"]), &response(JobCreated, &["H:t:2"]));
    server.signal("TERM");
    let dropped = server.wait_for_line("Dropped ");
    assert!(dropped.ends_with("Dropped 1 jobs of function g: the server ends"), "{dropped}");
    assert!(server.wait().success());
}

#[test]
fn the_log_names_workers_that_come_and_go_and_what_they_fail() {
    let (server, mut worker) = busy_server();
    let place = worker.local_address();
    server.wait_for_line(&format!("Worker {place} (w) offers function f"));
    server.wait_for_line(&format!("Function f has a worker: {place} (w)"));
    worker.send(&request(WorkFail, &["H:t:1"])).settle();
    server.wait_for_line(&format!("Worker {place} (w) failed job H:t:1 of function f, unique u"));
    drop(worker);
    let left =
        format!("Worker {place} (w) has left: it offered 1 functions and had 0 unfinished jobs");
    server.wait_for_line(&left);
    let gone = format!("Function f has no worker any more: {place} (w) was the last, 0 jobs wait");
    server.wait_for_line(&gone);
}

#[test]
fn lines_about_workers_are_limited_and_what_is_left_out_is_counted() {
    let server = Server::start(&[]);
    let mut worker = server.connect();
    for number in 0..100 {
        worker.send(&request(CanDo, &[&*format!("f{number}")]));
    }
    worker.settle();
    // Without a further event of the server.
    server.wait_for_line("lines about workers and their jobs: more than 10 in one second");
}

#[test]
fn a_drain_reports_how_far_it_has_come() {
    let (server, mut worker) = busy_server();
    let mut client = server.connect();
    client.ask(&request(SubmitJobBg, &["f", "", "y"]), &response(JobCreated, &["H:t:2"]));
    server.signal("USR1");
    server.wait_for_line("Draining: 2 jobs left, 1 of them run");
    worker.send(&request(WorkComplete, &["H:t:1", ""]));
    worker.settle();
    server.wait_for_line("Draining: 1 jobs left, 0 of them run");
}

#[test]
fn lines_about_accepted_jobs_can_be_left_out_of_the_log() {
    let server = Server::start(&["--log-submissions=no"]);
    submit(&mut server.connect(), "f", 1);
    server.signal("TERM");
    let lines = server.remaining_lines();
    assert!(lines.iter().any(|line| line.contains("Shutdown complete")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("accepted,f")), "{lines:?}");
}

#[test]
fn jobs_that_used_up_their_attempts_are_all_counted_by_function() {
    let server = Server::start(&["--job-retries=1"]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    worker.send(&request(CanDo, &["f"])).settle();
    for number in 1..=30 {
        submit(&mut client, "f", number);
        worker.send(&request(GrabJob, NOTHING));
        assert_eq!(worker.packet().0, JobAssign);
    }
    drop(worker);
    server.wait_for_line("Failed job H:t:10 of function f, unique : no result after 1 attempts");
    server.wait_for_line("Failed 20 more jobs of function f: no result after the last attempt");
    let totals = server.connect().line("json status");
    assert!(totals.contains("\"failed\":0,\"cancelled\":0,\"dropped\":30"), "{totals}");
}

#[test]
fn a_job_whose_result_is_too_large_has_a_line_with_its_worker() {
    let server = Server::start(&["--max-packet-size=100"]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    worker.send(&request(CanDo, &["f"])).settle();
    submit(&mut client, "f", 1);
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
    worker.send(&request(WorkComplete, &["H:t:1", &"y".repeat(200)]));
    let place = worker.local_address();
    server.wait_for_line(&format!(
        "Failed job H:t:1 of function f, unique : worker {place} sent a result above \
         --max-packet-size"
    ));
}

#[test]
fn start_and_end_of_the_server_are_in_a_log_at_notice() {
    let directory = Directory::new("log-notice");
    let _daemon = Daemon::with_log(&directory);
    let log = std::fs::read_to_string(directory.file("log")).expect("the log");
    let first = log.lines().next().expect("a line");
    assert!(first.starts_with(" NOTICE ") && first.contains("Starting up with pid"), "{log}");
    let mut server = Server::start(&[]);
    server.signal("TERM");
    let last = server.wait_for_line("Shutdown complete");
    assert!(last.starts_with(" NOTICE "), "{last}");
    assert!(server.wait().success());
}
