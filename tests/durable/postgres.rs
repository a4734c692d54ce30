//! The same promises with the jobs in PostgreSQL: `gearmand`, the database and the connection
//! between them fail at random moments.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gearman_test_support::databases::Postgres;
use gearman_test_support::random::Random;
use gearman_test_support::requirements::have_file;
use gearman_test_support::wait::wait_until;
use gearman_test_support::wire::{Command, NOTHING, request};

use crate::crash::{DRAINED_AFTER, assert_kept, rounds, seed};
use crate::load::Load;
use crate::outside::SmallDisk;
use crate::peer::Peer;
use crate::server::{Gearmand, Start};

/// Ends every session of a gearmand.
const END_SESSIONS: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
     WHERE application_name = 'gearmand'";

/// How a server is started on a database.
fn start_with(conninfo: &str, more: &[&str]) -> Start {
    let mut queue = vec!["--queue-type=Postgres".to_owned()];
    queue.push(format!("--libpq-conninfo={conninfo}"));
    queue.extend(more.iter().map(|&option| option.to_owned()));
    Start { queue, ..Start::default() }
}

fn start(start: &Start) -> Gearmand {
    Gearmand::start_with(Path::new(""), start)
}

/// A way between server and database that can be cut, or that swallows what it gets.
struct Proxy {
    port: u16,
    /// Bumped to cut all connections.
    generation: Arc<AtomicU64>,
    swallows: Arc<AtomicBool>,
}

