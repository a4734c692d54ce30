//! Commands of the text protocol that the original does not have.

use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

use super::support::*;

/// A text line, and the JSON that answers it.
fn json(admin: &mut Peer, line: &str) -> Value {
    let text = admin.line(line);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Removes the descriptor and the port of a peer.
fn remove_place(peer: &mut serde_json::Map<String, Value>) {
    peer.remove("fd");
    if let Some(port) = peer.remove("port") {
        assert!(port.as_u64().is_some_and(|port| port > 0), "{port}");
    }
}

/// Replaces what differs from run to run.
fn without_descriptors(mut value: Value) -> Value {
    let rows = value.as_object_mut().and_then(|o| o.values_mut().next());
    for row in rows.and_then(Value::as_array_mut).expect("rows") {
        if let Some(object) = row.as_object_mut() {
            remove_place(object);
            object.get_mut("worker").and_then(Value::as_object_mut).map(remove_place);
        }
    }
    value
}

#[test]
fn jobs_shows_what_is_known_of_each_job() {
    let server = Server::start(&[]);
    let (mut client, mut worker, mut admin) =
        (server.connect(), server.connect(), server.connect());
    client.ask(&request(SubmitJobHigh, &["f", "u1", "x"]), &response(JobCreated, &["H:t:1"]));
    client.ask(&request(SubmitJobLowBg, &["f", "", "x"]), &response(JobCreated, &["H:t:2"]));
    client.ask(
        &request(SubmitJobEpoch, &["g", "u 3", "4000000000", "x"]),
        &response(JobCreated, &["H:t:3"]),
    );
    worker.send(&request(SetClientId, &["my id"])).send(&request(CanDo, &["f"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
    let list = admin.list("jobs");
    let fields: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(fields[0][..5], ["H:t:1", "f", "u1", "high", "running"]);
    assert_eq!(fields[1][..5], ["H:t:2", "f", "", "low", "queued"]);
    assert_eq!(fields[2][..5], ["H:t:3", "g", "u%203", "normal", "delayed"]);
    assert_eq!(fields[3], ["."]);
    let workers = admin.list("workers");
    let descriptor = workers.lines().find(|line| line.contains("my id")).expect("the worker");
    let descriptor = descriptor.split(' ').next().expect("a descriptor");
    let place = worker.local_address();
    assert_eq!(fields[0][6..], [&*format!("{descriptor} {place} my%20id"), "0"]);
    assert_eq!(fields[1][6..], ["-", "-"]);
    fields[..3].iter().for_each(|line| assert!(line[5].parse::<u32>().is_ok(), "{line:?}"));
    assert_eq!(admin.list("jobs g").lines().count(), 2);
    assert_eq!(admin.list("jobs nothing"), ".\n");
}

#[test]
fn the_lists_come_as_json() {
    let server = Server::start(&[]);
    let (mut client, mut worker, mut admin) =
        (server.connect(), server.connect(), server.connect());
    assert_eq!(json(&mut admin, "json jobs"), json!({"jobs": []}));
    assert_eq!(json(&mut admin, "json status"), json!({"functions": []}));
    client.ask(&request(SubmitJob, &["f", "u\"", "four"]), &response(JobCreated, &["H:t:1"]));
    client.ask(
        &request(SubmitJobEpoch, &["g", "", "4000000000", "x"]),
        &response(JobCreated, &["H:t:2"]),
    );
    worker.send(&request(SetClientId, &["w"])).send(&request(CanDo, &["f"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "four"]));
    worker
        .send(&request(WorkStatus, &["H:t:1", "1", "3"]))
        .send(&request(PreSleep, NOTHING))
        .settle();
    let mut jobs = without_descriptors(json(&mut admin, "json jobs"));
    jobs["jobs"].as_array_mut().expect("jobs").iter_mut().for_each(|job| {
        assert!(job["age"].take().is_u64());
    });
    let running = json!({
        "handle": "H:t:1", "function": "f", "unique": "u\"", "priority": "normal",
        "state": "running", "age": null, "runs": 0, "background": false, "retries": 0, "numerator": 1,
        "denominator": 3, "clients": 1, "bytes": 4, "due": null,
        "worker": {"address": "127.0.0.1", "id": "w"},
    });
    let delayed = json!({
        "handle": "H:t:2", "function": "g", "unique": "", "priority": "normal",
        "state": "delayed", "age": null, "runs": null, "background": true, "retries": 0, "numerator": 0,
        "denominator": 0, "clients": 0, "bytes": 1, "due": 4000000000_u64, "worker": null,
    });
    assert_eq!(jobs, json!({"jobs": [running, delayed]}));
    assert_eq!(json(&mut admin, "JSON Jobs g")["jobs"][0]["handle"], "H:t:2");
    let peer = |id: Option<&str>, functions: &[&str]| {
        let (running, waiting) = (u8::from(id.is_some()), 0);
        json!({
            "address": "127.0.0.1", "id": id, "functions": functions, "sleeping": id.is_some(),
            "running": running, "waiting": waiting,
        })
    };
    let workers = without_descriptors(json(&mut admin, "json workers"));
    let mut client = peer(None, &[]);
    client["waiting"] = 1.into();
    assert_eq!(workers, json!({"workers": [peer(None, &[]), peer(Some("w"), &["f"]), client]}));
    let status = json(&mut admin, "json status");
    let g = json!({
        "function": "g", "total": 1, "running": 0, "high": 0, "normal": 0, "low": 0,
        "delayed": 1, "workers": 0, "paused": false, "limits": [0, 0, 0], "oldest": null,
        "submitted": 1, "completed": 0, "failed": 0, "cancelled": 0, "dropped": 0, "retried": 0,
        "abandoned": 0,
    });
    assert!(status["functions"].as_array().is_some_and(|all| all.contains(&g)), "{status}");
    let about = json(&mut admin, "json server");
    assert_eq!(about["pid"], server.pid());
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    for (name, count) in
        [("connections", 3), ("functions", 2), ("jobs", 2), ("running", 1), ("delayed", 1)]
    {
        assert_eq!(about[name], count, "{name}");
    }
    assert_eq!((&about["queued"], &about["draining"]), (&json!(0), &json!(false)));
}

/// Submits jobs of function `f`: in the background 3 of normal priority, 4 of low, 5 of high and
/// 6 delayed ones; in the foreground 8 of high priority.
fn submit_jobs_of_every_kind(client: &mut Peer) {
    let mut jobs = [SubmitJobBg; 3].to_vec();
    jobs.extend(
        [[SubmitJobLowBg; 4].as_slice(), &[SubmitJobHighBg; 5], &[SubmitJobEpoch; 6]].concat(),
    );
    jobs.extend([SubmitJobHigh; 8]);
    for (number, command) in jobs.iter().enumerate() {
        let mut parts = vec!["f", "", "x"];
        if *command == SubmitJobEpoch {
            parts.insert(2, "4000000000");
        }
        client.ask(
            &request(*command, &parts),
            &response(JobCreated, &[format!("H:t:{}", number + 1)]),
        );
    }
}

#[test]
fn json_status_has_every_count_of_a_function() {
    let server = Server::start(&[]);
    let (mut client, mut worker, mut admin) =
        (server.connect(), server.connect(), server.connect());
    submit_jobs_of_every_kind(&mut client);
    let mut other = server.connect();
    for _ in 0..2 {
        other.send(&request(CanDo, &["f"]));
    }
    other.settle();
    worker.send(&request(CanDo, &["f"])).settle();
    let take = |worker: &mut Peer| {
        worker.send(&request(GrabJob, NOTHING));
        let (command, body) = worker.packet();
        assert_eq!(command, JobAssign);
        let end = body.iter().position(|&byte| byte == 0).expect("a handle");
        String::from_utf8(body[..end].to_vec()).expect("text")
    };
    // Of the 13 urgent ones 2 are done, 1 fails, and 1 is lost once.
    for command in [WorkComplete, WorkComplete, WorkFail] {
        let handle = take(&mut worker);
        let parts =
            if command == WorkComplete { vec![&handle[..], "y"] } else { vec![&handle[..]] };
        worker.send(&request(command, &parts)).settle();
    }
    take(&mut worker);
    worker.send(&request(CantDo, &["f"])).send(&request(CanDo, &["f"])).settle();
    let running = [(); 7].map(|()| take(&mut worker));
    assert_eq!(admin.list("status"), "f\t23\t7\t3\n.\n");
    assert_eq!(admin.list("prioritystatus"), "f\t3\t9\t4\t3\n.\n");
    let mut status = json(&mut admin, "json status")["functions"][0].take();
    assert!(status["oldest"].take().is_u64());
    let expected = json!({
        "function": "f", "total": 23, "running": 7, "high": 3, "normal": 3, "low": 4,
        "delayed": 6, "workers": 3, "paused": false, "limits": [0, 0, 0], "oldest": null,
        "submitted": 26, "completed": 2, "failed": 1, "cancelled": 0, "dropped": 0, "retried": 1,
        "abandoned": 0,
    });
    assert_eq!(status, expected);
    let about = json(&mut admin, "json server");
    for (name, count) in [("jobs", 23), ("running", 7), ("queued", 10), ("delayed", 6)] {
        assert_eq!(about[name], count, "{name}");
    }
    let of = |kind: &str, what: &str| {
        let all = json(&mut server.connect(), "json jobs");
        let jobs = all["jobs"].as_array().expect("jobs").clone();
        jobs.into_iter().filter(|job| job[kind] == what).collect::<Vec<_>>()
    };
    let counts = ["high", "normal", "low"].map(|priority| of("priority", priority).len());
    assert_eq!(counts, [10, 9, 4]);
    assert_eq!(of("state", "running").len(), running.len());
    // The lost one is queued behind the others.
    let lost: Vec<_> =
        of("priority", "high").into_iter().filter(|job| job["retries"] == 1).collect();
    assert!(lost.len() == 1 && lost[0]["state"] == "queued", "{lost:?}");
    // Waiting foreground jobs are dropped with their only client.
    drop(client);
    while json(&mut admin, "json status")["functions"][0]["abandoned"] == 0 {}
}

#[test]
fn names_of_any_bytes_are_shown_without_loss() {
    let server = Server::start(&[]);
    let mut admin = server.connect();
    admin.send(&request(SubmitJobBg, &[&b"g\xF6 %"[..], b"\t\xFF\xE2\x82", b""]));
    admin.expect(&response(JobCreated, &["H:t:1"]));
    let list = admin.list("jobs");
    assert!(list.starts_with("H:t:1\tg%F6%20%25\t%09%FF%E2%82\tnormal\t"), "{list}");
    let jobs = json(&mut admin, "json jobs");
    let job = &jobs["jobs"][0];
    assert_eq!(
        (&job["function"], &job["function_hex"]),
        (&json!("g\u{fffd} %"), &json!("67f62025"))
    );
    assert_eq!(job["unique_hex"], "09ffe282");
    assert_eq!(json(&mut admin, "json status")["functions"][0]["function_hex"], "67f62025");
    admin.send(&request(CanDo, &[b"g\xF6"])).send(&request(SetClientId, &[b"\xFC"]));
    let workers = json(&mut admin, "json workers");
    let me = &workers["workers"][0];
    assert_eq!((&me["functions_hex"], &me["id_hex"]), (&json!(["67f6"]), &json!("fc")));
    admin.ask(b"pause function g%f6%20%25\n", b"OK\r\n");
    admin.ask(b"cancelunique g%F6%20%25 %09%FF%E2%82\n", b"OK\r\n");
    assert_eq!(admin.list("jobs"), ".\n");
}

#[test]
fn a_job_is_cancelled_by_function_and_unique() {
    let server = Server::start(&[]);
    let (mut client, mut admin) = (server.connect(), server.connect());
    client.ask(&request(SubmitJob, &["f", "u", "x"]), &response(JobCreated, &["H:t:1"]));
    client.ask(&request(SubmitJob, &["g", "u", "x"]), &response(JobCreated, &["H:t:2"]));
    admin.ask(b"cancelunique f v\n", b"ERR UNKNOWN_JOB\r\n");
    admin.ask(b"CancelUnique g u\r\n", b"OK\r\n");
    client.expect(&response(WorkFail, &["H:t:2"])).settle();
    admin.ask(b"cancelunique g u\n", b"ERR UNKNOWN_JOB\r\n");
}

#[test]
fn a_client_id_with_a_line_break_is_one_line_of_the_list_of_workers() {
    let server = Server::start(&[]);
    let (mut worker, mut admin) = (server.connect(), server.connect());
    worker.send(&request(SetClientId, &["a\r\n.\n\x7f%"])).settle();
    let workers = admin.list("workers");
    assert!(workers.contains(" 127.0.0.1 a%0D%0A.%0A%7F% :\n"), "{workers}");
}

#[test]
fn the_list_of_queues_counts_delayed_and_running_jobs() {
    let server = Server::start(&[]);
    let (mut client, mut worker, mut admin) =
        (server.connect(), server.connect(), server.connect());
    client.ask(&request(SubmitJobHigh, &["f", "", "1"]), &response(JobCreated, &["H:t:1"]));
    client.ask(&request(SubmitJobLowBg, &["f", "", "2"]), &response(JobCreated, &["H:t:2"]));
    let later = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs() + 60;
    let delayed = request(SubmitJobEpoch, &["f", "", &later.to_string(), "3"]);
    client.ask(&delayed, &response(JobCreated, &["H:t:3"]));
    worker.send(&request(CanDo, &["f"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "1"]));
    assert_eq!(admin.list("queues"), "f\t0\t0\t1\t1\t1\t1\n.\n");
}

#[test]
fn a_paused_function_keeps_its_jobs_until_it_is_resumed() {
    let server = Server::start(&[]);
    let (mut worker, mut admin) = (server.connect(), server.connect());
    worker.send(&request(CanDo, &["f"])).settle();
    admin.ask(b"pause function f\n", b"OK\r\n").ask(b"pause function f\n", b"OK\r\n");
    worker.send(&request(PreSleep, NOTHING)).settle();
    admin.ask(&request(SubmitJobBg, &["f", "", "x"]), &response(JobCreated, &["H:t:1"]));
    worker.settle().ask(&request(GrabJob, NOTHING), &response(NoJob, NOTHING));
    assert!(admin.list("jobs").contains("\tpaused\t"));
    assert_eq!(json(&mut admin, "json status")["functions"][0]["paused"], true);
    assert_eq!(admin.list("status"), "f\t1\t0\t1\n.\n");
    worker.send(&request(PreSleep, NOTHING)).settle();
    admin.ask(b"resume function f\n", b"OK\r\n");
    worker.expect(&response(Noop, NOTHING));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
}

#[test]
fn shutdown_is_a_command_only_where_it_was_allowed() {
    let mut server = Server::start(&["--allow-shutdown"]);
    let mut admin = server.connect();
    let text = "ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+";
    admin.ask(b"shutdown now\n", format!("{text}shutdown\r\n").as_bytes());
    admin.ask(b"shutdown\n", b"OK\r\n").expect_closed();
    assert!(server.wait().success());

    let server = Server::start(&[]);
    let mut admin = server.connect();
    let unknown = b"ERR UNKNOWN_COMMAND Unknown+server+commandshutdown\r\n";
    admin.ask(b"shutdown\n", unknown).ask(b"shutdown graceful\n", unknown);
}

#[test]
fn a_graceful_shutdown_waits_for_jobs() {
    let mut server = Server::start(&["--allow-shutdown"]);
    let (mut client, mut worker) = (server.connect(), server.connect());
    client.ask(&request(SubmitJob, &["f", "", "x"]), &response(JobCreated, &["H:t:1"]));
    worker.send(&request(CanDo, &["f"]));
    worker.ask(&request(GrabJob, NOTHING), &response(JobAssign, &["H:t:1", "f", "x"]));
    client.ask(b"SHUTDOWN Graceful\n", b"OK\r\n");
    assert_eq!(json(&mut client, "json server")["draining"], true);
    worker.send(&request(WorkComplete, &["H:t:1", "done"]));
    client.expect(&response(WorkComplete, &["H:t:1", "done"])).expect_closed();
    assert!(server.wait().success());
}

#[test]
fn invalid_commands_are_refused() {
    let server = Server::start(&[]);
    let mut admin = server.connect();
    let incomplete = |command: &str| {
        let text = "An+incomplete+set+of+arguments+was+sent+to+this+command+";
        format!("ERR INVALID_ARGUMENTS {text}{command}\r\n")
    };
    let percent =
        "ERR INVALID_ARGUMENTS A+percent+sign+stands+before+two+hexadecimal+digits\r\n".to_string();
    let json = "ERR UNKNOWN_JSON_ARGUMENTS\r\n".to_string();
    let unknown = "ERR function not found\r\n".to_string();
    for (line, answer) in [
        ("pause", incomplete("pause")),
        ("pause f", incomplete("pause")),
        ("pause function", incomplete("pause")),
        ("pause function a b", incomplete("pause")),
        ("pause function nothing", unknown.clone()),
        ("resume queue f", incomplete("resume")),
        ("resume function nothing", unknown),
        ("cancelunique", incomplete("cancelunique")),
        ("cancelunique u", incomplete("cancelunique")),
        ("cancelunique f u x", incomplete("cancelunique")),
        ("jobs f g", incomplete("jobs")),
        ("pause function 100%", percent.clone()),
        ("cancelunique f %4x", percent),
        ("json", json.clone()),
        ("json foo", json.clone()),
        ("json status x", json.clone()),
        ("json workers x", json.clone()),
        ("json jobs f g", json),
    ] {
        assert_eq!(admin.line(line), answer, "{line}");
    }
}
