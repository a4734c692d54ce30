//! Servers that do not answer in time.

use super::*;

/// Runs one job on the first server, with the second one never accepting. Returns how long
/// the call took.
fn call(client: &mut Client<ScriptNet>, world: &World) -> Duration {
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
    let began = world.now();
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
    assert_eq!(run_until(client, id), ReturnCode::SUCCESS);
    client.remove_task(id);
    world.now() - began
}

#[test]
fn a_server_that_never_accepts_delays_one_call_only() {
    let (mut client, world) = client(2);
    client.link.settings.timeout = Some(Duration::from_millis(1000));
    world.peer(1).meets(&[Connect::Ignore]);
    assert_eq!(call(&mut client, &world), Duration::from_millis(500));
    for _ in 0..10 {
        assert_eq!(call(&mut client, &world), Duration::ZERO);
    }
    assert_eq!(world.peer(1).connected, 1);
}

#[test]
fn a_server_that_is_back_is_used_again_without_delaying_a_call() {
    let (mut client, world) = client(2);
    client.link.settings.timeout = Some(Duration::from_millis(1000));
    world.peer(1).meets(&[Connect::Ignore, Connect::Ignore, Connect::Accept]);
    call(&mut client, &world);
    for _ in 0..2 {
        world.sleep(2000);
        assert_eq!(call(&mut client, &world), Duration::ZERO);
    }
    assert_eq!(world.peer(1).connected, 3);
    world.peer(1).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_server_that_acknowledges_nothing_fails_one_call_only() {
    let (mut client, world) = client(2);
    client.link.settings.timeout = Some(Duration::from_millis(1000));
    world.peer(1).expects(&submit(b"in"));
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::TIMEOUT);
    client.remove_task(id);
    assert_eq!(call(&mut client, &world), Duration::ZERO);
    world.assert_done();
}

#[test]
fn a_server_that_answers_late_is_one_like_the_others_again() {
    let (mut client, world) = client(2);
    client.link.settings.timeout = Some(Duration::from_millis(1000));
    world.peer(1).expects(&submit(b"in"));
    let id = client.add(&new_task(TaskKind::Add, b"in")).expect("a valid task");
    assert_eq!(run_all(&mut client), ReturnCode::TIMEOUT);
    world.peer(1).sends(&created()).sends(&complete(b""));
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::SUCCESS);
    world.peer(1).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    assert_eq!(world.peer(0).connected, 0);
}

#[test]
fn a_server_that_did_not_answer_is_tried_when_there_is_no_other() {
    let (mut client, world) = client(2);
    client.link.settings.timeout = Some(Duration::from_millis(1000));
    world.peer(1).meets(&[Connect::Ignore]);
    call(&mut client, &world);
    world.peer(0).closes();
    world.peer(0).meets(&[Connect::Refuse]);
    world.sleep(1000);
    world.peer(1).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn the_only_server_is_connected_to_anew_when_its_acknowledgement_is_overdue() {
    let (mut client, world) = client(1);
    client.link.settings.timeout = Some(Duration::from_millis(1000));
    world.peer(0).expects(&submit(b"lost"));
    let id = client.add(&new_task(TaskKind::Do, b"lost")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::TIMEOUT);
    client.remove_task(id);
    assert_eq!(call(&mut client, &world), Duration::ZERO);
    assert_eq!(world.peer(0).connected, 2);
    world.assert_done();
}

#[test]
fn a_connection_with_an_unfinished_task_is_kept_although_its_acknowledgement_is_overdue() {
    let (mut client, world) = client(1);
    client.link.settings.timeout = Some(Duration::from_millis(1000));
    world.peer(0).expects(&submit(b"in")).pauses(1500).sends(&created()).sends(&complete(b""));
    client.add(&new_task(TaskKind::Add, b"in")).expect("a valid task");
    assert_eq!(run_all(&mut client), ReturnCode::TIMEOUT);
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert_eq!(world.peer(0).connected, 1);
    world.assert_done();
}

#[test]
fn tasks_of_other_servers_go_on_when_one_is_lost() {
    let (mut client, world) = client(2);
    client.link.settings.by_unique = true;
    let ring = crate::ring::Ring::new([("127.0.0.1", 4730), ("127.0.0.1", 4731)].into_iter());
    let unique = |server| {
        let ids = (0..).map(|n| format!("{n}").into_bytes());
        ids.into_iter().find(|id| ring.choose(id, |_| true) == Some(server)).expect("endless ids")
    };
    let mut add = |unique: &[u8], callbacks| {
        let new = NewTask { unique, callbacks, ..new_task(TaskKind::Add, b"in") };
        client.add(&new).expect("a valid task")
    };
    let lost = add(&unique(1), Callbacks::FAIL);
    let other = add(&unique(0), Callbacks::FAIL);
    world.peer(1).hears(&[Command::SubmitJob]).sends(&created()).closes();
    world.peer(0).hears(&[Command::SubmitJob]).sends(&created()).pauses(500).sends(&complete(b""));
    let mut run = client.run_all();
    let (which, ticket) = next_call(&mut client, &mut run);
    assert_eq!((which, ticket.task()), (Callbacks::FAIL, lost));
    assert_eq!(client.task(lost).expect("the task exists").code, ReturnCode::LOST_CONNECTION);
    client.resume(ticket, ReturnCode::SUCCESS);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::LOST_CONNECTION));
    assert_eq!(client.task(other).expect("the task exists").code, ReturnCode::SUCCESS);
    assert_eq!(client.task(lost).expect("the task exists").code, ReturnCode::LOST_CONNECTION);
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    world.assert_done();
}
