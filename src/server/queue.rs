//! Opens the store of the durable queue, and examines one.
//!
//! Must not: know jobs.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crate::log::{Level, Log};
use crate::options::{QueueKind, QueueOptions, QueueTlsChoice, SyncChoice};
use gearman_broker::{Broker, DurableConfig};
use gearman_protocol::pattern::Pattern;
use gearman_queue::memcached::{MemcachedOptions, MemcachedStore};
use gearman_queue::migrate::{Migrated, migrate};
use gearman_queue::mysql::{MySqlOptions, MySqlStore};
use gearman_queue::postgres::{PostgresOptions, PostgresStore};
use gearman_queue::redis::{RedisOptions, RedisStore};
use gearman_queue::remote::{RemoteLimits, Secret, TlsMode, TlsSettings};
use gearman_queue::sqlite::{Salvage, SqliteOptions, SqliteStore, Syncing, check, salvage};
use gearman_queue::tokyocabinet::{TokyoOptions, TokyoStore, TokyoSyncing};
use gearman_queue::{Batch, IfMissing, Store, StoreError};

/// Variable with the password of the queue's server.
const PASSWORD_VARIABLE: &str = "GEARMAND_QUEUE_PASSWORD";

/// Opens the store that was chosen, and makes the jobs of a broker durable with it. Returns
/// `None` if jobs are kept in memory.
///
/// # Errors
/// If the store cannot be opened or written.
pub(crate) fn open(
    options: &QueueOptions,
    broker: &mut Broker,
    log: &mut Log,
) -> io::Result<Option<Box<dyn Store>>> {
    let kind = options.kind();
    if kind == QueueKind::Memory {
        return Ok(None);
    }
    let failed = |error: StoreError| io::Error::other(format!("{}{error}", kind.error_prefix()));
    let mut store = open_store(options, kind, IfMissing::Create).map_err(failed)?;
    log.write(Level::Info, format_args!("Keeping background jobs in {}", store.place()));
    let risk = options.file().and_then(|file| gearman_files::directory_risk(&file));
    for notice in store.take_notices().into_iter().chain(risk) {
        log.write(Level::Warning, format_args!("Queue: {notice}"));
    }
    let patterns = options.volatile.iter();
    broker.set_durable(DurableConfig {
        last_number: store.last_number(),
        volatile: patterns.map(|name| Pattern::of_text(name.as_bytes())).collect(),
        memory_bytes_max: usize::try_from(options.queue_memory).unwrap_or(usize::MAX),
        at_shutdown_only: options.store_queue_on_shutdown,
        payload_bytes_max: store.payload_bytes_max(),
    });
    // Numbers are reserved before the first job gets one.
    let mut batch = Batch::default();
    broker.take_operations(&mut batch);
    let count = batch.len() as u64;
    store.apply(&batch).map_err(failed)?;
    broker.start_operations_at(count);
    Ok(Some(store))
}

/// Opens a store of this kind.
fn open_store(
    options: &QueueOptions,
    kind: QueueKind,
    if_missing: IfMissing,
) -> Result<Box<dyn Store>, StoreError> {
    let options_error = StoreError::NotCommitted;
    Ok(match kind {
        QueueKind::Memory => {
            return Err(options_error("\"builtin\" keeps jobs in memory only".to_owned()));
        }
        QueueKind::Sqlite => {
            let options = SqliteOptions { if_missing, ..sqlite_options(options) };
            Box::new(SqliteStore::open(options)?)
        }
        QueueKind::Postgres => {
            let options = postgres_options(options).map_err(options_error)?;
            Box::new(PostgresStore::open(&PostgresOptions { if_missing, ..options })?)
        }
        QueueKind::Redis => {
            Box::new(RedisStore::open(redis_options(options).map_err(options_error)?)?)
        }
        QueueKind::Memcached => Box::new(MemcachedStore::open(memcached_options(options))?),
        QueueKind::MySql => {
            let options = mysql_options(options).map_err(options_error)?;
            Box::new(MySqlStore::open(&MySqlOptions { if_missing, ..options })?)
        }
        QueueKind::Libdrizzle => {
            let options = libdrizzle_options(options).map_err(options_error)?;
            Box::new(MySqlStore::open(&MySqlOptions { if_missing, ..options })?)
        }
        QueueKind::TokyoCabinet => {
            let options = TokyoOptions { if_missing, ..tokyo_options(options) };
            Box::new(TokyoStore::open(options)?)
        }
    })
}

