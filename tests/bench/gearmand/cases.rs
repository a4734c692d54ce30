//! The cases, one function each. A case starts its own server and returns figures.
//!
//! Must not: compare servers; that is `report`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::crowd::{Crowd, Queueing, Shape, drain};
use super::databases;
use super::durable;
use super::load::{ECHO_REQ, Load, Scenario, append_request};
use super::relay::relay;
use super::report::{Figure, Target, median, percentile};
use super::server::{Kind, Server, ask_list, cpu_of, own_seconds};
use super::tls;

/// How many jobs are measured.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    /// Divisor of the number of jobs: 1 to measure, 1000 to see that a case works.
    pub(crate) divisor: usize,
    /// Jobs in the file of a durable queue at the start.
    pub(crate) queued: usize,
}

impl Scale {
    pub(crate) fn new(divisor: usize) -> Scale {
        Scale { divisor, queued: 1_000_000 }
    }

    pub(crate) fn of(self, count: usize) -> usize {
        (count / self.divisor).max(20)
    }
}

/// A named measurement.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(Kind, Scale) -> Vec<Figure>,
    /// Default number of runs per server.
    pub(crate) runs: usize,
}

pub(crate) const CASES: &[Case] = &[
    Case { name: "lone", about: "1 client, 1 worker, one job at a time", run: lone, runs: 5 },
    Case { name: "busy", about: "8 clients with 16 jobs each, 8 workers", run: busy, runs: 5 },
    Case { name: "crowd", about: "50 clients with 4 jobs each, 50 workers", run: crowd, runs: 5 },
    Case {
        name: "large",
        about: "100 KB there and back, 8 clients, 8 workers",
        run: large,
        runs: 3,
    },
    Case { name: "tls", about: "busy with and without TLS (ours only)", run: tls::tls, runs: 5 },
    Case {
        name: "tls-large",
        about: "large with TLS, beside a relay with rustls (ours only)",
        run: tls::tls_large,
        runs: 3,
    },
    Case {
        name: "tls-idle",
        about: "1,000 silent connections with TLS (ours only)",
        run: tls::tls_idle,
        runs: 1,
    },
    Case {
        name: "loops",
        about: "the same as busy with two servers that share nothing (ours only)",
        run: loops,
        runs: 5,
    },
    Case {
        name: "queue",
        about: "background jobs of 64 bytes with a unique id",
        run: queue,
        runs: 3,
    },
    Case { name: "million", about: "1,000,000 background jobs (ours only)", run: million, runs: 1 },
    Case { name: "functions", about: "10,000 functions", run: functions, runs: 3 },
    Case {
        name: "idle",
        about: "10,000 connections that append_request nothing",
        run: idle,
        runs: 3,
    },
    Case {
        name: "sleepers",
        about: "10,000 sleeping workers of one function",
        run: sleepers,
        runs: 3,
    },
    Case {
        name: "durable",
        about: "durable submits of 64 bytes, 8 clients with 16 each",
        run: durable::durable,
        runs: 3,
    },
    Case {
        name: "durable-wide",
        about: "durable submits, 64 clients with 64 each",
        run: durable::durable_wide,
        runs: 3,
    },
    Case {
        name: "durable-lone",
        about: "durable submits, 1 client that waits for each",
        run: durable::durable_lone,
        runs: 3,
    },
    Case {
        name: "durable-life",
        about: "durable jobs submitted and completed, 8 clients, 8 workers (ours only)",
        run: durable::durable_life,
        runs: 3,
    },
    Case {
        name: "durable-life-wide",
        about: "durable jobs submitted and completed, 64 clients, 64 workers (ours only)",
        run: durable::durable_life_wide,
        runs: 3,
    },
    Case {
        name: "durable-start",
        about: "a start on a file with a million jobs, or --queued (ours only)",
        run: durable::durable_start,
        runs: 1,
    },
    Case {
        name: "durable-memory",
        about: "the same with 1 KiB each and --queue-memory=256M (ours only)",
        run: durable::durable_memory,
        runs: 1,
    },
    Case {
        name: "postgres",
        about: "durable submits of 64 bytes to PostgreSQL, 8 clients with 16 each",
        run: databases::postgres,
        runs: 3,
    },
    Case {
        name: "postgres-start",
        about: "a start on a table with a million jobs, or --queued (ours only)",
        run: databases::postgres_start,
        runs: 1,
    },
    Case {
        name: "redis",
        about: "durable submits of 64 bytes to Redis with a synced log, 8 clients with 16 each",
        run: databases::redis,
        runs: 3,
    },
    Case {
        name: "memcached",
        about: "submits of 64 bytes to memcached, 8 clients with 16 each",
        run: databases::memcached,
        runs: 3,
    },
    Case {
        name: "tokyocabinet",
        about: "durable submits of 64 bytes to a file of Tokyo Cabinet (ours only)",
        run: databases::tokyo_cabinet,
        runs: 3,
    },
    Case {
        name: "mysql",
        about: "durable submits of 64 bytes to MariaDB, 8 clients with 16 each",
        run: databases::mysql,
        runs: 3,
    },
    Case {
        name: "mysql-start",
        about: "a start on a table of MariaDB with a million jobs, or --queued (ours only)",
        run: databases::mysql_start,
        runs: 1,
    },
];

