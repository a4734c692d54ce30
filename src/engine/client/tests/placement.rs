//! The choice of a server by the unique id of a job.

use super::*;
use crate::ring::Ring;

/// A client with two servers that places jobs by their unique ids.
fn placing() -> (Client<ScriptNet>, World) {
    let (mut client, world) = client(2);
    client.link.settings.by_unique = true;
    (client, world)
}

/// A unique id that belongs to a server of [`placing`].
fn unique_of(server: usize) -> Vec<u8> {
    let ring = Ring::new([("127.0.0.1", 4730), ("127.0.0.1", 4731)].into_iter());
    let ids = (0..).map(|n| format!("u{n}").into_bytes());
    ids.into_iter().find(|id| ring.choose(id, |_| true) == Some(server)).expect("endless ids")
}

fn add(client: &mut Client<ScriptNet>, unique: &[u8], body: &[u8]) -> SlabId {
    client.add(&NewTask { unique, ..new_task(TaskKind::Add, body) }).expect("a valid task")
}

fn submitted(unique: &[u8], body: &[u8]) -> Vec<u8> {
    request(Command::SubmitJob, &[b"f", unique], body)
}

#[test]
fn a_job_goes_to_the_server_of_its_unique_id() {
    let (mut client, world) = placing();
    for server in [0, 1] {
        let unique = unique_of(server);
        add(&mut client, &unique, b"in");
        let peer = || world.peer(server);
        peer().expects(&submitted(&unique, b"in")).sends(&created()).sends(&complete(b""));
    }
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_job_without_an_id_of_the_caller_goes_to_the_server_added_last() {
    let (mut client, world) = placing();
    for _ in 0..8 {
        add(&mut client, b"", b"in");
        world.peer(1).hears(&[Command::SubmitJob]).sends(&created()).sends(&complete(b""));
        assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    }
    assert_eq!(world.peer(0).connected, 0);
    world.assert_done();
}

#[test]
fn a_job_goes_on_to_the_next_server_when_its_own_one_refuses() {
    let (mut client, world) = placing();
    let unique = unique_of(0);
    world.peer(0).meets(&[Connect::Refuse]);
    world.peer(1).expects(&submitted(&unique, b"in")).sends(&created()).sends(&complete(b""));
    add(&mut client, &unique, b"in");
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_job_waits_for_its_server_while_that_one_takes_another_packet() {
    let (mut client, world) = placing();
    let (unique, body) = (unique_of(0), [b'x'; 8192]);
    world.peer(0).takes(&[100, 0]).expects(&submitted(&unique, &body));
    world.peer(0).expects(&submitted(&unique, b"in")).sends(&created()).sends(&created());
    world.peer(0).sends(&complete(b"")).sends(&complete(b""));
    add(&mut client, &unique, &body);
    add(&mut client, &unique, b"in");
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    assert_eq!(world.peer(1).connected, 0);
    world.assert_done();
}

#[test]
fn servers_that_are_added_and_removed_change_the_places() {
    let (mut client, world) = placing();
    let unique = unique_of(0);
    let serve = |server| {
        let mut peer = world.peer(server);
        peer.expects(&submitted(&unique, b"in")).sends(&created()).sends(&complete(b""));
    };
    serve(0);
    add(&mut client, &unique, b"in");
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    client.remove_servers();
    client.add_server("127.0.0.1", 4731).expect("a numeric address");
    client.add_server("127.0.0.1", 4730).expect("a numeric address");
    serve(1);
    add(&mut client, &unique, b"in");
    assert_eq!(run_all(&mut client), ReturnCode::SUCCESS);
    world.assert_done();
}
