//! A session: logged in, with its settings, and owner of the table.
//!
//! The table is owned by a lock that ends with the session. So who has the lock knows that the
//! session before it can commit nothing any more.
//!
//! Must not: apply batches.

use std::time::Duration;

use super::connection::{MySqlConnection, MySqlError, ResultRow};
use super::failure;
use super::schema::{self, TakenTable};
use super::target::MySqlTarget;
use crate::remote::{RemoteLimits, owner_name, table_is_taken};
use crate::store::StoreError;

/// Seconds that the session of a server that was killed may need to end.
const MYSQL_LOCK_WAIT_SECONDS: u32 = 3;
/// Seconds without a command after which the database ends a session, and with it the lock of a
/// machine that is gone.
const SESSION_IDLE_SECONDS_MAX: u32 = 60;
/// Bytes of the row with which a probe finds out whether there is room.
const MYSQL_PROBED_BYTES: u32 = 64 << 10;

/// Least size of a packet that the statements of a batch fit into.
const PACKET_BYTES_NEEDED: usize = 64 << 10;

/// A connection that owns the table.
pub(super) struct MySqlSession {
    pub(super) connection: MySqlConnection,
    /// Bytes that a command and a value may have.
    pub(super) packet_bytes_max: usize,
}

/// What tells this server from others that have owned the table.
#[derive(Debug)]
pub(super) struct MySqlOwner {
    /// Counts the servers that have taken the table.
    pub(super) epoch: i64,
    /// Number of the last session.
    connection: u32,
}

/// A session that was just opened, and what it found.
pub(super) struct OpenedSession {
    pub(super) session: MySqlSession,
    pub(super) owner: MySqlOwner,
    pub(super) last_batch: i64,
    pub(super) last_number: i64,
    pub(super) size_bytes: u64,
    pub(super) notices: Vec<String>,
}

impl MySqlSession {
    /// Connects and takes the table.
    ///
    /// # Errors
    /// If another server owns it.
    pub(super) fn open(target: &MySqlTarget) -> Result<OpenedSession, StoreError> {
        let mut session = connect(target)?;
        session.own(target, None)?;
        let connection = &mut session.connection;
        let TakenTable { epoch, last_batch, last_number, converted } =
            schema::take(connection, target, &owner_name())?;
        let mut notices = weak_settings(connection)?;
        notices.extend(converted.map(|jobs| {
            let table = &target.names.table;
            format!("converted the table {table}: it has {jobs} jobs of the original gearmand")
        }));
        session.reserve(target, last_number)?;
        let size_bytes = session.size_bytes(target)?;
        let owner = MySqlOwner { epoch, connection: session.connection.id };
        Ok(OpenedSession { session, owner, last_batch, last_number, size_bytes, notices })
    }

    /// Connects again. Returns the number of the last batch that the table has of this server.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if another server has taken the table.
    pub(super) fn resume(
        target: &MySqlTarget,
        owner: &mut MySqlOwner,
    ) -> Result<(MySqlSession, i64), StoreError> {
        let mut session = connect(target)?;
        session.own(target, Some(owner))?;
        owner.connection = session.connection.id;
        let row = session.server_row(target)?.ok_or_else(|| {
            let server = &target.names.server;
            StoreError::NotCommitted(format!("the row of this server in {server} is gone"))
        })?;
        if row.epoch != owner.epoch {
            return Err(table_is_taken(&format!("another gearmand, {},", row.owner)));
        }
        Ok((session, row.last_batch))
    }

    /// Gets the lock of the table. A session of this server that still has it is ended first.
    fn own(&mut self, target: &MySqlTarget, before: Option<&MySqlOwner>) -> Result<(), StoreError> {
        let lock = target.names.lock();
        let rows = self.query_row(&format!("SELECT DATABASE(), {lock}"))?;
        if rows.row(0).bytes(1).is_none() {
            return Err(StoreError::NotCommitted(
                "no database is selected; name one with --mysql-db".to_owned(),
            ));
        }
        if self.try_lock(&lock, 0)? {
            return Ok(());
        }
        let rows = self.query_row(&format!("SELECT IS_USED_LOCK({lock})"))?;
        let holder = rows.row(0).integer(0).ok().flatten().unwrap_or_default();
        let found = self.server_row(target)?;
        if let (Some(before), Some(found)) = (before, &found)
            && before.epoch != found.epoch
        {
            return Err(table_is_taken(&format!("another gearmand, {},", found.owner)));
        }
        if before.is_some_and(|before| i64::from(before.connection) == holder) {
            // It may have ended in the meantime.
            match self.connection.query(format!("KILL {holder}")) {
                Ok(_) | Err(MySqlError::Server { .. }) => {}
                Err(error) => return Err(failure(&error)),
            }
        }
        if self.try_lock(&lock, MYSQL_LOCK_WAIT_SECONDS)? {
            return Ok(());
        }
        let name = found.map_or_else(|| "unknown".to_owned(), |row| row.owner);
        Err(StoreError::NotCommitted(format!(
            "in use by another gearmand, {name}; if that one is gone, end its session: KILL {holder}"
        )))
    }

    fn try_lock(&mut self, lock: &str, seconds: u32) -> Result<bool, StoreError> {
        let rows = self.query_row(&format!("SELECT GET_LOCK({lock}, {seconds})"))?;
        Ok(rows.row(0).bytes(0) == Some(b"1"))
    }