/// Label of the floor: the cost of a relay that only passes bytes on.
const RELAY: &str = "a relay that only passes bytes on, us per job";
/// Target that decides: the server's processor time per job.
const CPU: Target = Target::RatioAtMost(0.33);

pub(crate) fn shape(clients: usize, outstanding: usize, workers: usize) -> Shape {
    let functions = vec!["function".into()];
    Shape { clients, outstanding, workers, functions, payload: 64, tls: false }
}

/// Cost and speed of a run.
pub(crate) struct Cost {
    /// Microseconds of processor time per job.
    pub(crate) server: f64,
    load: f64,
    /// Jobs per second.
    pub(crate) rate: f64,
    pub(crate) latencies: Vec<f64>,
}

pub(crate) fn cost(server: &Server, jobs: usize, work: impl FnOnce() -> Vec<f64>) -> Cost {
    let (server_cpu, load_cpu, began) = (server.cpu(), cpu_of("self"), Instant::now());
    let latencies = work();
    let seconds = began.elapsed().as_secs_f64();
    let per_job = 1e6 / jobs as f64;
    Cost {
        server: (server.cpu() - server_cpu) * per_job,
        load: (cpu_of("self") - load_cpu) * per_job,
        rate: jobs as f64 / seconds,
        latencies,
    }
}

/// Measures a crowd after a warm-up of a tenth as many jobs.
pub(crate) fn measure(server: &Server, crowd: &mut Crowd, jobs: usize) -> Cost {
    crowd.play((jobs / 10).max(1));
    cost(server, jobs, || crowd.play(jobs))
}

fn foreground(server: &Server, shape: Shape, jobs: usize, rate: Target) -> (Vec<Figure>, Vec<f64>) {
    let mut crowd = Crowd::new(server.port, shape);
    let cost = measure(server, &mut crowd, jobs);
    let figures = vec![
        Figure::new("server CPU, us per job", cost.server, CPU),
        Figure::new("generator CPU, us per job", cost.load, Target::None),
        Figure::new("jobs per second", cost.rate, rate),
    ];
    (figures, cost.latencies)
}

fn lone(kind: Kind, scale: Scale) -> Vec<Figure> {
    let server = Server::start(kind, &[]);
    let jobs = scale.of(20_000);
    let (mut figures, mut latencies) =
        foreground(&server, shape(1, 1, 1), jobs, Target::RatioAtLeast(1.3));
    let p50 = median(&mut latencies);
    // Where a loopback round trip takes 22 us.
    figures.push(Figure::new("latency of a job, p50 us", p50, Target::AtMost(80.0)));
    let p99 = percentile(&mut latencies, 0.99);
    figures.push(Figure::new("latency of a job, p99 us", p99, Target::None));
    let (trip, _) = round_trip(scale.of(20_000));
    figures.push(Figure::new("a loopback round trip, p50 us", trip, Target::None));
    figures.push(Figure::new("latency of a job in round trips", p50 / trip, Target::None));
    figures.push(Figure::new(RELAY, relay(1, 1, 64, jobs), Target::None));
    figures
}

