//! The alerts and the dashboard: their metrics are the server's, each alert is documented and has
//! a test, and Prometheus takes every expression.
//!
//! Must not: repeat an expression.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use gearman_test_support::certificates::server_options;
use gearman_test_support::requirements::have_program;
use serde_json::Value;

use crate::document::{Document, assert_none, root};
use crate::programs::Server;
use crate::prometheus::Prometheus;
use crate::tables::names;

const ALERTS: &str = "bindings/packaging/monitoring/gearman-alerts.yml";
const DASHBOARD: &str = "bindings/packaging/monitoring/gearman-dashboard.json";
/// The tests of the alerts, which `promtool` runs.
const ALERT_TESTS: &str = "tests/documents/alerts.yml";

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("the file is readable")
}

/// A server that has every metric.
fn server() -> Server {
    let mut options = vec!["--ssl".to_owned(), "--ssl-optional".to_owned()];
    options.extend(server_options());
    let server = Server::start_with(&options);
    let created = server.shell("gearman -b -f f x");
    assert!(created.status.success(), "{created:?}");
    server
}

/// The values of a key that YAML has in lines or in braces.
fn values(text: &str, key: &str) -> BTreeSet<String> {
    let words = text.lines().filter_map(|line| line.split_once(key));
    words.filter_map(|(_, rest)| rest.split([',', '}']).next()).map(|v| v.trim().into()).collect()
}

#[test]
fn every_alert_is_documented_and_has_a_test_that_it_fires() {
    let alerts = values(&read(ALERTS), "- alert:");
    assert!(alerts.len() > 10, "{alerts:?}");
    // A test in lines has alerts that must fire; one in braces has none.
    let tests = read(ALERT_TESTS);
    let in_lines: Vec<&str> = tests.lines().filter(|line| !line.contains('{')).collect();
    assert_eq!(values(&in_lines.join("\n"), "alertname:"), alerts, "{ALERT_TESTS}");
    let document = Document::read(Path::new("src/docs/operating.md"));
    let cells = document.rows().into_iter().filter(|row| row.text.starts_with("| `Gearman"));
    let first: Vec<String> =
        cells.filter_map(|row| Some(row.text.split('|').nth(1)?.to_owned())).collect();
    let documented = first.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2));
    assert_eq!(documented.map(str::to_owned).collect::<BTreeSet<_>>(), alerts, "operating.md");
}

#[test]
fn the_alerts_fire_for_troubles_and_for_nothing_else() {
    if !have_program("promtool", &["--version"]) {
        return;
    }
    let mut promtool = Command::new("promtool");
    let output = promtool.args(["test", "rules", ALERT_TESTS]).current_dir(root()).output();
    let output = output.expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_metric_of_the_alerts_and_the_dashboard_is_one_of_the_server() {
    if !have_program("openssl", &["version"]) {
        return;
    }
    let page = server().page("/metrics");
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let produced: BTreeSet<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    let mut failures = Vec::new();
    for path in [ALERTS, DASHBOARD, ALERT_TESTS] {
        let text = read(path);
        let used = ["gearman_", "process_"].map(|prefix| names(&text, prefix).collect::<Vec<_>>());
        assert!(!used.concat().is_empty(), "{path}");
        let unknown = used.concat().into_iter().filter(|name| !produced.contains(name));
        failures.extend(unknown.map(|name| format!("{path}: no metric {name}")));
    }
    assert_none(failures);
}

/// The panels of the dashboard that show something, each with its title.
fn panels() -> Vec<(String, Value)> {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let shown = panels.filter(|panel| panel["type"] != "row");
    shown.map(|panel| (panel["title"].as_str().expect("a title").into(), panel.clone())).collect()
}

#[test]
fn panels_of_the_dashboard_neither_overlap_nor_share_a_number() {
    let (mut numbers, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for (title, panel) in panels() {
        assert!(numbers.insert(panel["id"].as_u64()), "{title}");
        let place = |key: &str| panel["gridPos"][key].as_u64().expect("a number");
        let (x, y) = (place("x"), place("y"));
        assert!(x + place("w") <= 24, "{title} is outside");
        for cell in (x..x + place("w")).flat_map(|x| (y..y + place("h")).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{title} is on another panel");
        }
    }
}

/// As Grafana would ask: with all instances and functions.
fn filled_in(expression: &str) -> String {
    let filled = expression.replace("$__rate_interval", "1m");
    let filled = filled.replace("$instance", ".*").replace("$function", ".*");
    assert!(!filled.contains('$'), "unknown variable: {filled}");
    filled
}

#[test]
fn prometheus_reads_the_server_as_documented_and_has_something_for_every_panel() {
    if !have_program("prometheus", &["--version"]) || !have_program("openssl", &["version"]) {
        return;
    }
    let server = server();
    let document = Document::read(Path::new("src/docs/operating.md"));
    let block = document.blocks.iter().find(|block| block.language == "yaml").expect("a block");
    let lines: Vec<&str> = block.lines.iter().map(|piece| &piece.text[..]).collect();
    let rules = root().join(ALERTS).display().to_string();
    let prometheus = Prometheus::start(
        &server.directory.join("prometheus"),
        &lines
            .join("\n")
            .replace("127.0.0.1:9418", &format!("127.0.0.1:{}", server.metrics_port))
            .replace("/etc/prometheus/gearman-alerts.yml", &rules),
    );
    for (title, panel) in panels() {
        for target in panel["targets"].as_array().expect("targets") {
            let expression = filled_in(target["expr"].as_str().expect("an expression"));
            prometheus.wait_for_result(&title, &expression);
        }
    }
    let states = prometheus.rules();
    assert_eq!(states.len(), values(&read(ALERTS), "- alert:").len(), "{states:?}");
    for (name, state) in states {
        // The job of the test waits, and nothing else is wrong.
        let expected = if name == "GearmanNoWorkers" { "pending" } else { "inactive" };
        assert_eq!(state, expected, "{name}");
    }
}
