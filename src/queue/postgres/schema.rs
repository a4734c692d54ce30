//! The table: its columns, its version, and how the original's becomes it.
//!
//! The first five columns beside the number have the names of the original's. Names are `bytea`, for
//! they may have any byte; the original reads and writes them nevertheless, since it asks for
//! binary values and writes literals. A number that it does not give comes from a sequence, which
//! is kept above all numbers in use.
//!
//! `TABLE_server` has a row per server: who it is, the number of its last batch, the largest number
//! that it reserved. One server has row 0 and numbers below 2^40; several servers on one table
//! would have one row and one range of numbers each.
//!
//! Must not: read or write jobs, except to convert a table.

use tokio_postgres::{Client, Transaction};

use super::failure;
use crate::store::{IfMissing, StoreError};

/// Version of the schema, in the row of the server.
const TABLE_VERSION: i32 = 1;
/// Columns of the original's table, which ours keeps.
const COLUMNS_OF_THE_ORIGINAL: [&str; 5] =
    ["unique_key", "function_name", "priority", "data", "when_to_run"];

/// Names of a table and of what belongs to it, quoted for SQL.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) table: String,
    pub(super) server: String,
}

impl Names {
    /// The names for an option's value. As in SQL, capitals are small letters, and a dot stands
    /// behind a schema.
    pub(super) fn new(table: &str) -> Names {
        let quote = |suffix: &str| {
            let parts: Vec<&str> = table.split('.').collect();
            let last = parts.len() - 1;
            let quoted = parts.iter().enumerate().map(|(index, part)| {
                let suffix = if index == last { suffix } else { "" };
                format!("\"{}{suffix}\"", part.to_lowercase().replace('"', "\"\""))
            });
            quoted.collect::<Vec<_>>().join(".")
        };
        Names { table: quote(""), server: quote("_server") }
    }
}

/// What a server finds when it takes the table.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) epoch: i64,
    pub(super) last_batch: i64,
    pub(super) last_number: i64,
    /// Jobs that were converted, if the table was the original's.
    pub(super) converted: Option<i64>,
}

/// Creates or converts the table, and takes it for a server with this name.
///
/// # Errors
/// If a newer version wrote the table, it has other columns than a queue, or there is none and it may
/// not be made.
pub(super) async fn take(
    client: &mut Client,
    names: &Names,
    owner: &str,
    if_missing: IfMissing,
) -> Result<Taken, StoreError> {
    let transaction = client.transaction().await.map_err(|error| failure(&error))?;
    // A conversion takes as long as it takes.
    run(&transaction, "SET LOCAL statement_timeout = 0").await?;
    check_version(&transaction, names).await?;
    let columns = columns(&transaction, names).await?;
    let mut converted = None;
    if columns.is_empty() {
        if_missing.check(|| format!("table {}", names.table))?;
        run(&transaction, &create_statement(names)).await?;
    } else if !columns.iter().any(|column| column == "submitted") {
        converted = Some(convert(&transaction, names, &columns).await?);
    }
    let Names { table, server } = names;
    run(
        &transaction,
        &format!(
            "CREATE TABLE IF NOT EXISTS {server} (id bigint PRIMARY KEY, owner text NOT NULL,
                 epoch bigint NOT NULL, last_batch bigint NOT NULL, last_number bigint NOT NULL,
                 schema_version integer NOT NULL) WITH (fillfactor = 10)"
        ),
    )
    .await?;
    let statement = format!(
        "INSERT INTO {server} AS me VALUES (0, $1, 1, 0,
             greatest(0, (SELECT max(id) FROM {table})), {TABLE_VERSION})
         ON CONFLICT (id) DO UPDATE SET owner = $1, epoch = me.epoch + 1,
             last_number = greatest(me.last_number, excluded.last_number)
         RETURNING epoch, last_batch, last_number"
    );
    let row =
        transaction.query_one(&statement, &[&owner]).await.map_err(|error| failure(&error))?;
    let (epoch, last_batch, last_number) = (row.get(0), row.get(1), row.get(2));
    transaction.commit().await.map_err(|error| failure(&error))?;
    Ok(Taken { epoch, last_batch, last_number, converted })
}

async fn run(transaction: &Transaction<'_>, statement: &str) -> Result<(), StoreError> {
    transaction.batch_execute(statement).await.map_err(|error| failure(&error))
}

