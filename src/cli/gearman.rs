//! gearman: submits jobs from the command line, and does jobs with commands.
//!
//! `options` is the command line, `client` and `worker` are the two modes, `ping`
//! is what is left. Both modes are a loop around the library's engine, which
//! never waits itself here: the loop waits for servers, input, commands and
//! signals alike. The protocol is the library's.

mod client;
mod daemon;
mod options;
mod pid_file;
mod ping;
mod signals;
mod waiting;
mod worker;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use crate::tools::Exit;
use options::{Mode, Options};

/// Runs the program, and returns its exit code.
pub(crate) fn main() -> ExitCode {
    let exit = match options::parse(std::env::args_os()) {
        Ok(options) => run(&options),
        Err(exit) => exit,
    };
    exit.into()
}

fn run(options: &Options) -> Exit {
    let outcome = match options.mode {
        Mode::Ping => Ok(ping::run(options)),
        _ if options.daemon && !options.daemon_child => daemon::launch(options),
        Mode::Client => client::run(options),
        Mode::Worker => worker::run(options),
    };
    outcome.unwrap_or_else(|error| {
        // A reader that has seen enough is no error worth telling.
        if error.kind() != ErrorKind::BrokenPipe {
            say(&error.to_string());
        }
        Exit::System
    })
}

/// Says something to whoever started the program, if somebody listens.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "gearman: {text}");
}
