//! Reading jobs back: the survey, and whole jobs by number.
//!
//! The survey reads all records, then all keys of the original's. Keys without a record are jobs
//! that the original wrote: they get a record. Records whose key is gone are jobs that the original
//! has worked off.
//!
//! Must not: read payloads in the survey.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use redis::{Cmd, Value};

use super::link::{RedisLink, Script};
use super::names::RedisNames;
use super::{RedisStore, number, unexpected};
use crate::found_jobs::FoundJobs;
use crate::record::{JobNumber, StoredJob};
use crate::side_record::{JobPlace, SideRecord};
use crate::store::{StoreError, fingerprint};

/// Entries that are read in one step.
const ENTRIES_PER_STEP: usize = 4096;

/// What the survey has found so far.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) jobs: FoundJobs,
    /// Fingerprints of the original's keys that have a record.
    known: HashSet<u64>,
    /// Jobs with such keys, by the fingerprint. Those whose key was seen are removed.
    unseen: HashMap<u64, JobNumber>,
    /// Largest number that a job has; numbers of adopted jobs follow it.
    pub(super) last_number: JobNumber,
    adopted: u64,
    gone: u64,
    foreign: u64,
}

impl Survey {
    /// Reads everything but payloads, and takes over what the original did.
    pub(super) fn read(store: &mut RedisStore) -> Result<Survey, StoreError> {
        let mut survey = Survey { last_number: store.reserved, ..Survey::default() };
        read_records(store, &mut survey)?;
        read_keys(store, &mut survey)?;
        remove_gone(store, &mut survey)?;
        store.notices.extend(survey.notices());
        Ok(survey)
    }

    /// Says what was taken over.
    fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        let mut note = |count: u64, what: &str| {
            if count > 0 {
                notices.push(format!("{count} {what}"));
            }
        };
        note(self.adopted, "jobs that another server wrote were taken over");
        note(self.gone, "jobs were worked off by another server");
        note(self.foreign, "keys that begin as those of jobs are none, and stay as they are");
        notices
    }
}

/// Stands for the original's key of a job.
fn key_fingerprint(function: &[u8], unique: &[u8]) -> u64 {
    fingerprint(&[function, b"-", unique].concat())
}

fn read_records(store: &mut RedisStore, survey: &mut Survey) -> Result<(), StoreError> {
    let mut cursor = 0;
    loop {
        let mut command = redis::cmd("HSCAN");
        command.arg(&store.names.jobs).arg(cursor).arg("COUNT").arg(ENTRIES_PER_STEP);
        let (next, entries) = scan(&mut store.link, &command)?;
        for pair in entries.chunks_exact(2) {
            let damaged = || {
                let (field, hash) = (pair[0].escape_ascii(), store.names.jobs.escape_ascii());
                StoreError::Corrupt(format!(
                    "the field {field} of the hash {hash} is no job; remove it with HDEL, or \
                     restore a backup"
                ))
            };
            let number = std::str::from_utf8(&pair[0]).ok().and_then(|text| text.parse().ok());
            let number = JobNumber(number.ok_or_else(damaged)?);
            let (record, _) = SideRecord::decode(&pair[1]).ok_or_else(damaged)?;
            if record.place == JobPlace::Original {
                let key = key_fingerprint(&record.function, &record.unique);
                survey.known.insert(key);
                survey.unseen.insert(key, number);
            }
            survey.last_number = survey.last_number.max(number);
            survey.jobs.add(number, &record);
        }
        cursor = next;
        if cursor == 0 {
            return Ok(());
        }
    }
}

fn read_keys(store: &mut RedisStore, survey: &mut Survey) -> Result<(), StoreError> {
    let mut cursor = 0;
    loop {
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(store.names.original_pattern());
        command.arg("COUNT").arg(ENTRIES_PER_STEP);
        let (next, keys) = scan(&mut store.link, &command)?;
        let mut unknown = Vec::new();
        for key in keys {
            let Some((function, unique)) = store.names.split(&key) else {
                survey.foreign += 1;
                continue;
            };
            // The key is the same wherever the function name ends in it.
            let found = key_fingerprint(function, unique);
            survey.unseen.remove(&found);
            if survey.known.insert(found) {
                survey.last_number.0 += 1;
                unknown.push((survey.last_number, function.len(), key));
            }
        }
        if !unknown.is_empty() {
            adopt(store, survey, &unknown)?;
        }
        cursor = next;
        if cursor == 0 {
            return Ok(());
        }
    }
}

