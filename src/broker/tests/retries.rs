//! Jobs that their worker loses: who gets them next, and when nobody does.

use super::*;

/// A waiting client's job `H:1` with payload "x", in the hands of a worker.
fn handed_out(world: &mut World) -> (ConnectionKey, ConnectionKey) {
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    assert_eq!(world.drain(worker), ["x"]);
    world.mail(client);
    (client, worker)
}

#[test]
fn a_job_goes_to_the_next_worker_when_its_worker_leaves_takes_back_or_resets() {
    let leave: [fn(&mut World, ConnectionKey); 3] = [
        |world, worker| world.disconnect(worker),
        |world, worker| world.send(worker, Command::CantDo, &["f"]),
        |world, worker| world.send(worker, Command::ResetAbilities, &[]),
    ];
    for leave in leave {
        let mut world = World::new();
        let (client, worker) = handed_out(&mut world);
        leave(&mut world, worker);
        assert_eq!(world.status("f"), Some((1, 0, 0)));
        let next = world.worker(&["f"]);
        assert_eq!(world.drain(next), ["x"]);
        world.send(next, Command::WorkComplete, &["H:1", "done"]);
        assert_eq!(world.mail(client), ["WORK_COMPLETE H:1 done"]);
    }
}

#[test]
fn taking_back_one_function_keeps_the_jobs_of_the_others() {
    let mut world = World::new();
    let worker = world.worker(&["f", "g"]);
    world.background("f", "1");
    world.background("g", "2");
    world.drain(worker);
    world.send(worker, Command::CantDo, &["f"]);
    assert_eq!(world.status("f"), Some((1, 0, 0)));
    assert_eq!(world.status("g"), Some((1, 1, 1)));
}

#[test]
fn a_lost_job_stands_behind_those_that_wait() {
    let mut world = World::new();
    let (_client, worker) = handed_out(&mut world);
    world.background("f", "later");
    world.disconnect(worker);
    let next = world.worker(&["f"]);
    assert_eq!(world.drain(next), ["later", "x"]);
}

#[test]
fn a_lost_job_has_made_no_progress() {
    let mut world = World::new();
    let (client, worker) = handed_out(&mut world);
    world.send(worker, Command::WorkStatus, &["H:1", "3", "7"]);
    world.disconnect(worker);
    world.mail(client);
    assert_eq!(world.ask(client, Command::GetStatus, &["H:1"]), ["STATUS_RES H:1 1 0 0 0"]);
}

#[test]
fn a_lost_job_wakes_a_sleeper() {
    let mut world = World::new();
    let (_client, worker) = handed_out(&mut world);
    let sleeper = world.worker(&["f"]);
    world.send(sleeper, Command::PreSleep, &[]);
    world.disconnect(worker);
    assert_eq!(world.mail(sleeper), ["NOOP"]);
}

#[test]
fn a_job_that_was_handed_out_often_enough_fails() {
    let mut world = World::with(|config| config.attempts = Some(2));
    let (client, worker) = handed_out(&mut world);
    world.disconnect(worker);
    assert_eq!(world.mail(client), [""; 0]);
    let next = world.worker(&["f"]);
    assert_eq!(world.drain(next), ["x"]);
    world.disconnect(next);
    assert_eq!(world.mail(client), ["WORK_FAIL H:1"]);
    assert_eq!(world.mailbox.given_up, ["H:1 f u 2"]);
    assert_eq!(world.status("f"), Some((0, 0, 0)));
}

#[test]
fn a_lost_job_that_nobody_waits_for_any_more_is_dropped() {
    let mut world = World::new();
    let (client, worker) = handed_out(&mut world);
    world.disconnect(client);
    assert_eq!(world.status("f"), Some((1, 1, 1)), "the worker is still at it");
    world.disconnect(worker);
    assert_eq!(world.status("f"), Some((0, 0, 0)));
}

#[test]
fn a_worker_that_waits_for_its_own_job_takes_it_along() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    world.send(worker, Command::SubmitJob, &["f", "", "x"]);
    world.send(worker, Command::GrabJob, &[]);
    world.disconnect(worker);
    assert_eq!(world.status("f"), Some((0, 0, 0)));
}

#[test]
fn a_job_that_takes_too_long_goes_to_the_next_worker() {
    let mut world = World::new();
    let (slow, client) = (world.connect(), world.connect());
    world.send(slow, Command::CanDoTimeout, &["f", "2500"]);
    world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    world.mail(client);
    assert_eq!(world.drain(slow), ["x"]);
    // One more than 2,500: the first one had begun already.
    world.pass(2_500);
    assert_eq!(world.status("f"), Some((1, 1, 1)));
    world.pass(1);
    assert_eq!(world.status("f"), Some((1, 0, 1)));
    assert_eq!(world.mail(client), [""; 0], "it is not a failure");
    let late = world.ask(slow, Command::WorkComplete, &["H:1", "late"]);
    assert_eq!(late, ["ERROR JOB_NOT_FOUND Job given in work result not found"]);
    let next = world.worker(&["f"]);
    assert_eq!(world.drain(next), ["x"]);
}

#[test]
fn a_timeout_counts_as_an_attempt() {
    let mut world = World::with(|config| config.attempts = Some(1));
    let (slow, client) = (world.connect(), world.connect());
    world.send(slow, Command::CanDoTimeout, &["f", "1000"]);
    world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    world.drain(slow);
    world.mail(client);
    world.pass(1_001);
    assert_eq!(world.mail(client), ["WORK_FAIL H:1"]);
}

#[test]
fn a_timeout_is_at_least_a_second_and_none_if_it_is_not_positive() {
    for (timeout, after_1000, after_1001, at_last) in
        [("5", 1, 0, 0), ("0", 1, 1, 1), ("-5", 1, 1, 1), ("junk", 1, 1, 1)]
    {
        let mut world = World::new();
        let worker = world.connect();
        world.send(worker, Command::CanDoTimeout, &["f", timeout]);
        world.background("f", "x");
        world.drain(worker);
        for (millis, running) in [(1_000, after_1000), (1, after_1001), (86_400_000, at_last)] {
            world.pass(millis);
            assert_eq!(world.status("f"), Some((1, running, 1)), "{timeout} after {millis}");
        }
    }
}

#[test]
fn the_timer_of_a_job_that_ended_is_gone() {
    let mut world = World::new();
    let worker = world.connect();
    world.send(worker, Command::CanDoTimeout, &["f", "1000"]);
    world.background("f", "1");
    world.drain(worker);
    world.send(worker, Command::WorkComplete, &["H:1", ""]);
    assert_eq!(world.broker.next_due(), (None, None));
    // The next job has the old one's place.
    world.background("f", "2");
    world.pass(2_000);
    assert_eq!(world.drain(worker), ["2"]);
}
