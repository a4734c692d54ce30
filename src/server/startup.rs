//! Starts the server from its options: limits, listeners, user, log, event loop, pid
//! file and port file, in this order.
//!
//! Must not: know the protocol or the internals of the event loop.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::access::{self, LoadedRules};
use crate::address_gate::AddressGate;
use crate::daemon;
use crate::event_loop::{
    Binding, EventLoop, Keepalive, Listener, TcpBinding, bind, bind_tcp, path,
};
use crate::function_settings::SettingsFile;
use crate::http::{HttpTls, Limits, Listeners};
use crate::log::{Level, Log};
use crate::options::{
    AccessOptions, AdminAddress, FileChoice, HttpOptions, JobOptions, NetworkOptions,
    ProcessOptions, Protocol, QueueOptions, ServerOptions, TlsAddress, TlsOptions,
};
use crate::privileges::{allow_core_dumps, become_user, find_user, limit_files};
use crate::queue;
use crate::systemd;
use crate::tls::{Certificate, TlsPolicy};
use gearman_access::{AccessControl, AdminScope, ConnectionSettings, ListenerRole};
use gearman_broker::{Broker, Config, ConnectionLimits, Wakeup};
use gearman_files::StateFile;
use gearman_session::JobServerSettings;

/// Warning about `--job-retries=0`, whose meaning depends on the version.
const ZERO_RETRIES: &str = "--job-retries=0: a job whose worker is lost is handed out again \
     without limit, as in gearmand up to 2.0.0. Later versions of the original take 0 for a \
     single attempt: use --job-retries=1 for that, or leave the option out for no limit";

/// Runs the server until it shuts down.
///
/// # Errors
/// When the server cannot start, or when waiting for events fails.
pub(crate) fn run(options: &ServerOptions) -> io::Result<()> {
    let ServerOptions { process, network, jobs, access, http, queue, tls, .. } = options;
    if process.daemon_child {
        daemon::detach()?;
    }
    let user = process.user().map(find_user).transpose()?;
    limit_files(process.file_descriptors)?;
    // Before the user changes: ports below 1024 and the key may need root.
    let certificate = certificate(tls)?;
    let (mut listeners, mut policies) = listen(process, network, tls)?;
    let port = listeners.iter().find_map(Listener::port);
    let roles = listen_for_administrators(access, network, &mut listeners)?;
    policies.resize(listeners.len(), main_policy(tls));
    let http_listeners = listen_http(http, network)?;
    if let Some(user) = &user {
        listeners.iter().try_for_each(|listener| listener.give_to(user))?;
        become_user(user)?;
    }
    if process.coredump {
        allow_core_dumps()?;
    }
    let mut log = open_audit_log(access, open_log(process)?)?;
    log = log.with_submissions(process.log_submissions);
    let (pid, level) = (std::process::id(), log.level().name());
    log.write(Level::Notice, format_args!("Starting up with pid {pid}, verbose is set to {level}"));
    warn_of_options(options, &mut log);
    // As the user that reads the file again on SIGHUP.
    let control = access_control(access, !roles.is_empty(), &mut log)?;
    if access.access_rules.is_none() {
        warn_of_openness(&listeners, &mut log);
    }
    let mut broker = broker(jobs, access);
    let kept = set_functions(jobs, queue, &mut broker)?;
    let store = queue::open(queue, &mut broker, &mut log)?;
    let keep_stderr = log.is_stderr();
    let settings = settings(process, network, queue);
    if let Some(certificate) = &certificate {
        certificate.report_readable_key(&mut log);
    }
    let mut server = EventLoop::new(listeners, broker, log, settings, keepalive(network))?;
    let gate = AddressGate::new(ConnectionSettings {
        connections_max: access.connections_per_address,
        per_second_max: access.connection_rate,
    });
    server.set_gate(gate.clone());
    server.keep_settings_in(kept);
    if let Some(control) = control {
        server.start_access(control, roles, access.access_rules.clone());
    }
    if let Some(listeners) = http_listeners {
        let tls = certificate.as_ref().map(|certificate| http_tls(certificate, tls));
        server.start_http_bridge(listeners, http_limits(network, http), gate, tls)?;
    }
    if let Some(certificate) = certificate {
        server.start_tls(certificate, handshake_timeout(tls), policies);
    }
    if let Some(store) = store {
        server.start_store(store, queue.kind().error_prefix())?;
    }

    let _files = state_files(process, network, port)?;
    // Before the parent that systemd started exits.
    systemd::ready();
    if process.daemon_child {
        daemon::ready(keep_stderr)?;
    }
    server.run()
}

