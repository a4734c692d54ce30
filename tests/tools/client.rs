//! `gearman` as a client: the jobs that it submits, and its output.

use crate::processes::*;
use gearman::engine::worker::Report;
use gearman_test_support::normalise::normalise;
use gearman_test_support::server::Server;
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The data of queued jobs, in the order in which a worker gets them.
#[track_caller]
fn queued(server: &Server, count: usize) -> String {
    let count = count.to_string();
    run(gearman(server, &["-w", "-c", &count, "-f", "f"]), b"").text()
}

#[test]
fn background_jobs_are_done_later_by_priority() {
    with_each_server(|server| {
        for (option, data) in [("-L", "low "), ("-b", "normal "), ("-I", "high ")] {
            run(gearman(server, &["-b", option, "-f", "f", data]), b"").printed("");
        }
        assert_eq!(queued(server, 3), "high normal low ");
    });
}

#[test]
fn the_last_priority_counts() {
    with_each_server(|server| {
        run(gearman(server, &["-b", "-f", "f", "normal "]), b"").printed("");
        run(gearman(server, &["-b", "-L", "-I", "-f", "f", "high "]), b"").printed("");
        run(gearman(server, &["-b", "-I", "-L", "-f", "f", "low "]), b"").printed("");
        assert_eq!(queued(server, 3), "high normal low ");
    });
}

#[test]
fn a_foreground_job_has_a_priority_too() {
    with_each_server(|server| {
        run(gearman(server, &["-b", "-f", "f", "normal "]), b"").printed("");
        let client = Running::start(gearman(server, &["-I", "-f", "f", "high "]));
        let port = server.port.to_string();
        let status = || run(tool(GEARADMIN, ["-p", &port, "--status"]), b"").text();
        wait_for("both jobs", || status().contains("f\t2\t").then_some(()));
        assert_eq!(queued(server, 2), "high normal ");
        client.end().printed("");
    });
}

#[test]
fn jobs_with_the_same_key_are_one_job() {
    with_each_server(|server| {
        run(gearman(server, &["-b", "-u", "same", "-f", "f", "one"]), b"").printed("");
        run(gearman(server, &["-b", "-u", "same", "-f", "f", "two"]), b"").printed("");
        let port = server.port.to_string();
        run(tool(GEARADMIN, ["-p", &port, "--show-unique-jobs"]), b"").printed("same\n.\n");
        assert_eq!(queued(server, 1), "one");
    });
}

#[test]
fn an_empty_input_is_a_job_and_no_input_is_one_too() {
    with_each_server(|server| {
        let _worker = worker(server, &["-f", "f", "--", "wc", "-c"]);
        run(gearman(server, &["-f", "f"]), b"").printed("0\n");
        run(gearman(server, &["-s", "-f", "f"]), b"not read").printed("0\n");
    });
}

#[test]
fn each_argument_is_a_job_of_each_function() {
    with_each_server(|server| {
        let _worker = worker(server, &["-f", "f", "-f", "g", "--", "sed", "s/$/ done/"]);
        let done = run(gearman(server, &["-P", "-f", "f", "-f", "g", "x\n", "y\n"]), b"");
        let (text, code) = (done.text(), done.code);
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(
            (lines, code),
            (vec!["f: x done", "f: y done", "g: x done", "g: y done"], Some(0))
        );
    });
}

#[test]
fn a_verbose_client_prints_handles() {
    with_each_server(|server| {
        let done = run(gearman(server, &["-v", "-b", "-f", "f", "x"]), b"");
        assert_eq!(normalise(&done.text()), "Task created: HANDLE\n");
    });
}

#[test]
fn every_line_gets_the_functions_name() {
    with_each_server(|server| {
        let worker = scripted(server, 1, |_, tell| {
            tell(Report::Data, b"one\ntw");
            tell(Report::Warning, b"careful\n");
            tell(Report::Data, b"o\n");
            tell(Report::Status { numerator: 1, denominator: 4 }, b"");
            Ok(b"three".to_vec())
        });
        let done = run(gearman(server, &["-P", "-f", "f", "x"]), b"");
        worker.join().expect("the worker ends");
        assert_eq!(done.text(), "f: one\nf: two\nf: 25% Complete\nf: three");
        assert_eq!((done.stderr.as_str(), done.code), ("f: careful\n", Some(0)));
    });
}

#[test]
fn parts_of_a_result_are_printed_as_they_come() {
    with_each_server(|server| {
        let (go, told_to) = channel();
        let worker = scripted(server, 1, move |_, tell| {
            tell(Report::Data, b"first\n");
            told_to.recv().expect("told to");
            Ok(b"last\n".to_vec())
        });
        let client = Running::start(gearman(server, &["-f", "f", "x"]));
        assert_eq!(client.line(), "first");
        go.send(()).expect("the worker listens");
        client.end().printed("first\nlast\n");
        worker.join().expect("the worker ends");
    });
}

#[test]
fn states_are_percentages_and_nothing_is_divided_by_zero() {
    with_each_server(|server| {
        let worker = scripted(server, 1, |_, tell| {
            for (numerator, denominator) in [(1, 2), (7, 3), (5, 0), (u32::MAX, u32::MAX)] {
                tell(Report::Status { numerator, denominator }, b"");
            }
            Ok(Vec::new())
        });
        run(gearman(server, &["-f", "f", "x"]), b"")
            .printed("50% Complete\n233% Complete\n5/0 Complete\n100% Complete\n");
        worker.join().expect("the worker ends");
    });
}

