//! The store in a file of Tokyo Cabinet, in the original's format.
//!
//! Owns the index of the jobs in the file. `layout` is what a record says, `write` applies batches,
//! `file` sees to it that they are on the disk. The library itself is in the crate `gearman-tokyocabinet`.
//!
//! Every job is one record, which the original can read. A batch is one transaction. The largest
//! number is in the header of the file, where a program may keep something.
//!
//! Must not: keep payloads in memory.

mod file;
mod layout;
mod options;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use gearman_tokyocabinet::{OPAQUE_BYTES, TokyoKind};

use crate::batch::Batch;
use crate::found_jobs::FoundJobs;
use crate::local_file::{FileLock, refuse_missing, resolved};
use crate::record::{JobNumber, StoredJob};
use crate::store::{Reopened, RowOutcome, Store, StoreError, SurveyPage};
use file::{CopyError, TokyoFile, failure};
use layout::TokyoRecord;
pub use options::{TokyoOptions, TokyoSyncing};

/// What the field in the header begins with, and the format that this version writes.
const OPAQUE_BEGIN: &[u8; 8] = b"gearmand";
const TOKYO_FORMAT: u32 = 1;
/// Bytes that a payload may have: the library counts a record with 32 bits.
const TOKYO_PAYLOAD_BYTES_MAX: usize = 1 << 30;
/// Bytes of the record with which a probe finds out whether there is room.
const TOKYO_PROBE_BYTES: usize = 64 << 10;
/// Bytes that a record takes besides its key and value.
const RECORD_OVERHEAD_BYTES: u64 = 64;
/// Bytes up to which a file may consist of free space while its server is idle.
const FREE_BYTES_KEPT: u64 = 16 << 20;
/// Bytes of jobs up to which a file is written anew while its server is idle.
const REWRITTEN_BYTES_MAX: u64 = 32 << 20;

/// A job in the file.
struct IndexedJob {
    key: Box<[u8]>,
    /// Bytes of its record.
    bytes: u64,
}

/// An open store.
pub struct TokyoStore {
    /// With the path that its name leads to.
    options: TokyoOptions,
    kind: TokyoKind,
    /// `None` after it could not be opened again. Closed before the lock ends.
    file: Option<TokyoFile>,
    index: HashMap<JobNumber, IndexedJob>,
    /// Bytes of all records.
    job_bytes: u64,
    last_number: JobNumber,
    /// Largest number that is used or reserved as of now.
    reserved: JobNumber,
    found: FoundJobs,
    /// Whether what was written last cannot be trusted: the file is written anew before anything
    /// else is.
    must_rewrite: bool,
    notices: Vec<String>,
    lock: FileLock,
}

impl TokyoStore {
    /// Opens a file, creates it, or takes over one that the original wrote.
    ///
    /// # Errors
    /// If the library is not installed, if another program has the file open, if it is damaged, if
    /// a newer version wrote it, or if it cannot be read and written.
    pub fn open(options: TokyoOptions) -> Result<TokyoStore, StoreError> {
        let (path, has_settings, kind) = options.parse_name().map_err(StoreError::NotCommitted)?;
        let shown = path.display().to_string();
        let options = TokyoOptions { file: path, ..options };
        let opened = Self::open_unnamed(options, kind);
        let mut store = opened.map_err(|error| error.context(shown))?;
        if has_settings {
            store.notices.push("the settings behind # in the file's name are ignored".to_owned());
        }
        Ok(store)
    }

    fn open_unnamed(mut options: TokyoOptions, kind: TokyoKind) -> Result<TokyoStore, StoreError> {
        options.file = resolved(&options.file)?;
        refuse_missing(&options.file, options.if_missing)?;
        let lock = FileLock::acquire(&options.file)?;
        let file = TokyoFile::open(&options.file, kind, options.syncing)?;
        let mut store = TokyoStore {
            options,
            kind,
            file: Some(file),
            index: HashMap::new(),
            job_bytes: 0,
            last_number: JobNumber(0),
            reserved: JobNumber(0),
            found: FoundJobs::default(),
            must_rewrite: false,
            notices: Vec::new(),
            lock,
        };
        store.read()?;
        Ok(store)
    }

    fn file(&mut self) -> Result<&mut TokyoFile, StoreError> {
        if self.file.is_none() {
            let opened = TokyoFile::open(&self.options.file, self.kind, self.options.syncing)?;
            self.file = Some(opened);
        }
        Ok(self.file.as_mut().expect("was just opened"))
    }

