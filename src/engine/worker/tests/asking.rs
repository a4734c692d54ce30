//! Which servers a worker asks for jobs, when, and how often.

use super::*;
use crate::testing::Calls;

#[test]
fn the_result_of_a_job_is_sent_before_the_call_returns() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    let (id, ticket) = step(&mut worker).expect("a job");
    let job = worker.job(id).expect("the job exists");
    assert_eq!((job.handle(), job.function(), job.unique()), (&b"H:1"[..], &b"f"[..], &b"u"[..]));
    assert_eq!(job.workload(), b"work");
    let code = worker.finish(ticket, Outcome::Complete(ReturnCode::SUCCESS), b"ok");
    assert_eq!(code, ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn no_grab_is_sent_while_a_large_job_arrives() {
    let (mut worker, world) = worker(1);
    let body = vec![b'x'; 100_000];
    let job = response(Command::JobAssignUniq, &[b"H:1", b"f", b"u"], &body);
    let (first, rest) = job.split_at(40_000);
    world.peer(0).expects(&hello()).sends(first).pauses(100).sends(rest);
    world.peer(0).expects(&complete("H:1", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:1");
    world.assert_done();
}

#[test]
fn a_job_of_a_busy_queue_costs_four_system_calls() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello());
    for n in 0..10 {
        let handle = format!("H:{n}");
        world.peer(0).sends(&assign(&handle)).expects(&complete(&handle, b"ok")).expects(&grab());
    }
    world.peer(0).sends(&assign("H:10"));
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    world.take_calls();
    for _ in 0..10 {
        assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
        assert_eq!(world.take_calls(), Calls { send: 2, recv: 1, wait: 1, connect: 0 });
    }
}

#[test]
fn the_server_added_last_is_asked_first_and_others_only_if_it_has_no_job() {
    let (mut worker, world) = worker(2);
    world.peer(1).expects(&hello()).sends(&assign("H:b")).expects(&complete("H:b", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:b");
    world.peer(1).expects(&grab()).sends(&no_job());
    world.peer(0).expects(&hello()).sends(&assign("H:a")).expects(&complete("H:a", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:a");
    world.assert_done();
}

#[test]
fn an_idle_worker_sleeps_until_noop() {
    let (mut worker, world) = worker(1);
    world
        .peer(0)
        .expects(&hello())
        .sends(&no_job())
        .expects(&pre_sleep())
        .pauses(60_000)
        .sends(&noop())
        .expects(&grab())
        .sends(&assign("H:1"))
        .expects(&complete("H:1", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:1");
    world.assert_done();
}

#[test]
fn three_idle_servers_cost_fewer_than_20_system_calls_in_10_s() {
    let (mut worker, world) = worker(3);
    timeout(&mut worker, 10_000);
    for key in 0..3 {
        world.peer(key).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
    }
    let began = world.now();
    assert_eq!(work(&mut worker), ReturnCode::TIMEOUT);
    assert_eq!(world.now() - began, Duration::from_secs(10));
    let calls = world.take_calls();
    assert!(calls.send + calls.recv + calls.wait < 20, "{calls:?}");
    world.assert_done();
}

#[test]
fn a_noop_before_the_reply_causes_one_more_grab_and_no_pre_sleep_before_it() {
    let (mut worker, world) = worker(1);
    timeout(&mut worker, 1000);
    world
        .peer(0)
        .expects(&hello())
        .sends(&noop())
        .pauses(10)
        .sends(&no_job())
        .expects(&grab())
        .sends(&no_job())
        .expects(&pre_sleep());
    assert_eq!(work(&mut worker), ReturnCode::TIMEOUT);
    world.assert_done();
}

#[test]
fn an_outstanding_grab_is_not_repeated_by_later_calls() {
    let (mut worker, world) = worker(1);
    timeout(&mut worker, 100);
    world.peer(0).expects(&hello()).pauses(350).sends(&no_job()).expects(&pre_sleep());
    for _ in 0..4 {
        assert_eq!(work(&mut worker), ReturnCode::TIMEOUT);
    }
    world.assert_done();
    world.peer(0).expects(&grab()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_silent_server_does_not_block_others_and_its_late_job_is_returned() {
    let (mut worker, world) = worker(2);
    world.peer(1).expects(&hello()).pauses(5_000).sends(&assign("H:late"));
    world.peer(0).expects(&hello());
    for n in 0..3 {
        let handle = format!("H:{n}");
        world.peer(0).sends(&assign(&handle)).expects(&complete(&handle, b"ok")).expects(&grab());
    }
    let began = world.now();
    for n in 0..3 {
        assert_eq!(run_one_job(&mut worker), format!("H:{n}"));
    }
    assert!(world.now() - began < Duration::from_millis(500), "one turn of 200 ms, not three");
    world.peer(1).expects(&complete("H:late", b"ok"));
    world.sleep(5_000);
    world.peer(0).sends(&no_job());
    assert_eq!(run_one_job(&mut worker), "H:late");
    world.assert_done();
}

#[test]
fn grab_asks_every_server_once_and_does_not_sleep() {
    let (mut worker, world) = worker(2);
    for key in 0..2 {
        world.peer(key).expects(&hello()).sends(&no_job());
    }
    assert_eq!(worker.grab(), Err(ReturnCode::NO_JOBS));
    world.peer(1).expects(&grab()).sends(&assign("H:1"));
    let job = worker.grab().expect("a job");
    world.peer(1).expects(&complete("H:1", b"x"));
    assert_eq!(worker.send(job, Report::Complete, b"x"), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn every_grab_command_accepts_every_kind_of_assignment() {
    let commands = [Command::GrabJob, Command::GrabJobUniq, Command::GrabJobAll];
    let answers = [
        (response(Command::JobAssign, &[b"H:1", b"f"], b"w"), &b""[..], &b""[..]),
        (response(Command::JobAssignUniq, &[b"H:1", b"f", b"u"], b"w"), b"u", b""),
        (response(Command::JobAssignAll, &[b"H:1", b"f", b"u", b"r"], b"w"), b"u", b"r"),
    ];
    for command in commands {
        for (answer, unique, reducer) in &answers {
            let (mut worker, world) = worker(1);
            worker.grabs_with = command;
            let hello = [can_do(), request(command, &[], b"")].concat();
            world.peer(0).expects(&hello).sends(answer);
            let (id, _) = step(&mut worker).expect("a job");
            let job = worker.job(id).expect("the job exists");
            assert_eq!((job.unique(), job.reducer()), (*unique, *reducer));
            assert_eq!(job.workload(), b"w");
        }
    }
}

#[test]
fn a_server_that_does_not_know_the_request_is_asked_with_grab_job() {
    for command in [Command::GrabJobUniq, Command::GrabJobAll] {
        let (mut worker, world) = worker(1);
        worker.grabs_with = command;
        let hello = [can_do(), request(command, &[], b"")].concat();
        let plain = request(Command::GrabJob, &[], b"");
        let refused = response(Command::Error, &[b"server_error", b"no such method"], b"");
        let assigned = response(Command::JobAssign, &[b"H:1", b"f"], b"w");
        world.peer(0).expects(&hello).sends(&refused).expects(&plain).sends(&assigned);
        world.peer(0).expects(&complete("H:1", b"ok"));
        assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
        // The server is not asked twice on a connection.
        world.peer(0).expects(&plain).sends(&assigned).expects(&complete("H:1", b"ok")).closes();
        assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
        // After a new connection it may be another server.
        world.peer(0).expects(&hello).sends(&assigned).expects(&complete("H:1", b"ok"));
        assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
        world.assert_done();
    }
}

#[test]
fn a_refusal_of_grab_job_itself_is_an_unexpected_packet() {
    let (mut worker, world) = worker(1);
    worker.grabs_with = Command::GrabJob;
    let hello = [can_do(), request(Command::GrabJob, &[], b"")].concat();
    let refused = response(Command::Error, &[b"server_error", b"no such method"], b"");
    world.peer(0).expects(&hello).sends(&refused);
    assert_eq!(work(&mut worker), ReturnCode::UNEXPECTED_PACKET);
    world.assert_done();
}

#[test]
fn a_job_split_anywhere_with_long_pauses_is_returned_once() {
    let whole = assign("H:1");
    for cut in 1..whole.len() {
        let (mut worker, world) = worker(1);
        timeout(&mut worker, 100);
        world.peer(0).expects(&hello()).sends(&whole[..cut]).pauses(250).sends(&whole[cut..]);
        world.peer(0).expects(&complete("H:1", b"ok"));
        let codes: Vec<ReturnCode> = (0..3).map(|_| work(&mut worker)).collect();
        let expected = [ReturnCode::TIMEOUT, ReturnCode::TIMEOUT, ReturnCode::SUCCESS];
        assert_eq!(codes, expected, "cut at {cut}");
        world.assert_done();
    }
}

#[test]
fn a_large_workload_received_in_pieces_is_complete() {
    let (mut worker, world) = worker(1);
    let body: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    let packet = response(Command::JobAssignUniq, &[b"H:1", b"f", b"u"], &body);
    world.peer(0).expects(&hello());
    for part in packet.chunks(70_001) {
        world.peer(0).sends(part).pauses(1);
    }
    let (id, _) = step(&mut worker).expect("a job");
    assert!(worker.job(id).expect("the job exists").workload() == body);
}

#[test]
fn a_server_whose_large_job_was_slow_is_asked_again() {
    let (mut worker, world) = worker(2);
    let body = vec![7; 100_000];
    let packet = response(Command::JobAssignUniq, &[b"H:1", b"f", b"u"], &body);
    let (begin, end) = packet.split_at(50_000);
    world.peer(1).expects(&hello()).sends(begin).pauses(300).sends(end);
    world.peer(1).expects(&complete("H:1", b"ok"));
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
    assert_eq!(run_one_job(&mut worker), "H:1");
    world.peer(1).expects(&grab()).sends(&assign("H:2"));
    world.peer(1).expects(&complete("H:2", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:2");
    world.assert_done();
}

#[test]
fn a_grab_that_is_sent_in_parts_is_sent_completely() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    for sizes in [&[5][..], &[0], &[5, 0]] {
        world.peer(0).takes(sizes).expects(&grab()).sends(&assign("H:2"));
        world.peer(0).expects(&complete("H:2", b"ok"));
        timeout(&mut worker, 1_000);
        assert_eq!(run_one_job(&mut worker), "H:2", "{sizes:?}");
    }
    world.assert_done();
}
