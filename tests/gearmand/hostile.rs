//! Peers that promise, flood, or do not listen: each may harm itself only.

use std::fs;
use std::io::Write;

use super::support::*;

/// Kilobytes of memory that a server has in use.
fn resident(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("status");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("kilobytes")
}

#[test]
fn a_promise_of_four_gigabytes_takes_no_memory() {
    let server = Server::start(&[]);
    server.connect().settle();
    let before = resident(&server);
    let peers: Vec<_> = (0..50)
        .map(|_| {
            let mut peer = server.connect();
            peer.send(b"\0REQ\0\0\0\x07\xff\xff\xff\xfefunction\0unique\0start");
            peer
        })
        .collect();
    server.connect().settle();
    let after = resident(&server);
    assert!(after < before + 10_000, "{before} kB became {after} kB");
    drop(peers);
}

#[test]
fn who_asks_without_reading_is_not_read_until_it_does() {
    let server = Server::start(&[]);
    let mut deaf = server.connect();
    deaf.stream.set_nonblocking(true).expect("nonblocking");
    let question = request(16, &["x".repeat(1000)]);
    let mut sent = 0;
    // The sockets' buffers, and the megabyte that may wait, are soon full.
    loop {
        match deaf.stream.write(&question[sent % question.len()..]) {
            Ok(n) => sent += n,
            Err(_) if resident(&server) > 0 && sent > 0 => break,
            Err(e) => panic!("{e}"),
        }
    }
    server.connect().settle();
    assert!(resident(&server) < 100_000, "{} kB", resident(&server));
    deaf.stream.set_nonblocking(false).expect("blocking");
    let answer = response(17, &["x".repeat(1000)]);
    for _ in 0..sent / question.len() {
        deaf.expect(&answer);
    }
}

#[test]
fn a_client_that_never_reads_its_results_is_disconnected_in_the_end() {
    let server = Server::start(&["--output-limit", "1000000"]);
    let (mut deaf, mut worker) = (server.connect(), server.connect());
    deaf.ask(&request(7, &["f", "u", "x"]), &response(8, &["H:t:1"]));
    worker.send(&request(1, &["f"]));
    worker.ask(&request(9, NOTHING), &response(11, &["H:t:1", "f", "x"]));
    let data = request(28, &["H:t:1", &"x".repeat(1 << 20)]);
    for _ in 0..32 {
        worker.send(&data);
    }
    worker.settle();
    server.wait_for_line("it does not read what it is sent");
    // The worker goes on as if nothing had happened.
    worker.send(&request(13, &["H:t:1", ""])).settle();
}

#[test]
fn garbage_from_many_peers_hurts_nobody_else() {
    let server = Server::start(&[]);
    let mut witness = server.connect();
    let mut state = 1_u32;
    for length in 0..200 {
        let garbage: Vec<u8> = (0..length * 7)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let mut peer = server.connect();
        // It may be closed before all is sent.
        let _ = peer.stream.write_all(&garbage);
    }
    witness.settle();
}

#[test]
fn running_out_of_descriptors_ends_when_somebody_leaves() {
    let server = Server::start(&["-f", "24"]);
    let mut peers: Vec<_> = (0..40).map(|_| server.connect()).collect();
    server.wait_for_line("accept");
    peers[0].settle();
    // Those who came first go, and the last one, who waited, is served.
    peers.drain(..30);
    peers.last_mut().expect("ten are left").settle();
}
