//! [`View`]: formats replies, as the server sent them, as tables, or as JSON.
//!
//! Must not: send requests.

use std::borrow::Cow;
use std::time::Instant;

use gearman_protocol::admin::{Reply, Row};
use gearman_protocol::percent::unescape;
use serde_json::{Map, Value, json};

use crate::gearadmin::operations::{
    Column, JsonColumn, Operation, PreferredKind, Shape, WORKERS, plain,
};
use crate::gearadmin::rates::{RATES, Rates};
use crate::gearadmin::table::{self, ColumnKind, Heading, printable};
use crate::gearadmin::watch::terminal_size;
use crate::tools::json::put;

/// The format of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// As the original prints it, for pipes.
    Raw,
    /// With titles and aligned columns, for terminals.
    Table,
    /// A line of JSON.
    Json,
}

/// The request that was answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answered {
    /// The one that every server knows.
    Plain,
    /// The preferred one, at this time.
    Preferred(PreferredKind, Instant),
}

/// How replies are shown.
pub(crate) struct View {
    format: Format,
    /// Columns of the terminal, if a table must fit one.
    width: Option<usize>,
    /// In a live view, what is counted from one list to the next.
    rates: Option<Rates>,
}

impl View {
    pub(crate) fn new(format: Format, is_live: bool) -> View {
        let mut view = View { format, width: None, rates: is_live.then(Rates::default) };
        view.fit_to_terminal();
        view
    }

    /// Takes the terminal's width, which may change.
    pub(crate) fn fit_to_terminal(&mut self) {
        self.width = terminal_size().map(|(columns, _)| columns);
    }

    /// Whether the preferred request says more than this format shows of the plain reply.
    pub(crate) fn wants(&self, kind: PreferredKind) -> bool {
        match (self.format, kind) {
            (Format::Raw, _) => false,
            (Format::Table, PreferredKind::Json { columns, .. }) => !columns.is_empty(),
            (Format::Table | Format::Json, _) => true,
        }
    }

    /// Formats a reply; `None` if the server does not know the preferred request.
    pub(crate) fn show(
        &mut self,
        operation: &Operation,
        reply: &Reply,
        answered: Answered,
    ) -> Option<Vec<u8>> {
        match answered {
            Answered::Plain => Some(self.plain_reply(operation, reply)),
            Answered::Preferred(PreferredKind::Json { member, columns }, at) => {
                self.json_list(operation, reply, member, columns, at)
            }
            Answered::Preferred(PreferredKind::Dropped, _) => self.dropped(operation, reply),
        }
    }

    fn plain_reply(&self, operation: &Operation, reply: &Reply) -> Vec<u8> {
        match (self.format, reply, operation.shape) {
            (Format::Json, ..) => line(&as_json(operation, reply)),
            (_, Reply::Refused(_), _) => Vec::new(),
            (Format::Table, Reply::List(_), Shape::Rows(columns)) => {
                self.table(columns, reply.rows().map(|row| cells(columns, &row)).collect())
            }
            (Format::Table, Reply::List(_), Shape::Workers) => {
                let rows = reply.rows().map(|row| cells(WORKERS, &worker_fields(&row)));
                self.table(WORKERS, rows.collect())
            }
            (Format::Table, Reply::List(_), Shape::EscapedRows(columns)) => {
                self.table(columns, reply.rows().map(|row| escaped_cells(columns, &row)).collect())
            }
            (Format::Table, Reply::Done(text), Shape::Object) => {
                let object: Map<String, Value> = serde_json::from_slice(text).unwrap_or_default();
                let lines = object.iter().map(|(name, value)| vec![name.clone(), plain(value)]);
                self.table(&[], lines.collect())
            }
            (_, Reply::List(text), _) => text.clone(),
            (_, Reply::Done(text), _) => {
                let mut line = if text.is_empty() { b"OK".to_vec() } else { text.clone() };
                line.push(b'\n');
                line
            }
        }
    }

    fn table(&self, columns: &[Column], rows: Vec<Vec<String>>) -> Vec<u8> {
        let titles: Vec<Heading> = columns.iter().map(|c| (c.title, c.kind)).collect();
        table::format(&titles, rows, self.width)
    }

