//! The same promises with the jobs in a file of Tokyo Cabinet.

use std::path::{Path, PathBuf};
use std::process::Command as Process;

use gearman_queue::tokyocabinet::{TokyoOptions, TokyoStore};
use gearman_test_support::requirements::{have_program, skip};
use gearman_test_support::wait::wait_until;
use gearman_test_support::wire::Command;

use crate::crash::{assert_kept, assert_losses_are_found, crash, rounds};
use crate::outside::SmallDisk;
use crate::peer::Peer;
use crate::server::{Directory, Gearmand, Start};
use crate::shim::{SYNC, Shim, WRITE};

/// Names of files of both kinds.
const NAMES: [&str; 2] = ["queue.tch", "queue.tcb"];

/// How a server is started on a file.
fn on(file: &Path, more: &[&str]) -> Start {
    let mut queue = vec!["--queue-type=libtokyocabinet".to_owned()];
    queue.push(format!("--libtokyocabinet-file={}", file.display()));
    queue.extend(more.iter().map(|&option| option.to_owned()));
    Start { queue, ..Start::default() }
}

/// A directory for a file; skips the test if the library is missing.
fn directory(name: &str) -> Option<Directory> {
    let directory = Directory::new(name);
    let file = directory.path().join("probe.tch");
    match TokyoStore::open(TokyoOptions::new(&file)) {
        Ok(_) => Some(directory),
        Err(error) => {
            skip(&error.to_string());
            None
        }
    }
}

