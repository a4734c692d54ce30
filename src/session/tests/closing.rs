//! The end of sessions.

use std::io::ErrorKind;

use super::host::{Memory, World, request};
use crate::Origin;
use gearman_protocol::Command;

#[test]
fn a_session_ends_when_its_peer_closes() {
    let mut world = World::new();
    let peer = world.connect();
    world.end(peer);
    world.settle();
    assert_eq!(world.server.journal.closed, ["unix:1 closed by the peer"]);
    assert_eq!(world.poller.closed.len(), 1);
    assert!(world.server.stream(peer.index()).is_none());
}

#[test]
fn a_peer_that_closes_after_its_last_request_gets_the_answer() {
    let mut world = World::new();
    let peer = world.connect();
    // One report for both the bytes and the end of the stream.
    world.stream(peer).input.extend(request(Command::EchoReq, &[], b""));
    world.end(peer);
    world.settle();
    assert_eq!(world.server.journal.closed, ["unix:1 closed by the peer"]);
    assert_eq!(super::host::packets(&world.poller.closed[0].output), ["ECHO_RES"]);
}

#[test]
fn the_session_of_a_peer_that_closed_ends_when_its_answers_are_sent() {
    let mut world = World::new();
    let peer = world.connect();
    world.stream(peer).room = 5;
    world.send(peer, Command::EchoReq, &[]);
    world.settle();
    world.end(peer);
    world.settle();
    assert!(world.server.journal.closed.is_empty());
    assert!(!world.server.is_busy(), "the session is read after the end of its stream");
    world.stream(peer).room = usize::MAX;
    world.server.writable(peer.index());
    world.settle();
    assert_eq!(world.server.journal.closed.len(), 1);
    assert_eq!(world.poller.closed[0].output.len(), 12);
}

#[test]
fn a_session_ends_when_its_stream_breaks() {
    let mut world = World::new();
    let peer = world.connect();
    world.stream(peer).errors.push_back(ErrorKind::ConnectionReset);
    world.send(peer, Command::EchoReq, &[]);
    world.settle();
    assert_eq!(world.server.journal.closed, ["unix:1 connection reset"]);
    assert!(world.server.journal.packets.is_empty());
}

#[test]
fn an_interrupted_receive_is_tried_again() {
    let mut world = World::new();
    let peer = world.connect();
    world.stream(peer).errors.push_back(ErrorKind::Interrupted);
    assert_eq!(world.ask(peer, Command::EchoReq, &[], b""), ["ECHO_RES"]);
}

#[test]
fn the_end_of_a_workers_session_counts_as_an_attempt_of_its_job() {
    let mut world = World::with(super::host::broker(0));
    let (client, worker) = (world.connect(), world.worker("f"));
    world.ask(client, Command::SubmitJob, &["f", ""], b"");
    world.ask(worker, Command::GrabJob, &[], b"");
    world.end(worker);
    world.settle();
    // The broker of these tests allows one attempt.
    assert_eq!(world.received(client), ["WORK_FAIL H:1"]);
    assert!(world.server.journal.jobs.contains(&"gave up H:1 f  1".to_string()));
}

#[test]
fn disconnecting_a_session_returns_its_stream_once() {
    let mut world = World::new();
    let peer = world.connect();
    world.send(peer, Command::EchoReq, &[]);
    let stream = world.server.disconnect(peer).expect("its stream");
    assert_eq!(stream.input.len(), 12);
    assert!(world.server.disconnect(peer).is_none());
    // The key does not find the next session at the same index.
    let next = world.connect();
    assert_eq!(next.index(), peer.index());
    assert!(world.server.disconnect(peer).is_none());
    assert_eq!(world.ask(next, Command::EchoReq, &[], b""), ["ECHO_RES"]);
    assert!(world.poller.closed.is_empty() && world.server.journal.closed.is_empty());
}

#[test]
fn a_session_at_the_index_of_one_with_a_close_reason_is_not_closed() {
    let mut world = World::new();
    let peer = world.connect();
    world.deliver(peer, b"\0BAD\0\0\0\x07\0\0\0\0");
    world.server.turn(&mut world.poller);
    // The driver removes it before the flush closes it.
    world.server.disconnect(peer);
    let next = world.connect();
    assert_eq!(next.index(), peer.index());
    assert_eq!(world.ask(next, Command::EchoReq, &[], b""), ["ECHO_RES"]);
    assert!(world.poller.closed.is_empty());
}

#[test]
fn a_session_is_found_after_sessions_with_higher_indexes_ended() {
    let mut world = World::new();
    let peers: Vec<_> = (0..10).map(|_| world.connect()).collect();
    for &peer in peers[2..].iter().rev() {
        world.server.disconnect(peer);
    }
    assert_eq!(world.ask(peers[1], Command::EchoReq, &[], b""), ["ECHO_RES"]);
    for place in 2..20 {
        assert!(world.server.stream(place).is_none());
    }
}

#[test]
fn an_origin_is_shown_with_its_port_and_to_administrators_without() {
    let inet = Origin::Inet("192.0.2.1:4730".parse().expect("an address"));
    assert_eq!((inet.to_string(), inet.host()), ("192.0.2.1:4730".into(), "192.0.2.1".into()));
    let local = Origin::local(42);
    assert_eq!((local.to_string(), local.host()), ("unix:42".into(), "unix:42".into()));
    let mut world = World::new();
    world.server.connect(Memory::default(), inet, 9);
    let peer = world.connect();
    let workers = world.ask_text(peer, "workers\n");
    assert_eq!(workers, "7 unix:1 - :\n9 192.0.2.1 - :\n.\n");
}
