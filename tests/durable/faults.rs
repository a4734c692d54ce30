//! Each system call on the file fails, one after the other: `gearmand` goes on, says why it takes no
//! jobs, and takes them again by itself.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use gearman_test_support::requirements::have_program;
use gearman_test_support::wait::wait_until;
use gearman_test_support::wire::{Command, NOTHING, request};

use crate::crash::{rounds, seed};
use crate::peer::Peer;
use crate::server::{Directory, Gearmand};
use crate::shim::{OPEN, SYNC, Shim, TRUNCATE, WRITE};

/// Scenarios that run at once; they wait most of the time.
const AT_ONCE: usize = 6;
/// Times the rounds of the crash test at which every call fails with every error.
const THOROUGH_ROUNDS: u32 = 100;
/// Time in which the store does its upkeep: it begins after a second without work.
const UPKEEP: Duration = Duration::from_millis(1300);
/// Time in which a submission is answered, unless it is unknown whether its job was stored.
const ANSWER_TIME: Duration = Duration::from_millis(2500);
/// Failing calls that do not end by themselves.
const UNTIL_HEALED: u64 = u64::MAX;

/// A call that fails.
#[derive(Clone, Copy, Debug)]
struct Fault {
    kinds: u64,
    errno: i32,
    /// Number of the first failing call, counted from 1.
    first: u64,
    /// Number of failing calls.
    times: u64,
}

/// What the clients of a scenario know.
struct Known<'a> {
    server: &'a Gearmand,
    shim: &'a Shim,
    fault: Fault,
    /// Payloads of jobs that must be in the file.
    kept: BTreeSet<String>,
}

impl Known<'_> {
    /// Submits a background job. Whether it was acknowledged.
    fn submit(&mut self, peer: &mut Peer, payload: &str) -> bool {
        let request = request(Command::SubmitJobBg, &["f", payload, payload]);
        peer.send(&request).expect("sends");
        let answer = match peer.receive_within(ANSWER_TIME).expect("the server runs") {
            Some(answer) => answer,
            None => {
                // Whether it was stored is not known before the syncs succeed.
                assert_eq!(self.fault.kinds, SYNC, "no answer for {payload}");
                foreground_job(self.server);
                let mut other = self.server.connect();
                let answer = other.ask(Command::SubmitJobBg, &["f", "", "x"]).expect("an answer");
                assert_eq!(answer.0, Command::Error, "behind a batch that is not decided");
                self.shim.heal();
                peer.receive().expect("an answer when the fault is gone")
            }
        };
        match answer.0 {
            Command::JobCreated => {
                self.kept.insert(payload.to_owned());
                true
            }
            Command::Error if answer.1.starts_with(b"QUEUE_ERROR\0") => false,
            other => panic!("{payload} got {other:?}"),
        }
    }

    /// Takes a job and completes it, as far as the server hears of it.
    fn work(&mut self, peer: &mut Peer) -> bool {
        let Some((handle, payload)) = grab(peer) else { return false };
        assert!(self.kept.remove(&payload), "{payload} was not acknowledged, or was completed");
        complete(peer, &handle);
        true
    }
}

/// Handle and payload of the next job of a worker.
fn grab(peer: &mut Peer) -> Option<(String, String)> {
    let (command, body) = peer.ask(Command::GrabJob, NOTHING).expect("an answer");
    if command == Command::NoJob {
        return None;
    }
    assert_eq!(command, Command::JobAssign);
    let text = String::from_utf8(body).expect("text");
    let parts: Vec<&str> = text.split('\0').collect();
    Some((parts[0].to_owned(), parts[2].to_owned()))
}

fn complete(peer: &mut Peer, handle: &str) {
    peer.send(&request(Command::WorkComplete, &[handle, ""])).expect("sends");
    let (command, _) = peer.ask(Command::EchoReq, &["handled?"]).expect("an answer");
    assert_eq!(command, Command::EchoRes);
}

fn worker(server: &Gearmand, function: &str) -> Peer {
    let mut peer = server.connect();
    peer.send(&request(Command::CanDo, &[function])).expect("sends");
    peer
}

/// A foreground job from a client to a worker and back, whatever the store does.
fn foreground_job(server: &Gearmand) {
    let (mut client, mut worker) = (server.connect(), worker(server, "foreground"));
    let answer = client.ask(Command::SubmitJob, &["foreground", "", "x"]).expect("an answer");
    assert_eq!(answer.0, Command::JobCreated);
    let (handle, _) = grab(&mut worker).expect("the foreground job");
    complete(&mut worker, &handle);
    assert_eq!(client.receive().expect("a result").0, Command::WorkComplete);
}

