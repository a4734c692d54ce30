//! The table of operations: one row says how an operation is given on the
//! command line, which request it is, and what its answer looks like.
//!
//! Must not: ask or print.

use gearman_protocol::admin::{NoWord, Request};

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
    /// Lines whose fields are escaped, as in our own server's lists.
    EscapedRows(&'static [Column]),
    /// The list of connections, whose fields stand between blanks.
    Workers,
    /// An object of JSON.
    Object,
}

/// The same as JSON, from servers that have it, and more of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Json {
    pub(crate) request: fn(&[&[u8]]) -> Result<Request, String>,
    /// The member of the answer that holds the list.
    pub(crate) member: &'static str,
}

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The long option.
    pub(crate) name: &'static str,
    /// Its values: their names, and how many there are at least and at most.
    pub(crate) values: (&'static [&'static str], usize, usize),
    pub(crate) help: &'static str,
    pub(crate) request: fn(&[&[u8]]) -> Result<Request, String>,
    pub(crate) shape: Shape,
    pub(crate) json: Option<Json>,
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

const FUNCTION: (&[&str], usize, usize) = (&["FUNCTION"], 1, 1);
const NOTHING: (&[&str], usize, usize) = (&[], 0, 0);

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
        json: Some(Json { request: |_| Ok(Request::json_status()), member: "functions" }),
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
        json: None,
    },
    Operation {
        name: "workers",
        values: NOTHING,
        help: "Workers for the server: every connection with the functions that it offers.",
        request: |_| Ok(Request::workers()),
        shape: Shape::Workers,
        json: Some(Json { request: |_| Ok(Request::json_workers()), member: "workers" }),
    },
    Operation {
        name: "jobs",
        values: (&["FUNCTION"], 0, 1),
        help: "Every job, or those of a function: its unique ID, priority, state, age in seconds \
               and worker. (*)",
        request: |values| worded(Request::jobs(values.first().copied())),
        shape: Shape::EscapedRows(&[
            text("HANDLE", "handle"),
            text("FUNCTION", "function"),
            text("UNIQUE", "unique"),
            text("PRIORITY", "priority"),
            text("STATE", "state"),
            number("AGE", "age"),
            text("WORKER", "worker"),
        ]),
        json: Some(Json {
            request: |values| worded(Request::json_jobs(values.first().copied())),
            member: "jobs",
        }),
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
        json: None,
    },
    Operation {
        name: "show-unique-jobs",
        values: NOTHING,
        help: "Show unique IDs of jobs on the server.",
        request: |_| Ok(Request::show_unique_jobs()),
        shape: Shape::Rows(&[text("UNIQUE", "unique")]),
        json: None,
    },
    Operation {
        name: "cancel-job",
        values: (&["HANDLE"], 1, 1),
        help: "Remove a given job from the server's queue.",
        request: |values| worded(Request::cancel_job(values[0])),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "cancel-unique",
        values: (&["FUNCTION", "UNIQUE"], 2, 2),
        help: "Remove the function's job with this unique ID. (*)",
        request: |values| worded(Request::cancel_unique(values[0], values[1])),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "create-function",
        values: FUNCTION,
        help: "Create the function on the server.",
        request: |values| worded(Request::create_function(values[0])),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "drop-function",
        values: FUNCTION,
        help: "Drop the function from the server.",
        request: |values| worded(Request::drop_function(values[0])),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "pause-function",
        values: FUNCTION,
        help: "Hand no more jobs of the function out; those that run go on. (*)",
        request: |values| worded(Request::pause_function(values[0])),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "resume-function",
        values: FUNCTION,
        help: "Hand jobs of the function out again. (*)",
        request: |values| worded(Request::resume_function(values[0])),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "maxqueue",
        values: (&["FUNCTION", "LIMIT"], 1, 4),
        help: "Limit how many jobs of the function can be queued: one number for each priority, \
               or three, for high, normal and low. 0 or no number is without limit.",
        request: max_queue,
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "getpid",
        values: NOTHING,
        help: "Get Process ID for the server.",
        request: |_| Ok(Request::getpid()),
        shape: Shape::Value(Kind::Number),
        json: None,
    },
    Operation {
        name: "server-version",
        values: NOTHING,
        help: "Fetch the version number for the server.",
        request: |_| Ok(Request::version()),
        shape: Shape::Value(Kind::Text),
        json: None,
    },
    Operation {
        name: "server-verbose",
        values: NOTHING,
        help: "Fetch the verbose setting for the server.",
        request: |_| Ok(Request::verbose()),
        shape: Shape::Value(Kind::Text),
        json: None,
    },
    Operation {
        name: "server-info",
        values: NOTHING,
        help: "What the server says of itself: version, uptime, connections, jobs. (*)",
        request: |_| Ok(Request::json_server()),
        shape: Shape::Object,
        json: None,
    },
    Operation {
        name: "shutdown",
        values: NOTHING,
        help: "End the server, which has to have been started with --allow-shutdown. (*)",
        request: |_| Ok(Request::shutdown(false)),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "shutdown-graceful",
        values: NOTHING,
        help: "End the server once its jobs are done; as --shutdown. (*)",
        request: |_| Ok(Request::shutdown(true)),
        shape: Shape::Done,
        json: None,
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
