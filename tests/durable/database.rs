//! What the tests of queues in a database have in common: how the database and the way to it fail,
//! and what `gearmand` promises whatever the database is.
//!
//! Must not: know a particular database.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use gearman_test_support::databases::process::free_port;
use gearman_test_support::random::Random;
use gearman_test_support::requirements::have_file;
use gearman_test_support::wait::{uninterrupted, wait_until};
use gearman_test_support::wire::{Command, NOTHING, request};

use crate::crash::{DRAINED_AFTER, assert_kept, rounds, seed};
use crate::load::Load;
use crate::peer::Peer;
use crate::server::{Directory, Gearmand, Start};

/// A database server with a queue, and what can happen to it.
pub(crate) trait QueueDatabase {
    /// Options of a server on it that connects to this port of 127.0.0.1.
    fn options_at(&self, port: u16) -> Vec<String>;

    /// Its own port.
    fn own_port(&self) -> u16;

    /// Ends the sessions of all gearmands.
    fn end_sessions(&mut self);

    /// Ends it as a crash would, and starts it again.
    fn restart(&mut self);

    /// Stops its processes, which keep their connections.
    fn pause(&mut self);

    /// Lets them go on.
    fn resume(&mut self);

    /// Rows of the queue's table.
    fn rows(&self) -> u64;

    /// How a server is started on it.
    fn start(&self, more: &[&str]) -> Start {
        self.start_at(self.own_port(), more)
    }

    /// The same over another port, of a proxy.
    fn start_at(&self, port: u16, more: &[&str]) -> Start {
        let mut queue = self.options_at(port);
        queue.extend(more.iter().map(|&option| option.to_owned()));
        Start { queue, ..Start::default() }
    }
}

/// Starts a server that must start.
pub(crate) fn start(start: &Start) -> Gearmand {
    Gearmand::start_with(Path::new(""), start)
}

/// A way between server and database that can be cut, or that swallows what it gets.
pub(crate) struct SwallowingProxy {
    pub(crate) port: u16,
    /// Bumped to cut all connections.
    generation: Arc<AtomicU64>,
    swallows: Arc<AtomicBool>,
}

impl SwallowingProxy {
    pub(crate) fn start(to: u16) -> SwallowingProxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (generation, swallows) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let proxy = SwallowingProxy {
            port,
            generation: Arc::clone(&generation),
            swallows: Arc::clone(&swallows),
        };
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

