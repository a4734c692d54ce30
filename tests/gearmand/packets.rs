//! Packets over a socket: the path of a job, and how bytes become packets.

use std::io::Write;
use std::net::Shutdown;

use super::support::*;
use gearman_test_support::random::Random;

#[test]
fn a_job_goes_from_client_to_worker_and_back() {
    let server = Server::start(&[]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    worker.send(&request(CanDo, &["reverse"])).send(&request(PreSleep, NOTHING)).settle();
    client.ask(&request(SubmitJob, &["reverse", "u", "abc"]), &response(JobCreated, &["H:t:1"]));
    worker.expect(&response(Noop, NOTHING));
    worker.ask(
        &request(GrabJobUniq, NOTHING),
        &response(JobAssignUniq, &["H:t:1", "reverse", "u", "abc"]),
    );
    worker.send(&request(WorkStatus, &["H:t:1", "1", "2"]));
    client.expect(&response(WorkStatus, &["H:t:1", "1", "2"]));
    worker.send(&request(WorkComplete, &["H:t:1", "cba"]));
    client.expect(&response(WorkComplete, &["H:t:1", "cba"]));
    worker.ask(&request(GrabJob, NOTHING), &response(NoJob, NOTHING));
}

#[test]
fn binary_and_text_are_mixed_on_one_connection_in_one_segment() {
    let server = Server::start(&[]);
    let question =
        [&request(EchoReq, &["a"])[..], b"version\r\n", &request(EchoReq, &["b"]), b"nonsense\n"]
            .concat();
    let answer = [
        &response(EchoRes, &["a"])[..],
        concat!("OK ", env!("CARGO_PKG_VERSION"), "\n").as_bytes(),
        &response(EchoRes, &["b"]),
        b"ERR UNKNOWN_COMMAND Unknown+server+commandnonsense\r\n",
    ]
    .concat();
    server.connect().ask(&question, &answer);
}

#[test]
fn a_packet_may_come_byte_by_byte() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for byte in [request(SubmitJobBg, &["f", "u", "abc"]), b"getpid\n".to_vec()].concat() {
        client.send(&[byte]);
    }
    client.expect(&response(JobCreated, &["H:t:1"]));
    client.expect(format!("OK {}\n", server.pid()).as_bytes());
}

