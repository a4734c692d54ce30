//! Large payloads that stand for their unique ids.

use super::*;
use crate::payload_search::PAYLOAD_PIECE_BYTES;

/// Submits a payload with the unique "-" until the packet is finished. Returns the answer, and how
/// often the packet was brought again.
fn submit(world: &mut World, client: ConnectionKey, payload: &str) -> (String, usize) {
    for again in 0.. {
        let mut answer = world.ask(client, Command::SubmitJob, &["f", "-", payload]);
        world.broker.recount();
        if !world.broker.take_unfinished() {
            return (answer.remove(0), again);
        }
        assert_eq!(answer, [""; 0]);
    }
    unreachable!("a packet that is never finished")
}

/// A payload of so many bytes.
fn payload(bytes: usize, last: &str) -> String {
    format!("{}{last}", "x".repeat(bytes - last.len()))
}

#[test]
fn a_large_payload_is_hashed_and_compared_in_pieces() {
    let mut world = World::new();
    let (first, second) = (world.connect(), world.connect());
    let large = payload(4 * PAYLOAD_PIECE_BYTES + 1, "a");
    let created = ("JOB_CREATED H:1".to_owned(), 5);
    assert_eq!(submit(&mut world, first, &large), created);
    // As many pieces to compare; the last one of them with the answer.
    let joined = ("JOB_CREATED H:1".to_owned(), 9);
    assert_eq!(submit(&mut world, second, &large), joined);
    let other = payload(large.len(), "b");
    assert_eq!(submit(&mut world, second, &other).0, "JOB_CREATED H:2");
    assert_eq!(submit(&mut world, first, &payload(PAYLOAD_PIECE_BYTES, "a")).1, 0);
    assert_eq!(world.broker.job_count(), 3);
}

#[test]
fn a_job_that_ends_while_its_payload_is_compared_is_not_joined() {
    let mut world = World::new();
    let (first, second) = (world.connect(), world.connect());
    let large = payload(3 * PAYLOAD_PIECE_BYTES, "a");
    submit(&mut world, first, &large);
    for _ in 0..5 {
        world.send(second, Command::SubmitJob, &["f", "-", &large]);
        assert!(world.broker.take_unfinished());
    }
    world.broker.cancel(b"H:1", &mut world.mailbox);
    assert_eq!(world.mail(first), ["WORK_FAIL H:1"]);
    assert_eq!(submit(&mut world, second, &large), ("JOB_CREATED H:2".to_owned(), 0));
    assert_eq!(submit(&mut world, first, &large).0, "JOB_CREATED H:2");
}

#[test]
fn an_abandoned_submission_leaves_nothing_to_the_next() {
    let mut world = World::new();
    let client = world.connect();
    let large = payload(3 * PAYLOAD_PIECE_BYTES, "a");
    world.send(client, Command::SubmitJob, &["f", "-", &payload(large.len(), "b")]);
    assert!(world.broker.take_unfinished());
    world.broker.abandon_unfinished(client);
    assert_eq!(submit(&mut world, client, &large), ("JOB_CREATED H:1".to_owned(), 3));
    assert_eq!(submit(&mut world, client, &large).0, "JOB_CREATED H:1");
}
