//! CAN_DO, CANT_DO: their effect on the lists `status` and `workers`.

use super::*;

#[test]
fn a_function_offered_twice_counts_twice_and_is_withdrawn_by_one_cant_do() {
    let mut world = World::new();
    let worker = world.worker(&["f", "f"]);
    assert_eq!(world.status("f"), Some((0, 0, 2)));
    world.send(worker, Command::CantDo, &["f"]);
    assert_eq!(world.status("f"), Some((0, 0, 0)));
    world.send(worker, Command::CantDo, &["f"]);
    world.send(worker, Command::CantDo, &["unknown"]);
    assert_eq!(world.status("unknown"), None);
}

#[test]
fn a_function_stays_listed_after_its_last_worker_left() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    world.disconnect(worker);
    assert_eq!(world.status("f"), Some((0, 0, 0)));
}

#[test]
fn the_name_of_a_function_ends_at_its_first_nul() {
    let mut world = World::new();
    world.worker(&["f\0"]);
    assert_eq!(world.status("f"), Some((0, 0, 1)));
}

#[test]
fn connections_are_listed_with_the_functions_that_they_offer() {
    let mut world = World::new();
    let worker = world.worker(&["b", "a"]);
    world.send(worker, Command::SetClientId, &[&"x".repeat(200)]);
    world.connect();
    let mut cursor = ConnectionCursor::new(&world.broker);
    let seen: Vec<_> = collect_items(|| cursor.next(&world.broker))
        .into_iter()
        .map(|c| (c.peer.client_id.len(), offers(&world, c.key), c.peer.address, c.peer.descriptor))
        .collect();
    assert_eq!(seen, [(0, "".into(), "127.0.0.1", 7), (127, "a b".into(), "127.0.0.1", 7)]);
}

#[test]
fn packets_of_a_removed_connection_are_ignored() {
    let mut world = World::new();
    let removed = world.connect();
    world.disconnect(removed);
    let other = world.connect();
    assert_eq!(removed.index(), other.index(), "the place is reused");
    world.send(removed, BG, &["f", "", "x"]);
    world.disconnect(removed);
    assert_eq!(world.mail(other), [""; 0]);
    assert_eq!(world.broker.counts().connections, 1);
}