fn sqlite_options(options: &QueueOptions) -> SqliteOptions {
    let file = options.libsqlite3_db.clone().expect("checked with the other options");
    SqliteOptions {
        table: options.libsqlite3_table.clone(),
        syncing: match options.queue_sync {
            SyncChoice::Full => Syncing::Full,
            SyncChoice::Normal => Syncing::Normal,
            SyncChoice::Off => Syncing::Off,
        },
        size_bytes_max: options.queue_size,
        ..SqliteOptions::new(file)
    }
}

fn postgres_options(options: &QueueOptions) -> Result<PostgresOptions, String> {
    Ok(PostgresOptions {
        conninfo: options.postgres.libpq_conninfo.clone().unwrap_or_default(),
        password: password(options, None)?,
        default_user: user_name(),
        table: options.postgres.libpq_table.clone(),
        if_missing: IfMissing::Create,
        tls: tls(options),
        is_synchronous: options.queue_sync == SyncChoice::Full,
        limits: limits(options),
    })
}

fn redis_options(options: &QueueOptions) -> Result<RedisOptions, String> {
    let given = &options.redis;
    Ok(RedisOptions {
        user: given.redis_user.clone(),
        password: password(options, given.redis_password.as_ref())?,
        database: given.redis_database.into(),
        prefix: given.redis_prefix.clone(),
        tls: tls(options).unwrap_or_default(),
        limits: limits(options),
        connect_wait: wait(options),
        ..RedisOptions::new(given.redis_server.clone(), given.port()?)
    })
}

fn memcached_options(options: &QueueOptions) -> MemcachedOptions {
    let given = &options.memcached;
    let servers = given.libmemcached_servers.clone().expect("checked with the other options");
    MemcachedOptions {
        prefix: given.libmemcached_prefix.clone(),
        limits: limits(options),
        connect_wait: wait(options),
        ..MemcachedOptions::new(servers)
    }
}

fn mysql_options(options: &QueueOptions) -> Result<MySqlOptions, String> {
    let given = &options.mysql;
    Ok(MySqlOptions {
        host: given.mysql_host.clone(),
        port: given.port()?,
        user: given.mysql_user.clone(),
        password: password(options, given.mysql_password.as_ref())?,
        database: given.mysql_db.clone(),
        default_user: user_name(),
        table: given.mysql_table.clone(),
        tls: tls(options),
        limits: limits(options),
        ..MySqlOptions::default()
    })
}

/// The original reads no option file with this queue.
fn libdrizzle_options(options: &QueueOptions) -> Result<MySqlOptions, String> {
    let given = &options.libdrizzle;
    Ok(MySqlOptions {
        host: Some(given.libdrizzle_host.clone()),
        port: given.port()?,
        socket: given.libdrizzle_uds.clone(),
        is_localhost_a_socket: false,
        user: Some(given.libdrizzle_user.clone()),
        password: password(options, given.libdrizzle_password.as_ref())?,
        database: Some(given.libdrizzle_db.clone()),
        table: given.libdrizzle_table.clone(),
        tls: tls(options),
        limits: limits(options),
        option_files: Vec::new(),
        ..MySqlOptions::default()
    })
}

fn tokyo_options(options: &QueueOptions) -> TokyoOptions {
    let given = &options.tokyo_cabinet;
    let file = given.libtokyocabinet_file.clone().expect("checked with the other options");
    TokyoOptions {
        optimizes: given.libtokyocabinet_optimize,
        syncing: match options.queue_sync {
            SyncChoice::Full => TokyoSyncing::EveryChange,
            SyncChoice::Normal => TokyoSyncing::EveryBatch,
            SyncChoice::Off => TokyoSyncing::Never,
        },
        size_bytes_max: options.queue_size,
        ..TokyoOptions::new(file)
    }
}

/// Time for which submissions wait for a connection.
fn wait(options: &QueueOptions) -> Duration {
    Duration::from_secs(options.queue_wait.into())
}

