//! What a job costs the server: processor time per job and jobs per second, for
//! ours and, where it is installed, for the original.
//!
//! `cargo bench --bench gearmand`, or with `-- ours` for one of them. The load
//! speaks the protocol by itself, from threads of this process; only the
//! server's own processor time is counted. Where waking a sleeping process is
//! dear, as in virtual machines, a waiting client's job costs mostly that.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const ORIGINAL: &str = "/usr/sbin/gearmand";
/// Ticks per second of `/proc/PID/stat`: a constant of Linux's interface.
const TICKS: f64 = 100.0;

/// A running server.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(program: &str) -> Server {
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        // A file of its own: the original unlinks what is there.
        let pid_file = format!("{}/bench-{port}.pid", env!("CARGO_TARGET_TMPDIR"));
        let mut child = Command::new(program)
            .args(["-L", "127.0.0.1", "-p", &port.to_string(), "-l", "stderr", "-P", &pid_file])
            .args(["--verbose", "INFO"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        while !log.next().expect("a log").expect("text").contains("Listening on") {}
        thread::spawn(move || log.for_each(drop));
        Server { child, port }
    }

    fn connect(&self) -> Peer {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("connects");
        stream.set_nodelay(true).expect("sets nodelay");
        Peer { input: BufReader::new(stream.try_clone().expect("another handle")), stream }
    }

    /// Seconds of processor time so far.
    fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("stat");
        let fields = stat.rsplit(") ").next().expect("fields").split(' ').skip(11).take(2);
        fields.map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / TICKS
    }

    /// Megabytes in use.
    fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
        let kilobytes = line.split_whitespace().nth(1).expect("a number");
        kilobytes.parse::<f64>().expect("a number") / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection.
struct Peer {
    stream: TcpStream,
    input: BufReader<TcpStream>,
}

impl Peer {
    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("sends");
    }

    /// The next packet's number; its payload goes to `payload`.
    fn receive(&mut self, payload: &mut Vec<u8>) -> u32 {
        let mut header = [0; 12];
        self.input.read_exact(&mut header).expect("a header");
        let [.., c0, c1, c2, c3, l0, l1, l2, l3] = header;
        payload.resize(u32::from_be_bytes([l0, l1, l2, l3]) as usize, 0);
        self.input.read_exact(payload).expect("a payload");
        u32::from_be_bytes([c0, c1, c2, c3])
    }

    /// Works until the jobs are done, and sleeps in between as libraries do.
    fn work(mut self, jobs: usize) {
        let mut payload = Vec::new();
        self.send(&packet(1, &[b"f"]));
        for _ in 0..jobs {
            self.send(&packet(9, &[]));
            loop {
                match self.receive(&mut payload) {
                    11 => break,
                    10 => self.send(&packet(4, &[])),
                    6 => self.send(&packet(9, &[])),
                    other => panic!("packet {other}"),
                }
            }
            let handle = payload.split(|&b| b == 0).next().expect("a handle");
            self.send(&packet(13, &[handle, b"result"]));
        }
    }
}

fn packet(number: u32, parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.join(&0);
    let mut bytes = b"\0REQ".to_vec();
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    bytes.extend_from_slice(&payload);
    bytes
}

fn report(name: &str, what: &str, server: &Server, jobs: usize, cpu: f64, began: Instant) {
    let spent = (server.cpu() - cpu) * 1e6 / jobs as f64;
    let speed = jobs as f64 / began.elapsed().as_secs_f64();
    println!("{name:>8}  {what:<34} {spent:6.2} us/job {speed:9.0} jobs/s");
}

/// Clients that wait for each job, beside as many workers.
fn foreground(name: &str, server: &Server, pairs: usize, jobs: usize) {
    let (cpu, began) = (server.cpu(), Instant::now());
    let workers: Vec<_> = (0..pairs)
        .map(|_| {
            let peer = server.connect();
            thread::spawn(move || peer.work(jobs))
        })
        .collect();
    let clients: Vec<_> = (0..pairs)
        .map(|client| {
            let mut peer = server.connect();
            thread::spawn(move || {
                let mut payload = Vec::new();
                for number in 0..jobs {
                    let unique = format!("{client}-{number}");
                    peer.send(&packet(7, &[b"f", unique.as_bytes(), &[b'x'; 64]]));
                    while peer.receive(&mut payload) != 13 {}
                }
            })
        })
        .collect();
    // The workers' last turn may find another's job: they end when all is done.
    clients.into_iter().for_each(|client| client.join().expect("a client"));
    workers.into_iter().for_each(|worker| worker.join().expect("a worker"));
    report(
        name,
        &format!("{pairs} waiting clients, {pairs} workers"),
        server,
        pairs * jobs,
        cpu,
        began,
    );
}

/// One client that queues everything without waiting, and one that works it off.
fn background(name: &str, server: &Server, jobs: usize) {
    let (cpu, began, before) = (server.cpu(), Instant::now(), server.memory());
    let mut client = server.connect();
    let mut payload = Vec::new();
    let mut number = 0;
    while number < jobs {
        let batch: Vec<u8> = (number..jobs.min(number + 100))
            .flat_map(|n| packet(18, &[b"f", format!("unique-{n:08}").as_bytes(), &[b'x'; 64]]))
            .collect();
        client.send(&batch);
        for _ in number..jobs.min(number + 100) {
            assert_eq!(client.receive(&mut payload), 8);
        }
        number += 100;
    }
    report(name, "queueing in the background", server, jobs, cpu, began);
    let full = server.memory();
    let (cpu, began) = (server.cpu(), Instant::now());
    server.connect().work(jobs);
    report(name, "working it off", server, jobs, cpu, began);
    // The last result is handled when the next question is answered.
    client.send(&packet(16, &[b"done?"]));
    client.receive(&mut payload);
    thread::sleep(Duration::from_millis(100));
    let each = (full - before) * 1024.0 * 1024.0 / jobs as f64;
    let after = server.memory();
    println!(
        "{name:>8}  {before:.0} MB, {full:.0} MB when full ({each:.0} bytes/job), {after:.0} MB after"
    );
}

fn main() {
    // `cargo test --benches` runs this too: once through, and quickly.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    let scale = if quick { 100 } else { 1 };
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    for (name, program) in [("original", ORIGINAL), ("ours", env!("CARGO_BIN_EXE_gearmand"))] {
        if only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        if !Path::new(program).exists() {
            println!("{name:>8}  skipped: there is no {program}");
            continue;
        }
        let server = Server::start(program);
        foreground(name, &server, 1, 20_000 / scale);
        foreground(name, &server, 8, 5_000 / scale);
        background(name, &server, 500_000 / scale);
    }
}
