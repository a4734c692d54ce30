//! [`GearmanOptions`]: what the command line and the environment ask for.
//!
//! `command_line` is the table of options, `values` reads their values, `servers` chooses
//! the servers.
//!
//! Must not: act on options.

mod command_line;
mod servers;
mod values;

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::FromArgMatches;
use gearman_protocol::limits::{FUNCTION_MAX_SIZE, JOB_HANDLE_SIZE, UNIQUE_SIZE};

use crate::gearman::notify;
use crate::tools::Exit;
use crate::tools::environment::Environment;
use crate::tools::generated;
use crate::tools::servers::ServerAddress;
use crate::tools::tls::TlsArguments;
use crate::tools::usage::{self, invalid_value};
use command_line::{CommandLine, GEARMAN_SECTIONS, command};

/// How the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Client,
    Worker,
    Ping,
    /// Shows the state of jobs.
    Status,
    /// Waits until jobs have ended.
    Wait,
}

impl Mode {
    fn of(line: &CommandLine) -> Mode {
        match line {
            line if line.ping => Mode::Ping,
            line if !line.status.is_empty() => Mode::Status,
            line if !line.wait.is_empty() => Mode::Wait,
            line if line.worker => Mode::Worker,
            _ => Mode::Client,
        }
    }

    /// Whether the original has no such mode, so that no script of its users asks for it.
    fn is_ours_alone(self) -> bool {
        !matches!(self, Mode::Client | Mode::Worker)
    }
}

/// How a client divides its input into jobs, and a worker its output into packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Division {
    /// Not divided.
    Whole,
    /// Into lines, each with its newline.
    Lines,
    /// Into lines without their newlines.
    BareLines,
}

/// The priority of submitted jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobPriority {
    High,
    Normal,
    Low,
}

/// The options of `gearman`, checked.
#[derive(Debug)]
pub(crate) struct GearmanOptions {
    pub(crate) mode: Mode,
    pub(crate) functions: Vec<OsString>,
    /// Patterns of functions that servers know.
    pub(crate) function_patterns: Vec<OsString>,
    /// The last one is tried first.
    pub(crate) servers: Vec<ServerAddress>,
    /// What the user is told about the choice of servers.
    servers_note: Option<String>,
    /// Settings of connections.
    pub(crate) environment: Environment,
    /// TLS to the servers.
    pub(crate) tls: TlsArguments,
    pub(crate) timeout: Option<Duration>,
    pub(crate) division: Division,
    /// The most jobs in flight, or commands that run at the same time.
    pub(crate) jobs: Option<NonZeroUsize>,
    pub(crate) pid_file: Option<PathBuf>,
    pub(crate) daemon: bool,
    /// This process was started by one that detaches.
    pub(crate) daemon_child: bool,
    pub(crate) verbose: bool,
    pub(crate) background: bool,
    pub(crate) priority: JobPriority,
    pub(crate) prefix: bool,
    pub(crate) no_input: bool,
    pub(crate) unique: OsString,
    /// When jobs run, in seconds since 1970.
    pub(crate) run_at_unix_seconds: Option<i64>,
    pub(crate) json: bool,
    pub(crate) keep_order: bool,
    pub(crate) tag: bool,
    pub(crate) joblog: Option<PathBuf>,
    /// The job log whose jobs are submitted again.
    pub(crate) retry_failed: Option<PathBuf>,
    pub(crate) progress: bool,
    /// The handles of the jobs whose state is asked for.
    pub(crate) handles: Vec<OsString>,
    /// The number of jobs after which a worker exits.
    pub(crate) count: Option<u64>,
    /// How long a worker without a job stays.
    pub(crate) exit_when_idle: Option<Duration>,
    /// The data of jobs, or a worker's command.
    pub(crate) arguments: Vec<OsString>,
    /// The command line has a `--`, so that the arguments may begin with a dash.
    pub(crate) after_dashes: bool,
}

impl GearmanOptions {
    /// Whether a client reads its standard input.
    pub(crate) fn reads_input(&self) -> bool {
        self.mode == Mode::Client
            && !self.no_input
            && self.arguments.is_empty()
            && self.retry_failed.is_none()
    }

    /// Whether each job has a line or an argument of its own, not a whole input.
    pub(crate) fn has_lines(&self) -> bool {
        !self.arguments.is_empty()
            || self.retry_failed.is_some()
            || (self.division != Division::Whole && !self.no_input)
    }
}

