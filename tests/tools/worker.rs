//! `gearman -w`: commands, their output, counting, and ending.

use crate::processes::*;
use gearman::engine::worker::Report;
use gearman_test_support::server::Server;
use std::fs;

/// Submits a job and waits for it.
#[track_caller]
fn job(server: &Server, args: &[&str], input: &[u8]) -> Done {
    let mut all = vec!["-f", "f"];
    all.extend(args);
    run(gearman(server, &all), input)
}

#[test]
fn a_command_is_fed_and_read_at_the_same_time() {
    let data: Vec<u8> =
        (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    with_each_server(|server| {
        let _worker = worker(server, &["-f", "f", "--", "cat"]);
        assert!(job(server, &[], &data).stdout == data);
    });
}

#[test]
fn a_command_need_not_read_its_input() {
    let data = vec![b'x'; 3_000_000];
    with_each_server(|server| {
        let _worker = worker(server, &["-f", "f", "--", "echo", "not interested"]);
        job(server, &[], &data).printed("not interested\n");
    });
}

#[test]
fn without_a_command_workloads_are_printed_and_results_empty() {
    with_each_server(|server| {
        let worker = worker(server, &["-f", "f"]);
        job(server, &["one\n"], b"").printed("");
        assert_eq!(worker.line(), "one");
    });
}

#[test]
fn each_line_of_output_is_sent_once_and_as_it_comes() {
    with_each_server(|server| {
        let directory = scratch();
        // The command prints its second line when the client has printed the first.
        let script = "echo one; while [ ! -e seen ]; do sleep 0.01; done; echo two; printf three";
        let mut command = gearman(server, &["-w", "-n", "-f", "f", "--", "sh", "-c", script]);
        command.current_dir(&directory);
        let _worker = Running::start(command);
        let mut client = Running::start(gearman(server, &["-f", "f", "x"]));
        drop(client.child.stdin.take());
        assert_eq!(client.line(), "one");
        fs::write(directory.join("seen"), "").expect("written");
        client.end().printed("one\ntwo\nthree");
    });
}

#[test]
fn lines_are_sent_without_their_newlines() {
    with_each_server(|server| {
        let _worker = worker(server, &["-N", "-f", "f", "--", "printf", "a\\n\\nb\\nc"]);
        job(server, &["x"], b"").printed("abc");
    });
}

#[test]
fn a_worker_counts_the_jobs_that_it_has_done() {
    with_each_server(|server| {
        let worker = worker(server, &["-c", "3", "-f", "f", "--", "sh", "-c", "read x; exit $x"]);
        for (data, code) in [("0", 0), ("1", 1), ("0", 0)] {
            assert_eq!(job(server, &[data], b"").code, Some(code));
        }
        let done = worker.end();
        assert_eq!(done.code, Some(0));
        assert!(done.stderr.contains("failed: exit status: 1"), "{}", done.stderr);
    });
}

#[test]
fn a_command_that_fails_fails_its_job_with_what_it_printed() {
    with_each_server(|server| {
        let _worker = worker(server, &["-f", "f", "--", "sh", "-c", "echo so far; exit 3"]);
        let done = job(server, &["x"], b"");
        assert_eq!(
            (done.text().as_str(), done.stderr.as_str(), done.code),
            ("so far\n", "Job failed\n", Some(1))
        );
    });
}

#[test]
fn a_command_that_is_killed_fails_its_job() {
    with_each_server(|server| {
        let _worker = worker(server, &["-f", "f", "--", "sh", "-c", "kill -9 $$"]);
        assert_eq!(job(server, &["x"], b"").code, Some(1));
    });
}

#[test]
fn a_missing_command_is_reported_at_once() {
    let server = Server::start(GEARMAND);
    let done = worker(&server, &["-f", "f", "--", "no-such-command"]).end();
    assert_eq!(done.code, Some(6));
    assert!(
        done.stderr.contains("cannot run 'no-such-command': command not found"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_job_whose_command_cannot_be_started_any_more_goes_back() {
    let server = Server::start(GEARMAND);
    let script = scratch().join("script");
    fs::copy("/bin/cat", &script).expect("copied");
    let worker = worker(&server, &["-f", "f", "--", script.to_str().expect("text")]);
    job(&server, &["x"], b"").printed("x");
    fs::remove_file(&script).expect("removed");
    let client = Running::start(gearman(&server, &["-f", "f", "y"]));
    assert_eq!(worker.end().code, Some(6));
    scripted(&server, 1, |data, _| Ok(data.to_vec())).join().expect("the other worker");
    client.end().printed("y");
}

#[test]
fn a_commands_environment_names_its_job() {
    with_each_server(|server| {
        let script = "echo $GEARMAN_FUNCTION $GEARMAN_UNIQUE $GEARMAN_JOB_HANDLE";
        let _worker = worker(server, &["-f", "f", "--", "sh", "-c", script]);
        let done = job(server, &["-v", "-u", "mine", "x"], b"");
        let text = done.text();
        let (created, told) = text.split_once('\n').expect("two lines");
        let handle = created.strip_prefix("Task created: ").expect("a handle");
        assert_eq!(told, format!("f mine {handle}\n"));
    });
}

#[test]
fn one_worker_offers_several_functions() {
    with_each_server(|server| {
        let _worker = worker(server, &["-f", "f", "-f", "g", "--", "cat"]);
        run(gearman(server, &["-P", "-f", "f", "x\n"]), b"").printed("f: x\n");
        run(gearman(server, &["-P", "-f", "g", "x\n"]), b"").printed("g: x\n");
    });
}

#[test]
fn several_commands_run_at_once() {
    with_each_server(|server| {
        // Each waits for the other.
        let script =
            "touch $GEARMAN_UNIQUE; while [ $(ls | wc -l) -lt 2 ]; do sleep 0.01; done; cat";
        let mut command = gearman(server, &["-w", "-j", "2", "-f", "f", "--", "sh", "-c", script]);
        command.current_dir(scratch());
        let _worker = Running::start(command);
        let done = job(server, &["x", "y"], b"");
        assert!(matches!(done.text().as_str(), "xy" | "yx"), "{done:?}");
    });
}

#[test]
fn a_signal_lets_the_running_job_finish() {
    for signal in ["TERM", "INT"] {
        let server = Server::start(GEARMAND);
        let script = "read x; echo started >&2; while [ ! -e go ]; do sleep 0.01; done; echo $x";
        let directory = scratch();
        let mut command = gearman(&server, &["-w", "-f", "f", "--", "sh", "-c", script]);
        command.current_dir(&directory);
        let worker = Running::start(command);
        let client = Running::start(gearman(&server, &["-f", "f", "result"]));
        let waiting = Running::start(gearman(&server, &["-f", "f", "later"]));
        assert_eq!(worker.complaint(), "started");
        worker.signal(signal);
        // It takes no further job, though one waits.
        fs::write(directory.join("go"), "").expect("written");
        let done = worker.end();
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), "started\n"));
        let (one, other) = (client, waiting);
        scripted(&server, 1, |_, _| Ok(b"elsewhere\n".to_vec())).join().expect("another worker");
        let mut results = [one.end().text(), other.end().text()];
        results.sort();
        assert!(results[0] == "elsewhere\n" && results[1] != "elsewhere\n", "{results:?}");
    }
}

#[test]
fn a_second_signal_ends_a_worker_at_once() {
    let server = Server::start(GEARMAND);
    let script = "echo started >&2; sleep 1000";
    let worker = worker(&server, &["-f", "f", "--", "sh", "-c", script]);
    let client = Running::start(gearman(&server, &["-f", "f", "x"]));
    assert_eq!(worker.complaint(), "started");
    worker.signal("TERM");
    // Another one: two of the same can arrive as one.
    worker.signal("INT");
    assert_eq!(worker.end().code, Some(1));
    // The server has the job again.
    scripted(&server, 1, |_, _| Ok(b"elsewhere".to_vec())).join().expect("another worker");
    client.end().printed("elsewhere");
}

#[test]
fn a_worker_without_servers_reports_it_once_and_reconnects() {
    let server = Server::start(GEARMAND);
    let port = server.port;
    let worker = worker(&server, &["-f", "f", "--", "cat"]);
    job(&server, &["one"], b"").printed("one");
    drop(server);
    let complaint = worker.complaint();
    assert!(complaint.starts_with(&format!("gearman: 127.0.0.1:{port}: ")), "{complaint}");
    // No event shows a failed attempt: this is the time of three, 0.1 s, 0.2 s and 0.4 s apart.
    std::thread::sleep(std::time::Duration::from_millis(1000));
    let server = Server::start_at(GEARMAND, port);
    assert_eq!(worker.complaint(), format!("gearman: 127.0.0.1:{port}: connected again"));
    job(&server, &["two"], b"").printed("two");
    worker.signal("TERM");
    assert_eq!(worker.end().stderr.lines().count(), 2);
}

#[test]
fn a_worker_may_start_before_its_server() {
    let server = Server::start(GEARMAND);
    let port = server.port;
    drop(server);
    let address = format!("127.0.0.1:{port}");
    let worker = Running::start(tool(GEARMAN, ["-h", &address, "-w", "-f", "f", "--", "cat"]));
    assert!(worker.complaint().contains("Connection refused; trying again"));
    let server = Server::start_at(GEARMAND, port);
    job(&server, &["x"], b"").printed("x");
}

#[test]
fn a_server_that_does_not_answer_does_not_delay_the_others() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let server = Server::start(GEARMAND);
    let _worker = worker(&server, &["-h", &address, "-f", "f", "--", "cat"]);
    job(&server, &["x"], b"").printed("x");
}

