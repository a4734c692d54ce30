//! Framing of packets and lines, however the bytes are split, and of bytes that violate
//! the protocol.

use std::time::Duration;

use super::host::{PACKET_LIMIT, World, request};
use gearman_broker::{Broker, Config, DelayedReplies, Millis, Wakeup};
use gearman_protocol::Command;

/// Packets and lines of every kind.
fn requests() -> Vec<u8> {
    [
        request(Command::EchoReq, &[], b"a body of more than twelve bytes"),
        b"version\n".to_vec(),
        request(Command::OptionReq, &["exceptions"], b""),
        b"getpid now please\r\n".to_vec(),
        // A submission with too few arguments.
        b"\0REQ\0\0\0\x07\0\0\0\x0fa few arguments".to_vec(),
        request(Command::SubmitJobBg, &["function", "unique"], b"payload"),
        b"maxqueue\n".to_vec(),
        request(Command::CanDoTimeout, &["function", "1000"], b""),
        request(Command::GrabJobAll, &[], b""),
    ]
    .concat()
}

/// The answers to requests that arrive in these pieces.
fn answers(pieces: &[&[u8]]) -> String {
    let mut world = World::new();
    let peer = world.connect();
    for piece in pieces {
        world.deliver(peer, piece);
        world.settle();
    }
    assert!(world.server.journal.closed.is_empty());
    world.bytes(peer).escape_ascii().to_string()
}

#[test]
fn packets_and_lines_are_answered_in_order() {
    let answers = answers(&[&requests()]);
    let mut rest = &answers[..];
    for part in [
        "RES\\x00\\x00\\x00\\x11\\x00\\x00\\x00 a body of more than twelve bytes",
        "OK ",
        "RES\\x00\\x00\\x00\\x1b\\x00\\x00\\x00\\nexceptions",
        "OK ",
        "RES\\x00\\x00\\x00\\x13",
        "RES\\x00\\x00\\x00\\x08\\x00\\x00\\x00\\x03H:1",
        "ERR ",
        "RES\\x00\\x00\\x00\\x1f\\x00\\x00\\x00\\x1bH:1\\x00function\\x00unique\\x00payload",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("no {part} in {answers}"));
        rest = &rest[at + part.len()..];
    }
    assert_eq!(rest, "");
}

#[test]
fn requests_that_are_split_at_any_byte_get_the_same_answers() {
    let requests = requests();
    let expected = answers(&[&requests]);
    for cut in 1..requests.len() {
        let (first, second) = requests.split_at(cut);
        assert_eq!(answers(&[first, second]), expected, "split at {cut}");
    }
    let single: Vec<_> = requests.chunks(1).collect();
    assert_eq!(answers(&single), expected);
}

#[test]
fn a_packet_with_too_few_arguments_is_refused_and_the_next_one_is_answered() {
    let mut world = World::new();
    let peer = world.connect();
    world.deliver(peer, b"\0REQ\0\0\0\x07\0\0\0\x03abc");
    let answers = world.ask(peer, Command::EchoReq, &[], b"here");
    assert!(answers[0].starts_with("ERROR"), "{answers:?}");
    assert_eq!(answers[1..], ["ECHO_RES here"]);
    assert_eq!(world.server.journal.refused.len(), 1);
    assert!(world.server.journal.refused[0].starts_with("unix:1 "));
}

#[test]
fn a_packet_above_the_limit_is_refused_and_skipped_however_it_is_split() {
    let body = vec![b'x'; PACKET_LIMIT as usize + 1];
    let large = request(Command::EchoReq, &[], &body);
    for piece in [1_000_000, 700_001, large.len()] {
        let mut world = World::new();
        let peer = world.connect();
        for bytes in large.chunks(piece) {
            world.deliver(peer, bytes);
            world.settle();
        }
        let answers = world.ask(peer, Command::EchoReq, &[], b"here");
        let [refusal, echo] = &answers[..] else { panic!("{answers:?}") };
        assert!(refusal.starts_with("ERROR ARGUMENT_TOO_LARGE"), "{refusal}");
        assert_eq!(echo, "ECHO_RES here");
    }
}

#[test]
fn a_packet_of_exactly_the_limit_is_accepted() {
    let mut world = World::new();
    let peer = world.connect();
    let answers = world.ask(peer, Command::EchoReq, &[], &vec![b'x'; PACKET_LIMIT as usize]);
    assert!(answers[0].starts_with("ECHO_RES xxx"), "{answers:?}");
}

#[test]
fn a_result_above_the_limit_fails_its_job() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker("f"));
    world.ask(client, Command::SubmitJob, &["f", ""], b"");
    world.ask(worker, Command::GrabJob, &[], b"");
    let body = vec![b'x'; PACKET_LIMIT as usize + 1];
    let refusal = world.ask(worker, Command::WorkComplete, &["H:1"], &body);
    assert!(refusal[0].starts_with("ERROR ARGUMENT_TOO_LARGE"));
    assert_eq!(world.received(client), ["WORK_FAIL H:1"]);
}

