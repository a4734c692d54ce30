//! What becomes of tasks when their connection is lost.

use super::*;

/// Adds two tasks whose final packets arrive together. The callback of the first ends the
/// run, so that the second packet stays in the receive buffer. Returns the second task.
fn interrupted(client: &mut Client<ScriptNet>, world: &World) -> SlabId {
    let ends = [
        response(Command::JobCreated, &[b"a"], b""),
        response(Command::JobCreated, &[b"b"], b""),
        response(Command::WorkComplete, &[b"a"], b"one"),
        response(Command::WorkComplete, &[b"b"], b"two"),
    ];
    world.peer(0).expects(&[submit(b"1"), submit(b"2")].concat()).sends(&ends.concat());
    let callbacks = Callbacks::COMPLETE;
    let mut add = |body| {
        client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, body) }).expect("a valid task")
    };
    add(b"1");
    let second = add(b"2");
    let mut run = client.run_all();
    let (_, ticket) = next_call(client, &mut run);
    assert_eq!(client.resume(ticket, ReturnCode::PAUSE), Some(ReturnCode::PAUSE));
    second
}

/// Runs to the end with every callback succeeding. Returns the number of callbacks.
fn run_with_callbacks(client: &mut Client<ScriptNet>) -> (ReturnCode, usize) {
    let mut run = client.run_all();
    for calls in 0.. {
        match client.step(&mut run) {
            TaskStep::Done(code) => return (code, calls),
            TaskStep::Call(_, ticket) => {
                assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None)
            }
        }
    }
    unreachable!("runs end")
}

#[test]
fn a_received_result_is_not_lost_with_its_connection() {
    let (mut client, world) = client(1);
    let second = interrupted(&mut client, &world);
    world.peer(0).closes();
    world.sleep(1000);
    world.peer(0).expects(&submit(b"3")).sends(&created()).sends(&complete(b""));
    let third = client.add(&new_task(TaskKind::Add, b"3")).expect("a valid task");
    assert_eq!(run_with_callbacks(&mut client), (ReturnCode::SUCCESS, 2));
    for id in [second, third] {
        assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::SUCCESS);
    }
    assert_eq!(world.peer(0).connected, 2);
    world.assert_done();
}

