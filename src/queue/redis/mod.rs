//! The store in a Redis or Valkey server, in the original's format.
//!
//! Owns the connection and the batches. `link` is the connection, `names` the keys, `survey` reads
//! jobs back and takes over what the original wrote, `settings` finds out what the server promises.
//!
//! A job that the original can read is in the original's hash `PREFIX-FUNCTION-UNIQUE`; every
//! other payload is in a hash of our own. A second hash of our own has a `SideRecord` for every
//! job. A batch is one script, so Redis carries it out as a whole, and writes it to its log as a
//! whole. The script checks that the queue is still this server's, and that no newer connection
//! has replaced its own: what an old connection sent late has no effect.
//!
//! Must not: keep jobs in memory.

mod link;
mod names;
mod settings;
mod survey;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use redis::Value;

use crate::batch::{Batch, BatchOperation};
use crate::found_jobs::FoundJobs;
use crate::record::{JobNumber, StoredJob};
use crate::remote::lease::{self, LEASE_LOOK, LEASE_RENEWAL, LeaseOwner, Life};
use crate::remote::{RemoteLimits, Secret, TlsSettings, read_within};
use crate::side_record::{JobPlace, SideRecord};
use crate::store::{ConnectionState, Reopened, RowOutcome, Store, StoreError, SurveyPage};
use link::{LinkError, RedisLink, Script};
use names::RedisNames;
use survey::Survey;

/// Prefix of the keys if none is given; the original's.
pub const REDIS_PREFIX: &str = "_gear_";
/// Version of the format. A newer one is refused.
const REDIS_FORMAT: u32 = 1;
/// Time for which a server owns the queue without renewing its lease.
const LEASE: Duration = Duration::from_secs(15);
/// Time between two questions for the memory that the server uses.
const REDIS_SIZE_PERIOD: Duration = Duration::from_secs(10);
/// What is said of a server whose data is older than what it acknowledged.
const REDIS_LOST: &str = "Redis has lost acknowledged jobs; those in memory are written anew. \
     \"appendonly yes\" and \"appendfsync always\" in its configuration prevent it";
/// Bytes of a value, in every Redis.
const VALUE_BYTES_MAX: usize = (512 << 20) - (64 << 10);

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// Host name or address of the server, or the path of its socket.
    pub server: String,
    /// Port of the server.
    pub port: u16,
    /// User of the server's access control list, if it is not the default user.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Number of the database.
    pub database: i64,
    /// What the keys of jobs begin with.
    pub prefix: String,
    /// TLS.
    pub tls: TlsSettings,
    /// Time that a connection has.
    pub limits: RemoteLimits,
    /// Time after the loss of a connection for which batches wait for another one.
    pub connect_wait: Duration,
}

impl RedisOptions {
    /// Options for a server, with the defaults for everything else.
    pub fn new(server: impl Into<String>, port: u16) -> RedisOptions {
        RedisOptions {
            server: server.into(),
            port,
            user: None,
            password: None,
            database: 0,
            prefix: REDIS_PREFIX.to_owned(),
            tls: TlsSettings::default(),
            limits: RemoteLimits::default(),
            connect_wait: Duration::from_secs(5),
        }
    }

    fn place(&self) -> String {
        match self.server.starts_with('/') {
            true => self.server.clone(),
            false => format!("{}:{}", self.server, self.port),
        }
    }
}

/// An open store.
pub struct RedisStore {
    options: RedisOptions,
    link: RedisLink,
    names: RedisNames,
    owner: LeaseOwner,
    /// Number of this ownership: every server that takes the queue over has a larger one.
    epoch: u64,
    /// Number of the connection within it.
    session: u64,
    /// Number of the batch that was sent last.
    batch: u64,
    /// Number of the last batch that the server acknowledged.
    acknowledged: u64,
    /// Whether the server has lost what it acknowledged.
    has_lost: bool,
    /// Largest number that was used or reserved when the store was opened.
    last_number: JobNumber,
    /// The same as of now.
    reserved: JobNumber,
    found: FoundJobs,
    renewed: Instant,
    used_bytes: u64,
    used_bytes_read: Option<Instant>,
    payload_bytes_max: usize,
    notices: Vec<String>,
}

