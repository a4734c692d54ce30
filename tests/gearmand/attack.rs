//! Attackers beside pairs of a client and a worker that do numbered jobs: none is lost or doubled,
//! and the server lives.
//!
//! The attackers send any packets in any order, text lines, rubbish and pieces of all of them, do not
//! read, close half of a connection, and reset connections. All of it comes from a seed.
//! `GEARMAN_ATTACK_SEED` runs one seed; `GEARMAN_ATTACK_SECONDS` runs new ones for this time.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::support::*;
use gearman_test_support::random::Random;
use gearman_test_support::scripted::job_server::reset_when_closed;

/// Pairs of a client and a worker.
const PAIRS: usize = 2;
/// Attackers, each a thread with several connections.
const ATTACKERS: usize = 2;
/// Connections that an attacker has at most.
const CONNECTIONS_MAX: usize = 24;
/// What an attacker does for a seed: writes, reads, and ends of connections.
const ATTACK_STEPS: usize = 40_000;
/// Seeds that are run without a variable.
const SEEDS: u64 = 4;

/// Text commands that change nothing of the pairs' jobs.
const LINES: [&str; 14] = [
    "status",
    "workers",
    "version",
    "getpid",
    "prioritystatus",
    "show jobs",
    "show unique jobs",
    "verbose",
    "json status",
    "json workers",
    "cancel job H:t:none",
    "maxqueue",
    "status x y",
    "",
];

/// Bytes that an attacker may send: whole, cut, or with another one inside.
fn attack_bytes(random: &mut Random) -> Vec<u8> {
    let mut bytes = match random.below(10) {
        0 => format!("{}\n", random.pick(&LINES)).into_bytes(),
        1 => (0..random.small(200)).map(|_| random.bits() as u8).collect(),
        2 => declared_too_long(random),
        _ => attack_packet(random),
    };
    if random.one_in(8) {
        bytes.truncate(random.below(bytes.len() + 1));
    }
    if random.one_in(16) && !bytes.is_empty() {
        let at = random.below(bytes.len());
        bytes[at] ^= 1 << random.below(8);
    }
    if random.one_in(16) {
        bytes = bytes.repeat(1 + random.small(50));
    }
    bytes
}

/// A header that announces more than follows.
fn declared_too_long(random: &mut Random) -> Vec<u8> {
    let mut bytes = attack_packet(random);
    let size = random.pick(&[u32::MAX, 1 << 31, 1 << 20, 100]);
    bytes[8..12].copy_from_slice(&size.to_be_bytes());
    bytes
}

/// A packet of any command, with arguments that may fit it.
fn attack_packet(random: &mut Random) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = (0..random.below(5)).map(|_| argument(random)).collect();
    let known = UNKNOWN_COMMANDS[0] as usize;
    match random.below(20) {
        0 => numbered_request(random.pick(&UNKNOWN_COMMANDS), &parts),
        1 => {
            let mut bytes = numbered_request(random.below(known) as u32, &parts);
            bytes[..4].copy_from_slice(b"\0RES");
            bytes
        }
        // The commands by which a worker gets into its states.
        2..=5 => request(CanDo, &[function(random)]),
        6..=8 => request(GrabJob, NOTHING),
        9 => request(PreSleep, NOTHING),
        10..=12 => {
            let body = vec![b'x'; random.small(70_000)];
            request(SubmitJob, &[function(random), argument(random), body])
        }
        _ => numbered_request(random.below(known) as u32, &parts),
    }
}

/// One of a few functions; none is a pair's.
fn function(random: &mut Random) -> Vec<u8> {
    format!("attacked-{}", random.below(6)).into_bytes()
}

fn argument(random: &mut Random) -> Vec<u8> {
    match random.below(7) {
        0 => function(random),
        // Also of the pairs' jobs.
        1 => format!("H:t:{}", random.small(2_000)).into_bytes(),
        2 => random.small(100).to_string().into_bytes(),
        3 => b"-".to_vec(),
        4 => Vec::new(),
        5 => vec![b'n'; random.small(600)],
        _ => (0..random.small(20)).map(|_| random.bits() as u8).collect(),
    }
}

/// Attacks a server until all steps are done. Returns how often it wrote.
fn attack(address: SocketAddr, seed: u64) -> usize {
    let mut random = Random(seed);
    let mut connections: Vec<TcpStream> = Vec::new();
    let mut writes = 0;
    for _ in 0..ATTACK_STEPS {
        if connections.is_empty() || (connections.len() < CONNECTIONS_MAX && random.one_in(8)) {
            let stream = TcpStream::connect(address).expect("the server accepts");
            stream.set_nonblocking(true).expect("set");
            connections.push(stream);
        }
        let at = random.below(connections.len());
        match random.below(24) {
            0 => drop(connections.swap_remove(at)),
            1 => {
                reset_when_closed(&connections[at]);
                drop(connections.swap_remove(at));
            }
            2 => {
                let how = if random.one_in(2) { Shutdown::Write } else { Shutdown::Read };
                let _ = connections[at].shutdown(how);
            }
            3..=6 => {
                let _ = connections[at].read(&mut [0; 65_536]);
            }
            _ => {
                // What a full socket does not take is cut off. The server may have closed it.
                let is_open = connections[at].write(&attack_bytes(&mut random));
                writes += 1;
                if is_open.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock) {
                    drop(connections.swap_remove(at));
                }
            }
        }
    }
    writes
}

