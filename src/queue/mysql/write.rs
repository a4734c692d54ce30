//! Applying batches: one command each, unless that is larger than the database takes.
//!
//! Must not: retry. The queue thread decides what becomes of a batch that failed.

use std::fmt::Write;

use crate::record::{JobNumber, NewRecord};
use crate::remote::NetBatch;

/// Bytes of a command up to which statements are gathered.
const COMMAND_BYTES_MAX: usize = 8 << 20;
/// Bytes of a command that are left to its own words.
pub(super) const COMMAND_MARGIN_BYTES: usize = 4096;

/// What a batch is known by.
#[derive(Clone, Copy)]
pub(super) struct BatchMark {
    /// Number of the batch.
    pub(super) batch: i64,
    /// Epoch of the server that writes it.
    pub(super) epoch: i64,
}

/// The commands of a batch, one transaction.
pub(super) struct BatchCommands {
    /// Commands, each with the statements that it has.
    pub(super) commands: Vec<(Vec<u8>, usize)>,
    bytes_max: usize,
}

/// The text of a batch as commands for a database that takes `packet_bytes_max` bytes at once.
///
/// # Errors
/// If the names of a job are larger than that.
pub(super) fn commands(
    net: &NetBatch<'_>,
    mark: BatchMark,
    table: &str,
    server: &str,
    packet_bytes_max: usize,
) -> Result<BatchCommands, String> {
    let bytes_max = packet_bytes_max.min(COMMAND_BYTES_MAX).saturating_sub(COMMAND_MARGIN_BYTES);
    let mut commands = BatchCommands { commands: vec![(Vec::new(), 0)], bytes_max };
    let last_number = net.last_number.map_or(0, |number| number.0);
    let BatchMark { batch, epoch } = mark;
    commands.add("START TRANSACTION");
    commands.add(&format!(
        "UPDATE {server} SET last_batch={batch},last_number=GREATEST(last_number,{last_number}) \
         WHERE id=0 AND epoch={epoch}"
    ));
    // The row of this server is changed only if it still owns the table. Otherwise this is an error:
    // a value with two rows.
    commands.add("SET @gearmand=(SELECT 1 UNION ALL SELECT 2 FROM DUAL WHERE ROW_COUNT()<1)");
    commands.for_each(&format!("DELETE FROM {table} WHERE id IN"), &net.deletes);
    let mut attempts = net.attempts.clone();
    attempts.sort_unstable_by_key(|&(_, count)| count);
    for group in attempts.chunk_by(|a, b| a.1 == b.1) {
        let numbers: Vec<_> = group.iter().map(|&(number, _)| number).collect();
        let count = group[0].1;
        commands.for_each(&format!("UPDATE {table} SET attempts={count} WHERE id IN"), &numbers);
    }
    commands.insert(table, &net.inserts)?;
    // What is reserved is above what the original would choose. Jobs have a function, this row has
    // none.
    let largest = net.inserts.last().map_or(0, |record| record.number.0);
    if last_number > largest {
        commands.add(&format!("INSERT IGNORE INTO {table} (id) VALUES ({last_number})"));
        commands
            .add(&format!("DELETE FROM {table} WHERE id={last_number} AND function_name IS NULL"));
    }
    commands.add("COMMIT");
    Ok(commands)
}

impl BatchCommands {
    fn current(&mut self) -> &mut Vec<u8> {
        &mut self.commands.last_mut().expect("there is one").0
    }

    /// Makes room for so many bytes, in another command if this one is full.
    fn make_room(&mut self, bytes: usize) {
        if self.current().len() + bytes > self.bytes_max && !self.current().is_empty() {
            self.commands.push((Vec::new(), 0));
        }
    }

    /// Appends a statement.
    fn add(&mut self, statement: &str) {
        self.make_room(statement.len() + 1);
        let current = self.commands.last_mut().expect("there is one");
        if !current.0.is_empty() {
            current.0.push(b';');
        }
        current.0.extend_from_slice(statement.as_bytes());
        current.1 += 1;
    }

    /// Appends a statement for a list of numbers, divided where a command is full.
    fn for_each(&mut self, statement: &str, numbers: &[JobNumber]) {
        // A number has at most 20 digits.
        let at_once = (self.bytes_max.saturating_sub(statement.len()) / 24).clamp(1, 50_000);
        for numbers in numbers.chunks(at_once) {
            let mut text = format!("{statement}(");
            for (index, number) in numbers.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                let _ = write!(text, "{comma}{}", number.0);
            }
            text.push(')');
            self.add(&text);
        }
    }

    /// Appends insertions; as many rows as fit are one statement.
    fn insert(&mut self, table: &str, jobs: &[NewRecord<'_>]) -> Result<(), String> {
        let head = format!(
            "INSERT INTO {table} (id,unique_key,function_name,priority,data,when_to_run,reducer,\
             attempts,submitted) VALUES"
        );
        let tail = " ON DUPLICATE KEY UPDATE id=id";
        let mut row = Vec::new();
        let mut is_open = false;
        for job in jobs {
            row.clear();
            let rest = write_row(&mut row, job, self.bytes_max.saturating_sub(head.len() + 64));
            if row.len() + head.len() + tail.len() > self.bytes_max {
                return Err("its names are larger than max_allowed_packet".to_owned());
            }
            let needed = row.len() + tail.len() + 1;
            if is_open && self.current().len() + needed > self.bytes_max {
                self.current().extend_from_slice(tail.as_bytes());
                is_open = false;
            }
            if is_open {
                self.current().push(b',');
            } else {
                self.make_room(head.len() + needed);
                self.add(&head);
            }
            self.current().extend_from_slice(&row);
            is_open = rest.is_empty();
            if !is_open {
                self.current().extend_from_slice(tail.as_bytes());
                self.append_payload(table, job.number, rest);
            }
        }
        if is_open {
            self.current().extend_from_slice(tail.as_bytes());
        }
        Ok(())
    }

    /// Appends the rest of a payload that does not fit into a command with its row.
    fn append_payload(&mut self, table: &str, number: JobNumber, mut rest: &[u8]) {
        while !rest.is_empty() {
            let mut text = format!("UPDATE {table} SET data=CONCAT(data,").into_bytes();
            rest = write_bytes(&mut text, rest, self.bytes_max.saturating_sub(256));
            let _ = write!(AsText(&mut text), ") WHERE id={}", number.0);
            self.make_room(text.len() + 1);
            self.add("");
            self.current().extend_from_slice(&text);
        }
    }
}

