//! The command line: one field per option.
//!
//! Must not: act on options.

use std::env;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{CommandFactory, FromArgMatches, Parser};
use gearman_protocol::limits::DEFAULT_PORT;

use crate::tools::manual::{self, Section};
use crate::tools::servers::{self, Server, ServerList};
use crate::tools::{Exit, NO_TLS, VERSION};

/// Submits jobs to Gearman job servers, or does them.
///
/// As a client it submits each argument as a job, or else its standard input,
/// and prints the results. With -w it is a worker: it offers functions, and does
/// their jobs by running a command, whose standard input is the job's data and
/// whose standard output is its result.
#[derive(Debug, Parser)]
#[command(name = "gearman", version = VERSION, disable_help_flag = true)]
#[command(args_override_self = true)]
#[command(
    override_usage = "gearman [options] [<data>...]\n       gearman -w [options] [[--] <command> [<args>...]]"
)]
struct Table {
    /// Function name to use for jobs; may be given more than once.
    #[arg(short, long, value_name = "NAME")]
    function: Vec<OsString>,

    /// Job server [default: localhost]: a name, an address (IPv6 in brackets), or the path of a Unix
    /// socket; with or without a port, as HOST:PORT. May be given more than once,
    /// or be a list with commas; the last one is tried first.
    #[arg(short, long, value_name = "HOST", value_parser = servers::parse_list)]
    host: Vec<ServerList>,

    /// Job server port, for hosts without one [default: 4730, also for 0]. As many
    /// ports as hosts belong to them in their order.
    #[arg(short, long, value_name = "PORT", value_parser = parse_port)]
    port: Vec<u16>,

    /// Timeout in milliseconds. Client: the longest silence of a server. Worker:
    /// with -c, how long to wait for a job. A negative number is without limit.
    #[arg(short, long, value_name = "MS", allow_negative_numbers = true)]
    timeout: Option<i64>,

    /// Client: one job for each line of the input, submitted as it comes. Worker:
    /// send each line of the command's output as it comes.
    #[arg(short = 'n', long)]
    lines: bool,

    /// Same as -n, but strip off the newline.
    #[arg(short = 'N', long)]
    bare_lines: bool,

    /// Client: keep so many jobs in flight (by default one with -n, and all of
    /// the arguments). Results are then printed whole, in the order in which jobs
    /// end. Worker: run so many commands at once.
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Create a pidfile for the process.
    #[arg(short = 'i', long, value_name = "FILE")]
    pid_file: Option<OsString>,

    /// Detach and run in the background. What is printed then is lost.
    #[arg(short, long)]
    daemon: bool,

    /// How a detached process is told from the one that detached it.
    #[arg(long, hide = true)]
    daemon_child: bool,

    /// Print diagnostic information: the handle of each job to standard output;
    /// in a worker, each job to standard error.
    #[arg(short, long)]
    verbose: bool,

    /// Enable SSL connections (not supported by this build).
    #[arg(short = 'S', long)]
    ssl: bool,

    /// Run jobs in the background: do not wait for them.
    #[arg(short, long, help_heading = "Client options")]
    background: bool,

    /// Run jobs as high priority.
    #[arg(short = 'I', long, help_heading = "Client options", overrides_with = "low")]
    high: bool,

    /// Run jobs as low priority.
    #[arg(short = 'L', long, help_heading = "Client options", overrides_with = "high")]
    low: bool,

    /// Prefix all output lines with functions names.
    #[arg(short = 'P', long, help_heading = "Client options")]
    prefix: bool,

    /// Send job without reading from standard input.
    #[arg(short = 's', long, help_heading = "Client options")]
    no_input: bool,

    /// Unique key to use for job. Jobs of a function with the same key are one;
    /// "-" makes a job's data its key.
    #[arg(short, long, value_name = "KEY", help_heading = "Client options")]
    unique: Option<OsString>,

    /// Run jobs at this time, in the background: seconds since 1970, or a date
    /// such as 2030-01-31T12:00:00Z.
    #[arg(long, value_name = "TIME", help_heading = "Client options", value_parser = parse_time)]
    #[arg(conflicts_with_all = ["high", "low", "in"])]
    epoch: Option<i64>,