/// Submits numbered jobs, one after the other, until the attackers are done. Every fourth one is a
/// background job. Returns how many there were.
fn submit_numbers(address: SocketAddr, function: &str, attackers: &AtomicUsize) -> usize {
    let mut client = Peer::connect(address);
    let mut number = 0;
    loop {
        let is_last = attackers.load(Ordering::SeqCst) == 0;
        let text = if is_last { "last".to_owned() } else { number.to_string() };
        let is_background = number % 4 == 3 && !is_last;
        let command = if is_background { SubmitJobBg } else { SubmitJob };
        client.send(&request(command, &[function, "", &text]));
        let (command, handle) = client.packet();
        assert_eq!(command, JobCreated, "{}", handle.escape_ascii());
        if !is_background {
            let wanted = [&handle[..], b"\0", text.as_bytes()].concat();
            assert_eq!(client.packet(), (WorkComplete, wanted), "job {number} of {function}");
        }
        if is_last {
            return number;
        }
        number += 1;
    }
}

/// Does the jobs of a function up to the last one. Returns their numbers.
fn work_on_numbers(address: SocketAddr, function: &str) -> Vec<usize> {
    let mut worker = Peer::connect(address);
    worker.send(&request(CanDo, &[function]));
    let mut done = Vec::new();
    loop {
        worker.send(&request(GrabJob, NOTHING));
        let (command, payload) = worker.packet();
        match command {
            Noop => continue,
            NoJob => {
                worker.send(&request(PreSleep, NOTHING));
                assert_eq!(worker.packet().0, Noop);
                continue;
            }
            _ => assert_eq!(command, JobAssign, "{}", payload.escape_ascii()),
        }
        let mut parts = payload.splitn(3, |byte| *byte == 0);
        let (handle, name) = (parts.next().expect("a handle"), parts.next().expect("a name"));
        let text = String::from_utf8(parts.next().expect("a body").to_vec()).expect("text");
        assert_eq!(name, function.as_bytes());
        worker.send(&request(WorkComplete, &[handle, text.as_bytes()]));
        match text.parse() {
            Ok(number) => done.push(number),
            Err(_) => return done,
        }
    }
}

/// Attacks one server, which keeps its jobs in a file if the seed is odd.
fn attack_from(seed: u64) {
    // Shown if the test fails.
    println!("GEARMAN_ATTACK_SEED={seed}");
    let directory = Directory::new(&format!("attack-{seed}"));
    let queue = directory.file("queue");
    let mut options = vec!["--output-limit", "16000000"];
    if seed % 2 == 1 {
        options.extend(["-q", "libsqlite3", "--queue-sync", "off", "--libsqlite3-db", &queue]);
    }
    let mut server = Server::start(&options);
    let address = server.address;
    let attackers = AtomicUsize::new(ATTACKERS);
    thread::scope(|scope| {
        let attackers = &attackers;
        let attacks: Vec<_> = (0..ATTACKERS)
            .map(|number| {
                let seed = seed.wrapping_mul(1_000).wrapping_add(number as u64);
                scope.spawn(move || {
                    let attack = std::panic::catch_unwind(|| attack(address, seed));
                    // Also after a panic: the clients wait for it.
                    attackers.fetch_sub(1, Ordering::SeqCst);
                    attack.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
            })
            .collect();
        let pairs: Vec<_> = (0..PAIRS)
            .map(|pair| {
                let name = format!("pair-{pair}");
                let function = name.clone();
                let worker = scope.spawn(move || work_on_numbers(address, &function));
                (scope.spawn(move || submit_numbers(address, &name, attackers)), worker)
            })
            .collect();
        for attack in attacks {
            let writes = attack.join().expect("an attacker connects");
            assert!(writes > ATTACK_STEPS / 2, "only {writes} writes");
        }
        for (client, worker) in pairs {
            let submitted = client.join().expect("a client");
            let mut done = worker.join().expect("a worker");
            done.sort_unstable();
            assert!(submitted > 0 && done == (0..submitted).collect::<Vec<_>>(), "{done:?}");
        }
    });
    assert!(server.connect().line("version").starts_with("OK "));
    server.signal("TERM");
    let lines = server.remaining_lines();
    assert!(!lines.iter().any(|line| line.contains("panicked")), "{lines:#?}");
    assert!(server.wait().success());
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect(name))
}

#[test]
fn an_attacked_server_loses_and_doubles_no_job() {
    if let Some(seed) = variable("GEARMAN_ATTACK_SEED") {
        return attack_from(seed);
    }
    let Some(seconds) = variable("GEARMAN_ATTACK_SECONDS") else {
        return (1..=SEEDS).for_each(attack_from);
    };
    let end = Instant::now() + Duration::from_secs(seconds);
    let first = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs() << 16;
    (first..).take_while(|_| Instant::now() < end).for_each(attack_from);
}
