//! Unique ids: who joins what, and what becomes of a job when those who joined
//! it leave.

use super::*;

#[test]
fn the_first_submission_decides_payload_and_priority() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, Command::SubmitJobLow, &["f", "u", "first"]);
    world.send(client, Command::SubmitJobHigh, &["f", "u", "second"]);
    assert_eq!(world.mail(client), ["JOB_CREATED H:1"; 2]);
    world.background("f", "normal");
    let worker = world.worker(&["f"]);
    assert_eq!(world.drain(worker), ["normal", "first"]);
}

#[test]
fn each_of_two_submissions_on_one_connection_gets_its_own_packets() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    for _ in 0..2 {
        world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    }
    world.send(worker, Command::GrabJob, &[]);
    world.mail(client);
    world.send(worker, Command::WorkData, &["H:1", "data"]);
    world.send(worker, Command::WorkComplete, &["H:1", "done"]);
    assert_eq!(
        world.mail(client),
        [
            "WORK_DATA H:1 data",
            "WORK_DATA H:1 data",
            "WORK_COMPLETE H:1 done",
            "WORK_COMPLETE H:1 done"
        ]
    );
}

#[test]
fn a_running_job_can_be_joined() {
    let mut world = World::new();
    let (first, second, worker) = (world.connect(), world.connect(), world.worker(&["f"]));
    world.send(first, Command::SubmitJob, &["f", "u", "x"]);
    world.send(worker, Command::GrabJob, &[]);
    assert_eq!(world.ask(second, Command::SubmitJob, &["f", "u", "x"]), ["JOB_CREATED H:1"]);
    world.send(worker, Command::WorkComplete, &["H:1", "done"]);
    assert_eq!(world.mail(second), ["WORK_COMPLETE H:1 done"]);
    assert_eq!(world.ask(second, Command::SubmitJob, &["f", "u", "x"]), ["JOB_CREATED H:2"]);
}

#[test]
fn uniques_of_different_functions_have_nothing_to_do_with_each_other() {
    let mut world = World::new();
    let client = world.connect();
    assert_eq!(world.ask(client, BG, &["f", "u", "x"]), ["JOB_CREATED H:1"]);
    assert_eq!(world.ask(client, BG, &["g", "u", "x"]), ["JOB_CREATED H:2"]);
}

#[test]
fn without_a_unique_nothing_is_joined() {
    let mut world = World::new();
    let client = world.connect();
    for number in 1..3 {
        assert_eq!(world.ask(client, BG, &["f", "", "x"]), [format!("JOB_CREATED H:{number}")]);
    }
}

#[test]
fn a_dash_joins_jobs_of_equal_payload_unless_it_is_empty() {
    let mut world = World::new();
    let client = world.connect();
    let mut submit = |payload| world.ask(client, BG, &["f", "-", payload]).concat();
    assert_eq!(submit("x"), "JOB_CREATED H:1");
    assert_eq!(submit("y"), "JOB_CREATED H:2");
    assert_eq!(submit("x"), "JOB_CREATED H:1");
    assert_eq!(submit(""), "JOB_CREATED H:3");
    assert_eq!(submit(""), "JOB_CREATED H:4");
}

#[test]
fn a_waiting_job_that_everybody_left_is_dropped() {
    let mut world = World::new();
    let (first, second) = (world.connect(), world.connect());
    world.send(first, Command::SubmitJob, &["f", "u", "x"]);
    world.send(second, Command::SubmitJob, &["f", "u", "x"]);
    world.disconnect(first);
    assert_eq!(world.status("f"), Some((1, 0, 0)));
    world.disconnect(second);
    assert_eq!(world.status("f"), Some((0, 0, 0)));
}

#[test]
fn the_unique_of_a_job_that_everybody_left_starts_a_new_job() {
    let mut world = World::new();
    let (first, second, worker) = (world.connect(), world.connect(), world.worker(&["f"]));
    world.send(first, Command::SubmitJob, &["f", "u", "old"]);
    world.disconnect(first);
    assert_eq!(world.ask(second, Command::SubmitJob, &["f", "u", "new"]), ["JOB_CREATED H:2"]);
    assert_eq!(world.drain(worker), ["new"]);
    world.send(worker, Command::WorkComplete, &["H:2", "done"]);
    assert_eq!(world.mail(second), ["WORK_COMPLETE H:2 done"]);
}

#[test]
fn a_running_job_that_everybody_left_can_be_joined_again() {
    let mut world = World::new();
    let (first, second, worker) = (world.connect(), world.connect(), world.worker(&["f"]));
    world.send(first, Command::SubmitJob, &["f", "u", "x"]);
    world.send(worker, Command::GrabJob, &[]);
    world.disconnect(first);
    assert_eq!(world.ask(second, Command::SubmitJob, &["f", "u", "x"]), ["JOB_CREATED H:1"]);
    world.send(worker, Command::WorkComplete, &["H:1", "done"]);
    assert_eq!(world.mail(second), ["WORK_COMPLETE H:1 done"]);
}

#[test]
fn a_background_job_survives_a_client_that_joins_and_leaves() {
    let mut world = World::new();
    let (first, second, worker) = (world.connect(), world.connect(), world.worker(&["f"]));
    world.send(first, BG, &["f", "u", "x"]);
    world.send(second, Command::SubmitJob, &["f", "u", "x"]);
    world.disconnect(second);
    assert_eq!(world.drain(worker), ["x"]);
}

#[test]
fn a_background_submission_makes_a_joined_job_survive_its_clients() {
    let mut world = World::new();
    let (first, second, worker) = (world.connect(), world.connect(), world.worker(&["f"]));
    world.send(first, Command::SubmitJob, &["f", "u", "x"]);
    assert_eq!(world.ask(second, BG, &["f", "u", "x"]), ["JOB_CREATED H:1"]);
    world.disconnect(first);
    assert_eq!(world.drain(worker), ["x"]);
}
