//! Long polls: an empty grab is held while a job is predicted, and answered with that job.

use super::*;
use crate::delayed::{GRAB_HOLD_MS_DEFAULT, HITS_BEFORE_PREDICTION, PREDICTIONS_BEFORE_CHECK};

const HITS: usize = HITS_BEFORE_PREDICTION as usize;
const HOLD_MS: u64 = GRAB_HOLD_MS_DEFAULT;

/// Wakes a sleeping worker with a job, which it does at once. The worker is awake then.
fn wake_for_one(world: &mut World, worker: ConnectionKey, function: &str) {
    world.background(function, "x");
    assert_eq!(world.mail(worker), ["NOOP"]);
    take_one(world, worker);
}

/// Lets a worker grab a job and complete it.
fn take_one(world: &mut World, worker: ConnectionKey) {
    let job = world.ask(worker, Command::GrabJobUniq, &[]);
    complete(world, worker, &job);
}

/// Lets a worker complete the job in its mail.
fn complete(world: &mut World, worker: ConnectionKey, job: &[String]) {
    let [job] = job else { panic!("no job, but {job:?}") };
    let handle = job.split(' ').nth(1).expect("a handle");
    world.send(worker, Command::WorkComplete, &[handle, ""]);
}

fn fall_asleep(world: &mut World, worker: ConnectionKey) {
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), ["NO_JOB"]);
    assert_eq!(world.ask(worker, Command::PreSleep, &[]), [""; 0]);
}

/// Scores `jobs` hits: each job follows an empty grab and PRE_SLEEP at once.
fn hit(world: &mut World, worker: ConnectionKey, function: &str, jobs: usize) {
    for _ in 0..jobs {
        fall_asleep(world, worker);
        wake_for_one(world, worker, function);
    }
}

/// An awake worker whose next empty grab is held.
fn predicted_worker(world: &mut World, functions: &[&str]) -> ConnectionKey {
    let worker = world.worker(functions);
    hit(world, worker, functions[0], HITS);
    worker
}

/// A worker whose grab is held.
fn held_worker(world: &mut World, functions: &[&str]) -> ConnectionKey {
    let worker = predicted_worker(world, functions);
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
    worker
}

#[test]
fn a_held_grab_is_answered_by_the_next_job() {
    let mut world = World::new();
    let worker = held_worker(&mut world, &["f"]);
    world.pass(HOLD_MS - 1);
    world.background("f", "next");
    assert_eq!(world.mail(worker), ["JOB_ASSIGN_UNIQ H:5 f  next"]);
    assert_eq!(world.status("f"), Some((1, 1, 1)));
    // No timer is left.
    world.pass(0);
    assert_eq!(world.broker.next_due(), (None, None));
}

#[test]
fn a_long_poll_is_not_ended_by_the_timer_of_an_earlier_one() {
    let mut world = World::new();
    let worker = held_worker(&mut world, &["f"]);
    world.pass(HOLD_MS - 1);
    world.background("f", "next");
    let job = world.mail(worker);
    complete(&mut world, worker, &job);
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
    for _ in 1..HOLD_MS {
        world.pass(1);
        assert_eq!(world.mail(worker), [""; 0]);
    }
    world.pass(1);
    assert_eq!(world.mail(worker), ["NO_JOB"]);
}

#[test]
fn a_held_grab_is_answered_with_the_packet_for_its_command() {
    let mut world = World::new();
    for (number, (grab, answer)) in [
        (Command::GrabJob, "JOB_ASSIGN H:5 f x"),
        (Command::GrabJobUniq, "JOB_ASSIGN_UNIQ H:10 f u x"),
        (Command::GrabJobAll, "JOB_ASSIGN_ALL H:15 f u r x"),
    ]
    .into_iter()
    .enumerate()
    {
        let (worker, client) = (predicted_worker(&mut world, &["f"]), world.connect());
        assert_eq!(world.ask(worker, grab, &[]), [""; 0]);
        match grab {
            Command::GrabJobAll => {
                world.send(client, Command::SubmitReduceJob, &["f", "u", "r", "", "x"]);
            }
            _ => world.send(client, Command::SubmitJob, &["f", "u", "x"]),
        }
        assert_eq!(world.mail(worker), [answer], "{number}");
        world.disconnect(client);
        world.disconnect(worker);
    }
}

