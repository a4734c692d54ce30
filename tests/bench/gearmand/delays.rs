//! Comparison of our server with and without each delayed reply, in alternating runs.
//!
//! Must not: know how replies are delayed.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Instant;

use super::cases::{Cost, Scale, cost, measure, shape};
use super::crowd::{Crowd, Shape};
use super::load::*;
use super::report::{median, percentile};
use super::server::{Kind, Server};

/// Default number of runs per setting.
const RUNS: usize = 9;

/// A setting of both delays: its name and the server's arguments.
const SETTINGS: [(&str, &[&str]); 4] = [
    ("both on", &[]),
    ("grab hold off", &["--grab-hold", "0"]),
    ("ack delay off", &["--ack-delay", "0"]),
    ("both off", &["--grab-hold", "0", "--ack-delay", "0"]),
];

/// A compared delay: its name, the setting with it, and the setting without it.
const ROWS: [(&str, usize, usize); 5] = [
    ("grab hold, ack delay on", 0, 1),
    ("grab hold, ack delay off", 2, 3),
    ("ack delay, grab hold on", 0, 2),
    ("ack delay, grab hold off", 1, 3),
    ("both", 0, 3),
];

/// A case: its name, its description, and the function that runs it.
type Case = (&'static str, &'static str, fn(&Server, Scale) -> Cost);

const CASES: [Case; 4] = [
    ("lone", "1 client, 1 worker, one job at a time, one thread for both", |server, scale| {
        play(server, shape(1, 1, 1), scale.of(20_000))
    }),
    ("ping-pong", "the same with a thread for each, blocking as libgearman", ping_pong),
    ("busy", "8 clients with 16 jobs each, 8 workers", |server, scale| {
        play(server, shape(8, 16, 8), scale.of(100_000))
    }),
    ("crowd", "50 clients with 4 jobs each, 50 workers", |server, scale| {
        play(server, shape(50, 4, 50), scale.of(100_000))
    }),
];

/// Whether a case has this name.
pub(crate) fn is_case(name: &str) -> bool {
    CASES.iter().any(|case| case.0 == name)
}

/// Measures and prints the named cases; all if `names` is empty.
pub(crate) fn run(named: &[String], runs: Option<usize>, scale: Scale) {
    let runs = runs.unwrap_or(RUNS);
    println!("server CPU, us per job; medians of {runs} alternating runs");
    let is_selected = |case: &Case| named.is_empty() || named.iter().any(|name| name == case.0);
    for (name, about, run_case) in CASES.into_iter().filter(is_selected) {
        let mut costs: [Vec<Cost>; SETTINGS.len()] = Default::default();
        for run in 0..runs {
            // Settings take turns at being first in a round.
            for turn in 0..SETTINGS.len() {
                let setting = (run + turn) % SETTINGS.len();
                let server = Server::start(Kind::Ours, SETTINGS[setting].1);
                costs[setting].push(run_case(&server, scale));
            }
        }
        print(name, about, &mut costs);
    }
}

fn print(name: &str, about: &str, costs: &mut [Vec<Cost>]) {
    println!("\n{name}: {about}");
    println!("  {:<26} {:>8} {:>8} {:>8} {:>10}", "", "CPU", "jobs/s", "p50 us", "p99 us");
    for ((setting, _), costs) in SETTINGS.iter().zip(&mut *costs) {
        let mut of = |value: fn(&mut Cost) -> f64| {
            median(&mut costs.iter_mut().map(value).collect::<Vec<_>>())
        };
        let (cpu, rate) = (of(|cost| cost.server), of(|cost| cost.rate));
        let [p50, p99] = [
            of(|cost| median(&mut cost.latencies)),
            of(|cost| percentile(&mut cost.latencies, 0.99)),
        ];
        // Latencies exist only for clients with one job at a time.
        let [p50, p99] = [p50, p99].map(|us| match us.is_nan() {
            true => "-".to_string(),
            false => format!("{us:.1}"),
        });
        println!("  {setting:<26} {cpu:>8.2} {rate:>8.0} {p50:>8} {p99:>10}");
    }
    println!("  {:<26} {:>8} {:>8} {:>8} {:>10}", "", "on", "off", "on/off", "of pairs");
    for (delay, on, off) in ROWS {
        let cpu = |setting: usize| costs[setting].iter().map(|cost| cost.server);
        let mut pairs: Vec<f64> = cpu(on).zip(cpu(off)).map(|(on, off)| on / off).collect();
        let [on, off] = [on, off].map(|setting| median(&mut cpu(setting).collect::<Vec<_>>()));
        let (ratio, pairs) = (on / off, median(&mut pairs));
        println!("  {delay:<26} {on:>8.2} {off:>8.2} {ratio:>8.2} {pairs:>10.2}");
    }
}

