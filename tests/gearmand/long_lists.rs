//! Lists that are longer than one turn of the server writes.

use std::io::{Read, Write};
use std::net::Shutdown;

use super::support::*;

/// A server with many jobs of the function `f`.
fn server_with_jobs(count: usize) -> Server {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let unique = "a unique that makes long lines of the list";
    // So few at a time that neither side blocks until the other reads.
    for first in (0..count).step_by(1000) {
        let jobs = (first..count.min(first + 1000))
            .flat_map(|number| request(SubmitJobBg, &["f", &format!("{unique} {number}"), ""]));
        client.send(&jobs.collect::<Vec<u8>>());
        client.transcript();
    }
    server
}

/// Everything up to the end of the connection.
fn rest(peer: &mut Peer) -> String {
    let mut text = Vec::new();
    peer.stream.read_to_end(&mut text).expect("the rest");
    String::from_utf8(text).expect("text")
}

#[test]
fn every_long_list_is_complete() {
    const JOBS: usize = 20_000;
    let server = server_with_jobs(JOBS);
    let mut admin = server.connect();
    for command in ["jobs", "show jobs", "show unique jobs"] {
        let list = admin.list(command);
        let mut lines: Vec<&str> = list.lines().collect();
        assert_eq!(lines.pop(), Some("."));
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), JOBS, "{command}");
    }
    let text = admin.line("json jobs");
    let jobs: serde_json::Value = serde_json::from_str(&text).expect("one line of JSON");
    assert_eq!(jobs["jobs"].as_array().map(Vec::len), Some(JOBS));
}

#[test]
fn commands_behind_a_long_list_wait_for_its_end() {
    let server = server_with_jobs(10_000);
    let mut admin = server.connect();
    admin.send(b"show jobs\nversion\nshow unique jobs\nstatus\n");
    admin.stream.shutdown(Shutdown::Write).expect("half-closed");
    let text = rest(&mut admin);
    let version = concat!(".\nOK ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(text.matches(version).count(), 1);
    assert!(text.ends_with("\n.\nf\t10000\t0\t0\n.\n"));
    assert_eq!(text.lines().count(), 20_000 + 4 + 1);
}

#[test]
fn packets_do_not_fall_into_the_middle_of_a_list() {
    let server = server_with_jobs(20_000);
    let (mut client, mut worker) = (server.connect(), server.connect());
    client.ask(&request(SubmitJob, &["other", "", "x"]), &response(JobCreated, &["H:t:20001"]));
    worker.send(&request(CanDo, &["other"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:20001", "other", "x"]));
    // The list is longer than the server's send queue: the server cannot finish it before the
    // client reads.
    client.send(b"jobs\n");
    server.connect().settle();
    worker.send(&request(WorkComplete, &["H:t:20001", "done"])).settle();
    let list = client.list("");
    assert!(list.ends_with("\n.\n") && list.is_ascii());
    assert!(list.lines().count() >= 20_001);
    client.expect(&response(WorkComplete, &["H:t:20001", "done"]));
}

#[test]
fn an_unread_list_does_not_delay_other_connections() {
    let server = server_with_jobs(20_000);
    let mut lazy: Vec<Peer> = (0..8).map(|_| server.connect()).collect();
    lazy.iter_mut().for_each(|peer| {
        peer.stream.write_all(b"jobs\njson jobs\njobs\n").expect("asks");
    });
    let mut other = server.connect();
    for _ in 0..100 {
        other.settle();
    }
    drop(lazy);
    other.ask(b"version\n", concat!("OK ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
}
