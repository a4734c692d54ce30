//! Applying batches: one statement each.
//!
//! Must not: retry. The queue thread decides what becomes of a batch that failed.

use tokio_postgres::types::ToSql;

use super::failure;
use super::session::TableSession;
use crate::record::UnixSeconds;
use crate::remote::NetBatch;
use crate::store::StoreError;

/// The statement for a table. The row of this server is changed only if it still owns the table;
/// otherwise the division by zero undoes everything.
pub(super) fn statement(table: &str, server: &str) -> String {
    format!(
        "WITH fence AS (
             UPDATE {server} SET last_batch = $1, last_number = greatest(last_number, $2)
             WHERE id = 0 AND epoch = $3 RETURNING 1),
         ended AS (DELETE FROM {table} WHERE id = ANY($4::bigint[])),
         tried AS (
             UPDATE {table} AS job SET attempts = new.attempts
             FROM unnest($5::bigint[], $6::integer[]) AS new(id, attempts)
             WHERE job.id = new.id),
         stored AS (
             INSERT INTO {table} (id, unique_key, function_name, priority, data, when_to_run,
                 reducer, attempts, submitted)
             SELECT * FROM unnest($7::bigint[], $8::bytea[], $9::bytea[], $10::integer[],
                 $11::bytea[], $12::bigint[], $13::bytea[], $14::integer[], $15::bigint[])
             ON CONFLICT (id) DO NOTHING)
         SELECT 1 / (SELECT count(*) FROM fence)"
    )
}

/// Writes the net effect of a batch, and that it is batch number `batch`.
pub(super) async fn apply(
    session: &TableSession,
    net: &NetBatch<'_>,
    batch: i64,
    epoch: i64,
) -> Result<(), StoreError> {
    let last_number = net.last_number.map_or(0, |number| number.0.cast_signed());
    let deletes: Vec<i64> = net.deletes.iter().map(|number| number.0.cast_signed()).collect();
    let (tried, attempts): (Vec<i64>, Vec<i32>) = net
        .attempts
        .iter()
        .map(|&(number, count)| (number.0.cast_signed(), count.cast_signed()))
        .unzip();
    let jobs = &net.inserts;
    let ids: Vec<i64> = jobs.iter().map(|job| job.number.0.cast_signed()).collect();
    let uniques: Vec<&[u8]> = jobs.iter().map(|job| job.unique).collect();
    let functions: Vec<&[u8]> = jobs.iter().map(|job| job.function).collect();
    let priorities: Vec<i32> = jobs.iter().map(|job| i32::from(job.priority)).collect();
    let payloads: Vec<&[u8]> = jobs.iter().map(|job| job.payload).collect();
    let due = |due: Option<UnixSeconds>| due.map_or(0, |due| due.0.cast_signed());
    let times: Vec<i64> = jobs.iter().map(|job| due(job.due)).collect();
    let reducer = |reducer| Some(reducer).filter(|reducer: &&[u8]| !reducer.is_empty());
    let reducers: Vec<Option<&[u8]>> = jobs.iter().map(|job| reducer(job.reducer)).collect();
    let new_attempts: Vec<i32> = jobs.iter().map(|job| job.attempts.cast_signed()).collect();
    let submitted: Vec<i64> = jobs.iter().map(|job| job.submitted.0.cast_signed()).collect();
    let parameters: [&(dyn ToSql + Sync); 15] = [
        &batch,
        &last_number,
        &epoch,
        &deletes,
        &tried,
        &attempts,
        &ids,
        &uniques,
        &functions,
        &priorities,
        &payloads,
        &times,
        &reducers,
        &new_attempts,
        &submitted,
    ];
    let client = &session.client;
    client.query(&session.statements.apply, &parameters).await.map_err(|error| failure(&error))?;
    Ok(())
}
