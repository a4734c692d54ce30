//! The store in a table of MySQL or MariaDB.
//!
//! Owns the connection, and what is known of the last batch. `target` and `my_cnf` read the options,
//! `socket`, `packets`, `login` and `connection` speak the protocol, `session` owns the table,
//! `schema` makes and converts it, `write` makes the text of batches, `read` reads jobs back.
//!
//! A batch is one transaction, and one command unless it is larger than the database takes. It also
//! numbers the batch in the row of this server: after a lost connection that row tells whether the
//! batch was committed.
//!
//! The packets of the login and its methods come from the crate `mysql_common`. Its client, the
//! crate `mysql`, trusts its own list of authorities beside those that it is given.
//!
//! Must not: know jobs that are not in the table.

mod connection;
mod login;
mod my_cnf;
mod packets;
mod read;
mod schema;
mod session;
mod socket;
#[cfg(test)]
mod takeover_tests;
mod target;
#[cfg(test)]
mod tests;
mod write;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::record::{JobNumber, StoredJob};
use crate::remote::{
    Backoff, BatchCount, NetBatch, RemoteLimits, Secret, TlsSettings, not_sent, table_is_taken,
};
use crate::store::{
    ConnectionState, IfMissing, Reopened, RowOutcome, Store, StoreError, SurveyPage,
};
use connection::{MySqlConnection, MySqlError};
pub use my_cnf::option_files;
use read::MySqlCursor;
use session::{MySqlOwner, MySqlSession};
use target::MySqlTarget;
use write::{BatchMark, COMMAND_MARGIN_BYTES};

/// Name of the table if none is given; the original's.
pub const MYSQL_TABLE: &str = "gearman_queue";
/// Bytes of a payload that the store takes, if the database takes as many.
const MYSQL_PAYLOAD_BYTES_MAX: usize = 256 << 20;
/// Time without a command after which the database is asked for the size of the table: it would end
/// the session.
const MYSQL_IDLE: Duration = Duration::from_secs(10);

/// What a store is opened with. What is `None` is read in the option files.
#[derive(Clone, Debug)]
pub struct MySqlOptions {
    /// Host of the server, or the path of its socket.
    pub host: Option<String>,
    /// Port of the server.
    pub port: Option<u16>,
    /// Socket of the server; then host and port do not count.
    pub socket: Option<PathBuf>,
    /// Whether the host `localhost` is the socket of this machine.
    pub is_localhost_a_socket: bool,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Database.
    pub database: Option<String>,
    /// User name, if it is in no option file either.
    pub default_user: Option<String>,
    /// Name of the table, with its database if it is another one.
    pub table: String,
    /// What is done if there is no such table.
    pub if_missing: IfMissing,
    /// TLS, if it is not what the option files say.
    pub tls: Option<TlsSettings>,
    /// Time that the connection has.
    pub limits: RemoteLimits,
    /// Option files, in the order of reading.
    pub option_files: Vec<PathBuf>,
}

impl Default for MySqlOptions {
    /// Nothing is given: what the option files and the defaults of the client library say.
    fn default() -> MySqlOptions {
        MySqlOptions {
            host: None,
            port: None,
            socket: None,
            is_localhost_a_socket: true,
            user: None,
            password: None,
            database: None,
            default_user: None,
            table: MYSQL_TABLE.to_owned(),
            if_missing: IfMissing::Create,
            tls: None,
            limits: RemoteLimits::default(),
            option_files: option_files(),
        }
    }
}

/// An open store.
pub struct MySqlStore {
    target: MySqlTarget,
    session: Option<MySqlSession>,
    owner: MySqlOwner,
    backoff: Backoff,
    state: ConnectionState,
    survey: MySqlCursor,
    last_number: JobNumber,
    batches: BatchCount,
    packet_bytes_max: usize,
    size_bytes: u64,
    /// When the database answered last.
    answered: Instant,
    notices: Vec<String>,
}

impl MySqlStore {
    /// Connects, creates the table, or takes over one that the original wrote.
    ///
    /// # Errors
    /// If the database cannot be reached, another server owns the table, or a newer version wrote
    /// it. The text names the place without its password.
    pub fn open(options: &MySqlOptions) -> Result<MySqlStore, StoreError> {
        let target = MySqlTarget::new(options).map_err(StoreError::NotCommitted)?;
        let shown = target.shown.clone();
        Self::open_unnamed(target).map_err(|error| error.context(shown))
    }

