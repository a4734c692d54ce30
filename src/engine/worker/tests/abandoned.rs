//! Waits that are abandoned because their thread was cancelled.

use super::*;

#[test]
fn a_job_for_an_abandoned_call_goes_to_the_next_call() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:1");
    let mut search = Search::for_work();
    assert!(worker.poll_work(&mut search).is_pending());
    worker.abandon_wait();
    world.peer(0).expects(&grab()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:2");
    world.assert_done();
}

#[test]
fn abandoning_a_partly_sent_result_closes_its_connection() {
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
    assert_eq!(run_one_job(&mut worker), "H:1");
    world.assert_done();
}
