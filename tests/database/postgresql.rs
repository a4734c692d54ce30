//! The extension of `bindings/postgresql` in PostgreSQL.

use crate::job_server::JobServer;
use crate::postgresql_server::postgresql;
use gearman_test_support::paths::repository;
use gearman_test_support::wait::wait_until;
use std::fs;
use std::thread;

#[test]
fn a_job_of_each_priority_returns_its_result() {
    let Some(database) = postgresql() else { return };
    let server = JobServer::start(&[("upper", "tr a-z A-Z")]);
    let all = "SELECT gman_do('upper', 'a'), gman_do_high('upper', 'b', 'unique'), \
               gman_do_low('upper', 'c'), gman_do('upper', NULL::text)";
    assert_eq!(database.query(&server.address(), all), "A|B|C|");
}

#[test]
fn a_session_chooses_its_servers_by_a_function_as_old_sql_does() {
    let Some(database) = postgresql() else { return };
    let server = JobServer::start(&[("upper", "tr a-z A-Z")]);
    let statements =
        format!("SELECT gman_servers_set('{}'); SELECT gman_do('upper', 'a')", server.address());
    assert_eq!(database.query("127.0.0.1:1", &statements), "t\nA");
}

#[test]
fn a_workload_of_bytes_gives_a_result_of_bytes() {
    let Some(database) = postgresql() else { return };
    let server = JobServer::start(&[("echo", "cat")]);
    let query = r"SELECT gman_do('echo', '\x00ff0a41'::bytea)";
    assert_eq!(database.query(&server.address(), query), r"\x00ff0a41");
    let large = "SELECT gman_do('echo', repeat('x', 5000000)) = repeat('x', 5000000)";
    assert_eq!(database.query(&server.address(), large), "t");
}

#[test]
fn a_result_that_is_no_text_is_an_error_that_says_what_to_do() {
    let Some(database) = postgresql() else { return };
    let server = JobServer::start(&[("binary", "printf '\\377'")]);
    let error = database.error(&server.address(), "SELECT gman_do('binary', 'x')");
    assert!(error.contains("the result of binary is not text in the encoding UTF8"), "{error}");
    assert!(error.contains("Give the workload as bytea"), "{error}");
}

#[test]
fn a_background_job_returns_its_handle_and_has_a_status() {
    let Some(database) = postgresql() else { return };
    let server = JobServer::start(&[]);
    for name in ["gman_do_background", "gman_do_high_background", "gman_do_low_background"] {
        let query = format!("SELECT s.* FROM {name}('later', 'x') AS h, gman_status(h) AS s");
        assert_eq!(database.query(&server.address(), &query), "t|f|0|0");
    }
    assert_eq!(server.status("later"), Some([3, 0, 0]));
    let unknown = "SELECT known FROM gman_status('H:x:1')";
    assert_eq!(database.query(&server.address(), unknown), "f");
}

#[test]
fn many_jobs_run_at_once_and_each_has_its_result_or_its_error() {
    let Some(database) = postgresql() else { return };
    let script = "read -r x; [ \"$x\" != bad ] && echo \"$x!\"";
    let server = JobServer::start(&[("some", script), ("size", "wc -c")]);
    let rows = "SELECT ordinal, trim(trailing E'\\n' FROM result), error \
                FROM gman_do_all('some', array['a', 'bad', 'c'])";
    let expected = "1|a!|\n2||the worker reported a failure\n3|c!|";
    assert_eq!(database.query(&server.address(), rows), expected);
    let sum = "SELECT sum(result::int) FROM gman_do_all('size', \
               (SELECT array_agg(n::text) FROM generate_series(1, 200) AS n))";
    assert_eq!(database.query(&server.address(), sum), "492");
    assert_eq!(
        database.query(&server.address(), "SELECT count(*) FROM gman_do_all('some', '{}')"),
        "0"
    );
}

#[test]
fn a_failed_job_is_an_sql_error() {
    let Some(database) = postgresql() else { return };
    let server = JobServer::start(&[("fails", "false")]);
    let error = database.error(&server.address(), "SELECT gman_do('fails', 'x')");
    assert!(error.contains("ERROR:  fails: the worker reported a failure"), "{error}");
    let error = database.error(&server.address(), "SELECT gman_do(NULL, 'x')");
    assert!(error.contains("the function is NULL"), "{error}");
}