    fn json_list(
        &mut self,
        operation: &Operation,
        reply: &Reply,
        member: &str,
        columns: &[JsonColumn],
        at: Instant,
    ) -> Option<Vec<u8>> {
        let Reply::Done(text) = reply else { return None };
        let mut object: Map<String, Value> = serde_json::from_slice(text).ok()?;
        let list = object.remove(member)?;
        if self.format == Format::Json {
            return Some(line(&json!({"operation": operation.name, "result": list})));
        }
        let rates = self.rates.as_mut().filter(|_| member == "functions");
        let mut titles: Vec<Heading> = columns.iter().map(|c| (c.title, c.kind)).collect();
        let cells = |item: &Value| columns.iter().map(|column| (column.cell)(item)).collect();
        let items = list.as_array().into_iter().flatten();
        let mut rows: Vec<Vec<String>> = items.clone().map(cells).collect();
        if let Some(rates) = rates {
            rates.update(&list, at);
            titles.extend(RATES.map(|(_, title)| (title, ColumnKind::Number)));
            for (row, item) in rows.iter_mut().zip(items) {
                row.extend(rates.cells(item));
            }
        }
        Some(table::format(&titles, rows, self.width))
    }

    /// Formats the number of jobs that were dropped with a function.
    fn dropped(&self, operation: &Operation, reply: &Reply) -> Option<Vec<u8>> {
        match reply {
            Reply::Refused(why) if why.starts_with(b"UNKNOWN_COMMAND") => None,
            Reply::Done(jobs) if self.format == Format::Json => {
                let mut object = Map::new();
                object.insert("operation".into(), operation.name.into());
                object.insert("result".into(), "OK".into());
                field(&mut object, "jobs", ColumnKind::Number, jobs);
                Some(line(&Value::Object(object)))
            }
            Reply::Done(jobs) => {
                let jobs = String::from_utf8_lossy(jobs);
                Some(format!("OK, {jobs} queued jobs were dropped with it\n").into_bytes())
            }
            _ => Some(self.plain_reply(operation, reply)),
        }
    }
}

/// A value as a line of JSON.
fn line(value: &Value) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}

/// The fields of a row of `workers`: `FD ADDRESS ID : FUNCTION...`.
fn worker_fields<'a>(row: &Row<'a>) -> Row<'a> {
    let line = row.first().copied().unwrap_or_default();
    let mut fields: Row<'a> = line.splitn(4, |&b| b == b' ').collect();
    if let Some(functions) = fields.get_mut(3) {
        let rest = functions.strip_prefix(b":").unwrap_or(functions);
        *functions = rest.strip_prefix(b" ").unwrap_or(rest);
    }
    fields
}

/// A row's cells as text, one for each column.
fn cells(columns: &[Column], row: &Row<'_>) -> Vec<String> {
    let cells =
        (0..columns.len().max(row.len())).map(|at| row.get(at).copied().unwrap_or_default());
    let kinds = columns.iter().map(|column| column.kind).chain(std::iter::repeat(ColumnKind::Text));
    let shown = cells.zip(kinds).map(|(cell, kind)| match kind {
        ColumnKind::Payload => table::payload(cell),
        ColumnKind::Text | ColumnKind::Number | ColumnKind::Flag => printable(cell),
    });
    shown.collect()
}

/// A row's cells as text, from percent-encoded fields.
fn escaped_cells(columns: &[Column], row: &Row<'_>) -> Vec<String> {
    let fields: Vec<Vec<u8>> = row.iter().map(|field| unescaped(field)).collect();
    cells(columns, &fields.iter().map(Vec::as_slice).collect())
}

fn unescaped(field: &[u8]) -> Vec<u8> {
    unescape(field).unwrap_or_else(|_| field.to_vec())
}

fn as_json(operation: &Operation, reply: &Reply) -> Value {
    let mut object = Map::new();
    object.insert("operation".into(), operation.name.into());
    match (reply, operation.shape) {
        (Reply::Refused(why), _) => put(&mut object, "error", why),
        (Reply::List(_), Shape::Workers) => {
            let rows = reply.rows().map(|row| {
                let row = worker_fields(&row);
                let mut object = fields(&WORKERS[..3], &row);
                let functions = row.get(3).copied().unwrap_or_default();
                let functions = functions.split(|&b| b == b' ').filter(|name| !name.is_empty());
                let functions: Vec<Cow<'_, str>> = functions.map(String::from_utf8_lossy).collect();
                object.insert("functions".into(), json!(functions));
                Value::Object(object)
            });
            object.insert("result".into(), rows.collect());
        }
        (Reply::List(_), Shape::Rows(columns)) => {
            let rows = reply.rows().map(|row| Value::Object(fields(columns, &row)));
            object.insert("result".into(), rows.collect());
        }
        (Reply::List(_), Shape::EscapedRows(columns)) => {
            let rows = reply.rows().map(|row| {
                let row: Vec<Vec<u8>> = row.iter().map(|field| unescaped(field)).collect();
                Value::Object(fields(columns, &row.iter().map(Vec::as_slice).collect()))
            });
            object.insert("result".into(), rows.collect());
        }
        (Reply::Done(text), Shape::Object) => match serde_json::from_slice::<Value>(text) {
            Ok(value) => {
                object.insert("result".into(), value);
            }
            Err(_) => put(&mut object, "result", text),
        },
        (Reply::List(text), Shape::Done | Shape::Dropped | Shape::Value(_) | Shape::Object) => {
            put(&mut object, "result", text)
        }
        (Reply::Done(text), Shape::Dropped) => {
            field(&mut object, "result", ColumnKind::Number, text);
        }
        (Reply::Done(text), Shape::Value(kind)) => field(&mut object, "result", kind, text),
        (Reply::Done(text), _) if text.is_empty() => {
            object.insert("result".into(), "OK".into());
        }
        (Reply::Done(text), _) => put(&mut object, "result", text),
    }
    Value::Object(object)
}

