//! [`Reply`]: what a server answers in text, and where its answer ends.
//!
//! Must not: receive.

use super::request::Framing;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The server has done what was asked, or says one thing: the text after
    /// `OK`, empty when there is none.
    Done(Vec<u8>),
    /// A list: its lines as they came, with the full stop at the end.
    List(Vec<u8>),
    /// The server refuses; why, in its words.
    Refused(Vec<u8>),
}

/// A line of a list, divided at its tabs.
pub type Row<'a> = Vec<&'a [u8]>;

impl Reply {
    /// Reads an answer whose end was found.
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
}

impl Reply {
    /// The rows of a list, without its full stop.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let text = match self {
            Reply::List(text) => text.strip_suffix(b".\n").unwrap_or(text),
            Reply::Done(_) | Reply::Refused(_) => &[],
        };
        let lines = text.split_inclusive(|&b| b == b'\n').map(trimmed);
        lines.map(|line| line.split(|&b| b == b'\t').collect())
    }
}

/// Finds the end of an answer in bytes that arrive bit by bit.
#[derive(Clone, Copy, Debug)]
pub struct ReplyEnd {
    framing: Framing,
    /// Where the first line begins whose end was not seen.
    line: usize,
}

impl ReplyEnd {
    /// Nothing has arrived.
    pub fn new(framing: Framing) -> ReplyEnd {
        ReplyEnd { framing, line: 0 }
    }

    /// Looks at everything that has arrived since the request was sent. The
    /// answer and the bytes that it took, once it is whole.
    pub fn find(&mut self, bytes: &[u8]) -> Option<(Reply, usize)> {
        while let Some(length) = bytes[self.line..].iter().position(|&b| b == b'\n') {
            let end = self.line + length + 1;
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
        None
    }
}

/// A line without its end.
fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Why a server refuses, if that is what it answers. Lines of lists end without
/// a carriage return, so that a function called "ERR x" is not taken for one.
fn refusal(bytes: &[u8]) -> Option<&[u8]> {
    let line = bytes.strip_suffix(b"\r\n")?;
    line.strip_prefix(b"ERR ").filter(|why| !why.contains(&b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer in bytes that arrive one by one, and how many it took.
    fn answer(bytes: &[u8], framing: Framing) -> Option<(Reply, usize)> {
        let mut end = ReplyEnd::new(framing);
        (0..=bytes.len()).find_map(|arrived| end.find(&bytes[..arrived]))
    }

    #[test]
    fn a_line_is_an_answer() {
        let done = |text: &[u8]| Reply::Done(text.to_vec());
        assert_eq!(answer(b"OK\r\nmore", Framing::Line), Some((done(b""), 4)));
        assert_eq!(answer(b"OK 1.1.20+ds\n", Framing::Line), Some((done(b"1.1.20+ds"), 13)));
        assert_eq!(answer(b"OK", Framing::Line), None);
        let refused = Reply::Refused(b"UNKNOWN_JOB".to_vec());
        assert_eq!(answer(b"ERR UNKNOWN_JOB\r\n", Framing::Line), Some((refused, 17)));
    }

    #[test]
    fn a_list_goes_up_to_its_full_stop() {
        let (list, used) = answer(b"a.\t1\n.b\t2\n.\nnext", Framing::List).expect("whole");
        assert_eq!(used, 12);
        let rows: Vec<Row<'_>> = list.rows().collect();
        assert_eq!(rows, [[&b"a."[..], b"1"], [b".b", b"2"]]);
        assert_eq!(answer(b"a\t1\n", Framing::List), None);
        let (empty, _) = answer(b".\n", Framing::List).expect("whole");
        assert_eq!(empty.rows().count(), 0);
    }

    #[test]
    fn a_list_can_be_refused() {
        let refused = Reply::Refused(b"UNKNOWN_COMMAND x".to_vec());
        assert_eq!(answer(b"ERR UNKNOWN_COMMAND x\r\n", Framing::List), Some((refused, 23)));
        let (list, _) = answer(b"ERR f\t1\t0\t0\n.\n", Framing::List).expect("whole");
        assert!(matches!(list, Reply::List(_)));
    }
}
