//! The store in memcached servers, in the original's format.
//!
//! Owns the ownership of the queue. `link` is the connections and their protocol, `names` the
//! keys, `state` the item that says who owns the queue, `write` applies batches, `survey` reads
//! jobs back and takes over what the original wrote.
//!
//! A job that the original can read is in the original's item `PREFIXFUNCTION-UNIQUE`; every other
//! payload is in an item of our own. A second item of our own has a `SideRecord` for every job.
//!
//! memcached has no transactions and no disk. What can be promised without them is that a batch
//! can be written again when it is unknown how much of it was written: every operation can be
//! repeated, and a payload is written before its record and removed after it.
//!
//! Must not: keep payloads in memory.

mod link;
mod names;
mod state;
mod survey;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::found_jobs::FoundJobs;
use crate::record::{JobNumber, StoredJob};
use crate::remote::lease::{self, LEASE_LOOK, LEASE_RENEWAL, LeaseOwner, Life};
use crate::remote::{RemoteLimits, read_within};
use crate::store::{ConnectionState, Reopened, RowOutcome, Store, StoreError, SurveyPage};
use link::{Commands, MemcachedAddress, MemcachedLink};
use names::MemcachedNames;
use state::{MEMCACHED_FORMAT, OwnershipState};

#[cfg(doc)]
use crate::side_record::SideRecord;

/// Prefix of the keys if none is given; the original's.
pub const MEMCACHED_PREFIX: &str = "gear_";
/// Seconds for which a server owns the queue without renewing its lease.
const LEASE_SECONDS: u64 = 15;
/// Job numbers of a block, and blocks of a larger block.
const BLOCK: u64 = 1024;
/// Time between two questions for the memory that the servers use.
const MEMCACHED_SIZE_PERIOD: Duration = Duration::from_secs(10);
/// Time in which a server handles what an old connection had sent before it was closed.
const LATE_COMMANDS: Duration = Duration::from_millis(50);
/// Bytes of an item besides the payload: its key, and what the server keeps of it.
const ITEM_OVERHEAD_BYTES: usize = 1024;
/// What is said of servers that do not have the state.
const MEMCACHED_LOST: &str = "memcached was started anew or has evicted the queue; the jobs in memory are \
     written anew";

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct MemcachedOptions {
    /// Servers with or without ports, or paths of sockets, separated by commas.
    pub servers: String,
    /// What the keys of jobs begin with.
    pub prefix: String,
    /// Time that a connection has.
    pub limits: RemoteLimits,
    /// Time after the loss of a connection for which batches wait for another one.
    pub connect_wait: Duration,
}

impl MemcachedOptions {
    /// Options for servers, with the defaults for everything else.
    pub fn new(servers: impl Into<String>) -> MemcachedOptions {
        MemcachedOptions {
            servers: servers.into(),
            prefix: MEMCACHED_PREFIX.to_owned(),
            limits: RemoteLimits::default(),
            connect_wait: Duration::from_secs(5),
        }
    }
}

/// An open store.
pub struct MemcachedStore {
    options: MemcachedOptions,
    link: MemcachedLink,
    names: MemcachedNames,
    owner: LeaseOwner,
    epoch: u64,
    /// Number of the batch that was written last, or was begun.
    batch: u64,
    /// Number of the last batch that all servers have.
    acknowledged: u64,
    /// Whether a server has lost what it had.
    has_lost: bool,
    last_number: JobNumber,
    /// Largest number that is used or reserved as of now.
    reserved: JobNumber,
    /// Jobs by block of numbers (level 1). The list of keys that memcached gives can miss some, so jobs are
    /// found by their numbers.
    blocks: HashMap<u64, u32>,
    /// Fingerprints of the original's keys that have a job.
    originals: HashSet<u64>,
    found: FoundJobs,
    renewed: Instant,
    used_bytes: u64,
    used_bytes_read: Option<Instant>,
    payload_bytes_max: usize,
    notices: Vec<String>,
}