#[test]
fn a_result_that_is_lost_with_its_server_is_reported() {
    let server = Server::start(GEARMAND);
    let port = server.port;
    let directory = scratch();
    // A job of more than 10 ms: a connection that received something in the last 10 ms is not
    // checked before it is used, and the result that was sent on it would count as delivered.
    let script = "echo started >&2; sleep 0.05; while [ ! -e go ]; do sleep 0.01; done; cat";
    let mut command = gearman(&server, &["-w", "-c", "1", "-f", "f", "--", "sh", "-c", script]);
    command.current_dir(&directory);
    let worker = Running::start(command);
    assert_eq!(run(gearman(&server, &["-b", "-f", "f", "x"]), b"").code, Some(0));
    assert_eq!(worker.complaint(), "started");
    drop(server);
    fs::write(directory.join("go"), "").expect("written");
    let complaint = worker.complaint();
    assert!(complaint.contains("the result is lost"), "{complaint}");
    // It counts no job as done, and works on.
    let server = Server::start_at(GEARMAND, port);
    job(&server, &["y"], b"").printed("y");
    assert_eq!(worker.end().code, Some(0));
}

#[test]
fn a_counting_worker_waits_no_longer_than_its_timeout() {
    let server = Server::start(GEARMAND);
    let done = worker(&server, &["-c", "1", "-t", "200", "-f", "f"]).end();
    assert_eq!(done.code, Some(4));
    assert!(done.stderr.contains("no job within 200 ms"), "{}", done.stderr);
    let done = Running::start(tool(
        GEARMAN,
        ["-h", "127.0.0.1:1", "-w", "-c", "1", "-t", "200", "-f", "f"],
    ))
    .end();
    assert_eq!(done.code, Some(3), "{}", done.stderr);
}

