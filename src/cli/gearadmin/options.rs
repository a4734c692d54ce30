//! The command line, made from the table of operations.
//!
//! Must not: act on options.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use gearman_protocol::admin::Request;

use crate::gearadmin::operations::{OPERATIONS, Operation};
use crate::gearadmin::show::Format;
use crate::tools::manual::{self, Section};
use crate::tools::servers::{self, Server, ServerList};
use crate::tools::{Exit, NO_TLS, VERSION};

/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) server: Server,
    pub(crate) timeout: Option<Duration>,
    pub(crate) format: Format,
    /// In the order in which they were given.
    pub(crate) requests: Vec<Asked>,
}

/// An operation with its values.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) operation: &'static Operation,
    pub(crate) request: Request,
    /// What to ask first for JSON.
    pub(crate) json: Option<Request>,
}

const SECTIONS: &[Section] = &[
    (
        "Exit status",
        &[
            "0  every operation was done",
            "2  the command line makes no sense",
            "3  the server could not be reached, or closed the connection",
            "4  the server did not answer in time",
            "5  the server refused an operation (ERR)",
            "6  something else of this machine: output, memory",
            "The first operation that was not done decides.",
        ],
    ),
    ("Servers", &["Operations with (*) are unknown to gearmand 1.1 and 2.0, which refuse them."]),
    (
        "Output",
        &[
            "On a terminal lists are tables. Elsewhere they are the server's lines,",
            "fields between tabs, up to the line with a full stop. With --json each",
            "operation is one line: {\"operation\": NAME, \"result\": ...}, or \"error\".",
        ],
    ),
    (
        "Examples",
        &[
            "gearadmin --status",
            "gearadmin -h 10.0.0.1:4730 --getpid --server-version",
            "gearadmin --maxqueue resize 1000",
            "gearadmin --json --status | jq '.result[] | select(.workers == 0)'",
        ],
    ),
];

/// The command line's table.
pub(crate) fn command() -> Command {
    let command = Command::new("gearadmin")
        .version(VERSION)
        .about("Asks a Gearman job server about its jobs, and tells it what to do")
        .disable_help_flag(true)
        .infer_long_args(true)
        .args_override_self(true)
        .next_line_help(false)
        .after_help(manual::after_help(SECTIONS))
        .arg(
            Arg::new("host")
                .short('h')
                .long("host")
                .value_name("HOST")
                .help("Connect to the host: a name, an address, HOST:PORT, [IPV6]:PORT, or the path of a Unix socket [default: localhost]")
                .value_parser(servers::parse_list),
        )
        .arg(
            Arg::new("port")
                .short('p')
                .long("port")
                .value_name("PORT")
                .help("Port number or service to use for connection [default: 4730]")
                .value_parser(servers::parse_port),
        )
        .arg(
            Arg::new("timeout")
                .short('t')
                .long("timeout")
                .value_name("MS")
                .help("Milliseconds that the server may take to accept the connection, and may be silent before an answer is whole; -1 is without limit")
                .value_parser(value_parser!(i64).range(-1..))
                .allow_negative_numbers(true)
                .default_value("30000"),
        )
        .arg(
            Arg::new("json")
                .long("json")
                .help("Print one line of JSON for each operation")
                .action(ArgAction::SetTrue),
        )
        .arg(
            Arg::new("ssl")
                .short('S')
                .long("ssl")
                .help("Enable SSL connections (not supported by this build)")
                .action(ArgAction::SetTrue),
        )
        .arg(
            Arg::new("help")
                .short('H')
                .long("help")
                .help("Print help")
                .action(ArgAction::Help),
        )
        .arg(
            Arg::new("generate-man")
                .long("generate-man")
                .hide(true)
                .exclusive(true)
                .action(ArgAction::SetTrue),
        );
    OPERATIONS.iter().fold(command, |command, operation| command.arg(argument(operation)))
}

/// What stands for a value that was left out: nobody can give it.
const NO_VALUE: &str = "\0";

fn argument(operation: &Operation) -> Arg {
    let (names, least, most) = operation.values;
    let arg = Arg::new(operation.name)
        .long(operation.name)
        .help(operation.help)
        .help_heading("Operations, done in the order given")
        .action(ArgAction::Append)
        .value_parser(value_parser!(OsString));
    let arg = match operation.name {
        // Short forms that nothing of the original's begins with but this.
        "getpid" => arg.aliases(["g", "ge"]),
        "cancel-job" => arg.aliases(["ca", "can", "canc", "cance", "cancel", "cancel-"]),
        _ => arg,
    };
    // Each time it is given has to have a place of its own, and a value is one.
    let arg = if least == 0 { arg.default_missing_value(NO_VALUE) } else { arg };
    arg.num_args(least..=most).value_names(names.iter().copied())
}

