//! The table of operations: each row has an operation's option and help, its request, and
//! the form of its reply.
//!
//! Must not: send or print.

use gearman_protocol::admin::{NoWord, Request};
use serde_json::Value;

use crate::gearadmin::table::{ColumnKind, printable};
use crate::tools::servers::address_text;

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
    /// The number of jobs that the operation has dropped.
    Dropped,
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

/// A column of a table whose rows are members of a JSON list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonColumn {
    pub(crate) title: &'static str,
    pub(crate) kind: ColumnKind,
    pub(crate) cell: fn(&Value) -> String,
}

/// The answer to a request that not every server knows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PreferredKind {
    /// The same list as JSON, with more members.
    Json {
        /// The member of the reply that holds the list.
        member: &'static str,
        /// The columns of a table of it; none if the plain reply has all that a table shows.
        columns: &'static [JsonColumn],
    },
    /// The number of jobs that were dropped, in place of `OK`.
    Dropped,
}

/// A request that is tried first, because its answer says more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Preferred {
    pub(crate) request: fn(&[&[u8]]) -> Result<Request, String>,
    pub(crate) kind: PreferredKind,
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
    pub(crate) preferred: Option<Preferred>,
}

impl Operation {
    /// Whether it changes something, and so must not be repeated.
    pub(crate) fn is_change(&self) -> bool {
        match self.shape {
            Shape::Done | Shape::Dropped => true,
            Shape::Value(_)
            | Shape::Rows(_)
            | Shape::EscapedRows(_)
            | Shape::Workers
            | Shape::Object => false,
        }
    }
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

const fn json_number(title: &'static str, cell: fn(&Value) -> String) -> JsonColumn {
    JsonColumn { title, kind: ColumnKind::Number, cell }
}

const fn json_text(title: &'static str, cell: fn(&Value) -> String) -> JsonColumn {
    JsonColumn { title, kind: ColumnKind::Text, cell }
}

/// The columns of a table of `json status`.
const FUNCTION_COLUMNS: &[JsonColumn] = &[
    json_text("FUNCTION", |function| member(function, "function")),
    json_number("TOTAL", |function| member(function, "total")),
    json_number("RUNNING", |function| member(function, "running")),
    json_number("WORKERS", |function| member(function, "workers")),
    json_text("PAUSED", |function| if function["paused"] == true { "yes" } else { "-" }.to_owned()),
    json_text("LIMIT", |function| limits(&function["limits"])),
];

/// The columns of a table of `json workers`.
const WORKER_COLUMNS: &[JsonColumn] = &[
    json_number("FD", |peer| member(peer, "fd")),
    json_text("ADDRESS", |peer| address(&member(peer, "address"), &peer["port"])),
    json_text("ID", |peer| member(peer, "id")),
    json_number("RUNNING", |peer| member(peer, "running")),
    json_number("CANCELLED", |peer| peer["cancelled"].as_array().map_or(0, Vec::len).to_string()),
    json_text("FUNCTIONS", |peer| {
        let all = |list: &Value, mark: &str| -> Vec<String> {
            let names = list.as_array().into_iter().flatten().map(plain);
            names.map(|name| format!("{mark}{name}")).collect()
        };
        [all(&peer["functions"], ""), all(&peer["refused"], "!")].concat().join(" ")
    }),
];

/// A JSON value as text, without quotes; `-` for null.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => printable(text.as_bytes()),
        value => value.to_string(),
    }
}

fn member(object: &Value, name: &str) -> String {
    plain(&object[name])
}

/// An address with its port, if it has one.
fn address(host: &str, port: &Value) -> String {
    let port = port.as_u64().and_then(|port| u16::try_from(port).ok());
    port.map_or_else(|| host.to_owned(), |port| address_text(host, port))
}

/// The limits of a function by priority: one number if they are equal, `-` for none.
fn limits(limits: &Value) -> String {
    let all: Vec<u64> = limits.as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    let text = |limit: &u64| if *limit == 0 { "-".to_owned() } else { limit.to_string() };
    match &all[..] {
        [] => "-".to_owned(),
        [first, rest @ ..] if rest.iter().all(|limit| limit == first) => text(first),
        all => all.iter().map(text).collect::<Vec<_>>().join("/"),
    }
}