    /// Run jobs after this time, in the background: 90s, 10m, "1h 30m", 2days.
    #[arg(long, value_name = "TIME", help_heading = "Client options")]
    #[arg(value_parser = humantime::parse_duration, conflicts_with_all = ["high", "low"])]
    r#in: Option<Duration>,

    /// Print one line of JSON for each result, warning and state of a job.
    #[arg(long, help_heading = "Client options")]
    json: bool,

    /// Show a progress bar on standard error, if it is a terminal: jobs sent and
    /// done, their rate, and the state of each running job.
    #[arg(long, help_heading = "Client options")]
    progress: bool,

    /// Ask each server whether it is alive: it has 2 seconds, or those of -t.
    #[arg(long, help_heading = "Client options", conflicts_with_all = ["worker", "background"])]
    ping: bool,

    /// Run in worker mode.
    #[arg(short, long, help_heading = "Worker options")]
    worker: bool,

    /// Number of jobs for worker to run before exiting; 0 and less is no limit.
    #[arg(short, long, value_name = "N", help_heading = "Worker options")]
    #[arg(allow_negative_numbers = true)]
    count: Option<i64>,

    /// Print help.
    #[arg(short = 'H', long, action = clap::ArgAction::Help)]
    help: Option<bool>,

    #[arg(long, hide = true, exclusive = true)]
    generate_man: bool,

    /// The data of jobs, or, with -w, a command and its arguments.
    #[arg(value_name = "DATA", hide = true)]
    arguments: Vec<OsString>,
}

const SECTIONS: &[Section] = &[
    (
        "Exit status",
        &[
            "0  every job was done; in the background: was taken",
            "1  a job failed or raised an exception",
            "2  the command line makes no sense",
            "3  no server could be reached, or a connection was lost",
            "4  the time limit has passed",
            "5  the server refused a job: its queue is full, or cannot keep it",
            "6  something else of this machine: input, output, the command",
            "The first job that was not done decides.",
        ],
    ),
    (
        "Environment",
        &[
            "GEARMAN_SERVER   servers to use instead of -h and -p: host:port,...",
            "GEARMAN_SERVERS  further servers, to be tried after the others",
            "A command of a worker finds GEARMAN_JOB_HANDLE, GEARMAN_FUNCTION and",
            "GEARMAN_UNIQUE in its environment.",
        ],
    ),
    (
        "Signals",
        &[
            "SIGTERM and SIGINT end a worker after the jobs that it runs, and a client",
            "with -n after the lines that it has read. The second one ends it at once.",
        ],
    ),
    (
        "Examples",
        &[
            "gearman -w -f count_lines -- wc -l",
            "gearman -f count_lines < /etc/passwd",
            "gearman -f resize < large.jpg > thumb.jpg",
            "tail -f access_log | gearman -n -f logger",
            "ls *.jpg | gearman -N -j 8 --progress -f thumbnail",
            "gearman -b --in 10m -f remind \"call back\"",
        ],
    ),
];

/// What the program is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Client,
    Worker,
    Ping,
}

/// How input or output is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Division {
    /// Not at all.
    Whole,
    /// Into lines.
    Lines,
    /// Into lines whose newline is dropped.
    BareLines,
}

/// Which queue jobs go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    High,
    Normal,
    Low,
}

/// What the command line and the environment ask for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) functions: Vec<OsString>,
    /// The last one is tried first.
    pub(crate) servers: Vec<Server>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) division: Division,
    pub(crate) jobs: Option<NonZeroUsize>,
    pub(crate) pid_file: Option<PathBuf>,
    pub(crate) daemon: bool,
    pub(crate) daemon_child: bool,
    pub(crate) verbose: bool,
    pub(crate) background: bool,
    pub(crate) priority: Priority,
    pub(crate) prefix: bool,
    pub(crate) no_input: bool,
    pub(crate) unique: OsString,
    /// When jobs are to run, in seconds since 1970.
    pub(crate) when: Option<i64>,
    pub(crate) json: bool,
    pub(crate) progress: bool,
    pub(crate) count: Option<u64>,
    pub(crate) arguments: Vec<OsString>,
    /// The arguments stand behind `--`.
    pub(crate) after_dashes: bool,
}

impl Options {
    /// Whether a client reads its standard input.
    pub(crate) fn reads_input(&self) -> bool {
        self.mode == Mode::Client && !self.no_input && self.arguments.is_empty()
    }
}