/// Reads the command line. An error is how to end; what there is to say about it
/// has been said.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, Exit> {
    let matches = command().try_get_matches_from(arguments).map_err(|error| {
        // A reader that is gone need not be told.
        let _ = error.print();
        if error.use_stderr() { Exit::Usage } else { Exit::Done }
    })?;
    if matches.get_flag("generate-man") {
        let printed = manual::print(command(), SECTIONS);
        return Err(if printed.is_ok() { Exit::Done } else { Exit::System });
    }
    read(&matches).map_err(|error| {
        let _ = writeln!(std::io::stderr(), "gearadmin: {error}");
        Exit::Usage
    })
}

fn read(matches: &ArgMatches) -> Result<Options, String> {
    if matches.get_flag("ssl") {
        return Err(NO_TLS.into());
    }
    let hosts: Vec<ServerList> =
        matches.get_one::<ServerList>("host").cloned().into_iter().collect();
    let ports: Vec<u16> = matches.get_one::<u16>("port").copied().into_iter().collect();
    let servers = servers::combine(&hosts, &ports)?;
    let [server] = &servers[..] else {
        return Err("one server at a time".into());
    };
    let requests = requests(matches)?;
    if requests.is_empty() {
        return Err("No option execution operation given: see gearadmin --help".into());
    }
    let timeout = matches.get_one::<i64>("timeout").copied().unwrap_or(-1);
    let format = if matches.get_flag("json") {
        Format::Json
    } else if std::io::stdout().is_terminal() {
        Format::Table
    } else {
        Format::Raw
    };
    Ok(Options {
        server: server.clone(),
        timeout: u64::try_from(timeout).ok().map(Duration::from_millis),
        format,
        requests,
    })
}

/// The operations in the order in which they were given: clap keeps them by
/// name, with the place of each value on the command line.
fn requests(matches: &ArgMatches) -> Result<Vec<Asked>, String> {
    let mut requests = Vec::new();
    for operation in OPERATIONS {
        let Some(occurrences) = matches.get_occurrences::<OsString>(operation.name) else {
            continue;
        };
        let mut places = matches.indices_of(operation.name).into_iter().flatten();
        for values in occurrences {
            let mut values: Vec<&[u8]> = values.map(|value| value.as_bytes()).collect();
            let place = places.by_ref().take(values.len()).last();
            values.retain(|&value| value != NO_VALUE.as_bytes());
            let named = |error| format!("--{}: {error}", operation.name);
            let request = (operation.request)(&values).map_err(named)?;
            let json = operation.json.map(|json| (json.request)(&values)).transpose();
            requests.push((place, Asked { operation, request, json: json.map_err(named)? }));
        }
    }
    requests.sort_by_key(|(place, _)| *place);
    Ok(requests.into_iter().map(|(_, asked)| asked).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(line: &str) -> Result<String, String> {
        let arguments = ["gearadmin"].into_iter().chain(line.split(' ').filter(|w| !w.is_empty()));
        let matches = command().try_get_matches_from(arguments).map_err(|e| e.to_string())?;
        let options = read(&matches)?;
        let lines = options.requests.iter().map(|a| String::from_utf8_lossy(a.request.line()));
        Ok(lines.collect::<String>().replace("\r\n", ";"))
    }

    fn asks(line: &str, wanted: &str) {
        assert_eq!(lines(line).as_deref(), Ok(wanted), "{line}");
    }

    #[test]
    fn the_table_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn operations_keep_their_order() {
        asks("--status --getpid --status", "status;getpid;status;");
        asks(
            "--create-function b --workers --create-function a --server-version",
            "create function b;workers;create function a;version;",
        );
        asks(
            "--maxqueue f 1 2 3 --status --maxqueue g --getpid --maxqueue h 7",
            "maxqueue f 1 2 3;status;maxqueue g;getpid;maxqueue h 7;",
        );
        asks(
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
            asks(prefix, asked);
        }
        assert!(lines("--server").is_err());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (line, part) in [
            ("", "No option"),
            ("-S --status", "TLS"),
            ("--maxqueue f 1 2", "one limit or three"),
            ("--maxqueue f x", "x is no limit"),
            ("-h a,b --status", "one server"),
            ("-p x --status", "neither a port"),
            ("--status extra", "extra"),
            ("--nix", "--nix"),
        ] {
            let error = lines(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