#[test]
fn a_worker_that_exits_when_idle_works_off_the_queue_first() {
    let server = Server::start(GEARMAND);
    let submitted = run(gearman(&server, &["-b", "-n", "-f", "f"]), b"a\nb\nc\n");
    assert_eq!(submitted.code, Some(0));
    let worker = worker(&server, &["--exit-when-idle", "200ms", "-f", "f"]);
    worker.end().printed("a\nb\nc\n");
    assert_eq!(server.ask("status"), "f\t0\t0\t0\n.\n");
}

#[test]
fn a_worker_that_exits_when_idle_and_reaches_no_server_ends_with_code_3() {
    let nowhere = ["-h", "127.0.0.1:1", "-w", "--exit-when-idle", "200ms", "-f", "f"];
    let done = Running::start(tool(GEARMAN, nowhere)).end();
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    assert!(done.stderr.contains("no server could be reached within 200 ms"), "{}", done.stderr);
}

#[test]
fn a_daemon_is_ready_when_its_starter_returns() {
    with_each_server(|server| {
        let pid_file = scratch().join("pid");
        let path = pid_file.to_str().expect("text");
        run(gearman(server, &["-d", "-i", path, "-w", "-c", "1", "-f", "f", "--", "cat"]), b"")
            .printed("");
        let pid = fs::read_to_string(&pid_file).expect("a pid file");
        let pid = pid.trim();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
        // Behind the name in brackets: state, parent, group, session.
        let session = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(3));
        assert_eq!(session, Some(pid), "it leads a session of its own");
        job(server, &["x"], b"").printed("x");
        wait_for("the end of the daemon", || (!pid_file.exists()).then_some(()));
    });
}