fn fields(columns: &[Column], row: &Row<'_>) -> Map<String, Value> {
    let mut object = Map::new();
    for (column, bytes) in columns.iter().zip(row) {
        field(&mut object, column.name, column.kind, bytes);
    }
    object
}

/// Adds a field as a member of its column's type, or else as text.
fn field(object: &mut Map<String, Value>, name: &str, kind: ColumnKind, bytes: &[u8]) {
    let value = std::str::from_utf8(bytes).ok().and_then(|text| match kind {
        ColumnKind::Text | ColumnKind::Payload => None,
        ColumnKind::Number => text.parse::<i64>().ok().map(Value::from),
        ColumnKind::Flag => text.parse::<u8>().ok().map(|flag| Value::from(flag != 0)),
    });
    match value {
        Some(value) => {
            object.insert(name.to_owned(), value);
        }
        None => put(object, name, bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gearadmin::operations::OPERATIONS;

    fn shown(operation: &str, reply: &Reply, format: Format) -> String {
        let operation = OPERATIONS.iter().find(|o| o.name == operation).expect("in the table");
        let mut view = View { format, width: None, rates: None };
        let shown = view.show(operation, reply, Answered::Plain).expect("plain");
        String::from_utf8(shown).expect("text")
    }

    fn list(text: &str) -> Reply {
        Reply::List(text.as_bytes().to_vec())
    }

    #[test]
    fn a_list_is_formatted_raw_as_a_table_and_as_json() {
        let reply = list("resize\t12\t1\t3\nf\t0\t0\t0\n.\n");
        assert_eq!(shown("status", &reply, Format::Raw), "resize\t12\t1\t3\nf\t0\t0\t0\n.\n");
        assert_eq!(
            shown("status", &reply, Format::Table),
            "FUNCTION  TOTAL  RUNNING  WORKERS\n\
             resize       12        1        3\n\
             f             0        0        0\n"
        );
        assert_eq!(
            shown("status", &reply, Format::Json),
            "{\"operation\":\"status\",\"result\":[\
             {\"function\":\"resize\",\"total\":12,\"running\":1,\"workers\":3},\
             {\"function\":\"f\",\"total\":0,\"running\":0,\"workers\":0}]}\n"
        );
    }

    #[test]
    fn the_fields_of_workers_are_separated_by_spaces() {
        let reply = list("31 127.0.0.1 me : a b\n33 ::1 - :\n.\n");
        assert_eq!(
            shown("workers", &reply, Format::Table),
            "FD  ADDRESS    ID  FUNCTIONS\n31  127.0.0.1  me  a b\n33  ::1        -\n"
        );
        assert_eq!(
            shown("workers", &reply, Format::Json),
            "{\"operation\":\"workers\",\"result\":[\
             {\"fd\":31,\"address\":\"127.0.0.1\",\"id\":\"me\",\"functions\":[\"a\",\"b\"]},\
             {\"fd\":33,\"address\":\"::1\",\"id\":\"-\",\"functions\":[]}]}\n"
        );
    }

    #[test]
    fn values_and_refusals_are_formatted_as_json() {
        let pid = Reply::Done(b"12".to_vec());
        assert_eq!(
            shown("getpid", &pid, Format::Json),
            "{\"operation\":\"getpid\",\"result\":12}\n"
        );
        let refused = Reply::Refused(b"UNKNOWN_JOB".to_vec());
        assert_eq!(
            shown("cancel-job", &refused, Format::Json),
            "{\"operation\":\"cancel-job\",\"error\":\"UNKNOWN_JOB\"}\n"
        );
        assert_eq!(shown("cancel-job", &refused, Format::Raw), "");
    }

    #[test]
    fn a_control_character_in_a_name_is_replaced_in_a_table() {
        let reply = list("\u{1b}[2Jf\t1\t0\t0\n.\n");
        assert!(!shown("status", &reply, Format::Table).contains('\u{1b}'));
        assert!(shown("status", &reply, Format::Raw).contains('\u{1b}'));
    }
}
