//! The command line: one field per option.
//!
//! Options of the original that are not there yet are in the table too, so that
//! they are refused by name and not taken for a typing error.
//!
//! Must not: act on options.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Parser};

use crate::broker::MAX_PREFIX;
use crate::log::Level;
use gearman::net::address::service_port;
use gearman::protocol::limits::DEFAULT_PORT;

const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " - https://github.com/gearman/gearmand/issues");

/// The Gearman job server.
#[derive(Debug, Parser)]
#[command(name = "gearmand", version = VERSION)]
pub(crate) struct Options {
    /// Number of connections that may wait to be accepted.
    #[arg(short = 'b', long, value_name = "N", default_value_t = 32)]
    pub(crate) backlog: u16,

    /// Detach and run in the background. Returns once the server listens.
    #[arg(short = 'd', long)]
    pub(crate) daemon: bool,

    /// How a detached process is told from the one that detached it.
    #[arg(long, hide = true)]
    pub(crate) daemon_child: bool,

    /// Send exceptions also to clients that did not ask for them.
    #[arg(long)]
    pub(crate) exceptions: bool,

    /// Number of open files to allow. Default is as many as the user may have.
    #[arg(short = 'f', long, value_name = "N")]
    pub(crate) file_descriptors: Option<u64>,

    /// How often a job is handed out before it fails. -1 is without limit, 0
    /// hands it out once.
    #[arg(short = 'j', long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i16).range(-1..=255))]
    pub(crate) job_retries: i16,

    /// What job handles start with. Default is "H:" and the host's name.
    #[arg(long, value_name = "PREFIX", value_parser = parse_prefix)]
    pub(crate) job_handle_prefix: Option<String>,

    /// Accepted for compatibility: tables grow and shrink by themselves.
    #[arg(long, value_name = "N")]
    pub(crate) hashtable_buckets: Option<u32>,

    /// Accepted for compatibility: keepalive is always on.
    #[arg(long)]
    pub(crate) keepalive: bool,

    /// Seconds of silence before keepalive asks the peer; -1 is the system's.
    #[arg(long, value_name = "SECONDS", default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) keepalive_idle: i32,

    /// Seconds between keepalive's questions; -1 is the system's.
    #[arg(long, value_name = "SECONDS", default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) keepalive_interval: i32,

    /// Unanswered questions before a connection is given up; -1 is the system's.
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) keepalive_count: i32,

    /// File for log lines, or "stderr", or "none".
    #[arg(short = 'l', long, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,

    /// Address to listen on; may be given more than once. Default is any.
    #[arg(short = 'L', long, value_name = "ADDRESS")]
    pub(crate) listen: Vec<String>,

    /// Bytes that may wait for a peer that does not read, before it is
    /// disconnected.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    pub(crate) output_limit: usize,

    /// File to write the process id to.
    #[arg(short = 'P', long, visible_alias = "pidfile", value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,

    /// Port to listen on, by number or as a service; 0 is any free one.
    #[arg(short = 'p', long, default_value_t = DEFAULT_PORT, value_parser = parse_port)]
    pub(crate) port: u16,

    /// File to write the port to, once the server listens.
    #[arg(long, value_name = "FILE")]
    pub(crate) port_file: Option<PathBuf>,

    /// Accepted for compatibility: functions always take turns.
    #[arg(short = 'R', long)]
    pub(crate) round_robin: bool,

    /// Queue to keep background jobs in: builtin.
    #[arg(short = 'q', long, value_name = "TYPE", default_value = "builtin")]
    pub(crate) queue_type: String,

    /// Accepted for compatibility: one thread does it all.
    #[arg(short = 't', long, value_name = "N", default_value_t = 4)]
    pub(crate) threads: u32,

    /// Log level: FATAL, ALERT, CRITICAL, ERROR, WARNING, NOTICE, INFO or DEBUG.
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "INFO")]
    verbose: Option<Level>,

    /// Log more: once is INFO, twice is DEBUG.
    #[arg(short = 'v', action = ArgAction::Count)]
    more_verbose: u8,

    /// How many sleeping workers to wake per job; 0 is all of them. Default is
    /// one, and more if the job still waits a moment later.
    #[arg(short = 'w', long, value_name = "N")]
    pub(crate) worker_wakeup: Option<u8>,

    /// Check the arguments and exit.
    #[arg(long, hide = true)]
    pub(crate) check_args: bool,

    #[command(flatten)]
    missing: Missing,
}

