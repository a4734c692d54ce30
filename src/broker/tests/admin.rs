//! Changes that administrators make to functions and jobs.

use super::*;

#[test]
fn a_cancelled_queued_job_is_removed_and_its_client_gets_work_fail() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    world.mail(client);
    assert_eq!(world.broker.cancel(b"H:1", &mut world.mailbox), Cancelled::Yes);
    assert_eq!(world.mail(client), ["WORK_FAIL H:1"]);
    assert_eq!(world.broker.cancel(b"H:1", &mut world.mailbox), Cancelled::Unknown);
    assert_eq!(world.drain(worker), [""; 0]);
}

#[test]
fn what_the_worker_of_a_cancelled_job_reports_is_ignored_until_it_has_ended() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    world.drain(worker);
    world.mail(client);
    assert_eq!(world.broker.cancel(b"H:1", &mut world.mailbox), Cancelled::Yes);
    for (command, parts) in [
        (Command::WorkData, &["H:1", "some"][..]),
        (Command::WorkStatus, &["H:1", "1", "2"]),
        (Command::WorkComplete, &["H:1", "done"]),
    ] {
        assert_eq!(world.ask(worker, command, parts), [""; 0]);
    }
    let twice = world.ask(worker, Command::WorkFail, &["H:1"]);
    assert_eq!(twice, ["ERROR JOB_NOT_FOUND Job given in work result not found"]);
    assert_eq!(world.mail(client), ["WORK_FAIL H:1"]);
}

#[test]
fn a_cancelled_delayed_job_is_not_queued() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    let due = (world.now.unix.0 + 10).to_string();
    world.send(client, Command::SubmitJobEpoch, &["f", "u", &due, "x"]);
    world.broker.cancel(b"H:1", &mut world.mailbox);
    assert_eq!(world.broker.next_due(), (None, None));
    world.pass(20_000);
    assert_eq!(world.drain(worker), [""; 0]);
}

#[test]
fn a_function_with_workers_is_not_dropped() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    assert_eq!(world.drop_function(b"f"), Dropped::InUse);
    world.disconnect(worker);
    assert_eq!(world.drop_function(b"F"), Dropped::Yes(0));
    assert_eq!(world.drop_function(b"f"), Dropped::Unknown);
}

#[test]
fn dropping_a_function_fails_its_jobs() {
    let mut world = World::new();
    let client = world.connect();
    let later = (world.now.unix.0 + 10).to_string();
    world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    world.send(client, Command::SubmitJobEpoch, &["f", "", &later, "x"]);
    world.send(client, BG, &["other", "", "x"]);
    world.mail(client);
    assert_eq!(world.drop_function(b"f"), Dropped::Yes(2));
    assert_eq!(world.mail(client), ["WORK_FAIL H:1"]);
    assert_eq!(world.broker.job_count(), 1);
    assert_eq!(world.ask(client, BG, &["f", "u", "x"]), ["JOB_CREATED H:4"]);
}

#[test]
fn dropping_a_queue_fails_waiting_jobs_and_keeps_the_function_and_its_running_job() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    let later = (world.now.unix.0 + 10).to_string();
    world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    world.drain(worker);
    world.send(client, Command::SubmitJob, &["f", "v", "x"]);
    world.send(client, Command::SubmitJobEpoch, &["f", "", &later, "x"]);
    world.send(client, BG, &["other", "", "x"]);
    world.mail(client);
    assert_eq!(world.broker.queue_length(b"f"), Some(2));
    assert_eq!(world.drop_queue(b"f"), Dropped::Yes(2));
    assert_eq!(world.mail(client), ["WORK_FAIL H:2"]);
    assert_eq!(world.broker.queue_length(b"f"), Some(0));
    assert_eq!(world.status("f"), Some((1, 1, 1)));
    assert_eq!(world.status("other"), Some((1, 0, 0)));
    world.send(worker, Command::WorkComplete, &["H:1", "done"]);
    assert_eq!(world.mail(client), ["WORK_COMPLETE H:1 done"]);
    assert_eq!(world.drop_queue(b"unknown"), Dropped::Unknown);
}

#[test]
fn a_created_function_is_listed() {
    let mut world = World::new();
    world.broker.create_function(b"f");
    assert_eq!(world.status("f"), Some((0, 0, 0)));
}

#[test]
fn jobs_are_listed_with_their_retries_and_their_stage() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    world.send(client, Command::SubmitJob, &["f", "a", "1"]);
    world.send(worker, Command::GrabJob, &[]);
    world.send(worker, Command::ResetAbilities, &[]);
    world.send(worker, Command::CanDo, &["f"]);
    world.send(worker, Command::GrabJob, &[]);
    world.send(client, BG, &["f", "b", "2"]);
    world.disconnect(client);
    let jobs = world.jobs();
    let seen: Vec<_> =
        jobs.iter().map(|job| (&*job.handle, job.unique, job.retries, job.is_ignored())).collect();
    assert_eq!(seen, [(&b"H:1"[..], &b"a"[..], 1, true), (b"H:2", b"b", 0, false)]);
    assert!(matches!(jobs[0].state, JobState::Running(_)));
    assert!(matches!(jobs[1].state, JobState::Queued));
}

#[test]
fn a_job_is_cancelled_by_its_function_and_unique() {
    let mut world = World::new();
    let client = world.connect();
    for function in ["f", "g"] {
        world.send(client, Command::SubmitJob, &[function, "u", "x"]);
    }
    world.mail(client);
    let mut cancel = |function: &str, unique: &str| {
        world.broker.cancel_unique(function.as_bytes(), unique.as_bytes(), &mut world.mailbox)
    };
    assert_eq!(cancel("h", "u"), Cancelled::Unknown);
    assert_eq!(cancel("g", "v"), Cancelled::Unknown);
    assert_eq!(cancel("g", "u"), Cancelled::Yes);
    assert_eq!(cancel("g", "u"), Cancelled::Unknown);
    assert_eq!(world.mail(client), ["WORK_FAIL H:2"]);
    assert_eq!(world.jobs().len(), 1);
}

#[test]
fn an_empty_unique_and_the_unique_dash_cancel_no_job() {
    let mut world = World::new();
    let client = world.connect();
    for (unique, payload) in [("", "x"), ("-", "x"), ("-", ""), ("", "")] {
        world.send(client, BG, &["f", unique, payload]);
    }
    for unique in [&b""[..], b"-"] {
        let how = world.broker.cancel_unique(b"f", unique, &mut world.mailbox);
        assert_eq!(how, Cancelled::Unknown);
    }
    assert_eq!(world.jobs().len(), 4);
}
