//! Which servers a worker asks in non-blocking mode, and what its calls return.

use super::*;
use crate::exchange::Broadcast;
use crate::testing::{Calls, Connect};

const IO_WAIT: ReturnCode = ReturnCode::IO_WAIT;
const NO_JOBS: ReturnCode = ReturnCode::NO_JOBS;
const SUCCESS: ReturnCode = ReturnCode::SUCCESS;

/// Repeats calls, with a wait after each, as published programs do, until one returns
/// something other than `IO_WAIT`. Returns the number of `IO_WAIT`s and that code.
fn work_until_done(worker: &mut Worker<ScriptNet>) -> (usize, ReturnCode) {
    for rounds in 0..20 {
        match work(worker) {
            IO_WAIT => assert_eq!(worker.wait(), Ok(()), "after {rounds}"),
            code => return (rounds, code),
        }
    }
    panic!("no end after 20 calls");
}

#[test]
fn a_non_blocking_call_takes_one_action_and_returns() {
    let (mut worker, world) = non_blocking(1);
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
    assert_eq!(work(&mut worker), IO_WAIT);
    assert_eq!(world.take_calls(), Calls { connect: 1, wait: 1, ..Calls::default() });
    assert_eq!(worker.wait(), Ok(()));
    world.take_calls();
    assert_eq!(work(&mut worker), IO_WAIT);
    assert_eq!(world.take_calls(), Calls { send: 1, wait: 1, ..Calls::default() });
    assert_eq!(worker.wait(), Ok(()));
    assert_eq!(work(&mut worker), NO_JOBS);
    world.peer(0).expects(&grab()).pauses(10).sends(&assign("H:1"));
    assert_eq!(work(&mut worker), IO_WAIT);
    assert_eq!(work(&mut worker), IO_WAIT);
    assert_eq!(worker.wait(), Ok(()));
    world.peer(0).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), SUCCESS);
    world.assert_done();
}

#[test]
fn calls_without_waits_between_them_make_progress() {
    let (mut worker, world) = non_blocking(1);
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    let codes: Vec<ReturnCode> = (0..3).map(|_| work(&mut worker)).collect();
    assert_eq!(codes, [IO_WAIT, IO_WAIT, SUCCESS]);
    world.assert_done();
}

#[test]
fn a_noop_ends_the_wait_after_grab() {
    let (mut worker, world) = non_blocking(1);
    world.peer(0).expects(&hello()).pauses(5).sends(&no_job()).expects(&pre_sleep());
    for _ in 0..2 {
        assert_eq!(worker.grab(), Err(IO_WAIT));
        assert_eq!(worker.wait(), Ok(()));
    }
    assert_eq!(worker.grab(), Err(NO_JOBS));
    world.peer(0).pauses(60_000).sends(&noop());
    assert_eq!(worker.wait(), Ok(()));
    world.assert_done();
}

#[test]
fn a_round_asks_every_server_once_and_ends() {
    let (mut worker, world) = non_blocking(3);
    for round in 0..3 {
        for key in 0..3 {
            let asks = if round == 0 { hello() } else { grab() };
            world.peer(key).expects(&asks).sends(&no_job()).expects(&pre_sleep());
        }
        let calls = if round == 0 { 6 } else { 3 };
        assert_eq!(work_until_done(&mut worker), (calls, NO_JOBS));
        world.assert_done();
    }
}

#[test]
fn a_server_that_assigned_a_job_is_asked_again_and_then_the_next_servers() {
    let (mut worker, world) = non_blocking(3);
    world.peer(2).expects(&hello()).sends(&no_job());
    world.peer(1).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work_until_done(&mut worker), (4, SUCCESS));
    world.peer(1).expects(&grab()).sends(&no_job()).expects(&pre_sleep());
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
    world.peer(2).expects(&pre_sleep());
    assert_eq!(work_until_done(&mut worker), (3, NO_JOBS));
    world.assert_done();
}

#[test]
fn a_reply_during_an_echo_ends_its_servers_turn() {
    let (mut worker, world) = non_blocking(2);
    let question = request(Command::EchoReq, &[], b"x");
    let answer = response(Command::EchoRes, &[], b"x");
    world.peer(1).expects(&hello());
    assert_eq!((work(&mut worker), worker.wait(), work(&mut worker)), (IO_WAIT, Ok(()), IO_WAIT));
    world.peer(1).expects(&question).sends(&no_job()).sends(&answer);
    world.peer(0).expects(&can_do()).expects(&question).sends(&answer);
    assert_eq!(worker.broadcast(Broadcast::Echo(b"x")), Ok(()));
    // The other server is asked, not the one that has answered.
    world.peer(0).expects(&grab()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work_until_done(&mut worker).1, SUCCESS);
    world.assert_done();
}

