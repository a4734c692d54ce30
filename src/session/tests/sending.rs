//! The send order, partial writes, backpressure and the output limit.

use std::io::ErrorKind;

use super::host::{OUTPUT_LIMIT, World};
use gearman_broker::ConnectionKey;
use gearman_protocol::Command;

#[test]
fn a_noop_is_sent_before_an_acknowledgement() {
    let mut world = World::new();
    let client = world.connect();
    world.worker("f");
    world.sends.borrow_mut().clear();
    world.send(client, Command::SubmitJobBg, &["f", ""]);
    world.turn();
    assert_eq!(*world.sends.borrow(), [2, 1]);
}

#[test]
fn an_echo_is_sent_before_no_job_and_text() {
    let mut world = World::new();
    let peers = [(); 3].map(|()| world.connect());
    world.send(peers[0], Command::GrabJob, &[]);
    world.deliver(peers[1], b"version\n");
    world.send(peers[2], Command::EchoReq, &[]);
    world.turn();
    assert_eq!(*world.sends.borrow(), [3, 1, 2]);
}

/// A client, and the worker that runs its job.
fn running_job(world: &mut World) -> (ConnectionKey, ConnectionKey) {
    let (client, worker) = (world.connect(), world.worker("f"));
    world.ask(client, Command::SubmitJob, &["f", ""], b"");
    world.ask(worker, Command::GrabJob, &[], b"");
    (client, worker)
}

#[test]
fn a_report_is_sent_before_no_job() {
    let mut world = World::new();
    let (_, worker) = running_job(&mut world);
    let other = world.connect();
    world.sends.borrow_mut().clear();
    world.send(other, Command::GrabJob, &[]);
    world.send(worker, Command::WorkStatus, &["H:1", "1", "2"]);
    world.turn();
    assert_eq!(*world.sends.borrow(), [1, 3]);
}

#[test]
fn a_stream_is_watched_from_a_partial_write_until_the_rest_is_sent() {
    let mut world = World::new();
    let peer = world.connect();
    world.stream(peer).room = 5;
    world.send(peer, Command::EchoReq, &[]);
    world.settle();
    assert_eq!(world.poller.watched, [(peer.index(), true)]);
    assert_eq!(world.sends.borrow().len(), 1);
    // Until the stream is reported as writable, nothing is sent.
    world.stream(peer).room = usize::MAX;
    world.send(peer, Command::EchoReq, &[]);
    world.settle();
    assert_eq!(world.sends.borrow().len(), 1);
    assert!(!world.server.is_all_sent());
    world.server.writable(peer.index());
    world.settle();
    assert_eq!(world.received(peer), ["ECHO_RES", "ECHO_RES"]);
    assert!(world.server.is_all_sent());
    assert_eq!(world.poller.watched, [(peer.index(), true), (peer.index(), false)]);
    world.send(peer, Command::EchoReq, &[]);
    world.settle();
    assert_eq!(world.poller.watched.len(), 2);
}

#[test]
fn an_interrupted_send_is_tried_again() {
    let mut world = World::new();
    let peer = world.connect();
    world.deliver(peer, b"");
    world.settle();
    world.send(peer, Command::EchoReq, &[]);
    world.server.turn(&mut world.poller);
    world.stream(peer).errors.push_back(ErrorKind::Interrupted);
    world.server.flush(&mut world.poller);
    assert_eq!(world.received(peer), ["ECHO_RES"]);
}

#[test]
fn a_failed_send_ends_the_session() {
    let mut world = World::new();
    let peer = world.connect();
    world.send(peer, Command::EchoReq, &[]);
    world.server.turn(&mut world.poller);
    world.stream(peer).errors.push_back(ErrorKind::BrokenPipe);
    world.server.flush(&mut world.poller);
    assert_eq!(world.server.journal.closed, ["unix:1 broken pipe"]);
    assert_eq!(world.poller.closed.len(), 1);
}

#[test]
fn requests_are_not_read_while_a_mebibyte_of_answers_is_unsent() {
    let mut world = World::new();
    let peer = world.connect();
    world.stream(peer).room = 0;
    let body = vec![b'x'; 600_000];
    for _ in 0..4 {
        world.deliver(peer, &super::host::request(Command::EchoReq, &[], &body));
    }
    world.settle();
    assert_eq!(world.server.journal.packets.len(), 2);
    world.stream(peer).room = usize::MAX;
    world.server.writable(peer.index());
    world.settle();
    assert_eq!(world.server.journal.packets.len(), 4);
    assert_eq!(world.received(peer).len(), 4);
}

