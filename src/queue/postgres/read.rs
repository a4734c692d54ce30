//! Reading jobs back: the survey, part by part, and whole jobs by number.
//!
//! Must not: change the table.

use std::collections::HashMap;

use bytes::Bytes;
use tokio_postgres::Row;

use super::failure;
use super::session::TableSession;
use crate::record::{JobNumber, StoredJob, UnixSeconds};
use crate::store::{StoreError, SurveyPage, SurveyedJob, SurveyedUnique};

/// How far the survey has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct TableCursor {
    /// Number of the last job that was read.
    after: i64,
    /// Last number that was in the table when it was opened.
    last: i64,
}

/// The statement of the survey.
pub(super) fn survey_statement(table: &str) -> String {
    format!(
        "SELECT id, function_name, unique_key, priority, when_to_run
         FROM {table} WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3"
    )
}

/// The statement that reads whole jobs.
pub(super) fn fetch_statement(table: &str) -> String {
    format!(
        "SELECT id, unique_key, function_name, data, when_to_run, reducer, attempts, submitted,
             priority FROM {table} WHERE id = ANY($1::bigint[])"
    )
}

impl TableCursor {
    pub(super) fn new(last: JobNumber) -> TableCursor {
        TableCursor { after: i64::MIN, last: last.0.cast_signed() }
    }

    /// The jobs up to this one were read.
    pub(super) fn passed(&mut self, number: JobNumber) {
        self.after = number.0.cast_signed();
    }

    /// Reads the next part.
    pub(super) async fn next_page(
        self,
        session: &TableSession,
        limit: usize,
    ) -> Result<SurveyPage, StoreError> {
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let statement = &session.statements.survey;
        let rows = session.client.query(statement, &[&self.after, &self.last, &most]).await;
        let rows = rows.map_err(|error| failure(&error))?;
        let mut page = SurveyPage { is_last: rows.len() < limit, ..SurveyPage::default() };
        page.jobs.reserve(rows.len());
        for row in &rows {
            let job = surveyed_job(row, &mut page.functions).map_err(unreadable(row))?;
            page.jobs.push(job);
        }
        Ok(page)
    }
}

fn surveyed_job(
    row: &Row,
    functions: &mut Vec<Vec<u8>>,
) -> Result<SurveyedJob, tokio_postgres::Error> {
    let function = bytes(row, 1)?;
    // Neighbours often have the same function, and a page has few of them.
    let known = functions.iter().rposition(|name| **name == *function);
    let function = known.unwrap_or_else(|| {
        functions.push(function.to_vec());
        functions.len() - 1
    });
    Ok(SurveyedJob {
        number: number(row)?,
        function: u32::try_from(function).expect("a page has fewer functions than jobs"),
        priority: priority(row, 3)?,
        unique: SurveyedUnique::new(bytes(row, 2)?),
        due: due(row, 4)?,
    })
}

/// Reads jobs by number.
pub(super) async fn fetch(
    session: &TableSession,
    numbers: &[JobNumber],
) -> Result<Vec<Option<StoredJob>>, StoreError> {
    let ids: Vec<i64> = numbers.iter().map(|number| number.0.cast_signed()).collect();
    let rows = session.client.query(&session.statements.fetch, &[&ids]).await;
    let rows = rows.map_err(|error| failure(&error))?;
    let mut jobs = HashMap::with_capacity(rows.len());
    for row in &rows {
        let job = stored_job(row).map_err(unreadable(row))?;
        jobs.insert(job.number, job);
    }
    Ok(numbers.iter().map(|number| jobs.remove(number)).collect())
}

fn stored_job(row: &Row) -> Result<StoredJob, tokio_postgres::Error> {
    Ok(StoredJob {
        number: number(row)?,
        unique: bytes(row, 1)?.to_vec(),
        function: bytes(row, 2)?.to_vec(),
        payload: Bytes::copy_from_slice(bytes(row, 3)?),
        due: due(row, 4)?,
        reducer: bytes(row, 5)?.to_vec(),
        attempts: row.try_get::<_, Option<i32>>(6)?.unwrap_or(0).cast_unsigned(),
        submitted: seconds(row, 7)?,
        priority: priority(row, 8)?,
    })
}

/// The error of a row that has values of other types.
fn unreadable(row: &Row) -> impl Fn(tokio_postgres::Error) -> StoreError {
    let id = row.try_get::<_, i64>(0).unwrap_or_default();
    move |error| StoreError::Corrupt(format!("the row with the id {id} is no job: {error}"))
}

fn number(row: &Row) -> Result<JobNumber, tokio_postgres::Error> {
    Ok(JobNumber(row.try_get::<_, i64>(0)?.cast_unsigned()))
}

/// The priority of a row. One that no Gearman server writes is the nearest, or normal if there is
/// none.
fn priority(row: &Row, column: usize) -> Result<u8, tokio_postgres::Error> {
    let priority: Option<i32> = row.try_get(column)?;
    Ok(priority.unwrap_or(1).clamp(0, 2) as u8)
}

fn due(row: &Row, column: usize) -> Result<Option<UnixSeconds>, tokio_postgres::Error> {
    Ok(seconds(row, column)?.filter(|due| due.0 > 0))
}

fn seconds(row: &Row, column: usize) -> Result<Option<UnixSeconds>, tokio_postgres::Error> {
    let seconds: Option<i64> = row.try_get(column)?;
    Ok(seconds.map(|seconds| UnixSeconds(u64::try_from(seconds).unwrap_or(0))))
}

/// Bytes of a column; NULL is empty.
fn bytes(row: &Row, column: usize) -> Result<&[u8], tokio_postgres::Error> {
    Ok(row.try_get::<_, Option<&[u8]>>(column)?.unwrap_or_default())
}