    /// Runs a statement that has one row.
    fn query_row(&mut self, statement: &str) -> Result<super::connection::ResultRows, StoreError> {
        let rows = self.connection.rows(statement).map_err(|error| failure(&error))?;
        match rows.len() {
            1 => Ok(rows),
            count => Err(StoreError::Unknown(format!("{count} rows instead of one"))),
        }
    }

    /// The row of the server, if there is one.
    fn server_row(&mut self, target: &MySqlTarget) -> Result<Option<ServerRow>, StoreError> {
        let server = &target.names.server;
        let statement = format!("SELECT epoch, owner, last_batch FROM {server} WHERE id = 0");
        let rows = match self.connection.rows(statement) {
            // There is no such table yet.
            Err(MySqlError::Server { code: 1146, .. }) => return Ok(None),
            result => result.map_err(|error| failure(&error))?,
        };
        let read = |row: ResultRow<'_>| -> Result<ServerRow, String> {
            Ok(ServerRow {
                epoch: row.integer(0)?.unwrap_or_default(),
                owner: row.text(1),
                last_batch: row.integer(2)?.unwrap_or_default(),
            })
        };
        rows.iter().next().map(read).transpose().map_err(StoreError::Corrupt)
    }

    /// Keeps the numbers that the original would choose above `last`. A number that was used
    /// counts even if its row is not committed.
    fn reserve(&mut self, target: &MySqlTarget, last: i64) -> Result<(), StoreError> {
        let table = &target.names.table;
        let statement = format!(
            "START TRANSACTION; INSERT IGNORE INTO {table} (id) VALUES ({}); ROLLBACK",
            last.max(1)
        );
        self.connection.query(statement).map(drop).map_err(|error| failure(&error))
    }

    /// Bytes of the table.
    pub(super) fn size_bytes(&mut self, target: &MySqlTarget) -> Result<u64, StoreError> {
        let rows = self.query_row(&target.names.size_statement())?;
        let bytes = rows.row(0).integer(0).ok().flatten().unwrap_or(0);
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    /// Finds out whether there is room for a row, without leaving one.
    pub(super) fn probe_room(&mut self, target: &MySqlTarget) -> Result<(), StoreError> {
        let table = &target.names.table;
        // The number is that of no job.
        let statement = format!(
            "START TRANSACTION;
             INSERT INTO {table} (id, data) VALUES (-1, REPEAT('x', {MYSQL_PROBED_BYTES}));
             ROLLBACK"
        );
        let result = self.connection.query(statement).map(drop);
        if result.is_err() {
            // Without effect if the connection is gone.
            let _ = self.connection.query("ROLLBACK");
        }
        result.map_err(|error| failure(&error))
    }
}

/// The row of the server that has taken the table last.
struct ServerRow {
    epoch: i64,
    owner: String,
    last_batch: i64,
}

/// Connects, within the time that this may take, and sets what sessions need.
fn connect(target: &MySqlTarget) -> Result<MySqlSession, StoreError> {
    let RemoteLimits { connect_timeout, request_timeout } = target.limits;
    let failed = |error: MySqlError| StoreError::NotCommitted(error.to_string());
    let mut connection =
        MySqlConnection::open(&target.login, connect_timeout, request_timeout).map_err(failed)?;
    let rows = connection.query(settings(request_timeout)).map_err(failed)?;
    let bytes = rows[1].iter().next().and_then(|row| row.integer(0).ok().flatten());
    let packet_bytes_max =
        bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(|| {
            StoreError::NotCommitted("the server does not tell its max_allowed_packet".to_owned())
        })?;
    if packet_bytes_max < PACKET_BYTES_NEEDED {
        return Err(StoreError::NotCommitted(format!(
            "max_allowed_packet is {packet_bytes_max}; set it to {PACKET_BYTES_NEEDED} or more"
        )));
    }
    Ok(MySqlSession { connection, packet_bytes_max })
}

/// Statements that set what sessions need, and ask for the size of packets. Only MySQL from 8.0 on
/// reads the comment, which switches an old answer about the table's size off.
fn settings(limit: Duration) -> String {
    let seconds = limit.as_secs().max(1);
    format!(
        "SET SESSION autocommit = 1, SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',
             SESSION wait_timeout = {SESSION_IDLE_SECONDS_MAX},
             SESSION innodb_lock_wait_timeout = {seconds}, SESSION lock_wait_timeout = {seconds},
             SESSION sql_safe_updates = 0, SESSION sql_select_limit = DEFAULT
             /*!80000 , SESSION information_schema_stats_expiry = 0 */;
         SELECT @@max_allowed_packet"
    )
}

/// Settings of the database under which an acknowledged job can be lost.
fn weak_settings(connection: &mut MySqlConnection) -> Result<Vec<String>, StoreError> {
    let statement = "SELECT @@innodb_flush_log_at_trx_commit, @@log_bin, @@sync_binlog";
    let rows = connection.rows(statement).map_err(|error| failure(&error))?;
    let row = rows.row(0);
    let number = |column| row.integer(column).ok().flatten();
    let mut notices = Vec::new();
    if number(0) != Some(1) {
        notices.push(format!(
            "innodb_flush_log_at_trx_commit is {}, not 1: a crash of the database or of its machine \
             can lose acknowledged jobs",
            row.text(0)
        ));
    }
    if number(1) == Some(1) && number(2) != Some(1) {
        notices.push(format!(
            "the binary log is on and sync_binlog is {}, not 1: a crash of the database's machine \
             can lose acknowledged jobs",
            row.text(2)
        ));
    }
    Ok(notices)
}
