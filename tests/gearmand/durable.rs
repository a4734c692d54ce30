//! Jobs that survive the server: `-q libsqlite3`, as its peers and its operator see it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{self, Stdio};

use gearman_test_support::requirements::have_program;

use super::http_support::{HttpServer, post, report, take};
use super::support::*;

/// The arguments that choose a file as the queue, and more.
fn queue<'a>(file: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["-q", "libsqlite3", "--libsqlite3-db", file], more].concat()
}

/// A server whose queue is this file, and which knows all jobs of it.
pub(crate) fn start(file: &str, more: &[&str]) -> Server {
    let server = Server::start(&queue(file, more));
    server.wait_for_line("jobs in the queue");
    server
}

/// Ends a server and waits for its end.
pub(crate) fn stop(mut server: Server) {
    server.signal("TERM");
    assert!(server.wait().success());
}

/// Submits jobs with these packets and returns the handles in the answers.
pub(crate) fn submit(server: &Server, packets: &[Vec<u8>]) -> Vec<String> {
    let mut client = server.connect();
    client.send(&packets.concat());
    packets.iter().map(|_| created(&mut client)).collect()
}

/// The handle in the next packet, which is JOB_CREATED.
fn created(client: &mut Peer) -> String {
    match client.packet() {
        (JobCreated, handle) => String::from_utf8(handle).expect("text"),
        other => panic!("{other:?}"),
    }
}

