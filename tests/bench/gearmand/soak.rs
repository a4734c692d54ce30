//! Soak test: hundreds of clients and workers that connect and disconnect while jobs run.
//!
//! Checks that every foreground job is answered once, that every background job is done (once,
//! unless its worker disconnected), that `status` answers throughout, and that the server's memory
//! does not grow. Owns the plan, which comes from a seed, and the record of every job.
//!
//! Must not: measure the cost of jobs.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::load::*;
use super::server::{Kind, Server, ask_list};
use gearman_test_support::random::Random;

const CLIENTS: usize = 200;
const WORKERS: usize = 200;
const FUNCTIONS: usize = 20;
/// Unanswered foreground jobs per client.
const OUTSTANDING: usize = 4;
/// Time limit for `status`, generous for a busy machine.
const STATUS_LIMIT: Duration = Duration::from_secs(2);
/// Time limit for the last jobs once no peer disconnects any more.
const FINISH_TIMEOUT: Duration = Duration::from_secs(60);

/// Payload size in bytes: mostly small, some larger than any buffer.
fn random_size(random: &mut Random) -> usize {
    match random.below(100) {
        0 => random.below(1 << 20),
        1..10 => random.below(64 << 10),
        10..20 => 0,
        _ => random.below(1000),
    }
}

/// Record of a job, indexed by the number at the start of its payload.
#[derive(Debug, Default)]
struct Entry {
    size: usize,
    background: bool,
    /// Times it was assigned.
    started: u32,
    /// Times a worker disconnected without completing it.
    left_undone: u32,
    /// Times a worker disconnected before the server confirmed its result.
    unsure: u32,
    /// Results that the server confirmed.
    completed: u32,
    /// Results that its client received, and whether that client disconnected first.
    answers: u32,
    abandoned: bool,
}

enum Role {
    Client {
        /// Jobs without a handle yet, in order of submission, and jobs by handle.
        unnamed: Vec<u64>,
        waiting: HashMap<Vec<u8>, u64>,
    },
    Worker {
        /// Job whose result was sent and not yet confirmed: the reply to the next GRAB_JOB
        /// confirms it.
        sent: Option<u64>,
    },
}

struct Peer {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    role: Role,
    /// Time of disconnection.
    leaves: Instant,
}

/// A running soak test.
struct Soak {
    port: u16,
    random: Random,
    poll: Poll,
    peers: Vec<Option<Peer>>,
    jobs: Vec<Entry>,
    /// Whether peers still disconnect and submit.
    churning: bool,
    connections_opened: usize,
}

/// Runs the soak test for `seconds`. Panics if a job is lost.
pub(crate) fn run(seconds: u64) {
    let server = Server::start(Kind::Ours, &[]);
    let mut soak = Soak {
        port: server.port,
        random: Random(seconds),
        poll: Poll::new().expect("a poller"),
        peers: (0..CLIENTS + WORKERS).map(|_| None).collect(),
        jobs: Vec::new(),
        churning: true,
        connections_opened: 0,
    };
    // The first half gives the baseline for memory in the second.
    let mut memory = Vec::new();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| poll_status(&server, &over));
        let stop = Stop(&over);
        for _ in 0..2 {
            soak.churning = true;
            soak.serve_until(Instant::now() + Duration::from_millis(seconds * 500));
            soak.churning = false;
            soak.finish(&server);
            thread::sleep(Duration::from_secs(2));
            memory.push(server.memory() / 1024.0);
        }
        drop(stop);
        let (count, worst) = asking.join().expect("status");
        println!("`status` answered {count} times, within {worst:.1?}");
    });
    soak.report();
    println!("memory: {:.0} KiB half-way, {:.0} KiB at the end", memory[0], memory[1]);
    assert!(memory[1] <= memory[0] * 1.25 + 4096.0, "memory grows");
}

/// Whether a line of `status` has no queued and no running job.
fn is_idle(line: &str) -> bool {
    line == "." || line.contains("\t0\t0\t")
}

/// Sets a flag when dropped, on a panic too.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls `status` until `over` is set. Returns how often, and the slowest reply.
fn poll_status(server: &Server, over: &AtomicBool) -> (usize, Duration) {
    let (mut stream, mut count, mut worst) = (server.connect(), 0, Duration::ZERO);
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        ask_list(&mut stream, "status", &mut Vec::new());
        worst = worst.max(began.elapsed());
        assert!(worst < STATUS_LIMIT, "`status` took {worst:?}");
        count += 1;
        thread::sleep(Duration::from_millis(20));
    }
    (count, worst)
}

impl Soak {
    fn serve_until(&mut self, end: Instant) {
        let mut events = Events::with_capacity(1024);
        while Instant::now() < end {
            self.renew_peers();
            self.turn(&mut events);
        }
    }

