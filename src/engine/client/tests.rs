//! Tests of the client with scripted servers, one file per subject. Helpers for all of them.

use super::*;
use crate::task::{Callbacks, TaskKind, Token};
use crate::testing::{Connect, ScriptNet, World, request, response};
use gearman_protocol::Command;
use std::time::Duration;

mod abandoned;
mod avoiding;
mod awaited;
mod background;
mod callbacks;
mod connections;
mod jobs;
mod lost;
mod non_blocking;
mod placement;
mod requests;
mod resubmission;
mod shortcut;
mod streaming;

const HANDLE: &[u8] = b"H:1";

fn client(servers: usize) -> (Client<ScriptNet>, World) {
    let (net, world) = ScriptNet::new();
    let mut client = Client::new(net);
    for n in 0..servers {
        client.add_server("127.0.0.1", 4730 + n as u16).expect("a numeric address");
    }
    (client, world)
}

fn new_task<'a>(kind: TaskKind, body: &'a [u8]) -> NewTask<'a> {
    NewTask {
        kind,
        command: Command::SubmitJob,
        function: b"f",
        unique: b"u",
        body: TaskBody::Copy(body),
        epoch_seconds: 0,
        reducer: b"",
        callbacks: Callbacks::default(),
        token: Token::NONE,
    }
}

fn submit(body: &[u8]) -> Vec<u8> {
    request(Command::SubmitJob, &[b"f", b"u"], body)
}

fn created() -> Vec<u8> {
    response(Command::JobCreated, &[HANDLE], b"")
}

fn complete(body: &[u8]) -> Vec<u8> {
    response(Command::WorkComplete, &[HANDLE], body)
}

/// Runs all tasks to the end; no callback is expected.
fn run_all(client: &mut Client<ScriptNet>) -> ReturnCode {
    let mut run = client.run_all();
    match client.step(&mut run) {
        TaskStep::Done(code) => code,
        call => panic!("unexpected {call:?}"),
    }
}

/// Runs to the end of a task; no callback is expected.
fn run_until(client: &mut Client<ScriptNet>, id: SlabId) -> ReturnCode {
    let mut run = client.run_until(id);
    match client.step(&mut run) {
        TaskStep::Done(code) => code,
        call => panic!("unexpected {call:?}"),
    }
}

/// Steps to the next callback.
fn next_call(client: &mut Client<ScriptNet>, run: &mut TaskRun) -> (Callbacks, TaskTicket) {
    match client.step(run) {
        TaskStep::Call(TaskUpcall::Callback(_, which), ticket) => (which, ticket),
        other => panic!("expected a callback, not {other:?}"),
    }
}
