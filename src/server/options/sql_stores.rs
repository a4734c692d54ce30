//! Options of the queues in a database server.
//!
//! Their names and defaults are the original's.
//!
//! Must not: connect.

use clap::Args;
use clap::builder::{StringValueParser, TypedValueParser};
use gearman_queue::remote::Secret;
use std::path::PathBuf;

use super::values::parse_port_or;

/// Parser of a value that is never shown.
pub(super) fn secret() -> impl TypedValueParser<Value = Secret> {
    StringValueParser::new().map(Secret::new)
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Queue Postgres")]
pub(crate) struct LibpqOptions {
    /// Connection string of the database, such as "host=db dbname=gearman" or
    /// postgresql://db/gearman. The environment of libpq (PGHOST, PGPASSFILE, ...) is read, too.
    #[arg(long, value_name = "TEXT", value_parser = secret(), hide_default_value = true)]
    pub(crate) libpq_conninfo: Option<Secret>,

    /// Table in that database.
    #[arg(long, value_name = "NAME", default_value = gearman_queue::postgres::POSTGRES_TABLE)]
    pub(crate) libpq_table: String,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Queue MySQL")]
pub(crate) struct MySqlQueueOptions {
    /// Host of a MySQL or MariaDB server, or the path of its socket. "localhost", the default, is
    /// the socket of this machine if there is one. What is given neither here nor in the groups
    /// [client] and [gearmand] of my.cnf has a default.
    #[arg(long, value_name = "HOST")]
    pub(crate) mysql_host: Option<String>,

    /// Port of the server. Default: 3306.
    // Any text is accepted with another queue.
    #[arg(long, value_name = "PORT")]
    pub(crate) mysql_port: Option<String>,

    /// User name. Default: the user that gearmand runs as.
    #[arg(long, value_name = "USER")]
    pub(crate) mysql_user: Option<String>,

    /// Password. Better: --queue-password-file.
    #[arg(long, value_name = "PASSWORD", value_parser = secret())]
    pub(crate) mysql_password: Option<Secret>,

    /// Database. It must exist.
    #[arg(long, value_name = "NAME")]
    pub(crate) mysql_db: Option<String>,

    /// Table in that database, or DATABASE.TABLE. It is created if it does not exist, and taken
    /// over if the original gearmand wrote it.
    #[arg(long, value_name = "NAME", default_value = gearman_queue::mysql::MYSQL_TABLE)]
    pub(crate) mysql_table: String,
}

impl MySqlQueueOptions {
    /// The port, if one is given.
    ///
    /// # Errors
    /// If it is no number of a port.
    pub(crate) fn port(&self) -> Result<Option<u16>, String> {
        port("mysql-port", self.mysql_port.as_deref())
    }
}

/// The options of a queue that is the queue MySQL under another name.
#[derive(Debug, Args)]
#[command(next_help_heading = "Queue libdrizzle")]
pub(crate) struct LibdrizzleOptions {
    /// Host of a MySQL or MariaDB server, reached over TCP.
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub(crate) libdrizzle_host: String,

    /// Port of the server. Default: 3306.
    #[arg(long, value_name = "PORT")]
    pub(crate) libdrizzle_port: Option<String>,

    /// Socket of the server, instead of host and port.
    #[arg(long, value_name = "PATH")]
    pub(crate) libdrizzle_uds: Option<PathBuf>,

    /// User name.
    #[arg(long, value_name = "USER", default_value = "root")]
    pub(crate) libdrizzle_user: String,

    /// Password. Better: --queue-password-file.
    #[arg(long, value_name = "PASSWORD", value_parser = secret())]
    pub(crate) libdrizzle_password: Option<Secret>,

    /// Database. It must exist.
    #[arg(long, value_name = "NAME", default_value = "gearman")]
    pub(crate) libdrizzle_db: String,

    /// Table in that database.
    #[arg(long, value_name = "NAME", default_value = "queue")]
    pub(crate) libdrizzle_table: String,

    /// Without effect: the protocol of MySQL is the only one.
    // Some versions accept `--switch=true`.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "true")]
    pub(crate) libdrizzle_mysql: Option<String>,
}

impl LibdrizzleOptions {
    /// The port, if one is given.
    ///
    /// # Errors
    /// If it is no number of a port.
    pub(crate) fn port(&self) -> Result<Option<u16>, String> {
        port("libdrizzle-port", self.libdrizzle_port.as_deref())
    }
}

/// The value of an option as a port. 0 is the default of the server, as in the client library.
fn port(option: &str, given: Option<&str>) -> Result<Option<u16>, String> {
    let Some(text) = given else { return Ok(None) };
    match parse_port_or::<3306>(text) {
        Ok(port) => Ok(Some(port)),
        Err(why) => Err(format!("invalid value '{text}' for '--{option} <PORT>': {why}")),
    }
}
