//! kill -9 at random moments, under load.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gearman_test_support::random::Random;
use gearman_test_support::wait::wait_until;

use crate::load::Load;
use crate::server::{Directory, Gearmand, Start};

/// Rounds of the short run.
const ROUNDS: u32 = 10;
/// Runs of a store that is not safe, of which one must lose a job.
const UNSAFE_RUNS_MAX: u32 = 10;
/// Time after which what is not worked off is lost: more than the longest delay of a job.
pub(crate) const DRAINED_AFTER: Duration = Duration::from_secs(5);

/// Number of rounds; `GEARMAND_CRASH_ROUNDS` sets it.
pub(crate) fn rounds() -> u32 {
    let variable = std::env::var("GEARMAND_CRASH_ROUNDS").ok();
    variable.map_or(ROUNDS, |text| text.parse().expect("GEARMAND_CRASH_ROUNDS is a number"))
}

/// The seed of the test, which it prints; `GEARMAND_CRASH_SEED` sets it.
pub(crate) fn seed() -> u64 {
    let variable = std::env::var("GEARMAND_CRASH_SEED").ok();
    let seed = variable.map_or_else(
        || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            now.as_nanos() as u64
        },
        |text| text.parse().expect("GEARMAND_CRASH_SEED is a number"),
    );
    println!("GEARMAND_CRASH_SEED={seed}");
    seed
}

/// Kills servers under load, and works everything off. Returns the rules that were broken. `lose`
/// does to the file what happens at the moment of the crash.
pub(crate) fn crash(
    file: &Path,
    start: &Start,
    rounds: u32,
    mut lose: impl FnMut(&mut Random),
) -> Vec<String> {
    let seed = seed();
    let mut random = Random(seed);
    let load = Load::start(seed);
    for _ in 0..rounds {
        let server = Gearmand::start_with(file, start);
        load.server_started(server.address);
        std::thread::sleep(Duration::from_millis(50 + random.below(350) as u64));
        server.kill();
        load.server_gone();
        lose(&mut random);
    }
    load.stop_submitting();
    let server = Gearmand::start_with(file, start);
    load.server_started(server.address);
    work_off(&load, &server);
    let ledger = load.end();
    println!("{} in {rounds} rounds", ledger.summary());
    server.terminate();
    ledger.verdict()
}

/// Waits until a server has nothing to do any more.
pub(crate) fn work_off(load: &Load, server: &Gearmand) {
    wait_until("answers to all submissions", || load.is_answered());
    let began = Instant::now();
    wait_until("end of the work", || {
        load.ledger.unfinished() == 0 || (began.elapsed() > DRAINED_AFTER && server.jobs() == 0)
    });
    // Jobs that were stored but not acknowledged, and repeated ones.
    wait_until("empty queue", || server.jobs() == 0);
}

/// Asserts that no rule was broken.
#[track_caller]
pub(crate) fn assert_kept(broken: &[String]) {
    let some: Vec<_> = broken.iter().take(20).collect();
    assert!(broken.is_empty(), "{} broken rules: {some:#?}", broken.len());
}

/// Asserts that a store that is not safe loses a job: so the tests that find no loss would notice
/// one. `run` returns the rules that its run, of this number, has broken. Chance may spare every job of
/// some runs.
#[track_caller]
pub(crate) fn assert_losses_are_found(run: impl FnMut(u32) -> Vec<String>) {
    let is_lost = |rules: Vec<String>| rules.iter().any(|rule| rule.ends_with("is lost"));
    assert!((0..UNSAFE_RUNS_MAX).map(run).any(is_lost), "no job was lost");
}

#[test]
fn acknowledged_jobs_survive_kill_9_at_any_moment() {
    let directory = Directory::new("crash");
    assert_kept(&crash(&directory.queue(), &Start::default(), rounds(), |_| {}));
}

#[test]
fn acknowledged_jobs_that_are_in_the_file_only_survive_kill_9() {
    let directory = Directory::new("crash-parked");
    let arguments = vec!["--queue-memory=100K".to_owned()];
    let start = Start { arguments, ..Start::default() };
    assert_kept(&crash(&directory.queue(), &start, rounds(), |_| {}));
}

#[test]
fn what_was_completed_before_sigterm_does_not_come_back() {
    let directory = Directory::new("sigterm");
    let file = directory.queue();
    let seed = seed();
    let load = Load::start(seed);
    let server = Gearmand::start(&file);
    load.server_started(server.address);
    std::thread::sleep(Duration::from_millis(300));
    load.server_gone();
    let (status, log) = server.terminate();
    assert!(status.success(), "{log}");
    load.stop_submitting();
    let server = Gearmand::start(&file);
    load.server_started(server.address);
    let began = Instant::now();
    wait_until("end of the work", || {
        load.ledger.unfinished() == 0 || (began.elapsed() > DRAINED_AFTER && server.jobs() == 0)
    });
    assert_kept(&load.end().verdict());
}
