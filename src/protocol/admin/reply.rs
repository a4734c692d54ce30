//! [`Reply`]: the reply to an admin command, and the search for its end.
//!
//! Must not: receive.

use super::request::Framing;

/// A complete reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The command was executed. The text behind `OK`, or the line without an `OK`; empty if
    /// the line is only `OK`.
    Done(Vec<u8>),
    /// A list: its lines as received, with the full stop at the end.
    List(Vec<u8>),
    /// The server refused the command. The text behind `ERR`.
    Refused(Vec<u8>),
}

/// The fields of a line of a list, which are separated by tabs.
pub type Row<'a> = Vec<&'a [u8]>;

impl Reply {
    /// Reads a reply whose end was found.
    fn read(bytes: &[u8], framing: Framing) -> Reply {
        if let Some(why) = refusal(bytes) {
            return Reply::Refused(why.to_vec());
        }
        match framing {
            Framing::List => Reply::List(bytes.to_vec()),
            Framing::Line => {
                let line = trimmed(bytes);
                let text = match line.strip_prefix(b"OK") {
                    Some(rest) => rest.strip_prefix(b" ").unwrap_or(rest),
                    None => line,
                };
                Reply::Done(text.to_vec())
            }
        }
    }

    /// The rows of a list, without its full stop. Other replies have no rows.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let text = match self {
            Reply::List(text) => text.strip_suffix(b".\n").unwrap_or(text),
            Reply::Done(_) | Reply::Refused(_) => &[],
        };
        let lines = text.split_inclusive(|&b| b == b'\n').map(trimmed);
        lines.map(|line| line.split(|&b| b == b'\t').collect())
    }
}

/// Longest line of a reply. A worker with a million functions has a line of some megabytes.
pub const REPLY_LINE_BYTES_MAX: usize = 64 << 20;

/// Searches for the end of a reply in bytes that arrive in pieces. Each byte is searched
/// once.
#[derive(Clone, Copy, Debug)]
pub struct ReplyEnd {
    framing: Framing,
    /// The offset of the first line whose end has not arrived.
    line: usize,
    /// The number of bytes that were searched.
    searched: usize,
}

impl ReplyEnd {
    /// A search before anything has arrived.
    pub fn new(framing: Framing) -> ReplyEnd {
        ReplyEnd { framing, line: 0, searched: 0 }
    }

    /// Searches all bytes that have arrived since the request was sent. Returns the reply and
    /// its size in bytes, or None while it is incomplete.
    pub fn find(&mut self, bytes: &[u8]) -> Option<(Reply, usize)> {
        while let Some(length) = bytes[self.searched..].iter().position(|&b| b == b'\n') {
            let end = self.searched + length + 1;
            self.searched = end;
            let is_last = match self.framing {
                Framing::Line => true,
                Framing::List => {
                    trimmed(&bytes[self.line..end]) == b"."
                        || (self.line == 0 && refusal(&bytes[..end]).is_some())
                }
            };
            if is_last {
                return Some((Reply::read(&bytes[..end], self.framing), end));
            }
            self.line = end;
        }
        self.searched = bytes.len();
        None
    }

    /// Whether the line that has not ended is longer than any line of a server should be.
    pub fn is_too_long(&self) -> bool {
        self.searched - self.line > REPLY_LINE_BYTES_MAX
    }
}

/// A line without its newline and carriage return.
fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The text of a refusal, if the reply is one. A refusal ends with a carriage return, unlike
/// a line of a list, which may be about a function called "ERR x".
fn refusal(bytes: &[u8]) -> Option<&[u8]> {
    let line = bytes.strip_suffix(b"\r\n")?;
    line.strip_prefix(b"ERR ").filter(|why| !why.contains(&b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_line_that_were_searched_are_not_searched_again() {
        let mut end = ReplyEnd::new(Framing::Line);
        let mut line = vec![b'x'; 1000];
        assert!(end.find(&line).is_none());
        assert_eq!((end.searched, end.is_too_long()), (1000, false));
        // A newline among them would be seen only by a second search.
        line[500] = b'\n';
        assert!(end.find(&line).is_none());
        line.push(b'\n');
        assert_eq!(end.find(&line).map(|(_, used)| used), Some(1001));
    }

    #[test]
    fn a_line_above_64_mib_is_too_long() {
        let mut end = ReplyEnd::new(Framing::List);
        let mut line = b"first\n".to_vec();
        line.resize(6 + REPLY_LINE_BYTES_MAX, b'x');
        assert!(end.find(&line).is_none() && !end.is_too_long());
        line.push(b'x');
        assert!(end.find(&line).is_none() && end.is_too_long());
    }

    /// The reply in bytes that arrive one at a time, and its size.
    fn reply_in(bytes: &[u8], framing: Framing) -> Option<(Reply, usize)> {
        let mut end = ReplyEnd::new(framing);
        (0..=bytes.len()).find_map(|arrived| end.find(&bytes[..arrived]))
    }

    #[test]
    fn a_reply_of_one_line_ends_with_its_line() {
        let done = |text: &[u8]| Reply::Done(text.to_vec());
        assert_eq!(reply_in(b"OK\r\nmore", Framing::Line), Some((done(b""), 4)));
        assert_eq!(reply_in(b"OK 1.1.20+ds\n", Framing::Line), Some((done(b"1.1.20+ds"), 13)));
        assert_eq!(reply_in(b"OK", Framing::Line), None);
        let refused = Reply::Refused(b"UNKNOWN_JOB".to_vec());
        assert_eq!(reply_in(b"ERR UNKNOWN_JOB\r\n", Framing::Line), Some((refused, 17)));
    }

    #[test]
    fn a_list_ends_with_its_full_stop() {
        let (list, used) = reply_in(b"a.\t1\n.b\t2\n.\nnext", Framing::List).expect("whole");
        assert_eq!(used, 12);
        let rows: Vec<Row<'_>> = list.rows().collect();
        assert_eq!(rows, [[&b"a."[..], b"1"], [b".b", b"2"]]);
        assert_eq!(reply_in(b"a\t1\n", Framing::List), None);
        let (empty, _) = reply_in(b".\n", Framing::List).expect("whole");
        assert_eq!(empty.rows().count(), 0);
    }

    #[test]
    fn a_refusal_in_place_of_a_list_is_one_line() {
        let refused = Reply::Refused(b"UNKNOWN_COMMAND x".to_vec());
        assert_eq!(reply_in(b"ERR UNKNOWN_COMMAND x\r\n", Framing::List), Some((refused, 23)));
        let (list, _) = reply_in(b"ERR f\t1\t0\t0\n.\n", Framing::List).expect("whole");
        assert!(matches!(list, Reply::List(_)));
    }
}