/// The command line's table.
fn command() -> clap::Command {
    Table::command().after_help(manual::after_help(SECTIONS))
}

/// Reads the command line. An error is how to end; what there is to say about it
/// has been said.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, Exit> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let after_dashes = arguments.iter().any(|argument| argument == "--");
    let table = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Table::from_arg_matches(&matches))
        .map_err(|error| {
            // A reader that is gone need not be told.
            let _ = error.print();
            if error.use_stderr() { Exit::Usage } else { Exit::Done }
        })?;
    if table.generate_man {
        let printed = manual::print(command(), SECTIONS);
        return Err(if printed.is_ok() { Exit::Done } else { Exit::System });
    }
    let options = variable("GEARMAN_SERVER").and_then(|only| {
        let further = variable("GEARMAN_SERVERS")?;
        table.read(after_dashes, only.as_deref(), further.as_deref())
    });
    options.map_err(|error| {
        crate::gearman::say(&format!("{error}\nFor more information, try '--help'."));
        Exit::Usage
    })
}

/// A variable of the environment. An empty one is none.
fn variable(name: &str) -> Result<Option<String>, String> {
    match env::var_os(name).map(OsString::into_string) {
        Some(Err(_)) => Err(format!("{name} is not UTF-8")),
        Some(Ok(text)) if !text.is_empty() => Ok(Some(text)),
        Some(Ok(_)) | None => Ok(None),
    }
}

impl Table {
    fn read(
        self,
        after_dashes: bool,
        only: Option<&str>,
        further: Option<&str>,
    ) -> Result<Options, String> {
        if self.ssl {
            return Err(NO_TLS.into());
        }
        let mode = match (self.ping, self.worker) {
            (true, _) => Mode::Ping,
            (false, true) => Mode::Worker,
            (false, false) => Mode::Client,
        };
        if self.function.is_empty() && mode != Mode::Ping {
            return Err("No Functions were provided (-f)".into());
        }
        if self.function.iter().any(|name| name.is_empty()) {
            return Err("a function (-f) without a name".into());
        }
        let empty = self.arguments.iter().position(|argument| argument.is_empty());
        if let (Mode::Client, Some(at)) = (mode, empty) {
            let at = at + 1;
            return Err(format!("argument {at} is empty: use -s for a job without data"));
        }
        let servers = servers_of(&self.host, &self.port, only, further)?;
        let when = match self.r#in {
            Some(time) => Some(after(time)?),
            None => self.epoch,
        };
        let division = match (self.bare_lines, self.lines) {
            (true, _) => Division::BareLines,
            (false, true) => Division::Lines,
            (false, false) => Division::Whole,
        };
        let priority = match (self.high, self.low) {
            (true, _) => Priority::High,
            (false, true) => Priority::Low,
            (false, false) => Priority::Normal,
        };
        Ok(Options {
            mode,
            functions: self.function,
            servers,
            timeout: self.timeout.and_then(|t| u64::try_from(t).ok()).map(Duration::from_millis),
            division,
            jobs: self.jobs,
            pid_file: self.pid_file.filter(|name| !name.is_empty()).map(PathBuf::from),
            daemon: self.daemon,
            daemon_child: self.daemon_child,
            verbose: self.verbose,
            background: self.background || when.is_some(),
            priority,
            prefix: self.prefix,
            no_input: self.no_input,
            unique: self.unique.unwrap_or_default(),
            when,
            json: self.json,
            progress: self.progress,
            count: self.count.and_then(|n| u64::try_from(n).ok()).filter(|&n| n > 0),
            arguments: self.arguments,
            after_dashes,
        })
    }
}

/// The port of a server; the library takes none and 0 for the default.
fn parse_port(text: &str) -> Result<u16, String> {
    if matches!(text, "" | "0") { Ok(DEFAULT_PORT) } else { servers::parse_port(text) }
}