    pub(crate) fn cut(&self) {
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
        match uninterrupted(|| from.read(&mut piece)) {
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
pub(crate) fn work_off(load: Load, server: Gearmand) -> Vec<String> {
    load.stop_submitting();
    wait_until("answers to all submissions", || load.is_answered());
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
fn strike(
    random: &mut Random,
    database: &mut dyn QueueDatabase,
    proxy: &SwallowingProxy,
) -> &'static str {
    match random.below(5) {
        0 => {
            database.end_sessions();
            "sessions ended"
        }
        1 => {
            database.restart();
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

/// Asserts that acknowledged jobs survive whatever happens at random moments.
pub(crate) fn assert_acknowledged_jobs_survive(database: &mut dyn QueueDatabase) {
    let proxy = SwallowingProxy::start(database.own_port());
    let how = database.start_at(proxy.port, &["--queue-timeout=1", "--queue-wait=1"]);
    let seed = seed();
    let mut random = Random(seed);
    let load = Load::start_with_refusals(seed);
    let mut server = start(&how);
    load.server_started(server.address);
    for _ in 0..rounds() {
        thread::sleep(Duration::from_millis(50 + random.below(350) as u64));
        println!("{}", strike(&mut random, database, &proxy));
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
    assert_eq!(database.rows(), 0);
}

/// Asserts that jobs are lost with a database that does not write its log at commits: so the checks
/// of [`assert_acknowledged_jobs_survive`] would notice a loss. `crash` ends the database as a crash
/// of its machine does, and starts it again.
pub(crate) fn assert_losses_are_noticed<D: QueueDatabase>(
    database: &mut D,
    more: &[&str],
    mut crash: impl FnMut(&mut D),
) {
    let how = database.start(more);
    let seed = seed();
    let load = Load::start_with_refusals(seed);
    let mut server = start(&how);
    load.server_started(server.address);
    for _ in 0..4 {
        thread::sleep(Duration::from_millis(300));
        // Both at once: a server that lives writes what its database has lost again.
        server.kill();
        load.server_gone();
        crash(database);
        server = start(&how);
        load.server_started(server.address);
    }
    let broken = work_off(load, server);
    assert!(broken.iter().any(|rule| rule.ends_with("is lost")), "{broken:?}");
}

/// Submits a job, which must be acknowledged.
pub(crate) fn submit(peer: &mut Peer, command: Command, parts: &[&str]) {
    let (answer, body) = peer.ask(command, parts).expect("an answer");
    assert_eq!(answer, Command::JobCreated, "{}", body.escape_ascii());
}

/// Completes jobs of a function; returns uniques and payloads.
pub(crate) fn work(peer: &mut Peer, function: &str, count: usize) -> Vec<String> {
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

/// Asserts that a database without room refuses jobs until there is some, and that the log says why.
pub(crate) fn assert_a_full_store_refuses_jobs(
    database: &dyn QueueDatabase,
    why: &str,
    make_room: impl FnOnce(),
) {
    let server = start(&database.start(&["--queue-wait=1"]));
    let mut client = server.connect();
    let mut random = Random(1);
    // The database may compress what it can.
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
    assert!(line.contains(why), "{line}");
    make_room();
    wait_until("acknowledgement", &mut submit);
    assert_eq!(database.rows(), stored + 1);
}

/// Asserts that a second server is refused with the name of the first one.
pub(crate) fn assert_a_second_server_is_refused(database: &dyn QueueDatabase, kind: &str) {
    let how = database.start(&[]);
    let first = start(&how);
    let (status, log) = Gearmand::try_start(Path::new(""), &how).err().expect("is refused");
    assert_eq!(status.code(), Some(1), "{log}");
    let name = format!("in use by another gearmand, process {}", first.id());
    assert!(log.contains(&format!("--queue-type {kind}: ")) && log.contains(&name), "{log}");
}

/// Asserts that `json queue` counts the connections.
pub(crate) fn assert_json_queue_shows_the_connection(database: &mut dyn QueueDatabase) {
    let server = start(&database.start(&[]));
    // The queue's thread reports its connection once the server answers.
    let shows = |part: &str| server.ask("json queue").contains(part);
    wait_until("the connection", || shows("\"connected\":true,\"connects\":1,"));
    database.end_sessions();
    submit(&mut server.connect(), Command::SubmitJobBg, &["f", "", "x"]);
    wait_until("another connection", || shows("\"connected\":true,\"connects\":2,"));
}

/// Asserts that jobs are copied into the database and back into a file.
pub(crate) fn assert_a_queue_is_copied(database: &dyn QueueDatabase, kind: &str) {
    let directory = Directory::new("migrate");
    let file = directory.queue();
    let server = Gearmand::start(&file);
    let mut peer = server.connect();
    submit(&mut peer, Command::SubmitJobBg, &["f", "u1", "normal"]);
    submit(&mut peer, Command::SubmitJobHighBg, &["f", "u2", "high"]);
    drop(peer);
    server.terminate();
    let copy = |from: &str, to: &str, file: &Path| {
        let options = database.options_at(database.own_port());
        let output = Process::new(env!("CARGO_BIN_EXE_gearmand"))
            .args(["--migrate-queue", from, to])
            .arg(format!("--libsqlite3-db={}", file.display()))
            .args(options.iter().filter(|option| !option.starts_with("--queue-type")))
            .output()
            .expect("runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(copy("libsqlite3", kind, &file).contains("2 jobs copied"));
    assert!(copy("libsqlite3", kind, &file).contains("0 jobs copied, 2 found"));
    let back = file.with_file_name("back.db");
    // Case does not matter.
    assert!(copy(&kind.to_lowercase(), "libsqlite3", &back).contains("2 jobs copied"));
    let server = Gearmand::start(&back);
    assert_eq!(work(&mut server.connect(), "f", 2), ["u2 high", "u1 normal"]);
}

/// The original on a table, killed when dropped.
struct Original {
    child: Child,
    port: u16,
}

impl Original {
    /// `home` is a directory that it may write; `None` if it is not installed.
    fn start(database: &dyn QueueDatabase, home: &Path) -> Option<Original> {
        let program = "/usr/sbin/gearmand";
        if !have_file(program, "gearman-job-server") {
            return None;
        }
        let port = free_port();
        let child = Process::new(program)
            .args(["--listen=127.0.0.1", &format!("--port={port}"), "--log-file=none"])
            .args(database.options_at(database.own_port()))
            .arg(format!("--pid-file={}", home.join("original.pid").display()))
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

/// Asserts that jobs of the original are taken over from its table, and ours by the original.
pub(crate) fn assert_jobs_go_from_the_original_and_back(database: &dyn QueueDatabase, home: &Path) {
    let Some(original) = Original::start(database, home) else { return };
    let mut peer = original.connect().expect("accepts");
    submit(&mut peer, Command::SubmitJobLowBg, &["f", "u1", "low"]);
    submit(&mut peer, Command::SubmitJobHighBg, &["f", "u2", "high"]);
    submit(&mut peer, Command::SubmitJobBg, &["f", "u3", "normal"]);
    drop((peer, original));
    let ours = start(&database.start(&[]));
    let mut peer = ours.connect();
    assert_eq!(work(&mut peer, "f", 1), ["u2 high"]);
    submit(&mut peer, Command::SubmitJobBg, &["g", "", "of ours"]);
    submit(&mut peer, Command::SubmitJobBg, &["g", "u5", "and another"]);
    drop(peer);
    ours.terminate();
    let Some(original) = Original::start(database, home) else { return };
    let mut peer = original.connect().expect("accepts");
    assert_eq!(work(&mut peer, "g", 2), [" of ours", "u5 and another"]);
    submit(&mut peer, Command::SubmitJobBg, &["h", "u6", "of the original"]);
    drop((peer, original));
    let ours = start(&database.start(&[]));
    assert_eq!(work(&mut ours.connect(), "h", 1), ["u6 of the original"]);
    assert_eq!(work(&mut ours.connect(), "f", 2), ["u3 normal", "u1 low"]);
}
