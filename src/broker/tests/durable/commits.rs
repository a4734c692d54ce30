//! What is acknowledged is stored, and what has ended is not.

use super::*;

#[test]
fn a_background_job_is_acknowledged_and_queued_when_it_is_stored() {
    let mut durable = Durable::started();
    let worker = durable.world.worker(&["f"]);
    let client = durable.world.connect();
    durable.world.send(client, BG, &["f", "u", "x"]);
    assert_eq!(durable.world.mail(client), [""; 0]);
    assert_eq!(durable.world.ask(worker, Command::GrabJob, &[]), ["NO_JOB"]);
    assert_eq!(durable.world.status("f"), Some((0, 0, 1)), "it is not listed");
    durable.commit();
    assert_eq!(durable.world.mail(client), ["JOB_CREATED H:1"]);
    assert_eq!(durable.medium.numbers(), [1]);
    assert_eq!(durable.world.drain(worker), ["x"]);
}

#[test]
fn a_foreground_job_is_acknowledged_at_once_and_never_stored() {
    let mut durable = Durable::started();
    let client = durable.world.connect();
    let answer = durable.world.ask(client, Command::SubmitJob, &["f", "u", "x"]);
    assert_eq!(answer, ["JOB_CREATED H:1"]);
    durable.commit();
    assert_eq!(durable.medium.numbers(), [0; 0]);
}

#[test]
fn a_job_of_a_volatile_function_is_not_stored() {
    let volatile = vec![Pattern::of_text(b"log_*")];
    let mut durable = Durable::new(DurableConfig { volatile, ..settings() });
    durable.survey();
    let client = durable.world.connect();
    let answer = durable.world.ask(client, BG, &["log_access", "", "x"]);
    assert_eq!(answer, ["JOB_CREATED H:1"]);
    assert_eq!(durable.submit("logs", "", "y"), "H:2");
    assert_eq!(durable.medium.numbers(), [2]);
}

#[test]
fn a_completed_or_failed_job_is_removed_from_the_store() {
    for end in [Command::WorkComplete, Command::WorkFail] {
        let mut durable = Durable::started();
        durable.submit("f", "", "x");
        let worker = durable.world.worker(&["f"]);
        durable.world.drain(worker);
        let parts: &[&str] = if end == Command::WorkFail { &["H:1"] } else { &["H:1", ""] };
        durable.world.send(worker, end, parts);
        durable.commit();
        assert_eq!(durable.medium.numbers(), [0; 0]);
    }
}

#[test]
fn submissions_that_join_a_job_before_its_commit_are_acknowledged_with_it() {
    let mut durable = Durable::started();
    let clients = [(); 3].map(|()| durable.world.connect());
    durable.world.send(clients[0], BG, &["f", "u", "x"]);
    durable.world.send(clients[1], BG, &["f", "u", "x"]);
    durable.world.send(clients[2], Command::SubmitJob, &["f", "u", "x"]);
    for client in clients {
        assert_eq!(durable.world.mail(client), [""; 0]);
    }
    durable.commit();
    for client in clients {
        assert_eq!(durable.world.mail(client), ["JOB_CREATED H:1"]);
    }
    assert_eq!(durable.medium.numbers(), [1]);
}

#[test]
fn submissions_that_join_a_job_before_its_commit_fail_with_it() {
    let mut durable = Durable::started();
    let clients = [(); 3].map(|()| durable.world.connect());
    durable.world.send(clients[0], BG, &["f", "u", "x"]);
    durable.world.send(clients[1], BG, &["f", "u", "x"]);
    durable.world.send(clients[2], Command::SubmitJob, &["f", "u", "x"]);
    let error = StoreError::NotCommitted("the disk is full".to_owned());
    durable.medium.plan([Some(StoreFault::Refused(error))]);
    durable.commit();
    for client in clients {
        assert_eq!(durable.world.mail(client), ["ERROR QUEUE_ERROR "]);
    }
    assert_eq!(durable.world.status("f"), Some((0, 0, 0)));
    durable.submit("f", "u", "y");
    assert_eq!(durable.work("f"), ["y"]);
}

#[test]
fn a_background_submission_makes_the_foreground_job_that_it_joins_durable() {
    let mut durable = Durable::started();
    let (client, other) = (durable.world.connect(), durable.world.connect());
    durable.world.ask(client, Command::SubmitJob, &["f", "u", "x"]);
    assert_eq!(durable.world.ask(other, BG, &["f", "u", "x"]), [""; 0]);
    durable.commit();
    assert_eq!(durable.world.mail(other), ["JOB_CREATED H:1"]);
    durable.world.disconnect(client);
    durable.restart();
    assert_eq!(durable.work("f"), ["x"]);
}

#[test]
fn a_foreground_job_stays_when_the_store_refuses_a_background_submission_that_joined_it() {
    let mut durable = Durable::started();
    let (client, other) = (durable.world.connect(), durable.world.connect());
    durable.world.ask(client, Command::SubmitJob, &["f", "u", "x"]);
    durable.world.send(other, BG, &["f", "u", "x"]);
    durable.medium.plan([Some(StoreFault::Refused(StoreError::NotCommitted(String::new())))]);
    durable.commit();
    assert_eq!(durable.world.mail(other), ["ERROR QUEUE_ERROR "]);
    assert_eq!(durable.work("f"), ["x"]);
    assert_eq!(durable.world.mail(client), ["WORK_COMPLETE H:1 "]);
}

#[test]
fn a_job_that_is_cancelled_before_its_commit_is_gone_afterwards() {
    let mut durable = Durable::started();
    let client = durable.world.connect();
    durable.world.send(client, BG, &["f", "u", "x"]);
    let World { broker, mailbox, .. } = &mut durable.world;
    assert_eq!(broker.cancel(b"H:1", mailbox), Cancelled::Yes);
    durable.commit();
    assert_eq!(durable.world.mail(client), ["JOB_CREATED H:1"]);
    assert_eq!(durable.medium.numbers(), [0; 0]);
    assert_eq!(durable.work("f"), [""; 0]);
}