impl RedisStore {
    /// Connects, and makes this server the owner of the queue.
    ///
    /// Waits for a server that has died elsewhere until its lease has ended.
    ///
    /// # Errors
    /// If there is no connection, if another server has the queue, or if a newer version wrote it.
    pub fn open(options: RedisOptions) -> Result<RedisStore, StoreError> {
        let place = options.place();
        Self::open_unnamed(options).map_err(|error| error.context(place))
    }

    fn open_unnamed(options: RedisOptions) -> Result<RedisStore, StoreError> {
        let mut link = RedisLink::new(&options)?;
        link.connect_within(options.connect_wait)?;
        let names = RedisNames::new(options.prefix.as_bytes());
        let mut store = RedisStore {
            options,
            link,
            names,
            owner: LeaseOwner::new(),
            epoch: 0,
            session: 0,
            batch: 0,
            acknowledged: 0,
            has_lost: false,
            last_number: JobNumber(0),
            reserved: JobNumber(0),
            found: FoundJobs::default(),
            renewed: Instant::now(),
            used_bytes: 0,
            used_bytes_read: None,
            payload_bytes_max: VALUE_BYTES_MAX,
            notices: Vec::new(),
        };
        store.claim_when_free()?;
        store.batch = store.acknowledged;
        let survey = Survey::read(&mut store)?;
        store.found = survey.jobs;
        store.last_number = survey.last_number;
        store.reserved = store.last_number;
        let settings = settings::read(&mut store.link)?;
        store.notices.extend(settings.warnings());
        store.payload_bytes_max = settings.value_bytes_max().min(VALUE_BYTES_MAX);
        store.used_bytes = settings.used_bytes();
        Ok(store)
    }

    /// Claims the queue. Waits while it belongs to a server that may be dead.
    fn claim_when_free(&mut self) -> Result<(), StoreError> {
        let mut breakable = String::new();
        let mut last_left = u64::MAX;
        loop {
            let Err(error) = self.claim(&breakable) else { return Ok(()) };
            let lease = error.detail_of("HELD").and_then(|lease| lease.split_once(' '));
            let Some((left, holder)) = lease else { return Err(error.meaning) };
            let left: u64 = left.parse().unwrap_or(0);
            match lease::life(holder) {
                Life::Gone => {
                    breakable = holder.to_owned();
                    continue;
                }
                // A lease that is not renewed may have a dead holder.
                Life::Unknown if left <= last_left => {}
                Life::Unknown | Life::Alive => {
                    return Err(StoreError::NotCommitted(format!(
                        "in use by another gearmand, {}, with the prefix {}",
                        lease::shown(holder),
                        self.options.prefix
                    )));
                }
            }
            last_left = left;
            std::thread::sleep(LEASE_LOOK);
        }
    }

    /// Makes this server the owner, or its connection the owner's.
    fn claim(&mut self, breakable: &str) -> Result<(), LinkError> {
        let RedisNames { state, lease, jobs, payloads, .. } = &self.names;
        let mut command = self.link.script(Script::Claim, &[state, lease, jobs, payloads]);
        let lease_ms = LEASE.as_millis() as u64;
        command
            .arg(self.owner.as_str())
            .arg(self.epoch)
            .arg(lease_ms)
            .arg(REDIS_FORMAT)
            .arg(breakable);
        let answer = self.link.ask(&command)?;
        let Value::Array(values) = &answer else { return Err(unexpected(&answer).into()) };
        let [epoch, session, batch, reserved, lost] = &values[..] else {
            return Err(unexpected(&answer).into());
        };
        let batch = number(batch)?;
        self.has_lost |= number(lost)? == 1 || (self.epoch != 0 && batch < self.acknowledged);
        (self.epoch, self.session) = (number(epoch)?, number(session)?);
        self.acknowledged = batch;
        self.reserved = self.reserved.max(JobNumber(number(reserved)?));
        self.renewed = Instant::now();
        Ok(())
    }

