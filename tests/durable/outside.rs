//! What other programs and administrators do to the file while `gearmand` has it open.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::time::Duration;

use gearman_test_support::requirements::{have_program, skip};
use gearman_test_support::wait::wait_until;
use gearman_test_support::wire::Command;

use crate::peer::Peer;
use crate::server::{Directory, Gearmand, Start};

/// Payload of a job that fills a disk.
const LARGE: usize = 100_000;
/// Size of the small file system, and of the small queue.
const SMALL: &str = "4M";

/// Submits a job without unique. Whether it was acknowledged.
fn submit(peer: &mut Peer, payload: &[u8]) -> bool {
    let parts: [&[u8]; 3] = [b"f", b"", payload];
    match peer.ask(Command::SubmitJobBg, &parts).expect("an answer") {
        (Command::JobCreated, _) => true,
        (Command::Error, body) if body.starts_with(b"QUEUE_ERROR\0") => false,
        other => panic!("{other:?}"),
    }
}

/// Submits until jobs are acknowledged again.
fn resume(peer: &mut Peer) {
    wait_until("acknowledgement", || submit(peer, b"again"));
}

/// Completes jobs; returns how many there were.
fn work(server: &Gearmand, most: usize) -> usize {
    let mut peer = server.connect();
    peer.send(&gearman_test_support::wire::request(Command::CanDo, &["f"])).expect("sends");
    let mut count = 0;
    while count < most && server.jobs() > 0 {
        let (command, body) = peer.ask(Command::GrabJob, &[""; 0]).expect("an answer");
        if command != Command::JobAssign {
            continue;
        }
        let handle = body.split(|&byte| byte == 0).next().expect("a handle");
        let parts: [&[u8]; 2] = [handle, b""];
        peer.send(&gearman_test_support::wire::request(Command::WorkComplete, &parts))
            .expect("sends");
        peer.ask(Command::EchoReq, &["handled?"]).expect("an answer");
        count += 1;
    }
    count
}

/// Kills the server and starts it again. Returns it when it has found so many jobs.
fn restart(server: Gearmand, file: &Path, jobs: usize) -> Gearmand {
    server.kill();
    let server = Gearmand::start(file);
    server.wait_for_line(&format!("Found {jobs} jobs in the queue"));
    server
}

#[test]
fn jobs_are_refused_while_the_directory_is_gone_and_stored_when_it_is_back() {
    let directory = Directory::new("gone");
    let file = directory.queue();
    let server = Gearmand::start(&file);
    let mut client = server.connect();
    assert!(submit(&mut client, b"before"));
    let place = file.parent().expect("a directory");
    fs::remove_dir_all(place).expect("removes");
    assert!(!submit(&mut client, b"without a directory"));
    server.wait_for_line("The queue takes no jobs: ");
    fs::create_dir(place).expect("a directory");
    resume(&mut client);
    server.wait_for_line("The queue takes jobs again");
    restart(server, &file, 2);
}

#[test]
fn jobs_are_refused_while_the_directory_is_elsewhere() {
    let directory = Directory::new("moved");
    let file = directory.queue();
    let server = Gearmand::start(&file);
    let mut client = server.connect();
    assert!(submit(&mut client, b"before"));
    let (place, elsewhere) = (file.parent().expect("a directory"), directory.path().join("else"));
    fs::rename(place, &elsewhere).expect("moves");
    assert!(!submit(&mut client, b"without a directory"));
    fs::rename(&elsewhere, place).expect("moves back");
    resume(&mut client);
    restart(server, &file, 2);
}

/// Another process that holds the write lock of a file, until it is told to end.
struct Locker(Child);

impl Locker {
    fn start(file: &Path) -> Locker {
        let script = "import sqlite3, sys\n\
                      c = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                      c.execute('BEGIN EXCLUSIVE')\n\
                      print('locked', flush=True)\n\
                      sys.stdin.readline()\n\
                      c.execute('ROLLBACK')\n";
        let mut child = Process::new("python3")
            .args(["-c", script])
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert_eq!(line, "locked\n");
        Locker(child)
    }

    fn end(mut self) {
        self.0.stdin.take().expect("a pipe").write_all(b"\n").expect("sends");
        assert!(self.0.wait().expect("ends").success());
    }
}

#[test]
fn a_file_that_another_process_has_locked_delays_jobs_and_then_refuses_them() {
    if !have_program("python3", &["-c", "import sqlite3"]) {
        return;
    }
    let directory = Directory::new("locked");
    let file = directory.queue();
    let server = Gearmand::start(&file);
    let mut client = server.connect();
    assert!(submit(&mut client, b"before"));
    let short = Locker::start(&file);
    let parts = ["f", "", "delayed"];
    client.send(&gearman_test_support::wire::request(Command::SubmitJobBg, &parts)).expect("sends");
    assert!(client.receive_within(Duration::from_millis(300)).expect("runs").is_none());
    // The event loop does not wait for the lock.
    server.connect().ask(Command::EchoReq, &["there?"]).expect("an answer");
    short.end();
    assert_eq!(client.receive().expect("an answer").0, Command::JobCreated);
    let long = Locker::start(&file);
    assert!(!submit(&mut client, b"refused"));
    let line = server.wait_for_line("The queue takes no jobs: ");
    assert!(line.contains("locked"), "{line}");
    long.end();
    resume(&mut client);
    restart(server, &file, 3);
}

