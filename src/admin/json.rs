//! The lists as JSON: one object on one line. The structs here are its schema.
//!
//! A name can be any bytes, but JSON is UTF-8: for a name that is not UTF-8, a second
//! member `NAME_hex` has its bytes in hexadecimal.
//!
//! Must not: change anything.

use std::borrow::Cow;

use serde::Serialize;

use super::authority::ListFilter;
use super::lists::{self, AdminList};
use super::workers::{WorkerFormat, WorkerList};
use super::{Context, QueueView};
use gearman_broker::delayed::HeldReplies;
use gearman_broker::{
    Broker, CancelledRunView, ConnectionView, FunctionCursor, FunctionView, JobCursor, JobState,
    JobView, Millis, PeerView,
};

/// The bytes of a name that is not UTF-8, in hexadecimal.
fn hex(name: &[u8]) -> Option<String> {
    (!is_text(name)).then(|| all_hex(name))
}

fn is_text(name: &[u8]) -> bool {
    str::from_utf8(name).is_ok()
}

fn all_hex(name: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    name.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn text(name: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(name)
}

#[derive(Serialize)]
struct PeerJson<'a> {
    fd: i32,
    address: &'a str,
    /// `null` for a Unix socket.
    port: Option<u16>,
    id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_hex: Option<String>,
}

impl<'a> PeerJson<'a> {
    fn new(peer: PeerView<'a>) -> PeerJson<'a> {
        PeerJson {
            fd: peer.descriptor,
            address: peer.address,
            port: (peer.port != 0).then_some(peer.port),
            id: (!peer.client_id.is_empty()).then(|| text(peer.client_id)),
            id_hex: hex(peer.client_id),
        }
    }
}

/// What `json workers` has of a connection, behind its peer and the names of its functions.
#[derive(Serialize)]
struct ConnectionJson<'a> {
    /// Functions that it offers and may not work on, if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refused: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_hex: Option<Vec<String>>,
    sleeping: bool,
    running: usize,
    waiting: usize,
    /// Jobs that were cancelled and that it may be busy with, if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cancelled: Vec<CancelledRunJson<'a>>,
}

#[derive(Serialize)]
struct CancelledRunJson<'a> {
    handle: String,
    function: Cow<'a, str>,
    /// Seconds.
    runs: u32,
}

impl<'a> CancelledRunJson<'a> {
    fn new(run: CancelledRunView<'a>) -> CancelledRunJson<'a> {
        CancelledRunJson {
            handle: text(&run.handle).into_owned(),
            function: text(run.function),
            runs: run.running_seconds,
        }
    }
}

/// The items of `json workers`.
#[derive(Default)]
struct WorkersJson {
    /// The names of the item in hexadecimal, as the items of an array.
    hex: Vec<u8>,
    /// Whether any of them is not UTF-8.
    has_other: bool,
}

impl WorkerFormat for WorkersJson {
    fn frame(
        &mut self,
        connection: &ConnectionView<'_>,
        refused: &[&[u8]],
        broker: &Broker,
    ) -> [Vec<u8>; 2] {
        *self = WorkersJson::default();
        let has_other = refused.iter().any(|name| !is_text(name));
        let rest = ConnectionJson {
            refused: refused.iter().map(|name| text(name)).collect(),
            refused_hex: has_other.then(|| refused.iter().map(|name| all_hex(name)).collect()),
            sleeping: connection.sleeping,
            running: connection.running,
            waiting: connection.waiting,
            cancelled: broker.cancelled_runs(connection.key).map(CancelledRunJson::new).collect(),
        };
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        write(&mut head, &PeerJson::new(connection.peer));
        write(&mut tail, &rest);
        // One object, with the names between its first and its last members.
        assert_eq!(head.pop(), Some(b'}'), "a structure is an object");
        head.extend_from_slice(b",\"functions\":[");
        assert_eq!(tail.first(), Some(&b'{'), "a structure is an object");
        tail[0] = b',';
        [head, tail]
    }

    fn name(&mut self, name: &[u8], to: &mut Vec<u8>) {
        if !self.hex.is_empty() {
            to.push(b',');
            self.hex.push(b',');
        }
        write(to, &text(name));
        write(&mut self.hex, &all_hex(name));
        self.has_other |= !is_text(name);
    }

    fn end_names(&mut self, text: &mut Vec<u8>) {
        text.push(b']');
        if self.has_other {
            text.extend_from_slice(b",\"functions_hex\":[");
            text.append(&mut self.hex);
            text.push(b']');
        }
    }
}

#[derive(Serialize)]
struct FunctionJson<'a> {
    function: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_hex: Option<String>,
    total: u32,
    running: u32,
    high: u32,
    normal: u32,
    low: u32,
    delayed: u32,
    workers: u32,
    paused: bool,
    /// Jobs with HIGH, NORMAL and LOW priority from which on none is accepted; 0 is no limit.
    limits: [u32; 3],
    /// Seconds.
    oldest: Option<u64>,
    submitted: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
    dropped: u64,
    retried: u64,
    abandoned: u64,
}

impl<'a> FunctionJson<'a> {
    fn new(function: FunctionView<&'a [u8]>) -> FunctionJson<'a> {
        let [high, normal, low] = function.queued;
        let totals = function.totals;
        FunctionJson {
            function: text(function.name),
            function_hex: hex(function.name),
            total: function.total(),
            running: function.running,
            high,
            normal,
            low,
            delayed: function.delayed,
            workers: function.offers,
            paused: function.paused,
            limits: function.limits,
            oldest: function.oldest_wait.map(Millis::as_seconds),
            submitted: totals.submitted,
            completed: totals.completed,
            failed: totals.failed,
            cancelled: totals.cancelled,
            dropped: totals.dropped,
            retried: totals.retried,
            abandoned: totals.abandoned,
        }
    }
}

#[derive(Serialize)]
struct JobJson<'a> {
    handle: Cow<'a, str>,
    function: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_hex: Option<String>,
    unique: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_hex: Option<String>,
    priority: &'static str,
    state: &'static str,
    age: u32,
    /// Seconds that it has run; `null` unless it runs.
    runs: Option<u32>,
    background: bool,
    retries: u8,
    numerator: u32,
    denominator: u32,
    clients: usize,
    bytes: usize,
    due: Option<u64>,
    worker: Option<PeerJson<'a>>,
}

