//! Large bodies: kept and forwarded in the memory that they were received into.

use super::*;
use crate::{Incoming, SHARED_BODY_BYTES_MIN};

impl World {
    /// Sends a packet in memory that has other bytes before and after it.
    fn send_in_memory(
        &mut self,
        from: ConnectionKey,
        command: Command,
        args: &[&str],
        body: &[u8],
    ) {
        let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
        let mut bytes = b"before".to_vec();
        encode(&mut bytes, Magic::Request, command, &args, body);
        bytes.extend_from_slice(b"behind");
        let memory = Bytes::from(bytes);
        let Ok(Decoded::Whole { packet, .. }) = decode(&memory[6..]) else { panic!("no packet") };
        let incoming = Incoming { packet: &packet, memory: Some(&memory) };
        self.broker.packet(from, incoming, self.now, &mut self.mailbox);
    }
}

/// A body without repetition at powers of two.
fn body(size: usize) -> Vec<u8> {
    (0..size).map(|n| b'a' + (n % 23) as u8).collect()
}

#[test]
fn a_body_of_at_least_16_kib_is_forwarded_without_a_copy() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    world.send(client, Command::SubmitJob, &["f", "", "x"]);
    world.send(worker, Command::GrabJob, &[]);
    world.mail(client);
    for (size, shared) in [(0, None), (SHARED_BODY_BYTES_MIN - 1, None), (16 << 10, Some(16 << 10))]
    {
        let body = body(size);
        world.send_in_memory(worker, Command::WorkData, &["H:1"], &body);
        assert_eq!(world.mailbox.shared.pop(), shared);
        assert_eq!(world.mail(client), [format!("WORK_DATA H:1 {}", body.escape_ascii())]);
    }
    // Without memory that can be kept, the body is copied.
    let body = String::from_utf8(body(SHARED_BODY_BYTES_MIN)).expect("text");
    world.send(worker, Command::WorkComplete, &["H:1", &body]);
    assert!(world.mailbox.shared.is_empty());
    assert_eq!(world.mail(client), [format!("WORK_COMPLETE H:1 {body}")]);
}

#[test]
fn a_large_job_keeps_the_memory_of_its_packet() {
    for (size, shared) in [
        (SHARED_BODY_BYTES_MIN - 1, None),
        (SHARED_BODY_BYTES_MIN, Some(SHARED_BODY_BYTES_MIN)),
        (100_000, Some(100_000)),
    ] {
        let mut world = World::new();
        let (client, worker) = (world.connect(), world.worker(&["f"]));
        let body = body(size);
        let args = ["f", "unique", "reducer", ""];
        world.send_in_memory(client, Command::SubmitReduceJob, &args, &body);
        assert_eq!(world.jobs()[0].payload.len(), size);
        let job = world.ask(worker, Command::GrabJobAll, &[]);
        let text = body.escape_ascii();
        assert_eq!(job, [format!("JOB_ASSIGN_ALL H:1 f unique reducer {text}")]);
        assert_eq!(world.mailbox.shared.pop(), shared);
    }
}

#[test]
fn a_large_job_whose_memory_cannot_be_kept_is_copied_once() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    let body = String::from_utf8(body(SHARED_BODY_BYTES_MIN)).expect("text");
    for (unique, reducer) in [("unique", "reducer"), ("", "")] {
        world.send(client, Command::SubmitReduceJob, &["f", unique, reducer, "", &body]);
        let job = world.ask(worker, Command::GrabJobAll, &[]);
        assert!(job[0].ends_with(&format!(" {body}")));
        assert_eq!(job[0].contains(" f unique reducer "), !unique.is_empty());
        assert_eq!(world.mailbox.shared.pop(), Some(SHARED_BODY_BYTES_MIN));
    }
}

#[test]
fn a_large_job_without_a_unique_or_a_reducer_is_handed_out_whole() {
    let mut world = World::new();
    let (client, worker) = (world.connect(), world.worker(&["f"]));
    let body = body(SHARED_BODY_BYTES_MIN);
    world.send_in_memory(client, Command::SubmitJob, &["f", ""], &body);
    let job = world.ask(worker, Command::GrabJobAll, &[]);
    assert_eq!(job, [format!("JOB_ASSIGN_UNIQ H:1 f  {}", body.escape_ascii())]);
}