/// The password of the queue's server: of the file, of the command line, or of the environment.
fn password(options: &QueueOptions, given: Option<&Secret>) -> Result<Option<Secret>, String> {
    if let Some(file) = &options.queue_password_file {
        let read = Secret::read(file).map_err(|why| format!("--queue-password-file {why}"));
        return read.map(Some);
    }
    let variable = || std::env::var(PASSWORD_VARIABLE).ok().map(Secret::new);
    Ok(given.cloned().or_else(variable).filter(|password| !password.is_empty()))
}

/// Name of the user that this process runs as.
fn user_name() -> Option<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::effective());
    user.ok().flatten().map(|user| user.name)
}

fn limits(options: &QueueOptions) -> RemoteLimits {
    RemoteLimits::new(Duration::from_secs(options.queue_timeout.into()))
}

/// TLS to the queue's server, if an option says something about it.
fn tls(options: &QueueOptions) -> Option<TlsSettings> {
    let mode = match options.queue_tls {
        QueueTlsChoice::Auto => return None,
        QueueTlsChoice::Off => TlsMode::Off,
        QueueTlsChoice::Require => TlsMode::Encrypt,
        QueueTlsChoice::VerifyCa => TlsMode::Authority,
        QueueTlsChoice::VerifyFull => TlsMode::Full,
    };
    Some(TlsSettings {
        mode,
        authorities: options.queue_tls_ca.clone(),
        certificate: options.queue_tls_cert.clone(),
        key: options.queue_tls_key.clone(),
    })
}

/// Copies one queue into another and prints what became of it. Returns the exit code of the program:
/// 0 if the target has every job.
pub(crate) fn copy(options: &QueueOptions, names: &[String]) -> ExitCode {
    let open = |name: &String, if_missing: IfMissing| {
        let kind = QueueKind::named(name).expect("checked with the other options");
        open_store(options, kind, if_missing)
            .map_err(|error| format!("{}{error}", kind.error_prefix()))
    };
    let stores = open(&names[0], IfMissing::Refuse)
        .and_then(|source| Ok((source, open(&names[1], IfMissing::Create)?)));
    let (mut source, mut target) = match stores {
        Ok(stores) => stores,
        Err(error) => {
            eprintln!("gearmand: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut reported = 0;
    let progress = |done: usize, all: usize| {
        let percent = (done * 100).checked_div(all).unwrap_or(100);
        if percent >= reported + 10 {
            reported = percent;
            println!("{percent} %");
        }
    };
    match migrate(&mut *source, &mut *target, progress) {
        Ok(Migrated { copied, found, failed }) => {
            println!("{copied} jobs copied, {found} found already, {} not copied", failed.len());
            for (number, reason) in &failed {
                eprintln!("gearmand: the job with the number {} is not copied: {reason}", number.0);
            }
            if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!(
                "gearmand: {error}; what was copied stays, and the next copy goes on from there"
            );
            ExitCode::FAILURE
        }
    }
}

/// Examines the file of the queue and prints what is wrong with it. The jobs of a damaged file are
/// saved in a new one. Returns the exit code of the
/// program: 0 if the file is sound, 1 if it is damaged or cannot be read.
pub(crate) fn examine(options: &QueueOptions) -> ExitCode {
    let file = options.libsqlite3_db.as_ref().expect("checked with the other options");
    let shown = file.display();
    match check(file, &options.libsqlite3_table) {
        Ok(report) if report.damage.is_empty() => {
            println!("{shown}: sound");
            ExitCode::SUCCESS
        }
        Ok(report) => {
            report.damage.iter().for_each(|line| println!("{shown}: {line}"));
            repair(file, &options.libsqlite3_table);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("gearmand: --libsqlite3-db {shown}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Saves the jobs of a damaged file in another one, and prints what became of them.
fn repair(file: &Path, table: &str) {
    let shown = file.display();
    match salvage(file, table) {
        Ok(Salvage { file: repaired, saved, unreadable }) => println!(
            "{shown}: damaged; the {saved} jobs that can be read are saved in {}. {unreadable} others \
             have a number and cannot be read; how many are lost with whole pages is not known. \
             Move {shown} away, with {shown}-wal and {shown}-shm, and give the new file its name",
            repaired.display()
        ),
        Err(error) => println!("{shown}: damaged, and no job was saved: {error}"),
    }
}
