//! The store against a real server.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use gearman_test_support::databases::MariaDbServer;

use super::*;
use crate::record::NewRecord;
use crate::record::samples::record;
use crate::remote::TlsMode;
use crate::suite::sessions::DatabaseTable;
use crate::suite::{self, Place, all_jobs};

/// A database of its own, on a server that the tests of one moment share.
pub(super) struct MariaDbTable {
    server: Arc<MariaDbServer>,
    database: String,
}

impl MariaDbTable {
    pub(super) fn new() -> Option<MariaDbTable> {
        static SHARED: Mutex<Weak<MariaDbServer>> = Mutex::new(Weak::new());
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mut shared = SHARED.lock().expect("not poisoned");
        let server = match shared.upgrade() {
            Some(server) => server,
            None => Arc::new(MariaDbServer::start(&[])?),
        };
        *shared = Arc::downgrade(&server);
        let database = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
        server.query(&format!("CREATE DATABASE {database}"));
        Some(MariaDbTable { server, database })
    }

    fn options(&self) -> MySqlOptions {
        MySqlOptions { database: Some(self.database.clone()), ..options(&self.server) }
    }
}

pub(super) fn options(server: &MariaDbServer) -> MySqlOptions {
    MySqlOptions {
        host: Some("127.0.0.1".to_owned()),
        port: Some(server.port),
        user: Some(server.user().to_owned()),
        password: Some(Secret::new(server.password())),
        database: Some(server.user().to_owned()),
        option_files: Vec::new(),
        ..MySqlOptions::default()
    }
}

impl Place for MariaDbTable {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(MySqlStore::open(&self.options())?))
    }

    fn empty(&self) {
        self.query("DROP TABLE IF EXISTS gearman_queue, gearman_queue_server");
    }
}

impl DatabaseTable for MariaDbTable {
    type Opened = MySqlStore;
    const NAME: &'static str = "gearman_queue";

    fn store(&self) -> MySqlStore {
        MySqlStore::open(&self.options()).expect("opens")
    }

    fn query(&self, statement: &str) -> String {
        self.server.query(&format!("USE {}; {statement}", self.database))
    }

    fn end_session(&self) {
        let names = MySqlTarget::new(&self.options()).expect("is a target").names;
        let id = self.query(&format!("SELECT IS_USED_LOCK({})", names.lock()));
        self.query(&format!("KILL {id}"));
    }

    fn forget_answer(store: &mut MySqlStore) {
        store.batches.committed -= 1;
    }

    fn disconnect(store: &mut MySqlStore) {
        store.disconnect();
    }
}

pub(super) fn insert(store: &mut MySqlStore, number: u64) -> Result<Vec<RowOutcome>, StoreError> {
    let mut batch = Batch::default();
    batch.insert(&record(number, b"x"), None);
    store.apply(&batch)
}

/// The error of a store that must not open.
fn refused(options: &MySqlOptions) -> String {
    MySqlStore::open(options).err().expect("is refused").to_string()
}

#[test]
fn the_table_keeps_the_rules_of_a_store() {
    let Some(table) = MariaDbTable::new() else { return };
    suite::keeps_the_rules_of_a_store(&table, &[]);
}

#[test]
fn sessions_that_end_and_servers_that_take_over_lose_nothing() {
    let Some(table) = MariaDbTable::new() else { return };
    suite::sessions::keeps_the_rules_of_sessions(&table);
}

#[test]
fn uniques_that_a_collation_takes_for_one_are_kept_apart() {
    let Some(table) = MariaDbTable::new() else { return };
    let uniques: [&[u8]; 7] = [b"a", b"A", b"a ", b"a\0", "ä".as_bytes(), b"\xe4", b""];
    let mut batch = Batch::default();
    for (number, unique) in (1..).zip(uniques) {
        batch.insert(&NewRecord { unique, ..record(number, b"") }, None);
    }
    table.store().apply(&batch).expect("commits");
    let jobs = all_jobs(&mut table.store());
    let found: Vec<_> = jobs.iter().map(|job| &job.unique[..]).collect();
    assert_eq!(found, uniques);
}

#[test]
fn a_table_that_must_be_there_is_not_made() {
    let Some(table) = MariaDbTable::new() else { return };
    let options = MySqlOptions { if_missing: IfMissing::Refuse, ..table.options() };
    let error = refused(&options);
    assert!(error.ends_with("there is no table `gearman_queue`"), "{error}");
    drop(table.store());
    MySqlStore::open(&options).expect("opens what is there");
}

