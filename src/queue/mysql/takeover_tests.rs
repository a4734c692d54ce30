//! Tables of the original, taken over on a real server.

use gearman_test_support::databases::MariaDbServer;

use super::tests::{MariaDbTable, insert, options};
use super::*;
use crate::record::NewRecord;
use crate::record::samples::record;
use crate::suite::sessions::DatabaseTable;
use crate::suite::{Place, all_jobs, all_numbers};

/// The table that the original creates.
const TABLE_OF_THE_ORIGINAL: &str = "CREATE TABLE gearman_queue (unique_key VARCHAR(64),
    function_name VARCHAR(255), priority INT, data LONGBLOB, when_to_run INT,
    UNIQUE KEY (unique_key, function_name))";

#[test]
fn a_table_of_the_original_is_taken_over_in_its_order() {
    let Some(table) = MariaDbTable::new() else { return };
    table.query(&format!(
        "{TABLE_OF_THE_ORIGINAL};
         INSERT INTO gearman_queue VALUES ('b', 'f', 1, X'00ff', 0),
             ('a', 'g', 0, NULL, 2000000000), ('c', 'g', 2, 'text', 0)"
    ));
    let mut store = table.store();
    assert!(store.take_notices().concat().contains("3 jobs of the original"));
    let jobs = all_jobs(&mut store);
    let found: Vec<_> = jobs
        .iter()
        .map(|job| (job.number.0, &*job.unique, &*job.function, job.priority, &*job.payload))
        .collect();
    assert_eq!(
        found,
        [
            (1, &b"b"[..], &b"f"[..], 1, &b"\0\xff"[..]),
            (2, b"a", b"g", 0, b""),
            (3, b"c", b"g", 2, b"text"),
        ]
    );
    assert_eq!(jobs[1].due.map(|due| due.0), Some(2_000_000_000));
    assert_eq!(store.last_number(), JobNumber(3));
    drop(store);
    assert!(table.store().take_notices().is_empty());
}

/// What the original sends says "latin1" or UTF-8, and the table has either.
#[test]
fn names_of_the_original_have_the_bytes_that_it_sent_whatever_it_said_that_they_are() {
    let Some(table) = MariaDbTable::new() else { return };
    for said in ["latin1", "utf8mb4"] {
        for charset in ["latin1", "utf8mb4"] {
            table.empty();
            table.query(&format!(
                "SET NAMES utf8mb4; {TABLE_OF_THE_ORIGINAL} DEFAULT CHARSET {charset};
                 SET NAMES {said}; INSERT INTO gearman_queue VALUES ('größe', 'füllen', 1, '', 0)"
            ));
            let jobs = all_jobs(&mut table.store());
            let found = (&jobs[0].unique[..], &jobs[0].function[..]);
            let wanted = ("größe".as_bytes(), "füllen".as_bytes());
            assert_eq!(found, wanted, "sent as {said}, table of {charset}");
        }
    }
}

#[test]
fn older_tables_of_the_original_with_another_key_engine_and_without_start_time_are_taken_over() {
    let Some(table) = MariaDbTable::new() else { return };
    table.query(
        "CREATE TABLE gearman_queue (unique_key VARCHAR(64) NOT NULL, function_name VARCHAR(255),
             priority INT, data LONGBLOB, PRIMARY KEY (unique_key)) ENGINE=MyISAM;
         INSERT INTO gearman_queue VALUES ('u', 'f', 1, 'x')",
    );
    let mut store = table.store();
    assert_eq!(all_numbers(&mut store), [1]);
    insert(&mut store, 2).expect("commits");
    let engine = "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_NAME = 'gearman_queue'
         AND TABLE_SCHEMA = DATABASE()";
    assert_eq!(table.query(engine), "InnoDB");
}

