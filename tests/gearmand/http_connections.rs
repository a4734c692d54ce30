//! How connections are used: kept, shared by requests, given up.

use std::path::Path;
use std::process::Command;

use super::http_support::*;
use super::support::*;

const BACKGROUND: &str = "X-Gearman-Background: true";
const LARGE: usize = 10 << 20;

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let http = HttpServer::start(&[]);
    let mut client = http.connect();
    for number in 1..=20 {
        let response = client.post("/f", &[BACKGROUND, "X-Gearman-Unique:"], b"x");
        let handle = format!("H:t:{number}");
        assert_eq!(response.header("x-gearman-job-handle"), Some(&handle[..]));
    }
}

#[test]
fn requests_can_be_sent_ahead_of_responses() {
    let http = HttpServer::start(&[]);
    let (mut client, mut worker) = (http.connect(), http.worker("f"));
    let requests: Vec<u8> =
        (0..5).flat_map(|n| post("/f", &[], format!("number {n}").as_bytes())).collect();
    client.send(requests);
    for number in 0..5 {
        let (handle, payload) = take(&mut worker);
        worker.send(&report(WorkComplete, &handle, &payload));
        assert_eq!(client.read().text(), format!("number {number}"));
    }
}

#[test]
fn http_1_0_is_answered_in_its_own_way() {
    let http = HttpServer::start(&[]);
    let background = format!("GET /f HTTP/1.0\r\n{BACKGROUND}\r\n");
    let mut client = http.connect();
    let response = client.ask(&format!("{background}\r\n"));
    assert_eq!((&response.version[..], response.status), ("HTTP/1.0", 202));
    client.expect_closed();
    let mut client = http.connect();
    for _ in 0..2 {
        let response = client.ask(&format!("{background}Connection: keep-alive\r\n\r\n"));
        assert_eq!((response.status, response.header("connection")), (202, Some("keep-alive")));
    }
}

#[test]
fn a_connection_ends_when_the_client_says_so() {
    let http = HttpServer::start(&[]);
    let mut client = http.connect();
    let response = client.post("/f", &[BACKGROUND, "Connection: close"], b"");
    assert_eq!((response.status, response.header("connection")), (202, Some("close")));
    client.expect_closed();
}