#[test]
fn an_empty_grab_is_held_for_at_most_4_ms() {
    let mut world = World::new();
    let worker = held_worker(&mut world, &["f"]);
    assert_eq!(world.broker.next_due(), (Some(world.now.monotonic + Millis(HOLD_MS)), None));
    world.pass(HOLD_MS - 1);
    assert_eq!(world.mail(worker), [""; 0]);
    world.pass(1);
    assert_eq!(world.mail(worker), ["NO_JOB"]);
    assert_eq!(world.broker.next_due(), (None, None));
}

#[test]
fn a_worker_whose_long_poll_expired_needs_4_hits_again() {
    let mut world = World::new();
    let worker = held_worker(&mut world, &["f"]);
    world.pass(HOLD_MS);
    world.mail(worker);
    hit(&mut world, worker, "f", HITS);
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
}

#[test]
fn a_worker_whose_jobs_come_4_ms_later_is_answered_at_once() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    for _ in 0..2 * HITS {
        fall_asleep(&mut world, worker);
        world.pass(HOLD_MS);
        wake_for_one(&mut world, worker, "f");
    }
    fall_asleep(&mut world, worker);
}

#[test]
fn one_job_that_comes_4_ms_later_is_a_miss() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    hit(&mut world, worker, "f", HITS - 1);
    fall_asleep(&mut world, worker);
    world.pass(HOLD_MS);
    wake_for_one(&mut world, worker, "f");
    hit(&mut world, worker, "f", HITS - 1);
    fall_asleep(&mut world, worker);
}

#[test]
fn a_worker_that_may_have_had_a_job_of_another_server_is_answered_at_once() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    for _ in 0..2 * HITS {
        // The worker grabs again without PRE_SLEEP.
        assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), ["NO_JOB"]);
        world.background("f", "x");
        take_one(&mut world, worker);
        // PRE_SLEEP follows, but only after another packet.
        assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), ["NO_JOB"]);
        world.send(worker, Command::SetClientId, &["busy"]);
        assert_eq!(world.ask(worker, Command::PreSleep, &[]), [""; 0]);
        wake_for_one(&mut world, worker, "f");
        assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), ["NO_JOB"]);
        world.broker.interrupt(worker, &mut world.mailbox);
        assert_eq!(world.ask(worker, Command::PreSleep, &[]), [""; 0]);
        wake_for_one(&mut world, worker, "f");
    }
    fall_asleep(&mut world, worker);
}

#[test]
fn the_first_grab_after_another_packet_is_answered_at_once() {
    // Another packet after an empty grab discards 3 earlier hits.
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    hit(&mut world, worker, "f", HITS - 1);
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), ["NO_JOB"]);
    world.send(worker, Command::SetClientId, &["busy"]);
    fall_asleep(&mut world, worker);
    wake_for_one(&mut world, worker, "f");
    fall_asleep(&mut world, worker);
    // Another packet during a long poll.
    let worker = held_worker(&mut world, &["g"]);
    assert_eq!(world.ask(worker, Command::EchoReq, &["x"]), ["NO_JOB", "ECHO_RES x"]);
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), ["NO_JOB"]);
    world.broker.recount();
}

