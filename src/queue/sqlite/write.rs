//! Applying batches: one transaction each.
//!
//! Must not: retry. The queue thread decides what becomes of a batch that failed.

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, ToSql, params};

use super::failure;
use super::schema::Table;
use crate::batch::{Batch, BatchOperation};
use crate::record::{JobNumber, NewRecord, UnixSeconds};
use crate::store::{RowOutcome, StoreError};

/// Writes a batch and makes it durable. `reserved` is the largest number that is reserved; larger
/// ones are reserved with their insertion.
pub(super) fn apply(
    connection: &mut Connection,
    table: &Table,
    batch: &Batch,
    reserved: &mut JobNumber,
) -> Result<Vec<RowOutcome>, StoreError> {
    connection
        .prepare_cached("BEGIN IMMEDIATE")
        .and_then(|mut s| s.execute([]))
        .map_err(failure)?;
    let mut last = *reserved;
    let result = write_all(connection, table, batch, &mut last).and_then(|outcomes| {
        connection.prepare_cached("COMMIT").and_then(|mut s| s.execute([])).map_err(failure)?;
        *reserved = last;
        Ok(outcomes)
    });
    if result.is_err() && !connection.is_autocommit() {
        // The batch has failed whatever becomes of this; the next BEGIN would report it.
        let _ = connection.execute_batch("ROLLBACK");
    }
    result
}

fn write_all(
    connection: &Connection,
    table: &Table,
    batch: &Batch,
    reserved: &mut JobNumber,
) -> Result<Vec<RowOutcome>, StoreError> {
    let mut last = *reserved;
    let reserve = |up_to: JobNumber| {
        let mut statement = connection.prepare_cached(&table.reserve).map_err(failure)?;
        statement.execute([up_to.0.cast_signed()]).map_err(failure)
    };
    let prepare = |sql: &str| connection.prepare_cached(sql).map_err(failure);
    let (mut insert, mut delete) = (prepare(&table.insert)?, prepare(&table.delete)?);
    let mut outcomes = Vec::new();
    for (index, operation) in batch.iter().enumerate() {
        match operation {
            BatchOperation::Insert(record) => {
                last = last.max(record.number);
                if let Err(error) = insert_row(&mut insert, &record) {
                    let reason = row_refusal(&error).ok_or_else(|| failure(error))?;
                    outcomes.push(RowOutcome::Refused { index, reason });
                }
            }
            BatchOperation::Delete(number) => {
                delete.execute([number.0.cast_signed()]).map_err(failure)?;
            }
            BatchOperation::SetAttempts(number, attempts) => {
                let mut statement = prepare(&table.set_attempts)?;
                statement.execute(params![number.0.cast_signed(), attempts]).map_err(failure)?;
            }
            BatchOperation::ReserveNumbers(up_to) => {
                reserve(up_to)?;
                *reserved = up_to.max(*reserved);
            }
        }
    }
    if last > *reserved {
        reserve(last)?;
        *reserved = last;
    }
    Ok(outcomes)
}

fn insert_row(
    statement: &mut CachedStatement<'_>,
    record: &NewRecord<'_>,
) -> Result<(), rusqlite::Error> {
    let reducer = (!record.reducer.is_empty()).then_some(record.reducer);
    let due = record.due.map_or(0, |UnixSeconds(seconds)| seconds.cast_signed());
    statement.execute(params![
        record.number.0.cast_signed(),
        Text(record.unique),
        Text(record.function),
        record.priority,
        record.payload,
        due,
        reducer,
        record.attempts,
        record.submitted.0.cast_signed(),
    ])?;
    Ok(())
}

/// Why a row cannot be stored, if the row and not the file is the reason.
fn row_refusal(error: &rusqlite::Error) -> Option<String> {
    use rusqlite::ffi::ErrorCode;
    let code = error.sqlite_error()?.code;
    matches!(code, ErrorCode::TooBig | ErrorCode::ConstraintViolation).then(|| error.to_string())
}

/// Bytes in a column of type TEXT. SQLite keeps bytes that are not UTF-8 as they are.
struct Text<'a>(&'a [u8]);

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(rusqlite::types::ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}
