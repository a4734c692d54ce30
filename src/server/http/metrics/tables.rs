//! The tables of metrics: names, help texts, and where the values come from.
//!
//! Must not: count or format anything.

use gearman_broker::FunctionView;
use prometheus::proto::MetricType;

use crate::http::{QueueFigures, TlsFigures};

/// Name and help text of the metric of delayed replies.
pub(super) const DELAYED_REPLIES: (&str, &str) = (
    "gearman_delayed_replies_total",
    "replies held (grab: empty GRAB_JOB, ack: JOB_CREATED), and of these the replies that were \
     served in time, expired, or were interrupted by another packet",
);

pub(super) type FunctionFigures = FunctionView<Vec<u8>>;

/// A metric per function: name, help text, and value.
pub(super) type PerFunction = (&'static str, &'static str, fn(&FunctionFigures) -> f64);

pub(super) const GAUGES: [PerFunction; 7] = [
    ("gearman_jobs", "number of jobs queued or running", |f| f.total().into()),
    ("gearman_jobs_running", "number of running jobs", |f| f.running.into()),
    ("gearman_jobs_waiting", "number of jobs waiting for an available worker", |f| {
        (f.total() - f.running).into()
    }),
    ("gearman_workers", "number of capable workers", |f| f.offers.into()),
    ("gearman_jobs_delayed", "number of waiting jobs whose start time is in the future", |f| {
        f.delayed.into()
    }),
    (
        "gearman_oldest_waiting_job_age_seconds",
        "age of the oldest job that waits for a worker; 0 without one",
        |f| f.oldest_wait.map_or(0, |wait| wait.0) as f64 / 1000.0,
    ),
    ("gearman_function_paused", "whether the function is paused", |f| {
        f64::from(u8::from(f.paused))
    }),
];

pub(super) const COUNTERS: [PerFunction; 7] = [
    ("gearman_jobs_submitted_total", "jobs accepted", |f| f.totals.submitted as f64),
    ("gearman_jobs_completed_total", "jobs that a worker completed", |f| f.totals.completed as f64),
    ("gearman_jobs_failed_total", "jobs that a worker failed", |f| f.totals.failed as f64),
    ("gearman_jobs_cancelled_total", "jobs that were cancelled", |f| f.totals.cancelled as f64),
    ("gearman_jobs_dropped_total", "jobs that the server ended without their worker's word", |f| {
        f.totals.dropped as f64
    }),
    ("gearman_jobs_retried_total", "times a job was queued again after its worker lost it", |f| {
        f.totals.retried as f64
    }),
    ("gearman_jobs_abandoned_total", "jobs dropped because their last client disconnected", |f| {
        f.totals.abandoned as f64
    }),
];

/// A metric of the durable queue: name, help text, kind, and value.
pub(super) type QueueMetric = (&'static str, &'static str, MetricType, fn(&QueueFigures) -> f64);

pub(super) const QUEUE: [QueueMetric; 14] = [
    ("gearman_queue_up", "whether the durable queue takes jobs", MetricType::GAUGE, |queue| {
        f64::from(u8::from(!queue.stats.is_suspended))
    }),
    (
        "gearman_queue_loading",
        "whether the jobs that were in the durable queue at the start are not all known",
        MetricType::GAUGE,
        |queue| f64::from(u8::from(queue.counts.is_loading)),
    ),
    (
        "gearman_queue_jobs_found",
        "number of jobs that were in the durable queue at the start",
        MetricType::GAUGE,
        |queue| queue.counts.found as f64,
    ),
    (
        "gearman_queue_jobs_pending",
        "number of jobs that wait for their commit",
        MetricType::GAUGE,
        |queue| queue.counts.pending as f64,
    ),
    (
        "gearman_queue_jobs_parked",
        "number of jobs that are in the durable queue and not in memory",
        MetricType::GAUGE,
        |queue| queue.counts.parked as f64,
    ),
    (
        "gearman_queue_operations_retained",
        "number of ends of jobs that wait until the durable queue can be written again",
        MetricType::GAUGE,
        |queue| queue.stats.retained as f64,
    ),
    ("gearman_queue_bytes", "size of the durable queue on its disk", MetricType::GAUGE, |queue| {
        queue.stats.store_bytes as f64
    }),
    (
        "gearman_queue_commits_total",
        "batches that the durable queue has committed",
        MetricType::COUNTER,
        |queue| queue.stats.commits as f64,
    ),
    (
        "gearman_queue_operations_total",
        "insertions, removals and other operations in these batches",
        MetricType::COUNTER,
        |queue| queue.stats.operations as f64,
    ),
    (
        "gearman_queue_commit_seconds_total",
        "time inside commits, failed ones included",
        MetricType::COUNTER,
        |queue| queue.stats.commit_time.as_secs_f64(),
    ),
    ("gearman_queue_errors_total", "commits that failed", MetricType::COUNTER, |queue| {
        queue.stats.errors as f64
    }),
    (
        "gearman_queue_connected",
        "whether there is a connection to the durable queue, or none is needed",
        MetricType::GAUGE,
        |queue| f64::from(u8::from(queue.stats.connection.is_none_or(|state| state.is_connected))),
    ),
    (
        "gearman_queue_connects_total",
        "connections to the durable queue that were made",
        MetricType::COUNTER,
        |queue| queue.stats.connection.map_or(0, |state| state.connects) as f64,
    ),
    (
        "gearman_queue_connect_failures_total",
        "attempts to connect to the durable queue that failed",
        MetricType::COUNTER,
        |queue| queue.stats.connection.map_or(0, |state| state.failures) as f64,
    ),
];

/// A metric of TLS: name, help text, kind, and value.
pub(super) type TlsMetric = (&'static str, &'static str, MetricType, fn(&TlsFigures) -> f64);

pub(super) const TLS: [TlsMetric; 4] = [
    (
        "gearman_tls_certificate_expires_seconds",
        "when the server's certificate expires, in seconds since 1970",
        MetricType::GAUGE,
        |tls| tls.expires_unix_seconds as f64,
    ),
    (
        "gearman_tls_handshakes_total",
        "TLS hand-shakes that were completed",
        MetricType::COUNTER,
        |tls| tls.handshakes.complete as f64,
    ),
    (
        "gearman_tls_handshakes_failed_total",
        "TLS hand-shakes that failed or took too long",
        MetricType::COUNTER,
        |tls| (tls.handshakes.failed + tls.handshakes.timed_out) as f64,
    ),
    (
        "gearman_tls_handshake_steps_in_turn_max",
        "most steps of TLS hand-shakes in one turn of the event loop",
        MetricType::GAUGE,
        |tls| tls.handshakes.steps_in_turn_max as f64,
    ),
];
