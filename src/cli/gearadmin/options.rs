//! [`GearadminOptions`]: the command line, made from the table of operations.
//!
//! Must not: act on options.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint, value_parser};
use gearman_protocol::admin::Request;

use crate::gearadmin::operations::{OPERATIONS, Operation, PreferredKind};
use crate::gearadmin::show::Format;
use crate::tools::environment::{Environment, SERVER_VARIABLE, SERVERS_VARIABLE};
use crate::tools::generated::{self, HelpSection};
use crate::tools::servers::{self, ServerAddress, ServerList};
use crate::tools::timeout::{Timeout, parse_timeout};
use crate::tools::tls::TlsArguments;
use crate::tools::{Exit, TOOLS_VERSION, usage};

/// The options of `gearadmin`, checked.
#[derive(Debug)]
pub(crate) struct GearadminOptions {
    pub(crate) server: ServerAddress,
    /// TLS to it.
    pub(crate) tls: TlsArguments,
    /// Settings of the connection.
    pub(crate) environment: Environment,
    pub(crate) timeout: Option<Duration>,
    pub(crate) format: Format,
    /// The time between two rounds of a live view.
    pub(crate) watch: Option<Duration>,
    /// In the order in which they were given.
    pub(crate) operations: Vec<GivenOperation>,
}

/// An operation with its values, as requests.
#[derive(Debug)]
pub(crate) struct GivenOperation {
    pub(crate) operation: &'static Operation,
    pub(crate) request: Request,
    /// The request that may be tried first.
    pub(crate) preferred: Option<(Request, PreferredKind)>,
}

/// The sections of the help behind the options.
const GEARADMIN_SECTIONS: &[HelpSection] = &[
    (
        "Exit status",
        &[
            "0  every operation was done",
            "2  the command line is wrong",
            "3  the server could not be reached, or the connection was lost",
            "4  a timeout expired",
            "5  the server refused an operation",
            "6  a local error: output or memory",
            "If several operations fail, the first failure is the exit status.",
        ],
    ),
    (
        "Servers",
        &[
            "Operations marked with (*) need the gearmand of this package. The original gearmand",
            "(1.1 and 2.0) refuses them.",
        ],
    ),
    (
        "Environment",
        &[
            "GEARMAN_SERVER   job server, without -h and -p: HOST:PORT",
            "GEARMAN_SERVERS  the same, without GEARMAN_SERVER. Of several servers none is",
            "                 taken: name one with -h.",
            "GEARMAN_KEEPALIVE, GEARMAN_TLS, GEARMAN_TLS_VERIFY, GEARMAND_CA_CERTIFICATE,",
            "GEARMAN_CLIENT_PEM and GEARMAN_CLIENT_KEY are those of the library.",
        ],
    ),
    (
        "Output",
        &[
            "On a terminal, lists are printed as tables of its width; what does not fit is cut,",
            "with a mark. In a pipe or a file they are printed as the server sends them: fields",
            "separated by tabs, and a last line with a full stop. With --json each operation",
            "prints one line: {\"operation\": NAME, \"result\": ...}, or \"error\" in place of",
            "\"result\".",
        ],
    ),
    (
        "Examples",
        &[
            "gearadmin --status",
            "gearadmin -h 10.0.0.1:4730 --getpid --server-version",
            "gearadmin --watch --status",
            "gearadmin --maxqueue resize 1000",
            "gearadmin --json --status | jq '.result[] | select(.workers == 0)'",
        ],
    ),
];

/// The first line of the help.
const ABOUT: &str = "Show the state of a Gearman job server, and control it";

/// The command line's table.
pub(crate) fn command() -> Command {
    let command = Command::new("gearadmin")
        .version(TOOLS_VERSION)
        .override_usage("gearadmin [OPTIONS] OPERATION...")
        .disable_help_flag(true)
        .infer_long_args(true)
        .args_override_self(true)
        .next_line_help(false)
        .args(common_options())
        .args(OPERATIONS.iter().map(argument));
    // The comment of the arguments is no description of the program.
    let command = TlsArguments::augment_args(command).about(ABOUT);
    generated::complete_table(command, GEARADMIN_SECTIONS)
}

/// The options that are not operations.
fn common_options() -> [Arg; 7] {
    [
        Arg::new("host")
            .short('h')
            .long("host")
            .value_name("HOST")
            .help("Job server: a name or an address, also as HOST:PORT and [IPV6]:PORT, or the path of a Unix socket [default: GEARMAN_SERVER, or localhost]")
            .value_hint(ValueHint::Hostname)
            .value_parser(servers::parse_list),
        Arg::new("port")
            .short('p')
            .long("port")
            .value_name("PORT")
            .help("Port of the job server: a number or the name of a service [default: 4730]")
            .value_parser(servers::parse_port),
        Arg::new("timeout")
            .short('t')
            .long("timeout")
            .value_name("MILLISECONDS")
            .help("Timeout in milliseconds, for connecting and between two parts of a reply; a negative number is no limit")
            .value_parser(parse_timeout)
            .allow_negative_numbers(true)
            .default_value("30000"),
        Arg::new("json")
            .long("json")
            .help("Print one line of JSON for each operation")
            .action(ArgAction::SetTrue),
        Arg::new("table")
            .long("table")
            .help("Print lists as tables, also into a pipe")
            .action(ArgAction::SetTrue)
            .conflicts_with("json"),
        Arg::new("watch")
            .long("watch")
            .value_name("SECONDS")
            .help("Run the operations, or --status, every SECONDS (2) until Control-C; on a terminal in place, with the jobs of each function that came, were done and failed per second")
            .num_args(0..=1)
            .default_missing_value("2")
            .value_parser(parse_period),
        Arg::new("help")
            .short('H')
            .long("help")
            .help("Print this help")
            .action(ArgAction::Help),
    ]
}

