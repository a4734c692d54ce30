//! Large packets: they are received with few calls, into buffers that they can keep.

use super::host::{World, request};
use gearman_broker::ConnectionKey;
use gearman_protocol::Command;

/// The number of receives needed for these bytes, and the number of packets in them.
fn receives(world: &mut World, peer: ConnectionKey, bytes: &[u8]) -> (usize, usize) {
    let before = world.stream(peer).receives;
    world.server.journal.packets.clear();
    world.deliver(peer, bytes);
    world.settle();
    (world.stream(peer).receives - before, world.server.journal.packets.len())
}

#[test]
fn small_packets_that_arrive_together_take_one_receive() {
    let mut world = World::new();
    let peer = world.connect();
    let small = request(Command::EchoReq, &[], b"small");
    assert_eq!(receives(&mut world, peer, &small), (1, 1));
    assert_eq!(receives(&mut world, peer, &small.repeat(100)), (1, 100));
}

#[test]
fn the_rest_of_a_large_packet_is_received_in_the_turn_of_its_head() {
    let mut world = World::new();
    let peer = world.connect();
    let large = request(Command::EchoReq, &[], &vec![b'x'; 400_000]);
    world.deliver(peer, &large);
    world.turn();
    assert_eq!(world.server.journal.packets.len(), 1);
    assert_eq!(world.stream(peer).receives, 2);
}

#[test]
fn the_second_of_two_large_packets_takes_one_receive() {
    let mut world = World::new();
    let peer = world.connect();
    let large = request(Command::EchoReq, &[], &vec![b'x'; 400_000]);
    receives(&mut world, peer, &large);
    assert_eq!(receives(&mut world, peer, &large), (1, 1));
}

#[test]
fn the_buffer_of_a_large_packet_grows_sixteenfold_and_ends_with_the_packet() {
    let mut world = World::new();
    let peer = world.connect();
    let large = request(Command::EchoReq, &[], &vec![b'x'; 2_000_000]);
    let (mut capacities, mut received) = (vec![0], 0);
    for part in large.chunks(5000) {
        world.deliver(peer, part);
        world.turn();
        received += part.len();
        let session = world.server.sessions.get_mut(peer.index()).expect("a session");
        let capacity = session.input.capacity();
        assert!(capacity <= (16 * received + (16 << 10)).min(large.len()), "{capacity}");
        if capacity != capacities[capacities.len() - 1] && !session.input.is_empty() {
            capacities.push(capacity);
        }
    }
    world.settle();
    assert_eq!(world.server.journal.packets.len(), 1);
    let moved: usize = capacities[..capacities.len() - 1].iter().sum();
    assert!(moved * 10 < large.len(), "few bytes are moved: {capacities:?}");
}

#[test]
fn a_large_packet_that_takes_several_turns_stays_where_it_is() {
    let mut world = World::new();
    world.server.settings.packet_limit = 16 << 20;
    let peer = world.connect();
    let large = request(Command::SubmitJobBg, &["f", "-"], &vec![b'x'; 9 << 20]);
    world.deliver(peer, &large);
    let mut places = Vec::new();
    while world.server.is_busy() {
        world.turn();
        let session = world.server.sessions.get_mut(peer.index()).expect("a session");
        if session.input.len() == large.len() {
            places.push(session.input.as_ptr());
        }
    }
    assert!(places.len() >= 4, "{} turns", places.len());
    assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
    assert_eq!(world.received(peer), ["JOB_CREATED H:1"]);
}

#[test]
fn a_session_goes_on_in_the_next_turn_when_it_has_used_its_share() {
    let mut world = World::new();
    let (greedy, modest) = (world.connect(), world.connect());
    let echo = request(Command::EchoReq, &[], b"x");
    world.deliver(greedy, &echo.repeat(1300));
    world.deliver(modest, &echo);
    let mut handled = Vec::new();
    while world.server.is_busy() {
        world.turn();
        handled.push((world.received(greedy).len(), world.received(modest).len()));
    }
    assert_eq!(handled, [(512, 1), (512, 0), (276, 0)]);
    assert_eq!(world.stream(greedy).receives, 1, "what was received is not received again");
}

