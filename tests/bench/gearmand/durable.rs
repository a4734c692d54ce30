//! The cases of the durable queue: submits, whole lives, and starts.
//!
//! Must not: compare servers; that is `report`.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::background::{Lives, Submits};
use super::cases::Scale;
use super::report::{Figure, Target, percentile};
use super::server::{Kind, Server, ask_list};
use super::stores::{Database, GROWING_JOBS, GROWING_PAYLOAD, bare_sync, floor};

/// Time after the last packet for the last batch.
const SETTLING: Duration = Duration::from_millis(300);
/// Longest time for loading a file.
const LOADING_MAX: Duration = Duration::from_secs(300);
const PAYLOAD: usize = 64;

/// Starts a server on a database.
fn start(kind: Kind, database: &Database, more: &[&str]) -> Server {
    let file = format!("--libsqlite3-db={}", database.path());
    let server = Server::start(kind, &[&["-q", "libsqlite3", &file], more].concat());
    // Its port may be open before its file.
    server.list("status");
    server
}

/// One load of submits: figures, with names that start with `shape`.
struct SubmitRun {
    rate: f64,
    cpu: f64,
    /// Processor time of the queue thread.
    storage_cpu: f64,
    syncs: f64,
    latencies: Vec<f64>,
}

fn submit(kind: Kind, clients: usize, outstanding: usize, jobs: usize) -> SubmitRun {
    let database = Database::new("submit");
    let server = start(kind, &database, &[]);
    if kind == Kind::Ours {
        // A WAL that has its size is overwritten, which costs less than growing.
        let growing = Submits::new(server.port, 8, 16, GROWING_PAYLOAD);
        growing.numbered_from(1 << 32).play(GROWING_JOBS);
    }
    let mut submits = Submits::new(server.port, clients, outstanding, PAYLOAD);
    submits.play((jobs / 10).max(1));
    let per_job = 1e6 / jobs as f64;
    let (cpu, storage_cpu) = (server.cpu(), server.cpu_of_thread("queue"));
    // The original does not use a WAL.
    let transactions = || if kind == Kind::Ours { database.transactions() } else { 0 };
    let (before, began) = (transactions(), Instant::now());
    let latencies = submits.play(jobs);
    let seconds = began.elapsed().as_secs_f64();
    SubmitRun {
        rate: jobs as f64 / seconds,
        cpu: (server.cpu() - cpu) * per_job,
        storage_cpu: (server.cpu_of_thread("queue") - storage_cpu) * per_job,
        syncs: f64::from(transactions().wrapping_sub(before)),
        latencies,
    }
}

/// Acknowledged submits; the original's take a transaction each.
fn crowd(
    kind: Kind,
    (clients, outstanding): (usize, usize),
    jobs: usize,
    rate: Target,
) -> Vec<Figure> {
    let jobs = if kind == Kind::Original { (jobs / 100).max(clients * outstanding) } else { jobs };
    let mut run = submit(kind, clients, outstanding, jobs);
    let mut figures = vec![
        Figure::new("acknowledged submits per second", run.rate, rate),
        Figure::new("server CPU, us per job", run.cpu, Target::None),
        Figure::new(
            "p50 of an acknowledgement, us",
            percentile(&mut run.latencies, 0.5),
            Target::None,
        ),
        Figure::new(
            "p99 of an acknowledgement, us",
            percentile(&mut run.latencies, 0.99),
            Target::None,
        ),
        Figure::new(
            "slowest acknowledgement, us",
            percentile(&mut run.latencies, 1.0),
            Target::None,
        ),
    ];
    if kind == Kind::Ours {
        let size = jobs as f64 / run.syncs;
        let bare = floor(jobs as u64, size.round() as u64, PAYLOAD);
        figures.extend([
            Figure::new("its queue thread's", run.storage_cpu, Target::None),
            Figure::new("jobs per commit", size, Target::None),
            Figure::new("a bare loop with such batches, jobs per second", bare.rate, Target::None),
            Figure::new("rate beside the bare loop", run.rate / bare.rate, Target::AtLeast(0.7)),
            Figure::new("the bare loop's CPU, us per job", bare.cpu, Target::None),
            Figure::new("its slowest batch, ms", bare.slowest, Target::None),
        ]);
    }
    figures
}