#[test]
fn a_table_that_is_no_queue_one_of_a_newer_version_and_one_without_transactions_are_refused() {
    let Some(table) = MariaDbTable::new() else { return };
    table.query("CREATE TABLE gearman_queue (name TEXT)");
    let error = refused(&table.options());
    assert!(error.contains("no queue: it has no column unique_key"), "{error}");
    table.empty();
    drop(table.store());
    table.query("UPDATE gearman_queue_server SET schema_version = 99");
    let error = refused(&table.options());
    assert!(error.contains("written by a newer gearmand (schema 99"), "{error}");
    table.empty();
    drop(table.store());
    table.query("ALTER TABLE gearman_queue ENGINE=MyISAM");
    let error = refused(&table.options());
    assert!(error.contains("the engine MyISAM of the table gearman_queue has no"), "{error}");
}

#[test]
fn a_session_that_a_lost_connection_left_is_ended_by_its_server() {
    let Some(table) = MariaDbTable::new() else { return };
    let mut store = table.store();
    insert(&mut store, 1).expect("commits");
    // As if the way to the database were cut, which the database does not notice.
    let lost = store.session.take().expect("is connected");
    insert(&mut store, 2).expect("commits");
    drop(lost);
    assert_eq!(table.query("SELECT COUNT(*) FROM gearman_queue"), "2");
}

#[test]
fn an_idle_session_is_used_before_the_database_ends_it() {
    let Some(table) = MariaDbTable::new() else { return };
    let mut store = table.store();
    let session = store.session.as_mut().expect("is connected");
    let rows = session.connection.rows("SELECT @@wait_timeout").expect("a row");
    let limit = rows.row(0).integer(0).expect("a number").expect("is set").cast_unsigned();
    assert!(MYSQL_IDLE * 3 < Duration::from_secs(limit), "{limit} s");
    let id = session.connection.id;
    let commands = format!("SELECT QUERY_ID FROM information_schema.PROCESSLIST WHERE ID = {id}");
    let before = table.query(&commands);
    assert_eq!(store.maintain(true), Ok(true), "is called again");
    assert_eq!(table.query(&commands), before);
    store.answered -= MYSQL_IDLE;
    store.maintain(true).expect("no loss");
    assert_ne!(table.query(&commands), before);
}

#[test]
fn a_database_that_is_gone_refuses_batches_until_it_is_back() {
    let Some(mut server) = MariaDbServer::start(&[]) else { return };
    let mut store = MySqlStore::open(&options(&server)).expect("opens");
    insert(&mut store, 1).expect("commits");
    server.kill();
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
    // An idle server connects by itself.
    gearman_test_support::wait::wait_until("a connection", || {
        store.maintain(true).expect("no loss");
        store.connection().is_some_and(|state| state.is_connected)
    });
    insert(&mut store, 2).expect("commits");
    assert_eq!(server.query("SELECT COUNT(*) FROM gearman.gearman_queue"), "2");
}

#[test]
fn a_database_that_stops_answering_is_given_up_after_the_time_limit() {
    let Some(server) = MariaDbServer::start(&[]) else { return };
    let limits = RemoteLimits::new(Duration::from_millis(300));
    let mut store = MySqlStore::open(&MySqlOptions { limits, ..options(&server) }).expect("opens");
    insert(&mut store, 1).expect("commits");
    server.pause();
    let error = insert(&mut store, 2).expect_err("does not answer");
    assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
    assert!(error.to_string().contains("no answer within the time limit"), "{error}");
    store.reopen().expect_err("does not answer");
    server.resume();
    let mut reopened = None;
    gearman_test_support::wait::wait_until("a connection", || {
        reopened = store.reopen().ok();
        reopened.is_some()
    });
    // Whether the batch was read before the session was ended only the database knows.
    let has_batch = reopened.and_then(|reopened| reopened.has_batch).expect("is known");
    let count = if has_batch { "2" } else { "1" };
    assert_eq!(server.query("SELECT COUNT(*) FROM gearman.gearman_queue"), count);
}

