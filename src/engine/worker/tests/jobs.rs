//! The reports about jobs.

use super::*;

/// A worker to which the job `H:1` was assigned.
fn with_job() -> (Worker<ScriptNet>, World, SlabId, WorkTicket) {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&assign("H:1"));
    let (id, ticket) = step(&mut worker).expect("a job");
    world.assert_done();
    (worker, world, id, ticket)
}

#[test]
fn reports_are_sent_up_to_the_final_one_and_ignored_after_it() {
    let (mut worker, world, id, ticket) = with_job();
    let status = Report::Status { numerator: 3, denominator: 10 };
    let reports = [
        (Report::Data, &b"d"[..], request(Command::WorkData, &[b"H:1"], b"d")),
        (Report::Warning, b"w", request(Command::WorkWarning, &[b"H:1"], b"w")),
        (status, b"", request(Command::WorkStatus, &[b"H:1", b"3", b"10"], b"")),
        (Report::Complete, b"c", complete("H:1", b"c")),
    ];
    for (report, body, packet) in &reports {
        world.peer(0).expects(packet);
        assert_eq!(worker.send(id, *report, body), ReturnCode::SUCCESS);
        world.assert_done();
    }
    for report in [Report::Data, Report::Fail, Report::Exception, Report::Complete] {
        assert_eq!(worker.send(id, report, b"x"), ReturnCode::SUCCESS);
    }
    let code = worker.finish(ticket, Outcome::Fail(ReturnCode::WORK_FAIL), b"");
    assert_eq!(code, ReturnCode::WORK_FAIL);
    world.assert_done();
}

