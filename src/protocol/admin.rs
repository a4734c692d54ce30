//! The text ("admin") protocol: lines of words, shared by server, library and tools.
//!
//! Must not: know what a command does.

mod reply;
mod request;

pub use reply::{REPLY_LINE_BYTES_MAX, Reply, ReplyEnd, Row};
pub use request::{Framing, NoWord, Request};

use super::limits::MAX_TEXT_LINE;

/// Whether a peer's next bytes are text. The first byte of a binary packet is NUL.
pub fn is_text(first: u8) -> bool {
    first != 0
}

/// The start of a buffer, read as text.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A newline has not arrived yet.
    Incomplete,
    /// [`MAX_TEXT_LINE`] bytes without a newline. The connection cannot be read further.
    TooLong,
    /// A line without its `\n` or `\r\n`, and its size in bytes with it.
    Whole(&'a [u8], usize),
}

/// Reads the line at the start of `buffer`. Copies nothing.
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

/// The words of a line, separated by spaces and tabs.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|b| matches!(b, b' ' | b'\t')).filter(|w| !w.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_with_a_newline_with_or_without_a_carriage_return() {
        assert_eq!(line(b"status\nx"), Line::Whole(b"status", 7));
        assert_eq!(line(b"status\r\n"), Line::Whole(b"status", 8));
        assert_eq!(line(b"stat"), Line::Incomplete);
        assert_eq!(line(&[b'a'; MAX_TEXT_LINE]), Line::TooLong);
    }

    #[test]
    fn words_may_be_separated_by_several_spaces_and_tabs() {
        let found: Vec<&[u8]> = words(b" cancel  job\tH:1 ").collect();
        assert_eq!(found, [&b"cancel"[..], b"job", b"H:1"]);
    }
}
