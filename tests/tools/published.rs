//! Command lines that talks and manuals publish, unchanged.

use crate::processes::*;
use gearman_test_support::server::Server;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// A shell that finds the tools, and the server if a line names none. Its background processes
/// are killed with it.
fn shell(server: &Server, script: &str) -> Command {
    let bin = Path::new(GEARMAN).parent().expect("a directory");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = tool("sh", ["-c", script]);
    command
        .env("PATH", path)
        .env("GEARMAN_SERVERS", format!("127.0.0.1:{}", server.port))
        .env("PORT", server.port.to_string())
        .current_dir(scratch());
    command
}

/// Runs a script that starts a worker first, and ends the worker.
#[track_caller]
fn with_worker(server: &Server, worker: &str, line: &str, input: &[u8]) -> Done {
    // The exit code of the line, not of the worker.
    let script = format!("{worker} & worker=$!\n{line}\ncode=$?\nkill $worker\nexit $code");
    run(shell(server, &script), input)
}

#[test]
fn a_command_counts_the_lines_of_a_file() {
    with_each_server(|server| {
        let lines = fs::read_to_string("/etc/passwd").expect("a file").lines().count();
        with_worker(
            server,
            "gearman -w -f count_lines -- wc -l",
            "gearman -p $PORT -h localhost -f count_lines < /etc/passwd",
            b"",
        )
        .printed(&format!("{lines}\n"));
    });
}

#[test]
fn what_a_program_prints_is_a_job() {
    with_each_server(|server| {
        with_worker(
            server,
            "gearman -w -f function -- wc -l",
            "touch a b c; ls | gearman -f function; gearman -f function < a",
            b"",
        )
        .printed("3\n0\n");
    });
}

#[test]
fn an_argument_is_a_job_for_a_script() {
    with_each_server(|server| {
        let worker = "printf '#!/bin/sh\\ntr a-z A-Z' > script.sh; chmod +x script.sh; \
                      gearman -w -f function ./script.sh";
        // The script is written by the worker's own line.
        with_worker(server, worker, "gearman -f function \"some data\"", b"").printed("SOME DATA");
    });
}

#[test]
fn a_directory_is_searched_elsewhere() {
    with_each_server(|server| {
        let wanted = run(shell(server, "ls / | grep lib"), b"").text();
        with_worker(server, "gearman -w -f test -- grep lib", "ls / | gearman -f test", b"")
            .printed(&wanted);
    });
}

#[test]
fn megabytes_go_there_and_back() {
    let picture: Vec<u8> =
        (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    with_each_server(|server| {
        with_worker(
            server,
            "gearman -w -f resize -- cat",
            "cat > large.jpg; gearman -f resize < large.jpg > thumb.jpg; cmp large.jpg thumb.jpg",
            &picture,
        )
        .printed("");
    });
}

/// Lines that are appended to a log arrive each before the next is written.
#[track_caller]
fn lines_arrive(server: &Server, follower: &str) {
    let worker = worker(server, &["-f", "logger"]);
    let mut log = Running::start(shell(server, follower));
    for number in 0..20 {
        let line = format!("GET /{number} {}", "x".repeat(number * 1000));
        writeln!(log.stdin(), "{line}").expect("written");
        assert_eq!(worker.line(), line);
    }
}

#[test]
fn a_growing_log_is_followed_line_by_line() {
    with_each_server(|server| {
        lines_arrive(
            server,
            "touch access_log; exec 3<&0; cat <&3 >> access_log & tail -f access_log | gearman -n -f logger",
        );
    });
}

#[test]
fn a_web_servers_log_is_a_pipe() {
    // CustomLog "| gearman -n -f logger" common
    with_each_server(|server| lines_arrive(server, "gearman -n -f logger"));
}

#[test]
fn a_log_of_many_lines_costs_no_memory() {
    with_each_server(|server| {
        let mut client = Running::start(gearman(server, &["-b", "-n", "-f", "logger"]));
        let worker = worker(server, &["-f", "logger"]);
        let status = format!("/proc/{}/status", client.child.id());
        let mut memory = Vec::new();
        for round in 0..5 {
            for number in 0..1000 {
                writeln!(client.stdin(), "{round} {number} {}", "x".repeat(900)).expect("written");
                assert!(worker.line().starts_with(&format!("{round} {number} ")));
            }
            let status = fs::read_to_string(&status).expect("the client runs");
            let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
            let size: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("one");
            memory.push(size);
        }
        // Each round brings 900 KiB.
        assert!(memory[4] <= memory[0] + 500, "KiB: {memory:?}");
    });
}

#[test]
fn a_worker_command_without_w_submits_and_prints_a_hint() {
    with_each_server(|server| {
        let client = Running::start(shell(server, "exec gearman -p $PORT -f count_lines -- wc -l"));
        let hint = client.complaint();
        assert!(hint.contains("gearman -w -f count_lines -- wc -l"), "{hint}");
        // They are jobs nevertheless.
        let worker = worker(server, &["-c", "2", "-f", "count_lines", "--", "cat"]);
        assert_eq!(worker.end().code, Some(0));
        let done = client.end();
        let (mut text, stderr) = (done.text().into_bytes(), done.stderr);
        text.sort_unstable();
        assert_eq!((text, done.code), (b"-clw".to_vec(), Some(0)));
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    });
}

#[test]
fn data_behind_dashes_that_a_worker_takes_bring_no_hint() {
    with_each_server(|server| {
        let slow = worker(server, &["-f", "f", "--", "sh", "-c", "sleep 1.5; cat"]);
        run(gearman(server, &["-f", "f", "--", "-x"]), b"").printed("-x");
        drop(slow);
    });
}
