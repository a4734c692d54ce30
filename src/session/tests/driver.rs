//! The interface of a job server to its driver.

use super::host::{OUTPUT_LIMIT, World, packets, request};
use crate::DriverRequest;
use bytes::Bytes;
use gearman_broker::{DriverTimer, LostJobs, Millis, UnixSeconds};
use gearman_protocol::Command;

#[test]
fn a_timer_of_the_driver_fires_once_when_it_is_due() {
    let mut world = World::new();
    world.server.set_timer(20, DriverTimer::Heartbeat);
    assert_eq!(world.server.next_due(), (Some(Millis(5_020)), None));
    world.clock.set(5_019);
    world.settle();
    assert_eq!(world.server.take_fired(), None);
    world.clock.set(5_020);
    world.settle();
    assert_eq!(world.server.take_fired(), Some(DriverTimer::Heartbeat));
    assert_eq!(world.server.take_fired(), None);
    assert_eq!(world.server.next_due(), (None, None));
}

#[test]
fn a_delayed_job_is_due_on_the_calendar() {
    let mut world = World::new();
    let client = world.connect();
    world.ask(client, Command::SubmitJobEpoch, &["f", "u", "1900000000"], b"");
    assert_eq!(world.server.next_due(), (None, Some(UnixSeconds(1_900_000_000))));
    assert_eq!(world.server.journal.jobs, ["accepted f u 1900000000"]);
}

#[test]
fn stop_and_drain_are_requested_once_and_stop_takes_precedence() {
    let mut world = World::new();
    let peer = world.connect();
    assert_eq!(world.server.take_request(), None);
    assert_eq!(world.ask_text(peer, "shutdown graceful\n"), "OK\r\n");
    assert!(world.server.broker.is_draining());
    assert_eq!(world.server.take_request(), Some(DriverRequest::Drain));
    assert_eq!(world.server.take_request(), None);
    world.ask_text(peer, "shutdown\n");
    world.ask_text(peer, "shutdown graceful\n");
    assert_eq!(world.server.take_request(), Some(DriverRequest::Stop));
}

#[test]
fn remaining_jobs_fail_and_their_clients_get_work_fail() {
    let mut world = World::new();
    let client = world.connect();
    for _ in 0..3 {
        world.ask(client, Command::SubmitJob, &["f", ""], b"");
    }
    let lost = LostJobs { function: b"f".as_slice().into(), jobs: 3 };
    assert_eq!(world.server.fail_remaining_jobs(), [lost]);
    world.settle();
    assert_eq!(world.received(client), ["WORK_FAIL H:1", "WORK_FAIL H:2", "WORK_FAIL H:3"]);
    assert_eq!(world.server.fail_remaining_jobs(), []);
}

#[test]
fn now_is_the_start_of_the_turn_and_uptime_is_in_seconds() {
    let mut world = World::new();
    world.clock.set(5_000 + 7_900);
    assert_eq!(world.server.now.monotonic, Millis(5_000));
    assert_eq!(world.server.uptime_seconds(), 7);
    world.settle();
    assert_eq!(world.server.now.monotonic, Millis(12_900));
    assert_eq!(world.server.now.unix, UnixSeconds(1_800_000_000));
}

#[test]
fn a_server_is_busy_while_a_session_is_ready() {
    let mut world = World::new();
    let peer = world.connect();
    assert!(!world.server.is_busy());
    world.send(peer, Command::EchoReq, &[]);
    assert!(world.server.is_busy());
    // A second report before the turn causes no second receive.
    world.server.readable(peer.index(), false);
    world.turn();
    assert!(!world.server.is_busy());
    assert_eq!(world.stream(peer).receives, 1);
}

#[test]
fn packets_to_a_connection_without_a_session_are_sent_over_the_bridge() {
    let mut world = World::new();
    let key = world.server.connect_bridged(3, "http");
    let both = [
        request(Command::EchoReq, &[], b"one"),
        request(Command::EchoReq, &[], &vec![b'x'; 20_000]),
    ];
    world.server.bridged_packets(key, &both.concat().into());
    let sent = std::mem::take(&mut world.server.bridge().sent);
    let [(first, one, limit), (second, two, _)] = &sent[..] else { panic!("{}", sent.len()) };
    assert_eq!((first, second, *limit), (&key, &key, OUTPUT_LIMIT));
    assert_eq!(packets(one), ["ECHO_RES one"]);
    assert!(packets(two)[0].ends_with("20000"));
    let peer = world.connect();
    assert!(world.ask_text(peer, "workers\n").contains("3 http - :\n"));
}

#[test]
fn a_large_result_is_sent_over_the_bridge_in_one_piece() {
    let mut world = World::new();
    let (key, worker) = (world.server.connect_bridged(3, "http"), world.worker("f"));
    let submission = request(Command::SubmitJob, &["f", ""], b"");
    world.server.bridged_packets(key, &submission.into());
    world.ask(worker, Command::GrabJob, &[], b"");
    let body: Vec<u8> = (0..500_000_u32).map(|n| n as u8).collect();
    world.ask(worker, Command::WorkComplete, &["H:1"], &body);
    let sent = std::mem::take(&mut world.server.bridge().sent);
    let [(_, created, _), (_, result, _)] = &sent[..] else { panic!("{}", sent.len()) };
    assert_eq!(packets(created), ["JOB_CREATED H:1"]);
    assert!(result.ends_with(&body) && result.len() == 12 + 4 + body.len());
    assert_eq!(world.server.bridge().bodies.last().map(Bytes::len), Some(body.len()), "no copy");
}

#[test]
fn a_job_keeps_the_memory_of_a_large_packet_of_the_bridge() {
    let mut world = World::new();
    let key = world.server.connect_bridged(3, "http");
    let option = request(Command::OptionReq, &["exceptions"], b"");
    for (size, is_kept) in [(100_000, true), (10, false)] {
        let submission = request(Command::SubmitJobBg, &["f", ""], &vec![b'x'; size]);
        let packets = Bytes::from([&option[..], &submission].concat());
        world.server.bridged_packets(key, &packets);
        assert_eq!(packets.is_unique(), !is_kept, "{size} bytes");
    }
    let worker = world.worker("f");
    world.send(worker, Command::GrabJob, &[]);
    world.settle();
    let assigned = world.bytes(worker);
    assert!(assigned.ends_with(&[b'x'; 100_000]), "{} bytes", assigned.len());
}

#[test]
fn close_all_ends_all_sessions_at_once() {
    let mut world = World::new();
    let (client, _worker) = (world.connect(), world.worker("f"));
    world.send(client, Command::SubmitJob, &["f", ""]);
    world.settle();
    world.server.close_all();
    let counts = world.server.broker.counts();
    assert_eq!((counts.connections, counts.jobs), (0, 0));
}
