//! The metrics in the text format of Prometheus. The first six have the names and
//! meanings of the exporters for the original, so that dashboards keep working.
//!
//! Must not: count anything.

use std::collections::BTreeSet;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};

mod tables;

use super::{AccessFigures, Figures};
use crate::event_loop::ScannedFunctions;
use gearman_access::Permission;
use gearman_broker::delayed::{DelayedReplyCounts, HeldReplies};
use gearman_protocol::percent::escape;
use tables::{COUNTERS, DELAYED_REPLIES, FunctionFigures, GAUGES, PerFunction, QUEUE, TLS};

/// The label of the sum of all functions without metrics of their own.
const OTHER_FUNCTIONS: &str = "(other)";

/// All metrics as text, those of the process included, in parts. There is one for each metric of
/// functions, so that no part is larger than the list of functions.
///
/// An item is an error when the encoder refuses a metric, which it never should.
pub(super) struct MetricsParts {
    figures: Figures,
    /// All functions, with their labels.
    functions: Vec<(LabelPair, FunctionFigures)>,
    next: usize,
}

impl MetricsParts {
    /// The parts of these figures.
    pub(super) fn new(mut figures: Figures) -> MetricsParts {
        let ScannedFunctions { listed, others, .. } = &mut figures.functions;
        let mut functions = labelled(std::mem::take(listed));
        let others = others.take();
        functions.extend(others.map(|sum| (label("function", OTHER_FUNCTIONS.into()), sum)));
        MetricsParts { figures, functions, next: 0 }
    }

    fn of_functions(
        &self,
        kind: MetricType,
        (name, help, value): &PerFunction,
    ) -> prometheus::Result<Vec<u8>> {
        let mut text = MetricsText::default();
        let of = |(name, function): &(LabelPair, FunctionFigures)| {
            metric(kind, vec![name.clone()], value(function))
        };
        text.family(name, help, kind, self.functions.iter().map(of).collect())?;
        Ok(text.0)
    }
}

impl Iterator for MetricsParts {
    type Item = prometheus::Result<Vec<u8>>;

    fn next(&mut self) -> Option<prometheus::Result<Vec<u8>>> {
        let part = self.next;
        self.next += 1;
        let gauge = |metric| self.of_functions(MetricType::GAUGE, metric);
        let counter = |metric| self.of_functions(MetricType::COUNTER, metric);
        match part.checked_sub(1) {
            None => Some(of_program()),
            Some(0) => Some(of_server(&self.figures)),
            Some(part) => {
                let gauges = GAUGES.get(part - 1).map(gauge);
                gauges.or_else(|| COUNTERS.get(part - 1 - GAUGES.len()).map(counter))
            }
        }
    }
}

/// That the server runs, and its version.
fn of_program() -> prometheus::Result<Vec<u8>> {
    let mut text = MetricsText::default();
    text.gauge("gearman_up", "is gearman up", 1.0)?;
    let version = label("version", env!("CARGO_PKG_VERSION").into());
    let version = metric(MetricType::GAUGE, vec![version], 1.0);
    text.family("gearman_version_info", "gearman version", MetricType::GAUGE, vec![version])?;
    Ok(text.0)
}

/// What is not about a function.
fn of_server(figures: &Figures) -> prometheus::Result<Vec<u8>> {
    let mut text = MetricsText::default();
    let (name, help) = DELAYED_REPLIES;
    text.family(name, help, MetricType::COUNTER, delayed_replies(&figures.delayed_replies))?;

    if let Some(queue) = &figures.queue {
        for (name, help, kind, value) in QUEUE {
            text.family(name, help, kind, vec![metric(kind, Vec::new(), value(queue))])?;
        }
    }

    text.access(&figures.access)?;
    if let Some(tls) = &figures.tls {
        for (name, help, kind, value) in TLS {
            text.family(name, help, kind, vec![metric(kind, Vec::new(), value(tls))])?;
        }
    }

    let counts = &figures.counts;
    text.gauge("gearman_connections", "number of open connections", counts.connections as f64)?;
    text.gauge("gearman_functions", "number of known functions", counts.functions as f64)?;
    text.gauge(
        "gearman_functions_summed",
        "number of functions whose metrics are summed up under the name (other)",
        figures.functions.others_count as f64,
    )?;
    text.gauge(
        "gearman_uptime_seconds",
        "seconds since the server started",
        figures.uptime_seconds as f64,
    )?;
    for family in ProcessCollector::for_self().collect() {
        TextEncoder::new().encode(&[family], &mut text.0)?;
    }
    Ok(text.0)
}

