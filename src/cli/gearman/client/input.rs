//! [`Input`]: the data of jobs, from arguments, the standard input or a job log.
//!
//! Must not: wait for a line, or keep more lines than one read returns, or than
//! `READ_AHEAD_BYTES_MAX` where their number is asked for.

use std::ffi::OsString;
use std::io::{self, Read, Stdin};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use super::joblog::RetriedLog;
use super::retry::{self, RetriedJobs};
use crate::gearman::notify;
use crate::gearman::options::{Division, GearmanOptions};
use crate::tools::usage::failed_to;

/// The most bytes of lines that are read at once.
const INPUT_READ_BYTES_MAX: usize = 64 * 1024;

/// The most bytes of lines that are kept so that their number is known.
const READ_AHEAD_BYTES_MAX: usize = 1024 * 1024;

/// The data of jobs, numbered.
#[derive(Debug)]
pub(crate) struct Input {
    source: InputSource,
    /// The number of the last line or argument that was returned.
    line: u64,
}

#[derive(Debug)]
enum InputSource {
    /// Arguments, or the whole standard input: all data is in memory.
    Complete(std::vec::IntoIter<OsString>),
    /// Jobs of a job log, with their numbers.
    Retried(std::vec::IntoIter<InputItem>, RetriedLog),
    /// Lines of the standard input, each a job.
    Lines(Stdin, Lines),
}

/// The data of a job for each function.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InputItem {
    /// The number of the line or argument, from 1.
    pub(crate) line: u64,
    pub(crate) data: Vec<u8>,
    /// The only function, if it is not that of the options.
    pub(crate) function: Option<Vec<u8>>,
}

/// The answer of [`Input::next`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextData<T = InputItem> {
    /// The data of a job.
    Data(T),
    /// No complete line was read yet.
    Later,
    /// There is no more data.
    End,
}

impl Input {
    /// Opens the input that the options ask for. Reads the whole standard input, unless it
    /// is divided into lines.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn open(options: &GearmanOptions) -> io::Result<Input> {
        Ok(Input { source: InputSource::open(options)?, line: 0 })
    }

    /// The next job's data.
    pub(crate) fn next(&mut self) -> NextData {
        let data = match &mut self.source {
            InputSource::Complete(all) => {
                all.next().map_or(NextData::End, |data| NextData::Data(data.into_vec()))
            }
            InputSource::Retried(items, _) => {
                return items.next().map_or(NextData::End, NextData::Data);
            }
            InputSource::Lines(_, lines) => lines.next(),
        };
        match data {
            NextData::Data(data) => {
                self.line += 1;
                NextData::Data(InputItem { line: self.line, data, function: None })
            }
            NextData::Later => NextData::Later,
            NextData::End => NextData::End,
        }
    }

    /// The number of items that are left, if it is known.
    pub(crate) fn left(&self) -> Option<usize> {
        match &self.source {
            InputSource::Complete(all) => Some(all.len()),
            InputSource::Retried(items, _) => Some(items.len()),
            InputSource::Lines(_, lines) if lines.ended => Some(lines.left()),
            InputSource::Lines(..) => None,
        }
    }

    /// Whether lines may be read before they can be submitted, to find the end of the input.
    pub(crate) fn may_read_ahead(&self) -> bool {
        match &self.source {
            InputSource::Lines(_, lines) => lines.unread_bytes() < READ_AHEAD_BYTES_MAX,
            _ => false,
        }
    }

    /// Whether jobs are submitted a few at a time, without an end that is near: signals
    /// then end the input first.
    pub(crate) fn is_batch(&self) -> bool {
        !matches!(self.source, InputSource::Complete(_))
    }

    /// Whether it is lines of the standard input, which are lost if they are not submitted.
    pub(crate) fn is_lines(&self) -> bool {
        matches!(self.source, InputSource::Lines(..))
    }

    /// The log whose jobs it is.
    pub(crate) fn retried_log(&self) -> Option<RetriedLog> {
        match &self.source {
            InputSource::Retried(_, log) => Some(*log),
            _ => None,
        }
    }

    /// The descriptor to wait for before reading, if the input has not ended.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.source {
            InputSource::Lines(stdin, lines) if !lines.ended => Some(stdin.as_fd()),
            _ => None,
        }
    }

    /// Reads once. Called when the descriptor is ready, so that it does not block.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        let InputSource::Lines(stdin, lines) = &mut self.source else { return Ok(()) };
        let mut buffer = vec![0; INPUT_READ_BYTES_MAX];
        // Without the standard library's buffer, whose lines `poll` does not see.
        match rustix::io::read(stdin.as_fd(), &mut buffer) {
            Ok(0) => lines.ended = true,
            Ok(got) => lines.push(&buffer[..got]),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(error) => return Err(unreadable(error.into())),
        }
        Ok(())
    }

    /// Whether all of the input was read.
    pub(crate) fn has_ended(&self) -> bool {
        match &self.source {
            InputSource::Complete(_) | InputSource::Retried(..) => true,
            InputSource::Lines(_, lines) => lines.ended,
        }
    }

    /// Ends the input. Lines that were read are still returned.
    pub(crate) fn stop(&mut self) {
        if let InputSource::Lines(_, lines) = &mut self.source {
            lines.ended = true;
        }
    }
}

