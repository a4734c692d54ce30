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
use gearman_access::Permission;
use gearman_broker::delayed::{DelayedReplyCounts, HeldReplies};
use gearman_protocol::percent::escape;
use tables::{COUNTERS, DELAYED_REPLIES, FunctionFigures, GAUGES, QUEUE, TLS};

/// All metrics, those of the process included.
///
/// # Errors
/// When the encoder refuses a metric, which it never should.
pub(super) fn text(figures: &Figures) -> prometheus::Result<Vec<u8>> {
    let mut text = MetricsText::default();
    text.gauge("gearman_up", "is gearman up", 1.0)?;
    let version = label("version", env!("CARGO_PKG_VERSION").into());
    let version = metric(MetricType::GAUGE, vec![version], 1.0);
    text.family("gearman_version_info", "gearman version", MetricType::GAUGE, vec![version])?;

    let functions = labelled(&figures.functions);
    for (kind, metrics) in [(MetricType::GAUGE, &GAUGES[..]), (MetricType::COUNTER, &COUNTERS)] {
        for (name, help, value) in metrics {
            let of = |(name, function): &(LabelPair, &FunctionFigures)| {
                metric(kind, vec![name.clone()], value(function))
            };
            text.family(name, help, kind, functions.iter().map(of).collect())?;
        }
    }

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
fn labelled(functions: &[FunctionFigures]) -> Vec<(LabelPair, &FunctionFigures)> {
    let (text, other): (Vec<&FunctionFigures>, Vec<&FunctionFigures>) =
        functions.iter().partition(|function| str::from_utf8(&function.name).is_ok());
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut all = Vec::with_capacity(functions.len());
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
        let functions = names.iter().map(|name| function(name)).collect();
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
        let text = text(&Figures {
            functions,
            counts,
            delayed_replies,
            uptime_seconds: 9,
            queue,
            access: access(),
            tls: None,
        })
        .expect("encodes");
        String::from_utf8(text).expect("text").lines().map(String::from).collect()
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