/// One series per kind of reply and outcome.
fn delayed_replies(counts: &DelayedReplyCounts) -> Vec<Metric> {
    let mut series = Vec::new();
    for (reply, counts) in [("grab", counts.grab), ("ack", counts.ack)] {
        let HeldReplies { held, served, expired, interrupted } = counts;
        for (outcome, count) in
            [("held", held), ("served", served), ("expired", expired), ("interrupted", interrupted)]
        {
            let labels = vec![label("outcome", outcome.into()), label("reply", reply.into())];
            series.push(metric(MetricType::COUNTER, labels, count as f64));
        }
    }
    series
}

/// The text written so far.
#[derive(Default)]
struct MetricsText(Vec<u8>);

impl MetricsText {
    /// What was refused, and the rules.
    fn access(&mut self, access: &AccessFigures) -> prometheus::Result<()> {
        if let Some((rules, is_stale)) = access.rules {
            self.gauge("gearman_access_rules", "number of access rules in force", rules as f64)?;
            self.gauge(
                "gearman_access_rules_stale",
                "whether the file of the access rules could not be used when it was last read",
                f64::from(u8::from(is_stale)),
            )?;
        }
        if let Some(refusals) = &access.refusals {
            let of = |permission: Permission| {
                let labels = vec![label("permission", permission.name().into())];
                metric(MetricType::COUNTER, labels, refusals.of(permission) as f64)
            };
            self.family(
                "gearman_access_refused_total",
                "requests that the access rules or the role of the address refused",
                MetricType::COUNTER,
                Permission::ALL.map(of).into(),
            )?;
        }
        let connections = access.connections.unwrap_or_default();
        let of = |(limit, count): (&str, u64)| {
            metric(MetricType::COUNTER, vec![label("limit", limit.into())], count as f64)
        };
        let counts = [
            ("connections_per_address", connections.too_many),
            ("connection_rate", connections.too_fast),
            ("functions_per_connection", access.limits.functions),
            ("unique_ids_per_connection", access.limits.unique_jobs),
            ("jobs_per_worker", access.limits.running_jobs),
        ];
        self.family(
            "gearman_limit_refused_total",
            "connections, functions, jobs and grabs that a limit refused",
            MetricType::COUNTER,
            counts.map(of).into(),
        )
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) -> prometheus::Result<()> {
        let only = metric(MetricType::GAUGE, Vec::new(), value);
        self.family(name, help, MetricType::GAUGE, vec![only])
    }

    fn family(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        metrics: Vec<Metric>,
    ) -> prometheus::Result<()> {
        // The encoder refuses a family without members.
        if metrics.is_empty() {
            return Ok(());
        }
        let mut family = MetricFamily::default();
        family.set_name(name.into());
        family.set_help(help.into());
        family.set_field_type(kind);
        family.set_metric(metrics);
        // Encoding one family at a time bounds memory with thousands of functions.
        TextEncoder::new().encode(&[family], &mut self.0)
    }
}

fn metric(kind: MetricType, labels: Vec<LabelPair>, value: f64) -> Metric {
    let mut metric = Metric::from_label(labels);
    if kind == MetricType::COUNTER {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}

fn label(name: &str, value: String) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.into());
    label.set_value(value);
    label
}

