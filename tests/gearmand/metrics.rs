//! The metrics and health pages of the server.

use std::collections::BTreeMap;

use super::http_support::*;
use super::support::*;

/// The value of each series, by its name and labels.
fn scrape(http: &HttpServer) -> BTreeMap<String, f64> {
    let response = http.probe("/metrics");
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("text/plain; version=0.0.4"));
    let series = response.text().lines().filter(|line| !line.starts_with('#'));
    let pairs = series.map(|line| {
        let (name, value) = line.rsplit_once(' ').expect("a value");
        (name.to_string(), value.parse().expect("a number"))
    });
    let all: BTreeMap<String, f64> = pairs.collect();
    let lines = response.text().lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(all.len(), lines, "no series comes twice");
    all
}

#[test]
fn functions_above_the_limit_share_one_series_and_those_that_exist_longest_have_their_own() {
    let http = HttpServer::start(&["--metrics-functions=600"]);
    let mut client = http.server.connect();
    for number in 1..=1500 {
        let function = format!("f{number}");
        let submission = request(SubmitJobBg, &[&*function, "", "x"]);
        client.ask(&submission, &response(JobCreated, &[format!("H:t:{number}")]));
    }
    for more in 0..2 {
        let all = scrape(&http);
        let jobs = |function: &str| all.get(&format!("gearman_jobs{{function=\"{function}\"}}"));
        for number in 1..=1500 {
            let own = (number <= 600).then_some(&1.0);
            assert_eq!(jobs(&format!("f{number}")), own, "f{number}");
        }
        let others = 900.0 + f64::from(more);
        assert_eq!(jobs("(other)"), Some(&others));
        assert_eq!(all["gearman_jobs_submitted_total{function=\"(other)\"}"], others);
        assert_eq!(all["gearman_functions_summed"], others);
        assert_eq!(all["gearman_functions"], 1500.0 + f64::from(more));
        client.send(&request(SubmitJobBg, &["newest", "", "x"])).packet();
    }
}

#[test]
fn metrics_count_jobs() {
    let http = HttpServer::start(&[]);
    let (mut client, mut worker) = (http.server.connect(), http.worker("f"));
    for number in 1..=5 {
        let handle = format!("H:t:{number}");
        client.ask(&request(SubmitJobBg, &["f", "", "x"]), &response(JobCreated, &[handle]));
    }
    client.ask(
        &request(SubmitJobEpoch, &["g", "", "4000000000", "x"]),
        &response(JobCreated, &["H:t:6"]),
    );
    let handles = [(); 3].map(|()| take(&mut worker).0);
    worker
        .send(&report(WorkComplete, &handles[0], b""))
        .send(&request(WorkFail, &[&handles[1]]))
        .settle();
    client.ask(b"pause function g\n", b"OK\r\n");
    let all = scrape(&http);
    for (series, value) in [
        ("gearman_up", 1.0),
        (concat!("gearman_version_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
        ("gearman_jobs{function=\"f\"}", 3.0),
        ("gearman_jobs_running{function=\"f\"}", 1.0),
        ("gearman_jobs_waiting{function=\"f\"}", 2.0),
        ("gearman_workers{function=\"f\"}", 1.0),
        ("gearman_jobs_submitted_total{function=\"f\"}", 5.0),
        ("gearman_jobs_completed_total{function=\"f\"}", 1.0),
        ("gearman_jobs_failed_total{function=\"f\"}", 1.0),
        ("gearman_jobs_retried_total{function=\"f\"}", 0.0),
        ("gearman_jobs_delayed{function=\"g\"}", 1.0),
        ("gearman_function_paused{function=\"f\"}", 0.0),
        ("gearman_function_paused{function=\"g\"}", 1.0),
        ("gearman_oldest_waiting_job_age_seconds{function=\"g\"}", 0.0),
        ("gearman_delayed_replies_total{outcome=\"held\",reply=\"grab\"}", 0.0),
        ("gearman_delayed_replies_total{outcome=\"expired\",reply=\"ack\"}", 0.0),
        ("gearman_connections", 2.0),
        ("gearman_functions", 2.0),
    ] {
        assert_eq!(all.get(series), Some(&value), "{series}: {all:#?}");
    }
    drop(worker);
    while scrape(&http)["gearman_jobs_retried_total{function=\"f\"}"] < 1.0 {}
    let age = |http| scrape(http)["gearman_oldest_waiting_job_age_seconds{function=\"f\"}"];
    let first = age(&http);
    while age(&http) <= first {}
}

#[test]
fn metrics_include_the_process() {
    let http = HttpServer::start(&[]);
    let all = scrape(&http);
    for series in
        ["process_start_time_seconds", "process_resident_memory_bytes", "process_open_fds"]
    {
        assert!(all[series] > 0.0, "{series}");
    }
}

#[test]
fn metrics_of_many_functions_are_complete() {
    let http = HttpServer::start(&[]);
    let mut admin = http.server.connect();
    let functions = 3000;
    let lines = (0..functions).map(|n| format!("create function f{n}\n"));
    admin.send(lines.collect::<String>().as_bytes()).transcript();
    let all = scrape(&http);
    let jobs = all.keys().filter(|name| name.starts_with("gearman_jobs{")).count();
    assert_eq!(jobs, functions);
}

#[test]
fn healthz_and_readyz_are_answered() {
    let http = HttpServer::start(&[]);
    // It is ready when it serves, and has logged its addresses before.
    http.server.connect().settle();
    for path in ["/healthz", "/readyz"] {
        let response = http.probe(path);
        assert_eq!((response.status, response.text()), (200, "ok\n"), "{path}");
    }
    let response = http.probe("/nothing");
    assert_eq!(response.status, 404);
    assert!(response.text().contains("/metrics"), "{response:?}");
    let response = Http::connect(http.metrics).post("/metrics", &[], b"");
    assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD")));
    let mut client = Http::connect(http.metrics);
    client.send("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.read_head().status, 200);
}

#[test]
fn metrics_and_the_http_bridge_work_without_each_other() {
    let server = Server::start(&["--metrics-port", "0"]);
    let line = server.wait_for_line("metrics at ");
    let address = line.split_once("metrics at ").expect("found").1.parse().expect("an address");
    server.connect().settle();
    let answer = Http::connect(address).ask("GET /readyz HTTP/1.0\r\n\r\n");
    assert_eq!(answer.status, 200);
    let server = Server::start(&["-r", "http", "--http-port", "0"]);
    let line = server.wait_for_line("HTTP at ");
    let address = line.split_once("HTTP at ").expect("found").1.parse().expect("an address");
    let answer =
        Http::connect(address).ask("GET /metrics HTTP/1.0\r\nX-Gearman-Background: true\r\n\r\n");
    // There it is a function like any other.
    assert_eq!(answer.status, 202);
}

#[test]
fn a_busy_metrics_port_ends_the_start_and_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_gearmand"))
        .args(["--listen", "127.0.0.1", "--port", "0", "--log-file", "stderr"])
        .args(["--metrics-port", &port])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains(&port) && text.contains("metrics"), "{text}");
}
