//! The store in a table of PostgreSQL.
//!
//! Owns the connection, and what is known of the last batch. `conninfo` reads connection strings,
//! `session` connects and owns the table, `schema` makes and converts it, `write` applies batches,
//! `read` reads jobs back.
//!
//! A batch is one statement, so there is no transaction that a stalled process could leave open.
//! It also numbers the batch in the row of this server: after a lost connection that row tells
//! whether the batch was committed.
//!
//! Must not: know jobs that are not in the table.

mod conninfo;
mod read;
mod schema;
mod session;
#[cfg(test)]
mod tests;
mod write;

use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;

use crate::batch::Batch;
use crate::record::{JobNumber, StoredJob};
use crate::remote::{
    Backoff, BatchCount, NetBatch, RemoteLimits, Secret, TlsSettings, not_sent, table_is_taken,
    tls_failure,
};
use crate::store::{
    ConnectionState, IfMissing, Reopened, RowOutcome, Store, StoreError, SurveyPage,
};
use conninfo::Target;
use read::TableCursor;
use session::{Owner, TableSession};

/// Name of the table if none is given; the original's.
pub const POSTGRES_TABLE: &str = "queue";
/// Bytes of a payload that the store takes. PostgreSQL limits a message to 1 GiB.
const POSTGRES_PAYLOAD_BYTES_MAX: usize = 256 << 20;
/// Bytes of names and payloads that are written in one piece.
const POSTGRES_BATCH_BYTES_MAX: usize = 512 << 20;

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Connection string, in either of libpq's forms.
    pub conninfo: Secret,
    /// Password, if it is not in the string.
    pub password: Option<Secret>,
    /// User name, if it is neither in the string nor in the environment.
    pub default_user: Option<String>,
    /// Name of the table, with its schema if it is not in the search path.
    pub table: String,
    /// What is done if there is no such table.
    pub if_missing: IfMissing,
    /// TLS, if it is not what the string says.
    pub tls: Option<TlsSettings>,
    /// Whether commits are on disk when they return. Otherwise `synchronous_commit` is switched off.
    pub is_synchronous: bool,
    /// Time that the connection has.
    pub limits: RemoteLimits,
}

impl PostgresOptions {
    /// Options for a connection string, with the defaults for everything else.
    pub fn new(conninfo: impl Into<String>) -> PostgresOptions {
        PostgresOptions {
            conninfo: Secret::new(conninfo),
            password: None,
            default_user: None,
            table: POSTGRES_TABLE.to_owned(),
            if_missing: IfMissing::Create,
            tls: None,
            is_synchronous: true,
            limits: RemoteLimits::default(),
        }
    }
}

/// An open store.
pub struct PostgresStore {
    runtime: Runtime,
    target: Target,
    session: Option<TableSession>,
    owner: Owner,
    backoff: Backoff,
    state: ConnectionState,
    survey: TableCursor,
    last_number: JobNumber,
    batches: BatchCount,
    size_bytes: u64,
    notices: Vec<String>,
}

impl PostgresStore {
    /// Connects, creates the table, or takes over one that the original wrote.
    ///
    /// # Errors
    /// If the database cannot be reached, another server owns the table, or a newer version wrote
    /// it. The text names the place without its password.
    pub fn open(options: &PostgresOptions) -> Result<PostgresStore, StoreError> {
        let target = Target::new(options).map_err(StoreError::NotCommitted)?;
        let shown = target.shown.clone();
        Self::open_unnamed(target).map_err(|error| error.context(shown))
    }