/// The shortest time between two rounds of a live view.
const WATCH_SECONDS_MIN: f64 = 0.1;

fn parse_period(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds >= WATCH_SECONDS_MIN);
    let period = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    period.ok_or_else(|| format!("expected a number of seconds, at least {WATCH_SECONDS_MIN}"))
}

/// The value of an operation whose optional value is left out. No argument holds a NUL.
const LEFT_OUT_VALUE: &str = "\0";

/// An operation as an option.
fn argument(operation: &Operation) -> Arg {
    let (names, least, most) = operation.values;
    let arg = Arg::new(operation.name)
        .long(operation.name)
        .help(operation.help)
        .help_heading("Operations, run in the given order")
        .action(ArgAction::Append)
        .value_parser(value_parser!(OsString));
    let arg = match operation.name {
        // Short forms that are unique among the original's options, but not among ours.
        "getpid" => arg.aliases(["g", "ge"]),
        "workers" => arg.aliases(["w"]),
        "cancel-job" => arg.aliases(["ca", "can", "canc", "cance", "cancel", "cancel-"]),
        "drop-function" => arg.aliases(["d", "dr", "dro", "drop", "drop-"]),
        _ => arg,
    };
    // clap stores the place on the command line of values only, so each occurrence needs one.
    let arg = if least == 0 { arg.default_missing_value(LEFT_OUT_VALUE) } else { arg };
    arg.num_args(least..=most).value_names(names.iter().copied())
}

/// Reads the command line.
///
/// # Errors
/// The exit code, after help, a generated file or an error was printed.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<GearadminOptions, Exit> {
    let matches = command()
        .try_get_matches_from(arguments)
        .map_err(|error| usage::report("gearadmin", &error))?;
    if let Some(exit) = generated::print_if_asked(&matches, command, GEARADMIN_SECTIONS) {
        return Err(exit);
    }
    let options = Environment::read().and_then(|environment| check(&matches, environment));
    options.map_err(|error| usage::refuse("gearadmin", &error))
}

/// Checks the options together.
fn check(matches: &ArgMatches, environment: Environment) -> Result<GearadminOptions, String> {
    let tls = TlsArguments::from_arg_matches(matches).map_err(|error| error.to_string())?;
    let server = single_server(matches, &environment)?;
    let watch = matches.get_one::<Duration>("watch").copied();
    let mut operations = given_operations(matches)?;
    if operations.is_empty() && watch.is_some() {
        operations.push(given_operation(&OPERATIONS[0], &[])?);
    }
    if let (Some(_), Some(given)) =
        (watch, operations.iter().find(|given| given.operation.is_change()))
    {
        let name = given.operation.name;
        return Err(format!("'--{name}' with '--watch <SECONDS>': what changes is done once"));
    }
    if operations.is_empty() {
        return Err("no operation given: name one, such as '--status' or '--workers'".into());
    }
    let format = if matches.get_flag("json") {
        Format::Json
    } else if matches.get_flag("table") || std::io::stdout().is_terminal() {
        Format::Table
    } else {
        Format::Raw
    };
    let timeout = matches.get_one::<Timeout>("timeout").and_then(|timeout| timeout.0);
    Ok(GearadminOptions { server, tls, environment, timeout, format, watch, operations })
}

/// The server of `--host` and `--port`, or else of the environment. The original's tool does
/// not read the environment, so its options always count.
fn single_server(matches: &ArgMatches, environment: &Environment) -> Result<ServerAddress, String> {
    let host = matches.get_one::<ServerList>("host").cloned();
    let port = matches.get_one::<u16>("port").copied();
    let is_given = host.is_some() || port.is_some();
    let (source, list) = match (&environment.server, &environment.servers) {
        (Some(list), _) if !is_given => (SERVER_VARIABLE, Some(list)),
        (None, Some(list)) if !is_given => (SERVERS_VARIABLE, Some(list)),
        _ => ("'--host <HOST>'", host.as_ref()),
    };
    let hosts = list.map(std::slice::from_ref).unwrap_or_default();
    match &servers::combine(hosts, port.as_slice())?[..] {
        [server] => Ok(server.clone()),
        servers => {
            let count = servers.len();
            Err(format!("{count} servers for {source}: expected a single one, named with -h"))
        }
    }
}