impl Proxy {
    fn start(to: u16) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (generation, swallows) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let proxy =
            Proxy { port, generation: Arc::clone(&generation), swallows: Arc::clone(&swallows) };
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                for (mut from, mut to) in [
                    (near.try_clone().expect("a copy"), far.try_clone().expect("a copy")),
                    (far, near),
                ] {
                    let (generation, swallows) = (Arc::clone(&generation), Arc::clone(&swallows));
                    thread::spawn(move || pass_on(&mut from, &mut to, &generation, &swallows));
                }
            }
        });
        proxy
    }

    fn cut(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

/// Copies bytes until the connection ends or is cut.
fn pass_on(
    from: &mut TcpStream,
    to: &mut TcpStream,
    generation: &AtomicU64,
    swallows: &AtomicBool,
) {
    let own = generation.load(Ordering::SeqCst);
    from.set_read_timeout(Some(Duration::from_millis(5))).expect("a time limit");
    let mut piece = [0; 16384];
    while generation.load(Ordering::SeqCst) == own {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(size) if !swallows.load(Ordering::SeqCst) => {
                if to.write_all(&piece[..size]).is_err() {
                    break;
                }
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    // The other end may have closed already.
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = to.shutdown(std::net::Shutdown::Both);
}

/// Waits until everything is worked off, and returns the rules that were broken.
fn work_off(load: Load, server: Gearmand) -> Vec<String> {
    load.stop_submitting();
    let began = Instant::now();
    wait_until("end of the work", || {
        load.ledger.unfinished() == 0 || (began.elapsed() > DRAINED_AFTER && server.jobs() == 0)
    });
    wait_until("empty queue", || server.jobs() == 0);
    let ledger = load.end();
    println!("{}", ledger.summary());
    server.terminate();
    ledger.verdict()
}

/// Something that happens to the server, the database or the way between them.
fn strike(random: &mut Random, database: &mut Postgres, proxy: &Proxy) -> &'static str {
    match random.below(5) {
        0 => {
            database.query(END_SESSIONS);
            "sessions ended"
        }
        1 => {
            database.stop_immediately();
            database.run();
            "database restarted"
        }
        2 => {
            database.pause();
            thread::sleep(Duration::from_millis(random.below(1500) as u64));
            database.resume();
            "database paused"
        }
        3 => {
            proxy.cut();
            "connection cut"
        }
        _ => {
            proxy.swallows.store(true, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(random.below(1500) as u64));
            proxy.cut();
            proxy.swallows.store(false, Ordering::SeqCst);
            "bytes swallowed"
        }
    }
}

#[test]
fn acknowledged_jobs_survive_whatever_happens_to_the_database_and_to_the_server() {
    let Some(mut database) = Postgres::start() else { return };
    let proxy = Proxy::start(database.port());
    let conninfo = database.conninfo_at(proxy.port);
    let how = start_with(&conninfo, &["--queue-timeout=1", "--queue-wait=1"]);
    let seed = seed();
    let mut random = Random(seed);
    let load = Load::start_with_refusals(seed);
    let mut server = start(&how);
    load.server_started(server.address);
    for _ in 0..rounds() {
        thread::sleep(Duration::from_millis(50 + random.below(350) as u64));
        println!("{}", strike(&mut random, &mut database, &proxy));
        if random.one_in(2) {
            thread::sleep(Duration::from_millis(random.below(300) as u64));
            println!("server killed");
            server.kill();
            load.server_gone();
            server = start(&how);
            load.server_started(server.address);
        }
    }
    assert_kept(&work_off(load, server));
    assert_eq!(database.query("SELECT count(*) FROM queue"), "0");
}

/// What `--queue-sync=off` says that it risks happens: so the test above would notice.
#[test]
fn acknowledged_jobs_are_lost_with_the_database_if_commits_are_not_synchronous() {
    let Some(mut database) = Postgres::start() else { return };
    // Nothing but a full buffer or a checkpoint writes the log.
    database.query("ALTER SYSTEM SET wal_writer_delay = '10s'");
    database.query("ALTER SYSTEM SET wal_writer_flush_after = '1GB'");
    database.query("SELECT pg_reload_conf()");
    let how = start_with(&database.conninfo(), &["--queue-sync=off"]);
    let seed = seed();
    let load = Load::start_with_refusals(seed);
    let mut server = start(&how);
    load.server_started(server.address);
    for _ in 0..4 {
        thread::sleep(Duration::from_millis(300));
        // Both at once: a server that lives writes what its database has lost again.
        server.kill();
        load.server_gone();
        database.kill();
        database.run();
        server = start(&how);
        load.server_started(server.address);
    }
    let broken = work_off(load, server);
    assert!(broken.iter().any(|rule| rule.ends_with("is lost")), "{broken:?}");
}

/// A port that nothing listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The original on a table, killed when dropped.
struct Original {
    child: Child,
    port: u16,
}

impl Original {
    fn start(database: &Postgres) -> Option<Original> {
        let program = "/usr/sbin/gearmand";
        if !have_file(program, "gearman-job-server") {
            return None;
        }
        let port = free_port();
        let child = Process::new(program)
            .args(["--listen=127.0.0.1", &format!("--port={port}"), "--log-file=none"])
            .args(["-q", "Postgres", &format!("--libpq-conninfo={}", database.conninfo())])
            .arg(format!("--pid-file={}", database.home().join("original.pid").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the original starts");
        let original = Original { child, port };
        wait_until("the original that accepts", || {
            original.connect().is_ok_and(|mut peer| peer.ask(Command::EchoReq, &["up?"]).is_ok())
        });
        Some(original)
    }

    fn connect(&self) -> std::io::Result<Peer> {
        Peer::connect(([127, 0, 0, 1], self.port).into())
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn submit(peer: &mut Peer, command: Command, parts: &[&str]) {
    let (answer, body) = peer.ask(command, parts).expect("an answer");
    assert_eq!(answer, Command::JobCreated, "{}", body.escape_ascii());
}

/// Completes jobs of a function; returns uniques and payloads.
fn work(peer: &mut Peer, function: &str, count: usize) -> Vec<String> {
    peer.send(&request(Command::CanDo, &[function])).expect("sends");
    let mut found = Vec::new();
    while found.len() < count {
        let (command, body) = peer.ask(Command::GrabJobUniq, NOTHING).expect("an answer");
        if command == Command::NoJob {
            thread::sleep(Duration::from_millis(5));
            continue;
        }
        let text = String::from_utf8(body).expect("text");
        let parts: Vec<_> = text.split('\0').collect();
        found.push(format!("{} {}", parts[2], parts[3]));
        peer.send(&request(Command::WorkComplete, &[parts[0], ""])).expect("sends");
        peer.ask(Command::EchoReq, &["handled?"]).expect("an answer");
    }
    found
}

#[test]
fn jobs_of_the_original_are_taken_over_from_postgres_and_ours_by_the_original() {
    let Some(database) = Postgres::start() else { return };
    let Some(original) = Original::start(&database) else { return };
    let mut peer = original.connect().expect("accepts");
    submit(&mut peer, Command::SubmitJobLowBg, &["f", "u1", "low"]);
    submit(&mut peer, Command::SubmitJobHighBg, &["f", "u2", "high"]);
    submit(&mut peer, Command::SubmitJobBg, &["f", "u3", "normal"]);
    drop((peer, original));
    let ours = start(&start_with(&database.conninfo(), &[]));
    let mut peer = ours.connect();
    assert_eq!(work(&mut peer, "f", 1), ["u2 high"]);
    submit(&mut peer, Command::SubmitJobBg, &["g", "", "of ours"]);
    submit(&mut peer, Command::SubmitJobBg, &["g", "u5", "and another"]);
    drop(peer);
    ours.terminate();
    let Some(original) = Original::start(&database) else { return };
    let mut peer = original.connect().expect("accepts");
    assert_eq!(work(&mut peer, "g", 2), [" of ours", "u5 and another"]);
    submit(&mut peer, Command::SubmitJobBg, &["h", "u6", "of the original"]);
    drop((peer, original));
    let ours = start(&start_with(&database.conninfo(), &[]));
    assert_eq!(work(&mut ours.connect(), "h", 1), ["u6 of the original"]);
    assert_eq!(work(&mut ours.connect(), "f", 2), ["u3 normal", "u1 low"]);
}

#[test]
fn a_password_is_neither_in_the_list_of_processes_nor_in_the_log() {
    let Some(database) = Postgres::start() else { return };
    let conninfo = format!("{} password=hunter2", database.conninfo());
    let server = start(&start_with(&conninfo, &["--verbose=DEBUG"]));
    submit(&mut server.connect(), Command::SubmitJobBg, &["f", "", "x"]);
    let line = fs::read(format!("/proc/{}/cmdline", server.id())).expect("is readable");
    let line = String::from_utf8_lossy(&line).into_owned();
    assert!(line.contains("--libpq-conninfo=xxx") && !line.contains("hunter2"), "{line}");
    server.wait_for_line("Keeping background jobs in PostgreSQL at 127.0.0.1");
    let (_, log) = server.terminate();
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn a_full_disk_behind_the_database_refuses_jobs_until_there_is_room() {
    let Some(database) = Postgres::start() else { return };
    let Some(disk) = SmallDisk::mount(database.home().join("small")) else { return };
    let place = disk.0.display();
    // The file system belongs to root, who mounted it.
    let done = Process::new("chown").arg("--reference").arg(database.home()).arg(&disk.0).status();
    assert!(done.expect("chown runs").success());
    database.query(&format!("CREATE TABLESPACE small LOCATION '{place}'"));
    database.query("ALTER DATABASE gearman SET default_tablespace = small");
    let server = start(&start_with(&database.conninfo(), &["--queue-wait=1"]));
    let mut client = server.connect();
    let mut random = Random(1);
    // The database compresses what it can.
    let mut submit = || {
        let payload: Vec<u8> = (0..12_500).flat_map(|_| random.bits().to_le_bytes()).collect();
        let parts: [&[u8]; 3] = [b"f", b"", &payload];
        match client.ask(Command::SubmitJobBg, &parts).expect("an answer") {
            (Command::JobCreated, _) => true,
            (Command::Error, body) if body.starts_with(b"QUEUE_ERROR\0") => false,
            other => panic!("{other:?}"),
        }
    };
    let mut stored = 0;
    while submit() {
        stored += 1;
        assert!(stored < 100, "more jobs than there is room for");
    }
    let line = server.wait_for_line("The queue takes no jobs: ");
    assert!(line.contains("No space left on device"), "{line}");
    disk.remount("size=64M");
    wait_until("acknowledgement", &mut submit);
    assert_eq!(database.query("SELECT count(*) FROM queue"), (stored + 1).to_string());
}

#[test]
fn a_second_server_on_the_table_is_refused_by_name() {
    let Some(database) = Postgres::start() else { return };
    let how = start_with(&database.conninfo(), &[]);
    let first = start(&how);
    let (status, log) = Gearmand::try_start(Path::new(""), &how).err().expect("is refused");
    assert_eq!(status.code(), Some(1), "{log}");
    let name = format!("in use by another gearmand, process {}", first.id());
    assert!(log.contains("--queue-type Postgres: ") && log.contains(&name), "{log}");
}

#[test]
fn json_queue_shows_the_connection() {
    let Some(database) = Postgres::start() else { return };
    let server = start(&start_with(&database.conninfo(), &[]));
    // The queue's thread reports its connection once the server answers.
    let shows = |part: &str| server.ask("json queue").contains(part);
    wait_until("the connection", || shows("\"connected\":true,\"connects\":1,"));
    database.query(END_SESSIONS);
    submit(&mut server.connect(), Command::SubmitJobBg, &["f", "", "x"]);
    wait_until("another connection", || shows("\"connected\":true,\"connects\":2,"));
}

#[test]
fn a_queue_is_copied_into_postgres_and_back() {
    let Some(database) = Postgres::start() else { return };
    let directory = crate::server::Directory::new("migrate");
    let file = directory.queue();
    let server = Gearmand::start(&file);
    let mut peer = server.connect();
    submit(&mut peer, Command::SubmitJobBg, &["f", "u1", "normal"]);
    submit(&mut peer, Command::SubmitJobHighBg, &["f", "u2", "high"]);
    drop(peer);
    server.terminate();
    let copy = |from: &str, to: &str, file: &Path| {
        let output = Process::new(env!("CARGO_BIN_EXE_gearmand"))
            .args(["--migrate-queue", from, to])
            .arg(format!("--libsqlite3-db={}", file.display()))
            .arg(format!("--libpq-conninfo={}", database.conninfo()))
            .output()
            .expect("runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(copy("libsqlite3", "Postgres", &file).contains("2 jobs copied"));
    assert!(copy("libsqlite3", "Postgres", &file).contains("0 jobs copied, 2 found"));
    let back = file.with_file_name("back.db");
    assert!(copy("postgres", "libsqlite3", &back).contains("2 jobs copied"));
    let server = Gearmand::start(&back);
    assert_eq!(work(&mut server.connect(), "f", 2), ["u2 high", "u1 normal"]);
}
