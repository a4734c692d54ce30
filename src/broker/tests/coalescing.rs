//! Unique ids: which submissions join a job, and what happens to the job when its clients
//! disconnect.

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
fn a_unique_joins_no_job_of_another_function() {
    let mut world = World::new();
    let client = world.connect();
    assert_eq!(world.ask(client, BG, &["f", "u", "x"]), ["JOB_CREATED H:1"]);
    assert_eq!(world.ask(client, BG, &["g", "u", "x"]), ["JOB_CREATED H:2"]);
}

#[test]
fn a_submission_without_a_unique_joins_no_job() {
    let mut world = World::new();
    let client = world.connect();
    for number in 1..3 {
        assert_eq!(world.ask(client, BG, &["f", "", "x"]), [format!("JOB_CREATED H:{number}")]);
    }
}

#[test]
fn the_unique_dash_joins_a_job_with_the_same_payload_unless_it_is_empty() {
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
fn a_queued_job_is_dropped_when_its_last_client_disconnects() {
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
fn the_unique_of_an_abandoned_job_starts_a_new_job() {
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
fn an_abandoned_running_job_can_be_joined() {
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
fn a_background_job_survives_a_client_that_joins_and_disconnects() {
    let mut world = World::new();
    let (first, second, worker) = (world.connect(), world.connect(), world.worker(&["f"]));
    world.send(first, BG, &["f", "u", "x"]);
    world.send(second, Command::SubmitJob, &["f", "u", "x"]);
    world.disconnect(second);
    assert_eq!(world.drain(worker), ["x"]);
}

#[test]
fn a_job_joined_by_a_background_submission_survives_its_clients() {
    let mut world = World::new();
    let (first, second, worker) = (world.connect(), world.connect(), world.worker(&["f"]));
    world.send(first, Command::SubmitJob, &["f", "u", "x"]);
    assert_eq!(world.ask(second, BG, &["f", "u", "x"]), ["JOB_CREATED H:1"]);
    world.disconnect(first);
    assert_eq!(world.drain(worker), ["x"]);
}
