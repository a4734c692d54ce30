//! Jobs over HTTP: what goes in, and a status per outcome.

use super::http_support::*;
use super::support::*;

const BACKGROUND: &str = "X-Gearman-Background: true";

#[test]
fn a_job_is_done_and_its_result_is_the_body() {
    let http = HttpServer::start(&[]);
    let (mut client, mut worker) = (http.connect(), http.worker("f"));
    client.send(post("/f", &[], b"a payload"));
    let (handle, payload) = take(&mut worker);
    assert_eq!((&handle[..], &payload[..]), ("H:t:1", &b"a payload"[..]));
    worker.send(&report(WorkComplete, &handle, b"a \0 result"));
    let response = client.read();
    assert_eq!((&response.version[..], response.status), ("HTTP/1.1", 200));
    assert_eq!(response.body, b"a \0 result");
    assert_eq!(response.header("x-gearman-job-handle"), Some("H:t:1"));
    assert_eq!(response.header("x-gearman-command"), Some("WORK_COMPLETE"));
    let server = concat!("Gearman/", env!("CARGO_PKG_VERSION"));
    assert_eq!(response.header("server"), Some(server));
    assert_eq!(response.header("content-length"), Some("10"));
}

#[test]
fn a_background_job_is_answered_at_once() {
    let http = HttpServer::start(&[]);
    let mut client = http.connect();
    for (priority, number) in [("high", 1), ("normal", 2), ("LOW", 3)] {
        let unique = format!("X-Gearman-Unique: u{number}");
        let priority = format!("X-Gearman-Priority: {priority}");
        let response = client.post("/f", &[BACKGROUND, &unique, &priority], b"x");
        assert_eq!(response.status, 202);
        assert_eq!(response.header("x-gearman-job-handle"), Some(&format!("H:t:{number}")[..]));
        assert_eq!(response.header("x-gearman-command"), Some("JOB_CREATED"));
        assert_eq!(response.body, b"");
    }
    let list = http.server.connect().list("jobs");
    for part in ["H:t:1\tf\tu1\thigh\tq", "H:t:2\tf\tu2\tnormal\tq", "H:t:3\tf\tu3\tlow\tq"] {
        assert!(list.contains(part), "{list}");
    }
    drop(client);
    let mut worker = http.worker("f");
    assert_eq!(take(&mut worker).0, "H:t:1");
}

#[test]
fn a_failed_job_has_a_status_of_its_own() {
    let http = HttpServer::start(&[]);
    let (mut client, mut worker, handle) = http.running(post("/f", &[], b"x"));
    worker.send(&request(WorkFail, &[&handle]));
    let response = client.read();
    assert_eq!((response.status, &response.body[..]), (500, &b""[..]));
    assert_eq!(response.header("x-gearman-command"), Some("WORK_FAIL"));
    assert_eq!(response.header("x-gearman-job-handle"), Some("H:t:1"));

    client.send(post("/f", &[], b"x"));
    let (handle, _) = take(&mut worker);
    worker.send(&report(WorkException, &handle, b"what went wrong"));
    let response = client.read();
    assert_eq!((response.status, &response.body[..]), (500, &b"what went wrong"[..]));
    assert_eq!(response.header("x-gearman-command"), Some("WORK_EXCEPTION"));
}

#[test]
fn progress_and_warnings_are_not_part_of_the_result_and_pieces_are() {
    let http = HttpServer::start(&[]);
    let (mut client, mut worker, handle) = http.running(post("/f", &[], b"x"));
    worker.send(&request(WorkStatus, &[&handle[..], "1", "2"]));
    worker.send(&report(WorkData, &handle, b"one, "));
    worker.send(&report(WorkWarning, &handle, b"careful"));
    worker.send(&report(WorkData, &handle, b"two, "));
    worker.send(&request(WorkStatus, &[&handle[..], "2", "2"]));
    worker.send(&report(WorkComplete, &handle, b"three"));
    let response = client.read();
    assert_eq!((response.status, response.text()), (200, "one, two, three"));
    assert_eq!(response.header("content-length"), Some("15"));
}

