//! Options of the queues in a key-value store: "redis", "libmemcached" and "libtokyocabinet".
//!
//! Their names and defaults are the original's; further ones are ours.
//!
//! Must not: connect.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Args};
use gearman_queue::remote::Secret;

use super::sql_stores::secret;
use super::values::{number, parse_port_or};

#[derive(Debug, Args)]
#[command(next_help_heading = "Queue redis")]
pub(crate) struct RedisQueueOptions {
    /// Host of a Redis or Valkey server, or the path of its socket.
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    pub(crate) redis_server: String,

    /// Port of the server.
    // Any text is accepted with another queue, as in the original.
    #[arg(long, value_name = "PORT", default_value = "6379")]
    pub(crate) redis_port: String,

    /// User of the server's access control list. Default: the default user.
    #[arg(long, value_name = "USER")]
    pub(crate) redis_user: Option<String>,

    /// Password. Better: --queue-password-file.
    #[arg(long, value_name = "PASSWORD", value_parser = secret())]
    pub(crate) redis_password: Option<Secret>,

    /// What the keys of jobs begin with. Several queues in one database need different ones.
    #[arg(long, value_name = "PREFIX", default_value = gearman_queue::redis::REDIS_PREFIX)]
    pub(crate) redis_prefix: String,

    /// Number of the database.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    #[arg(value_parser = number::<u32>(0..=1_000_000, "the number of a database"))]
    pub(crate) redis_database: u32,
}

impl RedisQueueOptions {
    /// The port.
    ///
    /// # Errors
    /// If it is no number of a port.
    pub(crate) fn port(&self) -> Result<u16, String> {
        parse_port_or::<6379>(&self.redis_port).map_err(|reason| {
            format!("invalid value '{}' for '--redis-port <PORT>': {reason}", self.redis_port)
        })
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Queue libmemcached")]
pub(crate) struct LibmemcachedOptions {
    /// Servers, HOST or HOST:PORT, separated by commas.
    #[arg(long, value_name = "LIST")]
    pub(crate) libmemcached_servers: Option<String>,

    /// What the keys of jobs begin with.
    #[arg(long, value_name = "PREFIX", default_value = gearman_queue::memcached::MEMCACHED_PREFIX)]
    pub(crate) libmemcached_prefix: String,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Queue libtokyocabinet")]
pub(crate) struct LibtokyocabinetOptions {
    /// File of Tokyo Cabinet, whose library is opened if it is installed. The name ends with .tch
    /// for a hash table, or .tcb for a B+ tree.
    #[arg(long, value_name = "FILE")]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(crate) libtokyocabinet_file: Option<PathBuf>,

    /// Write the file without free space when it is opened; "=false" leaves it as it is.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) libtokyocabinet_optimize: bool,
}
