//! SIGUSR1: the server finishes the jobs that it can, and ends.

use super::support::*;

const REFUSED: &[&str] =
    &["SHUTDOWN_GRACEFUL", "The server finishes its jobs and takes no new ones"];

/// A server with these arguments that drains while a worker has the first job, which a client
/// waits for.
fn draining_server(arguments: &[&str]) -> (Server, Peer, Peer) {
    let server = Server::start(arguments);
    let (mut client, mut worker) = (server.connect(), server.connect());
    worker.send(&request(CanDo, &["f"])).settle();
    client.ask(&request(SubmitJob, &["f", "", "1"]), &response(JobCreated, &["H:t:1"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "1"]));
    server.signal("USR1");
    server.wait_for_line("SIGUSR1, draining: 1 jobs to finish");
    (server, client, worker)
}

#[test]
fn an_idle_server_ends_at_once() {
    let mut server = Server::start(&[]);
    let peer = server.connect();
    server.signal("USR1");
    assert!(server.wait().success());
    drop(peer);
}

#[test]
fn a_draining_server_finishes_running_jobs_and_jobs_of_connected_workers() {
    let mut server = Server::start(&[]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    worker.send(&request(CanDo, &["f"])).settle();
    client.ask(&request(SubmitJob, &["f", "", "1"]), &response(JobCreated, &["H:t:1"]));
    client.ask(&request(SubmitJobBg, &["f", "", "2"]), &response(JobCreated, &["H:t:2"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "1"]));
    server.signal("USR1");
    server.wait_for_line("SIGUSR1, draining: 2 jobs to finish");
    client.settle();
    assert!(std::net::TcpStream::connect(server.address).is_err(), "it still accepts");
    client.ask(&request(SubmitJob, &["f", "", "3"]), &response(Error, REFUSED));
    worker.send(&request(WorkComplete, &["H:t:1", "done"]));
    client.expect(&response(WorkComplete, &["H:t:1", "done"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:2", "f", "2"]));
    worker.send(&request(WorkComplete, &["H:t:2", ""]));
    assert!(server.wait().success());
}

#[test]
fn a_draining_server_can_be_inspected_and_its_jobs_cancelled_at_the_address_of_administrators() {
    let directory = Directory::new("drain-admin");
    let socket = directory.file("admin.sock");
    let (mut server, mut client, _worker) = draining_server(&["--admin-listen", &socket]);
    client.settle();
    assert!(std::net::TcpStream::connect(server.address).is_err(), "it still takes clients");
    let ask = |line: &str| ask_at(&socket, line).expect("an answer");
    assert_eq!(ask("status\n"), "f\t1\t1\t1\n");
    assert_eq!(ask("cancel job H:t:1\n"), "OK\r\n");
    client.expect(&response(WorkFail, &["H:t:1"]));
    assert!(server.wait().success());
}

#[test]
fn the_last_result_arrives_whole_however_slowly_it_is_read() {
    let (mut server, mut client, mut worker) = draining_server(&[]);
    // More than sockets hold by themselves.
    let result = "x".repeat(24 << 20);
    worker.send(&request(WorkComplete, &["H:t:1", &result])).settle();
    let (command, body) = client.packet();
    assert_eq!((command, body.len()), (WorkComplete, "H:t:1".len() + 1 + result.len()));
    client.expect_closed();
    assert!(server.wait().success());
}

#[test]
fn jobs_without_a_connected_worker_do_not_delay_a_drain() {
    let mut server = Server::start(&[]);
    let mut client = server.connect();
    client.ask(&request(SubmitJob, &["f", "", "1"]), &response(JobCreated, &["H:t:1"]));
    client.ask(&request(SubmitJobBg, &["f", "", "2"]), &response(JobCreated, &["H:t:2"]));
    client.ask(
        &request(SubmitJobEpoch, &["f", "", "4000000000", "3"]),
        &response(JobCreated, &["H:t:3"]),
    );
    server.signal("USR1");
    // Waiting clients get WORK_FAIL.
    client.expect(&response(WorkFail, &["H:t:1"]));
    server.wait_for_line("Dropped 3 jobs of function f: no connected worker can run them");
    assert!(server.wait().success());
}

#[test]
fn a_job_fails_when_its_worker_disconnects_during_a_drain() {
    let (mut server, mut client, worker) = draining_server(&[]);
    drop(worker);
    client.expect(&response(WorkFail, &["H:t:1"]));
    assert!(server.wait().success());
}

#[test]
fn a_signal_to_stop_does_not_wait_for_jobs() {
    let (mut server, _client, mut worker) = draining_server(&[]);
    worker.settle();
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn a_second_signal_to_stop_does_not_wait_for_anything() {
    let mut server = Server::start(&[]);
    // While stopped, it cannot act on the first signal before the second one arrives.
    for signal in ["STOP", "TERM", "INT", "CONT"] {
        server.signal(signal);
    }
    assert_eq!(server.wait().code(), Some(1));
}
