//! A worker whose connection to its server is harmed at one packet: its job is done nevertheless.
//!
//! How often the function is called is a table in `src/docs/faults.md`, which `UPDATE_FAULTS=1`
//! writes.

use crate::never_hangs;
use crate::worker::Worker;
use gearman_test_support::faults::documented;
use gearman_test_support::paths::own_gearmand;
use gearman_test_support::proxy::{Harm, Proxy, ServerSide, Target};
use gearman_test_support::server::Server;
use gearman_test_support::wire::{self, Command};
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// Limit of one call of the worker, in milliseconds: short, to look for the job's end in between.
const TURN_MS: i32 = 20;

/// What happens to which packet, in the order of the rows.
fn faults() -> Vec<(Target, Harm, String)> {
    let mut faults = Vec::new();
    for (target, name) in [
        (Target::Grab, "request for a job"),
        (Target::Assignment, "job"),
        (Target::Report, "result"),
    ] {
        for (harm, done) in [
            (Harm::Delayed, "late"),
            (Harm::Closed, "lost, then closed"),
            (Harm::Reset, "lost, then reset"),
            (Harm::CutAndClosed, "cut, then closed"),
            (Harm::OtherMagic, "with another magic number"),
            (Harm::OtherCommand, "with an unknown command"),
            (Harm::OtherSize, "with a wrong size"),
        ] {
            // Of a request only what the server does not see is harmed.
            let is_whole = matches!(harm, Harm::Delayed | Harm::Closed | Harm::Reset);
            if target == Target::Assignment || is_whole {
                faults.push((target, harm, format!("{name} {done}")));
            }
        }
    }
    faults
}

/// Submits a job and reads its result in a thread of its own.
fn submit(server: u16) -> Receiver<Vec<u8>> {
    let (done, result) = channel();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).expect("a connection");
    let job = wire::request(Command::SubmitJob, &[&b"f"[..], b"", b"work"]);
    stream.write_all(&job).expect("the job is sent");
    thread::spawn(move || {
        while let Some((command, payload)) = wire::receive(&mut stream) {
            if command == Command::WorkComplete {
                let _ = done.send(payload);
                return;
            }
        }
    });
    result
}

/// Harms a packet of a worker, and has it work until the client has its result. Returns how often
/// the function was called.
fn calls(server: u16, target: Target, harm: Harm, is_blocking: bool) -> usize {
    let proxy = Proxy::new(server, ServerSide::Ends);
    let mut worker = Worker::of(&[proxy.port]);
    worker.set_timeout(TURN_MS);
    if !is_blocking {
        worker.set_non_blocking();
    }
    proxy.harms(target, harm);
    let result = submit(server);
    let received = loop {
        // What a call returns is the loop's own affair: it goes on.
        if is_blocking {
            worker.work();
        } else {
            worker.work_and_wait();
        }
        if let Ok(received) = result.try_recv() {
            break received;
        }
    };
    assert!(received.ends_with(b"\0work"), "{target:?} {harm:?}: {}", received.escape_ascii());
    assert!(proxy.has_harmed(), "{target:?} {harm:?}: no packet was harmed");
    let calls = worker.seen().len();
    let is_report_lost = target == Target::Report && harm != Harm::Delayed;
    assert_eq!(calls, 1 + usize::from(is_report_lost), "{target:?} {harm:?}");
    calls
}

#[test]
fn a_job_is_done_whatever_happens_to_a_packet_of_its_worker() {
    let gearmand = own_gearmand().expect("the tests build gearmand");
    never_hangs(move || {
        let mut table = "\n| | `work` | `work`, non-blocking |\n|---|---|---|\n".to_owned();
        let server = Server::start(gearmand);
        for (target, harm, name) in faults() {
            let [blocking, waiting] =
                [true, false].map(|is_blocking| calls(server.port, target, harm, is_blocking));
            table += &format!("| {name} | {blocking} | {waiting} |\n");
        }
        documented("jobs of a worker", &(table + "\n"));
    });
}