#[test]
fn every_held_grab_is_counted_with_its_outcome() {
    let mut world = World::new();
    let counts = |world: &World| {
        let counts = world.broker.long_polls();
        [counts.held, counts.served, counts.expired, counts.interrupted]
    };
    let worker = held_worker(&mut world, &["f"]);
    assert_eq!(counts(&world), [1, 0, 0, 0]);
    world.background("f", "x");
    let job = world.mail(worker);
    complete(&mut world, worker, &job);
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
    assert_eq!(counts(&world), [2, 1, 0, 0]);
    world.pass(HOLD_MS);
    assert_eq!(counts(&world), [2, 1, 1, 0]);
    let worker = held_worker(&mut world, &["g"]);
    world.send(worker, Command::EchoReq, &["x"]);
    assert_eq!(counts(&world), [3, 1, 1, 1]);
    let worker = held_worker(&mut world, &["h"]);
    world.broker.interrupt(worker, &mut world.mailbox);
    let worker = held_worker(&mut world, &["i"]);
    world.disconnect(worker);
    assert_eq!(counts(&world), [5, 1, 1, 3]);
    assert_eq!(world.broker.long_polls().pending(), 0);
    world.broker.recount();
}

#[test]
fn a_packet_of_a_held_worker_is_answered_after_its_no_job() {
    let packets: [(Command, &[&str], &[&str]); 7] = [
        (Command::PreSleep, &[], &[]),
        (Command::GrabJob, &[], &["NO_JOB"]),
        (Command::EchoReq, &["here"], &["ECHO_RES here"]),
        (Command::CanDo, &["g"], &[]),
        (Command::CantDo, &["f"], &[]),
        (Command::WorkFail, &["H:9"], &["ERROR JOB_NOT_FOUND Job given in work result not found"]),
        (Command::Noop, &[], &["ERROR INVALID_COMMAND Command not expected"]),
    ];
    for (command, parts, answer) in packets {
        let mut world = World::new();
        let worker = held_worker(&mut world, &["f"]);
        let mail = world.ask(worker, command, parts);
        assert_eq!(mail[0], "NO_JOB");
        assert_eq!(mail[1..], *answer);
        world.background("f", "x");
        world.background("g", "x");
        let woken = match command {
            Command::PreSleep => vec!["NOOP"],
            _ => vec![],
        };
        assert_eq!(world.mail(worker), woken, "after {}", command.name());
        world.broker.recount();
    }
}

#[test]
fn a_line_of_text_or_an_incomplete_packet_ends_a_long_poll() {
    let mut world = World::new();
    let worker = held_worker(&mut world, &["f"]);
    world.broker.interrupt(worker, &mut world.mailbox);
    assert_eq!(world.mail(worker), ["NO_JOB"]);
    let worker = held_worker(&mut world, &["f"]);
    world.broker.incomplete_packet(worker, &mut world.mailbox);
    assert!(world.mail(worker)[0] == "NO_JOB");
}

#[test]
fn a_job_goes_to_the_long_poll_and_no_sleeping_worker_is_woken() {
    for wakeup in [Wakeup::All, Wakeup::AsNeeded, Wakeup::AtMost(2)] {
        let mut world = World::with(|config| config.wakeup = wakeup);
        let worker = predicted_worker(&mut world, &["f"]);
        let sleeper = world.worker(&["f"]);
        fall_asleep(&mut world, sleeper);
        assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
        world.background("f", "1");
        assert_eq!(world.mail(worker).len(), 1);
        assert_eq!(world.mail(sleeper), [""; 0]);
        // The next job wakes the sleeping worker.
        world.background("f", "2");
        assert_eq!(world.mail(sleeper), ["NOOP"]);
    }
}

#[test]
fn a_long_poll_gets_a_job_of_any_of_its_functions() {
    let mut world = World::new();
    let worker = held_worker(&mut world, &["f", "g"]);
    world.background("h", "x");
    assert_eq!(world.mail(worker), [""; 0]);
    world.background("g", "x");
    assert_eq!(world.mail(worker), ["JOB_ASSIGN_UNIQ H:6 g  x"]);
}