    /// Serves until all jobs are settled and the server has none left.
    fn finish(&mut self, server: &Server) {
        let (began, mut events) = (Instant::now(), Events::with_capacity(1024));
        // From here on peers are only connected, not disconnected.
        self.renew_peers();
        loop {
            self.turn(&mut events);
            let status = String::from_utf8(server.list("status")).expect("text");
            let open: Vec<_> = (0..).zip(&self.jobs).filter(|(_, job)| !job.is_settled()).collect();
            if open.is_empty() && status.lines().all(is_idle) {
                return;
            }
            if began.elapsed() > FINISH_TIMEOUT {
                let first = open.first().map(|(number, job)| format!("{number}, {job:?}"));
                panic!("{} jobs are lost, first {first:?}; {status}", open.len());
            }
        }
    }

    fn turn(&mut self, events: &mut Events) {
        match self.poll.poll(events, Some(Duration::from_millis(20))) {
            Err(e) if e.kind() == ErrorKind::Interrupted => return,
            result => result.expect("waits"),
        }
        for event in &*events {
            let Token(index) = event.token();
            if event.is_readable() {
                self.receive(index);
            }
            self.send(index);
        }
    }

    /// Disconnects peers whose time is over and connects new ones in their place.
    fn renew_peers(&mut self) {
        let now = Instant::now();
        for index in 0..self.peers.len() {
            if self.churning && self.peers[index].as_ref().is_some_and(|peer| peer.leaves < now) {
                self.leave(index);
            }
            if self.peers[index].is_none() {
                self.come(index, now);
            }
        }
    }

    fn leave(&mut self, index: usize) {
        let Some(peer) = self.peers[index].take() else { return };
        match peer.role {
            Role::Client { unnamed, waiting } => {
                for job in unnamed.into_iter().chain(waiting.into_values()) {
                    // The server may or may not have received a background job.
                    self.jobs[job as usize].abandoned = true;
                }
            }
            Role::Worker { sent } => {
                if let Some(job) = sent {
                    self.jobs[job as usize].unsure += 1;
                }
            }
        }
    }

