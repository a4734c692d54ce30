//! Queues in Redis and memcached: crashes of both sides, connections that break, and jobs that the
//! original wrote.

use std::net::TcpListener;
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use gearman_test_support::databases::process::Home;
use gearman_test_support::databases::{Memcached, Redis, SYNCING};
use gearman_test_support::paths::ORIGINAL_GEARMAND;
use gearman_test_support::random::Random;
use gearman_test_support::requirements::have_file;
use gearman_test_support::wait::{TIMEOUT, wait_until};
use gearman_test_support::wire::{Command, request};

use crate::crash::{assert_kept, crash, rounds, seed, work_off};
use crate::load::Load;
use crate::outside::SmallDisk;
use crate::peer::Peer;
use crate::proxy::Proxy;
use crate::server::{Directory, Gearmand, Start};

fn redis(port: u16) -> Start {
    let queue = vec!["--queue-type=redis".to_owned(), format!("--redis-port={port}")];
    Start { queue, ..Start::default() }
}

fn memcached(port: u16) -> Start {
    let servers = format!("--libmemcached-servers=127.0.0.1:{port}");
    let queue = vec!["--queue-type=libmemcached".to_owned(), servers];
    Start { queue, ..Start::default() }
}

fn start(start: &Start) -> Gearmand {
    // A file that these queues do not use.
    Gearmand::start_with("none".as_ref(), start)
}

/// Submits a background job. Whether it was acknowledged.
fn submit(peer: &mut Peer, parts: [&[u8]; 3]) -> bool {
    match peer.ask(Command::SubmitJobBg, &parts).expect("an answer") {
        (Command::JobCreated, _) => true,
        (Command::Error, body) if body.starts_with(b"QUEUE_ERROR\0") => false,
        other => panic!("{other:?}"),
    }
}

/// Works off so many jobs of functions, which must be all. Returns their function, unique and
/// payload, sorted.
fn worked(peer: &mut Peer, functions: &[&str], count: usize) -> Vec<[Vec<u8>; 3]> {
    for function in functions {
        peer.send(&request(Command::CanDo, &[function])).expect("sends");
    }
    let mut jobs = Vec::new();
    let began = Instant::now();
    loop {
        let (command, body) = peer.ask(Command::GrabJobUniq, &[""; 0]).expect("an answer");
        if command == Command::NoJob {
            if jobs.len() == count {
                jobs.sort_unstable();
                return jobs;
            }
            // They are being fetched.
            assert!(began.elapsed() < TIMEOUT, "{} of {count} jobs", jobs.len());
            std::thread::sleep(Duration::from_millis(5));
            continue;
        }
        assert_eq!(command, Command::JobAssignUniq);
        let mut parts = body.splitn(4, |&byte| byte == 0).map(<[u8]>::to_vec);
        let mut part = || parts.next().expect("a part");
        let (handle, function, unique, payload) = (part(), part(), part(), part());
        peer.send(&request(Command::WorkComplete, &[&handle[..], b""])).expect("sends");
        jobs.push([function, unique, payload]);
    }
}

#[test]
fn acknowledged_jobs_in_redis_survive_kill_9_of_gearmand() {
    let Some(server) = Redis::start(&SYNCING) else { return };
    assert_kept(&crash("none".as_ref(), &redis(server.port), rounds(), |_| {}));
}

#[test]
fn acknowledged_jobs_in_memcached_survive_kill_9_of_gearmand() {
    let Some(server) = Memcached::start(&["-M"]) else { return };
    assert_kept(&crash("none".as_ref(), &memcached(server.port), rounds(), |_| {}));
}

/// Something that happens to Redis or to the way to it, while gearmand runs.
fn fault(random: &mut Random, server: &mut Redis, proxy: &Proxy) {
    let pause = Duration::from_millis(random.below(300) as u64);
    match random.below(5) {
        0 => {
            server.kill();
            std::thread::sleep(pause);
            server.start_again();
        }
        1 => {
            server.stop();
            std::thread::sleep(pause);
            server.go_on();
        }
        2 => {
            server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
        }
        3 => proxy.cut(),
        _ => {
            proxy.swallow(true);
            std::thread::sleep(pause);
            proxy.cut();
            proxy.swallow(false);
        }
    }
}