#[test]
fn a_payload_may_come_in_chunks() {
    let http = HttpServer::start(&[]);
    let (mut client, mut worker) = (http.connect(), http.worker("f"));
    client.send("PUT /f HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("5\r\nhello\r\n").send("1\r\n,\r\n").send("6\r\n world\r\n0\r\n\r\n");
    let (handle, payload) = take(&mut worker);
    assert_eq!(payload, b"hello, world");
    worker.send(&report(WorkComplete, &handle, b"done"));
    assert_eq!(client.read().text(), "done");
}

#[test]
fn a_client_that_expects_100_continue_gets_it() {
    let http = HttpServer::start(&[]);
    let mut client = http.connect();
    let head = format!("{BACKGROUND}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    client.send(format!("POST /f HTTP/1.1\r\nHost: x\r\n{head}"));
    assert_eq!(client.read_head().status, 100);
    assert_eq!(client.send("hi").read().status, 202);
}

#[test]
fn ten_megabytes_go_in_and_come_out() {
    let http = HttpServer::start(&[]);
    let (mut client, mut worker) = (http.connect(), http.worker("f"));
    let bytes: Vec<u8> = (0..LARGE).map(|n| (n * 31 % 251) as u8).collect();
    client.send(post("/f", &[], &bytes));
    let (handle, payload) = take(&mut worker);
    assert!(payload == bytes);
    worker.send(&report(WorkComplete, &handle, &payload));
    let response = client.read();
    assert_eq!(response.status, 200);
    assert!(response.body == bytes);
}

#[test]
fn two_calls_with_the_same_large_payload_are_one_job() {
    let http = HttpServer::start(&[]);
    let mut client = http.connect();
    let bytes: Vec<u8> = (0..LARGE).map(|n| (n * 31 % 251) as u8).collect();
    let mut other = bytes.clone();
    other[LARGE - 1] ^= 1;
    let handles = [&bytes, &bytes, &other].map(|payload| {
        let response = client.post("/f", &[BACKGROUND], payload);
        response.header("x-gearman-job-handle").map(str::to_owned)
    });
    let expected = ["H:t:1", "H:t:1", "H:t:2"].map(|handle| Some(handle.to_owned()));
    assert_eq!(handles, expected);
    let mut worker = http.worker("f");
    for (handle, payload) in [("H:t:1", &bytes), ("H:t:2", &other)] {
        let job = take(&mut worker);
        assert!(job.0 == handle && job.1 == *payload, "{handle}");
        worker.send(&report(WorkComplete, &job.0, b""));
    }
}

#[test]
fn curl_gets_a_workers_result() {
    if !Path::new("/usr/bin/curl").exists() {
        skip("there is no /usr/bin/curl");
        return;
    }
    let http = HttpServer::start(&[]);
    let mut worker = http.worker("a function");
    let path = format!("{}/curl-{}", env!("CARGO_TARGET_TMPDIR"), http.jobs.port());
    let bytes: Vec<u8> = (0..LARGE).map(|n| (n * 17 % 253) as u8).collect();
    std::fs::write(&path, &bytes).expect("written");
    let url = format!("http://{}/a%20function", http.jobs);
    // Twice the same URL: curl keeps the connection.
    let mut curl = Command::new("/usr/bin/curl");
    curl.args(["--silent", "--show-error", "--fail", "--data-binary", &format!("@{path}")]);
    curl.args(["--write-out", "%{http_code} %{num_connects}\n", "--output", &path]);
    curl.args([&url, "--output", "/dev/null", &url]);
    let curl = curl.stdout(std::process::Stdio::piped()).spawn().expect("curl runs");
    for _ in 0..2 {
        let (handle, mut payload) = take(&mut worker);
        assert!(payload == bytes);
        payload.reverse();
        worker.send(&report(WorkComplete, &handle, &payload));
    }
    let output = curl.wait_with_output().expect("curl ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "200 1\n200 0\n");
    let mut result = std::fs::read(&path).expect("the result");
    result.reverse();
    assert!(result == bytes);
    std::fs::remove_file(&path).expect("removed");
}

/// Asks until a function has that many jobs of any state.
fn wait_for_jobs(admin: &mut Peer, count: usize) {
    while !admin.list("status").contains(&format!("f\t{count}\t")) {}
}

#[test]
fn a_waiting_job_is_dropped_when_its_http_client_disconnects() {
    let http = HttpServer::start(&[]);
    let mut admin = http.server.connect();
    let mut client = http.connect();
    client.send(post("/f", &[], b"x"));
    wait_for_jobs(&mut admin, 1);
    drop(client);
    wait_for_jobs(&mut admin, 0);
    assert!(admin.line("json status").contains("\"abandoned\":1"));
}

#[test]
fn a_background_job_stays_when_its_client_leaves() {
    let http = HttpServer::start(&[]);
    let mut client = http.connect();
    assert_eq!(client.post("/f", &[BACKGROUND], b"x").status, 202);
    drop(client);
    let mut worker = http.worker("f");
    assert_eq!(take(&mut worker).1, b"x");
}

#[test]
fn a_drained_server_delivers_the_last_result_and_takes_no_more() {
    let mut http = HttpServer::start(&[]);
    let (mut client, mut worker) = (http.connect(), http.worker("f"));
    let mut idle = http.connect();
    assert_eq!(idle.post("/other", &[BACKGROUND], b"").status, 202);
    client.send(post("/f", &[], b"x"));
    let (handle, _) = take(&mut worker);
    http.server.signal("USR1");
    http.server.wait_for_line("SIGUSR1");
    idle.expect_closed();
    while std::net::TcpStream::connect(http.jobs).is_ok() {}
    let ready = http.probe("/readyz");
    assert_eq!((ready.status, ready.text()), (503, "draining\n"));
    assert_eq!(http.probe("/healthz").status, 200);
    worker.send(&report(WorkComplete, &handle, b"the last"));
    let response = client.read();
    assert_eq!((response.status, response.text()), (200, "the last"));
    client.expect_closed();
    assert!(http.server.wait().success());
}

#[test]
fn a_stopping_server_answers_the_http_calls_that_wait() {
    let mut http = HttpServer::start(&[]);
    let (mut client, mut worker) = (http.connect(), http.worker("f"));
    client.send(post("/f", &[], b"x"));
    take(&mut worker);
    http.server.signal("TERM");
    let response = client.read();
    assert_eq!((response.status, response.text()), (503, "The server is shutting down.\n"));
    assert!(http.server.wait().success());
}