const ONE_FUNCTION: (&[&str], usize, usize) = (&["FUNCTION"], 1, 1);
const NO_VALUES: (&[&str], usize, usize) = (&[], 0, 0);

/// Every operation, in the order of `--help`.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "status",
        values: NO_VALUES,
        help: "List every function with the number of its jobs, of its running jobs, and of its \
               workers; on a terminal also whether it is paused, and its limits (--maxqueue)",
        request: |_| Ok(Request::status()),
        shape: Shape::Rows(&[
            text("FUNCTION", "function"),
            number("TOTAL", "total"),
            number("RUNNING", "running"),
            number("WORKERS", "workers"),
        ]),
        preferred: Some(Preferred {
            request: |_| Ok(Request::json_status()),
            kind: PreferredKind::Json { member: "functions", columns: FUNCTION_COLUMNS },
        }),
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
        preferred: None,
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
        preferred: None,
    },
    Operation {
        name: "workers",
        values: NO_VALUES,
        help: "List every connection with its address, client ID and registered functions",
        request: |_| Ok(Request::workers()),
        shape: Shape::Workers,
        preferred: Some(Preferred {
            request: |_| Ok(Request::json_workers()),
            kind: PreferredKind::Json { member: "workers", columns: WORKER_COLUMNS },
        }),
    },
    Operation {
        name: "jobs",
        values: (&["FUNCTION"], 0, 1),
        help: "List the jobs of a function, or all jobs: unique ID, priority, state, age in \
               seconds, worker, and how many seconds that has run it. A cancelled job is shown \
               until its worker reports an end (*)",
        request: |values| checked(Request::jobs(values.first().copied())),
        shape: Shape::EscapedRows(&[
            text("HANDLE", "handle"),
            text("FUNCTION", "function"),
            text("UNIQUE", "unique"),
            text("PRIORITY", "priority"),
            text("STATE", "state"),
            number("AGE", "age"),
            text("WORKER", "worker"),
            number("RUNS", "runs"),
        ]),
        preferred: Some(Preferred {
            request: |values| checked(Request::json_jobs(values.first().copied())),
            kind: PreferredKind::Json { member: "jobs", columns: &[] },
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
        preferred: None,
    },
    Operation {
        name: "show-unique-jobs",
        values: NO_VALUES,
        help: "List the unique ID of every job",
        request: |_| Ok(Request::show_unique_jobs()),
        shape: Shape::Rows(&[text("UNIQUE", "unique")]),
        preferred: None,
    },
    Operation {
        name: "cancel-job",
        values: (&["HANDLE"], 1, 1),
        help: "Cancel the job with this handle, queued or running",
        request: |values| checked(Request::cancel_job(values[0])),
        shape: Shape::Done,
        preferred: None,
    },
    Operation {
        name: "cancel-unique",
        values: (&["FUNCTION", "UNIQUE"], 2, 2),
        help: "Remove the job with this function and unique ID (*)",
        request: |values| checked(Request::cancel_unique(values[0], values[1])),
        shape: Shape::Done,
        preferred: None,
    },
    Operation {
        name: "create-function",
        values: ONE_FUNCTION,
        help: "Create a function before any job or worker uses it",
        request: |values| checked(Request::create_function(values[0])),
        shape: Shape::Done,
        preferred: None,
    },
    Operation {
        name: "drop-function",
        values: ONE_FUNCTION,
        help: "Remove a function that no worker has registered, and its queued jobs. On a terminal, \
               and with --json, their number is printed",
        request: |values| checked(Request::drop_function(values[0])),
        shape: Shape::Done,
        preferred: Some(Preferred {
            request: |values| checked(Request::drop_function_counted(values[0])),
            kind: PreferredKind::Dropped,
        }),
    },
    Operation {
        name: "drop-queue",
        values: (&["FUNCTION", "dry-run"], 1, 2),
        help: "Fail the queued jobs of the function, and print their number; the function, its \
               workers and running jobs stay. With dry-run, only print the number (*)",
        request: drop_queue,
        shape: Shape::Dropped,
        preferred: None,
    },
    Operation {
        name: "purge",
        values: ONE_FUNCTION,
        help: "As --drop-queue FUNCTION (*)",
        request: drop_queue,
        shape: Shape::Dropped,
        preferred: None,
    },
    Operation {
        name: "peek",
        values: (&["FUNCTION", "COUNT"], 1, 2),
        help: "List the first COUNT jobs (10, at most 100) of the function's queue, with the first \
               1024 bytes of their payloads (*)",
        request: peek,
        shape: Shape::EscapedRows(&[
            text("HANDLE", "handle"),
            text("UNIQUE", "unique"),
            text("PRIORITY", "priority"),
            text("STATE", "state"),
            number("AGE", "age"),
            number("BYTES", "bytes"),
            Column { title: "PAYLOAD", name: "payload", kind: ColumnKind::Payload },
        ]),
        preferred: None,
    },
    Operation {
        name: "pause-function",
        values: ONE_FUNCTION,
        help: "Assign no more jobs of the function to workers; running jobs are finished (*)",
        request: |values| checked(Request::pause_function(values[0])),
        shape: Shape::Done,
        preferred: None,
    },
    Operation {
        name: "resume-function",
        values: ONE_FUNCTION,
        help: "Assign jobs of a paused function again (*)",
        request: |values| checked(Request::resume_function(values[0])),
        shape: Shape::Done,
        preferred: None,
    },
    Operation {
        name: "maxqueue",
        values: (&["FUNCTION", "LIMIT"], 1, 4),
        help: "Limit the jobs of the function, running ones included: one number for each \
               priority, or three numbers for high, normal and low priority. Without a number, or \
               with 0, there is no limit. --status shows the limits",
        request: max_queue,
        shape: Shape::Done,
        preferred: None,
    },
    Operation {
        name: "getpid",
        values: NO_VALUES,
        help: "Print the process ID of the server",
        request: |_| Ok(Request::getpid()),
        shape: Shape::Value(ColumnKind::Number),
        preferred: None,
    },
    Operation {
        name: "server-version",
        values: NO_VALUES,
        help: "Print the version of the server",
        request: |_| Ok(Request::version()),
        shape: Shape::Value(ColumnKind::Text),
        preferred: None,
    },
    Operation {
        name: "server-verbose",
        values: NO_VALUES,
        help: "Print the log level of the server",
        request: |_| Ok(Request::verbose()),
        shape: Shape::Value(ColumnKind::Text),
        preferred: None,
    },
    Operation {
        name: "server-info",
        values: NO_VALUES,
        help: "Print the server's version, uptime, number of connections, and counts of jobs (*)",
        request: |_| Ok(Request::json_server()),
        shape: Shape::Object,
        preferred: None,
    },
    Operation {
        name: "queue-info",
        values: NO_VALUES,
        help: "Print the state of the queue of background jobs: whether it takes jobs, how many \
               wait for their commit, its size (*)",
        request: |_| Ok(Request::json_queue()),
        shape: Shape::Object,
        preferred: None,
    },
    Operation {
        name: "shutdown",
        values: NO_VALUES,
        help: "Stop the server at once, if it was started with --allow-shutdown (*)",
        request: |_| Ok(Request::shutdown(false)),
        shape: Shape::Done,
        preferred: None,
    },
    Operation {
        name: "shutdown-graceful",
        values: NO_VALUES,
        help: "Stop the server when its jobs have ended, if it was started with \
               --allow-shutdown (*)",
        request: |_| Ok(Request::shutdown(true)),
        shape: Shape::Done,
        preferred: None,
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

fn peek(values: &[&[u8]]) -> Result<Request, String> {
    let (function, count) = match values {
        [function, count] => (function, str::from_utf8(count).ok().and_then(|c| c.parse().ok())),
        [function] => (function, Some(10)),
        _ => return Err("expected a function".to_owned()),
    };
    let count = count.filter(|count| (1..=100).contains(count));
    checked(Request::peek(function, count.ok_or("expected a number of jobs from 1 to 100")?))
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