pub(crate) fn durable(kind: Kind, scale: Scale) -> Vec<Figure> {
    crowd(kind, (8, 16), scale.of(100_000), Target::RatioAtLeast(40.0))
}

pub(crate) fn durable_wide(kind: Kind, scale: Scale) -> Vec<Figure> {
    crowd(kind, (64, 64), scale.of(400_000), Target::AtLeast(100_000.0))
}

pub(crate) fn durable_lone(kind: Kind, scale: Scale) -> Vec<Figure> {
    let jobs = if kind == Kind::Original { scale.of(500) } else { scale.of(3_000) };
    let run = submit(kind, 1, 1, jobs);
    let mut figures = vec![
        Figure::new("acknowledged submits per second", run.rate, Target::None),
        Figure::new("server CPU, us per job", run.cpu, Target::None),
    ];
    if kind == Kind::Ours {
        let sync = bare_sync(jobs);
        let bare = floor(jobs as u64, 1, PAYLOAD);
        figures.extend([
            Figure::new("syncs per job", run.syncs / jobs as f64, Target::AtMost(1.0)),
            Figure::new("CPU of a bare sync of two pages, us", sync, Target::None),
            Figure::new("server CPU beside the sync, us", run.cpu - sync, Target::AtMost(30.0)),
            Figure::new("a bare loop's CPU per job, us", bare.cpu, Target::None),
            Figure::new("rate beside the bare loop", run.rate / bare.rate, Target::None),
        ]);
    }
    figures
}

pub(crate) fn durable_life(kind: Kind, scale: Scale) -> Vec<Figure> {
    life(kind, scale, 8)
}

pub(crate) fn durable_life_wide(kind: Kind, scale: Scale) -> Vec<Figure> {
    life(kind, scale, 64)
}

/// Jobs that are submitted by so many clients, assigned and completed, in memory and in a file, in
/// turn.
fn life(kind: Kind, scale: Scale, clients: usize) -> Vec<Figure> {
    if kind == Kind::Original {
        return Vec::new();
    }
    let jobs = scale.of(150_000);
    let live = |server: &Server| {
        let mut lives = Lives::new(server.port, clients, 16, clients, PAYLOAD);
        lives.play((jobs / 10).max(1));
        thread::sleep(SETTLING);
        let (cpu, storage, written) =
            (server.cpu(), server.cpu_of_thread("queue"), server.written_bytes());
        let began = Instant::now();
        lives.play(jobs);
        let seconds = began.elapsed().as_secs_f64();
        thread::sleep(SETTLING);
        let per_job = 1e6 / jobs as f64;
        (
            (server.cpu() - cpu) * per_job,
            (server.cpu_of_thread("queue") - storage) * per_job,
            (server.written_bytes() - written) / jobs as f64,
            jobs as f64 / seconds,
        )
    };
    let memory = live(&Server::start(kind, &[]));
    let database = Database::new("life");
    let server = start(kind, &database, &[]);
    let before = database.transactions();
    let stored = live(&server);
    let commits = f64::from(database.transactions().wrapping_sub(before));
    vec![
        Figure::new("CPU in memory, us per job", memory.0, Target::None),
        Figure::new("CPU durable, us per job", stored.0, Target::None),
        Figure::new("storage's CPU, us per job", stored.0 - memory.0, Target::AtMost(4.0)),
        Figure::new("the queue thread's, us per job", stored.1, Target::None),
        Figure::new("bytes written per job", stored.2, Target::AtMost(700.0)),
        Figure::new("jobs per commit", jobs as f64 * 1.1 / commits, Target::None),
        Figure::new("jobs per second in memory", memory.3, Target::None),
        Figure::new("jobs per second durable", stored.3, Target::None),
    ]
}

