//! Peers that speak no HTTP, too much of it, or not to its end.

use std::io::Write;

use super::http_support::*;
use super::support::*;

const BACKGROUND: &str = "X-Gearman-Background: true";

/// Asserts that the server serves others.
fn is_well(http: &HttpServer) {
    assert_eq!(http.connect().post("/well", &[BACKGROUND], b"").status, 202);
    assert_eq!(http.probe("/healthz").status, 200);
    http.server.connect().settle();
}

#[test]
fn garbage_is_a_bad_request() {
    let http = HttpServer::start(&[]);
    for garbage in [
        &b"nonsense\r\n\r\n"[..],
        b"\0REQ\0\0\0\x10\0\0\0\0",
        b"GET /f\r\n\r\n",
        b"GET /f HTTP/7.0\r\n\r\n",
        b"POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /f HTTP/1.1\r\nHost: x\r\nBroken\r\n\r\n",
    ] {
        let mut client = http.connect();
        let response = client.send(garbage).read();
        assert!((400..500).contains(&response.status), "{}: {response:?}", garbage.escape_ascii());
        client.expect_closed();
    }
    is_well(&http);
}

#[test]
fn a_head_without_end_is_refused() {
    let http = HttpServer::start(&[]);
    let mut client = http.connect();
    client.send("GET /f HTTP/1.1\r\nHost: x\r\n");
    let line = format!("X-Long: {}\r\n", "x".repeat(1000));
    // The server need not read all of it.
    while client.stream.write_all(line.as_bytes()).is_ok() {}
    is_well(&http);
}

#[test]
fn names_that_fit_into_no_packet_are_too_long() {
    let http = HttpServer::start(&[]);
    let long = format!("/{}", "f".repeat(9000));
    assert_eq!(http.connect().post(&long, &[BACKGROUND], b"").status, 414);
    is_well(&http);
}

#[test]
fn a_payload_is_limited_like_a_packet() {
    let http = HttpServer::start(&["--max-packet-size", "1000"]);
    // Function and unique have their place in the packet too.
    let room = 1000 - "f\0-\0".len();
    let mut client = http.connect();
    assert_eq!(client.post("/f", &[BACKGROUND], &vec![b'x'; room]).status, 202);
    let response = client.post("/f", &[BACKGROUND], &vec![b'x'; room + 1]);
    assert_eq!(
        (response.status, response.text()),
        (413, "The payload is larger than 996 bytes.\n")
    );
    let mut client = http.connect();
    client.send("PUT /f HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(format!("3e5\r\n{}\r\n0\r\n\r\n", "x".repeat(997)));
    assert_eq!(client.read().status, 413);
    is_well(&http);
}

#[test]
fn a_declared_content_length_takes_no_memory() {
    let http = HttpServer::start(&[]);
    let announce = "POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000000\r\n\r\n";
    let _clients: Vec<Http> = (0..8)
        .map(|_| {
            let mut client = http.connect();
            client.send(announce).send("a little");
            client
        })
        .collect();
    is_well(&http);
    let status = std::fs::read_to_string(format!("/proc/{}/status", http.server.pid()));
    let status = status.expect("the process's status");
    let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    let kibibytes: u64 = size.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kibibytes < 512 << 10, "{kibibytes} KiB");
}

#[test]
fn incomplete_requests_do_not_delay_others() {
    let http = HttpServer::start(&[]);
    let parts = ["G", "GET /f HT", "POST /f HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf", "\r\n"];
    let _clients: Vec<Http> = (0..100)
        .map(|number| {
            let mut client = http.connect();
            client.send(parts[number % parts.len()]);
            client
        })
        .collect();
    is_well(&http);
}

#[test]
fn accepting_http_resumes_when_a_descriptor_is_free() {
    let http = HttpServer::start(&["-f", "40"]);
    // No more wait than the backlog has room for.
    let idle: Vec<Http> = (0..45).map(|_| http.connect()).collect();
    http.server.wait_for_line("HTTP: cannot accept a connection:");
    drop(idle);
    is_well(&http);
}

#[test]
fn a_body_that_breaks_off_submits_nothing() {
    let http = HttpServer::start(&[]);
    for (length, body) in [("Content-Length: 9", "half"), ("Transfer-Encoding: chunked", "zz\r\n")]
    {
        let mut client = http.connect();
        let head = format!("POST /f HTTP/1.1\r\nHost: x\r\n{BACKGROUND}\r\n{length}\r\n\r\n");
        client.send(head).send(body);
        client.stream.shutdown(std::net::Shutdown::Write).expect("half-closed");
        // The client may get an answer before its connection is closed.
        while std::io::Read::read(&mut client.stream, &mut [0; 1024]).is_ok_and(|n| n > 0) {}
    }
    is_well(&http);
    assert_eq!(http.server.connect().list("status"), "well\t1\t0\t0\n.\n");
}

#[test]
fn an_unread_result_takes_bounded_memory() {
    let http = HttpServer::start(&["--output-limit", "4000000"]);
    let (mut client, mut worker, handle) =
        http.running(post("/f", &["X-Gearman-Stream: true"], b"x"));
    let piece = vec![b'p'; 1_000_000];
    for _ in 0..64 {
        worker.send(&report(WorkData, &handle, &piece));
    }
    worker.settle();
    is_well(&http);
    // The call was given up, and its response breaks off.
    worker.send(&report(WorkComplete, &handle, b""));
    let response = client.read();
    assert!(response.is_broken && response.body.len() < 64 * piece.len());
}
