//! The store against real servers.

use std::cell::RefCell;

use gearman_test_support::databases::Memcached;

use super::*;
use crate::record::samples::record;
use crate::record::{NewRecord, UnixSeconds};
use crate::suite::{self, Place as _, all_jobs, all_numbers, insert};

/// Servers, and a queue in them.
struct TestServers {
    servers: RefCell<Vec<Memcached>>,
}

impl TestServers {
    fn start(count: usize, arguments: &[&str]) -> Option<TestServers> {
        let servers = (0..count).map(|_| Memcached::start(arguments)).collect::<Option<_>>()?;
        Some(TestServers { servers: RefCell::new(servers) })
    }

    fn options(&self) -> MemcachedOptions {
        let names: Vec<_> =
            self.servers.borrow().iter().map(|s| format!("127.0.0.1:{}", s.port)).collect();
        MemcachedOptions::new(names.join(","))
    }

    fn opened(&self) -> MemcachedStore {
        MemcachedStore::open(self.options()).expect("opens")
    }

    fn ask(&self, command: &str) -> Vec<String> {
        self.servers.borrow()[0].ask(command)
    }

    /// Number of items.
    fn items(&self) -> u32 {
        let stats = self.ask("stats");
        let count = stats.iter().find_map(|line| line.strip_prefix("STAT curr_items "));
        count.expect("a count").parse().expect("a number")
    }
}

impl suite::Place for TestServers {
    fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(MemcachedStore::open(self.options())?))
    }

    fn empty(&self) {
        for server in self.servers.borrow_mut().iter_mut() {
            server.kill();
            server.start_again();
        }
    }
}

#[test]
fn memcached_keeps_the_rules_of_a_store() {
    let Some(place) = TestServers::start(1, &["-M"]) else { return };
    suite::keeps_the_rules_of_a_store(&place, &[]);
}

#[test]
fn two_memcached_servers_keep_the_rules_of_a_store() {
    let Some(place) = TestServers::start(2, &["-M"]) else { return };
    suite::keeps_the_rules_of_a_store(&place, &[]);
}

#[test]
fn a_job_that_the_original_can_read_is_in_its_format_and_others_are_beside() {
    let Some(place) = TestServers::start(1, &[]) else { return };
    let mut store = place.opened();
    let others = [
        NewRecord { unique: b"", ..record(2, b"x") },
        NewRecord { unique: b"-", ..record(3, b"x") },
        NewRecord { function: b"a-b", ..record(4, b"x") },
        NewRecord { unique: b"a b", ..record(5, b"x") },
        NewRecord { unique: b"due", due: Some(UnixSeconds(4_000_000_000)), ..record(6, b"x") },
    ];
    insert(&mut store, &[NewRecord { priority: 2, ..record(1, b"pay\0load") }]);
    insert(&mut store, &others);
    assert_eq!(place.ask("get gear_resize-u"), ["VALUE gear_resize-u 2 8", "pay\0load", "END"]);
    for key in ["gear_resize-", "gear_resize--", "gear_a-b-u", "gear_resize-due"] {
        assert_eq!(place.ask(&format!("get {key}")), ["END"]);
    }
    let mut batch = Batch::default();
    (1..=6).for_each(|number| batch.delete(JobNumber(number)));
    store.apply(&batch).expect("commits");
    drop(store);
    // The state, and the blocks of numbers that the next jobs will be in.
    assert_eq!(place.items(), 1 + names::TOP_LEVEL);
}

#[test]
fn jobs_that_other_servers_wrote_are_taken_over_behind_those_of_this_one() {
    let Some(place) = TestServers::start(1, &["-M"]) else { return };
    insert(&mut place.opened(), &[record(7, b"own")]);
    for command in [
        "set gear_f-u1 0 0 3\r\none",
        "set gear_f-u-2 9 0 3\r\ntwo",
        "set gear_nodash 1 0 1\r\nx",
        "set other-x 1 0 1\r\nx",
    ] {
        assert_eq!(place.ask(command), ["STORED"]);
    }
    let mut store = place.opened();
    let notices = store.take_notices();
    assert_eq!(notices[1..], ["2 jobs that another server wrote were taken over"]);
    let jobs = all_jobs(&mut store);
    let mut found: Vec<_> =
        jobs.iter().map(|job| (&job.unique[..], &job.payload[..], job.priority)).collect();
    found.sort_unstable();
    assert_eq!(found, [(&b"u"[..], &b"own"[..], 1), (b"u-2", b"two", 1), (b"u1", b"one", 0)]);
    assert_eq!(jobs[0].number, JobNumber(7));
    drop(store);
    assert_eq!(all_numbers(&mut place.opened()), [7, 8, 9]);
}

