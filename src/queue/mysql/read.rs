//! Reading jobs back: the survey, part by part, and whole jobs by number.
//!
//! Must not: change the table.

use std::collections::HashMap;

use bytes::Bytes;

use super::connection::{MySqlConnection, ResultRow};
use super::failure;
use crate::record::{JobNumber, StoredJob, UnixSeconds};
use crate::store::{StoreError, SurveyPage, SurveyedJob, SurveyedUnique};

/// How far the survey has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct MySqlCursor {
    /// Number of the last job that was read.
    after: u64,
    /// Last number that was in the table when it was opened.
    last: JobNumber,
}

impl MySqlCursor {
    pub(super) fn new(last: JobNumber) -> MySqlCursor {
        MySqlCursor { after: 0, last }
    }

    /// The jobs up to this one were read.
    pub(super) fn passed(&mut self, number: JobNumber) {
        self.after = number.0;
    }

    /// Reads the next part.
    pub(super) fn next_page(
        self,
        connection: &mut MySqlConnection,
        table: &str,
        limit: usize,
    ) -> Result<SurveyPage, StoreError> {
        let statement = format!(
            "SELECT id, function_name, unique_key, priority, when_to_run FROM {table}
             WHERE id > {} AND id <= {} ORDER BY id LIMIT {limit}",
            self.after, self.last.0
        );
        let rows = connection.rows(statement).map_err(|error| failure(&error))?;
        let mut page = SurveyPage { is_last: rows.len() < limit, ..SurveyPage::default() };
        page.jobs.reserve(rows.len());
        for row in rows.iter() {
            let job = surveyed_job(row, &mut page.functions).map_err(unreadable(row))?;
            page.jobs.push(job);
        }
        Ok(page)
    }
}

fn surveyed_job(row: ResultRow<'_>, functions: &mut Vec<Vec<u8>>) -> Result<SurveyedJob, String> {
    let function = bytes(row, 1);
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
        unique: SurveyedUnique::new(bytes(row, 2)),
        due: due(row, 4)?,
    })
}

/// Reads jobs by number.
pub(super) fn fetch(
    connection: &mut MySqlConnection,
    table: &str,
    numbers: &[JobNumber],
) -> Result<Vec<Option<StoredJob>>, StoreError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = numbers.iter().map(|number| number.0.to_string()).collect();
    let statement = format!(
        "SELECT id, unique_key, function_name, data, when_to_run, reducer, attempts, submitted,
             priority FROM {table} WHERE id IN ({})",
        ids.join(",")
    );
    let rows = connection.rows(statement).map_err(|error| failure(&error))?;
    let mut jobs = HashMap::with_capacity(rows.len());
    for row in rows.iter() {
        let job = stored_job(row).map_err(unreadable(row))?;
        jobs.insert(job.number, job);
    }
    Ok(numbers.iter().map(|number| jobs.remove(number)).collect())
}

fn stored_job(row: ResultRow<'_>) -> Result<StoredJob, String> {
    let attempts = row.integer(6)?.unwrap_or(0);
    Ok(StoredJob {
        number: number(row)?,
        unique: bytes(row, 1).to_vec(),
        function: bytes(row, 2).to_vec(),
        payload: Bytes::copy_from_slice(bytes(row, 3)),
        due: due(row, 4)?,
        reducer: bytes(row, 5).to_vec(),
        attempts: u32::try_from(attempts).map_err(|_| format!("{attempts} attempts"))?,
        submitted: seconds(row, 7)?,
        priority: priority(row, 8)?,
    })
}

/// The error of a row that has values of other types.
fn unreadable(row: ResultRow<'_>) -> impl Fn(String) -> StoreError {
    let id = row.text(0);
    move |why| StoreError::Corrupt(format!("the row with the id {id} is no job: {why}"))
}

fn number(row: ResultRow<'_>) -> Result<JobNumber, String> {
    let number = row.integer(0)?.and_then(|number| u64::try_from(number).ok());
    number.map(JobNumber).ok_or_else(|| "it has no number".to_owned())
}

/// The priority of a row. One that no Gearman server writes is the nearest, or normal if there is
/// none.
fn priority(row: ResultRow<'_>, column: usize) -> Result<u8, String> {
    Ok(row.integer(column)?.unwrap_or(1).clamp(0, 2) as u8)
}

fn due(row: ResultRow<'_>, column: usize) -> Result<Option<UnixSeconds>, String> {
    Ok(seconds(row, column)?.filter(|due| due.0 > 0))
}

fn seconds(row: ResultRow<'_>, column: usize) -> Result<Option<UnixSeconds>, String> {
    let seconds = row.integer(column)?;
    Ok(seconds.map(|seconds| UnixSeconds(u64::try_from(seconds).unwrap_or(0))))
}

/// Bytes of a column; NULL is empty.
fn bytes(row: ResultRow<'_>, column: usize) -> &[u8] {
    row.bytes(column).unwrap_or_default()
}
