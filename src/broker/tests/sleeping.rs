//! PRE_SLEEP and NOOP: a sleeping worker gets one NOOP, and none sleeps while a job is
//! queued.

use super::*;

fn sleeper(world: &mut World, functions: &[&str]) -> ConnectionKey {
    let worker = world.worker(functions);
    assert_eq!(world.ask(worker, Command::PreSleep, &[]), [""; 0]);
    worker
}

#[test]
fn a_sleeping_worker_gets_one_noop_for_several_jobs() {
    let mut world = World::new();
    let worker = sleeper(&mut world, &["f", "g"]);
    ["f", "f", "g"].iter().for_each(|function| world.background(function, "x"));
    assert_eq!(world.mail(worker), ["NOOP"]);
}

#[test]
fn every_sleeping_worker_of_the_function_is_woken() {
    let mut world = World::new();
    let workers = [(); 3].map(|()| sleeper(&mut world, &["f"]));
    let other = sleeper(&mut world, &["g"]);
    world.background("f", "x");
    workers.iter().for_each(|&worker| assert_eq!(world.mail(worker), ["NOOP"]));
    assert_eq!(world.mail(other), [""; 0]);
}

#[test]
fn pre_sleep_while_a_job_is_queued_is_answered_with_noop_each_time() {
    let mut world = World::new();
    world.background("f", "x");
    let worker = world.worker(&["f"]);
    for _ in 0..2 {
        assert_eq!(world.ask(worker, Command::PreSleep, &[]), ["NOOP"]);
    }
    world.background("f", "x");
    assert_eq!(world.mail(worker), [""; 0]);
}

#[test]
fn a_second_pre_sleep_changes_nothing() {
    let mut world = World::new();
    let worker = sleeper(&mut world, &["f"]);
    world.send(worker, Command::PreSleep, &[]);
    world.background("f", "x");
    assert_eq!(world.mail(worker), ["NOOP"]);
}

#[test]
fn a_second_pre_sleep_while_a_job_is_queued_is_answered_with_one_noop() {
    let mut world = World::with(|config| config.wakeup = Wakeup::AtMost(1));
    let first = sleeper(&mut world, &["f"]);
    let second = sleeper(&mut world, &["f"]);
    world.background("f", "x");
    assert_eq!((world.mail(first), world.mail(second)), (vec!["NOOP".into()], vec![]));
    assert_eq!(world.ask(second, Command::PreSleep, &[]), ["NOOP"]);
    // It is awake now, and gets no second NOOP.
    world.background("f", "y");
    assert_eq!(world.mail(second), [""; 0]);
}

#[test]
fn a_grab_wakes_its_worker() {
    let mut world = World::new();
    let worker = sleeper(&mut world, &["f"]);
    assert_eq!(world.ask(worker, Command::GrabJob, &[]), ["NO_JOB"]);
    world.background("f", "x");
    assert_eq!(world.mail(worker), [""; 0]);
}

#[test]
fn a_wakeup_limit_of_1_wakes_the_worker_that_has_slept_longest() {
    let mut world = World::with(|config| config.wakeup = Wakeup::AtMost(1));
    let workers = [(); 3].map(|()| sleeper(&mut world, &["f"]));
    for expected in 0..3 {
        world.background("f", "x");
        let woken: Vec<_> = workers.iter().map(|&worker| world.mail(worker).len()).collect();
        assert_eq!(woken.iter().sum::<usize>(), 1);
        assert_eq!(woken[expected], 1);
    }
}

#[test]
fn another_worker_is_woken_when_the_woken_one_leaves() {
    let away: [fn(&mut World, ConnectionKey); 3] = [
        |world, worker| world.disconnect(worker),
        |world, worker| world.send(worker, Command::CantDo, &["f"]),
        |world, worker| world.send(worker, Command::ResetAbilities, &[]),
    ];
    for away in away {
        let mut world = World::with(|config| config.wakeup = Wakeup::AtMost(1));
        let (first, second) = (sleeper(&mut world, &["f"]), sleeper(&mut world, &["f"]));
        world.background("f", "x");
        assert_eq!(world.mail(first), ["NOOP"]);
        away(&mut world, first);
        assert_eq!(world.mail(second), ["NOOP"]);
    }
}

