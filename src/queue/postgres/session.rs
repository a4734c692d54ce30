//! A session: connected, with its settings and statements, and owner of the table.
//!
//! The table is owned by a session lock, which ends with the session. So who has the lock knows
//! that the session before it can commit nothing any more.
//!
//! Must not: apply batches.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Statement};

use super::conninfo::Target;
use super::schema::{self, Names, Taken};
use super::{failure, read, with_causes, write};
use crate::remote::{owner_name, table_is_taken};
use crate::store::StoreError;

/// First half of the lock's key; the second is a hash of the table's name.
const LOCK_CLASS: i32 = i32::from_be_bytes(*b"gear");
/// Time that the session of a server that was killed may need to end.
const LOCK_WAIT: Duration = Duration::from_secs(3);
/// Time between two attempts to get the lock.
const LOCK_RETRY: Duration = Duration::from_millis(20);
/// Bytes of the row with which a probe finds out whether there is room.
const PROBED_BYTES: u32 = 64 << 10;

/// A connection that owns the table.
pub(super) struct TableSession {
    pub(super) client: Client,
    pub(super) statements: Statements,
    names: Names,
    connection: JoinHandle<()>,
}

/// The prepared statements of a session.
pub(super) struct Statements {
    pub(super) apply: Statement,
    pub(super) survey: Statement,
    pub(super) fetch: Statement,
}

/// What tells this server from others that have owned the table.
#[derive(Debug)]
pub(super) struct Owner {
    /// Counts the servers that have taken the table.
    pub(super) epoch: i64,
    /// The backend of the last session.
    backend: i32,
}

/// A session that was just opened, and what it found.
pub(super) struct Opened {
    pub(super) session: TableSession,
    pub(super) owner: Owner,
    pub(super) last_batch: i64,
    pub(super) last_number: i64,
    pub(super) size_bytes: u64,
    pub(super) notices: Vec<String>,
}

impl TableSession {
    /// Connects and takes the table.
    ///
    /// # Errors
    /// If another server owns it.
    pub(super) async fn open(target: &Target) -> Result<Opened, StoreError> {
        let (mut client, connection) = connect(target).await?;
        let names = Names::new(&target.table);
        let backend = own(&client, &names, None).await?;
        let Taken { epoch, last_batch, last_number, converted } =
            schema::take(&mut client, &names, &owner_name(), target.if_missing).await?;
        let mut notices = weak_settings(&client).await?;
        notices.extend(converted.map(|jobs| {
            format!(
                "converted the table {}: it has {jobs} jobs of the original gearmand",
                names.table
            )
        }));
        let session = TableSession::new(client, connection, names).await?;
        session.reserve(last_number).await?;
        let size_bytes = session.size_bytes().await?;
        let owner = Owner { epoch, backend };
        Ok(Opened { session, owner, last_batch, last_number, size_bytes, notices })
    }

    /// Connects again. Returns the number of the last batch that the table has of this server.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if another server has taken the table.
    pub(super) async fn resume(
        target: &Target,
        owner: &mut Owner,
    ) -> Result<(TableSession, i64), StoreError> {
        let (client, connection) = connect(target).await?;
        let names = Names::new(&target.table);
        owner.backend = own(&client, &names, Some(owner)).await?;
        let (epoch, name, last_batch) = server_row(&client, &names).await?.ok_or_else(|| {
            StoreError::NotCommitted(format!("the row of this server in {} is gone", names.server))
        })?;
        if epoch != owner.epoch {
            return Err(table_is_taken(&format!("another gearmand, {name},")));
        }
        Ok((TableSession::new(client, connection, names).await?, last_batch))
    }

    async fn new(
        client: Client,
        connection: JoinHandle<()>,
        names: Names,
    ) -> Result<TableSession, StoreError> {
        let prepare =
            async |text: String| client.prepare(&text).await.map_err(|error| failure(&error));
        let statements = Statements {
            apply: prepare(write::statement(&names.table, &names.server)).await?,
            survey: prepare(read::survey_statement(&names.table)).await?,
            fetch: prepare(read::fetch_statement(&names.table)).await?,
        };
        Ok(TableSession { client, statements, names, connection })
    }

    /// Whether the connection was alive when it was last looked at.
    pub(super) fn is_usable(&self) -> bool {
        !self.client.is_closed()
    }

    /// Keeps the numbers that the original would choose above `last`.
    async fn reserve(&self, last: i64) -> Result<(), StoreError> {
        let statement = schema::sequence_statement(&self.names);
        let result = self.client.query(&statement, &[&last.max(1)]).await;
        result.map(drop).map_err(|error| failure(&error))
    }

    /// Bytes of the table with its index.
    pub(super) async fn size_bytes(&self) -> Result<u64, StoreError> {
        let statement = "SELECT pg_total_relation_size(to_regclass($1))";
        let row = self.client.query_one(statement, &[&self.names.table]).await;
        let bytes: Option<i64> = row.map_err(|error| failure(&error))?.get(0);
        Ok(u64::try_from(bytes.unwrap_or(0)).unwrap_or(0))
    }

    /// Finds out whether there is room for a row, without leaving one.
    pub(super) async fn probe_room(&self) -> Result<(), StoreError> {
        let table = &self.names.table;
        // Text that does not shrink. The number is that of no job.
        let statement = format!(
            "BEGIN; INSERT INTO {table} (id, data) SELECT -1,
                 decode(string_agg(md5(random()::text), ''), 'hex')
                 FROM generate_series(1, {PROBED_BYTES} / 16); ROLLBACK"
        );
        let result = self.client.batch_execute(&statement).await.map_err(|error| failure(&error));
        if result.is_err() {
            // Without effect if the connection is gone.
            let _ = self.client.batch_execute("ROLLBACK").await;
        }
        result
    }
}

