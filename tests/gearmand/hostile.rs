//! Peers that declare large sizes, flood the server, or do not read: they disturb no other peer.

use std::fs;
use std::io::Write;

use super::support::*;
use gearman_test_support::wait::wait_until;

/// A number of `/proc/PID/status`; sizes are in kilobytes.
fn memory_status(server: &Server, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("status");
    let line = status.lines().find(|line| line.starts_with(name)).expect(name);
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// Kilobytes of resident memory of a server.
fn resident(server: &Server) -> u64 {
    memory_status(server, "VmRSS:")
}

#[test]
fn a_declared_size_of_4_gib_takes_no_memory() {
    let server = Server::start(&[]);
    server.connect().settle();
    let before = resident(&server);
    let mut peers: Vec<_> = (0..50)
        .map(|_| {
            let mut peer = server.connect();
            peer.send(b"\0REQ\0\0\0\x07\xff\xff\xff\xfefunction\0unique\0start");
            peer
        })
        .collect();
    server.connect().settle();
    // A body that arrives byte by byte takes no more.
    for peer in &mut peers {
        peer.send(b"x");
    }
    server.connect().settle();
    let after = resident(&server);
    assert!(after < before + 10_000, "{before} kB became {after} kB");
}

#[test]
fn a_server_has_one_thread_until_large_memory_has_to_be_freed() {
    let server = Server::start(&[]);
    let mut peer = server.connect();
    peer.send(&request(SubmitJobBg, &["f", "small", &"x".repeat(1 << 20)]));
    peer.expect(&response(JobCreated, &["H:t:1"]));
    assert_eq!(memory_status(&server, "Threads:"), 1);
    peer.send(&request(SubmitJobBg, &["f", "large", &"x".repeat(10 << 20)]));
    peer.expect(&response(JobCreated, &["H:t:2"]));
    peer.settle();
    assert_eq!(memory_status(&server, "Threads:"), 2);
}

#[test]
fn the_memory_of_a_closed_connection_is_returned_to_the_system() {
    let server = Server::start(&[]);
    server.connect().settle();
    let before = resident(&server);
    let (mut client, mut worker) = (server.connect(), server.connect());
    client.send(&request(SubmitJob, &["f", "", "x"])).packet();
    worker.send(&request(CanDo, &["f"])).send(&request(GrabJob, NOTHING)).packet();
    // The buffers of the system take some of it.
    for _ in 0..50 {
        worker.send(&request(WorkData, &[&b"H:t:1"[..], &[b'x'; 1 << 20]]));
    }
    worker.settle();
    assert!(resident(&server) > before + 30_000, "the result takes memory");
    drop((client, worker));
    wait_until("the memory is returned", || resident(&server) < before + 6_000);
}

#[test]
fn a_packet_that_is_too_large_is_refused_and_what_follows_is_read() {
    let server = Server::start(&["--max-packet-size", "1000"]);
    let mut peer = server.connect();
    peer.settle();
    let before = resident(&server);
    let limit = "A packet may have 1000 bytes, this one has";
    // At once with what follows, and in pieces.
    let mut bytes = request(SubmitJobBg, &["f", "", &"x".repeat(2000)]);
    bytes.extend(request(SubmitJobBg, &["f", "", "small"]));
    peer.send(&bytes);
    peer.expect(&response(Error, &["ARGUMENT_TOO_LARGE", &format!("{limit} 2003")]));
    peer.expect(&response(JobCreated, &["H:t:1"]));
    let large = 64 << 20;
    peer.send(&request(SubmitJobBg, &["f", "", &"x".repeat(large)]));
    peer.expect(&response(Error, &["ARGUMENT_TOO_LARGE", &format!("{limit} {}", large + 3)]));
    peer.settle();
    let after = resident(&server);
    assert!(after < before + 10_000, "{before} kB became {after} kB");
    // A packet of the largest size is accepted.
    peer.ask(
        &request(SubmitJobBg, &["f", "", &"x".repeat(997)]),
        &response(JobCreated, &["H:t:2"]),
    );
}

#[test]
fn a_job_whose_result_is_too_large_has_failed() {
    let server = Server::start(&["--max-packet-size", "1000"]);
    for (number, command) in
        [(1, WorkComplete), (2, WorkException), (3, WorkData), (4, WorkWarning)]
    {
        let handle = format!("H:t:{number}");
        let (mut client, mut worker) = (server.connect(), server.connect());
        client.ask(&request(SubmitJob, &["f", "", "x"]), &response(JobCreated, &[&handle]));
        worker.send(&request(CanDo, &["f"]));
        worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &[&handle, "f", "x"]));
        let result = request(command, &[&handle, &"x".repeat(2000)]);
        let text = format!("A packet may have 1000 bytes, this one has {}", result.len() - 12);
        worker.ask(&result, &response(Error, &["ARGUMENT_TOO_LARGE", &text])).settle();
        client.expect(&response(WorkFail, &[&handle])).settle();
    }
}

#[test]
fn a_name_that_does_not_fit_into_job_assign_is_refused() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let refused = ["ARGUMENT_TOO_LARGE", "No packet to a worker can hold this job"];
    client.ask(&request(SubmitJobBg, &[&"f".repeat(8150), "", ""]), &response(Error, &refused));
    client.ask(
        &request(SubmitJobBg, &[&"f".repeat(8100), "", ""]),
        &response(JobCreated, &["H:t:1"]),
    );
}

