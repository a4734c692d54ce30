//! The cases of the durable queue in a store other than SQLite, which both job servers use in turn.
//!
//! Must not: compare servers; that is `report`.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use gearman_queue::memcached::{MemcachedOptions, MemcachedStore};
use gearman_queue::mysql::{MySqlOptions, MySqlStore};
use gearman_queue::postgres::{PostgresOptions, PostgresStore};
use gearman_queue::redis::{RedisOptions, RedisStore};
use gearman_queue::remote::Secret;
use gearman_queue::tokyocabinet::{TokyoOptions, TokyoStore};
use gearman_queue::{Batch, Store};
use gearman_test_support::databases::{MariaDbServer, Memcached, Postgres, Redis, SYNCING};
use gearman_test_support::paths::scratch;

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

/// A store that both job servers can use.
trait BenchDatabase: Sized {
    /// Rate beside the original's that is aimed at; `None` if Debian's build does not have this queue.
    const RATIO: Option<f64>;
    /// Jobs of ours for one of the original's, which is slower.
    const JOBS_PER_ORIGINAL: usize = 50;

    /// Starts one; `None` if there is none.
    fn begin() -> Option<Self>;

    /// Options of a job server on it.
    fn options(&self) -> Vec<String>;

    /// Our store on it.
    fn open(&self) -> Box<dyn Store>;
}

impl BenchDatabase for Postgres {
    const RATIO: Option<f64> = Some(20.0);

    fn begin() -> Option<Postgres> {
        Postgres::start()
    }

    fn options(&self) -> Vec<String> {
        vec!["--queue-type=Postgres".to_owned(), format!("--libpq-conninfo={}", self.conninfo())]
    }

    fn open(&self) -> Box<dyn Store> {
        let options = PostgresOptions::new(self.conninfo());
        Box::new(PostgresStore::open(&options).expect("the store opens"))
    }
}

impl BenchDatabase for MariaDbServer {
    const RATIO: Option<f64> = Some(20.0);

    fn begin() -> Option<MariaDbServer> {
        // As large a log as servers have by default.
        MariaDbServer::start(&["--innodb-log-file-size=96M"])
    }

    fn options(&self) -> Vec<String> {
        vec![
            "--queue-type=MySQL".to_owned(),
            "--mysql-host=127.0.0.1".to_owned(),
            format!("--mysql-port={}", self.port),
            format!("--mysql-user={}", self.user()),
            format!("--mysql-password={}", self.password()),
            format!("--mysql-db={}", self.user()),
        ]
    }

    fn open(&self) -> Box<dyn Store> {
        let options = MySqlOptions {
            host: Some("127.0.0.1".to_owned()),
            port: Some(self.port),
            user: Some(self.user().to_owned()),
            password: Some(Secret::new(self.password())),
            database: Some(self.user().to_owned()),
            ..MySqlOptions::default()
        };
        Box::new(MySqlStore::open(&options).expect("the store opens"))
    }
}

impl BenchDatabase for Redis {
    const RATIO: Option<f64> = Some(20.0);

    fn begin() -> Option<Redis> {
        Redis::start(&SYNCING)
    }

    fn options(&self) -> Vec<String> {
        let server = "--redis-server=127.0.0.1".to_owned();
        vec!["--queue-type=redis".to_owned(), server, format!("--redis-port={}", self.port)]
    }

    fn open(&self) -> Box<dyn Store> {
        let options = RedisOptions::new("127.0.0.1", self.port);
        Box::new(RedisStore::open(options).expect("the store opens"))
    }
}

impl BenchDatabase for Memcached {
    const RATIO: Option<f64> = Some(3.0);
    const JOBS_PER_ORIGINAL: usize = 4;

    fn begin() -> Option<Memcached> {
        Memcached::start(&["-M", "-m", "1024"])
    }

    fn options(&self) -> Vec<String> {
        let servers = format!("--libmemcached-servers=127.0.0.1:{}", self.port);
        vec!["--queue-type=libmemcached".to_owned(), servers]
    }

    fn open(&self) -> Box<dyn Store> {
        let options = MemcachedOptions::new(format!("127.0.0.1:{}", self.port));
        Box::new(MemcachedStore::open(options).expect("the store opens"))
    }
}

/// A file of Tokyo Cabinet, removed when dropped.
struct TokyoFile(PathBuf);