/// Gives records to jobs that the original wrote: number, length of the function name, key.
fn adopt(
    store: &mut RedisStore,
    survey: &mut Survey,
    unknown: &[(JobNumber, usize, Vec<u8>)],
) -> Result<(), StoreError> {
    let mut command = adoption(store);
    for (number, function_len, key) in unknown {
        command.arg("adopt").arg(number.0).arg(key).arg(function_len);
    }
    let answer = store.link.ask(&command)?;
    let Value::Array(results) = &answer else { return Err(unexpected(&answer)) };
    for ((number, _, key), result) in unknown.iter().zip(results) {
        let Value::BulkString(result) = result else { return Err(unexpected(result)) };
        let result = String::from_utf8_lossy(result);
        let numbers = result.split_once(' ').and_then(|(priority, len)| {
            Some((priority.parse::<u8>().ok()?, len.parse::<usize>().ok()?))
        });
        let Some((priority, function_len)) = numbers else {
            survey.foreign += 1;
            continue;
        };
        let names = &key[store.names.original.len()..];
        let (function, unique) = (&names[..function_len], &names[function_len + 1..]);
        survey.jobs.add(*number, &SideRecord::adopted(function, unique, priority));
        survey.adopted += 1;
    }
    Ok(())
}

/// Removes the records of jobs that the original has worked off.
fn remove_gone(store: &mut RedisStore, survey: &mut Survey) -> Result<(), StoreError> {
    let unseen: Vec<_> = survey.unseen.values().copied().collect();
    let mut gone: HashSet<JobNumber> = HashSet::new();
    for numbers in unseen.chunks(ENTRIES_PER_STEP) {
        let records = records(&mut store.link, &store.names, numbers)?;
        let mut command = adoption(store);
        let mut asked = Vec::new();
        for (number, bytes) in numbers.iter().zip(&records) {
            let record = bytes.as_deref().and_then(SideRecord::decode);
            let Some((record, _)) = record else { continue };
            let key = store.names.original_key(&record.function, &record.unique);
            command.arg("gone").arg(number.0).arg(key);
            asked.push(number);
        }
        let answer = store.link.ask(&command)?;
        let Value::Array(results) = &answer else { return Err(unexpected(&answer)) };
        let is_gone = |result: &Value| matches!(result, Value::BulkString(text) if text == b"gone");
        gone.extend(asked.into_iter().zip(results).filter(|(_, r)| is_gone(r)).map(|(&n, _)| n));
    }
    survey.jobs.finish(&gone);
    survey.gone = gone.len() as u64;
    Ok(())
}

/// The call of the script that adopts, without the jobs.
fn adoption(store: &RedisStore) -> Cmd {
    let RedisNames { state, jobs, original, .. } = &store.names;
    let mut command = store.link.script(Script::Adopt, &[state, jobs]);
    command.arg(original).arg(store.owner.as_str()).arg(store.session);
    command
}

/// Asks for a part of a scan. Returns the next cursor, which is 0 at the end, and the part.
fn scan(link: &mut RedisLink, command: &Cmd) -> Result<(u64, Vec<Vec<u8>>), StoreError> {
    let answer = link.ask(command)?;
    let Value::Array(parts) = &answer else { return Err(unexpected(&answer)) };
    let [cursor, Value::Array(entries)] = &parts[..] else { return Err(unexpected(&answer)) };
    let bytes = |value: &Value| match value {
        Value::BulkString(bytes) => Ok(bytes.clone()),
        value => Err(unexpected(value)),
    };
    Ok((number(cursor)?, entries.iter().map(bytes).collect::<Result<_, _>>()?))
}

/// Reads the records of jobs.
fn records(
    link: &mut RedisLink,
    names: &RedisNames,
    numbers: &[JobNumber],
) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    let mut command = redis::cmd("HMGET");
    command.arg(&names.jobs);
    numbers.iter().for_each(|number| {
        command.arg(number.0);
    });
    let answer = link.ask(&command)?;
    let Value::Array(records) = answer else { return Err(unexpected(&answer)) };
    Ok(records.into_iter().map(into_bytes).collect())
}

fn into_bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        _ => None,
    }
}

/// Reads jobs by number: their records first, then their payloads.
pub(super) fn fetch(
    link: &mut RedisLink,
    names: &RedisNames,
    numbers: &[JobNumber],
) -> Result<Vec<Option<StoredJob>>, StoreError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = records(link, names, numbers)?;
    let records: Vec<_> =
        bytes.iter().map(|bytes| Some(SideRecord::decode(bytes.as_deref()?)?.0)).collect();
    let mut payloads = redis::pipe();
    for (number, record) in numbers.iter().zip(&records) {
        match record {
            Some(SideRecord { place: JobPlace::Original, function, unique, .. }) => {
                payloads.cmd("HGET").arg(names.original_key(function, unique)).arg("data");
            }
            Some(_) => {
                payloads.cmd("HGET").arg(&names.payloads).arg(number.0);
            }
            None => {}
        }
    }
    let mut payloads = match records.iter().any(Option::is_some) {
        true => link.ask_all(&payloads)?.into_iter(),
        false => Vec::new().into_iter(),
    };
    let jobs = numbers.iter().zip(records).map(|(&number, record)| {
        let record = record?;
        let payload = payloads.next().and_then(into_bytes)?;
        Some(record.stored_job(number, Bytes::from(payload)))
    });
    Ok(jobs.collect())
}
