//! Dropping functions and queues in pieces.

use super::*;

/// A world in which a piece is three steps.
fn in_small_pieces() -> World {
    let mut world = World::new();
    world.broker.set_piece(3);
    world
}

#[test]
fn a_queue_is_dropped_in_pieces_and_jobs_that_come_meanwhile_stay() {
    let mut world = in_small_pieces();
    (0..8).for_each(|_| world.background("f", "old"));
    let admin = world.connect();
    let mut left = Vec::new();
    let mut result = Dropped::Unfinished;
    while result == Dropped::Unfinished {
        result = world.broker.drop_queue(admin, b"f", &mut world.mailbox);
        world.broker.recount();
        left.push(world.broker.job_count());
        if left.len() == 1 {
            world.background("f", "new");
        }
    }
    assert_eq!(result, Dropped::Yes(8));
    // Three steps each. Five are moves from one place to the next, and one passes the new job over.
    assert_eq!(left, [8, 6, 3, 1, 1]);
    assert_eq!(world.take_events(), ["8 jobs of f dropped"]);
    let worker = world.worker(&["f"]);
    assert_eq!(world.ask(worker, Command::GrabJob, &[]), ["JOB_ASSIGN H:9 f new"]);
}

#[test]
fn a_function_that_gets_a_worker_while_it_is_dropped_stays_with_it() {
    let mut world = in_small_pieces();
    (0..4).for_each(|_| world.background("f", "x"));
    let admin = world.connect();
    assert_eq!(world.broker.drop_function(admin, b"f", &mut world.mailbox), Dropped::Unfinished);
    world.worker(&["f"]);
    let again = || world.broker.drop_function(admin, b"f", &mut world.mailbox);
    let last = std::iter::repeat_with(again).find(|result| *result != Dropped::Unfinished);
    assert_eq!(last, Some(Dropped::Yes(4)));
    assert_eq!(world.status("f"), Some((0, 0, 1)));
    world.broker.recount();
}

#[test]
fn a_drop_goes_on_after_its_connection_has_ended() {
    let mut world = in_small_pieces();
    (0..9).for_each(|_| world.background("f", "x"));
    let admin = world.connect();
    assert_eq!(world.broker.drop_function(admin, b"f", &mut world.mailbox), Dropped::Unfinished);
    world.disconnect(admin);
    while world.broker.has_backlog() {
        world.broker.work_off(&mut world.mailbox);
        world.broker.recount();
    }
    assert_eq!(world.status("f"), None);
    assert_eq!(world.take_events(), ["9 jobs of f dropped"]);
}

#[test]
fn two_connections_that_drop_the_same_function_share_its_jobs() {
    let mut world = in_small_pieces();
    (0..9).for_each(|_| world.background("f", "x"));
    let mut left = vec![world.connect(), world.connect()];
    let mut dropped = 0;
    while let Some(&admin) = left.first() {
        left.rotate_left(1);
        match world.broker.drop_function(admin, b"f", &mut world.mailbox) {
            Dropped::Unfinished => continue,
            Dropped::Yes(count) => dropped += count,
            other => panic!("{other:?}"),
        }
        left.retain(|&other| other != admin);
    }
    assert_eq!((dropped, world.status("f")), (9, None));
}