impl InputSource {
    fn open(options: &GearmanOptions) -> io::Result<InputSource> {
        let complete = |all: Vec<OsString>| InputSource::Complete(all.into_iter());
        if let Some(path) = &options.retry_failed {
            let RetriedJobs { items, has_others, log } = retry::read(path, &options.functions)?;
            if items.is_empty() && has_others {
                notify(&only_others_failed(path, &options.functions));
            }
            return Ok(InputSource::Retried(items.into_iter(), log));
        }
        if options.no_input {
            return Ok(complete(vec![OsString::new()]));
        }
        if !options.arguments.is_empty() {
            return Ok(complete(options.arguments.clone()));
        }
        match options.division {
            Division::Whole => {
                let mut all = Vec::new();
                io::stdin().read_to_end(&mut all).map_err(unreadable)?;
                Ok(complete(vec![OsString::from_vec(all)]))
            }
            division => {
                Ok(InputSource::Lines(io::stdin(), Lines::new(division == Division::BareLines)))
            }
        }
    }
}

/// The message about a log with failed jobs, none of which is of the functions of `-f`.
fn only_others_failed(path: &Path, functions: &[OsString]) -> String {
    let names: Vec<_> = functions.iter().map(|name| name.to_string_lossy()).collect();
    let noun = if names.len() == 1 { "function" } else { "functions" };
    format!(
        "nothing to submit: the jobs in '{}' that failed or did not end are not of {noun} {}",
        path.display(),
        names.join(", ")
    )
}

fn unreadable(error: io::Error) -> io::Error {
    failed_to("read standard input", error)
}

/// Divides bytes, which arrive in pieces, into lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Lines are returned without their newlines.
    bare: bool,
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Up to where the next line has no newline.
    searched: usize,
    ended: bool,
}

impl Lines {
    fn new(bare: bool) -> Lines {
        Lines { bare, ..Lines::default() }
    }

    fn push(&mut self, more: &[u8]) {
        // Drops the lines that were returned before memory grows.
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(more);
    }

    fn unread_bytes(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// The number of lines that `next` returns, if there come no more.
    fn left(&self) -> usize {
        let unread = &self.bytes[self.start..];
        let newlines = unread.iter().filter(|&&byte| byte == b'\n').count();
        newlines + usize::from(unread.last().is_some_and(|&last| last != b'\n'))
    }

    fn next(&mut self) -> NextData<Vec<u8>> {
        let newline = self.bytes[self.searched..].iter().position(|&b| b == b'\n');
        let Some(newline) = newline else {
            self.searched = self.bytes.len();
            if !self.ended {
                return NextData::Later;
            }
            let rest = self.bytes.split_off(self.start);
            *self = Lines { bare: self.bare, ended: true, ..Lines::default() };
            return if rest.is_empty() { NextData::End } else { NextData::Data(rest) };
        };
        let end = self.searched + newline + 1;
        let line = &self.bytes[self.start..end - usize::from(self.bare)];
        let line = line.to_vec();
        (self.start, self.searched) = (end, end);
        if self.start == self.bytes.len() {
            // Frees the memory of a long line.
            *self = Lines { bare: self.bare, ended: self.ended, ..Lines::default() };
        }
        NextData::Data(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of bytes that arrive in these pieces.
    fn lines(bare: bool, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut lines = Lines::new(bare);
        let mut found = Vec::new();
        for piece in pieces {
            lines.push(piece);
            while let NextData::Data(line) = lines.next() {
                found.push(line);
            }
        }
        lines.ended = true;
        while let NextData::Data(line) = lines.next() {
            found.push(line);
        }
        assert_eq!(lines.next(), NextData::End);
        found
    }

    #[test]
    fn a_line_is_exactly_the_bytes_up_to_its_newline() {
        assert_eq!(lines(false, &[b"a\nb\n"]), [&b"a\n"[..], b"b\n"]);
        assert_eq!(lines(true, &[b"a\nb\n"]), [b"a", b"b"]);
        assert_eq!(lines(true, &[b"a\n\nno end"]), [&b"a"[..], b"", b"no end"]);
        assert_eq!(lines(false, &[b"a\0b\n\0"]), [&b"a\0b\n"[..], b"\0"]);
        assert!(lines(false, &[]).is_empty());
    }

    #[test]
    fn the_lines_that_are_left_are_counted() {
        for (text, count) in [("", 0), ("a", 1), ("a\n", 1), ("\n\nb", 3)] {
            let mut lines = Lines::new(true);
            lines.push(format!("first\n{text}").as_bytes());
            lines.next();
            assert_eq!(lines.left(), count, "{text:?}");
        }
    }

    #[test]
    fn a_line_may_arrive_in_pieces() {
        assert_eq!(
            lines(false, &[b"on", b"e\ntw", b"o\n", b"\n"]),
            [&b"one\n"[..], b"two\n", b"\n"]
        );
        let long = vec![b'x'; 300_000];
        let pieces: Vec<&[u8]> = long.chunks(1000).chain([&b"\ny"[..]]).collect();
        assert_eq!(lines(true, &pieces), [&long[..], b"y"]);
    }
}
