//! Options about where background jobs are kept.
//!
//! Must not: open a queue.

use clap::Args;

use super::unsupported::{OptionGroup, UnsupportedOptions, UnsupportedTable};

/// Queues that this build has.
const BUILT_IN: &[&str] = &["builtin"];
/// Queues of the original that this build does not have.
const KNOWN: &[&str] =
    &["libdrizzle", "libmemcached", "libsqlite3", "libtokyocabinet", "MySQL", "Postgres", "redis"];

#[derive(Debug, Args)]
#[command(next_help_heading = "Queues")]
pub(crate) struct QueueOptions {
    /// Where background jobs are kept: "builtin" is memory, which is lost when the
    /// server ends.
    #[arg(short = 'q', long, value_name = "TYPE", default_value = "builtin")]
    queue_type: String,

    #[command(flatten)]
    modules: UnsupportedOptions<Modules>,
}

impl QueueOptions {
    /// The error if this build does not have the queue. Case does not matter.
    pub(super) fn error(&self) -> Option<String> {
        let wanted = &self.queue_type;
        let is_in = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
        if is_in(BUILT_IN) {
            return None;
        }
        let what = if is_in(KNOWN) { "not in this build" } else { "not a queue" };
        let choices = BUILT_IN.join(", ");
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
            "Queue libsqlite3, not in this build",
            &[
                ("libsqlite3-db", Some(("FILE", None)), "Database"),
                ("libsqlite3-table", Some(("NAME", Some("gearman_queue"))), "Table"),
                ("store-queue-on-shutdown", None, "Store the queue only at shutdown"),
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
