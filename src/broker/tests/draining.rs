//! Draining: graceful shutdown of a broker.

use super::*;

#[test]
fn a_draining_broker_refuses_all_submissions_including_those_that_would_join() {
    let mut world = World::new();
    let client = world.connect();
    world.ask(client, Command::SubmitJob, &["f", "u", "x"]);
    assert!(!world.broker.is_draining());
    world.broker.drain();
    assert!(world.broker.is_draining());
    for (command, parts) in [
        (Command::SubmitJob, &["f", "u", "x"][..]),
        (BG, &["g", "", "x"]),
        (Command::SubmitJobEpoch, &["f", "", "1", "x"]),
        (Command::SubmitReduceJob, &["f", "", "r", "", "x"]),
    ] {
        let answer = world.ask(client, command, parts);
        assert!(answer[0].starts_with("ERROR SHUTDOWN_GRACEFUL"), "{answer:?}");
    }
    assert_eq!(world.broker.job_count(), 1);
}

#[test]
fn a_broker_is_drained_when_no_connected_worker_can_do_a_job() {
    let mut world = World::new();
    assert!(!world.broker.is_drained(), "it is not draining");
    let worker = world.worker(&["f"]);
    for function in ["f", "f", "g"] {
        world.background(function, "x");
    }
    let client = world.connect();
    world.send(client, Command::SubmitJobEpoch, &["f", "", "4000000000", "x"]);
    world.broker.drain();
    for number in 1..=2 {
        assert!(!world.broker.is_drained(), "a queued job has a worker");
        world.send(worker, Command::GrabJob, &[]);
        assert!(!world.broker.is_drained(), "a job runs");
        world.send(worker, Command::WorkComplete, &[&format!("H:{number}"), ""]);
    }
    // A job of a function without a worker, and a delayed one.
    assert!(world.broker.is_drained());
    assert_eq!(world.broker.job_count(), 2);
}

#[test]
fn a_lost_job_without_another_worker_does_not_prevent_draining() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    world.background("f", "x");
    world.send(worker, Command::GrabJob, &[]);
    world.broker.drain();
    world.disconnect(worker);
    assert!(world.broker.is_drained());
}

#[test]
fn clients_that_wait_for_a_remaining_job_get_work_fail() {
    let mut world = World::new();
    let client = world.connect();
    world.ask(client, Command::SubmitJob, &["f", "", "x"]);
    world.background("f", "y");
    world.broker.drain();
    let lost = world.broker.fail_remaining_jobs(&mut world.mailbox);
    assert_eq!(lost, [LostJobs { function: b"f".as_slice().into(), jobs: 2 }]);
    assert_eq!(world.mail(client), ["WORK_FAIL H:1"]);
    assert_eq!(world.broker.job_count(), 0);
}

#[test]
fn jobs_of_a_paused_function_do_not_prevent_draining() {
    let mut world = World::new();
    world.worker(&["f"]);
    world.background("f", "x");
    world.broker.pause(b"f");
    world.broker.drain();
    assert!(world.broker.is_drained());
}
