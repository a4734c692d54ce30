//! The choice of a server, timeouts, and connections that end.

use super::*;

#[test]
fn the_server_added_last_is_tried_first_and_the_next_when_it_refuses() {
    let (mut client, world) = client(2);
    world.peer(1).meets(&[Connect::Refuse]);
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    assert_eq!(world.peer(1).connected, 1);
    assert_eq!(world.peer(0).connected, 1);
    world.assert_done();
}

#[test]
fn a_server_that_never_accepts_leaves_the_next_one_its_share_of_the_time() {
    let (mut client, world) = client(2);
    client.link.settings.timeout = Some(Duration::from_millis(1000));
    world.peer(1).meets(&[Connect::Ignore]);
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
    let began = world.now();
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    assert!(world.now() - began <= Duration::from_millis(1000));
    world.assert_done();
}

#[test]
fn an_address_that_never_accepts_leaves_the_next_one_its_share_of_the_time() {
    let timeouts = [(Some(Duration::from_secs(2)), 1), (None, 4)];
    for (timeout, seconds) in timeouts {
        let (net, world) = ScriptNet::new();
        let mut client = Client::new(net);
        client.add_server("two-addresses.example", 4730).expect("addresses");
        client.link.settings.timeout = timeout;
        world.peer(0).meets(&[Connect::Ignore, Connect::Accept]);
        world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
        let began = world.now();
        let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
        assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
        assert_eq!(world.now() - began, Duration::from_secs(seconds));
        world.assert_done();
    }
}

#[test]
fn every_failure_to_connect_moves_on_to_the_next_address() {
    let (net, world) = ScriptNet::new();
    let mut client = Client::new(net);
    client.add_server("two-addresses.example", 4730).expect("addresses");
    world.peer(0).meets(&[Connect::Refuse, Connect::Accept]);
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
    let id = client.add(&new_task(TaskKind::Do, b"in")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    assert_eq!(world.peer(0).connected, 2);
    world.assert_done();
}

#[test]
fn a_task_stays_new_while_no_server_can_be_reached() {
    let (mut client, world) = client(1);
    world.peer(0).meets(&[Connect::Refuse]);
    let id = client.add(&new_task(TaskKind::Add, b"in")).expect("a valid task");
    assert_eq!(run_all(&mut client), ReturnCode::COULD_NOT_CONNECT);
    assert_eq!(client.task(id).expect("the task exists").state, TaskState::New);
    world.peer(0).expects(&submit(b"in")).sends(&created()).sends(&complete(b""));
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_closed_connection_loses_only_the_tasks_that_were_sent() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"1")).sends(&created()).closes();
    let id = client.add(&new_task(TaskKind::Add, b"1")).expect("a valid task");
    assert_eq!(run_all(&mut client), ReturnCode::LOST_CONNECTION);
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::LOST_CONNECTION);
    assert!(!client.awaits_servers());
    world.peer(0).expects(&submit(b"2")).sends(&created()).sends(&complete(b""));
    let id = client.add(&new_task(TaskKind::Add, b"2")).expect("a valid task");
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_dead_idle_connection_is_replaced_before_anything_is_sent() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"1")).sends(&created()).sends(&complete(b"")).closes();
    let id = client.add(&new_task(TaskKind::Do, b"1")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    world.sleep(1000);
    world.peer(0).expects(&submit(b"2")).sends(&created()).sends(&complete(b""));
    let id = client.add(&new_task(TaskKind::Do, b"2")).expect("a valid task");
    assert_eq!(run_until(&mut client, id), ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::SUCCESS);
    assert_eq!(world.peer(0).connected, 2);
    world.assert_done();
}

#[test]
fn the_timeout_restarts_with_each_packet() {
    let (mut client, world) = client(1);
    client.link.settings.timeout = Some(Duration::from_millis(600));
    let status = response(Command::WorkStatus, &[HANDLE, b"1", b"2"], b"");
    world.peer(0).expects(&submit(b"")).sends(&created());
    for _ in 0..6 {
        world.peer(0).pauses(300).sends(&status);
    }
    world.peer(0).pauses(601).sends(&complete(b"late"));
    let began = world.now();
    let id = client.add(&new_task(TaskKind::Add, b"")).expect("a valid task");
    assert_eq!(run_all(&mut client), ReturnCode::TIMEOUT);
    assert!(world.now() - began >= Duration::from_millis(1800));
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("the task exists").status.numerator, 1);
    world.assert_done();
}

#[test]
fn an_invalid_packet_closes_the_connection_and_loses_its_tasks() {
    for (bytes, code) in [
        (&b"HTTP/1.1 400\r\n"[..], ReturnCode::INVALID_MAGIC),
        (b"\0RES\0\0\0\x63\0\0\0\0", ReturnCode::INVALID_COMMAND),
        (b"\0RES\0\0\0\x0c\0\0\0\x01H", ReturnCode::INVALID_PACKET),
    ] {
        let (mut client, world) = client(1);
        world.peer(0).expects(&submit(b"")).sends(bytes);
        let id = client.add(&new_task(TaskKind::Add, b"")).expect("a valid task");
        assert_eq!(run_all(&mut client), code);
        assert_eq!(client.task(id).expect("the task exists").code, code);
    }
}

#[test]
fn a_forked_child_loses_its_parents_tasks() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&submit(b"")).sends(&created());
    let callbacks = Callbacks::CREATED;
    let id =
        client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, b"") }).expect("a valid task");
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    world.forks();
    client.resume(ticket, ReturnCode::SUCCESS);
    assert_eq!(client.task(id).expect("the task exists").code, ReturnCode::LOST_CONNECTION);
    assert!(!client.link.any_open());
}

#[test]
fn unsent_bytes_of_a_lost_connection_are_counted_once() {
    let (mut client, world) = client(1);
    client.link.settings.timeout = Some(Duration::from_millis(50));
    world.peer(0).meets(&[Connect::Ignore]);
    client.add(&new_task(TaskKind::Add, b"")).expect("a valid task");
    assert_eq!(client.broadcast(Broadcast::Option(b"exceptions")), Err(ReturnCode::TIMEOUT));
    world.peer(0).takes(&[3, 0]).closes();
    assert!(run_all(&mut client).failed());
    client.remove_servers();
}

#[test]
fn a_run_reports_tasks_that_were_lost_with_removed_servers() {
    let (mut client, world) = client(1);
    world.peer(0).expects(&[submit(b"1"), submit(b"2")].concat()).sends(&created());
    let callbacks = Callbacks::CREATED;
    for body in [b"1", b"2"] {
        client.add(&NewTask { callbacks, ..new_task(TaskKind::Add, body) }).expect("a valid task");
    }
    let mut run = client.run_all();
    let (_, ticket) = next_call(&mut client, &mut run);
    client.remove_servers();
    assert_eq!(client.resume(ticket, ReturnCode::SUCCESS), None);
    assert_eq!(client.step(&mut run), TaskStep::Done(ReturnCode::LOST_CONNECTION));
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
}
