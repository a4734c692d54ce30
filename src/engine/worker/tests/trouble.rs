//! Servers that are down, get lost or talk nonsense.

use super::*;
use crate::exchange::Broadcast;
use crate::testing::Connect;

#[test]
fn a_refused_connection_is_reported_and_tried_again_after_a_pause() {
    let (mut worker, world) = worker(1);
    world.peer(0).meets(&[Connect::Refuse, Connect::Refuse, Connect::Refuse]);
    let began = world.now();
    let rests = [0, 100, 200];
    let mut sum = 0;
    for rest in rests {
        assert_eq!(work(&mut worker), ReturnCode::COULD_NOT_CONNECT);
        sum += rest;
        assert_eq!(world.now() - began, Duration::from_millis(sum));
    }
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn with_a_time_limit_work_sleeps_that_long_although_every_server_is_down() {
    let (mut worker, world) = worker(1);
    timeout(&mut worker, 550);
    world.peer(0).meets(&[Connect::Refuse; 9]);
    let began = world.now();
    for calls in 1..3 {
        assert_eq!(work(&mut worker), ReturnCode::COULD_NOT_CONNECT);
        assert_eq!(world.now() - began, calls * Duration::from_millis(550));
    }
    assert_eq!(world.peer(0).connected, 4, "at 0, 100, 300 and 700 ms");
    assert_eq!(worker.grab(), Err(ReturnCode::COULD_NOT_CONNECT));
    let text = worker.link.error.text().expect("set").to_string_lossy().into_owned();
    assert!(text.contains("Connection to 127.0.0.1:4730 failed"), "{text}");
}

#[test]
fn a_server_that_is_down_does_not_keep_others_waiting() {
    let (mut worker, world) = worker(2);
    world.peer(1).meets(&[Connect::Refuse]);
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    let began = world.now();
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    assert_eq!(world.now(), began);
    world.peer(0).expects(&grab()).sends(&no_job()).expects(&pre_sleep());
    world.peer(1).expects(&hello()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    assert_eq!(taken(&mut worker), "H:2");
    assert_eq!(world.now() - began, Duration::from_millis(100));
    world.assert_done();
}

#[test]
fn a_server_that_fails_in_a_call_is_tried_again_by_the_same_call_when_it_has_rested() {
    let (mut worker, world) = worker(2);
    timeout(&mut worker, 5_000);
    world.peer(1).meets(&[Connect::Refuse; 3]).expects(&hello()).sends(&assign("H:1"));
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
    let began = world.now();
    assert!(step(&mut worker).is_ok());
    // After 100, 200 and 400 ms, and not once more in between.
    assert_eq!(world.now() - began, Duration::from_millis(700));
    let calls = world.take_calls();
    assert_eq!(calls.connect, 5);
    assert!(calls.wait <= 16, "{} waits", calls.wait);
}

#[test]
fn a_server_that_never_answers_the_phone_does_not_either() {
    let (mut worker, world) = worker(2);
    world.peer(1).meets(&[Connect::Ignore]);
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    let began = world.now();
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    assert!(world.now() - began <= Duration::from_millis(200));
    world.peer(0).expects(&grab()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    let began = world.now();
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    assert_eq!(world.now(), began, "it has no second grace");
    world.assert_done();
}

#[test]
fn connecting_has_an_end() {
    let (mut worker, world) = worker(1);
    world.peer(0).meets(&[Connect::Ignore]);
    let began = world.now();
    assert_eq!(work(&mut worker), ReturnCode::COULD_NOT_CONNECT);
    assert_eq!(world.now() - began, Duration::from_secs(4));
}

#[test]
fn a_time_limit_ends_the_wait_for_a_silent_server() {
    let (mut worker, world) = worker(1);
    timeout(&mut worker, 300);
    world.peer(0).meets(&[Connect::Ignore]);
    let began = world.now();
    assert_eq!(work(&mut worker), ReturnCode::TIMEOUT);
    assert_eq!(world.now() - began, Duration::from_millis(300));
    let text = worker.link.error.text().expect("set").to_string_lossy().into_owned();
    assert!(text.contains("timeout reached, 1 servers were poll(), no servers"), "{text}");
    assert!(text.contains("pipe:true"), "{text}");
}

#[test]
fn a_lost_server_is_looked_for_until_the_time_is_up() {
    let (mut worker, world) = worker(1);
    timeout(&mut worker, 1000);
    world.peer(0).meets(&[Connect::Accept]).meets(&[Connect::Refuse; 9]);
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep()).closes();
    let began = world.now();
    assert_eq!(work(&mut worker), ReturnCode::TIMEOUT);
    assert_eq!(world.now() - began, Duration::from_secs(1));
    assert!(world.peer(0).connected < 6);
}

#[test]
fn without_a_time_limit_a_lost_server_that_stays_away_is_reported() {
    let (mut worker, world) = worker(1);
    world.peer(0).meets(&[Connect::Accept, Connect::Refuse]);
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep()).closes();
    assert_eq!(work(&mut worker), ReturnCode::COULD_NOT_CONNECT);
}

#[test]
fn a_server_that_comes_back_is_used_in_the_same_call() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep()).pauses(5000).closes();
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn an_unexpected_packet_is_reported_and_the_connection_stays_in_step() {
    let (mut worker, world) = worker(1);
    let created = response(Command::JobCreated, &[b"H:1"], b"");
    world.peer(0).expects(&hello()).sends(&[created, assign("H:1")].concat());
    world.peer(0).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), ReturnCode::UNEXPECTED_PACKET);
    let text = worker.link.error.text().expect("set").to_string_lossy().into_owned();
    assert!(text.contains("unexpected packet:GEARMAN_JOB_CREATED"), "{text}");
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn an_error_answers_the_question_unless_it_is_about_a_job() {
    let error = |name: &[u8]| response(Command::Error, &[name, b"text"], b"");
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&error(b"QUEUE_ERROR"));
    assert_eq!(work(&mut worker), ReturnCode::UNEXPECTED_PACKET);
    world.peer(0).expects(&grab()).sends(&error(b"JOB_NOT_FOUND"));
    assert_eq!(work(&mut worker), ReturnCode::UNEXPECTED_PACKET);
    world.peer(0).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn nonsense_closes_the_connection() {
    let bad = [
        (&b"\0XXX\0\0\0\x0a\0\0\0\0"[..], ReturnCode::INVALID_MAGIC),
        (b"hello, world\n", ReturnCode::INVALID_MAGIC),
        (b"\0RES\0\0\0\x63\0\0\0\0", ReturnCode::INVALID_COMMAND),
        (b"\0RES\0\0\0\x1f\0\0\0\x01H", ReturnCode::INVALID_PACKET),
    ];
    for (bytes, code) in bad {
        let (mut worker, world) = worker(1);
        world.peer(0).expects(&hello()).sends(bytes);
        assert_eq!(work(&mut worker), code);
        assert!(!world.peer(0).is_open());
        world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
        assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
        world.assert_done();
    }
}