/// A start on a filled file: what it takes, and how it is worked off.
struct StartRun {
    /// Milliseconds until the first answer to `status`.
    first: f64,
    /// Seconds until all jobs are known.
    loaded: f64,
    /// Memory when all jobs are known, and the largest while they are worked off, in bytes.
    loaded_bytes: f64,
    largest_bytes: f64,
    /// Slowest ECHO while loading, and while working off, in milliseconds.
    slowest_loading: f64,
    slowest_working: f64,
    /// Jobs per second.
    working_rate: f64,
    /// Microseconds of processor time per job.
    working_cpu: f64,
}

/// Jobs of the only function, as `status` has them.
pub(crate) fn queued(server: &Server) -> u64 {
    let list = server.list("status");
    let text = String::from_utf8_lossy(&list);
    let mut fields = text.lines().next().unwrap_or_default().split('\t');
    fields.nth(1).and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// Asks for `version` every millisecond while `work` runs. Returns the slowest answer in
/// milliseconds and the largest memory of the server in bytes.
fn watched<T>(server: &Server, work: impl FnOnce() -> T) -> (T, f64, f64) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut stream = server.connect();
            let (mut slowest, mut largest) = (0.0_f64, 0.0_f64);
            while !over.load(Ordering::Relaxed) {
                let began = Instant::now();
                super::server::ask_line(&mut stream, "version");
                slowest = slowest.max(began.elapsed().as_secs_f64() * 1e3);
                largest = largest.max(server.memory());
                thread::sleep(Duration::from_millis(1));
            }
            (slowest, largest)
        });
        let result = work();
        over.store(true, Ordering::Relaxed);
        let (slowest, largest) = watch.join().expect("the watch");
        (result, slowest, largest)
    })
}

/// Starts ours on a database with `jobs` jobs, and works off `worked` of them.
fn start_on(database: &Database, jobs: u64, worked: usize, more: &[&str]) -> StartRun {
    let began = Instant::now();
    let file = format!("--libsqlite3-db={}", database.path());
    let server = Server::launch(Kind::Ours, &[&["-q", "libsqlite3", &file], more].concat());
    let mut stream = loop {
        match TcpStream::connect(server.address()) {
            Ok(stream) => break stream,
            Err(_) => thread::sleep(Duration::from_micros(200)),
        }
    };
    ask_list(&mut stream, "status", &mut Vec::new());
    let first = began.elapsed().as_secs_f64() * 1e3;
    let (loaded, slowest_loading, _) = watched(&server, || {
        while queued(&server) < jobs {
            assert!(began.elapsed() < LOADING_MAX, "the file is not loaded");
            thread::sleep(Duration::from_millis(5));
        }
        began.elapsed().as_secs_f64()
    });
    let loaded_bytes = server.memory();
    let cpu = server.cpu();
    let ((worked_jobs, seconds), slowest_working, largest_bytes) = watched(&server, || {
        let began = Instant::now();
        (Lives::work_off(server.port, 8, worked), began.elapsed().as_secs_f64())
    });
    StartRun {
        first,
        loaded,
        loaded_bytes,
        largest_bytes,
        slowest_loading,
        slowest_working,
        working_rate: worked_jobs as f64 / seconds,
        working_cpu: (server.cpu() - cpu) * 1e6 / worked_jobs as f64,
    }
}

/// Jobs per second when as many jobs are worked off from memory, and the processor time per job.
fn work_off_from_memory(jobs: usize, payload: usize) -> (f64, f64) {
    let server = Server::start(Kind::Ours, &[]);
    Submits::new(server.port, 1, 200, payload).play(jobs);
    let (cpu, began) = (server.cpu(), Instant::now());
    Lives::work_off(server.port, 8, jobs);
    let seconds = began.elapsed().as_secs_f64();
    (jobs as f64 / seconds, (server.cpu() - cpu) * 1e6 / jobs as f64)
}

