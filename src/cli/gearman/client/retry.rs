//! The jobs of a job log that failed or did not end.
//!
//! Must not: write.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use gearman_files::{FileId, read_regular};
use gearman_protocol::percent::unescape;

use super::input::InputItem;
use super::joblog::{GOOD_OUTCOMES, HEADER, NOTE_MARK, RetriedLog};
use crate::tools::usage::failed_to;

/// The largest log that is read, in bytes: it is in memory as a whole.
const RETRIED_LOG_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What a log has to submit again.
#[derive(Debug)]
pub(crate) struct RetriedJobs {
    /// The jobs whose last row has no good outcome and those without a row, by their lines. If
    /// functions are given, only their jobs count.
    pub(crate) items: Vec<InputItem>,
    /// Whether there are such jobs of other functions.
    pub(crate) has_others: bool,
    pub(crate) log: RetriedLog,
}

/// A job is known by its line and its function.
type JobName = (u64, Vec<u8>);

/// Reads a log.
///
/// # Errors
/// The file with the option, and what is wrong.
pub(crate) fn read(path: &Path, functions: &[OsString]) -> io::Result<RetriedJobs> {
    let named =
        |error| failed_to(&format!("read '{}' for '--retry-failed <FILE>'", path.display()), error);
    // A last line without newline was cut off by a crash: the note before it counts.
    let (text, found) = read_regular(path, RETRIED_LOG_BYTES_MAX).map_err(named)?;
    let whole = &text[..text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1)];
    let jobs = unfinished(whole)
        .map_err(|error| named(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    let is_wanted = |function: &[u8]| {
        functions.is_empty() || functions.iter().any(|name| name.as_bytes() == function)
    };
    let count = jobs.len();
    let wanted = jobs.into_iter().filter(|((_, function), _)| is_wanted(function));
    let items: Vec<InputItem> = wanted
        .map(|((line, function), data)| InputItem { line, data, function: Some(function) })
        .collect();
    let has_others = items.len() < count;
    let log = RetriedLog { file: FileId::from(&found), whole_bytes: whole.len() as u64 };
    Ok(RetriedJobs { items, has_others, log })
}

/// The jobs of a log's whole lines that failed or did not end, with their data.
fn unfinished(text: &[u8]) -> Result<BTreeMap<JobName, Vec<u8>>, String> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut lines = text.split(|&byte| byte == b'\n').enumerate();
    if lines.next().is_none_or(|(_, first)| first != HEADER.as_bytes()) {
        return Err("the first line is not that of a job log".into());
    }
    let mut jobs = BTreeMap::new();
    for (at, line) in lines {
        let wrong = || format!("line {} is no row of a job log", at + 1);
        let (name, data, is_good) = entry(line).ok_or_else(wrong)?;
        if is_good {
            jobs.remove(&name);
        } else {
            jobs.insert(name, data);
        }
    }
    Ok(jobs)
}

/// A row or a note: the job, its data, and whether its outcome is good.
fn entry(line: &[u8]) -> Option<(JobName, Vec<u8>, bool)> {
    let line = std::str::from_utf8(line).ok()?;
    let note = line.strip_prefix(NOTE_MARK);
    let fields: Vec<&str> = note.unwrap_or(line).split('\t').collect();
    let (number, function, data, outcome) = match (note, &fields[..]) {
        (Some(_), &[number, function, data]) => (number, function, data, ""),
        (None, &[number, function, outcome, _, _, _, data]) => (number, function, data, outcome),
        _ => return None,
    };
    let (function, data) = (unescape(function.as_bytes()).ok()?, unescape(data.as_bytes()).ok()?);
    Some(((number.parse().ok()?, function), data, GOOD_OUTCOMES.contains(&outcome)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rows: &[&str]) -> Result<Vec<(u64, String)>, String> {
        let text = [&[HEADER], rows].concat().join("\n");
        let jobs = unfinished(text.as_bytes())?;
        let shown =
            |(name, data): (JobName, Vec<u8>)| (name.0, String::from_utf8(data).expect("text"));
        Ok(jobs.into_iter().map(shown).collect())
    }

    #[test]
    fn the_last_row_of_a_job_counts_and_a_note_without_a_row_is_a_job_that_did_not_end() {
        let rows = [
            "#1\tf\ta",
            "#2\tf\tb%0A",
            "2\tf\tfailed\tH:x:2\t\t\tb%0A",
            "1\tf\tdone\tH:x:1\t\t\ta",
            "#3\tf\tc",
            "#3\tg\td",
            "3\tg\taccepted\tH:x:3\t\t\td",
            "#4\tf\te",
            "4\tf\ttimeout\tH:x:4\t\t\te",
            "#4\tf\te",
            "4\tf\tdone\tH:x:5\t\t\te",
            "5\tf\tunsent\t\t\t\tz",
        ];
        let found = [(2, "b\n"), (3, "c"), (5, "z")].map(|(line, data)| (line, data.to_owned()));
        assert_eq!(lines(&rows), Ok(found.to_vec()));
    }

    #[test]
    fn a_line_that_is_no_row_is_named_by_its_number() {
        for row in ["x\tf\tdone\t\t\t\ta", "1\tf\tdone\ta", "#1\tf", "", "#1\tf\t%x"] {
            let wrong = Err("line 3 is no row of a job log".to_owned());
            assert_eq!(lines(&["#1\tf\ta", row, "#2\tf\tb"]), wrong, "{row}");
        }
        for text in ["", "\n", "Seq\tHost\n"] {
            assert!(unfinished(text.as_bytes()).is_err());
        }
    }
}
