//! The text protocol over a socket, byte for byte.

use super::support::*;

#[test]
fn each_admin_command_is_answered() {
    let server = Server::start(&[]);
    let mut admin = server.connect();
    let incomplete = |command: &str| {
        let text = "An+incomplete+set+of+arguments+was+sent+to+this+command+";
        format!("ERR INVALID_ARGUMENTS {text}{command}\r\n")
    };
    let unknown = |word: &str| format!("ERR UNKNOWN_COMMAND Unknown+server+command{word}\r\n");
    let version = concat!("OK ", env!("CARGO_PKG_VERSION"), "\n");
    let cases = [
        ("status\n", ".\n".into()),
        ("STATUS\r\n", ".\n".into()),
        ("status whatever\n", ".\n".into()),
        ("prioritystatus\n", ".\n".into()),
        ("show jobs\n", ".\n".into()),
        ("Show Unique Jobs\n", ".\n".into()),
        ("show\n", unknown("show")),
        ("show foo\n", "ERR UNKNOWN_SHOW_ARGUMENTS\r\n".into()),
        ("show unique\n", "ERR UNKNOWN_SHOW_ARGUMENTS\r\n".into()),
        ("show jobs x\n", "ERR UNKNOWN_SHOW_ARGUMENTS\r\n".into()),
        ("cancel\n", unknown("cancel")),
        ("cancel job\n", unknown("cancel")),
        ("cancel foo H:t:1\n", "ERR UNKNOWN_ERROR\r\n".into()),
        ("cancel job H:t:1\n", "ERR UNKNOWN_JOB\r\n".into()),
        ("create\n", incomplete("create")),
        ("create foo x\n", incomplete("create")),
        ("create function a b\n", incomplete("create")),
        ("drop\n", incomplete("drop")),
        ("drop function nothing\n", "ERR function not found\r\n".into()),
        ("maxqueue\n", incomplete("maxqueue")),
        ("maxqueue nothing 1 2 3\n", "OK\r\n".into()),
        ("verbose\n", "OK INFO\n".into()),
        ("version\n", version.into()),
        ("getpid\n", format!("OK {}\n", server.pid())),
        ("shutdown\n", unknown("shutdown")),
        ("\n", unknown("")),
        (" status\n", unknown("")),
        ("status\tx\n", unknown("status\tx")),
        ("FooBar baz\r\n", unknown("FooBar")),
        ("ver\0sion\n", unknown("ver")),
    ];
    for (line, answer) in cases {
        admin.ask(line.as_bytes(), answer.as_bytes());
    }
}

#[test]
fn a_created_function_has_its_whole_name_with_either_line_end() {
    let server = Server::start(&[]);
    let mut admin = server.connect();
    admin.ask(b"create function abc\n", b"OK\r\n");
    admin.ask(b"create function xyz\r\n", b"OK\r\n");
    admin.ask(b"create function abc\n", b"OK\r\n");
    let list = admin.list("status");
    assert!(list.contains("abc\t0\t0\t0\n") && list.contains("xyz\t0\t0\t0\n"), "{list}");
    assert_eq!(list.lines().count(), 3);
    admin.ask(b"drop function ABC\n", b"OK\r\n");
    assert_eq!(admin.list("status"), "xyz\t0\t0\t0\n.\n");
}

#[test]
fn lists_show_functions_jobs_and_workers() {
    let server = Server::start(&[]);
    let (mut client, mut worker, mut admin) =
        (server.connect(), server.connect(), server.connect());
    client.ask(&request(SubmitJobHigh, &["f", "high", "1"]), &response(JobCreated, &["H:t:1"]));
    client.ask(&request(SubmitJobLowBg, &["f", "low", "2"]), &response(JobCreated, &["H:t:2"]));
    worker
        .send(&request(SetClientId, &["my id"]))
        .send(&request(CanDo, &["g"]))
        .send(&request(CanDo, &["f"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "1"]));
    assert_eq!(admin.list("status"), "f\t2\t1\t1\ng\t0\t0\t1\n.\n");
    assert_eq!(admin.list("prioritystatus"), "f\t0\t0\t1\t1\ng\t0\t0\t0\t1\n.\n");
    assert_eq!(admin.list("show jobs"), "H:t:2\t0\t0\t1\nH:t:1\t0\t0\t0\n.\n");
    assert_eq!(admin.list("show unique jobs"), "low\nhigh\n.\n");
    let workers = admin.list("workers");
    assert!(workers.contains(" 127.0.0.1 my id : g f\n"), "{workers}");
    assert!(workers.contains(" 127.0.0.1 - :\n"), "{workers}");
    assert_eq!(workers.lines().count(), 4);
}

#[test]
fn a_cancelled_job_fails_for_its_client_and_its_workers_reports_are_ignored() {
    let server = Server::start(&[]);
    let (mut client, mut worker, mut admin) =
        (server.connect(), server.connect(), server.connect());
    client.ask(&request(SubmitJob, &["f", "u", "x"]), &response(JobCreated, &["H:t:1"]));
    worker.send(&request(CanDo, &["f"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
    admin.ask(b"cancel job H:t:1\n", b"OK\r\n");
    client.expect(&response(WorkFail, &["H:t:1"]));
    worker.send(&request(WorkStatus, &["H:t:1", "1", "2"]));
    worker.send(&request(WorkComplete, &["H:t:1", "late"])).settle();
    let gone = response(Error, &["JOB_NOT_FOUND", "Job given in work result not found"]);
    worker.ask(&request(WorkComplete, &["H:t:1", "twice"]), &gone);
    client.settle();
}

#[test]
fn a_full_queue_refuses_a_job() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.ask(b"create function f\nmaxqueue f 1\n", b"OK\r\nOK\r\n");
    client.ask(&request(SubmitJobBg, &["f", "", "1"]), &response(JobCreated, &["H:t:1"]));
    let full = response(Error, &["QUEUE_ERROR", "Job queue is full"]);
    client.ask(&request(SubmitJobBg, &["f", "", "2"]), &full);
}
