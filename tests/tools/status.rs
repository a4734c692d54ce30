//! `--status` and `--wait`: what a client learns about jobs that it did not wait for.

use crate::processes::*;
use gearman::engine::worker::Report;
use gearman_test_support::server::Server;
use std::sync::mpsc::channel;

/// Submits a background job to the function `f`, and returns its handle.
#[track_caller]
fn submitted(server: &Server) -> String {
    let text = run(gearman(server, &["-b", "-v", "-f", "f", "x"]), b"").text();
    text.trim().strip_prefix("Task created: ").expect("a handle").to_owned()
}

/// What `--status` prints, without the handle, and its exit code.
#[track_caller]
fn status(server: &Server, handle: &str) -> (String, Option<i32>) {
    let done = run(gearman(server, &["--status", handle]), b"");
    assert_eq!(done.stderr, "");
    let text = done.text();
    let state = text.strip_prefix(handle).and_then(|rest| rest.strip_prefix(": "));
    (state.unwrap_or(&text).trim_end().to_owned(), done.code)
}

#[test]
fn the_state_of_a_job_is_queued_running_or_unknown() {
    with_each_server(|server| {
        let handle = submitted(server);
        assert_eq!(status(server, &handle), ("queued".into(), Some(0)));
        let (tell_test, told_test) = channel();
        let (go, told_to) = channel();
        let worker = scripted(server, 1, move |_, tell| {
            tell(Report::Status { numerator: 3, denominator: 10 }, b"");
            tell_test.send(()).expect("the test listens");
            told_to.recv().expect("told to");
            Ok(Vec::new())
        });
        told_test.recv().expect("the job runs");
        wait_for("the progress", || {
            (status(server, &handle) == ("running, 3/10".into(), Some(0))).then_some(())
        });
        let done =
            run(gearman(server, &["--json", "--status", &handle, "--status", "H:x:77"]), b"");
        let known = format!(
            "{{\"handle\":\"{handle}\",\"state\":\"running\",\"server\":\"127.0.0.1:{}\",\
             \"numerator\":3,\"denominator\":10}}\n",
            server.port
        );
        let unknown = "{\"handle\":\"H:x:77\",\"state\":\"unknown\"}\n";
        assert_eq!((done.text(), done.code), (known + unknown, Some(1)));
        go.send(()).expect("the worker listens");
        worker.join().expect("the worker ends");
        wait_for("the end", || {
            (status(server, &handle) == ("unknown".into(), Some(1))).then_some(())
        });
    });
}

#[test]
fn every_server_is_asked_about_a_job_and_one_that_knows_it_is_enough() {
    let (one, two) = (Server::start(GEARMAND), Server::start(GEARMAND));
    let handle = submitted(&one);
    let list = |first: &str| format!("{first},127.0.0.1:{},127.0.0.1:{}", two.port, one.port);
    let asked =
        |list: &str, handle: &str| run(tool(GEARMAN, ["-h", list, "--status", handle]), b"");
    asked(&list("127.0.0.1:1"), &handle).printed(&format!("{handle}: queued\n"));
    // Without its answer a server may be the one that knows a job.
    let done = asked(&list("127.0.0.1:1"), "H:x:77");
    let refused = "gearman: 127.0.0.1:1: Connection refused\n";
    assert_eq!((done.code, done.text().as_str(), &done.stderr[..]), (Some(3), "", refused));
}

#[test]
fn a_wait_ends_when_its_job_has_ended() {
    with_each_server(|server| {
        let handle = submitted(server);
        let mut waiting = Running::start(gearman(server, &["-v", "--wait", &handle]));
        assert_eq!(waiting.line(), format!("{handle}: queued"));
        let (tell_test, told_test) = channel();
        let (go, told_to) = channel();
        let worker = scripted(server, 1, move |_, _| {
            tell_test.send(()).expect("the test listens");
            told_to.recv().expect("told to");
            Err(())
        });
        told_test.recv().expect("the job runs");
        assert_eq!(waiting.line(), format!("{handle}: running"));
        assert!(waiting.child.try_wait().expect("can be waited for").is_none());
        go.send(()).expect("the worker listens");
        worker.join().expect("the worker ends");
        waiting.end().printed(&format!("{handle}: queued\n{handle}: running\n"));
        let done = run(gearman(server, &["--wait", &handle]), b"");
        let message = format!("gearman: job {handle} has ended, or there was none\n");
        assert_eq!((done.code, done.stderr), (Some(0), message));
    });
}

#[test]
fn a_wait_is_limited_by_its_timeout() {
    let server = Server::start(GEARMAND);
    let handle = submitted(&server);
    let done = run(gearman(&server, &["-t", "200", "--wait", &handle]), b"");
    let message = format!("gearman: job {handle} has not ended in time\n");
    assert_eq!((done.code, done.stderr), (Some(4), message));
    let nowhere = tool(GEARMAN, ["-h", "127.0.0.1:1", "--wait", &handle]);
    assert_eq!(run(nowhere, b"").code, Some(3));
}

#[test]
fn a_wait_outlasts_a_server_that_is_away() {
    let server = Server::start(GEARMAND);
    let (port, handle) = (server.port, submitted(&server));
    let waiting = Running::start(gearman(&server, &["-v", "--wait", &handle]));
    assert_eq!(waiting.line(), format!("{handle}: queued"));
    drop(server);
    let complaint = waiting.complaint();
    assert!(complaint.ends_with("; trying again"), "{complaint}");
    // A server without a durable queue has forgotten its jobs.
    let _server = Server::start_at(GEARMAND, port);
    assert_eq!(waiting.end().code, Some(0));
}