    fn come(&mut self, index: usize, now: Instant) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let stream = std::net::TcpStream::connect(address).expect("connects");
        stream.set_nodelay(true).expect("sets nodelay");
        stream.set_nonblocking(true).expect("does not block");
        let mut stream = TcpStream::from_std(stream);
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(index), both).expect("registers");
        let mut output = Vec::new();
        let role = if index < CLIENTS {
            Role::Client { unnamed: Vec::new(), waiting: HashMap::new() }
        } else {
            // Enough functions per worker that each function has one at any time.
            for offset in 0..3 {
                let function = format!("f{}", (index + offset * 7) % FUNCTIONS);
                append_request(&mut output, CAN_DO, &[function.as_bytes()]);
            }
            append_request(&mut output, GRAB_JOB_UNIQ, &[]);
            Role::Worker { sent: None }
        };
        let leaves = now + Duration::from_millis(500 + self.random.below(8000) as u64);
        self.peers[index] = Some(Peer { stream, input: Vec::new(), output, role, leaves });
        self.connections_opened += 1;
        if index < CLIENTS && self.churning {
            (0..OUTSTANDING).for_each(|_| self.submit(index));
        }
        self.send(index);
    }

    fn submit(&mut self, index: usize) {
        if !self.churning {
            return;
        }
        let (number, size) = (self.jobs.len() as u64, random_size(&mut self.random));
        let background = self.random.below(4) == 0;
        self.jobs.push(Entry { size, background, ..Entry::default() });
        let mut payload = number.to_be_bytes().to_vec();
        payload.resize(8 + size, number as u8);
        let function = format!("f{}", self.random.below(FUNCTIONS));
        let command = if background { SUBMIT_JOB_BG } else { SUBMIT_JOB };
        let Some(peer) = &mut self.peers[index] else { return };
        let unique = format!("u{number}");
        append_request(
            &mut peer.output,
            command,
            &[function.as_bytes(), unique.as_bytes(), &payload],
        );
        if let Role::Client { unnamed, .. } = &mut peer.role {
            unnamed.push(number);
        }
    }

    fn send(&mut self, index: usize) {
        let Some(peer) = &mut self.peers[index] else { return };
        let mut sent = 0;
        while sent < peer.output.len() {
            match peer.stream.write(&peer.output[sent..]) {
                Ok(count) => sent += count,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => panic!("connection {index}: {e}"),
            }
        }
        peer.output.drain(..sent);
    }

    fn receive(&mut self, index: usize) {
        let Some(peer) = &mut self.peers[index] else { return };
        let mut buffer = [0; 65536];
        loop {
            match peer.stream.read(&mut buffer) {
                Ok(0) => panic!("the server closed connection {index}"),
                Ok(count) => peer.input.extend_from_slice(&buffer[..count]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => panic!("connection {index}: {e}"),
            }
        }
        let input = std::mem::take(&mut peer.input);
        let mut rest = &input[..];
        while self.peers[index].is_some()
            && let Some((number, payload, next)) = packet(rest)
        {
            self.on_packet(index, number, payload);
            rest = next;
        }
        if let Some(peer) = &mut self.peers[index] {
            peer.input = rest.to_vec();
        }
    }

    fn on_packet(&mut self, index: usize, number: u32, payload: &[u8]) {
        let peer = self.peers[index].as_mut().expect("index hears is there");
        let (handle, body) = match payload.iter().position(|&byte| byte == 0) {
            Some(end) => (&payload[..end], &payload[end + 1..]),
            None => (payload, &b""[..]),
        };
        match (&mut peer.role, number) {
            (Role::Client { unnamed, waiting }, JOB_CREATED) => {
                let job = unnamed.remove(0);
                if !self.jobs[job as usize].background {
                    waiting.insert(handle.to_vec(), job);
                } else {
                    self.submit(index);
                }
            }
            (Role::Client { waiting, .. }, WORK_COMPLETE) => {
                let job = waiting.remove(handle).expect("a result of a job that is waited for");
                assert_eq!(self.check(body), job, "another job's result");
                self.jobs[job as usize].answers += 1;
                self.submit(index);
            }
            (Role::Worker { sent }, NO_JOB) => {
                if let Some(job) = sent.take() {
                    self.jobs[job as usize].completed += 1;
                }
                append_request(&mut peer.output, PRE_SLEEP, &[]);
            }
            (Role::Worker { .. }, NOOP) => append_request(&mut peer.output, GRAB_JOB_UNIQ, &[]),
            (Role::Worker { sent }, JOB_ASSIGN_UNIQ) => {
                if let Some(job) = sent.take() {
                    self.jobs[job as usize].completed += 1;
                }
                let workload = body.splitn(3, |&byte| byte == 0).nth(2).expect("a workload");
                let job = self.check(workload);
                self.work(index, handle, job, workload);
            }
            _ => panic!("packet {number}: {}", payload.escape_ascii()),
        }
    }

    /// Completes a job, or disconnects its worker in the middle of it.
    fn work(&mut self, index: usize, handle: &[u8], job: u64, workload: &[u8]) {
        let entry = &mut self.jobs[job as usize];
        entry.started += 1;
        if self.churning && self.random.below(200) == 0 {
            entry.left_undone += 1;
            self.peers[index] = None;
            return;
        }
        let peer = self.peers[index].as_mut().expect("the worker is there");
        append_request(&mut peer.output, WORK_COMPLETE, &[handle, workload]);
        append_request(&mut peer.output, GRAB_JOB_UNIQ, &[]);
        peer.role = Role::Worker { sent: Some(job) };
    }

    /// Checks a payload against its record and returns the job's number.
    fn check(&self, payload: &[u8]) -> u64 {
        let (number, rest) = payload.split_first_chunk().expect("a number");
        let number = u64::from_be_bytes(*number);
        assert_eq!(rest.len(), self.jobs[number as usize].size, "job {number} has another size");
        assert!(rest.iter().all(|&byte| byte == number as u8), "job {number} has other bytes");
        number
    }

    fn report(&self) {
        let count = |of: fn(&Entry) -> bool| self.jobs.iter().filter(|&job| of(job)).count();
        for (number, job) in self.jobs.iter().enumerate() {
            assert!(job.answers <= 1, "job {number} was answered {} times", job.answers);
            let most = 1 + job.left_undone + job.unsure;
            assert!(job.started <= most, "job {number} ran {} times", job.started);
        }
        println!(
            "{} connections, {} jobs: {} foreground, {} background, {} abandoned, {} run again; \
             none lost, none run twice",
            self.connections_opened,
            self.jobs.len(),
            count(|job| !job.background),
            count(|job| job.background),
            count(|job| job.abandoned),
            count(|job| job.started > 1),
        );
    }
}

impl Entry {
    /// Whether the job is answered or done, or its outcome cannot be known any more.
    fn is_settled(&self) -> bool {
        let is_done =
            if self.background { self.completed > 0 || self.unsure > 0 } else { self.answers > 0 };
        is_done || self.abandoned
    }
}

/// Splits off the first packet: its number, its payload, and the rest.
fn packet(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<12>()?;
    let [_, _, _, _, c0, c1, c2, c3, l0, l1, l2, l3] = *header;
    let size = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    let (payload, next) = rest.split_at_checked(size)?;
    Some((u32::from_be_bytes([c0, c1, c2, c3]), payload, next))
}
