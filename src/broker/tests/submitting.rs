//! SUBMIT_*: the answers to submissions, and which of them are queued.

use super::*;

#[test]
fn every_kind_of_submission_is_answered_with_a_handle() {
    let mut world = World::new();
    let client = world.connect();
    for (number, command) in [
        Command::SubmitJob,
        Command::SubmitJobBg,
        Command::SubmitJobHigh,
        Command::SubmitJobHighBg,
        Command::SubmitJobLow,
        Command::SubmitJobLowBg,
    ]
    .into_iter()
    .enumerate()
    {
        let answer = world.ask(client, command, &["f", "", "x"]);
        assert_eq!(answer, [format!("JOB_CREATED H:{}", number + 1)]);
    }
    assert_eq!(
        world.ask(client, Command::SubmitJobEpoch, &["f", "", "1", "x"]),
        ["JOB_CREATED H:7"]
    );
    for (command, handle) in
        [(Command::SubmitReduceJob, "H:8"), (Command::SubmitReduceJobBackground, "H:9")]
    {
        let answer = world.ask(client, command, &["f", "", "r", "", "x"]);
        assert_eq!(answer, [format!("JOB_CREATED {handle}")]);
    }
    assert_eq!(world.status("f"), Some((9, 0, 0)));
}

#[test]
fn a_reduce_job_of_a_disconnected_client_is_kept_only_if_it_is_a_background_job() {
    for (command, left) in [(Command::SubmitReduceJob, 0), (Command::SubmitReduceJobBackground, 1)]
    {
        let mut world = World::new();
        let client = world.connect();
        world.send(client, command, &["f", "", "r", "", "x"]);
        world.disconnect(client);
        assert_eq!(world.broker.job_count(), left);
    }
}

#[test]
fn a_unique_may_be_64_bytes_long_and_no_longer() {
    let mut world = World::new();
    let client = world.connect();
    let worker = world.worker(&["f"]);
    let unique = "u".repeat(64);
    assert_eq!(world.ask(client, BG, &["f", &unique, "x"]), ["JOB_CREATED H:1"]);
    assert_eq!(
        world.ask(client, BG, &["f", &"u".repeat(65), "x"]),
        ["ERROR ARGUMENT_TOO_LARGE Unique value too large"]
    );
    // A worker's buffer has room for 63 bytes and a NUL.
    let cut = &unique[..63];
    assert_eq!(
        world.ask(worker, Command::GrabJobUniq, &[]),
        [format!("JOB_ASSIGN_UNIQ H:1 f {cut} x")]
    );
}

#[test]
fn uniques_that_differ_in_their_last_byte_only_are_different() {
    let mut world = World::new();
    let client = world.connect();
    let (a, b) = ("u".repeat(63) + "a", "u".repeat(63) + "b");
    assert_eq!(world.ask(client, BG, &["f", &a, "x"]), ["JOB_CREATED H:1"]);
    assert_eq!(world.ask(client, BG, &["f", &b, "x"]), ["JOB_CREATED H:2"]);
}

#[test]
fn a_function_may_have_an_empty_name() {
    let mut world = World::new();
    world.background("", "x");
    let worker = world.worker(&[""]);
    assert_eq!(world.ask(worker, Command::GrabJob, &[]), ["JOB_ASSIGN H:1  x"]);
}

#[test]
fn a_full_queue_refuses_by_priority_and_counts_running_jobs() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    world.broker.limit_queue(b"f", [1, 2, 0]);
    let full = ["ERROR QUEUE_ERROR Job queue is full"];
    assert_eq!(world.ask(client, BG, &["f", "a", "1"]), ["JOB_CREATED H:1"]);
    world.send(worker, Command::GrabJob, &[]);
    assert_eq!(world.ask(client, Command::SubmitJobHighBg, &["f", "b", "2"]), full);
    assert_eq!(world.ask(client, BG, &["f", "b", "2"]), ["JOB_CREATED H:2"]);
    assert_eq!(world.ask(client, BG, &["f", "c", "3"]), full);
    assert_eq!(world.ask(client, Command::SubmitJobLowBg, &["f", "c", "3"]), ["JOB_CREATED H:3"]);
    // A submission that joins a job is not limited.
    assert_eq!(world.ask(client, Command::SubmitJobHigh, &["f", "a", "1"]), ["JOB_CREATED H:1"]);
}

#[test]
fn a_delayed_job_is_queued_at_its_second_and_wakes_a_worker() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    world.send(worker, Command::PreSleep, &[]);
    let due = (world.now.unix.0 + 10).to_string();
    assert_eq!(
        world.ask(client, Command::SubmitJobEpoch, &["f", "", &due, "x"]),
        ["JOB_CREATED H:1"]
    );
    assert_eq!(world.status("f"), Some((1, 0, 1)));
    world.pass(9_000);
    assert_eq!(world.mail(worker), [""; 0]);
    world.pass(1_000);
    assert_eq!(world.mail(worker), ["NOOP"]);
    assert_eq!(world.drain(worker), ["x"]);
}

