//! The table of options: one field per option, which is also its line in `--help`, in
//! the manual page and in the completion scripts.
//!
//! Must not: read the environment, or act on options.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory, Parser, ValueHint};

use super::values;
use crate::tools::TOOLS_VERSION;
use crate::tools::generated::{self, HelpSection};
use crate::tools::servers::{self, ServerList};
use crate::tools::timeout::{Timeout, parse_timeout};
use crate::tools::tls::TlsArguments;

/// Submit jobs to Gearman job servers, or run jobs as a worker.
///
/// As a client, gearman submits each argument as a job, or without arguments its
/// standard input as one job, and prints the results. As a worker (-w), it runs a
/// command for each job of its functions: the command reads the job's data from its
/// standard input, and its standard output is the job's result.
#[derive(Debug, Parser)]
#[allow(rustdoc::broken_intra_doc_links, reason = "in help texts, brackets are not links")]
#[command(name = "gearman", version = TOOLS_VERSION, disable_help_flag = true)]
#[command(args_override_self = true)]
#[command(
    override_usage = "gearman [OPTIONS] -f NAME [DATA]...\n       gearman -w [OPTIONS] -f NAME [--] [COMMAND [ARGUMENT]...]\n       gearman --ping [OPTIONS]\n       gearman --status HANDLE | --wait HANDLE [OPTIONS]"
)]
pub(super) struct CommandLine {
    /// Function of the jobs. May be given more than once: a client submits each job to
    /// every function, a worker runs the jobs of all of them.
    #[arg(short, long, value_name = "NAME")]
    pub(super) function: Vec<OsString>,

    /// Job server [default: localhost]: a name or an address, also as HOST:PORT and
    /// [IPV6]:PORT, or the path of a Unix socket. May be given more than once, or be a
    /// list separated by commas; the last server is tried first.
    #[arg(short, long, value_name = "HOST", value_parser = servers::parse_list)]
    #[arg(value_hint = ValueHint::Hostname)]
    pub(super) host: Vec<ServerList>,

    /// Port of the job servers that are given without one: a number or the name of a
    /// service [default: 4730, also for 0]. May be given once for each such
    /// server, in the same order.
    #[arg(short, long, value_name = "PORT", value_parser = values::parse_port)]
    pub(super) port: Vec<u16>,

    /// Timeout in milliseconds; a negative number is no limit. Client: the longest time
    /// without a packet from a server [default: 10000 to connect, then no limit].
    /// Worker with -c: the longest time without a job [default: no limit].
    #[arg(short, long, value_name = "MILLISECONDS", allow_negative_numbers = true)]
    #[arg(value_parser = parse_timeout)]
    pub(super) timeout: Option<Timeout>,

    /// Client: submit each line of the standard input as a job, as soon as it is read.
    /// Worker: send each line that the command prints, as soon as it is printed.
    #[arg(short = 'n', long)]
    pub(super) lines: bool,

    /// As -n, but without the newline at the end of each line.
    #[arg(short = 'N', long)]
    pub(super) bare_lines: bool,

    /// Client: the most jobs in flight [default: 1 with -n and --retry-failed, else all]; above 1, each
    /// result is printed when its job has ended. Worker: the most commands that run at
    /// the same time [default: 1].
    #[arg(short, long, value_name = "N", value_parser = values::parse_job_limit)]
    pub(super) jobs: Option<NonZeroUsize>,

    /// Write the process ID to this file, and remove the file on exit.
    #[arg(short = 'i', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) pid_file: Option<OsString>,

    /// Run in the background, detached from the terminal. Output is discarded.
    #[arg(short, long)]
    pub(super) daemon: bool,

    /// Set by a process that detaches, for the one that it starts.
    #[arg(long, hide = true)]
    pub(super) daemon_child: bool,

    /// Client: print the handle of each job to standard output; with --wait, the states of
    /// jobs when they change. Worker: print the start and the end of each job to standard
    /// error.
    #[arg(short, long)]
    pub(super) verbose: bool,

    #[command(flatten)]
    pub(super) tls: TlsArguments,

    /// Submit background jobs: do not wait for results.
    #[arg(short, long, help_heading = "Client options")]
    pub(super) background: bool,

    /// Submit jobs with high priority.
    #[arg(short = 'I', long, help_heading = "Client options", overrides_with = "low")]
    pub(super) high: bool,

