//! Applying batches.
//!
//! Removals come first, so that a new job of the same name finds its key free. Every command can be
//! repeated: a batch whose outcome is unknown is written again.
//!
//! Must not: retry.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::link::Commands;
use super::{MemcachedStore, block_of, survey};
use crate::batch::{Batch, BatchOperation};
use crate::record::{JobNumber, NewRecord};
use crate::remote::NetBatch;
use crate::side_record::{JobPlace, SideRecord};
use crate::store::{RowOutcome, StoreError, fingerprint};

/// What a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// A part of an insertion.
    Insert(JobNumber),
    /// A part of a removal, or a change of attempts.
    Change,
    /// The number of the batch.
    State,
}

/// Commands by server.
struct Plan {
    commands: Vec<Commands>,
    purposes: Vec<Vec<Purpose>>,
    /// Keys of the original that get a job, and that are free afterwards.
    taken: HashSet<u64>,
    freed: HashSet<u64>,
    /// Jobs more in blocks, and jobs fewer.
    inserted: BTreeMap<u64, u32>,
    removed: BTreeMap<u64, u32>,
}

/// Writes a batch.
pub(super) fn commit(
    store: &mut MemcachedStore,
    batch: &Batch,
    limit: Duration,
) -> Result<Vec<RowOutcome>, StoreError> {
    store.batch += 1;
    let versions = store.ready(limit)?;
    let net = NetBatch::new(batch);
    let last = store.reserved.max(net.last_number.unwrap_or_default());
    let mut plan = Plan {
        commands: versions.iter().map(|_| Commands::default()).collect(),
        purposes: vec![Vec::new(); versions.len()],
        taken: HashSet::new(),
        freed: HashSet::new(),
        inserted: BTreeMap::new(),
        removed: BTreeMap::new(),
    };
    plan_changes(store, &net, &mut plan).map_err(|error| match error {
        // Nothing is written yet.
        StoreError::Unknown(reason) => StoreError::NotCommitted(reason),
        error => error,
    })?;
    net.inserts
        .iter()
        .for_each(|record| *plan.inserted.entry(block_of(record.number)).or_default() += 1);
    // A block is marked before its first job is written.
    for &block in plan.inserted.keys().filter(|block| !store.blocks.contains_key(block)) {
        for key in store.names.blocks_around(block) {
            let server = store.link.server_of(&key);
            plan.commands[server].store("set", &key, (0, 0), b"", None);
            plan.purposes[server].push(Purpose::Change);
        }
    }
    net.inserts.iter().for_each(|record| plan_insertion(store, record, &mut plan));
    let state = store.state(store.batch, last).encode();
    for (server, version) in versions.into_iter().enumerate() {
        plan.commands[server].store("cas", &store.names.state, (0, 0), &state, Some(version));
        plan.purposes[server].push(Purpose::State);
    }
    let refused = run(store, &plan)?;
    plan.freed.iter().for_each(|key| {
        store.originals.remove(key);
    });
    store.originals.extend(plan.taken);
    store.acknowledged = store.batch;
    store.reserved = last;
    for (block, count) in plan.inserted {
        *store.blocks.entry(block).or_default() += count;
    }
    let removed = remove_blocks(store, &plan.removed);
    // The batch is written whatever becomes of a block without jobs; the next one finds out.
    if removed.is_err() {
        store.link.disconnect();
    }
    match refused.is_empty() {
        true => Ok(Vec::new()),
        false => undo(store, batch, &net, refused),
    }
}

/// Plans removals and changes of attempts, which need the records of their jobs.
fn plan_changes(
    store: &mut MemcachedStore,
    net: &NetBatch<'_>,
    plan: &mut Plan,
) -> Result<(), StoreError> {
    let attempts: HashMap<_, _> = net.attempts.iter().copied().collect();
    let changed = net.attempts.iter().map(|(number, _)| *number);
    let numbers: Vec<_> = net.deletes.iter().copied().chain(changed).collect();
    for (number, bytes) in survey::records(&mut store.link, &store.names, &numbers)? {
        let Some((mut record, _)) = SideRecord::decode(&bytes) else { continue };
        let key = store.names.record(number);
        if let Some(&count) = attempts.get(&number) {
            record.attempts = count;
            let server = store.link.server_of(&key);
            plan.commands[server].store("set", &key, (0, 0), &record.encode(), None);
            plan.purposes[server].push(Purpose::Change);
            continue;
        }
        *plan.removed.entry(block_of(number)).or_default() += 1;
        if record.place == JobPlace::Original {
            plan.freed.insert(key_fingerprint(&record.function, &record.unique));
        }
        for key in [key, store.names.payload(number, &record)] {
            let server = store.link.server_of(&key);
            plan.commands[server].delete(&key);
            plan.purposes[server].push(Purpose::Change);
        }
    }
    Ok(())
}

