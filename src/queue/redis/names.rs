//! The keys of a queue, and which jobs the original can read.
//!
//! Must not: use the connection.

use crate::record::NewRecord;

/// Bytes of a function name and of a unique id that the original reads.
const ORIGINAL_FUNCTION_BYTES_MAX: usize = 511;
const ORIGINAL_UNIQUE_BYTES_MAX: usize = 63;

/// The keys.
pub(super) struct RedisNames {
    /// Hash: who owns the queue, and the last numbers.
    pub(super) state: Vec<u8>,
    /// The owner, with a time to live.
    pub(super) lease: Vec<u8>,
    /// Hash: job number to record.
    pub(super) jobs: Vec<u8>,
    /// Hash: job number to payload, for jobs that the original cannot read.
    pub(super) payloads: Vec<u8>,
    /// What the keys of the original begin with: the prefix and a dash.
    pub(super) original: Vec<u8>,
}

impl RedisNames {
    pub(super) fn new(prefix: &[u8]) -> RedisNames {
        // The original reads every key that begins with its prefix, so ours begin otherwise.
        let own = |part: &[u8]| [b":gearmand:", prefix, b":", part].concat();
        RedisNames {
            state: own(b"state"),
            lease: own(b"lease"),
            jobs: own(b"jobs"),
            payloads: own(b"payloads"),
            original: [prefix, b"-"].concat(),
        }
    }

    /// The original's key of a job.
    pub(super) fn original_key(&self, function: &[u8], unique: &[u8]) -> Vec<u8> {
        [&self.original[..], function, b"-", unique].concat()
    }

    /// Function name and unique id in a key of the original. It does not say where the function
    /// name ends, so that is the first dash, as in the original. `None` if the key has no job.
    pub(super) fn split<'a>(&self, key: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let names = key.strip_prefix(&self.original[..])?;
        let dash = names.iter().position(|&byte| byte == b'-')?;
        (dash > 0).then(|| (&names[..dash], &names[dash + 1..]))
    }

    /// The pattern of the original's keys.
    pub(super) fn original_pattern(&self) -> Vec<u8> {
        let mut pattern = Vec::new();
        for &byte in &self.original {
            if br"*?[]\".contains(&byte) {
                pattern.push(b'\\');
            }
            pattern.push(byte);
        }
        pattern.push(b'*');
        pattern
    }
}

/// Whether the original reads a job as it is: with its names, its payload and its time.
pub(super) fn is_original(record: &NewRecord<'_>) -> bool {
    let (function, unique) = (record.function, record.unique);
    let has = |bytes: &[u8], byte: u8| bytes.contains(&byte);
    (1..=ORIGINAL_FUNCTION_BYTES_MAX).contains(&function.len())
        && !has(function, b'-')
        && !has(function, 0)
        && (1..=ORIGINAL_UNIQUE_BYTES_MAX).contains(&unique.len())
        && unique != b"-"
        && !has(unique, 0)
        // It cuts a payload at its first NUL.
        && !has(record.payload, 0)
        && record.due.is_none()
}
