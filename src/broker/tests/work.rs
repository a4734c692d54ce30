//! Counted work: what a packet costs does not grow with what its sender has.

use super::*;

/// The work of a packet, and its answers.
fn work_of(
    world: &mut World,
    from: ConnectionKey,
    command: Command,
    parts: &[&str],
) -> (u32, Vec<String>) {
    world.broker.take_work();
    let answers = world.ask(from, command, parts);
    (world.broker.take_work(), answers)
}

/// A worker that offers so many functions, `f0` and on.
fn worker_of_many(world: &mut World, count: usize) -> ConnectionKey {
    let names: Vec<_> = (0..count).map(|number| format!("f{number}")).collect();
    world.worker(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn grab_and_pre_sleep_cost_the_same_with_1000_and_with_20_000_functions() {
    let work = [1000, 20_000].map(|count| {
        let mut world = World::new();
        let worker = worker_of_many(&mut world, count);
        world.background("elsewhere", "x");
        let (empty, answers) = work_of(&mut world, worker, Command::GrabJob, &[]);
        assert_eq!(answers, ["NO_JOB"]);
        let (sleep, answers) = work_of(&mut world, worker, Command::PreSleep, &[]);
        assert_eq!(answers, [""; 0]);
        world.background("f7", "x");
        assert_eq!(world.mail(worker), ["NOOP"]);
        let (again, answers) = work_of(&mut world, worker, Command::PreSleep, &[]);
        assert_eq!(answers, ["NOOP"]);
        let (grab, answers) = work_of(&mut world, worker, Command::GrabJob, &[]);
        assert_eq!(answers.len(), 1);
        world.broker.recount();
        [empty, sleep, again, grab]
    });
    assert_eq!(work[0], work[1]);
    assert!(work[0].iter().sum::<u32>() < 10, "{work:?}");
}

#[test]
fn a_worker_without_an_index_is_walked_through() {
    let mut world = World::new();
    let worker = worker_of_many(&mut world, 250);
    let (sleep, _) = work_of(&mut world, worker, Command::PreSleep, &[]);
    assert_eq!(sleep, 250 / 16);
}

#[test]
fn cant_do_costs_as_much_as_the_worker_has_jobs_of_that_function() {
    let mut world = World::new();
    let worker = world.worker(&["few", "many"]);
    for _ in 0..2 {
        world.background("few", "x");
        world.drain(worker);
    }
    (0..2000).for_each(|_| world.background("many", "x"));
    assert_eq!(world.drain(worker).len(), 2000);
    let (work, _) = work_of(&mut world, worker, Command::CantDo, &["few"]);
    assert!(work < 10, "{work}");
    assert_eq!(world.status("few"), Some((2, 0, 0)));
    world.broker.recount();
}

#[test]
fn a_worker_with_an_index_gets_jobs_in_the_order_of_one_without() {
    let order = [0, u32::MAX].map(|indexed_from| {
        let mut world = World::new();
        world.broker.set_indexed_from(indexed_from);
        let client = world.connect();
        let worker = worker_of_many(&mut world, 9);
        for (number, command) in
            [BG, Command::SubmitJobHighBg, Command::SubmitJobLowBg, BG].into_iter().enumerate()
        {
            for function in [3, 1, 8, 3, 5, 1] {
                let (name, payload) = (format!("f{function}"), format!("{function}.{number}"));
                world.send(client, command, &[&name, "", &payload]);
            }
        }
        world.broker.pause(b"f8");
        let before = world.drain(worker);
        world.broker.resume(b"f8", &mut world.mailbox);
        (before, world.drain(worker))
    });
    assert_eq!(order[0], order[1]);
    assert_eq!((order[0].0.len(), order[0].1.len()), (20, 4));
}

#[test]
fn the_longest_asleep_is_woken_first_with_and_without_an_index() {
    let mut world = World::with(|config| config.wakeup = Wakeup::AtMost(1));
    world.broker.set_indexed_from(2);
    let functions: [&[&str]; 5] = [&["f"], &["f", "g", "h"], &["f", "x"], &["a", "b", "f"], &["f"]];
    let workers = functions.map(|functions| world.worker(functions));
    for at in [3, 0, 2, 1, 4] {
        world.send(workers[at], Command::PreSleep, &[]);
    }
    for expected in [3, 0, 2, 1, 4] {
        world.background("f", "x");
        let woken: Vec<_> = (0..5).filter(|&at| !world.mail(workers[at]).is_empty()).collect();
        assert_eq!(woken, [expected]);
        world.broker.recount();
    }
}

#[test]
fn a_worker_that_runs_as_many_jobs_as_it_may_gets_an_error_and_another_one_is_woken() {
    let mut world = World::with(|config| config.wakeup = Wakeup::AtMost(1));
    world.broker.set_connection_limits(ConnectionLimits {
        running_jobs_max: 1,
        ..ConnectionLimits::default()
    });
    let (busy, other) = (world.worker(&["f"]), world.worker(&["f"]));
    world.background("f", "1");
    assert_eq!(world.ask(busy, Command::GrabJob, &[]).len(), 1);
    for worker in [busy, other] {
        world.send(worker, Command::PreSleep, &[]);
    }
    world.background("f", "2");
    assert_eq!((world.mail(busy), world.mail(other)), (vec!["NOOP".into()], vec![]));
    let answer = world.ask(busy, Command::GrabJob, &[]);
    let text = "ERROR LIMIT_EXCEEDED This worker runs as many jobs as it may (--jobs-per-worker)";
    assert_eq!(answer, [text]);
    assert_eq!(world.mail(other), ["NOOP"]);
    assert_eq!(world.broker.limit_counts().running_jobs, 1);
    world.send(busy, Command::WorkComplete, &["H:1", ""]);
    assert_eq!(world.ask(busy, Command::GrabJob, &[]), ["JOB_ASSIGN H:2 f 2"]);
    assert_eq!(world.ask(busy, Command::GrabJob, &[]), ["NO_JOB"]);
}

/// A job of a worker for which each of these clients waits, and its worker.
fn awaited_job(world: &mut World, clients: &[ConnectionKey]) -> ConnectionKey {
    let worker = world.worker(&["f"]);
    for &client in clients {
        world.ask(client, Command::SubmitJob, &["f", "same", ""]);
    }
    assert_eq!(world.ask(worker, Command::GrabJob, &[]), ["JOB_ASSIGN H:1 f "]);
    worker
}

#[test]
fn a_report_to_many_clients_is_sent_in_pieces_and_once_to_each() {
    let mut world = World::new();
    world.broker.set_piece(3);
    let clients = [(); 8].map(|()| world.connect());
    let worker = awaited_job(&mut world, &clients);
    let status = ["H:1", "1", "2"];
    world.send(worker, Command::WorkStatus, &status);
    assert!(world.broker.take_unfinished());
    let got = clients.map(|client| world.mail(client).len());
    assert_eq!(got, [1, 1, 1, 0, 0, 0, 0, 0]);
    // One client comes and two go, of which one has the report.
    let late = world.connect();
    world.ask(late, Command::SubmitJob, &["f", "same", ""]);
    world.disconnect(clients[0]);
    world.disconnect(clients[4]);
    while {
        world.send(worker, Command::WorkStatus, &status);
        world.broker.take_unfinished()
    } {}
    let got: Vec<_> = clients[1..].iter().map(|&client| world.mail(client).len()).collect();
    assert_eq!(got, [0, 0, 1, 0, 1, 1, 1]);
    assert_eq!((world.mail(late), world.mail(worker)), (vec![], vec![]));
    world.broker.recount();
    // The next report is another one.
    world.send(worker, Command::WorkStatus, &["H:1", "2", "2"]);
    assert_eq!(world.mail(clients[1]), ["WORK_STATUS H:1 2 2"]);
}

#[test]
fn a_job_is_gone_before_its_last_report_has_reached_the_last_client() {
    let mut world = World::new();
    world.broker.set_piece(3);
    let clients = [(); 8].map(|()| world.connect());
    let worker = awaited_job(&mut world, &clients);
    world.send(worker, Command::WorkException, &["H:1", "why"]);
    assert!(!world.broker.take_unfinished() && world.broker.has_backlog());
    assert_eq!((world.broker.job_count(), world.status("f")), (0, Some((0, 0, 1))));
    world.broker.recount();
    world.disconnect(worker);
    world.disconnect(clients[5]);
    let mut pieces = 0;
    while world.broker.has_backlog() {
        world.broker.work_off(&mut world.mailbox);
        world.broker.recount();
        pieces += 1;
    }
    assert_eq!(pieces, 3);
    let got = clients.map(|client| world.mail(client));
    let lost = got.iter().filter(|mail| mail.is_empty()).count();
    assert_eq!((lost, &got[7][..]), (1, &["WORK_FAIL H:1\\x00".to_owned()][..]));
}

#[test]
fn a_connection_with_much_is_removed_in_pieces_and_not_listed_meanwhile() {
    let mut world = World::new();
    world.broker.set_piece(4);
    let (worker, other) = (worker_of_many(&mut world, 20), world.worker(&["f3"]));
    for number in 0..6 {
        world.background("f3", &number.to_string());
        world.ask(worker, Command::GrabJob, &[]);
    }
    world.send(other, Command::PreSleep, &[]);
    world.disconnect(worker);
    let mut cursor = ConnectionCursor::new(&world.broker);
    assert_eq!(collect_items(|| cursor.next(&world.broker)).len(), 1);
    assert_eq!(world.broker.counts().connections, 1);
    let mut pieces = 1;
    while world.broker.has_backlog() {
        world.broker.work_off(&mut world.mailbox);
        world.broker.recount();
        pieces += 1;
    }
    assert_eq!(pieces, 7, "20 functions and 6 jobs, 4 at a time");
    assert_eq!(world.mail(other), ["NOOP"]);
    assert_eq!(world.drain(other), ["0", "1", "2", "3", "4", "5"]);
}

#[test]
fn reset_abilities_of_many_functions_is_brought_again_until_all_are_gone() {
    let mut world = World::new();
    world.broker.set_piece(4);
    let worker = worker_of_many(&mut world, 10);
    let mut count = 1;
    while {
        world.send(worker, Command::ResetAbilities, &[]);
        world.broker.take_unfinished()
    } {
        count += 1;
        world.broker.recount();
    }
    assert_eq!((count, world.status("f9")), (3, Some((0, 0, 0))));
}
