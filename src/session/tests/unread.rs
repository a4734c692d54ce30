//! The limit of what all peers together have not read.

use super::host::{OUTPUT_LIMIT_TOTAL, World, request};
use gearman_broker::ConnectionKey;
use gearman_protocol::Command;

/// A session whose peer reads nothing and has let an answer of this size wait.
fn unread(world: &mut World, bytes: usize) -> ConnectionKey {
    let peer = world.connect();
    world.stream(peer).room = 0;
    world.deliver(peer, &request(Command::EchoReq, &[], &vec![b'x'; bytes - 12]));
    world.settle();
    peer
}

/// Clients that wait for one job and read nothing, and the worker that runs it.
fn waiters_of_one_job(world: &mut World, count: usize) -> (Vec<ConnectionKey>, ConnectionKey) {
    let clients: Vec<_> = (0..count).map(|_| world.connect()).collect();
    let worker = world.worker("f");
    for &client in &clients {
        world.ask(client, Command::SubmitJob, &["f", "same"], b"");
        world.stream(client).room = 0;
    }
    world.ask(worker, Command::GrabJob, &[], b"");
    (clients, worker)
}

#[test]
fn sessions_with_the_most_unread_bytes_are_closed_when_all_have_more_than_the_limit() {
    let mut world = World::new();
    unread(&mut world, 1_550_000);
    let moderate: Vec<_> = (0..4).map(|_| unread(&mut world, 1_200_000)).collect();
    unread(&mut world, 2_000_000);
    assert!(world.server.journal.closed.is_empty(), "{:?}", world.server.journal.closed);
    let small = unread(&mut world, 50_000);
    let reason = "2000000 bytes of output are unread, more than of any other connection, and all \
                  together have more than 8388608 (--output-limit-total)";
    assert_eq!(world.server.journal.closed, [format!("unix:6 fault: {reason}")]);
    for peer in moderate.into_iter().chain([small]) {
        world.stream(peer).room = usize::MAX;
        world.server.writable(peer.index());
        world.settle();
        assert_eq!(world.received(peer).len(), 1);
    }
    assert!(world.server.journal.closed.len() == 1, "{:?}", world.server.journal.closed);
}

#[test]
fn what_was_read_makes_room_for_others() {
    let mut world = World::new();
    for _ in 0..20 {
        let peer = unread(&mut world, 2_000_000);
        world.stream(peer).room = usize::MAX;
        world.server.writable(peer.index());
        world.settle();
        assert_eq!(world.received(peer).len(), 1);
        let other = unread(&mut world, 2_000_000);
        world.server.disconnect(other);
    }
    assert!(world.server.journal.closed.is_empty(), "{:?}", world.server.journal.closed);
}

#[test]
fn a_result_for_many_clients_counts_once() {
    let mut world = World::new();
    let (clients, worker) = waiters_of_one_job(&mut world, 12);
    let body = vec![b'x'; 1 << 20];
    for _ in 0..2 {
        world.ask(worker, Command::WorkData, &["H:1"], &body);
    }
    assert!((clients.len() * 2 * body.len()) as u64 > OUTPUT_LIMIT_TOTAL);
    assert!(world.server.journal.closed.is_empty(), "{:?}", world.server.journal.closed);
    // Their packets below the size from which memory is shared are copies.
    for _ in 0..2 {
        let peer = unread(&mut world, 1_900_000);
        world.stream(peer).room = 0;
    }
    assert!(world.server.journal.closed.is_empty(), "{:?}", world.server.journal.closed);
    unread(&mut world, 2_000_000);
    unread(&mut world, 1_000_000);
    let closed = &world.server.journal.closed;
    assert!(!closed.is_empty() && closed[0].contains("2097"), "{closed:?}");
}

#[test]
fn payloads_on_their_way_to_workers_do_not_count() {
    let mut world = World::new();
    let client = world.connect();
    for _ in 0..10 {
        world.ask(client, Command::SubmitJobBg, &["f", ""], &vec![b'x'; 2_000_000]);
        let worker = world.worker("f");
        world.bytes(worker);
        world.stream(worker).room = 0;
        world.ask(worker, Command::GrabJob, &[], b"");
        assert!(world.server.sessions.get_mut(worker.index()).is_some_and(|s| s.backlog() > 0));
    }
    assert!(world.server.journal.closed.is_empty(), "{:?}", world.server.journal.closed);
}

#[test]
fn a_connection_without_a_session_that_takes_nothing_is_closed_like_a_session() {
    let mut world = World::new();
    world.server.bridge().is_blocked = true;
    let keys = [4, 5].map(|descriptor| world.server.connect_bridged(descriptor, "http"));
    for (key, bytes) in [(keys[0], 1_900_000), (keys[1], 2_000_000)] {
        let echo = request(Command::EchoReq, &[], &vec![b'x'; bytes]);
        world.server.bridged_packets(key, &echo.into());
    }
    for _ in 0..3 {
        unread(&mut world, 1_490_000);
    }
    assert!(world.server.bridge().closed.is_empty());
    unread(&mut world, 100_000);
    assert_eq!(world.server.bridge().closed, [keys[1]]);
    assert!(world.server.journal.closed.is_empty(), "{:?}", world.server.journal.closed);
}
