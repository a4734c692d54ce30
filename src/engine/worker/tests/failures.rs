//! Servers that are down, are lost, or send invalid packets.

use super::*;
use crate::exchange::Broadcast;
use crate::testing::Connect;

#[test]
fn a_refused_connection_is_reported_and_tried_again_after_the_reconnect_delay() {
    let (mut worker, world) = worker(1);
    world.peer(0).meets(&[Connect::Refuse, Connect::Refuse, Connect::Refuse]);
    let began = world.now();
    let delays = [0, 100, 200];
    let mut sum = 0;
    for delay in delays {
        assert_eq!(work(&mut worker), ReturnCode::COULD_NOT_CONNECT);
        sum += delay;
        assert_eq!(world.now() - began, Duration::from_millis(sum));
    }
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn up_to_half_of_a_later_reconnect_delay_is_left_out_at_random() {
    let (mut worker, world) = worker(1);
    world.peer(0).meets(&[Connect::Refuse; 5]);
    let began = world.now();
    let half = u32::MAX / 2;
    for (random, milliseconds) in
        [(u32::MAX, 0), (u32::MAX, 100), (half, 300), (u32::MAX, 600), (0, 1_000)]
    {
        world.draws(random);
        assert_eq!(work(&mut worker), ReturnCode::COULD_NOT_CONNECT);
        let passed = (world.now() - began).as_micros();
        assert_eq!(passed.div_ceil(1000), milliseconds, "the number is drawn after the attempt");
    }
}

#[test]
fn with_a_timeout_work_tries_that_long_although_every_server_is_down() {
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
    let text = worker.link.error.text().expect("an error text").to_string_lossy().into_owned();
    assert!(text.contains("Connection to 127.0.0.1:4730 failed"), "{text}");
}

#[test]
fn a_server_that_is_down_does_not_delay_jobs_of_others() {
    let (mut worker, world) = worker(2);
    world.peer(1).meets(&[Connect::Refuse]);
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    let began = world.now();
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    assert_eq!(world.now(), began);
    world.peer(0).expects(&grab()).sends(&no_job()).expects(&pre_sleep());
    world.peer(1).expects(&hello()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:2");
    assert_eq!(world.now() - began, Duration::from_millis(100));
    world.assert_done();
}

#[test]
fn a_server_that_fails_is_tried_again_by_the_same_call_after_its_reconnect_delay() {
    let (mut worker, world) = worker(2);
    timeout(&mut worker, 5_000);
    world.peer(1).meets(&[Connect::Refuse; 3]).expects(&hello()).sends(&assign("H:1"));
    world.peer(0).expects(&hello()).sends(&no_job()).expects(&pre_sleep());
    let began = world.now();
    assert!(step(&mut worker).is_ok());
    // Attempts after 100, 200 and 400 ms, and none in between.
    assert_eq!(world.now() - began, Duration::from_millis(700));
    let calls = world.take_calls();
    assert_eq!(calls.connect, 5);
    assert!(calls.wait <= 16, "{} waits", calls.wait);
}

#[test]
fn a_server_that_never_accepts_does_not_delay_jobs_of_others() {
    let (mut worker, world) = worker(2);
    world.peer(1).meets(&[Connect::Ignore]);
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    let began = world.now();
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    assert!(world.now() - began <= Duration::from_millis(200));
    world.peer(0).expects(&grab()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    let began = world.now();
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    assert_eq!(world.now(), began, "a server that was passed over is not waited for again");
    world.assert_done();
}

#[test]
fn connecting_takes_at_most_4_s() {
    let (mut worker, world) = worker(1);
    world.peer(0).meets(&[Connect::Ignore]);
    let began = world.now();
    assert_eq!(work(&mut worker), ReturnCode::COULD_NOT_CONNECT);
    assert_eq!(world.now() - began, Duration::from_secs(4));
}

#[test]
fn a_timeout_ends_the_wait_for_a_server_that_never_accepts() {
    let (mut worker, world) = worker(1);
    timeout(&mut worker, 300);
    world.peer(0).meets(&[Connect::Ignore]);
    let began = world.now();
    assert_eq!(work(&mut worker), ReturnCode::TIMEOUT);
    assert_eq!(world.now() - began, Duration::from_millis(300));
    let text = worker.link.error.text().expect("an error text").to_string_lossy().into_owned();
    assert!(text.contains("timeout reached, 1 servers were poll(), no servers"), "{text}");
    assert!(text.contains("pipe:true"), "{text}");
}

#[test]
fn a_lost_server_is_tried_again_until_the_timeout() {
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
fn without_a_timeout_a_lost_server_that_stays_down_is_reported() {
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
fn an_unexpected_packet_is_reported_and_the_connection_stays_usable() {
    let (mut worker, world) = worker(1);
    let created = response(Command::JobCreated, &[b"H:1"], b"");
    world.peer(0).expects(&hello()).sends(&[created, assign("H:1")].concat());
    world.peer(0).expects(&complete("H:1", b"ok"));
    assert_eq!(work(&mut worker), ReturnCode::UNEXPECTED_PACKET);
    let text = worker.link.error.text().expect("an error text").to_string_lossy().into_owned();
    assert!(text.contains("unexpected packet:GEARMAN_JOB_CREATED"), "{text}");
    assert_eq!(work(&mut worker), ReturnCode::SUCCESS);
    world.assert_done();
}

#[test]
fn an_error_packet_answers_the_grab_unless_it_is_about_a_job() {
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
fn an_invalid_packet_closes_the_connection() {
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
fn an_unrequested_job_is_an_unexpected_packet() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&[assign("H:1"), assign("H:2")].concat());
    assert_eq!(work(&mut worker), ReturnCode::UNEXPECTED_PACKET);
}

#[test]
fn echo_and_options_work_between_jobs() {
    let (mut worker, world) = worker(1);
    let echo = request(Command::EchoReq, &[], b"ping");
    world.peer(0).expects(&[can_do(), echo].concat());
    world.peer(0).sends(&response(Command::EchoRes, &[], b"ping"));
    assert_eq!(worker.broadcast(Broadcast::Echo(b"ping")), Ok(()));
    let option = request(Command::OptionReq, &[b"exceptions"], b"");
    world.peer(0).expects(&option);
    world.peer(0).sends(&response(Command::OptionRes, &[b"exceptions"], b""));
    assert_eq!(worker.broadcast(Broadcast::Option(b"exceptions")), Ok(()));
    // The option is sent on a new connection too, and its reply is no reply to GRAB_JOB.
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
fn a_refused_option_is_unknown_option() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&[can_do(), request(Command::OptionReq, &[b"x"], b"")].concat());
    world.peer(0).sends(&response(Command::Error, &[b"UNKNOWN_OPTION", b"no"], b""));
    assert_eq!(worker.broadcast(Broadcast::Option(b"x")), Err(ReturnCode::UNKNOWN_OPTION));
    let (mut without_servers, _) = super::worker(0);
    assert_eq!(without_servers.broadcast(Broadcast::Echo(b"x")), Err(ReturnCode::NO_SERVERS));
}

#[test]
fn a_stable_connection_lost_with_a_grab_is_made_again_at_once() {
    let (mut worker, world) = worker(1);
    worker.link.shortcuts_off = true;
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:1");
    world.assert_done();
    // The connection was stable, so reconnecting is not delayed.
    world.sleep(2000);
    world.peer(0).breaks();
    world.peer(0).expects(&hello()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:2");
    world.assert_done();
}

#[test]
fn a_grab_that_blocks_is_sent_when_the_socket_has_room() {
    let (mut worker, world) = worker(1);
    world.peer(0).expects(&hello()).sends(&assign("H:1")).expects(&complete("H:1", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:1");
    world.peer(0).takes(&[5, 0]);
    world.peer(0).expects(&grab()).sends(&assign("H:2")).expects(&complete("H:2", b"ok"));
    assert_eq!(run_one_job(&mut worker), "H:2");
    world.assert_done();
}