#[test]
fn a_sleeping_worker_is_woken_for_a_function_that_it_offered_while_asleep() {
    let mut world = World::new();
    let worker = sleeper(&mut world, &["f"]);
    world.send(worker, Command::CanDo, &["g"]);
    world.background("g", "x");
    assert_eq!(world.mail(worker), ["NOOP"]);
}

#[test]
fn a_sleeping_worker_that_offers_a_function_with_a_queued_job_is_woken() {
    let mut world = World::new();
    world.background("g", "x");
    let worker = sleeper(&mut world, &["f"]);
    assert_eq!(world.ask(worker, Command::CanDo, &["g"]), ["NOOP"]);
}

#[test]
fn a_sleeping_worker_is_not_woken_for_a_function_that_it_withdrew() {
    let mut world = World::new();
    let worker = sleeper(&mut world, &["f", "g"]);
    world.send(worker, Command::CantDo, &["f"]);
    world.background("f", "x");
    assert_eq!(world.mail(worker), [""; 0]);
    world.background("g", "x");
    assert_eq!(world.mail(worker), ["NOOP"]);
}

/// Advances the clocks; returns how many workers were woken.
fn woken_after(world: &mut World, millis: u64, workers: &[ConnectionKey]) -> usize {
    world.pass(millis);
    workers.iter().map(|&worker| world.mail(worker).len()).sum()
}

#[test]
fn as_needed_one_worker_is_woken_and_more_only_while_the_job_is_queued() {
    let mut world = World::with(|config| config.wakeup = Wakeup::AsNeeded);
    let workers: Vec<_> = (0..100).map(|_| sleeper(&mut world, &["f"])).collect();
    world.background("f", "x");
    assert_eq!(world.mail(workers[0]), ["NOOP"], "the longest asleep, at once");
    assert_eq!(woken_after(&mut world, 1, &workers), 0);
    assert_eq!(woken_after(&mut world, 1, &workers), 4);
    assert_eq!(woken_after(&mut world, 2, &workers), 16);
    assert_eq!(world.drain(workers[7]), ["x"]);
    assert_eq!(woken_after(&mut world, 100, &workers), 0);
    assert_eq!(world.broker.next_due(), (None, None));
}

#[test]
fn as_needed_all_workers_are_woken_in_the_end() {
    let mut world = World::with(|config| config.wakeup = Wakeup::AsNeeded);
    let workers: Vec<_> = (0..100).map(|_| sleeper(&mut world, &["f"])).collect();
    world.background("f", "x");
    let woken: usize = (0..10).map(|_| woken_after(&mut world, 2, &workers)).sum();
    assert_eq!(woken, 100);
    assert_eq!(world.broker.next_due(), (None, None));
}

#[test]
fn as_needed_the_check_of_a_job_that_was_taken_is_postponed_by_the_next_job() {
    let mut world = World::with(|config| config.wakeup = Wakeup::AsNeeded);
    let workers: Vec<_> = (0..10).map(|_| sleeper(&mut world, &["f"])).collect();
    world.background("f", "1");
    assert_eq!(world.drain(workers[0]), ["1"]);
    world.pass(1);
    world.background("f", "2");
    assert_eq!(world.mail(workers[1]), ["NOOP"]);
    assert_eq!(woken_after(&mut world, 1, &workers), 0, "the first job's check");
    assert_eq!(woken_after(&mut world, 2, &workers), 4, "the second job's check");
}

#[test]
fn as_needed_further_jobs_do_not_postpone_the_check() {
    let mut world = World::with(|config| config.wakeup = Wakeup::AsNeeded);
    let workers: Vec<_> = (0..100).map(|_| sleeper(&mut world, &["f"])).collect();
    for _ in 0..4 {
        world.background("f", "x");
        world.pass(1);
    }
    let woken = woken_after(&mut world, 0, &workers);
    assert_eq!(woken, 4 + 4 + 16, "one per job, and two checks");
}