#[test]
fn pieces_of_a_job_that_fails_come_with_the_failure() {
    let http = HttpServer::start(&[]);
    let (mut client, mut worker, handle) = http.running(post("/f", &[], b"x"));
    worker.send(&report(WorkData, &handle, b"half a result"));
    worker.send(&request(WorkFail, &[&handle]));
    let response = client.read();
    assert_eq!((response.status, response.text()), (500, "half a result"));
}

#[test]
fn pieces_are_passed_on_as_they_come_where_that_is_asked_for() {
    let http = HttpServer::start(&[]);
    let (mut client, mut worker, handle) =
        http.running(post("/f", &["X-Gearman-Stream: true"], b"x"));
    worker.send(&report(WorkData, &handle, b"one"));
    let head = client.read_head();
    assert_eq!((head.status, head.header("transfer-encoding")), (200, Some("chunked")));
    assert_eq!(head.header("x-gearman-command"), Some("WORK_DATA"));
    assert_eq!(head.header("x-gearman-job-handle"), Some("H:t:1"));
    assert_eq!(client.read_chunk().as_deref(), Some(&b"one"[..]));
    worker
        .send(&request(WorkStatus, &[&handle[..], "1", "2"]))
        .send(&report(WorkData, &handle, b"two"));
    assert_eq!(client.read_chunk().as_deref(), Some(&b"two"[..]));
    worker.send(&report(WorkComplete, &handle, b"three"));
    assert_eq!(client.read_chunk().as_deref(), Some(&b"three"[..]));
    assert_eq!(client.read_chunk().as_deref(), Some(&b""[..]));
    // The connection serves another request.
    assert_eq!(client.post("/f", &[BACKGROUND], b"").status, 202);
}

#[test]
fn a_result_that_was_passed_on_breaks_off_when_its_job_fails() {
    let http = HttpServer::start(&[]);
    let (mut client, mut worker, handle) =
        http.running(post("/f", &["X-Gearman-Stream: true"], b"x"));
    worker.send(&report(WorkData, &handle, b"one"));
    let mut response = client.read_head();
    assert_eq!(client.read_chunk().as_deref(), Some(&b"one"[..]));
    worker.send(&request(WorkFail, &[&handle]));
    assert_eq!(client.read_chunk(), None);
    response.is_broken = true;
    client.expect_closed();
}

#[test]
fn large_results_in_pieces_are_passed_on_to_http_1_1_and_kept_for_1_0() {
    let http = HttpServer::start(&[]);
    let piece = vec![b'p'; 300_000];
    for (version, encoding) in [("1.1", Some("chunked")), ("1.0", None)] {
        let (mut client, mut worker, handle) =
            http.running(format!("GET /f HTTP/{version}\r\nHost: x\r\n\r\n"));
        for _ in 0..8 {
            worker.send(&report(WorkData, &handle, &piece));
        }
        worker.send(&report(WorkComplete, &handle, b""));
        let response = client.read();
        assert_eq!((response.status, response.is_broken), (200, false));
        assert_eq!(response.body.len(), 8 * piece.len());
        assert_eq!(response.header("transfer-encoding"), encoding);
    }
}

#[test]
fn the_path_names_the_function() {
    let http = HttpServer::start(&[]);
    let mut client = http.connect();
    for path in ["/plain", "/with/slashes/", "/a%20b%25", "/gr%C3%B6%c3%9fe", "/a+b"] {
        assert_eq!(client.post(path, &[BACKGROUND], b"").status, 202, "{path}");
    }
    let list = http.server.connect().list("status");
    for name in ["plain", "with/slashes/", "a b%", "größe", "a+b"] {
        assert!(list.contains(&format!("{name}\t1\t0\t0\n")), "{list}");
    }
    for (path, status) in [("/", 404), ("/f?x=1", 400), ("/100%", 400), ("/a%00b", 400)] {
        let response = client.post(path, &[BACKGROUND], b"");
        assert_eq!(response.status, status, "{path}");
        assert!(response.text().ends_with(".\n"), "{response:?}");
    }
}