impl Drop for TableSession {
    fn drop(&mut self) {
        // The socket closes with the task; the runtime drops it when it runs next.
        self.connection.abort();
    }
}

/// Connects, within the time that this may take, and sets what sessions need.
async fn connect(target: &Target) -> Result<(Client, JoinHandle<()>), StoreError> {
    let limits = target.limits;
    let attempt = async {
        let tls = tokio_postgres_rustls::MakeRustlsConnect::new(target.tls_client.clone());
        let (client, connection) = target.config.connect(tls).await?;
        let connection = tokio::spawn(async move {
            // The user of the client hears of this error.
            let _ = connection.await;
        });
        client.batch_execute(&settings(target)).await?;
        Ok((client, connection))
    };
    match tokio::time::timeout(limits.connect_timeout, attempt).await {
        Ok(result) => result
            .map_err(|error: tokio_postgres::Error| StoreError::NotCommitted(with_causes(&error))),
        Err(_) => {
            let seconds = limits.connect_timeout.as_secs();
            Err(StoreError::NotCommitted(format!("no connection within {seconds} s")))
        }
    }
}

/// Settings of a session.
fn settings(target: &Target) -> String {
    let commit = match target.is_synchronous {
        true => {
            "SELECT set_config('synchronous_commit', 'on', false)
                 WHERE current_setting('synchronous_commit') = 'off';"
        }
        false => "SET synchronous_commit = off;",
    };
    let millis = target.limits.request_timeout.as_millis();
    // Plans are made once: they do not depend on the values.
    format!(
        "{commit} SET statement_timeout = {millis}; SET lock_timeout = {millis};
         SET idle_in_transaction_session_timeout = {millis};
         SET plan_cache_mode = force_generic_plan; SET jit = off;
         SET standard_conforming_strings = on"
    )
}

/// Gets the lock of the table. A session of this server that still has it is ended first. Returns
/// the backend of this session.
async fn own(client: &Client, names: &Names, before: Option<&Owner>) -> Result<i32, StoreError> {
    let failed = |error: tokio_postgres::Error| failure(&error);
    let began = Instant::now();
    loop {
        let row = client
            .query_one(
                "SELECT pg_try_advisory_lock($1, hashtext(coalesce(current_schema(), '') || $2)),
                 pg_backend_pid()",
                &[&LOCK_CLASS, &names.table],
            )
            .await
            .map_err(failed)?;
        if row.get(0) {
            return Ok(row.get(1));
        }
        let holder = client
            .query_opt(
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
                 AND classid = $1::bigint::oid AND objid::bigint
                     = hashtext(coalesce(current_schema(), '') || $2)::bigint & 4294967295
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                &[&i64::from(LOCK_CLASS), &names.table],
            )
            .await
            .map_err(failed)?;
        let holder: Option<i32> = holder.map(|row| row.get(0));
        let row = server_row(client, names).await?;
        if let (Some(before), Some((epoch, name, _))) = (before, &row)
            && before.epoch != *epoch
        {
            return Err(table_is_taken(&format!("another gearmand, {name},")));
        }
        let is_own = before.is_some_and(|before| {
            Some(before.backend) == holder && row.as_ref().is_some_and(|row| row.0 == before.epoch)
        });
        if is_own {
            client.query("SELECT pg_terminate_backend($1)", &[&holder]).await.map_err(failed)?;
        }
        if began.elapsed() > LOCK_WAIT {
            let name = row.map_or_else(|| "unknown".to_owned(), |(_, name, _)| name);
            let backend = holder.unwrap_or_default();
            return Err(StoreError::NotCommitted(format!(
                "in use by another gearmand, {name}; if that one is gone, end its session: SELECT \
                 pg_terminate_backend({backend})"
            )));
        }
        tokio::time::sleep(LOCK_RETRY).await;
    }
}

/// Epoch, owner and last batch of the row of the server, if there is one.
async fn server_row(
    client: &Client,
    names: &Names,
) -> Result<Option<(i64, String, i64)>, StoreError> {
    let failed = |error: tokio_postgres::Error| failure(&error);
    let exists = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&names.server]).await;
    if !exists.map_err(failed)?.get::<_, bool>(0) {
        return Ok(None);
    }
    let statement = format!("SELECT epoch, owner, last_batch FROM {} WHERE id = 0", names.server);
    let row = client.query_opt(&statement, &[]).await.map_err(failed)?;
    Ok(row.map(|row| (row.get(0), row.get(1), row.get(2))))
}

/// Settings of the database under which an acknowledged job can be lost.
async fn weak_settings(client: &Client) -> Result<Vec<String>, StoreError> {
    let statement = "SELECT current_setting('fsync') = 'off',
        current_setting('synchronous_commit') = 'off'";
    let row = client.query_one(statement, &[]).await.map_err(|error| failure(&error))?;
    let mut notices = Vec::new();
    if row.get(0) {
        notices.push(
            "fsync is off in this database: a crash of its machine can lose acknowledged jobs \
             and damage the table"
                .to_owned(),
        );
    }
    if row.get(1) {
        notices.push(
            "synchronous_commit is off: a crash of the database can lose acknowledged jobs"
                .to_owned(),
        );
    }
    Ok(notices)
}