fn play(server: &Server, shape: Shape, jobs: usize) -> Cost {
    measure(server, &mut Crowd::new(server.port, shape), jobs)
}

/// A client and a worker in one blocking thread each.
fn ping_pong(server: &Server, scale: Scale) -> Cost {
    let jobs = scale.of(20_000);
    let worker = server.connect();
    let end = worker.try_clone().expect("a second handle");
    let worker = thread::spawn(move || work(worker));
    let mut client = server.connect();
    submit(&mut client, (jobs / 10).max(1));
    let cost = cost(server, jobs, || submit(&mut client, jobs));
    end.shutdown(Shutdown::Both).expect("is connected");
    worker.join().expect("the worker ends");
    cost
}

/// Submits one job at a time. Returns latencies in microseconds.
fn submit(stream: &mut TcpStream, jobs: usize) -> Vec<f64> {
    let mut input = Packets::default();
    let mut request = Vec::new();
    append_request(&mut request, SUBMIT_JOB, &[b"function", b"", &[b'x'; 64]]);
    let mut one = || {
        let began = Instant::now();
        stream.write_all(&request).expect("sends");
        while input.next(stream).expect("a result").0 != WORK_COMPLETE {}
        began.elapsed().as_secs_f64() * 1e6
    };
    (0..jobs).map(|_| one()).collect()
}

/// Performs jobs until the connection closes.
fn work(mut stream: TcpStream) {
    let mut input = Packets::default();
    let mut output = Vec::new();
    append_request(&mut output, CAN_DO, &[b"function"]);
    append_request(&mut output, GRAB_JOB_UNIQ, &[]);
    loop {
        if stream.write_all(&output).is_err() {
            return;
        }
        output.clear();
        let Some((number, payload)) = input.next(&mut stream) else { return };
        match number {
            JOB_ASSIGN_UNIQ => {
                let handle = words(&payload).next().expect("a handle");
                append_request(&mut output, WORK_COMPLETE, &[handle, &[b'x'; 64]]);
                append_request(&mut output, GRAB_JOB_UNIQ, &[]);
            }
            NO_JOB => append_request(&mut output, PRE_SLEEP, &[]),
            NOOP => append_request(&mut output, GRAB_JOB_UNIQ, &[]),
            other => panic!("packet {other}"),
        }
    }
}

/// Reader of packets from a blocking stream.
#[derive(Default)]
struct Packets(Vec<u8>);

impl Packets {
    /// Returns the next packet's number and payload, or `None` at the end of the stream.
    fn next(&mut self, stream: &mut TcpStream) -> Option<(u32, Vec<u8>)> {
        loop {
            let word = |at: usize| {
                let bytes = self.0.get(at..at + 4)?.try_into().expect("four bytes");
                Some(u32::from_be_bytes(bytes))
            };
            if let (Some(number), Some(size)) = (word(4), word(8))
                && let size = 12 + size as usize
                && self.0.len() >= size
            {
                let packet: Vec<u8> = self.0.drain(..size).collect();
                return Some((number, packet[12..].to_vec()));
            }
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.0.extend_from_slice(&buffer[..count]),
            }
        }
    }
}
