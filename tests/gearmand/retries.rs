//! How often a job is handed out whose workers are lost, and what is said of it.

use std::fs;

use super::original::original_with;
use super::support::*;

/// How often a job is handed out at most in a test.
const ENOUGH: usize = 6;

/// Loses one worker after the other in a job; how often the job was handed out, and
/// whether its client was told of a failure.
fn attempts(server: &Server) -> (usize, bool) {
    let (mut client, mut admin) = (server.connect(), server.connect());
    client.ask(&request(SubmitJob, &["f", "u", "x"]), &response(JobCreated, &["H:t:1"]));
    let mut count = 0;
    while count < ENOUGH {
        let mut worker = server.connect();
        worker.send(&request(CanDo, &["f"])).send(&request(GrabJob, NOTHING));
        if worker.packet().0 != JobAssign {
            break;
        }
        count += 1;
        drop(worker);
        // Until that was noticed.
        while admin.list("status").starts_with("f\t1\t1") {}
    }
    (count, client.transcript() == response(WorkFail, &["H:t:1"]))
}

#[test]
fn a_job_is_handed_out_as_often_as_by_the_original() {
    let cases =
        [(None, ENOUGH), (Some("0"), ENOUGH), (Some("1"), 1), (Some("2"), 2), (Some("3"), 3)];
    for (retries, count) in cases {
        let arguments: Vec<&str> = retries.into_iter().flat_map(|n| ["-j", n]).collect();
        let expected = (count, count < ENOUGH);
        assert_eq!(attempts(&Server::start(&arguments)), expected, "-j {retries:?}");
        if let Some(original) = original_with(&arguments) {
            assert_eq!(attempts(&original), expected, "-j {retries:?} of the original");
        }
    }
    assert_eq!(attempts(&Server::start(&["-j", "-1"])), (ENOUGH, false));
}

#[test]
fn a_job_that_used_up_its_attempts_has_a_line_in_the_log() {
    let directory = Directory::new("given-up");
    let (log, port_file) = (directory.file("log"), directory.file("port"));
    let arguments = ["-d", "-L", "127.0.0.1", "-p", "0", "--port-file", &port_file];
    let arguments = [&arguments[..], &["-l", &log, "-P", "none", "-j", "1"]].concat();
    let started = gearmand(&[&arguments[..], &["--job-handle-prefix", "H:t"]].concat());
    assert!(started.status.success() && started.stderr.is_empty());
    let daemon = Daemon::find(&port_file);
    let mut peers = [daemon.connect(), daemon.connect()];
    let [client, worker] = &mut peers;
    client.ask(&request(SubmitJobBg, &["f", "a b", "x"]), &response(JobCreated, &["H:t:1"]));
    worker.send(&request(CanDo, &["f"])).send(&request(GrabJob, NOTHING));
    assert_eq!(worker.packet().0, JobAssign);
    worker.ask(&request(CantDo, &["f"]), b"").settle();
    let text = fs::read_to_string(&log).expect("the log");
    let said = "Failed job H:t:1 of function f, unique a b: no result after 1 attempts";
    assert!(text.contains("ERROR ") && text.contains(said), "{text}");
}

#[test]
fn the_meaning_of_zero_retries_is_logged_at_every_level() {
    let said = "--job-retries=0: a job whose worker is lost is handed out again without limit";
    let directory = Directory::new("zero-retries");
    let (log, port_file) = (directory.file("log"), directory.file("port"));
    let arguments = ["-d", "-L", "127.0.0.1", "-p", "0", "--port-file", &port_file];
    let arguments =
        [&arguments[..], &["-l", &log, "-P", "none", "--verbose=FATAL", "-j0"]].concat();
    let started = gearmand(&arguments);
    let _daemon = Daemon::find(&port_file);
    let text = fs::read_to_string(&log).expect("the log");
    assert!(text.starts_with("WARNING ") && text.contains(said), "{text}");
    let stderr = String::from_utf8_lossy(&started.stderr);
    assert!(stderr.contains(said) && stderr.contains("--job-retries=1"), "{stderr}");

    // Once, where the log goes there too.
    let arguments = ["-L", "127.0.0.1", "-p", "0", "-P", "/nonexistent/pid", "-l", "stderr", "-j0"];
    let ended = gearmand(&arguments);
    assert_eq!(String::from_utf8_lossy(&ended.stderr).matches(said).count(), 1);
}