    /// Submit jobs with low priority.
    #[arg(short = 'L', long, help_heading = "Client options", overrides_with = "high")]
    pub(super) low: bool,

    /// Print the function's name before each line of a result.
    #[arg(short = 'P', long, help_heading = "Client options")]
    pub(super) prefix: bool,

    /// Submit a job without data instead of reading the standard input.
    #[arg(short = 's', long, help_heading = "Client options")]
    pub(super) no_input: bool,

    /// Unique key of the job, at most 63 bytes: jobs with the same function and key are
    /// one job. With "-", a job's data is its key.
    #[arg(short, long, value_name = "KEY", help_heading = "Client options")]
    pub(super) unique: Option<OsString>,

    /// Run jobs at this time, in the background: seconds since 1970, or a date such as
    /// 2030-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME", help_heading = "Client options")]
    #[arg(value_parser = values::parse_time, conflicts_with_all = ["high", "low", "in"])]
    pub(super) epoch: Option<i64>,

    /// Run jobs after this time, in the background: 90s, 10m, "1h 30m", 2days.
    #[arg(long, value_name = "DURATION", help_heading = "Client options")]
    #[arg(value_parser = values::parse_duration, conflicts_with_all = ["high", "low"])]
    pub(super) r#in: Option<Duration>,

    /// Print one line of JSON for each result, warning and status of a job, with the number
    /// of its line or argument and, except for warnings and states, that itself.
    #[arg(long, help_heading = "Client options")]
    pub(super) json: bool,

    /// Print the output of jobs in the order of their lines or arguments. Output of later jobs
    /// is held; with more than 64 MiB of it, no further job is submitted.
    #[arg(short = 'k', long, help_heading = "Client options", conflicts_with = "worker")]
    pub(super) keep_order: bool,

    /// Print the line or argument of the job and a tab before each line of its output.
    #[arg(long, help_heading = "Client options", conflicts_with_all = ["json", "worker"])]
    pub(super) tag: bool,

    /// Write a row for each job that has ended to this file: line, function, outcome, handle,
    /// start, seconds and input, with tabs between them. A line that begins with # notes a
    /// job before it is submitted. The file must be new, or the one to retry.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = "Client options", conflicts_with = "worker")]
    pub(super) joblog: Option<PathBuf>,

    /// Submit again the jobs of this job log that failed or did not end, to the same
    /// functions, or only those of the functions given with -f. The standard input is not
    /// read.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(help_heading = "Client options")]
    #[arg(conflicts_with_all = ["worker", "no_input"])]
    pub(super) retry_failed: Option<PathBuf>,

    /// Show a progress bar on standard error, if it is a terminal: jobs sent and done,
    /// jobs per second, the time that is left once the number of jobs is known, and the
    /// status of each running job. Up to 1 MiB of lines is read ahead to find their number.
    #[arg(long, help_heading = "Client options")]
    pub(super) progress: bool,

    /// Ask each server for an echo, and print whether it answers within 2 seconds, or
    /// within the timeout of -t.
    #[arg(long, help_heading = "Client options", conflicts_with_all = ["worker", "background"])]
    pub(super) ping: bool,

    /// Print the state of the job with this handle: queued, running or unknown, and how far
    /// its worker is. May be given more than once.
    #[arg(long, value_name = "HANDLE", help_heading = "Client options")]
    #[arg(conflicts_with_all = ["worker", "background", "ping", "wait"])]
    pub(super) status: Vec<OsString>,

    /// Wait until the job with this handle has ended, for no longer than -t in all. A server
    /// does not say how it ended. May be given more than once.
    #[arg(long, value_name = "HANDLE", help_heading = "Client options")]
    #[arg(conflicts_with_all = ["worker", "background", "ping"])]
    pub(super) wait: Vec<OsString>,

    /// Run as a worker: run COMMAND for each job, or, without COMMAND, print each job's data
    /// and return an empty result. In place of an argument {} COMMAND gets the job's data,
    /// without a newline at its end, and then nothing on its standard input.
    #[arg(short, long, help_heading = "Worker options")]
    pub(super) worker: bool,