#[test]
fn an_epoch_that_is_past_or_not_a_number_queues_the_job_at_once() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    for time in ["0", "-5", "junk"] {
        world.send(client, Command::SubmitJobEpoch, &["f", "", time, time]);
    }
    assert_eq!(world.drain(worker), ["0", "-5", "junk"]);
}

#[test]
fn an_epoch_that_does_not_fit_into_64_bits_is_refused() {
    let mut world = World::new();
    let client = world.connect();
    let answer =
        world.ask(client, Command::SubmitJobEpoch, &["f", "", "99999999999999999999", "x"]);
    assert_eq!(answer, ["ERROR INVALID_ARGUMENTS Epoch value too large"]);
}

#[test]
fn a_reducer_is_sent_only_in_answer_to_grab_job_all() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    for unique in ["1", "2", "3"] {
        world.send(client, Command::SubmitReduceJob, &["f", unique, "red", "unused", "x"]);
    }
    world.send(client, Command::SubmitReduceJob, &["f", "4", "", "unused", "x"]);
    assert_eq!(world.ask(worker, Command::GrabJobAll, &[]), ["JOB_ASSIGN_ALL H:1 f 1 red x"]);
    assert_eq!(world.ask(worker, Command::GrabJobUniq, &[]), ["JOB_ASSIGN_UNIQ H:2 f 2 x"]);
    assert_eq!(world.ask(worker, Command::GrabJob, &[]), ["JOB_ASSIGN H:3 f x"]);
    assert_eq!(world.ask(worker, Command::GrabJobAll, &[]), ["JOB_ASSIGN_UNIQ H:4 f 4 x"]);
}

#[test]
fn accepted_submissions_are_reported_and_refused_ones_are_not() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, BG, &["f", "u", "x"]);
    world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    world.send(client, Command::SubmitJobEpoch, &["g", "", "1900000000", "x"]);
    world.send(client, BG, &["f", &"u".repeat(65), "x"]);
    assert_eq!(world.mailbox.accepted, ["f u 0", "f u 0", "g  1900000000"]);
}

#[test]
fn commands_that_no_peer_may_send_are_refused() {
    let mut world = World::new();
    let client = world.connect();
    let refused = ["ERROR INVALID_COMMAND Command not expected"];
    let sched = ["f", "u", "*", "*", "*", "*", "*", "x"];
    assert_eq!(world.ask(client, Command::SubmitJobSched, &sched), refused);
    for command in [Command::AllYours, Command::Noop, Command::NoJob, Command::Unused] {
        assert_eq!(world.ask(client, command, &[]), refused, "{}", command.name());
    }
    world.send_as(Magic::Response, client, Command::GrabJob, &[]);
    assert_eq!(world.mail(client), ["ERROR INVALID_MAGIC Request magic expected"]);
}

#[test]
fn only_the_acknowledgement_of_a_foreground_job_may_be_held() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    world.send(client, Command::SubmitJobBg, &["f", "v", "x"]);
    // Both join a job; each submission has its own acknowledgement.
    world.send(client, Command::SubmitJobBg, &["f", "u", "x"]);
    world.send(client, Command::SubmitJobHigh, &["f", "v", "x"]);
    assert_eq!(world.mailbox.delayable, ["JOB_CREATED H:1", "JOB_CREATED H:2"]);
    assert_eq!(world.mail(client).len(), 4);
}

#[test]
fn a_job_that_is_due_in_the_current_second_is_queued_at_once() {
    let mut world = World::new();
    let client = world.connect();
    for (due, delayed) in [(0, 0), (1, 1)] {
        let due = (world.now.unix.0 + due).to_string();
        world.ask(client, Command::SubmitJobEpoch, &["f", "", &due, "x"]);
        assert_eq!(world.broker.counts().delayed, delayed);
    }
}

#[test]
fn a_job_whose_names_do_not_fit_into_a_packet_to_a_worker_is_refused() {
    let mut world = World::new();
    let client = world.connect();
    let unique = "u".repeat(60);
    for (length, unique, is_accepted) in [(3_000, &unique[..], true), (4_070, "", false)] {
        let name = "n".repeat(length);
        let answer = world.ask(client, Command::SubmitReduceJob, &[&name, unique, &name, "", "x"]);
        assert_eq!(answer[0].starts_with("JOB_CREATED"), is_accepted, "{length}: {answer:?}");
    }
}
