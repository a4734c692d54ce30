//! Delayed replies of a running server: fewer packets, and none lost.
//!
//! Whether a reply is held depends on the speed of the peers, so the tests do jobs until one is.

use std::fs;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::*;

/// A client and a worker, one job at a time.
struct Pair {
    client: Peer,
    worker: Peer,
    jobs: usize,
    began: Instant,
}

impl Pair {
    fn new(server: &Server) -> Pair {
        let (client, mut worker) = (server.connect(), server.connect());
        worker
            .send(&request(CanDo, &["f"]))
            .ask(&request(GrabJob, NOTHING), &response(NoJob, NOTHING));
        worker.send(&request(PreSleep, NOTHING)).settle();
        Pair { client, worker, jobs: 0, began: Instant::now() }
    }

    fn handle(&self) -> String {
        format!("H:t:{}", self.jobs)
    }

    fn submit(&mut self, jobs: usize) {
        assert!(self.began.elapsed() < TIMEOUT, "not seen with {} jobs", self.jobs);
        self.jobs += jobs;
        self.client.send(&request(SubmitJob, &["f", "", "x"]).repeat(jobs));
    }

    /// The worker asks until it gets a job. Returns whether it got NO_JOB before.
    fn take(&mut self) -> bool {
        let mut was_told = false;
        loop {
            match self.worker.packet().0 {
                JobAssign => return was_told,
                NoJob => {
                    was_told = true;
                    self.worker.ask(&request(PreSleep, NOTHING), &response(Noop, NOTHING));
                    self.worker.send(&request(GrabJob, NOTHING));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// The worker does its job, and asks for the next one in the same segment.
    fn finish(&mut self) {
        let handle = self.handle();
        self.worker.send(
            &[request(WorkComplete, &[&handle[..], "y"]), request(GrabJob, NOTHING)].concat(),
        );
    }

    /// What the client gets for a job that is done.
    fn answers(&self) -> Vec<u8> {
        let handle = self.handle();
        [response(JobCreated, &[&handle[..]]), response(WorkComplete, &[&handle[..], "y"])].concat()
    }

    /// A whole job. Returns whether the worker got NO_JOB before.
    fn do_job(&mut self) -> bool {
        self.submit(1);
        let was_told = self.take();
        self.finish();
        let answers = self.answers();
        self.client.expect(&answers);
        was_told
    }
}

/// A pair whose worker is awake and has asked for its second job.
fn start(server: &Server) -> Pair {
    start_after(server, 0)
}

/// The same, with a server that has done `jobs` jobs before.
fn start_after(server: &Server, jobs: usize) -> Pair {
    let mut pair = Pair { jobs, ..Pair::new(server) };
    pair.submit(1);
    pair.worker.expect(&response(Noop, NOTHING)).send(&request(GrabJob, NOTHING));
    pair.take();
    pair.finish();
    let answers = pair.answers();
    pair.client.expect(&answers);
    pair
}

#[test]
fn a_held_grab_is_answered_by_the_next_job() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    while pair.do_job() {}
}

#[test]
fn a_long_poll_that_expires_is_answered_with_no_job() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    while pair.do_job() {}
    pair.worker.expect(&response(NoJob, NOTHING)).settle();
    // It sleeps like any other worker.
    pair.worker.send(&request(PreSleep, NOTHING)).settle();
    pair.submit(1);
    pair.worker.expect(&response(Noop, NOTHING));
}

#[test]
fn a_line_of_text_is_answered_after_the_held_grab() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    while pair.do_job() {}
    let pid = format!("OK {}\n", server.pid());
    pair.worker.send(b"getpid\n");
    pair.worker.expect(&[response(NoJob, NOTHING), pid.into_bytes()].concat());
}

#[test]
fn a_held_worker_that_half_closes_gets_no_job() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    while pair.do_job() {}
    pair.worker.stream.shutdown(Shutdown::Write).expect("half closes");
    pair.worker.expect(&response(NoJob, NOTHING)).expect_closed();
}

#[test]
fn an_invalid_packet_is_answered_after_the_held_grab() {
    let server = Server::start(&["--max-packet-size", "1000"]);
    let mut pair = start(&server);
    while pair.do_job() {}
    let why: &[_] = &["ARGUMENT_TOO_LARGE", "A packet may have 1000 bytes, this one has 1001"];
    pair.worker.send(&request(EchoReq, &["x".repeat(1001)]));
    pair.worker.expect(&[response(NoJob, NOTHING), response(Error, why)].concat());
    let mut pair = start_after(&server, pair.jobs);
    while pair.do_job() {}
    pair.worker.send(b"\0BAD\0\0\0\0\0\0\0\0");
    pair.worker.expect(&response(NoJob, NOTHING)).expect_closed();
}

/// Starts the first of several jobs that are submitted at once. Returns whether it is
/// acknowledged before it is done.
fn begin(pair: &mut Pair, jobs: usize) -> bool {
    pair.submit(jobs);
    pair.take();
    // Then the turn in which the job arrived is over.
    pair.worker.settle();
    pair.client.stream.set_nonblocking(true).expect("nonblocking");
    let there = pair.client.stream.peek(&mut [0]);
    pair.client.stream.set_nonblocking(false).expect("blocking");
    there.is_ok()
}

