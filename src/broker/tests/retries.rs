//! Lost jobs: when they are handed out again, and when they fail or are dropped.

use super::*;

/// A client that waits for job `H:1` with payload "x", and the worker that runs it.
fn handed_out(world: &mut World) -> (ConnectionKey, ConnectionKey) {
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    assert_eq!(world.drain(worker), ["x"]);
    world.mail(client);
    (client, worker)
}

#[test]
fn a_job_goes_to_the_next_worker_when_its_worker_disconnects_or_withdraws_the_function() {
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
fn withdrawing_one_function_keeps_the_running_jobs_of_the_others() {
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
fn a_lost_job_is_queued_behind_the_queued_ones() {
    let mut world = World::new();
    let (_client, worker) = handed_out(&mut world);
    world.background("f", "later");
    world.disconnect(worker);
    let next = world.worker(&["f"]);
    assert_eq!(world.drain(next), ["later", "x"]);
}

#[test]
fn the_progress_of_a_lost_job_is_reset() {
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
fn a_job_fails_when_its_attempts_are_exhausted() {
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
fn a_lost_job_without_a_waiting_client_is_dropped() {
    let mut world = World::new();
    let (client, worker) = handed_out(&mut world);
    world.disconnect(client);
    assert_eq!(world.status("f"), Some((1, 1, 1)), "the worker still runs it");
    world.disconnect(worker);
    assert_eq!(world.status("f"), Some((0, 0, 0)));
}

#[test]
fn a_job_that_only_its_own_worker_waits_for_is_dropped_when_it_disconnects() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    world.send(worker, Command::SubmitJob, &["f", "", "x"]);
    world.send(worker, Command::GrabJob, &[]);
    world.disconnect(worker);
    assert_eq!(world.status("f"), Some((0, 0, 0)));
}

#[test]
fn a_job_that_exceeds_its_time_limit_goes_to_the_next_worker() {
    let mut world = World::new();
    let (slow, client) = (world.connect(), world.connect());
    world.send(slow, Command::CanDoTimeout, &["f", "2500"]);
    world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    world.mail(client);
    assert_eq!(world.drain(slow), ["x"]);
    // 2,501 ms: part of the first millisecond had already passed.
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
fn a_time_limit_is_at_least_a_second_and_disabled_if_it_is_not_positive() {
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
fn the_timer_of_an_ended_job_is_cancelled() {
    let mut world = World::new();
    let worker = world.connect();
    world.send(worker, Command::CanDoTimeout, &["f", "1000"]);
    world.background("f", "1");
    world.drain(worker);
    world.send(worker, Command::WorkComplete, &["H:1", ""]);
    assert_eq!(world.broker.next_due(), (None, None));
    // The next job reuses the place of the ended one.
    world.background("f", "2");
    world.pass(2_000);
    assert_eq!(world.drain(worker), ["2"]);
}
