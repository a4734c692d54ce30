//! Large workloads, and bodies that callbacks send or receive in pieces.

use super::*;
use crate::client::Submitted;

#[test]
fn a_workload_larger_than_the_socket_buffer_is_sent_in_parts() {
    let (mut client, world) = client(1);
    let body = vec![7u8; 100_000];
    world.peer(0).takes(&[10, 0, 30_000, 0, 5_000]);
    world.peer(0).expects(&submit(&body)).sends(&created()).sends(&complete(b""));
    let id = client.add(&new_task(TaskKind::Add, &body)).expect("a valid task");
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert!(client.task(id).expect("the task exists").workload().is_empty());
    world.assert_done();
}

#[test]
fn a_workload_function_sends_the_body_in_pieces() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"abcdef")).sends(&created()).sends(&complete(b""));
    let callbacks = Callbacks::WORKLOAD;
    let body = TaskBody::Streamed(6);
    let id = client
        .add(&NewTask { callbacks, body, ..new_task(TaskKind::Add, b"") })
        .expect("a valid task");
    let mut run = client.run_all();
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::WORKLOAD);
    assert_eq!(client.send_workload(id, b"abc"), Ok(3));
    assert_eq!(client.resume(ticket, ReturnCode::IO_WAIT), Some(ReturnCode::IO_WAIT));
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    assert_eq!(client.send_workload(id, b"too long"), Err(ReturnCode::DATA_TOO_LARGE));
    assert_eq!(client.send_workload(id, b"def"), Ok(3));
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    world.assert_done();
}

#[test]
fn a_streamed_task_is_sent_again_if_nothing_of_its_body_was_sent() {
    let (mut client, world) = client(2);
    let whole = submit(b"abcdef");
    world.peer(1).takes(&[5, 0]).expects(&whole[..5]).closes();
    world.peer(0).expects(&whole).sends(&created()).sends(&complete(b""));
    let callbacks = Callbacks::WORKLOAD;
    let body = TaskBody::Streamed(6);
    let id = client
        .add(&NewTask { callbacks, body, ..new_task(TaskKind::Add, b"") })
        .expect("a valid task");
    let mut run = client.run_all();
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::WORKLOAD);
    assert_eq!(client.send_workload(id, b"abcdef"), Ok(6));
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    world.assert_done();
}

#[test]
fn a_workload_function_that_stops_short_fails_the_task_and_the_connection() {
    let (mut client, world) = client(1);
    let callbacks = Callbacks::WORKLOAD;
    let body = TaskBody::Streamed(6);
    let id = client
        .add(&NewTask { callbacks, body, ..new_task(TaskKind::Add, b"") })
        .expect("a valid task");
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    assert_eq!(client.send_workload(id, b"abc"), Ok(3));
    let code = client.resume(ticket, ReturnCode::SUCCESS);
    assert_eq!(code, Some(ReturnCode::INVALID_ARGUMENT));
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::INVALID_ARGUMENT);
    assert!(!client.link.any_open());
    drop(world);
}

#[test]
fn an_unbuffered_result_is_received_by_the_callback_and_its_rest_skipped() {
    let (mut client, world) = client(1);
    client.unbuffered = true;
    world.peer(0).expects(&submit(b"")).sends(
        &[created(), response(Command::WorkData, &[HANDLE], b"abcdef"), complete(b"")].concat(),
    );
    let callbacks = Callbacks(Callbacks::DATA.0 | Callbacks::COMPLETE.0);
    let id =
        client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("a valid task");
    let mut run = client.run_all();
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::DATA);
    let task = client.task(id).expect("the task exists");
    assert!(task.data.is_none());
    assert_eq!(task.data_size, 6);
    let mut space = [std::mem::MaybeUninit::new(0u8); 4];
    assert_eq!(client.recv_data(id, &mut space), Ok(4));
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::COMPLETE);
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    world.assert_done();
}

#[test]
fn a_request_whose_answer_stands_behind_an_unbuffered_result_ends_with_an_error() {
    let (mut client, world) = client(1);
    client.unbuffered = true;
    world.peer(0).expects(&submit(b"")).sends(&created());
    let data = response(Command::WorkData, &[HANDLE], b"abcdef");
    let ask = request(Command::EchoReq, &[], b"hello");
    let answer = response(Command::EchoRes, &[], b"hello");
    world.peer(0).expects(&ask).sends(&[data, answer, complete(b"")].concat());
    let callbacks = Callbacks(Callbacks::CREATED.0 | Callbacks::DATA.0 | Callbacks::COMPLETE.0);
    client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("a valid task");
    let mut run = client.run_all();
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::CREATED);
    // Only the callback for data, which runs after this one, can receive the result.
    let answered = client.broadcast(Broadcast::Echo(b"hello"));
    assert_eq!(answered, Err(ReturnCode::INVALID_ARGUMENT));
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    for wanted in [Callbacks::DATA, Callbacks::COMPLETE] {
        let (which, ticket) = next_call(&mut client, &mut run);
        assert_eq!(which, wanted);
        assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    }
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::SUCCESS));
    world.assert_done();
}

#[test]
fn a_call_beside_an_unread_unbuffered_result_waits_for_its_own_server_and_times_out() {
    let (mut client, world) = client(2);
    client.unbuffered = true;
    client.link.settings.timeout = Some(Duration::from_secs(1));
    // Both connections are open.
    for server in [0, 1] {
        let answer = response(Command::EchoRes, &[], b"hello");
        world.peer(server).expects(&request(Command::EchoReq, &[], b"hello")).sends(&answer);
    }
    assert_eq!(client.broadcast(Broadcast::Echo(b"hello")), Ok(()));
    let data = response(Command::WorkData, &[HANDLE], b"abcdef");
    world.peer(1).expects(&submit(b"")).sends(&[created(), data].concat());
    let callbacks = Callbacks::DATA;
    client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("a valid task");
    let mut run = client.run_all();
    let (which, _ticket) = next_call(&mut client, &mut run);
    assert_eq!(which, Callbacks::DATA);
    // In the callback, with the result unread, no server has anything for this call.
    let background = NewTask { command: Command::SubmitJobBg, ..new_task(TaskKind::Add, b"") };
    let Ok(Submitted::Task(_, mut run)) = client.submit_and_wait(&background) else {
        panic!("the shortcut has waited for the server");
    };
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::TIMEOUT));
}
