//! The table: its columns, its version, and how the original's becomes it.
//!
//! The first five columns beside the number have the names of the original's. Names are `LONGBLOB`,
//! which has no collation: no two names are equal that differ in a byte. The original reads and
//! writes them nevertheless. A number that it does not give comes from `AUTO_INCREMENT`, which is
//! kept above all numbers in use.
//!
//! `TABLE_server` has a row per server: who it is, the number of its last batch, the largest number
//! that it reserved. One server has row 0.
//!
//! Statements that change tables are no part of a transaction. So a table of the original is
//! changed by one statement, which is carried out as a whole or not at all, and what stands before
//! it leaves a table that both servers can read. A conversion that was interrupted begins again.
//!
//! Must not: read or write jobs, except to convert a table.

use super::connection::{MySqlConnection, ResultRow};
use super::failure;
use super::target::MySqlTarget;
use crate::store::StoreError;

/// Version of the schema, in the row of the server.
const MYSQL_TABLE_VERSION: i64 = 1;
/// Columns that every table of the original has.
const MYSQL_COLUMNS_OF_THE_ORIGINAL: [&str; 4] =
    ["unique_key", "function_name", "priority", "data"];

/// Names of a table and of what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct MySqlNames {
    /// Quoted for SQL.
    pub(super) table: String,
    /// Quoted for SQL.
    pub(super) server: String,
    /// An expression for the name of its database.
    database: String,
    plain: String,
}

impl MySqlNames {
    /// The names for an option's value; a dot stands behind a database.
    ///
    /// # Errors
    /// If the value has no name.
    pub(super) fn new(table: &str) -> Result<MySqlNames, String> {
        let (database, plain) = match table.split_once('.') {
            Some((database, plain)) => (Some(database), plain),
            None => (None, table),
        };
        if plain.is_empty() {
            return Err("the name of the table is empty".to_owned());
        }
        let quote = |name: &str| format!("`{}`", name.replace('`', "``"));
        let prefix = database.map(|name| format!("{}.", quote(name))).unwrap_or_default();
        Ok(MySqlNames {
            table: format!("{prefix}{}", quote(plain)),
            server: format!("{prefix}{}", quote(&format!("{plain}_server"))),
            database: database.map_or_else(|| "DATABASE()".to_owned(), literal),
            plain: plain.to_owned(),
        })
    }

    /// An expression for the name of the lock. Servers have one list of locks for all databases,
    /// and no name may have more than 64 letters.
    pub(super) fn lock(&self) -> String {
        let Self { database, plain, .. } = self;
        let name = format!("CONCAT({database}, '.', {})", literal(plain));
        format!("CONCAT('gearmand ', MD5(IF(@@lower_case_table_names = 0, {name}, LOWER({name}))))")
    }

    /// A condition on a view of the database's tables.
    fn condition(&self) -> String {
        self.condition_for(&self.plain)
    }

    fn condition_for(&self, plain: &str) -> String {
        format!("TABLE_SCHEMA = {} AND TABLE_NAME = {}", self.database, literal(plain))
    }

    /// A statement for the bytes of the table.
    pub(super) fn size_statement(&self) -> String {
        format!(
            "SELECT DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES WHERE {}",
            self.condition()
        )
    }
}

/// What a server finds when it takes the table.
#[derive(Debug)]
pub(super) struct TakenTable {
    pub(super) epoch: i64,
    pub(super) last_batch: i64,
    pub(super) last_number: i64,
    /// Jobs that were converted, if the table was the original's.
    pub(super) converted: Option<i64>,
}

/// A column of a table, as far as it matters here.
struct TableColumn {
    name: String,
    /// Character set; empty if the column has bytes.
    charset: String,
}

/// Creates or converts the table, and takes it for a server with this name. The caller has the
/// lock.
///
/// # Errors
/// If a newer version wrote the table, it has other columns than a queue, its engine has no
/// transactions, or there is none and it may not be made.
pub(super) fn take(
    connection: &mut MySqlConnection,
    target: &MySqlTarget,
    owner: &str,
) -> Result<TakenTable, StoreError> {
    // A conversion takes as long as it takes.
    let limit = connection.set_limit(None);
    let result = take_table(connection, target, owner);
    connection.set_limit(limit);
    result
}

fn take_table(
    connection: &mut MySqlConnection,
    target: &MySqlTarget,
    owner: &str,
) -> Result<TakenTable, StoreError> {
    let names = &target.names;
    check_version(connection, names)?;
    let columns = columns(connection, names)?;
    let mut converted = None;
    if columns.is_empty() {
        target.if_missing.check(|| format!("table {}", names.table))?;
        run(connection, &create_statement(&names.table))?;
    } else if !columns.iter().any(|column| column.name == "submitted") {
        converted = Some(convert(connection, names, &columns)?);
    }
    run(
        connection,
        &format!(
            "CREATE TABLE IF NOT EXISTS {} (id BIGINT PRIMARY KEY, owner VARBINARY(1024) NOT NULL,
                 epoch BIGINT NOT NULL, last_batch BIGINT NOT NULL, last_number BIGINT NOT NULL,
                 schema_version INT NOT NULL) ENGINE=InnoDB",
            names.server
        ),
    )?;
    check_engines(connection, names)?;
    let result = take_row(connection, names, owner);
    if result.is_err() {
        // Without effect if the connection is gone.
        let _ = connection.query("ROLLBACK");
    }
    let (epoch, last_batch, last_number) = result?;
    Ok(TakenTable { epoch, last_batch, last_number, converted })
}

