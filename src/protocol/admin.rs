//! The text ("admin") protocol: lines of words, shared by server and library.
//!
//! Must not: know what a command does.

mod reply;
mod request;

pub use reply::{Reply, ReplyEnd, Row};
pub use request::{Framing, NoWord, Request};

use super::limits::MAX_TEXT_LINE;

/// A peer's next bytes are text when the first of them is not NUL.
pub fn is_text(first: u8) -> bool {
    first != 0
}

/// What the start of a buffer holds, read as text.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// No newline yet.
    Incomplete,
    /// No newline within the limit: the connection cannot be read any further.
    TooLong,
    /// A line without its `\n` or `\r\n`, and the bytes that it took.
    Whole(&'a [u8], usize),
}

/// Reads the line at the start of `buffer`.
pub fn line(buffer: &[u8]) -> Line<'_> {
    match buffer.iter().position(|&b| b == b'\n') {
        Some(end) => {
            let text = &buffer[..end];
            Line::Whole(text.strip_suffix(b"\r").unwrap_or(text), end + 1)
        }
        None if buffer.len() >= MAX_TEXT_LINE => Line::TooLong,
        None => Line::Incomplete,
    }
}

/// The words of a line, split at spaces and tabs.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|b| matches!(b, b' ' | b'\t')).filter(|w| !w.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_line_ends_are_understood() {
        assert_eq!(line(b"status\nx"), Line::Whole(b"status", 7));
        assert_eq!(line(b"status\r\n"), Line::Whole(b"status", 8));
        assert_eq!(line(b"stat"), Line::Incomplete);
        assert_eq!(line(&[b'a'; MAX_TEXT_LINE]), Line::TooLong);
    }

    #[test]
    fn words_skip_runs_of_blanks() {
        let found: Vec<&[u8]> = words(b" cancel  job\tH:1 ").collect();
        assert_eq!(found, [&b"cancel"[..], b"job", b"H:1"]);
    }
}