/// The next packet, which is ERROR, as text.
fn error(client: &mut Peer) -> String {
    match client.packet() {
        (Error, body) => body.escape_ascii().to_string(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn background(function: &str, unique: &str, payload: &str) -> Vec<u8> {
    request(SubmitJobBg, &[function, unique, payload])
}

/// A worker of a function.
pub(crate) fn worker(server: &Server, function: &str) -> Peer {
    let mut worker = server.connect();
    worker.send(&request(CanDo, &[function])).settle();
    worker
}

/// Takes the next job and completes it. Returns its handle and its payload.
pub(crate) fn work(worker: &mut Peer) -> (String, String) {
    let (handle, payload) = take(worker);
    worker.send(&report(WorkComplete, &handle, b""));
    (handle, String::from_utf8(payload).expect("text"))
}

/// The columns of `status` for a function.
pub(crate) fn status(server: &Server, function: &str) -> String {
    let list = server.connect().list("status");
    let line = list.lines().find_map(|line| line.strip_prefix(&format!("{function}\t")));
    line.unwrap_or("none").to_owned()
}

#[test]
fn a_restart_keeps_order_priority_unique_payload_and_handle() {
    let directory = Directory::new("durable-restart");
    let file = directory.file("queue.db");
    let server = start(&file, &[]);
    let handles = submit(
        &server,
        &[
            request(SubmitJobLowBg, &["f", "", "low"]),
            background("f", "", "first"),
            background("f", "u", "second"),
            request(SubmitJobHighBg, &["f", "", "high"]),
            background("f", "", ""),
        ],
    );
    stop(server);
    let server = start(&file, &[]);
    assert_eq!(status(&server, "f"), "5\t0\t0");
    submit(&server, &[background("f", "", "newest")]);
    let mut worker = worker(&server, "f");
    let done: Vec<_> = (0..6).map(|_| work(&mut worker)).collect();
    let payloads: Vec<_> = done.iter().map(|(_, payload)| payload.as_str()).collect();
    assert_eq!(payloads, ["high", "first", "second", "", "newest", "low"]);
    assert_eq!([&done[0].0, &done[1].0, &done[5].0], [&handles[3], &handles[1], &handles[0]]);
    worker.settle();
    stop(server);
    assert_eq!(status(&start(&file, &[]), "f"), "none");
}

#[test]
fn a_submission_joins_a_job_that_is_only_in_the_file() {
    let directory = Directory::new("durable-join");
    let file = directory.file("queue.db");
    let server = start(&file, &[]);
    let handles = submit(&server, &[background("f", "u", "first"), background("g", "u", "other")]);
    stop(server);
    let server = start(&file, &[]);
    assert_eq!(submit(&server, &[background("f", "u", "second")]), handles[..1]);
    let mut client = server.connect();
    client.ask(&request(SubmitJob, &["f", "u", "x"]), &response(JobCreated, &handles[..1]));
    assert_eq!(work(&mut worker(&server, "f")), (handles[0].clone(), "first".into()));
    client.expect(&response(WorkComplete, &[&handles[0], ""]));
    // The unique is free again.
    assert_ne!(submit(&server, &[background("f", "u", "third")]), handles[..1]);
}

#[test]
fn a_killed_server_has_its_acknowledged_jobs_at_the_next_start() {
    let directory = Directory::new("durable-killed");
    let file = directory.file("queue.db");
    let server = start(&file, &[]);
    submit(&server, &[background("f", "", "x"), background("f", "", "y")]);
    drop(server);
    assert_eq!(status(&start(&file, &[]), "f"), "2\t0\t0");
}

#[test]
fn a_restart_keeps_the_due_time_and_the_attempts_of_jobs() {
    let directory = Directory::new("durable-due");
    let file = directory.file("queue.db");
    let server = start(&file, &["--job-retries", "2"]);
    submit(&server, &[request(SubmitJobEpoch, &["later", "", "4000000000", "x"])]);
    submit(&server, &[background("f", "", "fails twice")]);
    let mut first = worker(&server, "f");
    take(&mut first);
    drop(first);
    // The job is queued again.
    while !status(&server, "f").starts_with("1\t0\t") {}
    server.connect().settle();
    stop(server);
    let server = start(&file, &["--job-retries", "2"]);
    let mut admin = server.connect();
    let mut second = worker(&server, "f");
    take(&mut second);
    let jobs = admin.line("json jobs");
    assert!(jobs.contains("\"retries\":1") && !jobs.contains("\"due\":4000000000"), "{jobs}");
    let functions = admin.line("json status");
    assert!(functions.contains("\"function\":\"later\""), "{functions}");
    assert!(functions.contains("\"delayed\":1"), "{functions}");
    drop(second);
    server.wait_for_line("no result after 2 attempts");
}

#[test]
fn no_number_of_a_job_is_used_twice() {
    let directory = Directory::new("durable-numbers");
    let file = directory.file("queue.db");
    let mut last = 0;
    for _ in 0..3 {
        let server = start(&file, &[]);
        let packets = [background("f", "", "x"), request(SubmitJob, &["f", "", "foreground"])];
        for handle in submit(&server, &packets) {
            let number = handle.rsplit(':').next().and_then(|text| text.parse().ok());
            let number: u64 = number.expect("a number");
            assert!(number > last, "{number} after {last}");
            last = number;
        }
    }
}

#[test]
fn a_second_server_on_the_same_file_is_refused_by_name() {
    let directory = Directory::new("durable-second");
    let file = directory.file("queue.db");
    let server = start(&file, &[]);
    let arguments = ["-L", "127.0.0.1", "-p", "0", "--log-file", "none", "--pid-file=none"];
    let output = gearmand(&queue(&file, &arguments));
    let text = String::from_utf8_lossy(&output.stderr);
    let pid = format!("process {}", server.pid());
    assert!(!output.status.success(), "{text}");
    assert!(text.contains(&file) && text.contains(&pid), "{text}");
}

#[test]
fn jobs_of_volatile_functions_end_with_the_server() {
    let directory = Directory::new("durable-volatile");
    let file = directory.file("queue.db");
    let more = ["--volatile", "cache_*", "--volatile", "mail"];
    let server = start(&file, &more);
    let functions = ["cache_a", "mail", "mails", "a_cache_b"];
    let packets: Vec<_> = functions.iter().map(|name| background(name, "", "x")).collect();
    submit(&server, &packets);
    stop(server);
    let server = start(&file, &more);
    let states: Vec<_> = functions.iter().map(|name| status(&server, name)).collect();
    assert_eq!(states, ["none", "none", "1\t0\t0", "1\t0\t0"]);
}

#[test]
fn jobs_are_stored_when_the_server_ends_if_that_is_wanted() {
    let directory = Directory::new("durable-shutdown");
    let file = directory.file("queue.db");
    let more = ["--store-queue-on-shutdown"];
    for signal in ["TERM", "USR1"] {
        let mut server = start(&file, &more);
        submit(&server, &[background("f", signal, "x")]);
        submit(&server, &[request(SubmitJob, &["f", "", "foreground"])]);
        server.signal(signal);
        assert!(server.wait().success());
    }
    let server = start(&file, &more);
    assert_eq!(status(&server, "f"), "2\t0\t0");
    submit(&server, &[background("f", "lost", "x")]);
    drop(server);
    assert_eq!(status(&start(&file, &more), "f"), "2\t0\t0");
}

#[test]
fn a_full_queue_answers_queue_error_and_resumes() {
    let directory = Directory::new("durable-full");
    let file = directory.file("queue.db");
    let queue = queue(&file, &["--queue-size", "1M"]);
    let http = HttpServer::start(&queue);
    let payload = "x".repeat(100_000);
    let mut client = http.server.connect();
    let mut count = 0;
    let refusal = loop {
        client.send(&background("f", "", &payload));
        match client.packet() {
            (JobCreated, _) => count += 1,
            (Error, body) => break body.escape_ascii().to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert!((5..11).contains(&count), "{count}");
    assert!(refusal.starts_with("QUEUE_ERROR"), "{refusal}");
    let line = http.server.wait_for_line("The queue takes no jobs");
    assert!(line.contains("full"), "{line}");
    let info = client.line("json queue");
    assert!(info.contains("\"suspended\":\"") && info.contains("\"errors\":"), "{info}");
    let ready = http.probe("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.text().starts_with("the queue takes no jobs: "), "{ready:?}");
    let metrics = http.probe("/metrics");
    assert!(metrics.text().contains("\ngearman_queue_up 0\n"), "{metrics:?}");
    let response = http.connect().post("/f", &["X-Gearman-Background: true"], payload.as_bytes());
    assert_eq!(response.status, 503);
    assert_eq!(response.header("x-gearman-command"), Some("ERROR"));
    // Foreground jobs go on, and those that are done make room.
    let mut worker = http.worker("f");
    (0..count).for_each(|_| drop(work(&mut worker)));
    http.server.wait_for_line("The queue takes jobs again");
    assert_eq!(http.probe("/readyz").status, 200);
    client.send(&background("f", "", &payload));
    created(&mut client);
}

#[test]
fn a_background_job_over_http_is_answered_after_its_commit() {
    let directory = Directory::new("durable-http");
    let file = directory.file("queue.db");
    let http = HttpServer::start(&queue(&file, &[]));
    let background = ["X-Gearman-Background: true"];
    let response = http.connect().post("/f", &background, b"x");
    assert_eq!(response.status, 202);
    assert!(http.server.connect().line("json queue").contains("\"pending\":0"));
    let handle = response.header("x-gearman-job-handle").expect("a handle").to_owned();
    let mut client = http.connect();
    client.send(post("/f", &["X-Gearman-Unique: u"], b"foreground"));
    drop(http);
    let server = start(&file, &[]);
    let mut worker = worker(&server, "f");
    assert_eq!(work(&mut worker), (handle, "x".into()));
    worker.ask(&request(GrabJob, NOTHING), &response_no_job());
}

fn response_no_job() -> Vec<u8> {
    response(NoJob, NOTHING)
}

#[test]
fn check_queue_tells_a_sound_file_from_a_damaged_and_a_missing_one() {
    let directory = Directory::new("durable-check");
    let file = directory.file("queue.db");
    let check = || {
        let output = gearmand(&queue(&file, &["--check-queue"]));
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    };
    let (code, text) = check();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("No such file") && !fs::exists(&file).expect("looks"), "{text}");
    let server = start(&file, &[]);
    let payload = "x".repeat(50_000);
    submit(&server, &[background("f", "", &payload), background("f", "", &payload)]);
    let (code, text) = check();
    assert!(code == Some(1) && text.contains("another gearmand"), "{text}");
    stop(server);
    assert_eq!(check(), (Some(0), format!("{file}: sound\n")));
    let mut bytes = fs::read(&file).expect("reads");
    bytes[12_288..16_384].fill(0xa5);
    fs::write(&file, bytes).expect("writes");
    let (code, text) = check();
    assert!(code == Some(1) && text.contains(&format!("saved in {file}-repaired")), "{text}");
    // Damage inside a payload is none that SQLite notices: both jobs are there.
    assert_eq!(status(&start(&format!("{file}-repaired"), &[]), "f"), "2\t0\t0");
}

#[test]
fn a_file_that_is_not_a_queue_ends_the_start_and_is_named() {
    let directory = Directory::new("durable-corrupt");
    let file = directory.file("queue.db");
    fs::write(&file, vec![b'x'; 10_000]).expect("writes");
    let arguments = ["-L", "127.0.0.1", "-p", "0", "--log-file", "none", "--pid-file=none"];
    let output = gearmand(&queue(&file, &arguments));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains(&file), "{text}");
    assert_eq!(fs::read(&file).expect("reads"), vec![b'x'; 10_000]);
}

#[test]
fn sigterm_commits_completed_jobs() {
    let directory = Directory::new("durable-term");
    let file = directory.file("queue.db");
    let server = start(&file, &[]);
    let packets: Vec<_> = (0..200).map(|n| background("f", "", &n.to_string())).collect();
    submit(&server, &packets);
    let mut worker = worker(&server, "f");
    (0..100).for_each(|_| drop(work(&mut worker)));
    worker.settle();
    stop(server);
    assert_eq!(status(&start(&file, &[]), "f"), "100\t0\t0");
}

#[test]
fn a_drain_keeps_jobs_without_a_worker_in_the_store() {
    let directory = Directory::new("durable-drain");
    let file = directory.file("queue.db");
    let mut server = start(&file, &[]);
    submit(&server, &[background("f", "", "x"), background("g", "", "y")]);
    let mut worker = worker(&server, "g");
    let (handle, _) = take(&mut worker);
    server.signal("USR1");
    server.wait_for_line("draining");
    worker.send(&report(WorkComplete, &handle, b""));
    assert!(server.wait().success());
    let server = start(&file, &[]);
    assert_eq!((status(&server, "f"), status(&server, "g")), ("1\t0\t0".into(), "none".into()));
}

#[test]
fn jobs_that_are_only_in_the_file_are_listed_and_cancelled() {
    let directory = Directory::new("durable-parked");
    let file = directory.file("queue.db");
    let server = start(&file, &[]);
    let packets = ["a", "b", "c", "d"].map(|unique| background("f", unique, unique));
    let handles = submit(&server, &packets);
    submit(&server, &[background("dropped", "", "x")]);
    stop(server);

    let server = start(&file, &[]);
    let mut client = server.connect();
    client.send(&request(GetStatus, &[&handles[0]]));
    client.expect(&response(StatusRes, &[&handles[0], "1", "0", "0", "0"]));
    client.send(&request(GetStatusUnique, &["b"]));
    client.expect(&response(StatusResUnique, &["b", "1", "0", "0", "0", "0"]));
    client.ask(format!("cancel job {}\n", handles[0]).as_bytes(), b"OK\r\n");
    client.ask(format!("cancel job {}\n", handles[0]).as_bytes(), b"ERR UNKNOWN_JOB\r\n");
    client.ask(b"cancelunique f b\n", b"OK\r\n");
    client.ask(b"cancelunique f b\n", b"ERR UNKNOWN_JOB\r\n");
    client.ask(b"drop function dropped\n", b"OK\r\n");
    assert_eq!(status(&server, "f"), "2\t0\t0");
    assert_eq!(status(&server, "dropped"), "none");
    let info = client.line("json server");
    assert!(info.contains("\"jobs\":2,\"running\":0,\"queued\":2"), "{info}");
    client.settle();
    stop(server);

    let server = start(&file, &[]);
    let mut worker = worker(&server, "f");
    assert_eq!([work(&mut worker).1, work(&mut worker).1], ["c", "d"]);
    worker.ask(&request(GrabJob, NOTHING), &response_no_job());
    assert_eq!(status(&server, "dropped"), "none");
}

#[test]
fn a_file_that_takes_no_jobs_does_not_hold_up_foreground_jobs() {
    let directory = Directory::new("durable-foreground");
    let file = directory.file("queue.db");
    let server = start(&file, &["--queue-size", "64K"]);
    let mut client = server.connect();
    client.send(&background("f", "", &"x".repeat(200_000)));
    assert!(error(&mut client).starts_with("QUEUE_ERROR"));
    client.send(&request(SubmitJob, &["f", "", "small"]));
    created(&mut client);
    let mut worker = worker(&server, "f");
    assert_eq!(work(&mut worker).1, "small");
    assert_eq!(client.packet().0, WorkComplete);
}

#[test]
fn the_queue_can_be_copied_while_the_server_runs() {
    if !have_file("/usr/bin/sqlite3", "sqlite3") {
        return;
    }
    let directory = Directory::new("durable-backup");
    let file = directory.file("queue.db");
    let server = start(&file, &[]);
    submit(&server, &[background("f", "", "x"), background("f", "", "y")]);
    let copy = directory.file("copy.db");
    let command = format!(".backup '{copy}'");
    let backup = std::process::Command::new("sqlite3").args([&file, &command]).status();
    assert!(backup.expect("sqlite3 runs").success());
    submit(&server, &[background("f", "", "not in the copy")]);
    assert_eq!(status(&start(&copy, &[]), "f"), "2\t0\t0");
}

#[test]
fn jobs_beyond_the_memory_limit_keep_their_order() {
    let directory = Directory::new("durable-memory");
    let file = directory.file("queue.db");
    let server = start(&file, &["--queue-memory", "1M"]);
    let payloads: Vec<String> = (0..100).map(|n| format!("{n:050000}")).collect();
    let packets: Vec<_> = payloads.iter().map(|payload| background("f", "", payload)).collect();
    submit(&server, &packets);
    let info = server.connect().line("json queue");
    assert!(!info.contains("\"parked\":0"), "{info}");
    assert_eq!(status(&server, "f"), "100\t0\t0");
    let mut worker = worker(&server, "f");
    payloads.iter().for_each(|payload| assert!(work(&mut worker).1 == *payload));
    worker.settle();
    assert_eq!(status(&server, "f"), "0\t0\t1");
}

/// Holds SQLite's lock for writing until its input ends.
const LOCKER: &str = "import sqlite3, sys\n\
                      a = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                      a.execute('BEGIN IMMEDIATE')\n\
                      print('locked', flush=True)\n\
                      sys.stdin.read()\n";

#[test]
fn ends_of_jobs_that_were_never_written_are_reported_and_their_jobs_run_again() {
    if !have_program("python3", &["-c", "import sqlite3"]) {
        return;
    }
    let directory = Directory::new("durable-unwritten");
    let file = directory.file("queue.db");
    let mut server = start(&file, &[]);
    submit(&server, &[background("f", "", "x")]);
    let mut locker = process::Command::new("python3");
    locker.args(["-c", LOCKER, &file]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut locker = locker.spawn().expect("python3 runs");
    let mut line = String::new();
    let output = locker.stdout.take().expect("a pipe");
    BufReader::new(output).read_line(&mut line).expect("a line");
    assert_eq!(line, "locked\n");
    work(&mut worker(&server, "f"));
    let mut admin = server.connect();
    while !admin.line("json queue").contains("\"retained\":1,") {}
    server.signal("TERM");
    server.wait_for_line("The ends of 1 jobs could not be written to the queue: they run again");
    assert!(server.wait().success());
    drop(locker.stdin.take());
    assert!(locker.wait().expect("it ends").success());
    assert_eq!(status(&start(&file, &[]), "f"), "1\t0\t0");
}

#[test]
fn jobs_that_are_only_in_the_store_are_not_among_those_that_a_drain_waits_for() {
    let directory = Directory::new("durable-drain");
    let file = directory.file("queue.db");
    let server = start(&file, &[]);
    submit(&server, &[background("g", "", "1"), background("g", "", "2")]);
    stop(server);
    let server = start(&file, &[]);
    let mut client = server.connect();
    let mut worker = worker(&server, "f");
    client.send(&request(SubmitJob, &["f", "", "x"]));
    created(&mut client);
    take(&mut worker);
    server.signal("USR1");
    server.wait_for_line("SIGUSR1, draining: 1 jobs to finish");
    server.wait_for_line("Draining: 1 jobs left, 1 of them run");
}