/// The broker, before it has jobs.
fn broker(jobs: &JobOptions, access: &AccessOptions) -> Broker {
    let mut broker = Broker::new(Config {
        handle_prefix: handle_prefix(jobs),
        attempts: attempts(jobs.job_retries),
        wakeup: wakeup(jobs.worker_wakeup),
        delayed_replies: jobs.delayed_replies(),
        exceptions: jobs.exceptions,
    });
    broker.set_connection_limits(ConnectionLimits {
        functions_max: access.functions_per_connection,
        unique_jobs_max: access.unique_ids_per_connection,
        running_jobs_max: access.jobs_per_worker,
    });
    broker
}

/// Gives functions the limits and pauses that a file keeps, if there is one, and then those of the
/// configuration.
fn set_functions(
    jobs: &JobOptions,
    queue: &QueueOptions,
    broker: &mut Broker,
) -> io::Result<Option<SettingsFile>> {
    let path = jobs.function_settings.clone().or_else(|| queue.settings_beside());
    let load = |path: PathBuf| {
        SettingsFile::load(&path, broker).map_err(|error| {
            let path = path.display();
            io::Error::new(error.kind(), format!("--function-settings {path}: {error}"))
        })
    };
    let mut kept = path.map(load).transpose()?;
    let configured = jobs.configured_functions();
    configured.iter().for_each(|settings| broker.set_function(settings));
    if let Some(kept) = &mut kept {
        kept.begin(configured, broker);
    }
    Ok(kept)
}

/// Writes the pid file and the port file, which are removed on drop.
fn state_files(
    process: &ProcessOptions,
    network: &NetworkOptions,
    port: Option<u16>,
) -> io::Result<[Option<StateFile>; 2]> {
    let pid = std::process::id();
    let named = |option: &'static str, path: &Path| {
        let path = path.display().to_string();
        move |e: io::Error| io::Error::new(e.kind(), format!("{option} {path}: cannot write: {e}"))
    };
    let pid_file = match process.pid_file() {
        None => None,
        Some(FileChoice::Named(path)) => {
            Some(StateFile::write(path, pid).map_err(named("--pid-file", path))?)
        }
        Some(FileChoice::Default(path)) => StateFile::write(path, pid).ok(),
    };
    let port_file = match (&network.port_file, port) {
        (None, _) => None,
        (Some(path), Some(port)) => {
            Some(StateFile::write(path, port).map_err(named("--port-file", path))?)
        }
        (Some(path), None) => {
            return Err(io::Error::other(format!(
                "--port-file {}: the server listens on Unix sockets only, which have no port",
                path.display()
            )));
        }
    };
    Ok([pid_file, port_file])
}

/// The listeners that systemd passed, or else those of `--listen` and `--port`, and those of
/// `--ssl-listen`; and which of their connections have TLS.
fn listen(
    process: &ProcessOptions,
    network: &NetworkOptions,
    tls: &TlsOptions,
) -> io::Result<(Vec<Listener>, Vec<TlsPolicy>)> {
    let mut listeners = systemd::listeners(process.daemon_child)?;
    if listeners.is_empty() {
        listeners = bind(Binding {
            names: &network.listen,
            port: network.port,
            backlog: network.backlog,
            mode: network.socket_mode,
        })?;
    }
    let mut policies = vec![main_policy(tls); listeners.len()];
    for TlsAddress { host, port } in &tls.ssl_listen {
        let opened = bind_tcp(TcpBinding {
            names: &[host],
            names_option: "--ssl-listen",
            port: *port,
            port_option: "--ssl-listen",
            backlog: network.backlog,
        })?;
        listeners.extend(opened.into_iter().map(Listener::Tcp));
        policies.resize(listeners.len(), TlsPolicy::Required);
    }
    Ok((listeners, policies))
}

/// Which connections of the ports without an option of their own have TLS.
fn main_policy(tls: &TlsOptions) -> TlsPolicy {
    match (tls.ssl, tls.ssl_optional) {
        (false, _) => TlsPolicy::Plain,
        (true, true) => TlsPolicy::Either,
        (true, false) => TlsPolicy::Required,
    }
}

/// The certificate, if anything has TLS.
fn certificate(tls: &TlsOptions) -> io::Result<Option<Certificate>> {
    let load = || Certificate::load(tls.settings()).map_err(io::Error::other);
    tls.is_enabled().then(load).transpose()
}

fn http_limits(network: &NetworkOptions, http: &HttpOptions) -> Limits {
    Limits {
        packet_bytes: network.packet_bytes_max,
        result_bytes: network.unread_bytes_max,
        metrics_functions: http.metrics_functions_max,
    }
}

