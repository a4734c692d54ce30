//! Batches: the order of output, tags, job logs, and submitting again what failed.

use crate::processes::*;
use gearman::engine::worker::Report;
use gearman_test_support::server::Server;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

/// A file name as an argument.
fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// A worker with several commands at once: each notes its start in a file, waits for a file
/// with the name of its job's data, and prints the data, or what is in that file.
fn waiting_worker(server: &Server, jobs: &str, directory: &Path) -> Running {
    let script = "read n; touch started-$n; until [ -e $n ]; do sleep 0.01; done; echo $n; cat $n";
    let mut command = gearman(server, &["-w", "-j", jobs, "-f", "f", "--", "sh", "-c", script]);
    command.current_dir(directory);
    Running::start(command)
}

#[test]
fn output_comes_in_the_order_of_the_lines_when_jobs_end_in_another_one() {
    with_each_server(|server| {
        let directory = scratch();
        let _worker = waiting_worker(server, "3", &directory);
        let mut client = Running::start(gearman(server, &["-k", "-N", "-j", "3", "-f", "f"]));
        client.stdin().write_all(b"1\n2\n3\n4\n").expect("written");
        drop(client.child.stdin.take());
        for name in ["3", "4", "2"] {
            fs::write(directory.join(name), "").expect("written");
        }
        wait_for("the last job", || directory.join("started-4").exists().then_some(()));
        wait_for("the later jobs", || server.ask("status").contains("f\t1\t1\t").then_some(()));
        assert_eq!(client.printed_line(), None, "the first job has not ended");
        fs::write(directory.join("1"), "").expect("written");
        client.end().printed("1\n2\n3\n4\n");
    });
}

#[test]
fn messages_and_the_job_log_keep_the_order_too() {
    let server = Server::start(GEARMAND);
    let log = scratch().join("log");
    // The later arguments end first: the worker in the test gets them in this order.
    let client = Running::start(gearman(
        &server,
        &["-k", "-v", "-f", "f", "--joblog", text(&log), "slow", "bad", "good"],
    ));
    let (go, told_to) = channel();
    let slow = scripted(&server, 1, move |_, tell| {
        tell(Report::Data, b"at once\n");
        told_to.recv().expect("told to");
        Ok(b"slow\n".to_vec())
    });
    wait_for("the first part", || client.printed_line().filter(|line| line == "at once"));
    let others =
        scripted(&server, 2, |data, _| if data == b"bad" { Err(()) } else { Ok(data.to_vec()) });
    others.join().expect("the worker ends");
    assert_eq!(rows(&log), Vec::<String>::new());
    go.send(()).expect("the worker listens");
    let done = client.end();
    slow.join().expect("the worker ends");
    assert_eq!((done.code, done.stderr.as_str()), (Some(1), "Job failed\n"));
    let outcomes: Vec<String> = rows(&log).iter().map(|row| columns(row, &[0, 2])).collect();
    assert_eq!(outcomes, ["1 done", "2 failed", "3 done"]);
}

#[test]
fn no_further_job_is_submitted_while_too_much_output_is_held() {
    let server = Server::start(GEARMAND);
    let directory = scratch();
    let _worker = waiting_worker(&server, "2", &directory);
    // More than the 64 MiB that the help names.
    let large = vec![b'x'; 65 << 20];
    for (name, content) in [("2", &large[..]), ("3", b""), ("4", b"")] {
        fs::write(directory.join(name), content).expect("written");
    }
    let mut client = Running::start(gearman(&server, &["-k", "-N", "-j", "2", "-f", "f"]));
    client.stdin().write_all(b"1\n2\n3\n4\n").expect("written");
    drop(client.child.stdin.take());
    wait_for("the second job", || directory.join("started-2").exists().then_some(()));
    wait_for("its end", || server.ask("status").contains("f\t1\t1\t").then_some(()));
    // Without the limit the third job would be submitted as soon as the second has ended.
    for _ in 0..100 {
        assert!(server.ask("status").contains("f\t1\t1\t"));
    }
    assert!(!directory.join("started-3").exists());
    fs::write(directory.join("1"), "").expect("written");
    let done = client.end();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    assert!(done.stdout == [b"1\n2\n", &large[..], b"3\n4\n"].concat());
}