/// Runs a scenario with a fault. Returns how many calls of these kinds it made.
fn scenario(name: &str, fault: Fault) -> u64 {
    let directory = Directory::new(name);
    let file = directory.queue();
    let shim = Shim::new(directory.path(), &file);
    let mut start = shim.start(false);
    start.arguments.push("--queue-wait=1".to_owned());
    shim.fail(fault.kinds, fault.first, fault.times, fault.errno);
    let server = match Gearmand::try_start(&file, &start) {
        Ok(server) => server,
        Err((status, log)) => {
            assert!(shim.failed() > 0, "{log}");
            assert_eq!(status.code(), Some(1), "{log}");
            let shown = file.to_str().expect("a plain path");
            assert!(log.contains(shown), "the log does not name the file: {log}");
            shim.heal();
            Gearmand::start_with(&file, &start)
        }
    };
    let mut known = Known { server: &server, shim: &shim, fault, kept: BTreeSet::new() };
    let mut client = server.connect();
    let mut running = worker(&server, "f");
    for payload in ["a", "b", "c"] {
        known.submit(&mut client, payload);
    }
    let begun = grab(&mut running);
    for payload in ["d", "e"] {
        known.submit(&mut client, payload);
    }
    foreground_job(&server);
    thread::sleep(UPKEEP);
    known.submit(&mut client, "f");
    foreground_job(&server);
    shim.heal();
    // It resumes by itself.
    let began = Instant::now();
    let mut attempt = 0;
    wait_until("end of the refusals", || {
        attempt += 1;
        known.submit(&mut client, &format!("again {attempt}"))
    });
    assert!(began.elapsed() < Duration::from_secs(10), "resumed after {:?}", began.elapsed());
    let was_refused = attempt > 1 || known.kept.len() < 7;
    if was_refused {
        let line = server.wait_for_line("The queue takes no jobs: ");
        assert!(line.contains(&file.display().to_string()), "the file is not named: {line}");
        server.wait_for_line("The queue takes jobs again");
        assert!(shim.failed() > 0);
    }
    if let Some((handle, payload)) = begun {
        assert!(known.kept.remove(&payload), "{payload} was not acknowledged");
        complete(&mut running, &handle);
    }
    known.work(&mut running);
    // What was completed before this is committed with it, or before.
    known.submit(&mut client, "last");
    let (calls, kept) = (shim.calls(), known.kept);
    server.kill();
    let server = Gearmand::start_with(&file, &start);
    let mut worker = worker(&server, "f");
    let mut found = BTreeSet::new();
    wait_until("loaded queue", || server.line("jobs in the queue").is_some());
    while server.jobs() > 0 {
        let Some((handle, payload)) = grab(&mut worker) else { continue };
        complete(&mut worker, &handle);
        assert!(found.insert(payload.clone()), "{payload} is there twice");
    }
    assert_eq!(found, kept, "what a restarted server has, with {fault:?}");
    calls
}

/// Runs scenarios for all calls of some kinds.
fn each_call(name: &str, kinds: u64, errors: &[i32]) {
    if !have_program("gcc", &["--version"]) {
        return;
    }
    let seed = seed();
    let none = Fault { kinds, errno: 0, first: 0, times: 0 };
    let calls = scenario(&format!("{name}-none"), none);
    assert!(calls > 0);
    let mut faults = Vec::new();
    for first in 1..=calls {
        for (index, &errno) in errors.iter().enumerate() {
            for (which, times) in [1, 3, UNTIL_HEALED].into_iter().enumerate() {
                let turn = first + seed + (index * 2 + which) as u64;
                let turns = (errors.len() * 3) as u64;
                if rounds() >= THOROUGH_ROUNDS || turn.is_multiple_of(turns) {
                    faults.push(Fault { kinds, errno, first, times });
                }
            }
        }
    }
    println!("{calls} calls, {} faults", faults.len());
    let faults = Mutex::new(faults.into_iter());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = faults.lock().expect("not poisoned").next();
                    let Some(fault) = next else { return };
                    println!("{fault:?}");
                    let Fault { errno, first, times, .. } = fault;
                    scenario(&format!("{name}-{errno}-{first}-{times}"), fault);
                }
            });
        }
    });
}

#[test]
fn a_server_whose_syncs_fail_ends_by_sigterm() {
    if !have_program("gcc", &["--version"]) {
        return;
    }
    let directory = Directory::new("sigterm-sync");
    let file = directory.queue();
    let shim = Shim::new(directory.path(), &file);
    let server = Gearmand::start_with(&file, &shim.start(false));
    let mut client = server.connect();
    let submit = |peer: &mut Peer| peer.send(&request(Command::SubmitJobBg, &["f", "", "x"]));
    submit(&mut client).expect("sends");
    assert_eq!(client.receive().expect("an answer").0, Command::JobCreated);
    shim.fail(SYNC, 1, UNTIL_HEALED, libc::EIO);
    submit(&mut client).expect("sends");
    server.wait_for_line("The queue takes no jobs: ");
    let (status, log) = server.terminate();
    assert!(status.success(), "{log}");
    shim.heal();
    // The second job may be stored or not: its client was told nothing.
    let server = Gearmand::start(&file);
    server.wait_for_line("jobs in the queue");
    assert!((1..=2).contains(&server.jobs()), "{}", server.jobs());
}

#[test]
fn a_failed_write_refuses_jobs_until_writing_succeeds() {
    each_call("write", WRITE, &[libc::ENOSPC, libc::EIO, libc::EROFS]);
}

#[test]
fn a_failed_sync_loses_nothing_that_was_acknowledged() {
    each_call("sync", SYNC, &[libc::EIO, libc::ENOSPC]);
}

#[test]
fn a_failed_truncation_refuses_jobs_until_it_succeeds() {
    each_call("truncate", TRUNCATE, &[libc::EIO, libc::EROFS]);
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    each_call("open", OPEN, &[libc::EROFS, libc::EIO, libc::ENOSPC]);
}
