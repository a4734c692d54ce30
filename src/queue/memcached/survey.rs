//! Reading jobs back: what the servers have at the start, and whole jobs by number.
//!
//! Keys of the original without a record are jobs that the original wrote: they get a record.
//! Records whose payload is gone are jobs that the original has worked off, or that were evicted.
//!
//! Must not: write jobs, except to take them over.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::link::{Commands, Item, MemcachedLink};
use super::names::{KeyKind, MemcachedNames, TOP_BLOCKS, TOP_LEVEL};
use super::write::key_fingerprint;
use super::{BLOCK, MemcachedStore, block_of};
use crate::record::{JobNumber, StoredJob};
use crate::side_record::{JobPlace, SideRecord};
use crate::store::{StoreError, fingerprint};

/// Items that are read in one step.
const ITEMS_PER_STEP: usize = 4096;
/// Listings in a row that bring nothing new, after which the list is complete.
const UNCHANGED_LISTINGS: u32 = 4;
/// Time between two listings.
const LISTING_PAUSE: Duration = Duration::from_millis(10);
/// Time to wait for another program that lists the keys.
const LISTING_WAIT: Duration = Duration::from_secs(30);

/// What the servers list.
#[derive(Default)]
struct Keys {
    /// Payloads beside the original's.
    beside: HashSet<JobNumber>,
    originals: Vec<Vec<u8>>,
    /// Fingerprints of the originals.
    known: HashSet<u64>,
}

/// Reads everything but payloads, and takes over what the original wrote.
pub(super) fn read(store: &mut MemcachedStore) -> Result<(), StoreError> {
    let mut keys = list(store)?;
    let mut last = store.reserved;
    let mut missing = Vec::new();
    for block in blocks(store)? {
        let numbers: Vec<_> = (block * BLOCK..(block + 1) * BLOCK).map(JobNumber).collect();
        for (number, bytes) in records(&mut store.link, &store.names, &numbers)? {
            let Some((record, _)) = SideRecord::decode(&bytes) else {
                let key = store.names.record(number);
                return Err(StoreError::Corrupt(format!(
                    "the item {} is no job; delete it",
                    key.escape_ascii()
                )));
            };
            let has_payload = match record.place {
                JobPlace::Beside => keys.beside.remove(&number),
                JobPlace::Original => {
                    let name = key_fingerprint(&record.function, &record.unique);
                    store.originals.insert(name);
                    keys.known.contains(&name)
                }
            };
            if !has_payload {
                missing.push((number, store.names.payload(number, &record)));
            }
            *store.blocks.entry(block).or_default() += 1;
            last = last.max(number);
            store.found.add(number, &record);
        }
    }
    let gone = remove_gone(store, missing)?;
    let adopted = adopt(store, &keys.originals, &mut last)?;
    remove_orphans(store, &keys.beside)?;
    store.found.finish(&gone);
    (store.last_number, store.reserved) = (last, last);
    let mut note = |count: usize, what: &str| {
        if count > 0 {
            store.notices.push(format!("{count} {what}"));
        }
    };
    note(adopted, "jobs that another server wrote were taken over");
    note(gone.len(), "jobs were worked off by another server, or evicted");
    Ok(())
}

/// The blocks of numbers that may have jobs, found from the largest down to those of level 1.
fn blocks(store: &mut MemcachedStore) -> Result<Vec<u64>, StoreError> {
    let mut candidates: Vec<_> = (0..TOP_BLOCKS).collect();
    for level in (1..=TOP_LEVEL).rev() {
        let mut marked = Vec::new();
        for blocks in candidates.chunks(ITEMS_PER_STEP) {
            let keys: Vec<_> =
                blocks.iter().map(|&block| store.names.block(level, block)).collect();
            let found = get(&mut store.link, &keys)?;
            let is_found = |(_, key): &(&u64, &Vec<u8>)| found.contains_key(*key);
            marked.extend(blocks.iter().zip(&keys).filter(is_found).map(|(&block, _)| block));
        }
        if level == 1 {
            return Ok(marked);
        }
        candidates =
            marked.into_iter().flat_map(|block| block * BLOCK..(block + 1) * BLOCK).collect();
    }
    unreachable!("the last level returns")
}

/// Lists the keys of all servers. A listing misses items that are being moved at the moment, so
/// that it is repeated until it brings nothing new several times.
fn list(store: &mut MemcachedStore) -> Result<Keys, StoreError> {
    let mut found = Keys::default();
    for server in 0..store.link.server_count() {
        let began = Instant::now();
        let mut unchanged = 0;
        while unchanged < UNCHANGED_LISTINGS {
            let Some(keys) = store.link.keys(server)? else {
                if began.elapsed() > LISTING_WAIT {
                    let reason =
                        format!("{} lists its keys for others", store.link.address(server));
                    return Err(StoreError::NotCommitted(reason));
                }
                std::thread::sleep(LISTING_PAUSE);
                continue;
            };
            unchanged += 1;
            for key in keys {
                let is_new = match store.names.kind(&key) {
                    KeyKind::Payload(number) => found.beside.insert(number),
                    KeyKind::Original => {
                        let names = &key[store.names.original.len()..];
                        let is_new = found.known.insert(fingerprint(names));
                        if is_new {
                            found.originals.push(key);
                        }
                        is_new
                    }
                    KeyKind::Foreign => false,
                };
                if is_new {
                    unchanged = 0;
                }
            }
            std::thread::sleep(LISTING_PAUSE);
        }
    }
    Ok(found)
}

