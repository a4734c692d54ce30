//! What the server does by itself when time passes. These tests wait for real
//! seconds: the protocol's units leave no other way. The rules themselves are
//! tested in the broker, without a clock.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::support::*;

/// The original's tool, as Debian packages it.
const TOOL: &str = "/usr/bin/gearman";

#[test]
fn a_job_for_later_wakes_a_sleeping_worker_when_its_time_has_come() {
    let server = Server::start(&[]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    worker.send(&request(1, &["f"])).send(&request(4, NOTHING)).settle();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let due = now + 1;
    client.ask(&request(36, &["f", "", &due.to_string(), "x"]), &response(8, &["H:t:1"]));
    worker.expect(&response(6, NOTHING));
    let woken = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    assert!(woken >= due, "woken too early");
    worker.ask(&request(9, NOTHING), &response(11, &["H:t:1", "f", "x"]));
}

#[test]
fn jobs_for_later_start_in_the_order_of_their_times_and_soon_after_them() {
    let server = Server::start(&[]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    worker.send(&request(1, &["f"])).send(&request(4, NOTHING)).settle();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let (early, late) = (now().as_secs() + 1, now().as_secs() + 2);
    client.ask(&request(36, &["f", "", &late.to_string(), "late"]), &response(8, &["H:t:1"]));
    client.ask(&request(36, &["f", "", &early.to_string(), "early"]), &response(8, &["H:t:2"]));
    let mut delays = Vec::new();
    for (due, handle, payload) in [(early, "H:t:2", "early"), (late, "H:t:1", "late")] {
        worker.expect(&response(6, NOTHING));
        delays.push(now().as_secs_f64() - due as f64);
        worker.ask(&request(9, NOTHING), &response(11, &[handle, "f", payload]));
        worker.send(&request(13, &[handle, ""]));
        worker.ask(&request(9, NOTHING), &response(10, NOTHING)).send(&request(4, NOTHING));
    }
    // One of the two may have met a machine that had something else to do.
    assert!(delays.iter().any(|delay| (0.0..0.3).contains(delay)), "{delays:?}");
}

#[test]
fn a_job_that_the_woken_worker_does_not_take_wakes_the_others() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let mut workers: Vec<_> = (0..30).map(|_| server.connect()).collect();
    for worker in &mut workers {
        worker.send(&request(1, &["f"])).send(&request(4, NOTHING)).settle();
    }
    client.ask(&request(18, &["f", "", "x"]), &response(8, &["H:t:1"]));
    for worker in &mut workers {
        worker.expect(&response(6, NOTHING));
    }
}

#[test]
fn a_job_that_takes_too_long_is_given_to_another_worker() {
    let server = Server::start(&[]);
    let (mut client, mut slow, mut next) = (server.connect(), server.connect(), server.connect());
    slow.send(&request(23, &["f", "1000"]));
    client.ask(&request(7, &["f", "u", "x"]), &response(8, &["H:t:1"]));
    let began = Instant::now();
    slow.ask(&request(9, NOTHING), &response(11, &["H:t:1", "f", "x"]));
    next.send(&request(1, &["f"])).send(&request(4, NOTHING));
    next.expect(&response(6, NOTHING));
    assert!(began.elapsed().as_millis() >= 1000, "{:?}", began.elapsed());
    next.ask(&request(9, NOTHING), &response(11, &["H:t:1", "f", "x"]));
    let gone = response(19, &["JOB_NOT_FOUND", "Job given in work result not found"]);
    slow.ask(&request(13, &["H:t:1", "late"]), &gone);
    next.send(&request(13, &["H:t:1", "in time"]));
    client.expect(&response(13, &["H:t:1", "in time"]));
}

/// A worker process that was not made here.
struct Process(Child);

impl Process {
    fn work(server: &Server) -> Process {
        let mut command = Command::new(TOOL);
        let port = server.address.port().to_string();
        command.args(["-h", "127.0.0.1", "-p", &port, "-w", "-f", "f", "--", "cat"]);
        let worker = Process(command.stdout(Stdio::null()).spawn().expect("the tool starts"));
        server.wait_for_line("PRE_SLEEP from");
        worker
    }

    fn stop(&self) {
        let pid = self.0.id().to_string();
        let status = Command::new("kill").args(["-s", "STOP", &pid]).status();
        assert!(status.expect("kill runs").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_job_does_not_wait_for_a_worker_that_sleeps_and_was_stopped() {
    if !Path::new(TOOL).exists() {
        eprintln!("skipped: there is no {TOOL}");
        return;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_gearmand"));
    command.args(["-L", "127.0.0.1", "-p", "0", "-l", "stderr", "-vv", "--pid-file=none"]);
    command.args(["--job-handle-prefix", "H:t"]);
    let server = Server::run(command);
    let stopped = Process::work(&server);
    stopped.stop();
    let _healthy = Process::work(&server);
    let mut client = server.connect();
    for number in 1..=5 {
        let handle = format!("H:t:{number}");
        client.ask(&request(7, &["f", "", "x"]), &response(8, &[&handle]));
        client.expect(&response(13, &[&handle, "x"]));
    }
}