#[test]
fn a_server_that_is_down_ends_its_turn_without_an_error() {
    let (mut worker, world) = non_blocking(2);
    world.peer(1).meets(&[Connect::Refuse; 2]);
    world.peer(0).meets(&[Connect::Refuse; 2]);
    for _ in 0..2 {
        assert_eq!(work_until_done(&mut worker), (2, NO_JOBS));
        assert_eq!(worker.wait(), Err(ReturnCode::NO_ACTIVE_FDS));
    }
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    world.peer(1).meets(&[Connect::Refuse]);
    assert_eq!(work_until_done(&mut worker), (3, SUCCESS), "without a reconnect delay");
    world.assert_done();
}

#[test]
fn a_lost_connection_ends_its_servers_turn() {
    let (mut worker, world) = non_blocking(2);
    world.peer(1).expects(&hello()).closes();
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
    assert_eq!(work_until_done(&mut worker), (4, NO_JOBS));
    assert_eq!(world.peer(1).connected, 1);
    world.peer(1).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work_until_done(&mut worker), (2, SUCCESS));
    world.assert_done();
}

#[test]
fn a_failed_send_ends_its_servers_turn() {
    let (mut worker, world) = non_blocking(2);
    for key in 0..2 {
        world.peer(key).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
    }
    assert_eq!(work_until_done(&mut worker).1, NO_JOBS);
    world.peer(1).breaks();
    world.peer(0).expects(&grab()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work_until_done(&mut worker), (1, SUCCESS));
    world.assert_done();
}

#[test]
fn a_silent_server_is_passed_over_after_200_ms() {
    let (mut worker, world) = non_blocking(2);
    world.peer(1).expects(&hello()).pauses(5_000).sends(&assign("H:late"));
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    let began = world.now();
    assert_eq!(work_until_done(&mut worker), (4, SUCCESS));
    assert_eq!(world.now() - began, Duration::from_millis(200));
    world.peer(0).expects(&grab()).sends(&no_job()).expects(&pre_sleep());
    assert_eq!(work_until_done(&mut worker), (1, NO_JOBS));
    // Its job is taken when it arrives after all.
    world.peer(1).expects(&complete("H:late", b"ok"));
    assert_eq!(worker.wait(), Ok(()));
    assert_eq!(work(&mut worker), SUCCESS);
    world.assert_done();
}

#[test]
fn a_server_that_was_slow_to_connect_is_still_asked_first() {
    let (mut worker, world) = non_blocking(2);
    world.peer(1).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), IO_WAIT);
    assert_eq!(worker.wait(), Ok(()));
    world.sleep(500);
    assert_eq!(work_until_done(&mut worker), (1, SUCCESS));
    world.assert_done();
}

#[test]
fn with_a_timeout_of_0_servers_are_still_asked_one_after_the_other() {
    let (mut worker, world) = non_blocking(2);
    timeout(&mut worker, 0);
    world.peer(1).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work_until_done(&mut worker), (2, SUCCESS));
    assert_eq!(world.peer(0).connected, 0);
    world.assert_done();
}

#[test]
fn only_the_timeout_limits_the_wait_for_a_single_server() {
    let (mut worker, world) = non_blocking(1);
    timeout(&mut worker, 1000);
    world.peer(0).expects(&hello());
    for _ in 0..2 {
        assert_eq!(work(&mut worker), IO_WAIT);
        let _ = worker.wait();
    }
    let began = world.now();
    for calls in 1..3 {
        assert_eq!(work(&mut worker), IO_WAIT);
        assert_eq!(worker.wait(), Err(ReturnCode::TIMEOUT));
        assert_eq!(world.now() - began, calls * Duration::from_secs(1));
    }
    world.assert_done();
}

#[test]
fn silent_servers_are_not_asked_again() {
    let (mut worker, world) = non_blocking(2);
    timeout(&mut worker, 300);
    for key in 0..2 {
        world.peer(key).expects(&hello());
    }
    let mut codes = Vec::new();
    for _ in 0..8 {
        codes.push((work(&mut worker), worker.wait()));
    }
    assert_eq!(codes[6..], [(IO_WAIT, Err(ReturnCode::TIMEOUT)); 2], "{codes:?}");
    world.peer(0).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(worker.wait(), Ok(()));
    assert_eq!(work(&mut worker), SUCCESS);
    world.assert_done();
}

#[test]
fn a_blocking_call_ends_the_round() {
    let (mut worker, world) = non_blocking(2);
    world.peer(1).expects(&hello()).sends(&no_job());
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work_until_done(&mut worker).1, SUCCESS);
    worker.link.settings.non_blocking = false;
    world.peer(1).expects(&grab()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:2");
    world.assert_done();
}

#[test]
fn a_stop_request_ends_a_round_although_every_server_is_down() {
    let (mut worker, world) = non_blocking(1);
    world.peer(0).meets(&[Connect::Refuse]);
    assert_eq!(work_until_done(&mut worker), (1, NO_JOBS));
    world.wakes_after(0, STOP_GRACEFUL);
    assert_eq!(work(&mut worker), ReturnCode::SHUTDOWN_GRACEFUL);
}