/// Has faults under load, and works everything off. Returns the rules that were broken.
fn faults(settings: &[&str], rounds: u32, kills_both: bool) -> Option<Vec<String>> {
    let mut server = Redis::start(settings)?;
    let proxy = Proxy::start(server.port);
    let start = redis(proxy.port);
    let seed = seed();
    let mut random = Random(seed);
    let load = Load::start(seed);
    let mut gearmand = Some(self::start(&start));
    load.server_started(gearmand.as_ref().expect("runs").address);
    for _ in 0..rounds {
        std::thread::sleep(Duration::from_millis(50 + random.below(250) as u64));
        if kills_both {
            gearmand.take().expect("runs").kill();
            load.server_gone();
            server.kill();
            server.start_again();
        } else if random.one_in(4) {
            gearmand.take().expect("runs").kill();
            load.server_gone();
            fault(&mut random, &mut server, &proxy);
        } else {
            fault(&mut random, &mut server, &proxy);
        }
        if gearmand.is_none() {
            let running = gearmand.insert(self::start(&start));
            load.server_started(running.address);
        }
    }
    load.stop_submitting();
    let gearmand = gearmand.take().expect("runs");
    work_off(&load, &gearmand);
    let ledger = load.end();
    println!("{} in {rounds} rounds", ledger.summary());
    gearmand.terminate();
    Some(ledger.verdict())
}

#[test]
fn acknowledged_jobs_in_redis_survive_faults_of_redis_and_of_the_way_to_it() {
    let Some(broken) = faults(&SYNCING, rounds(), false) else { return };
    assert_kept(&broken);
}

/// So the test above would notice a loss.
#[test]
fn acknowledged_jobs_are_lost_with_a_redis_that_has_no_log() {
    let Some(broken) = faults(&[], 3, true) else { return };
    assert!(broken.iter().any(|rule| rule.ends_with("is lost")), "{broken:?}");
}

#[test]
fn jobs_that_memory_has_are_written_anew_when_redis_has_lost_them() {
    let Some(mut server) = Redis::start(&[]) else { return };
    let gearmand = start(&redis(server.port));
    let line = gearmand.wait_for_line("no append-only file");
    assert!(line.contains("appendonly yes"), "{line}");
    let mut client = gearmand.connect();
    for unique in ["u1", "u2", "u3"] {
        assert!(submit(&mut client, [b"f", unique.as_bytes(), b"x"]));
    }
    server.kill();
    server.start_again();
    assert!(submit(&mut client, [b"f", b"u4", b"x"]));
    wait_until("jobs in Redis", || server.ask(&["HLEN", ":gearmand:_gear_:jobs"]) == "4");
    gearmand.kill();
    let gearmand = start(&redis(server.port));
    gearmand.wait_for_line("Found 4 jobs in the queue");
}

#[test]
fn submissions_wait_for_a_store_that_is_away_and_are_refused_after_queue_wait() {
    let Some(mut server) = Redis::start(&SYNCING) else { return };
    let mut options = redis(server.port);
    options.arguments.push("--queue-wait=1".to_owned());
    let gearmand = start(&options);
    let mut client = gearmand.connect();
    assert!(submit(&mut client, [b"f", b"u1", b"x"]));
    // Nothing is under way, so it is known that nothing was written. A connection is only asked
    // before a batch if it was idle: what is sent on a broken one at once has an unknown outcome.
    server.kill();
    std::thread::sleep(Duration::from_millis(20));
    assert!(!submit(&mut client, [b"f", b"u2", b"x"]));
    gearmand.wait_for_line("The queue takes no jobs: ");
    // The event loop does not wait.
    assert_eq!(client.ask(Command::EchoReq, &["there?"]).expect("an answer").0, Command::EchoRes);
    server.start_again();
    gearmand.wait_for_line("The queue takes jobs again");
    assert!(submit(&mut client, [b"f", b"u3", b"x"]));
    drop(client);
    gearmand.kill();
    let gearmand = start(&redis(server.port));
    let jobs = worked(&mut gearmand.connect(), &["f"], 2);
    let uniques: Vec<_> = jobs.iter().map(|[_, unique, _]| &unique[..]).collect();
    assert_eq!(uniques, [b"u1", b"u3"]);
}

