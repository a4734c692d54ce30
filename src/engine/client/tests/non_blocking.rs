//! Calls in non-blocking mode, and the waits between them.

use super::*;
use crate::testing::Calls;

const IO_WAIT: ReturnCode = ReturnCode::IO_WAIT;
const SUCCESS: ReturnCode = ReturnCode::SUCCESS;
const NOTHING: Result<(), ReturnCode> = Err(ReturnCode::NO_ACTIVE_FDS);

fn non_blocking(servers: usize) -> (Client<ScriptNet>, World) {
    let (mut client, world) = client(servers);
    client.link.settings.non_blocking = true;
    (client, world)
}

fn add(client: &mut Client<ScriptNet>) {
    client.add(&new_task(TaskKind::Add, b"")).expect("a valid task");
}

/// Repeats runs, with a wait after each, until one returns something other than `IO_WAIT`.
/// Returns the number of `IO_WAIT`s and that code.
fn run_until_done(client: &mut Client<ScriptNet>) -> (usize, ReturnCode) {
    for rounds in 0..20 {
        match run_all(client) {
            IO_WAIT => assert_eq!(client.wait(), Ok(()), "after {rounds}"),
            code => return (rounds, code),
        }
    }
    panic!("no end after 20 runs");
}

#[test]
fn a_run_does_what_is_possible_without_waiting_and_returns() {
    let (mut client, world) = non_blocking(1);
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"")].concat());
    add(&mut client);
    assert_eq!(run_all(&mut client), IO_WAIT);
    assert_eq!(world.take_calls(), Calls { connect: 1, ..Calls::default() });
    assert_eq!(client.wait(), Ok(()));
    assert_eq!(run_all(&mut client), IO_WAIT);
    assert_eq!(world.take_calls(), Calls { send: 1, wait: 1, ..Calls::default() });
    assert_eq!(client.wait(), Ok(()));
    assert_eq!(run_all(&mut client), SUCCESS);
    // An idle connection is not polled.
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"")].concat());
    add(&mut client);
    world.take_calls();
    assert_eq!(run_all(&mut client), IO_WAIT);
    assert_eq!(world.take_calls(), Calls { send: 1, ..Calls::default() });
    assert_eq!(client.wait(), Ok(()));
    assert_eq!(run_all(&mut client), SUCCESS);
    world.assert_done();
}

#[test]
fn runs_make_progress_without_waits_between_them() {
    let (mut client, world) = non_blocking(1);
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"")].concat());
    add(&mut client);
    let codes: Vec<ReturnCode> = (0..3).map(|_| run_all(&mut client)).collect();
    assert_eq!(codes, [IO_WAIT, IO_WAIT, SUCCESS]);
    world.assert_done();
}

#[test]
fn servers_that_are_down_are_tried_one_after_the_other_in_each_run() {
    let (mut client, world) = non_blocking(2);
    for key in 0..2 {
        world.peer(key).meets(&[Connect::Refuse; 2]);
    }
    add(&mut client);
    for _ in 0..2 {
        assert_eq!(run_until_done(&mut client), (2, ReturnCode::COULD_NOT_CONNECT));
        assert_eq!(client.wait(), NOTHING);
    }
    world.peer(1).meets(&[Connect::Refuse]);
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"")].concat());
    assert_eq!(run_until_done(&mut client), (3, SUCCESS));
    world.assert_done();
}

#[test]
fn a_server_that_is_not_needed_is_not_connected_to() {
    let (mut client, world) = non_blocking(2);
    world.peer(1).expects(&submit(b"")).sends(&[created(), complete(b"")].concat());
    add(&mut client);
    assert_eq!(run_until_done(&mut client), (2, SUCCESS));
    assert_eq!(world.peer(0).connected, 0);
    world.assert_done();
}

#[test]
fn a_task_lost_in_flight_is_reported_once() {
    let (mut client, world) = non_blocking(1);
    world.peer(0).expects(&submit(b"")).sends(&created()).pauses(10).closes();
    add(&mut client);
    assert_eq!(run_until_done(&mut client).1, ReturnCode::LOST_CONNECTION);
    assert_eq!(client.wait(), NOTHING);
    assert_eq!(run_all(&mut client), SUCCESS);
    world.assert_done();
}

