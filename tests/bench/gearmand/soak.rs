//! Hundreds of clients and workers that come and go for a while, with nothing
//! lost: every foreground job is answered once, every background job is done, and
//! done once unless a worker left with it; `status` answers throughout, and the
//! server's memory is flat at the end.
//!
//! Owns the crowd's plan, which comes from a seed, and the books that are kept of
//! every job.
//!
//! Must not: measure what jobs cost.

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
/// Foreground jobs that a client waits for at a time.
const OUTSTANDING: usize = 4;
/// Longest that `status` may take, on a machine that does other things too.
const STATUS_LIMIT: Duration = Duration::from_secs(2);
/// How long the last jobs may take when nobody leaves any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Mostly small, some large, and now and then larger than any buffer.
fn random_size(random: &mut Random) -> usize {
    match random.below(100) {
        0 => random.below(1 << 20),
        1..10 => random.below(64 << 10),
        10..20 => 0,
        _ => random.below(1000),
    }
}

/// What is known of a job, by the number that stands at the start of its payload.
#[derive(Debug, Default)]
struct Entry {
    size: usize,
    background: bool,
    /// How often it was handed out.
    started: u32,
    /// How often a worker left without having done it.
    deserted: u32,
    /// How often a worker left when the server may have had its result or not.
    unsure: u32,
    /// Results that the server has certainly got.
    completed: u32,
    /// Results that its client got, and whether that client left before.
    answers: u32,
    abandoned: bool,
}

enum Role {
    Client {
        /// Jobs by handle, once it is known; those without are in order.
        unnamed: Vec<u64>,
        waiting: HashMap<Vec<u8>, u64>,
    },
    Worker {
        /// The job whose result was sent, until the answer to the question behind
        /// it shows that the server has it.
        sent: Option<u64>,
    },
}

struct Peer {
    stream: TcpStream,
    input: Vec<u8>,
    output: Vec<u8>,
    role: Role,
    /// When it leaves.
    leaves: Instant,
}

/// The soak.
struct Soak {
    port: u16,
    random: Random,
    poll: Poll,
    peers: Vec<Option<Peer>>,
    jobs: Vec<Entry>,
    /// While the crowd still comes and goes and submits.
    lively: bool,
    comings: usize,
}