/// Removes records whose payload is really gone: a listing can miss an item.
fn remove_gone(
    store: &mut MemcachedStore,
    missing: Vec<(JobNumber, Vec<u8>)>,
) -> Result<HashSet<JobNumber>, StoreError> {
    let keys: Vec<_> = missing.iter().map(|(_, key)| key.clone()).collect();
    let found = get(&mut store.link, &keys)?;
    let mut gone = HashSet::new();
    for (number, key) in missing {
        if found.contains_key(&key) {
            continue;
        }
        if let Some((function, unique)) = store.names.split(&key) {
            store.originals.remove(&key_fingerprint(function, unique));
        }
        delete(store, &store.names.record(number))?;
        if let Some(count) = store.blocks.get_mut(&block_of(number)) {
            *count -= 1;
        }
        gone.insert(number);
    }
    Ok(gone)
}

/// Gives records to jobs that the original wrote. Returns how many there were.
fn adopt(
    store: &mut MemcachedStore,
    keys: &[Vec<u8>],
    last: &mut JobNumber,
) -> Result<usize, StoreError> {
    let is_new = |key: &&Vec<u8>| {
        let names = &key[store.names.original.len()..];
        !store.originals.contains(&fingerprint(names))
    };
    let unknown: Vec<_> = keys.iter().filter(is_new).cloned().collect();
    let mut adopted = 0;
    for keys in unknown.chunks(ITEMS_PER_STEP) {
        let mut items: Vec<_> = get(&mut store.link, keys)?.into_values().collect();
        items.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        for item in items {
            let Some((function, unique)) = store.names.split(&item.key) else { continue };
            last.0 += 1;
            let priority = u8::try_from(item.flags).ok().filter(|&priority| priority <= 2);
            let record = SideRecord::adopted(function, unique, priority.unwrap_or(1));
            let block = block_of(*last);
            let marks = store.names.blocks_around(block).into_iter().map(|key| (key, Vec::new()));
            let parts = marks.chain([(store.names.record(*last), record.encode())]);
            for (key, value) in parts.collect::<Vec<_>>() {
                let mut commands = Commands::default();
                commands.store("set", &key, (0, 0), &value, None);
                let answers = store.link.run(store.link.server_of(&key), &commands)?;
                if answers != ["STORED"] {
                    return Err(StoreError::NotCommitted(answers.join(" ")));
                }
            }
            *store.blocks.entry(block).or_default() += 1;
            store.originals.insert(key_fingerprint(function, unique));
            store.found.add(*last, &record);
            adopted += 1;
        }
    }
    Ok(adopted)
}

/// Removes payloads whose record was never written.
fn remove_orphans(
    store: &mut MemcachedStore,
    payloads: &HashSet<JobNumber>,
) -> Result<(), StoreError> {
    let numbers: Vec<_> = payloads.iter().copied().collect();
    let with_record: HashSet<_> = records(&mut store.link, &store.names, &numbers)?
        .into_iter()
        .filter(|(_, bytes)| {
            SideRecord::decode(bytes).is_some_and(|(record, _)| record.place == JobPlace::Beside)
        })
        .map(|(number, _)| number)
        .collect();
    for number in numbers.into_iter().filter(|number| !with_record.contains(number)) {
        let key = store.names.payload_beside(number);
        delete(store, &key)?;
    }
    Ok(())
}

fn delete(store: &mut MemcachedStore, key: &[u8]) -> Result<(), StoreError> {
    let mut commands = Commands::default();
    commands.delete(key);
    store.link.run(store.link.server_of(key), &commands).map(drop)
}

/// Reads items from the servers that have them, by key.
fn get(link: &mut MemcachedLink, keys: &[Vec<u8>]) -> Result<HashMap<Vec<u8>, Item>, StoreError> {
    let mut by_server = vec![Vec::new(); link.server_count()];
    keys.iter().for_each(|key| by_server[link.server_of(key)].push(&key[..]));
    let mut found = HashMap::new();
    for (server, keys) in by_server.iter().enumerate() {
        let items = link.get(server, keys)?;
        found.extend(items.into_iter().map(|item| (item.key.clone(), item)));
    }
    Ok(found)
}

/// Reads the records of jobs. Jobs without one are left out.
pub(super) fn records(
    link: &mut MemcachedLink,
    names: &MemcachedNames,
    numbers: &[JobNumber],
) -> Result<Vec<(JobNumber, Vec<u8>)>, StoreError> {
    let keys: Vec<_> = numbers.iter().map(|&number| names.record(number)).collect();
    let mut found = get(link, &keys)?;
    let record = |(&number, key)| Some((number, found.remove(key)?.value));
    Ok(numbers.iter().zip(&keys).filter_map(record).collect())
}

/// Reads jobs by number: their records first, then their payloads.
pub(super) fn fetch(
    link: &mut MemcachedLink,
    names: &MemcachedNames,
    numbers: &[JobNumber],
) -> Result<Vec<Option<StoredJob>>, StoreError> {
    let bytes: HashMap<_, _> = records(link, names, numbers)?.into_iter().collect();
    let record = |number| Some(SideRecord::decode(bytes.get(number)?)?.0);
    let records: Vec<_> = numbers.iter().map(record).collect();
    let key = |(&number, record): (&JobNumber, &Option<SideRecord<'_>>)| {
        record.as_ref().map(|record| names.payload(number, record))
    };
    let keys: Vec<_> = numbers.iter().zip(&records).map(key).collect();
    let wanted: Vec<_> = keys.iter().flatten().cloned().collect();
    let mut payloads = get(link, &wanted)?;
    let jobs = numbers.iter().zip(records).zip(keys).map(|((&number, record), key)| {
        let payload = payloads.remove(&key?)?.value;
        Some(record?.stored_job(number, Bytes::from(payload)))
    });
    Ok(jobs.collect())
}
