//! Options of the queues in a database server.
//!
//! Their names and defaults are the original's.
//!
//! Must not: connect.

use clap::Args;
use clap::builder::{StringValueParser, TypedValueParser};
use gearman_queue::remote::Secret;

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
