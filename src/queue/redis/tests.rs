//! The store against a real server.

use std::cell::RefCell;
use std::io::Write;

use gearman_test_support::databases::{Redis, SYNCING};

use super::*;
use crate::record::samples::record;
use crate::record::{NewRecord, UnixSeconds};
use crate::remote::TlsMode;
use crate::suite::{self, Place as _, all_jobs, all_numbers, insert};

/// A server, and a queue in it.
struct TestServers {
    server: RefCell<Redis>,
}

impl TestServers {
    fn start(settings: &[&str]) -> Option<TestServers> {
        Some(TestServers { server: RefCell::new(Redis::start(settings)?) })
    }

    fn options(&self) -> RedisOptions {
        RedisOptions::new("127.0.0.1", self.server.borrow().port)
    }

    fn opened(&self) -> RedisStore {
        RedisStore::open(self.options()).expect("opens")
    }

    fn ask(&self, command: &[&str]) -> String {
        self.server.borrow().ask(command)
    }
}

impl suite::Place for TestServers {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(RedisStore::open(self.options())?))
    }

    fn empty(&self) {
        assert_eq!(self.ask(&["FLUSHALL"]), "OK");
    }
}

#[test]
fn redis_keeps_the_rules_of_a_store() {
    let Some(place) = TestServers::start(&[]) else { return };
    suite::keeps_the_rules_of_a_store(&place, &[]);
}

#[test]
fn a_job_that_the_original_can_read_is_in_its_format_and_others_are_beside() {
    let Some(place) = TestServers::start(&[]) else { return };
    let mut store = place.opened();
    let plain = NewRecord { priority: 2, ..record(1, b"payload") };
    let others = [
        NewRecord { unique: b"", ..record(2, b"x") },
        NewRecord { unique: b"-", ..record(3, b"x") },
        NewRecord { function: b"a-b", ..record(4, b"x") },
        NewRecord { unique: b"nul", ..record(5, b"a\0b") },
        NewRecord { unique: b"due", due: Some(UnixSeconds(4_000_000_000)), ..record(6, b"x") },
    ];
    insert(&mut store, &[plain]);
    insert(&mut store, &others);
    assert_eq!(place.ask(&["KEYS", "_gear_*"]), "_gear_-resize-u");
    let fields = place.ask(&["HGETALL", "_gear_-resize-u"]);
    assert_eq!(fields, "data\npayload\npriority\n2");
    let mut batch = Batch::default();
    (1..=6).for_each(|number| batch.delete(JobNumber(number)));
    store.apply(&batch).expect("commits");
    drop(store);
    assert_eq!(place.ask(&["KEYS", "*"]), ":gearmand:_gear_:state");
}

#[test]
fn of_two_insertions_of_a_number_in_one_batch_the_first_counts() {
    let Some(place) = TestServers::start(&[]) else { return };
    let mut store = place.opened();
    let beside = NewRecord { unique: b"", ..record(1, b"third") };
    let mut batch = Batch::default();
    for job in [record(1, b"first"), record(1, b"second"), beside, record(2, b"x")] {
        batch.insert(&job, None);
    }
    assert_eq!(store.apply(&batch).expect("commits").len(), 2);
    drop(store);
    let payloads: Vec<_> =
        all_jobs(&mut place.opened()).into_iter().map(|job| job.payload).collect();
    assert_eq!(payloads, [b"first".to_vec(), b"x".to_vec()]);
    // The second job has the same function and unique, so only the first is where the original looks.
    assert_eq!(place.ask(&["HGET", "_gear_-resize-u", "data"]), "first");
    assert_eq!(place.ask(&["HKEYS", ":gearmand:_gear_:payloads"]), "2");
}

#[test]
fn jobs_that_other_servers_wrote_are_taken_over_behind_those_of_this_one() {
    let Some(place) = TestServers::start(&[]) else { return };
    insert(&mut place.opened(), &[record(7, b"own")]);
    place.ask(&["HSET", "_gear_-f-u1", "data", "one", "priority", "0"]);
    place.ask(&["SET", "_gear_-f-u-2", "early"]);
    let named = ["HSET", "_gear_-a-b-u", "function", "a-b", "unique", "u", "data", "later"];
    place.ask(&named);
    for foreign in [["SET", "_gear_-nodash", "x"], ["LPUSH", "_gear_-f-list", "x"]] {
        place.ask(&foreign);
    }
    let mut store = place.opened();
    assert_eq!(
        store.take_notices()[..2],
        [
            "3 jobs that another server wrote were taken over",
            "2 keys that begin as those of jobs are none, and stay as they are"
        ]
    );
    let jobs = all_jobs(&mut store);
    assert_eq!(jobs[0].number, JobNumber(7));
    let mut found: Vec<_> = jobs[1..]
        .iter()
        .map(|job| (&job.function[..], &job.unique[..], &job.payload[..], job.priority))
        .collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            (&b"a-b"[..], &b"u"[..], &b"later"[..], 1),
            (b"f", b"u-2", b"early", 1),
            (b"f", b"u1", b"one", 0)
        ]
    );
    let found: Vec<_> = jobs.iter().map(|job| job.number.0).collect();
    assert!(store.last_number() >= jobs[3].number);
    drop(store);
    // They have their numbers permanently.
    assert_eq!(all_numbers(&mut place.opened()), found);
}

