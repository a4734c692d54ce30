//! GET_STATUS*: the status of a job.

use super::*;

#[test]
fn the_status_of_a_job_is_known_until_it_ends() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    let ask = |world: &mut World, handle| world.ask(client, Command::GetStatus, &[handle]).concat();
    assert_eq!(ask(&mut world, "H:1"), "STATUS_RES H:1 0 0 0 0");
    world.background("f", "x");
    assert_eq!(ask(&mut world, "H:1"), "STATUS_RES H:1 1 0 0 0");
    world.send(worker, Command::GrabJob, &[]);
    assert_eq!(ask(&mut world, "H:1"), "STATUS_RES H:1 1 1 0 0");
    world.send(worker, Command::WorkStatus, &["H:1", "3", "7"]);
    assert_eq!(ask(&mut world, "H:1\0"), "STATUS_RES H:1 1 1 3 7");
    world.send(worker, Command::WorkComplete, &["H:1", ""]);
    assert_eq!(ask(&mut world, "H:1"), "STATUS_RES H:1 0 0 0 0");
}

#[test]
fn progress_is_stored_as_the_lower_32_bits_of_a_number() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    world.background("f", "x");
    world.send(worker, Command::GrabJob, &[]);
    for (sent, kept) in [(["abc", "-7"], "0 4294967289"), (["99999999999", "12x"], "1215752191 12")]
    {
        world.send(worker, Command::WorkStatus, &["H:1", sent[0], sent[1]]);
        let answer = world.ask(client, Command::GetStatus, &["H:1"]);
        assert_eq!(answer, [format!("STATUS_RES H:1 1 1 {kept}")]);
    }
}

#[test]
fn the_status_of_a_unique_is_that_of_its_newest_job_with_its_waiting_clients() {
    let mut world = World::new();
    let client = world.connect();
    let ask = |world: &mut World, unique| world.ask(client, Command::GetStatusUnique, &[unique]);
    assert_eq!(ask(&mut world, "u"), ["STATUS_RES_UNIQUE u 0 0 0 0 0"]);
    for _ in 0..2 {
        world.send(client, Command::SubmitJob, &["f", "u", "x"]);
    }
    world.mail(client);
    assert_eq!(ask(&mut world, "u"), ["STATUS_RES_UNIQUE u 1 0 0 0 2"]);
    world.send(client, BG, &["g", "u", "x"]);
    world.mail(client);
    assert_eq!(ask(&mut world, "u"), ["STATUS_RES_UNIQUE u 1 0 0 0 0"], "the newest");
}

#[test]
fn a_status_request_of_any_length_is_answered() {
    let mut world = World::new();
    let client = world.connect();
    for length in [0, 63, 64, 65, 8000] {
        let name = "h".repeat(length);
        let answer = world.ask(client, Command::GetStatus, &[&name]);
        assert_eq!(answer, [format!("STATUS_RES {name} 0 0 0 0")]);
        let answer = world.ask(client, Command::GetStatusUnique, &[&name]);
        assert_eq!(answer, [format!("STATUS_RES_UNIQUE {name} 0 0 0 0 0")]);
    }
}