/// The operations in the order in which they were given: clap keeps them by name, with
/// the place of each value on the command line.
fn given_operations(matches: &ArgMatches) -> Result<Vec<GivenOperation>, String> {
    let mut given = Vec::new();
    for operation in OPERATIONS {
        let Some(occurrences) = matches.get_occurrences::<OsString>(operation.name) else {
            continue;
        };
        let mut places = matches.indices_of(operation.name).into_iter().flatten();
        for values in occurrences {
            let mut values: Vec<&[u8]> = values.map(|value| value.as_bytes()).collect();
            let place = places.by_ref().take(values.len()).last();
            values.retain(|&value| value != LEFT_OUT_VALUE.as_bytes());
            given.push((place, given_operation(operation, &values)?));
        }
    }
    given.sort_by_key(|(place, _)| *place);
    Ok(given.into_iter().map(|(_, operation)| operation).collect())
}

/// An operation with its values.
fn given_operation(
    operation: &'static Operation,
    values: &[&[u8]],
) -> Result<GivenOperation, String> {
    let named = |error| format!("invalid value for '--{}': {error}", operation.name);
    let request = (operation.request)(values).map_err(named)?;
    let preferred = operation
        .preferred
        .map(|preferred| (preferred.request)(values).map(|request| (request, preferred.kind)));
    let preferred = preferred.transpose().map_err(named)?;
    Ok(GivenOperation { operation, request, preferred })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_lines(line: &str) -> Result<String, String> {
        let arguments = ["gearadmin"].into_iter().chain(line.split(' ').filter(|w| !w.is_empty()));
        let matches =
            command().try_get_matches_from(arguments).map_err(|error| usage::message(&error))?;
        let options = check(&matches, Environment::default())?;
        let lines = options.operations.iter().map(|a| String::from_utf8_lossy(a.request.line()));
        Ok(lines.collect::<String>().replace("\r\n", ";"))
    }

    #[track_caller]
    fn assert_requests(line: &str, wanted: &str) {
        assert_eq!(request_lines(line).as_deref(), Ok(wanted), "{line}");
    }

    #[test]
    fn the_table_of_options_is_consistent() {
        command().debug_assert();
        assert_eq!(command().get_about().map(ToString::to_string).as_deref(), Some(ABOUT));
    }

    #[test]
    fn operations_are_requested_in_the_given_order() {
        assert_requests("--status --getpid --status", "status;getpid;status;");
        assert_requests(
            "--create-function b --workers --create-function a --server-version",
            "create function b;workers;create function a;version;",
        );
        assert_requests(
            "--maxqueue f 1 2 3 --status --maxqueue g --getpid --maxqueue h 7",
            "maxqueue f 1 2 3;status;maxqueue g;getpid;maxqueue h 7;",
        );
        assert_requests(
            "--jobs --cancel-unique f 1 --jobs f --pause f --shutdown",
            "jobs;cancelunique f 1;jobs f;pause function f;shutdown;",
        );
    }

    #[test]
    fn the_originals_unique_prefixes_are_still_unique() {
        for (prefix, asked) in [
            ("--st", "status;"),
            ("--pr", "prioritystatus;"),
            ("--w", "workers;"),
            ("--show-j", "show jobs;"),
            ("--show-u", "show unique jobs;"),
            ("--g", "getpid;"),
            ("--server-vers", "version;"),
            ("--server-verb", "verbose;"),
            ("--ca x", "cancel job x;"),
            ("--cancel x", "cancel job x;"),
            ("--cr=x", "create function x;"),
            ("--d x", "drop function x;"),
            ("--ho a --po 1 --status", "status;"),
        ] {
            assert_requests(prefix, asked);
        }
        assert!(request_lines("--server").is_err());
    }

    #[test]
    fn a_wrong_command_line_is_answered_with_option_value_and_expectation() {
        for (line, message) in [
            ("", "no operation given: name one, such as '--status' or '--workers'"),
            (
                "--maxqueue f 1 2",
                "invalid value for '--maxqueue': expected no limit, one, or three, not 2",
            ),
            (
                "--maxqueue f x",
                "invalid value for '--maxqueue': \
                 invalid limit 'x': expected a number from 0 to 4294967295",
            ),
            (
                "-h a,b --status",
                "2 servers for '--host <HOST>': expected a single one, named with -h",
            ),
            (
                "-p x --status",
                "invalid value 'x' for '--port <PORT>': \
                 expected a port from 1 to 65535, or the name of a service",
            ),
            (
                "-t 1s --status",
                "invalid value '1s' for '--timeout <MILLISECONDS>': \
                 expected milliseconds (1000 is 1 second), or -1 for no limit",
            ),
            (
                "--watch 1 --status --purge f",
                "'--purge' with '--watch <SECONDS>': what changes is done once",
            ),
            ("--status extra", "unexpected argument 'extra'"),
            ("--nix", "unknown option '--nix'"),
        ] {
            assert_eq!(request_lines(line).expect_err(line), message, "{line}");
        }
    }
}