/// Round trip of one byte between two blocking threads over the loopback: wall time and
/// processor time in microseconds. It calibrates the figures to this machine at this moment.
fn round_trip(count: usize) -> (f64, f64) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listens");
    let address = listener.local_addr().expect("an address");
    let echo = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accepts");
        stream.set_nodelay(true).expect("sets nodelay");
        let before = own_seconds();
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() {
            stream.write_all(&byte).expect("echoes");
        }
        own_seconds() - before
    });
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_nodelay(true).expect("sets nodelay");
    let mut times: Vec<f64> = (0..count)
        .map(|_| {
            let began = Instant::now();
            stream.write_all(b"x").expect("sends");
            stream.read_exact(&mut [0]).expect("an echo");
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    drop(stream);
    let seconds = echo.join().expect("the echo ends");
    (median(&mut times), seconds * 1e6 / count as f64)
}

fn busy(kind: Kind, scale: Scale) -> Vec<Figure> {
    let server = Server::start(kind, &[]);
    foreground(&server, shape(8, 16, 8), scale.of(150_000), Target::RatioAtLeast(2.5)).0
}

/// Upper bound for the gain of a second event loop: two processes that share nothing.
fn loops(kind: Kind, scale: Scale) -> Vec<Figure> {
    if kind == Kind::Original {
        return Vec::new();
    }
    let servers = [Server::start(kind, &[]), Server::start(kind, &[])];
    let ports = [servers[0].port, servers[1].port];
    let jobs = scale.of(150_000);
    let one = measure(&servers[0], &mut Crowd::new(ports[0], shape(8, 16, 8)), jobs);
    let two = measure(&servers[0], &mut Crowd::between(&ports, shape(8, 16, 8)), jobs);
    vec![
        Figure::new("jobs per second with one", one.rate, Target::None),
        Figure::new("jobs per second with two", two.rate, Target::None),
        // The gain that would justify a second loop.
        Figure::new("two beside one", two.rate / one.rate, Target::None),
        Figure::new(
            "cores in use with one",
            one.rate * (one.server + one.load) / 1e6,
            Target::None,
        ),
    ]
}

fn crowd(kind: Kind, scale: Scale) -> Vec<Figure> {
    let server = Server::start(kind, &[]);
    let jobs = scale.of(150_000);
    let (mut figures, _) = foreground(&server, shape(50, 4, 50), jobs, Target::RatioAtLeast(2.0));
    // A job takes two and a half system calls: one to assign it, one to receive its result, and
    // a quarter each to receive it and to relay its result, since four share a call. A relay
    // makes four calls.
    let calls = relay(50, 1, 64, jobs) * 2.5 / 4.0;
    figures.push(Figure::new("the same calls in a relay, us", calls, Target::None));
    figures
}

fn large(kind: Kind, scale: Scale) -> Vec<Figure> {
    let server = Server::start(kind, &[]);
    let shape = Shape { payload: 100_000, ..shape(8, 4, 8) };
    let jobs = scale.of(20_000);
    let (mut figures, _) = foreground(&server, shape, jobs, Target::RatioAtLeast(1.5));
    figures.push(Figure::new(RELAY, relay(8, 4, 100_000, jobs), Target::None));
    figures
}

/// Queues jobs and drains the queue; measures memory before, between and after.
fn fill_and_drain(server: &Server, jobs: usize) -> Vec<Figure> {
    // Memory after the first jobs is the baseline.
    let mut client = Queueing::new(server.port);
    client.add(1000, 64);
    drain(server.port, "queue", 1000);
    let before = server.memory();
    let part = jobs / 10;
    let first = cost(server, part, || {
        client.add(part, 64);
        Vec::new()
    });
    client.add(jobs - 2 * part, 64);
    let last = cost(server, part, || {
        client.add(part, 64);
        Vec::new()
    });
    let full = server.memory();
    let drained = cost(server, jobs, || {
        drain(server.port, "queue", jobs);
        Vec::new()
    });
    // A drained job is one request and one reply.
    let (_, echo) = round_trip(jobs.min(20_000));
    thread::sleep(Duration::from_secs(10));
    let after = server.memory();
    vec![
        Figure::new("queueing, server CPU, us per job", last.server, CPU),
        Figure::new(
            "the last tenth beside the first",
            last.server / first.server,
            Target::AtMost(1.3),
        ),
        Figure::new("working off, server CPU, us per job", drained.server, CPU),
        Figure::new("an echo that does nothing else, us", echo, Target::None),
        Figure::new("bytes per queued job", (full - before) / jobs as f64, Target::AtMost(300.0)),
        Figure::new("memory before, KiB", before / 1024.0, Target::None),
        Figure::new("memory when full, KiB", full / 1024.0, Target::None),
        Figure::new("memory 10 s after, KiB", after / 1024.0, Target::None),
        Figure::new("memory after beside before", after / before, Target::AtMost(1.15)),
    ]
}

fn queue(kind: Kind, scale: Scale) -> Vec<Figure> {
    fill_and_drain(&Server::start(kind, &[]), scale.of(100_000))
}

fn million(kind: Kind, scale: Scale) -> Vec<Figure> {
    match kind {
        Kind::Original => Vec::new(),
        Kind::Ours => fill_and_drain(&Server::start(kind, &[]), scale.of(1_000_000)),
    }
}

fn functions(kind: Kind, scale: Scale) -> Vec<Figure> {
    let server = Server::start(kind, &[]);
    let count = scale.of(10_000);
    let names = |count: usize| (0..count).map(|n| format!("function-{n:05}")).collect();
    let few = Shape { functions: names(100), ..shape(8, 16, 100) };
    let many = Shape { functions: names(count), ..shape(8, 16, 100) };
    let jobs = scale.of(50_000);
    let base = measure(&server, &mut Crowd::new(server.port, few), jobs);
    let mut crowd = Crowd::new(server.port, many);
    let cost = measure(&server, &mut crowd, jobs);

    // A list must not delay the packets of other connections.
    let over = AtomicBool::new(false);
    let mut lists = Vec::new();
    let mut delays = Vec::new();
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut stream = server.connect();
            let mut times = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let began = Instant::now();
                ask_list(&mut stream, "status", &mut Vec::new());
                times.push(began.elapsed().as_secs_f64() * 1e3);
                thread::sleep(Duration::from_millis(5));
            }
            times
        });
        let one = Shape { functions: vec!["one".into()], ..shape(1, 1, 1) };
        let mut lone = Crowd::new(server.port, one);
        delays = lone.play(scale.of(10_000));
        over.store(true, Ordering::Relaxed);
        lists = asking.join().expect("the lists");
    });
    let worst = percentile(&mut delays, 1.0) / 1e3;
    vec![
        Figure::new("server CPU, us per job", cost.server, CPU),
        Figure::new("the same with 100 functions", base.server, CPU),
        Figure::new("10,000 beside 100", cost.server / base.server, Target::AtMost(1.5)),
        Figure::new("`status`, ms", median(&mut lists), Target::None),
        Figure::new("slowest job beside `status`, ms", worst, Target::AtMost(10.0)),
        Figure::new(
            "p99 job beside `status`, ms",
            percentile(&mut delays, 0.99) / 1e3,
            Target::None,
        ),
    ]
}

