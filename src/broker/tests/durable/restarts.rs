//! A restarted broker has the jobs of the one before.

use super::*;

#[test]
fn a_restarted_broker_has_handles_order_priorities_and_due_times() {
    let mut durable = Durable::started();
    let client = durable.world.connect();
    let later = (durable.world.now.unix.0 + 60).to_string();
    for (command, parts) in [
        (Command::SubmitJobLowBg, &["f", "", "low"][..]),
        (Command::SubmitJobBg, &["f", "", "first"]),
        (Command::SubmitJobEpoch, &["f", "", &later, "later"]),
        (Command::SubmitJobBg, &["f", "", "second"]),
        (Command::SubmitJobHighBg, &["f", "", "high"]),
    ] {
        durable.world.send(client, command, parts);
    }
    durable.commit();
    durable.restart();
    assert_eq!(durable.world.status("f"), Some((5, 0, 0)));
    assert_eq!(durable.work("f"), ["high", "first", "second", "low"]);
    durable.world.pass(60_000);
    assert_eq!(durable.work("f"), ["later"]);
    assert_eq!(durable.medium.numbers(), [0; 0]);
}

#[test]
fn a_job_keeps_its_handle_over_a_restart_and_no_handle_is_used_twice() {
    let mut durable = Durable::started();
    let first = durable.submit("f", "u", "x");
    let client = durable.world.connect();
    let lost = durable.world.ask(client, Command::SubmitJob, &["g", "", "x"]).remove(0);
    durable.restart();
    let (client, worker) = (durable.world.connect(), durable.world.worker(&["f"]));
    let status = durable.world.ask(client, Command::GetStatus, &[&first]);
    assert_eq!(status, [format!("STATUS_RES {first} 1 0 0 0")]);
    durable.commit();
    let assigned = durable.world.ask(worker, Command::GrabJob, &[]);
    assert_eq!(assigned, [format!("JOB_ASSIGN {first} f x")]);
    let next = durable.world.ask(client, Command::SubmitJob, &["g", "", "x"]).remove(0);
    assert!(next != lost && next != format!("JOB_CREATED {first}"), "{next}");
}

#[test]
fn no_handle_is_used_twice_although_only_foreground_jobs_came() {
    let number = |answer: &[String]| -> u64 {
        let digits = answer[0].rsplit(':').next().expect("a handle");
        digits.parse().expect("a number")
    };
    let mut durable = Durable::started();
    let client = durable.world.connect();
    let mut last = 0;
    for count in 0..70_000 {
        last = number(&durable.world.ask(client, Command::SubmitJob, &["f", "", ""]));
        if count % 20_000 == 0 {
            durable.commit();
        }
    }
    durable.restart();
    let client = durable.world.connect();
    assert!(number(&durable.world.ask(client, Command::SubmitJob, &["f", "", ""])) > last);
}

#[test]
fn attempts_are_counted_over_restarts() {
    let mut durable = Durable::started();
    durable.submit("f", "", "x");
    let worker = durable.world.worker(&["f"]);
    durable.world.drain(worker);
    durable.world.disconnect(worker);
    durable.commit();
    durable.restart();
    durable.world.worker(&["f"]);
    durable.fetch();
    assert_eq!(durable.world.jobs()[0].retries, 1);
}

#[test]
fn a_submission_waits_while_a_job_with_its_unique_may_be_in_the_store_only() {
    let mut durable = Durable::started();
    let handle = durable.submit("f", "u", "x");
    durable.crash();
    let broker = &mut durable.world.broker;
    assert!(broker.must_wait_for(Some(b"f"), b"other"), "nothing is known yet");
    assert!(!broker.must_wait_for(Some(b"f"), b""));
    durable.survey();
    let broker = &mut durable.world.broker;
    assert!(!broker.must_wait_for(Some(b"f"), b"other"));
    assert!(!broker.must_wait_for(Some(b"g"), b"u"), "the job is of another function");
    assert!(broker.must_wait_for(Some(b"f"), b"u"));
    assert!(broker.must_wait_for(Some(b"f"), b"u"), "it is still on its way");
    durable.fetch();
    assert!(!durable.world.broker.must_wait_for(Some(b"f"), b"u"));
    assert_eq!(durable.submit("f", "u", "y"), handle);
    assert_eq!(durable.work("f"), ["x"]);
}

#[test]
fn a_status_by_unique_waits_for_a_parked_job_of_any_function() {
    let mut durable = Durable::started();
    durable.submit("f", "u", "x");
    durable.restart();
    assert!(durable.world.broker.must_wait_for(None, b"u"));
    durable.fetch();
    assert!(!durable.world.broker.must_wait_for(None, b"u"));
    let client = durable.world.connect();
    let status = durable.world.ask(client, Command::GetStatusUnique, &["u"]);
    assert_eq!(status, ["STATUS_RES_UNIQUE u 1 0 0 0 0"]);
}

#[test]
fn new_jobs_stand_behind_those_of_before_the_restart() {
    let mut durable = Durable::started();
    (1..=10).for_each(|n| {
        durable.submit("f", "", &n.to_string());
    });
    durable.crash();
    durable.submit("f", "", "during the survey");
    durable.survey();
    durable.submit("f", "", "after it");
    let mut expected: Vec<String> = (1..=10).map(|n| n.to_string()).collect();
    expected.extend(["during the survey".into(), "after it".into()]);
    let payloads: Vec<_> = durable.work("f");
    assert_eq!(payloads.len(), expected.len());
    assert_eq!(
        payloads,
        expected.iter().map(|p| p.rsplit(' ').next().unwrap_or("")).collect::<Vec<_>>()
    );
}

#[test]
fn new_jobs_stand_behind_those_that_are_being_fetched() {
    let mut durable = Durable::started();
    durable.submit("f", "", "old");
    durable.restart();
    // Its arrival has the old job fetched, and the new one is committed before that comes.
    let worker = durable.world.worker(&["f"]);
    durable.submit("f", "", "new");
    durable.world.disconnect(worker);
    assert_eq!(durable.work("f"), ["old", "new"]);
}

#[test]
fn a_job_that_its_payload_identifies_is_joined_after_a_restart() {
    let mut durable = Durable::started();
    let handle = durable.submit("f", "-", "x");
    durable.crash();
    durable.survey_without_fetching();
    assert!(durable.world.broker.must_wait_for(Some(b"f"), b"-"), "it is on its way");
    durable.fetch();
    assert!(!durable.world.broker.must_wait_for(Some(b"f"), b"-"));
    assert_eq!(durable.submit("f", "-", "x"), handle);
    assert_ne!(durable.submit("f", "-", "y"), handle);
    assert_eq!(durable.work("f"), ["x", "y"]);
}
