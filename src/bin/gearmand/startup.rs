//! From options to a running server and back: limits, log, listeners, the files
//! that say who and where the server is.
//!
//! Must not: know the protocol or the event loop's insides.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::broker::{Broker, Config, Wakeup};
use crate::daemon;
use crate::http::{Limits, Listeners};
use crate::log::Log;
use crate::options::{FileChoice, Http, Jobs, Network, Options, Process, Protocol};
use crate::server::{Keepalive, Server, bind};

/// Runs the server until it is told to stop.
///
/// # Errors
/// What keeps it from starting or from going on.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let Options { process, network, jobs, http, .. } = options;
    if process.daemon_child {
        daemon::detach()?;
    }
    let log = open_log(process)?;
    limit_files(process.file_descriptors)?;
    if process.coredump {
        allow_core_dumps()?;
    }
    let listeners = bind(&network.listen, network.port, network.backlog)?;
    let port = listeners[0].local_addr()?.port();
    let http = listen_http(http, network)?;
    let broker = Broker::new(Config {
        handle_prefix: handle_prefix(jobs),
        attempts: attempts(jobs.job_retries),
        wakeup: wakeup(jobs.worker_wakeup),
        exceptions: jobs.exceptions,
    });
    let keepalive = keepalive(network);
    let keep_stderr = log.is_stderr();
    let mut server = Server::new(
        listeners,
        broker,
        log,
        keepalive,
        network.output_limit,
        process.allow_shutdown,
    )?;
    if let Some(listeners) = http {
        let limits = Limits { packet: network.max_packet_size, result: network.output_limit };
        server.speak_http(listeners, limits)?;
    }

    let _pid_file = match process.pid_file() {
        None => None,
        Some(FileChoice::Named(path)) => Some(Announcement::write(path, std::process::id())?),
        Some(FileChoice::Default(path)) => Announcement::write(path, std::process::id()).ok(),
    };
    let port_file = network.port_file.as_deref();
    let _port_file = port_file.map(|path| Announcement::write(path, port)).transpose()?;
    if process.daemon_child {
        daemon::ready(keep_stderr)?;
    }
    server.run()
}

/// Opens what HTTP is to be spoken at, if it is to be spoken.
fn listen_http(http: &Http, network: &Network) -> io::Result<Option<Listeners>> {
    let is_path = |name: &&String| name.contains('/');
    let mut names = match &http.http_listen[..] {
        [] => network.listen.iter().filter(|name| !is_path(name)).cloned().collect(),
        named => named.to_vec(),
    };
    // Who listens on Unix sockets alone does not want the world to come in here.
    if names.is_empty() && !network.listen.is_empty() {
        names.push("localhost".into());
    }
    let open = |what: &str, port| -> io::Result<Vec<TcpListener>> {
        let opened = bind(&names, port, network.backlog)
            .map_err(|e| io::Error::new(e.kind(), format!("{what}: {e}")))?;
        Ok(opened.into_iter().map(TcpListener::from).collect())
    };
    let mut listeners = Listeners::default();
    if let Some(Protocol::Http) = http.protocol {
        listeners.jobs = open("HTTP", http.http_port)?;
    }
    if let Some(port) = http.metrics_port {
        listeners.metrics = open("metrics", port)?;
    }
    let is_asked = http.protocol.is_some() || http.metrics_port.is_some();
    Ok(is_asked.then_some(listeners))
}

fn open_log(process: &Process) -> io::Result<Log> {
    let level = process.level();
    match process.log_file() {
        FileChoice::Named(path) => Log::open(path, level)
            .map_err(|e| io::Error::new(e.kind(), format!("log file {}: {e}", path.display()))),
        FileChoice::Default(path) => {
            Ok(Log::open(path, level).unwrap_or_else(|_| Log::stderr(level)))
        }
    }
}

/// Lets a crash leave as large a core dump as the user may have.
fn allow_core_dumps() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Core);
    limit.current = limit.maximum;
    setrlimit(Resource::Core, limit)
        .map_err(|e| io::Error::new(e.kind(), format!("core dump limit: {e}")))
}

/// Allows as many open files as asked for, or as the user may have.
fn limit_files(wanted: Option<u64>) -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    match wanted {
        Some(wanted) => {
            let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
            limit = Rlimit { current: Some(wanted), maximum };
        }
        None => limit.current = limit.maximum,
    }
    setrlimit(Resource::Nofile, limit)
        .map_err(|e| io::Error::new(e.kind(), format!("file descriptor limit: {e}")))
}

fn handle_prefix(jobs: &Jobs) -> String {
    jobs.job_handle_prefix.clone().unwrap_or_else(|| {
        let system = rustix::system::uname();
        let host = system.nodename().to_string_lossy();
        format!("H:{}", host.chars().take(crate::broker::MAX_PREFIX / 4).collect::<String>())
    })
}

/// A peer that vanished without a word is missed after two minutes, unless other
/// numbers are given; the systems' own let it occupy a job for two hours.
fn keepalive(network: &Network) -> Keepalive {
    let or = |given: i32, default| u32::try_from(given).unwrap_or(default);
    Keepalive {
        idle: or(network.keepalive_idle, 60),
        interval: or(network.keepalive_interval, 10),
        count: or(network.keepalive_count, 6),
    }
}

/// The option counts attempts; -1 is without limit, and less than one attempt
/// makes no sense.
fn attempts(retries: i16) -> Option<u8> {
    u8::try_from(retries).ok().map(|attempts| attempts.max(1))
}

/// The original wakes everybody unless told otherwise; here that must be asked
/// for.
fn wakeup(limit: Option<u8>) -> Wakeup {
    match limit {
        None => Wakeup::AsNeeded,
        Some(0) => Wakeup::All,
        Some(count) => Wakeup::AtMost(count),
    }
}

/// A file that says something about a running server and goes with it.
struct Announcement(PathBuf);

impl Announcement {
    /// Writes the file in one step: who reads it reads all of it.
    fn write(path: &Path, what: impl ToString) -> io::Result<Announcement> {
        let failed = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        fs::write(&fresh, format!("{}\n", what.to_string())).map_err(failed)?;
        fs::rename(&fresh, path).map_err(failed)?;
        Ok(Announcement(path.to_path_buf()))
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Somebody may have been faster.
        let _ = fs::remove_file(&self.0);
    }
}
