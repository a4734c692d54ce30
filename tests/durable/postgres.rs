//! The same promises with the jobs in PostgreSQL: `gearmand`, the database and the connection
//! between them fail at random moments.

use std::fs;
use std::process::Command as Process;

use gearman_test_support::databases::Postgres;
use gearman_test_support::wire::Command;

use crate::database;
use crate::database::{QueueDatabase, start, submit};
use crate::outside::SmallDisk;
use crate::server::Start;

impl QueueDatabase for Postgres {
    fn options_at(&self, port: u16) -> Vec<String> {
        let conninfo = self.conninfo_at(port);
        vec!["--queue-type=Postgres".to_owned(), format!("--libpq-conninfo={conninfo}")]
    }

    fn own_port(&self) -> u16 {
        self.port()
    }

    fn end_sessions(&mut self) {
        self.query(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
             WHERE application_name = 'gearmand'",
        );
    }

    fn restart(&mut self) {
        self.stop_immediately();
        self.run();
    }

    fn pause(&mut self) {
        Postgres::pause(self);
    }

    fn resume(&mut self) {
        Postgres::resume(self);
    }

    fn rows(&self) -> u64 {
        self.query("SELECT count(*) FROM queue").parse().expect("a number")
    }
}

#[test]
fn acknowledged_jobs_survive_whatever_happens_to_the_database_and_to_the_server() {
    let Some(mut database) = Postgres::start() else { return };
    database::assert_acknowledged_jobs_survive(&mut database);
}

/// What `--queue-sync=off` says that it risks happens.
#[test]
fn acknowledged_jobs_are_lost_with_the_database_if_commits_are_not_synchronous() {
    let Some(mut database) = Postgres::start() else { return };
    // Nothing but a full buffer or a checkpoint writes the log.
    database.query("ALTER SYSTEM SET wal_writer_delay = '10s'");
    database.query("ALTER SYSTEM SET wal_writer_flush_after = '1GB'");
    database.query("SELECT pg_reload_conf()");
    database::assert_losses_are_noticed(&mut database, &["--queue-sync=off"], |database| {
        database.kill();
        database.run();
    });
}

#[test]
fn jobs_of_the_original_are_taken_over_from_postgres_and_ours_by_the_original() {
    let Some(database) = Postgres::start() else { return };
    database::assert_jobs_go_from_the_original_and_back(&database, database.home());
}

#[test]
fn a_password_is_neither_in_the_list_of_processes_nor_in_the_log() {
    let Some(database) = Postgres::start() else { return };
    let conninfo = format!("--libpq-conninfo={} password=hunter2", database.conninfo());
    let queue = ["--queue-type=Postgres", &conninfo, "--verbose=DEBUG"].map(str::to_owned);
    let server = start(&Start { queue: queue.into(), ..Start::default() });
    submit(&mut server.connect(), Command::SubmitJobBg, &["f", "", "x"]);
    let line = fs::read(format!("/proc/{}/cmdline", server.id())).expect("is readable");
    let line = String::from_utf8_lossy(&line).into_owned();
    assert!(line.contains("--libpq-conninfo=xxx") && !line.contains("hunter2"), "{line}");
    server.wait_for_line("Keeping background jobs in PostgreSQL at 127.0.0.1");
    let (_, log) = server.terminate();
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn a_full_disk_behind_the_database_refuses_jobs_until_there_is_room() {
    let Some(database) = Postgres::start() else { return };
    let Some(disk) = SmallDisk::mount(database.home().join("small")) else { return };
    let place = disk.0.display();
    // The file system belongs to root, who mounted it.
    let done = Process::new("chown").arg("--reference").arg(database.home()).arg(&disk.0).status();
    assert!(done.expect("chown runs").success());
    database.query(&format!("CREATE TABLESPACE small LOCATION '{place}'"));
    database.query("ALTER DATABASE gearman SET default_tablespace = small");
    let make_room = || disk.remount("size=64M");
    database::assert_a_full_store_refuses_jobs(&database, "No space left on device", make_room);
}

#[test]
fn a_second_server_on_the_table_is_refused_by_name() {
    let Some(database) = Postgres::start() else { return };
    database::assert_a_second_server_is_refused(&database, "Postgres");
}

#[test]
fn json_queue_shows_the_connection() {
    let Some(mut database) = Postgres::start() else { return };
    database::assert_json_queue_shows_the_connection(&mut database);
}

#[test]
fn a_queue_is_copied_into_postgres_and_back() {
    let Some(database) = Postgres::start() else { return };
    database::assert_a_queue_is_copied(&database, "Postgres");
}
