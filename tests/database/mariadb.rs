//! The functions of `bindings/mysql` in MariaDB.

use crate::job_server::JobServer;
use crate::mariadb_server::{MariaDb, mariadb};
use gearman_test_support::paths::repository;
use gearman_test_support::wait::wait_until;
use std::fs;
use std::thread;

/// Makes a job server the one of these functions. The list of all functions belongs to all tests.
fn serve(database: &MariaDb, server: &JobServer, functions: &[&str]) {
    for function in functions {
        let address = server.address();
        let set = database.query(&format!("SELECT gman_servers_set('{address}', '{function}')"));
        assert_eq!(set, address);
    }
}

#[test]
fn a_job_of_each_priority_returns_its_result() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[("upper", "tr a-z A-Z")]);
    serve(&database, &server, &["upper"]);
    let all = "SELECT gman_do('upper', 'a'), gman_do_high('upper', 'b', 'unique'), \
               gman_do_low('upper', 42), gman_do('upper', NULL)";
    assert_eq!(database.query(all), "A\tB\t42");
}

#[test]
fn a_result_may_be_larger_than_the_buffer_of_the_database() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[("large", "cat")]);
    serve(&database, &server, &["large"]);
    for size in [254, 255, 256, 5_000_000] {
        let query = format!("SELECT gman_do('large', REPEAT('x', {size})) = REPEAT('x', {size})");
        assert_eq!(database.query(&query), "1", "{size}");
    }
}

#[test]
fn a_result_may_hold_any_bytes() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[("bytes", "cat")]);
    serve(&database, &server, &["bytes"]);
    assert_eq!(database.query("SELECT HEX(gman_do('bytes', X'00FF0A41'))"), "00FF0A41");
}

#[test]
fn a_background_job_returns_its_handle_and_has_a_status() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[]);
    serve(&database, &server, &["later"]);
    for name in ["gman_do_background", "gman_do_high_background", "gman_do_low_background"] {
        let handle = database.query(&format!("SELECT {name}('later', 'x')"));
        assert!(handle.starts_with("H:"), "{handle}");
        let status = database.query(&format!("SELECT gman_status('{handle}', 'later')"));
        let waiting = r#"{"known": true, "running": false, "numerator": 0, "denominator": 0}"#;
        assert_eq!(status, waiting);
    }
    assert_eq!(server.status("later"), Some([3, 0, 0]));
    let unknown = database.query("SELECT gman_status('H:x:1', 'later')");
    assert!(unknown.contains(r#""known": false"#), "{unknown}");
}

#[test]
fn jobs_with_one_unique_id_are_one_job() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[]);
    serve(&database, &server, &["joined"]);
    let twice = "SELECT gman_do_background('joined', 'x', 'u') = \
                 gman_do_background('joined', 'y', 'u')";
    assert_eq!(database.query(twice), "1");
    assert_eq!(server.status("joined"), Some([1, 0, 0]));
}

#[test]
fn a_sum_runs_one_job_for_each_row_and_adds_the_results_of_a_group() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[("size", "wc -c")]);
    serve(&database, &server, &["size"]);
    let rows = "SELECT g, gman_sum('size', s) FROM \
                (SELECT 1 AS g, 'a' AS s UNION ALL SELECT 1, 'bb' UNION ALL SELECT 2, 'ccc') AS t \
                GROUP BY g";
    assert_eq!(database.query(rows), "1\t3\n2\t3");
    assert_eq!(database.query("SELECT gman_sum('size', seq) FROM mysql.seq_1_to_200"), "492");
    assert_eq!(
        database.query("SELECT gman_sum('size', seq) FROM mysql.seq_1_to_9 WHERE 0"),
        "NULL"
    );
}

#[test]
fn a_sum_of_results_that_are_no_numbers_is_an_error() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[("text", "cat")]);
    serve(&database, &server, &["text"]);
    let error = database.error("SELECT gman_sum('text', 'abc')");
    assert!(error.contains("gman_sum('text'): the result 'abc' is not an integer"), "{error}");
    let error = database.error(
        "SELECT gman_sum('text', '9223372036854775807') \
                                FROM mysql.seq_1_to_2",
    );
    assert!(error.contains("the sum is too large"), "{error}");
}