    fn open_unnamed(target: MySqlTarget) -> Result<MySqlStore, StoreError> {
        let opened = MySqlSession::open(&target)?;
        let last_number = JobNumber(opened.last_number.cast_unsigned());
        Ok(MySqlStore {
            target,
            packet_bytes_max: opened.session.packet_bytes_max,
            session: Some(opened.session),
            owner: opened.owner,
            backoff: Backoff::default(),
            state: ConnectionState { is_connected: true, connects: 1, failures: 0 },
            survey: MySqlCursor::new(last_number),
            last_number,
            batches: BatchCount::new(opened.last_batch),
            size_bytes: opened.size_bytes,
            answered: Instant::now(),
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
        match MySqlSession::resume(&self.target, &mut self.owner) {
            Ok((session, last_batch)) => {
                self.packet_bytes_max = session.packet_bytes_max;
                self.session = Some(session);
                self.backoff.succeeded();
                self.state.is_connected = true;
                self.state.connects += 1;
                self.answered = Instant::now();
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
        if !self.session.as_ref().is_some_and(|session| session.connection.is_usable()) {
            let last_batch = self.reconnect().map_err(not_sent)?;
            self.batches.found(last_batch);
        }
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> Result<Vec<RowOutcome>, StoreError> {
        self.connect_if_needed()?;
        self.batches.check_loss()?;
        let net = NetBatch::new(batch);
        let session = self.session.as_mut().expect("is connected");
        let mark = BatchMark { batch: self.batches.attempted + 1, epoch: self.owner.epoch };
        let names = &self.target.names;
        let commands =
            write::commands(&net, mark, &names.table, &names.server, session.packet_bytes_max);
        let commands = commands.map_err(StoreError::BadRow)?.commands;
        self.batches.attempted += 1;
        match run(&mut session.connection, &commands) {
            Ok(()) => {
                self.batches.commit();
                self.answered = Instant::now();
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
        request: impl FnOnce(&mut MySqlSession, &MySqlTarget) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.connect_if_needed()?;
        let session = self.session.as_mut().expect("is connected");
        let result = request(session, &self.target);
        match result {
            Err(StoreError::Unknown(_)) => self.disconnect(),
            _ => self.answered = Instant::now(),
        }
        result.map_err(not_sent)
    }
}

/// Runs the commands of a transaction. One that failed is undone.
fn run(connection: &mut MySqlConnection, commands: &[(Vec<u8>, usize)]) -> Result<(), StoreError> {
    for (index, (text, statements)) in commands.iter().enumerate() {
        let Err(error) = connection.query(text) else { continue };
        let is_last = index + 1 == commands.len();
        // Only the commit itself has an outcome that its error does not tell.
        if matches!(error, MySqlError::Server { after, .. } if is_last && after + 1 >= *statements)
        {
            return Err(StoreError::Unknown(error.to_string()));
        }
        let failed = failure(&error);
        if !matches!(failed, StoreError::Unknown(_)) && connection.query("ROLLBACK").is_err() {
            // The session ends, and with it the transaction.
            return Err(StoreError::Unknown(error.to_string()));
        }
        return Err(failed);
    }
    Ok(())
}

impl Store for MySqlStore {
    fn apply(&mut self, batch: &Batch) -> Result<Vec<RowOutcome>, StoreError> {
        let result = self.write(batch);
        self.named(result)
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        let result = self.write(&Batch::default()).map(drop);
        let result = result.and_then(|()| self.read(|session, target| session.probe_room(target)));
        self.named(result)
    }

    fn survey(&mut self, limit: usize) -> Result<SurveyPage, StoreError> {
        let cursor = self.survey;
        let result = self.read(|session, target| {
            cursor.next_page(&mut session.connection, &target.names.table, limit)
        });
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
        let result = self.read(|session, target| {
            read::fetch(&mut session.connection, &target.names.table, numbers)
        });
        self.named(result)
    }

    fn payload_bytes_max(&self) -> usize {
        let bytes = self.packet_bytes_max.saturating_sub(COMMAND_MARGIN_BYTES);
        bytes.min(MYSQL_PAYLOAD_BYTES_MAX)
    }

    fn maintain(&mut self, is_idle: bool) -> Result<bool, StoreError> {
        if is_idle && (self.answered.elapsed() >= MYSQL_IDLE || !self.state.is_connected) {
            // A store that is gone is noticed by the next batch.
            if let Ok(bytes) = self.read(|session, target| session.size_bytes(target)) {
                self.size_bytes = bytes;
            }
        }
        let result = self.batches.check_loss();
        // The session, and the lock with it, ends without commands.
        self.named(result).map(|()| true)
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

/// Sorts the database's errors by what they mean for the batch.
fn failure(error: &MySqlError) -> StoreError {
    let text = error.to_string();
    let MySqlError::Server { code, .. } = error else {
        return StoreError::Unknown(text);
    };
    match code {
        // A value with two rows: see `write`.
        1242 => table_is_taken("another gearmand"),
        // Data, constraints, and limits of a row or of a transaction.
        1048 | 1118 | 1197 | 1264 | 1301 | 1366 | 1406 | 1713 | 3819 | 4025 => {
            StoreError::BadRow(text)
        }
        // Rights, objects, locks, and resources.
        1005 | 1021 | 1030 | 1037 | 1041 | 1044 | 1045 | 1046 | 1049 | 1050 | 1054 | 1059
        | 1064 | 1101 | 1103 | 1114 | 1142 | 1143 | 1146 | 1205 | 1213 | 1227 | 1290 | 1291
        | 1792 | 1836 => StoreError::NotCommitted(text),
        _ => StoreError::Unknown(text),
    }
}
