//! What a broker does that is to end.

use super::*;

#[test]
fn while_draining_no_submission_is_taken_not_even_one_that_joins() {
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
fn it_is_drained_when_nobody_here_can_do_any_more() {
    let mut world = World::new();
    assert!(!world.broker.is_drained(), "it does not drain");
    let worker = world.worker(&["f"]);
    for function in ["f", "f", "g"] {
        world.background(function, "x");
    }
    let client = world.connect();
    world.send(client, Command::SubmitJobEpoch, &["f", "", "4000000000", "x"]);
    world.broker.drain();
    for number in 1..=2 {
        assert!(!world.broker.is_drained(), "a job waits for a worker that is here");
        world.send(worker, Command::GrabJob, &[]);
        assert!(!world.broker.is_drained(), "a job runs");
        world.send(worker, Command::WorkComplete, &[&format!("H:{number}"), ""]);
    }
    // Another function's job, and one for later.
    assert!(world.broker.is_drained());
    assert_eq!(world.broker.job_count(), 2);
}

#[test]
fn a_job_that_its_worker_lost_is_not_waited_for_without_another_worker() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    world.background("f", "x");
    world.send(worker, Command::GrabJob, &[]);
    world.broker.drain();
    world.disconnect(worker);
    assert!(world.broker.is_drained());
}

#[test]
fn those_who_wait_for_what_is_given_up_are_told() {
    let mut world = World::new();
    let client = world.connect();
    world.ask(client, Command::SubmitJob, &["f", "", "x"]);
    world.background("f", "y");
    world.broker.drain();
    assert_eq!(world.broker.give_up_jobs(&mut world.mailbox), 2);
    assert_eq!(world.mail(client), ["WORK_FAIL H:1"]);
    assert_eq!(world.broker.job_count(), 0);
}

#[test]
fn a_paused_function_is_not_waited_for() {
    let mut world = World::new();
    world.worker(&["f"]);
    world.background("f", "x");
    world.broker.pause(b"f");
    world.broker.drain();
    assert!(world.broker.is_drained());
}
