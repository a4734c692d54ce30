//! ServerOptions about the process: how it runs, as whom, and what it says.
//!
//! Must not: act on them.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{ArgAction, Args};

use crate::log::Level;

/// Where log lines go if nothing else is said.
const LOG_FILE: &str = "/var/log/gearmand.log";
/// Where the process id is written if nothing else is said.
const PID_FILE: &str = "/var/gearmand.pid";

#[derive(Debug, Args)]
#[command(next_help_heading = "ProcessOptions")]
pub(crate) struct ProcessOptions {
    /// Let administrators end the server with the text command "shutdown".
    #[arg(long)]
    pub(crate) allow_shutdown: bool,

    /// Check the arguments and exit.
    #[arg(long, hide = true)]
    pub(super) check_args: bool,

    /// File with more options; those of the command line win. Default is
    /// /etc/gearmand.conf, if there is one; an empty word is no file.
    #[arg(long, value_name = "FILE")]
    pub(super) config_file: Option<OsString>,

    /// Leave a core dump when the server crashes.
    #[arg(long)]
    pub(crate) coredump: bool,

    /// Detach and run in the background. Returns once the server listens.
    #[arg(short = 'd', long)]
    pub(crate) daemon: bool,

    /// How a detached process is told from the one that detached it.
    #[arg(long, hide = true)]
    pub(crate) daemon_child: bool,

    /// Number of open files to allow. Default, and 0, is as many as the user may
    /// have.
    #[arg(short = 'f', long, value_name = "N")]
    pub(crate) file_descriptors: Option<u64>,

    /// File for log lines, or "stderr", or "none". Default is
    /// /var/log/gearmand.log. Where the file cannot be written it is standard error.
    #[arg(short = 'l', long, value_name = "FILE")]
    log_file: Option<OsString>,

    /// File to write the process id to, or "none". Default is /var/gearmand.pid,
    /// where that can be written.
    #[arg(short = 'P', long, visible_alias = "pidfile", value_name = "FILE")]
    pid_file: Option<OsString>,

    /// Print the manual page and exit.
    #[arg(long, hide = true)]
    pub(super) generate_man: bool,

    /// Log to syslog, and to a file only if --log-file names one.
    #[arg(long)]
    pub(crate) syslog: bool,

    /// Accepted for compatibility: one thread does it all.
    #[arg(short = 't', long, value_name = "N", default_value_t = 4)]
    threads: u32,

    /// User to become once what needs root is done.
    #[arg(short = 'u', long, value_name = "USER")]
    user: Option<String>,

    /// Log level: FATAL, ALERT, CRITICAL, ERROR, WARNING, NOTICE, INFO or DEBUG.
    /// Default is ERROR; without a value it is INFO.
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "INFO")]
    #[arg(ignore_case = true, hide_possible_values = true)]
    verbose: Option<Level>,

    /// Log more: once is INFO, twice is DEBUG.
    #[arg(short = 'v', action = ArgAction::Count)]
    more_verbose: u8,
}

/// A file that an option names, or that nobody asked for and nobody will miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileChoice<'a> {
    Named(&'a Path),
    Default(&'a Path),
}

impl ProcessOptions {
    /// The level from which on lines are not logged.
    pub(crate) fn level(&self) -> Level {
        let more = match self.more_verbose {
            0 => Level::Error,
            1 => Level::Info,
            _ => Level::Debug,
        };
        self.verbose.unwrap_or(more)
    }

    /// The user to become, if any.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref().filter(|name| !name.is_empty())
    }

    /// Where log lines go.
    pub(crate) fn log_file(&self) -> FileChoice<'_> {
        match &self.log_file {
            Some(name) if name.is_empty() => FileChoice::Named(Path::new("none")),
            other => choice(other.as_deref(), LOG_FILE),
        }
    }

    /// Where the process id is written to, if anywhere.
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