async fn check_version(transaction: &Transaction<'_>, names: &Names) -> Result<(), StoreError> {
    let server = &names.server;
    let exists = transaction
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[server])
        .await
        .map_err(|error| failure(&error))?;
    if !exists.get::<_, bool>(0) {
        return Ok(());
    }
    let statement = format!("SELECT coalesce(max(schema_version), 0) FROM {server}");
    let row = transaction.query_one(&statement, &[]).await.map_err(|error| failure(&error))?;
    let version: i32 = row.get(0);
    if version > TABLE_VERSION {
        return Err(StoreError::Corrupt(format!(
            "written by a newer gearmand (schema {version}, this one knows {TABLE_VERSION}); use \
             that version, or another table"
        )));
    }
    Ok(())
}

async fn columns(transaction: &Transaction<'_>, names: &Names) -> Result<Vec<String>, StoreError> {
    let rows = transaction
        .query(
            "SELECT attname::text FROM pg_attribute
             WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
            &[&names.table],
        )
        .await
        .map_err(|error| failure(&error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn create_statement(names: &Names) -> String {
    let table = &names.table;
    format!(
        "CREATE TABLE {table} (
             id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
             unique_key bytea, function_name bytea, priority integer, data bytea,
             when_to_run bigint,
             reducer bytea, attempts integer, submitted bigint);
         {}",
        upkeep_statement(table)
    )
}

/// Jobs come and go: the table is vacuumed long before a fifth of it is dead.
fn upkeep_statement(table: &str) -> String {
    format!(
        "ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.02,
             autovacuum_vacuum_insert_scale_factor = 0.2)"
    )
}

/// Changes a table of the original's schema into ours, with numbers in the order of its rows.
/// Returns the number of jobs.
async fn convert(
    transaction: &Transaction<'_>,
    names: &Names,
    columns: &[String],
) -> Result<i64, StoreError> {
    let table = &names.table;
    let missing =
        COLUMNS_OF_THE_ORIGINAL[..4].iter().find(|name| !columns.iter().any(|c| c == *name));
    if let Some(missing) = missing {
        return Err(StoreError::Corrupt(format!(
            "the table {table} is no queue: it has no column {missing}; name another table"
        )));
    }
    // Names are unique in memory; an index on them would cost more than the job.
    run(
        transaction,
        &format!(
            "DO $$ DECLARE item record; BEGIN
                 FOR item IN SELECT conname FROM pg_constraint
                     WHERE conrelid = to_regclass({literal}) AND contype IN ('u', 'p') LOOP
                     EXECUTE format('ALTER TABLE {plain} DROP CONSTRAINT %I', item.conname);
                 END LOOP;
                 FOR item IN SELECT indexrelid::regclass AS name FROM pg_index
                     WHERE indrelid = to_regclass({literal}) LOOP
                     EXECUTE 'DROP INDEX ' || item.name;
                 END LOOP;
             END $$",
            literal = literal(table),
            plain = table.replace('\'', "''").replace('%', "%%"),
        ),
    )
    .await?;
    // Tables of early versions have no `when_to_run`.
    let due = match columns.iter().any(|column| column == "when_to_run") {
        true => "ALTER when_to_run DROP DEFAULT, ALTER when_to_run TYPE bigint",
        false => "ADD when_to_run bigint",
    };
    let name = |column: &str| {
        format!(
            "ALTER {column} DROP DEFAULT, ALTER {column} DROP NOT NULL, ALTER {column} TYPE bytea
             USING convert_to({column}::text, getdatabaseencoding())"
        )
    };
    run(
        transaction,
        &format!(
            "ALTER TABLE {table} {}, {}, {due},
                 ADD id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
                 ADD reducer bytea, ADD attempts integer, ADD submitted bigint;
             {}",
            name("unique_key"),
            name("function_name"),
            upkeep_statement(table)
        ),
    )
    .await
    .map_err(|error| error.context(format!("converting the table {table}")))?;
    let statement = format!("SELECT count(*) FROM {table}");
    let row = transaction.query_one(&statement, &[]).await.map_err(|error| failure(&error))?;
    Ok(row.get(0))
}

/// The statement that keeps numbers which the original would choose above ours.
pub(super) fn sequence_statement(names: &Names) -> String {
    format!("SELECT setval(pg_get_serial_sequence({}, 'id'), $1)", literal(&names.table))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
