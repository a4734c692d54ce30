//! The same promises with the jobs in MariaDB: `gearmand`, the database and the connection between
//! them fail at random moments.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use gearman_test_support::databases::MariaDbServer;
use gearman_test_support::wire::Command;

use crate::database;
use crate::database::{QueueDatabase, start, submit, work};
use crate::server::{Directory, Start};

impl QueueDatabase for MariaDbServer {
    fn options_at(&self, port: u16) -> Vec<String> {
        let (user, password) = (self.user(), self.password());
        vec![
            "--queue-type=MySQL".to_owned(),
            "--mysql-host=127.0.0.1".to_owned(),
            format!("--mysql-port={port}"),
            format!("--mysql-user={user}"),
            format!("--mysql-password={password}"),
            format!("--mysql-db={user}"),
        ]
    }

    fn own_port(&self) -> u16 {
        self.port
    }

    fn end_sessions(&mut self) {
        MariaDbServer::end_sessions(self);
    }

    fn restart(&mut self) {
        self.kill();
        self.run();
    }

    fn pause(&mut self) {
        MariaDbServer::pause(self);
    }

    fn resume(&mut self) {
        MariaDbServer::resume(self);
    }

    fn rows(&self) -> u64 {
        self.query("SELECT COUNT(*) FROM gearman.gearman_queue").parse().expect("a number")
    }
}

#[test]
fn acknowledged_jobs_survive_whatever_happens_to_the_database_and_to_the_server() {
    let Some(mut database) = MariaDbServer::start(&[]) else { return };
    database::assert_acknowledged_jobs_survive(&mut database);
}

/// The log of the database is written once a second then, by a thread of its own.
#[test]
fn acknowledged_jobs_are_lost_with_a_database_that_does_not_write_its_log_at_commits() {
    let settings = ["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-log-at-timeout=2700"];
    let Some(mut database) = MariaDbServer::start(&settings) else { return };
    database::assert_losses_are_noticed(&mut database, &[], QueueDatabase::restart);
}

#[test]
fn jobs_that_are_only_in_the_table_survive_the_server() {
    let Some(database) = MariaDbServer::start(&[]) else { return };
    let how = database.start(&["--queue-memory=1K"]);
    let server = start(&how);
    let mut peer = server.connect();
    let payload = "x".repeat(500);
    let uniques: Vec<_> = (0..20).map(|number| format!("u{number:02}")).collect();
    for unique in &uniques {
        submit(&mut peer, Command::SubmitJobBg, &["f", unique, &payload]);
    }
    drop(peer);
    server.kill();
    let server = start(&how);
    let wanted: Vec<_> = uniques.iter().map(|unique| format!("{unique} {payload}")).collect();
    assert_eq!(work(&mut server.connect(), "f", 20), wanted);
}

#[test]
fn a_table_of_the_original_is_worked_off_with_priorities_and_start_times() {
    let Some(database) = MariaDbServer::start(&[]) else { return };
    database.query(
        "CREATE TABLE gearman.gearman_queue (unique_key VARCHAR(64), function_name VARCHAR(255),
             priority INT, data LONGBLOB, when_to_run INT, UNIQUE KEY (unique_key, function_name));
         INSERT INTO gearman.gearman_queue VALUES ('u1', 'f', 2, 'low', 0), ('u2', 'f', 0, 'high', 0),
             ('u3', 'f', 1, 'normal', 1), ('u4', 'f', 0, 'later', 2147483647)",
    );
    let server = start(&database.start(&[]));
    let mut peer = server.connect();
    assert_eq!(work(&mut peer, "f", 3), ["u2 high", "u3 normal", "u1 low"]);
    assert_eq!(database.rows(), 1);
}

#[test]
fn jobs_of_the_original_are_taken_over_from_mysql_and_ours_by_the_original() {
    let Some(database) = MariaDbServer::start(&[]) else { return };
    database::assert_jobs_go_from_the_original_and_back(&database, database.home());
}