#[test]
fn an_event_loop_tries_a_server_that_is_down_after_its_reconnect_delay() {
    let (mut worker, world) = non_blocking(2);
    assert_eq!(worker.poll_fd(), -1, "the scripted transport has no descriptor");
    world.peer(1).meets(&[Connect::Refuse; 2]);
    world.peer(0).expects(&hello());
    for n in 0..3 {
        let handle = format!("H:{n}");
        world.peer(0).sends(&assign(&handle)).expects(&complete(&handle, b"ok")).expects(&grab());
        assert_eq!(work_until_done(&mut worker).1, SUCCESS);
    }
    assert_eq!(world.peer(1).connected, 1);
    world.peer(0).sends(&no_job()).expects(&pre_sleep());
    assert_eq!(work_until_done(&mut worker), (1, NO_JOBS));
    let delay = worker.next_timeout().expect("a reconnect delay");
    assert_eq!(delay, Duration::from_millis(100));
    world.sleep(100);
    assert_eq!(worker.next_timeout(), Some(Duration::ZERO));
    world.peer(0).expects(&grab()).sends(&no_job()).expects(&pre_sleep());
    assert_eq!(work_until_done(&mut worker), (2, NO_JOBS));
    assert_eq!(world.peer(1).connected, 2);
    assert_eq!(worker.next_timeout(), Some(Duration::from_millis(200)));
    world.assert_done();
}

#[test]
fn an_event_loop_sleeps_for_reconnect_delays_and_for_connecting() {
    let (mut worker, world) = non_blocking(1);
    assert_eq!(worker.next_timeout(), Some(Duration::ZERO), "before the first call");
    world.peer(0).meets(&[Connect::Refuse, Connect::Refuse, Connect::Ignore]);
    for delay in [100, 200] {
        assert_eq!(work_until_done(&mut worker), (1, NO_JOBS));
        assert_eq!(worker.next_timeout(), Some(Duration::from_millis(delay)));
        world.sleep(delay);
    }
    assert_eq!(work(&mut worker), IO_WAIT);
    assert_eq!(worker.next_timeout(), Some(Duration::from_secs(4)), "the connect deadline");
    world.sleep(4_000);
    assert_eq!(work(&mut worker), NO_JOBS);
    assert_eq!(worker.next_timeout(), Some(Duration::from_millis(400)));
}

#[test]
fn an_event_loop_asks_a_server_that_was_left_out_because_another_sent_an_invalid_packet() {
    let (mut worker, world) = non_blocking(2);
    for key in 0..2 {
        world.peer(key).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
    }
    assert_eq!(work_until_done(&mut worker).1, NO_JOBS);
    assert_eq!(worker.next_timeout(), None);
    world.peer(0).sends(&noop());
    world.peer(1).sends(b"HTTP/1.1 400\r\n");
    assert_eq!(worker.wait(), Ok(()));
    assert_eq!(work(&mut worker), ReturnCode::INVALID_MAGIC);
    assert!(!worker.has_buffered_work(), "the NOOP was read by the call that failed");
    assert_eq!(worker.next_timeout(), Some(Duration::ZERO));
    world.peer(0).expects(&grab()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work_until_done(&mut worker).1, SUCCESS);
    world.assert_done();
}

#[test]
fn an_event_loop_makes_a_lost_stable_connection_again_at_once() {
    let (mut worker, world) = non_blocking(1);
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep()).pauses(2_000).closes();
    assert_eq!(work_until_done(&mut worker), (2, NO_JOBS));
    assert_eq!(worker.next_timeout(), None);
    assert_eq!(worker.wait(), Ok(()));
    assert_eq!(work(&mut worker), NO_JOBS);
    assert_eq!(worker.next_timeout(), Some(Duration::ZERO));
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work_until_done(&mut worker), (2, SUCCESS));
    world.assert_done();
}

#[test]
fn an_incomplete_packet_is_not_buffered_work() {
    let (mut worker, world) = non_blocking(1);
    let whole = assign("H:1");
    let (begin, end) = whole.split_at(15);
    world.peer(0).expects(&hello()).sends(begin);
    for _ in 0..3 {
        assert_eq!(worker.grab(), Err(IO_WAIT));
    }
    assert!(!worker.has_buffered_work());
    world.peer(0).sends(end);
    assert_eq!(worker.wait(), Ok(()));
    assert!(worker.has_buffered_work());
    assert!(worker.grab().is_ok());
    world.assert_done();
}

#[test]
fn an_event_loop_sleeps_until_a_turn_ends_although_another_server_is_untried() {
    let (mut worker, world) = non_blocking(2);
    world.peer(1).meets(&[Connect::Ignore]);
    assert_eq!(step(&mut worker), Err(ReturnCode::IO_WAIT));
    // WorkerServer 0 has its turn when the grace of server 1 is over, not before.
    assert_eq!(worker.next_timeout(), Some(Duration::from_millis(200)));
    world.sleep(200);
    assert_eq!(worker.next_timeout(), Some(Duration::ZERO));
    world.peer(0).expects(&hello()).sends(&assign("H:1"));
    assert_eq!(step(&mut worker), Err(ReturnCode::IO_WAIT));
}
