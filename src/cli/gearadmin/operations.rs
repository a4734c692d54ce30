//! The table of operations: each row has an operation's option and help, its request, and
//! the form of its reply.
//!
//! Must not: send or print.

use gearman_protocol::admin::{NoWord, Request};

/// The type of a column, for JSON and for its alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnKind {
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
    pub(crate) kind: ColumnKind,
}

/// The form of a reply.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// `OK`, without a value.
    Done,
    /// One value.
    Value(ColumnKind),
    /// Lines whose fields are separated by tabs.
    Rows(&'static [Column]),
    /// As `Rows`, with percent-encoded fields: the lists that only this gearmand has.
    EscapedRows(&'static [Column]),
    /// The list of connections, whose fields are separated by spaces.
    Workers,
    /// A JSON object.
    Object,
}

/// The request for the same list as JSON with more members, which not every server knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonRequest {
    pub(crate) request: fn(&[&[u8]]) -> Result<Request, String>,
    /// The member of the reply that holds the list.
    pub(crate) member: &'static str,
}

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The long option.
    pub(crate) name: &'static str,
    /// The names of its values, and their least and most number.
    pub(crate) values: (&'static [&'static str], usize, usize),
    pub(crate) help: &'static str,
    pub(crate) request: fn(&[&[u8]]) -> Result<Request, String>,
    pub(crate) shape: Shape,
    pub(crate) json: Option<JsonRequest>,
}

const fn text(title: &'static str, name: &'static str) -> Column {
    Column { title, name, kind: ColumnKind::Text }
}

const fn number(title: &'static str, name: &'static str) -> Column {
    Column { title, name, kind: ColumnKind::Number }
}

const fn flag(title: &'static str, name: &'static str) -> Column {
    Column { title, name, kind: ColumnKind::Flag }
}

/// The columns of `workers`.
pub(crate) const WORKERS: &[Column] = &[
    number("FD", "fd"),
    text("ADDRESS", "address"),
    text("ID", "id"),
    text("FUNCTIONS", "functions"),
];

const ONE_FUNCTION: (&[&str], usize, usize) = (&["FUNCTION"], 1, 1);
const NO_VALUES: (&[&str], usize, usize) = (&[], 0, 0);