#[test]
fn small_requests_that_arrive_together_are_handled_until_the_session_is_backpressured() {
    let mut world = World::new();
    let peer = world.connect();
    world.stream(peer).room = 0;
    let small = super::host::request(Command::EchoReq, &[], &vec![b'x'; 10_000]);
    world.deliver(peer, &small.repeat(200));
    world.settle();
    let handled = world.server.journal.packets.len();
    assert_eq!(handled, (1_usize << 20).div_ceil(small.len()));
    world.stream(peer).room = usize::MAX;
    world.server.writable(peer.index());
    world.settle();
    assert_eq!(world.received(peer).len(), 200);
}

#[test]
fn a_session_with_more_unsent_bytes_than_the_limit_is_closed() {
    let mut world = World::new();
    let (client, worker) = running_job(&mut world);
    world.stream(client).room = 0;
    // One mebibyte each, with header, handle and NUL.
    let body = vec![b'x'; (1 << 20) - 12 - 4];
    for _ in 0..OUTPUT_LIMIT >> 20 {
        world.ask(worker, Command::WorkData, &["H:1"], &body);
    }
    world.ask(worker, Command::WorkData, &["H:1"], b"just above the limit");
    assert!(world.server.journal.closed.is_empty());
    world.ask(worker, Command::WorkData, &["H:1"], b"");
    let reason = "more than 4194304 bytes of output are unread (--output-limit)";
    assert_eq!(world.server.journal.closed, [format!("unix:1 fault: {reason}")]);
}

#[test]
fn a_session_with_a_close_reason_gets_no_more_packets() {
    let mut world = World::new();
    let (client, worker) = running_job(&mut world);
    world.deliver(client, b"\0BAD\0\0\0\x07\0\0\0\0");
    world.send(worker, Command::WorkFail, &["H:1"]);
    world.settle();
    assert_eq!(world.server.journal.closed.len(), 1);
    assert!(world.poller.closed[0].output.is_empty());
}

#[test]
fn a_large_body_is_sent_to_every_client_in_order_with_small_packets() {
    let mut world = World::new();
    let clients = [world.connect(), world.connect()];
    let worker = world.worker("f");
    for client in clients {
        world.ask(client, Command::SubmitJob, &["f", "same"], b"");
    }
    world.ask(worker, Command::GrabJob, &[], b"");
    let body: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    for size in [100_000, 1, (16 << 10) - 1, 16 << 10, (16 << 10) + 1, 100_000, 100_000] {
        world.ask(worker, Command::WorkData, &["H:1"], &body[..size]);
        world.ask(worker, Command::WorkStatus, &["H:1", "1", "2"], b"");
        for client in clients {
            let bytes = world.bytes(client);
            assert!(bytes[16..].starts_with(&body[..size]), "{size} bytes");
            assert_eq!(bytes.len(), 16 + size + 12 + 7);
        }
    }
}

#[test]
fn a_large_body_is_sent_before_the_next_session_is_served() {
    let mut world = World::new();
    let (client, worker) = running_job(&mut world);
    let last = world.connect();
    let body = vec![b'x'; 100_000];
    // After the first large packet, the next is received into a buffer that it keeps.
    world.ask(worker, Command::WorkData, &["H:1"], &body);
    world.bytes(client);
    world.deliver(worker, &super::host::request(Command::WorkData, &["H:1"], &body));
    world.send(last, Command::EchoReq, &[]);
    world.server.turn(&mut world.poller);
    assert_eq!(world.bytes(client).len(), 16 + 100_000);
    assert!(world.bytes(last).is_empty());
    // Small packets are sent at the end of the turn.
    world.send(worker, Command::WorkStatus, &["H:1", "1", "2"]);
    world.server.turn(&mut world.poller);
    assert!(world.bytes(client).is_empty());
    world.server.flush(&mut world.poller);
    assert_eq!(world.received(client).len(), 1);
    assert_eq!(world.received(last), ["ECHO_RES"]);
}
