//! The records of a file, which the original reads, too.
//!
//! The original's record of a job has the key `FUNCTION-UNIQUE` and the value `FUNCTION`, NUL,
//! `UNIQUE`, NUL, a digit for the priority, the start time in decimal digits, NUL, and the payload.
//! It reads the time with `strtoul`, which skips white space. So what the original does not know
//! is written as white space before the time, two bits a character.
//!
//! A job that the original cannot have as it is becomes a record that it can: one without a unique
//! of its own gets another one, and one with a NUL in a name or without a payload is the payload
//! of a function that no worker has.
//!
//! Must not: use a file.

use std::borrow::Cow;

use crate::record::{JobNumber, NewRecord, UnixSeconds};
use crate::side_record::{JobPlace, SideRecord};

/// White space of two bits, by value. `strtoul` skips all of it.
const BLANKS: [u8; 4] = *b" \t\n\r";
/// Function of jobs that the original cannot have. It is one that no worker has.
const HIDDEN_FUNCTION: &[u8] = b":gearmand";
/// What the uniques begin with that jobs have in the place of their own.
const OTHER_UNIQUE: &str = "gearmand:";
/// Bytes of a key above which the original reads behind its buffer.
const READABLE_KEY_BYTES_MAX: usize = 4095;

/// How a job is written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum RecordForm<'a> {
    /// As the original would write it.
    Plain,
    /// With another unique; this is its own.
    Renamed(Cow<'a, [u8]>),
    /// As the payload of [`HIDDEN_FUNCTION`]: a side record, and the payload behind it.
    Hidden,
}

/// What the white space says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RecordNote<'a> {
    form: RecordForm<'a>,
    number: JobNumber,
    attempts: u32,
    submitted: UnixSeconds,
    reducer: Cow<'a, [u8]>,
}

/// A record, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokyoRecord<'a> {
    function: Cow<'a, [u8]>,
    unique: Cow<'a, [u8]>,
    priority: u8,
    due: Option<UnixSeconds>,
    /// `None` if the original wrote the record.
    note: Option<RecordNote<'a>>,
    payload: Cow<'a, [u8]>,
}

impl<'a> TokyoRecord<'a> {
    /// The record of a new job.
    pub(super) fn new(job: &NewRecord<'a>) -> TokyoRecord<'a> {
        let is_name = |name: &[u8]| !name.contains(&0);
        let key_len = job.function.len() + 1 + job.unique.len().max(OTHER_UNIQUE.len() + 24);
        let is_readable = is_name(job.function)
            && !job.function.is_empty()
            && is_name(job.unique)
            && !job.payload.is_empty()
            && key_len <= READABLE_KEY_BYTES_MAX;
        let note = |form| {
            Some(RecordNote {
                form,
                number: job.number,
                attempts: job.attempts,
                submitted: job.submitted,
                reducer: Cow::Borrowed(job.reducer),
            })
        };
        if !is_readable {
            let side = SideRecord::new(job, JobPlace::Beside);
            let mut payload = side.encode();
            payload.extend_from_slice(job.payload);
            return TokyoRecord {
                function: Cow::Borrowed(HIDDEN_FUNCTION),
                unique: Cow::Owned(job.number.0.to_string().into_bytes()),
                priority: job.priority,
                due: job.due,
                note: note(RecordForm::Hidden),
                payload: Cow::Owned(payload),
            };
        }
        let mut record = TokyoRecord {
            function: Cow::Borrowed(job.function),
            unique: Cow::Borrowed(job.unique),
            priority: job.priority,
            due: job.due,
            note: note(RecordForm::Plain),
            payload: Cow::Borrowed(job.payload),
        };
        // The original's jobs with these would share a record.
        if matches!(job.unique, b"" | b"-") {
            record.rename();
        }
        record
    }

    /// Gives the record another key than all that it had before.
    pub(super) fn rename(&mut self) {
        let Some(note) = &mut self.note else { return };
        if note.form == RecordForm::Plain {
            let other = format!("{OTHER_UNIQUE}{}", note.number.0).into_bytes();
            note.form = RecordForm::Renamed(std::mem::replace(&mut self.unique, Cow::Owned(other)));
        } else {
            self.unique.to_mut().push(b'+');
        }
    }

    /// Gives the job of another program its number.
    pub(super) fn adopt(&mut self, number: JobNumber) {
        let submitted = UnixSeconds(0);
        let reducer = Cow::Borrowed(&b""[..]);
        self.note =
            Some(RecordNote { form: RecordForm::Plain, number, attempts: 0, submitted, reducer });
    }

    /// The key of the record.
    pub(super) fn key(&self) -> Vec<u8> {
        [&self.function[..], b"-", &self.unique].concat()
    }

    /// The value of the record.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(self.payload.len() + 256);
        value.extend_from_slice(&self.function);
        value.push(0);
        value.extend_from_slice(&self.unique);
        value.push(0);
        value.push(b'0' + self.priority.min(2));
        if let Some(note) = &self.note {
            let two_bits =
                |byte: u8| [6, 4, 2, 0].map(|shift| BLANKS[usize::from(byte >> shift & 3)]);
            value.extend(note.encode().into_iter().flat_map(two_bits));
        }
        let due = self.due.map_or(0, |UnixSeconds(seconds)| seconds);
        value.extend_from_slice(due.to_string().as_bytes());
        value.push(0);
        value.extend_from_slice(&self.payload);
        value
    }

