//! Applying batches: one transaction each.
//!
//! Must not: retry.

use super::file::{TokyoFile, failure};
use super::layout::TokyoRecord;
use super::{TOKYO_PROBE_BYTES, TokyoStore, no_job, opaque};
use crate::batch::Batch;
use crate::record::NewRecord;
use crate::remote::NetBatch;
use crate::store::{Store, StoreError};

impl TokyoStore {
    /// Makes room for so many bytes if the file has a limit.
    fn make_room(&mut self, bytes: u64) -> Result<(), StoreError> {
        let Some(most) = self.options.size_bytes_max else { return Ok(()) };
        if self.size_bytes() + bytes > most && self.has_free_space() {
            let written = self.write_anew();
            written.map_err(|error| StoreError::NotCommitted(error.to_string()))?;
        }
        match self.size_bytes() + bytes > most {
            true => Err(StoreError::NotCommitted(format!("the file may have {most} bytes"))),
            false => Ok(()),
        }
    }

    pub(super) fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.prepare_commit()?;
        let mut net = NetBatch::new(batch);
        // Removals come first, so that a new job of the same name finds its key free.
        let index = &self.index;
        net.inserts.retain(|record| !index.contains_key(&record.number));
        if !net.inserts.is_empty() {
            self.make_room(batch.bytes() as u64)?;
        }
        let last = self.reserved.max(net.last_number.unwrap_or_default());
        let removed: Vec<_> = net
            .deletes
            .iter()
            .filter_map(|number| Some(&self.index.get(number)?.key[..]))
            .collect();
        let attempts: Vec<_> = net
            .attempts
            .iter()
            .filter_map(|(number, count)| Some((&self.index.get(number)?.key[..], *count)))
            .collect();
        let file = self.file.as_mut().expect("was prepared");
        let bytes = if net.inserts.is_empty() { 0 } else { batch.bytes() };
        file.reserve(net.inserts.len(), bytes)?;
        let changes = || -> Result<Vec<(Vec<u8>, usize)>, StoreError> {
            file.begin(removed.len() + attempts.len() + net.inserts.len())?;
            for key in removed {
                file.database().remove(key).map_err(failure)?;
            }
            for (key, count) in attempts {
                set_attempts(file, key, count)?;
            }
            let inserted = net.inserts.iter().map(|record| insert(file, record)).collect();
            file.database().set_opaque(&opaque(last));
            inserted
        };
        let inserted = match changes() {
            Ok(inserted) => inserted,
            Err(error) => return Err(self.undo(error)),
        };
        self.file.as_mut().expect("was prepared").commit()?;
        self.reserved = last;
        net.deletes.iter().for_each(|&number| self.forget_job(number));
        for (record, (key, value_len)) in net.inserts.iter().zip(inserted) {
            self.note_job(record.number, &key, value_len);
        }
        Ok(())
    }

    /// Undoes a transaction of which nothing was committed.
    fn undo(&mut self, error: StoreError) -> StoreError {
        let file = self.file.take().expect("has a transaction");
        match file.undo() {
            Ok(file) => self.file = Some(file),
            Err(again) => return again.context(error),
        }
        match error {
            StoreError::Unknown(reason) => StoreError::NotCommitted(reason),
            error => error,
        }
    }

    /// Writes a record and removes it again.
    pub(super) fn write_probe(&mut self) -> Result<(), StoreError> {
        self.prepare_commit()?;
        self.make_room(TOKYO_PROBE_BYTES as u64)?;
        let probe = vec![0; TOKYO_PROBE_BYTES];
        let key = b":gearmand-probe";
        let file = self.file.as_mut().expect("was prepared");
        file.reserve(1, TOKYO_PROBE_BYTES)?;
        let mut write = || {
            file.begin(2)?;
            file.database().put(key, &probe).map_err(failure)?;
            file.compare(key, &probe)?;
            file.database().remove(key).map_err(failure)
        };
        match write() {
            Ok(_) => self.file.as_mut().expect("was prepared").commit(),
            Err(error) => Err(self.undo(error)),
        }
    }
}

/// Writes a job. Returns its key, and how long its value is.
pub(super) fn insert(
    file: &mut TokyoFile,
    job: &NewRecord<'_>,
) -> Result<(Vec<u8>, usize), StoreError> {
    let mut record = TokyoRecord::new(job);
    loop {
        let (key, value) = (record.key(), record.encode());
        if file.database().put_new(&key, &value).map_err(failure)? {
            file.compare(&key, &value)?;
            return Ok((key, value.len()));
        }
        // Another job has the key.
        record.rename();
    }
}

fn set_attempts(file: &mut TokyoFile, key: &[u8], attempts: u32) -> Result<(), StoreError> {
    let value = file.records().get(key).map_err(failure)?.ok_or_else(|| no_job(key))?;
    let mut record = TokyoRecord::decode(&value).ok_or_else(|| no_job(key))?;
    record.set_attempts(attempts);
    let changed = record.encode();
    file.database().put(key, &changed).map_err(failure)?;
    file.compare(key, &changed)
}
