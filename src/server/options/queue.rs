//! Options about where background jobs are kept.
//!
//! Must not: open a queue.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::key_value_stores::{LibmemcachedOptions, LibtokyocabinetOptions, RedisQueueOptions};
use super::sql_stores::{LibdrizzleOptions, LibpqOptions, MySqlQueueOptions};
use super::values::{number, parse_size};

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
    /// A database of PostgreSQL.
    Postgres,
    /// A database of Redis or Valkey.
    Redis,
    /// memcached servers.
    Memcached,
    /// A database of MySQL or MariaDB.
    MySql,
    /// The same, with the options of a client library of old.
    Libdrizzle,
    /// A file of Tokyo Cabinet.
    TokyoCabinet,
}

/// Queues of this build by name. Case does not matter.
const KINDS: &[(&str, QueueKind)] = &[
    ("builtin", QueueKind::Memory),
    ("libsqlite3", QueueKind::Sqlite),
    ("Postgres", QueueKind::Postgres),
    ("redis", QueueKind::Redis),
    ("libmemcached", QueueKind::Memcached),
    ("MySQL", QueueKind::MySql),
    ("libdrizzle", QueueKind::Libdrizzle),
    ("libtokyocabinet", QueueKind::TokyoCabinet),
];

impl QueueKind {
    /// The queue with this name.
    pub(crate) fn named(name: &str) -> Option<QueueKind> {
        let mut kinds = KINDS.iter();
        kinds.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
    }

    /// Its name, as the option has it.
    pub(crate) fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).expect("every queue has a name").0
    }

    /// What stands before its errors.
    pub(crate) fn error_prefix(self) -> &'static str {
        match self {
            QueueKind::Memory => "",
            QueueKind::Sqlite => "--libsqlite3-db ",
            QueueKind::Postgres => "--queue-type Postgres: ",
            QueueKind::Redis => "--queue-type redis: ",
            QueueKind::Memcached => "--queue-type libmemcached: ",
            QueueKind::MySql => "--queue-type MySQL: ",
            QueueKind::Libdrizzle => "--queue-type libdrizzle: ",
            QueueKind::TokyoCabinet => "--libtokyocabinet-file ",
        }
    }

    /// Whether it is another program, which is reached over a connection.
    pub(crate) fn is_remote(self) -> bool {
        !matches!(self, QueueKind::Memory | QueueKind::Sqlite | QueueKind::TokyoCabinet)
    }
}

/// How much of the certificate of a queue's server is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueueTlsChoice {
    /// What the connection string says, and no TLS without one.
    Auto,
    /// No TLS.
    Off,
    /// TLS without verification.
    Require,
    /// The certificate comes from the authorities.
    VerifyCa,
    /// And it has the name of the host.
    VerifyFull,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Queues")]
pub(crate) struct QueueOptions {
    /// Where background jobs are kept: "builtin" is memory, which is lost when the
    /// server ends; "libsqlite3" is the file of --libsqlite3-db, in which jobs survive;
    /// "Postgres" is a table in a database server, and "MySQL" too, for MySQL and MariaDB;
    /// "redis" is a database of Redis or Valkey; "libmemcached" servers forget their jobs when
    /// they end; "libdrizzle" is "MySQL" with options of its own; "libtokyocabinet" is a file of
    /// Tokyo Cabinet.
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

    /// Copy the jobs of one queue into another, compare them, and exit. Both are named as for
    /// --queue-type, each with its options, and no server may use them. A copy that was
    /// interrupted is continued.
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"])]
    pub(crate) migrate_queue: Option<Vec<String>>,

    /// Bytes of memory for waiting jobs, such as 256M. Further jobs of the durable
    /// queue are kept in the file only, and read ahead of need.
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = parse_size)]
    pub(crate) queue_memory: u64,

    /// Bytes that the file may have, such as 10G; then submissions get QUEUE_ERROR.
    /// Default: no limit.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) queue_size: Option<u64>,

    /// When a commit is on disk. "full": always. "normal": power loss, not a crash, can
    /// lose the last seconds. "off": power loss can damage the file. With "Postgres" all but "full"
    /// switches synchronous_commit off.
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

    /// File whose first line is the password of the queue's server. Environment:
    /// GEARMAND_QUEUE_PASSWORD.
    #[arg(long, value_name = "FILE")]
    pub(crate) queue_password_file: Option<PathBuf>,

    /// Seconds that the queue's server may take for a request, before its connection is given up.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    #[arg(value_parser = number::<u32>(1..=3600, "seconds"))]
    pub(crate) queue_timeout: u32,

    /// TLS to the queue's server: "off"; "require": encrypted, not verified; "verify-ca": its
    /// certificate comes from --queue-tls-ca; "verify-full": and has the name of the host.
    /// "auto": what --libpq-conninfo or my.cnf says; off with another queue.
    #[arg(long, value_name = "MODE", default_value = "auto")]
    pub(crate) queue_tls: QueueTlsChoice,

    /// Certificates of authorities for --queue-tls. Default: those of the system.
    #[arg(long, value_name = "FILE")]
    pub(crate) queue_tls_ca: Option<PathBuf>,

    /// Certificate that is shown to the queue's server.
    #[arg(long, value_name = "FILE")]
    pub(crate) queue_tls_cert: Option<PathBuf>,

    /// Key of that certificate.
    #[arg(long, value_name = "FILE")]
    pub(crate) queue_tls_key: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) postgres: LibpqOptions,

    #[command(flatten)]
    pub(crate) redis: RedisQueueOptions,

    #[command(flatten)]
    pub(crate) memcached: LibmemcachedOptions,

    #[command(flatten)]
    pub(crate) mysql: MySqlQueueOptions,

    #[command(flatten)]
    pub(crate) libdrizzle: LibdrizzleOptions,

    #[command(flatten)]
    pub(crate) tokyo_cabinet: LibtokyocabinetOptions,
}

