//! The table: its columns, its version, and how an older one becomes it.
//!
//! The first five columns beside the number have the names and types of the original's table, so
//! the original can load it. The table has no other index than its key: a unique index costs four
//! to thirteen times as much per job, and grows with the table.
//!
//! Numbers are chosen by the caller and reserved in `sqlite_sequence`, but the table itself is not
//! AUTOINCREMENT: SQLite would update the sequence for every row, a sixth of the cost of a job.
//! SQLite creates `sqlite_sequence` for a second table, which stays empty.
//!
//! Must not: read or write jobs, except to convert a table.

use rusqlite::{Connection, OptionalExtension};

use super::failure;
use crate::record::JobNumber;
use crate::store::{IfMissing, StoreError};

/// Name of the table if none is given; the original's.
pub const DEFAULT_TABLE: &str = "gearman_queue";
/// Version of the schema, in the file's `user_version`. The original writes 0.
pub(super) const SCHEMA_VERSION: i64 = 2;

/// A table that has the current schema, with the statements on it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Quoted for SQL.
    pub(super) quoted_name: String,
    pub(super) insert: String,
    /// Deletes a range of numbers, both ends included.
    pub(super) delete: String,
    pub(super) set_attempts: String,
    pub(super) reserve: String,
    pub(super) survey: String,
    /// Reads the jobs of a range of numbers, both ends included, in their order.
    pub(super) fetch: String,
}

/// Columns of the original's table, which ours keeps.
const ORIGINAL_COLUMNS: [&str; 5] =
    ["unique_key", "function_name", "priority", "data", "when_to_run"];

impl Table {
    pub(super) fn new(name: &str) -> Table {
        let table = quote(name);
        Table {
            insert: format!(
                "INSERT INTO {table} (id, unique_key, function_name, priority, data, when_to_run, \
                 reducer, attempts, submitted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
            ),
            delete: format!("DELETE FROM {table} WHERE id BETWEEN ?1 AND ?2"),
            set_attempts: format!("UPDATE {table} SET attempts = ?2 WHERE id = ?1"),
            reserve: format!(
                "UPDATE sqlite_sequence SET seq = ?1 WHERE name = {} AND seq < ?1",
                literal(name)
            ),
            survey: format!(
                "SELECT id, function_name, unique_key, priority, when_to_run \
                 FROM {table} WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3"
            ),
            fetch: format!(
                "SELECT id, unique_key, function_name, data, when_to_run, reducer, attempts, \
                 submitted, priority FROM {table} WHERE id BETWEEN ?1 AND ?2 ORDER BY id"
            ),
            quoted_name: table,
        }
    }

    /// Creates the table, converts it, or finds that it is current.
    ///
    /// # Errors
    /// If a newer version wrote the file, the table has other columns than a queue, or there is none
    /// and it may not be made.
    pub(super) fn prepare(
        connection: &Connection,
        name: &str,
        if_missing: IfMissing,
    ) -> Result<Table, StoreError> {
        let version: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(failure)?;
        if version > SCHEMA_VERSION {
            return Err(StoreError::Corrupt(format!(
                "written by a newer gearmand (schema {version}, this one knows {SCHEMA_VERSION}); \
                 use that version, or another file"
            )));
        }
        let table = Table::new(name);
        let columns = columns(connection, name)?;
        if columns.is_empty() {
            if_missing.check(|| format!("table {name}"))?;
            table.create(connection, name)?;
        } else if !columns.iter().any(|column| column == "submitted") {
            table.convert(connection, name, &columns)?;
        }
        if version != SCHEMA_VERSION {
            connection.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(failure)?;
        }
        begin_sequence(connection, name).map_err(failure)?;
        Ok(table)
    }

    /// Creates everything in one transaction.
    fn create(&self, connection: &Connection, name: &str) -> Result<(), StoreError> {
        let create = || {
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {} PRAGMA user_version = {SCHEMA_VERSION};",
                create_statement(&self.quoted_name)
            ))?;
            begin_sequence(connection, name)?;
            connection.execute_batch("COMMIT")
        };
        create().map_err(|error| {
            // Without effect if the transaction has ended already.
            let _ = connection.execute_batch("ROLLBACK");
            failure(error)
        })
    }

    /// Copies a table of the original's schema into ours, in one transaction and in the order in
    /// which its rows were written.
    fn convert(
        &self,
        connection: &Connection,
        name: &str,
        columns: &[String],
    ) -> Result<(), StoreError> {
        // Tables of early versions have no `when_to_run`.
        let missing = ORIGINAL_COLUMNS[..4].iter().find(|name| !columns.iter().any(|c| c == *name));
        if let Some(missing) = missing {
            return Err(StoreError::Corrupt(format!(
                "the table {name} is no queue: it has no column {missing}; name another table"
            )));
        }
        let due = if columns.iter().any(|c| c == "when_to_run") { "when_to_run" } else { "0" };
        let (table, old) = (&self.quoted_name, quote(&format!("{name} before conversion")));
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE;
                 ALTER TABLE {table} RENAME TO {old};
                 {}
                 INSERT INTO {table} (unique_key, function_name, priority, data, when_to_run)
                     SELECT unique_key, function_name, priority, ifnull(data, x''), {due}
                     FROM {old} ORDER BY rowid;
                 DROP TABLE {old};
                 COMMIT;",
                create_statement(table)
            ))
            .map_err(|error| {
                // Without effect if the transaction has ended already.
                let _ = connection.execute_batch("ROLLBACK");
                failure(error).context(format!("converting the table {name}"))
            })
    }

    /// Largest number that was used or reserved.
    pub(super) fn last_number(&self, connection: &Connection) -> Result<JobNumber, StoreError> {
        let statement = format!(
            "SELECT max(ifnull((SELECT max(id) FROM {}), 0), \
             ifnull((SELECT max(seq) FROM sqlite_sequence), 0))",
            self.quoted_name
        );
        let number: Option<i64> =
            connection.query_row(&statement, [], |row| row.get(0)).optional().map_err(failure)?;
        Ok(JobNumber(u64::try_from(number.unwrap_or(0)).unwrap_or(0)))
    }
}

fn create_statement(table: &str) -> String {
    format!(
        "CREATE TABLE {table} (
             id INTEGER PRIMARY KEY,
             unique_key TEXT, function_name TEXT, priority INTEGER, data BLOB,
             when_to_run INTEGER,
             reducer BLOB, attempts INTEGER, submitted INTEGER);"
    )
}

/// Makes sure that the table has a row in `sqlite_sequence`, which numbers are reserved in.
fn begin_sequence(connection: &Connection, name: &str) -> Result<(), rusqlite::Error> {
    let (numbers, name) = (quote(&format!("{name} numbers")), literal(name));
    connection.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS {numbers} (id INTEGER PRIMARY KEY AUTOINCREMENT);
         INSERT INTO sqlite_sequence (name, seq) SELECT {name}, 0 WHERE NOT EXISTS
             (SELECT 1 FROM sqlite_sequence WHERE name = {name});"
    ))
}

/// The names of a table's columns; none if there is no such table.
pub(super) fn columns(connection: &Connection, table: &str) -> Result<Vec<String>, StoreError> {
    let mut statement =
        connection.prepare("SELECT name FROM pragma_table_info(?1)").map_err(failure)?;
    let names = statement.query_map([table], |row| row.get(0)).map_err(failure)?;
    names.collect::<Result<_, _>>().map_err(failure)
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