/// With `always`, Redis ends when its log cannot be written; otherwise it refuses writes.
#[test]
fn a_full_disk_behind_redis_refuses_jobs_until_there_is_room() {
    for syncing in ["appendfsync always", "appendfsync everysec"] {
        let home = Home::new("redis-small");
        let Some(disk) = SmallDisk::mount(home.path().join("disk")) else { return };
        // The file system belongs to root, who mounted it.
        let done = Process::new("chown").arg("--reference").arg(home.path()).arg(&disk.0).status();
        assert!(done.expect("chown runs").success());
        let place = format!("dir {}", disk.0.display());
        let Some(mut server) = Redis::start(&["appendonly yes", syncing, &place]) else { return };
        let mut options = redis(server.port);
        options.arguments.push("--queue-wait=1".to_owned());
        let gearmand = start(&options);
        let mut client = gearmand.connect();
        let payload = vec![b'x'; 100_000];
        let (mut stored, mut is_unanswered) = (0, false);
        let mut is_full = false;
        while !is_full {
            let unique = format!("u{stored}");
            let parts: [&[u8]; 3] = [b"f", unique.as_bytes(), &payload];
            client.send(&request(Command::SubmitJobBg, &parts)).expect("sends");
            match client.receive_within(Duration::from_secs(3)).expect("gearmand goes on") {
                Some((Command::JobCreated, _)) => stored += 1,
                Some((Command::Error, _)) => is_full = true,
                // Whether it is stored is found out when Redis is back.
                None => (is_full, is_unanswered) = (true, true),
                other => panic!("{other:?}"),
            }
            assert!(stored < 100, "more jobs than there is room for");
        }
        gearmand.wait_for_line("The queue takes no jobs: ");
        assert!(!submit(&mut gearmand.connect(), [b"f", b"refused", b"x"]));
        disk.remount("size=64M");
        if server.ask(&["PING"]) != "PONG" {
            server.start_again();
        }
        if is_unanswered {
            let (answer, _) = client.receive().expect("an answer");
            stored += usize::from(answer == Command::JobCreated);
        }
        wait_until("acknowledgement", || submit(&mut client, [b"f", b"again", b"x"]));
        gearmand.kill();
        // What was acknowledged is on the disk.
        server.kill();
        server.start_again();
        let gearmand = start(&options);
        gearmand.wait_for_line(&format!("Found {} jobs in the queue", stored + 1));
        gearmand.terminate();
        server.kill();
    }
}

#[test]
fn a_second_gearmand_on_the_same_keys_is_refused_by_name() {
    let (Some(redis_server), Some(memcached_server)) =
        (Redis::start(&[]), Memcached::start(&["-M"]))
    else {
        return;
    };
    for options in [redis(redis_server.port), memcached(memcached_server.port)] {
        let first = start(&options);
        let Err((status, log)) = Gearmand::try_start("none".as_ref(), &options) else {
            panic!("a second server starts");
        };
        assert_eq!(status.code(), Some(1), "{log}");
        let process = format!("in use by another gearmand, process {}", first.id());
        assert!(log.contains(&process), "{log}");
        first.kill();
        // The dead one's lease does not hold up its successor.
        start(&options);
    }
}

/// The original's job server, killed when dropped.
struct Original {
    child: Child,
    port: u16,
    _directory: Directory,
}

impl Original {
    fn start(name: &str, arguments: &[String]) -> Option<Original> {
        if !have_file(ORIGINAL_GEARMAND, "gearman-job-server") {
            return None;
        }
        let directory = Directory::new(name);
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let file = |name: &str| directory.path().join(name).display().to_string();
        let child = Process::new(ORIGINAL_GEARMAND)
            .args(["-L", "127.0.0.1", "-p", &port.to_string(), "-l", &file("log")])
            .args(["-P", &file("pid")])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the original starts");
        let original = Original { child, port, _directory: directory };
        // A socket that is connected to a free port can be connected to itself.
        let listening = format!(":{port:04X} 00000000:0000 0A ");
        wait_until("original", || {
            let is_listening = std::fs::read_to_string("/proc/net/tcp")
                .is_ok_and(|sockets| sockets.contains(&listening));
            is_listening
                && Peer::connect(([127, 0, 0, 1], port).into())
                    .is_ok_and(|mut peer| peer.ask(Command::EchoReq, &["up?"]).is_ok())
        });
        Some(original)
    }

