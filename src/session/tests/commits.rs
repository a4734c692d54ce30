//! Acknowledgements of durable jobs, and the reports of their commits.

use gearman_broker::DurableConfig;
use gearman_protocol::Command;
use gearman_queue::{Batch, JobNumber, StoreReport, SurveyPage};

use super::host::{OUTPUT_LIMIT_TOTAL, World, broker, request};

/// A world whose background jobs are durable, with an empty store. Only the test reports commits.
fn durable_world() -> World {
    let mut broker = broker(0);
    broker.set_durable(DurableConfig {
        last_number: JobNumber(0),
        volatile: Vec::new(),
        memory_bytes_max: 1 << 20,
        at_shutdown_only: false,
        payload_bytes_max: usize::MAX,
    });
    let mut world = World::with(broker);
    let page = SurveyPage { functions: Vec::new(), jobs: Vec::new(), is_last: true };
    world.server.store_reports(vec![StoreReport::Surveyed(page)]);
    world
}

#[test]
fn a_submission_that_joins_a_pending_job_of_another_client_gets_the_report_about_that_job() {
    let mut world = durable_world();
    let clients = [world.connect(), world.connect(), world.connect()];
    let mut operations = Batch::default();
    let mut counts = Vec::new();
    for (client, unique) in clients.into_iter().zip(["shared", "later", "shared"]) {
        assert_eq!(world.ask(client, Command::SubmitJobBg, &["f", unique], b"x"), [""; 0]);
        world.server.take_operations(&mut operations);
        counts.push(operations.len() as u64);
    }
    assert_eq!(counts[1], counts[2], "the third one joins the job of the first one");
    let reason = "the disk is full".to_string();
    world.server.store_reports(vec![StoreReport::Failed { operations: counts[0], reason }]);
    let rows = Vec::new();
    world.server.store_reports(vec![StoreReport::Committed { operations: counts[1], rows }]);
    world.settle();
    let answers = clients.map(|client| world.received(client).concat());
    assert!(answers[0].starts_with("ERROR QUEUE_ERROR"), "{answers:?}");
    assert!(answers[1].starts_with("JOB_CREATED"), "{answers:?}");
    assert!(answers[2].starts_with("ERROR QUEUE_ERROR"), "{answers:?}");
    assert_eq!(world.server.broker.job_count(), 1);
}

#[test]
fn output_that_waits_for_a_commit_counts_as_unread() {
    let mut world = durable_world();
    for number in 0..10 {
        let client = world.connect();
        world.ask(client, Command::SubmitJobBg, &["f", ""], b"x");
        world.deliver(client, &request(Command::EchoReq, &[], &vec![b'x'; 850_000 + number]));
        world.settle();
    }
    let closed = &world.server.journal.closed;
    assert!(closed.len() == 1 && closed[0].contains("--output-limit-total"), "{closed:?}");
    assert!(world.server.unread_bytes() <= OUTPUT_LIMIT_TOTAL);
}
