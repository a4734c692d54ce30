//! A connection that runs statements and reads their rows.
//!
//! Must not: know the table.

use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::login::{Login, log_in};
use super::packets::{PacketStream, wrong};
use crate::remote::tls_failure;

/// Command that runs statements.
const COM_QUERY: u8 = 0x03;
/// Command that ends the session.
const COM_QUIT: u8 = 0x01;
/// Flag of a result: another one follows.
const SERVER_MORE_RESULTS_EXISTS: u16 = 0x0008;
/// Time for the goodbye to a server.
const QUIT_TIMEOUT: Duration = Duration::from_millis(100);

/// Why a command failed.
#[derive(Debug)]
pub(super) enum MySqlError {
    /// The server says so. `after` statements of the command had been carried out.
    Server { code: u16, text: String, after: usize },
    /// There is no answer, or none that can be read.
    Lost(io::Error),
}

impl From<io::Error> for MySqlError {
    fn from(error: io::Error) -> MySqlError {
        MySqlError::Lost(error)
    }
}

impl std::fmt::Display for MySqlError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MySqlError::Server { code, text, .. } => write!(formatter, "{text} ({code})"),
            MySqlError::Lost(error) => match (tls_failure(error), error.kind()) {
                (Some(text), _) => formatter.write_str(&text),
                (None, io::ErrorKind::UnexpectedEof) => {
                    formatter.write_str("the connection was closed")
                }
                (None, io::ErrorKind::TimedOut) => {
                    formatter.write_str("no answer within the time limit")
                }
                (None, _) => error.fmt(formatter),
            },
        }
    }
}

/// Reads the error of a packet that begins with 0xff.
pub(super) fn server_error(packet: &[u8], after: usize) -> MySqlError {
    let code = packet.get(1..3).map_or(0, |code| u16::from_le_bytes([code[0], code[1]]));
    let text = match packet.get(3..) {
        // Behind a mark stands a state of five bytes.
        Some([b'#', rest @ ..]) => rest.get(5..).unwrap_or_default(),
        text => text.unwrap_or_default(),
    };
    MySqlError::Server { code, text: String::from_utf8_lossy(text).into_owned(), after }
}

/// The rows of a statement; none if it was one that returns none.
#[derive(Debug, Default)]
pub(super) struct ResultRows {
    columns: usize,
    /// Where the value of each column is, row by row; `None` is NULL.
    cells: Vec<Option<Range<usize>>>,
    bytes: Vec<u8>,
}

impl ResultRows {
    pub(super) fn len(&self) -> usize {
        self.cells.len().checked_div(self.columns).unwrap_or(0)
    }

    /// The row at an index that is less than [`ResultRows::len`].
    pub(super) fn row(&self, index: usize) -> ResultRow<'_> {
        let start = index * self.columns;
        ResultRow { cells: &self.cells[start..start + self.columns], bytes: &self.bytes }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = ResultRow<'_>> {
        (0..self.len()).map(|index| self.row(index))
    }

    /// Takes a row apart, whose values stand one after the other behind their lengths.
    fn push(&mut self, packet: &[u8]) -> io::Result<()> {
        let mut rest = packet;
        for _ in 0..self.columns {
            if let [0xfb, behind @ ..] = rest {
                self.cells.push(None);
                rest = behind;
                continue;
            }
            let cut = || wrong("a row is cut off");
            let length = usize::try_from(number(&mut rest)?).map_err(|_| cut())?;
            let (value, behind) = rest.split_at_checked(length).ok_or_else(cut)?;
            let start = self.bytes.len();
            self.bytes.extend_from_slice(value);
            self.cells.push(Some(start..self.bytes.len()));
            rest = behind;
        }
        Ok(())
    }
}

/// One row.
#[derive(Clone, Copy)]
pub(super) struct ResultRow<'a> {
    cells: &'a [Option<Range<usize>>],
    bytes: &'a [u8],
}

impl<'a> ResultRow<'a> {
    /// The bytes of a column; `None` is NULL.
    pub(super) fn bytes(self, column: usize) -> Option<&'a [u8]> {
        self.cells[column].clone().map(|range| &self.bytes[range])
    }

    /// The text of a column; NULL is empty.
    pub(super) fn text(self, column: usize) -> String {
        String::from_utf8_lossy(self.bytes(column).unwrap_or_default()).into_owned()
    }

    /// The number of a column; `None` is NULL.
    ///
    /// # Errors
    /// The text, if it is no number.
    pub(super) fn integer(self, column: usize) -> Result<Option<i64>, String> {
        let Some(bytes) = self.bytes(column) else { return Ok(None) };
        let number = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
        number.map(Some).ok_or_else(|| format!("\"{}\" is no number", bytes.escape_ascii()))
    }
}

/// Reads a number of variable length, and moves behind it.
fn number(rest: &mut &[u8]) -> io::Result<u64> {
    let cut = || wrong("a packet is cut off");
    let (&first, behind) = rest.split_first().ok_or_else(cut)?;
    let length = match first {
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        _ => {
            *rest = behind;
            return Ok(first.into());
        }
    };
    let (digits, behind) = behind.split_at_checked(length).ok_or_else(cut)?;
    *rest = behind;
    Ok(digits.iter().rev().fold(0, |value, &digit| value << 8 | u64::from(digit)))
}

/// A session of a server, ended when dropped.
pub(super) struct MySqlConnection {
    packets: PacketStream,
    /// The server's number for it.
    pub(super) id: u32,
    /// Longest time for a command.
    limit: Option<Duration>,
}

