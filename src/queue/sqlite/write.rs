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

/// When a batch removes the jobs that were stored before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removals {
    /// In front of its insertions, which may need the space.
    First,
    /// Behind them. A short queue then never leaves a page of the table empty, which would be given
    /// back and taken again.
    Last,
}

/// Writes a batch and makes it durable. `reserved` is the largest number that is reserved; larger
/// ones are reserved with their insertion.
pub(super) fn apply(
    connection: &mut Connection,
    table: &Table,
    batch: &Batch,
    reserved: &mut JobNumber,
) -> Result<Vec<RowOutcome>, StoreError> {
    let mut result = transact(connection, table, batch, reserved, Removals::Last);
    if result.as_ref().is_err_and(is_full) && batch.iter().any(|op| deleted(op).is_some()) {
        result = transact(connection, table, batch, reserved, Removals::First);
    }
    result.map_err(failure)
}

fn transact(
    connection: &Connection,
    table: &Table,
    batch: &Batch,
    reserved: &mut JobNumber,
    removals: Removals,
) -> Result<Vec<RowOutcome>, rusqlite::Error> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut last = *reserved;
    let result = write_all(connection, table, batch, &mut last, removals).and_then(|outcomes| {
        connection.prepare_cached("COMMIT")?.execute([])?;
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
    removals: Removals,
) -> Result<Vec<RowOutcome>, rusqlite::Error> {
    let mut last = *reserved;
    let reserve = |up_to: JobNumber| {
        connection.prepare_cached(&table.reserve)?.execute([up_to.0.cast_signed()])
    };
    let mut insert = connection.prepare_cached(&table.insert)?;
    let mut delete = connection.prepare_cached(&table.delete)?;
    let mut remove = |first: JobNumber, last: JobNumber| {
        delete.execute([first.0.cast_signed(), last.0.cast_signed()])
    };
    let first_inserted = batch.iter().filter_map(inserted).min();
    let is_older = |number: JobNumber| first_inserted.is_none_or(|first| number < first);
    let older = ranges(batch.iter().filter_map(deleted).filter(|number| is_older(*number)));
    if removals == Removals::First {
        older.iter().try_for_each(|&(first, last)| remove(first, last).map(drop))?;
    }
    let mut outcomes = Vec::new();
    for (index, operation) in batch.iter().enumerate() {
        match operation {
            BatchOperation::Insert(record) => {
                last = last.max(record.number);
                if let Err(error) = insert_row(&mut insert, &record) {
                    let reason = row_refusal(&error).ok_or(error)?;
                    outcomes.push(RowOutcome::Refused { index, reason });
                }
            }
            BatchOperation::Delete(number) if is_older(number) => {}
            BatchOperation::Delete(number) => {
                remove(number, number)?;
            }
            BatchOperation::SetAttempts(number, attempts) => {
                let mut statement = connection.prepare_cached(&table.set_attempts)?;
                statement.execute(params![number.0.cast_signed(), attempts])?;
            }
            BatchOperation::ReserveNumbers(up_to) => {
                reserve(up_to)?;
                *reserved = up_to.max(*reserved);
            }
        }
    }
    if removals == Removals::Last {
        older.iter().try_for_each(|&(first, last)| remove(first, last).map(drop))?;
    }
    if last > *reserved {
        reserve(last)?;
        *reserved = last;
    }
    Ok(outcomes)
}

fn inserted(operation: BatchOperation<'_>) -> Option<JobNumber> {
    match operation {
        BatchOperation::Insert(record) => Some(record.number),
        _ => None,
    }
}

fn deleted(operation: BatchOperation<'_>) -> Option<JobNumber> {
    match operation {
        BatchOperation::Delete(number) => Some(number),
        _ => None,
    }
}

/// Numbers as ranges without gaps, both ends included. A statement for a range of rows costs a
/// fraction of one for each.
fn ranges(numbers: impl Iterator<Item = JobNumber>) -> Vec<(JobNumber, JobNumber)> {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable();
    let mut ranges: Vec<(JobNumber, JobNumber)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if number.0 <= last.0 + 1 => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
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

/// Whether the file had no room.
fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_the_numbers_and_nothing_between_them() {
        let of = |numbers: &[u64]| {
            let ranges = ranges(numbers.iter().copied().map(JobNumber));
            ranges.into_iter().map(|(first, last)| (first.0, last.0)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), []);
        assert_eq!(of(&[7]), [(7, 7)]);
        assert_eq!(of(&[5, 3, 4, 9, 1, 4]), [(1, 1), (3, 5), (9, 9)]);
    }
}