impl QueueOptions {
    /// The file of the queue, if it is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self.kind() {
            QueueKind::Sqlite => self.libsqlite3_db.clone(),
            QueueKind::TokyoCabinet => self.tokyo_cabinet_file(),
            _ => None,
        }
    }

    /// The file of limits and pauses beside the file of the queue, if there is one.
    pub(crate) fn settings_beside(&self) -> Option<PathBuf> {
        let mut name = self.file()?.into_os_string();
        name.push("-functions");
        Some(name.into())
    }

    /// The file of the queue "libtokyocabinet", without the settings behind its name.
    fn tokyo_cabinet_file(&self) -> Option<PathBuf> {
        let file = self.tokyo_cabinet.libtokyocabinet_file.clone()?;
        Some(gearman_queue::tokyocabinet::TokyoOptions::new(file).path())
    }

    /// The queue that was chosen. [`QueueOptions::error`] is checked before.
    pub(crate) fn kind(&self) -> QueueKind {
        QueueKind::named(&self.queue_type).unwrap_or(QueueKind::Memory)
    }

    /// The error if there is no such queue, or an option of it is missing. Case
    /// does not matter.
    pub(super) fn error(&self) -> Option<String> {
        let wanted = &self.queue_type;
        let Some(kind) = QueueKind::named(wanted) else {
            let names: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
            return Some(format!(
                "invalid value '{wanted}' for '--queue-type <TYPE>': not a queue; use one of {}",
                names.join(", ")
            ));
        };
        if self.check_queue && !matches!(kind, QueueKind::Memory | QueueKind::Sqlite) {
            return Some(format!(
                "option '--check-queue' is for libsqlite3; the tools of the database examine {}",
                kind.name()
            ));
        }
        if self.queue_size.is_some() && kind.is_remote() {
            return Some(format!(
                "option '--queue-size' is for a queue in a file; limit the database of {} by its own \
                 means",
                kind.name()
            ));
        }
        if let Some(names) = &self.migrate_queue {
            return self.migration_error(names);
        }
        let kind = if self.check_queue { QueueKind::Sqlite } else { kind };
        self.missing_option(kind)
    }

    fn migration_error(&self, names: &[String]) -> Option<String> {
        let mut kinds = Vec::new();
        for name in names {
            match QueueKind::named(name) {
                Some(kind) if kind != QueueKind::Memory && !kinds.contains(&kind) => {
                    kinds.push(kind);
                }
                _ => {
                    return Some(format!(
                        "invalid value '{name}' for '--migrate-queue <FROM> <TO>': name two \
                         different queues that keep jobs"
                    ));
                }
            }
        }
        kinds.into_iter().find_map(|kind| self.missing_option(kind))
    }

    /// The error if an option that a queue needs is missing.
    pub(crate) fn missing_option(&self, kind: QueueKind) -> Option<String> {
        let is_named =
            |file: &Option<PathBuf>| file.as_ref().is_some_and(|f| !f.as_os_str().is_empty());
        let port = match kind {
            QueueKind::Redis => self.redis.port().map(drop),
            QueueKind::MySql => self.mysql.port().map(drop),
            QueueKind::Libdrizzle => self.libdrizzle.port().map(drop),
            _ => Ok(()),
        };
        if let Err(error) = port {
            return Some(error);
        }
        let servers = &self.memcached.libmemcached_servers;
        let has_servers = servers.as_ref().is_some_and(|servers| !servers.is_empty());
        let missing = match kind {
            QueueKind::Sqlite if !is_named(&self.libsqlite3_db) => {
                "--libsqlite3-db <FILE>' is missing: it names the file"
            }
            QueueKind::Memcached if !has_servers => {
                "--libmemcached-servers <LIST>' is missing: it names the servers"
            }
            QueueKind::TokyoCabinet if !is_named(&self.tokyo_cabinet.libtokyocabinet_file) => {
                "--libtokyocabinet-file <FILE>' is missing: it names the file"
            }
            _ => return None,
        };
        Some(format!("option '{missing} of the queue"))
    }
}