/// Takes the row of the server: its new epoch, its last batch and its last number.
fn take_row(
    connection: &mut MySqlConnection,
    names: &MySqlNames,
    owner: &str,
) -> Result<(i64, i64, i64), StoreError> {
    let MySqlNames { table, server, .. } = names;
    let results = connection.query(format!(
        "START TRANSACTION;
         SELECT epoch, last_batch, last_number FROM {server} WHERE id = 0 FOR UPDATE;
         SELECT COALESCE(MAX(id), 0) FROM {table}"
    ));
    let results = results.map_err(|error| failure(&error))?;
    let largest = integer(results[2].row(0), 0)?;
    let owner = literal(owner);
    let (epoch, last_batch, last_number, statement) = match results[1].iter().next() {
        Some(row) => {
            let (epoch, last_batch) = (integer(row, 0)? + 1, integer(row, 1)?);
            let last_number = integer(row, 2)?.max(largest);
            let statement = format!(
                "UPDATE {server} SET owner = {owner}, epoch = {epoch}, last_number = {last_number}
                 WHERE id = 0"
            );
            (epoch, last_batch, last_number, statement)
        }
        None => {
            let last_number = largest.max(0);
            let statement = format!(
                "INSERT INTO {server} VALUES
                     (0, {owner}, 1, 0, {last_number}, {MYSQL_TABLE_VERSION})"
            );
            (1, 0, last_number, statement)
        }
    };
    run(connection, &format!("{statement}; COMMIT"))?;
    Ok((epoch, last_batch, last_number))
}

fn run(connection: &mut MySqlConnection, statements: &str) -> Result<(), StoreError> {
    connection.query(statements).map(drop).map_err(|error| failure(&error))
}

fn integer(row: ResultRow<'_>, column: usize) -> Result<i64, StoreError> {
    let number = row.integer(column).map_err(StoreError::Corrupt)?;
    number.ok_or_else(|| StoreError::Corrupt("NULL stands for a number".to_owned()))
}

fn check_version(connection: &mut MySqlConnection, names: &MySqlNames) -> Result<(), StoreError> {
    let condition = names.condition_for(&format!("{}_server", names.plain));
    let found = connection
        .rows(format!("SELECT 1 FROM information_schema.TABLES WHERE {condition}"))
        .map_err(|error| failure(&error))?;
    if found.len() == 0 {
        return Ok(());
    }
    let rows = connection
        .rows(format!("SELECT COALESCE(MAX(schema_version), 0) FROM {}", names.server))
        .map_err(|error| failure(&error))?;
    let version = integer(rows.row(0), 0)?;
    if version > MYSQL_TABLE_VERSION {
        return Err(StoreError::Corrupt(format!(
            "written by a newer gearmand (schema {version}, this one knows \
             {MYSQL_TABLE_VERSION}); use that version, or another table"
        )));
    }
    Ok(())
}

/// A table without transactions keeps half a batch after a crash.
fn check_engines(connection: &mut MySqlConnection, names: &MySqlNames) -> Result<(), StoreError> {
    for plain in [names.plain.clone(), format!("{}_server", names.plain)] {
        let condition = names.condition_for(&plain);
        let rows = connection
            .rows(format!(
                "SELECT ENGINE, (SELECT TRANSACTIONS FROM information_schema.ENGINES AS known
                     WHERE known.ENGINE = found.ENGINE)
                 FROM information_schema.TABLES AS found WHERE {condition}"
            ))
            .map_err(|error| failure(&error))?;
        let engine = rows.iter().find(|row| row.text(1) != "YES").map(|row| row.text(0));
        if let Some(engine) = engine {
            return Err(StoreError::NotCommitted(format!(
                "the engine {engine} of the table {plain} has no transactions; ALTER TABLE \
                 {plain} ENGINE=InnoDB"
            )));
        }
    }
    Ok(())
}

fn columns(
    connection: &mut MySqlConnection,
    names: &MySqlNames,
) -> Result<Vec<TableColumn>, StoreError> {
    let rows = connection
        .rows(format!(
            "SELECT COLUMN_NAME, CHARACTER_SET_NAME FROM information_schema.COLUMNS WHERE {}",
            names.condition()
        ))
        .map_err(|error| failure(&error))?;
    let column = |row: ResultRow<'_>| TableColumn { name: row.text(0), charset: row.text(1) };
    Ok(rows.iter().map(column).collect())
}

fn create_statement(table: &str) -> String {
    format!(
        "CREATE TABLE {table} (
             id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
             unique_key LONGBLOB, function_name LONGBLOB, priority INT, data LONGBLOB,
             when_to_run BIGINT,
             reducer LONGBLOB, attempts INT UNSIGNED, submitted BIGINT) ENGINE=InnoDB"
    )
}

