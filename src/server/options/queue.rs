//! Options about where background jobs are kept.
//!
//! Must not: open a queue.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::unsupported::{OptionGroup, UnsupportedOptions, UnsupportedTable};
use super::values::{number, parse_size};

/// Queues that this build has.
const BUILT_IN: &[&str] = &["builtin", "libsqlite3"];
/// Queues of the original that this build does not have.
const KNOWN: &[&str] =
    &["libdrizzle", "libmemcached", "libtokyocabinet", "MySQL", "Postgres", "redis"];

/// When a commit is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SyncChoice {
    /// Every commit is synced.
    Full,
    /// The file is synced from time to time.
    Normal,
    /// The file is never synced.
    Off,
}

/// The queue that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueKind {
    /// Memory.
    Memory,
    /// A file of SQLite.
    Sqlite,
}

impl QueueKind {
    /// Its name, as the option has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            QueueKind::Memory => "builtin",
            QueueKind::Sqlite => "libsqlite3",
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Queues")]
pub(crate) struct QueueOptions {
    /// Where background jobs are kept: "builtin" is memory, which is lost when the
    /// server ends; "libsqlite3" is the file of --libsqlite3-db, in which jobs survive.
    #[arg(short = 'q', long, value_name = "TYPE", default_value = "builtin")]
    queue_type: String,

    /// File of the queue "libsqlite3". It is created if it does not exist, and taken
    /// over if the original gearmand wrote it.
    // An empty value is accepted with another queue, as in the original.
    #[arg(long, value_name = "FILE")]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) libsqlite3_db: Option<PathBuf>,

    /// Table in that file.
    #[arg(long, value_name = "NAME", default_value = gearman_queue::sqlite::DEFAULT_TABLE)]
    pub(crate) libsqlite3_table: String,

    /// Examine the file of the queue, print what is wrong with it, and exit. Jobs that can be
    /// read in a damaged file are saved in FILE-repaired.
    #[arg(long)]
    pub(crate) check_queue: bool,

    /// Bytes of memory for waiting jobs, such as 256M. Further jobs of the durable
    /// queue are kept in the file only, and read ahead of need.
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = parse_size)]
    pub(crate) queue_memory: u64,

    /// Bytes that the file may have, such as 10G; then submissions get QUEUE_ERROR.
    /// Default: no limit.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) queue_size: Option<u64>,

    /// When a commit is on disk. "full": always. "normal": power loss, not a crash, can
    /// lose the last seconds. "off": power loss can damage the file.
    #[arg(long, value_name = "WHEN", default_value = "full")]
    pub(crate) queue_sync: SyncChoice,

    /// Seconds that a submission waits for a file that is slow, before QUEUE_ERROR.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    #[arg(value_parser = number::<u32>(0..=3600, "seconds"))]
    pub(crate) queue_wait: u32,

    /// Write background jobs to the file when the server ends, not before: they do not
    /// survive a crash.
    #[arg(long)]
    pub(crate) store_queue_on_shutdown: bool,

    /// Function whose background jobs are kept in memory only; "*" in it stands for any
    /// text. May be given more than once.
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) volatile: Vec<String>,

    #[command(flatten)]
    modules: UnsupportedOptions<Modules>,
}

impl QueueOptions {
    /// The queue that was chosen. [`QueueOptions::error`] is checked before.
    pub(crate) fn kind(&self) -> QueueKind {
        match self.queue_type.eq_ignore_ascii_case("libsqlite3") {
            true => QueueKind::Sqlite,
            false => QueueKind::Memory,
        }
    }

    /// The error if this build does not have the queue, or an option of it is missing. Case
    /// does not matter.
    pub(super) fn error(&self) -> Option<String> {
        let wanted = &self.queue_type;
        let is_in = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
        if is_in(BUILT_IN) {
            let needs_file = self.kind() == QueueKind::Sqlite || self.check_queue;
            let has_file = self.libsqlite3_db.as_ref().is_some_and(|f| !f.as_os_str().is_empty());
            return (needs_file && !has_file).then(|| {
                "option '--libsqlite3-db <FILE>' is missing: it names the file of the queue".into()
            });
        }
        let what = if is_in(KNOWN) { "not in this build" } else { "not a queue" };
        let choices = BUILT_IN.join(" or ");
        Some(format!("invalid value '{wanted}' for '--queue-type <TYPE>': {what}; use {choices}"))
    }
}

/// The options of those queues.
#[derive(Debug)]
struct Modules;

impl UnsupportedTable for Modules {
    const OPTIONS: &'static [OptionGroup] = &[
        (
            "Queue libdrizzle, not in this build",
            &[
                ("libdrizzle-host", Some(("HOST", None)), "Host of the database"),
                ("libdrizzle-port", Some(("PORT", None)), "Port of the database"),
                ("libdrizzle-uds", Some(("PATH", None)), "Unix socket of the database"),
                ("libdrizzle-user", Some(("USER", Some("root"))), "User name"),
                ("libdrizzle-password", Some(("PASSWORD", None)), "Password"),
                ("libdrizzle-db", Some(("NAME", Some("gearman"))), "Database"),
                ("libdrizzle-table", Some(("NAME", Some("queue"))), "Table"),
                ("libdrizzle-mysql", None, "Use the protocol of MySQL"),
            ],
        ),
        (
            "Queue libmemcached, not in this build",
            &[
                ("libmemcached-servers", Some(("LIST", None)), "Servers, separated by commas"),
                ("libmemcached-prefix", Some(("PREFIX", Some("gear_"))), "Prefix of keys"),
            ],
        ),
        (
            "Queue libtokyocabinet, not in this build",
            &[
                ("libtokyocabinet-file", Some(("FILE", None)), "Database"),
                ("libtokyocabinet-optimize", None, "Optimize the database at startup"),
            ],
        ),
        (
            "Queue MySQL, not in this build",
            &[
                ("mysql-host", Some(("HOST", Some("localhost"))), "Host of the database"),
                ("mysql-port", Some(("PORT", Some("3306"))), "Port of the database"),
                ("mysql-user", Some(("USER", None)), "User name"),
                ("mysql-password", Some(("PASSWORD", None)), "Password"),
                ("mysql-db", Some(("NAME", None)), "Database"),
                ("mysql-table", Some(("NAME", Some("gearman_queue"))), "Table"),
            ],
        ),
        (
            "Queue Postgres, not in this build",
            &[
                ("libpq-conninfo", Some(("TEXT", None)), "Connection string of the database"),
                ("libpq-table", Some(("NAME", Some("queue"))), "Table"),
            ],
        ),
        (
            "Queue redis, not in this build",
            &[
                ("redis-server", Some(("HOST", Some("127.0.0.1"))), "Host of the server"),
                ("redis-port", Some(("PORT", Some("6379"))), "Port of the server"),
                ("redis-password", Some(("PASSWORD", None)), "Password"),
                ("redis-prefix", Some(("PREFIX", Some("_gear_"))), "Prefix of keys"),
            ],
        ),
    ];
}