    /// Reads everything but payloads, and takes over what the original wrote.
    fn read(&mut self) -> Result<(), StoreError> {
        let opaque = self.file()?.records().opaque();
        let mut last = last_number_in(&opaque)?;
        let mut foreign = Vec::new();
        let mut file = self.file.take().expect("is open");
        file.database().visit(|key, value| {
            let record = TokyoRecord::decode(value);
            let job = record.as_ref().and_then(|record| Some((record.number(), record.job()?.0)));
            let Some((number, side)) = job else { return Err(CopyError(no_job(key))) };
            match number {
                Some(number) => {
                    last = last.max(number);
                    self.found.add(number, &side);
                    if !self.note_job(number, key, value.len()) {
                        return Err(CopyError(no_job(key)));
                    }
                }
                None => foreign.push(key.to_vec()),
            }
            Ok::<(), CopyError>(())
        })?;
        // The original keeps no order.
        foreign.sort_unstable();
        let numbers: HashMap<_, _> = foreign
            .into_iter()
            .map(|key| {
                last.0 += 1;
                (key, last)
            })
            .collect();
        (self.last_number, self.reserved) = (last, last);
        self.file = Some(file);
        if !numbers.is_empty() {
            self.adopt(&numbers)?;
            let count = numbers.len();
            self.notices.push(format!("{count} jobs that another server wrote were taken over"));
        } else if self.options.optimizes && self.has_free_space() {
            self.optimize();
        }
        self.found.finish(&HashSet::new());
        let largest = self.index.values().map(|job| job.bytes).max().unwrap_or(0);
        self.file()?.note_record(largest);
        Ok(())
    }

    /// Gives numbers to the jobs with these keys.
    fn adopt(&mut self, numbers: &HashMap<Vec<u8>, JobNumber>) -> Result<(), StoreError> {
        let file = self.file.take().expect("is open");
        let opaque = opaque(self.reserved);
        let written = file.write_anew(&opaque, |key, value| {
            let Some(&number) = numbers.get(key) else { return Ok(None) };
            let mut record = TokyoRecord::decode(value).ok_or_else(|| no_job(key))?;
            record.adopt(number);
            let adopted = record.encode();
            self.found.add(number, &record.job().ok_or_else(|| no_job(key))?.0);
            self.note_job(number, key, adopted.len());
            Ok(Some(adopted))
        });
        self.file = Some(written.map_err(|(error, _)| error)?);
        Ok(())
    }

    /// Writes the file without free space, as well as it can.
    fn optimize(&mut self) {
        if let Err(error) = self.write_anew() {
            // The file is as good as before.
            self.notices.push(format!("the file was not optimized: {error}"));
        }
    }

    /// Whether the file has much more than the jobs take.
    fn has_free_space(&self) -> bool {
        let needed = self.job_bytes + self.job_bytes / 2;
        self.size_bytes() > needed + FREE_BYTES_KEPT / 8
    }

    /// Returns whether the number is new.
    fn note_job(&mut self, number: JobNumber, key: &[u8], value_len: usize) -> bool {
        let bytes = (key.len() + value_len) as u64 + RECORD_OVERHEAD_BYTES;
        self.job_bytes += bytes;
        let job = IndexedJob { key: key.into(), bytes };
        self.index.insert(number, job).is_none()
    }

    fn forget_job(&mut self, number: JobNumber) {
        if let Some(job) = self.index.remove(&number) {
            self.job_bytes -= job.bytes;
        }
    }

    fn write_anew(&mut self) -> Result<(), StoreError> {
        if !self.lock.is_in_place(&self.options.file) {
            self.lock = FileLock::acquire(&self.options.file)?;
        }
        // A batch whose outcome was unknown may be in the file.
        let known = last_number_in(&self.file()?.records().opaque())?;
        self.reserved = self.reserved.max(known);
        (self.index, self.job_bytes) = (HashMap::new(), 0);
        let file = self.file.take().expect("is open");
        let written = file.write_anew(&opaque(self.reserved), |key, value| {
            let record = TokyoRecord::decode(value);
            let number = record.and_then(|record| record.number()).ok_or_else(|| no_job(key))?;
            self.note_job(number, key, value.len());
            Ok(None)
        });
        match written {
            Ok(file) => self.file = Some(file),
            Err((error, file)) => {
                // The index is not whole.
                self.must_rewrite = true;
                self.file = file;
                return Err(error);
            }
        }
        self.must_rewrite = false;
        Ok(())
    }