    /// Run the jobs of all functions that a server knows and whose names match this pattern,
    /// in which * stands for any bytes: img.* for img.crop and img.rotate. The servers are
    /// asked at the start and every 10 seconds. May be given more than once, and beside -f,
    /// in which * is itself.
    #[arg(long, value_name = "PATTERN", help_heading = "Worker options")]
    pub(super) functions: Vec<OsString>,

    /// Exit after this number of jobs. Without it, or with 0 or a negative number, there is
    /// no limit.
    #[arg(short, long, value_name = "N", help_heading = "Worker options")]
    #[arg(value_parser = values::parse_count, allow_negative_numbers = true)]
    pub(super) count: Option<i64>,

    /// Exit with code 0 when no job was assigned for this time: seconds, or 500ms, 10m,
    /// "1h 30m". With all servers unreachable for as long, exit with code 3.
    #[arg(long, value_name = "DURATION", help_heading = "Worker options")]
    #[arg(value_parser = values::parse_seconds)]
    pub(super) exit_when_idle: Option<Duration>,

    /// Print this help.
    #[arg(short = 'H', long, action = clap::ArgAction::HelpLong)]
    help: Option<bool>,

    /// The data of jobs, or, with -w, a command and its arguments.
    #[arg(value_name = "DATA", hide = true, value_hint = ValueHint::AnyPath)]
    pub(super) arguments: Vec<OsString>,
}

/// The sections of the help behind the options.
pub(super) const GEARMAN_SECTIONS: &[HelpSection] = &[
    (
        "Exit status",
        &[
            "0  every job was done, or, in the background, accepted",
            "1  a job failed or raised an exception",
            "2  the command line is wrong",
            "3  no server could be reached, or a connection was lost",
            "4  a timeout expired",
            "5  the server refused a job: its queue is full, or it cannot store the job",
            "6  a local error: input, output, or a command that cannot be run",
            "If several jobs fail, the first failure is the exit status. --status: 1, no server",
            "knows a job. --wait: 0, every job has ended, or none was known; 4, after -t.",
        ],
    ),
    (
        "Environment",
        &[
            "GEARMAN_SERVER   job servers instead of those of -h and -p: HOST:PORT,... If they",
            "                 differ, a message says so. With --ping, --status and --wait,",
            "                 -h and -p count.",
            "GEARMAN_SERVERS  more job servers, tried after the others; with --ping, --status",
            "                 and --wait, only without -h and -p",
            "GEARMAN_KEEPALIVE, GEARMAN_RESUBMISSIONS, GEARMAN_TLS, GEARMAN_TLS_VERIFY,",
            "GEARMAN_CLIENT_PEM and GEARMAN_CLIENT_KEY are those of the library.",
            "GEARMAND_CA_CERTIFICATE is, too, and turns TLS on.",
            "A worker sets GEARMAN_JOB_HANDLE, GEARMAN_FUNCTION and GEARMAN_UNIQUE for",
            "its command.",
        ],
    ),
    (
        "Signals",
        &[
            "After SIGTERM or SIGINT a worker finishes its running jobs and exits. A client",
            "with -n stops reading, and says how many jobs it still waits for. After SIGTERM",
            "it also submits the lines that it has read. After SIGINT (Control-C) it submits",
            "nothing more, and ends by that signal if lines were left out. While no server",
            "can be reached, it gives up after 10 seconds (exit code 3). A second signal ends",
            "either at once: a worker with exit code 1, a client by that signal (130 and 143",
            "in a shell).",
        ],
    ),
    (
        "Examples",
        &[
            "gearman -w -f count_lines -- wc -l",
            "gearman -f count_lines < /etc/passwd",
            "gearman -w -j 4 -f to_png -- convert {} png:-",
            "gearman -w --functions 'img.*' -- ./image-job",
            "gearman -f resize < large.jpg > thumb.jpg",
            "tail -f access_log | gearman -n -f logger",
            "ls *.jpg | gearman -N -j 8 --progress --joblog log -f thumbnail",
            "gearman -j 8 --retry-failed log --joblog log",
            "gearman --wait \"$(gearman -b --json -f resize picture | jq -r .handle)\"",
            "gearman -b --in 10m -f remind \"call back\"",
        ],
    ),
];

/// The table as clap's command.
pub(super) fn command() -> clap::Command {
    generated::complete_table(CommandLine::command(), GEARMAN_SECTIONS)
}
