//! Options with unusual values, on the original's tools and on ours: both must reach the server,
//! or neither, except for what [`DIFFERING`] lists. Exit codes are not compared.

use crate::processes::*;
use gearman_test_support::server::Server;

const ORIGINAL_GEARMAN: &str = "/usr/bin/gearman";

/// `PORT` stands for the server's.
const HOSTS: &[&str] =
    &["", "*", " ", "0", "127.0.0.1", "127.1", "localhost", "\x01", "127.0.0.1:PORT", "127.0.0.1,"];
const PORTS: &[&str] = &[
    "",
    "*",
    "0",
    "-1",
    "1",
    "65535",
    "65536",
    "PORT",
    " PORT",
    "PORT ",
    "+PORT",
    "0PORT",
    "x",
    "4294967296",
];
const NUMBERS: &[&str] =
    &["", "*", "0", "-1", "-2", "20000", "x", " 20000", "2147483647", "4294967296"];
const LONG: &str = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn";

/// The tool's option, and what to try.
const TABLE: &[(&str, &str, &[&str])] = &[
    ("gearman", "-h", HOSTS),
    ("gearman", "-p", PORTS),
    // Not 0, nor what the original takes for 0: whether that is in time depends on chance.
    ("gearman", "-t", &["-1", "-2", "20000", " 20000", "2147483647"]),
    ("gearman", "-c", NUMBERS),
    ("gearman", "-u", &["", "*", "0", " ", "-", "#", LONG]),
    ("gearman", "-i", &["", "*", "pid", "/nonexistent/pid"]),
    ("gearadmin", "-h", HOSTS),
    ("gearadmin", "--host", HOSTS),
    ("gearadmin", "-p", PORTS),
    ("gearadmin", "--port", PORTS),
];

/// Where ours is meant to differ: the option, whether ours reaches the server, and the
/// values. The reasons are in COMPAT.md.
const DIFFERING: &[(&str, &str, bool, &[&str])] = &[
    ("gearman", "-h", true, &["127.0.0.1:PORT", "127.0.0.1,", " "]),
    ("gearman", "-p", false, &[" PORT", "PORT "]),
    ("gearman", "-t", false, &[" 20000"]),
    ("gearman", "-c", false, &["", "*", "x", " 20000"]),
    ("gearadmin", "-h", true, &["", "127.0.0.1:PORT", "127.0.0.1,", " "]),
    ("gearadmin", "--host", true, &["", "127.0.0.1:PORT", "127.0.0.1,", " "]),
    ("gearadmin", "-p", false, &[" PORT"]),
    ("gearadmin", "--port", false, &[" PORT"]),
];

/// A tool's request to the server, and its output when it succeeds.
fn request(program: &str, pid: &str) -> (&'static [&'static str], String) {
    match program {
        "gearman" => (&["-f", "upper", "data"], "DATA".into()),
        _ => (&["--getpid"], format!("{pid}\n")),
    }
}

/// Whether a tool reached the server.
fn gets_through(program: &str, tool_name: &str, option: &[String], server: &Server) -> bool {
    let pid = run(tool(GEARADMIN, ["-p", &server.port.to_string(), "--getpid"]), b"").text();
    let (words, wanted) = request(tool_name, pid.trim());
    let mut args: Vec<String> = Vec::new();
    let port = server.port.to_string();
    for (name, long, value) in [("-h", "--host", "127.0.0.1"), ("-p", "--port", &port)] {
        if !option[0].starts_with(name) && !option[0].starts_with(long) {
            args.extend([name.into(), value.to_owned()]);
        }
    }
    if tool_name == "gearman" && !option[0].starts_with("-t") {
        args.extend(["-t".into(), "20000".into()]);
    }
    args.extend_from_slice(option);
    let mut command = tool(program, args.iter().map(String::as_str).chain(words.iter().copied()));
    command.current_dir(scratch());
    run(command, b"").stdout == wanted.as_bytes()
}

#[test]
fn options_get_through_to_a_server_as_with_the_original() {
    if !have_file(ORIGINAL_GEARMAN, "gearman-tools")
        || !have_file(ORIGINAL_GEARADMIN, "gearman-tools")
    {
        return;
    }
    let server = Server::start(GEARMAND);
    let port = server.port.to_string();
    let worker = ["-h", "127.0.0.1", "-p", &port, "-w", "-f", "upper", "--", "tr", "a-z", "A-Z"];
    let _worker = Running::start(tool(GEARMAN, worker));
    let (mut count, mut found) = (0, Vec::new());
    for &(name, option, values) in TABLE {
        for &value in values {
            let shown = value.replace("PORT", &port);
            let mut forms = vec![vec![option.to_string(), shown.clone()]];
            if !option.starts_with("--") && !value.is_empty() {
                forms.push(vec![format!("{option}{shown}")]);
            } else if option.starts_with("--") && !value.is_empty() {
                forms.push(vec![format!("{option}={shown}")]);
            }
            for form in forms {
                let (theirs, ours) = match name {
                    "gearman" => (ORIGINAL_GEARMAN, GEARMAN),
                    _ => (ORIGINAL_GEARADMIN, GEARADMIN),
                };
                let theirs = gets_through(theirs, name, &form, &server);
                let ours = gets_through(ours, name, &form, &server);
                count += 1;
                if theirs != ours {
                    found.push((name, option, ours, value));
                }
            }
        }
    }
    eprintln!("{count} command lines, {} differ", found.len());
    for &(name, option, ours, values) in DIFFERING {
        for &value in values {
            let before = found.len();
            found.retain(|differing| *differing != (name, option, ours, value));
            assert!(found.len() < before, "{name} {option} '{value}' is the same");
        }
    }
    assert!(found.is_empty(), "not meant to differ, with what ours does: {found:?}");
}
