//! Lists for administrators: they are written in pieces, and delay no other session.

use super::host::{World, request};
use gearman_broker::ConnectionKey;
use gearman_protocol::Command;

/// A server with `count` functions; the list `status` has 60 bytes for each.
fn with_functions(count: usize) -> World {
    let mut world = World::new();
    for number in 0..count {
        world.server.broker.create_function(format!("{number:053}").as_bytes());
    }
    world
}

/// A peer that requested `status`, of which the first piece was written.
fn listing(world: &mut World) -> ConnectionKey {
    let peer = world.connect();
    world.deliver(peer, b"status\n");
    world.turn();
    peer
}

#[test]
fn a_list_of_any_length_is_complete() {
    for count in [0, 1, 1000, 5000] {
        let mut world = with_functions(count);
        let peer = world.connect();
        let list = world.ask_text(peer, "status\n");
        assert_eq!(list.lines().count(), count + 1);
        assert!(list.ends_with(".\n"));
        assert_eq!(list.len(), count * 60 + 2);
    }
}

#[test]
fn a_list_is_written_in_one_piece_per_turn_and_other_peers_are_served_between() {
    let mut world = with_functions(5000);
    let peer = listing(&mut world);
    assert!(world.server.is_busy());
    let first = world.text(peer);
    assert!(!first.is_empty() && first.len() < 5000 * 60 / 2, "{} bytes", first.len());
    let other = world.connect();
    world.send(other, Command::EchoReq, &[]);
    world.turn();
    assert_eq!(world.received(other), ["ECHO_RES"]);
    world.settle();
    assert_eq!(first.len() + world.text(peer).len(), 5000 * 60 + 2);
}

#[test]
fn a_connection_with_many_functions_is_written_in_several_pieces() {
    let mut world = World::new();
    let worker = world.connect();
    let names: Vec<String> = (0..20_000).map(|number| format!("function-{number:06}")).collect();
    let offers: Vec<u8> =
        names.iter().flat_map(|name| request(Command::CanDo, &[name], b"")).collect();
    world.deliver(worker, &offers);
    world.settle();
    let peer = world.connect();
    for line in ["workers\n", "json workers\n"] {
        world.deliver(peer, line.as_bytes());
        let mut pieces = Vec::new();
        while world.server.is_busy() {
            world.turn();
            pieces.push(world.text(peer));
        }
        let longest = pieces.iter().map(String::len).max().unwrap_or(0);
        assert!(pieces.len() >= 4 && longest < 100 << 10, "{} pieces, {longest}", pieces.len());
        let all = pieces.concat();
        // The newest function comes first.
        let places: Vec<_> = names.iter().rev().map(|name| all.find(name)).collect();
        assert!(places.is_sorted() && places[0].is_some(), "{line}");
        assert_eq!(all.matches("function-").count(), names.len(), "{line}");
    }
}

#[test]
fn lists_of_several_peers_take_turns() {
    let mut world = with_functions(5000);
    let peers = [listing(&mut world), listing(&mut world)];
    for _ in 0..4 {
        world.turn();
    }
    for peer in peers {
        let written = world.text(peer);
        assert!(!written.is_empty() && !written.ends_with(".\n"));
    }
}

#[test]
fn requests_after_a_list_are_answered_when_it_is_complete() {
    let mut world = with_functions(5000);
    let peer = world.connect();
    world.deliver(peer, b"status\nversion\nstatus\nversion\n");
    world.turn();
    world.deliver(peer, b"version\n");
    world.settle();
    let text = world.text(peer);
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('0')).collect();
    assert!(matches!(lines[..], [".", a, ".", b, c] if a.starts_with("OK") && a == b && b == c));
    assert!(text.len() > 2 * 5000 * 60);
}

#[test]
fn a_packet_for_a_peer_that_reads_a_list_is_sent_after_it() {
    let mut world = with_functions(5000);
    let worker = world.worker("f");
    let peer = world.connect();
    world.ask(peer, Command::SubmitJob, &["f", ""], b"");
    world.ask(worker, Command::GrabJob, &[], b"");
    world.deliver(peer, b"status\n");
    world.turn();
    world.send(worker, Command::WorkFail, &["H:1"]);
    world.turn();
    let before = world.bytes(peer);
    assert!(!before.contains(&0) && world.server.is_busy());
    // The packet counts as unsent, although all written pieces were sent.
    assert!(!world.server.is_all_sent());
    world.settle();
    assert!(world.bytes(peer).ends_with(b".\n\0RES\0\0\0\x0e\0\0\0\x03H:1"));
    assert!(world.server.is_all_sent());
}

#[test]
fn a_list_is_paused_while_its_peer_does_not_read_it() {
    let mut world = with_functions(40_000);
    let peer = world.connect();
    world.stream(peer).room = 0;
    world.deliver(peer, b"status\n");
    world.settle();
    assert!(!world.server.is_all_sent() && world.poller.watched.len() == 1);
    let mut text = String::new();
    while !text.ends_with(".\n") {
        world.stream(peer).room = 500_000;
        world.server.writable(peer.index());
        world.settle();
        let read = world.text(peer);
        assert!(!read.is_empty());
        text.push_str(&read);
    }
    assert_eq!(text.len(), 40_000 * 60 + 2);
    assert!(text.len() > 2 << 20, "longer than the backpressure limit");
}

#[test]
fn a_list_that_is_not_read_stays_below_the_limit_of_unsent_bytes() {
    let mut world = with_functions(10_000);
    world.server.settings.output_limit = 100_000;
    let peer = world.connect();
    world.stream(peer).room = 0;
    world.deliver(peer, b"status\n");
    world.settle();
    let session = world.server.sessions.get_mut(peer.index()).expect("a session");
    let waiting = session.backlog();
    // A piece more, of 256 lines.
    assert!((100_000..100_000 + 256 * 60).contains(&waiting), "{waiting}");
    world.stream(peer).room = usize::MAX;
    world.server.writable(peer.index());
    world.settle();
    assert_eq!(world.text(peer).len(), 10_000 * 60 + 2);
}

#[test]
fn a_list_ends_with_its_session() {
    let mut world = with_functions(5000);
    let peer = listing(&mut world);
    world.server.disconnect(peer);
    let next = world.connect();
    world.settle();
    assert!(world.bytes(next).is_empty());
    assert_eq!(world.ask_text(next, "status\n").len(), 5000 * 60 + 2);
}