#[test]
fn a_batch_and_a_payload_larger_than_a_packet_are_committed_as_a_whole() {
    let Some(server) = MariaDbServer::start(&["--max-allowed-packet=1M"]) else { return };
    let mut store = MySqlStore::open(&options(&server)).expect("opens");
    let most = store.payload_bytes_max();
    assert!((1_000_000..1 << 20).contains(&most), "{most}");
    // Every byte of the worst takes two in a statement.
    let payloads = [vec![0; most], vec![b'x'; most], b"small".to_vec(), vec![b'\''; 700_000]];
    let mut batch = Batch::default();
    for (number, payload) in (1..).zip(&payloads) {
        batch.insert(&record(number, payload), None);
    }
    (5..9000).for_each(|number| batch.insert(&record(number, &[7; 300]), None));
    store.apply(&batch).expect("commits");
    let jobs = store.fetch(&[1, 2, 3, 4, 8999].map(JobNumber)).expect("reads");
    for (job, payload) in jobs.iter().zip(&payloads) {
        assert!(job.as_ref().expect("is stored").payload[..] == payload[..]);
    }
    assert!(jobs[4].is_some());
    // Names that are too large are of one job only.
    let name = vec![b'n'; 1 << 20];
    let mut batch = Batch::default();
    batch.insert(&NewRecord { function: &name, ..record(10_000, b"") }, None);
    let error = store.apply(&batch).expect_err("is too large");
    assert!(matches!(error, StoreError::BadRow(_)), "{error:?}");
    insert(&mut store, 10_001).expect("commits");
    assert_eq!(server.query("SELECT COUNT(*) FROM gearman.gearman_queue"), "9000");
}

#[test]
fn a_large_batch_whose_session_ends_in_the_middle_leaves_nothing() {
    let Some(table) = MariaDbTable::new() else { return };
    let mut store = table.store();
    let session = store.session.as_mut().expect("is connected");
    session.packet_bytes_max = 8192;
    // The second command finds what the first one has stored, and ends the session.
    table.query(
        "\nDELIMITER //\nCREATE TRIGGER ender BEFORE INSERT ON gearman_queue FOR EACH ROW
         BEGIN IF NEW.id = 900 THEN KILL CONNECTION_ID(); END IF; END//",
    );
    let mut batch = Batch::default();
    (1..=1000).for_each(|number| batch.insert(&record(number, b"x"), None));
    let error = store.apply(&batch).expect_err("its session ends");
    assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
    let reopened = store.reopen().expect("connects");
    assert_eq!(reopened, Reopened { has_batch: Some(false), may_lack_jobs: false });
    assert_eq!(table.query("SELECT COUNT(*) FROM gearman_queue"), "0");
}

#[test]
fn a_probe_leaves_nothing_and_finds_a_table_that_takes_no_row() {
    let Some(table) = MariaDbTable::new() else { return };
    let mut store = table.store();
    store.probe().expect("takes jobs");
    assert_eq!(table.query("SELECT COUNT(*) FROM gearman_queue"), "0");
    table.query("RENAME TABLE gearman_queue TO elsewhere");
    let error = store.probe().expect_err("takes no jobs");
    assert!(matches!(error, StoreError::NotCommitted(_)), "{error:?}");
    table.query("RENAME TABLE elsewhere TO gearman_queue");
    store.probe().expect("takes jobs again");
}

#[test]
fn settings_that_weaken_an_acknowledgement_are_said_at_the_start() {
    let settings = ["--innodb-flush-log-at-trx-commit=2", "--log-bin=log", "--sync-binlog=0"];
    let Some(server) = MariaDbServer::start(&settings) else { return };
    let mut store = MySqlStore::open(&options(&server)).expect("opens");
    let notices = store.take_notices().join("\n");
    assert!(notices.contains("innodb_flush_log_at_trx_commit is 2, not 1"), "{notices}");
    assert!(notices.contains("sync_binlog is 0, not 1"), "{notices}");
}

#[test]
fn without_a_database_the_option_is_named_and_a_table_may_name_another_one() {
    let Some(table) = MariaDbTable::new() else { return };
    let without = MySqlOptions { database: None, ..table.options() };
    let error = refused(&without);
    assert!(error.contains("name one with --mysql-db"), "{error}");
    let named = MySqlOptions { table: format!("{}.Jobs of `mine`", table.database), ..without };
    let mut store = MySqlStore::open(&named).expect("opens");
    insert(&mut store, 1).expect("commits");
    assert_eq!(table.query("SELECT COUNT(*) FROM `Jobs of ``mine```"), "1");
}