/// Does jobs until an acknowledgement is held; its job is not done yet.
fn until_an_ack_is_held(pair: &mut Pair) {
    while begin(pair, 1) {
        pair.finish();
        let answers = pair.answers();
        pair.client.expect(&answers);
    }
}

#[test]
fn a_held_acknowledgement_comes_together_with_the_result() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    until_an_ack_is_held(&mut pair);
    pair.finish();
    let answers = pair.answers();
    pair.client.expect(&answers).settle();
}

#[test]
fn a_client_that_asks_something_after_the_acknowledgement_gets_it_at_once() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    for _ in 0..30 {
        assert!(begin(&mut pair, 1), "job {}", pair.jobs);
        let handle = pair.handle();
        pair.client.expect(&response(JobCreated, &[&handle[..]])).settle();
        pair.finish();
        pair.client.expect(&response(WorkComplete, &[&handle[..], "y"]));
    }
}

#[test]
fn a_held_acknowledgement_comes_without_a_result_too() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    let mut waited = TIMEOUT;
    for _ in 0..3 {
        until_an_ack_is_held(&mut pair);
        let began = Instant::now();
        let handle = pair.handle();
        pair.client.expect(&response(JobCreated, &[&handle[..]]));
        waited = waited.min(began.elapsed());
        pair.client.settle();
        pair.finish();
        pair.client.expect(&response(WorkComplete, &[&handle[..], "y"]));
    }
    // It is 10 ms on an idle machine.
    assert!(waited < Duration::from_millis(500), "{waited:?}");
}

#[test]
fn a_held_acknowledgement_is_sent_when_the_server_ends() {
    for how in ["signal", "word"] {
        let mut server = Server::start(&["--allow-shutdown"]);
        let mut pair = start(&server);
        until_an_ack_is_held(&mut pair);
        match how {
            "signal" => server.signal("TERM"),
            _ => drop(server.connect().send(b"shutdown\n")),
        }
        let handle = pair.handle();
        pair.client.expect(&response(JobCreated, &[&handle[..]])).expect_closed();
        assert!(server.wait().success());
    }
}

#[test]
fn acknowledgements_of_two_jobs_submitted_at_once_come_with_their_results() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    let mut is_known = true;
    while is_known {
        is_known = begin(&mut pair, 2);
        let [first, second] = [pair.jobs - 1, pair.jobs].map(|number| format!("H:t:{number}"));
        let finish = |worker: &mut Peer, handle: &str| {
            worker
                .send(&[request(WorkComplete, &[handle, "y"]), request(GrabJob, NOTHING)].concat());
        };
        finish(&mut pair.worker, &first);
        pair.take();
        finish(&mut pair.worker, &second);
        let created = [&first, &second].map(|handle| response(JobCreated, &[handle]));
        let done = [&first, &second].map(|handle| response(WorkComplete, &[&handle[..], "y"]));
        pair.client.expect(&[created.concat(), done.concat()].concat());
    }
}

/// Counts of the held replies of one kind: held, served, expired, interrupted.
fn counts(server: &Server, reply: &str) -> [u64; 4] {
    let text = server.connect().line("json server");
    let all: Value = serde_json::from_str(&text).expect("JSON");
    ["held", "served", "expired", "interrupted"]
        .map(|outcome| all["delayed_replies"][reply][outcome].as_u64().expect("a count"))
}

#[test]
fn every_held_reply_is_counted_with_its_outcome() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    while pair.do_job() {}
    until_an_ack_is_held(&mut pair);
    pair.finish();
    let answers = pair.answers();
    pair.client.expect(&answers);
    pair.worker.expect(&response(NoJob, NOTHING)).settle();
    let [held, served, expired, interrupted] = counts(&server, "grab");
    assert!(served > 0 && expired > 0, "{served} served, {expired} expired");
    assert_eq!(held, served + expired + interrupted);
    let [held, served, expired, interrupted] = counts(&server, "ack");
    assert!(served > 0, "no acknowledgement came with its result");
    assert_eq!(held, served + expired + interrupted);
}

#[test]
fn a_server_with_both_delays_off_holds_nothing() {
    let directory = Directory::new("delays-off");
    let file = directory.file("conf");
    fs::write(&file, "--ack-delay=0\n").expect("written");
    let server = Server::start(&["--grab-hold", "0", "--config-file", &file]);
    let mut pair = start(&server);
    for _ in 0..50 {
        assert!(pair.do_job(), "the worker is told that there is no job");
    }
    for _ in 0..50 {
        assert!(begin(&mut pair, 1), "the acknowledgement comes before the result");
        pair.finish();
        let answers = pair.answers();
        pair.client.expect(&answers);
    }
    for reply in ["grab", "ack"] {
        assert_eq!(counts(&server, reply), [0; 4], "{reply}");
    }
}