#[test]
fn a_payload_of_many_megabytes_passes_both_ways() {
    let server = Server::start(&[]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    let payload = "0123456789abcdef".repeat(1 << 19);
    client.ask(&request(SubmitJob, &["f", "u", &payload]), &response(JobCreated, &["H:t:1"]));
    worker.send(&request(CanDo, &["f"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", &payload]));
    worker.send(&request(WorkComplete, &["H:t:1", &payload]));
    client.expect(&response(WorkComplete, &["H:t:1", &payload]));
}

#[test]
fn large_and_small_packets_in_a_row_arrive_as_they_were_sent() {
    let server = Server::start(&[]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    worker.send(&request(CanDo, &["f"])).settle();
    // Around the sizes at which the server handles packets differently; twice, as a peer that has
    // sent a large one is handled differently too.
    let sizes = [0, 1, 16 << 10, (16 << 10) + 1, 100_000, 3 << 20, 5, 40_000, 100_000, 2 << 20, 7];
    let payloads: Vec<String> = (1..=sizes.len())
        .map(|n| {
            (0..).map(|i: usize| char::from(b'a' + (i * n % 23) as u8)).take(sizes[n - 1]).collect()
        })
        .collect();
    for (number, payload) in (1..).zip(&payloads) {
        client.send(&request(SubmitJob, &["f", &format!("u{number}"), payload]));
    }
    for (number, payload) in (1..).zip(&payloads) {
        let handle = format!("H:t:{number}");
        client.expect(&response(JobCreated, &[&handle]));
        worker.send(&request(GrabJobUniq, NOTHING));
        worker.expect(&response(JobAssignUniq, &[&handle, "f", &format!("u{number}"), payload]));
    }
    for (number, payload) in (1..).zip(&payloads) {
        worker.send(&request(WorkData, &[&format!("H:t:{number}"), payload]));
    }
    for (number, payload) in (1..).zip(&payloads) {
        client.expect(&response(WorkData, &[&format!("H:t:{number}"), payload]));
    }
}

#[test]
fn a_large_job_and_the_packet_behind_it_are_kept_apart() {
    let server = Server::start(&[]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    worker.send(&request(CanDo, &["f"])).settle();
    // Of a size that arrives in one piece; once the server expects that size, the packet behind it
    // arrives with it.
    let payload = "0123456789".repeat(2000);
    for number in 1..=10 {
        let handle = format!("H:t:{number}");
        let job = request(SubmitReduceJob, &["f", "u", "r", "", &payload]);
        client.send(&[job, request(EchoReq, &["behind it"])].concat());
        client.expect(
            &[response(JobCreated, &[&handle]), response(EchoRes, &["behind it"])].concat(),
        );
        worker.send(&request(GrabJobAll, NOTHING));
        worker.expect(&response(JobAssignAll, &[&handle, "f", "u", "r", &payload]));
        worker.send(&request(WorkComplete, &[&handle[..], ""]));
        client.expect(&response(WorkComplete, &[&handle[..], ""]));
    }
}

#[test]
fn results_of_all_sizes_and_the_questions_behind_them_may_be_cut_anywhere() {
    let server = Server::start(&[]);
    let (mut client, mut worker, mut other) =
        (server.connect(), server.connect(), server.connect());
    worker.send(&request(CanDo, &["f"])).ask(&request(GrabJob, NOTHING), &response(NoJob, NOTHING));
    let sizes = [100_000, 100_000, 100_000, 90_000, 20_000, 1_100_000, 20_000, 100_000, 3, 100_000];
    // Bytes of a result's packet that are sent first.
    let cuts = [1, 11, 12, 20, 16 << 10, 50_000, usize::MAX];
    let mut number = 0;
    for cut in cuts {
        for size in sizes {
            number += 1;
            let (handle, result) = (format!("H:t:{number}"), "0123456789".repeat(size / 10));
            client.ask(&request(SubmitJob, &["f", "", "x"]), &response(JobCreated, &[&handle]));
            worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &[&handle, "f", "x"]));
            let packet =
                [request(WorkComplete, &[&handle, &result]), request(EchoReq, &["next"])].concat();
            let (first, rest) = packet.split_at(cut.min(packet.len()));
            worker.send(first);
            // The server has received it, and perhaps handled it, before the rest is sent.
            other.settle();
            worker.send(rest).expect(&response(EchoRes, &["next"]));
            client.expect(&response(WorkComplete, &[&handle, &result]));
        }
    }
}

#[test]
fn packets_of_any_size_cut_anywhere_are_what_was_sent() {
    for seed in 0..20 {
        let (mut sizes, mut cuts) = (Random(seed), Random(seed + 1000));
        let server = Server::start(&[]);
        let (mut peer, mut other) = (server.connect(), server.connect());
        let (mut said, mut answers) = (request(CanDo, &["f"]), Vec::new());
        // One peer is client and worker, so that the order of its answers is known.
        for number in 1..=40 {
            let mut text = |letter: &str| {
                let around = [0, 10, 16 << 10, 50_000, 100_000, 100_000, 300_000];
                let size = around[sizes.below(around.len())] + sizes.below(80);
                letter.repeat(size.saturating_sub(40))
            };
            let (handle, payload, result) = (format!("H:t:{number}"), text("p"), text("r"));
            said.extend(request(SubmitJob, &["f", "u", &payload]));
            said.extend(request(GrabJobUniq, NOTHING));
            said.extend(request(WorkComplete, &[&handle, &result]));
            answers.extend(response(JobCreated, &[&handle]));
            answers.extend(response(JobAssignUniq, &[&handle, "f", "u", &payload]));
            answers.extend(response(WorkComplete, &[&handle, &result]));
        }
        let mut writer = peer.stream.try_clone().expect("a clone");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut rest = &said[..];
                while !rest.is_empty() {
                    let most = [30, 20_000, 120_000, 500_000][cuts.below(4)];
                    let (piece, behind) = rest.split_at((1 + cuts.below(most)).min(rest.len()));
                    writer.write_all(piece).expect("the server takes it");
                    // Mostly the server has received it before there is more.
                    if cuts.below(4) > 0 {
                        other.settle();
                    }
                    rest = behind;
                }
            });
            peer.expect(&answers);
        });
    }
}