#[test]
fn a_failed_job_is_an_sql_error_or_null_where_that_was_chosen() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[("fails", "false")]);
    serve(&database, &server, &["fails"]);
    let error = database.error("SELECT gman_do('fails', 'x')");
    let reason = "(HY000) at line 1: gman_do('fails'): the worker reported a failure";
    assert!(error.contains(reason), "{error}");
    let output = database.with_setting(
        "SELECT gman_errors_set(0)",
        "SELECT gman_do('fails', 'x')",
        "SELECT gman_errors_set(1)",
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "NULL\n");
}

#[test]
fn a_statement_waits_no_longer_than_the_time_limit_of_all_jobs() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[]);
    serve(&database, &server, &["never"]);
    let output = database.with_setting(
        "SELECT gman_timeout_set(200)",
        "SELECT gman_do('never', 'x')",
        "SELECT gman_timeout_set(0)",
    );
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("gman_do('never'): no result within the time limit"), "{error}");
}

#[test]
fn an_unreachable_job_server_is_an_sql_error() {
    let Some(database) = mariadb() else { return };
    database.query("SELECT gman_servers_set('127.0.0.1:1', 'nowhere')");
    for name in ["gman_do", "gman_do_background"] {
        let error = database.error(&format!("SELECT {name}('nowhere', 'x')"));
        assert!(error.contains("Connection to 127.0.0.1:1 failed"), "{error}");
    }
}

#[test]
fn wrong_arguments_are_refused_with_what_is_wanted() {
    let Some(database) = mariadb() else { return };
    let error = database.error("SELECT gman_do('f')");
    assert!(error.contains("give a function, a workload and, if wanted, a unique id"), "{error}");
    let error = database.error("SELECT gman_do(NULL, 'x')");
    assert!(error.contains("the function is NULL"), "{error}");
    let error = database.error("SELECT gman_servers_set(NULL)");
    assert!(error.contains("the list of servers is NULL"), "{error}");
    let error = database.error("SELECT gman_servers_set('host:99999')");
    assert!(error.contains("'host:99999' is no list of servers"), "{error}");
    let error = database.error("SELECT gman_timeout_set(-1)");
    assert!(error.contains("from 0 to 2147483647"), "{error}");
}

#[test]
fn a_killed_statement_ends_while_its_job_goes_on() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[]);
    serve(&database, &server, &["endless"]);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| database.error("SELECT gman_do('endless', 'x')"));
        wait_until("the job", || server.status("endless") == Some([1, 0, 0]));
        let id = "SELECT id FROM information_schema.processlist \
                  WHERE info = 'SELECT gman_do(''endless'', ''x'')'";
        database.query(&format!("KILL QUERY {}", database.query(id)));
        let error = waiting.join().expect("the statement ends");
        assert!(error.contains("Query execution was interrupted in gman_do('endless')"), "{error}");
    });
    // Its connection is closed, so the job has no client any more.
    wait_until("the end of the job", || server.status("endless") == Some([0, 0, 0]));
}

#[test]
fn a_statement_has_the_time_limit_of_its_session() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[]);
    serve(&database, &server, &["slow"]);
    let error = database.error(
        "SET STATEMENT max_statement_time = 0.2 FOR \
                                SELECT gman_do('slow', 'x')",
    );
    assert!(error.contains("Query execution was interrupted"), "{error}");
}

#[test]
fn a_connection_is_used_again_by_the_next_statement() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[("again", "cat")]);
    serve(&database, &server, &["again"]);
    for _ in 0..5 {
        assert_eq!(database.query("SELECT gman_do('again', 'x')"), "x");
    }
    // The worker, the client, and the connection that asks.
    wait_until("two connections", || server.ask("workers").lines().count() == 4);
}

#[test]
fn the_example_trigger_queues_a_job_for_each_row() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[]);
    serve(&database, &server, &["order_placed"]);
    let script = repository().join("bindings/mysql/examples/trigger.sql");
    let script = fs::read_to_string(script).expect("the example");
    database.query(&format!("CREATE DATABASE shop; USE shop; {script}"));
    assert_eq!(server.status("order_placed"), Some([2, 0, 0]));
}

#[test]
fn the_example_of_monitoring_stores_what_workers_measure() {
    let Some(database) = mariadb() else { return };
    let server = JobServer::start(&[("replica_status", "read -r host; echo \"${#host}\"")]);
    serve(&database, &server, &["replica_status"]);
    let script = repository().join("bindings/mysql/examples/monitoring.sql");
    let script = fs::read_to_string(script).expect("the example");
    let rows = database.query(&format!("CREATE DATABASE monitoring; USE monitoring; {script}"));
    assert_eq!(rows, "replica1.example\t16\nreplica2.example\t16");
}
