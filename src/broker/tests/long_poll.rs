//! A worker whose next job is expected gets it in place of NO_JOB.

use super::*;

/// Jobs in close succession that a worker has to be seen with.
const PROOF: usize = 4;

/// A job for a worker that sleeps; it is done at once, and the worker awake.
fn wake_for_one(world: &mut World, worker: ConnectionKey, function: &str) {
    world.background(function, "x");
    assert_eq!(world.mail(worker), ["NOOP"]);
    take_one(world, worker);
}

/// A worker takes a job and does it.
fn take_one(world: &mut World, worker: ConnectionKey) {
    let job = world.ask(worker, Command::GrabJobUniq, &[]);
    done(world, worker, &job);
}

/// A worker does the job that it was handed.
fn done(world: &mut World, worker: ConnectionKey, job: &[String]) {
    let [job] = job else { panic!("no job, but {job:?}") };
    let handle = job.split(' ').nth(1).expect("a handle");
    world.send(worker, Command::WorkComplete, &[handle, ""]);
}

fn fall_asleep(world: &mut World, worker: ConnectionKey) {
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), ["NO_JOB"]);
    assert_eq!(world.ask(worker, Command::PreSleep, &[]), [""; 0]);
}

/// So many jobs follow each other closely, each a moment after the worker was told
/// that there is none.
fn work_closely(world: &mut World, worker: ConnectionKey, function: &str, jobs: usize) {
    for _ in 0..jobs {
        fall_asleep(world, worker);
        wake_for_one(world, worker, function);
    }
}

/// A worker whose jobs have followed each other closely; it is awake.
fn prompt(world: &mut World, functions: &[&str]) -> ConnectionKey {
    let worker = world.worker(functions);
    work_closely(world, worker, functions[0], PROOF);
    worker
}

/// The same, and it has asked for the next.
fn lingerer(world: &mut World, functions: &[&str]) -> ConnectionKey {
    let worker = prompt(world, functions);
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
    worker
}

#[test]
fn the_next_job_is_the_answer() {
    let mut world = World::new();
    let worker = lingerer(&mut world, &["f"]);
    world.pass(LINGER - 1);
    world.background("f", "next");
    assert_eq!(world.mail(worker), ["JOB_ASSIGN_UNIQ H:5 f  next"]);
    assert_eq!(world.status("f"), Some((1, 1, 1)));
    // Nothing is left to wake up for.
    world.pass(0);
    assert_eq!(world.broker.next_due(), (None, None));
}

#[test]
fn a_wait_is_not_cut_short_by_the_end_of_the_one_before_it() {
    let mut world = World::new();
    let worker = lingerer(&mut world, &["f"]);
    world.pass(LINGER - 1);
    world.background("f", "next");
    let job = world.mail(worker);
    done(&mut world, worker, &job);
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
    for _ in 1..LINGER {
        world.pass(1);
        assert_eq!(world.mail(worker), [""; 0]);
    }
    world.pass(1);
    assert_eq!(world.mail(worker), ["NO_JOB"]);
}

#[test]
fn the_answer_is_of_the_kind_that_was_asked_for() {
    let mut world = World::new();
    for (number, (grab, answer)) in [
        (Command::GrabJob, "JOB_ASSIGN H:5 f x"),
        (Command::GrabJobUniq, "JOB_ASSIGN_UNIQ H:10 f u x"),
        (Command::GrabJobAll, "JOB_ASSIGN_ALL H:15 f u r x"),
    ]
    .into_iter()
    .enumerate()
    {
        let (worker, client) = (prompt(&mut world, &["f"]), world.connect());
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
fn the_answer_is_no_job_when_none_has_come_by_then() {
    let mut world = World::new();
    let worker = lingerer(&mut world, &["f"]);
    assert_eq!(world.broker.next_due(), (Some(world.now.ticks + LINGER), None));
    world.pass(LINGER - 1);
    assert_eq!(world.mail(worker), [""; 0]);
    world.pass(1);
    assert_eq!(world.mail(worker), ["NO_JOB"]);
    assert_eq!(world.broker.next_due(), (None, None));
}

#[test]
fn who_lingered_in_vain_has_to_show_its_habit_again() {
    let mut world = World::new();
    let worker = lingerer(&mut world, &["f"]);
    world.pass(LINGER);
    world.mail(worker);
    work_closely(&mut world, worker, "f", PROOF);
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
}

#[test]
fn who_gets_its_jobs_later_is_answered_at_once() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    for _ in 0..2 * PROOF {
        fall_asleep(&mut world, worker);
        world.pass(LINGER);
        wake_for_one(&mut world, worker, "f");
    }
    fall_asleep(&mut world, worker);
}

#[test]
fn one_job_that_comes_later_takes_away_what_a_worker_has_shown() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    work_closely(&mut world, worker, "f", PROOF - 1);
    fall_asleep(&mut world, worker);
    world.pass(LINGER);
    wake_for_one(&mut world, worker, "f");
    work_closely(&mut world, worker, "f", PROOF - 1);
    fall_asleep(&mut world, worker);
}