/// Puts ours under a crowd for so many seconds. Panics when anything is lost.
pub(crate) fn run(seconds: u64) {
    let server = Server::start(Kind::Ours, &[]);
    let mut soak = Soak {
        port: server.port,
        random: Random(seconds),
        poll: Poll::new().expect("a poller"),
        peers: (0..CLIENTS + WORKERS).map(|_| None).collect(),
        jobs: Vec::new(),
        lively: true,
        comings: 0,
    };
    // Half of the time each, so that there is a memory to compare with.
    let mut memory = Vec::new();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| poll_status(&server, &over));
        let stop = Stop(&over);
        for _ in 0..2 {
            soak.lively = true;
            soak.serve_until(Instant::now() + Duration::from_millis(seconds * 500));
            soak.lively = false;
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

/// Whether a line of `status` speaks of no job.
fn is_idle(line: &str) -> bool {
    line == "." || line.contains("\t0\t0\t")
}

/// Says that it is over, also when a panic ends it.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks for `status` until told to stop; how often, and how long it took at most.
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
            self.come_and_go();
            self.turn(&mut events);
        }
    }

    /// Lets the last jobs be done, until the server knows of none.
    fn finish(&mut self, server: &Server) {
        let (began, mut events) = (Instant::now(), Events::with_capacity(1024));
        // Those who are there stay, and those who are not come once more.
        self.come_and_go();
        loop {
            self.turn(&mut events);
            let status = String::from_utf8(server.list("status")).expect("text");
            let open: Vec<_> = (0..).zip(&self.jobs).filter(|(_, job)| !job.is_settled()).collect();
            if open.is_empty() && status.lines().all(is_idle) {
                return;
            }
            if began.elapsed() > PATIENCE {
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
            let Token(who) = event.token();
            if event.is_readable() {
                self.receive(who);
            }
            self.send(who);
        }
    }

    /// Those whose time is over leave, whatever they are doing, and others come.
    fn come_and_go(&mut self) {
        let now = Instant::now();
        for who in 0..self.peers.len() {
            if self.lively && self.peers[who].as_ref().is_some_and(|peer| peer.leaves < now) {
                self.leave(who);
            }
            if self.peers[who].is_none() {
                self.come(who, now);
            }
        }
    }

    fn leave(&mut self, who: usize) {
        let Some(peer) = self.peers[who].take() else { return };
        match peer.role {
            Role::Client { unnamed, waiting } => {
                for job in unnamed.into_iter().chain(waiting.into_values()) {
                    // Whether a background job got that far is not known.
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

    fn come(&mut self, who: usize, now: Instant) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let stream = std::net::TcpStream::connect(address).expect("connects");
        stream.set_nodelay(true).expect("sets nodelay");
        stream.set_nonblocking(true).expect("does not block");
        let mut stream = TcpStream::from_std(stream);
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(who), both).expect("registers");
        let mut output = Vec::new();
        let role = if who < CLIENTS {
            Role::Client { unnamed: Vec::new(), waiting: HashMap::new() }
        } else {
            // Every function has workers, also when most of them leave at once.
            for offset in 0..3 {
                let function = format!("f{}", (who + offset * 7) % FUNCTIONS);
                say(&mut output, CAN_DO, &[function.as_bytes()]);
            }
            say(&mut output, GRAB_JOB_UNIQ, &[]);
            Role::Worker { sent: None }
        };
        let leaves = now + Duration::from_millis(500 + self.random.below(8000) as u64);
        self.peers[who] = Some(Peer { stream, input: Vec::new(), output, role, leaves });
        self.comings += 1;
        if who < CLIENTS && self.lively {
            (0..OUTSTANDING).for_each(|_| self.submit(who));
        }
        self.send(who);
    }

    fn submit(&mut self, who: usize) {
        if !self.lively {
            return;
        }
        let (number, size) = (self.jobs.len() as u64, random_size(&mut self.random));
        let background = self.random.below(4) == 0;
        self.jobs.push(Entry { size, background, ..Entry::default() });
        let mut payload = number.to_be_bytes().to_vec();
        payload.resize(8 + size, number as u8);
        let function = format!("f{}", self.random.below(FUNCTIONS));
        let command = if background { SUBMIT_JOB_BG } else { SUBMIT_JOB };
        let Some(peer) = &mut self.peers[who] else { return };
        let unique = format!("u{number}");
        say(&mut peer.output, command, &[function.as_bytes(), unique.as_bytes(), &payload]);
        if let Role::Client { unnamed, .. } = &mut peer.role {
            unnamed.push(number);
        }
    }

    fn send(&mut self, who: usize) {
        let Some(peer) = &mut self.peers[who] else { return };
        let mut sent = 0;
        while sent < peer.output.len() {
            match peer.stream.write(&peer.output[sent..]) {
                Ok(count) => sent += count,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => panic!("connection {who}: {e}"),
            }
        }
        peer.output.drain(..sent);
    }

    fn receive(&mut self, who: usize) {
        let Some(peer) = &mut self.peers[who] else { return };
        let mut buffer = [0; 65536];
        loop {
            match peer.stream.read(&mut buffer) {
                Ok(0) => panic!("the server closed connection {who}"),
                Ok(count) => peer.input.extend_from_slice(&buffer[..count]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => panic!("connection {who}: {e}"),
            }
        }
        let input = std::mem::take(&mut peer.input);
        let mut rest = &input[..];
        while self.peers[who].is_some()
            && let Some((number, payload, next)) = packet(rest)
        {
            self.hear(who, number, payload);
            rest = next;
        }
        if let Some(peer) = &mut self.peers[who] {
            peer.input = rest.to_vec();
        }
    }

    fn hear(&mut self, who: usize, number: u32, payload: &[u8]) {
        let peer = self.peers[who].as_mut().expect("who hears is there");
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
                    self.submit(who);
                }
            }
            (Role::Client { waiting, .. }, WORK_COMPLETE) => {
                let job = waiting.remove(handle).expect("a result of a job that is waited for");
                assert_eq!(self.check(body), job, "another job's result");
                self.jobs[job as usize].answers += 1;
                self.submit(who);
            }
            (Role::Worker { sent }, NO_JOB) => {
                if let Some(job) = sent.take() {
                    self.jobs[job as usize].completed += 1;
                }
                say(&mut peer.output, PRE_SLEEP, &[]);
            }
            (Role::Worker { .. }, NOOP) => say(&mut peer.output, GRAB_JOB_UNIQ, &[]),
            (Role::Worker { sent }, JOB_ASSIGN_UNIQ) => {
                if let Some(job) = sent.take() {
                    self.jobs[job as usize].completed += 1;
                }
                let workload = body.splitn(3, |&byte| byte == 0).nth(2).expect("a workload");
                let job = self.check(workload);
                self.work(who, handle, job, workload);
            }
            _ => panic!("packet {number}: {}", payload.escape_ascii()),
        }
    }

    /// A worker does a job, or leaves in the middle of it.
    fn work(&mut self, who: usize, handle: &[u8], job: u64, workload: &[u8]) {
        let entry = &mut self.jobs[job as usize];
        entry.started += 1;
        if self.lively && self.random.below(200) == 0 {
            entry.deserted += 1;
            self.peers[who] = None;
            return;
        }
        let peer = self.peers[who].as_mut().expect("the worker is there");
        say(&mut peer.output, WORK_COMPLETE, &[handle, workload]);
        say(&mut peer.output, GRAB_JOB_UNIQ, &[]);
        peer.role = Role::Worker { sent: Some(job) };
    }

    /// The number of the job that a payload belongs to, which must be as it was.
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
            let most = 1 + job.deserted + job.unsure;
            assert!(job.started <= most, "job {number} ran {} times", job.started);
        }
        println!(
            "{} connections, {} jobs: {} foreground, {} background, {} abandoned, {} run again; \
             none lost, none run twice",
            self.comings,
            self.jobs.len(),
            count(|job| !job.background),
            count(|job| job.background),
            count(|job| job.abandoned),
            count(|job| job.started > 1),
        );
    }
}

impl Entry {
    /// Whether nothing more must happen: it was answered or done, or nobody can
    /// know.
    fn is_settled(&self) -> bool {
        let is_done =
            if self.background { self.completed > 0 || self.unsure > 0 } else { self.answers > 0 };
        is_done || self.abandoned
    }
}

/// The first packet: its number, its payload, and what follows it.
fn packet(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<12>()?;
    let [_, _, _, _, c0, c1, c2, c3, l0, l1, l2, l3] = *header;
    let size = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    let (payload, next) = rest.split_at_checked(size)?;
    Some((u32::from_be_bytes([c0, c1, c2, c3]), payload, next))
}