/// Changes a table of the original's schema into ours, with numbers in the order of its rows.
/// Returns the number of jobs.
fn convert(
    connection: &mut MySqlConnection,
    names: &MySqlNames,
    columns: &[TableColumn],
) -> Result<i64, StoreError> {
    let (table, plain) = (&names.table, &names.plain);
    let has = |name: &str| columns.iter().any(|column| column.name == name);
    if let Some(missing) = MYSQL_COLUMNS_OF_THE_ORIGINAL.iter().find(|name| !has(name)) {
        return Err(StoreError::Corrupt(format!(
            "the table {plain} is no queue: it has no column {missing}; name another table"
        )));
    }
    let converting = |error: StoreError| error.context(format!("converting the table {plain}"));
    recode(connection, names, columns).map_err(converting)?;
    // Names are unique in memory; an index on them would cost more than the job.
    let indexes = dropped_indexes(connection, names)?;
    // Tables of early versions have no `when_to_run`.
    let due = if has("when_to_run") { "MODIFY" } else { "ADD" };
    run(
        connection,
        &format!(
            "ALTER TABLE {table} {indexes}
                 MODIFY unique_key LONGBLOB, MODIFY function_name LONGBLOB,
                 MODIFY priority INT, MODIFY data LONGBLOB, {due} when_to_run BIGINT,
                 ADD id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY FIRST,
                 ADD reducer LONGBLOB, ADD attempts INT UNSIGNED, ADD submitted BIGINT,
                 ENGINE=InnoDB"
        ),
    )
    .map_err(converting)?;
    let rows = connection.rows(format!("SELECT COUNT(*) FROM {table}"));
    integer(rows.map_err(|error| failure(&error))?.row(0), 0)
}

/// Changes in an ALTER TABLE that remove all indexes.
fn dropped_indexes(
    connection: &mut MySqlConnection,
    names: &MySqlNames,
) -> Result<String, StoreError> {
    let rows = connection
        .rows(format!(
            "SELECT DISTINCT INDEX_NAME FROM information_schema.STATISTICS WHERE {}",
            names.condition()
        ))
        .map_err(|error| failure(&error))?;
    let drop = |row: ResultRow<'_>| format!("DROP INDEX `{}`, ", row.text(0).replace('`', "``"));
    Ok(rows.iter().map(drop).collect())
}

/// Gives columns with names the character set whose bytes are those that clients sent. The bytes
/// stay when the columns lose their character set.
///
/// The original sends names as they are and says that they are latin1, or UTF-8, depending on the
/// library it is built with. So text that is UTF-8 when it is read as latin1 was sent as that.
fn recode(
    connection: &mut MySqlConnection,
    names: &MySqlNames,
    columns: &[TableColumn],
) -> Result<(), StoreError> {
    let table = &names.table;
    let texts: Vec<_> = ["unique_key", "function_name"]
        .into_iter()
        .filter_map(|name| columns.iter().find(|column| column.name == name))
        .filter(|column| !column.charset.is_empty() && column.charset != "binary")
        .collect();
    let (mut is_ascii, mut is_latin1) = (true, true);
    for name in texts.iter().map(|column| &column.name) {
        let rows = connection
            .rows(format!(
                "SELECT DISTINCT CAST(CONVERT({name} USING latin1) AS BINARY),
                     CAST(CONVERT(CONVERT({name} USING latin1) USING utf8mb4) AS BINARY)
                         = CAST(CONVERT({name} USING utf8mb4) AS BINARY)
                 FROM {table} WHERE HEX({name}) REGEXP '^(..)*[89A-F]'"
            ))
            .map_err(|error| failure(&error))?;
        is_ascii &= rows.len() == 0;
        is_latin1 &= rows.iter().all(|row| {
            let bytes = row.bytes(0).unwrap_or_default();
            row.bytes(1) == Some(b"1") && std::str::from_utf8(bytes).is_ok()
        });
    }
    let charset = if is_latin1 { "latin1" } else { "utf8mb4" };
    if is_ascii || texts.iter().all(|column| column.charset == charset) {
        return Ok(());
    }
    let indexes = dropped_indexes(connection, names)?;
    let changes = texts.iter().map(|column| {
        format!("MODIFY {} LONGTEXT CHARACTER SET {charset} COLLATE {charset}_bin", column.name)
    });
    let changes: Vec<_> = changes.collect();
    run(connection, &format!("ALTER TABLE {table} {indexes}{}", changes.join(", ")))
}

/// A text as SQL.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_a_dot_stands_behind_the_database() {
        let names = MySqlNames::new("a`b").expect("a name");
        assert_eq!((&*names.table, &*names.server), ("`a``b`", "`a``b_server`"));
        let names = MySqlNames::new("my d.it's").expect("a name");
        assert_eq!((&*names.table, &*names.server), ("`my d`.`it's`", "`my d`.`it's_server`"));
        assert_eq!(names.condition(), "TABLE_SCHEMA = 'my d' AND TABLE_NAME = 'it''s'");
        MySqlNames::new("d.").expect_err("has no name");
    }
}