#[test]
fn a_daemon_that_cannot_start_is_reported_by_its_starter() {
    let server = Server::start(GEARMAND);
    let done = run(gearman(&server, &["-d", "-i", "/no/such/pid", "-w", "-f", "f"]), b"");
    assert_eq!(done.code, Some(6));
    assert!(done.stderr.contains("/no/such/pid"), "{}", done.stderr);
}

#[test]
fn a_verbose_worker_prints_its_jobs() {
    let server = Server::start(GEARMAND);
    let worker = worker(&server, &["-v", "-c", "1", "-f", "f", "--", "cat"]);
    job(&server, &["x"], b"").printed("x");
    let lines = worker.end().stderr;
    let ends: Vec<&str> = lines.lines().filter_map(|line| line.rsplit(": ").next()).collect();
    assert_eq!(ends, ["started", "done"], "{lines}");
}

#[test]
fn a_worker_passes_states_on_unchecked() {
    // The client decides what to show of a state.
    let server = Server::start(GEARMAND);
    let worker = scripted(&server, 1, |_, tell| {
        tell(Report::Status { numerator: 1, denominator: 0 }, b"");
        Ok(b"done".to_vec())
    });
    job(&server, &["x"], b"").printed("1/0 Complete\ndone");
    worker.join().expect("the worker ends");
}

#[test]
fn the_data_of_a_job_takes_the_place_of_an_argument() {
    with_each_server(|server| {
        let script = r#"for word; do printf '<%s>' "$word"; done; wc -c"#;
        let command = ["-f", "f", "--", "sh", "-c", script, "sh", "before", "{}", "x{}", "{}"];
        let _worker = worker(server, &command);
        // No shell reads the data, and none of it is on the standard input.
        for data in ["$(touch no) 'a' \"b\" *;|&", "-n", "two\nlines", "ü", "\u{1}%s\\n"] {
            let quoted = format!("<before><{data}><x{{}}><{data}>0\n");
            job(server, &[], data.as_bytes()).printed(&quoted);
        }
        job(server, &["-n"], b"a line\n").printed("<before><a line><x{}><a line>0\n");
        job(server, &[], b"").printed("<before><><x{}><>0\n");
    });
}

#[test]
fn data_that_no_argument_can_hold_fails_its_job_and_not_the_worker() {
    with_each_server(|server| {
        let worker = worker(server, &["-c", "3", "-f", "f", "--", "echo", "{}"]);
        assert_eq!(job(server, &[], b"a\0b").code, Some(1));
        let complaint = worker.complaint();
        assert!(complaint.contains("failed: its data cannot be an argument: "), "{complaint}");
        assert_eq!(job(server, &[], &vec![b'x'; 1 << 20]).code, Some(1));
        assert!(worker.complaint().contains("Argument list too long"));
        job(server, &["good"], b"").printed("good\n");
        assert_eq!(worker.end().code, Some(0));
    });
}

#[test]
fn the_braces_of_xargs_are_its_own() {
    with_each_server(|server| {
        let _worker = worker(server, &["-f", "f", "--", "xargs", "-I", "{}", "echo", "<{}>", "{}"]);
        job(server, &[], b"a\nb\n").printed("<a> a\n<b> b\n");
    });
}
