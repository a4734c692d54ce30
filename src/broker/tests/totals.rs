//! A function's jobs counted by outcome, and the waiting time of its oldest job.

use super::super::function::Totals;
use super::*;

impl World {
    fn totals(&self, function: &str) -> Totals {
        self.function(function).map(|f| f.totals).unwrap_or_default()
    }
}

#[test]
fn every_end_of_a_job_is_counted_once() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    for _ in 0..5 {
        world.send(client, Command::SubmitJob, &["f", "", "x"]);
    }
    world.drain(worker);
    world.send(worker, Command::WorkComplete, &["H:1", ""]);
    world.send(worker, Command::WorkFail, &["H:2"]);
    world.send(worker, Command::WorkException, &["H:3", ""]);
    world.broker.cancel(b"H:4", &mut world.mailbox);
    world.send(worker, Command::ResetAbilities, &[]);
    world.disconnect(client);
    let all = Totals {
        submitted: 5,
        completed: 1,
        failed: 2,
        cancelled: 1,
        dropped: 0,
        retried: 1,
        abandoned: 1,
    };
    assert_eq!(world.totals("f"), all);
}

#[test]
fn a_submission_that_joins_a_job_is_not_counted() {
    let mut world = World::new();
    let client = world.connect();
    for _ in 0..3 {
        world.send(client, BG, &["f", "u", "x"]);
    }
    assert_eq!(world.totals("f").submitted, 1);
}

#[test]
fn a_job_whose_attempts_are_exhausted_counts_as_dropped() {
    let mut world = World::with(|config| config.attempts = Some(2));
    world.background("f", "x");
    for _ in 0..2 {
        let worker = world.worker(&["f"]);
        world.drain(worker);
        world.disconnect(worker);
    }
    let all = Totals { submitted: 1, dropped: 1, retried: 1, ..Totals::default() };
    assert_eq!(world.totals("f"), all);
}

#[test]
fn jobs_that_an_administrator_or_a_drain_drops_count_as_dropped() {
    let mut world = World::new();
    for function in ["queue", "function", "drain"] {
        world.background(function, "x");
    }
    world.drop_queue(b"queue");
    assert_eq!(world.totals("queue"), Totals { submitted: 1, dropped: 1, ..Totals::default() });
    let dropped = world.drop_function(b"function");
    assert_eq!(dropped, Dropped::Yes(1));
    world.broker.drain();
    world.broker.fail_remaining_jobs(&mut world.mailbox);
    assert_eq!(world.totals("drain"), Totals { submitted: 1, dropped: 1, ..Totals::default() });
}

#[test]
fn a_refused_submission_is_not_counted() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, BG, &["f", "", "x"]);
    world.broker.limit_queue(b"f", [1; 3]);
    world.send(client, BG, &["f", "", "x"]);
    assert_eq!(world.totals("f").submitted, 1);
}

#[test]
fn the_age_of_a_job_counts_from_its_submission() {
    let mut world = World::new();
    world.background("f", "x");
    world.pass(2500);
    let worker = world.worker(&["f"]);
    world.drain(worker);
    world.disconnect(worker);
    world.pass(1000);
    assert_eq!(world.jobs()[0].age_seconds, 3);
}

#[test]
fn the_oldest_wait_is_that_of_the_job_queued_longest() {
    let mut world = World::new();
    let oldest = |world: &World| world.function("f").and_then(|f| f.oldest_wait);
    world.background("f", "1");
    world.pass(300);
    world.background("f", "2");
    world.pass(40);
    assert_eq!(oldest(&world), Some(Millis(340)));
    let worker = world.worker(&["f"]);
    world.send(worker, Command::GrabJob, &[]);
    assert_eq!(oldest(&world), Some(Millis(40)));
    world.drain(worker);
    assert_eq!(oldest(&world), None);
    world.disconnect(worker);
    world.pass(1);
    assert_eq!(oldest(&world), Some(Millis(1)));
}