#[test]
fn libdrizzle_is_the_same_store_with_other_options() {
    let Some(database) = MariaDbServer::start(&[]) else { return };
    let server = start(&database.start(&["--mysql-table=jobs"]));
    submit(&mut server.connect(), Command::SubmitJobBg, &["f", "u", "x"]);
    server.terminate();
    let socket = database.home().join("socket").display().to_string();
    let queue = [
        "--queue-type=libdrizzle",
        "--libdrizzle-mysql",
        &format!("--libdrizzle-uds={socket}"),
        "--libdrizzle-table=jobs",
    ];
    let queue = queue.map(str::to_owned).into();
    let server = start(&Start { queue, ..Start::default() });
    assert_eq!(work(&mut server.connect(), "f", 1), ["u x"]);
}

#[test]
fn what_no_option_says_my_cnf_says() {
    let Some(database) = MariaDbServer::start(&[]) else { return };
    let directory = Directory::new("my-cnf");
    let home = directory.path();
    let text = format!(
        "[client]\nsocket={}\nuser=another\n[gearmand]\nuser={}\npassword={}\ndatabase={}\n",
        database.home().join("socket").display(),
        database.user(),
        database.password(),
        database.user(),
    );
    fs::write(home.join(".my.cnf"), text).expect("writes");
    fs::set_permissions(home.join(".my.cnf"), fs::Permissions::from_mode(0o600)).expect("changes");
    let environment = vec![("HOME".to_owned(), home.display().to_string())];
    let queue = vec!["--queue-type=MySQL".to_owned()];
    let server = start(&Start { queue, environment, ..Start::default() });
    submit(&mut server.connect(), Command::SubmitJobBg, &["f", "", "x"]);
    assert_eq!(database.rows(), 1);
}

#[test]
fn a_password_is_neither_in_the_list_of_processes_nor_in_the_log() {
    let Some(database) = MariaDbServer::start(&[]) else { return };
    let password = database.password();
    let server = start(&database.start(&["--verbose=DEBUG"]));
    submit(&mut server.connect(), Command::SubmitJobBg, &["f", "", "x"]);
    let line = fs::read(format!("/proc/{}/cmdline", server.id())).expect("is readable");
    let line = String::from_utf8_lossy(&line).into_owned();
    assert!(line.contains("--mysql-password=xxx") && !line.contains(password), "{line}");
    server.wait_for_line("Keeping background jobs in MySQL at 127.0.0.1");
    let (_, log) = server.terminate();
    assert!(!log.contains(password), "{log}");
    // The other ways have no place where it could be seen.
    let mut queue = database.options_at(database.port);
    queue.retain(|option| !option.starts_with("--mysql-password"));
    let environment = vec![("GEARMAND_QUEUE_PASSWORD".to_owned(), password.to_owned())];
    let server = start(&Start { queue: queue.clone(), environment, ..Start::default() });
    server.terminate();
    let directory = Directory::new("password");
    let file = directory.path().join("password");
    fs::write(&file, password).expect("writes");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("changes");
    queue.push(format!("--queue-password-file={}", file.display()));
    start(&Start { queue, ..Start::default() }).terminate();
}

/// On a disk that is full MariaDB may end itself, while it undoes what did not fit. The error of a
/// full table is made here by a trigger.
#[test]
fn a_full_table_refuses_jobs_until_there_is_room() {
    let Some(database) = MariaDbServer::start(&[]) else { return };
    start(&database.start(&[])).terminate();
    database.query(
        "USE gearman;\nDELIMITER //\n
         CREATE TRIGGER full BEFORE INSERT ON gearman_queue FOR EACH ROW BEGIN
             IF (SELECT COUNT(*) FROM gearman_queue) >= 20 AND NEW.data IS NOT NULL THEN
                 SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'it is full';
             END IF;
         END//",
    );
    let make_room = || drop(database.query("DROP TRIGGER gearman.full"));
    database::assert_a_full_store_refuses_jobs(&database, "it is full (1114)", make_room);
}

#[test]
fn a_second_server_on_the_table_is_refused_by_name() {
    let Some(database) = MariaDbServer::start(&[]) else { return };
    database::assert_a_second_server_is_refused(&database, "MySQL");
}

#[test]
fn json_queue_shows_the_connection() {
    let Some(mut database) = MariaDbServer::start(&[]) else { return };
    database::assert_json_queue_shows_the_connection(&mut database);
}

#[test]
fn a_queue_is_copied_into_mysql_and_back() {
    let Some(database) = MariaDbServer::start(&[]) else { return };
    database::assert_a_queue_is_copied(&database, "MySQL");
}
