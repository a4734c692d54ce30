//! The queue `libsqlite3` of the original and ours: files go from one to the other, and the
//! faults of the original are not ours.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::durable::{background, start, status, stop, submit, work, worker};
use super::original::original_with;
use super::support::*;

/// The original with this file as its queue. None where it is not installed.
fn original(file: &str) -> Option<Server> {
    original_with(&["-q", "libsqlite3", "--libsqlite3-db", file])
}

/// Waits until `status` says this of a function.
#[track_caller]
fn wait_for_status(server: &Server, function: &str, wanted: &str) {
    let until = Instant::now() + TIMEOUT;
    loop {
        let found = status(server, function);
        if found == wanted {
            return;
        }
        assert!(Instant::now() < until, "{function}: {found}, not {wanted}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_file_of_the_original_is_taken_over() {
    let directory = Directory::new("original-to-ours");
    let file = directory.file("queue.db");
    let Some(server) = original(&file) else { return };
    submit(
        &server,
        &[
            request(SubmitJobLowBg, &["f", "u1", "low"]),
            background("f", "u2", "first"),
            background("f", "u3", "second"),
            request(SubmitJobHighBg, &["f", "u4", "high"]),
            request(SubmitJobEpoch, &["later", "u5", "4000000000", "x"]),
        ],
    );
    drop(server);
    let server = start(&file, &[]);
    assert_eq!(status(&server, "f"), "4\t0\t0");
    let functions = server.connect().line("json status");
    assert!(functions.contains("\"function\":\"later\""), "{functions}");
    assert!(functions.contains("\"delayed\":1"), "{functions}");
    let mut worker = worker(&server, "f");
    let payloads: Vec<_> = (0..4).map(|_| work(&mut worker).1).collect();
    assert_eq!(payloads, ["high", "first", "second", "low"]);
    worker.settle();
    stop(server);
    assert_eq!(status(&start(&file, &[]), "f"), "none");
}

#[test]
fn the_original_takes_a_file_of_ours_back() {
    let directory = Directory::new("ours-to-original");
    let file = directory.file("queue.db");
    let server = start(&file, &[]);
    submit(
        &server,
        &[
            background("f", "u1", "first"),
            background("f", "", ""),
            background("f", "", "third"),
            request(SubmitJobHighBg, &["f", "u2", "high"]),
            request(SubmitJobEpoch, &["later", "u3", "4000000000", "x"]),
        ],
    );
    stop(server);
    let Some(server) = original(&file) else { return };
    wait_for_status(&server, "f", "4\t0\t0");
    wait_for_status(&server, "later", "1\t0\t0");
    let mut worker = worker(&server, "f");
    let payloads: Vec<_> = (0..4).map(|_| work(&mut worker).1).collect();
    assert_eq!(payloads, ["high", "first", "", "third"]);
    worker.settle();
    submit(&server, &[background("f", "u4", "of the original")]);
    drop((worker, server));
    // And ours takes it once more, with what the original has added.
    let server = start(&file, &[]);
    assert_eq!(status(&server, "f"), "1\t0\t0");
}

#[test]
fn jobs_without_a_unique_do_not_replace_each_other() {
    let jobs = [
        background("f", "", "a"),
        background("f", "", "b"),
        background("g", "-", "a"),
        background("g", "-", "b"),
    ];
    let directory = Directory::new("original-empty-uniques");
    let (theirs, ours) = (directory.file("original.db"), directory.file("ours.db"));
    let server = start(&ours, &[]);
    submit(&server, &jobs);
    drop(server);
    let server = start(&ours, &[]);
    assert_eq!((status(&server, "f"), status(&server, "g")), ("2\t0\t0".into(), "2\t0\t0".into()));
    let Some(server) = original(&theirs) else { return };
    submit(&server, &jobs);
    drop(server);
    let Some(server) = original(&theirs) else { return };
    wait_for_status(&server, "f", "1\t0\t0");
    wait_for_status(&server, "g", "1\t0\t0");
}

#[test]
fn a_job_without_a_payload_does_not_prevent_the_next_start() {
    let jobs = [background("f", "u", "")];
    let directory = Directory::new("original-empty-payload");
    let (theirs, ours) = (directory.file("original.db"), directory.file("ours.db"));
    let server = start(&ours, &[]);
    submit(&server, &jobs);
    drop(server);
    assert_eq!(status(&start(&ours, &[]), "f"), "1\t0\t0");
    let Some(server) = original(&theirs) else { return };
    submit(&server, &jobs);
    drop(server);
    let pid_file = directory.file("pid");
    let output = Command::new("timeout")
        .args(["20", ORIGINAL_GEARMAND, "--listen", "127.0.0.1", "--port", "0", "-l", "stderr"])
        .args(["--pid-file", &pid_file, "-q", "libsqlite3", "--libsqlite3-db", &theirs])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("failed to reload queue"), "{text}");
    // What the original could not load is a job here.
    assert_eq!(status(&start(&theirs, &[]), "f"), "1\t0\t0");
}

#[test]
fn a_number_is_not_used_again_after_a_restart_as_the_original_does() {
    let jobs = [background("f", "u", "x")];
    let directory = Directory::new("original-handles");
    let (theirs, ours) = (directory.file("original.db"), directory.file("ours.db"));
    let submitted_twice = |start: &dyn Fn() -> Server| {
        let first = submit(&start(), &jobs);
        (first, submit(&start(), &[background("f", "another", "x")]))
    };
    let (first, second) = submitted_twice(&|| start(&ours, &[]));
    assert_ne!(first, second);
    if !have_file(ORIGINAL_GEARMAND, "gearman-job-server") {
        return;
    }
    // The stored job has another number after the restart: the new one is the second again.
    let (first, second) = submitted_twice(&|| original(&theirs).expect("it is installed"));
    assert_eq!((&*first[0], &*second[0]), ("H:t:1", "H:t:2"));
    let server = original(&theirs).expect("it is installed");
    let third = submit(&server, &[background("f", "third", "x")]);
    assert_eq!(third, ["H:t:3"]);
}

#[test]
fn a_second_original_on_the_same_file_does_every_job_again() {
    let directory = Directory::new("original-second");
    let file = directory.file("queue.db");
    let Some(first) = original(&file) else { return };
    submit(&first, &[background("f", "u", "x")]);
    // Ours refuses: `a_second_server_on_the_same_file_is_refused_by_name`.
    let second = original(&file).expect("it is installed");
    wait_for_status(&second, "f", "1\t0\t0");
    assert_eq!(status(&first, "f"), "1\t0\t0");
}