#[test]
fn invalid_headers_are_refused_by_name() {
    let http = HttpServer::start(&[]);
    let mut client = http.connect();
    for (header, part) in [
        ("X-Gearman-Background: maybe", "x-gearman-background"),
        ("X-Gearman-Priority: urgent", "x-gearman-priority"),
        ("X-Gearman-Stream: 1", "x-gearman-stream"),
        (&format!("X-Gearman-Unique: {}", "u".repeat(65)), "Unique value too large"),
    ] {
        let response = client.post("/f", &[header], b"x");
        assert_eq!(response.status, 400, "{header}");
        assert!(response.text().contains(part), "{response:?}");
    }
    assert_eq!(http.server.connect().list("status"), ".\n");
}

#[test]
fn get_post_put_and_head_submit_a_job() {
    let http = HttpServer::start(&[]);
    let mut worker = http.worker("f");
    for method in ["GET", "POST", "PUT", "HEAD"] {
        let mut client = http.connect();
        client.send(format!("{method} /f HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"));
        let (handle, payload) = take(&mut worker);
        assert_eq!(payload, b"hi");
        worker.send(&report(WorkComplete, &handle, b"result"));
        if method == "HEAD" {
            let head = client.read_head();
            assert_eq!((head.status, head.header("content-length")), (200, Some("6")));
        } else {
            assert_eq!(client.read().text(), "result");
        }
        // No byte of a body follows the head.
        let next = client.post("/f", &[BACKGROUND], b"");
        assert_eq!(next.status, 202, "{method}");
        take(&mut worker);
    }
    for method in ["DELETE", "TRACE", "OPTIONS", "PATCH", "FETCH"] {
        let request = format!("{method} /f HTTP/1.1\r\nHost: x\r\n\r\n");
        let response = http.connect().ask(&request);
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.header("allow"), Some("GET, HEAD, POST, PUT"));
    }
}

#[test]
fn a_full_queue_is_service_unavailable() {
    let http = HttpServer::start(&[]);
    let (mut client, mut admin) = (http.connect(), http.server.connect());
    admin.ask(b"create function f\nmaxqueue f 1\n", b"OK\r\nOK\r\n");
    assert_eq!(client.post("/f", &[BACKGROUND], b"1").status, 202);
    let response = client.post("/f", &[BACKGROUND], b"2");
    assert_eq!((response.status, response.text()), (503, "Job queue is full\n"));
    assert_eq!(response.header("retry-after"), Some("1"));
    assert_eq!(response.header("x-gearman-command"), Some("ERROR"));
    assert_eq!(response.header("x-gearman-job-handle"), None);
}

#[test]
fn equal_requests_share_a_job_and_so_do_those_with_a_unique() {
    let http = HttpServer::start(&[]);
    let mut clients: Vec<Http> = (0..4).map(|_| http.connect()).collect();
    let mut admin = http.server.connect();
    clients[0].send(post("/f", &[], b"same"));
    clients[1].send(post("/f", &[], b"same"));
    clients[2].send(post("/f", &["X-Gearman-Unique: u"], b"one"));
    clients[3].send(post("/f", &["X-Gearman-Unique: u"], b"other"));
    // The clients that wait for a job are counted.
    loop {
        let list = admin.line("json jobs");
        if list.matches("\"clients\":2").count() == 2 {
            break;
        }
    }
    let mut worker = http.worker("f");
    for _ in 0..2 {
        let (handle, payload) = take(&mut worker);
        worker.send(&report(WorkComplete, &handle, &payload));
    }
    for (client, result) in clients.iter_mut().zip(["same", "same", "one", "one"]) {
        let text = client.read().text().to_string();
        assert!(text == result || result == "one" && text == "other", "{text}");
    }
}

#[test]
fn an_http_call_is_listed_among_the_connections_while_it_lasts() {
    let http = HttpServer::start(&[]);
    let (mut client, mut admin) = (http.connect(), http.server.connect());
    client.send(post("/f", &[], b"x"));
    let mut worker = http.worker("f");
    let (handle, _) = take(&mut worker);
    assert_eq!(admin.list("workers").lines().count(), 4);
    worker.send(&report(WorkComplete, &handle, b""));
    client.read();
    // The end of a call is noticed after its response is sent.
    while admin.list("workers").lines().count() > 3 {}
}