#[test]
fn work_fail_has_the_handle_without_a_nul() {
    let (mut worker, world, _, ticket) = with_job();
    world.peer(0).expects(b"\0REQ\0\0\0\x0e\0\0\0\x03H:1");
    let code = worker.finish(ticket, Outcome::Fail(ReturnCode::TIMEOUT), b"ignored");
    assert_eq!(code, ReturnCode::TIMEOUT);
    // The next call is not a no-op.
    world.peer(0).expects(&grab()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:2");
    world.assert_done();
}

#[test]
fn a_retried_job_is_given_back_by_closing_its_connection() {
    let (mut worker, world, id, ticket) = with_job();
    assert_eq!(worker.finish(ticket, Outcome::Retry, b""), ReturnCode::SUCCESS);
    assert!(!world.peer(0).is_open());
    assert_eq!(worker.send(id, Report::Data, b"x"), ReturnCode::LOST_CONNECTION);
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn an_abandoned_job_is_given_back_by_the_next_call() {
    let (mut worker, world, _, ticket) = with_job();
    worker.abandon(ticket);
    assert!(world.peer(0).is_open());
    world.peer(0).expects(&hello()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:2");
    assert_eq!(world.peer(0).connected, 2);
    assert_eq!(
        worker.finish(ticket, Outcome::Complete(ReturnCode::SUCCESS), b"late"),
        ReturnCode::SUCCESS
    );
    world.assert_done();
}

#[test]
fn a_function_may_run_another_job_of_the_same_worker() {
    let (mut worker, world, _, outer) = with_job();
    world.peer(0).expects(&grab()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:2");
    world.peer(0).expects(&complete("H:1", b"outer"));
    let done = Outcome::Complete(ReturnCode::SHUTDOWN);
    assert_eq!(worker.finish(outer, done, b"outer"), ReturnCode::SHUTDOWN);
    world.assert_done();
}

#[test]
fn a_report_waits_for_a_full_socket_whatever_the_timeout() {
    let (mut worker, world, id, _) = with_job();
    timeout(&mut worker, 10);
    worker.link.settings.non_blocking = true;
    let body = vec![b'x'; 5000];
    world.peer(0).takes(&[0, 7, 0, 1000, 0]).expects(&complete("H:1", &body));
    assert_eq!(worker.send(id, Report::Complete, &body), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_non_blocking_call_can_hide_that_its_result_was_lost() {
    for (non_blocking, tells, after_loss) in [
        (false, false, ReturnCode::LOST_CONNECTION),
        (true, true, ReturnCode::LOST_CONNECTION),
        (true, false, ReturnCode::SUCCESS),
    ] {
        // With 0 reports the loss is found by the result, with 1 by a report before it.
        for reports in 0..2 {
            let (mut worker, world, id, ticket) = with_job();
            worker.link.settings.non_blocking = non_blocking;
            worker.reports_lost_results = tells;
            world.peer(0).breaks();
            for _ in 0..reports {
                let sent = worker.send(id, Report::Warning, b"");
                assert_eq!(sent, ReturnCode::LOST_CONNECTION);
            }
            let done = Outcome::Complete(ReturnCode::SUCCESS);
            assert_eq!(worker.finish(ticket, done, b"ok"), after_loss, "{non_blocking} {tells}");
        }
    }
}

#[test]
fn a_job_that_arrives_while_a_report_is_sent_is_kept() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&assign("H:1"));
    let first = worker.grab().expect("a job");
    timeout(&mut worker, 10);
    world.peer(0).expects(&grab());
    assert_eq!(worker.grab(), Err(ReturnCode::TIMEOUT));
    world.peer(0).takes(&[5, 0]).sends(&assign("H:2")).expects(&complete("H:1", b""));
    assert_eq!(worker.send(first, Report::Complete, b""), ReturnCode::SUCCESS);
    let second = worker.grab().expect("the job that arrived in the meantime");
    assert_eq!(worker.job(second).expect("the job exists").handle(), b"H:2");
    world.assert_done();
}

#[test]
fn a_report_on_a_lost_connection_is_lost_connection() {
    let (mut worker, world, id, ticket) = with_job();
    world.peer(0).closes();
    timeout(&mut worker, 50);
    world.peer(0).expects(&hello());
    assert_eq!(worker.grab(), Err(ReturnCode::TIMEOUT));
    assert_eq!(worker.send(id, Report::Data, b"x"), ReturnCode::LOST_CONNECTION);
    let done = Outcome::Complete(ReturnCode::SUCCESS);
    assert_eq!(worker.finish(ticket, done, b""), ReturnCode::LOST_CONNECTION);
}

#[test]
fn a_server_added_later_does_not_inherit_jobs() {
    let (mut worker, world, id, _) = with_job();
    worker.remove_servers();
    worker.add_server("127.0.0.1", 0).expect("a numeric address");
    assert_eq!(worker.send(id, Report::Data, b"x"), ReturnCode::LOST_CONNECTION);
    world.assert_done();
}

#[test]
fn a_forked_child_sends_no_report_of_its_parents_jobs() {
    let (mut worker, world, id, _) = with_job();
    world.forks();
    assert_eq!(worker.send(id, Report::Complete, b"x"), ReturnCode::LOST_CONNECTION);
    assert_eq!(world.peer(0).take_sent(), b"");
    world.peer(0).expects(&hello()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:2");
    world.assert_done();
}

#[test]
fn a_job_of_an_unknown_function_is_given_back() {
    let (mut worker, world) = worker(1);
    let job = response(Command::JobAssignUniq, &[b"H:1", b"other", b"u"], b"");
    world.peer(0).expects(&hello()).sends(&job);
    assert_eq!(work(&mut worker), ReturnCode::INVALID_FUNCTION_NAME);
    assert!(!world.peer(0).is_open());
}

#[test]
fn a_connection_that_ended_during_a_job_is_found_before_its_result_is_sent() {
    let (mut worker, world, _, ticket) = with_job();
    world.peer(0).closes();
    world.sleep(20);
    worker.check_servers();
    let done = Outcome::Complete(ReturnCode::SUCCESS);
    assert_eq!(worker.finish(ticket, done, b"x"), ReturnCode::LOST_CONNECTION);
    world.assert_done();
}