/// Submits a background job. Whether it was acknowledged.
fn submit(peer: &mut Peer, unique: &str, payload: &[u8]) -> bool {
    let parts: [&[u8]; 3] = [b"f", unique.as_bytes(), payload];
    match peer.ask(Command::SubmitJobBg, &parts).expect("an answer") {
        (Command::JobCreated, _) => true,
        (Command::Error, body) if body.starts_with(b"QUEUE_ERROR\0") => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn acknowledged_jobs_in_tokyo_cabinet_survive_kill_9_at_any_moment() {
    for (name, more) in NAMES.into_iter().zip([&[][..], &["--queue-sync=normal"]]) {
        let Some(directory) = directory("tokyo-crash") else { return };
        let file = directory.path().join(name);
        assert_kept(&crash(&file, &on(&file, more), rounds(), |_| {}));
    }
}

/// A server that loses power `rounds` times. Returns the rules that were broken.
fn lose_power(directory: &Directory, name: &str, rounds: u32, more: &[&str]) -> Vec<String> {
    let file = directory.path().join(name);
    let shim = Shim::with_log(directory.path(), &file, ".wal");
    // A file that is written anew at its start is another one for the shim.
    let mut start = on(&file, &[more, &["--libtokyocabinet-optimize=false"]].concat());
    start.environment = shim.start(true).environment;
    crash(&file, &start, rounds, |random| shim.lose_power(random))
}

#[test]
fn acknowledged_jobs_in_tokyo_cabinet_survive_power_loss_at_any_moment() {
    if !have_program("gcc", &["--version"]) {
        return;
    }
    for name in NAMES {
        let Some(directory) = directory("tokyo-power") else { return };
        assert_kept(&lose_power(&directory, name, rounds(), &[]));
    }
}

/// What `--queue-sync=off` says that it risks happens: so the test above would notice. The file
/// may be damaged so that the server does not start.
#[test]
fn jobs_in_tokyo_cabinet_are_lost_with_the_power_if_commits_are_not_synced() {
    if !have_program("gcc", &["--version"]) {
        return;
    }
    let Some(directory) = directory("tokyo-unsynced") else { return };
    assert_losses_are_found(|run| {
        let name = format!("queue-{run}.tch");
        let unsynced = || lose_power(&directory, &name, 4, &["--queue-sync=off"]);
        let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(unsynced));
        broken.unwrap_or_else(|_| vec![format!("{name} is lost")])
    });
}

/// Kills the server and starts it again. Returns it when it has found so many jobs.
fn restart(server: Gearmand, file: &Path, jobs: usize) -> Gearmand {
    server.kill();
    let server = Gearmand::start_with(file, &on(file, &[]));
    server.wait_for_line(&format!("Found {jobs} jobs in the queue"));
    server
}

/// Submits jobs of 100 kB until one is refused. Returns how many were stored.
fn fill(client: &mut Peer) -> usize {
    let payload = vec![b'x'; 100_000];
    let mut stored = 0;
    while submit(client, "", &payload) {
        stored += 1;
        assert!(stored < 100, "more jobs than there is room for");
    }
    stored
}

#[test]
fn a_full_disk_below_tokyo_cabinet_refuses_jobs_until_there_is_room() {
    for name in NAMES {
        let Some(directory) = directory("tokyo-full") else { return };
        let Some(disk) = SmallDisk::mount(directory.path().join("disk")) else { return };
        let file = disk.0.join(name);
        let server = Gearmand::start_with(&file, &on(&file, &["--queue-wait=1"]));
        let mut client = server.connect();
        let stored = fill(&mut client);
        let line = server.wait_for_line("The queue takes no jobs: ");
        assert!(line.contains("No space left on device"), "{line}");
        disk.remount("size=64M");
        wait_until("acknowledgement", || submit(&mut client, "", b"again"));
        let server = restart(server, &file, stored + 1);
        server.terminate();
        // The server has files there, until it ends.
        drop(disk);
    }
}

#[test]
fn a_limited_file_of_tokyo_cabinet_refuses_jobs_until_some_are_completed() {
    let Some(directory) = directory("tokyo-size") else { return };
    let file = directory.path().join("queue.tch");
    let server = Gearmand::start_with(&file, &on(&file, &["--queue-size=4M"]));
    let mut client = server.connect();
    let stored = fill(&mut client);
    assert!(stored > 10, "{stored} jobs");
    server.wait_for_line("the file may have 4194304 bytes");
    assert!(std::fs::metadata(&file).expect("a file").len() <= 4 << 20);
    restart(server, &file, stored);
}

#[test]
fn writes_and_syncs_that_fail_lose_no_job_that_tokyo_cabinet_has() {
    if !have_program("gcc", &["--version"]) {
        return;
    }
    let [hash, tree] = NAMES;
    // A write of a tree comes later, and the library does not say that it failed.
    for (name, kind, errno) in
        [(hash, WRITE, libc::ENOSPC), (hash, SYNC, libc::EIO), (tree, SYNC, libc::EIO)]
    {
        let Some(directory) = directory("tokyo-faults") else { return };
        let file = directory.path().join(name);
        let shim = Shim::with_log(directory.path(), &file, ".wal");
        let mut start = on(&file, &["--queue-wait=1"]);
        start.environment = shim.start(false).environment;
        let server = Gearmand::start_with(&file, &start);
        let mut client = server.connect();
        let mut stored = 0;
        for first in 1..=8 {
            shim.fail(kind, first, 1, errno);
            for attempt in 0..3 {
                stored += usize::from(submit(&mut client, &format!("{first}-{attempt}"), b"x"));
            }
            assert_eq!(shim.failed(), 1, "call {first} of kind {kind}");
            shim.heal();
            let mut attempt = 0;
            wait_until("acknowledgement", || {
                attempt += 1;
                submit(&mut client, &format!("{first}-again-{attempt}"), b"x")
            });
            stored += 1;
        }
        restart(server, &file, stored);
    }
}

#[test]
fn a_second_gearmand_on_a_file_of_tokyo_cabinet_is_refused_by_name() {
    let Some(directory) = directory("tokyo-second") else { return };
    let file = directory.path().join("queue.tch");
    let first = Gearmand::start_with(&file, &on(&file, &[]));
    let (status, log) = Gearmand::try_start(&file, &on(&file, &[])).err().expect("is refused");
    assert_eq!(status.code(), Some(1), "{log}");
    let name = format!("in use by another gearmand, process {}", first.id());
    assert!(log.contains("--libtokyocabinet-file ") && log.contains(&name), "{log}");
    first.kill();
    Gearmand::start_with(&file, &on(&file, &[]));
}

#[test]
fn a_damaged_file_of_tokyo_cabinet_ends_the_start_with_its_name() {
    let Some(directory) = directory("tokyo-damaged") else { return };
    let file = directory.path().join("queue.tch");
    let server = Gearmand::start_with(&file, &on(&file, &[]));
    let mut client = server.connect();
    assert!((0..100).all(|number| submit(&mut client, &number.to_string(), &[b'x'; 300])));
    server.terminate();
    let whole = std::fs::read(&file).expect("reads");
    std::fs::write(&file, &whole[..whole.len() / 2]).expect("writes");
    let (status, log) = Gearmand::try_start(&file, &on(&file, &[])).err().expect("is refused");
    assert_eq!(status.code(), Some(1), "{log}");
    let shown = format!("--libtokyocabinet-file {}: ", file.display());
    assert!(log.contains(&shown) && log.contains("the file is damaged"), "{log}");
    std::fs::write(&file, &whole).expect("writes");
    let server = Gearmand::start_with(&file, &on(&file, &[]));
    server.wait_for_line("Found 100 jobs in the queue");
}

#[test]
fn a_queue_is_copied_into_a_file_of_tokyo_cabinet_and_back() {
    let Some(directory) = directory("tokyo-migrate") else { return };
    let (file, tokyo) = (directory.queue(), directory.path().join("queue.tch"));
    let server = Gearmand::start(&file);
    let mut client = server.connect();
    assert!(submit(&mut client, "u", b"x") && submit(&mut client, "", b""));
    server.terminate();
    let copy = |from: &str, to: &str, file: &PathBuf| {
        let output = Process::new(env!("CARGO_BIN_EXE_gearmand"))
            .args(["--migrate-queue", from, to])
            .arg(format!("--libsqlite3-db={}", file.display()))
            .arg(format!("--libtokyocabinet-file={}", tokyo.display()))
            .output()
            .expect("runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(copy("libsqlite3", "libtokyocabinet", &file).contains("2 jobs copied"));
    assert!(copy("libsqlite3", "libtokyocabinet", &file).contains("0 jobs copied, 2 found"));
    let back = file.with_file_name("back.db");
    assert!(copy("libtokyocabinet", "libsqlite3", &back).contains("2 jobs copied"));
    let server = Gearmand::start_with(&tokyo, &on(&tokyo, &[]));
    server.wait_for_line("Found 2 jobs in the queue");
    let shown = server.ask("json queue");
    assert!(
        shown.contains("\"libtokyocabinet\"") && shown.contains("\"suspended\":null"),
        "{shown}"
    );
}