#[test]
fn a_large_result_reaches_every_waiting_client_even_a_slow_one() {
    let server = Server::start(&[]);
    let payload = "0123456789abcdef".repeat(1 << 17);
    let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.ask(&request(SubmitJob, &["f", "u", &payload]), &response(JobCreated, &["H:t:1"]));
    }
    let mut worker = server.connect();
    worker.send(&request(CanDo, &["f"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", &payload]));
    // The job is over, and its worker disconnected, before a client reads.
    worker.send(&request(WorkComplete, &["H:t:1", &payload])).settle();
    drop(worker);
    for client in &mut clients {
        client.expect(&response(WorkComplete, &["H:t:1", &payload])).settle();
    }
}

#[test]
fn a_large_job_is_handed_out_again_as_it_came() {
    let server = Server::start(&[]);
    let payload = "0123456789abcdef".repeat(1 << 14);
    let mut client = server.connect();
    client.ask(
        &request(SubmitReduceJob, &["f", "u", "r", "", &payload]),
        &response(JobCreated, &["H:t:1"]),
    );
    for _ in 0..3 {
        let mut worker = server.connect();
        // The one before it may not be missed yet.
        worker
            .send(&request(CanDo, &["f"]))
            .ask(&request(PreSleep, NOTHING), &response(Noop, NOTHING));
        worker.ask(
            &request(GrabJobAll, NOTHING),
            &response(JobAssignAll, &["H:t:1", "f", "u", "r", &payload]),
        );
    }
    // A unique of the same payload joins it.
    client.ask(&request(SubmitJob, &["f", "u", &payload]), &response(JobCreated, &["H:t:1"]));
    client.ask(&request(SubmitJob, &["g", "-", &payload]), &response(JobCreated, &["H:t:2"]));
    client
        .ask(&request(SubmitJob, &["g", "-", &payload]), &response(JobCreated, &["H:t:2"]))
        .settle();
}

#[test]
fn thousands_of_requests_may_be_sent_before_an_answer_is_read() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let mut sender = client.stream.try_clone().expect("another handle");
    let count = 50_000;
    // From another thread: a peer that does not read is not read either.
    let sending = std::thread::spawn(move || {
        for number in 0..count {
            sender.write_all(&request(EchoReq, &[format!("{number:0100}")])).expect("sends");
        }
    });
    for number in 0..count {
        client.expect(&response(EchoRes, &[format!("{number:0100}")]));
    }
    sending.join().expect("sent");
}

#[test]
fn ten_thousand_jobs_of_one_client_are_all_answered() {
    let server = Server::start(&[]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    let count = 10_000;
    let handle = |number: usize| format!("H:t:{number}");
    worker.send(&request(CanDo, &["f"])).settle();
    for number in 1..=count {
        client.send(&request(SubmitJob, &["f", &format!("u{number}"), "x"]));
        client.expect(&response(JobCreated, &[handle(number)]));
    }
    let mut admin = server.connect();
    assert_eq!(admin.list("status"), format!("f\t{count}\t0\t1\n.\n"));
    for number in 1..=count {
        let job = response(JobAssign, &[&handle(number)[..], "f", "x"]);
        worker
            .ask(&request(GrabJob, NOTHING), &job)
            .send(&request(WorkComplete, &[&handle(number)[..], "done"]));
    }
    for number in 1..=count {
        client.expect(&response(WorkComplete, &[&handle(number)[..], "done"]));
    }
    assert_eq!(admin.list("status"), "f\t0\t0\t1\n.\n");
}

#[test]
fn requests_sent_before_half_closing_are_answered() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.send(&request(EchoReq, &["last words"]));
    client.stream.shutdown(Shutdown::Write).expect("half closed");
    client.expect(&response(EchoRes, &["last words"])).expect_closed();
}

#[test]
fn a_packet_with_too_few_arguments_is_refused_and_what_follows_is_read() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let text = "The packet has fewer arguments than its command needs";
    // PROTOCOL says three arguments, the protocol that is spoken has four.
    client.send(&request(SubmitReduceJob, &["f", "u", "reducer", "data"]));
    client.expect(&response(Error, &["INVALID_ARGUMENTS", text])).settle();
    client.send(&request(SubmitJob, &["f"]));
    client.expect(&response(Error, &["INVALID_ARGUMENTS", text])).settle();
}

#[test]
fn an_invalid_packet_closes_the_connection() {
    let server = Server::start(&[]);
    let long = "f".repeat(9000);
    let cases = [
        b"\0XXX\0\0\0\x07\0\0\0\0".to_vec(),
        request(Text, NOTHING),
        numbered_request(UNKNOWN_COMMANDS[0], NOTHING),
        numbered_request(u32::MAX, NOTHING),
        b"\0REQ\0\0\0\x07\xff\xff\xff\xff".to_vec(),
        request(CanDo, &[&long]),
        request(SubmitJob, &[&long[..], "", ""]),
        b"one two three four five six\n".to_vec(),
        long.as_bytes().to_vec(),
    ];
    for bytes in cases {
        let mut peer = server.connect();
        peer.settle().send(&bytes).expect_closed();
    }
    server.connect().settle();
}

#[test]
fn ipv6_peers_are_served_and_shown_by_their_address() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gearmand"));
    command.args(["-L", "::1", "-p", "0", "-l", "stderr", "-v"]);
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        skip("no IPv6 on this machine");
        return;
    }
    let server = Server::run(command);
    let list = server.connect().list("workers");
    assert!(list.ends_with(" ::1 - :\n.\n"), "{list}");
}