#[test]
fn a_job_that_another_server_has_worked_off_is_forgotten() {
    let Some(place) = TestServers::start(&[]) else { return };
    let second = NewRecord { unique: b"v", ..record(2, b"x") };
    insert(&mut place.opened(), &[record(1, b"x"), second]);
    place.ask(&["DEL", "_gear_-resize-u"]);
    let mut store = place.opened();
    assert_eq!(store.take_notices()[0], "1 jobs were worked off by another server");
    assert_eq!(all_numbers(&mut store), [2]);
    assert_eq!(place.ask(&["HLEN", ":gearmand:_gear_:jobs"]), "1");
}

#[test]
fn what_a_replaced_connection_sent_late_has_no_effect() {
    let Some(place) = TestServers::start(&[]) else { return };
    let mut store = place.opened();
    let session = store.session;
    store.reopen().expect("opens");
    assert_ne!(store.session, session);
    let current = std::mem::replace(&mut store.session, session);
    let mut batch = Batch::default();
    batch.insert(&record(1, b"late"), None);
    assert!(matches!(store.apply(&batch), Err(StoreError::Fenced(_))));
    store.session = current;
    assert_eq!(store.fetch(&[JobNumber(1)]), Ok(vec![None]));
}

#[test]
fn a_server_whose_lease_another_one_broke_is_fenced() {
    let Some(place) = TestServers::start(&[]) else { return };
    let mut first = place.opened();
    // As if its process had ended.
    let dead = first.owner.as_str().replace(" started=", " started=9");
    place.ask(&["SET", ":gearmand:_gear_:lease", &dead]);
    let mut second = place.opened();
    let error = first.apply(&Batch::default()).expect_err("fenced");
    let process = format!("process {}", std::process::id());
    assert!(matches!(error, StoreError::Fenced(_)) && error.to_string().contains(&process));
    assert!(matches!(first.reopen(), Err(StoreError::Fenced(_))));
    drop(first);
    insert(&mut second, &[record(1, b"x")]);
    assert!(place.open().is_err(), "the end of the first server gave the lease up");
}

#[test]
fn a_dead_server_on_another_system_is_waited_for_until_its_lease_has_ended() {
    let Some(place) = TestServers::start(&[]) else { return };
    drop(place.opened());
    let elsewhere = "process 1 on elsewhere boot=x pidns=1 started=1 since=1";
    place.ask(&["SET", ":gearmand:_gear_:lease", elsewhere, "PX", "700"]);
    insert(&mut place.opened(), &[record(1, b"x")]);
}

#[test]
fn a_newer_format_and_keys_of_other_programs_are_refused() {
    let Some(place) = TestServers::start(&[]) else { return };
    drop(place.opened());
    place.ask(&["HSET", ":gearmand:_gear_:state", "version", "2"]);
    let error = place.open().err().expect("refused").to_string();
    assert!(error.contains("a newer gearmand") && error.contains("127.0.0.1:"), "{error}");
    place.empty();
    place.ask(&["SET", ":gearmand:_gear_:jobs", "x"]);
    let error = place.open().err().expect("refused").to_string();
    assert!(error.contains(":gearmand:_gear_:jobs"), "{error}");
}

#[test]
fn a_full_server_refuses_jobs_and_still_takes_removals() {
    let Some(place) = TestServers::start(&["maxmemory-policy noeviction"]) else { return };
    let mut store = place.opened();
    insert(&mut store, &[record(1, b"x")]);
    place.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let mut batch = Batch::default();
    batch.insert(&NewRecord { unique: b"v", ..record(2, b"x") }, None);
    let error = store.apply(&batch).expect_err("full");
    assert!(matches!(&error, StoreError::NotCommitted(text) if text.contains("OOM")), "{error}");
    assert!(store.probe().is_err());
    store.renew().expect("keeps its lease");
    let mut removal = Batch::default();
    removal.delete(JobNumber(1));
    assert_eq!(store.apply(&removal), Ok(vec![]));
    place.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(store.apply(&batch), Ok(vec![]));
    drop(store);
    assert_eq!(all_numbers(&mut place.opened()), [2]);
}