#[test]
fn an_answer_that_nobody_asked_for_is_no_job() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&[assign("H:1"), assign("H:2")].concat());
    assert_eq!(work(&mut worker), ReturnCode::UNEXPECTED_PACKET);
}

#[test]
fn echo_and_options_are_exchanged_between_jobs() {
    let (mut worker, world) = worker(1);
    let echo = request(Command::EchoReq, &[], b"ping");
    world.peer(0).expects(&[can_do(), echo].concat());
    world.peer(0).sends(&response(Command::EchoRes, &[], b"ping"));
    assert_eq!(worker.broadcast(Broadcast::Echo(b"ping")), Ok(()));
    let option = request(Command::OptionReq, &[b"exceptions"], b"");
    world.peer(0).expects(&option);
    world.peer(0).sends(&response(Command::OptionRes, &[b"exceptions"], b""));
    assert_eq!(worker.broadcast(Broadcast::Option(b"exceptions")), Ok(()));
    // A new connection is told about the option, and its reply is no answer.
    world.peer(0).expects(&grab()).closes();
    world.peer(0).expects(&[option, hello()].concat());
    world.peer(0).sends(&response(Command::OptionRes, &[b"exceptions"], b"")).sends(&no_job());
    assert_eq!(worker.grab(), Err(ReturnCode::NO_JOBS));
    world.peer(0).expects(&request(Command::EchoReq, &[], b"ping"));
    world.peer(0).sends(&response(Command::EchoRes, &[], b"pong"));
    let corrupt = worker.broadcast(Broadcast::Echo(b"ping"));
    assert_eq!(corrupt, Err(ReturnCode::ECHO_DATA_CORRUPTION));
    world.assert_done();
}

#[test]
fn a_refused_option_is_named() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&[can_do(), request(Command::OptionReq, &[b"x"], b"")].concat());
    world.peer(0).sends(&response(Command::Error, &[b"UNKNOWN_OPTION", b"no"], b""));
    assert_eq!(worker.broadcast(Broadcast::Option(b"x")), Err(ReturnCode::UNKNOWN_OPTION));
    let (mut nobody, _) = super::worker(0);
    assert_eq!(nobody.broadcast(Broadcast::Echo(b"x")), Err(ReturnCode::NO_SERVERS));
}

#[test]
fn a_server_that_was_lost_with_the_question_is_connected_to_at_once() {
    let (mut worker, world) = worker(1);
    worker.link.shortcuts_off = true;
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(taken(&mut worker), "H:1");
    world.assert_done();
    // It was a good connection: nothing has it rest.
    world.sleep(2000);
    world.peer(0).breaks();
    world.peer(0).expects(&hello()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    assert_eq!(taken(&mut worker), "H:2");
    world.assert_done();
}

#[test]
fn a_question_that_does_not_go_at_once_is_sent_when_there_is_room() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(taken(&mut worker), "H:1");
    world.peer(0).takes(&[5, 0]);
    world.peer(0).expects(&grab()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    assert_eq!(taken(&mut worker), "H:2");
    world.assert_done();
}
