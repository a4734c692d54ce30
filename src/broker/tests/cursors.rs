//! Cursors: their order, and their items while others are added and removed.

use super::*;

fn handles(jobs: Vec<JobView<'_>>) -> Vec<String> {
    jobs.iter().map(|job| job.handle.escape_ascii().to_string()).collect()
}

#[test]
fn a_connection_cursor_returns_the_newest_connection_first() {
    let mut world = World::new();
    let all = [(); 4].map(|()| world.connect());
    world.disconnect(all[1]);
    let newest = world.connect();
    for (connection, name) in [(all[0], "0"), (all[2], "2"), (all[3], "3"), (newest, "4")] {
        world.send(connection, Command::SetClientId, &[name]);
    }
    let mut cursor = ConnectionCursor::new(&world.broker);
    let seen = collect_items(|| cursor.next(&world.broker));
    let names: Vec<_> = seen.iter().map(|c| c.peer.client_id).collect();
    assert_eq!(names, [b"4", b"3", b"2", b"0"]);
}

#[test]
fn a_connection_cursor_skips_a_connection_that_was_removed_meanwhile() {
    let mut world = World::new();
    let all = [(); 3].map(|()| world.connect());
    let mut cursor = ConnectionCursor::new(&world.broker);
    world.disconnect(all[1]);
    world.connect();
    assert_eq!(collect_items(|| cursor.next(&world.broker)).len(), 2);
}

#[test]
fn an_offer_cursor_keeps_its_place_while_functions_come_and_go() {
    let mut world = World::new();
    let names: Vec<String> = (0..10).map(|number| format!("f{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let next = |world: &World, cursor: &mut OfferCursor, count: usize| {
        let names = cursor.next(&world.broker, count);
        names.iter().map(|name| name.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
    };
    for (removed, rest) in [
        (&[][..], "f6 f5 f4 f3 f2 f1 f0"),
        (&["f6"], "f5 f4 f3 f2 f1 f0"),
        (&["f7"], "f6 f5 f4 f3 f2 f1 f0"),
        (&["f6", "f5", "f2"], "f4 f3 f1 f0"),
        (&["f9", "f8", "f7", "f0"], "f6 f5 f4 f3 f2 f1"),
    ] {
        let worker = world.worker(&names);
        let mut cursor = OfferCursor::new(worker);
        assert_eq!(next(&world, &mut cursor, 3), "f9 f8 f7");
        removed.iter().for_each(|function| world.send(worker, Command::CantDo, &[function]));
        world.send(worker, Command::CanDo, &["new"]);
        assert!(!cursor.is_at_end());
        assert_eq!(next(&world, &mut cursor, 100), rest, "without {removed:?}");
        assert!(cursor.is_at_end());
        assert_eq!(next(&world, &mut cursor, 100), "");
        world.disconnect(worker);
        let mut gone = OfferCursor::new(worker);
        assert_eq!(next(&world, &mut gone, 1), "");
        assert!(gone.is_at_end());
    }
}

#[test]
fn a_function_cursor_keeps_its_order_while_functions_are_added_and_dropped() {
    let mut world = World::new();
    // In the original's order: c, b, z, a.
    for name in [b"a", b"b", b"c"] {
        world.broker.create_function(name);
    }
    let mut cursor = FunctionCursor::default();
    let mut seen = Vec::new();
    while let CursorStep::Item(function) = cursor.next(&world.broker) {
        seen.push(function.name.to_vec());
        if seen.len() == 1 {
            world.drop_function(b"c");
            world.drop_function(b"b");
            world.broker.create_function(b"z");
        }
    }
    assert_eq!(seen, [b"c", b"z", b"a"]);
}

#[test]
fn a_job_cursor_returns_each_remaining_job_once_while_others_end() {
    let mut world = World::new();
    let worker = world.worker(&["f"]);
    for _ in 0..700 {
        world.background("f", "x");
    }
    let mut cursor = JobCursor::default();
    let mut seen = Vec::new();
    while let CursorStep::Item(job) = cursor.next(&world.broker) {
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
fn a_job_cursor_of_a_function_returns_only_its_jobs() {
    let mut world = World::new();
    ["f", "g", "f"].iter().for_each(|function| world.background(function, "x"));
    let seen = |name: &[u8]| {
        let mut cursor = JobCursor::of_function(&world.broker, name);
        handles(collect_items(|| cursor.next(&world.broker)))
    };
    assert_eq!(seen(b"f"), ["H:1", "H:3"]);
    assert_eq!(seen(b"g"), ["H:2"]);
    assert_eq!(seen(b"none"), [""; 0]);
    let mut cursor = JobCursor::of_function(&world.broker, b"g");
    world.drop_function(b"g");
    assert!(matches!(cursor.next(&world.broker), CursorStep::End));
}

#[test]
fn an_ordered_job_cursor_skips_jobs_that_ended_after_it_was_sorted() {
    let mut world = World::new();
    (0..50).for_each(|_| world.background("f", "x"));
    let mut cursor = OrderedJobCursor::new(JobOrder::ByHandle);
    let first = loop {
        match cursor.next(&world.broker) {
            CursorStep::Item(job) => break job.handle.to_vec(),
            CursorStep::Skip => {}
            CursorStep::End => panic!("fifty jobs"),
        }
    };
    world.drop_function(b"f");
    world.background("f", "takes the place of a dropped job");
    assert!(first.starts_with(b"H:"));
    assert_eq!(handles(collect_items(|| cursor.next(&world.broker))), [""; 0]);
}