    fn connect(&self) -> Peer {
        Peer::connect(([127, 0, 0, 1], self.port).into()).expect("the original accepts")
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn job(function: &str, unique: &str, payload: &[u8]) -> [Vec<u8>; 3] {
    [function.into(), unique.into(), payload.into()]
}

/// Has the original write jobs and ours work them off, then ours write jobs and the original work
/// off those that it can read. `worked` are jobs as ours takes them over.
fn takes_over_and_gives_back(name: &str, ours: &Start, original: &[String], nul: bool) {
    let Some(server) = Original::start(&format!("{name}-1"), original) else { return };
    let mut client = server.connect();
    let large = vec![b'B'; 300_000];
    let written: [[&[u8]; 3]; 6] = [
        [b"f", b"u1", b"data"],
        [b"f", b"u-2", b"nul\0inside"],
        [b"f", b"u3", b""],
        [b"f", b"", b"without unique"],
        [b"f", b"large", &large],
        [b"a-b", b"u4", b"dash"],
    ];
    for parts in written {
        assert!(submit(&mut client, parts));
    }
    drop((client, server));
    let gearmand = start(ours);
    gearmand.wait_for_line("6 jobs that another server wrote were taken over");
    let found = worked(&mut gearmand.connect(), &["f", "a"], 6);
    let mut wanted: Vec<_> = written[..5].iter().map(|parts| parts.map(<[u8]>::to_vec)).collect();
    // The original's key does not say where the function name ends.
    wanted.push(job("a", "b-u4", b"dash"));
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    gearmand.terminate();
    let gearmand = start(ours);
    let mut client = gearmand.connect();
    for parts in written {
        assert!(submit(&mut client, parts));
    }
    drop(client);
    gearmand.terminate();
    let server = Original::start(&format!("{name}-2"), original).expect("is there");
    let found = worked(&mut server.connect(), &["f", "a", "a-b"], if nul { 4 } else { 3 });
    let mut wanted = vec![job("f", "large", &large), job("f", "u1", b"data"), job("f", "u3", b"")];
    if nul {
        wanted.push(job("f", "u-2", b"nul\0inside"));
    }
    wanted.sort_unstable();
    assert_eq!(found, wanted);
    drop(server);
    // The rest has waited beside.
    let gearmand = start(ours);
    let found = worked(&mut gearmand.connect(), &["f", "a-b"], if nul { 2 } else { 3 });
    let mut wanted = vec![job("a-b", "u4", b"dash"), job("f", "", b"without unique")];
    if !nul {
        wanted.push(job("f", "u-2", b"nul\0inside"));
    }
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

#[test]
fn jobs_in_redis_go_from_the_original_to_ours_and_back() {
    let Some(server) = Redis::start(&[]) else { return };
    let original = ["-q", "redis", "--redis-server", "127.0.0.1", "--redis-port"];
    let mut original: Vec<_> = original.map(str::to_owned).into();
    original.push(server.port.to_string());
    // The original cuts a payload at its first NUL, so it does not get such jobs.
    takes_over_and_gives_back("redis", &redis(server.port), &original, false);
}

#[test]
fn jobs_in_memcached_go_from_the_original_to_ours_and_back() {
    let Some(server) = Memcached::start(&["-M"]) else { return };
    let servers = format!("127.0.0.1:{}", server.port);
    let original = ["-q", "libmemcached", "--libmemcached-servers", &servers].map(str::to_owned);
    takes_over_and_gives_back("memcached", &memcached(server.port), &original, true);
}

#[test]
fn the_password_of_redis_comes_from_a_file_or_the_environment_and_is_not_shown() {
    let Some(server) = Redis::start(&["requirepass geheim"]) else { return };
    let directory = Directory::new("password");
    let file = directory.path().join("password");
    std::fs::write(&file, "geheim\n").expect("writes");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("changes");
    let mut from_file = redis(server.port);
    from_file.arguments.push(format!("--queue-password-file={}", file.display()));
    let mut from_environment = redis(server.port);
    let variable = ("GEARMAND_QUEUE_PASSWORD".to_owned(), "geheim".to_owned());
    from_environment.environment.push(variable);
    for options in [from_file, from_environment] {
        let gearmand = start(&options);
        assert!(submit(&mut gearmand.connect(), [b"f", b"", b"x"]));
        let (_, log) = gearmand.terminate();
        assert!(!log.contains("geheim"), "{log}");
    }
    let began = Instant::now();
    let mut without = redis(server.port);
    without.arguments.push("--queue-wait=0".to_owned());
    let Err((status, log)) = Gearmand::try_start("none".as_ref(), &without) else {
        panic!("starts without the password, after {:?}", began.elapsed());
    };
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("NOAUTH") || log.contains("uthentication"), "{log}");
}