impl MySqlConnection {
    /// Connects and logs in within `connect_limit`. A command has `limit`.
    pub(super) fn open(
        login: &Login,
        connect_limit: Duration,
        limit: Duration,
    ) -> Result<MySqlConnection, MySqlError> {
        let (packets, id) = log_in(login, Instant::now() + connect_limit)?;
        Ok(MySqlConnection { packets, id, limit: Some(limit) })
    }

    /// Changes the time that a command has; returns what it was. `None` is without a limit.
    pub(super) fn set_limit(&mut self, limit: Option<Duration>) -> Option<Duration> {
        std::mem::replace(&mut self.limit, limit)
    }

    /// Whether the connection is open as far as this machine knows.
    pub(super) fn is_usable(&self) -> bool {
        self.packets.is_silent()
    }

    /// Runs statements, which semicolons separate, in one command. Returns the rows of each.
    ///
    /// # Errors
    /// Of the first statement that fails; those behind it are not carried out.
    pub(super) fn query(
        &mut self,
        statements: impl AsRef<[u8]>,
    ) -> Result<Vec<ResultRows>, MySqlError> {
        let statements = statements.as_ref();
        self.packets.begin(self.limit.map(|limit| Instant::now() + limit));
        let mut command = Vec::with_capacity(statements.len() + 1);
        command.push(COM_QUERY);
        command.extend_from_slice(statements);
        self.packets.send(&command)?;
        let (mut results, mut packet) = (Vec::new(), command);
        loop {
            let (rows, has_more) = self.result(&mut packet, results.len())?;
            results.push(rows);
            if !has_more {
                return Ok(results);
            }
        }
    }

    /// Runs one statement and returns its rows.
    ///
    /// # Errors
    /// As [`MySqlConnection::query`].
    pub(super) fn rows(&mut self, statement: impl AsRef<[u8]>) -> Result<ResultRows, MySqlError> {
        let results = self.query(statement)?;
        Ok(results.into_iter().next().expect("a statement has a result"))
    }

    /// Reads one result, and whether another follows.
    fn result(
        &mut self,
        packet: &mut Vec<u8>,
        after: usize,
    ) -> Result<(ResultRows, bool), MySqlError> {
        self.packets.receive(packet)?;
        match packet.first() {
            Some(0xff) => return Err(server_error(packet, after)),
            Some(0x00) => {
                let mut rest = &packet[1..];
                // Rows that were changed, and the last number that was chosen.
                number(&mut rest)?;
                number(&mut rest)?;
                return Ok((ResultRows::default(), has_more(rest)?));
            }
            // The server would have this machine's files.
            Some(0xfb) | None => return Err(wrong("an answer is of an unknown kind").into()),
            Some(_) => {}
        }
        let columns = usize::try_from(number(&mut &packet[..])?).unwrap_or(usize::MAX);
        // The description of each column, and the end of that.
        for _ in 0..=columns {
            self.packets.receive(packet)?;
        }
        let mut rows = ResultRows { columns, ..ResultRows::default() };
        loop {
            self.packets.receive(packet)?;
            match packet.first() {
                Some(0xff) => return Err(server_error(packet, after)),
                Some(0xfe) if packet.len() < 9 => {
                    // Behind the number of warnings.
                    let rest = packet.get(3..).unwrap_or_default();
                    return Ok((rows, has_more(rest)?));
                }
                _ => rows.push(packet)?,
            }
        }
    }
}

/// Whether the flags at the start say that another result follows.
fn has_more(flags: &[u8]) -> io::Result<bool> {
    match flags {
        [low, high, ..] => Ok(u16::from_le_bytes([*low, *high]) & SERVER_MORE_RESULTS_EXISTS != 0),
        _ => Err(wrong("a packet is cut off")),
    }
}

impl Drop for MySqlConnection {
    fn drop(&mut self) {
        self.packets.begin(Some(Instant::now() + QUIT_TIMEOUT));
        // The server also notices that the socket is closed.
        let _ = self.packets.send(&[COM_QUIT]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_are_read_and_one_that_is_cut_is_an_error() {
        for (bytes, value) in [
            (&[250][..], 250),
            (&[0xfc, 1, 2], 0x0201),
            (&[0xfd, 1, 2, 3], 0x03_0201),
            (&[0xfe, 1, 2, 3, 4, 5, 6, 7, 8], 0x0807_0605_0403_0201),
        ] {
            assert_eq!(number(&mut &*bytes).expect("is whole"), value);
            number(&mut &bytes[..bytes.len() - 1]).expect_err("is cut");
        }
    }

    #[test]
    fn the_values_of_a_row_are_found_and_null_is_none() {
        let mut rows = ResultRows { columns: 3, ..ResultRows::default() };
        rows.push(b"\x02-7\xfb\x00").expect("is whole");
        rows.push(b"\x01x\x03abc\x04").expect_err("is cut");
        let row = rows.row(0);
        assert_eq!(row.integer(0), Ok(Some(-7)));
        assert_eq!((row.integer(1), row.bytes(2)), (Ok(None), Some(&b""[..])));
        assert_eq!(row.integer(2), Err("\"\" is no number".to_owned()));
    }

    #[test]
    fn an_error_is_read_with_and_without_its_state() {
        for packet in [&b"\xff\x15\x04#28000Access denied"[..], b"\xff\x15\x04Access denied"] {
            assert_eq!(server_error(packet, 0).to_string(), "Access denied (1045)");
        }
    }
}
