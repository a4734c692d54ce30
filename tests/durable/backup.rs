//! Copies that are taken under load have every job of their moment, and start a server.

use std::fs;
use std::path::Path;
use std::process::Command as Process;
use std::time::Duration;

use gearman_test_support::requirements::have_program;
use gearman_test_support::wait::wait_until;
use gearman_test_support::wire::Command;

use crate::crash::{assert_kept, seed};
use crate::load::Load;
use crate::server::{Directory, Gearmand};

/// A job that is there for as long as its function has no worker.
const STEADY_JOBS: usize = 50;

/// Copies by the means of SQLite, and one of the files while the database is locked for writing,
/// as the documentation says.
const BY_API: &str = "import sqlite3, sys\n\
                      a = sqlite3.connect(sys.argv[1]); b = sqlite3.connect(sys.argv[2])\n\
                      a.backup(b); b.close()\n";
const BY_VACUUM: &str = "import sqlite3, sys\n\
                         a = sqlite3.connect(sys.argv[1], timeout=30)\n\
                         a.execute('VACUUM INTO ?', (sys.argv[2],))\n";
const BY_FILES: &str = "import sqlite3, sys, shutil\n\
                        a = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)\n\
                        a.execute('BEGIN IMMEDIATE')\n\
                        shutil.copyfile(sys.argv[1], sys.argv[2])\n\
                        shutil.copyfile(sys.argv[1] + '-wal', sys.argv[2] + '-wal')\n\
                        a.execute('ROLLBACK')\n";

fn copy(script: &str, from: &Path, to: &Path) {
    let output = Process::new("python3").args(["-c", script]).arg(from).arg(to).output();
    let output = output.expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_copy_taken_under_load_replays() {
    if !have_program("python3", &["-c", "import sqlite3"]) {
        return;
    }
    let directory = Directory::new("backup");
    let file = directory.queue();
    let server = Gearmand::start(&file);
    let mut client = server.connect();
    for number in 0..STEADY_JOBS {
        let payload = number.to_string();
        let answer = client.ask(Command::SubmitJobBg, &["steady", &payload, &payload]);
        assert_eq!(answer.expect("an answer").0, Command::JobCreated);
    }
    let load = Load::start(seed());
    load.server_started(server.address);
    for (name, script) in [("api", BY_API), ("vacuum", BY_VACUUM), ("files", BY_FILES)] {
        std::thread::sleep(Duration::from_millis(200));
        let place = directory.path().join(name);
        fs::create_dir(&place).expect("a directory");
        copy(script, &file, &place.join("queue.db"));
        let restored = Gearmand::start(&place.join("queue.db"));
        restored.wait_for_line("jobs in the queue");
        let status = restored.ask("status");
        let steady = format!("steady\t{STEADY_JOBS}\t0\t0");
        assert!(status.lines().any(|line| line == steady), "{name}: {status}");
    }
    load.stop_submitting();
    wait_until("end of the work", || load.ledger.unfinished() == 0);
    assert_kept(&load.end().verdict());
}
