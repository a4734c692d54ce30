//! Paused functions, whose jobs are not handed out.

use super::*;

#[test]
fn a_paused_function_accepts_jobs_and_hands_none_out() {
    let mut world = World::new();
    let worker = world.worker(&["f", "g"]);
    world.background("f", "before");
    assert!(world.broker.pause(b"f"));
    world.background("f", "after");
    world.background("g", "other");
    assert_eq!(world.drain(worker), ["other"]);
    assert_eq!(world.ask(worker, Command::GrabJob, &[]), ["NO_JOB"]);
    assert!(world.broker.resume(b"f", &mut world.mailbox));
    assert_eq!(world.drain(worker), ["before", "after"]);
}

#[test]
fn no_worker_is_woken_for_a_paused_function() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    world.broker.pause(b"f");
    world.send(worker, Command::PreSleep, &[]);
    world.background("f", "x");
    world.pass(1000);
    assert_eq!(world.mail(worker), [""; 0]);
    let late = world.connect();
    world.send(late, Command::PreSleep, &[]);
    assert_eq!(world.ask(late, Command::CanDo, &["f"]), [""; 0]);
}

#[test]
fn resuming_a_function_wakes_its_sleeping_workers() {
    for wakeup in [Wakeup::All, Wakeup::AsNeeded, Wakeup::AtMost(1)] {
        let mut world = World::with(|config| config.wakeup = wakeup);
        let worker = world.worker(&["f"]);
        world.broker.pause(b"f");
        world.background("f", "x");
        world.send(worker, Command::PreSleep, &[]);
        assert_eq!(world.mail(worker), [""; 0]);
        world.broker.resume(b"f", &mut world.mailbox);
        assert_eq!(world.mail(worker), ["NOOP"], "{wakeup:?}");
    }
}

#[test]
fn resuming_a_function_wakes_as_many_workers_as_if_its_jobs_were_submitted_then() {
    let mut world = World::with(|config| config.wakeup = Wakeup::AtMost(2));
    let workers = [(); 6].map(|()| world.worker(&["f"]));
    world.broker.pause(b"f");
    world.background("f", "1");
    world.background("f", "2");
    for worker in workers {
        world.send(worker, Command::PreSleep, &[]);
    }
    world.broker.resume(b"f", &mut world.mailbox);
    assert_eq!(workers.map(|worker| world.mail(worker).len()), [1, 1, 1, 1, 0, 0]);
}

#[test]
fn resuming_a_function_without_jobs_wakes_no_worker() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    world.send(worker, Command::PreSleep, &[]);
    world.broker.pause(b"f");
    world.broker.resume(b"f", &mut world.mailbox);
    world.broker.resume(b"f", &mut world.mailbox);
    assert_eq!(world.mail(worker), [""; 0]);
}

#[test]
fn a_running_job_of_a_paused_function_can_be_completed() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    world.send(client, Command::SubmitJob, &["f", "", "x"]);
    world.drain(worker);
    world.mail(client);
    world.broker.pause(b"f");
    world.send(worker, Command::WorkComplete, &["H:1", "done"]);
    assert_eq!(world.mail(client), ["WORK_COMPLETE H:1 done"]);
}

#[test]
fn a_job_that_is_lost_or_due_while_its_function_is_paused_is_handed_out_after_resuming() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    world.send(client, BG, &["f", "", "lost"]);
    world.drain(worker);
    let due = (world.now.unix.0 + 1).to_string();
    world.send(client, Command::SubmitJobEpoch, &["f", "", &due, "later"]);
    world.broker.pause(b"f");
    world.disconnect(worker);
    world.pass(2000);
    let other = world.worker(&["f"]);
    assert_eq!(world.drain(other), [""; 0]);
    world.broker.resume(b"f", &mut world.mailbox);
    assert_eq!(world.drain(other), ["lost", "later"]);
}

#[test]
fn a_paused_job_can_be_cancelled_and_its_function_dropped() {
    let mut world = World::new();
    world.broker.create_function(b"f");
    world.broker.pause(b"f");
    world.background("f", "x");
    world.background("f", "y");
    assert_eq!(world.broker.cancel(b"H:1", &mut world.mailbox), Cancelled::Yes);
    assert_eq!(world.drop_function(b"f"), Dropped::Yes(1));
    world.broker.recount();
    world.background("f", "z");
    assert_eq!(world.function("f").map(|f| f.paused), Some(false));
}

#[test]
fn a_function_that_does_not_exist_cannot_be_paused() {
    let mut world = World::new();
    assert!(!world.broker.pause(b"f"));
    assert!(!world.broker.resume(b"f", &mut world.mailbox));
    assert!(world.function("f").is_none());
}
