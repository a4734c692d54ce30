//! Calls that do not wait, and the waits between them.

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
    client.add(&new_task(TaskKind::Add, b"")).expect("valid");
}

/// Runs with a wait between each two, until one returns something else than
/// `IO_WAIT`. Returns how often it was that.
fn go_on(client: &mut Client<ScriptNet>) -> (usize, ReturnCode) {
    for rounds in 0..20 {
        match run_all(client) {
            IO_WAIT => assert_eq!(client.wait(), Ok(()), "after {rounds}"),
            code => return (rounds, code),
        }
    }
    panic!("it goes on for ever");
}

#[test]
fn a_run_does_what_can_be_done_and_returns() {
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
    // Over a quiet connection nothing is looked at.
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
fn runs_get_on_without_waits_between_them() {
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
        assert_eq!(go_on(&mut client), (2, ReturnCode::COULD_NOT_CONNECT));
        assert_eq!(client.wait(), NOTHING);
    }
    world.peer(1).meets(&[Connect::Refuse]);
    world.peer(0).expects(&submit(b"")).sends(&[created(), complete(b"")].concat());
    assert_eq!(go_on(&mut client), (3, SUCCESS));
    world.assert_done();
}

#[test]
fn a_server_that_is_not_needed_is_not_connected_to() {
    let (mut client, world) = non_blocking(2);
    world.peer(1).expects(&submit(b"")).sends(&[created(), complete(b"")].concat());
    add(&mut client);
    assert_eq!(go_on(&mut client), (2, SUCCESS));
    assert_eq!(world.peer(0).connected, 0);
    world.assert_done();
}

#[test]
fn what_is_lost_in_flight_is_told_once() {
    let (mut client, world) = non_blocking(1);
    world.peer(0).expects(&submit(b"")).sends(&created()).pauses(10).closes();
    add(&mut client);
    assert_eq!(go_on(&mut client).1, ReturnCode::LOST_CONNECTION);
    assert_eq!(client.wait(), NOTHING);
    assert_eq!(run_all(&mut client), SUCCESS);
    world.assert_done();
}

#[test]
fn nothing_is_due_when_everything_is_done() {
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
fn what_has_come_is_reported_once_and_what_goes_on_is_waited_for() {
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
fn what_comes_on_another_connection_does_not_end_the_wait() {
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
fn a_streamed_body_is_waited_for_piece_by_piece() {
    let (mut client, world) = non_blocking(1);
    client.unbuffered = true;
    let result = complete(&[b'x'; 20_000]);
    let (begin, end) = result.split_at(10_000);
    world.peer(0).expects(&submit(b"")).sends(&[created(), begin.to_vec()].concat());
    world.peer(0).pauses(10).sends(end);
    let callbacks = Callbacks::COMPLETE;
    let task = NewTask { callbacks, ..new_task(TaskKind::Add, b"") };
    let id = client.add(&task).expect("valid");
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
fn a_client_without_blocking_has_work_until_it_has_to_wait() {
    let (mut client, world) = non_blocking(1);
    world.peer(0).expects(&submit(b"")).pauses(10).sends(&created());
    world.peer(0).pauses(10).sends(&complete(b""));
    assert!(!client.has_buffered_work());
    client.add(&new_task(TaskKind::Add, b"")).expect("valid");
    assert!(client.has_buffered_work());
    let mut rounds = 0;
    while run_all(&mut client) == ReturnCode::IO_WAIT {
        assert!(!client.has_buffered_work());
        client.wait().expect("something happens");
        rounds += 1;
        assert!(rounds < 10);
    }
    world.assert_done();
}
