//! CAN_DO, CANT_DO: what `status` and `workers` make of it.

use super::*;

#[test]
fn an_offer_made_twice_counts_twice_and_is_taken_back_at_once() {
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
fn a_name_ends_at_its_nul() {
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
    let mut walk = ConnectionWalk::new(&world.broker);
    let seen: Vec<_> = walked(|| walk.step(&world.broker))
        .into_iter()
        .map(|c| (c.peer.client_id.len(), c.functions.concat(), c.peer.address, c.peer.descriptor))
        .collect();
    assert_eq!(seen, [(0, vec![], "127.0.0.1", 7), (127, b"ab".to_vec(), "127.0.0.1", 7)]);
}

#[test]
fn a_key_of_a_connection_that_is_gone_does_nothing() {
    let mut world = World::new();
    let gone = world.connect();
    world.disconnect(gone);
    let other = world.connect();
    assert_eq!(gone.index(), other.index(), "the place is used again");
    world.send(gone, BG, &["f", "", "x"]);
    world.disconnect(gone);
    assert_eq!(world.mail(other), [""; 0]);
    assert_eq!(world.broker.counts().connections, 1);
}
