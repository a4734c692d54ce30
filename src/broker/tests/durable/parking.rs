//! Jobs that are only in the store, and what becomes of jobs at a shutdown.

use super::*;

#[test]
fn jobs_beyond_the_memory_limit_are_parked_and_come_back_in_their_order() {
    let mut durable = Durable::new(DurableConfig { memory_bytes_max: 1000, ..settings() });
    durable.survey();
    let numbers: Vec<String> = (1..=200).map(|n| n.to_string()).collect();
    numbers.iter().for_each(|n| {
        durable.submit("f", &format!("u{n}"), n);
    });
    assert!(durable.world.broker.job_count() < 20, "{}", durable.world.broker.job_count());
    assert_eq!(durable.world.status("f"), Some((200, 0, 0)));
    assert_eq!(durable.work("f"), numbers);
    assert_eq!(durable.world.status("f"), Some((0, 0, 0)));
    assert_eq!(durable.medium.numbers(), [0; 0]);
}

#[test]
fn large_jobs_are_fetched_by_their_bytes() {
    let payload = "x".repeat(1 << 20);
    let config = DurableConfig { payload_bytes_max: payload.len(), ..settings() };
    let mut durable = Durable::new(config);
    durable.survey();
    (0..80).for_each(|_| {
        durable.submit("f", "", &payload);
    });
    durable.restart();
    assert_eq!(durable.world.broker.job_count(), 0);
    durable.world.worker(&["f"]);
    durable.fetch();
    // How large they are is known from the first ones.
    let fetched = durable.world.broker.job_count();
    assert!((16..=64).contains(&fetched), "{fetched}");
    assert_eq!(durable.work("f").len(), 80);
}

#[test]
fn a_parked_job_can_be_cancelled_and_its_function_dropped() {
    let mut durable = Durable::started();
    let handle = durable.submit("f", "u", "x");
    durable.submit("f", "v", "y");
    let later = (durable.world.now.unix.0 + 60).to_string();
    let client = durable.world.connect();
    durable.world.send(client, Command::SubmitJobEpoch, &["f", "", &later, "z"]);
    durable.commit();
    durable.restart();
    let World { broker, mailbox, .. } = &mut durable.world;
    assert_eq!(broker.cancel(handle.as_bytes(), mailbox), Cancelled::Yes);
    assert_eq!(broker.cancel(handle.as_bytes(), mailbox), Cancelled::Unknown);
    assert_eq!(durable.world.status("f"), Some((2, 0, 0)));
    assert_eq!(durable.world.drop_function(b"f"), Dropped::Yes(2));
    durable.commit();
    assert_eq!(durable.medium.numbers(), [0; 0]);
}

#[test]
fn dropping_a_queue_removes_its_parked_jobs_from_the_store() {
    let mut durable = Durable::started();
    durable.submit("f", "u", "x");
    durable.submit("f", "", "y");
    durable.submit("g", "", "z");
    durable.restart();
    assert_eq!(durable.world.drop_queue(b"f"), Dropped::Yes(2));
    durable.commit();
    assert_eq!(durable.medium.numbers(), [3]);
    assert_eq!(durable.work("g"), ["z"]);
}

#[test]
fn parked_jobs_are_dropped_in_pieces_wherever_they_are() {
    let mut durable = Durable::started();
    let later = (durable.world.now.unix.0 + 60).to_string();
    let client = durable.world.connect();
    for function in ["f", "g"] {
        for n in 0..6 {
            durable.submit(function, &format!("{function}{n}"), "x");
            durable.world.send(client, Command::SubmitJobEpoch, &[function, "", &later, "z"]);
        }
    }
    durable.commit();
    durable.restart();
    // One is on its way into memory.
    assert!(durable.world.broker.must_wait_for(Some(b"f"), b"f3"));
    durable.world.broker.set_piece(2);
    let admin = durable.world.connect();
    let World { broker, mailbox, .. } = &mut durable.world;
    let pieces = std::iter::repeat_with(|| broker.drop_queue(admin, b"f", mailbox));
    let pieces: Vec<_> = pieces.take(100).take_while(|r| *r == Dropped::Unfinished).collect();
    assert!((6..100).contains(&pieces.len()), "{pieces:?}");
    durable.fetch();
    durable.world.broker.recount();
    assert_eq!(
        (durable.world.status("f"), durable.world.broker.parked_count()),
        (Some((0, 0, 0)), 12)
    );
    durable.commit();
    assert_eq!(durable.medium.numbers().len(), 12);
}

#[test]
fn a_shutdown_keeps_the_jobs_that_no_worker_could_do() {
    let mut durable = Durable::started();
    durable.submit("f", "", "x");
    durable.world.broker.drain();
    durable.world.broker.fail_remaining_jobs(&mut durable.world.mailbox);
    durable.commit();
    assert_eq!(durable.medium.numbers(), [1]);
    durable.restart();
    assert_eq!(durable.work("f"), ["x"]);
}

#[test]
fn jobs_are_stored_at_shutdown_if_that_was_put_off() {
    let mut durable = Durable::new(DurableConfig { at_shutdown_only: true, ..settings() });
    durable.survey();
    let client = durable.world.connect();
    assert_eq!(durable.world.ask(client, BG, &["f", "u", "x"]), ["JOB_CREATED H:1"]);
    durable.commit();
    assert_eq!(durable.medium.numbers(), [0; 0]);
    durable.world.broker.store_at_shutdown();
    durable.commit();
    durable.restart();
    assert_eq!(durable.work("f"), ["x"]);
}

#[test]
fn a_payload_that_the_store_cannot_hold_is_refused_before_it_joins_a_batch() {
    let mut durable = Durable::started();
    let client = durable.world.connect();
    let large = "x".repeat(1001);
    let answer = durable.world.ask(client, BG, &["f", "", &large]);
    assert!(answer[0].starts_with("ERROR QUEUE_ERROR"), "{answer:?}");
    let answer = durable.world.ask(client, Command::SubmitJob, &["f", "", &large]);
    assert!(answer[0].starts_with("JOB_CREATED"), "{answer:?}");
}

#[test]
fn jobs_in_memory_are_written_again_after_the_store_was_rewritten() {
    let mut durable = Durable::started();
    durable.submit("f", "", "x");
    durable.medium.lose(1);
    durable.world.broker.rewrite_stored();
    durable.commit();
    assert_eq!(durable.medium.numbers(), [1]);
    durable.restart();
    assert_eq!(durable.work("f"), ["x"]);
}