    /// Connects if there is no connection, and claims the queue with it.
    fn connected(&mut self, limit: Duration) -> Result<(), StoreError> {
        if self.link.is_connected() {
            return Ok(());
        }
        self.link.connect_within(limit)?;
        self.claim("").map_err(|error| {
            self.link.disconnect();
            match error.meaning {
                // A claim can be repeated.
                StoreError::Unknown(reason) => StoreError::NotCommitted(reason),
                error => error,
            }
        })
    }

    fn commit(&mut self, batch: &Batch, limit: Duration) -> Result<Vec<RowOutcome>, StoreError> {
        self.batch += 1;
        self.connected(limit)?;
        if self.has_lost {
            return Err(StoreError::Unknown(REDIS_LOST.to_owned()));
        }
        let mut inserts = batch.is_empty();
        let mut last = self.reserved;
        for operation in batch.iter() {
            match operation {
                BatchOperation::Insert(record) => {
                    inserts = true;
                    last = last.max(record.number);
                }
                BatchOperation::ReserveNumbers(up_to) => last = last.max(up_to),
                BatchOperation::Delete(_) | BatchOperation::SetAttempts(..) => {}
            }
        }
        let RedisNames { state, jobs, payloads, lease, .. } = &self.names;
        let mut command = self.link.script(Script::Batch, &[state, jobs, payloads, lease]);
        let lease_ms = LEASE.as_millis() as u64;
        command.arg(&self.names.original).arg(self.owner.as_str()).arg(self.session);
        command.arg(self.batch).arg(last.0).arg(lease_ms).arg(u8::from(inserts));
        for operation in batch.iter() {
            self.append(&mut command, operation);
        }
        let answer = self.link.ask(&command)?;
        let Value::Array(refused) = &answer else { return Err(unexpected(&answer)) };
        let outcomes = refused.iter().map(|index| {
            let reason = "the number of the job is taken".to_owned();
            Ok(RowOutcome::Refused { index: number(index)? as usize, reason })
        });
        let outcomes = outcomes.collect::<Result<_, StoreError>>()?;
        self.acknowledged = self.batch;
        self.reserved = last;
        self.renewed = Instant::now();
        Ok(outcomes)
    }

    fn append(&self, command: &mut redis::Cmd, operation: BatchOperation<'_>) {
        match operation {
            BatchOperation::Insert(record) if names::is_original(&record) => {
                command.arg("o").arg(record.number.0);
                command.arg(SideRecord::new(&record, JobPlace::Original).encode());
                command.arg(self.names.original_key(record.function, record.unique));
                command.arg(record.priority).arg(record.payload);
            }
            BatchOperation::Insert(record) => {
                command.arg("p").arg(record.number.0);
                command
                    .arg(SideRecord::new(&record, JobPlace::Beside).encode())
                    .arg(record.payload);
            }
            BatchOperation::Delete(number) => {
                command.arg("d").arg(number.0);
            }
            BatchOperation::SetAttempts(number, attempts) => {
                command.arg("a").arg(number.0).arg(attempts);
            }
            BatchOperation::ReserveNumbers(up_to) => {
                command.arg("n").arg(up_to.0);
            }
        }
    }

    /// Keeps the lease, also in a Redis that is full.
    fn renew(&mut self) -> Result<(), StoreError> {
        self.connected(Duration::ZERO)?;
        let RedisNames { state, jobs, payloads, lease, .. } = &self.names;
        let mut command = self.link.script(Script::Batch, &[state, jobs, payloads, lease]);
        command.arg(&self.names.original).arg(self.owner.as_str()).arg(self.session);
        command.arg(0).arg(0).arg(LEASE.as_millis() as u64).arg("renewal");
        self.link.ask(&command)?;
        self.renewed = Instant::now();
        Ok(())
    }

