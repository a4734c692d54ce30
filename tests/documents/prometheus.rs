//! Prometheus as a process: its start with a configuration, and questions to its interface.
//!
//! Must not: know what is asked.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::programs::{Running, get};

/// How long Prometheus may take until it has read and computed what is asked.
const RESULT_TIMEOUT: Duration = Duration::from_secs(60);

/// A running Prometheus, which is ended when the value is dropped.
pub(crate) struct Prometheus {
    _process: Running,
    port: u16,
}

impl Prometheus {
    /// Starts it in a directory of its own. It reads and computes every second.
    pub(crate) fn start(directory: &Path, configuration: &str) -> Prometheus {
        fs::create_dir_all(directory).expect("a directory");
        let pace = "global: {scrape_interval: 1s, evaluation_interval: 1s}";
        let file = directory.join("prometheus.yml");
        fs::write(&file, format!("{pace}\n{configuration}\n")).expect("a file");
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", directory.join("data").display()));
        command.args(["--web.listen-address=127.0.0.1:0"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("Prometheus starts");
        let mut log = BufReader::new(child.stderr.take().expect("a pipe"));
        let process = Running(child);
        let (mut seen, mut port) = (String::new(), None);
        // It answers before it is ready; a configuration that is wrong ends it in between.
        while port.is_none() || !seen.contains("Server is ready") {
            let start = seen.len();
            assert!(log.read_line(&mut seen).expect("its log") > 0, "it ended:\n{seen}");
            let listens = seen[start..].split_once("\"Listening on\" address=127.0.0.1:");
            port = port.or(listens.and_then(|(_, port)| port.trim().parse().ok()));
        }
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Prometheus { _process: process, port: port.expect("a port") }
    }

    /// The data of an answer.
    fn ask(&self, path: &str) -> Value {
        let answer = get(self.port, path);
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        let mut value: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(value["status"], "success", "{path}: {value}");
        value["data"].take()
    }

    /// Waits until an expression has a result that is not empty.
    pub(crate) fn wait_for_result(&self, what: &str, expression: &str) {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let started = Instant::now();
        while self.ask(&format!("/api/v1/query?query={encoded}"))["result"]
            .as_array()
            .is_none_or(Vec::is_empty)
        {
            assert!(started.elapsed() < RESULT_TIMEOUT, "{what}: no result of {expression}");
            sleep(Duration::from_millis(100));
        }
    }

    /// The alerts and their states, when each was computed once without an error.
    pub(crate) fn rules(&self) -> Vec<(String, String)> {
        let started = Instant::now();
        loop {
            let data = self.ask("/api/v1/rules");
            let groups = data["groups"].as_array().expect("groups");
            let rules: Vec<&Value> =
                groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")).collect();
            if rules.iter().all(|rule| rule["health"] == "ok") {
                let text = |value: &Value| value.as_str().expect("text").to_owned();
                return rules.iter().map(|r| (text(&r["name"]), text(&r["state"]))).collect();
            }
            assert!(started.elapsed() < RESULT_TIMEOUT, "{data}");
            sleep(Duration::from_millis(100));
        }
    }
}