#[test]
fn a_job_that_another_server_has_worked_off_is_forgotten_and_its_name_is_free() {
    let Some(place) = TestServers::start(1, &[]) else { return };
    let second = NewRecord { unique: b"v", ..record(2, b"x") };
    insert(&mut place.opened(), &[record(1, b"x"), second]);
    assert_eq!(place.ask("delete gear_resize-u"), ["DELETED"]);
    let mut store = place.opened();
    assert_eq!(all_numbers(&mut store), [2]);
    insert(&mut store, &[record(3, b"again")]);
    assert_eq!(place.ask("get gear_resize-u")[1..], ["again", "END"]);
}

#[test]
fn a_batch_that_was_written_in_part_is_written_again_without_doubling_a_job() {
    let Some(place) = TestServers::start(1, &[]) else { return };
    let mut store = place.opened();
    insert(&mut store, &[record(1, b"x")]);
    // As if the connection had broken behind the payload and the record of the second job.
    let parts = [("gear_resize-v 1", "y"), (":gearmand:gear_:j2 0", "o 1 0 0 5 6 1 0\nresizev")];
    for (key, value) in parts {
        assert_eq!(place.ask(&format!("set {key} 0 {}\r\n{value}", value.len())), ["STORED"]);
    }
    insert(&mut store, &[NewRecord { unique: b"v", ..record(2, b"y") }]);
    drop(store);
    let jobs = all_jobs(&mut place.opened());
    let found: Vec<_> = jobs.iter().map(|job| (job.number.0, &job.payload[..])).collect();
    assert_eq!(found, [(1, &b"x"[..]), (2, b"y")]);
}

#[test]
fn a_server_that_was_started_anew_is_noticed() {
    let Some(place) = TestServers::start(2, &[]) else { return };
    let mut store = place.opened();
    insert(&mut store, &[record(1, b"x")]);
    place.servers.borrow_mut()[1].kill();
    place.servers.borrow_mut()[1].start_again();
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
fn a_server_whose_lease_another_one_broke_is_fenced() {
    let Some(place) = TestServers::start(1, &[]) else { return };
    let mut first = place.opened();
    // As if its process had ended.
    let dead = first.owner.as_str().replace(" started=", " started=9");
    place.ask(&format!("set :gearmand:gear_:lease 0 0 {}\r\n{dead}", dead.len()));
    let mut second = place.opened();
    let error = first.apply(&Batch::default()).expect_err("fenced");
    assert!(matches!(error, StoreError::Fenced(_)), "{error}");
    drop(first);
    insert(&mut second, &[record(1, b"x")]);
    assert!(place.open().is_err(), "the end of the first server gave the lease up");
}

#[test]
fn a_job_that_does_not_fit_is_refused_alone() {
    let Some(place) = TestServers::start(1, &["-M"]) else { return };
    let mut store = place.opened();
    let large = vec![7; 2 << 20];
    let mut batch = Batch::default();
    batch.insert(&record(1, b"x"), None);
    batch.insert(&NewRecord { unique: b"v", ..record(2, &large) }, None);
    batch.insert(&NewRecord { unique: b"", ..record(3, &large) }, None);
    let outcomes = store.apply(&batch).expect("commits");
    let refused: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            RowOutcome::Refused { index, reason } => (*index, reason.contains("too large")),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(refused, [(1, true), (2, true)]);
    assert!(store.payload_bytes_max() < 1 << 20);
    drop(store);
    assert_eq!(all_numbers(&mut place.opened()), [1]);
}

#[test]
fn a_full_server_refuses_jobs_until_some_are_removed() {
    let Some(place) = TestServers::start(1, &["-M", "-m", "8"]) else { return };
    let mut store = place.opened();
    let payload = vec![7; 100_000];
    let mut stored = Vec::new();
    for number in 1..1000 {
        let unique = number.to_string();
        let mut batch = Batch::default();
        let unique = unique.as_bytes();
        batch.insert(&NewRecord { unique, ..record(number, &payload) }, None);
        match &store.apply(&batch).expect("goes on")[..] {
            [] => stored.push(number),
            [RowOutcome::Refused { reason, .. }] => {
                assert!(reason.contains("out of memory"), "{reason}");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((10..900).contains(&stored.len()), "{} jobs", stored.len());
    let mut removal = Batch::default();
    stored.drain(..5).for_each(|number| removal.delete(JobNumber(number)));
    assert_eq!(store.apply(&removal), Ok(vec![]));
    insert(&mut store, &[NewRecord { unique: b"new", ..record(2000, &payload) }]);
    stored.push(2000);
    drop(store);
    assert_eq!(all_numbers(&mut place.opened()), stored);
}

#[test]
fn what_memcached_does_not_promise_is_said_at_the_start() {
    let Some(place) = TestServers::start(1, &[]) else { return };
    let notices = place.opened().take_notices();
    assert!(notices[0].contains("in memory only") && notices[1].contains("start it with -M"));
    assert_eq!(notices.len(), 2, "{notices:?}");
}
