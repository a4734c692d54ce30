//! [`Input`]: the data of jobs, from arguments or from the standard input.
//!
//! Must not: wait for a line, or keep more lines than one read returns.

use std::ffi::OsString;
use std::io::{self, Read, Stdin};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;

use crate::gearman::options::{Division, GearmanOptions};
use crate::tools::usage::failed_to;

/// The most bytes of lines that are read at once.
const INPUT_READ_BYTES_MAX: usize = 64 * 1024;

/// The source of the data of jobs.
#[derive(Debug)]
pub(crate) enum Input {
    /// Arguments, or the whole standard input: all data is in memory.
    Complete(std::vec::IntoIter<OsString>),
    /// Lines of the standard input, each a job.
    Lines(Stdin, Lines),
}

/// The answer of [`Input::next`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextData {
    /// The data of a job.
    Data(Vec<u8>),
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
        let complete = |all: Vec<OsString>| Input::Complete(all.into_iter());
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
            division => Ok(Input::Lines(io::stdin(), Lines::new(division == Division::BareLines))),
        }
    }

    /// The next job's data.
    pub(crate) fn next(&mut self) -> NextData {
        match self {
            Input::Complete(all) => {
                all.next().map_or(NextData::End, |data| NextData::Data(data.into_vec()))
            }
            Input::Lines(_, lines) => lines.next(),
        }
    }

    /// The number of jobs that are left, if it is known.
    pub(crate) fn left(&self) -> Option<usize> {
        match self {
            Input::Complete(all) => Some(all.len()),
            Input::Lines(..) => None,
        }
    }

    /// The descriptor to wait for before reading, if the input has not ended.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Input::Lines(stdin, lines) if !lines.ended => Some(stdin.as_fd()),
            _ => None,
        }
    }

    /// Reads once. Called when the descriptor is ready, so that it does not block.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        let Input::Lines(stdin, lines) = self else { return Ok(()) };
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
        match self {
            Input::Complete(_) => true,
            Input::Lines(_, lines) => lines.ended,
        }
    }

    /// Ends the input with everything that was read. Returns how many jobs are left out.
    pub(crate) fn discard(&mut self) -> usize {
        self.stop();
        let mut count = 0;
        while let NextData::Data(_) = self.next() {
            count += 1;
        }
        count
    }

    /// Ends the input. Lines that were read are still returned.
    pub(crate) fn stop(&mut self) {
        if let Input::Lines(_, lines) = self {
            lines.ended = true;
        }
    }
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

    fn next(&mut self) -> NextData {
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
