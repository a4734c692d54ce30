//! Callbacks: their order, their codes, and what they may do to the client.

use super::*;

#[test]
fn callbacks_are_called_in_the_order_of_the_packets() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"")).sends(
        &[
            created(),
            response(Command::WorkStatus, &[HANDLE, b"3", b"4"], b""),
            response(Command::WorkWarning, &[HANDLE], b"w"),
            response(Command::WorkData, &[HANDLE], b"d"),
            complete(b"c"),
        ]
        .concat(),
    );
    let callbacks = Callbacks(255);
    let id =
        client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("a valid task");
    let mut run = client.run_all();
    for (expected, data) in [
        (Callbacks::CREATED, &b""[..]),
        (Callbacks::STATUS, b""),
        (Callbacks::WARNING, b"w"),
        (Callbacks::DATA, b"d"),
        (Callbacks::COMPLETE, b"c"),
    ] {
        let (which, ticket) = next_call(&mut client, &mut run);
        assert_eq!(which, expected);
        let found =
            client.task(id).and_then(|t| t.data.as_ref()).map_or(&b""[..], |d| d.as_slice());
        assert_eq!(found, data);
        assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    }
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    assert!(client.task(id).expect("the task exists").data.is_none());
}

#[test]
fn a_callback_that_fails_ends_the_run_and_is_called_again() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"x")].concat());
    let callbacks = Callbacks::COMPLETE;
    client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("a valid task");
    for _ in 0..3 {
        let mut run = client.run_all();
        let (which, ticket) = next_call(&mut client, &mut run);
        assert_eq!(which, Callbacks::COMPLETE);
        assert_eq!(client.resume(ticket, ReturnCode::PAUSE), Some(ReturnCode::PAUSE));
    }
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
}

#[test]
fn a_callback_that_never_returns_counts_as_successful() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"x")].concat());
    let callbacks = Callbacks::CREATED;
    let id =
        client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("a valid task");
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    client.abandon(ticket);
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::SUCCESS);
}

#[test]
fn a_nested_run_drives_every_task_but_the_one_whose_callback_runs() {
    let (mut client, world) = client(1);
    world
        .peer(0)
        .expects(&submit(b"1"))
        .sends(&[created(), response(Command::WorkData, &[HANDLE], b"d")].concat())
        .expects(&submit(b"2"))
        .sends(&complete(b"end of the first"))
        .sends(&response(Command::JobCreated, &[b"H:2"], b""))
        .sends(&response(Command::WorkComplete, &[b"H:2"], b""));
    let callbacks = Callbacks(Callbacks::DATA.0 | Callbacks::COMPLETE.0);
    let first =
        client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"1") }).expect("a valid task");
    let mut run = client.run_all();
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::DATA);

    let second = client.add(&new_task(TaskKind::Add, b"2")).expect("a valid task");
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert_eq!(client.task(second).expect("the task exists").code, ReturnCode::SUCCESS);
    let data =
        client.task(first).and_then(|t| t.data.as_ref()).expect("the data of the running callback");
    assert_eq!(data.as_slice(), b"d");

    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::COMPLETE);
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    world.assert_done();
}

#[test]
fn a_task_freed_in_its_callback_is_gone_and_its_ticket_stale() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"x")].concat());
    let callbacks = Callbacks::CREATED;
    let id =
        client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("a valid task");
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    client.remove_task(id);
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    assert_eq!(client.task_count(), 0);
}

#[test]
fn removing_servers_inside_a_callback_does_not_affect_its_task() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"x")].concat());
    let callbacks = Callbacks::COMPLETE;
    let id =
        client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("a valid task");
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    client.remove_servers();
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::SUCCESS);
}