#[test]
fn an_unreachable_job_server_is_an_sql_error_and_a_wrong_list_is_refused() {
    let Some(database) = postgresql() else { return };
    let error = database.error("127.0.0.1:1", "SELECT gman_do('f', 'x')");
    assert!(error.contains("f: Connection to 127.0.0.1:1 failed"), "{error}");
    let error = database.error("", "SELECT gman_servers_set('host:99999')");
    assert!(error.contains("invalid value for parameter \"gearman.servers\""), "{error}");
}

#[test]
fn a_statement_that_is_cancelled_leaves_a_session_that_works_and_no_connection() {
    let Some(database) = postgresql() else { return };
    let server = JobServer::start(&[("upper", "tr a-z A-Z")]);
    let (rows, errors) = database.script(
        &server,
        &[
            "SET statement_timeout = '200ms'",
            "SELECT gman_do('endless', 'x')",
            "SET gearman.timeout = '100ms'",
            "SELECT gman_do('endless', 'x')",
            "SELECT gman_do('upper', 'after')",
        ],
    );
    assert_eq!(rows, "AFTER");
    assert!(errors.contains("canceling statement due to statement timeout"), "{errors}");
    assert!(errors.contains("endless: no result within the time limit"), "{errors}");
    // Each closed connection took its job along.
    wait_until("the end of the jobs", || server.status("endless") == Some([0, 0, 0]));
}

#[test]
fn an_administrator_can_cancel_a_statement_that_waits() {
    let Some(database) = postgresql() else { return };
    let server = JobServer::start(&[]);
    let (database, address) = (&database, server.address());
    thread::scope(|scope| {
        let waiting = scope.spawn(move || database.error(&address, "SELECT gman_do('hangs', 'x')"));
        wait_until("the job", || server.status("hangs") == Some([1, 0, 0]));
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
                      WHERE query = 'SELECT gman_do(''hangs'', ''x'')'";
        assert_eq!(database.query("", cancel), "t");
        let error = waiting.join().expect("the statement ends");
        assert!(error.contains("canceling statement due to user request"), "{error}");
    });
}

#[test]
fn an_aborted_transaction_keeps_the_one_connection_of_its_session() {
    let Some(database) = postgresql() else { return };
    let server = JobServer::start(&[("upper", "tr a-z A-Z")]);
    let lines = ["BEGIN", "SELECT gman_do('upper', 'a')", "SELECT 1/0", "ROLLBACK"];
    let mut script: Vec<&str> = lines.repeat(5);
    script.push("SELECT gman_do('upper', 'z')");
    let (rows, errors) = database.script(&server, &script);
    assert_eq!(rows, "A\nA\nA\nA\nA\nZ");
    assert_eq!(errors.matches("division by zero").count(), 5);
    // The worker and the connection that asks: the session has ended.
    wait_until("the end of the session", || server.ask("workers").lines().count() == 3);
}

#[test]
fn the_example_trigger_queues_a_job_for_each_row() {
    let Some(database) = postgresql() else { return };
    let server = JobServer::start(&[]);
    let script = repository().join("bindings/postgresql/examples/trigger.sql");
    let script = fs::read_to_string(script).expect("the example");
    database.query(
        &server.address(),
        &format!("CREATE SCHEMA shop; SET search_path = shop, public; {script}"),
    );
    assert_eq!(server.status("order_placed"), Some([2, 0, 0]));
}

#[test]
fn the_example_of_monitoring_stores_what_workers_measure() {
    let Some(database) = postgresql() else { return };
    let server = JobServer::start(&[("replica_status", "read -r host; echo \"${#host}\"")]);
    let script = repository().join("bindings/postgresql/examples/monitoring.sql");
    let script = fs::read_to_string(script).expect("the example");
    let statements =
        format!("CREATE SCHEMA monitoring; SET search_path = monitoring, public; {script}");
    let rows = database.query(&server.address(), &statements);
    assert_eq!(rows, "replica1.example|16|\nreplica2.example|16|");
}