fn http_tls(certificate: &Certificate, tls: &TlsOptions) -> HttpTls {
    HttpTls {
        certificate: certificate.clone(),
        policy: http_policy(tls),
        handshake_timeout: handshake_timeout(tls),
    }
}

/// Which HTTP connections have TLS: beside a TLS port of their own, both are accepted.
fn http_policy(tls: &TlsOptions) -> TlsPolicy {
    match main_policy(tls) {
        TlsPolicy::Plain => TlsPolicy::Either,
        policy => policy,
    }
}

fn handshake_timeout(tls: &TlsOptions) -> Duration {
    Duration::from_secs(tls.handshake_seconds.into())
}

/// Adds the listeners for administrators. Returns the role of every listener, or none if there
/// are no such listeners.
fn listen_for_administrators(
    access: &AccessOptions,
    network: &NetworkOptions,
    listeners: &mut Vec<Listener>,
) -> io::Result<Vec<ListenerRole>> {
    let mut roles = vec![ListenerRole::Jobs; listeners.len()];
    for (option, addresses, scope) in [
        ("--admin-listen", &access.admin_listen, AdminScope::All),
        ("--admin-listen-read-only", &access.admin_listen_read_only, AdminScope::ReadOnly),
    ] {
        for address in addresses {
            let opened = match address {
                AdminAddress::Tcp(host, port) => bind_tcp(TcpBinding {
                    names: &[host],
                    names_option: option,
                    port: *port,
                    port_option: option,
                    backlog: network.backlog,
                })?
                .into_iter()
                .map(Listener::Tcp)
                .collect(),
                AdminAddress::Unix(path) => bind(Binding {
                    names: std::slice::from_ref(path),
                    port: 0,
                    backlog: network.backlog,
                    mode: network.socket_mode,
                })
                .map_err(|error| {
                    let text = error.to_string().replacen("--listen", option, 1);
                    io::Error::new(error.kind(), text)
                })?,
            };
            listeners.extend(opened);
            roles.resize(listeners.len(), ListenerRole::Admin(scope));
        }
    }
    let has_admin = roles.iter().any(|role| *role != ListenerRole::Jobs);
    Ok(if has_admin { roles } else { Vec::new() })
}

/// What decides about peers, unless everything is allowed.
fn access_control(
    access: &AccessOptions,
    has_roles: bool,
    log: &mut Log,
) -> io::Result<Option<AccessControl>> {
    let rules = match &access.access_rules {
        None if !has_roles && access.scope() == AdminScope::All => return Ok(None),
        None => None,
        Some(path) => {
            let failed = |errors: Vec<String>| {
                io::Error::other(format!("--access-rules {}", errors.join("\ngearmand: ")))
            };
            let LoadedRules { rules, warning } = access::load(path).map_err(failed)?;
            if let Some(warning) = &warning {
                log.write(Level::Warning, format_args!("{warning}"));
            }
            Some(rules)
        }
    };
    Ok(Some(AccessControl::new(rules, access.scope())))
}

/// Says in the log, whatever its level, that other machines can use the server without any
/// restriction.
fn warn_of_openness(listeners: &[Listener], log: &mut Log) {
    let open = listeners.iter().filter(|listener| listener.is_beyond_loopback());
    let open: Vec<String> = open.map(ToString::to_string).collect();
    if !open.is_empty() {
        let addresses = open.join(", ");
        log.write_always(
            Level::Notice,
            format_args!(
                "Any machine that can reach {addresses} may submit jobs, run them and administer \
                 the server: it runs without --access-rules"
            ),
        );
    }
}

/// Opens the listeners of the HTTP bridge and of the metrics, if there are any.
fn listen_http(http: &HttpOptions, network: &NetworkOptions) -> io::Result<Option<Listeners>> {
    let (named, names_option) = match http.http_listen.is_empty() {
        true => (&network.listen, "--listen"),
        false => (&http.http_listen, "--http-listen"),
    };
    let hosts = named.iter().map(String::as_str).filter(|name| path(name).is_none());
    let mut names: Vec<&str> = hosts.collect();
    // With Unix sockets only, HTTP must not be reachable from other machines.
    if names.is_empty() && !named.is_empty() {
        names.push("localhost");
    }
    let open = |port_option, port| -> io::Result<Vec<TcpListener>> {
        let backlog = network.backlog;
        let binding = TcpBinding { names: &names, names_option, port, port_option, backlog };
        Ok(bind_tcp(binding)?.into_iter().map(TcpListener::from).collect())
    };
    let mut listeners = Listeners::default();
    if let Some(Protocol::Http) = http.protocol {
        listeners.jobs = open("--http-port", http.http_port)?;
    }
    if let Some(port) = http.metrics_port {
        listeners.metrics = open("--metrics-port", port)?;
    }
    let is_enabled = http.protocol == Some(Protocol::Http) || http.metrics_port.is_some();
    Ok(is_enabled.then_some(listeners))
}

