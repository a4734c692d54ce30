//! Stop requests.

use super::*;

#[test]
fn a_stop_request_ends_the_sleep_and_every_later_call() {
    for (byte, code) in
        [(STOP_GRACEFUL, ReturnCode::SHUTDOWN_GRACEFUL), (STOP_NOW, ReturnCode::SHUTDOWN)]
    {
        let (mut worker, world) = worker(1);
        world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
        world.wakes_after(1000, byte);
        for _ in 0..3 {
            assert_eq!(work(&mut worker), code);
            assert_eq!(worker.wait(), Err(code));
        }
        assert_eq!(worker.grab(), Err(code));
        world.assert_done();
    }
}

#[test]
fn the_stronger_stop_request_wins() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
    world.wakes_after(10, STOP_GRACEFUL);
    assert_eq!(work(&mut worker), ReturnCode::SHUTDOWN_GRACEFUL);
    world.writes(STOP_NOW);
    assert_eq!(work(&mut worker), ReturnCode::SHUTDOWN);
    world.writes(STOP_GRACEFUL);
    assert_eq!(work(&mut worker), ReturnCode::SHUTDOWN);
}

#[test]
fn a_graceful_stop_still_runs_a_job_that_was_asked_for() {
    let (mut worker, world) = worker(1);
    world.wakes_after(5, STOP_GRACEFUL);
    world.peer(0).expects(&hello()).pauses(50).sends(&assign("H:1"));
    world.peer(0).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    assert_eq!(work(&mut worker), ReturnCode::SHUTDOWN_GRACEFUL);
    world.assert_done();
}

#[test]
fn a_stop_gives_an_outstanding_job_back_by_closing() {
    for byte in [STOP_GRACEFUL, STOP_NOW] {
        let (mut worker, world) = worker(1);
        world.wakes_after(5, byte);
        world.peer(0).expects(&hello());
        assert!(matches!(work(&mut worker), ReturnCode::SHUTDOWN | ReturnCode::SHUTDOWN_GRACEFUL));
        assert!(!world.peer(0).is_open());
    }
}

#[test]
fn a_signal_ends_a_wait_only_with_stop_on_signal() {
    let (mut worker, world) = worker(1);
    timeout(&mut worker, 100);
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
    world.interrupts();
    assert_eq!(work(&mut worker), ReturnCode::TIMEOUT);
    worker.link.settings.stop_on_signal = true;
    world.peer(0).expects(&grab()).pauses(10).sends(&no_job()).expects(&pre_sleep());
    world.interrupts();
    assert_eq!(work(&mut worker), ReturnCode::IO_WAIT);
    assert_eq!(work(&mut worker), ReturnCode::TIMEOUT);
    world.assert_done();
}
