//! `-n` and `-N` in a client: each line is a job, with any bytes.

use crate::processes::*;
use gearman_test_support::server::Server;
use std::io::Write;
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::Duration;

/// Submits lines; the jobs that they become, and the output.
#[track_caller]
fn jobs(server: &Server, option: &str, input: &[u8], count: usize) -> Vec<Vec<u8>> {
    let (sender, jobs) = channel();
    let worker = scripted(server, count, move |data, _| {
        sender.send(data.to_vec()).expect("the test listens");
        Ok(data.to_vec())
    });
    let done = run(gearman(server, &[option, "-f", "f"]), input);
    worker.join().expect("the worker ends");
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let jobs: Vec<Vec<u8>> = jobs.iter().collect();
    assert_eq!(done.stdout, jobs.concat(), "the results are what the jobs were");
    jobs
}

#[test]
fn lines_are_jobs_with_their_newlines() {
    with_each_server(|server| {
        assert_eq!(jobs(server, "-n", b"a\n\nb", 3), [&b"a\n"[..], b"\n", b"b"]);
    });
}

#[test]
fn lines_are_jobs_without_their_newlines() {
    with_each_server(|server| {
        assert_eq!(jobs(server, "-N", b"a\n\nb", 3), [&b"a"[..], b"", b"b"]);
    });
}

#[test]
fn a_long_line_is_one_job() {
    with_each_server(|server| {
        let long = [&[b'x'; 100_000][..], b"\n"].concat();
        assert!(jobs(server, "-n", &[&long[..], b"y\n"].concat(), 2) == [&long[..], b"y\n"]);
    });
}

#[test]
fn a_line_may_hold_any_byte() {
    with_each_server(|server| {
        let line: Vec<u8> = (0..=255).filter(|&b| b != b'\n').collect();
        let input = [&line[..], b"\n\0\n"].concat();
        assert_eq!(jobs(server, "-N", &input, 2), [&line[..], b"\0"]);
    });
}

#[test]
fn several_lines_are_in_flight_at_once() {
    let server = Server::start(GEARMAND);
    let mut client = Running::start(gearman(&server, &["-N", "-j", "3", "-f", "f"]));
    let input: Vec<String> = (0..10).map(|n| format!("{n}\n")).collect();
    client.stdin().write_all(input.concat().as_bytes()).expect("written");
    let status = || run(tool(GEARADMIN, ["-p", &server.port.to_string(), "--status"]), b"").text();
    wait_for("three jobs", || status().contains("f\t3\t0\t0").then_some(()));
    drop(client.child.stdin.take());
    // The pieces of a result stay together, though those of other jobs arrive between them.
    let workers = [(); 3].map(|()| {
        let script = "read n; echo $n; sleep 0.0$n; echo $n";
        worker(&server, &["-n", "-f", "f", "--", "sh", "-c", script])
    });
    let done = client.end();
    drop(workers);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let text = done.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.chunks(2).all(|pair| pair[0] == pair[1]), "{text}");
    let mut numbers: Vec<&str> = lines.iter().step_by(2).copied().collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[test]
fn lines_wait_for_a_server_that_is_away() {
    let server = Server::start(GEARMAND);
    let port = server.port;
    let mut client = Running::start(gearman(&server, &["-b", "-v", "-N", "-f", "f"]));
    client.stdin().write_all(b"one\n").expect("written");
    assert!(client.line().starts_with("Task created: H:"));
    drop(server);
    // The client is idle for longer than 10 ms: a connection that received something in the last
    // 10 ms is not checked before it is used, and a line that was sent on it counts as lost.
    sleep(Duration::from_millis(20));
    client.stdin().write_all(b"two\nthree\n").expect("written");
    let complaint = client.complaint();
    assert!(complaint.contains("refused") && complaint.ends_with("; trying again"), "{complaint}");
    let server = Server::start_at(GEARMAND, port);
    assert_eq!(client.complaint(), "gearman: connected again");
    for _ in 0..2 {
        assert!(client.line().starts_with("Task created: H:"));
    }
    drop(client.child.stdin.take());
    assert_eq!(client.end().code, Some(0));
    run(gearman(&server, &["-w", "-c", "2", "-f", "f", "-t", "20000"]), b"").printed("twothree");
}