#[test]
fn a_turn_is_divided_among_the_sessions_that_are_ready_however_many_they_are() {
    let mut world = World::new();
    let busy: Vec<_> = (0..5_000).map(|_| world.connect()).collect();
    let echo = request(Command::EchoReq, &[], b"");
    for &peer in &busy {
        world.deliver(peer, &echo.repeat(1000));
    }
    let other = world.connect();
    world.send(other, Command::EchoReq, &[]);
    world.turn();
    assert_eq!(world.received(other), ["ECHO_RES"]);
    assert_eq!(world.server.journal.packets.len(), 4 * busy.len() + 1);
    // What was received and not handled is little as well.
    let kept = |world: &mut World, peer: ConnectionKey| {
        world.server.sessions.get_mut(peer.index()).map_or(0, |session| session.input.len())
    };
    assert!(busy.iter().all(|&peer| kept(&mut world, peer) <= 2048));
    // One that is alone gets more.
    busy[1..].iter().for_each(|&peer| drop(world.server.disconnect(peer)));
    let mut turns = 0;
    while world.server.is_busy() {
        world.turn();
        turns += 1;
    }
    assert_eq!(world.received(busy[0]).len(), 1000);
    assert!(turns < 10, "{turns} turns");
}

#[test]
fn what_a_packet_is_about_counts_towards_the_share() {
    let mut world = World::new();
    let worker = world.connect();
    // 240 functions are walked through, three times for each pair.
    let offers: Vec<u8> = (0..240)
        .flat_map(|number| request(Command::CanDo, &[&format!("f{number}")], b""))
        .collect();
    world.deliver(worker, &offers);
    world.settle();
    let pair = [request(Command::PreSleep, &[], b""), request(Command::GrabJob, &[], b"")];
    world.deliver(worker, &pair.concat().repeat(100));
    world.turn();
    assert_eq!(world.received(worker).len(), 16, "32 units for each pair");
}

#[test]
fn reports_to_many_clients_take_several_turns_and_keep_their_order() {
    let mut world = World::new();
    let (client, last, other) = (world.connect(), world.connect(), world.connect());
    let worker = world.worker("f");
    let submit = request(Command::SubmitJob, &["f", "same"], b"");
    for part in [(client, 2500), (last, 1)] {
        world.deliver(part.0, &submit.repeat(part.1));
        world.settle();
    }
    world.ask(worker, Command::GrabJob, &[], b"");
    [client, last].iter().for_each(|&peer| drop(world.bytes(peer)));
    let reports = [
        request(Command::WorkStatus, &["H:1", "1", "2"], b""),
        request(Command::WorkData, &["H:1"], b"x"),
        request(Command::WorkComplete, &["H:1"], b"y"),
    ];
    world.server.journal.packets.clear();
    world.deliver(worker, &reports.concat());
    let (mut turns, mut order) = (0, Vec::new());
    while world.server.is_busy() {
        world.deliver(other, &request(Command::EchoReq, &[], b"x"));
        world.turn();
        assert_eq!(world.received(other), ["ECHO_RES x"]);
        let own = world.received(client);
        assert!(own.len() <= 2 * 1024, "{} reports in a turn", own.len());
        order.extend(own.into_iter().map(|packet| packet[..7].to_owned()));
        turns += 1;
    }
    order.dedup();
    assert_eq!(order, ["WORK_ST", "WORK_DA", "WORK_CO"]);
    assert!(turns >= 8, "{turns} turns");
    assert_eq!(world.received(last).len(), 3);
    let reported = world.server.journal.packets.iter();
    assert_eq!(reported.filter(|packet| format!("{packet:?}").contains("Work")).count(), 3);
}

#[test]
fn a_session_has_one_share_although_its_place_was_queued_for_an_earlier_one() {
    let mut world = World::new();
    let earlier = world.connect();
    let echoes = request(Command::EchoReq, &[], b"x").repeat(1300);
    world.deliver(earlier, &echoes);
    world.turn();
    world.server.disconnect(earlier);
    let later = world.connect();
    assert_eq!(later.index(), earlier.index());
    world.deliver(later, &echoes);
    world.turn();
    assert_eq!(world.received(later).len(), 512);
    world.settle();
    assert_eq!(world.received(later).len(), 1300 - 512);
}