/// The servers, the last to be tried first. What `GEARMAN_SERVERS` names the
/// library adds before anything else; alone it leaves no need for a default.
fn servers_of(
    hosts: &[ServerList],
    ports: &[u16],
    only: Option<&str>,
    further: Option<&str>,
) -> Result<Vec<Server>, String> {
    let read = |name: &str, list: &str| {
        let list = servers::parse_list(list).map_err(|error| format!("{name}: {error}"))?;
        servers::combine(&[list], &[])
    };
    let mut servers = match further {
        Some(list) => read("GEARMAN_SERVERS", list)?,
        None => Vec::new(),
    };
    match only {
        Some(list) => servers.extend(read("GEARMAN_SERVER", list)?),
        None if further.is_some() && hosts.is_empty() && ports.is_empty() => {}
        None => servers.extend(servers::combine(hosts, ports)?),
    }
    Ok(servers)
}

/// Reads a time: seconds since 1970, or a date.
fn parse_time(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<i64>() {
        return if seconds >= 0 { Ok(seconds) } else { Err("before 1970".into()) };
    }
    let date = humantime::parse_rfc3339_weak(text).map_err(|error| {
        format!("neither seconds since 1970 nor a date like 2030-01-31T12:00:00Z ({error})")
    })?;
    seconds(date)
}

fn after(time: Duration) -> Result<i64, String> {
    // The server counts whole seconds: never sooner than asked for.
    let whole = time + Duration::from_millis(999);
    SystemTime::now().checked_add(whole).ok_or("too far in the future".into()).and_then(seconds)
}

fn seconds(time: SystemTime) -> Result<i64, String> {
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| "before 1970")?;
    i64::try_from(since.as_secs()).map_err(|_| "too far in the future".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str, only: Option<&str>, further: Option<&str>) -> Result<Options, String> {
        let words: Vec<&str> = line.split(' ').collect();
        let table = Table::try_parse_from(&words).map_err(|error| error.to_string())?;
        table.read(words.contains(&"--"), only, further)
    }

    fn servers(line: &str, only: Option<&str>, further: Option<&str>) -> String {
        let servers = options(line, only, further).expect(line).servers;
        servers.iter().map(Server::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_table_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn options_stand_before_and_behind_data() {
        let options = options("gearman x -f f y -b -- -z", None, None).expect("parses");
        assert_eq!(options.arguments, ["x", "y", "-z"]);
        assert!(options.background && options.after_dashes);
    }

    #[test]
    fn a_command_of_a_worker_keeps_its_options() {
        let options = options("gearman -w -f count -- wc -l", None, None).expect("parses");
        assert_eq!(
            (options.mode, options.arguments),
            (Mode::Worker, vec!["wc".into(), "-l".into()])
        );
    }

    #[test]
    fn the_environment_names_servers() {
        assert_eq!(servers("gearman -f f", None, None), "localhost:4730");
        assert_eq!(servers("gearman -f f -h a -p 1", Some("b:2,c"), None), "b:2 c:4730");
        assert_eq!(servers("gearman -f f", None, Some("b:2")), "b:2");
        assert_eq!(servers("gearman -f f -h a", None, Some("b:2")), "b:2 a:4730");
        assert_eq!(servers("gearman -f f", Some("a"), Some("b")), "b:4730 a:4730");
        assert!(
            options("gearman -f f", Some("a:x"), None)
                .expect_err("wrong")
                .contains("GEARMAN_SERVER")
        );
    }

    #[test]
    fn a_time_is_seconds_or_a_date() {
        assert_eq!(parse_time("0"), Ok(0));
        assert_eq!(parse_time("1900000000"), Ok(1_900_000_000));
        assert_eq!(parse_time("2030-03-17T17:46:40Z"), Ok(1_900_000_000));
        assert!(parse_time("-1").is_err() && parse_time("tomorrow").is_err());
        let options = options("gearman -f f --epoch 5 x", None, None).expect("parses");
        assert_eq!((options.when, options.background), (Some(5), true));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (line, part) in [
            ("gearman x", "No Functions"),
            ("gearman -f  x", "without a name"),
            ("gearman -f f a  b", "argument 2 is empty"),
            ("gearman -f f -S x", "TLS"),
            ("gearman -f f -t x", "-t"),
            ("gearman -f f -j 0", "-j"),
            ("gearman -f f --epoch 1 --in 2s x", "--in"),
            ("gearman -f f -I --epoch 1 x", "--high"),
            ("gearman -f f --in soon x", "soon"),
            ("gearman -Q", "-Q"),
        ] {
            let error = options(line, None, None).map(drop).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
