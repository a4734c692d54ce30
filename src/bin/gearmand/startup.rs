//! From options to a running server and back: limits, log, listeners, the files
//! that say who and where the server is.
//!
//! Must not: know the protocol or the event loop's insides.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::broker::{Broker, Config, Wakeup};
use crate::daemon;
use crate::log::Log;
use crate::options::Options;
use crate::server::{Keepalive, Server, bind};

/// Where log lines go if nothing else is said.
const LOG_FILE: &str = "/var/log/gearmand.log";

/// Runs the server until it is told to stop.
///
/// # Errors
/// What keeps it from starting or from going on.
pub(crate) fn run(options: &Options) -> io::Result<()> {
    if options.daemon_child {
        daemon::detach()?;
    }
    let log = open_log(options)?;
    limit_files(options.file_descriptors)?;
    let listeners = bind(&options.listen, options.port, options.backlog)?;
    let port = listeners[0].local_addr()?.port();
    let broker = Broker::new(Config {
        handle_prefix: handle_prefix(options),
        attempts: attempts(options.job_retries),
        wakeup: wakeup(options.worker_wakeup),
        exceptions: options.exceptions,
    });
    let keepalive = Keepalive {
        idle: options.keepalive_idle,
        interval: options.keepalive_interval,
        count: options.keepalive_count,
    };
    let keep_stderr = log.is_stderr();
    let server = Server::new(listeners, broker, log, keepalive, options.output_limit)?;

    let _pid_file = Announcement::write(options.pid_file.as_deref(), std::process::id())?;
    let _port_file = Announcement::write(options.port_file.as_deref(), port)?;
    if options.daemon_child {
        daemon::ready(keep_stderr)?;
    }
    server.run()
}

fn open_log(options: &Options) -> io::Result<Log> {
    let level = options.level();
    match &options.log_file {
        Some(path) => Log::open(path, level)
            .map_err(|e| io::Error::new(e.kind(), format!("log file {}: {e}", path.display()))),
        // Nobody asked for this file, so nobody misses it.
        None => Ok(Log::open(Path::new(LOG_FILE), level).unwrap_or_else(|_| Log::stderr(level))),
    }
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

fn handle_prefix(options: &Options) -> String {
    options.job_handle_prefix.clone().unwrap_or_else(|| {
        let system = rustix::system::uname();
        let host = system.nodename().to_string_lossy();
        format!("H:{}", host.chars().take(crate::broker::MAX_PREFIX / 4).collect::<String>())
    })
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
    fn write(path: Option<&Path>, what: impl ToString) -> io::Result<Option<Announcement>> {
        let Some(path) = path else { return Ok(None) };
        let failed = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        fs::write(&fresh, format!("{}\n", what.to_string())).map_err(failed)?;
        fs::rename(&fresh, path).map_err(failed)?;
        Ok(Some(Announcement(path.to_path_buf())))
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Somebody may have been faster.
        let _ = fs::remove_file(&self.0);
    }
}
