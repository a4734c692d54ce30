//! The store against a real server.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use gearman_test_support::databases::Postgres;

use super::*;
use crate::record::samples::record;
use crate::suite::sessions::DatabaseTable;
use crate::suite::{self, Place, all_jobs};

/// A table in a schema of its own, on a server that the tests of one moment share.
struct Table {
    server: Arc<Postgres>,
    schema: String,
}

impl Table {
    fn new() -> Option<Table> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mut shared = SHARED.lock().expect("not poisoned");
        let server = match shared.upgrade() {
            Some(server) => server,
            None => Arc::new(Postgres::start()?),
        };
        *shared = Arc::downgrade(&server);
        let schema = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
        server.query(&format!("CREATE SCHEMA {schema}"));
        Some(Table { server, schema })
    }

    fn options(&self) -> PostgresOptions {
        let Table { server, schema } = self;
        let schema = format!("options='-c search_path={schema}'");
        PostgresOptions::new(format!("{} {schema}", server.conninfo()))
    }
}

impl Place for Table {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(PostgresStore::open(&self.options())?))
    }

    fn empty(&self) {
        self.query("DROP TABLE IF EXISTS queue, queue_server");
    }
}

impl DatabaseTable for Table {
    type Opened = PostgresStore;
    const NAME: &'static str = "queue";

    fn store(&self) -> PostgresStore {
        PostgresStore::open(&self.options()).expect("opens")
    }

    fn query(&self, statement: &str) -> String {
        self.server.query(&format!("SET search_path = {}; {statement}", self.schema))
    }

    fn end_session(&self) {
        self.query(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
             AND objid::bigint = hashtext('{}' || '\"queue\"')::bigint & 4294967295",
            self.schema
        ));
    }

    fn forget_answer(store: &mut PostgresStore) {
        store.batches.committed -= 1;
    }

    fn disconnect(store: &mut PostgresStore) {
        store.disconnect();
    }
}

fn insert(store: &mut PostgresStore, number: u64) -> Result<Vec<RowOutcome>, StoreError> {
    let mut batch = Batch::default();
    batch.insert(&record(number, b"x"), None);
    store.apply(&batch)
}

#[test]
fn the_table_keeps_the_rules_of_a_store() {
    let Some(table) = Table::new() else { return };
    suite::keeps_the_rules_of_a_store(&table, &[]);
}

#[test]
fn sessions_that_end_and_servers_that_take_over_lose_nothing() {
    let Some(table) = Table::new() else { return };
    suite::sessions::keeps_the_rules_of_sessions(&table);
}

#[test]
fn a_table_of_the_original_is_taken_over_in_its_order() {
    let Some(table) = Table::new() else { return };
    table.query(
        "CREATE TABLE queue (unique_key VARCHAR(64), function_name VARCHAR(255), priority INTEGER,
             data BYTEA, when_to_run INTEGER, UNIQUE (unique_key, function_name));
         INSERT INTO queue VALUES ('b', 'f', 1, '\\x00ff', 0), ('a', 'fü', 0, NULL, 2000000000),
             ('c', 'g', 2, 'text', 0)",
    );
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
            (2, b"a", "fü".as_bytes(), 0, b""),
            (3, b"c", b"g", 2, b"text"),
        ]
    );
    assert_eq!(jobs[1].due.map(|due| due.0), Some(2_000_000_000));
    assert_eq!(store.last_number(), JobNumber(3));
}

#[test]
fn a_row_that_the_original_adds_later_gets_a_number_above_all_others() {
    let Some(table) = Table::new() else { return };
    let mut batch = Batch::default();
    batch.reserve_numbers(JobNumber(65_536));
    table.store().apply(&batch).expect("commits");
    drop(table.store());
    table.query(
        "INSERT INTO queue (priority, unique_key, function_name, data, when_to_run)
         VALUES (1, 'u', 'f', 'x', 0)",
    );
    let mut store = table.store();
    assert_eq!(store.last_number(), JobNumber(65_537));
    assert_eq!(all_jobs(&mut store)[0].number, JobNumber(65_537));
}