impl MemcachedStore {
    /// Connects, and makes this server the owner of the queue.
    ///
    /// Waits for a server that has died elsewhere until its lease has ended.
    ///
    /// # Errors
    /// If there is no connection, if another server has the queue, or if a newer version wrote it.
    pub fn open(options: MemcachedOptions) -> Result<MemcachedStore, StoreError> {
        let place = options.servers.clone();
        Self::open_unnamed(options).map_err(|error| error.context(place))
    }

    fn open_unnamed(options: MemcachedOptions) -> Result<MemcachedStore, StoreError> {
        let addresses =
            MemcachedAddress::parse_list(&options.servers).map_err(StoreError::NotCommitted)?;
        let mut link = MemcachedLink::new(addresses, options.limits);
        let names = MemcachedNames::new(&options.prefix).map_err(StoreError::NotCommitted)?;
        link.connect_within(options.connect_wait)?;
        let mut store = MemcachedStore {
            options,
            link,
            names,
            owner: LeaseOwner::new(),
            epoch: 0,
            batch: 0,
            acknowledged: 0,
            has_lost: false,
            last_number: JobNumber(0),
            reserved: JobNumber(0),
            blocks: HashMap::new(),
            originals: HashSet::new(),
            found: FoundJobs::default(),
            renewed: Instant::now(),
            used_bytes: 0,
            used_bytes_read: None,
            payload_bytes_max: usize::MAX,
            notices: Vec::new(),
        };
        store.take_lease()?;
        store.begin()?;
        store.read_settings()?;
        survey::read(&mut store)?;
        Ok(store)
    }

    /// Takes the lease. Waits while it belongs to a server that may be dead.
    fn take_lease(&mut self) -> Result<(), StoreError> {
        let server = self.link.server_of(&self.names.lease);
        let began = Instant::now();
        loop {
            let mut commands = Commands::default();
            let lasting = (0, LEASE_SECONDS);
            commands.store("add", &self.names.lease, lasting, self.owner.as_str().as_bytes(), None);
            if self.link.run(server, &commands)? == ["STORED"] {
                self.renewed = Instant::now();
                return Ok(());
            }
            let items = self.link.get(server, &[&self.names.lease])?;
            let Some(item) = items.first() else { continue };
            let holder = String::from_utf8_lossy(&item.value).into_owned();
            // A lease that has not ended by now is renewed by a living server.
            let is_renewed = began.elapsed() > Duration::from_secs(LEASE_SECONDS + 2);
            match lease::life(&holder) {
                Life::Gone => {
                    let mut commands = Commands::default();
                    commands.delete(&self.names.lease);
                    self.link.run(server, &commands)?;
                }
                Life::Unknown if !is_renewed => std::thread::sleep(LEASE_LOOK),
                Life::Unknown | Life::Alive => {
                    return Err(StoreError::NotCommitted(format!(
                        "in use by another gearmand, {}, with the prefix {}",
                        lease::shown(&holder),
                        self.options.prefix
                    )));
                }
            }
        }
    }

    /// Begins an ownership: every server gets the state.
    fn begin(&mut self) -> Result<(), StoreError> {
        for server in 0..self.link.server_count() {
            let Some((state, _)) = self.state_of(server)? else { continue };
            if state.format > MEMCACHED_FORMAT {
                return Err(StoreError::Corrupt(format!(
                    "a newer gearmand wrote the queue (format {}, this one knows {MEMCACHED_FORMAT}); use \
                     that version, or another prefix",
                    state.format
                )));
            }
            self.epoch = self.epoch.max(state.epoch);
            self.acknowledged = self.acknowledged.max(state.batch);
            self.reserved = self.reserved.max(JobNumber(state.number));
        }
        self.epoch += 1;
        self.batch = self.acknowledged;
        (0..self.link.server_count()).try_for_each(|server| self.write_state(server))
    }

