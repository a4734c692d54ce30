//! The C programs of `tests/c`, each run on the distribution's libgearman and on ours: what they
//! print must be the same, or what `PROGRAM.differs` says.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use gearman_test_support::library::{Library, own_library};
use gearman_test_support::normalise::{difference, normalise};
use gearman_test_support::outcome::Outcome;
use gearman_test_support::paths::{ORIGINAL_GEARMAND, own_gearmand, repository};
use gearman_test_support::programs::{self, Checker, trial};
use gearman_test_support::requirements::{have_program, skip};

/// The programs as a consumer of the library.
const CONSUMER: &str = "C and C++ programs built on the original's headers";

/// Whether a program can be compiled here, and run on the original.
fn has_peers(program: &str) -> bool {
    programs::have_original() && programs::can_be_compiled(program)
}

/// What a program prints on the original. It must be what was recorded, unless
/// `GEARMAN_RECORD=1` records it.
fn printed_by_original(program: &str) -> String {
    let original = programs::run(program, Library::Original, ORIGINAL_GEARMAND, Checker::None);
    original.assert_succeeded(&format!("{program} on the original"));
    if std::env::var("GEARMAN_RECORD").is_ok_and(|value| value == "1") {
        programs::record(program, &original.stdout);
    } else if let Some(difference) = difference(&recorded(program), &original.stdout) {
        panic!("the original does not print what tests/c/{program}.expected says {difference}");
    }
    original.stdout
}

/// What was recorded of the original.
fn recorded(program: &str) -> String {
    programs::recorded(program).unwrap_or_else(|| {
        panic!(
            "no tests/c/{program}.expected: GEARMAN_RECORD=1 cargo test --test conformance \
             same_as_original::{program}"
        )
    })
}

fn assert_as_wanted(program: &str, wanted: &str, ours: &Outcome) {
    if let Some(difference) = difference(wanted, &ours.stdout) {
        panic!("{program} prints something else {difference}stderr:\n{}", ours.stderr);
    }
    ours.assert_succeeded(program);
}

/// The same binary on both libraries, with the distribution's job server.
fn same_as_original(program: &str) {
    if !has_peers(program) {
        return;
    }
    let wanted = programs::meant_to_differ(program).unwrap_or_else(|| printed_by_original(program));
    trial(CONSUMER, Library::Ours.how(), "`tests/c`, the original's job server", || {
        let ours = programs::run(program, Library::Ours, ORIGINAL_GEARMAND, Checker::None);
        assert_as_wanted(program, &wanted, &ours);
    });
}

/// Our library with our job server, against what was recorded: needs no original.
fn with_own_server(program: &str) {
    if !programs::can_be_compiled(program) {
        return;
    }
    let Some(gearmand) = own_gearmand() else {
        skip("the package is built without its job server");
        return;
    };
    let wanted = programs::meant_to_differ(program).unwrap_or_else(|| recorded(program));
    trial(CONSUMER, Library::Ours.how(), "`tests/c`, our job server", || {
        let ours = programs::run(program, Library::Ours, gearmand, Checker::None);
        assert_as_wanted(program, &wanted, &ours);
    });
}

/// Our library under valgrind, all processes of the program included.
fn without_memory_errors(program: &str) {
    if !has_peers(program) || !have_program("valgrind", &["--version"]) {
        return;
    }
    programs::run(program, Library::Ours, ORIGINAL_GEARMAND, Checker::Memcheck)
        .assert_succeeded(&format!("{program} under valgrind"));
}

macro_rules! programs {
    ($($program:ident)*) => {
        const PROGRAMS: &[&str] = &[$(stringify!($program)),*];

        mod same_as_original {
            $(#[test]
            fn $program() {
                super::same_as_original(stringify!($program));
            })*
        }

        mod with_own_server {
            $(#[test]
            fn $program() {
                super::with_own_server(stringify!($program));
            })*
        }

        mod without_memory_errors {
            $(#[test]
            fn $program() {
                super::without_memory_errors(stringify!($program));
            })*
        }
    };
}