#[test]
fn a_long_poll_gets_no_job_of_a_paused_function_until_it_is_resumed() {
    for wakeup in [Wakeup::All, Wakeup::AsNeeded, Wakeup::AtMost(2)] {
        let mut world = World::with(|config| config.wakeup = wakeup);
        let workers = [0; 2].map(|_| predicted_worker(&mut world, &["f"]));
        for worker in workers {
            assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
        }
        world.broker.pause(b"f");
        (1..=3).for_each(|job| world.background("f", &job.to_string()));
        workers.iter().for_each(|&worker| assert_eq!(world.mail(worker), [""; 0]));
        world.broker.resume(b"f", &mut world.mailbox);
        let jobs = workers.map(|worker| world.mail(worker));
        assert_eq!(jobs[1], ["JOB_ASSIGN_UNIQ H:9 f  1"]);
        assert_eq!(jobs[0], ["JOB_ASSIGN_UNIQ H:10 f  2"]);
    }
}

#[test]
fn a_long_poll_gets_the_job_that_another_worker_lost() {
    let mut world = World::new();
    let (worker, other) = (predicted_worker(&mut world, &["f"]), world.worker(&["f"]));
    world.background("f", "x");
    assert_eq!(world.ask(other, Command::GrabJobUniq, &[]).len(), 1);
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
    world.disconnect(other);
    assert_eq!(world.mail(worker), ["JOB_ASSIGN_UNIQ H:5 f  x"]);
}

#[test]
fn a_held_worker_is_listed_as_not_sleeping() {
    let mut world = World::new();
    let worker = held_worker(&mut world, &["f"]);
    let sleeping = |world: &World| {
        let mut cursor = ConnectionCursor::new(&world.broker);
        collect_items(|| cursor.next(&world.broker)).iter().map(|c| c.sleeping).collect::<Vec<_>>()
    };
    assert_eq!(sleeping(&world), [false]);
    world.send(worker, Command::PreSleep, &[]);
    assert_eq!(sleeping(&world), [true]);
}

#[test]
fn a_held_grab_ends_when_its_worker_disconnects() {
    let mut world = World::new();
    let worker = held_worker(&mut world, &["f"]);
    world.disconnect(worker);
    world.background("f", "x");
    world.pass(HOLD_MS);
    assert_eq!(world.status("f"), Some((1, 0, 0)));
    assert_eq!(world.broker.next_due(), (None, None));
    world.broker.recount();
}

#[test]
fn a_prediction_is_checked_after_64_long_polls() {
    let mut world = World::new();
    let worker = predicted_worker(&mut world, &["f"]);
    let mut held: u8 = 0;
    loop {
        match &world.ask(worker, Command::GrabJobUniq, &[])[..] {
            [] => {
                world.background("f", "x");
                let job = world.mail(worker);
                complete(&mut world, worker, &job);
                held += 1;
            }
            [answer] => break assert_eq!(answer, "NO_JOB"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(held, PREDICTIONS_BEFORE_CHECK);
    // One hit renews the prediction.
    assert_eq!(world.ask(worker, Command::PreSleep, &[]), [""; 0]);
    wake_for_one(&mut world, worker, "f");
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
}

#[test]
fn a_grab_after_a_job_of_10_ms_is_answered_at_once() {
    let mut world = World::new();
    let worker = held_worker(&mut world, &["f"]);
    for _ in 0..3 {
        world.background("f", "x");
        let job = world.mail(worker);
        world.pass(10);
        complete(&mut world, worker, &job);
        // Its next job here is submitted at once, but another server may have one too.
        assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), ["NO_JOB"]);
        assert_eq!(world.ask(worker, Command::PreSleep, &[]), [""; 0]);
        wake_for_one(&mut world, worker, "f");
        assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
    }
}

#[test]
fn a_hold_of_0_ms_switches_long_polls_off() {
    let mut world = World::with(|config| config.delayed_replies.grab_hold_ms = 0);
    let worker = predicted_worker(&mut world, &["f"]);
    fall_asleep(&mut world, worker);
}