/// Every operation, in the order of `--help`.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "status",
        values: NO_VALUES,
        help: "List every function with the number of its jobs, of its running jobs, and of its \
               workers",
        request: |_| Ok(Request::status()),
        shape: Shape::Rows(&[
            text("FUNCTION", "function"),
            number("TOTAL", "total"),
            number("RUNNING", "running"),
            number("WORKERS", "workers"),
        ]),
        json: Some(JsonRequest { request: |_| Ok(Request::json_status()), member: "functions" }),
    },
    Operation {
        name: "priority-status",
        values: NO_VALUES,
        help: "List every function with the number of its queued jobs by priority, and of its workers",
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
        name: "queues",
        values: NO_VALUES,
        help: "As --priority-status, with the delayed and the running jobs of every function (*)",
        request: |_| Ok(Request::queues()),
        shape: Shape::Rows(&[
            text("FUNCTION", "function"),
            number("HIGH", "high"),
            number("NORMAL", "normal"),
            number("LOW", "low"),
            number("DELAYED", "delayed"),
            number("RUNNING", "running"),
            number("WORKERS", "workers"),
        ]),
        json: None,
    },
    Operation {
        name: "workers",
        values: NO_VALUES,
        help: "List every connection with its address, client ID and registered functions",
        request: |_| Ok(Request::workers()),
        shape: Shape::Workers,
        json: Some(JsonRequest { request: |_| Ok(Request::json_workers()), member: "workers" }),
    },
    Operation {
        name: "jobs",
        values: (&["FUNCTION"], 0, 1),
        help: "List the jobs of a function, or all jobs: unique ID, priority, state, age in seconds \
               and worker (*)",
        request: |values| checked(Request::jobs(values.first().copied())),
        shape: Shape::EscapedRows(&[
            text("HANDLE", "handle"),
            text("FUNCTION", "function"),
            text("UNIQUE", "unique"),
            text("PRIORITY", "priority"),
            text("STATE", "state"),
            number("AGE", "age"),
            text("WORKER", "worker"),
        ]),
        json: Some(JsonRequest {
            request: |values| checked(Request::json_jobs(values.first().copied())),
            member: "jobs",
        }),
    },
    Operation {
        name: "show-jobs",
        values: NO_VALUES,
        help: "List the handle of every job, with its retries, whether it is ignored, and whether \
               it is a background job (column QUEUED)",
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
        values: NO_VALUES,
        help: "List the unique ID of every job",
        request: |_| Ok(Request::show_unique_jobs()),
        shape: Shape::Rows(&[text("UNIQUE", "unique")]),
        json: None,
    },
    Operation {
        name: "cancel-job",
        values: (&["HANDLE"], 1, 1),
        help: "Cancel the job with this handle, queued or running",
        request: |values| checked(Request::cancel_job(values[0])),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "cancel-unique",
        values: (&["FUNCTION", "UNIQUE"], 2, 2),
        help: "Remove the job with this function and unique ID (*)",
        request: |values| checked(Request::cancel_unique(values[0], values[1])),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "create-function",
        values: ONE_FUNCTION,
        help: "Create a function before any job or worker uses it",
        request: |values| checked(Request::create_function(values[0])),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "drop-function",
        values: ONE_FUNCTION,
        help: "Remove a function that no worker has registered, and its queued jobs",
        request: |values| checked(Request::drop_function(values[0])),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "drop-queue",
        values: (&["FUNCTION", "dry-run"], 1, 2),
        help: "Fail the queued jobs of the function, and print their number; the function, its \
               workers and running jobs stay. With dry-run, only print the number (*)",
        request: drop_queue,
        shape: Shape::Value(ColumnKind::Number),
        json: None,
    },
    Operation {
        name: "pause-function",
        values: ONE_FUNCTION,
        help: "Assign no more jobs of the function to workers; running jobs are finished (*)",
        request: |values| checked(Request::pause_function(values[0])),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "resume-function",
        values: ONE_FUNCTION,
        help: "Assign jobs of a paused function again (*)",
        request: |values| checked(Request::resume_function(values[0])),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "maxqueue",
        values: (&["FUNCTION", "LIMIT"], 1, 4),
        help: "Limit the jobs of the function, running ones included: one number for each \
               priority, or three numbers for high, normal and low priority. Without a number, or \
               with 0, there is no limit",
        request: max_queue,
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "getpid",
        values: NO_VALUES,
        help: "Print the process ID of the server",
        request: |_| Ok(Request::getpid()),
        shape: Shape::Value(ColumnKind::Number),
        json: None,
    },
    Operation {
        name: "server-version",
        values: NO_VALUES,
        help: "Print the version of the server",
        request: |_| Ok(Request::version()),
        shape: Shape::Value(ColumnKind::Text),
        json: None,
    },
    Operation {
        name: "server-verbose",
        values: NO_VALUES,
        help: "Print the log level of the server",
        request: |_| Ok(Request::verbose()),
        shape: Shape::Value(ColumnKind::Text),
        json: None,
    },
    Operation {
        name: "server-info",
        values: NO_VALUES,
        help: "Print the server's version, uptime, number of connections, and counts of jobs (*)",
        request: |_| Ok(Request::json_server()),
        shape: Shape::Object,
        json: None,
    },
    Operation {
        name: "queue-info",
        values: NO_VALUES,
        help: "Print the state of the queue of background jobs: whether it takes jobs, how many \
               wait for their commit, its size (*)",
        request: |_| Ok(Request::json_queue()),
        shape: Shape::Object,
        json: None,
    },
    Operation {
        name: "shutdown",
        values: NO_VALUES,
        help: "Stop the server at once, if it was started with --allow-shutdown (*)",
        request: |_| Ok(Request::shutdown(false)),
        shape: Shape::Done,
        json: None,
    },
    Operation {
        name: "shutdown-graceful",
        values: NO_VALUES,
        help: "Stop the server when its jobs have ended, if it was started with \
               --allow-shutdown (*)",
        request: |_| Ok(Request::shutdown(true)),
        shape: Shape::Done,
        json: None,
    },
];

fn checked(request: Result<Request, NoWord>) -> Result<Request, String> {
    request.map_err(|error| error.to_string())
}

fn drop_queue(values: &[&[u8]]) -> Result<Request, String> {
    match values {
        [function] => checked(Request::drop_queue(function, false)),
        [function, b"dry-run"] => checked(Request::drop_queue(function, true)),
        [_, word, ..] => Err(format!("expected dry-run, not '{}'", word.escape_ascii())),
        [] => Err("expected a function".to_owned()),
    }
}

fn max_queue(values: &[&[u8]]) -> Result<Request, String> {
    let (function, limits) = values.split_first().ok_or("expected a function")?;
    if !matches!(limits.len(), 0 | 1 | 3) {
        return Err(format!("expected no limit, one, or three, not {}", limits.len()));
    }
    let read = |text: &&[u8]| {
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| {
            let text = text.escape_ascii();
            format!("invalid limit '{text}': expected a number from 0 to {}", u32::MAX)
        })
    };
    let limits: Vec<u32> = limits.iter().map(read).collect::<Result<_, _>>()?;
    checked(Request::max_queue(function, &limits))
}