programs! {
    aggregator_context
    all_servers_down
    allocator_calls_beside
    allocator_calls_client
    allocator_calls_worker
    allocator_shared_buffer
    allocators
    argument_errors
    background_jobs
    boost_context
    broker_module
    broker_unloaded_at_work
    callback_codes
    callback_io_wait
    callbacks_per_event
    calls_in_a_function
    calls_in_any_callback
    cancel_job
    cancelled_at_random
    cancelled_by_first_thread
    cancelled_in_parts
    cancelled_threads
    cancelled_threads_beyond
    check_worker
    client_clone
    client_life
    client_namespace
    client_set_ssl
    client_timeouts
    clone_server_order
    coroutine_client
    coroutine_free_client
    coroutine_jumps
    coroutine_same_client
    coroutine_same_worker
    coroutine_threads
    coroutine_worker
    counted_names
    descriptors
    do_results
    exception_without_option
    exceptions
    execute
    execute_freed_task
    failed_job_then_work
    failed_status_then_submit
    fork_in_callback
    free_client_in_callback
    free_client_in_free_hook
    free_in_any_callback
    free_task_in_callback
    free_tasks
    free_unsent_task
    freed_in_handler
    freed_while_adding
    freed_with_a_job
    give_workload
    given_again
    grab_job
    hostile_loops
    huge_sizes
    identifier
    job_helpers
    job_requeued
    job_sends
    job_states
    job_states_beyond
    kill_before_work
    kill_from_handler
    kill_worker
    late_callback
    limits
    limits_beyond
    loaded_library
    log_lines
    longjmp_allocator
    longjmp_and_call_at_once
    longjmp_anywhere
    longjmp_client
    longjmp_worker
    map_reduce
    map_reduce_failing_part
    memory_flat
    namespaces
    nested_run_tasks
    network_errors
    nonblocking_calls
    nonblocking_client
    nonblocking_client_states
    nonblocking_client_trouble
    nonblocking_do
    nonblocking_grab_job
    nonblocking_grab_states
    nonblocking_job_lost
    nonblocking_worker
    nonblocking_worker_states
    nonblocking_worker_trouble
    nonblocking_worker_unwaited
    nul_behind_data
    null_arguments
    one_handle_each
    option_with_one_server_down
    parse_servers
    parse_servers_as_written
    parse_servers_ipv6
    published_loops
    rarely_asked
    reentrancy
    server_dies
    server_options
    server_selection
    servers
    setter_values
    signals
    static_functions
    status_task_then_submit
    stop_wait_on_signal
    streaming_workload
    task_is_finished
    task_lost_or_refused
    task_order
    task_state_after_run
    task_states
    task_states_beyond
    unbuffered_result
    uniques
    uniques_across_fork
    vanished_host
    wait_states
    work_results
    worker_clone
    worker_life
    worker_no_servers_up
    worker_server_added_later
    worker_servers
    worker_set_ssl
    worker_timeouts
}

#[test]
fn no_program_is_forgotten() {
    assert_eq!(programs::programs_in_dir(), PROGRAMS, "the list in tests/conformance/main.rs");
}

#[test]
fn every_program_has_a_recording_or_a_difference() {
    for program in PROGRAMS {
        let (recorded, differs) =
            (programs::recorded(program).is_some(), programs::meant_to_differ(program).is_some());
        assert!(recorded != differs, "{program} needs either .expected or .differs");
    }
}

/// Each name of the ledger is used by a program other than the one that only passes NULL: linked,
/// or looked up where the original's library lacks it.
#[test]
fn every_function_is_called() {
    if !programs::have_original() {
        return;
    }
    let counts =
        |program: &&&str| **program != "null_arguments" && programs::can_be_compiled(program);
    let mut used = BTreeSet::new();
    for program in PROGRAMS.iter().filter(counts) {
        let output = Command::new("nm")
            .args(["--dynamic", "--undefined-only", "--format=just-symbols"])
            .arg(programs::compiled(program))
            .output()
            .expect("nm starts");
        assert!(output.status.success());
        used.extend(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned));
        let source = fs::read_to_string(programs::source(program)).expect("the source");
        let looked_up = source.split("dlsym(RTLD_DEFAULT, \"").skip(1);
        used.extend(looked_up.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
    }
    let ledger = repository().join("bindings/c/symbols.txt");
    let ledger = fs::read_to_string(ledger).expect("the ledger of names");
    let (original, _ours) = ledger.split_once("# Ours:").expect("two blocks of names");
    let unused: Vec<_> = original
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !used.contains(*line))
        .collect();
    assert!(unused.is_empty(), "no program calls {unused:?}");
}

/// With LD_PRELOAD the dynamic linker takes ours for the library that the program names, and maps
/// no other one.
#[test]
fn preloaded_library_is_the_only_one() {
    if !has_peers("loaded_library") {
        return;
    }
    let outcome =
        programs::run("loaded_library", Library::Preloaded, ORIGINAL_GEARMAND, Checker::None);
    outcome.assert_succeeded("loaded_library");
    let own = fs::canonicalize(own_library()).expect("the library's path");
    assert_eq!(outcome.stderr.lines().collect::<Vec<_>>(), [own.to_str().expect("UTF-8")]);
    assert!(outcome.stdout.contains("libgearman files mapped: 1\n"), "{}", outcome.stdout);
}

#[test]
fn normalising_replaces_what_changes() {
    let text = "f(GEARMAN_TIMEOUT) late -> libgearman/a.cc:12: pid(345) H:a-b.c:7, H:: 127.0.0.1:80\n\
                0a1b2c3d-0000-1111-2222-333344445555 xH:a:1 -> nowhere";
    assert_eq!(
        normalise(text),
        "f(GEARMAN_TIMEOUT) late -> FILE:LINE: pid(PID) HANDLE, H:: 127.0.0.1:PORT\n\
         UUID xH:a:1 -> nowhere"
    );
}
