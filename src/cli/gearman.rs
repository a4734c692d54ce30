//! gearman: submits jobs from the command line, and runs jobs with commands.
//!
//! `options` reads the command line; `client`, `worker`, `ping` and `status` are the
//! modes. Client and worker are loops around the library's engine, which never waits
//! itself here: the loop waits for servers, input, commands and signals together.
//!
//! Must not: speak the protocol, which is the engine's.

mod client;
mod daemon;
mod options;
mod pid_file;
mod ping;
mod status;
mod worker;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use crate::tools::Exit;
use crate::tools::usage::system_error;
use options::{GearmanOptions, Mode};

/// Runs the program, and returns its exit code.
pub(crate) fn main() -> ExitCode {
    let exit = match options::parse(std::env::args_os()) {
        Ok(options) => run(&options),
        Err(exit) => exit,
    };
    exit.into()
}

fn run(options: &GearmanOptions) -> Exit {
    let outcome = match options.mode {
        Mode::Ping => Ok(ping::run(options)),
        Mode::Status => Ok(status::show(options)),
        Mode::Wait => Ok(status::wait(options)),
        _ if options.daemon && !options.daemon_child => daemon::launch(options),
        Mode::Client => client::run(options),
        Mode::Worker => worker::run(options),
    };
    outcome.unwrap_or_else(|error| {
        // A reader that closes the pipe early, such as `head`, is not an error.
        if error.kind() != ErrorKind::BrokenPipe {
            notify(&system_error(&error));
        }
        Exit::System
    })
}

/// Prints a message to standard error, after the program's name.
fn notify(text: &str) {
    // A closed standard error does not stop the jobs.
    let _ = writeln!(std::io::stderr(), "gearman: {text}");
}