#[test]
fn who_may_have_had_a_job_of_another_server_is_answered_at_once() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    for _ in 0..2 * PROOF {
        // It comes back without having slept.
        assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), ["NO_JOB"]);
        world.background("f", "x");
        take_one(&mut world, worker);
        // It sleeps, but only after something else.
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
fn whatever_else_it_says_it_hears_first_that_there_is_no_job() {
    let words: [(Command, &[&str], &[&str]); 7] = [
        (Command::PreSleep, &[], &[]),
        (Command::GrabJob, &[], &["NO_JOB"]),
        (Command::EchoReq, &["here"], &["ECHO_RES here"]),
        (Command::CanDo, &["g"], &[]),
        (Command::CantDo, &["f"], &[]),
        (Command::WorkFail, &["H:9"], &["ERROR JOB_NOT_FOUND Job given in work result not found"]),
        (Command::Noop, &[], &["ERROR UNKNOWN_COMMAND Command not expected"]),
    ];
    for (command, parts, answer) in words {
        let mut world = World::new();
        let worker = lingerer(&mut world, &["f"]);
        let mail = world.ask(worker, command, parts);
        assert_eq!(mail[0], "NO_JOB");
        assert_eq!(mail[1..].len(), answer.len(), "{mail:?}");
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
fn what_is_no_packet_ends_the_wait_too() {
    let mut world = World::new();
    let worker = lingerer(&mut world, &["f"]);
    world.broker.interrupt(worker, &mut world.mailbox);
    assert_eq!(world.mail(worker), ["NO_JOB"]);
    let worker = lingerer(&mut world, &["f"]);
    world.broker.incomplete_packet(worker, &mut world.mailbox);
    assert!(world.mail(worker)[0] == "NO_JOB");
}

#[test]
fn it_has_the_job_before_anybody_who_sleeps_and_nobody_is_woken() {
    for wakeup in [Wakeup::All, Wakeup::AsNeeded, Wakeup::AtMost(2)] {
        let mut world = World::with(|config| config.wakeup = wakeup);
        let worker = prompt(&mut world, &["f"]);
        let sleeper = world.worker(&["f"]);
        fall_asleep(&mut world, sleeper);
        assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
        world.background("f", "1");
        assert_eq!(world.mail(worker).len(), 1);
        assert_eq!(world.mail(sleeper), [""; 0]);
        // The next one is for the sleeper.
        world.background("f", "2");
        assert_eq!(world.mail(sleeper), ["NOOP"]);
    }
}

#[test]
fn it_gets_a_job_of_any_of_its_functions() {
    let mut world = World::new();
    let worker = lingerer(&mut world, &["f", "g"]);
    world.background("h", "x");
    assert_eq!(world.mail(worker), [""; 0]);
    world.background("g", "x");
    assert_eq!(world.mail(worker), ["JOB_ASSIGN_UNIQ H:6 g  x"]);
}

#[test]
fn it_gets_no_job_of_a_paused_function_before_that_goes_on() {
    for wakeup in [Wakeup::All, Wakeup::AsNeeded, Wakeup::AtMost(2)] {
        let mut world = World::with(|config| config.wakeup = wakeup);
        let workers = [0; 2].map(|_| prompt(&mut world, &["f"]));
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
fn it_gets_the_job_that_another_worker_lost() {
    let mut world = World::new();
    let (worker, other) = (prompt(&mut world, &["f"]), world.worker(&["f"]));
    world.background("f", "x");
    assert_eq!(world.ask(other, Command::GrabJobUniq, &[]).len(), 1);
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
    world.disconnect(other);
    assert_eq!(world.mail(worker), ["JOB_ASSIGN_UNIQ H:5 f  x"]);
}

#[test]
fn it_is_shown_as_one_that_does_not_sleep() {
    let mut world = World::new();
    let worker = lingerer(&mut world, &["f"]);
    let sleeping = |world: &World| {
        let mut walk = ConnectionWalk::new(&world.broker);
        walked(|| walk.step(&world.broker)).iter().map(|c| c.sleeping).collect::<Vec<_>>()
    };
    assert_eq!(sleeping(&world), [false]);
    world.send(worker, Command::PreSleep, &[]);
    assert_eq!(sleeping(&world), [true]);
}

#[test]
fn one_that_goes_away_is_forgotten() {
    let mut world = World::new();
    let worker = lingerer(&mut world, &["f"]);
    world.disconnect(worker);
    world.background("f", "x");
    world.pass(LINGER);
    assert_eq!(world.status("f"), Some((1, 0, 0)));
    assert_eq!(world.broker.next_due(), (None, None));
    world.broker.recount();
}

#[test]
fn now_and_then_the_habit_is_looked_at_again() {
    let mut world = World::new();
    let worker = prompt(&mut world, &["f"]);
    let mut lingered = 0;
    loop {
        match &world.ask(worker, Command::GrabJobUniq, &[])[..] {
            [] => {
                world.background("f", "x");
                let job = world.mail(worker);
                done(&mut world, worker, &job);
                lingered += 1;
            }
            [answer] => break assert_eq!(answer, "NO_JOB"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(lingered, 64);
    // One look is enough.
    assert_eq!(world.ask(worker, Command::PreSleep, &[]), [""; 0]);
    wake_for_one(&mut world, worker, "f");
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
}

#[test]
fn between_long_jobs_it_is_told_that_there_is_none_for_another_server_may_have_one() {
    let mut world = World::new();
    let worker = lingerer(&mut world, &["f"]);
    for _ in 0..3 {
        world.background("f", "x");
        let job = world.mail(worker);
        world.pass(10);
        done(&mut world, worker, &job);
        // Its next job comes at once, as always; but another waits elsewhere.
        assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), ["NO_JOB"]);
        assert_eq!(world.ask(worker, Command::PreSleep, &[]), [""; 0]);
        wake_for_one(&mut world, worker, "f");
        assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), [""; 0]);
    }
}

#[test]
fn without_a_moment_nobody_lingers() {
    let mut world = World::with(|config| config.linger = 0);
    let worker = prompt(&mut world, &["f"]);
    fall_asleep(&mut world, worker);
}
