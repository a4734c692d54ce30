//! What an administrator can read of workers and jobs: events, and jobs that were cancelled while
//! they ran.

use super::*;

impl World {
    pub(super) fn take_events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.mailbox.events)
    }

    /// The cancelled jobs that a worker may be busy with: handle, function, unique, seconds since
    /// it got them.
    fn cancelled_runs(&self, worker: ConnectionKey) -> Vec<String> {
        let runs = self.broker.cancelled_runs(worker);
        let text = |run: crate::CancelledRunView<'_>| {
            let names = [&*run.handle, run.function, run.unique].map(|name| name.escape_ascii());
            let [handle, function, unique] = names;
            format!("{handle} {function} {unique} {}", run.running_seconds)
        };
        runs.map(text).collect()
    }
}

#[test]
fn workers_and_functions_that_come_and_go_are_reported() {
    let mut world = World::new();
    let (first, second) = (world.worker(&["f", "g"]), world.worker(&["g"]));
    assert_eq!(
        world.take_events(),
        [
            "127.0.0.1 came with f",
            "f is offered by 127.0.0.1",
            "g is offered by 127.0.0.1",
            "127.0.0.1 came with g",
        ]
    );
    world.background("f", "x");
    world.disconnect(first);
    assert_eq!(
        world.take_events(),
        ["127.0.0.1 left with 2 functions, 0 jobs", "f lost 127.0.0.1, 1 waiting"]
    );
    world.send(second, Command::CantDo, &["g"]);
    world.disconnect(second);
    assert_eq!(world.take_events(), ["g lost 127.0.0.1, 0 waiting"]);
}

#[test]
fn a_job_that_its_worker_fails_is_reported_with_the_worker() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    world.broker.set_peer_port(worker, 4711);
    world.send(worker, Command::SetClientId, &["me"]);
    (0..3).for_each(|_| world.background("f", "x"));
    world.drain(worker);
    world.take_events();
    world.send(worker, Command::WorkFail, &["H:1"]);
    world.send(worker, Command::WorkException, &["H:2", "why"]);
    world.send(worker, Command::WorkComplete, &["H:3", ""]);
    assert_eq!(
        world.take_events(),
        ["127.0.0.1:4711 (me) failed H:1 of f", "127.0.0.1:4711 (me) failed H:2 of f"]
    );
}

#[test]
fn dropped_jobs_are_reported_with_their_number() {
    let mut world = World::new();
    for function in ["f", "f", "g"] {
        world.background(function, "x");
    }
    world.drop_queue(b"f");
    world.drop_function(b"g");
    world.drop_function(b"f");
    assert_eq!(world.take_events(), ["2 jobs of f dropped", "1 jobs of g dropped"]);
}

#[test]
fn jobs_in_memory_are_counted_by_function_the_most_first() {
    let mut world = World::new();
    for function in ["f", "g", "g"] {
        world.background(function, "x");
    }
    let lost = world.broker.volatile_jobs();
    let lost: Vec<_> = lost.iter().map(|lost| (&*lost.function, lost.jobs)).collect();
    assert_eq!(lost, [(&b"g"[..], 2), (b"f", 1)]);
}

#[test]
fn a_worker_is_busy_with_a_cancelled_job_until_it_reports_an_end() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    for unique in ["a", "b", "c"] {
        world.send(client, BG, &["f", unique, "x"]);
    }
    world.send(worker, Command::GrabJob, &[]);
    world.send(worker, Command::GrabJob, &[]);
    world.pass(5000);
    world.broker.cancel(b"H:1", &mut world.mailbox);
    world.broker.cancel_unique(b"f", b"b", &mut world.mailbox);
    world.broker.cancel(b"H:3", &mut world.mailbox);
    assert_eq!(world.cancelled_runs(worker), ["H:1 f a 5", "H:2 f b 5"]);
    world.send(worker, Command::WorkStatus, &["H:1", "1", "2"]);
    assert_eq!(world.cancelled_runs(worker).len(), 2);
    world.send(worker, Command::WorkComplete, &["H:1", ""]);
    assert_eq!(world.cancelled_runs(worker), ["H:2 f b 5"]);
    world.send(worker, Command::WorkException, &["H:2", "late"]);
    assert_eq!(world.cancelled_runs(worker), Vec::<String>::new());
}

#[test]
fn the_oldest_of_many_cancelled_jobs_are_forgotten() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    for number in 1..=65 {
        world.background("f", "x");
        world.send(worker, Command::GrabJob, &[]);
        world.broker.cancel(format!("H:{number}").as_bytes(), &mut world.mailbox);
    }
    let runs = world.cancelled_runs(worker);
    assert_eq!((runs.len(), &*runs[0]), (64, "H:2 f  0"));
}

#[test]
fn a_running_job_has_the_time_since_its_worker_got_it() {
    let mut world = World::new();
    world.background("f", "x");
    world.pass(10_000);
    let worker = world.worker(&["f"]);
    assert_eq!(world.jobs()[0].running_seconds, None);
    world.send(worker, Command::GrabJob, &[]);
    world.pass(3000);
    assert_eq!((world.jobs()[0].age_seconds, world.jobs()[0].running_seconds), (13, Some(3)));
}

#[test]
fn the_head_of_a_queue_is_in_the_order_in_which_workers_get_it() {
    let mut world = World::new();
    let client = world.connect();
    for (command, payload) in [
        (Command::SubmitJobLowBg, "low"),
        (Command::SubmitJobBg, "normal"),
        (Command::SubmitJobHighBg, "high"),
    ] {
        world.send(client, command, &["f", "", payload]);
    }
    let head = |world: &World, count| {
        let jobs = world.broker.queue_head(b"f", count)?;
        Some(jobs.iter().map(|job| job.payload.to_vec()).collect::<Vec<_>>())
    };
    assert_eq!(head(&world, 2), Some(vec![b"high".to_vec(), b"normal".to_vec()]));
    assert_eq!(head(&world, 9).map(|jobs| jobs.len()), Some(3));
    assert!(world.broker.queue_head(b"g", 1).is_none());
}