#[test]
fn a_server_that_lost_what_it_acknowledged_is_noticed() {
    // Without a log, a crash loses everything.
    let Some(place) = TestServers::start(&[]) else { return };
    let mut store = place.opened();
    insert(&mut store, &[record(1, b"x")]);
    place.server.borrow_mut().kill();
    place.server.borrow_mut().start_again();
    let mut batch = Batch::default();
    batch.insert(&NewRecord { unique: b"v", ..record(2, b"x") }, None);
    assert!(matches!(store.apply(&batch), Err(StoreError::Unknown(_))));
    let reopened = store.reopen();
    assert_eq!(reopened, Ok(Reopened { has_batch: Some(false), may_lack_jobs: true }));
    assert_eq!(store.apply(&batch), Ok(vec![]));
    let reopened = store.reopen();
    assert_eq!(reopened, Ok(Reopened { has_batch: Some(true), may_lack_jobs: false }));
}

#[test]
fn a_server_that_syncs_loses_nothing_when_it_is_killed() {
    let Some(place) = TestServers::start(&SYNCING) else { return };
    let mut store = place.opened();
    assert_eq!(store.take_notices(), Vec::<String>::new());
    insert(&mut store, &[record(1, b"x")]);
    place.server.borrow_mut().kill();
    place.server.borrow_mut().start_again();
    // The broken connection is found before the batch is sent.
    assert_eq!(store.apply(&Batch::default()), Ok(vec![]));
    assert!(store.fetch(&[JobNumber(1)]).expect("reads")[0].is_some());
    assert_eq!(store.connection().expect("a connection").connects, 2);
}

#[test]
fn a_server_that_does_not_sync_is_warned_of() {
    let Some(place) = TestServers::start(&[]) else { return };
    let notices = place.opened().take_notices();
    assert!(notices[0].contains("appendonly yes"), "{notices:?}");
}

#[test]
fn a_server_that_is_not_redis_is_named_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // What memcached says to a command that it does not know; the client may be gone.
            let _ = stream.write_all(b"ERROR\r\nERROR\r\n");
        }
    });
    let wait = Duration::from_millis(100);
    let options = RedisOptions { connect_wait: wait, ..RedisOptions::new("127.0.0.1", port) };
    let error = RedisStore::open(options).err().expect("refused").to_string();
    assert!(error.ends_with("what answers is not Redis") && !error.contains('\n'), "{error}");
}

#[test]
fn a_wrong_password_is_an_error_that_does_not_show_it() {
    let Some(place) = TestServers::start(&["requirepass right"]) else { return };
    let options = RedisOptions {
        password: Some(Secret::new("wrong")),
        connect_wait: Duration::ZERO,
        ..place.options()
    };
    let error = RedisStore::open(options).err().expect("refused").to_string();
    assert!(error.contains("authentication failed") && !error.contains("wrong"), "{error}");
    let options = RedisOptions { password: Some(Secret::new("right")), ..place.options() };
    RedisStore::open(options).expect("opens");
}

#[test]
fn tls_verifies_what_the_options_ask_for() {
    let Some((server, port, files)) = Redis::start_with_tls() else { return };
    let file = |name: &str| Some(files.path().join(name));
    let open = |host: &str, mode: TlsMode, authorities| {
        let tls = TlsSettings { mode, authorities, ..TlsSettings::default() };
        let options =
            RedisOptions { tls, connect_wait: Duration::ZERO, ..RedisOptions::new(host, port) };
        RedisStore::open(options).map_err(|error| error.to_string())
    };
    for (host, mode, authorities) in [
        ("localhost", TlsMode::Full, file("ca.pem")),
        ("127.0.0.1", TlsMode::Authority, file("ca.pem")),
        ("127.0.0.1", TlsMode::Encrypt, None),
    ] {
        let store = open(host, mode, authorities);
        let mut store = store.unwrap_or_else(|error| panic!("{mode:?} {host}: {error}"));
        insert(&mut store, &[record(1, b"payload")]);
        assert_eq!(server.ask(&["KEYS", "_gear_*"]), "_gear_-resize-u");
        let mut batch = Batch::default();
        batch.delete(JobNumber(1));
        store.apply(&batch).expect("commits");
    }
    for (host, mode, authorities, expected) in [
        ("127.0.0.1", TlsMode::Full, file("ca.pem"), "not for '127.0.0.1'"),
        ("localhost", TlsMode::Authority, None, "is not signed by an authority of the CA file"),
        ("localhost", TlsMode::Authority, file("server.key"), "has no certificate in PEM"),
        ("localhost", TlsMode::Authority, file("none.pem"), "none.pem"),
    ] {
        let error = open(host, mode, authorities).err().expect(expected);
        assert!(error.contains(expected), "{mode:?} {host}: {error}");
    }
}