/// Functions with their labels. Labels must be UTF-8 and unique, or Prometheus rejects
/// the whole response: other names are escaped, and get a percent sign appended while
/// they equal another label.
fn labelled(functions: Vec<FunctionFigures>) -> Vec<(LabelPair, FunctionFigures)> {
    let mut all = Vec::with_capacity(functions.len());
    let (text, other): (Vec<_>, Vec<_>) =
        functions.into_iter().partition(|function| str::from_utf8(&function.name).is_ok());
    let mut taken = BTreeSet::from([OTHER_FUNCTIONS.to_string()]);
    for function in text.into_iter().chain(other) {
        let mut name = String::from_utf8(function.name.clone()).unwrap_or_else(|_| {
            let mut escaped = Vec::new();
            escape(&function.name, &mut escaped);
            String::from_utf8_lossy(&escaped).into_owned()
        });
        while !taken.insert(name.clone()) {
            name.push('%');
        }
        all.push((label("function", name), function));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address_gate::RefusedConnections;
    use crate::http::QueueFigures;
    use gearman_broker::{Counts, DurableCounts, FunctionView, LimitCounts, Millis, Totals};
    use gearman_queue::{ConnectionState, QueueStats};
    use std::time::Duration;

    fn function(name: &[u8]) -> FunctionFigures {
        FunctionView {
            name: name.into(),
            number: 0,
            queued: [1, 2, 3],
            delayed: 4,
            running: 5,
            offers: 6,
            paused: true,
            oldest_wait: Some(Millis(1500)),
            limits: [0; 3],
            totals: Totals {
                submitted: 100,
                completed: 50,
                failed: 20,
                cancelled: 31,
                dropped: 32,
                retried: 7,
                abandoned: 15,
            },
        }
    }

    fn access() -> AccessFigures {
        AccessFigures {
            refusals: Some(Default::default()),
            rules: Some((20, true)),
            connections: Some(RefusedConnections { too_many: 21, too_fast: 22 }),
            limits: LimitCounts { functions: 23, unique_jobs: 24, running_jobs: 25 },
        }
    }

    fn lines(names: &[&[u8]]) -> Vec<String> {
        let listed = names.iter().map(|name| function(name)).collect();
        lines_of(ScannedFunctions { listed, ..ScannedFunctions::default() })
    }

    fn lines_of(functions: ScannedFunctions) -> Vec<String> {
        let counts = Counts { connections: 8, functions: 1, jobs: 15, running: 5, delayed: 4 };
        let held = |held| HeldReplies { held, served: 3, expired: 2, interrupted: 1 };
        let delayed_replies = DelayedReplyCounts { grab: held(6), ack: held(7) };
        let queue = Some(QueueFigures {
            counts: DurableCounts { pending: 11, parked: 12, found: 13, is_loading: true },
            stats: QueueStats {
                commits: 14,
                operations: 15,
                commit_time: Duration::from_millis(1600),
                errors: 17,
                retained: 18,
                store_bytes: 19,
                connection: Some(ConnectionState {
                    is_connected: true,
                    connects: 20,
                    failures: 21,
                }),
                is_suspended: false,
                is_undecided: false,
            },
        });
        let parts = MetricsParts::new(Figures {
            functions,
            counts,
            delayed_replies,
            uptime_seconds: 9,
            queue,
            access: access(),
            tls: None,
        });
        let parts: Vec<_> = parts.map(|part| part.expect("encodes")).collect();
        String::from_utf8(parts.concat()).expect("text").lines().map(String::from).collect()
    }

    #[test]
    fn each_metric_has_its_name() {
        let lines = lines(&[b"f"]);
        for line in [
            "# HELP gearman_up is gearman up",
            "# TYPE gearman_up gauge",
            "gearman_up 1",
            concat!("gearman_version_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "# TYPE gearman_jobs gauge",
            "gearman_jobs{function=\"f\"} 15",
            "gearman_jobs_running{function=\"f\"} 5",
            "gearman_jobs_waiting{function=\"f\"} 10",
            "gearman_workers{function=\"f\"} 6",
            "gearman_jobs_delayed{function=\"f\"} 4",
            "gearman_oldest_waiting_job_age_seconds{function=\"f\"} 1.5",
            "gearman_function_paused{function=\"f\"} 1",
            "# TYPE gearman_jobs_submitted_total counter",
            "gearman_jobs_submitted_total{function=\"f\"} 100",
            "gearman_jobs_completed_total{function=\"f\"} 50",
            "gearman_jobs_failed_total{function=\"f\"} 20",
            "gearman_jobs_retried_total{function=\"f\"} 7",
            "gearman_jobs_abandoned_total{function=\"f\"} 15",
            "# TYPE gearman_delayed_replies_total counter",
            "gearman_delayed_replies_total{outcome=\"held\",reply=\"grab\"} 6",
            "gearman_delayed_replies_total{outcome=\"held\",reply=\"ack\"} 7",
            "gearman_delayed_replies_total{outcome=\"served\",reply=\"grab\"} 3",
            "gearman_delayed_replies_total{outcome=\"expired\",reply=\"ack\"} 2",
            "gearman_delayed_replies_total{outcome=\"interrupted\",reply=\"ack\"} 1",
            "gearman_queue_up 1",
            "gearman_queue_loading 1",
            "gearman_queue_jobs_pending 11",
            "gearman_queue_jobs_parked 12",
            "gearman_queue_jobs_found 13",
            "gearman_queue_commits_total 14",
            "# TYPE gearman_queue_operations_total counter",
            "gearman_queue_operations_total 15",
            "gearman_queue_commit_seconds_total 1.6",
            "gearman_queue_errors_total 17",
            "gearman_queue_connected 1",
            "gearman_queue_connects_total 20",
            "gearman_queue_connect_failures_total 21",
            "gearman_queue_operations_retained 18",
            "gearman_queue_bytes 19",
            "gearman_access_rules 20",
            "gearman_access_rules_stale 1",
            "gearman_access_refused_total{permission=\"submit\"} 0",
            "gearman_access_refused_total{permission=\"admin\"} 0",
            "gearman_limit_refused_total{limit=\"connections_per_address\"} 21",
            "gearman_limit_refused_total{limit=\"connection_rate\"} 22",
            "gearman_limit_refused_total{limit=\"functions_per_connection\"} 23",
            "gearman_limit_refused_total{limit=\"unique_ids_per_connection\"} 24",
            "gearman_limit_refused_total{limit=\"jobs_per_worker\"} 25",
            "gearman_connections 8",
            "gearman_functions 1",
            "gearman_uptime_seconds 9",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line}: {lines:#?}");
        }
    }

    #[test]
    fn a_server_without_functions_has_metrics() {
        assert!(lines(&[]).contains(&"gearman_up 1".into()));
    }

    #[test]
    fn functions_above_the_limit_are_summed_up_under_a_label_of_their_own() {
        let mut others = function(b"");
        others.add(&FunctionFigures {
            oldest_wait: Some(Millis(2500)),
            paused: false,
            ..function(b"g")
        });
        let lines = lines_of(ScannedFunctions {
            listed: vec![function(b"f"), function(b"(other)")],
            others: Some(others),
            others_count: 2,
        });
        for line in [
            "gearman_jobs{function=\"f\"} 15",
            "gearman_jobs{function=\"(other)%\"} 15",
            "gearman_jobs{function=\"(other)\"} 30",
            "gearman_jobs_running{function=\"(other)\"} 10",
            "gearman_workers{function=\"(other)\"} 12",
            "gearman_jobs_delayed{function=\"(other)\"} 8",
            "gearman_oldest_waiting_job_age_seconds{function=\"(other)\"} 2.5",
            "gearman_function_paused{function=\"(other)\"} 1",
            "gearman_jobs_submitted_total{function=\"(other)\"} 200",
            "gearman_jobs_completed_total{function=\"(other)\"} 100",
            "gearman_jobs_failed_total{function=\"(other)\"} 40",
            "gearman_jobs_cancelled_total{function=\"(other)\"} 62",
            "gearman_jobs_dropped_total{function=\"(other)\"} 64",
            "gearman_jobs_retried_total{function=\"(other)\"} 14",
            "gearman_jobs_abandoned_total{function=\"(other)\"} 30",
            "gearman_functions_summed 2",
        ] {
            assert!(lines.iter().any(|found| found == line), "{line}: {lines:#?}");
        }
    }

    #[test]
    fn no_two_functions_share_a_label() {
        let names = ["a\"b\\c\nd".as_bytes(), b"\xFF", b"%FF", b"%FF%"];
        let lines = lines(&names);
        let labels: BTreeSet<_> =
            lines.iter().filter(|line| line.starts_with("gearman_jobs{")).collect();
        assert_eq!(labels.len(), names.len());
        let escaped = r#"gearman_jobs{function="a\"b\\c\nd"} 15"#;
        assert!(lines.iter().any(|line| line == escaped), "{labels:?}");
    }
}
