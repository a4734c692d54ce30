//! The order in which jobs are handed out.

use super::*;

fn submit_each(world: &mut World, jobs: &[(&str, Command, &str)]) {
    let client = world.connect();
    for (function, command, payload) in jobs {
        world.send(client, *command, &[function, "", payload]);
    }
}

#[test]
fn jobs_of_one_priority_are_handed_out_in_order_of_submission() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    ["1", "2", "3"].iter().for_each(|payload| world.background("f", payload));
    assert_eq!(world.drain(worker), ["1", "2", "3"]);
}

#[test]
fn priority_goes_before_function_and_functions_take_turns() {
    let mut world = World::new();
    let worker = world.worker(&["p1", "p2"]);
    submit_each(
        &mut world,
        &[
            ("p1", Command::SubmitJobLowBg, "p1low"),
            ("p1", BG, "p1norm"),
            ("p1", BG, "p1norm2"),
            ("p2", BG, "p2norm"),
            ("p2", BG, "p2norm2"),
            ("p2", Command::SubmitJobHighBg, "p2high"),
        ],
    );
    assert_eq!(world.drain(worker), ["p2high", "p1norm", "p2norm", "p1norm2", "p2norm2", "p1low"]);
}

#[test]
fn the_function_that_was_offered_last_is_tried_first() {
    let mut world = World::new();
    let worker = world.worker(&["a", "b", "c"]);
    for round in ["1", "2"] {
        ["a", "b", "c"].iter().for_each(|f| world.background(f, &format!("{f}{round}")));
    }
    assert_eq!(world.drain(worker), ["c1", "b1", "a1", "c2", "b2", "a2"]);
}

#[test]
fn a_worker_gets_jobs_of_its_own_functions_only() {
    let mut world = World::new();
    let worker = world.worker(&["mine"]);
    submit_each(&mut world, &[("other", Command::SubmitJobHighBg, "no"), ("mine", BG, "yes")]);
    assert_eq!(world.drain(worker), ["yes"]);
}

#[test]
fn a_connection_can_have_several_jobs_at_a_time() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    ["1", "2"].iter().for_each(|payload| world.background("f", payload));
    assert_eq!(world.drain(worker), ["1", "2"]);
    assert_eq!(world.status("f"), Some((2, 2, 1)));
}