/// What the original has and this server has not.
#[derive(Debug, clap::Args)]
struct Missing {
    #[arg(long, hide = true)]
    config_file: Option<OsString>,
    #[arg(long, hide = true)]
    coredump: bool,
    #[arg(short = 'r', long, hide = true)]
    protocol: Option<OsString>,
    #[arg(long, hide = true)]
    ssl: bool,
    #[arg(long, hide = true)]
    syslog: bool,
    #[arg(short = 'u', long, hide = true)]
    user: Option<OsString>,
}

impl Missing {
    /// The first of them that was asked for.
    fn first(&self) -> Option<&'static str> {
        let asked = [
            (self.config_file.is_some(), "--config-file"),
            (self.coredump, "--coredump"),
            (self.protocol.is_some(), "--protocol"),
            (self.ssl, "--ssl"),
            (self.syslog, "--syslog"),
            (self.user.is_some(), "--user"),
        ];
        asked.iter().find(|(asked, _)| *asked).map(|&(_, name)| name)
    }
}

impl Options {
    /// The level from which on lines are not logged.
    pub(crate) fn level(&self) -> Level {
        let more = match self.more_verbose {
            0 => Level::Error,
            1 => Level::Info,
            _ => Level::Debug,
        };
        self.verbose.unwrap_or(more)
    }

    /// What can be parsed and yet not be done.
    fn check(&self) -> Result<(), String> {
        if let Some(name) = self.missing.first() {
            return Err(format!("{name} is not supported by this build"));
        }
        if !self.queue_type.eq_ignore_ascii_case("builtin") {
            return Err(format!("queue type {} is not supported by this build", self.queue_type));
        }
        Ok(())
    }
}

fn parse_prefix(text: &str) -> Result<String, String> {
    match text.len() {
        0..=MAX_PREFIX => Ok(text.into()),
        _ => Err(format!("longer than {MAX_PREFIX} bytes")),
    }
}

/// A port, or the TCP port of a service that the system knows by this name.
fn parse_port(text: &str) -> Result<u16, String> {
    if let Ok(port) = text.parse() {
        return Ok(port);
    }
    service_port(text).ok_or_else(|| "neither a port nor a known service".into())
}

/// Reads the command line. An error is the code to exit with; what there is to
/// say about it has been said.
pub(crate) fn parse() -> Result<Options, ExitCode> {
    let options = Options::try_parse().map_err(|error| {
        // A reader that is gone need not be told.
        let _ = error.print();
        // The original's code for a wrong command line is 1, clap's is 2.
        if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    })?;
    if let Err(error) = options.check() {
        eprintln!("gearmand: {error}");
        return Err(ExitCode::FAILURE);
    }
    if options.check_args {
        return Err(ExitCode::SUCCESS);
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn options(line: &str) -> Options {
        Options::try_parse_from(line.split(' ')).expect("parses")
    }

    #[test]
    fn the_table_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn the_much_published_line_works() {
        let options = options("gearmand -d -v -p 4731");
        assert!(options.daemon);
        assert_eq!((options.port, options.level()), (4731, Level::Info));
    }

    #[test]
    fn the_level_is_given_in_four_ways() {
        for (line, level) in [
            ("gearmand", Level::Error),
            ("gearmand -vv", Level::Debug),
            ("gearmand --verbose", Level::Info),
            ("gearmand --verbose NOTICE", Level::Notice),
            ("gearmand --verbose=FATAL -p 1", Level::Fatal),
        ] {
            assert_eq!(options(line).level(), level, "{line}");
        }
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        for (line, name) in [
            ("gearmand --syslog", "--syslog"),
            ("gearmand -r http", "--protocol"),
            ("gearmand -u nobody", "--user"),
            ("gearmand -q libsqlite3", "libsqlite3"),
        ] {
            let error = options(line).check().expect_err(line);
            assert!(error.contains(name), "{error}");
        }
    }
}