    fn do_upkeep(&mut self) -> Result<(), StoreError> {
        if self.renewed.elapsed() >= LEASE_RENEWAL {
            self.renew()?;
        }
        if self.used_bytes_read.is_none_or(|time| time.elapsed() >= REDIS_SIZE_PERIOD) {
            self.used_bytes_read = Some(Instant::now());
            if self.link.is_connected() {
                self.used_bytes = settings::read(&mut self.link)?.used_bytes();
            }
        }
        Ok(())
    }

    fn named<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.map_err(|error| error.context(self.options.place()))
    }
}

impl Store for RedisStore {
    fn apply(&mut self, batch: &Batch) -> Result<Vec<RowOutcome>, StoreError> {
        let result = self.commit(batch, self.options.connect_wait);
        self.named(result)
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        let result = self.commit(&Batch::default(), Duration::ZERO).map(drop);
        self.named(result)
    }

    fn survey(&mut self, limit: usize) -> Result<SurveyPage, StoreError> {
        Ok(self.found.page(limit))
    }

    fn last_number(&self) -> JobNumber {
        self.last_number
    }

    fn fetch(&mut self, numbers: &[JobNumber]) -> Result<Vec<Option<StoredJob>>, StoreError> {
        let result = read_within(self.options.connect_wait, || {
            self.connected(Duration::ZERO)?;
            survey::fetch(&mut self.link, &self.names, numbers)
        });
        self.named(result)
    }

    fn payload_bytes_max(&self) -> usize {
        self.payload_bytes_max
    }

    fn maintain(&mut self, _is_idle: bool) -> Result<bool, StoreError> {
        let result = self.do_upkeep();
        // The lease has to be renewed for ever.
        self.named(result).map(|()| true)
    }

    fn reopen(&mut self) -> Result<Reopened, StoreError> {
        self.link.disconnect();
        let result = self.connected(Duration::ZERO);
        self.named(result)?;
        let has_lost = std::mem::take(&mut self.has_lost);
        Ok(Reopened { has_batch: Some(self.acknowledged >= self.batch), may_lack_jobs: has_lost })
    }

    fn size_bytes(&self) -> u64 {
        self.used_bytes
    }

    fn connection(&self) -> Option<ConnectionState> {
        Some(self.link.state)
    }

    fn place(&self) -> String {
        self.options.place()
    }

    fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }
}

impl Drop for RedisStore {
    /// Lets the next server begin at once.
    fn drop(&mut self) {
        if self.link.is_connected() && self.epoch != 0 {
            let RedisNames { state, lease, jobs, payloads, .. } = &self.names;
            let mut command = self.link.script(Script::Claim, &[state, lease, jobs, payloads]);
            command.arg(self.owner.as_str()).arg(self.epoch).arg(0).arg(REDIS_FORMAT).arg("");
            // Otherwise the lease ends by itself.
            let _ = self.link.ask(&command);
        }
    }
}

/// A number in an answer, which may be text.
fn number(value: &Value) -> Result<u64, StoreError> {
    let number = match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::BulkString(text) => {
            std::str::from_utf8(text).ok().and_then(|text| text.parse().ok())
        }
        _ => None,
    };
    number.ok_or_else(|| unexpected(value))
}

fn unexpected(value: &Value) -> StoreError {
    let kind = match value {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) | Value::SimpleString(_) => "a text",
        Value::Array(_) => "a list",
        _ => "something else",
    };
    StoreError::Corrupt(format!("Redis answered {kind} where something else is expected"))
}

impl From<StoreError> for LinkError {
    fn from(error: StoreError) -> LinkError {
        LinkError { meaning: error, code: None, detail: None }
    }
}
