//! The table of operations: one row says how an operation is given on the
//! command line, which request it is, and what its answer looks like.
//!
//! Must not: ask or print.

use gearman::protocol::admin::{NoWord, Request};

/// What a column holds, for JSON and for how it is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    /// 0 or 1.
    Flag,
}

/// A column of a list: its title in a table, and its name in JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// What an answer looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Nothing but that it was done.
    Done,
    /// One value.
    Value(Kind),
    /// Lines of fields between tabs.
    Rows(&'static [Column]),
    /// The list of connections, whose fields stand between blanks.
    Workers,
}

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The long option.
    pub(crate) name: &'static str,
    /// Its values: their names, and how many there are at least.
    pub(crate) values: (&'static [&'static str], usize),
    pub(crate) help: &'static str,
    pub(crate) request: fn(&[&[u8]]) -> Result<Request, String>,
    pub(crate) shape: Shape,
}

const fn text(title: &'static str, name: &'static str) -> Column {
    Column { title, name, kind: Kind::Text }
}

const fn number(title: &'static str, name: &'static str) -> Column {
    Column { title, name, kind: Kind::Number }
}

const fn flag(title: &'static str, name: &'static str) -> Column {
    Column { title, name, kind: Kind::Flag }
}

/// The columns of `workers`.
pub(crate) const WORKERS: &[Column] = &[
    number("FD", "fd"),
    text("ADDRESS", "address"),
    text("ID", "id"),
    text("FUNCTIONS", "functions"),
];

const FUNCTION: (&[&str], usize) = (&["FUNCTION"], 1);
const NOTHING: (&[&str], usize) = (&[], 0);

/// Every operation, in the order of `--help`.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "status",
        values: NOTHING,
        help: "Status for the server: every function with its jobs, how many of them run, and its \
               workers.",
        request: |_| Ok(Request::status()),
        shape: Shape::Rows(&[
            text("FUNCTION", "function"),
            number("TOTAL", "total"),
            number("RUNNING", "running"),
            number("WORKERS", "workers"),
        ]),
    },
    Operation {
        name: "priority-status",
        values: NOTHING,
        help: "Queued jobs status by priority.",
        request: |_| Ok(Request::priority_status()),
        shape: Shape::Rows(&[
            text("FUNCTION", "function"),
            number("HIGH", "high"),
            number("NORMAL", "normal"),
            number("LOW", "low"),
            number("WORKERS", "workers"),
        ]),
    },
    Operation {
        name: "workers",
        values: NOTHING,
        help: "Workers for the server: every connection with the functions that it offers.",
        request: |_| Ok(Request::workers()),
        shape: Shape::Workers,
    },
    Operation {
        name: "show-jobs",
        values: NOTHING,
        help: "Show all jobs on the server.",
        request: |_| Ok(Request::show_jobs()),
        shape: Shape::Rows(&[
            text("HANDLE", "handle"),
            number("RETRIES", "retries"),
            flag("IGNORED", "ignored"),
            flag("QUEUED", "queued"),
        ]),
    },
    Operation {
        name: "show-unique-jobs",
        values: NOTHING,
        help: "Show unique IDs of jobs on the server.",
        request: |_| Ok(Request::show_unique_jobs()),
        shape: Shape::Rows(&[text("UNIQUE", "unique")]),
    },
    Operation {
        name: "cancel-job",
        values: (&["HANDLE"], 1),
        help: "Remove a given job from the server's queue.",
        request: |values| worded(Request::cancel_job(values[0])),
        shape: Shape::Done,
    },
    Operation {
        name: "create-function",
        values: FUNCTION,
        help: "Create the function on the server.",
        request: |values| worded(Request::create_function(values[0])),
        shape: Shape::Done,
    },
    Operation {
        name: "drop-function",
        values: FUNCTION,
        help: "Drop the function from the server.",
        request: |values| worded(Request::drop_function(values[0])),
        shape: Shape::Done,
    },
    Operation {
        name: "maxqueue",
        values: (&["FUNCTION", "LIMIT"], 1),
        help: "Limit how many jobs of the function can be queued: one number for each priority, \
               or three, for high, normal and low. 0 or no number is without limit.",
        request: max_queue,
        shape: Shape::Done,
    },
    Operation {
        name: "getpid",
        values: NOTHING,
        help: "Get Process ID for the server.",
        request: |_| Ok(Request::getpid()),
        shape: Shape::Value(Kind::Number),
    },
    Operation {
        name: "server-version",
        values: NOTHING,
        help: "Fetch the version number for the server.",
        request: |_| Ok(Request::version()),
        shape: Shape::Value(Kind::Text),
    },
    Operation {
        name: "server-verbose",
        values: NOTHING,
        help: "Fetch the verbose setting for the server.",
        request: |_| Ok(Request::verbose()),
        shape: Shape::Value(Kind::Text),
    },
];

fn worded(request: Result<Request, NoWord>) -> Result<Request, String> {
    request.map_err(|error| error.to_string())
}

fn max_queue(values: &[&[u8]]) -> Result<Request, String> {
    let (function, limits) = values.split_first().ok_or("no function")?;
    if !matches!(limits.len(), 0 | 1 | 3) {
        return Err(format!("one limit or three, not {}", limits.len()));
    }
    let read = |text: &&[u8]| {
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| format!("{} is no limit", text.escape_ascii()))
    };
    let limits: Vec<u32> = limits.iter().map(read).collect::<Result<_, _>>()?;
    worded(Request::max_queue(function, &limits))
}
