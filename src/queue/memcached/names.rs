//! The keys of a queue, and which jobs the original can read.
//!
//! Must not: use a connection.

use crate::record::{JobNumber, NewRecord};
use crate::side_record::{JobPlace, SideRecord};

/// Bytes of a key.
const KEY_BYTES_MAX: usize = 250;
/// Bytes of a prefix: ours go around it.
const PREFIX_BYTES_MAX: usize = 128;

/// The level whose blocks are not part of others. Numbers have 64 bits.
pub(super) const TOP_LEVEL: u32 = 6;
/// Blocks of that level.
pub(super) const TOP_BLOCKS: u64 = 1 << (64 - 10 * TOP_LEVEL);

/// The keys.
pub(super) struct MemcachedNames {
    /// Who owns the queue, and the last numbers. Every server has one.
    pub(super) state: Vec<u8>,
    /// The owner, for a limited time.
    pub(super) lease: Vec<u8>,
    /// What the keys of records and payloads begin with.
    own: Vec<u8>,
    /// What the keys of the original begin with.
    pub(super) original: Vec<u8>,
}

/// What a key is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// The payload of a job, beside the original's.
    Payload(JobNumber),
    /// A job in the original's format.
    Original,
    /// Something else.
    Foreign,
}

impl MemcachedNames {
    /// # Errors
    /// If no key can begin with the prefix.
    pub(super) fn new(prefix: &str) -> Result<MemcachedNames, String> {
        if prefix.len() > PREFIX_BYTES_MAX || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "the prefix \"{}\" cannot be part of a key: at most {PREFIX_BYTES_MAX} printable \
                 ASCII characters, no spaces",
                prefix.escape_debug()
            ));
        }
        // The original leaves keys alone that do not begin with its prefix.
        let own = |part: &str| format!(":gearmand:{prefix}:{part}").into_bytes();
        Ok(MemcachedNames {
            state: own("state"),
            lease: own("lease"),
            own: own(""),
            original: prefix.as_bytes().to_vec(),
        })
    }

    pub(super) fn record(&self, number: JobNumber) -> Vec<u8> {
        [&self.own[..], format!("j{}", number.0).as_bytes()].concat()
    }

    /// The key of a block of job numbers. A block of level 1 has 1024 numbers, one of the next
    /// level 1024 such blocks. It is there as long as one of the numbers may have a job.
    pub(super) fn block(&self, level: u32, block: u64) -> Vec<u8> {
        [&self.own[..], format!("b{level}.{block}").as_bytes()].concat()
    }

    /// The keys of all blocks that a block of level 1 is in, itself included.
    pub(super) fn blocks_around(&self, block: u64) -> Vec<Vec<u8>> {
        (1..=TOP_LEVEL).map(|level| self.block(level, block >> (10 * (level - 1)))).collect()
    }

    /// The key of a job's payload.
    pub(super) fn payload(&self, number: JobNumber, record: &SideRecord<'_>) -> Vec<u8> {
        match record.place {
            JobPlace::Original => self.original_key(&record.function, &record.unique),
            JobPlace::Beside => self.payload_beside(number),
        }
    }

    pub(super) fn payload_beside(&self, number: JobNumber) -> Vec<u8> {
        [&self.own[..], format!("p{}", number.0).as_bytes()].concat()
    }

    pub(super) fn original_key(&self, function: &[u8], unique: &[u8]) -> Vec<u8> {
        [&self.original[..], function, b"-", unique].concat()
    }

    /// What a key is.
    pub(super) fn kind(&self, key: &[u8]) -> KeyKind {
        if let Some(rest) = key.strip_prefix(&self.own[..]) {
            let number = rest.get(1..).and_then(|digits| std::str::from_utf8(digits).ok());
            let number = number.and_then(|digits| digits.parse().ok()).map(JobNumber);
            return match (rest.first(), number) {
                (Some(b'p'), Some(number)) => KeyKind::Payload(number),
                _ => KeyKind::Foreign,
            };
        }
        match self.split(key) {
            Some(_) => KeyKind::Original,
            None => KeyKind::Foreign,
        }
    }

    /// Function name and unique id in a key of the original. It does not say where the function
    /// name ends, so that is the first dash, as in the original. `None` if the key has no job.
    pub(super) fn split<'a>(&self, key: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        let names = key.strip_prefix(&self.original[..])?;
        let dash = names.iter().position(|&byte| byte == b'-')?;
        (dash > 0).then(|| (&names[..dash], &names[dash + 1..]))
    }

    /// Whether the original reads a job as it is.
    pub(super) fn is_original(&self, record: &NewRecord<'_>) -> bool {
        let (function, unique) = (record.function, record.unique);
        let is_plain = |bytes: &[u8]| !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
        is_plain(function)
            && !function.contains(&b'-')
            && is_plain(unique)
            && unique != b"-"
            && self.original.len() + function.len() + 1 + unique.len() <= KEY_BYTES_MAX
            && record.due.is_none()
    }
}
