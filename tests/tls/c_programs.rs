//! C programs over TLS: those of `tests/c`, which print what they print without, and two of this
//! directory.

use std::process::Command;

use gearman_test_support::library::{Library, own_library_dir, set_library};
use gearman_test_support::normalise::difference;
use gearman_test_support::outcome::{Outcome, run_for};
use gearman_test_support::paths::{repository, scratch};
use gearman_test_support::{compile, programs, server};

use crate::support::{Server, file};

/// A server that tells connections with TLS from others, as the programs' own connections have none.
fn mixed_server() -> server::Server {
    let files = ["certificate=gearmand.pem", "key=gearmand.key", "ca-file=ca.pem"].map(|option| {
        let (name, value) = option.split_once('=').expect("two parts");
        format!("--ssl-{name}={}", file(value))
    });
    let mut arguments = vec!["--ssl", "--ssl-optional"];
    arguments.extend(files.iter().map(String::as_str));
    server::Server::start_with(env!("CARGO_BIN_EXE_gearmand"), &arguments)
}

/// Runs a program of `tests/c` whose connections have TLS, and compares what it prints.
fn same_over_tls(program: &str) {
    if !programs::can_be_compiled(program) {
        return;
    }
    let wanted = programs::meant_to_differ(program).or_else(|| programs::recorded(program));
    let servers = [mixed_server(), mixed_server()];
    let ca = file("ca.pem");
    let variables =
        [("GEARMAN_TLS", "on"), ("GEARMAND_CA_CERTIFICATE", &*ca), ("GEARMAN_TLS_VERIFY", "full")];
    let ours = programs::run_in(program, &servers, &variables);
    if let Some(difference) = difference(&wanted.expect("a recording"), &ours.stdout) {
        panic!("{program} prints something else over TLS {difference}stderr:\n{}", ours.stderr);
    }
    ours.assert_succeeded(program);
}

macro_rules! programs {
    ($($program:ident)*) => {
        mod the_same_over_tls {
            $(#[test]
            fn $program() {
                super::same_over_tls(stringify!($program));
            })*
        }
    };
}

programs! {
    background_jobs
    callbacks_per_event
    do_results
    exceptions
    execute
    failed_job_then_work
    fork_in_callback
    free_client_in_callback
    free_in_any_callback
    grab_job
    job_requeued
    job_sends
    longjmp_client
    longjmp_worker
    nested_run_tasks
    nonblocking_client
    nonblocking_do
    nonblocking_grab_job
    nonblocking_worker
    coroutine_same_client
    coroutine_same_worker
    memory_flat
    streaming_workload
    task_order
    unbuffered_result
    uniques_across_fork
    work_results
    worker_server_added_later
}

/// Compiles a program of this directory on our headers, and runs it on our library.
fn run(program: &str, arguments: &[String]) -> Option<Outcome> {
    if !compile::have("gcc") {
        return None;
    }
    let executable = scratch().join(format!("tls-{program}"));
    let output = Command::new("gcc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g", "-o"])
        .arg(&executable)
        .arg(repository().join("tests/tls").join(program).with_extension("c"))
        .arg("-I")
        .arg(compile::include())
        .arg("-L")
        .arg(own_library_dir())
        .args(["-Wl,--as-needed", "-lgearman", "-lpthread", "-ldl"])
        .output()
        .expect("gcc starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut command = Command::new(executable);
    command.args(arguments);
    set_library(&mut command, Library::Ours);
    Some(run_for(command, program, 60))
}

#[test]
fn set_ssl_and_set_tls_of_clients_and_workers_do_jobs_with_a_required_certificate() {
    let server = Server::start(&["--ssl", "--ssl-verify-client=required"]);
    let files = ["ca.pem", "worker-1.pem", "worker-1.key"].map(file);
    let arguments = [&[server.port.to_string()][..], &files].concat();
    let Some(outcome) = run("set_ssl", &arguments) else { return };
    outcome.assert_succeeded("set_ssl");
    let expected = "set_ssl: GEARMAN_SUCCESS, cba, worked\nset_tls: GEARMAN_SUCCESS, cba, worked\noff: no echo\n";
    assert_eq!(outcome.stdout, expected);
}

#[test]
fn a_forked_child_sends_nothing_over_its_parents_connection() {
    let server = Server::start(&["--ssl"]);
    let Some(outcome) = run("fork", &[server.port.to_string(), file("ca.pem")]) else { return };
    outcome.assert_succeeded("fork");
    let expected = "parent: echo\nchild: 0\nparent: echo\nchild: 0\nparent: echo\n";
    assert_eq!(outcome.stdout, expected);
    // A record or close_notify of a child would have ended the connection of the parent, who would
    // have made another one.
    assert_eq!(server.lines_with("has TLS").len(), 2, "one of the parent, one of a child");
}

#[test]
fn the_library_is_unloaded_after_it_has_used_tls() {
    let server = Server::start(&["--ssl"]);
    let Some(outcome) = run("unload", &[server.port.to_string(), file("ca.pem")]) else { return };
    outcome.assert_succeeded("unload");
    assert_eq!(outcome.stdout, "echo, 0 mappings\n".repeat(5));
}