#[test]
fn a_flood_of_refused_packets_is_not_a_flood_of_lines() {
    let mut server = Server::start(&[]);
    let mut peer = server.connect();
    let count = 1000;
    peer.send(&request(AllYours, NOTHING).repeat(count));
    peer.expect(&response(Error, &["INVALID_COMMAND", "Command not expected"]).repeat(count));
    server.signal("TERM");
    let lines = server.remaining_lines();
    let told = lines.iter().filter(|line| line.contains("Refused a packet from 127.0.0.1")).count();
    let suppressed: usize = lines
        .iter()
        .filter_map(|line| line.split("Left out ").nth(1)?.split(' ').next()?.parse::<usize>().ok())
        .sum();
    assert_eq!(told + suppressed, count);
    assert!((10..count / 2).contains(&told), "{told} lines");
    server.wait();
}

#[test]
fn a_peer_that_does_not_read_its_answers_is_not_read() {
    let server = Server::start(&[]);
    let mut unresponsive = server.connect();
    unresponsive.stream.set_nonblocking(true).expect("nonblocking");
    let question = request(EchoReq, &["x".repeat(1000)]);
    let mut sent = 0;
    // The sockets' buffers, and the megabyte that may wait, are soon full.
    loop {
        match unresponsive.stream.write(&question[sent % question.len()..]) {
            Ok(n) => sent += n,
            Err(_) if resident(&server) > 0 && sent > 0 => break,
            Err(e) => panic!("{e}"),
        }
    }
    server.connect().settle();
    assert!(resident(&server) < 100_000, "{} kB", resident(&server));
    unresponsive.stream.set_nonblocking(false).expect("blocking");
    let answer = response(EchoRes, &["x".repeat(1000)]);
    for _ in 0..sent / question.len() {
        unresponsive.expect(&answer);
    }
}

#[test]
fn a_client_that_never_reads_its_results_is_disconnected_in_the_end() {
    let server = Server::start(&["--output-limit", "1000000"]);
    let (mut unresponsive, mut worker) = (server.connect(), server.connect());
    unresponsive.ask(&request(SubmitJob, &["f", "u", "x"]), &response(JobCreated, &["H:t:1"]));
    worker.send(&request(CanDo, &["f"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
    let data = request(WorkData, &["H:t:1", &"x".repeat(1 << 20)]);
    for _ in 0..32 {
        worker.send(&data);
    }
    worker.settle();
    server.wait_for_line("bytes of output are unread (--output-limit)");
    // The worker is not disturbed.
    worker.send(&request(WorkComplete, &["H:t:1", ""])).settle();
}

#[test]
fn of_all_clients_that_do_not_read_the_ones_with_the_most_unread_results_are_disconnected() {
    let server = Server::start(&["--output-limit-total", "20000000"]);
    let mut worker = server.connect();
    worker.send(&request(CanDo, &["f"]));
    // What fits into the buffers of the system is not unread.
    let sizes_mib = [8, 12, 16];
    let clients = sizes_mib.map(|size_mib| {
        let mut client = server.connect();
        client.send(&request(SubmitJob, &["f", &size_mib.to_string(), "x"])).packet();
        let (_, assigned) = worker.send(&request(GrabJob, NOTHING)).packet();
        let handle = assigned.split(|&byte| byte == 0).next().expect("a handle").to_vec();
        for _ in 0..size_mib {
            worker.send(&request(WorkData, &[&handle[..], &[b'x'; 1 << 20]]));
        }
        worker.settle();
        client
    });
    server.wait_for_line("(--output-limit-total)");
    drop(clients);
}

#[test]
fn invalid_packets_of_many_peers_do_not_disturb_another() {
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
fn accepting_resumes_when_a_descriptor_is_free() {
    let mut server = Server::start(&["-f", "24"]);
    let mut peers: Vec<_> = (0..40).map(|_| server.connect()).collect();
    server.wait_for_line("Cannot accept a connection:");
    peers[0].settle();
    // The first peers disconnect, and each time one of the waiting peers is accepted; until the
    // last one is, there is always one too many.
    for _ in 0..30 {
        drop(peers.remove(0));
        peers[0].settle();
    }
    peers.last_mut().expect("ten are left").settle();
    server.signal("TERM");
    let lines = server.remaining_lines();
    let complaints =
        lines.iter().filter(|line| line.contains("Cannot accept a connection:")).count();
    assert!(complaints <= 2, "{complaints} more lines about the same");
    server.wait();
}

#[test]
fn the_memory_of_a_queue_that_is_worked_off_is_given_back() {
    let server = Server::start(&[]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    let before = resident(&server);
    let payload = "x".repeat(100_000);
    for number in 1..=1000 {
        client.ask(
            &request(SubmitJobBg, &["f", "", &payload]),
            &response(JobCreated, &[format!("H:t:{number}")]),
        );
    }
    let full = resident(&server);
    assert!(full > before + 90_000, "{before} kB became {full} kB");
    worker.send(&request(CanDo, &["f"]));
    for number in 1..=1000 {
        let handle = format!("H:t:{number}");
        worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &[&handle[..], "f", &payload]));
        worker.send(&request(WorkComplete, &[&handle[..], ""]));
    }
    worker.settle();
    let began = std::time::Instant::now();
    // Of 100 MB a tenth is more than any allocator keeps for itself.
    while resident(&server) > before + 10_000 {
        assert!(began.elapsed() < TIMEOUT, "{full} kB became {} kB", resident(&server));
        client.settle();
    }
}

#[test]
fn no_huge_page_fills_the_holes_that_jobs_leave() {
    let server = Server::start(&[]);
    server.connect().settle();
    assert_eq!(memory_status(&server, "THP_enabled:"), 0);
}
