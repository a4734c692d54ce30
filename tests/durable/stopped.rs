//! `gearmand` is stopped (SIGSTOP), another one takes its queue, and the first goes on: it must
//! acknowledge nothing more, change nothing, and end.

use std::time::Duration;

use gearman_test_support::databases::{Memcached, Postgres, Redis, SYNCING};
use gearman_test_support::random::Random;
use gearman_test_support::wait::wait_for;
use gearman_test_support::wire::{Command, request};

use crate::crash::{assert_kept, rounds, seed, work_off};
use crate::load::Load;
use crate::server::{Gearmand, Start};

/// What the log of a server says that was replaced.
const REPLACED: &str = "has taken";

/// A store whose ownership can be taken away.
trait Owned {
    /// Options for a server on it.
    fn options(&self) -> Start;

    /// Ends the ownership of a server that is not heard any more, as time would.
    fn lose_owner(&self);
}

impl Owned for Redis {
    fn options(&self) -> Start {
        let queue = vec!["--queue-type=redis".to_owned(), format!("--redis-port={}", self.port)];
        Start { queue, ..Start::default() }
    }

    fn lose_owner(&self) {
        assert_eq!(self.ask(&["DEL", ":gearmand:_gear_:lease"]), "1");
    }
}

impl Owned for Memcached {
    fn options(&self) -> Start {
        let servers = format!("--libmemcached-servers=127.0.0.1:{}", self.port);
        Start { queue: vec!["--queue-type=libmemcached".to_owned(), servers], ..Start::default() }
    }

    fn lose_owner(&self) {
        assert_eq!(self.ask("delete :gearmand:gear_:lease"), ["DELETED"]);
    }
}

impl Owned for Postgres {
    fn options(&self) -> Start {
        let conninfo = format!("--libpq-conninfo={}", self.conninfo());
        Start { queue: vec!["--queue-type=Postgres".to_owned(), conninfo], ..Start::default() }
    }

    fn lose_owner(&self) {
        let ended = self.query(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE application_name = 'gearmand'",
        );
        assert_eq!(ended, "1");
    }
}

fn start(options: &Start) -> Gearmand {
    // A file that these queues do not use.
    Gearmand::start_with("none".as_ref(), options)
}

/// A server that was replaced ends, and says why.
fn assert_replaced(first: Gearmand) {
    let (status, log) = first.wait_for_end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains(REPLACED), "{log}");
}

/// One replacement, step by step.
fn is_fenced(store: &dyn Owned) {
    let first = start(&store.options());
    let mut client = first.connect();
    let submission = |unique: &str| request(Command::SubmitJobBg, &["f", unique, "x"]);
    for unique in ["u1", "u2", "u3"] {
        client.send(&submission(unique)).expect("sends");
        assert_eq!(client.receive().expect("an answer").0, Command::JobCreated);
    }
    first.stop();
    store.lose_owner();
    let second = start(&store.options());
    second.wait_for_line("Found 3 jobs in the queue");
    let mut worker = second.connect();
    worker.send(&request(Command::CanDo, &["f"])).expect("sends");
    let body = wait_for("a job", || {
        // It is being fetched.
        let (command, body) = worker.ask(Command::GrabJob, &[""; 0]).expect("an answer");
        (command == Command::JobAssign).then_some(body)
    });
    let handle = body.split(|&byte| byte == 0).next().expect("a handle");
    worker.send(&request(Command::WorkComplete, &[handle, b""])).expect("sends");
    let mut other = second.connect();
    let answer = other.ask(Command::SubmitJobBg, &["f", "u5", "x"]).expect("an answer");
    assert_eq!(answer.0, Command::JobCreated);
    // What a client says to the first meanwhile is not acknowledged.
    client.send(&submission("u4")).expect("sends");
    first.go_on();
    match client.receive() {
        Ok((Command::Error, body)) => assert!(body.starts_with(b"QUEUE_ERROR\0"), "{body:?}"),
        Ok(other) => panic!("{other:?}"),
        Err(_) => {}
    }
    assert_replaced(first);
    drop((worker, other));
    second.terminate();
    let third = start(&store.options());
    third.wait_for_line("Found 3 jobs in the queue");
}

/// Replacements at random moments, under load. Returns the rules that were broken.
fn replaced_under_load(store: &dyn Owned, rounds: u32) -> Vec<String> {
    let seed = seed();
    let mut random = Random(seed);
    let load = Load::start_with_refusals(seed);
    let mut server = start(&store.options());
    load.server_started(server.address);
    for _ in 0..rounds {
        std::thread::sleep(Duration::from_millis(50 + random.below(150) as u64));
        server.stop();
        load.server_gone();
        store.lose_owner();
        let next = start(&store.options());
        load.server_started(next.address);
        std::thread::sleep(Duration::from_millis(random.below(100) as u64));
        server.go_on();
        // Its clients may have nothing more to say to it.
        let _ = server.connect().send(&request(Command::SubmitJobBg, &["f", "late", "x"]));
        assert_replaced(server);
        server = next;
    }
    load.stop_submitting();
    work_off(&load, &server);
    let ledger = load.end();
    println!("{} in {rounds} rounds", ledger.summary());
    server.terminate();
    ledger.verdict()
}

#[test]
fn a_server_that_was_stopped_and_replaced_in_redis_ends_and_changes_nothing() {
    let Some(store) = Redis::start(&SYNCING) else { return };
    is_fenced(&store);
}

#[test]
fn servers_that_are_stopped_and_replaced_in_redis_under_load_lose_no_job() {
    let Some(store) = Redis::start(&SYNCING) else { return };
    assert_kept(&replaced_under_load(&store, rounds().div_ceil(3)));
}

#[test]
fn a_server_that_was_stopped_and_replaced_in_memcached_ends_and_changes_nothing() {
    let Some(store) = Memcached::start(&["-M"]) else { return };
    is_fenced(&store);
}

#[test]
fn servers_that_are_stopped_and_replaced_in_memcached_under_load_lose_no_job() {
    let Some(store) = Memcached::start(&["-M"]) else { return };
    assert_kept(&replaced_under_load(&store, rounds().div_ceil(3)));
}

#[test]
fn a_server_that_was_stopped_and_replaced_in_postgres_ends_and_changes_nothing() {
    let Some(store) = Postgres::start() else { return };
    is_fenced(&store);
}

#[test]
fn servers_that_are_stopped_and_replaced_in_postgres_under_load_lose_no_job() {
    let Some(store) = Postgres::start() else { return };
    assert_kept(&replaced_under_load(&store, rounds().div_ceil(3)));
}
