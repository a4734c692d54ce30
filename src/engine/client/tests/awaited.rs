//! Jobs that are waited for, with and without a task.

use super::*;

fn wait_for(client: &mut Client<ScriptNet>) -> Result<Awaited, ReturnCode> {
    let mut call = AwaitedCall::default();
    client.block(|client| client.poll_awaited(&mut call, &new_task(TaskKind::Do, b"in")))
}

/// A client whose connection has carried one job.
fn idle_client() -> (Client<ScriptNet>, World) {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b"out"));
    let Ok(Awaited::Task(id, mut run)) = wait_for(&mut client) else {
        panic!("a job without a connection needs a task");
    };
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    client.remove_task(id);
    world.take_calls();
    (client, world)
}

fn result(client: &mut Client<ScriptNet>) -> Vec<u8> {
    client.take_result().expect("a result").as_slice().to_vec()
}

#[test]
fn a_job_over_an_idle_connection_creates_no_task() {
    let (mut client, world) = idle_client();
    let both = [created(), complete(b"both")].concat();
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b"out"));
    world.peer(0).expects(&submit(b"in")).sends(&both);
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
    for (bytes, packets) in [(&b"out"[..], 2), (b"both", 1), (b"", 2)] {
        assert!(matches!(wait_for(&mut client), Ok(Awaited::Complete)));
        assert_eq!(result(&mut client), bytes);
        let calls = world.take_calls();
        assert_eq!((calls.send, calls.wait, calls.recv), (1, packets, packets));
    }
    assert_eq!(client.link.shortcuts_taken, 3);
    assert_eq!(client.task_count(), 0);
    world.assert_done();
}

#[test]
fn a_job_that_does_not_end_with_one_result_becomes_a_task() {
    let data = response(Command::WorkData, &[HANDLE], b"da");
    let fails = response(Command::WorkFail, &[HANDLE], b"");
    for (sent, code) in [
        ([data, complete(b"ta")].concat(), ReturnCode::SUCCESS),
        (fails, ReturnCode::WORK_FAIL),
        (response(Command::Noop, &[], b""), ReturnCode::TIMEOUT),
        (complete(&[b'x'; 20_000]), ReturnCode::SUCCESS),
    ] {
        let (mut client, world) = idle_client();
        client.link.settings.timeout = Some(Duration::from_millis(100));
        world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&sent);
        let Ok(Awaited::Task(id, mut run)) = wait_for(&mut client) else {
            panic!("a regular run has to handle it");
        };
        let TaskStep::Done(run_code) = client.step(&mut run) else { panic!("no callback is set") };
        let task = client.remove_task(id).expect("the task exists");
        let ended = if run_code.failed() { run_code } else { task.code };
        assert_eq!(ended, code);
    }
}

#[test]
fn the_timeout_of_a_created_job_counts_from_its_acknowledgement() {
    let (mut client, world) = idle_client();
    client.link.settings.timeout = Some(Duration::from_millis(100));
    world.peer(0).expects(&submit(b"in")).pauses(80).sends(&created()).pauses(1000);
    let began = world.now();
    let Ok(Awaited::Task(id, mut run)) = wait_for(&mut client) else {
        panic!("a regular run reports the timeout");
    };
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::TIMEOUT));
    assert_eq!(world.now() - began, Duration::from_millis(180));
    client.remove_task(id);
}

#[test]
fn a_job_is_lost_with_the_connection_that_has_acknowledged_it() {
    let (mut client, world) = idle_client();
    world.peer(0).expects(&submit(b"in")).sends(&created()).closes();
    let Ok(Awaited::Task(id, mut run)) = wait_for(&mut client) else {
        panic!("a regular run reports the loss");
    };
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    let task = client.remove_task(id).expect("the task exists");
    assert_eq!(task.code, ReturnCode::LOST_CONNECTION);
    assert_eq!(task.handle.as_slice(), HANDLE);
}

#[test]
fn the_result_of_an_abandoned_job_is_not_taken_for_that_of_the_next_one() {
    let (mut client, world) = idle_client();
    let new = new_task(TaskKind::Do, b"in");
    let other = response(Command::JobCreated, &[b"H:2"], b"");
    let late = response(Command::WorkComplete, &[b"H:2"], b"next");
    world.peer(0).expects(&submit(b"in")).sends(&created());
    world.peer(0).expects(&submit(b"in")).sends(&complete(b"late")).sends(&other).sends(&late);
    let mut call = AwaitedCall::default();
    assert!(client.poll_awaited(&mut call, &new).is_pending());
    client.link.sleep();
    assert!(client.poll_awaited(&mut call, &new).is_pending());
    client.abandon_wait();
    let Ok(Awaited::Task(id, mut run)) = wait_for(&mut client) else {
        panic!("the late result is not the normal case");
    };
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    let task = client.remove_task(id).expect("the task exists");
    assert_eq!(task.result.as_ref().expect("a result").as_slice(), b"next");
    world.assert_done();
}