pub(crate) fn durable_start(kind: Kind, scale: Scale) -> Vec<Figure> {
    if kind == Kind::Original {
        return Vec::new();
    }
    let jobs = scale.of(scale.queued) as u64;
    let worked = (jobs as usize).min(1_000_000);
    let database = Database::new("one");
    database.fill(1, PAYLOAD, true);
    let one = start_on(&database, 1, 1, &[]);
    drop(database);
    let database = Database::new("plain");
    database.fill(jobs, PAYLOAD, false);
    let plain = start_on(&database, jobs, 1, &[]);
    drop(database);
    let database = Database::new("many");
    database.fill(jobs, PAYLOAD, true);
    let many = start_on(&database, jobs, worked, &[]);
    let memory = work_off_from_memory(worked, PAYLOAD);
    let each = |run: &StartRun| (run.loaded_bytes - one.loaded_bytes) / jobs as f64;
    vec![
        Figure::new("first `status` with 1 job, ms", one.first, Target::AtMost(50.0)),
        Figure::new("first `status` with all, ms", many.first, Target::AtMost(50.0)),
        Figure::new(
            "jobs loaded per second",
            jobs as f64 / many.loaded,
            Target::AtLeast(600_000.0),
        ),
        Figure::new("the same without unique ids", jobs as f64 / plain.loaded, Target::None),
        Figure::new("slowest answer while loading, ms", many.slowest_loading, Target::AtMost(20.0)),
        Figure::new("bytes per parked job", each(&many), Target::AtMost(24.0)),
        Figure::new("the same without unique ids, bytes", each(&plain), Target::None),
        Figure::new("working off, jobs per second", many.working_rate, Target::None),
        Figure::new("working off from memory", memory.0, Target::None),
        Figure::new("file beside memory", many.working_rate / memory.0, Target::AtLeast(0.5)),
        Figure::new("working off, server CPU, us per job", many.working_cpu, Target::None),
        Figure::new("the same from memory, us", memory.1, Target::None),
        Figure::new("slowest answer while working, ms", many.slowest_working, Target::AtMost(20.0)),
    ]
}

pub(crate) fn durable_memory(kind: Kind, scale: Scale) -> Vec<Figure> {
    if kind == Kind::Original {
        return Vec::new();
    }
    let jobs = scale.of(scale.queued);
    let database = Database::new("large");
    database.fill(jobs as u64, 1024, true);
    let run = start_on(&database, jobs as u64, jobs, &["--queue-memory=256M"]);
    let memory = work_off_from_memory(jobs.min(500_000), 1024);
    let mebibytes = |bytes: f64| bytes / (1 << 20) as f64;
    let limit = Target::AtMost(640.0);
    vec![
        Figure::new("first `status`, ms", run.first, Target::AtMost(50.0)),
        Figure::new("jobs loaded per second", jobs as f64 / run.loaded, Target::AtLeast(600_000.0)),
        Figure::new("memory when loaded, MiB", mebibytes(run.loaded_bytes), limit),
        Figure::new("largest while worked off, MiB", mebibytes(run.largest_bytes), limit),
        Figure::new("working off, jobs per second", run.working_rate, Target::None),
        Figure::new("working off from memory", memory.0, Target::None),
        Figure::new("file beside memory", run.working_rate / memory.0, Target::AtLeast(0.5)),
        Figure::new("working off, server CPU, us per job", run.working_cpu, Target::None),
        Figure::new("slowest answer while loading, ms", run.slowest_loading, Target::AtMost(20.0)),
        Figure::new("slowest answer while working, ms", run.slowest_working, Target::AtMost(20.0)),
    ]
}