    /// The state that a server has, and its version.
    fn state_of(&mut self, server: usize) -> Result<Option<(OwnershipState, u64)>, StoreError> {
        let items = self.link.get(server, &[&self.names.state])?;
        let Some(item) = items.first() else { return Ok(None) };
        let state = OwnershipState::decode(&item.value).ok_or_else(|| {
            let key = self.names.state.escape_ascii();
            StoreError::Corrupt(format!("the item {key} belongs to another program"))
        })?;
        Ok(Some((state, item.version)))
    }

    /// The state as of now, with the last batch and number.
    fn state(&self, batch: u64, number: JobNumber) -> OwnershipState {
        let owner = self.owner.as_str().to_owned();
        OwnershipState {
            format: MEMCACHED_FORMAT,
            epoch: self.epoch,
            batch,
            number: number.0,
            owner,
        }
    }

    fn write_state(&mut self, server: usize) -> Result<(), StoreError> {
        let state = self.state(self.acknowledged, self.reserved).encode();
        let mut commands = Commands::default();
        commands.store("set", &self.names.state, (0, 0), &state, None);
        match &self.link.run(server, &commands)?[..] {
            [answer] if answer == "STORED" => Ok(()),
            answers => Err(StoreError::NotCommitted(answers.join(" "))),
        }
    }

    /// Makes sure that all servers are connected and that the queue is still this server's.
    /// Returns the versions of the state.
    fn check_ownership(&mut self, limit: Duration) -> Result<Vec<u64>, StoreError> {
        self.link.connect_within(limit)?;
        let mut versions = Vec::new();
        for server in 0..self.link.server_count() {
            match self.state_of(server)? {
                Some((state, version)) if state.epoch == self.epoch => {
                    if state.owner != self.owner.as_str() {
                        return Err(fenced(&state.owner));
                    }
                    versions.push(version);
                }
                Some((state, _)) if state.epoch > self.epoch => return Err(fenced(&state.owner)),
                _ => self.has_lost = true,
            }
        }
        if self.renewed.elapsed() >= LEASE_RENEWAL {
            self.renew()?;
        }
        Ok(versions)
    }

    fn renew(&mut self) -> Result<(), StoreError> {
        let server = self.link.server_of(&self.names.lease);
        let mut commands = Commands::default();
        let lasting = (0, LEASE_SECONDS);
        commands.store("set", &self.names.lease, lasting, self.owner.as_str().as_bytes(), None);
        self.link.run(server, &commands)?;
        self.renewed = Instant::now();
        Ok(())
    }

    /// Checks the ownership. A connection that turns out to be broken is made anew: nothing was
    /// written yet.
    fn ready(&mut self, limit: Duration) -> Result<Vec<u64>, StoreError> {
        let result = match self.check_ownership(limit) {
            Err(StoreError::Unknown(_)) => self.check_ownership(limit),
            result => result,
        };
        match result {
            Err(StoreError::Unknown(reason)) => Err(StoreError::NotCommitted(reason)),
            Ok(_) if self.has_lost => Err(StoreError::Unknown(MEMCACHED_LOST.to_owned())),
            result => result,
        }
    }

    /// Gives the state to servers that lack it, and forgets what they had.
    fn restore_state(&mut self) -> Result<(), StoreError> {
        self.originals.clear();
        self.blocks.clear();
        for server in 0..self.link.server_count() {
            if self.state_of(server)?.is_none_or(|(state, _)| state.epoch < self.epoch) {
                self.write_state(server)?;
            }
        }
        self.renew()
    }

    /// Reads what the servers can hold, and warns of what they promise.
    fn read_settings(&mut self) -> Result<(), StoreError> {
        self.notices.push(
            "memcached keeps jobs in memory only: its end loses every job that this server does \
             not have in memory, too"
                .to_owned(),
        );
        for server in 0..self.link.server_count() {
            let settings = self.link.stats(server, "settings")?;
            let get = |name: &str| settings.iter().find(|(n, _)| n == name).map(|(_, v)| &v[..]);
            if let Some(bytes) = get("item_size_max").and_then(|value| value.parse::<usize>().ok())
            {
                let most = bytes.saturating_sub(ITEM_OVERHEAD_BYTES);
                self.payload_bytes_max = self.payload_bytes_max.min(most);
            }
            if get("evictions") != Some("off") {
                self.notices.push(format!(
                    "memcached at {} deletes jobs when it is full; start it with -M",
                    self.link.address(server)
                ));
            }
        }
        self.read_used_bytes()
    }