#[test]
fn methods_of_proving_a_password_are_those_of_the_user_and_no_error_shows_it() {
    let Some(server) = MariaDbServer::start(&["--plugin-load-add=auth_ed25519"]) else { return };
    server.query(
        "CREATE USER native@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('a secret');
         CREATE USER curve@'%' IDENTIFIED VIA ed25519 USING PASSWORD('a secret');
         CREATE USER empty@'%' IDENTIFIED BY '';
         GRANT ALL ON *.* TO native@'%', curve@'%', empty@'%'",
    );
    let open = |user: &str, password: &str| {
        let (user, password) = (Some(user.to_owned()), Some(Secret::new(password)));
        MySqlStore::open(&MySqlOptions { user, password, ..options(&server) }).map(drop)
    };
    for (user, password) in [("native", "a secret"), ("curve", "a secret"), ("empty", "")] {
        open(user, password).unwrap_or_else(|error| panic!("{user}: {error}"));
    }
    for user in ["native", "curve", "empty"] {
        let error = open(user, "hunter3").expect_err(user).to_string();
        assert!(error.contains("Access denied") && !error.contains("hunter3"), "{error}");
    }
    let socket = Some(server.home().join("socket"));
    MySqlStore::open(&MySqlOptions { socket, ..options(&server) }).expect("opens");
}

#[test]
fn tls_verifies_what_the_options_ask_for() {
    let Some(mut server) = MariaDbServer::start(&[]) else { return };
    let authority = server.enable_tls();
    let other = server.home().join("server.pem");
    let open = |host: &str, mode: TlsMode, authorities: Option<&PathBuf>| {
        let authorities = authorities.cloned();
        let tls = Some(TlsSettings { mode, authorities, certificate: None, key: None });
        let host = Some(host.to_owned());
        // The name must not mean a socket.
        let options = MySqlOptions { host, tls, is_localhost_a_socket: false, ..options(&server) };
        MySqlStore::open(&options).map_err(|error| error.to_string())
    };
    let cipher = |store: &mut MySqlStore| {
        let connection = &mut store.session.as_mut().expect("is connected").connection;
        let rows = connection.rows("SHOW STATUS LIKE 'Ssl_cipher'").expect("a row");
        rows.row(0).text(1)
    };
    for (host, mode, authorities) in [
        ("localhost", TlsMode::Full, Some(&authority)),
        ("127.0.0.1", TlsMode::Authority, Some(&authority)),
        // A certificate that is itself trusted.
        ("127.0.0.1", TlsMode::Authority, Some(&other)),
        ("127.0.0.1", TlsMode::Encrypt, None),
    ] {
        let mut store = open(host, mode, authorities).unwrap_or_else(|error| panic!("{error}"));
        assert_ne!(cipher(&mut store), "", "{mode:?}");
        insert(&mut store, 1).expect("commits");
    }
    let error = open("127.0.0.1", TlsMode::Full, Some(&authority)).err().expect("another name");
    assert!(error.contains("is for localhost, not for '127.0.0.1'"), "{error}");
    let error = open("localhost", TlsMode::Authority, None).err().expect("an unknown authority");
    assert!(
        error.contains("is not signed by an authority") || error.contains("no file of authorities"),
        "{error}"
    );
    let mut plain = open("127.0.0.1", TlsMode::Off, None).expect("opens");
    assert_eq!(cipher(&mut plain), "");
    drop(plain);
    server.query("ALTER USER gearman@'%' REQUIRE X509");
    let with = |certificate: Option<PathBuf>| {
        let key = certificate.as_ref().map(|_| server.home().join("server.key"));
        let mode = TlsMode::Encrypt;
        let tls = Some(TlsSettings { mode, authorities: None, certificate, key });
        MySqlStore::open(&MySqlOptions { tls, ..options(&server) }).map(drop)
    };
    with(Some(other)).expect("opens");
    let error = with(None).expect_err("shows no certificate").to_string();
    assert!(error.contains("Access denied"), "{error}");
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let Some(table) = MariaDbTable::new() else { return };
    let tls = Some(TlsSettings { mode: TlsMode::Encrypt, ..TlsSettings::default() });
    let error = refused(&MySqlOptions { tls, ..table.options() });
    assert!(error.contains("the server has no TLS"), "{error}");
}