#[test]
fn a_damaged_file_is_refused_at_the_start_and_left_as_it_is() {
    let directory = Directory::new("corrupt");
    let file = directory.queue();
    let server = Gearmand::start(&file);
    let mut client = server.connect();
    (0..20).for_each(|_| assert!(submit(&mut client, &[7; 3000])));
    server.terminate();
    let whole = fs::read(&file).expect("reads");
    // The first page has the schema, and the header of the file.
    for damaged in [10..60, 100..2000, 0..whole.len()] {
        let mut bytes = whole.clone();
        bytes[damaged].fill(0xa5);
        fs::write(&file, &bytes).expect("writes");
        let Err((status, log)) = Gearmand::try_start(&file, &Start::default()) else {
            panic!("starts with a damaged file");
        };
        assert_eq!(status.code(), Some(1), "{log}");
        let shown = file.to_str().expect("a plain path");
        assert!(log.contains(shown) && log.contains("--check-queue"), "{log}");
        assert!(fs::read(&file).expect("reads") == bytes, "the damaged file was changed");
    }
}

#[test]
fn damage_behind_the_first_page_ends_the_server_with_an_error() {
    let directory = Directory::new("corrupt-inside");
    let file = directory.queue();
    let server = Gearmand::start(&file);
    let mut client = server.connect();
    (0..200).for_each(|_| assert!(submit(&mut client, &[7; 1000])));
    server.terminate();
    let mut bytes = fs::read(&file).expect("reads");
    bytes[40_960..45_056].fill(0xa5);
    fs::write(&file, &bytes).expect("writes");
    let (status, log) = match Gearmand::try_start(&file, &Start::default()) {
        Ok(server) => server.wait_for_end(),
        Err(ended) => ended,
    };
    assert_eq!(status.code(), Some(1), "{log}");
    let shown = file.to_str().expect("a plain path");
    let error = log.lines().find(|line| line.starts_with("gearmand: ")).expect("an error");
    assert!(error.contains(shown) && error.contains("--check-queue"), "{log}");
    assert!(error.contains("behind the job with the number "), "{log}");
}

/// Fills a queue whose space ends, makes room, and returns the number of jobs that are left.
fn fill_and_make_room(server: &Gearmand) -> usize {
    let mut client = server.connect();
    let mut stored = 0;
    while submit(&mut client, &[7; LARGE]) {
        stored += 1;
        assert!(stored < 100, "more jobs than there is room for");
    }
    assert!(stored > 5, "{stored} jobs");
    let line = server.wait_for_line("The queue takes no jobs: ");
    assert!(line.contains("full"), "{line}");
    assert_eq!(work(server, 10), 10);
    resume(&mut client);
    server.wait_for_line("The queue takes jobs again");
    stored - 10 + 1
}

#[test]
fn a_full_queue_refuses_jobs_until_some_are_completed() {
    let directory = Directory::new("queue-size");
    let file = directory.queue();
    let arguments = vec![format!("--queue-size={SMALL}")];
    let server = Gearmand::start_with(&file, &Start { arguments, ..Start::default() });
    let left = fill_and_make_room(&server);
    restart(server, &file, left);
}

/// A small file system in memory, unmounted at the end.
pub(crate) struct SmallDisk(pub(crate) PathBuf);

impl SmallDisk {
    pub(crate) fn mount(place: PathBuf) -> Option<SmallDisk> {
        fs::create_dir_all(&place).expect("a directory");
        let size = format!("size={SMALL}");
        let output =
            Process::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&place).output();
        match output.is_ok_and(|output| output.status.success()) {
            true => Some(SmallDisk(place)),
            false => {
                skip("a file system of a limited size can only be mounted by root");
                None
            }
        }
    }

    pub(crate) fn remount(&self, option: &str) {
        let options = format!("remount,{option}");
        let status = Process::new("mount").args(["-o", &options]).arg(&self.0).status();
        assert!(status.expect("mount runs").success(), "{option}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Process::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_jobs_until_there_is_room() {
    let directory = Directory::new("disk");
    let Some(disk) = SmallDisk::mount(directory.path().join("disk")) else { return };
    let file = disk.0.join("queue.db");
    let server = Gearmand::start(&file);
    let mut client = server.connect();
    let mut stored = 0;
    while submit(&mut client, &[7; LARGE]) {
        stored += 1;
        assert!(stored < 100, "more jobs than there is room for");
    }
    server.wait_for_line("The queue takes no jobs: ");
    disk.remount("size=64M");
    resume(&mut client);
    drop(client);
    let server = restart(server, &file, stored + 1);
    assert_eq!(work(&server, usize::MAX), stored + 1);
}
