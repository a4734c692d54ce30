//! `--functions`: workers whose functions are found by patterns.

use crate::processes::*;
use gearman_test_support::server::Server;

/// A worker that prints the function of each job as its result.
fn worker_with(server: &Server, args: &[&str]) -> Running {
    let show = ["--", "sh", "-c", "echo $GEARMAN_FUNCTION"];
    worker(server, &[args, &show].concat())
}

#[test]
fn a_worker_runs_the_jobs_of_functions_that_match_its_patterns() {
    with_each_server(|server| {
        for function in ["img.crop", "img.rotate", "image", "pdf.join", "*"] {
            run(gearman(server, &["-b", "-f", function, "x"]), b"").printed("");
        }
        // `-f` takes a star for itself.
        let patterns = ["--functions", "img.*", "--functions", "*.join", "-f", "*"];
        let worker = worker_with(server, &[&["-c", "4"], &patterns[..]].concat());
        assert_eq!(worker.end().code, Some(0));
        let port = server.port.to_string();
        let status = run(tool(GEARADMIN, ["-p", &port, "--status"]), b"").text();
        let waiting: Vec<&str> = status.lines().filter(|row| row.contains("\t1\t")).collect();
        assert_eq!(waiting, ["image\t1\t0\t0"]);
    });
}

#[test]
fn a_function_that_is_new_is_found_while_the_worker_runs() {
    with_each_server(|server| {
        let worker = worker_with(server, &["-v", "--functions", "img.*"]);
        run(gearman(server, &["-f", "img.new", "x"]), b"").printed("img.new\n");
        assert_eq!(worker.complaint(), "gearman: function img.new: registered");
        run(gearman(server, &["-f", "img.new", "x"]), b"").printed("img.new\n");
        worker.signal("TERM");
        assert_eq!(worker.end().code, Some(0));
    });
}

#[test]
fn a_server_that_does_not_list_its_functions_is_reported_once_and_asked_again() {
    let server = Server::start(GEARMAND);
    let port = server.port;
    drop(server);
    let address = format!("127.0.0.1:{port}");
    let args = ["-h", &address, "-w", "-c", "1", "--functions", "f*", "--", "cat"];
    let worker = Running::start(tool(GEARMAN, args));
    let refused = "no list of functions: Connection refused; trying again";
    assert_eq!(worker.complaint(), format!("gearman: {address}: {refused}"));
    let server = Server::start_at(GEARMAND, port);
    run(gearman(&server, &["-f", "found", "x"]), b"").printed("x");
    let done = worker.end();
    assert_eq!((done.code, done.stderr.lines().count()), (Some(0), 1), "{}", done.stderr);
}
