//! Tests of the worker with scripted servers, one file per subject.

mod abandoned;
mod asking;
mod failures;
mod functions;
mod jobs;
mod rounds;
mod shortcut;
mod stops;
mod waiting;

use super::*;
use crate::testing::{ScriptNet, World, request, response};
use std::time::Duration;

/// The token of the function `f`.
const TOKEN: u64 = 7;

/// A worker with this many servers that offers the function `f`.
fn worker(servers: u16) -> (Worker<ScriptNet>, World) {
    let (net, world) = ScriptNet::new();
    let mut worker = Worker::new(net);
    for n in 0..servers {
        worker.add_server("127.0.0.1", 4730 + n).expect("a numeric address");
    }
    worker.add_function(b"f", 0, Some(TOKEN)).expect("a valid name");
    (worker, world)
}

/// The same in non-blocking mode.
fn non_blocking(servers: u16) -> (Worker<ScriptNet>, World) {
    let (mut worker, world) = worker(servers);
    worker.link.settings.non_blocking = true;
    (worker, world)
}

fn timeout(worker: &mut Worker<ScriptNet>, milliseconds: u64) {
    worker.link.settings.timeout = Some(Duration::from_millis(milliseconds));
}

fn can_do() -> Vec<u8> {
    request(Command::CanDo, &[b"f"], b"")
}

fn grab() -> Vec<u8> {
    request(Command::GrabJobAll, &[], b"")
}

/// The first packets on a new connection.
fn hello() -> Vec<u8> {
    [can_do(), grab()].concat()
}

fn pre_sleep() -> Vec<u8> {
    request(Command::PreSleep, &[], b"")
}

fn no_job() -> Vec<u8> {
    response(Command::NoJob, &[], b"")
}

fn noop() -> Vec<u8> {
    response(Command::Noop, &[], b"")
}

fn assign(handle: &str) -> Vec<u8> {
    response(Command::JobAssignUniq, &[handle.as_bytes(), b"f", b"u"], b"work")
}

fn complete(handle: &str, body: &[u8]) -> Vec<u8> {
    request(Command::WorkComplete, &[handle.as_bytes()], body)
}

/// Makes one call, up to its job or its end.
fn step(worker: &mut Worker<ScriptNet>) -> Result<(SlabId, WorkTicket), ReturnCode> {
    match worker.work() {
        WorkStep::Done(code) => Err(code),
        WorkStep::Call(upcall, ticket) => {
            assert_eq!(upcall.token, TOKEN);
            Ok((ticket.job(), ticket))
        }
    }
}

/// Makes one call whose function returns `ok`.
fn work(worker: &mut Worker<ScriptNet>) -> ReturnCode {
    match step(worker) {
        Err(code) => code,
        Ok((_, ticket)) => worker.finish(ticket, Outcome::Complete(ReturnCode::SUCCESS), b"ok"),
    }
}

/// Runs one job and returns its handle.
fn run_one_job(worker: &mut Worker<ScriptNet>) -> String {
    let (job, ticket) = step(worker).expect("a job");
    let handle =
        String::from_utf8_lossy(worker.job(job).expect("the job exists").handle()).into_owned();
    worker.finish(ticket, Outcome::Complete(ReturnCode::SUCCESS), b"ok");
    handle
}