#[test]
fn a_signal_lets_the_lines_that_were_read_go_out() {
    for input_ends in [false, true] {
        let server = Server::start(GEARMAND);
        let mut client = Running::start(gearman(&server, &["-N", "-f", "f"]));
        client.stdin().write_all(b"one\ntwo\n").expect("written");
        if input_ends {
            drop(client.child.stdin.take());
        }
        let port = server.port.to_string();
        let status = || run(tool(GEARADMIN, ["-p", &port, "--status"]), b"").text();
        wait_for("the first job", || status().contains("f\t1\t0\t0").then_some(()));
        client.signal("TERM");
        let worker = scripted(&server, 2, |data, _| Ok(data.to_vec()));
        let done = client.end();
        worker.join().expect("the worker ends");
        assert_eq!((done.text().as_str(), done.code), ("onetwo", Some(0)));
        let message = "gearman: stopping: finishing 1 job and the lines that were read; \
                       a second signal ends it\n";
        assert_eq!(done.stderr, message);
    }
}

#[test]
fn an_interrupted_client_submits_nothing_more_and_ends_by_the_signal() {
    let server = Server::start(GEARMAND);
    let mut client = Running::start(gearman(&server, &["-v", "-N", "-j", "2", "-f", "f"]));
    client.stdin().write_all(b"one\ntwo\nthree\nfour\nfive\n").expect("written");
    for _ in 0..2 {
        assert!(client.line().starts_with("Task created: H:"));
    }
    client.signal("INT");
    let message = "gearman: interrupted: finishing 2 jobs, not submitting 3 lines that were read; \
                   a second Control-C ends it at once";
    assert_eq!(client.complaint(), message);
    scripted(&server, 2, |data, _| Ok([data, b"\n"].concat())).join().expect("the worker ends");
    let done = client.end();
    assert_eq!(done.code, None, "the signal ended it");
    let mut text: Vec<String> = done.text().lines().skip(2).map(str::to_owned).collect();
    text.sort_unstable();
    assert_eq!(text, ["one", "two"]);
    assert_eq!(server.ask("status"), "f\t0\t0\t0\n.\n");
}

#[test]
fn an_interrupted_client_whose_lines_are_all_submitted_ends_as_without_the_signal() {
    let server = Server::start(GEARMAND);
    let mut client = Running::start(gearman(&server, &["-v", "-N", "-j", "2", "-f", "f"]));
    // A line without newline is submitted when the end of the input was read.
    client.stdin().write_all(b"one\ntwo").expect("written");
    drop(client.child.stdin.take());
    for _ in 0..2 {
        assert!(client.line().starts_with("Task created: H:"));
    }
    client.signal("INT");
    let message = "gearman: interrupted: finishing 2 jobs; a second Control-C ends it at once";
    assert_eq!(client.complaint(), message);
    scripted(&server, 2, |_, _| Ok(Vec::new())).join().expect("the worker ends");
    assert_eq!(client.end().code, Some(0));
}

#[test]
fn a_second_signal_ends_a_client_at_once() {
    let server = Server::start(GEARMAND);
    let mut client = Running::start(gearman(&server, &["-v", "-N", "-f", "f"]));
    client.stdin().write_all(b"one\n").expect("written");
    assert!(client.line().starts_with("Task created"));
    client.signal("TERM");
    // Another one: two of the same can arrive as one.
    client.signal("INT");
    assert_eq!(client.end().code, None, "the signal ended it");
}

#[test]
fn a_stopped_client_gives_up_when_no_server_comes_back() {
    let server = Server::start(GEARMAND);
    let mut client = Running::start(gearman(&server, &["-b", "-v", "-N", "-f", "f"]));
    client.stdin().write_all(b"one\n").expect("written");
    assert!(client.line().starts_with("Task created: H:"));
    drop(server);
    // As above: an idle connection is checked before it is used.
    sleep(Duration::from_millis(20));
    client.stdin().write_all(b"two\nthree\nfour\n").expect("written");
    let complaint = client.complaint();
    assert!(complaint.ends_with("; trying again"), "{complaint}");
    client.signal("TERM");
    // It ends by itself, after the time that its help states.
    let done = client.end();
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    assert!(done.stderr.contains("not submitted, though already read: 2 lines"), "{}", done.stderr);
}
