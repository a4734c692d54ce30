//! Waits that are abandoned because their thread was cancelled.

use super::*;
use crate::exchange::Broadcast;
use std::task::Poll;

/// A client with an idle connection.
fn idle_client() -> (Client<ScriptNet>, World) {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b"out"));
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    client.remove_task(id);
    (client, world)
}

#[test]
fn the_job_created_of_an_abandoned_submission_is_not_taken_for_the_next_one() {
    let (mut client, world) = idle_client();
    let new = NewTask { command: Command::SubmitJobBg, ..new_task(TaskKind::Do, b"in") };
    let job = request(Command::SubmitJobBg, &[b"f", b"u"], b"in");
    let second = response(Command::JobCreated, &[b"H:2"], b"");
    world.peer(0).expects(&job).expects(&job).sends(&created()).sends(&second);
    assert!(client.poll_background(&new).is_pending());
    client.abandon_wait();
    let Ok(Submitted::Task(id, mut run)) = client.submit_and_wait(&new) else {
        panic!("a job on a connection that owes a reply needs a task");
    };
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    assert_eq!(client.task(id).expect("the task exists").handle.as_slice(), b"H:2");
    world.assert_done();
}

#[test]
fn abandoning_a_partly_sent_request_closes_its_connection() {
    let (mut client, world) = idle_client();
    let echo = Broadcast::Echo(b"hello");
    world.peer(0).takes(&[4, 0]);
    let mut call = client.begin_broadcast();
    assert!(client.poll_broadcast(&mut call, echo).is_pending());
    client.abandon_wait();
    assert!(!world.peer(0).is_open());
    world.peer(0).take_sent();
    let question = request(Command::EchoReq, &[], b"hello");
    world.peer(0).expects(&question).sends(&response(Command::EchoRes, &[], b"hello"));
    assert_eq!(client.broadcast(echo), Ok(()));
    world.assert_done();
}

#[test]
fn the_reply_to_an_abandoned_request_is_skipped() {
    let (mut client, world) = idle_client();
    let question = request(Command::EchoReq, &[], b"hello");
    let mut call = client.begin_broadcast();
    assert!(client.poll_broadcast(&mut call, Broadcast::Echo(b"hello")).is_pending());
    client.abandon_wait();
    world.peer(0).expects(&question).expects(&submit(b"next"));
    world.peer(0).sends(&response(Command::EchoRes, &[], b"hello"));
    world.peer(0).sends(&created()).sends(&complete(b"out"));
    let id = client.add(&new_task(TaskKind::Do, b"next")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn the_timeout_of_an_abandoned_wait_does_not_end_the_next_call() {
    let (mut client, world) = idle_client();
    client.link.settings.timeout = Some(Duration::from_millis(50));
    let question = request(Command::EchoReq, &[], b"hello");
    world.peer(0).expects(&question);
    let mut call = client.begin_broadcast();
    assert!(client.poll_broadcast(&mut call, Broadcast::Echo(b"hello")).is_pending());
    client.link.sleep();
    client.abandon_wait();
    world.peer(0).expects(&question).sends(&response(Command::EchoRes, &[], b"hello"));
    world.peer(0).sends(&response(Command::EchoRes, &[], b"hello"));
    let mut call = client.begin_broadcast();
    let asked = client.poll_broadcast(&mut call, Broadcast::Echo(b"hello"));
    assert_eq!(asked, Poll::Pending);
    client.link.sleep();
    let answered =
        client.block(|client| client.poll_broadcast(&mut call, Broadcast::Echo(b"hello")));
    assert_eq!(answered, Ok(()));
    world.assert_done();
}
