//! Options about the process: detaching, user, limits, files, log.
//!
//! Must not: act on them.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{ArgAction, Args, ValueHint};

use super::values::{number, parse_whether};
use crate::log::Level;

/// Default log file.
const LOG_FILE: &str = "/var/log/gearmand.log";
/// Default pid file.
const PID_FILE: &str = "/var/gearmand.pid";

#[derive(Debug, Args)]
#[command(next_help_heading = "Process")]
pub(crate) struct ProcessOptions {
    /// Let the admin command "shutdown" stop the server.
    #[arg(long)]
    pub(crate) allow_shutdown: bool,

    /// Read further options from this file; the command line overrides them.
    /// Default: /etc/gearmand.conf if it exists; --config-file "", written as two words,
    /// reads no file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) config_file: Option<OsString>,

    /// Write a core dump if the server crashes.
    #[arg(long)]
    pub(crate) coredump: bool,

    /// Detach and run in the background. The command returns once the server
    /// listens. Started by systemd, the server stays in the foreground.
    #[arg(short = 'd', long)]
    pub(crate) daemon: bool,

    /// Marks the detached process.
    #[arg(long, hide = true)]
    pub(crate) daemon_child: bool,

    /// Limit on open files; each connection is one. Default, and 0: the user's hard
    /// limit.
    #[arg(short = 'f', long, value_name = "N", value_parser = number(0..=u64::MAX, "files"))]
    pub(crate) file_descriptors: Option<u64>,

    /// Append log lines to this file; "stderr" is standard error, "none" no log.
    /// Default: /var/log/gearmand.log. A file that cannot be opened is replaced by
    /// standard error.
    #[arg(short = 'l', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    log_file: Option<OsString>,

    /// Whether the level NOTICE has a line for each accepted job, as in the original:
    /// yes or no.
    #[arg(long, value_name = "WHETHER", default_value = "yes", action = ArgAction::Set)]
    #[arg(value_parser = parse_whether, overrides_with = "log_submissions")]
    pub(crate) log_submissions: bool,

    /// Write the process id to this file; "none" writes no file. Default:
    /// /var/gearmand.pid, if it can be written.
    #[arg(short = 'P', long, visible_alias = "pidfile", value_name = "FILE")]
    #[arg(value_hint = ValueHint::FilePath)]
    pid_file: Option<OsString>,

    /// Log to syslog, and to a file only if --log-file names one.
    #[arg(long)]
    pub(crate) syslog: bool,

    /// Ignored, accepted for compatibility: one thread serves all connections.
    #[arg(short = 't', long, value_name = "N", default_value_t = 4)]
    #[arg(value_parser = number(0..=u32::MAX, "threads"))]
    threads: u32,

    /// Run as this user, once ports are open and limits are set. Only root can.
    #[arg(short = 'u', long, value_name = "USER", value_hint = ValueHint::Username)]
    user: Option<String>,

    /// Log level: FATAL, ALERT, CRITICAL, ERROR, WARNING, NOTICE, INFO or DEBUG.
    /// Default: ERROR; without a value: INFO. Given more than once, the last counts.
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "INFO")]
    #[arg(ignore_case = true, hide_possible_values = true, overrides_with = "verbose")]
    verbose: Option<Level>,

    /// Log more: -v is --verbose=INFO, -vv is --verbose=DEBUG. With --verbose, the one that
    /// shows more counts.
    #[arg(short = 'v', action = ArgAction::Count)]
    more_verbose: u8,
}

/// A file that an option names, or the default, which may be unwritable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileChoice<'a> {
    Named(&'a Path),
    Default(&'a Path),
}

impl ProcessOptions {
    /// The least important level that is logged: that of `--verbose`, or that of `-v` if it shows
    /// more.
    pub(crate) fn level(&self) -> Level {
        let more = match self.more_verbose {
            0 => Level::Error,
            1 => Level::Info,
            _ => Level::Debug,
        };
        match self.verbose {
            Some(named) if self.more_verbose > 0 => named.max(more),
            named => named.unwrap_or(more),
        }
    }

    /// The user to run as, if another.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref().filter(|name| !name.is_empty())
    }

    /// The log file.
    pub(crate) fn log_file(&self) -> FileChoice<'_> {
        match &self.log_file {
            Some(name) if name.is_empty() => FileChoice::Named(Path::new("none")),
            other => choice(other.as_deref(), LOG_FILE),
        }
    }

    /// The pid file, if one is written.
    pub(crate) fn pid_file(&self) -> Option<FileChoice<'_>> {
        match &self.pid_file {
            Some(name) if name.is_empty() || name == "none" => None,
            other => Some(choice(other.as_deref(), PID_FILE)),
        }
    }
}

fn choice<'a>(named: Option<&'a OsStr>, default: &'static str) -> FileChoice<'a> {
    named.map_or(FileChoice::Default(Path::new(default)), |name| FileChoice::Named(Path::new(name)))
}
