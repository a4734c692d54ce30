//! Views of connections, functions and jobs.

use super::*;
use crate::Priority;

#[test]
fn a_connection_view_has_its_functions_its_jobs_and_its_submissions() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f", "g"]));
    world.send(client, Command::SetClientId, &["name"]);
    for function in ["f", "g", "h"] {
        world.send(client, Command::SubmitJob, &[function, "", "x"]);
    }
    world.send(worker, Command::GrabJob, &[]);
    world.send(worker, Command::GrabJob, &[]);
    let seen = |world: &World| {
        let mut cursor = ConnectionCursor::new(&world.broker);
        let all = collect_items(|| cursor.next(&world.broker));
        let row = |c: &crate::ConnectionView<'_>| {
            let functions = offers(world, c.key);
            let name = c.peer.client_id.escape_ascii();
            format!("{name}[{functions}] {} {} {}", c.sleeping, c.running, c.waiting)
        };
        all.iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(seen(&world), ["[g f] false 2 0", "name[] false 0 3"]);
    world.send(worker, Command::PreSleep, &[]);
    assert_eq!(seen(&world), ["[g f] true 2 0", "name[] false 0 3"]);
}

#[test]
fn a_job_view_has_its_age_its_progress_and_its_clients() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    for _ in 0..2 {
        world.send(client, Command::SubmitJobHigh, &["f", "u", "payload"]);
    }
    world.send(worker, Command::GrabJob, &[]);
    world.send(worker, Command::WorkStatus, &["H:1", "3", "7"]);
    world.pass(61_500);
    let jobs = world.jobs();
    let [job] = &jobs[..] else { panic!("{} jobs", jobs.len()) };
    assert_eq!((job.age_seconds, job.numerator, job.denominator), (61, 3, 7));
    assert_eq!((job.clients, job.payload, job.background), (2, &b"payload"[..], false));
    assert_eq!((job.function, job.unique), (&b"f"[..], &b"u"[..]));
    assert_eq!(job.priority, Priority::High);
    let JobState::Running(peer) = job.state else { panic!("it runs") };
    assert_eq!((peer.descriptor, peer.address), (7, "127.0.0.1"));
    assert!(!job.is_ignored());
}

#[test]
fn a_running_background_job_is_not_ignored() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    world.background("f", "x");
    world.send(worker, Command::GrabJob, &[]);
    assert!(!world.jobs()[0].is_ignored());
}

#[test]
fn the_state_of_a_waiting_job_is_queued_paused_or_delayed() {
    let mut world = World::new();
    let client = world.connect();
    world.broker.create_function(b"paused");
    world.broker.pause(b"paused");
    let due = world.now.unix.0 + 10;
    world.send(client, Command::SubmitJobEpoch, &["paused", "", &due.to_string(), "x"]);
    world.background("paused", "x");
    world.background("f", "x");
    let jobs = world.jobs();
    assert!(matches!(jobs[0].state, JobState::Delayed(second) if second.0 == due));
    assert!(matches!(jobs[1].state, JobState::Paused));
    assert!(matches!(jobs[2].state, JobState::Queued));
}

#[test]
fn a_function_view_counts_its_jobs_by_stage() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    let later = (world.now.unix.0 + 100).to_string();
    for command in [Command::SubmitJobHigh, Command::SubmitJobLow, Command::SubmitJobLow] {
        world.send(client, command, &["f", "", "x"]);
    }
    world.pass(250);
    (0..4).for_each(|_| world.background("f", "x"));
    for _ in 0..5 {
        world.send(client, Command::SubmitJobEpoch, &["f", "", &later, "x"]);
    }
    world.send(worker, Command::GrabJob, &[]);
    let seen = world.function("f").expect("it exists");
    assert_eq!((seen.queued, seen.delayed, seen.running), ([0, 4, 2], 5, 1));
    assert_eq!((seen.total(), seen.offers, seen.paused), (12, 1, false));
    assert_eq!(seen.oldest_wait, Some(Millis(250)));
    assert_eq!(seen.into_owned().name, b"f");
    let counts = world.broker.counts();
    assert_eq!((counts.connections, counts.functions, counts.jobs), (2, 1, 12));
    assert_eq!((counts.running, counts.delayed), (1, 5));
}

/// The payload sizes of all jobs in this order.
fn payload_sizes(world: &World, order: JobOrder) -> Vec<usize> {
    let mut cursor = OrderedJobCursor::new(order);
    collect_items(|| cursor.next(&world.broker)).iter().map(|job| job.payload.len()).collect()
}

#[test]
fn jobs_with_the_unique_dash_are_ordered_by_the_first_64_kib_of_the_payload() {
    let mut world = World::new();
    let client = world.connect();
    // The names of the original's buckets 86, 207, 614 and 937.
    for (unique, payload) in [("a", "1"), ("-", "z"), ("b", "333"), ("-", "c")] {
        world.send(client, BG, &["f", unique, payload]);
    }
    let mut cursor = OrderedJobCursor::new(JobOrder::ByUnique);
    let seen: Vec<_> = collect_items(|| cursor.next(&world.broker))
        .iter()
        .map(|job| job.handle.to_vec())
        .collect();
    assert_eq!(seen, [b"H:4", b"H:3", b"H:2", b"H:1"]);
    let mut world = World::new();
    let client = world.connect();
    for size in [64 << 10, (64 << 10) + 1, (64 << 10) + 2] {
        world.send(client, BG, &["f", "-", &"x".repeat(size)]);
    }
    let [first, second, third] = payload_sizes(&world, JobOrder::ByUnique)[..] else {
        panic!("3 jobs")
    };
    // All are in one bucket, the newest first.
    assert_eq!([first, second, third], [65_538, 65_537, 65_536]);
}