    fn open_unnamed(target: Target) -> Result<PostgresStore, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| StoreError::NotCommitted(error.to_string()))?;
        let opened = runtime.block_on(TableSession::open(&target))?;
        let last_number = JobNumber(opened.last_number.cast_unsigned());
        Ok(PostgresStore {
            runtime,
            target,
            session: Some(opened.session),
            owner: opened.owner,
            backoff: Backoff::default(),
            state: ConnectionState { is_connected: true, connects: 1, failures: 0 },
            survey: TableCursor::new(last_number),
            last_number,
            batches: BatchCount::new(opened.last_batch),
            size_bytes: opened.size_bytes,
            notices: opened.notices,
        })
    }

    /// Names the place in an error.
    fn named<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.map_err(|error| error.context(&self.target.shown))
    }

    fn disconnect(&mut self) {
        self.session = None;
        self.state.is_connected = false;
    }

    /// Connects again and finds out which batch is the last one in the database.
    fn reconnect(&mut self) -> Result<i64, StoreError> {
        self.disconnect();
        self.backoff.check().map_err(StoreError::NotCommitted)?;
        match self.runtime.block_on(TableSession::resume(&self.target, &mut self.owner)) {
            Ok((session, last_batch)) => {
                self.session = Some(session);
                self.backoff.succeeded();
                self.state.is_connected = true;
                self.state.connects += 1;
                Ok(last_batch)
            }
            Err(error) => {
                self.backoff.failed(&error.to_string());
                self.state.failures += 1;
                Err(error)
            }
        }
    }

    /// Makes sure that there is a connection before anything is sent.
    fn connect_if_needed(&mut self) -> Result<(), StoreError> {
        if !self.session.as_ref().is_some_and(TableSession::is_usable) {
            let last_batch = self.reconnect().map_err(not_sent)?;
            self.batches.found(last_batch);
        }
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> Result<Vec<RowOutcome>, StoreError> {
        self.connect_if_needed()?;
        self.batches.check_loss()?;
        let net = NetBatch::new(batch);
        if batch.len() > 1 && net.insert_bytes() > POSTGRES_BATCH_BYTES_MAX {
            return Err(StoreError::BadRow("more than fits into one message".to_owned()));
        }
        let session = self.session.as_mut().expect("is connected");
        self.batches.attempted += 1;
        let write = write::apply(session, &net, self.batches.attempted, self.owner.epoch);
        let limit = self.target.limits.request_timeout;
        let result = self.runtime.block_on(async { tokio::time::timeout(limit, write).await });
        let result = result.unwrap_or_else(|_| {
            Err(StoreError::Unknown(format!("no answer within {} s", limit.as_secs())))
        });
        match result {
            Ok(()) => {
                self.batches.commit();
                Ok(Vec::new())
            }
            Err(StoreError::BadRow(reason)) if net.inserts.is_empty() => {
                Err(StoreError::NotCommitted(reason))
            }
            Err(StoreError::Unknown(reason)) => {
                self.disconnect();
                Err(StoreError::Unknown(reason))
            }
            Err(StoreError::Fenced(_)) => {
                self.disconnect();
                // Asks who owns the table now.
                Err(self
                    .reconnect()
                    .map_or_else(|error| error, |_| table_is_taken("another gearmand")))
            }
            Err(error) => Err(error),
        }
    }

    /// Runs a request that writes nothing.
    fn read<T>(
        &mut self,
        request: impl AsyncFnOnce(&TableSession) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.connect_if_needed()?;
        let session = self.session.as_ref().expect("is connected");
        let limit = self.target.limits.request_timeout;
        let result =
            self.runtime.block_on(async { tokio::time::timeout(limit, request(session)).await });
        let result = result.unwrap_or_else(|_| {
            Err(StoreError::Unknown(format!("no answer within {} s", limit.as_secs())))
        });
        if matches!(result, Err(StoreError::Unknown(_))) {
            self.disconnect();
        }
        result.map_err(not_sent)
    }
}

impl Store for PostgresStore {
    fn apply(&mut self, batch: &Batch) -> Result<Vec<RowOutcome>, StoreError> {
        let result = self.write(batch);
        self.named(result)
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        let result = self.write(&Batch::default()).map(drop);
        let result = result.and_then(|()| self.read(async |session| session.probe_room().await));
        self.named(result)
    }

    fn survey(&mut self, limit: usize) -> Result<SurveyPage, StoreError> {
        let cursor = self.survey;
        let result = self.read(async |session| cursor.next_page(session, limit).await);
        if let Ok(page) = &result
            && let Some(last) = page.jobs.last()
        {
            self.survey.passed(last.number);
        }
        self.named(result)
    }

    fn last_number(&self) -> JobNumber {
        self.last_number
    }

    fn fetch(&mut self, numbers: &[JobNumber]) -> Result<Vec<Option<StoredJob>>, StoreError> {
        let result = self.read(async |session| read::fetch(session, numbers).await);
        self.named(result)
    }

    fn payload_bytes_max(&self) -> usize {
        POSTGRES_PAYLOAD_BYTES_MAX
    }

    fn maintain(&mut self, is_idle: bool) -> Result<bool, StoreError> {
        // A store that is gone is noticed by the next batch.
        if is_idle
            && self.state.is_connected
            && let Ok(bytes) = self.read(async |session| session.size_bytes().await)
        {
            self.size_bytes = bytes;
        }
        let result = self.batches.check_loss();
        self.named(result).map(|()| false)
    }

    fn reopen(&mut self) -> Result<Reopened, StoreError> {
        let result = self.reconnect();
        let last_batch = self.named(result)?;
        Ok(self.batches.reopened(last_batch))
    }

    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn connection(&self) -> Option<ConnectionState> {
        Some(self.state)
    }

    fn place(&self) -> String {
        self.target.shown.clone()
    }

    fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }
}

/// Sorts PostgreSQL's errors by what they mean for the batch.
fn failure(error: &tokio_postgres::Error) -> StoreError {
    let Some(reply) = error.as_db_error() else {
        return StoreError::Unknown(with_causes(error));
    };
    let text = match reply.detail() {
        Some(detail) => format!("{} ({detail})", reply.message()),
        None => reply.message().to_owned(),
    };
    if *reply.code() == SqlState::DIVISION_BY_ZERO {
        return table_is_taken("another gearmand");
    }
    match &reply.code().code()[..2] {
        // Data, constraints, limits of the program.
        "22" | "23" | "54" => StoreError::BadRow(text),
        // State of the transaction, rights, objects, resources.
        "25" | "42" | "53" => StoreError::NotCommitted(text),
        _ => StoreError::Unknown(text),
    }
}

/// The text of an error with the errors behind it, which often have the reason.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(text) = tls_failure(error) {
        return text;
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
