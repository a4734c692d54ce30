//! Two job servers that are killed and started again in turn, under load by programs that do not
//! know of this library: what was acknowledged against what ran.
//!
//! `GEARMAN_FAILOVER_SECONDS` sets how long it lasts.

use gearman::capi::types::gearman_return_t as Code;
use gearman_test_support::library::{Library, set_library};
use gearman_test_support::paths::{
    PHP, PHP_EXTENSION, own_gearmand, repository, scratch, target_dir,
};
use gearman_test_support::requirements::have_file;
use gearman_test_support::server::Server;
use gearman_test_support::wait::wait_until;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long servers are killed.
const DEFAULT_SECONDS: u64 = 6;
/// Time for which a killed server is away, and for which both are there.
const AWAY: Duration = Duration::from_millis(200);

/// Two servers, each with a file for its jobs.
struct Pair {
    gearmand: &'static str,
    files: [PathBuf; 2],
    servers: [Option<Server>; 2],
    ports: [u16; 2],
}

impl Pair {
    fn start(directory: &Path) -> Pair {
        let gearmand = own_gearmand().expect("the tests build gearmand");
        let files = ["first", "second"].map(|name| directory.join(name));
        let servers = files.each_ref().map(|file| {
            let arguments = queue_in(file);
            Server::start_with(gearmand, &arguments.each_ref().map(String::as_str))
        });
        let ports = servers.each_ref().map(|server| server.port);
        Pair { gearmand, files, servers: servers.map(Some), ports }
    }

    fn kill(&mut self, index: usize) {
        self.servers[index] = None;
    }

    fn start_again(&mut self, index: usize) {
        let arguments = queue_in(&self.files[index]);
        let arguments = arguments.each_ref().map(String::as_str);
        let server = Server::start_again_with(self.gearmand, self.ports[index], &arguments);
        self.servers[index] = Some(server);
    }

    /// Whether no server has a job left.
    fn are_empty(&self) -> bool {
        self.servers.iter().flatten().all(|server| {
            let status = server.ask("status");
            status.lines().all(|line| line == "." || line.contains("\t0\t0\t"))
        })
    }
}

fn queue_in(file: &Path) -> [String; 2] {
    ["--queue-type=libsqlite3".into(), format!("--libsqlite3-db={}", file.display())]
}

/// A script that runs, killed at the end.
struct Script(Child);

impl Script {
    fn start(program: &Path, script: &str, ports: [u16; 2], output: Option<&Path>) -> Script {
        let mut command = Command::new(program);
        command.arg(repository().join("tests/failover/restarts").join(script));
        command.args(ports.map(|port| port.to_string())).stdin(Stdio::piped());
        match output {
            Some(file) if script == "worker.php" => _ = command.arg(file),
            Some(file) => _ = command.stdout(fs::File::create(file).expect("a file")),
            None => {}
        }
        set_library(&mut command, Library::Ours);
        Script(command.spawn().expect("the script starts"))
    }

    /// Ends its input, and waits until it has ended.
    fn end(&mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("the script ends").success());
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a client has printed.
#[derive(Default)]
struct Told {
    acknowledged: BTreeSet<String>,
    /// Calls by their outcome.
    outcomes: BTreeMap<String, usize>,
    /// The longest call that did not wait for a worker.
    longest_ms: f64,
}

impl Told {
    fn read(file: &Path) -> Told {
        let mut told = Told::default();
        for line in fs::read_to_string(file).expect("the client's output").lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [outcome, job, time] = fields[..] else { panic!("{line:?} has three fields") };
            let (kind, _) = job.split_once('-').expect("a kind and a number");
            *told.outcomes.entry(format!("{kind} {outcome}")).or_default() += 1;
            if outcome == "acked" {
                told.acknowledged.insert(job.into());
            }
            if !job.starts_with("awaited") {
                told.longest_ms = told.longest_ms.max(time.parse().expect("a number"));
            }
        }
        told
    }

    /// The outcomes but for those named.
    fn outcomes_but(&self, expected: &[String]) -> Vec<&String> {
        self.outcomes.keys().filter(|outcome| !expected.contains(outcome)).collect()
    }
}

fn restart_in_turn(pair: &mut Pair, seconds: u64) -> usize {
    let (began, mut restarts) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(seconds) {
        let index = restarts % 2;
        pair.kill(index);
        sleep(AWAY);
        pair.start_again(index);
        sleep(AWAY);
        restarts += 1;
    }
    restarts
}

#[test]
fn every_acknowledged_job_runs_although_servers_are_killed_in_turn() {
    let python = target_dir().join("tools/py3gearman/bin/python");
    if !(have_file(PHP, "php8.2-cli") & have_file(PHP_EXTENSION, "php8.2-gearman"))
        || !have_file(&python, "py3gearman of PyPI")
    {
        return;
    }
    let seconds = std::env::var("GEARMAN_FAILOVER_SECONDS");
    let seconds = seconds.map_or(DEFAULT_SECONDS, |text| text.parse().expect("seconds"));
    let directory = scratch().join(format!("restarts-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory");
    let record = directory.join("record");
    let outputs = ["php", "python"].map(|name| directory.join(name));
    let mut pair = Pair::start(&directory);
    let php = Path::new(PHP);
    let workers = [(); 2].map(|()| Script::start(php, "worker.php", pair.ports, Some(&record)));
    let mut clients = [
        Script::start(php, "client.php", pair.ports, Some(&outputs[0])),
        Script::start(&python, "client.py", pair.ports, Some(&outputs[1])),
    ];
    let restarts = restart_in_turn(&mut pair, seconds);
    clients.iter_mut().for_each(Script::end);
    wait_until("the end of all jobs", || pair.are_empty());
    drop(workers);

    let record = fs::read_to_string(&record).expect("jobs ran");
    let ran: BTreeSet<&str> = record.lines().collect();
    let [php, python] = outputs.each_ref().map(|file| Told::read(file));
    println!("{restarts} restarts; {} runs of {} jobs", record.lines().count(), ran.len());
    for (name, told) in [("PHP", &php), ("Python", &python)] {
        println!(
            "{name}: {:?}, the longest without a worker {} ms",
            told.outcomes, told.longest_ms
        );
        let lost: Vec<_> = told.acknowledged.iter().filter(|job| !ran.contains(&job[..])).collect();
        assert!(lost.is_empty(), "{name}: acknowledged, but not run: {lost:?}");
        assert!(told.acknowledged.len() > restarts, "{name} had most of its jobs acknowledged");
    }
    // A request was sent and not answered; or a worker came too late to a server that was back.
    let code = |kind: &str, code: Code| format!("{kind} code-{}", code.0);
    let expected = [
        "background acked".into(),
        "awaited acked".into(),
        code("background", Code::LOST_CONNECTION),
        code("awaited", Code::LOST_CONNECTION),
        code("awaited", Code::TIMEOUT),
    ];
    assert_eq!(php.outcomes_but(&expected), [] as [&String; 0]);
    fs::remove_dir_all(&directory).expect("the directory is removed");
}
