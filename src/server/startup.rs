//! From options to a running server and back: limits, listeners, user, log, the
//! files that say who and where the server is, in this order.
//!
//! Must not: know the protocol or the event loop's insides.

use std::io;
use std::net::TcpListener;

use crate::announcement::Announcement;
use crate::daemon;
use crate::event_loop::{Binding, Keepalive, Listener, Server, bind, bind_tcp, path};
use crate::http::{Limits, Listeners};
use crate::log::{Level, Log};
use crate::options::{FileChoice, Http, Jobs, Network, Options, Process, Protocol};
use crate::privileges::{allow_core_dumps, become_user, find_user, limit_files};
use crate::systemd;
use gearman_broker::{Broker, Config, Wakeup};
use gearman_session::JobServerSettings;

/// What `--job-retries=0` means here, and how to say what it means elsewhere.
const ZERO_RETRIES: &str = "--job-retries=0: a job whose worker is lost is handed out again \
     without limit, as with gearmand up to 2.0.0. Later versions of the original take 0 for a \
     single attempt: say --job-retries=1 for that, and leave the option out for no limit";

/// Runs the server until it is told to stop.
///
/// # Errors
/// What keeps it from starting or from going on.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    let Options { process, network, jobs, http, .. } = options;
    if process.daemon_child {
        daemon::detach()?;
    }
    let user = process.user().map(find_user).transpose()?;
    limit_files(process.file_descriptors)?;
    // Before the user is changed: some ports are root's.
    let listeners = listen(network)?;
    let http = listen_http(http, network)?;
    if let Some(user) = &user {
        listeners.iter().try_for_each(|listener| listener.give_to(user))?;
        become_user(user)?;
    }
    if process.coredump {
        allow_core_dumps()?;
    }
    let mut log = open_log(process);
    let (pid, level) = (std::process::id(), log.level().name());
    log.write(Level::Info, format_args!("Starting up with pid {pid}, verbose is set to {level}"));
    warn_of_versions(jobs, &mut log);
    let port = listeners.iter().find_map(Listener::port);
    let broker = Broker::new(Config {
        handle_prefix: handle_prefix(jobs),
        attempts: attempts(jobs.job_retries),
        wakeup: wakeup(jobs.worker_wakeup),
        delayed_replies: jobs.delayed_replies(),
        exceptions: jobs.exceptions,
    });
    let keep_stderr = log.is_stderr();
    let settings = settings(process, network);
    let mut server = Server::new(listeners, broker, log, settings, keepalive(network))?;
    if let Some(listeners) = http {
        let limits = Limits { packet: network.max_packet_size, result: network.output_limit };
        server.speak_http(listeners, limits)?;
    }

    let _pid_file = match process.pid_file() {
        None => None,
        Some(FileChoice::Named(path)) => Some(Announcement::write(path, pid)?),
        Some(FileChoice::Default(path)) => Announcement::write(path, pid).ok(),
    };
    let _port_file = match (&network.port_file, port) {
        (None, _) => None,
        (Some(path), Some(port)) => Some(Announcement::write(path, port)?),
        (Some(path), None) => {
            return Err(io::Error::other(format!(
                "--port-file {}: there is no port",
                path.display()
            )));
        }
    };
    // Before the process that systemd started ends.
    systemd::ready();
    if process.daemon_child {
        daemon::ready(keep_stderr)?;
    }
    server.run()
}

/// The listeners that systemd opened; without any, those that were asked for.
fn listen(network: &Network) -> io::Result<Vec<Listener>> {
    let inherited = systemd::listeners()?;
    if !inherited.is_empty() {
        return Ok(inherited);
    }
    bind(Binding {
        names: &network.listen,
        port: network.port,
        backlog: network.backlog,
        mode: network.socket_mode,
    })
}

/// Opens what HTTP is to be spoken at, if it is to be spoken.
fn listen_http(http: &Http, network: &Network) -> io::Result<Option<Listeners>> {
    let named = if http.http_listen.is_empty() { &network.listen } else { &http.http_listen };
    let hosts = named.iter().map(String::as_str).filter(|name| path(name).is_none());
    let mut names: Vec<&str> = hosts.collect();
    // Who listens on Unix sockets alone does not want the world to come in here.
    if names.is_empty() && !named.is_empty() {
        names.push("localhost");
    }
    let open = |what: &str, port| -> io::Result<Vec<TcpListener>> {
        let opened = bind_tcp(&names, port, network.backlog)
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
    let is_asked = http.protocol == Some(Protocol::Http) || http.metrics_port.is_some();
    Ok(is_asked.then_some(listeners))
}

fn open_log(process: &Process) -> Log {
    let level = process.level();
    let log = match process.log_file() {
        FileChoice::Default(_) if process.syslog => return Log::syslog(level),
        FileChoice::Named(path) | FileChoice::Default(path) => Log::open(path, level)
            .unwrap_or_else(|error| {
                let path = path.display();
                eprintln!("gearmand: log file {path}: {error}; switching to standard error");
                Log::stderr(level)
            }),
    };
    if process.syslog { log.with_syslog() } else { log }
}

fn handle_prefix(jobs: &Jobs) -> String {
    jobs.job_handle_prefix.clone().unwrap_or_else(|| {
        let system = rustix::system::uname();
        let host = system.nodename().to_string_lossy();
        format!(
            "H:{}",
            host.chars().take(gearman_broker::HANDLE_PREFIX_BYTES_MAX / 4).collect::<String>()
        )
    })
}

fn settings(process: &Process, network: &Network) -> JobServerSettings {
    JobServerSettings {
        output_limit: network.output_limit,
        packet_limit: network.max_packet_size,
        allow_shutdown: process.allow_shutdown,
    }
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

/// The option counts attempts; -1 and 0 are without limit. The original's versions
/// disagree about 0, and what cannot lose a job is the safer meaning.
fn attempts(retries: i16) -> Option<u8> {
    u8::try_from(retries).ok().filter(|attempts| *attempts > 0)
}

/// Tells of an option that other versions understand otherwise: in the log, at
/// every level, and on standard error.
fn warn_of_versions(jobs: &Jobs, log: &mut Log) {
    if jobs.job_retries == 0 {
        log.announce(Level::Warning, format_args!("{ZERO_RETRIES}"));
        if !log.is_stderr() {
            eprintln!("gearmand: {ZERO_RETRIES}");
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn a_vanished_peer_is_missed_after_two_minutes_unless_told_otherwise() {
        let keepalive = |line: &str| {
            let options = Options::try_parse_from(line.split(' ')).expect("parses");
            let Keepalive { idle, interval, count } = keepalive(&options.network);
            (idle, interval, count)
        };
        assert_eq!(keepalive("gearmand"), (60, 10, 6));
        let all = "gearmand --keepalive --keepalive-idle 5 --keepalive-interval 0";
        assert_eq!(keepalive(all), (5, 0, 6));
    }

    #[test]
    fn attempts_are_without_limit_where_less_than_one_was_asked_for() {
        let counts = [-1, 0, 1, 2, 255].map(attempts);
        assert_eq!(counts, [None, None, Some(1), Some(2), Some(255)]);
    }
}