    /// Makes sure that a commit lands in a file that the next server finds.
    fn prepare_commit(&mut self) -> Result<(), StoreError> {
        if let Some(file) = &self.file {
            self.must_rewrite |= file.placement().must_rewrite()?;
        }
        if self.must_rewrite {
            // Nothing of the batch was written, whatever this fails with.
            self.write_anew().map_err(|error| StoreError::NotCommitted(error.to_string()))?;
        }
        self.file().map(drop)
    }

    fn read_job(&self, number: JobNumber) -> Result<Option<StoredJob>, StoreError> {
        let Some(IndexedJob { key, .. }) = self.index.get(&number) else { return Ok(None) };
        let file = self.file.as_ref().ok_or_else(|| {
            StoreError::NotCommitted("the file could not be opened again".to_owned())
        })?;
        let value = file.records().get(key).map_err(failure)?.ok_or_else(|| no_job(key))?;
        let record = TokyoRecord::decode(&value).ok_or_else(|| no_job(key))?;
        let (side, payload) = record.job().ok_or_else(|| no_job(key))?;
        Ok(Some(side.stored_job(number, Bytes::copy_from_slice(payload))))
    }

    /// Names the file in an error, and notes if it means that the file cannot be trusted.
    fn noted<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.must_rewrite |= matches!(result, Err(StoreError::Unknown(_)));
        result.map_err(|error| error.context(self.options.file.display()))
    }
}

fn no_job(key: &[u8]) -> StoreError {
    StoreError::Corrupt(format!(
        "the record {} is no job, or damaged; move the file away, or put a backup in its place",
        key.escape_ascii()
    ))
}

/// The field in the header: who writes it, the format, and the largest number.
fn opaque(last: JobNumber) -> [u8; OPAQUE_BYTES] {
    let mut field = [0; OPAQUE_BYTES];
    field[..8].copy_from_slice(OPAQUE_BEGIN);
    field[8..12].copy_from_slice(&TOKYO_FORMAT.to_le_bytes());
    field[12..20].copy_from_slice(&last.0.to_le_bytes());
    field
}

/// The largest number in the field, which is empty in a file of the original.
fn last_number_in(field: &[u8; OPAQUE_BYTES]) -> Result<JobNumber, StoreError> {
    if *field == [0; OPAQUE_BYTES] {
        return Ok(JobNumber(0));
    }
    if &field[..8] != OPAQUE_BEGIN {
        return Err(StoreError::Corrupt("the file belongs to another program".to_owned()));
    }
    let format = u32::from_le_bytes(field[8..12].try_into().expect("four bytes"));
    if format > TOKYO_FORMAT {
        return Err(StoreError::Corrupt(format!(
            "a newer gearmand wrote the file (format {format}, this one knows {TOKYO_FORMAT}); use \
             that version, or another file"
        )));
    }
    let last = u64::from_le_bytes(field[12..20].try_into().expect("eight bytes"));
    Ok(JobNumber(last))
}

impl Store for TokyoStore {
    fn apply(&mut self, batch: &Batch) -> Result<Vec<RowOutcome>, StoreError> {
        let result = self.commit(batch).map(|()| Vec::new());
        self.noted(result)
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        let result = self.write_probe();
        self.noted(result)
    }

    fn survey(&mut self, limit: usize) -> Result<SurveyPage, StoreError> {
        Ok(self.found.page(limit))
    }

    fn last_number(&self) -> JobNumber {
        self.last_number
    }

    fn fetch(&mut self, numbers: &[JobNumber]) -> Result<Vec<Option<StoredJob>>, StoreError> {
        let jobs = numbers.iter().map(|&number| self.read_job(number)).collect();
        self.noted(jobs)
    }

    fn payload_bytes_max(&self) -> usize {
        TOKYO_PAYLOAD_BYTES_MAX
    }

    fn maintain(&mut self, is_idle: bool) -> Result<bool, StoreError> {
        let is_wasteful =
            self.size_bytes() > 4 * self.job_bytes + FREE_BYTES_KEPT && self.has_free_space();
        if is_idle && is_wasteful && self.job_bytes <= REWRITTEN_BYTES_MAX && !self.must_rewrite {
            let result = self.write_anew();
            self.noted(result)?;
        }
        Ok(false)
    }

    fn reopen(&mut self) -> Result<Reopened, StoreError> {
        let result = self.write_anew().map(|()| Reopened::UNRECORDED);
        self.noted(result)
    }

    fn size_bytes(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| file.records().size_bytes())
    }

    fn place(&self) -> String {
        self.options.file.display().to_string()
    }

    fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }
}