#[test]
fn bytes_that_are_not_a_packet_or_a_valid_line_end_the_session() {
    let mut world = World::new();
    for (bytes, why) in [
        (&b"\0BAD\0\0\0\x07\0\0\0\0"[..], "fault: "),
        (b"\0REQ\0\0\xff\x07\0\0\0\0", "fault: "),
        (&[b'a'; 8192], "fault: a text line has more than 8192 bytes"),
        (b"one two three four five six\n", "fault: a text line has too many words"),
    ] {
        let peer = world.connect();
        world.deliver(peer, bytes);
        world.settle();
        let closed = world.server.journal.closed.pop().expect("a closed session");
        assert!(closed.contains(why), "{closed}");
        assert_eq!(world.poller.closed.len(), 1);
        assert!(world.server.stream(peer.index()).is_none());
        world.poller.closed.clear();
    }
}

#[test]
fn bytes_after_a_protocol_violation_are_not_parsed() {
    let mut world = World::new();
    let peer = world.connect();
    let bytes = [&b"\0BAD\0\0\0\x07\0\0\0\0"[..], &request(Command::EchoReq, &[], b"")].concat();
    world.deliver(peer, &bytes);
    world.settle();
    assert!(world.server.journal.packets.is_empty());
    assert!(world.poller.closed[0].output.is_empty());
}

/// A server that holds grabs, and a worker whose grab is held.
fn with_a_held_grab() -> (World, gearman_broker::ConnectionKey) {
    let mut world = World::with(Broker::new(Config {
        handle_prefix: "H".into(),
        attempts: None,
        wakeup: Wakeup::AsNeeded,
        delayed_replies: DelayedReplies { grab_hold_ms: 4, ack_delay_ms: 0 },
        exceptions: false,
    }));
    let (client, worker) = (world.connect(), world.worker("f"));
    for job in 1..=4 {
        world.ask(worker, Command::GrabJob, &[], b"");
        world.ask(worker, Command::PreSleep, &[], b"");
        world.ask(client, Command::SubmitJobBg, &["f", ""], b"");
        world.ask(worker, Command::GrabJob, &[], b"");
        world.ask(worker, Command::WorkComplete, &[&format!("H:{job}")], b"");
    }
    assert_eq!(world.ask(worker, Command::GrabJob, &[], b""), [""; 0]);
    assert_eq!(world.server.delayed_reply_counts().grab.pending(), 1);
    (world, worker)
}

#[test]
fn a_held_grab_is_answered_before_a_line() {
    let (mut world, worker) = with_a_held_grab();
    world.deliver(worker, b"version\n");
    world.settle();
    assert!(world.bytes(worker).starts_with(b"\0RES\0\0\0\x0a\0\0\0\0OK "));
}

#[test]
fn a_held_grab_is_answered_before_an_oversized_packet_is_refused() {
    let (mut world, worker) = with_a_held_grab();
    let body = vec![b'x'; PACKET_LIMIT as usize + 1];
    let answers = world.ask(worker, Command::EchoReq, &[], &body);
    assert_eq!(answers[0], "NO_JOB");
    assert!(answers[1].starts_with("ERROR"));
}

#[test]
fn a_held_grab_of_a_peer_that_closed_or_violates_the_protocol_gets_no_job() {
    for bytes in [&b""[..], b"\0BAD\0\0\0\x07\0\0\0\0"] {
        let (mut world, worker) = with_a_held_grab();
        let client = world.connect();
        world.deliver(worker, bytes);
        if bytes.is_empty() {
            world.end(worker);
        }
        world.send(client, Command::SubmitJobBg, &["f", ""]);
        world.settle();
        assert_eq!(world.server.delayed_reply_counts().grab.interrupted, 1);
        assert_eq!(world.server.broker.job_count(), 1, "the job is queued for another worker");
    }
}

#[test]
fn the_time_limit_of_a_job_starts_when_it_is_handed_out_not_when_the_turn_starts() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.connect());
    world.ask(worker, Command::CanDoTimeout, &["f", "1000"], b"");
    world.ask(client, Command::SubmitJobBg, &["f", ""], b"");
    world.stream(worker).receive_ms.0 = 500;
    let assigned = world.ask(worker, Command::GrabJob, &[], b"");
    assert!(assigned[0].starts_with("JOB_ASSIGN"));
    assert_eq!(world.server.next_due(), (Some(Millis(5_000 + 500 + 1_000 + 1)), None));
}

#[test]
fn an_oversized_packet_after_another_one_is_skipped_if_it_arrives_in_parts() {
    let mut world = World::new();
    let peer = world.connect();
    let echo = |body: &[u8]| request(Command::EchoReq, &[], body);
    let large = echo(&vec![b'x'; PACKET_LIMIT as usize + 1]);
    world.deliver(peer, &[&echo(b"before")[..], &large[..100]].concat());
    world.settle();
    world.deliver(peer, &[&large[100..], &echo(b"behind")].concat());
    world.settle();
    let received = world.received(peer);
    assert_eq!(received.len(), 3, "{received:?}");
    assert_eq!((&received[0][..], &received[2][..]), ("ECHO_RES before", "ECHO_RES behind"));
    assert!(received[1].starts_with("ERROR"), "{received:?}");
}

#[test]
fn only_a_worker_has_a_limit_for_bytes_that_it_does_not_acknowledge() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.connect());
    world.ask(client, Command::SubmitJobBg, &["f", ""], b"");
    world.ask(worker, Command::CanDo, &["f"], b"");
    world.ask(worker, Command::CanDoTimeout, &["g", "10"], b"");
    assert!(world.stream(client).unacknowledged_limits.is_empty());
    assert_eq!(world.stream(worker).unacknowledged_limits, vec![Duration::from_secs(120)]);
}
