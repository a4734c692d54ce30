//! The cases of the durable queue in a database server, which both job servers use in turn.
//!
//! Must not: compare servers; that is `report`.

use std::thread;
use std::time::{Duration, Instant};

use gearman_queue::postgres::{PostgresOptions, PostgresStore};
use gearman_queue::{Batch, Store};
use gearman_test_support::databases::Postgres;

use super::background::Submits;
use super::cases::Scale;
use super::durable::queued;
use super::report::{Figure, Target};
use super::server::{Kind, Server};
use super::stores::{append, unique};

/// Bytes of a payload.
const SMALL_PAYLOAD: [u8; 64] = [b'x'; 64];
/// Jobs per batch of a table that is filled.
const FILLED_AT_ONCE: u64 = 20_000;

fn start(kind: Kind, database: &Postgres) -> Server {
    let conninfo = format!("--libpq-conninfo={}", database.conninfo());
    let server = Server::start(kind, &["-q", "Postgres", &conninfo]);
    // Its port may be open before its table.
    server.list("status");
    server
}

/// Acknowledged submits, 8 clients with 16 each; the original's take a transaction each.
pub(crate) fn postgres(kind: Kind, scale: Scale) -> Vec<Figure> {
    let Some(database) = Postgres::start() else { return Vec::new() };
    let jobs = scale.of(100_000);
    let jobs = if kind == Kind::Original { (jobs / 50).max(128) } else { jobs };
    let server = start(kind, &database);
    let mut submits = Submits::new(server.port, 8, 16, SMALL_PAYLOAD.len());
    submits.play((jobs / 10).max(1));
    let commits = || -> f64 {
        let number = database.query("SELECT last_batch FROM queue_server");
        number.parse().expect("a number")
    };
    let before = if kind == Kind::Ours { commits() } else { 0.0 };
    let (cpu, began) = (server.cpu(), Instant::now());
    submits.play(jobs);
    let rate = jobs as f64 / began.elapsed().as_secs_f64();
    let cpu = (server.cpu() - cpu) * 1e6 / jobs as f64;
    let mut figures = vec![
        Figure::new("acknowledged submits per second", rate, Target::RatioAtLeast(20.0)),
        Figure::new("server CPU, us per job", cpu, Target::None),
    ];
    if kind == Kind::Ours {
        let size = jobs as f64 / (commits() - before);
        drop((submits, server));
        let bare = bare_rate(&database, jobs as u64, size.round() as u64);
        figures.extend([
            Figure::new("jobs per commit", size, Target::None),
            Figure::new("a bare loop with such batches, jobs per second", bare, Target::None),
            Figure::new("rate beside the bare loop", rate / bare, Target::AtLeast(0.7)),
        ]);
    }
    figures
}

fn open(database: &Postgres) -> PostgresStore {
    PostgresStore::open(&PostgresOptions::new(database.conninfo())).expect("the store opens")
}

/// Writes jobs in batches of one size. Returns jobs per second.
fn bare_rate(database: &Postgres, jobs: u64, batch_size: u64) -> f64 {
    let mut store = open(database);
    let mut number = store.last_number().0;
    let last = number + jobs;
    let (mut batch, began) = (Batch::default(), Instant::now());
    while number < last {
        for _ in 0..batch_size.clamp(1, last - number) {
            number += 1;
            append(&mut batch, number, &unique(number), &SMALL_PAYLOAD);
        }
        store.apply(&batch).expect("a batch is written");
        batch.clear();
    }
    jobs as f64 / began.elapsed().as_secs_f64()
}

/// A start on a table with jobs.
pub(crate) fn postgres_start(kind: Kind, scale: Scale) -> Vec<Figure> {
    if kind == Kind::Original {
        return Vec::new();
    }
    let Some(database) = Postgres::start() else { return Vec::new() };
    let jobs = scale.of(scale.queued) as u64;
    bare_rate(&database, jobs, FILLED_AT_ONCE);
    let began = Instant::now();
    let server = start(kind, &database);
    let first = began.elapsed().as_secs_f64();
    while queued(&server) < jobs {
        thread::sleep(Duration::from_millis(5));
    }
    let loaded = began.elapsed().as_secs_f64();
    // The target is for a million jobs.
    let target = if jobs <= 1_000_000 { Target::AtMost(3.0) } else { Target::None };
    vec![
        Figure::new("first `status`, s", first, Target::None),
        Figure::new("all jobs loaded, s", loaded, target),
    ]
}