#[test]
fn a_table_that_is_no_queue_and_one_of_a_newer_version_are_refused_and_left() {
    let Some(table) = Table::new() else { return };
    table.query("CREATE TABLE queue (name text)");
    let error = PostgresStore::open(&table.options()).err().expect("refused").to_string();
    assert!(error.contains("no queue: it has no column unique_key"), "{error}");
    table.empty();
    drop(table.store());
    table.query("UPDATE queue_server SET schema_version = 99");
    let error = PostgresStore::open(&table.options()).err().expect("refused").to_string();
    assert!(error.contains("written by a newer gearmand (schema 99"), "{error}");
}

#[test]
fn a_table_that_must_be_there_is_not_made() {
    let Some(table) = Table::new() else { return };
    let options = PostgresOptions { if_missing: IfMissing::Refuse, ..table.options() };
    let error = PostgresStore::open(&options).err().expect("refused").to_string();
    assert!(error.ends_with("there is no table \"queue\""), "{error}");
    drop(table.store());
    PostgresStore::open(&options).expect("opens what is there");
}

#[test]
fn a_database_that_is_gone_refuses_batches_until_it_is_back() {
    let Some(mut server) = Postgres::start() else { return };
    let options = PostgresOptions::new(server.conninfo());
    let mut store = PostgresStore::open(&options).expect("opens");
    insert(&mut store, 1).expect("commits");
    server.stop_immediately();
    let mut was_refused = false;
    for _ in 0..3 {
        match insert(&mut store, 2).expect_err("is gone") {
            StoreError::Unknown(_) => drop(store.reopen().expect_err("is gone")),
            StoreError::NotCommitted(_) => was_refused = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(was_refused);
    server.run();
    gearman_test_support::wait::wait_until("a commit", || insert(&mut store, 2).is_ok());
    assert_eq!(server.query("SELECT count(*) FROM queue"), "2");
}

#[test]
fn tls_verifies_what_the_connection_string_asks_for() {
    let Some(server) = Postgres::start() else { return };
    let authority = server.enable_tls();
    let other = server.home().join("server.pem");
    let open = |host: &str, tls: &str| {
        let conninfo = server.conninfo().replace("host=127.0.0.1", &format!("host={host}"));
        let opened = PostgresStore::open(&PostgresOptions::new(format!("{conninfo} {tls}")));
        opened.map_err(|error| error.to_string())
    };
    let with = |mode: &str, file: &std::path::Path| {
        format!("sslmode={mode} sslrootcert={}", file.display())
    };
    let encrypted = || {
        let statement = "SELECT ssl FROM pg_stat_ssl NATURAL JOIN pg_stat_activity
             WHERE application_name = 'gearmand'";
        server.query(statement) == "t"
    };
    for (host, tls) in [
        ("localhost", with("verify-full", &authority)),
        ("127.0.0.1", with("verify-ca", &authority)),
        // A certificate that is itself trusted.
        ("127.0.0.1", with("verify-ca", &other)),
        ("127.0.0.1", "sslmode=require".to_owned()),
        ("127.0.0.1", String::new()),
    ] {
        let store = open(host, &tls).unwrap_or_else(|error| panic!("{tls}: {error}"));
        assert!(encrypted(), "{tls}");
        drop(store);
    }
    let error = open("127.0.0.1", &with("verify-full", &authority)).err().expect("another name");
    assert!(error.contains("is for localhost, not for '127.0.0.1'"), "{error}");
    let system = "sslmode=verify-ca";
    let error = open("localhost", system).err().expect("an unknown authority");
    assert!(
        error.contains("is not signed by an authority") || error.contains("no file of authorities"),
        "{error}"
    );
    let plain = open("127.0.0.1", "sslmode=disable").expect("opens");
    assert!(!encrypted());
    drop(plain);
}