    /// Takes a value apart; `None` if it is no job.
    pub(super) fn decode(value: &'a [u8]) -> Option<TokyoRecord<'a>> {
        let (function, rest) = split_at_nul(value)?;
        let (unique, rest) = split_at_nul(rest)?;
        let (&priority, rest) = rest.split_first()?;
        let (time, payload) = split_at_nul(rest)?;
        let digits = time.iter().position(|byte| !BLANKS.contains(byte))?;
        let (blanks, digits) = time.split_at(digits);
        let seconds: i64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let note = match blanks.is_empty() {
            true => None,
            false => Some(RecordNote::decode(&from_blanks(blanks)?)?),
        };
        Some(TokyoRecord {
            function: Cow::Borrowed(function),
            unique: Cow::Borrowed(unique),
            priority: match priority {
                b'0' => 0,
                b'2' => 2,
                _ => 1,
            },
            due: u64::try_from(seconds).ok().filter(|&seconds| seconds > 0).map(UnixSeconds),
            note,
            payload: Cow::Borrowed(payload),
        })
    }

    /// Number of the job; `None` if another program wrote it.
    pub(super) fn number(&self) -> Option<JobNumber> {
        self.note.as_ref().map(|note| note.number)
    }

    /// The job and its payload; `None` if the record is damaged.
    pub(super) fn job(&self) -> Option<(SideRecord<'_>, &[u8])> {
        let mut job = SideRecord::adopted(&self.function, &self.unique, self.priority);
        job.due = self.due;
        let Some(note) = &self.note else { return Some((job, &self.payload)) };
        if note.form == RecordForm::Hidden {
            return SideRecord::decode(&self.payload);
        }
        if let RecordForm::Renamed(unique) = &note.form {
            job.unique = Cow::Borrowed(unique);
        }
        job.attempts = note.attempts;
        job.submitted = Some(note.submitted).filter(|time| time.0 > 0);
        job.reducer = Cow::Borrowed(&note.reducer);
        Some((job, &self.payload))
    }

    /// Changes the failed attempts of the job.
    pub(super) fn set_attempts(&mut self, attempts: u32) {
        let Some(note) = &mut self.note else { return };
        note.attempts = attempts;
        if note.form == RecordForm::Hidden
            && let Some((mut side, payload)) = SideRecord::decode(&self.payload)
        {
            side.attempts = attempts;
            let mut changed = side.encode();
            changed.extend_from_slice(payload);
            self.payload = Cow::Owned(changed);
        }
    }
}

fn split_at_nul(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let nul = bytes.iter().position(|&byte| byte == 0)?;
    Some((&bytes[..nul], &bytes[nul + 1..]))
}

/// The bytes that white space stands for.
fn from_blanks(blanks: &[u8]) -> Option<Vec<u8>> {
    let (bytes, []) = blanks.as_chunks::<4>() else { return None };
    let value = |blank: &u8| BLANKS.iter().position(|known| known == blank);
    let byte = |blanks: &[u8; 4]| {
        blanks.iter().try_fold(0_u8, |byte, blank| Some(byte << 2 | value(blank)? as u8))
    };
    bytes.iter().map(byte).collect()
}

impl RecordNote<'_> {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![match self.form {
            RecordForm::Plain => 0,
            RecordForm::Renamed(_) => 1,
            RecordForm::Hidden => 2,
        }];
        push_number(&mut bytes, self.number.0);
        push_number(&mut bytes, self.attempts.into());
        push_number(&mut bytes, self.submitted.0);
        // A side record has the names of a hidden job.
        let reducer = if self.form == RecordForm::Hidden { b"" } else { &self.reducer[..] };
        push_bytes(&mut bytes, reducer);
        if let RecordForm::Renamed(unique) = &self.form {
            push_bytes(&mut bytes, unique);
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<RecordNote<'static>> {
        let (&form, mut rest) = bytes.split_first()?;
        let number = JobNumber(take_number(&mut rest)?);
        let attempts = u32::try_from(take_number(&mut rest)?).ok()?;
        let submitted = UnixSeconds(take_number(&mut rest)?);
        let reducer = Cow::Owned(take_bytes(&mut rest)?);
        let form = match form {
            0 => RecordForm::Plain,
            1 => RecordForm::Renamed(Cow::Owned(take_bytes(&mut rest)?)),
            2 => RecordForm::Hidden,
            _ => return None,
        };
        rest.is_empty().then_some(RecordNote { form, number, attempts, submitted, reducer })
    }
}

