//! The lists as JSON: one object on one line.
//!
//! A name can be any bytes, and JSON is UTF-8: beside a name that is not, a
//! second member `NAME_hex` says what it is made of.
//!
//! Must not: change anything.

use std::borrow::Cow;

use serde::Serialize;

use super::Context;
use super::lists::{self, List};
use gearman_broker::delayed::HeldReplies;
use gearman_broker::{
    ConnectionView, ConnectionWalk, FunctionView, FunctionWalk, JobView, JobWalk, PeerView, State,
};

/// The bytes of a name that is not UTF-8, in hexadecimal.
fn hex(name: &[u8]) -> Option<String> {
    (!is_text(name)).then(|| all_hex(name))
}

fn is_text(name: &[u8]) -> bool {
    str::from_utf8(name).is_ok()
}

fn all_hex(name: &[u8]) -> String {
    name.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(name: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(name)
}

#[derive(Serialize)]
struct Peer<'a> {
    fd: i32,
    address: &'a str,
    id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_hex: Option<String>,
}

impl<'a> Peer<'a> {
    fn new(peer: PeerView<'a>) -> Peer<'a> {
        Peer {
            fd: peer.descriptor,
            address: peer.address,
            id: (!peer.client_id.is_empty()).then(|| text(peer.client_id)),
            id_hex: hex(peer.client_id),
        }
    }
}

#[derive(Serialize)]
struct Connection<'a> {
    #[serde(flatten)]
    peer: Peer<'a>,
    functions: Vec<Cow<'a, str>>,
    /// All of them, if one of them is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    functions_hex: Option<Vec<String>>,
    sleeping: bool,
    running: usize,
    waiting: usize,
}

impl<'a> Connection<'a> {
    fn new(connection: ConnectionView<'a>) -> Connection<'a> {
        let names = &connection.functions;
        let all_text = names.iter().all(|name| is_text(name));
        Connection {
            peer: Peer::new(connection.peer),
            functions: names.iter().map(|name| text(name)).collect(),
            functions_hex: (!all_text).then(|| names.iter().map(|name| all_hex(name)).collect()),
            sleeping: connection.sleeping,
            running: connection.running,
            waiting: connection.waiting,
        }
    }
}

#[derive(Serialize)]
struct Function<'a> {
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
    /// Seconds.
    oldest: Option<u64>,
    submitted: u64,
    completed: u64,
    failed: u64,
    retried: u64,
    abandoned: u64,
}

impl<'a> Function<'a> {
    fn new(function: FunctionView<&'a [u8]>) -> Function<'a> {
        let [high, normal, low] = function.queued;
        let totals = function.totals;
        Function {
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
            oldest: function.oldest.map(|millis| millis / 1000),
            submitted: totals.submitted,
            completed: totals.completed,
            failed: totals.failed,
            retried: totals.retried,
            abandoned: totals.abandoned,
        }
    }
}

#[derive(Serialize)]
struct Job<'a> {
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
    background: bool,
    retries: u8,
    numerator: u32,
    denominator: u32,
    clients: usize,
    bytes: usize,
    due: Option<u64>,
    worker: Option<Peer<'a>>,
}

impl<'a> Job<'a> {
    fn new(job: &'a JobView<'a>) -> Job<'a> {
        Job {
            handle: text(&job.handle),
            function: text(job.function),
            function_hex: hex(job.function),
            unique: text(job.unique),
            unique_hex: hex(job.unique),
            priority: lists::priority_name(job.priority),
            state: lists::state_name(job),
            age: job.age,
            background: job.background,
            retries: job.retries,
            numerator: job.numerator,
            denominator: job.denominator,
            clients: job.clients,
            bytes: job.bytes,
            due: match job.state {
                State::Delayed(due) => Some(due),
                _ => None,
            },
            worker: match job.state {
                State::Running(worker) => Some(Peer::new(worker)),
                _ => None,
            },
        }
    }
}

#[derive(Serialize)]
struct Server {
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
    delayed_replies: DelayedReplies,
}

/// Replies that were held, by kind.
#[derive(Serialize)]
struct DelayedReplies {
    grab: Held,
    ack: Held,
}

/// What became of the held replies of one kind.
#[derive(Serialize)]
struct Held {
    held: u64,
    served: u64,
    expired: u64,
    interrupted: u64,
}

impl From<HeldReplies> for Held {
    fn from(counts: HeldReplies) -> Held {
        let HeldReplies { held, served, expired, interrupted } = counts;
        Held { held, served, expired, interrupted }
    }
}

fn write(text: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(text, value).expect("memory takes it, and no key is not a string");
}

/// `json workers`.
pub(super) fn workers(text: &mut Vec<u8>) -> List {
    text.extend_from_slice(b"{\"workers\":[");
    let mut walk = None;
    List::json(Box::new(move |broker, text| {
        let walk = walk.get_or_insert_with(|| ConnectionWalk::new(broker));
        walk.step(broker).map(|c| write(text, &Connection::new(c)))
    }))
}

/// `json status`.
pub(super) fn status(text: &mut Vec<u8>) -> List {
    text.extend_from_slice(b"{\"functions\":[");
    let mut walk = FunctionWalk::default();
    List::json(Box::new(move |broker, text| {
        walk.step(broker).map(|f| write(text, &Function::new(f)))
    }))
}

/// `json jobs`.
pub(super) fn jobs(mut walk: JobWalk, text: &mut Vec<u8>) -> List {
    text.extend_from_slice(b"{\"jobs\":[");
    List::json(Box::new(move |broker, text| {
        walk.step(broker).map(|job| write(text, &Job::new(&job)))
    }))
}

/// `json server`.
pub(super) fn server(context: &Context<'_>, text: &mut Vec<u8>) {
    let counts = context.broker.counts();
    let server = Server {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        uptime: context.uptime,
        draining: context.broker.is_draining(),
        connections: counts.connections,
        functions: counts.functions,
        jobs: counts.jobs,
        running: counts.running,
        queued: counts.jobs - counts.running - counts.delayed,
        delayed: counts.delayed,
        delayed_replies: DelayedReplies {
            grab: context.delayed_replies.grab.into(),
            ack: context.delayed_replies.ack.into(),
        },
    };
    write(text, &server);
    text.push(b'\n');
}