/// Reads the command line.
///
/// # Errors
/// The exit code, after help, a generated file or an error was printed.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<GearmanOptions, Exit> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let after_dashes = arguments.iter().any(|argument| argument == "--");
    let report = |error| usage::report("gearman", &error);
    let matches = command().try_get_matches_from(arguments).map_err(report)?;
    if let Some(exit) = generated::print_if_asked(&matches, command, GEARMAN_SECTIONS) {
        return Err(exit);
    }
    let line = CommandLine::from_arg_matches(&matches).map_err(report)?;
    let options = Environment::read().and_then(|found| check(line, after_dashes, found));
    let options = options.map_err(|error| usage::refuse("gearman", &error))?;
    if let Some(note) = options.servers_note.as_ref().filter(|_| !options.daemon_child) {
        notify(note);
    }
    Ok(options)
}

/// Checks the options together.
fn check(
    line: CommandLine,
    after_dashes: bool,
    environment: Environment,
) -> Result<GearmanOptions, String> {
    let mode = Mode::of(&line);
    check_names(mode, &line)?;
    check_batch(&line)?;
    let options_win = mode.is_ours_alone();
    let chosen = servers::choose(&line.host, &line.port, &environment, options_win)?;
    let in_too_late = |error| format!("invalid value for '--in <DURATION>': {error}");
    let run_at_unix_seconds = match line.r#in {
        Some(delay) => Some(values::time_after(delay).map_err(in_too_late)?),
        None => line.epoch,
    };
    let division = match (line.bare_lines, line.lines) {
        (true, _) => Division::BareLines,
        (false, true) => Division::Lines,
        (false, false) => Division::Whole,
    };
    let priority = match (line.high, line.low) {
        (true, _) => JobPriority::High,
        (false, true) => JobPriority::Low,
        (false, false) => JobPriority::Normal,
    };
    Ok(GearmanOptions {
        mode,
        functions: line.function,
        function_patterns: line.functions,
        servers: chosen.servers,
        servers_note: chosen.note,
        environment,
        tls: line.tls,
        timeout: line.timeout.and_then(|timeout| timeout.0),
        division,
        jobs: line.jobs,
        pid_file: line.pid_file.filter(|name| !name.is_empty()).map(PathBuf::from),
        daemon: line.daemon,
        daemon_child: line.daemon_child,
        verbose: line.verbose,
        background: line.background || run_at_unix_seconds.is_some(),
        priority,
        prefix: line.prefix,
        no_input: line.no_input,
        unique: line.unique.unwrap_or_default(),
        run_at_unix_seconds,
        json: line.json,
        keep_order: line.keep_order,
        tag: line.tag,
        joblog: line.joblog,
        retry_failed: line.retry_failed,
        progress: line.progress,
        handles: if mode == Mode::Status { line.status } else { line.wait },
        count: line.count.and_then(|n| u64::try_from(n).ok()).filter(|&n| n > 0),
        exit_when_idle: line.exit_when_idle,
        arguments: line.arguments,
        after_dashes,
    })
}

/// Checks the names of functions, the unique key and the data.
fn check_names(mode: Mode, line: &CommandLine) -> Result<(), String> {
    if mode.is_ours_alone() {
        return check_handles(line);
    }
    if mode != Mode::Worker && !line.functions.is_empty() {
        return Err("'--functions <PATTERN>' needs '--worker' (-w)".into());
    }
    if line.function.is_empty() && line.functions.is_empty() && line.retry_failed.is_none() {
        return Err("no function given: name one with '--function <NAME>' (-f)".into());
    }
    let names = line.function.iter().map(|name| (name, "--function <NAME>"));
    for (name, option) in names.chain(line.functions.iter().map(|p| (p, "--functions <PATTERN>"))) {
        if name.is_empty() {
            return Err(invalid_value("", option, "expected a name"));
        }
        check_length(name, option, FUNCTION_MAX_SIZE, FUNCTION_MAX_SIZE)?;
    }
    if mode == Mode::Worker {
        return Ok(());
    }
    if let Some(unique) = &line.unique {
        // The library cuts a key of 64 bytes to 63, and refuses longer ones.
        check_length(unique, "--unique <KEY>", UNIQUE_SIZE, UNIQUE_SIZE - 1)?;
    }
    match line.arguments.iter().position(|argument| argument.is_empty()) {
        Some(at) => {
            let at = at + 1;
            Err(format!("argument {at} is empty: use '--no-input' (-s) for a job without data"))
        }
        None => Ok(()),
    }
}

/// Checks the handles of jobs.
fn check_handles(line: &CommandLine) -> Result<(), String> {
    for (option, handles) in [("--status <HANDLE>", &line.status), ("--wait <HANDLE>", &line.wait)]
    {
        if let (false, Some(data)) = (handles.is_empty(), line.arguments.first()) {
            let data = data.to_string_lossy();
            return Err(format!("unexpected argument '{data}': each handle needs '{option}'"));
        }
        for handle in handles {
            if handle.is_empty() {
                return Err(invalid_value("", option, "expected the handle of a job"));
            }
            check_length(handle, option, JOB_HANDLE_SIZE - 1, JOB_HANDLE_SIZE - 1)?;
        }
    }
    Ok(())
}