/// Appends a number: seven bits a byte, the lowest first, and a bit that says whether more follow.
fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn push_bytes(bytes: &mut Vec<u8>, more: &[u8]) {
    push_number(bytes, more.len() as u64);
    bytes.extend_from_slice(more);
}

fn take_bytes(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(take_number(rest)?).ok()?;
    let (bytes, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::StoredJob;
    use crate::record::samples::record;

    /// What the original makes of a value: function, unique, priority, time and payload.
    fn original_reads(value: &[u8]) -> (Vec<u8>, Vec<u8>, u8, u64, Vec<u8>) {
        let mut parts = value.splitn(3, |&byte| byte == 0).map(<[u8]>::to_vec);
        let mut part = || parts.next().expect("a part");
        let (function, unique, rest) = (part(), part(), part());
        let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
        let begin = 1 + rest[1..].iter().position(|byte| !is_space(byte)).expect("a number");
        let digits = rest[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let time = std::str::from_utf8(&rest[begin..begin + digits]).expect("digits");
        let time = time.parse().expect("a number");
        (function, unique, rest[0], time, rest[begin + digits + 1..].to_vec())
    }

    #[track_caller]
    fn assert_is_kept(job: &NewRecord<'_>, form: &RecordForm<'_>) -> Vec<u8> {
        let written = TokyoRecord::new(job);
        assert_eq!(&written.note.as_ref().expect("a note").form, form);
        let value = written.encode();
        let read = TokyoRecord::decode(&value).expect("a record");
        assert_eq!((read.key(), read.encode()), (written.key(), value.clone()));
        let (side, payload) = read.job().expect("a job");
        let number = read.number().expect("a number");
        let read = side.stored_job(number, payload.to_vec().into());
        let wanted = StoredJob {
            number: job.number,
            function: job.function.to_vec(),
            unique: job.unique.to_vec(),
            reducer: job.reducer.to_vec(),
            payload: job.payload.to_vec().into(),
            priority: job.priority,
            due: job.due,
            attempts: job.attempts,
            submitted: Some(job.submitted),
        };
        assert_eq!(read, wanted);
        value
    }

    #[test]
    fn an_ordinary_job_is_a_record_of_the_original_with_white_space_before_its_time() {
        let due = Some(UnixSeconds(4_000_000_000));
        let (attempts, reducer) = (70_000, &b"sum\0"[..]);
        let job = NewRecord {
            number: JobNumber(u64::MAX),
            due,
            attempts,
            reducer,
            priority: 2,
            ..record(1, b"nul\0inside")
        };
        let value = assert_is_kept(&job, &RecordForm::Plain);
        assert_eq!(TokyoRecord::new(&job).key(), b"resize-u");
        let wanted =
            (b"resize".to_vec(), b"u".to_vec(), b'2', 4_000_000_000, b"nul\0inside".to_vec());
        assert_eq!(original_reads(&value), wanted);
    }

    #[test]
    fn a_job_without_a_unique_of_its_own_has_another_one_for_the_original() {
        for unique in [&b""[..], b"-"] {
            let job = NewRecord { unique, ..record(7, b"x") };
            let value = assert_is_kept(&job, &RecordForm::Renamed(Cow::Borrowed(unique)));
            assert_eq!(original_reads(&value).1, b"gearmand:7");
        }
        let job = record(8, b"x");
        let mut renamed = TokyoRecord::new(&job);
        renamed.rename();
        assert_eq!(renamed.key(), b"resize-gearmand:8");
        renamed.rename();
        assert_eq!(renamed.key(), b"resize-gearmand:8+");
        assert_eq!(renamed.job().expect("a job").0.unique, &b"u"[..]);
    }

    #[test]
    fn a_job_that_the_original_cannot_have_is_a_payload_of_a_function_without_workers() {
        let long = [b'n'; 5000];
        for job in [
            NewRecord { function: b"a\0b", ..record(7, b"x") },
            NewRecord { unique: b"\0", ..record(7, b"x") },
            NewRecord { unique: &long, ..record(7, b"x") },
            NewRecord { reducer: b"r", ..record(7, b"") },
        ] {
            let value = assert_is_kept(&job, &RecordForm::Hidden);
            let (function, unique, _, _, payload) = original_reads(&value);
            assert_eq!((&function[..], &unique[..]), (&b":gearmand"[..], &b"7"[..]));
            assert!(!payload.is_empty());
        }
    }

    #[test]
    fn attempts_are_changed_in_every_form() {
        for job in [
            record(1, b"x"),
            NewRecord { unique: b"", ..record(1, b"x") },
            NewRecord { unique: b"\0", ..record(1, b"x") },
        ] {
            let mut written = TokyoRecord::new(&job);
            written.set_attempts(300);
            let value = written.encode();
            let read = TokyoRecord::decode(&value).expect("a record");
            let (side, payload) = read.job().expect("a job");
            assert_eq!((side.attempts, payload), (300, &b"x"[..]));
        }
    }

    #[test]
    fn a_record_of_the_original_is_read_and_gets_a_number() {
        let value = b"resize\0u\x000\x31700000000\0nul\0inside";
        let mut read = TokyoRecord::decode(value).expect("a record");
        assert_eq!((read.number(), read.key()), (None, b"resize-u".to_vec()));
        read.adopt(JobNumber(9));
        let value = read.encode();
        let read = TokyoRecord::decode(&value).expect("a record");
        assert_eq!(read.number(), Some(JobNumber(9)));
        let (side, payload) = read.job().expect("a job");
        assert_eq!((side.priority, side.due), (0, Some(UnixSeconds(1_700_000_000))));
        assert_eq!((side.submitted, payload), (None, &b"nul\0inside"[..]));
    }

    #[test]
    fn a_value_that_is_cut_or_something_else_is_no_job() {
        let value = TokyoRecord::new(&record(1, b"")).encode();
        for end in 0..value.len() {
            let cut = TokyoRecord::decode(&value[..end]);
            assert!(cut.is_none_or(|record| record.job().is_none()), "{end} bytes");
        }
        for value in
            [&b""[..], b"f\0u\x001x\0", b"f\0u\x001 0\0", b"f\0u\x001\t\t\t\t0\0", b"f\0u\0"]
        {
            assert_eq!(TokyoRecord::decode(value), None, "{}", value.escape_ascii());
        }
    }
}
