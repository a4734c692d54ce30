//! Jobs that follow each other closely: fewer packets, and none too few.
//!
//! What is shown here depends on who is how fast, and happens often, not always: so
//! jobs are done until it is seen.

use std::net::Shutdown;
use std::time::{Duration, Instant};

use super::support::*;

const NO_JOB: u32 = 10;
const JOB_ASSIGN: u32 = 11;

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
        worker.send(&request(1, &["f"])).ask(&request(9, NOTHING), &response(NO_JOB, NOTHING));
        worker.send(&request(4, NOTHING)).settle();
        Pair { client, worker, jobs: 0, began: Instant::now() }
    }

    fn handle(&self) -> String {
        format!("H:t:{}", self.jobs)
    }

    fn submit(&mut self, jobs: usize) {
        assert!(self.began.elapsed() < PATIENCE, "not seen with {} jobs", self.jobs);
        self.jobs += jobs;
        self.client.send(&request(7, &["f", "", "x"]).repeat(jobs));
    }

    /// The worker asks as often as it is told that there is no job. Returns whether
    /// it was.
    fn take(&mut self) -> bool {
        let mut was_told = false;
        loop {
            match self.worker.packet().0 {
                JOB_ASSIGN => return was_told,
                NO_JOB => {
                    was_told = true;
                    self.worker.ask(&request(4, NOTHING), &response(6, NOTHING));
                    self.worker.send(&request(9, NOTHING));
                }
                other => panic!("packet {other}"),
            }
        }
    }

    /// The worker does its job, and asks for the next in the same breath.
    fn finish(&mut self) {
        let handle = self.handle();
        self.worker.send(&[request(13, &[&handle[..], "y"]), request(9, NOTHING)].concat());
    }

    /// What the client gets for a job that is done.
    fn answers(&self) -> Vec<u8> {
        let handle = self.handle();
        [response(8, &[&handle[..]]), response(13, &[&handle[..], "y"])].concat()
    }

    /// A whole job. Returns whether the worker was told before that there is none.
    fn play(&mut self) -> bool {
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

/// The same, with a server that has had so many jobs.
fn start_after(server: &Server, jobs: usize) -> Pair {
    let mut pair = Pair { jobs, ..Pair::new(server) };
    pair.submit(1);
    pair.worker.expect(&response(6, NOTHING)).send(&request(9, NOTHING));
    pair.take();
    pair.finish();
    let answers = pair.answers();
    pair.client.expect(&answers);
    pair
}

#[test]
fn the_next_job_comes_without_a_word_that_there_is_none() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    while pair.play() {}
}

#[test]
fn who_waited_for_a_job_in_vain_is_told_so() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    while pair.play() {}
    pair.worker.expect(&response(NO_JOB, NOTHING)).settle();
    // It sleeps like anybody else.
    pair.worker.send(&request(4, NOTHING)).settle();
    pair.submit(1);
    pair.worker.expect(&response(6, NOTHING));
}

#[test]
fn lines_of_text_are_answered_after_the_question_for_a_job() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    while pair.play() {}
    let pid = format!("OK {}\n", server.pid());
    pair.worker.send(b"getpid\n");
    pair.worker.expect(&[response(NO_JOB, NOTHING), pid.into_bytes()].concat());
}

#[test]
fn who_says_no_more_while_it_waits_for_a_job_is_told_that_there_is_none() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    while pair.play() {}
    pair.worker.stream.shutdown(Shutdown::Write).expect("half closes");
    pair.worker.expect(&response(NO_JOB, NOTHING)).expect_closed();
}

#[test]
fn what_makes_no_sense_is_answered_after_the_question_for_a_job() {
    let server = Server::start(&["--max-packet-size", "1000"]);
    let mut pair = start(&server);
    while pair.play() {}
    let why: &[_] = &["ARGUMENT_TOO_LARGE", "A packet may have 1000 bytes, this one has 1001"];
    pair.worker.send(&request(16, &["x".repeat(1001)]));
    pair.worker.expect(&[response(NO_JOB, NOTHING), response(19, why)].concat());
    let mut pair = start_after(&server, pair.jobs);
    while pair.play() {}
    pair.worker.send(b"\0BAD\0\0\0\0\0\0\0\0");
    pair.worker.expect(&response(NO_JOB, NOTHING)).expect_closed();
}

/// Begins the first of some jobs that are submitted at once. Returns whether it is
/// acknowledged before it is done.
fn begin(pair: &mut Pair, jobs: usize) -> bool {
    pair.submit(jobs);
    pair.take();
    // Then the turn is over in which the job came.
    pair.worker.settle();
    pair.client.stream.set_nonblocking(true).expect("nonblocking");
    let there = pair.client.stream.peek(&mut [0]);
    pair.client.stream.set_nonblocking(false).expect("blocking");
    there.is_ok()
}

/// Plays until an acknowledgement waits; the job is not done yet.
fn until_it_waits(pair: &mut Pair) {
    while begin(pair, 1) {
        pair.finish();
        let answers = pair.answers();
        pair.client.expect(&answers);
    }
}

#[test]
fn acknowledgement_and_result_come_together() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    until_it_waits(&mut pair);
    pair.finish();
    let answers = pair.answers();
    pair.client.expect(&answers).settle();
}

#[test]
fn who_asks_something_because_of_an_acknowledgement_gets_it_at_once() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    for _ in 0..30 {
        assert!(begin(&mut pair, 1), "job {}", pair.jobs);
        let handle = pair.handle();
        pair.client.expect(&response(8, &[&handle[..]])).settle();
        pair.finish();
        pair.client.expect(&response(13, &[&handle[..], "y"]));
    }
}

#[test]
fn an_acknowledgement_comes_also_when_no_result_does() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    let mut waited = PATIENCE;
    for _ in 0..3 {
        until_it_waits(&mut pair);
        let began = Instant::now();
        let handle = pair.handle();
        pair.client.expect(&response(8, &[&handle[..]]));
        waited = waited.min(began.elapsed());
        pair.client.settle();
        pair.finish();
        pair.client.expect(&response(13, &[&handle[..], "y"]));
    }
    // It is 10 ms where the machine has nothing else to do.
    assert!(waited < Duration::from_millis(500), "{waited:?}");
}

#[test]
fn an_acknowledgement_that_waits_is_sent_when_the_server_ends() {
    for how in ["signal", "word"] {
        let mut server = Server::start(&["--allow-shutdown"]);
        let mut pair = start(&server);
        until_it_waits(&mut pair);
        match how {
            "signal" => server.signal("TERM"),
            _ => drop(server.connect().send(b"shutdown\n")),
        }
        let handle = pair.handle();
        pair.client.expect(&response(8, &[&handle[..]])).expect_closed();
        assert!(server.wait().success());
    }
}

#[test]
fn who_submits_several_at_once_needs_no_acknowledgement_before_their_results() {
    let server = Server::start(&[]);
    let mut pair = start(&server);
    let mut is_known = true;
    while is_known {
        is_known = begin(&mut pair, 2);
        let [first, second] = [pair.jobs - 1, pair.jobs].map(|number| format!("H:t:{number}"));
        let finish = |worker: &mut Peer, handle: &str| {
            worker.send(&[request(13, &[handle, "y"]), request(9, NOTHING)].concat());
        };
        finish(&mut pair.worker, &first);
        pair.take();
        finish(&mut pair.worker, &second);
        let created = [&first, &second].map(|handle| response(8, &[handle]));
        let done = [&first, &second].map(|handle| response(13, &[&handle[..], "y"]));
        pair.client.expect(&[created.concat(), done.concat()].concat());
    }
}
