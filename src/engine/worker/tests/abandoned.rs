//! Waits that are never gone on with, because their thread was cancelled.

use super::*;

#[test]
fn the_job_that_an_abandoned_call_has_asked_for_is_the_next_one() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(taken(&mut worker), "H:1");
    let mut search = Search::for_work();
    assert!(worker.poll_work(&mut search).is_pending());
    worker.abandon_wait();
    world.peer(0).expects(&grab()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    assert_eq!(taken(&mut worker), "H:2");
    world.assert_done();
}

#[test]
fn a_result_that_was_left_half_sent_goes_with_its_connection() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&assign("H:1"));
    let (_, ticket) = step(&mut worker).expect("a job");
    world.peer(0).takes(&[4, 0]);
    let outcome = Outcome::Complete(ReturnCode::SUCCESS);
    assert!(worker.poll_finish(ticket, outcome, b"result").is_pending());
    worker.abandon_wait();
    assert!(!world.peer(0).is_open());
    world.peer(0).take_sent();
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(taken(&mut worker), "H:1");
    world.assert_done();
}