#[test]
fn an_exception_is_printed() {
    with_each_server(|server| {
        let worker = scripted(server, 1, |_, tell| {
            tell(Report::Exception, b"boom");
            Ok(Vec::new())
        });
        let done = run(gearman(server, &["-f", "f", "x"]), b"");
        worker.join().expect("the worker ends");
        assert_eq!(
            (done.text().as_str(), done.stderr.as_str(), done.code),
            ("", "Job raised an exception: boom\n", Some(1))
        );
    });
}

#[test]
fn json_has_a_line_for_each_event() {
    with_each_server(|server| {
        let worker = scripted(server, 4, |data, tell| {
            match data {
                b"fails" => return Err(()),
                b"raises" => tell(Report::Exception, b"boom"),
                b"binary" => return Ok(vec![0xff, 0]),
                _ => {
                    tell(Report::Warning, b"careful");
                    tell(Report::Status { numerator: 1, denominator: 4 }, b"");
                    tell(Report::Data, b"one\n");
                }
            }
            Ok(b"two".to_vec())
        });
        for (data, code, wanted) in [
            (
                "works",
                0,
                "{\"event\":\"warning\",\"line\":1,\"function\":\"f\",\"handle\":\"HANDLE\",\"warning\":\"careful\"}\n\
                 {\"event\":\"status\",\"line\":1,\"function\":\"f\",\"handle\":\"HANDLE\",\"numerator\":1,\"denominator\":4}\n\
                 {\"event\":\"complete\",\"line\":1,\"function\":\"f\",\"handle\":\"HANDLE\",\"input\":\"works\",\"result\":\"one\\ntwo\"}\n",
            ),
            (
                "binary",
                0,
                "{\"event\":\"complete\",\"line\":1,\"function\":\"f\",\"handle\":\"HANDLE\",\"input\":\"binary\",\"result_base64\":\"/wA=\"}\n",
            ),
            (
                "fails",
                1,
                "{\"event\":\"fail\",\"line\":1,\"function\":\"f\",\"handle\":\"HANDLE\",\"input\":\"fails\"}\n",
            ),
            (
                "raises",
                1,
                "{\"event\":\"exception\",\"line\":1,\"function\":\"f\",\"handle\":\"HANDLE\",\"input\":\"raises\",\"exception\":\"boom\"}\n",
            ),
        ] {
            let done = run(gearman(server, &["--json", "-f", "f", data]), b"");
            assert_eq!((normalise(&done.text()).as_str(), done.code), (wanted, Some(code)));
            assert_eq!(done.stderr, "");
        }
        worker.join().expect("the worker ends");
        let done = run(gearman(server, &["--json", "-b", "-f", "f", "x"]), b"");
        assert_eq!(
            normalise(&done.text()),
            "{\"event\":\"created\",\"line\":1,\"function\":\"f\",\"handle\":\"HANDLE\",\"input\":\"x\"}\n"
        );
    });
}

#[test]
fn a_job_waits_for_its_time() {
    with_each_server(|server| {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let epoch = (now() + Duration::from_secs(3)).as_secs();
        run(gearman(server, &["--epoch", &epoch.to_string(), "-f", "f", "at "]), b"").printed("");
        run(gearman(server, &["--in", "1m", "-f", "f", "later "]), b"").printed("");
        let nothing_yet = run(gearman(server, &["-w", "-c", "1", "-t", "100", "-f", "f"]), b"");
        assert_eq!((nothing_yet.text().as_str(), nothing_yet.code), ("", Some(4)));
        // The original does not wake a worker when the time has come.
        wait_for("the time", || (now().as_secs() > epoch).then_some(()));
        assert_eq!(queued(server, 1), "at ");
        let port = server.port.to_string();
        run(tool(GEARADMIN, ["-p", &port, "--status"]), b"").printed("f\t1\t0\t0\n.\n");
    });
}

#[test]
fn a_time_that_has_passed_is_now() {
    with_each_server(|server| {
        run(gearman(server, &["--epoch", "2020-01-01T00:00:00Z", "-f", "f", "x"]), b"").printed("");
        assert_eq!(queued(server, 1), "x");
    });
}

#[test]
fn arguments_can_be_sent_a_few_at_a_time() {
    let server = Server::start(GEARMAND);
    let client = Running::start(gearman(&server, &["-j", "2", "-f", "f", "a", "b", "c"]));
    let port = server.port.to_string();
    let status = || run(tool(GEARADMIN, ["-p", &port, "--status"]), b"").text();
    wait_for("two jobs", || status().contains("f\t2\t0\t0").then_some(()));
    scripted(&server, 3, |data, _| Ok(data.to_vec())).join().expect("the worker ends");
    client.end().printed("abc");
}

#[test]
fn a_pid_file_exists_as_long_as_the_client_runs() {
    let server = Server::start(GEARMAND);
    let path = scratch().join("pid");
    let file = path.to_str().expect("text");
    let client = Running::start(gearman(&server, &["-i", file, "-f", "f", "x"]));
    let pid = wait_for("the pid file", || {
        std::fs::read_to_string(&path).ok().filter(|pid| pid.ends_with('\n'))
    });
    assert_eq!(pid.trim(), client.child.id().to_string());
    client.signal("TERM");
    assert_eq!(client.end().code, None, "the signal ended it");
    assert!(!path.exists());
}
