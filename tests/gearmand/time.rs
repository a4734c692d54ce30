//! What the server does when time passes. These tests wait for real seconds, as the protocol's
//! unit is a second. The broker's tests cover the rules without a clock.

use std::process::{Child, Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::support::*;

/// The original's tool, as Debian packages it.
const TOOL: &str = "/usr/bin/gearman";

#[test]
fn a_job_for_later_wakes_a_sleeping_worker_when_its_time_has_come() {
    let server = Server::start(&[]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    worker.send(&request(CanDo, &["f"])).send(&request(PreSleep, NOTHING)).settle();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let due = now + 1;
    client.ask(
        &request(SubmitJobEpoch, &["f", "", &due.to_string(), "x"]),
        &response(JobCreated, &["H:t:1"]),
    );
    worker.expect(&response(Noop, NOTHING));
    let woken = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    assert!(woken >= due, "woken too early");
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
}

#[test]
fn jobs_for_later_start_in_the_order_of_their_times_and_soon_after_them() {
    let server = Server::start(&[]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    worker.send(&request(CanDo, &["f"])).send(&request(PreSleep, NOTHING)).settle();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let (early, late) = (now().as_secs() + 1, now().as_secs() + 2);
    client.ask(
        &request(SubmitJobEpoch, &["f", "", &late.to_string(), "late"]),
        &response(JobCreated, &["H:t:1"]),
    );
    client.ask(
        &request(SubmitJobEpoch, &["f", "", &early.to_string(), "early"]),
        &response(JobCreated, &["H:t:2"]),
    );
    let mut delays = Vec::new();
    for (due, handle, payload) in [(early, "H:t:2", "early"), (late, "H:t:1", "late")] {
        worker.expect(&response(Noop, NOTHING));
        delays.push(now().as_secs_f64() - due as f64);
        worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &[handle, "f", payload]));
        worker.send(&request(WorkComplete, &[handle, ""]));
        worker
            .ask(&request(GrabJob, NOTHING), &response(NoJob, NOTHING))
            .send(&request(PreSleep, NOTHING));
    }
    // One of the two may be late on a busy machine.
    assert!(delays.iter().any(|delay| (0.0..0.3).contains(delay)), "{delays:?}");
}

#[test]
fn a_job_that_the_woken_worker_does_not_take_wakes_the_others() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let mut workers: Vec<_> = (0..30).map(|_| server.connect()).collect();
    for worker in &mut workers {
        worker.send(&request(CanDo, &["f"])).send(&request(PreSleep, NOTHING)).settle();
    }
    client.ask(&request(SubmitJobBg, &["f", "", "x"]), &response(JobCreated, &["H:t:1"]));
    for worker in &mut workers {
        worker.expect(&response(Noop, NOTHING));
    }
}

#[test]
fn a_job_that_takes_too_long_is_given_to_another_worker() {
    let server = Server::start(&[]);
    let (mut client, mut slow, mut next) = (server.connect(), server.connect(), server.connect());
    slow.send(&request(CanDoTimeout, &["f", "1000"]));
    client.ask(&request(SubmitJob, &["f", "u", "x"]), &response(JobCreated, &["H:t:1"]));
    let began = Instant::now();
    slow.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
    next.send(&request(CanDo, &["f"])).send(&request(PreSleep, NOTHING));
    next.expect(&response(Noop, NOTHING));
    assert!(began.elapsed().as_millis() >= 1000, "{:?}", began.elapsed());
    next.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
    let gone = response(Error, &["JOB_NOT_FOUND", "Job given in work result not found"]);
    slow.ask(&request(WorkComplete, &["H:t:1", "late"]), &gone);
    next.send(&request(WorkComplete, &["H:t:1", "in time"]));
    client.expect(&response(WorkComplete, &["H:t:1", "in time"]));
}

/// A worker process of the original.
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
    if !have_file(TOOL, "gearman-tools") {
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
        client.ask(&request(SubmitJob, &["f", "", "x"]), &response(JobCreated, &[&handle]));
        client.expect(&response(WorkComplete, &[&handle, "x"]));
    }
}
