//! What walks see while things come and go, and in which order.

use super::*;

fn handles(jobs: Vec<JobView<'_>>) -> Vec<String> {
    jobs.iter().map(|job| job.handle.escape_ascii().to_string()).collect()
}

#[test]
fn connections_are_seen_from_the_newest_to_the_oldest() {
    let mut world = World::new();
    let all = [(); 4].map(|()| world.connect());
    world.disconnect(all[1]);
    let newest = world.connect();
    for (who, name) in [(all[0], "0"), (all[2], "2"), (all[3], "3"), (newest, "4")] {
        world.send(who, Command::SetClientId, &[name]);
    }
    let mut walk = ConnectionWalk::new(&world.broker);
    let seen = walked(|| walk.step(&world.broker));
    let names: Vec<_> = seen.iter().map(|c| c.peer.client_id).collect();
    assert_eq!(names, [b"4", b"3", b"2", b"0"]);
}

#[test]
fn a_connection_that_goes_meanwhile_is_passed_over() {
    let mut world = World::new();
    let all = [(); 3].map(|()| world.connect());
    let mut walk = ConnectionWalk::new(&world.broker);
    world.disconnect(all[1]);
    world.connect();
    assert_eq!(walked(|| walk.step(&world.broker)).len(), 2);
}

#[test]
fn functions_that_come_and_go_meanwhile_disturb_nobody() {
    let mut world = World::new();
    // In the original's order: c, b, z, a.
    for name in [b"a", b"b", b"c"] {
        world.broker.create_function(name);
    }
    let mut walk = FunctionWalk::default();
    let mut seen = Vec::new();
    while let Step::One(function) = walk.step(&world.broker) {
        seen.push(function.name.to_vec());
        if seen.len() == 1 {
            world.broker.drop_function(b"c", &mut world.mailbox);
            world.broker.drop_function(b"b", &mut world.mailbox);
            world.broker.create_function(b"z");
        }
    }
    assert_eq!(seen, [b"c", b"z", b"a"]);
}

#[test]
fn jobs_that_stay_are_seen_once() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    for _ in 0..700 {
        world.background("f", "x");
    }
    let mut walk = JobWalk::default();
    let mut seen = Vec::new();
    while let Step::One(job) = walk.step(&world.broker) {
        seen.push(job.handle.to_vec());
        if seen.len() == 100 {
            for _ in 0..300 {
                let job = world.ask(worker, Command::GrabJob, &[]);
                let handle = job[0].split(' ').nth(1).expect("a handle");
                world.send(worker, Command::WorkComplete, &[handle, ""]);
            }
            world.background("f", "new");
        }
    }
    for number in 301..=700 {
        let handle = format!("H:{number}").into_bytes();
        assert_eq!(seen.iter().filter(|&seen| *seen == handle).count(), 1);
    }
}

#[test]
fn a_walk_keeps_to_one_function() {
    let mut world = World::new();
    ["f", "g", "f"].iter().for_each(|function| world.background(function, "x"));
    let seen = |name: &[u8]| {
        let mut walk = JobWalk::of_function(&world.broker, name);
        handles(walked(|| walk.step(&world.broker)))
    };
    assert_eq!(seen(b"f"), ["H:1", "H:3"]);
    assert_eq!(seen(b"g"), ["H:2"]);
    assert_eq!(seen(b"none"), [""; 0]);
    let mut walk = JobWalk::of_function(&world.broker, b"g");
    world.broker.drop_function(b"g", &mut world.mailbox);
    assert!(matches!(walk.step(&world.broker), Step::End));
}

#[test]
fn a_sorted_walk_shows_what_is_left_of_what_it_found() {
    let mut world = World::new();
    (0..50).for_each(|_| world.background("f", "x"));
    let mut walk = TableWalk::new(Table::Handles);
    let first = loop {
        match walk.step(&world.broker) {
            Step::One(job) => break job.handle.to_vec(),
            Step::None => {}
            Step::End => panic!("fifty jobs"),
        }
    };
    world.broker.drop_function(b"f", &mut world.mailbox);
    world.background("f", "takes the place of another");
    assert!(first.starts_with(b"H:"));
    assert_eq!(handles(walked(|| walk.step(&world.broker))), [""; 0]);
}
