//! Reading jobs back: the survey, part by part, and whole jobs by number.
//!
//! No statement stays open between two calls: an open one would keep the WAL from being reused.
//!
//! Must not: change the file.

use std::borrow::Cow;

use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::schema::Table;
use super::{EXAMINE, failure};
use crate::record::{JobNumber, StoredJob, UnixSeconds};
use crate::store::{StoreError, SurveyPage, SurveyedJob, SurveyedUnique};

/// How far the survey has come.
pub(super) struct SurveyCursor {
    /// Number of the last job that was read.
    after: i64,
    /// Last number that was in the file when it was opened.
    last: i64,
}

impl SurveyCursor {
    pub(super) fn new(last: JobNumber) -> SurveyCursor {
        SurveyCursor { after: i64::MIN, last: last.0.cast_signed() }
    }

    /// Reads the next part.
    pub(super) fn next_page(
        &mut self,
        connection: &Connection,
        table: &Table,
        limit: usize,
    ) -> Result<SurveyPage, StoreError> {
        let result = self.read_page(connection, table, limit);
        let place = || format!("behind the job with the number {}", self.after.max(0));
        result.map_err(|error| error.context(place()))
    }

    fn read_page(
        &mut self,
        connection: &Connection,
        table: &Table,
        limit: usize,
    ) -> Result<SurveyPage, StoreError> {
        let mut statement = connection.prepare_cached(&table.survey).map_err(failure)?;
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![self.after, self.last, most]).map_err(failure)?;
        let mut page = SurveyPage::default();
        while let Some(row) = rows.next().map_err(failure)? {
            let job = surveyed_job(row, &mut page.functions).map_err(failure)?;
            let number = job.number.0.cast_signed();
            // A damaged table can lead in a circle.
            if number <= self.after {
                let what = format!("rows are not in the order of their keys; {EXAMINE}");
                return Err(StoreError::Corrupt(what));
            }
            self.after = number;
            page.jobs.push(job);
        }
        page.is_last = page.jobs.len() < limit;
        if page.is_last {
            drop(rows);
            // The pages that were read fill the cache, and are not needed soon.
            connection.execute_batch("PRAGMA shrink_memory").map_err(failure)?;
        }
        Ok(page)
    }
}

fn surveyed_job(
    row: &Row<'_>,
    functions: &mut Vec<Vec<u8>>,
) -> Result<SurveyedJob, rusqlite::Error> {
    let (function, unique) = (bytes(row, 1)?, bytes(row, 2)?);
    let unique = SurveyedUnique::new(&unique);
    // Neighbours often have the same function, and a page has few of them.
    let known = functions.iter().rposition(|name| **name == *function);
    let function = known.unwrap_or_else(|| {
        functions.push(function.into_owned());
        functions.len() - 1
    });
    Ok(SurveyedJob {
        number: number(row)?,
        function: u32::try_from(function).expect("a page has fewer functions than jobs"),
        priority: priority(row, 3)?,
        unique,
        due: due(row, 4)?,
    })
}

/// Reads jobs by number.
pub(super) fn fetch(
    connection: &Connection,
    table: &Table,
    numbers: &[JobNumber],
) -> Result<Vec<Option<StoredJob>>, StoreError> {
    let mut statement = connection.prepare_cached(&table.fetch).map_err(failure)?;
    let mut jobs = Vec::with_capacity(numbers.len());
    // A statement for a range of rows costs a fraction of one for each.
    for run in numbers.chunk_by(|number, next| next.0 == number.0 + 1) {
        let ends = [run[0], run[run.len() - 1]].map(|number| number.0.cast_signed());
        let mut rows = statement.query_map(ends, stored_job).map_err(failure)?.peekable();
        for number in run {
            let is_wanted =
                |job: &Result<StoredJob, _>| !matches!(job, Ok(job) if job.number != *number);
            jobs.push(rows.next_if(is_wanted).transpose().map_err(failure)?);
        }
    }
    Ok(jobs)
}

fn stored_job(row: &Row<'_>) -> Result<StoredJob, rusqlite::Error> {
    Ok(StoredJob {
        number: number(row)?,
        unique: bytes(row, 1)?.into_owned(),
        function: bytes(row, 2)?.into_owned(),
        payload: Bytes::from(bytes(row, 3)?.into_owned()),
        due: due(row, 4)?,
        reducer: bytes(row, 5)?.into_owned(),
        attempts: row.get::<_, Option<u32>>(6)?.unwrap_or(0),
        submitted: seconds(row, 7)?,
        priority: priority(row, 8)?,
    })
}

fn number(row: &Row<'_>) -> Result<JobNumber, rusqlite::Error> {
    Ok(JobNumber(row.get::<_, i64>(0)?.cast_unsigned()))
}

/// The priority of a row. One that no Gearman server writes is the nearest, or normal if there is
/// none.
fn priority(row: &Row<'_>, column: usize) -> Result<u8, rusqlite::Error> {
    let priority: Option<i64> = row.get(column)?;
    Ok(priority.unwrap_or(1).clamp(0, 2) as u8)
}

fn due(row: &Row<'_>, column: usize) -> Result<Option<UnixSeconds>, rusqlite::Error> {
    Ok(seconds(row, column)?.filter(|due| due.0 > 0))
}

fn seconds(row: &Row<'_>, column: usize) -> Result<Option<UnixSeconds>, rusqlite::Error> {
    let seconds: Option<i64> = row.get(column)?;
    Ok(seconds.map(|seconds| UnixSeconds(u64::try_from(seconds).unwrap_or(0))))
}

/// Bytes of a column of whatever type; NULL is empty.
fn bytes<'a>(row: &'a Row<'_>, column: usize) -> Result<Cow<'a, [u8]>, rusqlite::Error> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => Cow::Borrowed(b""),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Cow::Borrowed(bytes),
        ValueRef::Integer(number) => Cow::Owned(number.to_string().into_bytes()),
        ValueRef::Real(number) => Cow::Owned(number.to_string().into_bytes()),
    })
}