#[test]
fn a_wait_without_unfinished_work_is_no_active_fds() {
    let (mut client, world) = client(1);
    assert_eq!(client.wait(), NOTHING);
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"")].concat());
    add(&mut client);
    assert_eq!(run_all(&mut client), SUCCESS);
    let echo = request(Command::EchoReq, &[], b"ping");
    world.peer(0).expects(&echo).sends(&response(Command::EchoRes, &[], b"ping"));
    assert_eq!(client.broadcast(Broadcast::Echo(b"ping")), Ok(()));
    world.take_calls();
    assert_eq!(client.wait(), NOTHING);
    assert_eq!(world.take_calls().wait, 0);
    world.assert_done();
}

#[test]
fn a_wait_reports_a_ready_connection_once_and_waits_for_what_is_left() {
    let (mut client, world) = non_blocking(1);
    client.link.settings.timeout = Some(Duration::from_millis(100));
    world.peer(0).expects(&submit(b"")).sends(&created()).pauses(250).sends(&complete(b""));
    add(&mut client);
    for _ in 0..2 {
        assert_eq!(run_all(&mut client), IO_WAIT);
        assert_eq!((client.wait(), client.wait()), (Ok(()), NOTHING));
    }
    assert_eq!(run_all(&mut client), IO_WAIT);
    let timeout = Err(ReturnCode::TIMEOUT);
    assert_eq!((client.wait(), client.wait()), (timeout, timeout));
    assert_eq!((client.wait(), client.wait()), (Ok(()), NOTHING));
    assert_eq!(run_all(&mut client), SUCCESS);
    world.assert_done();
}

#[test]
fn bytes_on_a_connection_without_work_do_not_end_the_wait() {
    let (mut client, world) = non_blocking(2);
    let echo = request(Command::EchoReq, &[], b"ping");
    for key in 0..2 {
        world.peer(key).expects(&echo).sends(&response(Command::EchoRes, &[], b"ping"));
    }
    assert_eq!(client.broadcast(Broadcast::Echo(b"ping")), Ok(()));
    add(&mut client);
    world.peer(1).expects(&submit(b"")).pauses(50).sends(&[created(), complete(b"")].concat());
    world.peer(0).closes();
    assert_eq!(run_all(&mut client), IO_WAIT);
    let began = world.now();
    assert_eq!(client.wait(), Ok(()));
    assert_eq!(world.now() - began, Duration::from_millis(50));
    assert_eq!(run_all(&mut client), SUCCESS);
    world.assert_done();
}

#[test]
fn a_wait_ends_with_each_piece_of_a_streamed_body() {
    let (mut client, world) = non_blocking(1);
    client.unbuffered = true;
    let result = complete(&[b'x'; 20_000]);
    let (begin, end) = result.split_at(10_000);
    world.peer(0).expects(&submit(b"")).sends(&[created(), begin.to_vec()].concat());
    world.peer(0).pauses(10).sends(end);
    let callbacks = Callbacks::COMPLETE;
    let task = NewTask { callbacks, ..new_task(TaskKind::Add, b"") };
    let id = client.add(&task).expect("a valid task");
    for _ in 0..2 {
        assert_eq!(run_all(&mut client), IO_WAIT);
        assert_eq!(client.wait(), Ok(()));
    }
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    let mut space = [std::mem::MaybeUninit::uninit(); 30_000];
    let first = client.recv_data(id, &mut space).expect("the beginning");
    assert_eq!(client.recv_data(id, &mut space), Err(IO_WAIT));
    assert_eq!((client.wait(), client.wait()), (Ok(()), NOTHING));
    let rest = client.recv_data(id, &mut space).expect("the rest");
    assert_eq!(first + rest, 20_000);
    assert_eq!(client.resume(ticket, SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(SUCCESS));
    world.assert_done();
}

#[test]
fn a_non_blocking_client_has_buffered_work_until_it_has_to_wait() {
    let (mut client, world) = non_blocking(1);
    world.peer(0).expects(&submit(b"")).pauses(10).sends(&created());
    world.peer(0).pauses(10).sends(&complete(b""));
    assert!(!client.has_buffered_work());
    client.add(&new_task(TaskKind::Add, b"")).expect("a valid task");
    assert!(client.has_buffered_work());
    let mut rounds = 0;
    while run_all(&mut client) == ReturnCode::IO_WAIT {
        assert!(!client.has_buffered_work());
        client.wait().expect("progress");
        rounds += 1;
        assert!(rounds < 10);
    }
    world.assert_done();
}