fn plan_insertion(store: &MemcachedStore, record: &NewRecord<'_>, plan: &mut Plan) {
    let name = key_fingerprint(record.function, record.unique);
    let is_free = !plan.taken.contains(&name)
        && (plan.freed.contains(&name) || !store.originals.contains(&name));
    let place = match is_free && store.names.is_original(record) {
        true => JobPlace::Original,
        false => JobPlace::Beside,
    };
    let side = SideRecord::new(record, place);
    let payload = (store.names.payload(record.number, &side), record.payload);
    // "set" and "add" differ where the batch is repeated, or the job is there already: a key of the
    // original is free, and what is beside belongs to the first insertion of this number.
    let (verb, flags) = match place {
        JobPlace::Original => {
            plan.taken.insert(name);
            ("set", u32::from(record.priority))
        }
        JobPlace::Beside => ("add", 0),
    };
    let side = (store.names.record(record.number), side.encode());
    let parts = [(verb, flags, &payload.0, payload.1), ("add", 0, &side.0, &side.1[..])];
    for (verb, flags, key, value) in parts {
        let server = store.link.server_of(key);
        plan.commands[server].store(verb, key, (flags, 0), value, None);
        plan.purposes[server].push(Purpose::Insert(record.number));
    }
}

/// Sends everything. Returns the insertions that a server refused, and why.
fn run(store: &mut MemcachedStore, plan: &Plan) -> Result<HashMap<JobNumber, String>, StoreError> {
    let mut refused = HashMap::new();
    for (server, commands) in plan.commands.iter().enumerate() {
        let answers = store.link.run(server, commands)?;
        for (answer, purpose) in answers.into_iter().zip(&plan.purposes[server]) {
            let is_done = ["STORED", "NOT_STORED", "DELETED", "NOT_FOUND"].contains(&&answer[..]);
            match purpose {
                Purpose::State if answer == "STORED" => {}
                // Another server has changed it, or it was evicted.
                Purpose::State => return Err(StoreError::Unknown(format!("the state: {answer}"))),
                _ if is_done => {}
                Purpose::Insert(number) => {
                    refused.insert(*number, answer);
                }
                Purpose::Change => return Err(StoreError::Unknown(answer)),
            }
        }
    }
    Ok(refused)
}

/// Forgets blocks that have no job any more. The larger blocks around them cost little.
fn remove_blocks(
    store: &mut MemcachedStore,
    removed: &BTreeMap<u64, u32>,
) -> Result<(), StoreError> {
    for (block, count) in removed {
        let Some(left) = store.blocks.get_mut(block) else { continue };
        *left = left.saturating_sub(*count);
        // The next jobs are likely to be in the last block.
        if *left == 0 && *block != block_of(store.reserved) {
            store.blocks.remove(block);
            let key = store.names.block(1, *block);
            let mut commands = Commands::default();
            commands.delete(&key);
            store.link.run(store.link.server_of(&key), &commands)?;
        }
    }
    Ok(())
}

/// Removes what was written of insertions that were refused.
fn undo(
    store: &mut MemcachedStore,
    batch: &Batch,
    net: &NetBatch<'_>,
    refused: HashMap<JobNumber, String>,
) -> Result<Vec<RowOutcome>, StoreError> {
    for record in net.inserts.iter().filter(|record| refused.contains_key(&record.number)) {
        let beside = SideRecord::new(record, JobPlace::Beside);
        let original = SideRecord::new(record, JobPlace::Original);
        let mut keys =
            vec![store.names.record(record.number), store.names.payload(record.number, &beside)];
        let name = key_fingerprint(record.function, record.unique);
        if store.names.is_original(record) && store.originals.remove(&name) {
            keys.push(store.names.payload(record.number, &original));
        }
        for key in keys {
            let mut commands = Commands::default();
            commands.delete(&key);
            store.link.run(store.link.server_of(&key), &commands)?;
        }
    }
    let outcome = |(index, operation): (usize, BatchOperation<'_>)| match operation {
        BatchOperation::Insert(record) => {
            let reason = refused.get(&record.number)?.clone();
            Some(RowOutcome::Refused { index, reason })
        }
        _ => None,
    };
    Ok(batch.iter().enumerate().filter_map(outcome).collect())
}

/// Stands for the original's key of a job.
pub(super) fn key_fingerprint(function: &[u8], unique: &[u8]) -> u64 {
    fingerprint(&[function, b"-", unique].concat())
}