#[test]
fn a_request_on_a_closed_connection_loses_no_received_result() {
    let (mut client, world) = client(1);
    let second = interrupted(&mut client, &world);
    world.peer(0).closes();
    world.sleep(1000);
    world.peer(0).expects(&request(Command::EchoReq, &[], b"x")).sends(&response(
        Command::EchoRes,
        &[],
        b"x",
    ));
    assert_eq!(client.broadcast(Broadcast::Echo(b"x")), Ok(()));
    assert_eq!(run_with_callbacks(&mut client), (ReturnCode::SUCCESS, 2));
    assert_eq!(client.task(second).expect("the task exists").code, ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_deferred_result_is_not_lost_with_its_connection() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"1")).sends(&created());
    let callbacks = Callbacks::DATA;
    let task = NewTask { callbacks, ..new_task(TaskKind::Add, b"1") };
    let id = client.add(&task).expect("a valid task");
    world.peer(0).sends(&response(Command::WorkData, &[HANDLE], b"part"));
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    // A request inside the callback reads first the task's final packet, then the end of
    // the connection.
    world.peer(0).expects(&request(Command::EchoReq, &[], b"x")).sends(&complete(b"")).closes();
    assert!(client.broadcast(Broadcast::Echo(b"x")).is_err());
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_created_background_job_is_not_lost_with_its_connection() {
    let (mut client, world) = client(1);
    let submit = request(Command::SubmitJobBg, &[b"f", b"u"], b"");
    world.peer(0).expects(&submit).sends(&created());
    let task = NewTask {
        command: Command::SubmitJobBg,
        callbacks: Callbacks::CREATED,
        ..new_task(TaskKind::Add, b"")
    };
    let id = client.add(&task).expect("a valid task");
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    assert_eq!(client.resume(ticket, ReturnCode::PAUSE), Some(ReturnCode::PAUSE));
    client.remove_servers();
    assert_eq!(run_with_callbacks(&mut client), (ReturnCode::SUCCESS, 1));
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_task_lost_between_runs_is_reported_by_the_next_run() {
    let (mut client, world) = client(1);
    client.link.settings.non_blocking = true;
    let lost = client.add(&new_task(TaskKind::Add, b"1")).expect("a valid task");
    while client.task(lost).is_some_and(|task| task.conn.is_none()) {
        assert_eq!(run_all(&mut client), ReturnCode::IO_WAIT);
    }
    assert_eq!(world.peer(0).take_sent(), submit(b"1"));
    client.remove_servers();
    assert_eq!(run_all(&mut client), ReturnCode::LOST_CONNECTION);
    assert_eq!(client.task(lost).expect("the task exists").code, ReturnCode::LOST_CONNECTION);
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
}

#[test]
fn a_task_lost_during_a_single_call_is_reported_by_the_next_run() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&[submit(b"1"), submit(b"2")].concat()).sends(&created()).closes();
    client.add(&new_task(TaskKind::Add, b"1")).expect("a valid task");
    let id = client.add(&new_task(TaskKind::Do, b"2")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::LOST_CONNECTION);
    client.remove_task(id);
    world.peer(0).expects(&submit(b"3")).sends(&created()).sends(&complete(b""));
    let next = client.add(&new_task(TaskKind::Add, b"3")).expect("a valid task");
    assert_eq!(run_all(&mut client), ReturnCode::LOST_CONNECTION);
    assert_eq!(client.task(next).expect("the task exists").code, ReturnCode::SUCCESS);
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn tasks_refused_during_a_single_call_are_reported_by_the_next_run() {
    let (mut client, world) = client(1);
    let refusal = response(Command::Error, &[b"QUEUE_ERROR", b"full"], b"");
    world
        .peer(0)
        .expects(&[submit(b"1"), submit(b"2"), submit(b"3")].concat())
        .sends(&[&refusal[..], &refusal, &created(), &complete(b"")].concat());
    client.add(&new_task(TaskKind::Add, b"1")).expect("a valid task");
    client.add(&new_task(TaskKind::Add, b"2")).expect("a valid task");
    let id = client.add(&new_task(TaskKind::Do, b"3")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::SUCCESS);
    assert_eq!(run_all(&mut client), ReturnCode::QUEUE_ERROR);
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_lost_task_that_was_freed_is_not_reported() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&[submit(b"1"), submit(b"2")].concat()).sends(&created()).closes();
    let freed = client.add(&new_task(TaskKind::Add, b"1")).expect("a valid task");
    let id = client.add(&new_task(TaskKind::Do, b"2")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    client.remove_task(id);
    client.remove_task(freed);
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_call_inside_the_callback_of_a_lost_task_waits_for_its_result() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"1")).sends(&response(Command::JobCreated, &[b"a"], b""));
    let callbacks = Callbacks::CREATED;
    let lost =
        client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"1") }).expect("a valid task");
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    world.peer(0).closes();
    world.sleep(1000);
    world.peer(0).expects(&submit(b"2")).pauses(50).sends(&created()).sends(&complete(b"out"));
    let inner = client.add(&new_task(TaskKind::Do, b"2")).expect("a valid task");
    assert_eq!(run_until(&mut client, inner), ReturnCode::SUCCESS);
    let inner = client.remove_task(inner).expect("the task exists");
    assert_eq!(inner.code, ReturnCode::SUCCESS);
    assert_eq!(inner.result.as_ref().expect("a result").as_slice(), b"out");
    assert_eq!(client.task(lost).expect("the task exists").code, ReturnCode::LOST_CONNECTION);
    // Nothing is left to wait for, though the connection is up.
    assert_eq!(run_all(&mut client), ReturnCode::LOST_CONNECTION);
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn an_unsent_task_does_not_wait_for_an_idle_connection() {
    let (mut client, world) = client(2);
    let (question, answer) =
        (request(Command::EchoReq, &[], b"x"), response(Command::EchoRes, &[], b"x"));
    for key in 0..2 {
        world.peer(key).expects(&question).sends(&answer);
    }
    assert_eq!(client.broadcast(crate::exchange::Broadcast::Echo(b"x")), Ok(()));
    world.peer(1).breaks().expects(&submit(b"1")).sends(&created()).sends(&complete(b"out"));
    let id = client.add(&new_task(TaskKind::Do, b"1")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::SUCCESS);
    assert_eq!(world.peer(1).connected, 2);
    world.assert_done();
}

#[test]
fn a_partly_sent_task_is_sent_again_at_once_when_its_connection_ends() {
    let (mut client, world) = client(2);
    let echo = (request(Command::EchoReq, &[], b"x"), response(Command::EchoRes, &[], b"x"));
    for key in [0, 1] {
        world.peer(key).expects(&echo.0).sends(&echo.1);
    }
    assert_eq!(client.broadcast(Broadcast::Echo(b"x")), Ok(()));
    // The other connection is open and idle: only this loss ends the wait.
    let body = [b'b'; 5_000];
    world.peer(1).takes(&[100, 0, 0]).closes();
    let id = client.add(&new_task(TaskKind::Do, &body)).expect("a valid task");
    let mut run = client.run_until(id);
    assert!(client.poll_step(&mut run).is_pending());
    world.peer(1).take_sent();
    world.peer(1).expects(&submit(&body)).sends(&created()).sends(&complete(b"done"));
    client.link.sleep();
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::SUCCESS);
    assert_eq!(world.peer(1).connected, 2);
    world.assert_done();
}