/// The first of the two statements of a conversion changes the character set only.
#[test]
fn a_conversion_that_was_interrupted_goes_on_with_every_job() {
    let Some(table) = MariaDbTable::new() else { return };
    table.query(&format!(
        "SET NAMES utf8mb4; {TABLE_OF_THE_ORIGINAL} DEFAULT CHARSET utf8mb4;
         SET NAMES latin1; INSERT INTO gearman_queue VALUES ('größe', 'f', 1, 'x', 0);
         SET NAMES utf8mb4;
         ALTER TABLE gearman_queue DROP INDEX unique_key,
             MODIFY unique_key LONGTEXT CHARACTER SET latin1 COLLATE latin1_bin,
             MODIFY function_name LONGTEXT CHARACTER SET latin1 COLLATE latin1_bin;
         INSERT INTO gearman_queue VALUES ('of the original', 'f', 1, 'y', 0)"
    ));
    let jobs = all_jobs(&mut table.store());
    let found: Vec<_> = jobs.iter().map(|job| &job.unique[..]).collect();
    assert_eq!(found, ["größe".as_bytes(), b"of the original"]);
}

#[test]
fn a_conversion_in_which_the_database_is_killed_is_repeated_with_every_job() {
    let Some(mut server) = MariaDbServer::start(&[]) else { return };
    const JOBS: u64 = 60_000;
    server.query(&format!(
        "USE gearman; {TABLE_OF_THE_ORIGINAL};
         INSERT INTO gearman_queue SELECT seq, 'f', 1, REPEAT('x', 200), 0 FROM seq_1_to_{JOBS}"
    ));
    let options = options(&server);
    let opening = std::thread::spawn({
        let options = options.clone();
        move || MySqlStore::open(&options).map(drop)
    });
    gearman_test_support::wait::wait_until("the conversion", || {
        let running = "SELECT COUNT(*) FROM information_schema.PROCESSLIST
             WHERE INFO LIKE 'ALTER TABLE%' AND COMMAND = 'Query'";
        server.query(running) == "1" || opening.is_finished()
    });
    server.kill();
    // A slow look may have come too late: then the table has been converted.
    let _ = opening.join().expect("no panic");
    server.run();
    let mut store = MySqlStore::open(&options).expect("opens");
    let mut found = 0;
    loop {
        let page = store.survey(10_000).expect("a page");
        found += page.jobs.len() as u64;
        if page.is_last {
            break;
        }
    }
    assert_eq!(found, JOBS);
}

#[test]
fn a_row_that_the_original_adds_later_gets_a_number_above_all_others() {
    let Some(table) = MariaDbTable::new() else { return };
    let mut batch = Batch::default();
    batch.reserve_numbers(JobNumber(65_536));
    table.store().apply(&batch).expect("commits");
    table.query(
        "INSERT INTO gearman_queue (priority, unique_key, function_name, data, when_to_run)
         VALUES (1, 'u', 'f', 'x', 0)",
    );
    let mut store = table.store();
    assert_eq!(store.last_number(), JobNumber(65_537));
    assert_eq!(all_numbers(&mut store), [65_537]);
}

#[test]
fn the_statements_of_the_original_work_on_our_table() {
    let Some(table) = MariaDbTable::new() else { return };
    let mut store = table.store();
    let mut batch = Batch::default();
    let due = Some(crate::record::UnixSeconds(2_000_000_000));
    batch.insert(&NewRecord { due, priority: 0, ..record(1, b"a\0b") }, None);
    batch.insert(&NewRecord { unique: b"v", ..record(2, b"") }, None);
    store.apply(&batch).expect("commits");
    drop(store);
    let select = "SELECT unique_key, function_name, HEX(data), priority, when_to_run
         FROM gearman_queue";
    assert_eq!(table.query(select), "u\tresize\t610062\t0\t2000000000\nv\tresize\t\t1\t0");
    table.query("DELETE FROM gearman_queue WHERE unique_key='u' AND function_name='resize'");
    assert_eq!(all_numbers(&mut table.store()), [2]);
}
