//! The original's HTTP, where it is correct: the same requests to both servers.

use std::net::TcpListener;

use super::http_support::*;
use super::original::original_with;
use super::support::*;

/// The original with its HTTP port. None where it is not installed.
fn original() -> Option<(Server, std::net::SocketAddr)> {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let port = address.port().to_string();
    Some((original_with(&["-r", "http", "--http-port", &port])?, address))
}

/// What both say about a job, and its result.
fn essence(response: &Response) -> (Option<&str>, Option<&str>, Option<&str>, &[u8]) {
    let header = |name| response.header(name);
    (
        header("x-gearman-job-handle"),
        header("x-gearman-command"),
        header("content-length"),
        &response.body,
    )
}

fn both() -> Option<[(Server, std::net::SocketAddr); 2]> {
    let original = original()?;
    let ours = HttpServer::start(&[]);
    Some([original, (ours.server, ours.jobs)])
}

fn compare(act: impl Fn(&Server, Http) -> Response) -> Option<(Response, Response)> {
    let [original, ours] = both()?.map(|(server, address)| act(&server, Http::connect(address)));
    assert_eq!(essence(&original), essence(&ours));
    Some((original, ours))
}

fn worker(server: &Server) -> Peer {
    let mut worker = server.connect();
    worker.send(&request(CanDo, &["f"])).settle();
    worker
}

#[test]
fn results_are_the_same() {
    for body in [&b""[..], b"x", b"\0\r\n\r\nbinary\xFF"] {
        compare(|server, mut client| {
            let mut worker = worker(server);
            client.send(post("/f", &["X-Gearman-Unique: u", "X-Gearman-Priority: low"], body));
            let (handle, payload) = take(&mut worker);
            assert_eq!(payload, body);
            worker.send(&report(WorkComplete, &handle, &[b"made of ", &payload[..]].concat()));
            client.read()
        });
    }
}

#[test]
fn background_jobs_are_accepted_alike_but_for_the_status() {
    let responses = compare(|server, mut client| {
        let response =
            client.post("/f", &["X-Gearman-Background: true", "X-Gearman-Unique: u"], b"x");
        assert_eq!(server.connect().list("show unique jobs"), "u\n.\n");
        response
    });
    if let Some((original, ours)) = responses {
        assert_eq!((original.status, ours.status), (200, 202));
    }
}

#[test]
fn no_function_is_not_found() {
    let responses = compare(|_, mut client| {
        let mut response = client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        // Ours has an explanation in the body.
        response.body.clear();
        response.headers.clear();
        response
    });
    if let Some((original, ours)) = responses {
        assert_eq!((original.status, ours.status), (404, 404));
    }
}

#[test]
fn a_request_without_a_unique_has_a_dash_for_one() {
    compare(|server, mut client| {
        let response = client.post("/f", &["X-Gearman-Background: true"], b"x");
        assert_eq!(server.connect().list("show unique jobs"), "-\n.\n");
        response
    });
}