#[test]
fn json_names_the_line_of_a_job_and_its_data_unless_it_is_a_whole_input() {
    with_each_server(|server| {
        let _worker = worker(server, &["-f", "f", "--", "cat"]);
        let members = |args: &[&str], input: &[u8]| -> Vec<String> {
            let done = run(gearman(server, &[args, &["--json", "-f", "f"]].concat()), input);
            let text = done.text();
            let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
            let shown = |event: serde_json::Value| format!("{} {}", event["line"], event["input"]);
            lines.map(shown).collect()
        };
        assert_eq!(members(&["-n"], b"a\nb"), [r#"1 "a\n""#, r#"2 "b""#]);
        assert_eq!(members(&["-j", "1", "x", "y"], b""), [r#"1 "x""#, r#"2 "y""#]);
        assert_eq!(members(&[], b"a\nb"), ["null null"]);
        assert_eq!(members(&["-s"], b""), ["null null"]);
    });
}

#[test]
fn a_tag_is_the_line_before_each_line_of_its_output() {
    with_each_server(|server| {
        let worker = scripted(server, 3, |data, tell| match data {
            b"bad" => Err(()),
            b"odd\tone" => {
                tell(Report::Warning, b"careful\n");
                tell(Report::Data, b"a\nb");
                Ok(b"c".to_vec())
            }
            data => Ok([data, b"\n\n"].concat()),
        });
        let done = run(gearman(server, &["--tag", "-N", "-f", "f"]), b"odd\tone\nbad\ngood\n");
        worker.join().expect("the worker ends");
        assert_eq!(done.text(), "odd\tone\ta\nodd\tone\tbc\ngood\tgood\ngood\t\n");
        assert_eq!(done.stderr, "odd\tone\tcareful\nbad\tJob failed\n");
        assert_eq!(done.code, Some(1));
    });
}

#[test]
fn a_tag_comes_before_a_prefix_and_without_the_newline_of_its_line() {
    let server = Server::start(GEARMAND);
    let _worker = worker(&server, &["-f", "f", "--", "cat"]);
    run(gearman(&server, &["--tag", "-P", "-n", "-f", "f"]), b"one\ntwo")
        .printed("one\tf: one\ntwo\tf: two\n");
}

/// The rows of a job log without its header and notes.
fn rows(log: &Path) -> Vec<String> {
    let log = fs::read_to_string(log).expect("a log");
    let mut lines = log.lines();
    assert_eq!(lines.next(), Some("line\tfunction\toutcome\thandle\tstart\tseconds\tinput"));
    lines.filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// Some columns of a row, with blanks between them.
fn columns(row: &str, which: &[usize]) -> String {
    let all: Vec<&str> = row.split('\t').collect();
    assert_eq!(all.len(), 7, "{row}");
    which.iter().map(|&at| all[at]).collect::<Vec<_>>().join(" ")
}

/// Lines, functions, outcomes and inputs of a log.
fn outcomes(log: &Path) -> Vec<String> {
    rows(log).iter().map(|row| columns(row, &[0, 1, 2, 6])).collect()
}

/// A worker in the test that fails all jobs for whose data `fails` is true. It sends on what
/// it gets.
fn failing(
    server: &Server,
    jobs: usize,
    fails: impl Fn(&[u8]) -> bool + Send + 'static,
) -> (std::thread::JoinHandle<()>, std::sync::mpsc::Receiver<Vec<u8>>) {
    let (sender, seen) = channel();
    let worker = scripted(server, jobs, move |data, _| {
        // Not every test listens.
        let _ = sender.send(data.to_vec());
        if fails(data) { Err(()) } else { Ok(Vec::new()) }
    });
    (worker, seen)
}

#[test]
fn a_job_log_has_a_row_for_each_job_and_its_failures_can_be_submitted_again() {
    with_each_server(|server| {
        let log = scratch().join("log");
        let any: Vec<u8> = (0..=255).filter(|&byte| byte != b'\n').collect();
        let input = [b"good\n", &any[..], b"\n50%\n"].concat();
        let (worker, _) = failing(server, 3, |data| data != b"good");
        let done = run(gearman(server, &["-N", "-f", "f", "--joblog", text(&log)]), &input);
        worker.join().expect("the worker ends");
        assert_eq!(done.code, Some(1));
        let found = fs::read_to_string(&log).expect("a log in UTF-8");
        assert!(!found.chars().any(|c| c.is_control() && c != '\t' && c != '\n'));
        let lines: Vec<&str> = found.lines().collect();
        assert_eq!(lines.len(), 1 + 2 * 3, "a header, and a note and a row for each job");
        assert_eq!(lines[1], "#1\tf\tgood");
        let row = lines[2];
        assert_eq!(columns(row, &[0, 1, 2, 6]), "1 f done good");
        assert!(columns(row, &[3]).starts_with("H:"), "a handle: {row}");
        assert!(columns(row, &[5]).parse::<f64>().is_ok(), "seconds: {row}");
        assert!(columns(row, &[4]).ends_with('Z'), "a date: {row}");
        assert!(lines[6].ends_with("\t50%25"));

        // To a log of its own: one of them fails again, with every byte as it was.
        let second = log.with_file_name("second");
        let (worker, seen) = failing(server, 2, |data| data == b"50%");
        let again = ["--retry-failed", text(&log), "--joblog", text(&second)];
        let done = run(gearman(server, &again), b"not read");
        worker.join().expect("the worker ends");
        assert_eq!((done.code, done.stderr.as_str()), (Some(1), "Job failed\n"));
        assert_eq!(seen.iter().collect::<Vec<_>>(), [any, b"50%".to_vec()]);

        // To the same log: in the end nothing is left.
        let again = ["--retry-failed", text(&second), "--joblog", text(&second)];
        let (worker, seen) = failing(server, 1, |_| false);
        run(gearman(server, &again), b"").printed("");
        worker.join().expect("the worker ends");
        assert_eq!(seen.iter().collect::<Vec<_>>(), [b"50%"]);
        run(gearman(server, &again), b"").printed("");
        let retried = fs::read_to_string(&second).expect("a log");
        assert!(retried.ends_with("\t50%25\n"), "{retried}");
    });
}

#[test]
fn a_job_that_was_in_flight_when_the_client_was_killed_is_submitted_again() {
    let server = Server::start(GEARMAND);
    let log = scratch().join("log");
    let mut client = Running::start(gearman(
        &server,
        &["-v", "-N", "-j", "2", "-f", "f", "--joblog", text(&log)],
    ));
    client.stdin().write_all(b"one\ntwo\n").expect("written");
    for _ in 0..2 {
        assert!(client.line().starts_with("Task created"));
    }
    scripted(&server, 1, |_, _| Ok(Vec::new())).join().expect("the worker ends");
    wait_for("the row", || (rows(&log).len() == 1).then_some(()));
    client.signal("KILL");
    client.end();
    // What a crash leaves of a row does not count.
    let mut file = fs::File::options().append(true).open(&log).expect("opens");
    file.write_all(b"2\tf\tdone\tH:").expect("written");
    let lost = outcomes_left(&log);
    let (worker, seen) = failing(&server, 1, |_| false);
    let again = ["--retry-failed", text(&log), "--joblog", text(&log)];
    run(gearman(&server, &again), b"").printed("");
    worker.join().expect("the worker ends");
    assert_eq!(seen.iter().collect::<Vec<_>>(), [lost.into_bytes()]);
    assert_eq!(outcomes(&log).len(), 2, "{:?}", outcomes(&log));
}

/// The data of the only job among `one` and `two` that has no row.
fn outcomes_left(log: &Path) -> String {
    let ended = columns(&rows(log)[0], &[6]);
    if ended == "one" { "two".into() } else { "one".into() }
}

#[test]
fn lines_that_control_c_leaves_out_are_in_the_job_log() {
    let server = Server::start(GEARMAND);
    let log = scratch().join("log");
    let mut client = Running::start(gearman(
        &server,
        &["-v", "-N", "-f", "f", "-f", "g", "--joblog", text(&log)],
    ));
    client.stdin().write_all(b"one\ntwo\n").expect("written");
    assert!(client.line().starts_with("Task created"));
    client.signal("INT");
    assert!(client.complaint().contains("not submitting 2 lines"));
    let (worker, _) = failing(&server, 1, |_| false);
    worker.join().expect("the worker ends");
    assert_eq!(client.end().code, None, "the signal ended it");
    let unsent = ["1 g unsent one", "2 f unsent two", "2 g unsent two"];
    assert_eq!(outcomes(&log), [&unsent[..], &["1 f done one"]].concat());
    // Only those of one function are submitted.
    let (worker, seen) = failing(&server, 1, |_| false);
    run(gearman(&server, &["--retry-failed", text(&log), "-f", "f"]), b"").printed("");
    worker.join().expect("the worker ends");
    assert_eq!(seen.iter().collect::<Vec<_>>(), [b"two"]);
}

#[test]
fn a_retry_says_that_only_jobs_of_other_functions_failed() {
    let server = Server::start(GEARMAND);
    let log = scratch().join("log");
    let header = "line\tfunction\toutcome\thandle\tstart\tseconds\tinput";
    fs::write(&log, format!("{header}\n#4\tf\tone\n")).expect("written");
    for (functions, named) in [
        (&["-f", "g"][..], "not of function g"),
        (&["-f", "g", "-f", "h"], "not of functions g, h"),
    ] {
        let again = [&["--retry-failed", text(&log)], functions].concat();
        let done = run(gearman(&server, &again), b"");
        let message = format!(
            "gearman: nothing to submit: the jobs in '{}' that failed or did not end are {named}\n",
            text(&log)
        );
        assert_eq!((done.code, done.text(), done.stderr), (Some(0), String::new(), message));
    }
    // Where nothing failed, nothing is said.
    fs::write(&log, format!("{header}\n")).expect("written");
    run(gearman(&server, &["--retry-failed", text(&log), "-f", "g"]), b"").printed("");
}

#[test]
fn a_signal_leaves_out_jobs_that_stay_in_the_log() {
    let server = Server::start(GEARMAND);
    let log = scratch().join("log");
    let header = "line\tfunction\toutcome\thandle\tstart\tseconds\tinput";
    fs::write(&log, format!("{header}\n#4\tf\tone\n#5\tf\ttwo\n#9\tf\tthree\n")).expect("written");
    let again = ["-v", "--retry-failed", text(&log), "--joblog", text(&log)];
    let client = Running::start(gearman(&server, &again));
    assert!(client.line().starts_with("Task created"));
    client.signal("TERM");
    let message = "gearman: interrupted: finishing 1 job, not submitting 2 lines that were read; \
                   a second signal ends it at once";
    assert_eq!(client.complaint(), message);
    let (worker, _) = failing(&server, 1, |_| false);
    worker.join().expect("the worker ends");
    assert_eq!(client.end().code, None, "the signal ended it");
    assert_eq!(outcomes(&log), ["5 f unsent two", "9 f unsent three", "4 f done one"]);
}

#[test]
fn a_job_log_names_what_became_of_a_job() {
    let server = Server::start(GEARMAND);
    let directory = scratch();
    let log = |name: &str| directory.join(name);
    let submit = |name: &str, args: &[&str]| {
        let path = log(name);
        let options = ["--joblog", text(&path), "-f", "f"];
        (run(gearman(&server, &[&options, args].concat()), b"").code, outcomes(&path))
    };
    assert_eq!(submit("b", &["-b", "x"]), (Some(0), vec!["1 f accepted x".to_owned()]));
    assert_eq!(submit("t", &["-t", "100", "x"]), (Some(4), vec!["1 f timeout x".to_owned()]));
    let port = server.port.to_string();
    run(tool(GEARADMIN, ["-p", &port, "--maxqueue", "f", "1"]), b"").printed("OK\n");
    assert_eq!(submit("r", &["x"]), (Some(5), vec!["1 f refused x".to_owned()]));
    let nowhere = tool(GEARMAN, ["-h", "127.0.0.1:1", "--joblog", text(&log("l")), "-f", "f", "x"]);
    assert_eq!(run(nowhere, b"").code, Some(3));
    assert_eq!(outcomes(&log("l")), ["1 f lost x"]);
}

/// A file that ends a client with code 6, and what its message says.
#[track_caller]
fn is_refused(server: &Server, args: &[&str], complaint: &str) {
    let done = run(gearman(server, &[args, &["-f", "f"]].concat()), b"x");
    assert_eq!(done.code, Some(6), "{args:?}: {}", done.stderr);
    assert!(done.stderr.contains(complaint), "{args:?}: {}", done.stderr);
    assert_eq!(server.ask("status"), ".\n", "nothing was submitted");
}

#[test]
fn a_file_that_is_no_job_log_ends_the_client_before_it_submits() {
    let server = Server::start(GEARMAND);
    let directory = scratch();
    let path = |name: &str| -> PathBuf { directory.join(name) };
    fs::write(path("text"), "a line\n").expect("written");
    fs::write(path("torn"), "line\tfunction\toutcome\thandle\tstart\tseconds\tinput\n1\tf\n")
        .expect("written");
    let made = std::process::Command::new("mkfifo").arg(path("fifo")).status();
    assert!(made.expect("mkfifo runs").success());
    let has_lines = "for '--joblog <FILE>': it has lines; give a new file, or the same one to \
                     '--retry-failed <FILE>'";
    is_refused(&server, &["--joblog", text(&path("text"))], has_lines);
    is_refused(&server, &["--joblog", text(&path("fifo"))], "is a FIFO, not a file");
    is_refused(&server, &["--joblog", "/nonexistent/log"], "No such file or directory");
    for (name, complaint) in [
        ("text", "for '--retry-failed <FILE>': the first line is not that of a job log"),
        ("torn", "for '--retry-failed <FILE>': line 2 is no row of a job log"),
        ("fifo", "is a FIFO, not a file"),
        ("absent", "No such file or directory"),
    ] {
        is_refused(&server, &["--retry-failed", text(&path(name))], complaint);
    }
}