/// Counts down replies of one kind.
struct Answers(u32, usize);

impl Scenario for Answers {
    fn on_packet(&mut self, _: usize, number: u32, _: &[u8], _: usize, _: &mut Vec<u8>) {
        assert_eq!(number, self.0);
        self.1 -= 1;
    }

    fn is_over(&self) -> bool {
        self.1 == 0
    }
}

fn idle(kind: Kind, scale: Scale) -> Vec<Figure> {
    let server = Server::start(kind, &[]);
    let mut crowd = Crowd::new(server.port, shape(8, 16, 8));
    let jobs = scale.of(50_000);
    let base = measure(&server, &mut crowd, jobs);
    let before = server.memory();
    let count = scale.of(9_900);
    let mut load = Load::new();
    for _ in 0..count {
        let index = load.connect(server.port);
        append_request(load.output(index), ECHO_REQ, &[b"here"]);
    }
    load.run(&mut Answers(super::load::ECHO_RES, count));
    let each = (server.memory() - before) / count as f64;
    let cost = measure(&server, &mut crowd, jobs);
    vec![
        Figure::new("bytes per connection", each, Target::AtMost(4096.0)),
        Figure::new("server CPU, us per job", cost.server, CPU),
        Figure::new("beside without them", cost.server / base.server, Target::AtMost(1.5)),
    ]
}

fn sleepers(kind: Kind, scale: Scale) -> Vec<Figure> {
    let server = Server::start(kind, &[]);
    let few = measure(&server, &mut Crowd::new(server.port, shape(1, 1, 10)), scale.of(5_000));
    let count = scale.of(9_900);
    // The original wakes each of them for every job.
    let jobs = if kind == Kind::Original { 20 } else { scale.of(10_000) };
    let mut crowd = Crowd::new(server.port, Shape { workers: count, ..shape(1, 1, 0) });
    let many = measure(&server, &mut crowd, jobs);
    vec![
        Figure::new("server CPU, us per job", many.server, CPU),
        Figure::new("the same with 10 workers", few.server, CPU),
        Figure::new("10,000 beside 10", many.server / few.server, Target::AtMost(2.0)),
    ]
}