/// Bytes to which text is written.
struct AsText<'a>(&'a mut Vec<u8>);

impl Write for AsText<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Writes the values of a job. Returns what of its payload is left when the row has `bytes_max`
/// bytes.
fn write_row<'a>(row: &mut Vec<u8>, job: &NewRecord<'a>, bytes_max: usize) -> &'a [u8] {
    let NewRecord { number, unique, function, reducer, payload, priority, .. } = *job;
    let _ = write!(AsText(row), "({},", number.0);
    write_bytes(row, unique, usize::MAX);
    row.push(b',');
    write_bytes(row, function, usize::MAX);
    let _ = write!(AsText(row), ",{priority},");
    let mut tail = Vec::new();
    let _ = write!(AsText(&mut tail), ",{},", job.due.map_or(0, |due| due.0));
    match reducer.is_empty() {
        true => tail.extend_from_slice(b"NULL"),
        false => drop(write_bytes(&mut tail, reducer, usize::MAX)),
    }
    let _ = write!(AsText(&mut tail), ",{},{})", job.attempts, job.submitted.0);
    let rest = write_bytes(row, payload, bytes_max.saturating_sub(tail.len()));
    row.extend_from_slice(&tail);
    rest
}

/// Writes bytes as a literal without a character set. Returns those that are left when the text
/// has `bytes_max` bytes.
fn write_bytes<'a>(text: &mut Vec<u8>, bytes: &'a [u8], bytes_max: usize) -> &'a [u8] {
    text.extend_from_slice(b"_binary'");
    let mut rest = bytes;
    while !rest.is_empty() {
        let room = bytes_max.saturating_sub(text.len() + 1);
        let plain = rest.iter().take(room).take_while(|byte| !b"\0'\\".contains(byte)).count();
        text.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        if room < plain + 2 {
            break;
        }
        if let Some((&special, behind)) = rest.split_first() {
            text.extend_from_slice(&[b'\\', if special == 0 { b'0' } else { special }]);
            rest = behind;
        }
    }
    text.push(b'\'');
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;
    use crate::record::samples::record;

    #[test]
    fn a_literal_has_no_byte_that_ends_it_and_is_cut_where_there_is_no_room() {
        let mut text = Vec::new();
        assert_eq!(write_bytes(&mut text, b"a\0'\\b", usize::MAX), b"");
        assert_eq!(text, b"_binary'a\\0\\'\\\\b'");
        for bytes_max in 12..40 {
            let mut text = Vec::new();
            let rest = write_bytes(&mut text, &[0; 30], bytes_max);
            assert!(text.len() <= bytes_max && rest.len() < 30, "{bytes_max}");
        }
    }

    #[test]
    fn no_command_is_larger_than_the_database_takes_and_their_payloads_are_whole() {
        let payload = vec![b'\''; 20_000];
        let mut batch = Batch::default();
        for number in 1..=9 {
            batch.insert(&record(number, &payload[..2200 * number as usize]), None);
        }
        (100..2000).for_each(|number| batch.delete(JobNumber(number)));
        batch.reserve_numbers(JobNumber(65_536));
        let net = NetBatch::new(&batch);
        let mark = BatchMark { batch: 7, epoch: 3 };
        let found = commands(&net, mark, "`t`", "`t_server`", 20_480).expect("fits");
        assert!(found.commands.len() > 10);
        let mut quotes = 0;
        for (text, _) in &found.commands {
            assert!(text.len() < 20_480 - COMMAND_MARGIN_BYTES + 100, "{} bytes", text.len());
            quotes += text.windows(2).filter(|pair| pair == b"\\'").count();
        }
        assert_eq!(quotes, (1..=9).map(|number| 2200 * number).sum::<usize>());
        let last = &found.commands.last().expect("there is one").0;
        assert!(last.ends_with(b";COMMIT"));
    }

    #[test]
    fn a_small_batch_is_one_command_with_its_statements_counted() {
        let mut batch = Batch::default();
        batch.insert(&record(1, b"x;y"), None);
        batch.insert(&record(2, b"x"), None);
        batch.set_attempts(JobNumber(9), 1);
        let mark = BatchMark { batch: 1, epoch: 1 };
        let net = NetBatch::new(&batch);
        let found = commands(&net, mark, "`t;u`", "`s`", 1 << 20).expect("fits");
        let [(text, statements)] = &found.commands[..] else { panic!("is one command") };
        assert_eq!(*statements, 6, "{}", text.escape_ascii());
    }
}
