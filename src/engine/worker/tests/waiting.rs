//! What `gearman_worker_wait` waits for.

use super::*;
use crate::exchange::Broadcast;
use crate::testing::Connect;

const NOTHING: Result<(), ReturnCode> = Err(ReturnCode::NO_ACTIVE_FDS);

/// Makes calls that return `IO_WAIT`, with a wait between each two of them.
fn begin(worker: &mut Worker<ScriptNet>, calls: usize) {
    for call in 1..=calls {
        assert_eq!(work(worker), ReturnCode::IO_WAIT);
        if call < calls {
            assert_eq!(worker.wait(), Ok(()));
        }
    }
}

#[test]
fn a_wait_after_completed_calls_is_no_active_fds() {
    let (mut worker, world) = worker(1);
    assert_eq!(worker.wait(), NOTHING);
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    assert_eq!(worker.wait(), NOTHING);
    world.peer(0).expects(&grab()).sends(&no_job());
    assert_eq!(worker.grab(), Err(ReturnCode::NO_JOBS));
    assert_eq!(worker.wait(), NOTHING);
    world.peer(0).expects(&request(Command::EchoReq, &[], b"ping"));
    world.peer(0).sends(&response(Command::EchoRes, &[], b"ping"));
    assert_eq!(worker.broadcast(Broadcast::Echo(b"ping")), Ok(()));
    world.take_calls();
    assert_eq!(worker.wait(), NOTHING);
    assert_eq!(world.take_calls().wait, 0);
    world.assert_done();
}

#[test]
fn a_wait_after_pre_sleep_ends_with_noop() {
    let (mut worker, world) = worker(1);
    timeout(&mut worker, 100);
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep()).pauses(350);
    world.peer(0).sends(&noop());
    assert_eq!(work(&mut worker), ReturnCode::TIMEOUT);
    assert_eq!(worker.wait(), Err(ReturnCode::TIMEOUT));
    assert_eq!(worker.wait(), Err(ReturnCode::TIMEOUT));
    assert_eq!(worker.wait(), Ok(()));
    world.assert_done();
}

#[test]
fn a_ready_connection_is_reported_once() {
    let (mut worker, world) = non_blocking(1);
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
    for code in [ReturnCode::IO_WAIT, ReturnCode::IO_WAIT, ReturnCode::NO_JOBS] {
        assert_eq!(work(&mut worker), code);
        if code == ReturnCode::IO_WAIT {
            assert_eq!((worker.wait(), worker.wait()), (Ok(()), NOTHING));
        }
    }
    world.peer(0).pauses(10).sends(&noop());
    assert_eq!((worker.wait(), worker.wait()), (Ok(()), NOTHING));
    world.peer(0).expects(&grab()).sends(&no_job()).expects(&pre_sleep());
    assert_eq!(work(&mut worker), ReturnCode::IO_WAIT);
    assert_eq!(worker.wait(), Ok(()));
    assert_eq!(work(&mut worker), ReturnCode::NO_JOBS);
    world.assert_done();
}

#[test]
fn a_reported_connection_has_to_be_served_before_the_next_wait() {
    let (mut worker, world) = worker(2);
    timeout(&mut worker, 100);
    for key in 0..2 {
        world.peer(key).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
    }
    assert_eq!(work(&mut worker), ReturnCode::TIMEOUT);
    assert_eq!(worker.wait(), Err(ReturnCode::TIMEOUT));
    world.peer(0).sends(&noop());
    assert_eq!((worker.wait(), worker.wait()), (Ok(()), NOTHING));
    world.peer(1).expects(&grab()).sends(&no_job());
    world.peer(0).expects(&grab()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_received_job_is_reported_once() {
    let (mut worker, world) = worker(2);
    world.peer(1).expects(&hello()).pauses(250).sends(&assign("H:late"));
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:1");
    world.sleep(250);
    let ping = request(Command::EchoReq, &[], b"ping");
    for key in 0..2 {
        world.peer(key).expects(&ping).sends(&response(Command::EchoRes, &[], b"ping"));
    }
    assert_eq!(worker.broadcast(Broadcast::Echo(b"ping")), Ok(()));
    assert_eq!((worker.wait(), worker.wait()), (Ok(()), NOTHING));
    world.peer(1).expects(&complete("H:late", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:late");
    world.assert_done();
}

#[test]
fn bytes_on_a_connection_without_work_do_not_end_the_wait() {
    let (mut worker, world) = non_blocking(2);
    timeout(&mut worker, 1000);
    world.peer(1).expects(&hello()).sends(&no_job());
    world.peer(0).expects(&hello());
    begin(&mut worker, 4);
    // Server 1 has no job and was not sent PRE_SLEEP; its connection ends.
    world.peer(1).closes();
    world.peer(0).pauses(50).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    let began = world.now();
    assert_eq!(worker.wait(), Ok(()));
    assert_eq!(world.now() - began, Duration::from_millis(50));
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn a_wait_with_a_timeout_of_0_polls_once() {
    let (mut worker, world) = non_blocking(1);
    timeout(&mut worker, 0);
    world.peer(0).expects(&hello()).pauses(10).sends(&no_job());
    begin(&mut worker, 2);
    assert_eq!(worker.wait(), Err(ReturnCode::TIMEOUT));
    world.sleep(10);
    assert_eq!(worker.wait(), Ok(()));
    world.assert_done();
}

#[test]
fn an_expired_attempt_to_connect_ends_a_wait() {
    let (mut worker, world) = non_blocking(1);
    world.peer(0).meets(&[Connect::Ignore]);
    assert_eq!(work(&mut worker), ReturnCode::IO_WAIT);
    let began = world.now();
    assert_eq!(worker.wait(), Ok(()));
    assert_eq!(world.now() - began, Duration::from_secs(4));
    assert_eq!(work(&mut worker), ReturnCode::NO_JOBS);
}

#[test]
fn a_stop_request_ends_a_wait_only_if_something_is_due() {
    let (mut worker, world) = non_blocking(1);
    world.peer(0).expects(&hello());
    begin(&mut worker, 2);
    world.wakes_after(10, STOP_NOW);
    assert_eq!(worker.wait(), Err(ReturnCode::SHUTDOWN));
    assert_eq!(worker.wait(), Err(ReturnCode::SHUTDOWN));
    assert_eq!(work(&mut worker), ReturnCode::SHUTDOWN);
    assert_eq!(worker.wait(), NOTHING);
}

#[test]
fn a_wait_in_a_forked_child_is_no_active_fds() {
    let (mut worker, world) = non_blocking(1);
    world.peer(0).expects(&[]);
    assert_eq!(work(&mut worker), ReturnCode::IO_WAIT);
    world.forks();
    assert_eq!(worker.wait(), NOTHING);
}
