//! [`Input`]: where the data of jobs come from.
//!
//! Must not: wait, or keep more than the lines that were read at once.

use std::ffi::OsString;
use std::io::{self, Read, Stdin};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;

use crate::gearman::options::{Division, Options};

/// How many bytes of lines are read at once.
const ROOM: usize = 64 * 1024;

/// Where the data of jobs come from.
#[derive(Debug)]
pub(crate) enum Input {
    /// They are all there.
    There(std::vec::IntoIter<OsString>),
    /// They are lines of the standard input.
    Lines(Stdin, Lines),
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The data of a job.
    Data(Vec<u8>),
    /// More has to be read.
    Later,
    /// Nothing.
    End,
}

impl Input {
    /// What the options ask for. A whole standard input is read here.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn open(options: &Options) -> io::Result<Input> {
        let there = |all: Vec<OsString>| Input::There(all.into_iter());
        if options.no_input {
            return Ok(there(vec![OsString::new()]));
        }
        if !options.arguments.is_empty() {
            return Ok(there(options.arguments.clone()));
        }
        match options.division {
            Division::Whole => {
                let mut all = Vec::new();
                io::stdin().read_to_end(&mut all).map_err(unreadable)?;
                Ok(there(vec![OsString::from_vec(all)]))
            }
            division => Ok(Input::Lines(io::stdin(), Lines::new(division == Division::BareLines))),
        }
    }

    /// The next job's data.
    pub(crate) fn next(&mut self) -> Next {
        match self {
            Input::There(all) => all.next().map_or(Next::End, |data| Next::Data(data.into_vec())),
            Input::Lines(_, lines) => lines.next(),
        }
    }

    /// How many jobs' data there are in all, once that is known.
    pub(crate) fn left(&self) -> Option<usize> {
        match self {
            Input::There(all) => Some(all.len()),
            Input::Lines(..) => None,
        }
    }

    /// What to wait for before reading, if there can be more to read.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Input::Lines(stdin, lines) if !lines.ended => Some(stdin.as_fd()),
            _ => None,
        }
    }

    /// Reads what has come. To be called when the descriptor is ready.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        let Input::Lines(stdin, lines) = self else { return Ok(()) };
        let mut room = vec![0; ROOM];
        // Past the standard library's buffer, which would hide lines from `poll`.
        match rustix::io::read(stdin.as_fd(), &mut room) {
            Ok(0) => lines.ended = true,
            Ok(got) => lines.push(&room[..got]),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Err(error) => return Err(unreadable(error.into())),
        }
        Ok(())
    }

    /// Has nothing more be read. What was read is still to come.
    pub(crate) fn stop(&mut self) {
        if let Input::Lines(_, lines) = self {
            lines.ended = true;
        }
    }
}

fn unreadable(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("standard input: {error}"))
}

/// Bytes that arrive bit by bit, as lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Without the newline.
    bare: bool,
    bytes: Vec<u8>,
    /// Where the next line begins, and up to where it has no end.
    start: usize,
    searched: usize,
    ended: bool,
}

impl Lines {
    fn new(bare: bool) -> Lines {
        Lines { bare, ..Lines::default() }
    }

    fn push(&mut self, more: &[u8]) {
        // What was taken goes before memory grows.
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(more);
    }

    fn next(&mut self) -> Next {
        let newline = self.bytes[self.searched..].iter().position(|&b| b == b'\n');
        let Some(newline) = newline else {
            self.searched = self.bytes.len();
            if !self.ended {
                return Next::Later;
            }
            let rest = self.bytes.split_off(self.start);
            *self = Lines { bare: self.bare, ended: true, ..Lines::default() };
            return if rest.is_empty() { Next::End } else { Next::Data(rest) };
        };
        let end = self.searched + newline + 1;
        let line = &self.bytes[self.start..end - usize::from(self.bare)];
        let line = line.to_vec();
        (self.start, self.searched) = (end, end);
        if self.start == self.bytes.len() {
            // A long line's memory is not kept.
            *self = Lines { bare: self.bare, ended: self.ended, ..Lines::default() };
        }
        Next::Data(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of pieces that arrive one after another.
    fn lines(bare: bool, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut lines = Lines::new(bare);
        let mut found = Vec::new();
        for piece in pieces {
            lines.push(piece);
            while let Next::Data(line) = lines.next() {
                found.push(line);
            }
        }
        lines.ended = true;
        while let Next::Data(line) = lines.next() {
            found.push(line);
        }
        assert_eq!(lines.next(), Next::End);
        found
    }

    #[test]
    fn lines_are_exact() {
        assert_eq!(lines(false, &[b"a\nb\n"]), [&b"a\n"[..], b"b\n"]);
        assert_eq!(lines(true, &[b"a\nb\n"]), [b"a", b"b"]);
        assert_eq!(lines(true, &[b"a\n\nno end"]), [&b"a"[..], b"", b"no end"]);
        assert_eq!(lines(false, &[b"a\0b\n\0"]), [&b"a\0b\n"[..], b"\0"]);
        assert!(lines(false, &[]).is_empty());
    }

    #[test]
    fn lines_are_put_together() {
        assert_eq!(
            lines(false, &[b"on", b"e\ntw", b"o\n", b"\n"]),
            [&b"one\n"[..], b"two\n", b"\n"]
        );
        let long = vec![b'x'; 300_000];
        let pieces: Vec<&[u8]> = long.chunks(1000).chain([&b"\ny"[..]]).collect();
        assert_eq!(lines(true, &pieces), [&long[..], b"y"]);
    }

    #[test]
    fn lines_that_were_taken_cost_no_memory() {
        let mut lines = Lines::new(false);
        for _ in 0..10_000 {
            lines.push(b"some line\nand a half");
            while let Next::Data(_) = lines.next() {}
            lines.push(b"\n");
            while let Next::Data(_) = lines.next() {}
        }
        assert!(lines.bytes.capacity() < 1000);
    }
}
