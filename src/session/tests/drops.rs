//! Dropping many jobs: in pieces, and with one answer.

use super::host::{World, request};
use gearman_broker::ConnectionKey;
use gearman_protocol::Command;

const JOBS: usize = 5000;

/// A server with many queued jobs of `f`, and a peer.
fn with_a_long_queue() -> (World, ConnectionKey) {
    let mut world = World::new();
    let client = world.connect();
    let one = request(Command::SubmitJobBg, &["f", ""], b"x");
    world.deliver(client, &one.repeat(JOBS));
    world.settle();
    let peer = world.connect();
    (world, peer)
}

#[test]
fn a_long_queue_is_dropped_in_pieces_and_other_peers_are_served_between() {
    for (line, answer) in [
        ("dropqueue f\n", format!("OK {JOBS}\n")),
        ("dropfunction f\n", format!("OK {JOBS}\n")),
        ("drop function f\n", "OK\r\n".to_owned()),
    ] {
        let (mut world, peer) = with_a_long_queue();
        world.deliver(peer, line.as_bytes());
        world.turn();
        let left = world.server.broker.job_count();
        assert!(world.server.is_busy() && (1..JOBS).contains(&left), "{line}: {left} jobs");
        assert_eq!(world.text(peer), "", "{line}");
        let other = world.connect();
        world.send(other, Command::EchoReq, &[]);
        world.turn();
        assert_eq!(world.received(other), ["ECHO_RES"]);
        // What the peer sends meanwhile is answered after it.
        world.deliver(peer, b"maxqueue f\n");
        world.settle();
        let text = world.text(peer);
        assert!(text.starts_with(&answer), "{line}: {text}");
        assert_eq!(world.server.broker.job_count(), 0);
    }
}

#[test]
fn a_drop_is_complete_although_its_peer_has_gone() {
    let (mut world, peer) = with_a_long_queue();
    world.deliver(peer, b"drop function f\n");
    world.turn();
    assert!(world.server.broker.job_count() > 0);
    world.server.disconnect(peer);
    world.settle();
    assert_eq!(world.server.broker.job_count(), 0);
    let other = world.connect();
    assert_eq!(world.ask_text(other, "status\n"), ".\n");
}