impl BenchDatabase for TokyoFile {
    const RATIO: Option<f64> = None;

    fn begin() -> Option<TokyoFile> {
        let directory = scratch().join(format!("bench-{}-tokyo", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let file = TokyoFile(directory);
        // There is nothing to measure without the library.
        TokyoStore::open(TokyoOptions::new(file.path())).ok().map(drop)?;
        Some(file)
    }

    fn options(&self) -> Vec<String> {
        let file = format!("--libtokyocabinet-file={}", self.path().display());
        vec!["--queue-type=libtokyocabinet".to_owned(), file]
    }

    fn open(&self) -> Box<dyn Store> {
        Box::new(TokyoStore::open(TokyoOptions::new(self.path())).expect("the store opens"))
    }
}

impl TokyoFile {
    fn path(&self) -> PathBuf {
        self.0.join("queue.tch")
    }
}

impl Drop for TokyoFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn start(kind: Kind, database: &impl BenchDatabase) -> Server {
    let options = database.options();
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let server = Server::start(kind, &options);
    // Its port may be open before its table.
    server.list("status");
    server
}

/// Acknowledged submits to PostgreSQL.
pub(crate) fn postgres(kind: Kind, scale: Scale) -> Vec<Figure> {
    submits::<Postgres>(kind, scale)
}

/// Acknowledged submits to MariaDB.
pub(crate) fn mysql(kind: Kind, scale: Scale) -> Vec<Figure> {
    submits::<MariaDbServer>(kind, scale)
}

/// Acknowledged submits to Redis, which syncs its log for each batch.
pub(crate) fn redis(kind: Kind, scale: Scale) -> Vec<Figure> {
    submits::<Redis>(kind, scale)
}

/// Acknowledged submits to memcached.
pub(crate) fn memcached(kind: Kind, scale: Scale) -> Vec<Figure> {
    submits::<Memcached>(kind, scale)
}

/// Acknowledged submits to a file of Tokyo Cabinet. Debian's original cannot do it.
pub(crate) fn tokyo_cabinet(kind: Kind, scale: Scale) -> Vec<Figure> {
    submits::<TokyoFile>(kind, scale)
}

/// Acknowledged submits, 8 clients with 16 each; the original's take a transaction each.
fn submits<D: BenchDatabase>(kind: Kind, scale: Scale) -> Vec<Figure> {
    if kind == Kind::Original && D::RATIO.is_none() {
        return Vec::new();
    }
    let Some(database) = D::begin() else { return Vec::new() };
    let jobs = scale.of(100_000);
    let jobs = if kind == Kind::Original { (jobs / D::JOBS_PER_ORIGINAL).max(128) } else { jobs };
    let server = start(kind, &database);
    let mut submits = Submits::new(server.port, 8, 16, SMALL_PAYLOAD.len());
    submits.play((jobs / 10).max(1));
    let before = if kind == Kind::Ours { server.commits() } else { 0.0 };
    let (cpu, began) = (server.cpu(), Instant::now());
    submits.play(jobs);
    let rate = jobs as f64 / began.elapsed().as_secs_f64();
    let cpu = (server.cpu() - cpu) * 1e6 / jobs as f64;
    let target = D::RATIO.map_or(Target::None, Target::RatioAtLeast);
    let mut figures = vec![
        Figure::new("acknowledged submits per second", rate, target),
        Figure::new("server CPU, us per job", cpu, Target::None),
    ];
    if kind == Kind::Ours {
        let size = jobs as f64 / (server.commits() - before);
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

/// Writes jobs in batches of one size. Returns jobs per second.
fn bare_rate(database: &impl BenchDatabase, jobs: u64, batch_size: u64) -> f64 {
    let mut store = database.open();
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

/// A start on a table of PostgreSQL.
pub(crate) fn postgres_start(kind: Kind, scale: Scale) -> Vec<Figure> {
    start_on_a_table::<Postgres>(kind, scale)
}

/// A start on a table of MariaDB.
pub(crate) fn mysql_start(kind: Kind, scale: Scale) -> Vec<Figure> {
    start_on_a_table::<MariaDbServer>(kind, scale)
}

/// A start on a table with jobs.
fn start_on_a_table<D: BenchDatabase>(kind: Kind, scale: Scale) -> Vec<Figure> {
    if kind == Kind::Original {
        return Vec::new();
    }
    let Some(database) = D::begin() else { return Vec::new() };
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
