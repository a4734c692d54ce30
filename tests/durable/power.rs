//! Power loss: the disk has what was synced, and any part of the rest.

use gearman_test_support::requirements::have_program;
use gearman_test_support::wire::Command;

use crate::crash::{assert_kept, assert_losses_are_found, crash, rounds};
use crate::server::{Directory, Gearmand};
use crate::shim::Shim;

/// Submissions of the lone client.
const SUBMISSIONS: u64 = 50;

#[test]
fn acknowledged_jobs_survive_power_loss_at_any_moment() {
    if !have_program("gcc", &["--version"]) {
        return;
    }
    let directory = Directory::new("power");
    let file = directory.queue();
    let shim = Shim::new(directory.path(), &file);
    assert_kept(&crash(&file, &shim.start(true), rounds(), |random| shim.lose_power(random)));
}

/// What `--queue-sync=normal` says that it risks happens: so the test above would notice.
#[test]
fn acknowledged_jobs_are_lost_with_the_power_if_commits_are_not_synced() {
    if !have_program("gcc", &["--version"]) {
        return;
    }
    assert_losses_are_found(|run| {
        let directory = Directory::new(&format!("unsynced-{run}"));
        let file = directory.queue();
        let shim = Shim::new(directory.path(), &file);
        let mut start = shim.start(true);
        start.arguments.push("--queue-sync=normal".to_owned());
        crash(&file, &start, 4, |random| shim.lose_power(random))
    });
}

#[test]
fn a_lone_client_costs_one_sync_for_each_acknowledged_job() {
    if !have_program("gcc", &["--version"]) {
        return;
    }
    let directory = Directory::new("syncs");
    let file = directory.queue();
    let shim = Shim::new(directory.path(), &file);
    let server = Gearmand::start_with(&file, &shim.start(false));
    let mut peer = server.connect();
    let mut submit = || {
        let before = shim.syncs();
        let (answer, _) = peer.ask(Command::SubmitJobBg, &["f", "", "x"]).expect("an answer");
        assert_eq!(answer, Command::JobCreated);
        shim.syncs() - before
    };
    // The first commit begins the WAL, and syncs its header, too.
    assert!(submit() >= 1);
    let syncs: Vec<u64> = (1..SUBMISSIONS).map(|_| submit()).collect();
    assert!(syncs.iter().all(|&count| count == 1), "{syncs:?}");
}