/// Checks the options about lines and arguments.
fn check_batch(line: &CommandLine) -> Result<(), String> {
    let has_lines = line.lines || line.bare_lines || line.retry_failed.is_some();
    if line.tag && !has_lines && line.arguments.is_empty() {
        return Err("'--tag' needs lines ('-n' or '-N') or arguments".into());
    }
    if let (Some(_), Some(data)) = (&line.retry_failed, line.arguments.first()) {
        let data = data.to_string_lossy();
        return Err(format!(
            "unexpected data '{data}' with '--retry-failed <FILE>', which has the data"
        ));
    }
    let mut names = line.function.iter().enumerate();
    let repeated = names.find(|(at, name)| line.function[..*at].contains(name));
    match repeated {
        Some((_, name)) if line.joblog.is_some() => Err(format!(
            "function '{}' is given twice: '--joblog <FILE>' knows a job by its line and function",
            name.to_string_lossy()
        )),
        _ => Ok(()),
    }
}

fn check_length(
    value: &OsStr,
    option: &str,
    accepted_bytes: usize,
    documented_bytes: usize,
) -> Result<(), String> {
    match value.len() {
        length if length > accepted_bytes => Err(format!(
            "the value for '{option}' is too long: {length} bytes, of at most {documented_bytes}"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn options(line: &str) -> Result<GearmanOptions, String> {
        let words: Vec<&str> = line.split(' ').collect();
        let line = CommandLine::try_parse_from(&words).map_err(|error| usage::message(&error))?;
        check(line, words.contains(&"--"), Environment::default())
    }

    #[test]
    fn the_table_of_options_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn options_may_follow_data() {
        let options = options("gearman x -f f y -b -- -z").expect("parses");
        assert_eq!(options.arguments, ["x", "y", "-z"]);
        assert!(options.background && options.after_dashes);
    }

    #[test]
    fn the_options_of_a_workers_command_are_its_own() {
        let options = options("gearman -w -f count -- wc -l").expect("parses");
        assert_eq!(
            (options.mode, options.arguments),
            (Mode::Worker, vec!["wc".into(), "-l".into()])
        );
    }

    #[test]
    fn a_job_with_a_time_is_a_background_job() {
        let options = options("gearman -f f --epoch 5 x").expect("parses");
        assert_eq!((options.run_at_unix_seconds, options.background), (Some(5), true));
    }

    #[test]
    fn a_wrong_command_line_is_answered_with_option_value_and_expectation() {
        let long = format!("gearman -f {} x", "f".repeat(513));
        for (line, message) in [
            ("gearman x", "no function given: name one with '--function <NAME>' (-f)"),
            ("gearman -f  x", "invalid value '' for '--function <NAME>': expected a name"),
            (&long, "the value for '--function <NAME>' is too long: 513 bytes, of at most 512"),
            (
                "gearman -f f a  b",
                "argument 2 is empty: use '--no-input' (-s) for a job without data",
            ),
            (
                "gearman -f f -t 1s x",
                "invalid value '1s' for '--timeout <MILLISECONDS>': \
                 expected milliseconds (1000 is 1 second), or -1 for no limit",
            ),
            (
                "gearman -f f -j 0 x",
                "invalid value '0' for '--jobs <N>': expected a whole number of at least 1",
            ),
            (
                "gearman -f f --epoch 1 --in 2s x",
                "the argument '--epoch <TIME>' cannot be used with '--in <DURATION>'",
            ),
            (
                "gearman -f f -I --epoch 1 x",
                "the argument '--high' cannot be used with '--epoch <TIME>'",
            ),
            (
                "gearman -f f --in tomorrow x",
                "invalid value 'tomorrow' for '--in <DURATION>': \
                 expected a duration such as 90s, 10m, \"1h 30m\" or 2days",
            ),
            (
                "gearman --wait H:a:1 H:a:2",
                "unexpected argument 'H:a:2': each handle needs '--wait <HANDLE>'",
            ),
            (
                "gearman --status ",
                "invalid value '' for '--status <HANDLE>': expected the handle of a job",
            ),
            ("gearman --functions f* x", "'--functions <PATTERN>' needs '--worker' (-w)"),
            (
                "gearman --functions  -w",
                "invalid value '' for '--functions <PATTERN>': expected a name",
            ),
            ("gearman -Q", "unknown option '-Q'"),
            ("gearman -f f --tag", "'--tag' needs lines ('-n' or '-N') or arguments"),
            (
                "gearman -n -f f -f f --joblog x",
                "function 'f' is given twice: \
                 '--joblog <FILE>' knows a job by its line and function",
            ),
            (
                "gearman --retry-failed x y",
                "unexpected data 'y' with '--retry-failed <FILE>', which has the data",
            ),
        ] {
            assert_eq!(options(line).map(drop).expect_err(line), message, "{line}");
        }
    }
}