    fn read_used_bytes(&mut self) -> Result<(), StoreError> {
        self.used_bytes_read = Some(Instant::now());
        let mut bytes = 0;
        for server in 0..self.link.server_count() {
            let stats = self.link.stats(server, "")?;
            let used = stats.iter().find(|(name, _)| name == "bytes");
            bytes += used.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        }
        self.used_bytes = bytes;
        Ok(())
    }

    fn named<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.map_err(|error| error.context("memcached"))
    }
}

/// The block that a job number is in.
fn block_of(number: JobNumber) -> u64 {
    number.0 / BLOCK
}

fn fenced(holder: &str) -> StoreError {
    StoreError::Fenced(format!(
        "another gearmand, {}, has taken the queue over",
        lease::shown(holder)
    ))
}

impl Store for MemcachedStore {
    fn apply(&mut self, batch: &Batch) -> Result<Vec<RowOutcome>, StoreError> {
        let result = write::commit(self, batch, self.options.connect_wait);
        self.named(result)
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        let result = write::commit(self, &Batch::default(), Duration::ZERO).map(drop);
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
            self.link.connect_within(Duration::ZERO)?;
            survey::fetch(&mut self.link, &self.names, numbers)
        });
        self.named(result)
    }

    fn payload_bytes_max(&self) -> usize {
        self.payload_bytes_max
    }

    fn maintain(&mut self, _is_idle: bool) -> Result<bool, StoreError> {
        if self.renewed.elapsed() >= LEASE_RENEWAL {
            let result = self.ready(Duration::ZERO);
            self.named(result)?;
        }
        if self.used_bytes_read.is_none_or(|time| time.elapsed() >= MEMCACHED_SIZE_PERIOD) {
            // Only a figure: what is wrong with a connection the next batch finds out.
            let _ = self.read_used_bytes();
        }
        // The lease has to be renewed for ever.
        Ok(true)
    }

    fn reopen(&mut self) -> Result<Reopened, StoreError> {
        self.link.disconnect();
        let result = self.link.connect_within(Duration::ZERO);
        self.named(result)?;
        std::thread::sleep(LATE_COMMANDS);
        let result = match self.ready(Duration::ZERO) {
            Err(StoreError::Unknown(_)) => self.restore_state(),
            result => result.map(drop),
        };
        self.named(result)?;
        let mut has_batch = true;
        for server in 0..self.link.server_count() {
            let result = self.state_of(server);
            let state = self.named(result)?;
            has_batch &= state.is_some_and(|(state, _)| state.batch >= self.batch);
        }
        let may_lack_jobs = std::mem::take(&mut self.has_lost);
        Ok(Reopened { has_batch: Some(has_batch), may_lack_jobs })
    }

    fn size_bytes(&self) -> u64 {
        self.used_bytes
    }

    fn connection(&self) -> Option<ConnectionState> {
        Some(self.link.state)
    }

    fn place(&self) -> String {
        self.options.servers.clone()
    }

    fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }
}

impl Drop for MemcachedStore {
    /// Lets the next server begin at once.
    fn drop(&mut self) {
        let server = self.link.server_of(&self.names.lease);
        let held = self.link.get(server, &[&self.names.lease]);
        let is_own = |value: &[u8]| value == self.owner.as_str().as_bytes();
        if held.is_ok_and(|items| items.first().is_some_and(|item| is_own(&item.value))) {
            let mut commands = Commands::default();
            commands.delete(&self.names.lease);
            // Otherwise the lease ends by itself.
            let _ = self.link.run(server, &commands);
        }
    }
}