/// Opens the log. Without its file it is standard error; what can never be a log, such as a FIFO,
/// is an error.
fn open_log(process: &ProcessOptions) -> io::Result<Log> {
    let level = process.level();
    let (FileChoice::Named(path) | FileChoice::Default(path)) = process.log_file();
    if process.syslog && matches!(process.log_file(), FileChoice::Default(_)) {
        return Ok(Log::syslog(level));
    }
    let log = match Log::open(path, level) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            return Err(io::Error::other(format!("--log-file {}: {error}", path.display())));
        }
        Err(error) => {
            let path = path.display();
            eprintln!(
                "gearmand: --log-file {path}: cannot open: {error}; logging to standard error"
            );
            Log::stderr(level)
        }
    };
    Ok(if process.syslog { log.with_syslog() } else { log })
}

fn open_audit_log(access: &AccessOptions, log: Log) -> io::Result<Log> {
    let Some(path) = &access.audit_log else { return Ok(log) };
    log.with_audit(path).map_err(|error| {
        io::Error::new(error.kind(), format!("--audit-log {}: {error}", path.display()))
    })
}

fn handle_prefix(jobs: &JobOptions) -> String {
    jobs.job_handle_prefix.clone().unwrap_or_else(|| {
        let system = rustix::system::uname();
        let host = system.nodename().to_string_lossy();
        format!(
            "H:{}",
            host.chars().take(gearman_broker::HANDLE_PREFIX_BYTES_MAX / 4).collect::<String>()
        )
    })
}

fn settings(
    process: &ProcessOptions,
    network: &NetworkOptions,
    queue: &QueueOptions,
) -> JobServerSettings {
    JobServerSettings {
        output_limit: network.unread_bytes_max,
        output_limit_total: network.all_unread_bytes_max,
        packet_limit: network.packet_bytes_max,
        worker_ack_timeout: network.worker_ack_timeout(),
        allow_shutdown: process.allow_shutdown,
        queue_wait_ms: u64::from(queue.queue_wait) * 1000,
        queue_type: queue.kind().name(),
    }
}

/// The settings of TCP keepalive. By default a peer that vanished is detected after
/// two minutes; with Linux's own settings it would keep its job for over two hours.
fn keepalive(network: &NetworkOptions) -> Keepalive {
    let or = |given: i32, default| u32::try_from(given).unwrap_or(default);
    Keepalive {
        idle_seconds: or(network.keepalive_idle_seconds, 60),
        interval_seconds: or(network.keepalive_interval_seconds, 10),
        probes: or(network.keepalive_probes, 6),
    }
}

/// The number of attempts that a job gets; -1 and 0 are no limit. The original's
/// versions disagree about 0, and no limit is the meaning that loses no job.
fn attempts(retries: i16) -> Option<u8> {
    u8::try_from(retries).ok().filter(|attempts| *attempts > 0)
}

/// Warns of options without effect, and of one with another meaning in other versions: in the
/// log, whatever its level, and on standard error.
fn warn_of_options(options: &ServerOptions, log: &mut Log) {
    let retries = (options.jobs.job_retries == 0).then_some(ZERO_RETRIES);
    for warning in retries.into_iter().chain(options.warnings.iter().map(String::as_str)) {
        log.write_always(Level::Warning, format_args!("{warning}"));
        if !log.is_stderr() {
            eprintln!("gearmand: {warning}");
        }
    }
}

/// How many workers a job wakes. The original wakes all by default; here that needs
/// `--worker-wakeup=0`.
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
    fn a_vanished_peer_is_detected_after_two_minutes_by_default() {
        let keepalive = |line: &str| {
            let options = ServerOptions::try_parse_from(line.split(' ')).expect("parses");
            let Keepalive { idle_seconds, interval_seconds, probes } = keepalive(&options.network);
            (idle_seconds, interval_seconds, probes)
        };
        assert_eq!(keepalive("gearmand"), (60, 10, 6));
        let all = "gearmand --keepalive --keepalive-idle 5 --keepalive-interval 0";
        assert_eq!(keepalive(all), (5, 0, 6));
    }

    #[test]
    fn fewer_than_one_retry_means_no_limit() {
        let counts = [-1, 0, 1, 2, 255].map(attempts);
        assert_eq!(counts, [None, None, Some(1), Some(2), Some(255)]);
    }
}