impl<'a> JobJson<'a> {
    fn new(job: &'a JobView<'a>) -> JobJson<'a> {
        JobJson {
            handle: text(&job.handle),
            function: text(job.function),
            function_hex: hex(job.function),
            unique: text(job.unique),
            unique_hex: hex(job.unique),
            priority: lists::priority_name(job.priority),
            state: lists::state_name(job),
            age: job.age_seconds,
            runs: job.running_seconds,
            background: job.background,
            retries: job.retries,
            numerator: job.numerator,
            denominator: job.denominator,
            clients: job.clients,
            bytes: job.payload.len(),
            due: match job.state {
                JobState::Delayed(due) => Some(due.0),
                _ => None,
            },
            worker: match job.state {
                JobState::Running(worker) => Some(PeerJson::new(worker)),
                _ => None,
            },
        }
    }
}

#[derive(Serialize)]
struct ServerJson {
    version: &'static str,
    pid: u32,
    /// Seconds.
    uptime: u64,
    draining: bool,
    connections: usize,
    functions: usize,
    jobs: usize,
    running: usize,
    queued: usize,
    delayed: usize,
    delayed_replies: DelayedRepliesJson,
}

/// Held replies, by kind.
#[derive(Serialize)]
struct DelayedRepliesJson {
    grab: HeldRepliesJson,
    ack: HeldRepliesJson,
}

/// Held replies of one kind, counted by outcome.
#[derive(Serialize)]
struct HeldRepliesJson {
    held: u64,
    served: u64,
    expired: u64,
    interrupted: u64,
}

impl From<HeldReplies> for HeldRepliesJson {
    fn from(counts: HeldReplies) -> HeldRepliesJson {
        let HeldReplies { held, served, expired, interrupted } = counts;
        HeldRepliesJson { held, served, expired, interrupted }
    }
}

#[derive(Serialize)]
struct QueueJson<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    suspended: Option<&'a str>,
    loading: bool,
    found: u64,
    parked: usize,
    pending: usize,
    retained: u64,
    commits: u64,
    operations: u64,
    commit_seconds: f64,
    errors: u64,
    bytes: u64,
    /// `null` without a connection, as in a file.
    connected: Option<bool>,
    connects: u64,
    connect_failures: u64,
}

fn write(text: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(text, value)
        .expect("a vector accepts all bytes, and all keys are strings");
}

/// `json workers`.
pub(super) fn workers(filter: ListFilter, text: &mut Vec<u8>) -> AdminList {
    text.extend_from_slice(b"{\"workers\":[");
    let mut list = WorkerList::new(filter, WorkersJson::default());
    AdminList::json_in_steps(Box::new(move |broker, text| list.step(broker, text)))
}

/// `json status`.
pub(super) fn status(filter: ListFilter, text: &mut Vec<u8>) -> AdminList {
    text.extend_from_slice(b"{\"functions\":[");
    let mut cursor = FunctionCursor::default();
    AdminList::json(Box::new(move |broker, text| {
        cursor
            .next(broker)
            .keep(|f| filter.shows(f.name))
            .map(|f| write(text, &FunctionJson::new(f)))
    }))
}

/// `json jobs`.
pub(super) fn jobs(mut cursor: JobCursor, filter: ListFilter, text: &mut Vec<u8>) -> AdminList {
    text.extend_from_slice(b"{\"jobs\":[");
    AdminList::json(Box::new(move |broker, text| {
        cursor
            .next(broker)
            .keep(|job| filter.shows(job.function))
            .map(|job| write(text, &JobJson::new(&job)))
    }))
}

/// `json server`.
pub(super) fn server(context: &Context<'_>, text: &mut Vec<u8>) {
    let counts = context.broker.counts();
    let server = ServerJson {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        uptime: context.uptime_seconds,
        draining: context.broker.is_draining(),
        connections: counts.connections,
        functions: counts.functions,
        jobs: counts.jobs,
        running: counts.running,
        queued: counts.jobs - counts.running - counts.delayed,
        delayed: counts.delayed,
        delayed_replies: DelayedRepliesJson {
            grab: context.delayed_replies.grab.into(),
            ack: context.delayed_replies.ack.into(),
        },
    };
    write(text, &server);
    text.push(b'\n');
}

/// `json queue`.
pub(super) fn queue(context: &Context<'_>, text: &mut Vec<u8>) {
    let counts = context.broker.durable_counts();
    let QueueView { kind, suspended, stats } = context.queue;
    let queue = QueueJson {
        kind,
        suspended,
        loading: counts.is_loading,
        found: counts.found,
        parked: counts.parked,
        pending: counts.pending,
        retained: stats.retained,
        commits: stats.commits,
        operations: stats.operations,
        commit_seconds: stats.commit_time.as_micros() as f64 / 1e6,
        errors: stats.errors,
        bytes: stats.store_bytes,
        connected: stats.connection.map(|state| state.is_connected),
        connects: stats.connection.map_or(0, |state| state.connects),
        connect_failures: stats.connection.map_or(0, |state| state.failures),
    };
    write(text, &queue);
    text.push(b'\n');
}
