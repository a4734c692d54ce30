//! What a key-value store keeps of a job beside the original's record.
//!
//! The original's records have a name, a payload and a priority. Everything else, and all jobs
//! whose record the original would misread, are in a record of our own, found by the job's number.
//! It is a line of text, which scripts in the store can read, and the names behind it.
//!
//! Must not: know a store.

use std::borrow::Cow;

use crate::record::{NewRecord, UnixSeconds};
use crate::store::{SurveyedJob, SurveyedUnique};
use crate::{JobNumber, StoredJob};

/// Where the payload of a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobPlace {
    /// In a record that the original reads.
    Original,
    /// In a record of our own.
    Beside,
}

/// A job without its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SideRecord<'a> {
    pub(crate) place: JobPlace,
    pub(crate) priority: u8,
    pub(crate) due: Option<UnixSeconds>,
    pub(crate) attempts: u32,
    /// `None` in a job that another program wrote.
    pub(crate) submitted: Option<UnixSeconds>,
    pub(crate) function: Cow<'a, [u8]>,
    pub(crate) unique: Cow<'a, [u8]>,
    pub(crate) reducer: Cow<'a, [u8]>,
}

impl<'a> SideRecord<'a> {
    pub(crate) fn new(record: &NewRecord<'a>, place: JobPlace) -> SideRecord<'a> {
        SideRecord {
            place,
            priority: record.priority,
            due: record.due,
            attempts: record.attempts,
            submitted: Some(record.submitted),
            function: Cow::Borrowed(record.function),
            unique: Cow::Borrowed(record.unique),
            reducer: Cow::Borrowed(record.reducer),
        }
    }

    /// The record of a job that the original wrote.
    pub(crate) fn adopted(function: &'a [u8], unique: &'a [u8], priority: u8) -> SideRecord<'a> {
        SideRecord {
            place: JobPlace::Original,
            priority,
            due: None,
            attempts: 0,
            submitted: None,
            function: Cow::Borrowed(function),
            unique: Cow::Borrowed(unique),
            reducer: Cow::Borrowed(b""),
        }
    }

    /// The bytes that are stored: "o" or "p", priority, start time, attempts, time of submission,
    /// and the lengths of the three names that follow the line.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let place = match self.place {
            JobPlace::Original => 'o',
            JobPlace::Beside => 'p',
        };
        let seconds = |time: Option<UnixSeconds>| time.map_or(0, |UnixSeconds(seconds)| seconds);
        let mut bytes = format!(
            "{place} {} {} {} {} {} {} {}\n",
            self.priority,
            seconds(self.due),
            self.attempts,
            seconds(self.submitted),
            self.function.len(),
            self.unique.len(),
            self.reducer.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&self.function);
        bytes.extend_from_slice(&self.unique);
        bytes.extend_from_slice(&self.reducer);
        bytes
    }

    /// Reads such bytes, and returns what follows them. `None` if they are no record.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<(SideRecord<'a>, &'a [u8])> {
        let end = bytes.iter().position(|&byte| byte == b'\n')?;
        let mut words = std::str::from_utf8(&bytes[..end]).ok()?.split(' ');
        let place = match words.next()? {
            "o" => JobPlace::Original,
            "p" => JobPlace::Beside,
            _ => return None,
        };
        let mut number = || words.next()?.parse::<u64>().ok();
        let (priority, due, attempts, submitted) = (number()?, number()?, number()?, number()?);
        let lengths = [number()?, number()?, number()?];
        let mut rest = &bytes[end + 1..];
        let mut names = [&b""[..]; 3];
        for (name, length) in names.iter_mut().zip(lengths) {
            (*name, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        }
        let time = |seconds: u64| (seconds > 0).then_some(UnixSeconds(seconds));
        let [function, unique, reducer] = names.map(Cow::Borrowed);
        let record = SideRecord {
            place,
            priority: u8::try_from(priority.min(2)).ok()?,
            due: time(due),
            attempts: u32::try_from(attempts).ok()?,
            submitted: time(submitted),
            function,
            unique,
            reducer,
        };
        Some((record, rest))
    }

    /// The job, with its payload.
    pub(crate) fn stored_job(&self, number: JobNumber, payload: bytes::Bytes) -> StoredJob {
        StoredJob {
            number,
            function: self.function.to_vec(),
            unique: self.unique.to_vec(),
            reducer: self.reducer.to_vec(),
            payload,
            priority: self.priority,
            due: self.due,
            attempts: self.attempts,
            submitted: self.submitted,
        }
    }

    /// What a survey tells of the job. `function` is the index of its name in the page.
    pub(crate) fn surveyed(&self, number: JobNumber, function: u32) -> SurveyedJob {
        SurveyedJob {
            number,
            function,
            priority: self.priority,
            unique: SurveyedUnique::new(&self.unique),
            due: self.due,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::record;

    #[test]
    fn a_record_is_read_as_it_was_written_and_what_follows_it_is_returned() {
        let odd = NewRecord {
            function: b"f\n 1 \0",
            unique: b"\xff-",
            reducer: b"r",
            priority: 2,
            due: Some(UnixSeconds(4_000_000_000)),
            attempts: 3,
            ..record(1, b"")
        };
        for place in [JobPlace::Original, JobPlace::Beside] {
            let written = SideRecord::new(&odd, place);
            let mut bytes = written.encode();
            bytes.extend_from_slice(b"payload");
            assert_eq!(SideRecord::decode(&bytes), Some((written, &b"payload"[..])));
        }
    }

    #[test]
    fn a_record_that_is_cut_or_changed_is_not_read() {
        let whole = SideRecord::new(&record(1, b""), JobPlace::Beside).encode();
        for end in 0..whole.len() {
            assert_eq!(SideRecord::decode(&whole[..end]), None, "{end} bytes");
        }
        for bytes in ["", "x 1 0 0 0 0 0 0\n", "o 1 0 0 0 0 0\n", "o 1 0 0 0 -1 0 0\n"] {
            assert_eq!(SideRecord::decode(bytes.as_bytes()), None, "{bytes}");
        }
    }
}
